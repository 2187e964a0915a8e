"""What a session's events mean for its program: the same for every front end, without I/O."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Protocol

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.booking import Booking
from fixfast.engine.cancelling import Cancelling
from fixfast.engine.failure import Failure
from fixfast.engine.handover import Ended
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.ordering import Ordering
from fixfast.engine.requests import Requests
from fixfast.engine.sending import Sending
from fixfast.engine.tapping import Overhearing
from fixfast.engine.throttle import Throttle
from fixfast.engine.turns import session_for
from fixfast.engine.witness import Witness
from fixfast.errors import ConfigError, LogonFailed, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected, LoggedOn, LoggedOut, LogonRefused, SequenceReset
from fixfast.session.reject import REJECTS
from fixfast.session.state import CloseReason
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.types import Role, SessionID

__all__ = ["Recipient", "Telling"]

_log = logging.getLogger("fixfast.engine")


class Recipient(Protocol):
    """Who hands messages and events on to the program."""

    @property
    def full(self) -> bool: ...
    def message(self, message: Message) -> bool | None:
        """Deliver a message. True: it was dealt with, as everything before it, and is to be acknowledged."""

    def event(self, event: object) -> None: ...
    def expect(self, message: Message) -> None: ...
    def restart(self) -> None: ...


class Telling(Sending):
    """A session and its program. A front end sets `_delivery`, and says how reading pauses and who is to be woken."""

    _delivery: Recipient
    _cancelling: Cancelling | None = None
    _ordering: Ordering | None = None
    _booking: Booking | None = None
    _overhearing: Overhearing | None = None

    def __init__(
        self,
        config: SessionConfig,
        role: Role,
        *,
        hooks: Hooks,
        store: Store | None,
        wire_log: WireLog | None,
        throttle: Throttle | None = None,
        latency: bool = False,
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
        self.logon_error: LogonFailed | None = None
        self._hooks = hooks
        self._store: Store = store if store is not None else MemoryStore()
        # B5.5: what a callback has dealt with does not come again after a kill -9. PERF: a store that does not outlive
        # the process need not know before the end of the read: 1.1 us a message.
        self._at_once = not isinstance(self._store, MemoryStore)
        # The program acknowledges by taking the next message, later than the session could know of it.
        self._session = session_for(replace(config, manual_done=True), self._store, role, throttle, latency)
        self._requests = Requests()
        self._witness = Witness(self.id, wire_log)
        self._witness.watches_faults |= latency
        self._pressed = False
        self._logged_on = False
        self._failure: Failure | None = None  # why the connection that ended last did not come to a logon
        self._logout_text = ""  # what on_logout will be told
        self._goodbye = ""  # the text of our own Logout

    def created(self) -> None:
        """Let the program prepare, before it is told anything.

        Raises: what on_create raises: then there is to be no session.
        """
        if self._hooks.on_create is not None:
            try:
                self._hooks.on_create(self)
            except Exception as error:
                self._hooks.failed("on_create", error)
                self._unmade()
                raise

    @property
    def connected(self) -> bool:
        """There is a connection, logged on or not."""
        raise NotImplementedError

    @property
    def connecting(self) -> bool:
        """An initiator that is not logged on, and will try to be: `logon_error` says why the last attempt failed."""
        return self._session.role is Role.INITIATOR and not self._logged_on and self.error is None

    @property
    def held_back(self) -> bool:
        """No Logon will be sent: the peer keeps saying that our MsgSeqNum is too low; a person must decide (I13)."""
        return self._session.held_back

    def on_turn(self) -> None:
        """Take the session's events."""
        delivery, requests, watched = self._delivery, self._requests.waiting, self._witness.watches_faults
        at_once = self._at_once
        events = self._session.events()
        if self._ordering is not None:
            events = self._ordering.tap(events)
        if self._booking is not None:
            events = self._booking.tap(events)
        if self._overhearing is not None:
            events = self._overhearing.tap(events)
        for event in events:
            if isinstance(event, Message):
                # PERF: to look for a fault is to validate the message, 1.2 us of an order: only where it is noted
                if watched and event.fault is not None:
                    self._faults += 1
                    self._witness.fault(event, event.fault)
                if event.msg_type in REJECTS:
                    self._rejects_in += 1
                if requests and self._answers(event):
                    continue
                if delivery.message(event):
                    if at_once:
                        self._acknowledge(event.msg_seq_num)
                    else:
                        self._owed = event.msg_seq_num
            else:
                self._on_event(event)
        if self._owed:
            self._settle()

    def cannot_keep(self, error: StoreError) -> None:
        """Know that what the orders of this session must write down cannot be written.

        The session ends as if its store had failed (O10). What is not acknowledged by now comes again with the next
        one: a report that is in no log must not be taken for dealt with.
        """
        if self.store_error is None:
            self.store_error = error
            self._session.fail(error, clock.now())
            self._soon()

    def take_failure(self) -> Failure | None:
        """Return why the last connection never was logged on; None if it was."""
        failure, self._failure = self._failure, None
        return failure

    # --- for a front end -----------------------------------------------------------------------------------

    def _unmade(self) -> None:
        """Let go of what the session has, but for its store: it does not begin."""

    def _pause(self, pause: bool) -> None:
        """Stop or go on reading from the peer."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Wake who waits for the logon."""
        raise NotImplementedError

    def _on_event(self, event: object) -> None:
        self._witness.event(event)
        if isinstance(event, LoggedOn):
            self._logged_on = True
            self.logon_error = None
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
            self._owed = 0  # of the old epoch
            self._delivery.restart()
        elif isinstance(event, Disconnected) and event.reason is CloseReason.STORE and self.store_error is None:
            self.store_error = self._session.failure or StoreError("the message store failed, see the Alarm event")
        self._delivery.event(event)
        if isinstance(event, Disconnected):
            if self._logged_on:
                self._logged_on = False
                self._delivery.event(Ended(self._logout_text or event.detail or event.reason.value))
            elif self._failure is None:
                self._failure = Failure.of(event)
            self._logout_text = ""
        if self._cancelling is not None:
            self._cancelling.event(event)

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
            self._store_broke(error)
        else:
            self._soon()  # a record may want a sync

    def _store_broke(self, error: StoreError) -> None:
        self.store_error = error
        _log.error("%s: the store failed: %s", self.id, error, extra=about("store_failed", self.id))
        self._soon()  # the session ends

    def _on_pressure(self, full: bool) -> None:
        if full is not self._pressed and self.connected:
            self._pressed = full
            if full:
                text = "too many messages wait for the program; reading from the peer pauses"
                _log.warning("%s: %s", self.id, text, extra=about("reading_paused", self.id))
            self._pause(full)
