"""Engines on real loopback sockets: a bounded run that leaves nothing behind, a program that notes, peers by hand."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import fixfast as ff

T = TypeVar("T")

HOST = "127.0.0.1"
#: the kind of loop that run() makes; None: asyncio's own
loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
#: comes back at once, and never gives up by itself
EAGER = ff.Reconnect(initial=0.005, maximum=0.02, max_refusals=None)


def run(main: Coroutine[Any, Any, T], *, limit: float = 30.0) -> T:
    """Run a test's coroutine. Left-over tasks, and errors that only reached the event loop, are failures.

    Args: limit: seconds; below 5, the shortest time-out that is set by default, where a test is to end without one.
    """
    troubles: list[dict[str, Any]] = []

    def trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # In debug mode asyncio tells of each TLS handshake that a peer did not finish.
        if not context["message"].startswith("Error on transport creation for incoming"):
            troubles.append(context)

    async def bounded() -> T:
        asyncio.get_running_loop().set_exception_handler(trouble)
        async with asyncio.timeout(limit):
            result = await main
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        return result

    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(bounded())
    finally:
        gc.collect()  # what was not closed warns now, in the test that forgot it
        assert not troubles, troubles


def us(**options: Any) -> ff.SessionConfig:
    """The initiator's side."""
    return ff.SessionConfig(
        options.pop("begin_string", "FIX.4.4"), options.pop("sender", "BOT"), options.pop("target", "SIM"), **options
    )


def them(**options: Any) -> ff.SessionConfig:
    """The acceptor's side of the same session."""
    return us(sender=options.pop("sender", "SIM"), target=options.pop("target", "BOT"), **options)


def to(server: ff.Server | int, reconnect: ff.Reconnect = EAGER, **options: Any) -> ff.ConnectionConfig:
    port = server if isinstance(server, int) else server.port
    return ff.ConnectionConfig(HOST, port, reconnect=reconnect, **options)


def news(text: object) -> tuple[str, list[tuple[int, object]]]:
    """A small application message: News (B) with a Headline."""
    return "B", [(148, str(text)), (33, [[(58, "x")]])]


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds; the run's limit bounds it."""
    while not condition():
        await asyncio.sleep(0.001)


class Notes:
    """An application that writes down what it is told."""

    def __init__(self) -> None:
        self.logons = 0
        self.logouts: list[str] = []
        self.messages: list[ff.Message] = []
        self.events: list[Any] = []

    def on_logon(self, session: ff.LiveSession) -> None:
        self.logons += 1

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        self.logouts.append(reason)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        message.detach()
        self.messages.append(message)

    def on_event(self, session: ff.LiveSession, event: object) -> None:
        self.events.append(event)

    def named(self, name: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == name]

    @property
    def headlines(self) -> list[str]:
        return [message[148] for message in self.messages]


class Peer:
    """One end of a TCP connection, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, me: str, you: str) -> None:
        self.reader = reader
        self.writer = writer
        self.begin_string = "FIX.4.4"
        self._me, self._you = me, you
        self._next = 1
        self._decoder = ff.StreamDecoder()

    @classmethod
    async def connect(cls, port: int, me: str = "BOT", you: str = "SIM") -> Peer:
        return cls(*await asyncio.open_connection(HOST, port), me, you)

    @property
    def next(self) -> int:
        """The MsgSeqNum that write() gives next."""
        return self._next

    def write(self, msg_type: str, fields: Iterable[Any] = (), *, seq: int | None = None) -> None:
        n = self._next if seq is None else seq
        self._next = n + 1
        header = [(49, self._me), (56, self._you), (34, n), (52, time.time_ns())]
        self.writer.write(ff.encode(self.begin_string, msg_type, [*header, *fields]))

    def logon(self, *fields: Any, heart_bt_int: int = 30, seq: int | None = None) -> None:
        self.write("A", [(98, 0), (108, heart_bt_int), *fields], seq=seq)

    async def read(self) -> ff.Message | None:
        """The next message; None: the connection is closed."""
        while True:
            for item in self._decoder:
                assert isinstance(item, ff.Message), item
                item.detach()
                return item
            try:
                data = await self.reader.read(65536)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._decoder.feed(data)

    async def expect(self, msg_type: str) -> ff.Message:
        message = await self.read()
        assert message is not None, f"closed instead of 35={msg_type}"
        assert message.msg_type == msg_type, message
        return message

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class Venue:
    """A listening socket whose connections are answered by a function: an acceptor that misbehaves."""

    def __init__(self, answer: Callable[[Peer], Awaitable[None]], **options: Any) -> None:
        self._answer = answer
        self._options = options
        self._running: set[asyncio.Task[Any]] = set()
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> Venue:
        self._server = await asyncio.start_server(self._serve, HOST, 0, **self._options)
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
        self.connections += 1
        peer = Peer(reader, writer, "SIM", "BOT")
        try:
            await self._answer(peer)
        except asyncio.CancelledError:
            pass
        finally:
            self._running.discard(task)
            await peer.close()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


async def silent(peer: Peer) -> None:
    """Read and say nothing."""
    while await peer.read() is not None:
        pass
