"""`python -m benchmarks.storms`: an acceptor on one core when everybody comes at once, and when some do not read.

Storm: so many peers connect in one moment and send their Logon; each Logon's time is from its connect() to its answer.
Slow consumers: a few of the peers never read. The acceptor sends to all, evenly spread, messages with the time in them,
and to the slow ones 256 KiB each time; what is looked at is the age of messages at the peers that read, and what the
process holds for those that do not.
The peers are plain sockets in a process of their own (benchmarks.plain_peers): what they cost is little beside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fixfast as ff

__all__ = ["Slow", "Storm", "main", "slow_consumers", "storm"]

#: nobody is a stranger here: all from one address, all at once
OPEN = ff.Limits(
    pending=100_000,
    connections=100_000,
    pending_per_ip=None,
    connections_per_ip=None,
    connects_per_minute=None,
    connects_per_minute_per_ip=None,
)
_TEXT, _LONG_TEXT = "x" * 200, "x" * 16_000


def resident() -> int:
    """Return the bytes of memory that this process has (0 where the system does not say)."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def quantile(values: Sequence[int], part: float) -> float:
    """Return a quantile of some ns, in ms."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] / 1e6 if ordered else 0.0


@dataclass(frozen=True)
class Storm:
    """What a storm took: ns from the first connect() to the last Logon, ns of each Logon, CPU ns of the acceptor."""

    sessions: int
    all: int
    logons: list[int]
    cpu: int

    HEAD = (
        "| sessions | all active, s | logon p50, ms | p99 | worst | CPU of the acceptor a logon, us |\n"
        "|---:|---:|---:|---:|---:|---:|"
    )

    def row(self) -> str:
        """Return a row of the table."""
        times = [f"{quantile(self.logons, part):.0f}" for part in (0.5, 0.99, 1.0)]
        cells = [str(self.sessions), f"{self.all / 1e9:.2f}", *times, f"{self.cpu / self.sessions / 1e3:.0f}"]
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class Slow:
    """What peers that do not read did to the others; `held`: bytes of memory more at most, `cut`: slow ones dropped."""

    sessions: int
    slow: int
    messages: int
    ages: list[int]
    held: int
    cut: int
    lost: int

    HEAD = (
        "| sessions | slow | messages read | age p50, ms | p99 | worst | memory, MiB | slow dropped | others lost |\n"
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )

    def row(self) -> str:
        """Return a row of the table."""
        ages = [f"{quantile(self.ages, part):.1f}" for part in (0.5, 0.99, 1.0)]
        cells = [self.sessions, self.slow, self.messages, *ages, f"{self.held / 2**20:.0f}", self.cut, self.lost]
        return "| " + " | ".join(map(str, cells)) + " |"


class _Peers:
    """The process of the peers."""

    def __init__(self, port: int, count: int, slow: int) -> None:
        command = [sys.executable, "-m", "benchmarks.plain_peers", str(port), str(count), str(slow)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def told(self) -> dict[str, Any]:
        """Return the next thing that they tell."""
        assert self._process.stdout is not None
        line = await asyncio.get_running_loop().run_in_executor(None, self._process.stdout.readline)
        if not line:
            raise RuntimeError("the peers ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def say(self, word: str) -> None:
        """Tell them what to do next."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Wait for the end of the process."""
        self._process.communicate()


@contextlib.asynccontextmanager
async def _acceptor(sessions: int, **options: Any) -> AsyncIterator[ff.Server]:
    configs = [
        ff.SessionConfig("FIX.4.4", "VENUE", f"BOT{i}", on_resend=lambda *_: False, **options) for i in range(sessions)
    ]
    server = await ff.serve(None, configs, limits=OPEN, backlog=sessions)
    try:
        yield server
    finally:
        await server.close(timeout=0)


async def storm(sessions: int) -> Storm:
    """Let so many peers log on at once."""
    async with _acceptor(sessions) as server:
        peers = _Peers(server.port, sessions, 0)
        try:
            cpu = time.process_time_ns()
            told = await peers.told()
            cpu = time.process_time_ns() - cpu
            peers.say("stop")
        finally:
            peers.end()
    return Storm(sessions, told["all"], told["logons"], cpu)


async def slow_consumers(sessions: int, slow: int, rate: int, seconds: float, patience: float) -> Slow:
    """Send `rate` messages a second in all; the first `slow` of the peers do not read and are dropped after a while."""
    async with _acceptor(sessions, slow_consumer_timeout=patience) as server:
        peers = _Peers(server.port, sessions, slow)
        try:
            await peers.told()
            live = list(server.sessions.values())
            gc.collect()
            before, most = resident(), 0
            peers.say("go")
            began, sent = time.monotonic(), 0
            while (elapsed := time.monotonic() - began) < seconds:
                while sent < elapsed * rate:
                    session = live[sent % sessions]
                    for _ in range(16 if sent % sessions < slow else 1):
                        if session.active:
                            text = _LONG_TEXT if sent % sessions < slow else _TEXT
                            session.send_nowait("B", [(148, text), (58, f"{time.perf_counter_ns():020d}")])
                    sent += 1
                most = max(most, resident())
                await asyncio.sleep(0.002)
            cut = sum(not session.connected for session in live[:slow])
            peers.say("stop")
            told = await peers.told()
        finally:
            peers.end()
    return Slow(sessions, slow, told["messages"], told["ages"], most - before, cut, told["lost"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, measure, print tables. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storms", description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="storms (default 3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long messages are sent (default 10)")
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second in all (default 10,000)")
    options = parser.parse_args(arguments)
    logging.disable(logging.ERROR)
    print(Storm.HEAD)
    for _ in range(options.rounds):
        print(asyncio.run(storm(options.sessions)).row(), flush=True)
    print(f"\n{Slow.HEAD}")
    for slow in (0, options.sessions // 100):
        outcome = asyncio.run(slow_consumers(options.sessions, slow, options.rate, options.seconds, 2.0))
        print(outcome.row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
