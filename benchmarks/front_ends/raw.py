"""The floors: Python and sockets without FIX. As many bytes, nothing looked at but how many messages came.

`blocking`: recv and send. `busy`: non-blocking, recv in a loop. `asyncio` and `uvloop`: a Protocol.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.front_ends.base import BURST, LAST, ORDER_SIZE, REPORT_SIZE, TOGETHER, Meter, Outcome, Plan

__all__ = ["accept", "bot", "dial", "run_loop", "venue"]

HOST = "127.0.0.1"
_PING = b"x" * (ORDER_SIZE - 1) + b"p"
_BURST = (b"x" * (ORDER_SIZE - 1) + BURST.encode()) * TOGETHER
_LAST = b"x" * (ORDER_SIZE - 1) + LAST.encode()
_QUIET = ord(BURST)


def accept(ready: Callable[[int], None]) -> socket.socket:
    """Listen, say where, and return the one connection that comes."""
    with socket.create_server((HOST, 0)) as listener:
        ready(listener.getsockname()[1])
        sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def dial(port: int) -> socket.socket:
    """Return a connection."""
    sock = socket.create_connection((HOST, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def run_loop(kind: str, main: Any) -> Any:
    """Run a coroutine on asyncio's own loop or on uvloop."""
    if kind.startswith("uvloop"):
        with asyncio.Runner(loop_factory=import_module("uvloop").new_event_loop) as runner:
            return runner.run(main)
    return asyncio.run(main)


def _waiter(sock: socket.socket, plan: Plan) -> Callable[[memoryview], int]:
    """Return what waits for bytes and receives them: 0 at the end."""
    receive = sock.recv_into
    if plan.kind == "blocking":
        return receive
    sock.setblocking(False)
    relax = os.sched_yield if plan.idle == "yield" else lambda: None

    def spin(buffer: memoryview) -> int:
        while True:
            try:
                return receive(buffer)
            except BlockingIOError:
                relax()

    return spin


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    if plan.kind not in ("blocking", "busy"):
        run_loop(plan.kind, _async_venue(ready))
        return
    with accept(ready) as sock:
        buffer = memoryview(bytearray(65536))
        receive, received = _waiter(sock, plan), 0
        while n := receive(buffer):
            received += n
            if buffer[n - 1] != _QUIET and not received % ORDER_SIZE:
                sock.setblocking(True)
                sock.sendall(_report(received))
                sock.setblocking(plan.kind == "blocking")


def _report(received: int) -> bytes:
    return b"%0*d" % (REPORT_SIZE, received // ORDER_SIZE)


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    meter = Meter(plan)
    if plan.kind not in ("blocking", "busy"):
        outcome: Outcome = run_loop(plan.kind, _async_bot(meter, port))
        return outcome
    with dial(port) as sock:
        buffer = memoryview(bytearray(65536))
        receive = _waiter(sock, plan)

        def trip(order: bytes) -> None:
            sock.send(order)
            got = 0
            while got < REPORT_SIZE:
                got += receive(buffer[got:])

        while True:
            meter.name()
            trip(_PING)
            if not meter.replied():
                break
        meter.start_burst()
        sock.setblocking(True)
        while meter.more():
            sock.sendall(_BURST)
        meter.last_name()
        sock.setblocking(plan.kind == "blocking")
        trip(_LAST)
        return meter.ended(int(bytes(buffer[:REPORT_SIZE])))


class _Venue(asyncio.Protocol):
    def __init__(self, gone: asyncio.Event) -> None:
        self._gone = gone
        self._received = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if data[-1] != _QUIET and not self._received % ORDER_SIZE:
            self._transport.write(_report(self._received))

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()


async def _async_venue(ready: Callable[[int], None]) -> None:
    gone = asyncio.Event()
    server = await asyncio.get_running_loop().create_server(lambda: _Venue(gone), HOST, 0)
    ready(server.sockets[0].getsockname()[1])
    await gone.wait()
    server.close()


class _Bot(asyncio.Protocol):
    def __init__(self, meter: Meter) -> None:
        loop = asyncio.get_running_loop()
        self._meter = meter
        self._got = b""
        self.trips_done = loop.create_future()
        self.counted = loop.create_future()
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def go(self) -> None:
        self._meter.name()
        self.transport.write(_PING)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if len(self._got) < REPORT_SIZE:
            return
        got, self._got = self._got, b""
        if self.trips_done.done():
            self.counted.set_result(int(got))
        elif self._meter.replied():
            self.go()
        else:
            self.trips_done.set_result(None)

    async def burst(self) -> None:
        self._meter.start_burst()
        while self._meter.more():
            self.transport.write(_BURST)
            await asyncio.sleep(0)
            await self._room.wait()
        self._meter.last_name()
        self.transport.write(_LAST)


async def _async_bot(meter: Meter, port: int) -> Outcome:
    transport, protocol = await asyncio.get_running_loop().create_connection(lambda: _Bot(meter), HOST, port)
    protocol.go()
    await protocol.trips_done
    await protocol.burst()
    outcome = meter.ended(await protocol.counted)
    transport.close()
    return outcome
