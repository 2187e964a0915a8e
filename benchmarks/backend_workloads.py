"""What a Backend does between a front end's command and its order on the wire: counted by the gate.

The Backend is whole: its session over TCP, its journal and its order log in files, a front end that follows records.
A command is handed to it as the event loop hands over what it has read, and the call ends when send() of the order has
come back, as in benchmarks/backend_inside.py, which measures time. The loop does not go on between commands: what would
be done after the order is left out, and so is asking the loop for that a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.backend_command import TOKEN, FrontEnd, start_of, venue
from benchmarks.workload import Entry
from fixfast.service.backend import Backend
from fixfast.service.frames import framed
from fixfast.service.link import Link
from fixfast.service.messages import LogOn, Resume, StatusNow, Submit, encode

__all__ = ["backend_entries"]

_COMMANDS = 160


@contextmanager
def backend_entries() -> Iterator[dict[str, Entry]]:
    """Give what is counted, while a Backend lives."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listening:
        start = start_of(Path(name), listening.getsockname()[1], False)
        with asyncio.Runner() as runner:
            backend = Backend(msgspec.structs.replace(start, launcher=""))
            backend.grant(TOKEN, "A")
            running = runner.get_loop().create_task(backend.run())
            desk, peer = runner.run(_logged_on(backend, listening))
            (link,) = backend._front_ends
            asyncio._set_running_loop(runner.get_loop())  # a command comes while it runs
            try:
                yield {"command to its order, Backend": _commands(link, desk, peer)}
            finally:
                asyncio._set_running_loop(None)
                desk.socket.close()
                peer.close()
                backend.stop()
                runner.run(_ended(running))


async def _logged_on(backend: Backend, listening: socket.socket) -> tuple[FrontEnd, socket.socket]:
    """Return a front end that has the Backend logged on, and the venue's end of the session."""
    await backend.ready.wait()
    found: list[Any] = []

    def around() -> None:
        desk = FrontEnd(backend.address.removeprefix("unix:"))
        desk.send(Resume(1))
        desk.send(LogOn(2))
        found.extend((desk, venue(listening)))
        while not (isinstance(said := desk.receive(), StatusNow) and said.state == "active"):
            pass

    await asyncio.to_thread(around)
    return found[0], found[1]


async def _ended(running: asyncio.Task[None]) -> None:
    await running


def _commands(link: Link, desk: FrontEnd, peer: socket.socket) -> Entry:
    peer.setblocking(False)
    number = 0

    def command(place: int) -> None:
        nonlocal number
        if not place:  # the inputs begin again
            with contextlib.suppress(BlockingIOError):
                peer.recv(1 << 20)
        number += 1
        frame = frames[number]
        link.get_buffer(-1)[: len(frame)] = frame
        link.buffer_updated(len(frame))

    orders = (Submit(n, f"A{n:05}", "EUR/USD", "1", "100000", "1.08500") for n in range(1000))
    frames = [framed(encode(order)) for order in orders]
    return Entry("fixfast", command, range(_COMMANDS))
