"""NextExpectedMsgSeqNum(789): each Logon says what its sender expects next, so that nobody has to ask (N01-N10)."""

from __future__ import annotations

from fixfast.dictionary.validation import Fault
from fixfast.session.checks import MAX_SEQ_NUM
from fixfast.session.config import WITH_NEXT_EXPECTED, SessionConfig
from fixfast.session.recovery import Recovery
from fixfast.session.state import CloseReason
from fixfast.session.wire import Message
from fixfast.types import Now

__all__ = ["STATUS_NEXT_EXPECTED_TOO_HIGH", "NextExpected", "next_expected", "next_expected_fault"]

#: SessionStatus(1409), FIXT only
STATUS_NEXT_EXPECTED_TOO_HIGH = 10


def next_expected(logon: Message, config: SessionConfig) -> int | None:
    """Return the number that the sender of a Logon expects next; None: it does not say, or that is not our matter."""
    if config.next_expected_msg_seq_num == "ignore" or config.begin_string not in WITH_NEXT_EXPECTED:
        return None
    value = logon.get(789) or ""
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        return None
    return int(value) if 0 < int(value) <= MAX_SEQ_NUM else None


def next_expected_fault(logon: Message, config: SessionConfig) -> Fault | None:
    """Refuse a 789 that says nothing, before it is compared with anything (N07)."""
    if config.next_expected_msg_seq_num == "ignore" or config.begin_string not in WITH_NEXT_EXPECTED:
        return None
    if logon.get(789) is None or next_expected(logon, config) is not None:
        return None
    return Fault(99, 789, "NextExpectedMsgSeqNum must be a whole number from 1")


class NextExpected(Recovery):
    """Both sides of recovery at a Logon that carries 789. It is agreed on when both Logons have it."""

    __slots__ = ()

    def _expected_fields(self, answered: int) -> list[tuple[int, int]]:
        """Return 789 for our Logon, if we use it: what we expect once the Logon it answers is counted.

        One that is too high is not counted: what we miss begins at NIN, and is never NIN + 1 (N03, T2).

        Args: answered: MsgSeqNum of that Logon; 0: ours is the first.
        """
        if self.config.next_expected_msg_seq_num != "use":
            return []
        expected = self._inbox.next_in
        return [(789, expected + 1 if answered == expected else expected)]

    def _expects_too_much(self, logon: Message, next_out: int, now: Now) -> bool:
        """N06: the peer holds messages that we do not know of. Says so, and ends the connection where 789 is in use.

        Args: next_out: what the peer can expect at most.
        """
        expected = next_expected(logon, self.config)
        if expected is None or expected <= next_out:
            return False
        self._alarm(
            f"the peer expects MsgSeqNum {expected}, ours would be {next_out}: this store lost messages it sent"
        )
        if self.config.next_expected_msg_seq_num != "use":
            return False  # N10: honoured where it helps; what is wrong shows by the numbers themselves
        text = f"NextExpectedMsgSeqNum too high, expecting {next_out} but received {expected}"
        self._end(CloseReason.NEXT_EXPECTED, text, now, STATUS_NEXT_EXPECTED_TOO_HIGH)
        return True

    def _resend_expected(self, logon: Message, complete: int, now: Now) -> None:
        """N05: resend what the peer misses without being asked, gap-fill our Logon, and only then let others go out.

        Args: complete: the peer that expects this number misses nothing (N04).
        """
        expected = next_expected(logon, self.config)
        if expected is not None and expected < complete:
            first = max(1, expected - self.config.resend_before_expected)
            last = self._outbox.last_resendable()
            self._start_replay(expected, last, now, first if first < expected else 0)
        if self._outbox.replay is None:
            self._outbox.release()

    def _miss_before_logon(self, logon: Message, n: int, now: Now) -> None:
        """Deal with a Logon that is too high: NIN is not moved, it only needs counting when its turn comes (L02, I03).

        A peer that was told by our 789 resends by itself: there is only a timer, after which it is asked (N08).
        """
        if self.config.next_expected_msg_seq_num == "use" and next_expected(logon, self.config) is not None:
            self._hold.put(n, None)
            self._open_gap(n, now, ask=False)
        else:
            self._hold_message(None, n, now)
