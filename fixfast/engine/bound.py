"""Bound: a session tied to its connection, its store and its program on an event loop. What the engine calls of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.cancelling import Cancelling, CancelOnDisconnect
from fixfast.engine.delivery import Delivery
from fixfast.engine.observing.metered import delivery_for
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.syncing import Syncing
from fixfast.engine.telling import Telling
from fixfast.engine.throttle import Throttle
from fixfast.engine.turns import turns_of
from fixfast.errors import ConcurrencyError, NotActive, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.stats import SessionStats
from fixfast.store.base import Store
from fixfast.transport.aio import Pump
from fixfast.types import Role

__all__ = ["Bound"]

_log = logging.getLogger("fixfast.engine")


class Bound(Telling):
    """The half of a LiveSession that the pump, connect() and serve() call; a program uses the other one."""

    _delivery: Delivery

    def __init__(
        self,
        config: SessionConfig,
        role: Role,
        *,
        hooks: Hooks,
        store: Store | None = None,
        wire_log: WireLog | None = None,
        throttle: Throttle | None = None,
        latency: bool = False,
        cancelling: CancelOnDisconnect | None = None,
    ) -> None:
        super().__init__(config, role, hooks=hooks, store=store, wire_log=wire_log, throttle=throttle, latency=latency)
        self._turns = turns_of(self._session, self._soon)
        self._delivery = delivery_for(self._session)(
            self,
            hooks,
            acknowledge=self._acknowledge,
            answer=self._business_reject,
            pressure=self._on_pressure,
            patient=lambda: bool(self._requests),
            woken=self._write_behind,
        )
        if cancelling is not None:
            later = asyncio.get_running_loop().call_later
            self._cancelling = Cancelling(cancelling, later, self._on_event)
        self.syncing = Syncing(self._store, self._on_synced)
        self._pump: Pump | None = None
        self._waiting: set[asyncio.Future[None]] = set()  # for the logon or the end, whichever comes first
        self._stopping = asyncio.Event()

    def stats(self) -> SessionStats:
        """Return the session's numbers as they are now."""
        return replace(super().stats(), backlog=self._delivery.backlog)

    # --- called by the pump --------------------------------------------------------------------------------

    def on_flushed(self) -> None:
        """See to it that the store keeps up."""
        if not self.syncing.busy:
            self.syncing.check(self._session)

    def on_closed(self, reason: str) -> None:
        """Forget the connection."""
        self._pump = None
        self._pressed = False
        self._witness.note(reason)

    # --- called by initiator and acceptor ------------------------------------------------------------------

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the session is to end for good."""
        return self._stopping

    @property
    def connected(self) -> bool:
        """There is a connection, logged on or not."""
        return self._pump is not None

    def stop(self) -> None:
        """Let the session end for good when its connection does."""
        self._stopping.set()
        self._wake()

    def attach(
        self, *, first: bytes = b"", text: str = "", status: int | None = None, make: Callable[..., Pump] = Pump
    ) -> Pump:
        """Return the pump of a new connection.

        Args: first: what was read from it already. text, status: Text(58) and SessionStatus(1409) of our Logon, where
            that is the answer to the peer's. make: makes the pump.

        Raises: ConcurrencyError: there is a connection.
        """
        if self._pump is not None:
            raise ConcurrencyError(f"{self.id} is connected already")
        self._failure = None
        self._session.poll(clock.now())  # D07: a new window's epoch begins before there is a connection
        self._session.answer_with([(58, text)] if text else [], status=status)
        config = self.config
        tap = self._witness.tap(config.max_message_size)
        self._pump = make(self._session, self, first=first, tap=tap, slow_after=config.slow_consumer_timeout)
        return self._pump

    async def cut(self, reason: str) -> None:
        """End the connection, up or coming up, and wait until it is gone."""
        pump = self._pump
        if pump is None:
            return
        if pump.abort(reason):
            await asyncio.shield(pump.closed)  # one pass of the loop
        else:
            self._pump = None

    def say_goodbye(self, text: str = "") -> None:
        """Send a Logout and do not wait for the answer: what can be done for the peer when the program fails."""
        if self.active and self._pump is not None:
            self._goodbye = text
            self._session.logout(text, clock.now())
            self._pump.turn()

    def give_up(self, error: Exception) -> None:
        """End the iteration and all waiting with an exception."""
        self.error = error
        self.stop()
        self._requests.fail(error)
        self._delivery.finish(error)

    async def finish(self, error: BaseException | None = None, *, acknowledge: bool = False) -> None:
        """End for good: cut the connection, end the iteration, close the store. No task or socket is left.

        Args:
            error: what waiting callers get.
            acknowledge: all is in good order: the message handed out last was dealt with, callbacks may end.
        """
        self.error = self.error or error
        self.stop()
        try:
            await self.cut("ended")
        finally:
            if self._cancelling is not None:
                self._cancelling.close()
            self._requests.fail(error or NotActive(self.state.value))
            self._delivery.finish(error)
            try:
                await self._delivery.close(acknowledge=acknowledge)
            finally:  # cancelled while callbacks take their time: the store must not stay open
                await self.syncing.close()

    # --- inside --------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        """Write before the loop sleeps. Also after a failure: a store that failed ends the connection."""
        pump = self._pump
        if pump is not None and not pump.awake:
            pump.soon()

    def _write_behind(self) -> None:
        """Write what the program will send that was just woken, in the same pass of the loop."""
        if self._pump is not None:
            self._pump.behind()

    def _pause(self, pause: bool) -> None:
        if self._pump is not None:
            self._pump.pause_reading(pause)

    def _acknowledge(self, n: int) -> None:
        try:
            self._session.done(n)
        except StoreError as error:
            self._store_broke(error)
        else:
            if self._pump is not None and not self._pump.awake and not self.syncing.busy:
                self.syncing.check(self._session)  # a record may want a sync; in a turn, its end looks

    def _on_synced(self, error: BaseException | None) -> None:
        if error is not None:
            # The store is poisoned: not even a Logout can be numbered any more (O10).
            self.store_error = error
            if self._pump is not None:
                self._pump.abort("the store could not be synced")
        elif self._pump is not None:
            self._pump.turn()

    def _wake(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
