"""What a store costs: per message under each policy, a sync, a new segment, a start, a message read for a resend.

    python -m benchmarks.store_costs [--messages 20000] [--directory DIR]

Microseconds of processor time per call (the best of five runs), which other programs on the machine disturb little; and
of wall time where a disk is waited for (median), which says what this disk does and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fixfast import JournalStore, MemoryStore, SqliteStore, Store, encode
from fixfast.store.journal import SyncPolicy

_POLICIES: tuple[SyncPolicy, ...] = ("none", "interval", "lease", "group", "every")
_ID = "bench"
_TEXT = [(49, "BOT01"), (56, "VENUE"), (11, "id-000000"), (55, "EUR/USD"), (54, 1), (38, 1_000_000), (44, "1.08512")]
_SECOND = 1_000_000_000


def _message(n: int) -> bytes:
    return bytes(encode("FIX.4.4", "D", [(34, n), *_TEXT, (58, "x" * 80)]))


def _stores(folder: Path) -> Iterator[tuple[str, Callable[[str], Store]]]:
    """Yield (name, name of a file -> a new store)."""
    yield "memory", lambda name: MemoryStore()
    for policy in _POLICIES:
        yield f"journal {policy}", lambda name, p=policy: JournalStore(folder / name, sync=p)  # type: ignore[misc]
    for policy in ("lease", "group"):
        yield (
            f"sqlite {policy}",
            lambda name, p=policy: SqliteStore(folder / name, session_id=_ID, sync=p),  # type: ignore[misc]
        )


def _per_message(make: Callable[[str], Store], name: str, raw: bytes, count: int) -> tuple[float, float, float]:
    """Return microseconds of processor time for append_out, append_in and done."""
    best = [float("inf")] * 3
    for turn in range(5):
        store = make(f"{name}-{turn}")
        calls: tuple[Callable[[int], object], ...] = (
            lambda n, s=store: s.append_out(n, raw, n * 10_000),  # type: ignore[misc]
            lambda n, s=store: s.append_in(n, n, raw),  # type: ignore[misc]
            lambda n, s=store: s.done(n),  # type: ignore[misc]
        )
        for i, call in enumerate(calls):
            began = time.process_time_ns()
            for n in range(1, count + 1):
                call(n)
            best[i] = min(best[i], (time.process_time_ns() - began) / count / 1000)
        store.close()
    return best[0], best[1], best[2]


def _waits(make: Callable[[str], Store], name: str, raw: bytes) -> tuple[float, float, float]:
    """Return microseconds until one message, and until 50 together, are durable; and the first's 99th percentile."""
    store = make(name)
    n = 0
    spans: dict[int, list[float]] = {1: [], 50: []}
    for batch, found in spans.items():
        for _ in range(200):
            began = time.perf_counter_ns()
            for _ in range(batch):
                n += 1
                store.append_out(n, raw, n)
            store.sync()
            found.append((time.perf_counter_ns() - began) / 1000)
    store.close()
    one = spans[1]
    return statistics.median(one), statistics.median(spans[50]), statistics.quantiles(one, n=100)[98]


def _segments(folder: Path, raw: bytes, size: int) -> Iterator[str]:
    """Yield lines about a journal of four segments."""
    path = folder / "segments.journal"
    store = JournalStore(path, sync="none", segment_size=size)
    n, rotations = 0, list[float]()
    while len(rotations) < 4:
        n += 1
        store.append_out(n, raw, n)
        if store.lease_due is not None:
            began = time.perf_counter_ns()
            store.sync()
            rotations.append((time.perf_counter_ns() - began) / 1e6)
    for _ in range(size // (2 * len(raw))):
        n += 1
        store.append_out(n, raw, n)
    store.close()
    began = time.process_time_ns()
    again = JournalStore(path, sync="none", segment_size=size)
    start = (time.process_time_ns() - began) / 1e6
    yield f"{n:,} messages of {len(raw)} bytes in 5 segments of {size >> 20} MiB"
    yield f"a sync that begins a new segment: {statistics.median(rotations):.1f} ms of wall time, beside the appends"
    yield f"a start, with the last segment half full: {start:.0f} ms"
    for what, a in (("in the present segment", n - 1), ("in an older one, the first time", 10), ("and again", 11)):
        began = time.process_time_ns()
        next(again.read_out(a, a))
        yield f"one message {what}: {(time.process_time_ns() - began) / 1e6:.2f} ms"
    began = time.process_time_ns()
    count = sum(1 for _ in again.read_out(1, n))
    yield f"all {count:,} read for a resend: {(time.process_time_ns() - began) / count / 1000:.2f} us each"
    again.close()


def main() -> None:
    """Print what stores cost on this machine."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--directory", help="on the disk to measure; a new folder in it is used and removed")
    parser.add_argument("--segment-size", type=int, default=1 << 24)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.directory))
    raw = _message(1)
    try:
        print(f"{len(raw)}-byte messages; microseconds; the first three of processor time, the last three of wall time")
        print(f"{'':<18}{'append_out':>11}{'append_in':>10}{'done':>7}{'1+sync':>9}{'50+sync':>9}{'1+sync p99':>12}")
        for name, make in _stores(folder):
            count = min(options.messages, 500) if name.endswith("every") else options.messages
            costs = _per_message(make, name, raw, count)
            waits = _waits(make, name + "-waits", raw)
            print(
                f"{name:<18}{costs[0]:>11.2f}{costs[1]:>10.2f}{costs[2]:>7.2f}{waits[0]:>9.0f}{waits[1]:>9.0f}{waits[2]:>12.0f}"
            )
        for line in _segments(folder, raw, options.segment_size):
            print(line)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
