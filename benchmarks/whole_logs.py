"""index() and decode_columns() on a log in memory, under each kernel, beside memcpy in the same process: GB/s.

A process for each kernel, forced by FIXFAST_KERNEL, taking turns. One thread is pinned to a core, two are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import fixfast as ff
from benchmarks.corpus import Corpus
from benchmarks.runner import CORES, pin

__all__ = ["COLUMNS", "LogRow", "compare_logs", "log_table", "take"]

COLUMNS = {35: "S", 55: "S", 38: "int", 44: "float", 52: "time", 11: "S16", 54: "S1"}
SIZE = 64_000_000
TWO = ", 2 threads"


@dataclass(frozen=True)
class LogRow:
    """Median GB of log a second of one way through it, under each kernel."""

    name: str
    rate: dict[str, float]


def _lines(log: bytes) -> bytes:
    """Return the log as a logger may write it: a line for each message, '|' for SOH."""
    offsets = [*ff.index(log, fields=False).offset.tolist(), len(log)]
    parts = [log[a:b] for a, b in pairwise(offsets)]
    return b"2026-01-05 10:00:00.000 IN " + b"\n2026-01-05 10:00:00.000 IN ".join(parts).replace(b"\x01", b"|") + b"\n"


def _ways(log: bytes) -> dict[str, tuple[int, Callable[[], object]]]:
    """Return what is measured: how many bytes of log, and the call."""
    room, text = memoryview(bytearray(log)), _lines(log)

    def copy() -> None:
        room[:] = log

    return {
        "memcpy": (len(log), copy),
        "memcpy, into new memory": (len(log), lambda: bytearray(log)),
        "index, no fields": (len(log), lambda: ff.index(log, fields=False)),
        "index": (len(log), lambda: ff.index(log)),
        f"index{TWO}": (len(log), lambda: ff.index(log, threads=2)),
        "7 columns": (len(log), lambda: ff.decode_columns(log, COLUMNS)),
        f"7 columns{TWO}": (len(log), lambda: ff.decode_columns(log, COLUMNS, threads=2)),
        "7 columns, lines with | and a prefix": (
            len(text),
            lambda: ff.decode_columns(text, COLUMNS, lines=True, delimiter=b"|"),
        ),
    }


def take(size: int = SIZE, rounds: int = 7) -> dict[str, float]:
    """Return GB/s of each way under the kernel of this process: medians of interleaved rounds."""
    ways = _ways(Corpus(count=2000).mixed(size))
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    core = pin()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (count, call) in ways.items():
            if everywhere is not None and core is not None:
                os.sched_setaffinity(0, everywhere if name.endswith(TWO) else {core})
            begun = time.perf_counter_ns()
            call()
            taken[name].append(count / (time.perf_counter_ns() - begun))
    if everywhere is not None:
        os.sched_setaffinity(0, everywhere)
    return {name: median(rates) for name, rates in taken.items()}


def compare_logs(
    kernels: Sequence[str], turns: int = 3, size: int = SIZE, done: Callable[[str], None] = print
) -> list[LogRow]:
    """Measure under each of `kernels`, which take `turns` turns. Reported is the median of the turns."""
    taken: dict[str, list[dict[str, float]]] = {kernel: [] for kernel in kernels}
    for _ in range(turns):
        for kernel, runs in taken.items():
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.whole_logs", str(size), *map(str, CORES)],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).parents[1],
                env={**os.environ, "FIXFAST_KERNEL": kernel},
            )
            runs.append(json.loads(ended.stdout))
            done(f"whole logs, {kernel}")
    names = next(iter(taken.values()))[0]
    return [LogRow(name, {k: median(run[name] for run in runs) for k, runs in taken.items()}) for name in names]


def log_table(rows: Sequence[LogRow]) -> str:
    """Return a Markdown table."""
    kernels = list(rows[0].rate)
    lines = ["| GB of log a second | " + " | ".join(kernels) + " |", "|---|" + "---:|" * len(kernels)]
    lines += [f"| {row.name} | " + " | ".join(f"{rate:.2f}" for rate in row.rate.values()) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 2:  # who asks is pinned, and that is inherited
        os.sched_setaffinity(0, {int(core) for core in sys.argv[2:]})
    print(json.dumps(take(int(sys.argv[1]))))
