"""Answering: the commands of one front end, each carried out and answered, whatever it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, NamedTuple, cast

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.errors import (
    ConfigError,
    EncodeError,
    FixfastError,
    LocalProtocolError,
    NotActive,
    RiskRejected,
    StoreError,
    Throttled,
)
from fixfast.service.backend.fixside import FixSide
from fixfast.service.backend.numbered import NumberedLog
from fixfast.service.backend.streaming import Stream
from fixfast.service.link import Link
from fixfast.service.messages import (
    AskStatus,
    Cancel,
    CancelAll,
    Done,
    Failed,
    LogOff,
    LogOn,
    MassCancel,
    Message,
    Pong,
    Record,
    Replace,
    Resume,
    Submit,
    Subscribe,
    Unsubscribe,
    UserRequest,
    WatchMessages,
)
from fixfast.trading.log import plain, unpack
from fixfast.trading.order import Order
from fixfast.trading.request import OrderRequest, exact
from fixfast.trading.values import placed_values

__all__ = ["Answering", "Parts"]

_log = logging.getLogger("fixfast.service")

#: of a ClOrdID: venues take 20 to 64
_LONGEST_ID = 64


class Parts(NamedTuple):
    """What commands are about."""

    side: FixSide
    log: NumberedLog
    stream: Stream


class _Refused(FixfastError):
    """A command that is not carried out."""

    def __init__(self, code: str, text: str, field: str = "") -> None:
        super().__init__(text)
        self.code, self.field = code, field


#: what a front end may ask for whose key is for looking
_LOOKING = (Resume, Subscribe, Unsubscribe, WatchMessages)


#: what changes the session for everybody, and is written into the log with who asked for it (C19)
_AUDITED = (LogOn, LogOff, UserRequest)


def _only_looking(command: Message) -> None:
    raise _Refused("refused", "this API key may only look")


class Answering:
    """Serves one front end.

    Args:
        link: to it.
        parts: of the Backend.
        prefix: what its ClOrdIDs begin with.
        role: "trade"; or "read": it may only look.
    """

    def __init__(self, link: Link, parts: Parts, prefix: str, role: str = "trade") -> None:
        self._link = link
        self._side, self._records, self._stream = parts
        self._prefix = prefix
        self._tasks: set[asyncio.Task[None]] = set()
        self._work: dict[type[Message], Callable[[Any], int | Awaitable[None] | None]] = {
            Submit: self._submit,
            Cancel: self._cancel,
            Replace: self._replace,
            CancelAll: self._cancel_all,
            MassCancel: self._mass_cancel,
            AskStatus: self._ask_status,
            Resume: self._resume,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            WatchMessages: self._watch,
            LogOn: self._side.log_on,
            LogOff: self._log_off,
            UserRequest: self._user_request,
        }
        if role != "trade":
            self._work = {kind: work if kind in _LOOKING else _only_looking for kind, work in self._work.items()}
        for kind in _AUDITED:
            self._work[kind] = self._audited(self._work[kind])

    def take(self, message: Message) -> None:
        """Carry out a command, and answer it."""
        work = self._work.get(type(message))
        if work is None:
            if type(message) is not Pong:
                text = f"{type(message).__name__} is no command for a Backend"
                self._link.send(Failed(getattr(message, "id", 0), "unsupported", text))
            return
        number: int = cast(Any, message).id
        try:
            done = work(message)
        except Exception as error:
            self._link.send(self._failed(number, error))
            return
        if isinstance(done, int):
            self._stream.answer(self._link, Done(number, done))
        elif done is not None:
            self._later(self._awaited(number, done))
        else:
            self._link.send(Done(number))
            if type(message) is Resume:  # after the answer
                self._stream.follow(self._link, message.from_record, message.as_values)

    def leave(self) -> None:
        """Know that the front end is gone. What it began is ended."""
        self._stream.leave(self._link)
        self._side.market.leave(self._link)
        self._side.watched.watch(self._link, False)

    # --- orders --------------------------------------------------------------------------------------------

    def _submit(self, command: Submit) -> int:
        known = self._records.asked.get(command.cl_ord_id)
        numbers: Any = command  # texts of numbers
        # PERF: a request is checked when it is made: once
        request = OrderRequest(
            command.symbol, command.side, numbers.qty, numbers.price, command.ord_type, command.time_in_force,
            command.account, numbers.stop_px, command.extra,
        )  # fmt: skip
        if known is not None:
            return self._again(known, "D", command.cl_ord_id, placed_values(request))
        self._may_send(command.cl_ord_id)
        self._side.manager.submit(request, clock.now(), cl_ord_id=command.cl_ord_id)
        return self._last()

    def _cancel(self, command: Cancel) -> int:
        known = self._records.asked.get(command.cl_ord_id)
        if known is not None:
            return self._again(known, "F", command.cl_ord_id, {})
        order = self._order(command.order)
        self._may_send(command.cl_ord_id)
        self._still(order, order.is_open)
        self._side.manager.cancel(order, clock.now(), cl_ord_id=command.cl_ord_id)
        return self._last()

    def _replace(self, command: Replace) -> int:
        given = {"qty": command.qty, "price": command.price, "stop_px": command.stop_px}
        terms = {name: exact(name, value) for name, value in given.items() if value is not None}
        if not terms:
            raise _Refused("invalid", "give qty, price or stop_px", "qty")
        known = self._records.asked.get(command.cl_ord_id)
        if known is not None:
            return self._again(known, "G", command.cl_ord_id, terms)
        order = self._order(command.order)
        self._may_send(command.cl_ord_id)
        self._still(order, order.is_open or order.is_filled)
        self._side.manager.replace(order, clock.now(), cl_ord_id=command.cl_ord_id, **cast(Any, terms))
        return self._last()

    def _cancel_all(self, command: CancelAll) -> int:
        self._up()
        self._side.manager.cancel_all(clock.now(), symbol=command.symbol)
        return self._last()

    def _mass_cancel(self, command: MassCancel) -> int:
        manager = self._side.manager
        if not manager.options.has_mass:
            text = f"{manager.options.version} has no OrderMassCancelRequest: CancelAll cancels one after another"
            raise _Refused("unsupported", text)
        self._up()
        manager.mass_cancel(clock.now(), symbol=command.symbol, side=command.side)
        return self._last()

    def _ask_status(self, command: AskStatus) -> int:
        order = self._order(command.order)
        self._up()
        self._side.manager.ask_status(order, clock.now())
        return self._last()

    # --- everything else -----------------------------------------------------------------------------------

    def _resume(self, command: Resume) -> None:
        if command.from_record < (0 if command.as_values else 1):
            raise ConfigError(
                "from_record", command.from_record, "a number from 1; as values from 0: what there is now"
            )

    def _subscribe(self, command: Subscribe) -> None:
        if not command.symbol:
            raise ConfigError("symbol", "", "Symbol(55) of an instrument")
        if command.depth < 0:
            raise ConfigError("depth", command.depth, "a number from 0")
        self._side.market.subscribe(self._link, command)

    def _unsubscribe(self, command: Unsubscribe) -> None:
        if not self._side.market.unsubscribe(self._link, command.symbol):
            raise _Refused("unknown", f"{command.symbol} is not subscribed to", "symbol")

    def _watch(self, command: WatchMessages) -> None:
        self._side.watched.watch(self._link, command.on)

    def _log_off(self, command: LogOff) -> Awaitable[None]:
        return self._side.log_off(command.text)

    async def _user_request(self, command: UserRequest) -> None:
        self._up()
        try:
            answer = await self._side.user_request(command)
        except TimeoutError:
            raise _Refused("unanswered", "no UserResponse came") from None
        if answer is None:
            raise _Refused("unsupported", "the venue does not take UserRequests")
        self._link.send(answer)

    # --- inside --------------------------------------------------------------------------------------------

    def _audited(self, work: Callable[[Any], int | Awaitable[None] | None]) -> Callable[[Any], Awaitable[None]]:
        """Return what does the same, and writes down who asked for it, and what came of it."""

        async def audited(command: Message) -> None:
            self._audit(command, "begun")
            try:
                done = work(command)
                if isinstance(done, Awaitable):
                    await done
            except BaseException as error:
                self._audit(command, f"failed: {type(error).__name__}")  # its text may have a secret in it
                raise
            self._audit(command, "done")

        return audited

    def _audit(self, command: Message, outcome: str) -> None:
        what = type(command).__name__
        if isinstance(command, LogOn):
            what += f" user_id={command.user_id!r} first_seq_num={command.first_seq_num}"
        elif isinstance(command, UserRequest):
            what += f" kind={command.kind}"
        who = about("audit", None, prefix=self._prefix, where=self._link.where, command=what, outcome=outcome)
        _log.info("%s: %s: %s", self._prefix, what, outcome, extra=who)

    def _up(self) -> None:
        live = self._side.session
        if live is None or not live.active:
            raise NotActive(self._side.status().state)

    def _may_send(self, cl_ord_id: str) -> None:
        if not cl_ord_id.startswith(self._prefix) or not self._prefix < cl_ord_id:
            allowed = f"an id that begins with {self._prefix!r}, and has more"
            raise ConfigError("cl_ord_id", cl_ord_id[:_LONGEST_ID], allowed)
        if len(cl_ord_id) > _LONGEST_ID or not cl_ord_id.isascii() or not cl_ord_id.isprintable():
            raise ConfigError("cl_ord_id", cl_ord_id[:_LONGEST_ID], f"up to {_LONGEST_ID} printable ASCII characters")
        self._up()

    def _order(self, cl_ord_id: str) -> Order:
        order = self._side.manager.orders.get(cl_ord_id)
        if order is None:
            raise _Refused("unknown", f"there is no order {cl_ord_id[:_LONGEST_ID]}", "order")
        return order

    def _still(self, order: Order, open_: bool) -> None:
        if not open_:
            raise _Refused("invalid", f"{order.cl_ord_id} has ended: {order.status.name}", "order")

    def _last(self) -> int:
        return self._records.next - 1

    def _again(self, known: Record, msg_type: str, cl_ord_id: str, terms: dict[str, Any]) -> int:
        """Answer a request that was sent already. Returns: the number of its record."""
        before = unpack(known.data)
        said = {**before, **(before.get("terms") or {})}
        same = before["type"] == msg_type and all(
            _text(said.get(name)) == _text(value) for name, value in terms.items() if name in said
        )
        if not same:
            raise _Refused("duplicate", f"{cl_ord_id} was sent with other terms", "cl_ord_id")
        return known.n

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _awaited(self, number: int, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self._link.send(self._failed(number, error))
        else:
            self._link.send(Done(number))

    def _failed(self, number: int, error: Exception) -> Failed:
        """Return what a front end is told of an error. Nothing of ours that went wrong is told as its fault."""
        text = str(error)
        match error:
            case _Refused():
                return Failed(number, error.code, text, error.field)
            case ConfigError():
                return Failed(number, "invalid", text, error.name)
            case RiskRejected():
                return Failed(number, "refused", text)
            case NotActive():
                return Failed(number, "not_active", text)
            case Throttled():
                return Failed(number, "throttled", text)
            case EncodeError() | LocalProtocolError():
                return Failed(number, "invalid", text)
            case StoreError():
                _log.error("a command failed: %s", error, extra=about("store_failed", None))
                why = getattr(error.__cause__, "strerror", None)  # not its text: where files are is nobody's business
                told = "the Backend cannot write down what it does"
                return Failed(number, "internal", f"{told}: {why}" if why else told)
        _log.error("a command failed", exc_info=error, extra=about("command_failed", None))
        return Failed(number, "internal", "an error in the Backend: see its log")


def _text(value: object) -> str:
    """Return a term as the log has it."""
    return plain(value) if isinstance(value, Decimal) else "" if value is None else str(value)
