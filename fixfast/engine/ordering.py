"""Ordering: an OrderManager on a live session, which hears everything before the program does. For every front end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from fixfast import clock
from fixfast.dictionary.versions import APPL_VERSIONS
from fixfast.engine.observing.records import about
from fixfast.engine.tapping import Tapped, Tapping
from fixfast.engine.throttled import Released, Unsent
from fixfast.errors import ConfigError, NotActive, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.trading.log import OrderLog
from fixfast.trading.order import Order
from fixfast.trading.orders import Check, OrderManager
from fixfast.trading.request import OrderOptions, OrderRequest
from fixfast.trading.update import OrderUpdate, Question
from fixfast.types import Now

__all__ = ["Ordering", "request_of", "version_of"]

_log = logging.getLogger("fixfast.engine")

#: ApplVerID(1128, 1137) -> what OrderOptions calls it
_VERSIONS = {**APPL_VERSIONS, "10": "FIX.5.0SP2"}


class _Session(Tapped, Protocol):
    """What is needed of a live session."""

    @property
    def config(self) -> SessionConfig: ...
    def cannot_keep(self, error: StoreError) -> None: ...


def request_of(request: OrderRequest | None, fields: dict[str, Any]) -> OrderRequest:
    """Return what submit() was given as one value.

    Raises: ConfigError: both were given, or a field is not allowed.
    """
    if request is None:
        return OrderRequest(**fields)
    if fields:
        raise ConfigError("submit", sorted(fields), "an OrderRequest, or its fields, not both")
    return request


class Ordering(Tapping[_Session]):
    """The orders of one live session.

    Args:
        session: whose they are.
        send: sends a message at once: send(msg_type, fields) -> MsgSeqNum.
        options, log, checks, make: as for OrderManager; without options, the version is the session's;
            without days, they are those of its schedule.
        passed: acknowledges a message that the program is not to see; None: it sees all of them.

    Attributes:
        manager: the OrderManager.
        error: why nothing more will come; None while it may.
    """

    _what = "the order manager", "orders_failed"

    def __init__(
        self,
        session: _Session,
        send: Callable[[str, list[tuple[Any, Any]]], int],
        options: OrderOptions | None,
        *,
        log: OrderLog | None = None,
        checks: Sequence[Check] = (),
        make: Callable[[str, OrderRequest], Order] = Order,
        passed: Callable[[Message], None] | None = None,
    ) -> None:
        config = session.config
        if options is None:
            options = OrderOptions(version_of(config))
        if options.days is None and config.schedule is not None:
            options = replace(options, days=config.schedule)
        super().__init__(session, passed)
        self.manager = OrderManager(send, options, log=log, checks=checks, make=make)

    @property
    def open_orders(self) -> list[Order]:
        """The orders that nothing has ended, oldest first."""
        return self.manager.open_orders

    @property
    def questions(self) -> list[Question]:
        """What a person should look at, the oldest first."""
        return list(self.manager.questions)

    def __getitem__(self, cl_ord_id: str) -> Order:
        """Return an order by any ClOrdID of its chain. KeyError: there is none."""
        return self.manager.orders[cl_ord_id]

    def subscribe(self, callback: Callable[[OrderUpdate], object]) -> Callable[[], None]:
        """Have a callback called with every update; returns what ends that. It must not wait for anything."""
        return self.manager.subscribe(callback)

    # --- for the front end ----------------------------------------------------------------------------------

    def take_up(self, waiting: Sequence[Message]) -> None:
        """Begin: with the session as it is, and the messages that came already and wait for the program."""
        now = clock.now()
        state = self._session.state
        for message in waiting:
            self._hear(message, now)
        if state.active:
            self.manager.take_up(now, recovering=state is State.RECOVERING)
            self._safely(self.manager.settle, now)
        if isinstance(self.error, StoreError):
            raise self.error

    # --- inside ---------------------------------------------------------------------------------------------

    def _hear(self, event: object, now: Now) -> bool:
        manager = self.manager
        if self.error is not None and not isinstance(self.error, NotActive):
            return False
        if isinstance(event, Message):
            mine = manager.concerns(event)
            return mine and self._safely(manager.on_message, event, now)
        if isinstance(event, Released):
            cl_ord_id = event.message.get(11)
            if cl_ord_id is not None:
                self._safely(manager.on_sent, cl_ord_id, event.msg_seq_num, now)
        elif isinstance(event, Unsent):
            for message in event.messages:
                cl_ord_id = message.get(11)
                if cl_ord_id is not None:
                    self._safely(manager.on_unsent, cl_ord_id, event.why, now)
        else:
            self._safely(manager.on_event, event, now)
        return False

    def _failed(self, error: Exception) -> None:
        """Know that the manager has raised something. A log that takes no more ends the session, see cannot_keep()."""
        if not isinstance(error, StoreError):
            super()._failed(error)
            return
        extra = about("orders_failed", self._session.id)
        _log.error("%s: the order log failed: %s", self._session.id, error, extra=extra)
        self.end(error)
        self._session.cannot_keep(error)

    def _settle(self, now: Now) -> None:
        if self.error is None:
            self._safely(self.manager.settle, now)


def version_of(config: SessionConfig) -> str:
    """Return the version of a session's application messages, as OrderOptions calls it."""
    if config.begin_string == "FIXT.1.1":
        return _VERSIONS.get(config.default_appl_ver_id, "")
    return config.begin_string.partition("+")[0]
