"""TLS connections of asyncio with a small buffer carry the same bytes; what is not asyncio's is left alone."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from fixfast.transport.slim import slim_tls


class _Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.slimmed: list[bool] = []
        self.transport: asyncio.Transport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._context: ssl.SSLContext | None = None

    def begin(self, context: ssl.SSLContext) -> _Echo:
        self._context = context
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._starting = asyncio.get_running_loop().create_task(self._start(transport))

    async def _start(self, transport: asyncio.Transport) -> None:
        assert self._context is not None
        secure = await asyncio.get_running_loop().start_tls(transport, self, self._context, server_side=True)
        assert isinstance(secure, asyncio.Transport)
        self.slimmed += [slim_tls(transport), slim_tls(transport), slim_tls(secure)]
        self.transport = secure

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


@pytest.mark.parametrize("size", [1, 16 * 1024, 17 * 1024 + 1, 3 << 20])
def test_what_is_sent_comes_back_whole(tmp_path: Path, size: int) -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)

    async def main() -> list[bool]:
        loop, echo = asyncio.get_running_loop(), _Echo()
        server = await loop.create_server(lambda: echo.begin(server_side), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        while not echo.slimmed:
            await asyncio.sleep(0)
        data = bytes(i % 251 for i in range(size))
        writer.write(data)
        async with asyncio.timeout(20):
            assert await reader.readexactly(size) == data
        writer.close()
        await writer.wait_closed()
        server.close()
        return echo.slimmed

    # Once is enough, and the secure transport, or a plain connection, has no such buffer.
    assert asyncio.run(main()) == [True, False, False]


def test_other_transports_are_left_alone() -> None:
    assert not slim_tls(asyncio.BaseTransport())
