"""The initiator's side of a logon: the peer's answer, good or bad, and how often it may be the same bad one (A3)."""

from __future__ import annotations

from fixfast.dictionary.validation import REJECT_TEXT
from fixfast.session.checks import asks_for_reset, comp_id_fault, number_of, seq_num, status_of, time_fault
from fixfast.session.logon import STATUS_SEQ_NUM_TOO_LOW, LogonHandlers
from fixfast.session.reject import REJECTS
from fixfast.session.state import CloseReason
from fixfast.session.wire import Message, shadowed
from fixfast.types import Now

__all__ = ["RESET_UNANSWERED", "LogonAnswer", "number_wanted", "says_too_low"]

RESET_UNANSWERED = "our ResetSeqNumFlag was not answered with one: only a person can say which numbers are right"

#: Characters of a Logout's text that are looked at.
_MAX_TEXT = 200


def says_too_low(logout: Message) -> bool:
    """Whether a Logout says that our MsgSeqNum is too low: by SessionStatus 9, or in words."""
    return status_of(logout) == STATUS_SEQ_NUM_TOO_LOW or "too low" in (logout.get(58) or "")[:_MAX_TEXT].lower()


def number_wanted(logout: Message) -> int | None:
    """Return the number that such a Logout wants from us: its 789, else the one behind "expect..." in its text."""
    given = number_of(logout.get(789) or "")
    if given:
        return given
    words = (logout.get(58) or "")[:_MAX_TEXT].lower().partition("expect")[2].split()
    numbers = (number_of(word.strip(".,;:()[]=")) for word in words)
    return next((number for number in numbers if number), None)


class LogonAnswer(LogonHandlers):
    """The first message that an initiator receives."""

    __slots__ = ()

    def _on_logon_answer(self, message: Message, now: Now) -> None:
        """Initiator: the first message from the peer (I02-I09)."""
        config = self.config
        n = seq_num(message)
        msg_type = message.get(35)
        # not our peer: Logout with a reason (TC 1B.d); we were the ones who called
        if message.begin_string != config.begin_string and msg_type != "5":
            self._end(CloseReason.BEGIN_STRING, "Incorrect BeginString", now)
        elif comp_id_fault(message, config):
            self._end(CloseReason.IDENTITY, REJECT_TEXT[9], now)
        elif msg_type == "5":
            self._on_refusal(message)
        elif shadowed(message):
            self._end(CloseReason.LOGON_INVALID, REJECT_TEXT[13], now)  # V30
        elif msg_type in REJECTS:
            self._on_reject_of_logon(message, now)
        elif msg_type != "A" or message.poss_dup:
            self._end(CloseReason.NOT_LOGON, "The first message is not a Logon", now)
        elif time_fault(message, config, now):
            self._end(CloseReason.SENDING_TIME, REJECT_TEXT[10], now)
        elif n is None:
            self._end(CloseReason.MSG_SEQ_NUM, "MsgSeqNum(34) is missing or not valid", now)
        elif self._reset is not None and not (asks_for_reset(message, config) and n == 1):
            # R05: the two sides disagree about the numbers; only people can know which are right
            self._alarm(RESET_UNANSWERED)
            self._close(CloseReason.RESET_REFUSED)
        elif not self._is_faulty_logon(message, n, now):
            self._take_answer(message, n, now)

    # --- refused --------------------------------------------------------------------------------------------

    def _on_refusal(self, message: Message) -> None:
        """Initiator: a Logout instead of a Logon; its text is for the application (I07).

        Its number is not counted. Acceptors number it 1 where they refuse before they know the session; and if it was
        one of the session's, it is missing next time and gap-filled.
        """
        self._refuse(CloseReason.LOGON_REFUSED, (message.get(58) or ""), status_of(message), by_us=False)
        if says_too_low(message):
            self._on_too_low(message)
        self._close(CloseReason.LOGON_REFUSED)

    def _on_reject_of_logon(self, message: Message, now: Now) -> None:
        """Initiator: a Reject instead of a Logon. What it says is for the application (I06); not counted, either."""
        reason = number_of(message.get(380 if message.get(35) == "j" else 373) or "")
        text = message.get(58) or ""
        self._refuse(
            CloseReason.LOGON_REFUSED, text, status_of(message), False, reason, number_of(message.get(371) or "")
        )
        self._end(CloseReason.LOGON_REFUSED, "The Logon was rejected", now)

    def _on_too_low(self, logout: Message) -> None:
        """I13: trying again helps if the peer's number is taken over; else, after some times, only a person does."""
        self._lows += 1
        config, outbox = self.config, self._outbox
        wanted = number_wanted(logout)
        if config.adopt_expected_seq_num and wanted is not None and wanted > outbox.next_out:
            if wanted - outbox.next_out <= config.max_sequence_jump:
                self._alarm(f"the peer expects MsgSeqNum {wanted}: {outbox.next_out}..{wanted - 1} are skipped")
                outbox.skip_to(wanted, self._now, queue=False)
            else:
                self._alarm(f"the peer expects MsgSeqNum {wanted}, too far from {outbox.next_out} to be taken over")
        if self._lows >= config.max_too_low_logouts:
            self._alarm(
                f"the peer said {self._lows} times in a row that our MsgSeqNum is too low: no more Logons until "
                "reset() or set_next_out()"
            )

    # --- accepted -------------------------------------------------------------------------------------------

    def _take_answer(self, message: Message, n: int, now: Now) -> None:
        reset = self._reset is not None
        follows = asks_for_reset(message, self.config) and not reset
        if not follows and self._expects_too_much(message, self._complete(), now):
            return
        self._reset = None
        if follows and not self._follow_reset(message, now):
            return
        if n < self._inbox.next_in:
            # I04: no silent reset of ours
            self._alarm(f"the peer's Logon has MsgSeqNum {n}, {self._inbox.next_in} was expected: it lost its numbers")
            self._end(CloseReason.SEQUENCE_TOO_LOW, self._low_text(n), now, STATUS_SEQ_NUM_TOO_LOW)
            return
        message.detach()
        reset = asks_for_reset(message, self.config)
        self._established(message, n, reset, 0 if reset else self._complete(), now)

    def _complete(self) -> int:
        """Return the number behind our Logon: what was sent since waits for the answer, and is not missed (N04)."""
        return self._outbox.last_resendable() + 1

    def _follow_reset(self, answer: Message, now: Now) -> bool:
        """The answer resets though we did not ask. If our Logon was number 1 it stays, else another is sent (R03)."""
        if self._outbox.next_out == 2 and self._inbox.next_in == 1:
            return True
        first = self._outbox.next_out == 2
        self._new_epoch("peer")
        if not first:
            return self._send_logon(self.config.heart_bt_int, True, (), now, answer)
        self._outbox.withheld.add(self._outbox.commit(self._logon_raw, now, queue=False))
        return True
