"""The part of a command's way that is a Backend's own: `python -m benchmarks.backend_inside`.

Front end, Backend and venue in one process, on one core, over real sockets and files. A time begins when the event loop
hands over the bytes of a Submit that it has read from the Unix socket, and ends when send() of its NewOrderSingle has
come back: no process is woken in between. benchmarks/backend_command.py measures from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from asyncio import selector_events
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.backend_command import TOKEN, start_of, venue
from fixfast.service.backend import Backend
from fixfast.service.link import Link
from fixfast.service.messages import LogOn, Message, Resume, StatusNow, Submit
from fixfast.service.wire import connect

__all__: list[str] = []


class Watch:
    """Notes when bytes come in on a Link, and when an order went out."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self._begun = 0
        received: Any = Link.buffer_updated
        kind: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
        written = kind.write

        def buffer_updated(link: Link, nbytes: int) -> None:
            self._begun = time.perf_counter_ns()
            received(link, nbytes)

        def write(transport: Any, data: bytes) -> None:
            written(transport, data)
            if b"\x0135=D\x01" in data:
                self.times.append(time.perf_counter_ns() - self._begun)

        Link.buffer_updated = buffer_updated  # type: ignore[method-assign, assignment]
        kind.write = write


async def measure(count: int, watch: Watch) -> None:
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listening:
        start = start_of(Path(name), listening.getsockname()[1], False)
        backend = Backend(msgspec.structs.replace(start, launcher=""))
        backend.grant(TOKEN, "A")
        running = asyncio.create_task(backend.run())
        await backend.ready.wait()
        active = asyncio.Event()

        def take(message: Message) -> None:
            if isinstance(message, StatusNow) and message.state == "active":
                active.set()

        desk = await connect(backend.address, "front_end", TOKEN, on_message=take)
        found: list[socket.socket] = []
        thread = threading.Thread(target=lambda: found.append(venue(listening)))
        thread.start()
        desk.send(Resume(1))
        desk.send(LogOn(2))
        await active.wait()
        thread.join()
        found[0].setblocking(False)
        gc.collect()
        gc.freeze()
        for number in range(count):
            desk.send(Submit(10 + number, f"A{number}", "EUR/USD", "1", "100000", "1.08500"))
            while len(watch.times) <= number:
                await asyncio.sleep(0)
            for _ in range(4):  # records, answer
                await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                found[0].recv(1 << 16)
        found[0].close()
        await desk.close()
        backend.stop()
        await running


def main() -> None:
    """Measure, and print quantiles."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    given = parser.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    watch = Watch()
    asyncio.run(measure(given.count, watch))
    cuts = statistics.quantiles(watch.times[given.count // 10 :], n=100)
    shown = {"p10": cuts[9], "p50": cuts[49], "p90": cuts[89], "p99": cuts[98]}
    sys.stdout.write("inside  " + "".join(f"{key} {value / 1000:6.1f} us  " for key, value in shown.items()) + "\n")


if __name__ == "__main__":
    main()
