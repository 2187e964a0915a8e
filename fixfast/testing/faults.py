"""A TCP proxy that breaks connections: by command, or at random by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, get_args

from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.errors import ConfigError
from fixfast.testing.breaking import reset

__all__ = ["Direction", "FaultProxy"]

#: "out": from the client (the bot) to the server; "in": back
Direction = Literal["out", "in", "both"]

#: read at once, and chunks that wait in one direction: a proxy that stalls makes the sender wait, as a network does
_READ, _WAITING = 65536, 64
#: what chaos() chooses from: all that TCP can do to a connection
_FAULTS = ("cut", "reset", "stall", "delay", "split", "half_open")


class FaultProxy:
    """Stands between a bot and its venue: `async with FaultProxy(host, port) as proxy: ...`.

    The bot connects to `proxy.connection`. What is set acts on all connections, those to come, too; what is called, on
    the ones there are.

    Args:
        host, port: where the server is.
        seed: of the jitter, and of chaos(); None: 0.
        listen: the address to listen on.

    Attributes:
        port: where it listens.
        delay, jitter: seconds that bytes wait, and up to so much more; order is kept.
        split: bytes are passed on in pieces of this size, each in a write of its own; 0: as they come.
        merge: seconds in which what comes is gathered, and passed on as one.
        refuse: nobody is let in: connections are closed as they come.
        connections: how many were made.
        history: what was broken, in order.
    """

    def __init__(self, host: str, port: int, *, seed: int | None = None, listen: str = "127.0.0.1") -> None:
        self._server_address = (host, port)
        self._listen = listen
        self._rng = random.Random(0 if seed is None else seed)
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._chaos: asyncio.Task[None] | None = None
        self.port = 0
        self.delay = self.jitter = self.merge = 0.0
        self.split = 0
        self.refuse = False
        self.connections = 0
        self.history: list[str] = []

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._accept, self._listen, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.calm()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()
        if isinstance(error, Exception) and self.history:
            error.add_note(f"What the proxy broke: {', '.join(self.history)}")

    @property
    def connection(self) -> ConnectionConfig:
        """Where the program under test connects to; it comes back at once."""
        quick = Reconnect(initial=0.01, maximum=0.05, max_refusals=None)
        return ConnectionConfig(self._listen, self.port, reconnect=quick)

    # --- faults --------------------------------------------------------------------------------------------

    async def cut(self) -> None:
        """Close all connections on both sides; what is on its way is lost."""
        self._note("cut")
        await self._end(hard=False)

    async def reset(self) -> None:
        """Reset all connections on both sides (TCP RST)."""
        self._note("reset")
        await self._end(hard=True)

    async def half_open(self) -> None:
        """Close the server's side and leave the client's open: it hears nothing any more, and is not told why."""
        self._note("half-open")
        for line in list(self._lines):
            line.forget_server()
        await asyncio.sleep(0)

    def stall(self, direction: Direction = "both") -> None:
        """Pass nothing on in one direction, or both, until resume()."""
        self._note(f"stall {_checked(direction)}")
        for way in self._ways(direction):
            way.going.clear()

    def resume(self) -> None:
        """Go on after stall()."""
        self._note("resume")
        for way in self._ways("both"):
            way.going.set()

    def lose(self, count: int, direction: Direction = "in") -> None:
        """Have the next `count` bytes vanish: what TCP never does, and broken middle boxes do."""
        self._note(f"lose {count} {_checked(direction)}")
        for way in self._ways(direction):
            way.losing += count

    def corrupt(self, count: int = 1, direction: Direction = "in", *, skip: int = 0) -> None:
        """Flip a bit in each of the next `count` bytes, after `skip` good ones."""
        self._note(f"corrupt {count} {_checked(direction)}")
        for way in self._ways(direction):
            way.corrupting = (skip, count)

    def cut_after(self, count: int, direction: Direction = "in") -> None:
        """Cut when so many more bytes have passed: in the middle of a message, for example."""
        self._note(f"cut after {count} {_checked(direction)}")
        for way in self._ways(direction):
            way.left = count

    def cut_at(self, needle: bytes, direction: Direction = "in") -> None:
        """Cut when these bytes are about to pass, which then do not: `proxy.cut_at(b"\\x0135=8\\x01")`."""
        self._note(f"cut at {needle!r} {_checked(direction)}")
        for way in self._ways(direction):
            way.needle = needle

    def chaos(self, *, every: float = 0.25, faults: Sequence[str] = _FAULTS) -> None:
        """Break something at random from now on until calm(): which, is the seed's choice.

        Args:
            every: seconds between two faults, on average.
            faults: what to choose from: cut, reset, stall, delay, split, half_open, lose, corrupt.
        """
        unknown = set(faults) - {*_FAULTS, "lose", "corrupt"}
        if unknown or not faults:
            raise ConfigError("faults", tuple(faults), f"some of {', '.join((*_FAULTS, 'lose', 'corrupt'))}")
        if self._chaos is not None:
            raise RuntimeError("chaos() has begun already")
        self._chaos = asyncio.get_running_loop().create_task(self._break_things(every, faults))

    async def calm(self) -> None:
        """End chaos(), and let everything through as it comes, at once."""
        chaos, self._chaos = self._chaos, None
        if chaos is not None:
            chaos.cancel()
            await asyncio.wait([chaos])
        self.delay = self.jitter = self.merge = 0.0
        self.split, self.refuse = 0, False
        for way in self._ways("both"):
            way.heal()

    # --- inside --------------------------------------------------------------------------------------------

    def wait_for(self) -> float:
        """Return how long the next bytes wait, seconds."""
        return self.delay + (self._rng.random() * self.jitter if self.jitter else 0.0)

    async def _break_things(self, every: float, faults: Sequence[str]) -> None:
        rng = self._rng
        while True:
            await asyncio.sleep(every * (0.5 + rng.random()))
            fault = rng.choice(faults)
            if fault in ("cut", "reset", "half_open"):
                await getattr(self, fault)()
            elif fault == "stall":
                self.stall(rng.choice(get_args(Direction)))
                await asyncio.sleep(every * rng.random())
                self.resume()
            elif fault == "delay":
                self.delay = rng.choice((0.0, 0.01, 0.05)) * rng.random()
                self._note(f"delay {self.delay:.3f}")
            elif fault == "split":
                self.split = rng.choice((0, 1, 7, 100))
                self._note(f"split {self.split}")
            else:
                getattr(self, fault)(rng.randint(1, 5), rng.choice(("in", "out")))

    def _note(self, what: str) -> None:
        self.history.append(what)

    def _ways(self, direction: Direction) -> list[_Way]:
        return [way for line in self._lines for name, way in line.ways.items() if direction in ("both", name)]

    async def _end(self, *, hard: bool) -> None:
        for line in list(self._lines):
            line.end(hard=hard)
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio's streams would complain about a cancelled handler
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuse:
            return
        try:
            upstream = await asyncio.open_connection(*self._server_address)
        except OSError:
            reset(writer)  # as the server's machine would have it
            return
        line = _Line(self, (reader, writer), upstream)
        self._lines.add(line)
        try:
            await line.run()
        finally:
            self._lines.discard(line)
            upstream[1].close()


class _Line:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._writers = (client[1], server[1])
        self._over = asyncio.Event()
        self.ways = {
            "out": _Way(proxy, client[0], server[1], self.end),
            "in": _Way(proxy, server[0], client[1], self.end),
        }

    async def run(self) -> None:
        """Carry bytes until both directions have ended, or the line is cut."""
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._over.wait()),
            asyncio.ensure_future(self._both()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _both(self) -> None:
        await asyncio.gather(*(way.run() for way in self.ways.values()))

    def end(self, *, hard: bool = False) -> None:
        """Cut the line on both sides."""
        self._over.set()
        for writer in self._writers:
            if hard:
                reset(writer)
            elif not writer.is_closing():
                writer.transport.abort()

    def forget_server(self) -> None:
        """Let go of the server; what the client says is read and thrown away."""
        self.ways["in"].mute = self.ways["out"].mute = True
        self._writers[1].close()


class _Way:
    """One direction of a connection."""

    def __init__(
        self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Callable[[], None]
    ) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._cut = cut
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)
        self.going = asyncio.Event()
        self.mute = False
        self.heal()

    def heal(self) -> None:
        """Forget what was to be broken."""
        self.losing = 0  # bytes that will vanish
        self.corrupting = (0, 0)  # good bytes, then bad ones
        self.left = -1  # bytes until the line is cut; -1: it is not
        self.needle = b""
        self.going.set()

    async def run(self) -> None:
        await asyncio.gather(self._take(), self._give())

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            try:
                data = await self._reader.read(_READ)
            except ConnectionError:
                data = b""
            await self._queue.put((loop.time() + self._proxy.wait_for(), data))

    async def _give(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            due, data = await self._queue.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if data and self._proxy.merge:
                data = await self._gather(data)
            await self.going.wait()
            if not self.mute:
                with contextlib.suppress(ConnectionError):
                    await self._pass_on(data)

    async def _gather(self, data: bytes) -> bytes:
        await asyncio.sleep(self._proxy.merge)
        while not self._queue.empty() and data:
            _, more = self._queue.get_nowait()
            if not more:
                self._queue.put_nowait((0.0, b""))
                break
            data += more
        return data

    async def _pass_on(self, data: bytes) -> None:
        if not data:
            if self._writer.can_write_eof():
                self._writer.write_eof()
            return
        if self.needle and self.needle in data:
            self._stop()
            return
        data, ends = self._spoilt(data)
        size = self._proxy.split or len(data)
        for at in range(0, len(data), max(1, size)):
            self._writer.write(data[at : at + size])
            await self._writer.drain()
            if size < len(data):
                await asyncio.sleep(0)
        if ends:
            await self._writer.drain()
            self._stop()

    def _spoilt(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is left of some bytes, and whether the line ends behind them."""
        lost = min(self.losing, len(data))
        self.losing -= lost
        data = data[lost:]
        skip, bad = self.corrupting
        if bad and data:
            changed = bytearray(data)
            for at in range(skip, min(skip + bad, len(data))):
                changed[at] ^= 0x10
            self.corrupting = (max(0, skip - len(data)), bad - max(0, min(skip + bad, len(data)) - skip))
            data = bytes(changed)
        ends = 0 <= self.left <= len(data)
        if ends:
            data = data[: self.left]
        elif self.left > 0:
            self.left -= len(data)
        return data, ends

    def _stop(self) -> None:
        self._proxy.history.append("cut as asked")
        self._cut()


def _checked(direction: str) -> str:
    if direction not in get_args(Direction):
        raise ConfigError("direction", direction, "'out' (from the client), 'in' (to it) or 'both'")
    return direction
