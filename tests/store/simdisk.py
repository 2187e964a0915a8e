"""A disk in memory that can fail at its n-th operation and lose power: the other FileSystem of a journal."""

from __future__ import annotations

import errno
import random
import secrets
from collections.abc import Callable

from fixfast.errors import StoreLocked
from fixfast.types import Buffer

PAGE = 64  # small, so that one record spans several: a torn record is the common case


class Crash(BaseException):
    """The process dies here. Not an Exception: no code under test may catch it."""


class _Inode:
    def __init__(self) -> None:
        self.durable = bytearray()
        self.cached = bytearray()  # what readers see; differs from durable page by page


class SimDisk:
    """Files as inodes; names and contents become durable by sync only.

    Args:
        fail_at: the operation (1, 2, ...) that goes wrong; 0: none. how: "EIO", "ENOSPC", "short", "crash".
    """

    def __init__(self) -> None:
        self.names: dict[str, _Inode] = {}
        self.durable_names: dict[str, _Inode] = {}
        self.notes: dict[str, bytes] = {}
        self.locked: set[str] = set()
        self.boot = 1
        self.operations = 0
        self.fail_at = 0
        self.how = "EIO"
        self.space: int | None = None

    # --- what tests do ---------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The process is gone: locks end, the page cache stays."""
        self.locked.clear()
        self.fail_at = 0

    def lose_power(self, rng: random.Random) -> None:
        """The machine is gone: of what was not synced any pages survive, in any order."""
        self.kill()
        self.boot += 1
        self.names = dict(self.durable_names)
        for inode in {id(i): i for i in self.names.values()}.values():
            size = rng.choice((len(inode.durable), len(inode.cached)))
            image = bytearray(size)
            image[: len(inode.durable)] = inode.durable[:size]
            keep = rng.choice((0.0, 0.3, 0.7, 1.0))
            for page in range(0, min(size, len(inode.cached)), PAGE):
                if rng.random() < keep:
                    piece = inode.cached[page : min(page + PAGE, size)]
                    image[page : page + len(piece)] = piece
            inode.cached, inode.durable = image, bytearray(image)

    def step(self, name: str) -> bool:
        """Count an operation; raise if it is the one to fail; True: do it by half."""
        self.operations += 1
        if self.fail_at and self.operations >= self.fail_at:
            if self.how == "crash":
                raise Crash(name)
            if self.how == "short":
                if name == "pwrite" and self.operations == self.fail_at:
                    return True
            else:
                raise OSError(getattr(errno, self.how), f"injected at {name}")
        return False

    # --- FileSystem ------------------------------------------------------------------------------------------

    def make_directory(self, path: str) -> None:
        pass

    def lock(self, path: str) -> _SimLock:
        if path in self.locked:
            raise StoreLocked(path)
        self.locked.add(path)
        return _SimLock(self, path)

    def open(self, path: str, *, create: bool = False) -> _SimFile:
        if create:
            self.step("create")
            assert path not in self.names
            self.names[path] = _Inode()
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return _SimFile(self, self.names[path])

    def exists(self, path: str) -> bool:
        return path in self.names

    def remove(self, path: str) -> None:
        if self.names.pop(path, None) is not None:
            self.step("remove")

    def link(self, source: str, target: str) -> None:
        self.step("link")
        self.names[target] = self.names[source]

    def replace(self, source: str, target: str) -> None:
        self.step("replace")
        self.names[target] = self.names.pop(source)

    def sync_directory(self, path: str) -> None:
        self.step("sync_directory")
        self.durable_names = dict(self.names)

    def boot_id(self) -> bytes:
        return b"boot-%d" % self.boot

    def file_id(self) -> bytes:
        return secrets.token_bytes(16)


class _SimLock:
    def __init__(self, disk: SimDisk, path: str) -> None:
        self._disk, self._path = disk, path
        self.note = disk.notes.get(path, b"")

    def write_note(self, note: bytes) -> None:
        self._disk.step("note")
        self._disk.notes[self._path] = self.note = note

    def release(self) -> None:
        self._disk.locked.discard(self._path)


class _SimFile:
    def __init__(self, disk: SimDisk, inode: _Inode) -> None:
        self._disk, self._inode = disk, inode
        self.pwrite: Callable[[Buffer, int], int] = self._write
        self.pread: Callable[[int, int], bytes] = self._read

    def _write(self, data: Buffer, offset: int) -> int:
        half = self._disk.step("pwrite")
        data = bytes(data)[: len(data) // 2] if half else bytes(data)
        cached = self._inode.cached
        if self._disk.space is not None and offset + len(data) > max(self._disk.space, len(cached)):
            raise OSError(errno.ENOSPC, "disk full")
        if len(cached) < offset:
            cached.extend(bytes(offset - len(cached)))
        cached[offset : offset + len(data)] = data
        return len(data)

    def _read(self, size: int, offset: int) -> bytes:
        return bytes(self._inode.cached[offset : offset + size])

    def size(self) -> int:
        return len(self._inode.cached)

    def sync(self) -> None:
        self._disk.step("sync")
        self._inode.durable = bytearray(self._inode.cached)

    def truncate(self, size: int) -> None:
        self._disk.step("truncate")
        del self._inode.cached[size:]

    def allocate(self, offset: int, size: int) -> bool:
        self._disk.step("allocate")
        if self._disk.space is not None and offset + size > self._disk.space:
            raise OSError(errno.ENOSPC, "disk full")
        missing = offset + size - len(self._inode.cached)
        self._inode.cached.extend(bytes(max(missing, 0)))
        return True

    def close(self) -> None:
        pass
