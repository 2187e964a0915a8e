"""The open end of a journal: records are put there, and made durable. Knows nothing of what they mean.

A position counts the bytes of a journal across its files: it is the file's base plus an offset in it. When a segment is
sealed, switch() goes on in the next file, and positions go on rising.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock as Mutex

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.store.files import JournalFile
from fixfast.store.packing import packed
from fixfast.store.records import Damage, Header, Kind, Record, read_records
from fixfast.types import Buffer

__all__ = ["RecordFile", "write_all"]

_NEVER = 1 << 62
#: bytes allocated ahead, and how much of them is kept for a Logout when the disk is full (requirement O10)
_AHEAD = 1 << 18
_RESERVE = 1 << 15


class RecordFile:
    """An append-only sequence of records. After a failed write or sync everything raises StoreError for ever.

    Attributes:
        file, header: the file that records go to. `base`: the position of its first byte.
        position: where the next record goes. `mutex`: to be held for put(), and for what must not come apart from it.
        synced: everything below this position is durable.
        free_below: outbound numbers below this need no lease(). 0 when records have reached `limit`: the file is far
            larger than it should be.
        space_low: allocating ahead failed; what was allocated before still takes up to 32 KiB.
        failure: why there is no use in going on, or None.
        dirty: whether records were put since the last sync().
    """

    __slots__ = (
        "_allocated",
        "_epoch",
        "_grow_at",
        "_pwrite",
        "_quiet_end",
        "_seed",
        "base",
        "failure",
        "file",
        "free_below",
        "header",
        "limit",
        "mutex",
        "path",
        "position",
        "space_low",
        "synced",
    )

    def __init__(self, path: str, file: JournalFile, header: Header, end: int, base: int = 0) -> None:
        self.path = path
        self.mutex = Mutex()
        self.space_low = False
        self.failure: str | None = None
        self.limit = _NEVER
        self.free_below = 0
        self.synced = base
        self._quiet_end = -1  # where the last sync that left nothing behind ended
        self._take(file, header, base, base + end)

    def _take(self, file: JournalFile, header: Header, base: int, position: int) -> None:
        self.file = file
        self.header = header
        self.base = base
        self.position = position
        self._pwrite = file.pwrite
        self._seed = header.seed
        self._epoch = header.epoch
        self._allocated = base + file.size()
        self._grow_at = max(self._allocated - _RESERVE, position)

    def set_limit(self, position: int) -> None:
        """Have lease() called for when records reach a position."""
        self.limit = position
        self._grow_at = min(self._grow_at, position)

    def switch(self, file: JournalFile, header: Header, end: int) -> None:
        """Go on in another file, behind `end` bytes that are in it. The caller holds `mutex`."""
        base = self.position
        self._take(file, header, base, base + end)

    def put(
        self, kind: int, number: int, last: int, nin: int, wall_ns: int, payload: Buffer = b"", flags: int = 0
    ) -> int:
        """Write one record at the end and return the position behind it. The caller holds `mutex`.

        Raises: ValueError: a number does not fit (nothing was written). StoreError.
        """
        try:
            data = packed(kind, flags, self._epoch, self._seed, number, last, nin, wall_ns, payload)
        except OverflowError as exc:
            raise ValueError(f"a number does not fit into a record: {number}, {last}, {wall_ns}") from exc
        at = self.position
        end = at + len(data)
        if end > self._grow_at:
            self._grow(end)
        try:
            written = self._pwrite(data, at - self.base)
            if written != len(data):
                write_all(self._pwrite, memoryview(data)[max(written, 0) :], at - self.base + max(written, 0))
        except OSError as exc:
            raise self.poison("write", exc) from exc
        self.position = end
        return end

    def sync(self, wall_ns: int) -> None:
        """Make everything put so far durable and leave a SYNCED record. One caller at a time; not holding `mutex`."""
        with self.mutex:
            self.check()
            target, file = self.position, self.file
            if target == self._quiet_end:
                return
        try:
            file.sync()
        except OSError as exc:
            # Never tried again: the kernel may have dropped the pages it could not write (requirement B3).
            raise self.poison("sync", exc) from exc
        with self.mutex:
            alone, base = self.position == target, self.base
            # NIN-after is 0, "not stated": this may run in a thread that does not own the session.
            self.put(Kind.SYNCED, target - base, self.position - base, 0, wall_ns, self.header.mark)
            self.synced = self.position if alone else target
            self._quiet_end = self.position if alone else -1

    @property
    def dirty(self) -> bool:
        """Whether sync() would have anything to do."""
        return self.position != self._quiet_end

    def mark_synced(self) -> None:
        """Note that everything put so far is durable."""
        self.synced = self._quiet_end = self.position

    def records(self, file: JournalFile, header: Header, start: int, end: int, path: str = "") -> Iterator[Record]:
        """Yield the records at offsets [start, end) of one of the journal's files, which they fill, in bounded memory.

        Raises: StoreCorrupt: one is damaged. StoreError: the journal was closed meanwhile, or cannot be read.
        """
        path = path or self.path

        def read(offset: int, size: int) -> bytes:
            with self.mutex:  # so that the file cannot be closed, and its descriptor used anew, under the read
                self.check()
                try:
                    return file.pread(size, offset)
                except OSError as exc:
                    raise StoreError(f"{path}: cannot be read at byte {offset}: {exc}") from exc

        at = start
        try:
            for record in read_records(read, start, end, header):
                at = record.end
                yield record
                self.check()
        except Damage as found:
            raise StoreCorrupt(path, found.offset, found.detail) from None
        if at != end:
            raise StoreCorrupt(path, at, "there are zeros where records were")

    def give_back(self) -> None:
        """Give back what was allocated ahead."""
        self.file.truncate(self.position - self.base)
        self._allocated = self._grow_at = self.position

    def close(self, why: str = "closed") -> None:
        """Close the file; every later use raises StoreError(why)."""
        with self.mutex:
            self.failure = self.failure or why
            self._pwrite = self._refuse
            self.file.close()

    def check(self) -> None:
        """Raise StoreError if the file is of no use any more."""
        if self.failure is not None:
            raise StoreError(f"{self.path}: {self.failure}")

    def poison(self, doing: str, exc: Exception) -> StoreError:
        """Refuse everything from now on: what the disk holds is no longer known. Return what to raise."""
        self.failure = f"unusable since a {doing} failed: {exc}"
        self._pwrite = self._refuse
        return StoreError(f"{self.path}: {doing} failed: {exc}")

    def _refuse(self, data: Buffer, offset: int) -> int:
        raise StoreError(f"{self.path}: {self.failure}")

    def _grow(self, end: int) -> None:
        """Allocate ahead. A full disk is noticed here, while there is still room for a Logout."""
        self.check()
        if end > self.limit:
            self.limit = _NEVER
            self.free_below = 0
        if end > self._allocated - _RESERVE:
            step = max(_AHEAD, end + _RESERVE - self._allocated)
            try:
                if not self.file.allocate(self._allocated - self.base, step):
                    self._grow_at = self.limit
                    return
            except OSError:
                self.space_low = True
                # Within the reserve, go on; behind it, try again with every record. The write has the last word.
                self._grow_at = min(max(self._allocated, end), self.limit)
                return
            self.space_low = False
            self._allocated += step
        self._grow_at = min(self._allocated - _RESERVE, self.limit)


def write_all(pwrite: Callable[[Buffer, int], int], data: Buffer, at: int) -> None:
    """Write all of it, however little the file takes at once. Raises: OSError."""
    rest = memoryview(data)
    while rest:
        written = pwrite(rest, at)
        if written <= 0:
            raise OSError("the file takes no more bytes")
        rest, at = rest[written:], at + written
