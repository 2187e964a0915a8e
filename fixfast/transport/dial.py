"""Connections out, with asyncio: by name, address or Unix socket, through a proxy, with TLS; one clear error if not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from fixfast.errors import LogonFailed
from fixfast.transport.certificate import hosts_of
from fixfast.transport.proxy import ProxyConfig, ProxyHandshake
from fixfast.transport.route import Route, is_address, is_path
from fixfast.transport.tls_context import ClientTls

__all__ = ["Dialer"]

#: Seconds that an address of a name gets before the next one is tried beside it (RFC 8305, section 5).
_HEAD_START = 0.25


class Dialer(Route):
    """Makes the connections of one initiator, on an event loop."""

    async def prepare(self) -> None:
        """Read the certificates, in a worker thread: the system's are many.

        Raises: ConfigError: a file cannot be used.
        """
        if self.tls is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.tls.context)

    async def dial(self, protocol: asyncio.BaseProtocol, host: str, port: int) -> None:
        """Connect a protocol. When this returns, its connection_made() was called.

        The name is looked up each time. Of its addresses, IPv6 and IPv4 take turns, each with a head start before the
        next one: a network where one of the two leads nowhere costs a moment, not a timeout.

        Args: host: a name, an address, or the path of a Unix socket. port: 0 for that.

        Raises: LogonFailed: why not; `reason` is connect_timeout, connect, proxy or tls.
        """
        self.step = "connecting"
        try:
            async with asyncio.timeout(self.timeout):
                await self._dial(protocol, host, port, self.context())
        except TimeoutError as error:
            raise self.too_late() from error
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            if self.wants_names(error):
                assert self.tls is not None
                self.learned(await self._names_at(self.tls, host, port))
            raise self.trouble(error, host) from error

    # --- inside --------------------------------------------------------------------------------------------

    async def _dial(
        self, protocol: asyncio.BaseProtocol, host: str, port: int, context: ssl.SSLContext | None
    ) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        native = isinstance(loop, asyncio.BaseEventLoop)
        options: dict[str, Any] = {}
        if context is not None:
            assert self.tls is not None
            name = self.tls.server_name(host)
            options = {"ssl": context, "server_hostname": name, "ssl_handshake_timeout": self.timeout}

        def connected() -> asyncio.BaseProtocol:
            if context is not None and native:  # other loops call this before they connect
                self.step = "in the TLS handshake"
            return protocol

        if is_path(host):
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("this platform has no Unix sockets")
            transport, _ = await loop.create_unix_connection(connected, host, **options)
        elif self.proxy is not None:
            sock = await self._through(self.proxy, host, port)
            try:
                transport, _ = await loop.create_connection(connected, sock=sock, **options)
            except BaseException:
                sock.close()
                raise
        else:
            if native and not is_address(host):
                options["happy_eyeballs_delay"] = _HEAD_START
            ours = (self.source, 0) if self.source is not None else None
            transport, _ = await loop.create_connection(connected, host, port, local_addr=ours, **options)
        return transport

    async def _through(self, proxy: ProxyConfig, host: str, port: int) -> socket.socket:
        """Return a socket whose next byte is the venue's."""
        handshake = proxy.handshake(host, port)
        self.step = "connecting to the proxy"
        try:
            sock = await _connect(proxy.host, proxy.port, self.source)
        except (OSError, UnicodeError) as error:
            raise self.no_proxy(error) from error
        self.step = "talking to the proxy"
        try:
            await _shake_hands(sock, handshake)
        except OSError as error:
            sock.close()
            raise self.lost_proxy(error) from error
        except BaseException:
            sock.close()
            raise
        self.step = "connecting"
        return sock

    async def _names_at(self, tls: ClientTls, host: str, port: int) -> list[str]:
        """Connect once more, to see which names the peer's certificate has; everything else about it is checked."""
        try:
            async with asyncio.timeout(self.timeout):
                transport = await self._dial(asyncio.Protocol(), host, port, tls.probe())
        except (OSError, TimeoutError, LogonFailed):
            return []
        certificate = transport.get_extra_info("peercert")
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
        return hosts_of(certificate) if certificate else []


async def _connect(host: str, port: int, source: str | None) -> socket.socket:
    """Return a non-blocking socket that is connected to the first address of a host that answers.

    Raises: OSError: none does; the first one's error. UnicodeError: no host has such a name.
    """
    loop = asyncio.get_running_loop()
    trouble: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    ):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine has not
            trouble = trouble or error
            continue
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                sock.bind((source, 0))
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
