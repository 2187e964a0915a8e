"""A network in memory for one asyncio loop: who listens, who connects, what breaks, and all that was said."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any

from fixfast.testing.link import Link, MemoryTransport, Passed

__all__ = ["MemoryServer", "Network"]

#: what a loop opens connections with
_METHODS = (
    "create_connection",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "getaddrinfo",
    "sock_connect",
)


class Network:
    """Where `loop.create_connection` and `loop.create_server` lead while it is installed: nowhere outside.

    Attributes:
        delay: seconds from one end to the other.
        jitter: seconds more, at random, at most. Order is kept.
        up: False: nobody can connect.
        links: the connections there are.
        wire: every message that was written, in order.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, elapsed_ns: Callable[[], int], rng: random.Random) -> None:
        self.elapsed_ns = elapsed_ns
        self.rng = rng
        self.delay = 0.0
        self.jitter = 0.0
        self.up = True
        self.links: list[Link] = []
        self.wire: list[Passed] = []
        self._servers: dict[int | str, MemoryServer] = {}
        self._ports = 40_000

    def __enter__(self) -> Network:
        loop: Any = asyncio.get_running_loop()
        self.loop = loop
        self._there = {name: vars(loop)[name] for name in _METHODS if name in vars(loop)}
        for name in _METHODS:
            setattr(loop, name, getattr(self, name))  # on the instance: other loops are as they were
        return self

    def __exit__(self, *exc: object) -> None:
        loop: Any = self.loop
        for name in _METHODS:
            if name in self._there:
                setattr(loop, name, self._there[name])
            else:
                delattr(loop, name)

    async def create_connection(
        self, factory: Callable[[], Any], host: str | None = None, port: int | None = None, **options: Any
    ) -> tuple[MemoryTransport, Any]:
        """Connect, as the method of a loop does. There is no TLS: what a program asks for of it is left out."""
        return await self._connect(factory, str(host), port or 0, f"{host}:{port}")

    async def create_unix_connection(
        self, factory: Callable[[], Any], path: str | None = None, **options: Any
    ) -> tuple[MemoryTransport, Any]:
        """Connect to a Unix socket of this network, which is no file."""
        return await self._connect(factory, "127.0.0.1", str(path), str(path))

    async def _connect(
        self, factory: Callable[[], Any], host: str, port: int | str, shown: str
    ) -> tuple[MemoryTransport, Any]:
        await asyncio.sleep(self.delay)
        server = self._servers.get(port)
        if server is None or not self.up:
            raise ConnectionRefusedError(f"nobody listens on {shown} of the network in memory")
        self._ports += 1
        there = (host, port) if isinstance(port, int) else port
        link = Link(self, there, ("127.0.0.1", self._ports) if isinstance(port, int) else "")
        self.links.append(link)
        client, other = link.ends
        self.loop.call_soon(other.begin, server.factory())
        protocol = factory()
        client.begin(protocol)
        return client, protocol

    async def getaddrinfo(
        self, host: str, port: int, **options: Any
    ) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        """Look a name up, as the method of a loop does: every name is one address, itself."""
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]

    async def create_server(
        self, factory: Callable[[], Any], host: str | None = None, port: int | None = None, **options: Any
    ) -> MemoryServer:
        """Listen, as the method of a loop does. Any port number will do; 0 is the first free one from 1 on."""
        sock: socket.socket | None = options.get("sock")
        if sock is not None:
            host, port = sock.getsockname()[:2]
        number = port or next(n for n in range(1, 65536) if n not in self._servers)
        # The second address of a server that listens on several, with one port: that is reached already.
        key = f"{host}:{number}" if sock is not None and number in self._servers else number
        return self._listen(factory, (str(host or "127.0.0.1"), number), key, sock)

    async def create_unix_server(
        self, factory: Callable[[], Any], path: str | None = None, **options: Any
    ) -> MemoryServer:
        """Listen on a Unix socket of this network."""
        sock: socket.socket | None = options.get("sock")
        name = str(path if sock is None else sock.getsockname())
        return self._listen(factory, name, name, sock)

    def _listen(
        self, factory: Callable[[], Any], address: Any, key: int | str, sock: socket.socket | None
    ) -> MemoryServer:
        if key in self._servers:
            raise OSError(f"{key} of the network in memory is in use")
        server = self._servers[key] = MemoryServer(factory, address, key, self._servers, sock)
        return server

    async def sock_connect(self, sock: object, address: object) -> None:
        """Refuse: a socket leads outside."""
        raise OSError(f"{address}: a network in memory has no sockets, and no proxies")

    def drop(self, *, reset: bool = False) -> None:
        """Cut all connections now; what is on its way is lost."""
        for link in list(self.links):
            link.cut(ConnectionResetError("reset") if reset else ConnectionAbortedError("the link was cut"))

    def hold(self, held: bool) -> None:
        """Let nothing through, or again everything: both ends stay connected and learn nothing."""
        for link in self.links:
            for end in link.ends:
                end.hold(held)


class MemoryServer:
    """What create_server() returns: as much of an asyncio.Server as one needs."""

    def __init__(
        self,
        factory: Callable[[], Any],
        address: tuple[str, int] | str,
        key: int | str,
        servers: dict[int | str, MemoryServer],
        sock: socket.socket | None,
    ) -> None:
        self.factory = factory
        self.family = socket.AF_INET if isinstance(address, tuple) else getattr(socket, "AF_UNIX", socket.AF_INET)
        self._address = address
        self._key = key
        self._servers = servers
        self._sock = sock  # of the real world; nobody is accepted there

    @property
    def sockets(self) -> tuple[Any, ...]:
        """One, that knows its address."""
        return () if self._servers.get(self._key) is not self else (self,)

    def getsockname(self) -> tuple[str, int] | str:
        """Return host and port, or a path."""
        return self._address

    def listen(self, backlog: int = 0) -> None:
        """Do nothing: nobody waits here."""

    def is_serving(self) -> bool:
        """Say whether it listens."""
        return bool(self.sockets)

    def close(self) -> None:
        """Listen no longer."""
        if self.sockets:
            del self._servers[self._key]
            if self._sock is not None:
                self._sock.close()

    async def wait_closed(self) -> None:
        """Do nothing: it is closed at once."""
