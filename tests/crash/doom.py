"""A file system on which the process kills itself at the n-th operation: before it, behind it, or half-way through."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from fixfast.store.files import JournalFile, Lock, OsFiles
from fixfast.types import Buffer

__all__ = ["DoomedFiles"]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Count:
    """Counts operations; `at` is the one in which the process ends. `half`: of that one, half is done."""

    def __init__(self, at: int, when: str) -> None:
        self.left = at
        self.when = when

    def run(self, work: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        self.left -= 1
        if self.left:
            return work()
        if self.when == "half" and half is not None:
            half()
        elif self.when == "after":
            work()
        _die()
        raise AssertionError("still alive")


class _DoomedFile:
    def __init__(self, file: JournalFile, count: _Count) -> None:
        self._file = file
        self._count = count
        self.pread = file.pread

    def pwrite(self, data: Buffer, offset: int) -> int:
        write = self._file.pwrite
        view = memoryview(data)
        count: int = self._count.run(lambda: write(view, offset), lambda: write(view[: len(view) // 2], offset))
        return count

    def size(self) -> int:
        return self._file.size()

    def sync(self) -> None:
        self._count.run(self._file.sync)

    def truncate(self, size: int) -> None:
        self._count.run(lambda: self._file.truncate(size))

    def allocate(self, offset: int, size: int) -> bool:
        there: bool = self._count.run(lambda: self._file.allocate(offset, size))
        return there

    def close(self) -> None:
        self._file.close()


class DoomedFiles(OsFiles):
    """The real file system, until the n-th operation."""

    def __init__(self, at: int, when: str) -> None:
        self._count = _Count(at, when)

    def lock(self, path: str) -> Lock:
        lock: Lock = self._count.run(lambda: super(DoomedFiles, self).lock(path))
        return lock

    def open(self, path: str, *, create: bool = False) -> JournalFile:
        file: JournalFile = self._count.run(lambda: super(DoomedFiles, self).open(path, create=create))
        return _DoomedFile(file, self._count)

    def remove(self, path: str) -> None:
        self._count.run(lambda: super(DoomedFiles, self).remove(path))

    def link(self, source: str, target: str) -> None:
        self._count.run(lambda: super(DoomedFiles, self).link(source, target))

    def replace(self, source: str, target: str) -> None:
        self._count.run(lambda: super(DoomedFiles, self).replace(source, target))

    def sync_directory(self, path: str) -> None:
        self._count.run(lambda: super(DoomedFiles, self).sync_directory(path))
