"""Connections out, with asyncio: by name, address or Unix socket, through a proxy, with TLS; one clear error if not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from typing import Any

from fixfast.errors import LogonFailed
from fixfast.transport.certificate import hosts_of
from fixfast.transport.proxy import ProxyConfig, ProxyHandshake
from fixfast.transport.tls_context import ClientTls
from fixfast.transport.tls_trouble import explain, is_tls_trouble

__all__ = ["Dialer", "is_address", "is_path"]

#: Seconds that an address of a name gets before the next one is tried beside it (RFC 8305, section 5).
_HEAD_START = 0.25
#: OpenSSL's codes for: the certificate is good, but for another name or address
_NOT_THIS_HOST = (62, 64)


class Dialer:
    """Makes the connections of one initiator.

    Args:
        tls: None: plain text.
        proxy: None: directly.
        source: the address of ours to connect from; None: the system's choice.
        timeout: seconds for everything until bytes of the session may be sent.
    """

    def __init__(
        self,
        *,
        tls: ClientTls | None = None,
        proxy: ProxyConfig | None = None,
        source: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._tls = tls
        self._proxy = proxy
        self._source = (source, 0) if source is not None else None
        self._timeout = timeout
        self._step = ""
        self._names: list[str] = []  # in the certificate of a peer that has another name
        self._probed = False

    async def prepare(self) -> None:
        """Read the certificates, in a worker thread: the system's are many.

        Raises: ConfigError: a file cannot be used.
        """
        if self._tls is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._tls.context)

    async def dial(self, protocol: asyncio.BaseProtocol, host: str, port: int) -> None:
        """Connect a protocol. When this returns, its connection_made() was called.

        The name is looked up each time. Of its addresses, IPv6 and IPv4 take turns, each with a head start before the
        next one: a network where one of the two leads nowhere costs a moment, not a timeout.

        Args: host: a name, an address, or the path of a Unix socket. port: 0 for that.

        Raises: LogonFailed: why not; `reason` is connect_timeout, connect, proxy or tls.
        """
        self._step = "connecting"
        try:
            async with asyncio.timeout(self._timeout):
                await self._dial(protocol, host, port, self._tls.context() if self._tls is not None else None)
        except TimeoutError as error:
            text = f"no connection in {self._timeout:g} s, while {self._step}"
            raise LogonFailed("connect_timeout", text) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            raise await self._trouble(error, host, port) from error

    def lost(self, error: BaseException | None, host: str) -> LogonFailed | None:
        """Return what it means that a connection was lost before the logon with this exception, if TLS is why.

        A peer that speaks TLS 1.3 refuses our certificate only when we have taken the handshake for done.
        """
        if self._tls is None or not isinstance(error, ssl.SSLError):
            return None
        failed = LogonFailed("tls", explain(error, self._tls, host))
        failed.__cause__ = error
        return failed

    # --- inside --------------------------------------------------------------------------------------------

    async def _dial(
        self, protocol: asyncio.BaseProtocol, host: str, port: int, context: ssl.SSLContext | None
    ) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        native = isinstance(loop, asyncio.BaseEventLoop)
        options: dict[str, Any] = {}
        if context is not None:
            assert self._tls is not None
            name = self._tls.server_name(host)
            options = {"ssl": context, "server_hostname": name, "ssl_handshake_timeout": self._timeout}

        def connected() -> asyncio.BaseProtocol:
            if context is not None and native:  # other loops call this before they connect
                self._step = "in the TLS handshake"
            return protocol

        if is_path(host):
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("this platform has no Unix sockets")
            transport, _ = await loop.create_unix_connection(connected, host, **options)
        elif self._proxy is not None:
            sock = await self._through(self._proxy, host, port)
            try:
                transport, _ = await loop.create_connection(connected, sock=sock, **options)
            except BaseException:
                sock.close()
                raise
        else:
            if native and not is_address(host):
                options["happy_eyeballs_delay"] = _HEAD_START
            transport, _ = await loop.create_connection(connected, host, port, local_addr=self._source, **options)
        return transport

    async def _through(self, proxy: ProxyConfig, host: str, port: int) -> socket.socket:
        """Return a socket whose next byte is the venue's."""
        handshake = proxy.handshake(host, port)
        self._step = "connecting to the proxy"
        try:
            sock = await _connect(proxy.host, proxy.port, self._source)
        except (OSError, UnicodeError) as error:
            text = f"the proxy {proxy.host}:{proxy.port} cannot be reached: {error}"
            raise LogonFailed("proxy", text) from error
        self._step = "talking to the proxy"
        try:
            await _shake_hands(sock, handshake)
        except OSError as error:
            sock.close()
            raise LogonFailed("proxy", f"the connection to the proxy was lost: {error}") from error
        except BaseException:
            sock.close()
            raise
        self._step = "connecting"
        return sock

    async def _trouble(self, error: OSError | UnicodeError, host: str, port: int) -> LogonFailed:
        tls = self._tls
        if tls is None or not is_tls_trouble(error):
            return LogonFailed("connect", str(error) or type(error).__name__)
        if getattr(error, "verify_code", 0) in _NOT_THIS_HOST and tls.can_probe and not self._probed:
            self._probed = True  # once: it costs the venue a connection
            self._names = await self._names_at(tls, host, port)
        return LogonFailed("tls", explain(error, tls, host, self._names))

    async def _names_at(self, tls: ClientTls, host: str, port: int) -> list[str]:
        """Connect once more, to see which names the peer's certificate has; everything else about it is checked."""
        try:
            async with asyncio.timeout(self._timeout):
                transport = await self._dial(asyncio.Protocol(), host, port, tls.probe())
        except (OSError, TimeoutError, LogonFailed):
            return []
        certificate = transport.get_extra_info("peercert")
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
        return hosts_of(certificate) if certificate else []


def is_path(host: str) -> bool:
    """Tell whether a host is the path of a Unix socket: no name and no address has a slash."""
    return "/" in host


def is_address(host: str) -> bool:
    """Tell whether a host is an IPv4 or IPv6 address, not a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _connect(host: str, port: int, source: tuple[str, int] | None) -> socket.socket:
    """Return a non-blocking socket that is connected to the first address of a host that answers.

    Raises: OSError: none does; the first one's error. UnicodeError: no host has such a name.
    """
    loop = asyncio.get_running_loop()
    trouble: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                sock.bind(source)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            trouble = trouble or error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble or OSError(f"{host} has no address")


async def _shake_hands(sock: socket.socket, handshake: ProxyHandshake) -> None:
    loop = asyncio.get_running_loop()
    while not handshake.done:
        data = handshake.data_to_send()
        if data:
            await loop.sock_sendall(sock, data)
        handshake.receive(await loop.sock_recv(sock, handshake.wanted))
