"""`python -m benchmarks.exchange_orders`: orders a second through the simulated exchange, over one FIX session.

The exchange is a process of its own on loopback TCP, with memory stores, or with `--journal` on journals. The client
writes orders that were encoded beforehand and only counts the reports that come back: what it costs is not fixfast's,
and with two cores does not count. Two figures: orders a second by the clock, from the first order written to the last
report read; and orders for each second of processor time of the exchange, which is what one core does when nothing
else needs it. Three courses: orders that rest (one report each), orders of which every second one trades with the one
before (two reports for each order), and orders that are cancelled at once.

What it does not show: many sessions, deep books (here: at most some hundred levels), subscribers of market data.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fixfast as ff
from fixfast.cli.exchange import spare_the_collector
from fixfast.exchange import Exchange, ExchangeConfig, InstrumentConfig

__all__ = ["COURSES", "Outcome", "main", "messages", "run"]

_NOW = 1_767_607_200_000_000_000
COURSES = ("rest", "trade", "cancel")


@dataclass(frozen=True)
class Outcome:
    """What one course took. Times in ns."""

    course: str
    orders: int
    reports: int
    wall_ns: int
    cpu_ns: int

    def row(self) -> str:
        """Return a line of the table."""
        wall, cpu = self.orders * 1e9 / self.wall_ns, self.orders * 1e9 / self.cpu_ns
        return (
            f"| {self.course} | {self.orders:,} | {self.reports:,} | {wall:,.0f} | {cpu:,.0f} "
            f"| {self.cpu_ns / self.orders / 1000:.1f} |"
        )


HEAD = (
    "| course | requests | reports | a second, wall clock | a second of the exchange's processor | us each |\n"
    "|---|---|---|---|---|---|"
)


def messages(course: str, count: int) -> Iterator[tuple[str, list[tuple[int, object]], int]]:
    """Yield (MsgType, fields, reports that come back) of one course."""
    for n in range(count):
        head: list[tuple[int, object]] = [(11, f"c{n}"), (55, "AAPL")]
        tail: list[tuple[int, object]] = [(60, _NOW), (38, 100), (40, "2")]
        if course == "cancel" and n % 2:
            yield "F", [(41, f"c{n - 1}"), *head, (54, "1"), (60, _NOW), (38, 100)], 1
        elif course == "trade":
            yield "D", [*head, (54, "12"[n % 2]), *tail, (44, ff.Scaled(23_000, -2))], 1 if n % 2 == 0 else 3
        else:
            yield "D", [*head, (54, "1"), *tail, (44, ff.Scaled(22_000 + n * 7 % 500, -2))], 1


def run(course: str, count: int, journal: Path | None = None) -> Outcome:
    """Run one course. Args: journal: a new directory, or None for memory."""
    command = [sys.executable, "-m", "benchmarks.exchange_orders", "--serve", str(journal or "")]
    raw, wanted = [ff.encode("FIX.4.4", "A", [*_header(1), (98, 0), (108, 60)])], 0
    for n, (msg_type, fields, reports) in enumerate(messages(course, count), 2):
        raw.append(ff.encode("FIX.4.4", msg_type, [*_header(n), *fields]))
        wanted += reports
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[1]) as exchange:
        assert exchange.stdin is not None
        assert exchange.stdout is not None
        port = int(exchange.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(raw[0])
            line.recv(65536)
            before = _used(exchange)
            began = time.perf_counter_ns()
            writer = threading.Thread(target=line.sendall, args=(b"".join(raw[1:]),))
            writer.start()
            _count(line, wanted)
            ended = time.perf_counter_ns()
            cpu = _used(exchange) - before
            writer.join()
        exchange.stdin.write("quit\n")
        exchange.stdin.flush()
        exchange.wait(20)
    return Outcome(course, count, wanted, ended - began, cpu)


def _header(n: int) -> list[tuple[int, object]]:
    return [(49, "BENCH"), (56, "EXCHANGE"), (34, n), (52, time.time_ns())]


def _count(line: socket.socket, wanted: int) -> None:
    """Read until so many ExecutionReports have come."""
    line.settimeout(60)
    seen, rest = 0, b""
    while seen < wanted:
        data = line.recv(1 << 18)
        if not data:
            raise RuntimeError(f"the exchange closed after {seen} of {wanted} reports")
        data = rest + data
        seen += data.count(b"\x0135=8\x01")
        if b"\x0135=j\x01" in data or b"\x0135=3\x01" in data:
            raise RuntimeError("the exchange rejected an order")
        rest = data[-5:] if not data.endswith(b"\x0135=8\x01") else b""


def _used(exchange: subprocess.Popen[str]) -> int:
    """Return the processor time of the exchange so far, ns."""
    assert exchange.stdin is not None
    assert exchange.stdout is not None
    exchange.stdin.write("used\n")
    exchange.stdin.flush()
    return int(exchange.stdout.readline())


async def _serve(journal: str) -> None:
    """Be the exchange."""
    # One owner trades with itself here; nobody is to be kept from that.
    instrument = InstrumentConfig("AAPL", self_trade="none")
    config = ExchangeConfig(port=0, instruments=(instrument,), journal=Path(journal) if journal else None)
    loop = asyncio.get_running_loop()
    async with Exchange(config) as exchange:
        sys.stdout.write(f"{exchange.port}\n")
        sys.stdout.flush()
        spare_the_collector()  # as `fixfast exchange` does
        while (await loop.run_in_executor(None, sys.stdin.readline)).strip() == "used":
            sys.stdout.write(f"{time.process_time_ns()}\n")
            sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Run all courses and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3, help="the fastest by processor time counts")
    parser.add_argument("--journal", action="store_true", help="with journals, in a temporary folder")
    parser.add_argument("--serve", metavar="JOURNAL", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve is not None:
        asyncio.run(_serve(options.serve))
        return
    lines = [HEAD]
    for course in COURSES:
        outcomes = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(run(course, options.orders, Path(folder) / "state" if options.journal else None))
        lines.append(min(outcomes, key=lambda one: one.cpu_ns).row())
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
