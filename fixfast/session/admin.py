"""Session messages when it is their turn, and what a turn is."""

from __future__ import annotations

from fixfast.errors import FieldFormatError, FieldMissing
from fixfast.session.checks import MAX_SEQ_NUM, SENTINEL_VERSIONS, comp_id_fault, poss_dup_fault, status_of
from fixfast.session.events import LoggedOut, MessagesLost
from fixfast.session.outbox import ADMIN
from fixfast.session.resetting import Resets
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message, shadowed
from fixfast.types import Now

__all__ = ["TWICE", "AdminHandlers"]

#: SessionRejectReason "Tag appears more than once"
TWICE = 13
#: EndSeqNo(16) that means infinity beside 0, up to FIX 4.2 (P04)
_INFINITY = 999_999
#: Followed whatever their dictionary says of them, as far as their handlers can read them: a Logout that is not
#: answered keeps a dead session open, a GapFill that is not followed is asked for number by number, and a second Logon
#: ends the session anyway (L27).
_FOLLOWED = frozenset({"4", "5", "A"})
#: Numbers that handlers judge themselves, more closely than a dictionary can.
_JUDGED_BY_HANDLER = {"2": (7, 16), "4": (36,)}


class AdminHandlers(Resets):
    """Steps 8 and 9 of the inbound pipeline: a message whose number is the expected one."""

    __slots__ = ()

    def _in_turn(self, message: Message, n: int, now: Now) -> None:
        """Deal with message n = NIN; NIN moves exactly once, unless the session ends here."""
        msg_type = message.get(35) or ""
        poss_dup = message.poss_dup
        fault = comp_id_fault(message, self.config)
        if fault is None and poss_dup:
            fault = poss_dup_fault(message)  # S07, S09
        twice = shadowed(message)
        if twice:
            self._reject_and_count(message, TWICE, twice, now)  # V30: others may go by the other one
        elif fault is not None:
            self._reject_and_count(message, fault.reason, fault.tag, now)
        elif msg_type not in ADMIN:
            if self._is_deliverable(message, now):
                self._inbox.deliver([message])
                self._stepped -= 1  # it is in messages_in, too
        elif poss_dup and msg_type != "4":
            self._inbox.count()  # S16: a resent session message counts, and that is all
        elif not self._tolerates_admin(message, msg_type, now):
            pass  # rejected
        elif msg_type == "0":
            self._on_heartbeat(message, now)
        elif msg_type == "1":
            self._on_test_request(message, now)
        elif msg_type == "2":
            self._on_resend_request(message, now)
        elif msg_type == "4":
            self._on_gap_fill(message, n, now)
        elif msg_type == "5":
            self._on_logout(message, now)
        else:
            # L27: a second Logon that resets nothing; behind our Logout it is the answer to a reset that was under way
            self._inbox.count()
            if not self._is_leaving():
                self._end(CloseReason.UNEXPECTED_LOGON, "Logon on an established session", now)

    def _tolerates_admin(self, message: Message, msg_type: str, now: Now) -> bool:
        """Judge a session message by the dictionary, where its handler does not judge the same more closely."""
        fault = message.fault
        if fault is None or fault.reason == 11:  # these types are known here, whatever a broker's dictionary leaves out
            return True
        if fault.tag in _JUDGED_BY_HANDLER.get(msg_type, ()):
            return True
        if msg_type in _FOLLOWED:
            if self._mode_of(msg_type) != "observe":
                self._warn(msg_type, fault)
            return True
        return self._tolerates(message, fault, now)

    def _drain(self, now: Now) -> None:
        """After NIN moved: let held messages have their turn, strictly in order (S22)."""
        hold = self._hold
        while hold and self._inbox.next_in in hold and self._listening():
            n = self._inbox.next_in
            message = hold.take(n)
            if message is None:
                self._inbox.count()
            else:
                self._in_turn(message, n, now)
        if self._gap is not None and self._listening():
            self._check_gap(now)
            self._try_reset(now)

    def _listening(self) -> bool:
        """Whether the sequence of the peer's messages still matters: not after an error, nor at the end (V25)."""
        return self._end_reason is None and self._state.connected and not self._reject_limit.exceeded

    # --- Heartbeat, TestRequest -----------------------------------------------------------------------------

    def _on_heartbeat(self, message: Message, now: Now) -> None:
        self._inbox.count()
        self._note_processed(message)
        test_id = message.get(112)
        if test_id:
            self._live.answered(test_id)
            self._end_round_trip(test_id)
            if self._farewell is not None and self._farewell.test_id == test_id and self._state.active:
                self._log_out(self._farewell.text, self._farewell.status, now)
            if self._reset is not None and self._reset.test_id == test_id:
                # H06: only the match proves that the peer has dealt with everything before our request
                self._reset.test_id = ""
                self._try_reset(now)

    def _on_test_request(self, message: Message, now: Now) -> None:
        """Answer with the same TestReqID, byte for byte (H02); a bare Heartbeat when there is none (H10)."""
        self._inbox.count()
        if self._recovering():
            test_id = message.bytes(112, default=b"")
            self._say("0", [(112, test_id)] if test_id else [], now)

    # --- ResendRequest --------------------------------------------------------------------------------------

    def _on_resend_request(self, message: Message, now: Now) -> None:
        wanted = self._requested_range(message)
        if isinstance(wanted, tuple):
            self._inbox.count()
            if not self._asks_too_often(*wanted, now):
                self._start_replay(*wanted, now)
        else:
            self._reject_and_count(message, _number_fault(message, wanted), wanted, now)

    def _requested_range(self, message: Message) -> tuple[int, int] | int:
        """Return (begin, end), both included, or the tag that is wrong (P03-P08)."""
        last = self._outbox.next_out - 1
        tag = 7
        try:
            begin = message.int(7)
            tag = 16
            end = message.int(16)
        except (FieldMissing, FieldFormatError):
            return tag
        if not 0 < begin <= last:
            return 7
        if end == 0 or (end == _INFINITY and self.config.begin_string in SENTINEL_VERSIONS):
            end = last
        if end < begin:
            return 16
        return begin, min(end, last)

    def _answer_early(self, message: Message, now: Now) -> bool:
        """A ResendRequest that is too high itself is answered first; then we ask for what we miss (P09, G12)."""
        wanted = self._requested_range(message)
        if not isinstance(wanted, tuple):
            return False  # rejected at its turn
        if not self._asks_too_often(*wanted, now):
            self._start_replay(*wanted, now)
        return True

    # --- SequenceReset --------------------------------------------------------------------------------------

    def _new_seq_no(self, message: Message) -> int | None:
        try:
            new = message.int(36)
        except (FieldMissing, FieldFormatError):
            return None
        return new if new <= MAX_SEQ_NUM else None

    def _on_gap_fill(self, message: Message, n: int, now: Now) -> None:
        """SequenceReset-GapFill at its turn: everything up to NewSeqNo has nothing for the application (Z01)."""
        new = self._new_seq_no(message)
        if new is None:
            self._reject_and_count(message, _number_fault(message, 36), 36, now)
        elif new <= n:
            # Z05: NIN stays
            self._send_reject(message, 5, 36, now, f"Value is incorrect (out of range) for this tag: NewSeqNo {new}")
            self._alarm(f"the peer sent a GapFill from {n} down to {new}")
        elif self._jump_allowed(n, new, now):
            self._fill_to(new, now)

    def _fill_to(self, new: int, now: Now) -> None:
        """Pass everything below `new`; what is held of it has its turn on the way.

        A GapFill says that nothing will be resent, not that what came already is void: an order sent right after the
        Logon is held here while the peer gap-fills a range that includes it. Only held SequenceResets are void (Z01).
        """
        hold, inbox = self._hold, self._inbox
        while (n := hold.first_below(new)) is not None:
            message = hold.take(n)
            if n < inbox.next_in or message is None or message.get(35) == "4":
                continue
            if n > inbox.next_in:
                inbox.count(n - 1)
            self._in_turn(message, n, now)
            if not self._listening():
                return
        if inbox.next_in < new:
            inbox.count(new - 1)

    def _on_reset_mode(self, message: Message, now: Now) -> None:
        """SequenceReset-Reset: taken whatever its own number is (Z06-Z11)."""
        expected = self._inbox.next_in
        new = self._new_seq_no(message)
        if new is None:
            self._send_reject(message, _number_fault(message, 36), 36, now)
            if message.msg_seq_num == expected:
                self._inbox.count()
        elif new < expected:
            self._send_reject(message, 5, 36, now)
            self._alarm(f"the peer tried to set MsgSeqNum back from {expected} to {new}")
        elif new == expected:
            self._alarm(f"the peer sent a SequenceReset to {new}, which was expected anyway")
        elif self._jump_allowed(expected, new, now):
            self._inbox.count(new - 1)
            self._hold.drop_below(new)
            self._emit(MessagesLost(expected, new - 1, "SequenceReset of the peer"))
            self._alarm(f"the peer skipped messages {expected}..{new - 1} by a SequenceReset")
        if self._listening():
            self._drain(now)

    def _jump_allowed(self, old: int, new: int, now: Now) -> bool:
        if new - old <= self.config.max_sequence_jump:
            return True
        self._alarm(f"the peer moves MsgSeqNum from {old} to {new}")
        self._end(CloseReason.SEQUENCE_JUMP, f"NewSeqNo {new} is out of bounds", now)
        return False

    # --- Logout ---------------------------------------------------------------------------------------------

    def _on_logout(self, message: Message, now: Now) -> None:
        """A Logout at its turn: the answer to ours (O02), or the peer's own (O03)."""
        self._inbox.count()
        if self._is_leaving():
            self._finish_logout(message)
        else:
            self._set_state(State.LOGOUT_RECEIVED, "Logout received")
            self._answer_logout(message, now)

    def _finish_logout(self, message: Message) -> None:
        """The answer to our Logout, whatever its number: close at once and say nothing more (O02)."""
        if self._logged_on and not self._logout_answered:
            self._emit(LoggedOut(*_logout_text(message, True)))
        self._close(self._end_reason or CloseReason.LOGOUT)

    def _answer_logout(self, message: Message, now: Now) -> None:
        """Answer the peer's Logout, then give it time to close first, or not (X02)."""
        self._logout_answered = True
        self._emit(LoggedOut(*_logout_text(message, False)))
        self._send_logout("", None, now)
        if self.config.close_after_logout == "now":
            self._close(CloseReason.LOGOUT)
        else:
            self._set_deadline(self.config.logout_timeout, now)

    def _on_early_logout(self, message: Message, now: Now) -> None:
        """A Logout that is too high: first what is missing before it, for a bounded time (O04, T3)."""
        self._early_logout = message
        self._set_state(State.LOGOUT_RECEIVED, "Logout received, messages before it are missing")
        self._set_deadline(self.config.logout_timeout, now)


def _logout_text(message: Message, by_us: bool) -> tuple[str, bool, int | None]:
    return (message.get(58) or ""), by_us, status_of(message)


def _number_fault(message: Message, tag: int) -> int:
    """Return the SessionRejectReason for a number that cannot be used: missing, not a number, or not a good one."""
    try:
        message.int(tag)
    except FieldMissing:
        return 1
    except FieldFormatError:
        return 6
    return 5
