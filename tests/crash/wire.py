"""The line between the two processes: a proxy that sees every byte, tells of messages, and can be cut anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import fixfast as ff

__all__ = ["Connection", "Proxy"]


@dataclass
class Connection:
    """What passed over one TCP connection. `lives`: the processes at its ends; bytes by the side that wrote them."""

    lives: dict[str, int]
    bytes: dict[str, bytearray] = field(default_factory=lambda: {"initiator": bytearray(), "acceptor": bytearray()})

    def messages(self, side: str) -> list[ff.Message]:
        """Return the whole messages that one side wrote. What is garbled on a real TCP connection is a finding."""
        decoder = ff.StreamDecoder()
        decoder.feed(bytes(self.bytes[side]))
        found = []
        for item in decoder:
            assert isinstance(item, ff.Message), f"the {side} wrote garbled bytes: {item}"
            item.detach()
            found.append(item)
        return found


class Proxy:
    """Listens for the initiator, connects to the acceptor.

    Args:
        lives: the number of the process that is up now, for each side.
        seen: called with (side, message) for each message, before it goes on.
    """

    def __init__(self, lives: dict[str, int], seen: Callable[[str, ff.Message], None]) -> None:
        self.connections: list[Connection] = []
        self.target = 0  # the acceptor's port, 0 while it is down
        self.port = 0
        self._lives = lives
        self._seen = seen
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    def cut(self, *, reset: bool = True) -> None:
        """End all connections: with a TCP reset, or in good order."""
        for writer in list(self._open):
            if reset:
                sock = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if not self.target:
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 20)
            self._open.add(far)
            connection = Connection(dict(self._lives))
            self.connections.append(connection)
            ways = (("initiator", reader, far), ("acceptor", far_reader, writer))
            pipes = [asyncio.ensure_future(self._pipe(connection, *way)) for way in ways]
            try:
                # Either end closing ends both ways, once what it wrote has been passed on.
                await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._finish(pipes)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, far):
                if end is not None:
                    self._open.discard(end)
                    end.close()

    async def _finish(self, pipes: Sequence[asyncio.Future[None]]) -> None:
        """What the other side wrote before it heard of the end is on record, too."""
        await asyncio.wait(pipes, timeout=0.05)
        for pipe in pipes:
            pipe.cancel()
        await asyncio.wait(pipes)

    async def _pipe(
        self, connection: Connection, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        decoder = ff.StreamDecoder()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                connection.bytes[side] += data
                decoder.feed(data)
                for item in decoder:
                    if isinstance(item, ff.Message):
                        self._seen(side, item)
                writer.write(data)
                await writer.drain()
