"""Taking a journal up: the state its last segment says, a torn tail cut, a rotation that was interrupted finished.

What was durable is vouched for by SYNCED records, and by the names: `x.journal` is only ever a file whose beginning,
and all segments before it, are durable. Damage there refuses to start. Above it everything from the first bad byte on
is cut, and reported. Only while `x.journal.next` exists may that tail reach over two files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.store.files import FileSystem, JournalFile, Opener
from fixfast.store.recordfile import write_all
from fixfast.store.records import (
    HEADER_SIZE,
    Damage,
    Header,
    Kind,
    Record,
    parse_header,
    read_records,
    synced_beyond,
)
from fixfast.store.replay import JournalState, Sealed
from fixfast.store.rotation import Sealing
from fixfast.store.segments import NEXT, check_sealed, load_state, next_file_id, segment_path

__all__ = ["Recovery", "Scan", "TakenUp", "scan", "sealed_before", "take_up"]

#: bytes that are written again at once
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Recovery:
    """What start-up had to cut off the end of a journal: `dropped` bytes from `offset` on, because of `detail`."""

    path: str
    offset: int
    dropped: int
    detail: str


@dataclass(slots=True)
class Scan:
    """One segment's file, read from its beginning to its end.

    Attributes:
        end: where its last good record ends, a SEALED one not counted.
        synced: what its SYNCED records vouch for ends here.
        damage: what is behind that and is no record; None: nothing.
        seal: the SEALED record. before: the id of the file it continues; None for the first of an epoch.
    """

    path: str
    file: JournalFile
    header: Header
    state: JournalState
    size: int
    end: int = HEADER_SIZE
    wall_ns: int = 0
    synced: int = 0
    damage: Damage | None = None
    seal: Record | None = None
    before: bytes | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes; StoreError when that fails."""
        try:
            return self.file.pread(size, offset)
        except OSError as exc:
            raise StoreError(f"{self.path}: cannot be read at byte {offset}: {exc}") from exc

    def vouched(self, offset: int) -> int | None:
        """Return what a SYNCED record behind an offset vouches for, if that is above it."""
        return synced_beyond(self.read, offset, self.size, self.header)

    def write_again(self) -> None:
        """Write again what no SYNCED record vouches for, so that the next sync is about it.

        Where a sync has failed, the pages are in the cache, count as clean, and are not on the disk: a sync by the next
        process would succeed without them (B3).
        """
        begin = self.synced
        while begin < self.end:
            data = self.read(begin, min(_PIECE, self.end - begin))
            write_all(self.file.pwrite, data, begin)
            begin += len(data)

    def refuse_damage(self) -> None:
        """Raise StoreCorrupt if what is damaged was durable."""
        if self.damage is not None:
            vouched = self.vouched(self.damage.offset)
            if vouched is not None:
                detail = f"{self.damage.detail}; it was durable up to byte {vouched}"
                raise StoreCorrupt(self.path, self.damage.offset, detail)


@dataclass(slots=True)
class TakenUp:
    """A journal, ready for the next record: behind `end` in `file`.

    Attributes:
        recovered: what was cut off. in_doubt: records may be missing at the end.
        sealing: the segment before, when a rotation is to be finished first.
    """

    file: JournalFile
    state: JournalState
    end: int
    wall_ns: int
    recovered: Recovery | None = None
    in_doubt: bool = False
    sealing: Sealing | None = None


def take_up(files: FileSystem, path: str, identity: bytes) -> TakenUp:
    """Read a journal that exists, and put right on disk what a crash left unfinished.

    Raises: StoreCorrupt: nothing was changed on disk. StoreError, OSError.
    """
    first = scan(files, path)
    following = None
    try:
        if any(identity) and first.header.identity != identity:
            raise StoreError(f"{path} is the journal of another session")
        if first.end == HEADER_SIZE:
            raise StoreCorrupt(path, HEADER_SIZE, "the segment's first record is missing or damaged")
        first.refuse_damage()
        check_sealed(files, path, first.header.epoch, first.state.sealed)
        if files.exists(path + NEXT):
            following = _begun(files, path, first)
            return _undo(files, path, first) if following is None else _continue(files, path, first, following)
        if first.seal is not None:
            raise StoreCorrupt(path + NEXT, 0, "the segment that goes on from here is gone")
        return _cut_tail(first)
    except BaseException:
        first.file.close()
        if following is not None:
            following.file.close()
        raise


def scan(files: Opener, path: str) -> Scan:
    """Read one segment; damage ends it, and is for the caller to judge.

    Raises: StoreCorrupt: the header is damaged, or the records contradict each other.
    """
    file = files.open(path)
    try:
        size = file.size()
        header = parse_header(file.pread(HEADER_SIZE, 0))
    except Damage as found:
        file.close()
        raise StoreCorrupt(path, found.offset, found.detail) from None
    seen = Scan(path, file, header, JournalState(header), size)
    try:
        for record in read_records(seen.read, HEADER_SIZE, size, header):
            if record.kind == Kind.SEALED:
                seen.seal = record
                break
            if record.kind == Kind.SEGMENT and record.offset == HEADER_SIZE:
                seen.before = load_state(seen.state, record)
            elif record.kind == Kind.SYNCED:
                seen.synced = max(seen.synced, record.number)
            seen.state.apply(record)
            seen.end, seen.wall_ns = record.end, max(seen.wall_ns, record.wall_ns)
    except Damage as found:
        seen.damage = found
    except ValueError as exc:
        file.close()
        raise StoreCorrupt(path, seen.end, str(exc)) from None
    return seen


def _cut_tail(seen: Scan) -> TakenUp:
    taken = TakenUp(seen.file, seen.state, seen.end, seen.wall_ns)
    seen.write_again()
    if seen.damage is not None:
        taken.in_doubt = True
        taken.recovered = Recovery(seen.path, seen.end, _used(seen) - seen.end, seen.damage.detail)
    if seen.damage is not None or seen.seal is not None:
        seen.file.truncate(seen.end)
        seen.file.sync()  # or what was cut could come back behind the next records
    return taken


def _used(seen: Scan) -> int:
    """Return where the last byte is that is not 0: space allocated ahead is no loss."""
    end = at = seen.end
    while at < seen.size:
        data = seen.read(at, min(_PIECE, seen.size - at))
        if not data:
            break
        written = len(data.rstrip(b"\0"))
        end = at + written if written else end
        at += len(data)
    return end


def _begun(files: FileSystem, path: str, first: Scan) -> Scan | None:
    """Return the next segment's file if records went there and nothing before them is missing; None: forget it.

    Raises: StoreCorrupt: what is missing was durable.
    """
    name = path + NEXT
    try:
        following: Scan | None = scan(files, name)
    except StoreCorrupt as exc:
        # A header that was never synced; or damage. The old segment is sealed, and durable, before the new one is.
        if first.seal is not None and _was_durable(files, name, first):
            raise StoreCorrupt(name, exc.offset, exc.detail) from None
        return None
    assert following is not None
    if following.end == HEADER_SIZE:
        following.refuse_damage()
        following.file.close()
        return None
    if following.before != first.header.file_id:
        following.file.close()
        raise StoreCorrupt(name, HEADER_SIZE, f"this does not continue {path}")
    following.refuse_damage()
    if first.end == following.state.base - first.state.base:
        return following
    vouched = following.vouched(0)
    following.file.close()
    if vouched is not None:
        raise StoreCorrupt(path, first.end, "records are missing here that were durable")
    return None


def _was_durable(files: FileSystem, name: str, first: Scan) -> bool:
    assert first.seal is not None
    file = files.open(name)
    try:
        header = Header(next_file_id(first.seal.payload), first.header.epoch, first.header.identity, b"")
        size = file.size()
        return synced_beyond(lambda offset, count: file.pread(count, offset), 0, size, header) is not None
    finally:
        file.close()


def _undo(files: FileSystem, path: str, first: Scan) -> TakenUp:
    """Go on in the old segment: the new one was not begun, or what went there came behind what is lost."""
    taken = _cut_tail(first)
    name = path + NEXT
    file = files.open(name)
    try:
        size = file.size()
        records = any(file.pread(min(size, 1 << 12), HEADER_SIZE))
    finally:
        file.close()
    if records:
        taken.in_doubt = True
        taken.recovered = taken.recovered or Recovery(name, 0, size, "a segment that was not durable yet")
    files.remove(segment_path(path, first.header.epoch, first.state.segment))
    files.remove(name)
    # Or it could come back, and be taken for what continues records that were written since.
    files.sync_directory(os.path.dirname(path))
    return taken


def _continue(files: FileSystem, path: str, first: Scan, following: Scan) -> TakenUp:
    """Go on in the new segment, behind all of the old one."""
    old, state = first.state, following.state
    if (old.next_out, old.ledger.next_in, old.ledger.received) != (
        following.state.first_out,
        *_inbound_at_start(following),
    ):
        raise StoreCorrupt(following.path, HEADER_SIZE, f"this is not the state at the end of {path}")
    name = segment_path(path, old.header.epoch, old.segment)
    if not files.exists(name):
        files.link(path, name)
    check_sealed(files, path, old.header.epoch, state.sealed)
    taken = _cut_tail(following)
    first.write_again()
    segment = Sealed(old.segment, old.header.file_id, old.base, first.end, old.first_out, old.next_out)
    taken.sealing = Sealing(first.file, first.header, segment, old.index())
    return taken


def _inbound_at_start(following: Scan) -> tuple[int, int]:
    record = next(read_records(following.read, HEADER_SIZE, following.size, following.header))
    state = JournalState(following.header)
    load_state(state, record)
    return state.ledger.next_in, state.ledger.received


def sealed_before(files: Opener, path: str) -> list[Sealed]:
    """Return the segments before a file, by its first record; none when that cannot be read. Raises: OSError."""
    file = files.open(path)
    try:
        header = parse_header(file.pread(HEADER_SIZE, 0))
        read = lambda offset, size: file.pread(size, offset)  # noqa: E731
        record = next(read_records(read, HEADER_SIZE, file.size(), header), None)
        state = JournalState(header)
        if record is not None and record.kind == Kind.SEGMENT:
            load_state(state, record)
    except (Damage, ValueError):
        return []
    finally:
        file.close()
    return state.sealed
