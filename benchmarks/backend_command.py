"""How long a Backend takes from a front end's command to the FIX bytes: `python -m benchmarks.backend_command`.

Real processes and sockets. This process is the front end, the Launcher and the venue; the Backend is `fixfast backend`,
on a core of its own. A time begins before the write() of a Submit into the Unix socket and ends after the read() of its
NewOrderSingle from the TCP socket: both system calls here, and waking up twice, are in it. What a plain echo between
two such processes costs (`floor`) is measured in the same run, in turns.

Not in the gate: it asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fixfast as ff
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.store_choice import JournalChoice
from fixfast.service.frames import LIMIT, Frames, framed
from fixfast.service.ipc import Connecting, name_of, new_secret
from fixfast.service.link import Link
from fixfast.service.messages import Grant, LogOn, Message, Resume, StatusNow, Submit, decode, encode
from fixfast.service.start import BackendOptions, Start, pack, settings_text
from fixfast.service.wire import listen
from fixfast.types import Role

__all__: list[str] = []

TOKEN = new_secret()
_ECHO = """
import socket, sys
one = socket.socket(socket.AF_UNIX); one.connect(sys.argv[1])
other = socket.create_connection(("127.0.0.1", int(sys.argv[2]))); other.setsockopt(6, 1, 1)
while data := one.recv(65536):
    other.sendall(data)
"""


class FrontEnd:
    """The front end's end of the Unix socket, blocking."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self._frames = Frames(LIMIT)
        asking = Connecting("front_end", TOKEN)
        self.send(asking.hello)
        proof = asking.answer(self.receive())
        assert proof is not None
        self.send(proof)

    def send(self, message: Message) -> None:
        self.socket.sendall(framed(encode(message)))

    def receive(self) -> Message:
        while (content := self._frames.take()) is None:
            self._frames.feed(self.socket.recv(1 << 16))
        return decode(content)

    def drain(self) -> None:
        """Read away what came."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        finally:
            self.socket.setblocking(True)


def start_of(folder: Path, port: int, uvloop: bool) -> Start:
    session = SessionSettings(
        name="bench",
        role=Role.INITIATOR,
        config=ff.SessionConfig("FIX.4.2", "BOT", "VENUE", heart_bt_int=0),
        connection=ff.ConnectionConfig("127.0.0.1", port),
        stored=JournalChoice(path=str(folder / "journals")),
    )
    return Start(
        session="bench", account="bench", folder=str(folder / "state"), launcher=f"unix:{folder / 'l' / 's'}",
        listen=f"unix:{folder / 'b' / 's'}", api_key="key", token=bytes(32),
        settings=settings_text(session, BackendOptions(uvloop=uvloop)),
    )  # fmt: skip


@contextmanager
def launcher(start: Start) -> Iterator[threading.Event]:
    """Let the front end in. The event: it may come."""
    granted, loop, key = threading.Event(), asyncio.new_event_loop(), start.secret()

    def came(link: Link) -> None:
        link.on_message = lambda message: granted.set() if getattr(message, "id", 0) == 1 else None
        link.send(Grant(1, TOKEN, "A"))

    def find(role: str, name: str) -> bytes | None:
        return key if name == name_of(key) else None

    listener = loop.run_until_complete(listen(start.launcher, find, came, roles=("backend",)))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield granted
    finally:
        asyncio.run_coroutine_threadsafe(listener.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def backend(start: Start, core: int, under: list[str]) -> Iterator[int]:
    """Run the Backend; give its process id."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [*under, sys.executable, "-m", "fixfast", "backend", "--pipe", str(reading)],
        pass_fds=(reading,), stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    os.close(reading)
    os.write(writing, pack(start))
    os.close(writing)
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b"ready")
    try:
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


def venue(listening: socket.socket) -> socket.socket:
    """Answer the Logon, and return the connection."""
    peer, _ = listening.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert b"35=A" in peer.recv(65536)
    now = time.time_ns()
    peer.sendall(ff.encode("FIX.4.2", "A", [(49, "VENUE"), (56, "BOT"), (34, 1), (52, now), (98, 0), (108, 0)]))
    return peer


def timed(write: socket.socket, data: bytes, read: socket.socket) -> int:
    """Return ns from write() to the end of what comes of it."""
    begin = time.perf_counter_ns()
    write.sendall(data)
    read.recv(65536)
    return time.perf_counter_ns() - begin


def shown(name: str, times: list[int]) -> None:
    cuts = statistics.quantiles(times, n=1000)
    p = {"p50": cuts[499], "p90": cuts[899], "p99": cuts[989]}
    sys.stdout.write(f"{name:10}" + "".join(f"{key} {value / 1000:7.1f} us  " for key, value in p.items()) + "\n")


def measure(count: int, uvloop: bool, under: list[str], resume: bool, pause: float) -> None:
    """Measure so many commands, and as many echoes, in turns."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listening:
        folder = Path(name)
        start = start_of(folder, listening.getsockname()[1], uvloop)
        with launcher(start) as granted, backend(start, cores[-1], under):
            granted.wait()
            os.sched_setaffinity(0, {cores[0]})
            desk = FrontEnd(start.listen.removeprefix("unix:"))
            if resume:
                desk.send(Resume(1))
            desk.send(LogOn(2))
            fix = venue(listening)
            while not (isinstance(said := desk.receive(), StatusNow) and said.state == "active"):
                pass
            with echo(folder, cores[-1]) as (near, far):
                commands, floor = [], []
                for number in range(count):
                    command = Submit(10 + number, f"A{number}", "EUR/USD", "1", "100000", "1.08500")
                    data = framed(encode(command))
                    commands.append(timed(desk.socket, data, fix))
                    if pause:
                        time.sleep(pause)  # it goes on with what comes after: records, answer
                    desk.drain()
                    floor.append(timed(near, data, far))
    warm = count // 10
    shown("uvloop" if uvloop else "asyncio", commands[warm:])
    shown("floor", floor[warm:])


@contextmanager
def echo(folder: Path, core: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Have a process that passes on what it reads; give both ends."""
    path = str(folder / "echo")
    with socket.socket(socket.AF_UNIX) as one, socket.create_server(("127.0.0.1", 0)) as other:
        one.bind(path)
        one.listen()
        child = subprocess.Popen(
            [sys.executable, "-c", _ECHO, path, str(other.getsockname()[1])],
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        near, far = one.accept()[0], other.accept()[0]
        try:
            with near, far:
                yield near, far
        finally:
            child.wait()


def main() -> None:
    """Measure with both event loops."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), action="append")
    parser.add_argument("--under", default="", help="run the Backend under this: 'valgrind --tool=callgrind'")
    parser.add_argument("--pause", type=float, default=0.0003, help="seconds between commands")
    parser.add_argument("--alone", action="store_true", help="the front end does not follow the records")
    given = parser.parse_args()
    for loop in given.loop or ("asyncio", "uvloop"):
        measure(given.count, loop == "uvloop", given.under.split(), not given.alone, given.pause)


if __name__ == "__main__":
    main()
