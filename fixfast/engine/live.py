"""LiveSession: a session with its connection, its store and its program. The same for initiators and acceptors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.commands import Commands
from fixfast.engine.delivery import Delivery, Ended, Stream
from fixfast.engine.failure import Failure
from fixfast.engine.requests import Requests, match_by_id
from fixfast.engine.syncing import Syncing
from fixfast.engine.wirelog import WireLog
from fixfast.engine.witness import Witness
from fixfast.errors import (
    BusinessReject,
    ConcurrencyError,
    ConfigError,
    FixfastError,
    NotActive,
    StoreError,
)
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected, LoggedOn, LoggedOut, LogonRefused, SequenceReset
from fixfast.session.session import Session
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message, Template
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.transport.aio import Pump
from fixfast.types import Role, SessionID

__all__ = ["LiveSession"]

_log = logging.getLogger("fixfast.engine")

#: seconds more than the session's own limit that close() waits before it cuts the connection
_GRACE = 3.0


class LiveSession(Commands):
    """A FIX session that is, or will be again, connected. One event loop owns it; no other thread may touch it.

    Made by `fixfast.connect` and `fixfast.serve`, not by hand.

    Attributes:
        id: the session's identity as seen from our side.
        config: its options.
        connections: how often it was logged on.
        error: why it ended for good, where that was not asked for (GaveUp).
        store_error: what the store failed with; the session can never be used again then (O10).
    """

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

    def __repr__(self) -> str:
        return f"<LiveSession {self.id} {self.state.value}>"

    # --- what it is ----------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The session's main state."""
        return self._session.state

    @property
    def active(self) -> bool:
        """Logged on: send() is allowed."""
        return self._session.state.active

    @property
    def next_in(self) -> int:
        """The MsgSeqNum expected from the peer."""
        return self._session.next_in

    @property
    def next_out(self) -> int:
        """The MsgSeqNum our next message gets."""
        return self._session.next_out

    @property
    def peer(self) -> str:
        """The peer's address while connected, else empty."""
        return self._pump.peername if self._pump is not None else ""

    def stats(self) -> Any:
        """Return the session's counters."""
        return self._session.stats()

    # --- sending -------------------------------------------------------------------------------------------

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Number, store and queue a message; it is written before the loop sleeps.

        Args:
            msg_type: MsgType(35).
            fields: (tag, value) pairs as `fixfast.encode` takes them, without the tags the session owns.

        Returns: its MsgSeqNum.

        Raises:
            NotActive: not logged on (with offline="store" it is stored instead).
            EncodeError: names the tag. No number was used.
            StoreError: the store failed; the session ends.
        """
        if self._hooks.to_send is not None:
            fields = list(fields)
            changed = self._hooks.to_send(self, msg_type, fields)
            fields = fields if changed is None else changed
        try:
            return self._session.send(msg_type, fields, clock.now())
        finally:
            self._soon()

    async def send(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Do send_nowait(), then wait while the send buffer is full, never for an answer of the peer."""
        seq = self.send_nowait(msg_type, fields)
        if self._pump is not None:
            await self._pump.drain()
        return seq

    def template(self, msg_type: str, fields: Sequence[Any]) -> Template:
        """Return a Template for send_template(); the session adds the fields it owns."""
        return self._session.template(msg_type, fields)

    def encoder(self, msg_type: str, *, scale: int | None = None) -> Template:
        """Return an encoder of one of the common messages for send_template().

        Args: msg_type: D, F, G, 8, V or W. scale: prices and quantities are ints that count 10**-scale.
        """
        return self._session.encoder(msg_type, scale=scale)

    def send_template(self, template: Template, *values: Any) -> int:
        """Do what send_nowait() does, with a template of this session and the values of its slots."""
        try:
            return self._session.send_template(template, *values, clock.now())
        finally:
            self._soon()

    async def request(
        self,
        msg_type: str,
        fields: Iterable[Any],
        *,
        match: Callable[[Message], object] | None = None,
        timeout: float | None = None,
    ) -> Message:
        """Send a message and wait for its answer, which is then not delivered anywhere else.

        Args:
            msg_type, fields: as for send_nowait().
            match: tells the answer from other messages. Without it: the next message with the same request id (262 for
                V, 11 for D and H, 923 for BE ...). A Reject or BusinessMessageReject of the request is always taken.
            timeout: seconds to wait; None: for ever.

        Returns: the answer, or the reject: look at `msg_type`.

        Raises:
            TimeoutError: no answer in time.
            NotActive, EncodeError, StoreError: as send_nowait().
            GaveUp: reconnecting ended while waiting.
            ValueError: match is needed: nothing is known of how this type is answered.
        """
        fields = list(fields)
        if match is None:
            match = match_by_id(msg_type, fields)
        answer = self._requests.add(match, self.send_nowait(msg_type, fields))
        return await self._requests.wait(answer, self._delivery, timeout)

    def reject(self, message: Message, reason: int, text: str = "", ref_id: str = "") -> int:
        """Answer a message with BusinessMessageReject (j).

        Args:
            message: what is rejected.
            reason: BusinessRejectReason(380).
            text: Text(58).
            ref_id: BusinessRejectRefID(379).

        Raises: NotActive, StoreError; LocalProtocolError: the message is a reject itself.
        """
        try:
            return self._session.business_reject(message, reason, text, ref_id, clock.now())
        finally:
            self._soon()

    # --- receiving -----------------------------------------------------------------------------------------

    def __aiter__(self) -> Stream:
        """Iterate over application messages, Rejects and BusinessMessageRejects, across reconnects.

        Taking the next message acknowledges the last: after a crash, what was not acknowledged comes again with
        `redelivered` set. Ends when the session is closed.

        Raises: GaveUp: reconnecting ended for good. ConcurrencyError: a second consumer.
        """
        return self._delivery.stream("messages")

    def events(self) -> Stream:
        """Iterate over everything: messages and the events of `fixfast.session.events`. One consumer only."""
        return self._delivery.stream("events")

    async def wait_active(self) -> None:
        """Wait until the session is logged on.

        Raises: GaveUp, or NotActive when the session was closed.
        """
        while not self._logged_on:
            self._raise_if_over()
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(change)
            try:
                await change
            finally:
                self._waiting.discard(change)

    # --- ending --------------------------------------------------------------------------------------------

    async def close(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out, wait for the peer's answer, close the connection, and do not come back.

        Args:
            text: Text(58) of the Logout.
            timeout: seconds for all of it; then the connection is cut. None: the session's own limits.
            status: SessionStatus(1409) of the Logout, FIXT.1.1 only; None for none.
        """
        self.stop()
        try:
            await self.logout(text, timeout=timeout, status=status)
        finally:
            self._requests.fail(NotActive("closed"))
            self._delivery.finish()

    async def logout(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out and close this connection. An initiator will come back, an acceptor will let the peer come back.

        Args: text, timeout, status: as for close().
        """
        pump = self._pump
        if pump is None:
            return
        leaving = (State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.CLOSING)
        if self.active:
            self._goodbye = text
            self._session.logout(text, clock.now(), status=status)
            pump.turn()
        elif self.state not in leaving and not pump.abort("closed before logon"):
            return  # it is not up yet, and will not come up
        steps = 2 if self.config.logout_test_request else 1
        limit = timeout if timeout is not None else steps * self.config.logout_timeout + _GRACE
        _, pending = await asyncio.wait([pump.closed], timeout=limit)
        if pending:
            await self.cut("no end of the connection in time")

    def drop(self, *, reset: bool = False) -> None:
        """Cut the connection this instant, without Logout: what was sent and not yet written stays unwritten.

        Numbers and store are kept; what the peer misses it will ask for after the next logon. For programs that must
        stop at once, and to try what happens then.

        Args: reset: throw away what the kernel has not delivered, too (TCP RST).
        """
        if self._pump is not None:
            self._pump.abort("dropped by us", reset=reset)

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

    def _business_reject(self, message: Message, error: BusinessReject) -> None:
        try:
            self.reject(message, error.reason, error.text, error.ref_id)
        except FixfastError as refused:  # not logged on, a text that cannot be written, the store
            _log.warning("%s: no BusinessMessageReject for %d: %s", self.id, message.msg_seq_num, refused)

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
            self.drop()
        elif self._pump is not None:
            self._pump.turn()

    def _wake(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)

    def _raise_if_over(self) -> None:
        if self.error is not None:
            raise self.error
        if self._stopping.is_set():
            raise NotActive("closed")
