"""Connections out, with asyncio: by name, address or Unix socket, through a proxy, with TLS; one clear error if not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, cast

from fixfast.errors import ConfigError, LogonFailed
from fixfast.transport.certificate import hosts_of
from fixfast.transport.proxy import ProxyConfig, ProxyHandshake
from fixfast.transport.route import Route, is_address, is_path
from fixfast.transport.tls_context import ClientTls

__all__ = ["Dialer"]

#: One answer of getaddrinfo().
_Info = tuple[int, int, int, str, Any]
#: Seconds that an address of a name gets before the next one is tried beside it (RFC 8305, section 5).
_HEAD_START = 0.25
#: Seconds after which a Unix socket is looked at again whose queue was full: nobody tells when it is not.
_NO_PLACE = 0.005


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

        transport: asyncio.BaseTransport
        if is_path(host):
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("this platform has no Unix sockets")
            open_at = loop.create_unix_connection
            if getattr(open_at, "__self__", loop) is loop:  # and not that of a network in memory
                transport, _ = await open_at(connected, sock=await _at_path(host), **options)
            else:
                transport, _ = await open_at(connected, host, **options)
        elif self.proxy is not None:
            sock = await self._through(self.proxy, host, port)
            transport = await _upon(sock, connected, options)
        else:
            infos = [] if is_address(host) else await _look_up(host, port, self.source)
            if len(infos) < 2:
                if infos and not any(infos[0][4][2:]):  # an address with a zone is looked up again
                    host = infos[0][4][0]
                ours = (self.source, 0) if self.source is not None else None
                transport, _ = await loop.create_connection(connected, host, port, local_addr=ours, **options)
            else:
                sock = await _first_of(infos, self.source)
                transport = await _upon(sock, connected, options)
        return transport

    async def _through(self, proxy: ProxyConfig, host: str, port: int) -> socket.socket:
        """Return a socket whose next byte is the venue's."""
        handshake = proxy.handshake(host, port)
        self.step = "connecting to the proxy"
        try:
            sock = await _first_of(await _look_up(proxy.host, proxy.port, self.source), self.source)
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
        except (OSError, TimeoutError, LogonFailed, ConfigError):  # the last: a file went away meanwhile
            return []
        certificate = transport.get_extra_info("peercert")
        cast(asyncio.Transport, transport).abort()  # uvloop's are no asyncio.Transport by class
        return hosts_of(certificate) if certificate else []


async def _upon(
    sock: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], options: dict[str, Any]
) -> asyncio.BaseTransport:
    """Make a transport of a connected socket; it is closed where that fails."""
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(protocol, sock=sock, **options)
    except BaseException:
        sock.close()
        raise
    return transport


# --- sockets -------------------------------------------------------------------------------------------------


async def _look_up(host: str, port: int, source: str | None) -> list[_Info]:
    """Return the addresses of a host, families in turns, the one that the system prefers first.

    Raises: OSError: it has none. UnicodeError: no host has such a name.
    """
    loop = asyncio.get_running_loop()
    infos = list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))
    if source is not None:
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        infos = [info for info in infos if info[0] == family]
    if not infos:
        raise OSError(f"{host} has no address" + (f" that can be reached from {source}" if source else ""))
    first = [info for info in infos if info[0] == infos[0][0]]
    other = [info for info in infos if info[0] != infos[0][0]]
    return [info for info in chain.from_iterable(zip_longest(first, other)) if info is not None]


async def _at_path(path: str) -> socket.socket:
    """Return a non-blocking socket that is connected to a Unix socket.

    Not create_unix_connection(path): where as many wait to be accepted as may, the kernel says at once that it is not
    now, and asyncio takes the socket for connected.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        while True:
            try:
                sock.connect(path)
            except BlockingIOError:
                await asyncio.sleep(_NO_PLACE)
            else:
                return sock
    except BaseException:
        sock.close()
        raise


async def _first_of(infos: Sequence[_Info], source: str | None) -> socket.socket:
    """Return a non-blocking socket that is connected to the first address that answers (RFC 8305).

    Not create_connection(happy_eyeballs_delay=...): there, a connection that is made in the moment of a cancellation is
    never closed (CPython 3.11), and uvloop does not have it.

    Raises: OSError: none answers; the first one's error.
    """
    loop = asyncio.get_running_loop()
    waiting = deque(infos)
    running: set[asyncio.Task[socket.socket]] = set()
    winner: socket.socket | None = None
    trouble: BaseException | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(loop.create_task(_connect(waiting.popleft(), source)))
            done, running = await asyncio.wait(
                running, timeout=_HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is not None:
                    trouble = trouble or error
                elif winner is None:
                    winner = task.result()
                else:
                    task.result().close()
        _give_up(running)
        if running:
            await asyncio.wait(running)
    except BaseException:
        _give_up(running)
        if winner is not None:
            winner.close()
        raise
    if winner is not None:
        return winner
    assert trouble is not None
    raise trouble


def _give_up(running: Iterable[asyncio.Task[socket.socket]]) -> None:
    for task in running:
        task.cancel()
        task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """Close what was connected in the very moment it was given up."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(info: _Info, source: str | None) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _shake_hands(sock: socket.socket, handshake: ProxyHandshake) -> None:
    loop = asyncio.get_running_loop()
    while not handshake.done:
        data = handshake.data_to_send()
        if data:
            await loop.sock_sendall(sock, data)
        handshake.receive(await loop.sock_recv(sock, handshake.wanted))
