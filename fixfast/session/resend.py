"""Answering a ResendRequest: stored messages again, byte for byte but for what must differ; the rest as GapFills."""

from __future__ import annotations

from collections.abc import Callable

from fixfast.errors import GarbledMessage, MessageError, StoreCorrupt
from fixfast.session.wire import Message, parse
from fixfast.store.base import Store
from fixfast.types import PASSWORD_TAGS

__all__ = ["Replay", "poss_dup"]

#: One batch ends after so many bytes or messages, so a long replay takes bounded memory (P16).
BATCH_BYTES = 1 << 16
BATCH_MESSAGES = 256
#: ... and one call looks at no more stored messages than this, even when all of them are gap-filled. Numbers that were
#: never stored cost nothing, be there ever so many.
BATCH_LOOKS = 4096
#: ... and tries no more than this to read on behind a damaged record: each time a store may have to go back a little.
BATCH_DAMAGED = 64

#: Session messages are never resent; Reject(3) may be, and is not, like in other engines (P15).
_NOT_RESENT = frozenset({"0", "1", "2", "3", "4", "5", "A"})


class Replay:
    """The answer to one or more ResendRequests, in progress. Drives itself by numbers, so it can stop anywhere.

    Args:
        begin, end: the numbers asked for, both included; stored all of them.
        resendable: (message, wall time it was stored, ns) -> whether an application message may go out again.
        lost: called with (first, last, damaged) for numbers the store does not give back (P14).
    """

    __slots__ = ("_damaged", "_gap_from", "_lost", "_next", "_resendable", "begin", "end", "queue", "resent")

    def __init__(
        self, begin: int, end: int, resendable: Callable[[Message, int], bool], lost: Callable[[int, int, bool], None]
    ) -> None:
        self._resendable = resendable
        self._lost = lost
        self.queue: list[tuple[int, int]] = []  #: ranges asked for meanwhile
        self._start(begin, end)

    def _start(self, begin: int, end: int) -> None:
        self.begin = self._next = begin
        self.end = end
        self.resent = 0
        self._gap_from: int | None = None
        self._damaged: int | None = None  # the first of those that could not be read just now

    @property
    def finished(self) -> bool:
        """Whether the present range is answered to its end."""
        return self._next > self.end

    def next_range(self) -> bool:
        """Go on to the next range asked for; False when there is none."""
        if not self.queue:
            return False
        self._start(*self.queue.pop(0))
        return True

    def batch(self, store: Store, stamp: bytes, gap_fill: Callable[[int, int], bytes]) -> list[bytes]:
        """Return the next messages of the answer; empty when finished (or when very many were gap-filled).

        Args:
            stamp: SendingTime(52) of the messages.
            gap_fill: (first, new_seq_no) -> a GapFill message.
        """
        out: list[bytes] = []
        stop = self.end
        for _ in range(BATCH_DAMAGED):
            try:
                if self._read(store, stop, stamp, gap_fill, out) and self._next <= stop:
                    self._leave_out(self._next, stop, missing=True)
                    self._next = stop + 1
                break
            except StoreCorrupt:
                # P14, T15: this one cannot be read, and perhaps others behind it. It is tried from the next one on.
                self._leave_out(self._next, self._next)
                if self._damaged is None:
                    self._damaged = self._next
                self._next += 1
                if out or self._next > stop:
                    break
        if self.finished:
            self._end_damage()
            if self._gap_from is not None:
                # P20: exactly to the end that was asked for
                out.append(gap_fill(self._gap_from, self.end + 1))
                self._gap_from = None
        return out

    def _read(
        self, store: Store, stop: int, stamp: bytes, gap_fill: Callable[[int, int], bytes], out: list[bytes]
    ) -> bool:
        """Fill `out`; return whether the store had no more up to `stop`, rather than the batch being full."""
        size = 0
        for looked_at, (n, wall_ns, raw) in enumerate(store.read_out(self._next, stop), 1):
            self._end_damage()
            if n > self._next:
                self._leave_out(self._next, n - 1, missing=True)
            again = self._again(n, wall_ns, raw, stamp)
            self._next = n + 1
            if again is None:
                self._leave_out(n, n)
                if looked_at >= BATCH_LOOKS:
                    return False
                continue
            if self._gap_from is not None:
                out.append(gap_fill(self._gap_from, n))
                self._gap_from = None
            out.append(again)
            self.resent += 1
            size += len(again)
            if size >= BATCH_BYTES or len(out) >= BATCH_MESSAGES:
                return False
        return True

    def _end_damage(self) -> None:
        """Tell of the numbers before this one that could not be read."""
        if self._damaged is not None:
            self._lost(self._damaged, self._next - 1, True)
            self._damaged = None

    def _leave_out(self, first: int, last: int, missing: bool = False) -> None:
        if self._gap_from is None:
            self._gap_from = first
        if missing:
            self._lost(first, last, False)

    def _again(self, n: int, wall_ns: int, raw: bytes, stamp: bytes) -> bytes | None:
        """Return a stored message as it is resent, None to gap-fill it."""
        try:
            message = parse(raw, max_message_size=len(raw))
            if message.msg_seq_num != n:
                raise GarbledMessage("another MsgSeqNum", 0)
        except MessageError:
            # P14: content is never invented
            self._lost(n, n, True)
            return None
        if message.msg_type in _NOT_RESENT or any(tag in message for tag in PASSWORD_TAGS):
            return None
        return poss_dup(raw, stamp) if self._resendable(message, wall_ns) else None


def poss_dup(raw: bytes, stamp: bytes) -> bytes:
    """Return a message of ours with 43=Y and the new SendingTime, the old one in 122; all else stays (P01, P21).

    The session's own fields come first, so the first `52=` behind an SOH is SendingTime, whatever data follows.
    """
    start = raw.index(b"\x0135=") + 1
    time_at = raw.index(b"\x0152=") + 1
    time_end = raw.index(b"\x01", time_at)
    original = raw[time_at + 3 : time_end]
    # OrigSendingTime must not be above SendingTime (S07), also when our clock was set back
    stamp = max(stamp, original)
    body = b"%b43=Y\x0152=%b\x01122=%b%b" % (raw[start:time_at], stamp, original, raw[time_end:-7])
    message = b"%b\x019=%d\x01%b" % (raw[: raw.index(b"\x01")], len(body), body)
    return b"%b10=%03d\x01" % (message, sum(message) % 256)
