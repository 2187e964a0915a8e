"""The byte pump alone, between a real socket pair and a session that only counts: closing, pressure, stalls, timers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import fixfast as ff
from fixfast.transport import aio
from fixfast.transport.aio import Pump
from tests.engine.harness import run, until

MS = 1_000_000


class Counting:
    """The part of a session that a pump sees. What comes in is kept, `out` is what goes out."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.calls: list[str] = []
        self.out: list[bytes] = []
        self.deadline: int | None = None
        self.polls: list[int] = []
        self.on_poll: Callable[[], None] = lambda: None
        self.close_requested: object | None = None
        self.reads = 0
        self._buffer = bytearray(1024)

    def connected(self, now: ff.Now) -> None:
        self.calls.append("connected")

    def get_buffer(self, hint: int) -> memoryview:
        return memoryview(self._buffer)

    def buffer_updated(self, n: int, now: ff.Now) -> None:
        self.reads += 1
        self.received += self._buffer[:n]

    def receive_data(self, data: ff.Buffer, now: ff.Now) -> None:
        self.received += data

    def receive_eof(self, now: ff.Now) -> None:
        self.calls.append("eof")
        self.close_requested = "peer closed"

    def disconnected(self, reason: str, now: ff.Now) -> None:
        self.calls.append(reason)

    def poll(self, now: ff.Now) -> None:
        self.polls.append(now.mono_ns)
        self.deadline = None
        self.on_poll()

    def next_deadline(self) -> int | None:
        return self.deadline

    def data_to_send(self) -> list[ff.Buffer]:
        out, self.out = self.out, []
        return list(out)


class Boss:
    """The owner: counts turns, and does what a test wants in them."""

    def __init__(self) -> None:
        self.turns = self.flushes = 0
        self.closed: list[str] = []
        self.act: Callable[[], None] = lambda: None

    def on_turn(self) -> None:
        self.turns += 1
        self.act()

    def on_flushed(self) -> None:
        self.flushes += 1

    def on_closed(self, reason: str) -> None:
        self.closed.append(reason)


class Line:
    """A pump on one end of a socket pair; the test has the other end."""

    def __init__(self, **options: Any) -> None:
        self.session, self.boss = Counting(), Boss()
        self._options = options

    async def __aenter__(self) -> Line:
        ours, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.pump = Pump(self.session, self.boss, **self._options)
        await asyncio.get_running_loop().create_connection(lambda: self.pump, sock=ours)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.far.close()
        if self.pump.abort("test over"):
            await self.pump.closed

    async def read(self, n: int = 65536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.far, n)

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, data)


def on_a_line(body: Callable[[Line], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def main() -> None:
        async with Line(**options) as line:
            await body(line)

    run(main(), limit=8)


def test_bytes_pass_in_and_out() -> None:
    async def body(line: Line) -> None:
        assert line.session.calls == ["connected"]
        await line.write(b"hello")
        await until(lambda: line.session.received == b"hello")
        line.session.out = [b"one ", b"two"]
        line.pump.soon()
        line.pump.soon()
        turns = line.boss.turns
        assert await line.read() == b"one two"
        assert line.boss.turns == turns + 1, "one turn for everything sent in one pass of the loop"

    on_a_line(body)


def test_first_bytes_go_before_what_is_read() -> None:
    async def body(line: Line) -> None:
        assert line.session.received == b"first "
        await line.write(b"then")
        await until(lambda: line.session.received == b"first then")

    on_a_line(body, first=b"first ")


def test_what_a_turn_sends_is_written_in_it() -> None:
    async def body(line: Line) -> None:
        def act() -> None:
            line.session.out.append(b"answer")
            line.pump.turn()  # within a turn: nothing
            line.pump.soon()
            line.boss.act = lambda: None

        line.boss.act = act
        await line.write(b"question")
        assert await line.read() == b"answer"

    on_a_line(body)


def test_what_is_flushed_is_written_at_once_and_the_turn_comes_later() -> None:
    async def body(line: Line) -> None:
        turns = line.boss.turns
        line.session.out = [b"order"]
        line.pump.soon()
        line.pump.flush()
        assert (line.session.out, line.boss.turns) == ([], turns)
        assert line.far.recv(100) == b"order"
        await until(lambda: line.boss.turns == turns + 1)

        def act() -> None:
            line.session.out.append(b"in a turn")
            line.pump.flush()  # the turn writes it
            assert line.session.out

        line.boss.act = act
        line.pump.turn()
        assert line.far.recv(100) == b"in a turn"
        line.boss.act = lambda: None
        line.pump.abort("over")
        line.session.out = [b"late"]
        line.pump.flush()
        assert line.session.out == [b"late"]

    on_a_line(body)


def test_o12_a_half_closed_connection_is_closed() -> None:
    async def body(line: Line) -> None:
        await line.write(b"last words")
        line.far.shutdown(socket.SHUT_WR)
        assert await line.pump.closed == "closed by the peer"
        assert line.session.received == b"last words"
        assert line.session.calls == ["connected", "eof", "closed by the peer"]
        assert line.boss.closed == ["closed by the peer"]
        assert await line.read() == b""
        assert not line.pump.abort("again")

    on_a_line(body)


def test_f13_what_was_sent_last_arrives_although_input_is_unread() -> None:
    """Closing a socket with unread input resets it, and the peer would lose the Logout that says why."""

    async def body(line: Line) -> None:
        line.session.out = [b"the reason"]
        line.session.close_requested = "enough"
        await line.write(b"x" * 100_000)  # the first read ends it, the rest is read and dropped
        assert await line.read() == b"the reason"
        assert await line.read() == b""
        await line.write(b"more")
        assert len(line.session.received) <= 1024
        line.far.close()
        assert await line.pump.closed == "enough"

    on_a_line(body)


def test_a_peer_that_does_not_close_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio, "_LINGER", 0.02)

    async def body(line: Line) -> None:
        line.session.close_requested = "enough"
        line.pump.turn()
        assert await line.pump.closed == "enough"

    on_a_line(body)


def test_p16_a_full_send_buffer_stops_taking_bytes_and_drain_waits() -> None:
    async def body(line: Line) -> None:
        endless = [b"x" * 300_000]
        sent = 0

        def data_to_send() -> list[ff.Buffer]:
            nonlocal sent
            sent += 1
            return list(endless) if sent < 20 else []

        line.session.data_to_send = data_to_send  # type: ignore[method-assign]
        line.pump.turn()
        assert sent < 20, "the session is not asked for more while the peer does not read"
        draining = asyncio.create_task(line.pump.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        got = 0
        while got < 19 * 300_000:
            got += len(await line.read())
        await draining

    on_a_line(body)


def test_h09_slow_consumer_is_dropped_and_drain_returns() -> None:
    async def body(line: Line) -> None:
        line.session.out = [b"x" * 3_000_000]
        line.pump.soon()
        draining = asyncio.create_task(line.pump.drain())
        assert "slow consumer" in await line.pump.closed
        await draining
        await line.pump.drain()

    on_a_line(body, slow_after=0.02)


def test_reset_throws_away_what_was_not_delivered() -> None:
    async def main() -> None:
        session, boss = Counting(), Boss()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        pump = Pump(session, boss)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: pump, *listener.getsockname())
        far, _ = await loop.sock_accept(listener)
        assert pump.peername == "{}:{}".format(*listener.getsockname())
        pump.abort("reset", reset=True)
        assert await pump.closed == "reset"
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(far, 10)
        far.close()
        listener.close()

    run(main())


def test_a_pump_given_up_before_its_connection_is_up_never_tells_the_session() -> None:
    async def main() -> None:
        ours, far = socket.socketpair()
        session, boss = Counting(), Boss()
        pump = Pump(session, boss)
        assert not pump.abort("not wanted any more")
        await asyncio.get_running_loop().create_connection(lambda: pump, sock=ours)
        far.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(far, 10) == b""
        assert session.calls == boss.closed == []
        far.close()

    run(main())


def test_an_error_in_a_turn_ends_the_connection() -> None:
    async def body(line: Line) -> None:
        def act() -> None:
            line.boss.act = lambda: None
            raise RuntimeError("bug")

        line.boss.act = act
        with pytest.raises(RuntimeError):
            line.pump.turn()
        assert await line.pump.closed == "internal error"
        assert line.boss.closed == ["internal error"]

    on_a_line(body)


# --- timers --------------------------------------------------------------------------------------------------


def test_the_timer_follows_the_deadline() -> None:
    async def body(line: Line) -> None:
        now = time.monotonic_ns()
        line.session.deadline = now + 30 * MS
        line.pump.turn()
        line.session.deadline = now + 10 * MS  # earlier: set anew
        line.pump.turn()
        await until(lambda: line.session.polls)
        assert line.session.polls[0] >= now + 10 * MS
        await asyncio.sleep(0.03)
        assert len(line.session.polls) == 1

    on_a_line(body)


def test_h08_after_a_stall_the_socket_is_read_before_the_peer_is_judged() -> None:
    async def body(line: Line) -> None:
        seen_at_poll: list[bytes] = []
        line.session.on_poll = lambda: seen_at_poll.append(bytes(line.session.received))
        line.session.deadline = time.monotonic_ns() + 10 * MS
        line.pump.turn()
        line.far.send(b"I am alive")
        time.sleep(0.3)  # the loop stands still
        await until(lambda: seen_at_poll)
        assert seen_at_poll == [b"I am alive"]

    on_a_line(body)


def test_a_paused_reader_looks_at_the_socket_before_the_peer_is_judged() -> None:
    """The program is slow and reading pauses: that the peer talks must be seen all the same; one read, no more."""

    async def body(line: Line) -> None:
        line.pump.pause_reading(True)
        line.pump.pause_reading(True)
        await line.write(b"x" * 10_000)
        await asyncio.sleep(0.01)
        assert not line.session.received
        for n in (1, 2):
            line.session.deadline = time.monotonic_ns() + 5 * MS
            line.pump.turn()
            await until(lambda n=n: len(line.session.polls) == n)  # type: ignore[misc]
            assert line.session.reads == n
            assert len(line.session.received) == n * 1024
        await asyncio.sleep(0.01)
        assert line.session.reads == 2
        line.pump.pause_reading(False)
        await until(lambda: len(line.session.received) == 10_000)

    on_a_line(body)


def test_a_paused_reader_and_a_silent_peer() -> None:
    async def body(line: Line) -> None:
        line.pump.pause_reading(True)
        line.session.deadline = time.monotonic_ns() + 5 * MS
        line.pump.turn()
        await until(lambda: line.session.polls)
        await line.write(b"later")
        await asyncio.sleep(0.01)
        assert not line.session.received, "reading pauses again"

    on_a_line(body)


# --- tap -----------------------------------------------------------------------------------------------------


def test_a_tap_sees_all_bytes_both_ways() -> None:
    class Tap:
        def __init__(self) -> None:
            self.seen: list[tuple[str, bytes]] = []

        def inbound(self, data: ff.Buffer) -> None:
            self.seen.append(("in", bytes(data)))

        def outbound(self, data: ff.Buffer) -> None:
            self.seen.append(("out", bytes(data)))

    tap = Tap()

    async def body(line: Line) -> None:
        line.session.out = [b"a", b"b"]
        await line.write(b"c")
        assert await line.read() == b"ab"

    on_a_line(body, first=b"first", tap=tap)
    assert tap.seen == [("in", b"first"), ("in", b"c"), ("out", b"a"), ("out", b"b")]
