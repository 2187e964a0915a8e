"""Locks of single sessions within one file that many sessions and processes share (trap T17).

Each session has one byte of the lock file. A lock ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fixfast.errors import StoreLocked
from fixfast.store.files import HELD, lock_fd, open_private, write_note

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["SessionLocks"]

#: where the locked bytes begin: behind the note, which stays readable
_FIRST = 1 << 20


class SessionLocks:
    """The lock file beside a database.

    Args: path: the lock file; made where there is none (0600), refused where it is a link or another user's.

    Attributes: note: what the file says; empty when it was made just now.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._held: set[int] = set()
        #: locks in files of their own, where the system cannot lock single bytes for one opened file
        self._single: dict[int, int] = {}
        self._fd = open_private(path, os.O_RDWR | os.O_CREAT)
        self.note = os.read(self._fd, 256)

    def write_note(self, note: bytes) -> None:
        """Replace the file's text, durably."""
        write_note(self._fd, note)
        self.note = note

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Hold off other processes that open the database, for a moment: two must not create it at once."""
        _whole(self._fd, lock=True)
        try:
            yield
        finally:
            _whole(self._fd, lock=False)

    def take(self, number: int, name: str) -> None:
        """Lock session `number` (from 1). `name` is for the error.

        Raises: StoreLocked: somebody has it, in this process or in another.
        """
        if number in self._held:
            raise StoreLocked(name)
        try:
            if _range is not None:
                _range(self._fd, number, True)
            else:
                self._take_single(number)
        except OSError as exc:
            if exc.errno in HELD:
                raise StoreLocked(name) from None
            raise
        self._held.add(number)

    def drop(self, number: int) -> None:
        """Let go of session `number`."""
        self._held.discard(number)
        if self._fd >= 0 and _range is not None:
            _range(self._fd, number, False)
        elif number in self._single:
            os.close(self._single.pop(number))

    def close(self) -> None:
        """Let go of everything."""
        while self._single:
            os.close(self._single.popitem()[1])
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    __del__ = close

    def _take_single(self, number: int) -> None:
        fd = open_private(f"{self.path}.{number}", os.O_RDWR | os.O_CREAT)
        try:
            lock_fd(fd)
        except OSError:
            os.close(fd)
            raise
        self._single[number] = fd


_range: Callable[[int, int, bool], None] | None = None

if sys.platform == "win32":

    def _whole(fd: int, *, lock: bool) -> None:
        os.lseek(fd, _FIRST, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_LOCK if lock else msvcrt.LK_UNLCK, 1)

    def _bytes_of_a_handle(fd: int, number: int, lock: bool) -> None:
        os.lseek(fd, _FIRST + number, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK if lock else msvcrt.LK_UNLCK, 1)

    _range = _bytes_of_a_handle
else:

    def _whole(fd: int, *, lock: bool) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX if lock else fcntl.LOCK_UN)

    if hasattr(fcntl, "F_OFD_SETLK"):

        def _bytes_of_a_description(fd: int, number: int, lock: bool) -> None:
            # An "open file description" lock: unlike lockf, it also excludes a second owner in this process, and it
            # does not end when any other descriptor of the file is closed.
            kind = fcntl.F_WRLCK if lock else fcntl.F_UNLCK
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", kind, os.SEEK_SET, _FIRST + number, 1, 0))

        _range = _bytes_of_a_description
