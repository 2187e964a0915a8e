"""Connections out without an event loop: what transport.dial does, waiting with a limit, given up when told to."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable

from fixfast.errors import ConfigError, LogonFailed
from fixfast.transport.blocking import Interrupted, Waker, dial, shake_hands, wait_until
from fixfast.transport.certificate import hosts_of
from fixfast.transport.proxy import ProxyConfig, ProxyHandshake
from fixfast.transport.route import Route, is_path
from fixfast.transport.tls_context import ClientTls

__all__ = ["BlockingDialer", "tunnel"]


class _Limit:
    """Until when to wait, and what ends it before."""

    __slots__ = ("cancelled", "end", "waker")

    def __init__(self, seconds: float, waker: Waker | None, cancelled: Callable[[], bool]) -> None:
        self.end = time.monotonic() + seconds
        self.waker = waker
        self.cancelled = cancelled

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.end - time.monotonic())

    def wait(self, sock: socket.socket, *, read: bool = False, write: bool = False) -> None:
        wait_until(sock, self.waker, self.end, self.cancelled, read=read, write=write)


class BlockingDialer(Route):
    """Makes the connections of one initiator, on the calling thread."""

    def prepare(self) -> None:
        """Read the certificates.

        Raises: ConfigError: a file cannot be used.
        """
        self.context()

    def dial(
        self, host: str, port: int, *, waker: Waker | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> socket.socket:
        """Connect, and return a non-blocking socket for the bytes of the session; an SSLSocket where there is TLS.

        The name is looked up each time; its addresses are tried one after the other.

        Args:
            host: a name, an address, or the path of a Unix socket.
            port: 0 for that.
            waker: ends the waiting, so that `cancelled` is looked at.
            cancelled: says that the connection is not wanted any more.

        Raises: LogonFailed: why not; `reason` is connect_timeout, connect, proxy or tls. Interrupted: cancelled.
        """
        self.step = "connecting"
        limit = _Limit(self.timeout, waker, cancelled)
        try:
            return self._dial(host, port, self.context(), limit)
        except TimeoutError as error:
            raise self.too_late() from error
        except (OSError, UnicodeError) as error:
            if self.wants_names(error):
                assert self.tls is not None
                self.learned(self._names_at(self.tls, host, port, _Limit(self.timeout, waker, cancelled)))
            raise self.trouble(error, host) from error

    # --- inside --------------------------------------------------------------------------------------------

    def _dial(self, host: str, port: int, context: ssl.SSLContext | None, limit: _Limit) -> socket.socket:
        if is_path(host):
            sock = _connect_unix(host, limit)
        elif self.proxy is not None:
            sock = self._through(self.proxy, host, port, limit)
        else:
            sock = self._reach(host, port, limit)
        if context is None:
            return sock
        assert self.tls is not None
        self.step = "in the TLS handshake"
        return shake_hands(
            sock,
            context,
            server_hostname=self.tls.server_name(host),
            seconds=limit.left,
            waker=limit.waker,
            cancelled=limit.cancelled,
        )

    def _reach(self, host: str, port: int, limit: _Limit) -> socket.socket:
        sock = dial(host, port, seconds=limit.left, waker=limit.waker, cancelled=limit.cancelled, source=self.source)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _through(self, proxy: ProxyConfig, host: str, port: int, limit: _Limit) -> socket.socket:
        """Return a socket whose next byte is the venue's."""
        handshake = proxy.handshake(host, port)
        self.step = "connecting to the proxy"
        try:
            sock = self._reach(proxy.host, proxy.port, limit)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            raise self.no_proxy(error) from error
        self.step = "talking to the proxy"
        try:
            tunnel(sock, handshake, limit.wait)
        except TimeoutError:
            sock.close()
            raise
        except OSError as error:
            sock.close()
            raise self.lost_proxy(error) from error
        except BaseException:
            sock.close()
            raise
        self.step = "connecting"
        return sock

    def _names_at(self, tls: ClientTls, host: str, port: int, limit: _Limit) -> list[str]:
        """Connect once more, to see which names the peer's certificate has; everything else about it is checked."""
        try:
            sock = self._dial(host, port, tls.probe(), limit)
        except (OSError, LogonFailed, ConfigError):  # the last: a file went away meanwhile
            return []
        with sock:
            assert isinstance(sock, ssl.SSLSocket)
            certificate = sock.getpeercert()
        return hosts_of(certificate) if certificate else []


def tunnel(sock: socket.socket, handshake: ProxyHandshake, wait: Callable[..., None]) -> None:
    """See a handshake through, on a non-blocking socket that is connected to the proxy.

    Args: wait: called with the socket and read=True or write=True, to wait until it is ready; it raises when it takes
        too long, however much the proxy drips.

    Raises: LogonFailed: the proxy does not connect us. OSError: the connection was lost. What `wait` raises.
    """
    while not handshake.done:
        data = handshake.data_to_send()
        while data:
            try:
                data = data[sock.send(data) :]
            except (BlockingIOError, InterruptedError):
                wait(sock, write=True)
        wait(sock, read=True)
        try:
            handshake.receive(sock.recv(handshake.wanted))
        except (BlockingIOError, InterruptedError):
            continue


def _connect_unix(path: str, limit: _Limit) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this platform has no Unix sockets")
    if limit.cancelled():
        raise Interrupted
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(limit.left)
        sock.connect(path)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
