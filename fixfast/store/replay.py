"""What the records of a journal add up to: the state a store is in, derived, record by record."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from fixfast.store.base import InboundLedger
from fixfast.store.records import Header, Kind, Record

__all__ = ["JournalState", "Pending"]

#: bytes of journal per entry of the index: what a range read has to walk through before its first message
_INDEX_STEP = 1 << 15


class Pending(NamedTuple):
    """Received messages a..b, not all dealt with; their record begins at `offset`."""

    a: int
    b: int
    offset: int
    flags: int


class JournalState:
    """The state after some records. apply() is for reading a file; the store calls the parts of it when it writes.

    Attributes:
        header: the file's header.
        next_out, created_ns, lost_out, why: as in StoreState.
        ledger: the inbound side.
        pending: receipts not all dealt with, in order.
        lease_end: outbound numbers below this may have been used, as far as the file says.
        boot_id: of the last process that had the journal open.
        clean: nothing happened since the last clean stop.
    """

    __slots__ = (
        "_index_at",
        "_index_n",
        "_index_next",
        "boot_id",
        "clean",
        "created_ns",
        "header",
        "lease_end",
        "ledger",
        "lost_out",
        "next_out",
        "pending",
        "why",
    )

    def __init__(self, header: Header) -> None:
        self.header = header
        self.next_out = 1
        self.created_ns: int | None = None
        self.lost_out: tuple[int, int] | None = None
        self.ledger = InboundLedger()
        self.pending: deque[Pending] = deque()
        self.lease_end = 1
        self.boot_id = header.boot_id
        self.clean = True
        self.why = ""
        # Sparse index of the OUT records: number and offset of one in every 32 KiB.
        self._index_n = array("Q")
        self._index_at = array("Q")
        self._index_next = 0

    def apply(self, record: Record) -> None:
        """Take in the next record of the file.

        Raises: ValueError: it cannot follow what went before (nothing that this store would have written).
        """
        kind = record.kind
        if kind == Kind.OUT:
            if record.number < self.next_out:
                raise ValueError(f"outbound number {record.number} twice")
            self.sent(record.number, record.offset, record.wall_ns)
        elif kind == Kind.IN:
            self.ledger.check_receipt(record.number, record.last)
            self.received(record.number, record.last, record.offset, record.flags)
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
            self.boot_id = record.payload
        elif kind == Kind.MARK:
            self.clean = True
            # The lease ends here. Were it to go on, a message sent after this and lost with the power would leave a
            # file that still ends with a clean stop, and its number would be used again.
            self.lease_end = self.next_out
        elif kind == Kind.EPOCH:
            self.why = record.payload.decode("utf-8", "replace") if record.number > 1 else ""
        elif kind != Kind.SYNCED:
            raise ValueError(f"record of unknown kind {kind}")
        if record.nin != self.ledger.next_in and kind != Kind.SYNCED:
            raise ValueError(f"record says NIN {record.nin}, the records before it add up to {self.ledger.next_in}")

    def sent(self, n: int, offset: int, wall_ns: int) -> None:
        """Outbound number n is used, its record at offset."""
        self.next_out = n + 1
        self.clean = False
        self.lost_out = None
        if offset >= self._index_next:
            self._index_n.append(n)
            self._index_at.append(offset)
            self._index_next = offset + _INDEX_STEP
            if self.created_ns is None:  # the first message always gets here
                self.created_ns = wall_ns

    def received(self, a: int, b: int, offset: int, flags: int) -> None:
        """Messages a..b are received."""
        self.ledger.receive(b)
        self.pending.append(Pending(a, b, offset, flags))
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

    def find_out(self, n: int) -> int | None:
        """Return the offset of an OUT record at or before that of number n; None when nothing was sent yet."""
        if not self._index_n:
            return None
        return self._index_at[max(bisect_right(self._index_n, n) - 1, 0)]
