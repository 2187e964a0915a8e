"""Bound: a session tied to its connection, its store and its program on an event loop. What the engine calls of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.delivery import Delivery, Ended
from fixfast.engine.failure import Failure
from fixfast.engine.requests import Requests
from fixfast.engine.sending import Sending
from fixfast.engine.syncing import Syncing
from fixfast.engine.wirelog import WireLog
from fixfast.engine.witness import Witness
from fixfast.errors import ConcurrencyError, ConfigError, NotActive, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected, LoggedOn, LoggedOut, LogonRefused, SequenceReset
from fixfast.session.session import Session
from fixfast.session.state import CloseReason
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.transport.aio import Pump
from fixfast.types import Role, SessionID

__all__ = ["Bound"]

_log = logging.getLogger("fixfast.engine")


class Bound(Sending):
    """The half of a LiveSession that the pump, connect() and serve() call; a program uses the other one."""

    def __init__(
        self,
        config: SessionConfig,
        role: Role,
        *,
        hooks: Hooks,
        store: Store | None = None,
        wire_log: WireLog | None = None,
    ) -> None:
        if config.manual_logon:
            raise ConfigError("manual_logon", True, "False: an engine's sessions are decided on by authenticate()")
        if hooks.on_resend is not None and config.on_resend is None:
            config = replace(config, on_resend=hooks.on_resend)
        self.config = config
        self.id: SessionID = config.session_id
        self.connections = 0
        self.error: BaseException | None = None
        self.store_error: BaseException | None = None
        self._hooks = hooks
        self._store: Store = store if store is not None else MemoryStore()
        # The program acknowledges by taking the next message, later than the session could know of it.
        self._session = Session(replace(config, manual_done=True), self._store, role=role)
        self._requests = Requests()
        self._delivery = Delivery(
            self,
            hooks,
            acknowledge=self._acknowledge,
            answer=self._business_reject,
            pressure=self._on_pressure,
            patient=lambda: bool(self._requests),
        )
        self.syncing = Syncing(self._store, self._on_synced)
        self._witness = Witness(self.id, wire_log)
        self._pump: Pump | None = None
        self._pressed = False
        self._logged_on = False
        self._waiting: set[asyncio.Future[None]] = set()  # for the logon or the end, whichever comes first
        self._stopping = asyncio.Event()
        self._failure: Failure | None = None  # why the connection that ended last did not come to a logon
        self._logout_text = ""  # what on_logout will be told
        self._goodbye = ""  # the text of our own Logout

    # --- called by the pump --------------------------------------------------------------------------------

    def on_turn(self) -> None:
        """Take the session's events."""
        for event in self._session.events():
            if isinstance(event, Message):
                if event.fault is not None:
                    self._witness.fault(event, event.fault)
                if not (self._requests and self._answers(event)):
                    self._delivery.message(event)
            else:
                self._on_event(event)

    def on_flushed(self) -> None:
        """See to it that the store keeps up."""
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

    @property
    def held_back(self) -> bool:
        """No Logon will be sent: the peer keeps saying that our MsgSeqNum is too low; a person must decide (I13)."""
        return self._session.held_back

    def stop(self) -> None:
        """Let the session end for good when its connection does."""
        self._stopping.set()
        self._wake()

    def attach(self, *, first: bytes = b"", text: str = "", status: int | None = None) -> Pump:
        """Return the pump of a new connection.

        Args: first: what was read from it already. text, status: Text(58) and SessionStatus(1409) of our Logon, where
            that is the answer to the peer's.

        Raises: ConcurrencyError: there is a connection.
        """
        if self._pump is not None:
            raise ConcurrencyError(f"{self.id} is connected already")
        self._failure = None
        self._session.poll(clock.now())  # D07: a new window's epoch begins before there is a connection
        self._session.answer_with([(58, text)] if text else [], status=status)
        config = self.config
        tap = self._witness.tap(config.max_message_size)
        self._pump = Pump(self._session, self, first=first, tap=tap, slow_after=config.slow_consumer_timeout)
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

    def take_failure(self) -> Failure | None:
        """Return why the last connection never was logged on; None if it was."""
        failure, self._failure = self._failure, None
        return failure

    def say_goodbye(self) -> None:
        """Send a Logout and do not wait for the answer: what can be done for the peer when the program fails."""
        if self.active and self._pump is not None:
            self._session.logout("", clock.now())
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
            self._requests.fail(error or NotActive(self.state.value))
            self._delivery.finish(error)
            await self._delivery.close(acknowledge=acknowledge)
            await self.syncing.close()

    # --- inside --------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        """Write before the loop sleeps. Also after a failure: a store that failed ends the connection."""
        if self._pump is not None:
            self._pump.soon()

    def _on_event(self, event: object) -> None:
        self._witness.event(event)
        if isinstance(event, LoggedOn):
            self._logged_on = True
            self.connections += 1
            self._wake()
            if self._delivery.full:
                self._on_pressure(True)
        elif isinstance(event, LogonRefused):
            self._failure = Failure.of(event)
        elif isinstance(event, LoggedOut):
            text = (self._goodbye if event.initiated_by_us else "") or event.text
            self._logout_text = f"Logout: {text}" if text else "Logout"
        elif isinstance(event, SequenceReset):
            self._delivery.restart()
        elif isinstance(event, Disconnected) and event.reason is CloseReason.STORE and self.store_error is None:
            self.store_error = StoreError("the message store failed, see the Alarm event")
        self._delivery.event(event)
        if isinstance(event, Disconnected):
            if self._logged_on:
                self._logged_on = False
                self._delivery.event(Ended(self._logout_text or event.detail or event.reason.value))
            elif self._failure is None:
                self._failure = Failure.of(event)
            self._logout_text = ""

    def _answers(self, message: Message) -> bool:
        """Give a message to the request it answers."""
        answer = self._requests.answered_by(message)
        if answer is None:
            return False
        self._delivery.expect(message)
        message.detach()  # it is read after the next bytes came in
        answer.set_result(message)
        return True

    def _acknowledge(self, n: int) -> None:
        try:
            self._session.done(n)
        except StoreError as error:
            self.store_error = error
            _log.error("%s: the store failed: %s", self.id, error)
        self._soon()  # a failed store ends the session, and a record may want a sync

    def _on_pressure(self, full: bool) -> None:
        if full is not self._pressed and self._pump is not None:
            self._pressed = full
            if full:
                _log.warning("%s: too many messages wait for the program; reading from the peer pauses", self.id)
            self._pump.pause_reading(full)

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
