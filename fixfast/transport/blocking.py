"""Connections for programs without an event loop: made and waited for with a limit, and given up when told to."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition

__all__ = ["Interrupted", "Waker", "dial", "shake_hands", "wait_for", "wait_on", "wait_until"]

_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS))


class Interrupted(Exception):
    """What was waited for is not wanted any more."""


class Waker:
    """Ends a wait_for() of another thread. wake() may be called from any thread, also from a signal handler."""

    def __init__(self) -> None:
        self._in, self._out = socket.socketpair()
        self._in.setblocking(False)
        self._out.setblocking(False)

    def fileno(self) -> int:
        """Return what becomes readable."""
        return self._out.fileno()

    def wake(self) -> None:
        """Make it readable."""
        with suppress(OSError):  # full: it is readable already; closed: nobody waits
            self._in.send(b"\0")

    def clear(self) -> None:
        """Make it unreadable again."""
        with suppress(OSError):
            while len(self._out.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        """Close both ends."""
        self._in.close()
        self._out.close()


def wait_for(
    sock: socket.socket | None, waker: Waker | None, *, read: bool = False, write: bool = False, seconds: float | None
) -> bool:
    """Wait until a socket is ready, the waker is woken, or the time is over.

    Args: sock: None: only the waker. read, write: what for. seconds: None: for ever.

    Returns: the socket is ready, or has failed. The waker is cleared.
    """
    if sock is not None and sock.fileno() < 0:
        return True  # closed meanwhile: whoever uses it will see
    if hasattr(select, "poll"):
        return _poll(sock, waker, read, write, seconds)
    reads: list[socket.socket | Waker] = [waker] if waker is not None else []
    writes: list[socket.socket] = []
    if sock is not None and read:
        reads.append(sock)
    if sock is not None and write:
        writes.append(sock)
    if not reads and not writes:
        time.sleep(seconds or 0)
        return False
    # a connection that failed shows among the exceptional ones (Windows)
    ready = select.select(reads, writes, writes, seconds)
    if waker is not None and waker in ready[0]:
        waker.clear()
    return sock in ready[0] or sock in ready[1] or sock in ready[2]


def _poll(sock: socket.socket | None, waker: Waker | None, read: bool, write: bool, seconds: float | None) -> bool:
    poll = select.poll()
    if waker is not None:
        poll.register(waker, select.POLLIN)
    fd = -1
    if sock is not None and (read or write):
        fd = sock.fileno()
        poll.register(fd, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    # Up, not down: a deadline that is not quite there would be asked for again and again.
    found = [ready for ready, _ in poll.poll(None if seconds is None else -int(-max(0.0, seconds) * 1000 // 1))]
    if waker is not None and waker.fileno() in found:
        waker.clear()
    return fd in found


def wait_on(condition: Condition, seconds: float | None) -> None:
    """Wait for a condition, with its lock held, once; it is held after that, too, whatever ended the waiting.

    Condition.wait() by itself may come back without it where Ctrl-C interrupts it. The lock is an RLock.
    """
    try:
        condition.wait(seconds)
    except BaseException:
        if not condition._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 (it is what Condition itself asks)
            condition.acquire()
        raise


def dial(
    host: str,
    port: int,
    *,
    seconds: float,
    waker: Waker | None = None,
    cancelled: Callable[[], bool],
    source: str | None = None,
) -> socket.socket:
    """Connect over TCP, to one address of a host after the other.

    Args:
        host, port: where to.
        seconds: for all of it; a name server that hangs may take longer.
        waker: ends the waiting, so that `cancelled` is looked at.
        cancelled: says that the connection is not wanted any more.
        source: the address to connect from; None: the system's choice.

    Returns: a non-blocking, connected socket.

    Raises: OSError: none answers; TimeoutError: none in time; Interrupted: cancelled. UnicodeError: no host can have
        such a name.
    """
    end = time.monotonic() + seconds
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine has not
            failure = error
            continue
        try:
            if source is not None:
                sock.bind((source, 0))
            _connect(sock, address, end, waker, cancelled)
        except (Interrupted, TimeoutError):
            sock.close()
            raise
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _connect(
    sock: socket.socket, address: object, end: float, waker: Waker | None, cancelled: Callable[[], bool]
) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(address)  # type: ignore[arg-type]
    while code in _UNDER_WAY:
        wait_until(sock, waker, end, cancelled, write=True)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            break
    if code:
        raise OSError(code, f"{errno.errorcode.get(code, code)}: connecting to {_shown(address)}")


def shake_hands(
    sock: socket.socket,
    context: ssl.SSLContext,
    *,
    server_hostname: str | None = None,
    server_side: bool = False,
    seconds: float,
    waker: Waker | None = None,
    cancelled: Callable[[], bool],
) -> ssl.SSLSocket:
    """Begin TLS on a connected socket; it is closed where that fails.

    Raises: OSError (ssl.SSLError); TimeoutError; Interrupted.
    """
    end = time.monotonic() + seconds
    sock.setblocking(False)
    to_close = sock
    try:
        to_close = tls = context.wrap_socket(
            sock, server_hostname=server_hostname, server_side=server_side, do_handshake_on_connect=False
        )
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                wait_until(tls, waker, end, cancelled, read=True)
            except ssl.SSLWantWriteError:
                wait_until(tls, waker, end, cancelled, write=True)
            else:
                return tls
    except BaseException:
        to_close.close()
        raise


def wait_until(
    sock: socket.socket,
    waker: Waker | None,
    end: float,
    cancelled: Callable[[], bool],
    *,
    read: bool = False,
    write: bool = False,
) -> None:
    """Wait until a socket is ready.

    Raises: TimeoutError: the monotonic time `end`, in seconds, is over. Interrupted: cancelled.
    """
    while True:
        if cancelled():
            raise Interrupted
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if wait_for(sock, waker, read=read, write=write, seconds=left):
            return


def _shown(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
