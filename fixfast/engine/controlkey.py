"""Who may use a control socket: keys in private files, proofs that do not show the key, the peer's user id (C19)."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from fixfast.errors import ConfigError

__all__ = ["Credentials", "credentials_of", "key_path", "make_key", "proof", "read_key", "read_private"]

_BITS = 256
#: of a key file; a key is 64 characters
_MAX_FILE = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """The process at the other end of a Unix socket, as the kernel tells. None: this system does not say."""

    uid: int | None = None
    pid: int | None = None


def key_path(path: str | os.PathLike[str], role: str) -> Path:
    """Return where the key of a socket is: `bot.sock.key`; the one that may only read: `bot.sock.read.key`."""
    return Path(f"{os.fspath(path)}.{'key' if role == 'admin' else role + '.key'}")


def make_key(path: Path) -> bytes:
    """Return the key in a file; where there is no file, make one with a new key of 256 bits.

    Raises: ConfigError, as read_key(); OSError: it cannot be made.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(path)
    try:
        os.write(fd, secrets.token_hex(_BITS // 8).encode() + b"\n")
    finally:
        os.close(fd)
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Return the key in a file: hexadecimal, 128 bits or more, in a file that only its owner can read.

    Raises: ConfigError: the file is open to others, belongs to somebody else, or holds no such key. OSError.
    """
    data = read_private(path)
    if not re.fullmatch(rb"([0-9a-fA-F]{2}){16,128}\s*", data):
        # Not the value: a key with a typing error is nearly a key.
        raise ConfigError("key file", str(path), "a key of 32 to 256 hexadecimal digits")
    return bytes.fromhex(data.decode())


def read_private(path: Path) -> bytes:
    """Return what is in a small file that only its owner can read.

    Raises: ConfigError: the file is open to others, or belongs to somebody else. OSError.
    """
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("key file", str(path), "a plain file")
        if sys.platform != "win32":
            if status.st_uid != os.geteuid():
                raise ConfigError("key file", str(path), f"a file of this user, not of uid {status.st_uid}")
            if stat.S_IMODE(status.st_mode) & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise ConfigError("key file", str(path), f"closed to others: chmod 600, it is {mode:03o}")
        return os.read(fd, _MAX_FILE)
    finally:
        os.close(fd)


def proof(key: bytes, who: str, *nonces: bytes) -> str:
    """Return what shows that one has the key, for this connection only: HMAC-SHA256 as hexadecimal digits."""
    return hmac.new(key, b"fixfast control\0" + who.encode() + b"\0" + b"\0".join(nonces), hashlib.sha256).hexdigest()


def credentials_of(sock: socket.socket) -> Credentials:
    """Return who is at the other end of a connected Unix socket, as far as this system tells."""
    peercred: int | None = getattr(socket, "SO_PEERCRED", None)
    if peercred is not None:  # Linux: struct ucred
        pid, uid, _ = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, peercred, 12))
        return Credentials(uid=uid, pid=pid)
    peercred = getattr(socket, "LOCAL_PEERCRED", None)
    if peercred is not None:  # macOS, FreeBSD: struct xucred, whose second field is the uid
        data = sock.getsockopt(getattr(socket, "SOL_LOCAL", 0), peercred, 76)
        return Credentials(uid=struct.unpack_from("=II", data)[1])
    return Credentials()  # the folder's mode and the key must do
