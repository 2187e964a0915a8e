"""The peer's Logon: judged, decided on, answered by an acceptor (A2); and what follows once both are exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT, Fault
from fixfast.session.checks import (
    asks_for_reset,
    comp_id_fault,
    logon_fault,
    number_of,
    public_text,
    seq_num,
    time_fault,
)
from fixfast.session.core import ResetInProgress, RoundTrip
from fixfast.session.events import LoggedOn, LogonRequested
from fixfast.session.hours import CLOSED, STATUS_CLOSED
from fixfast.session.liveness import SECOND, Liveness
from fixfast.session.next_expected import next_expected_fault
from fixfast.session.our_logon import OurLogon
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message, shadowed
from fixfast.types import Now

__all__ = ["STATUS_SEQ_NUM_TOO_LOW", "LogonHandlers"]

#: SessionStatus(1409), FIXT only
STATUS_SEQ_NUM_TOO_LOW = 9


class LogonHandlers(OurLogon):
    """From the peer's Logon to logged on."""

    __slots__ = ()

    # --- acceptor -------------------------------------------------------------------------------------------

    def _on_first_message(self, message: Message, now: Now) -> None:
        """Acceptor: nothing is said, and no number used, until it is known that this is our peer (L05, L08, L29)."""
        config = self.config
        if message.get(35) != "A" or message.poss_dup:  # L28: a resent Logon is no logon
            self._close(CloseReason.NOT_LOGON, silently=True)
        elif message.begin_string != config.begin_string or comp_id_fault(message, config) or shadowed(message):
            # V30: who it is must not depend on who reads it
            self._close(CloseReason.IDENTITY, silently=True)
        elif time_fault(message, config, now):
            self._close(CloseReason.SENDING_TIME, silently=True)  # L07
        else:
            self._set_state(State.LOGON_RECEIVED, "Logon of our peer")
            self._deadline = None
            self._judge_logon(message, now)

    def _judge_logon(self, message: Message, now: Now) -> None:
        n = seq_num(message)
        if n is None:
            self._end(CloseReason.MSG_SEQ_NUM, "MsgSeqNum(34) is missing or not valid", now)
        elif self._hours is not None and not self._hours.open(now.wall_ns):
            text = CLOSED if self.config.outside_schedule == "logout" else None
            self._turn_away(CloseReason.SCHEDULE, text, STATUS_CLOSED, now)  # L26, D10
        elif self._is_faulty_logon(message, n, now):
            return
        else:
            message.detach()
            self._logon = message
            if self.config.manual_logon:
                self._set_deadline(self.config.decision_timeout, now)
                self._emit(LogonRequested(message))
            else:
                self._accept(self._answer_fields, now)

    def _accept(self, extra: Iterable[tuple[int, Any]], now: Now) -> None:
        """Acceptor: the Logon is good. Only now may it change anything in the store (T1)."""
        message = self._logon
        assert message is not None
        self._answer_fields = []
        n = message.msg_seq_num
        reset = asks_for_reset(message, self.config)
        if self._reset_is_unanswered() and not reset and n != 1:
            self._insist_on_reset(message, extra, now)
            return
        if self._expects_too_much(message, 1 if reset or self.config.reset_on_logon else self._outbox.next_out, now):
            return
        if reset:
            self._new_epoch("peer")
        elif self.config.reset_on_logon and not self._is_fresh():
            self._new_epoch("logon")
        if n < self._inbox.next_in:
            self._end(CloseReason.SEQUENCE_TOO_LOW, self._low_text(n), now, STATUS_SEQ_NUM_TOO_LOW)
            return
        if not reset and n == 1 and (self.config.reset_on_logon or self._resets_by_option()):
            reset = self._is_fresh()
        complete = self._outbox.next_out  # N04: the number of the answer, which the peer has not seen
        if self._send_logon(message.int(108), reset, extra, now, message):
            self._established(message, n, reset, complete, now)

    def _insist_on_reset(self, message: Message, extra: Iterable[tuple[int, Any]], now: Now) -> None:
        """Acceptor: our reset was cut off, and this Logon has an old number: our answer asks again (R04, B2)."""
        if not self._is_fresh():
            self._new_epoch("logon")
        if not self._send_logon(message.int(108), True, extra, now, message):
            return
        self._logged_on = True
        self._logon_raw = b""
        self._take_terms(message, now)
        self._reset = ResetInProgress("")
        self._reset.logon_sent = True
        self._outbox.held = True
        self._set_state(State.ACTIVE, "logged on; our sequence reset is not answered yet")
        self._set_deadline(self._logon_timeout(), now)
        self._emit(LoggedOn(message, message.int(108), False))

    def _turn_away(self, reason: CloseReason, text: str | None, status: int | None, now: Now) -> None:
        """Acceptor: refuse a Logon that is not at fault (L19, L21, L26). No inbound number is used.

        Args: text: Text(58) of the Logout; None: close without a word, and without using a number of ours.
            status: SessionStatus(1409), FIXT.1.1 only.
        """
        if text is None:
            self._refuse(reason, "", status, by_us=True)
            self._close(reason, silently=True)
        else:
            self._end(reason, text if self._logon is None else public_text(text, self._logon), now, status)

    # --- both roles -----------------------------------------------------------------------------------------

    def _is_faulty_logon(self, message: Message, n: int, now: Now) -> bool:
        """Refuse a Logon whose content is wrong: Reject where that has a reason, then Logout (L06, L14, L18)."""
        fault = logon_fault(message, self.config) or next_expected_fault(message, self.config)
        fault = fault or self._version_fault(message) or self._validity_fault(message)
        if fault is not None:
            own_text = fault.text not in ("", REJECT_TEXT[fault.reason])  # the standard's names no tag
            text = fault.text if own_text else f"{REJECT_TEXT[fault.reason]}: {fault.tag}"
            if fault.reason != 99 and n == self._inbox.next_in:
                self._reject_logon(message, fault, now)
                self._inbox.count()
            self._end(CloseReason.LOGON_INVALID, text, now)
            return True
        if asks_for_reset(message, self.config) and n != 1:
            # R02: nothing is reset
            self._reject_logon(message, Fault(5, 34), now)
            self._end(CloseReason.LOGON_INVALID, f"ResetSeqNumFlag needs MsgSeqNum 1, received {n}", now)
            return True
        return False

    def _reject_logon(self, message: Message, fault: Fault, now: Now) -> None:
        """Reject a Logon, if that may be said: before a session an initiator has only a Logout to say (I05, I11)."""
        if self._state is not State.LOGON_SENT:
            self._send_reject(message, fault.reason, fault.tag, now, fault.text)

    def _validity_fault(self, message: Message) -> Fault | None:
        """Return the fault that the dictionary finds in a Logon, if such are refused."""
        fault, validation = message.fault, self.config.session_validation
        if fault is None or fault.reason == 11 or validation is None:  # 11: as in _tolerates_admin()
            return None
        if validation.mode == "warn":
            self._warn("A", fault)
        return fault if validation.mode == "reject" else None

    def _low_text(self, n: int) -> str:
        return f"MsgSeqNum too low, expecting {self._inbox.next_in} but received {n}"  # X03

    # --- established ----------------------------------------------------------------------------------------

    def _established(self, message: Message, n: int, reset: bool, complete: int, now: Now) -> None:
        """Both Logons are exchanged.

        Args: complete: a peer that expects this number of ours misses nothing.
        """
        self._logged_on = True
        self._deadline = None
        self._logon_raw = b""
        self._lows = 0
        self._take_terms(message, now)
        if n == self._inbox.next_in:
            self._inbox.count()
        self._set_state(State.ACTIVE, "logged on")
        logged_on = LoggedOn(message, message.int(108), reset)
        if not self.config.logon_test_request:
            self._emit(logged_on)
        self._outbox.offline.clear()  # the peer knows of a hole by now, and asks for it
        self._resend_expected(message, complete, now)
        jumped, self._jumped_to = self._jumped_to, 0
        if jumped and jumped == self._outbox.next_out - 1 and self._outbox.replay is None:
            # Z14: nothing but our Logon has a number above the jump
            self._say("4", [(123, "N"), (36, jumped + 2)], now)
        self._watch_numbers()
        if self.config.logon_test_request:
            self._round_trip = RoundTrip(self._test_request(now), logged_on)
            self._set_deadline(self._logon_timeout(), now)
        if n > self._inbox.next_in:
            self._miss_before_logon(message, n, now)

    def _take_terms(self, message: Message, now: Now) -> None:
        """Go by what the peer's Logon says: HeartBtInt (L15, I08), MaxMessageSize (L24)."""
        self._live = Liveness(message.int(108) * SECOND, now)
        self._learn_versions(message)
        size = message.get(383) or ""
        bounded = size.isascii() and size.isdigit() and 0 < len(size) < 10 and int(size) > 0
        self._outbox.max_size = int(size) if bounded else None
        self._note_processed(message)

    def _note_processed(self, message: Message) -> None:
        """C12: how far the peer is, for those who watch the backlog; nothing is decided by it."""
        processed = message.get(369)
        if processed is not None:
            self._peer_processed = number_of(processed)

    def _end_round_trip(self, test_id: str) -> None:
        """I12: the Heartbeat for the TestRequest behind our Logons is in: what either side missed is resent."""
        trip = self._round_trip
        if trip is not None and trip.test_id == test_id:
            self._round_trip = None
            if self._reset is None and self._state.active:  # else the deadline is another's by now
                self._deadline = None
            self._emit(trip.logged_on)

    def _round_trip_late(self, now: Now) -> None:
        """I12: the round trip may take longer only while messages are being resent."""
        if self._gap is not None or self._outbox.replay is not None:
            self._set_deadline(self._logon_timeout(), now)
        else:
            self._alarm("the TestRequest behind our Logon was not answered")
            self._end(CloseReason.LOGON_TIMEOUT, "No Heartbeat for the TestRequest after logon", now)
