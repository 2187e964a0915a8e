"""What the records of a journal add up to: the state a store is in, derived, record by record."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from fixfast.store.base import InboundLedger
from fixfast.store.records import HEADER_SIZE, Header, Kind, Record

__all__ = ["Index", "JournalState", "Pending", "Sealed"]

#: bytes of journal per entry of the index: what a range read has to walk through before its first message
_INDEX_STEP = 1 << 15
#: of the numbers of a record; what is derived from them must fit into 64 bits, too
_MAX = (1 << 63) - 1
#: segments that one record may say are gone: each is a file to look for
_MOST_DROPPED = 1 << 20


class Pending(NamedTuple):
    """Received messages a..b, not all dealt with; their record begins at position `at`."""

    a: int
    b: int
    at: int
    flags: int


class Sealed(NamedTuple):
    """A former segment of the epoch: `base` is the position of its first byte, `end` the offset of its SEALED record.

    Outbound numbers `first_out` up to and without `next_out` were used in it.
    """

    number: int
    file_id: bytes
    base: int
    end: int
    first_out: int
    next_out: int


class Index(NamedTuple):
    """A sparse index of OUT records: of every so many, its number and where it begins."""

    numbers: array[int]
    offsets: array[int]

    def find(self, n: int) -> int | None:
        """Return where a record at or before that of number n begins; None: there is none at all."""
        if not self.numbers:
            return None
        return self.offsets[max(bisect_right(self.numbers, n) - 1, 0)]

    def behind(self, offset: int) -> tuple[int, int] | None:
        """Return number and offset of the first entry behind an offset; None: there is none."""
        i = bisect_right(self.offsets, offset)
        return (self.numbers[i], self.offsets[i]) if i < len(self.offsets) else None


class JournalState:
    """The state after some records. apply() is for reading files; the store calls the parts of it when it writes.

    Positions count the bytes of the epoch's segments from `origin` on.

    Attributes:
        header: of the segment that records go to.
        next_out, created_ns, lost_out, why: as in StoreState.
        ledger: the inbound side.
        pending: receipts not all dealt with, in order.
        lease_end: outbound numbers below this may have been used, as far as the journal says.
        boot_id: of the last process that had the journal open.
        clean: nothing happened since the last clean stop.
        segment, base, first_out: the number of the present segment; the position of its first byte; NOUT at its start.
        body: the position behind its first record.
        sealed: the segments before it that are kept, oldest first.
        dropped: (epoch, first, last) of segments that are not kept any more, and perhaps not removed yet.
        stopped: the record before was the mark of a clean stop.
        doubt_from: numbers from here on may have been used before a power loss, unless synced; 0: none.
    """

    __slots__ = (
        "_index_at",
        "_index_n",
        "_index_next",
        "base",
        "body",
        "boot_id",
        "clean",
        "created_ns",
        "doubt_from",
        "dropped",
        "first_out",
        "header",
        "lease_end",
        "ledger",
        "lost_out",
        "next_out",
        "origin",
        "pending",
        "sealed",
        "segment",
        "stopped",
        "why",
    )

    def __init__(self, header: Header, origin: int = 0) -> None:
        self.header = header
        self.next_out = 1
        self.created_ns: int | None = None
        self.lost_out: tuple[int, int] | None = None
        self.ledger = InboundLedger()
        self.pending: deque[Pending] = deque()
        self.lease_end = 1
        self.boot_id = header.boot_id
        self.clean = True
        self.stopped = False
        self.doubt_from = 0
        self.why = ""
        self.origin = self.base = self.body = origin
        self.segment = 1
        self.first_out = 1
        self.sealed: list[Sealed] = []
        self.dropped: list[tuple[int, int, int]] = []
        self._clear_index()

    def _clear_index(self) -> None:
        # Sparse index of the segment's OUT records: number and position of one in every 32 KiB.
        self._index_n = array("Q")
        self._index_at = array("Q")
        self._index_next = 0

    def apply(self, record: Record) -> None:
        """Take in the next record of the file.

        Raises: ValueError: it cannot follow what went before (nothing that this store would have written).
        """
        kind = record.kind
        if record.number > _MAX or record.last > _MAX or record.nin > _MAX:
            raise ValueError(f"there is no such number: {record.number}, {record.last}, {record.nin}")
        at = self.base + record.offset
        if (kind in (Kind.EPOCH, Kind.SEGMENT)) != (record.offset == HEADER_SIZE):
            raise ValueError("a segment must begin with what it is, once")
        if record.offset == HEADER_SIZE:
            self.body = self.base + record.end
        if kind == Kind.OUT:
            if record.number < self.next_out:
                raise ValueError(f"outbound number {record.number} twice")
            self.sent(record.number, at, record.wall_ns)
        elif kind == Kind.IN:
            self.ledger.check_receipt(record.number, record.last)
            self.received(record.number, record.last, at, record.flags)
        elif kind == Kind.DONE:
            self.settled(self.ledger.done(record.number))
        elif kind == Kind.FILL:
            self.ledger.check_fill(record.number, record.last)
            self.settled(self.ledger.fill(record.number, record.last))
        elif kind == Kind.FORGET:
            self.forget(record.number)
        elif kind == Kind.LEASE:
            self.lease_end = max(self.lease_end, record.number)
            self.clean = False
        elif kind == Kind.SKIP:
            self.skip(record.number, record.last)
        elif kind == Kind.OPEN:
            self.opened()
            self.boot_id = record.payload
        elif kind == Kind.MARK:
            self.clean = True
            # The lease ends here. Were it to go on, a message sent after this and lost with the power would leave a
            # file that still ends with a clean stop, and its number would be used again.
            self.lease_end = self.next_out
        elif kind == Kind.EPOCH:
            self.why = record.payload.decode("utf-8", "replace") if record.number > 1 else ""
        elif kind == Kind.DROP:
            if record.last - record.number > _MOST_DROPPED or len(record.payload) != 4:
                raise ValueError(f"segments {record.number}..{record.last} cannot all have been dropped")
            self.dropped.append((int.from_bytes(record.payload, "little"), record.number, record.last))
        elif kind not in (Kind.SEGMENT, Kind.SYNCED):
            raise ValueError(f"record of unknown kind {kind}")
        self.stopped = kind == Kind.MARK or (self.stopped and kind == Kind.SYNCED)
        if record.nin != self.ledger.next_in and kind != Kind.SYNCED:
            raise ValueError(f"record says NIN {record.nin}, the records before it add up to {self.ledger.next_in}")

    def sent(self, n: int, at: int, wall_ns: int) -> None:
        """Outbound number n is used, its record at that position."""
        self.next_out = n + 1
        self.clean = False
        self.lost_out = None
        if at >= self._index_next:
            self._index_n.append(n)
            self._index_at.append(at)
            self._index_next = at + _INDEX_STEP
            if self.created_ns is None:  # the first message always gets here
                self.created_ns = wall_ns

    def opened(self) -> None:
        """A process takes the journal up on another boot, or after a clean stop."""
        if not self.stopped:
            self.doubt_from = self.next_out
        self.stopped = False

    def received(self, a: int, b: int, at: int, flags: int) -> None:
        """Messages a..b are received, their record at that position."""
        self.ledger.received = b + 1
        self.pending.append(Pending(a, b, at, flags))
        self.clean = False

    def settled(self, nin: int) -> None:
        """Everything below nin is dealt with."""
        pending = self.pending
        while pending and pending[0].b < nin:
            pending.popleft()
        self.clean = False

    def forget(self, n: int) -> None:
        """What was received from n on counts as not received."""
        self.ledger.forget(n)
        while self.pending and self.pending[-1].b >= n:
            self.pending.pop()
        self.clean = False

    def skip(self, first: int, last: int) -> None:
        """Outbound numbers first..last may have been used; what they said is lost."""
        if first < self.next_out or last < first:
            raise ValueError(f"outbound numbers {first}..{last} skipped, {self.next_out} is next")
        self.lost_out = (first, last)
        self.next_out = last + 1
        self.clean = False

    def index(self) -> Index:
        """Return the index of the present segment, by offset."""
        base = self.base
        return Index(self._index_n[:], array("Q", [at - base for at in self._index_at]))

    def begin_segment(self, header: Header, base: int, body: int, sealed: list[Sealed]) -> None:
        """Go on in the next segment; `sealed`: those before it that are kept."""
        self.header = header
        self.base = base
        self.body = body
        self.segment += 1
        self.first_out = self.next_out
        self.sealed = sealed
        self.dropped = []
        self._clear_index()
