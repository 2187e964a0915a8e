"""FileOrderLog: what an OrderManager writes down, in one file.

The file: 8 bytes that say what it is; then records, each a head (length and CRC-32 of what follows, CRC-32 of these
two) and kind, time and content. What a crash leaves of the last record is cut when the file is opened again; damage
before that is refused. replace() writes a file beside it, `.new`, which takes its place when it is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from types import TracebackType

from fixfast.errors import ConfigError, StoreCorrupt, StoreError, StoreLocked
from fixfast.store.files import HELD, OsFiles, lock_fd, open_private, sync_fd, write_fd
from fixfast.store.journal_records import order_record

__all__ = ["FileOrderLog"]

_MAGIC = b"FFORDER1"
_NEW = ".new"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND
_HEAD = struct.Struct("<III")
_START = struct.Struct("<II")
_BODY = struct.Struct("<cq")
#: bytes read at a time, and the longest record that is not taken for damage
_CHUNK = 1 << 20
_LONGEST = 1 << 26
#: no room: what was there before is as it was
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileOrderLog:
    """An OrderLog in a file: `session.orders(log=ff.FileOrderLog("orders.log"))`. One process has it at a time.

    Each record is written with one system call before the manager goes on: a killed process loses nothing. Against a
    loss of power, too, sync="always". For want of room on the disk a record is refused, and taken when there is room
    again; after any other error none is.

    Args:
        path: the file; made where there is none, readable by its owner only.
        sync: "none", or "always": each record is on the disk before append() returns (0.1 to 10 ms).

    Raises: ConfigError: sync. StoreLocked: another process has it. StoreCorrupt: damage before the last record, or no
        order log at all. StoreError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync: str = "none") -> None:
        if sync not in ("none", "always"):
            raise ConfigError("sync", sync, "none always")
        self.path = os.fspath(path)
        self._sync = sync == "always"
        self._failure = ""
        self._fd = -1
        try:
            self._open()
            self._take()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise StoreError(f"{self.path}: {error}") from error
            raise

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        """Add one record. See OrderLog."""
        if self._failure or self._fd < 0:
            raise StoreError(self._failure or f"{self.path} is closed")
        record = order_record(kind, wall_ns, data)
        written = 0
        try:
            written = os.write(self._fd, record)
            while written < len(record):
                written += os.write(self._fd, record[written:])
            if self._sync:
                sync_fd(self._fd)
        except OSError as error:
            text = f"{self.path} cannot be written: {error}"
            if written == len(record) or error.errno not in _FULL or not self._take_back(written):
                # What is at the end of the file now nobody knows: the next start cuts it.
                self._failure = text
            raise StoreError(text) from error

    def read(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield all records, oldest first. See OrderLog."""
        for _, body in self._records():
            kind, wall_ns = _BODY.unpack_from(body)
            yield kind.decode("ascii", "replace"), wall_ns, body[_BODY.size :]

    def replace(self, records: Iterable[tuple[str, int, bytes]]) -> None:
        """Put these records in the place of all others. See CompactLog."""
        if self._failure or self._fd < 0:
            raise StoreError(self._failure or f"{self.path} is closed")
        path = self.path + _NEW
        fd = -1
        try:
            fd = open_private(path, _FLAGS | os.O_TRUNC)
            lock_fd(fd)
            write_fd(fd, _MAGIC)
            for kind, wall_ns, data in records:
                write_fd(fd, order_record(kind, wall_ns, data))
            sync_fd(fd)
            if os.name == "nt":  # an open file has its name for good: for a moment nobody has this one
                os.close(fd)
                fd = -1
                self.close()
                try:
                    os.replace(path, self.path)
                finally:
                    self._open()
            else:
                os.replace(path, self.path)
                fd, self._fd = self._fd, fd
            OsFiles().sync_directory(os.path.dirname(self.path) or ".")
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(path)  # it takes room, of which there may be none
            raise StoreError(f"{self.path} could not be written anew: {error}") from error
        finally:
            if fd >= 0:
                os.close(fd)

    def close(self) -> None:
        """Let go of the file. Twice is once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileOrderLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the file and lock it; again where it was replaced in between."""
        while True:
            self._fd = open_private(self.path, _FLAGS)
            try:
                lock_fd(self._fd)
            except OSError as error:
                if error.errno in HELD:
                    raise StoreLocked(self.path) from None
                raise
            if os.path.samestat(os.fstat(self._fd), os.stat(self.path)):
                break
            os.close(self._fd)
        with contextlib.suppress(OSError):
            os.unlink(self.path + _NEW)  # what was being written when all stopped

    def _take(self) -> None:
        """Check all of the file, and cut what a crash left of the last record."""
        size = os.fstat(self._fd).st_size
        start = self._read(0, len(_MAGIC))
        if not _MAGIC.startswith(start):
            raise StoreCorrupt(self.path, 0, "not an order log")
        if start != _MAGIC:
            os.ftruncate(self._fd, 0)
            os.write(self._fd, _MAGIC)
            return
        end = len(_MAGIC)
        for at, body in self._records():
            end = at + _HEAD.size + len(body)
        if end < size:
            os.ftruncate(self._fd, end)

    def _take_back(self, written: int) -> bool:
        """Cut what was written of a record for which there was no room; return whether that is done."""
        try:
            if written:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
        except OSError:
            return False
        return True

    def _records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, body) of each whole record.

        Raises: StoreCorrupt: one is damaged, and something stands behind it.
        """
        at, size = len(_MAGIC), os.fstat(self._fd).st_size
        base, held = at, b""
        while at < size:
            if len(held) - (at - base) < _HEAD.size:
                base, held = at, self._read(at, _CHUNK)
            if len(held) < _HEAD.size:
                return
            length, _, _ = _HEAD.unpack_from(held, at - base)
            end = at + _HEAD.size + length
            if base + len(held) < end <= size and length <= _LONGEST:
                base, held = at, self._read(at, max(_CHUNK, end - at))
            head = held[at - base : at - base + _HEAD.size]
            body = held[at - base + _HEAD.size : end - base]
            if length < _BODY.size or head != _head(body):
                self._judge(at, size, head)
                return
            yield at, body
            at = end

    def _judge(self, at: int, size: int, head: bytes) -> None:
        """Raise StoreCorrupt unless what begins here is the last record, and was being written when all stopped.

        After a loss of power the end of a file may be zeros.
        """
        rest = len(self._read(at, size - at).rstrip(b"\0"))
        length, _, crc = _HEAD.unpack(head)
        whole_head = zlib.crc32(head[:-4]) == crc
        if rest >= _HEAD.size and not (whole_head and rest <= _HEAD.size + length):
            raise StoreCorrupt(self.path, at, "a record is damaged, and it is not the last one that was being written")

    def _read(self, at: int, size: int) -> bytes:
        """Read so many bytes, fewer at the end only. (Records are appended wherever this left the position.)"""
        os.lseek(self._fd, at, os.SEEK_SET)
        parts = []
        while size > 0 and (part := os.read(self._fd, size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _head(body: bytes) -> bytes:
    start = _START.pack(len(body), zlib.crc32(body))
    return start + zlib.crc32(start).to_bytes(4, "little")
