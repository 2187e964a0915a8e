"""Small real proxies for tests, SOCKS5 and HTTP CONNECT, that misbehave when told to. They share no code with ours."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import struct
from dataclasses import dataclass, field

from tests.engine.harness import HOST

__all__ = ["Proxy"]


@dataclass
class Proxy:
    """A listening proxy; `asked` is what it was asked for, before it looks the name up in `names`.

    Attributes:
        kind: "socks5" or "http".
        login: (username, password) that it wants; None: nothing.
        names: host that it is asked for -> host it connects to; others are as they are.
        refuse: SOCKS5 reply code or HTTP status that it answers with; 0: it connects.
        drip: its answers go out byte by byte.
        cut_after: it hangs up after so many bytes of answers.
        glue: seconds at most that it waits for first bytes of the venue, to send them in one write with its answer.
    """

    kind: str
    login: tuple[str, str] | None = None
    names: dict[str, str] = field(default_factory=dict)
    refuse: int = 0
    drip: bool = False
    cut_after: int | None = None
    glue: float = 0.0
    answer: bytes | None = None  # instead of everything
    asked: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Proxy:
        self._running: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._left = self.cut_after
        try:
            if self.answer is not None:
                await reader.read(1)
                writer.write(self.answer)
                await writer.drain()
                await reader.read()
            else:
                await (self._socks5 if self.kind == "socks5" else self._http)(reader, writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError, _Cut):
            pass
        finally:
            self._running.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _say(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for i in range(len(data)) if self.drip or self._left is not None else [0]:
            if self._left == 0:
                raise _Cut
            piece = data[i : i + 1] if self.drip or self._left is not None else data
            if self._left is not None:
                self._left -= 1
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async def _socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        assert version == 5
        methods = await reader.readexactly(count)
        if self.login is None:
            await self._say(writer, b"\x05\x00")
        elif 2 not in methods:
            await self._say(writer, b"\x05\xff")
            return
        else:
            await self._say(writer, b"\x05\x02")
            assert await reader.readexactly(1) == b"\x01"
            username = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (username.decode(), password.decode()) == self.login
            await self._say(writer, b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        kind = (await reader.readexactly(1))[0]
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
        else:
            packed = await reader.readexactly(4 if kind == 1 else 16)
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, packed)
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        if self.refuse:
            await self._say(writer, bytes((5, self.refuse, 0, 1)) + bytes(6))
            return
        # A name as the bound address: the answer is as long as the proxy likes.
        await self._relay(host, port, reader, writer, b"\x05\x00\x00\x03\x05proxy\x00\x00")

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, target, version = head[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        assert headers["Host"] == target
        host, _, port = target.rpartition(":")
        if self.login is not None:
            wanted = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
            if headers.get("Proxy-Authorization") != wanted:
                await self._say(
                    writer, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
                )
                return
        if self.refuse:
            await self._say(writer, b"HTTP/1.1 %d Forbidden by policy\r\nContent-Length: 0\r\n\r\n" % self.refuse)
            return
        answer = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n"
        await self._relay(host.strip("[]"), int(port), reader, writer, answer)

    async def _relay(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
    ) -> None:
        self.asked.append((host, port))
        their_reader, their_writer = await asyncio.open_connection(self.names.get(host, host), port)
        try:
            if self.glue:
                answer += await asyncio.wait_for(their_reader.read(65536), self.glue)
                writer.write(answer)
            else:
                await self._say(writer, answer)
            there = asyncio.create_task(_copy(reader, their_writer))
            try:
                await _copy(their_reader, writer)
            finally:
                there.cancel()
                await asyncio.wait([there])
        finally:
            their_writer.close()
            with contextlib.suppress(ConnectionError):
                await their_writer.wait_closed()


class _Cut(Exception):
    pass


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
