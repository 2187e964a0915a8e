"""The segments of an epoch: their names, the record each begins with, the one it ends with, and reading them by range.

`x.journal` is the present segment. Those before it in the same epoch are `x.<epoch>.<number>.segment`, sealed: they end
with a SEALED record that holds a sparse index of the outbound messages. The index is a cache. Its CRC is that of the
record, what it points at is checked, and when it is of no use the segment is read from its beginning instead.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from sys import byteorder

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.store.files import FileSystem, JournalFile
from fixfast.store.recordfile import RecordFile
from fixfast.store.records import BLANKED, HEADER_SIZE, Damage, Header, Kind, Record, parse_header
from fixfast.store.replay import Index, JournalState, Pending, Sealed

__all__ = [
    "NEXT",
    "SealedSegments",
    "archive_path",
    "check_sealed",
    "load_state",
    "next_file_id",
    "out_messages",
    "pack_index",
    "pack_state",
    "segment_path",
    "unpack_index",
]

#: what the file of the next segment is called until everything before it is durable
NEXT = ".next"

#: version, flags, id of the segment before, base, NOUT, created_ns, lost first and last, lease end, in doubt from, NIN,
#: received, boot id, and how many fills, receipts and segments follow; behind those, why the epoch began
_STATE = struct.Struct("<BB16sQQqQQQQQQ32sIII")
_FILL = struct.Struct("<QQ")
_PENDING = struct.Struct("<QQQB")
_SEALED = struct.Struct("<I16sQQQQ")
_VERSION = 1
#: no more segments in an epoch: their numbers are written with 4 bytes
_LAST = (1 << 32) - 2
#: nor more bytes: a position must stay below what stands for "need not wait for a sync"
_FAR = 1 << 60
_CLEAN, _CREATED, _LOST = 1, 2, 4
_ID_SIZE = 16


def _stem(path: str) -> str:
    return path.removesuffix(".journal")


def archive_path(path: str, epoch: int) -> str:
    """Return the name that the last segment of a former epoch is kept under."""
    return f"{_stem(path)}.{epoch}.journal"


def segment_path(path: str, epoch: int, number: int) -> str:
    """Return the name of a sealed segment."""
    return f"{_stem(path)}.{epoch}.{number}.segment"


# --- the first record of a segment ----------------------------------------------------------------------------------


def pack_state(state: JournalState, sealed: list[Sealed], base: int) -> bytes:
    """Return the payload of a SEGMENT record: all that the records before it add up to.

    Args:
        sealed: the segments that are kept, the one that ends here last.
        base: the position of the new segment's first byte.
    """
    origin, ledger, lost = state.origin, state.ledger, state.lost_out
    flags = _CLEAN * state.clean | _CREATED * (state.created_ns is not None) | _LOST * (lost is not None)
    head = _STATE.pack(
        _VERSION,
        flags,
        state.header.file_id,
        base - origin,
        state.next_out,
        state.created_ns or 0,
        *(lost or (0, 0)),
        state.lease_end,
        state.doubt_from,
        ledger.next_in,
        ledger.received,
        state.boot_id,
        len(ledger.fills),
        len(state.pending),
        len(sealed),
    )
    return b"".join(
        chain(
            (head,),
            (_FILL.pack(a, b) for a, b in ledger.fills),
            (_PENDING.pack(p.a, p.b, p.at - origin, p.flags) for p in state.pending),
            (_SEALED.pack(s.number, s.file_id, s.base - origin, s.end, s.first_out, s.next_out) for s in sealed),
            (state.why.encode("utf-8", "replace")[:1000],),
        )
    )


def load_state(state: JournalState, record: Record) -> bytes:
    """Fill a new state with what a SEGMENT record says; return the id of the file that the segment continues.

    Raises: ValueError: this is not what pack_state() writes.
    """
    data = record.payload
    try:
        version, flags, before, base, next_out, created, first, last, lease, doubt, nin, received, boot, *counts = (
            _STATE.unpack_from(data)
        )
        if version != _VERSION:
            raise ValueError(f"segment version {version}, this fixfast reads version {_VERSION}")
        if record.number > _LAST:
            raise ValueError(f"segment {record.number} of an epoch: nobody wrote so many")
        if base > _FAR:
            raise ValueError(f"a segment at position {base}: nobody wrote so much")
        rest = memoryview(data)[_STATE.size :]
        parts = []
        for layout, count in zip((_FILL, _PENDING, _SEALED), counts, strict=True):
            size = layout.size * count
            parts.append(list(layout.iter_unpack(rest[:size])))
            rest = rest[size:]
        if [len(part) for part in parts] != counts:
            raise ValueError("the segment's first record has the wrong length")
    except struct.error as exc:
        raise ValueError(f"the segment's first record makes no sense: {exc}") from None
    state.segment, state.base, state.origin = record.number, base, 0
    state.next_out = state.first_out = next_out
    state.created_ns = created if flags & _CREATED else None
    state.lost_out = (first, last) if flags & _LOST else None
    state.lease_end, state.doubt_from = lease, doubt
    state.ledger.next_in, state.ledger.received = nin, received
    state.ledger.fills = [(a, b) for a, b in parts[0]]
    state.pending.extend(Pending(*entry) for entry in parts[1])
    state.sealed = [Sealed(*entry) for entry in parts[2]]
    state.boot_id = boot.rstrip(b"\0")
    state.clean = bool(flags & _CLEAN)
    state.why = bytes(rest).decode("utf-8", "replace")
    file_id: bytes = before
    return file_id


# --- the last record of a segment -----------------------------------------------------------------------------------


def pack_index(next_id: bytes, index: Index) -> bytes:
    """Return the payload of a SEALED record: the id of the file that follows, and the index."""
    columns = array("Q", index.numbers), array("Q", index.offsets)
    if byteorder == "big":
        for column in columns:
            column.byteswap()
    return next_id + columns[0].tobytes() + columns[1].tobytes()


def next_file_id(payload: bytes) -> bytes:
    """Return the id of the file that follows a SEALED record."""
    return payload[:_ID_SIZE]


def unpack_index(payload: bytes) -> Index | None:
    """Return the index in a SEALED record; None when it makes no sense."""
    entries, odd = divmod(len(payload) - _ID_SIZE, 16)
    if odd or entries < 0:
        return None
    numbers, offsets = array("Q"), array("Q")
    numbers.frombytes(payload[_ID_SIZE : _ID_SIZE + 8 * entries])
    offsets.frombytes(payload[_ID_SIZE + 8 * entries :])
    if byteorder == "big":
        numbers.byteswap()
        offsets.byteswap()
    return Index(numbers, offsets)


# --- reading --------------------------------------------------------------------------------------------------------


def check_sealed(files: FileSystem, path: str, epoch: int, sealed: list[Sealed]) -> None:
    """See that every segment that should be there is, by its header and length.

    Raises: StoreCorrupt: naming the file that is gone, cut, or another.
    """
    for segment in sealed:
        name = segment_path(path, epoch, segment.number)
        if not files.exists(name):
            raise StoreCorrupt(name, 0, f"segment {segment.number} of the journal is gone")
        file = files.open(name)
        try:
            size, header = file.size(), parse_header(file.pread(HEADER_SIZE, 0))
        except Damage as found:
            raise StoreCorrupt(name, found.offset, found.detail) from None
        finally:
            file.close()
        if header.file_id != segment.file_id:
            raise StoreCorrupt(name, 8, f"this is not segment {segment.number} of the journal")
        if size < segment.end:
            raise StoreCorrupt(name, size, f"segment {segment.number} of the journal had {segment.end} bytes")


class _Open:
    """A sealed segment, open for reading."""

    def __init__(self, segment: Sealed, path: str, file: JournalFile, header: Header) -> None:
        self.segment = segment
        self.path = path
        self.file = file
        self.header = header
        self.index: Index | None = None


class SealedSegments:
    """Reads sealed segments. Keeps the one read last open, with its index: a replay comes back to it batch by batch."""

    def __init__(self, files: FileSystem, path: str) -> None:
        self._files = files
        self._path = path
        self._last: _Open | None = None

    def forget(self) -> None:
        """Close what is open (when nobody reads it any more)."""
        self._last = None

    def record_at(self, log: RecordFile, segment: Sealed, offset: int) -> Record:
        """Return the record at an offset where there is one. Raises: StoreCorrupt, StoreError."""
        there = self._open(log, segment)
        return next(log.records(there.file, there.header, offset, segment.end, there.path))

    def messages(self, log: RecordFile, segment: Sealed, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of the segment's outbound messages a..b. Raises: StoreCorrupt, StoreError."""
        there = self._open(log, segment)

        def read(offset: int) -> Iterator[Record]:
            return log.records(there.file, there.header, offset, segment.end, there.path)

        if there.index is None:
            index = self._stored_index(log, there)
            there.index = index if index is not None and _fits(index, read, a) else _index_anew(there.header, read)
        if not there.index.numbers:
            for _ in read(HEADER_SIZE):  # there are no messages; or they cannot be read, and this says so
                pass
        return out_messages(read, there.index, segment.next_out, a, b)

    def _open(self, log: RecordFile, segment: Sealed) -> _Open:
        last = self._last
        if last is not None and last.segment.file_id == segment.file_id:
            return last
        path = segment_path(self._path, log.header.epoch, segment.number)
        try:
            file = self._files.open(path)
            header = parse_header(file.pread(HEADER_SIZE, 0))
        except OSError as exc:
            raise StoreError(f"{path}: cannot be read: {exc}") from exc
        except Damage as found:
            raise StoreCorrupt(path, found.offset, found.detail) from None
        if header.file_id != segment.file_id:
            raise StoreCorrupt(path, 8, f"this is not segment {segment.number} of the journal")
        self._last = last = _Open(segment, path, file, header)
        return last

    def _stored_index(self, log: RecordFile, there: _Open) -> Index | None:
        """Return the index at the segment's end; None when it is missing or damaged."""
        segment = there.segment
        try:
            sealed = next(log.records(there.file, there.header, segment.end, there.file.size(), there.path), None)
            if sealed is None or sealed.kind != Kind.SEALED:
                return None
            return unpack_index(sealed.payload)
        except (StoreCorrupt, OSError):
            return None


def _fits(index: Index, read: Callable[[int], Iterator[Record]], n: int) -> bool:
    """Whether an index says the truth about where it is looked up."""
    start = index.find(n)
    if start is None:
        return True
    try:
        record = next(read(start))
    except StoreCorrupt:
        return True  # damage of the record, not of the index
    return record.kind == Kind.OUT and record.number == index.numbers[index.offsets.index(start)]


def _index_anew(header: Header, read: Callable[[int], Iterator[Record]]) -> Index:
    """Read a whole segment. Where it is damaged the index ends."""
    state = JournalState(header)
    with suppress(StoreCorrupt):
        for record in read(HEADER_SIZE):
            if record.kind == Kind.OUT:
                state.sent(record.number, record.offset, record.wall_ns)
    return state.index()


def out_messages(
    read: Callable[[int], Iterator[Record]], index: Index, next_out: int, a: int, b: int
) -> Iterator[tuple[int, int, bytes]]:
    """Yield (n, wall_ns, bytes) of the outbound messages a..b of a segment; none that had secrets (C8).

    Args:
        read: offset -> the records from there on.
        next_out: one above the last number used in the segment.

    Raises:
        StoreCorrupt: the number after the last one that was yielded, or `a`, cannot be read. What stands behind the
            next entry of the index can (T15: what is damaged is gap-filled, what is whole is resent).
    """
    start = index.find(a)
    while start is not None:
        number = a
        try:
            for record in read(start):
                if record.kind != Kind.OUT or record.number < a:
                    continue
                if record.number > b:
                    return
                number = record.number + 1
                if not record.flags & BLANKED:
                    yield record.number, record.wall_ns, record.payload
            return
        except StoreCorrupt as damage:
            following, start = index.behind(damage.offset) or (next_out, None)
            if following > number:
                raise
