"""Where an acceptor listens: addresses of IPv4 and IPv6, Unix sockets, sockets from a service manager."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fixfast.errors import ConfigError

__all__ = ["Listening", "address_text", "remove_path", "set_backlog"]

#: A port of the system's choice must be free at all addresses. How often to try another.
_TRIES = 20
#: The first descriptor that systemd passes.
_FIRST_INHERITED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where to listen, and how.

    Args:
        host: a name or address, several of them, or None for all of this machine, IPv4 and IPv6.
        port: the TCP port; 0: any free one, the same at all addresses; None: 0, or no TCP where `path` or `sock` say
            where to listen.
        path: of a Unix socket. One that is there and that nobody listens on is replaced.
        path_mode: its permissions.
        sock: sockets that are bound already, one or several, which the acceptor closes in the end; "systemd": those
            that the service manager passed.
        reuse_port: let several processes listen on the port; the kernel spreads new connections over them.
        backlog: connections that the kernel keeps until they are accepted.

    Raises:
        ConfigError: a value is out of range, or the platform has no such thing.
    """

    host: str | Iterable[str] | None = "127.0.0.1"
    port: int | None = None
    path: str | os.PathLike[str] | None = None
    path_mode: int = 0o600
    sock: socket.socket | Iterable[socket.socket] | str | None = None
    reuse_port: bool = False
    backlog: int = 1024

    def __post_init__(self) -> None:
        hosts = self.hosts
        if not hosts or not all(host is None or (isinstance(host, str) and host) for host in hosts):
            raise ConfigError("host", self.host, "a host name or address, a list of them, or None for all")
        port = self.port
        if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535):
            raise ConfigError("port", port, "None or a whole number from 0 to 65535")
        if self.path is not None:
            if not hasattr(socket, "AF_UNIX"):
                raise ConfigError("path", self.path, "None: this platform has no Unix sockets")
            if not os.fspath(self.path):
                raise ConfigError("path", self.path, "the name of a file")
        if type(self.path_mode) is not int or not 0 <= self.path_mode <= 0o777:
            raise ConfigError("path_mode", self.path_mode, "permissions from 0 to 0o777")
        if type(self.backlog) is not int or self.backlog < 1:
            raise ConfigError("backlog", self.backlog, "a whole number of at least 1")
        if type(self.reuse_port) is not bool:
            raise ConfigError("reuse_port", self.reuse_port, "True or False")
        if self.reuse_port and not hasattr(socket, "SO_REUSEPORT"):
            raise ConfigError("reuse_port", True, "False: this platform has no such thing")
        if isinstance(self.sock, str) and self.sock != "systemd":
            raise ConfigError("sock", self.sock, 'sockets, or "systemd"')

    @property
    def hosts(self) -> tuple[str | None, ...]:
        """The hosts, one at least."""
        if self.host is None or isinstance(self.host, str):
            return (self.host,)
        return tuple(self.host)

    @property
    def one_address(self) -> tuple[str, int] | None:
        """The only thing to listen on, if that is an address and a port: any event loop can do that by itself."""
        if self.path is not None or self.sock is not None or not isinstance(self.host, str):
            return None
        try:
            ip_address(self.host.partition("%")[0])
        except ValueError:
            return None  # a name may stand for several addresses
        return self.host, self.port or 0

    def open(self) -> list[socket.socket]:
        """Return listening sockets, not blocking. Looks names up, so that it may take a while.

        Raises: OSError: the address is taken, not ours, or not to be had. ConfigError: of `sock`.
        """
        with contextlib.ExitStack() as opened:
            sockets: list[socket.socket] = []
            given = self._given()
            for sock in given:
                sockets.append(opened.enter_context(contextlib.closing(sock)))
                sock.setblocking(False)
                sock.listen(self.backlog)
            if self.path is not None:
                sockets.append(opened.enter_context(contextlib.closing(self._unix(os.fspath(self.path)))))
            if self.port is not None or not sockets:
                sockets += self._tcp()
            opened.pop_all()
            return sockets

    # --- inside --------------------------------------------------------------------------------------------

    def _given(self) -> list[socket.socket]:
        if self.sock is None:
            return []
        if isinstance(self.sock, str):
            return _inherited()
        sockets = [self.sock] if isinstance(self.sock, socket.socket) else list(self.sock)
        for sock in sockets:
            if not isinstance(sock, socket.socket) or sock.type != socket.SOCK_STREAM:
                raise ConfigError("sock", sock, "stream sockets that are bound")
        return sockets

    def _tcp(self) -> list[socket.socket]:
        found: list[Any] = []
        for host in self.hosts:
            try:
                found += socket.getaddrinfo(host, self.port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            except socket.gaierror as error:
                raise OSError(f"cannot listen on {host}: {error.strerror}") from None
        infos = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        for attempt in range(_TRIES):
            try:
                return self._bind_all(infos)
            except OSError as error:
                # The port that the system chose for the first address is not free at another.
                if error.errno != errno.EADDRINUSE or self.port or attempt == _TRIES - 1:
                    raise
        raise AssertionError

    def _bind_all(self, infos: list[tuple[socket.AddressFamily, tuple[object, ...]]]) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        port = self.port or 0
        failure: OSError | None = None
        with contextlib.ExitStack() as opened:
            for family, address in infos:
                try:
                    sock = self._bind(family, (address[0], port, *address[2:]))
                except OSError as error:
                    # "All of this machine" is what there is: one without IPv6 has only the other.
                    if None in self.hosts and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                        failure = error
                        continue
                    raise
                sockets.append(opened.enter_context(contextlib.closing(sock)))
                port = sock.getsockname()[1]
            if not sockets and failure is not None:
                raise failure
            opened.pop_all()
        return sockets

    def _bind(self, family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let two processes have one port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:  # IPv4 has a socket of its own: its addresses look like themselves
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setblocking(False)
            sock.bind(address)
            sock.listen(self.backlog)
        except OSError as error:
            sock.close()
            raise OSError(error.errno, f"cannot listen on {address_text(address)}: {error.strerror}") from None
        except BaseException:
            sock.close()
            raise
        return sock

    def _unix(self, path: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            with _one_at_a_time(path):
                _remove_stale(path)
                # The file is there with bind(): it must not be open to others until chmod() comes. Whatever another
                # thread makes in this moment is no more open than it wants it.
                before = os.umask(0o177)
                try:
                    sock.bind(path)
                finally:
                    os.umask(before)
                os.chmod(path, self.path_mode)
                sock.listen(self.backlog)
        except OSError as error:
            sock.close()
            raise OSError(error.errno, f"cannot listen on {path}: {error.strerror or error}") from None
        except BaseException:
            sock.close()
            raise
        return sock


def set_backlog(sockets: Iterable[Any], backlog: int) -> None:
    """Change how many connections the kernel keeps, where an event loop set another number.

    asyncio's `backlog` is also how many connections it accepts before anything else gets its turn.
    """
    for sock in sockets:
        if hasattr(sock, "fileno"):
            with contextlib.closing(socket.fromfd(sock.fileno(), sock.family, sock.type)) as same:
                same.listen(backlog)


def address_text(address: object) -> str:
    """Return the address of a socket as people write it: host:port, [host]:port for IPv6, or a path."""
    if isinstance(address, tuple):
        return f"[{address[0]}]:{address[1]}" if ":" in str(address[0]) else f"{address[0]}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, (str, bytes)) else ""


def remove_path(path: str) -> None:
    """Take away the file of a Unix socket that was closed, unless it is another's by now."""
    # Called on the event loop: not waiting for a lock. What stays is replaced by whoever listens there next.
    with contextlib.suppress(OSError), _one_at_a_time(path, wait=False):
        _remove_stale(path)


@contextlib.contextmanager
def _one_at_a_time(path: str, *, wait: bool = True) -> Iterator[None]:
    """Lock the folder: of two that find a stale socket, the second must not remove the first one's new one."""
    import fcntl  # where there are Unix sockets, there is this

    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(folder)


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file of that name, which is no socket")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        if _listens(probe, path):
            raise OSError(errno.EADDRINUSE, "somebody listens there already (Address already in use)")
    os.unlink(path)


def _listens(probe: socket.socket, path: str) -> bool:
    probe.setblocking(False)
    try:
        probe.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True  # a full backlog, no permission: not ours to judge
    return True


def _inherited() -> list[socket.socket]:
    """Return the sockets that a service manager passed by its protocol: LISTEN_PID, LISTEN_FDS, descriptors from 3."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise ConfigError(
            "sock", "systemd", "for a process that a service manager passed sockets: LISTEN_PID is not us"
        )
    count = os.environ.get("LISTEN_FDS", "")
    if not count.isdecimal() or not 1 <= int(count) <= 100:
        raise ConfigError("sock", "systemd", f"for sockets that were passed; LISTEN_FDS says {count!r}")
    sockets = []
    for number in range(_FIRST_INHERITED, _FIRST_INHERITED + int(count)):
        os.set_inheritable(number, False)  # ours, not our children's
        sockets.append(socket.socket(fileno=number))
    return sockets
