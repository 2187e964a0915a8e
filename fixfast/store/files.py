"""The file system as a journal sees it: a few operations, each of which may fail.

`FileSystem` is the seam for fault injection and simulated disks; `OsFiles` is the real one. Files are private
(0600 in a 0700 directory), symbolic links are not followed, and a file of another user is refused (requirement C10).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

from fixfast.errors import StoreError, StoreLocked
from fixfast.types import Buffer, SessionID

__all__ = [
    "HELD",
    "FileSystem",
    "JournalFile",
    "Lock",
    "Opener",
    "OsFiles",
    "ReadOnlyFiles",
    "file_stem",
    "identity_hash",
    "is_too_open",
    "lock_fd",
    "open_locked",
    "open_private",
    "sync_fd",
    "write_fd",
    "write_note",
    "write_private",
]

#: what locking a file says that is locked
HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class JournalFile(Protocol):
    """An open file. Everything may raise OSError."""

    @property
    def pwrite(self) -> Callable[[Buffer, int], int]:
        """pwrite(data, offset): write at an offset; return how many bytes were taken."""

    @property
    def pread(self) -> Callable[[int, int], bytes]:
        """pread(size, offset): read at an offset; fewer bytes only at the end of the file."""

    def size(self) -> int:
        """Return the file's length."""

    def sync(self) -> None:
        """Make the contents and the length durable."""

    def truncate(self, size: int) -> None:
        """Cut the file."""

    def allocate(self, offset: int, size: int) -> bool:
        """Make room for bytes to come, as zeros. False: not to be had on this file system; OSError: disk full."""

    def close(self) -> None:
        """Close the file."""


class Lock(Protocol):
    """An exclusive lock that ends with the process."""

    #: what the lock file says; empty when it was made just now
    note: bytes

    def write_note(self, note: bytes) -> None:
        """Replace the lock file's text, durably."""

    def release(self) -> None:
        """Let go."""


class FileSystem(Protocol):
    """What a journal needs of a file system."""

    def make_directory(self, path: str) -> None:
        """Make the directory (0700) where there is none."""

    def lock(self, path: str) -> Lock:
        """Take the lock or raise StoreLocked."""

    def open(self, path: str, *, create: bool = False) -> JournalFile:
        """Open for reading and writing. create: the file must not be there yet."""

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file."""

    def remove(self, path: str) -> None:
        """Remove a file if it is there."""

    def link(self, source: str, target: str) -> None:
        """Give a file a second name, replacing what has that name."""

    def replace(self, source: str, target: str) -> None:
        """Rename, atomically replacing the target."""

    def sync_directory(self, path: str) -> None:
        """Make names in the directory durable."""

    def boot_id(self) -> bytes:
        """Return what changes with every boot of the machine, at most 32 bytes; empty when it cannot be known."""

    def file_id(self) -> bytes:
        """Return 16 bytes that no other file was given: random, since nobody may foretell them (they seed the CRCs)."""


class Opener(Protocol):
    """The part of a FileSystem that reading needs."""

    def open(self, path: str) -> JournalFile:
        """Open for reading, at least."""


def identity_hash(session_id: SessionID | str) -> bytes:
    """Return the SHA-256 of a session's identity. Distinct identities never share one by accident of spelling."""
    if isinstance(session_id, str):
        parts = ["name", session_id]
    else:
        parts = [session_id.begin_string, session_id.sender_comp_id, session_id.target_comp_id, session_id.qualifier]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(raw), raw) for raw in map(_raw, parts))).digest()


def file_stem(session_id: SessionID | str, *, secret: bool = False) -> str:
    """Return a file name, without its end, that is safe on every file system and unique for the identity.

    Args:
        secret: leave the readable part out (some venues use the API key as SenderCompID).
    """
    digest = identity_hash(session_id).hex()[:16]
    if secret:
        return f"session-{digest}"
    text = session_id if isinstance(session_id, str) else "-".join(filter(None, _names(session_id)))
    readable = _UNSAFE.sub("_", text)[:80].lstrip(".-") or "session"
    return f"{readable}-{digest}"


def _names(session_id: SessionID) -> tuple[str, ...]:
    return session_id.begin_string, session_id.sender_comp_id, session_id.target_comp_id, session_id.qualifier


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class _OsFile:
    """A file descriptor with the operations of JournalFile."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.pwrite: Callable[[Buffer, int], int] = self._seek_and_write
        self.pread: Callable[[int, int], bytes] = self._seek_and_read
        if sys.platform != "win32":
            # PERF: C functions bound to the descriptor; no Python frame on the append path (0.1 us less of 2).
            self.pwrite = partial(os.pwrite, fd)
            self.pread = partial(os.pread, fd)

    def _seek_and_write(self, data: Buffer, offset: int) -> int:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.write(self._fd, data)

    def _seek_and_read(self, size: int, offset: int) -> bytes:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, size)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def sync(self) -> None:
        sync_fd(self._fd)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def allocate(self, offset: int, size: int) -> bool:
        if not hasattr(os, "posix_fallocate"):
            return False
        try:
            os.posix_fallocate(self._fd, offset, size)
        except OSError as exc:
            if exc.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                return False
            raise
        return True

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    # A store that was dropped without close() ends like a killed process: no mark of a clean stop, no lock left.
    __del__ = close


class _OsLock:
    """An advisory lock on a file of its own, since a reset replaces the journal file."""

    def __init__(self, fd: int, note: bytes) -> None:
        self._fd = fd
        self.note = note

    def write_note(self, note: bytes) -> None:
        write_note(self._fd, note)
        self.note = note

    def release(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)  # which ends the lock

    __del__ = release


class OsFiles:
    """The real file system."""

    def make_directory(self, path: str) -> None:
        if not os.path.isdir(path):
            os.makedirs(path, mode=0o700, exist_ok=True)
            parent = os.path.dirname(path)
            if parent:
                self.sync_directory(parent)
        if os.name != "posix":
            return
        status = os.stat(path)
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if shared and not status.st_mode & stat.S_ISVTX:
            raise StoreError(f"{path} may be written by other users: a journal's directory must be private (chmod 700)")

    def lock(self, path: str) -> Lock:
        fd = open_locked(path)
        if fd is None:
            raise StoreLocked(path)
        try:
            return _OsLock(fd, os.read(fd, 256))
        except OSError:
            os.close(fd)
            raise

    def open(self, path: str, *, create: bool = False) -> JournalFile:
        return _OsFile(open_private(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)))

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def link(self, source: str, target: str) -> None:
        self.remove(target)
        os.link(source, target)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)

    def sync_directory(self, path: str) -> None:
        if os.name != "posix":
            return  # Windows keeps names with the file and has no handle of a directory to flush
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def boot_id(self) -> bytes:
        try:
            with open("/proc/sys/kernel/random/boot_id", "rb") as file:
                return file.read(64).strip().replace(b"-", b"")[:32]
        except OSError:
            return b""  # unknown counts as another boot: safe, at the price of a hole in the numbers

    def file_id(self) -> bytes:
        return secrets.token_bytes(16)


class ReadOnlyFiles:
    """The real file system for those who only look: what the permissions allow is read, nothing is changed."""

    def open(self, path: str) -> JournalFile:
        return _OsFile(os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)))


def open_locked(path: str) -> int | None:
    """Open a file as open_private(), made where there is none, and lock it; None: another process has it locked."""
    fd = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        lock_fd(fd)
    except OSError as error:
        os.close(fd)
        if error.errno not in HELD:
            raise
        return None
    return fd


def open_private(path: str, flags: int) -> int:
    """Open with mode 0600; refuse symbolic links, other users' files and whatever is not a plain file."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise StoreError(f"{path} is a symbolic link: not followed") from None
        raise
    try:
        if is_too_open(path, os.fstat(fd)) and sys.platform != "win32":
            os.fchmod(fd, 0o600)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_fd(fd: int, data: bytes) -> None:
    """Write all of it, however little is taken at once. Raises: OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_private(path: str, data: bytes) -> None:
    """Put a file of mode 0600 in the place of another, whole or not at all. Raises: OSError, StoreError: as it was."""
    new = path + ".new"
    try:
        fd = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_fd(fd, data)
            sync_fd(fd)
        finally:
            os.close(fd)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def is_too_open(path: str, status: os.stat_result) -> bool:
    """Refuse other users' files and whatever is not a plain file; return whether the mode is not 0600 (C10)."""
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a plain file")
    if sys.platform == "win32":
        return False
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user (uid {status.st_uid})")
    return stat.S_IMODE(status.st_mode) != 0o600


def write_note(fd: int, note: bytes) -> None:
    """Replace the text of a lock file, durably."""
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, note)
    sync_fd(fd)


if sys.platform == "win32":
    import msvcrt

    def lock_fd(fd: int) -> None:
        """Lock a whole file for this process; OSError with an errno of HELD: somebody has it."""
        # One byte far behind the note, so that the note stays readable while the lock is held.
        os.lseek(fd, 1 << 20, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        os.lseek(fd, 0, os.SEEK_SET)

    def sync_fd(fd: int) -> None:
        """Make what was written to a file durable."""
        os.fsync(fd)

else:
    import fcntl

    def lock_fd(fd: int) -> None:
        """Lock a whole file for this process; OSError with an errno of HELD: somebody has it."""
        # flock, not lockf: it excludes a second store in the same process too, and closing another descriptor of the
        # file does not drop it.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def sync_fd(fd: int) -> None:
        """Make what was written to a file durable."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync on macOS leaves the bytes in the drive's cache
        else:
            os.fdatasync(fd)
