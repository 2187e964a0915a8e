"""`python -m benchmarks.many_sessions`: thousands of live sessions on one event loop, each with a durable store.

An acceptor with all its stores runs in this process, the initiators (on MemoryStores) in another; real sockets over
loopback, HeartBtInt 1 s, and beside the heartbeats some messages of the acceptor. What is looked at: does every
session stay up, how late is the loop (a timer every 5 ms: p50, p99 and worst of its delays), and what memory does a
session take: what the process has more, divided, once it has settled; buffers and the store's memory are in it. Each
kind of store runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fixfast as ff
from benchmarks.storms import OPEN, resident

__all__ = ["STORES", "Outcome", "main", "measure"]

HOST = "127.0.0.1"
STORES = ("memory", "journal-none", "journal-lease", "journal-group", "sqlite-lease", "sqlite-group")
_TICK = 0.005
#: logons at one time: an acceptor has at most 256 pending
_AT_ONCE = 100

Stores = Callable[[ff.SessionConfig], ff.Store]


def _stores(kind: str, folder: Path) -> tuple[Stores, Callable[[], None]]:
    """Return what makes the stores of a run, and what to call in the end."""
    name, _, policy = kind.partition("-")
    options: Any = {"sync": policy}
    if name == "journal":
        return lambda config: ff.JournalStore(folder, session_id=config.session_id, **options), lambda: None
    if name == "sqlite":
        database = ff.SqliteDatabase(folder / "sessions.db", **options)
        return lambda config: ff.SqliteStore(database, session_id=config.session_id), database.close
    return lambda config: ff.MemoryStore(), lambda: None


def _config(sender: str, target: str) -> ff.SessionConfig:
    return ff.SessionConfig("FIX.4.4", sender, target, heart_bt_int=1)


@dataclass
class Outcome:
    """What one run saw. Delays are in ns; `lost` counts connections that ended (`lost_before`: while
    others still logged on), `cpu` is seconds of this process, `memory` bytes."""

    kind: str
    sessions: int
    logon_s: float = 0.0
    seconds: float = 0.0
    lost: int = 0
    lost_before: int = 0
    messages_in: int = 0
    messages_out: int = 0
    cpu: float = 0.0
    memory: int = 0
    delays: list[int] = field(default_factory=list)

    def delay_ms(self, part: float) -> float:
        """Return a quantile of the loop's delays, ms."""
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] / 1e6 if ordered else 0.0

    def row(self) -> str:
        """Return a row of the table."""
        per_second = [f"{count / self.seconds:,.0f}" for count in (self.messages_in, self.messages_out)]
        delays = [f"{self.delay_ms(part):.1f}" for part in (0.5, 0.99, 1.0)]
        cells = [
            self.kind,
            str(self.sessions),
            f"{self.logon_s:.1f}",
            f"{self.lost_before} + {self.lost}",
            *per_second,
            *delays,
        ]
        cells += [f"{100 * self.cpu / self.seconds:.0f} %", f"{self.memory / self.sessions / 1024:.1f}"]
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| stores | sessions | logons, s | lost (logon + on) | in /s | out /s | p50, ms | p99 | worst | CPU | KiB each |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


class _Counting:
    """The acceptor's application: how many are up, how many went down."""

    def __init__(self) -> None:
        self.up = self.lost = 0

    def on_logon(self, session: ff.LiveSession) -> None:
        self.up += 1

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        self.lost += 1


async def _watch(delays: list[int]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _TICK
        await asyncio.sleep(_TICK)
        delays.append(max(0, int((loop.time() - due) * 1e9)))


async def _talk(sessions: Sequence[ff.LiveSession], every: float) -> None:
    """Send one message on each session every so many seconds, evenly spread."""
    pause = every / len(sessions)
    loop = asyncio.get_running_loop()
    due, sent = loop.time(), 0
    while True:
        await asyncio.sleep(0.01)
        while due < loop.time():
            session = sessions[sent % len(sessions)]
            if session.active:
                session.send_nowait("B", [(148, f"headline {sent}"), (33, [[(58, "some lines of text")]])])
            sent += 1
            due += pause


def _numbers(sessions: Sequence[ff.LiveSession]) -> tuple[int, int]:
    return sum(session.next_in for session in sessions), sum(session.next_out for session in sessions)


async def _accept(kind: str, count: int, seconds: float, folder: Path) -> Outcome:
    outcome, app = Outcome(kind, count), _Counting()
    stores, end = _stores(kind, folder)
    async with ff.serve(app, [_config("VENUE", "ME")]):  # what is loaded and made once is not a session's
        pass
    gc.collect()
    memory = resident()
    configs = [_config("VENUE", f"BOT{i}") for i in range(count)]
    async with ff.serve(app, configs, stores=stores, limits=OPEN) as server:
        began = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.many_sessions", "--peers", str(server.port), str(count)]
        peers = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            while app.up < count:
                await asyncio.sleep(0.05)
                if peers.poll() is not None:
                    raise RuntimeError("the peers ended")
            outcome.logon_s = time.monotonic() - began
            sessions, lost = list(server.sessions.values()), app.lost
            before, cpu, began = _numbers(sessions), time.process_time(), time.monotonic()
            tasks = [asyncio.create_task(_watch(outcome.delays)), asyncio.create_task(_talk(sessions, 2.0))]
            await asyncio.sleep(seconds)
            outcome.seconds, outcome.cpu = time.monotonic() - began, time.process_time() - cpu
            outcome.lost, outcome.lost_before = app.lost - lost, lost
            after = _numbers(sessions)
            gc.collect()
            outcome.memory = resident() - memory
            outcome.messages_in, outcome.messages_out = after[0] - before[0], after[1] - before[1]
            for task in tasks:
                task.cancel()
        finally:
            peers.communicate()  # closes its input, which ends it
    end()
    return outcome


async def _initiate(port: int, count: int) -> None:
    """Be the peers until standard input ends."""
    stop, gate = asyncio.Event(), asyncio.Semaphore(_AT_ONCE)
    to = ff.ConnectionConfig(HOST, port, reconnect=ff.Reconnect(initial=0.2, maximum=1.0, max_refusals=None))

    async def one(number: int) -> None:
        await gate.acquire()
        async with ff.connect(_config(f"BOT{number}", "VENUE"), to) as session:
            gate.release()

            async def read() -> None:
                async for _ in session:
                    pass

            reader = asyncio.create_task(read())
            await stop.wait()
            reader.cancel()
            session.drop()

    tasks = [asyncio.create_task(one(i)) for i in range(count)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def measure(kind: str, sessions: int, seconds: float, folder: Path) -> Outcome:
    """Run `sessions` live sessions for some seconds, all their stores in `folder`."""
    return asyncio.run(_accept(kind, sessions, seconds, folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, measure, print a table. Returns the exit code: 1 if a session was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_sessions", description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each kind of store runs (default 15)")
    parser.add_argument("--folder", type=Path, help="where the stores go (default: a temporary folder)")
    parser.add_argument("--peers", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--row", choices=STORES, help=argparse.SUPPRESS)
    parser.add_argument("stores", nargs="*", default=STORES, help=f"which (default {' '.join(STORES)})")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    if options.peers:
        asyncio.run(_initiate(*options.peers))
        return 0
    if options.row:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            outcome = measure(options.row, options.sessions, options.seconds, Path(folder))
        print(outcome.row(), flush=True)
        return 1 if outcome.lost else 0
    print(HEAD, flush=True)
    command = [sys.executable, "-m", "benchmarks.many_sessions", "--sessions", str(options.sessions)]
    command += ["--seconds", str(options.seconds), *(["--folder", str(options.folder)] if options.folder else [])]
    return max(subprocess.run([*command, "--row", kind], check=False).returncode for kind in options.stores)


if __name__ == "__main__":
    sys.exit(main())
