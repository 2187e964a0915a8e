"""Where a Unix socket lies that is for one user alone: its folder, its lock, its mode (C19)."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

from fixfast.errors import ConfigError
from fixfast.store.files import HELD, lock_fd

__all__ = ["PrivatePlace"]

#: the longest name of a socket that every system takes
_MAX_PATH = 103


class PrivatePlace:
    """The place of a socket: a folder of mode 0700, made if it is not there, and in it the socket, of mode 0600.

    Args:
        path: of the socket; at most 103 bytes.

    Raises: ConfigError: it is longer, or this system has no Unix sockets.
    """

    def __init__(self, path: Path) -> None:
        if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
            raise ConfigError("path", str(path), "used on a system with Unix sockets; this one has none")
        if len(os.fsencode(path)) > _MAX_PATH:
            raise ConfigError("path", str(path), f"at most {_MAX_PATH} bytes long")
        self.path = path
        self._lock = -1

    def take(self) -> None:
        """Make the folder, and be the only one who may remove a socket that a killed process left.

        Raises: ConfigError: the folder is open to others, or another process has the place. OSError: it cannot be made.
        """
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError("path", str(self.path), f"in a folder that only you can enter: chmod 700 {folder}")
        name = f"{self.path}.lock"
        self._lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            lock_fd(self._lock)
        except OSError as error:
            self.release()
            if error.errno not in HELD:
                raise
            raise ConfigError("path", str(self.path), "a socket of this process: another one has it") from None

    def bind(self) -> socket.socket:
        """Return the socket, bound and not listening yet. Only after take().

        Raises: ConfigError: there is something else. OSError.
        """
        if os.path.lexists(self.path):
            if not stat.S_ISSOCK(os.lstat(self.path).st_mode):
                raise ConfigError("path", str(self.path), "a socket, or nothing: there is something else")
            self.path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(os.fspath(self.path))  # nobody else can enter the folder meanwhile
            os.chmod(self.path, 0o600)
        except BaseException:
            sock.close()
            raise
        return sock

    def remove(self) -> None:
        """Take the socket away, and let the place go."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let the place go."""
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            os.close(lock)
