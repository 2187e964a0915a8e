"""One open journal file: records are put at its end, read back, made durable. Knows nothing of what they mean."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from threading import Lock as Mutex
from zlib import crc32

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.store.files import JournalFile
from fixfast.store.records import HEAD, Damage, Header, Kind, Record, read_records
from fixfast.types import Buffer

__all__ = ["RecordFile"]

_NEVER = 1 << 62
_CRC = struct.Struct("<I")
#: bytes allocated ahead, and how much of them is kept for a Logout when the disk is full (requirement O10)
_SEGMENT = 1 << 18
_RESERVE = 1 << 15


class RecordFile:
    """An append-only file of records. After a failed write or sync everything raises StoreError for ever.

    Attributes:
        end: where the next record goes. `mutex`: to be held for put(), and for what must not come apart from it.
        space_low: allocating ahead failed; what was allocated before still takes up to 32 KiB.
        failure: why the file is of no use any more, or None.
        dirty: whether records were put since the last sync().
    """

    def __init__(self, path: str, file: JournalFile, header: Header, end: int) -> None:
        self.path = path
        self.header = header
        self.end = end
        self.mutex = Mutex()
        self.space_low = False
        self.failure: str | None = None
        self.synced = 0
        self._quiet_end = 0  # the file's end when the last sync left nothing behind
        self._file = file
        self._pwrite = file.pwrite
        self._seed = header.seed
        self._epoch = header.epoch
        self._allocated = self._grow_at = file.size()

    def put(
        self, kind: int, number: int, last: int, nin: int, wall_ns: int, payload: Buffer = b"", flags: int = 0
    ) -> int:
        """Write one record at the end and return the new end. The caller holds `mutex`.

        Raises: ValueError: a number does not fit (nothing was written). StoreError.
        """
        try:
            data = HEAD.pack(len(payload), kind, flags, self._epoch, number, last, nin, wall_ns) + payload
        except struct.error as exc:
            raise ValueError(f"a number does not fit into a record: {number}, {last}, {wall_ns}") from exc
        data += _CRC.pack(crc32(data, self._seed))
        at = self.end
        end = at + len(data)
        if end > self._grow_at:
            self._grow(end)
        try:
            written = self._pwrite(data, at)
            if written != len(data):
                self._write_rest(memoryview(data)[max(written, 0) :], at + max(written, 0))
        except OSError as exc:
            raise self.poison("write", exc) from exc
        self.end = end
        return end

    def sync(self, wall_ns: int) -> None:
        """Make everything put so far durable and leave a SYNCED record. One caller at a time; not holding `mutex`."""
        with self.mutex:
            self.check()
            target = self.end
            if target == self._quiet_end:
                return
        try:
            self._file.sync()
        except OSError as exc:
            # Never tried again: the kernel may have dropped the pages it could not write (requirement B3).
            raise self.poison("sync", exc) from exc
        with self.mutex:
            alone = self.end == target
            # NIN-after is 0, "not stated": this may run in a thread that does not own the session.
            self.put(Kind.SYNCED, target, self.end, 0, wall_ns, self.header.mark)
            self.synced = self.end if alone else target
            self._quiet_end = self.end if alone else 0

    @property
    def dirty(self) -> bool:
        """Whether sync() would have anything to do."""
        return self.end != self._quiet_end

    def mark_synced(self) -> None:
        """Note that the file as it is, up to `end`, is durable."""
        self.synced = self._quiet_end = self.end

    def records(self, start: int, end: int) -> Iterator[Record]:
        """Yield the records in [start, end), in bounded memory.

        Raises: StoreCorrupt: one is damaged. StoreError: the file was closed meanwhile, or cannot be read.
        """
        try:
            for record in read_records(self.read, start, end, self.header):
                yield record
                self.check()
        except Damage as found:
            raise StoreCorrupt(self.path, found.offset, found.detail) from None

    def record_at(self, offset: int) -> Record:
        """Return the record at an offset where one was put."""
        record = next(self.records(offset, self.end), None)
        if record is None:
            raise StoreCorrupt(self.path, offset, "a record is gone")
        return record

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes; StoreError when that fails."""
        with self.mutex:  # so that the file cannot be closed, and its descriptor used anew, under the read
            self.check()
            try:
                return self._file.pread(size, offset)
            except OSError as exc:
                raise StoreError(f"{self.path}: cannot be read at byte {offset}: {exc}") from exc

    def cut(self, end: int) -> None:
        """Cut the file at end, durably."""
        self._file.truncate(end)
        self._file.sync()  # or what was cut could come back behind the next records
        self.end = self._allocated = self._grow_at = end

    def give_back(self) -> None:
        """Give back what was allocated ahead."""
        self._file.truncate(self.end)
        self._allocated = self._grow_at = self.end

    def close(self, why: str = "closed") -> None:
        """Close the file; every later use raises StoreError(why)."""
        with self.mutex:
            self.failure = self.failure or why
            self._pwrite = self._refuse
            self._file.close()

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

    def _write_rest(self, rest: memoryview, at: int) -> None:
        while rest:
            written = self._pwrite(rest, at)
            if written <= 0:
                raise OSError("the file takes no more bytes")
            rest, at = rest[written:], at + written

    def _grow(self, end: int) -> None:
        """Allocate ahead. A full disk is noticed here, while there is still room for a Logout."""
        self.check()
        step = max(_SEGMENT, end + _RESERVE - self._allocated)
        try:
            if not self._file.allocate(self._allocated, step):
                self._grow_at = _NEVER
                return
        except OSError:
            self.space_low = True
            # Within the reserve, go on; behind it, try again with every record. The write itself has the last word.
            self._grow_at = max(self._allocated, end)
            return
        self.space_low = False
        self._allocated += step
        self._grow_at = self._allocated - _RESERVE
