"""Time workloads fairly: rivals take turns round by round, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median

from benchmarks.rivals import Rival
from benchmarks.workload import Entry, Workload

__all__ = ["CORES", "Result", "describe_machine", "markdown", "measure", "pin"]

LIMITS = """What this does not show: one thread on one core; messages that are freed at once (retained ones cost more
memory traffic); mostly synthetic messages, warm in cache; no I/O, sessions only where a row says so. A split-and-sum
dict loses repeating groups, and does not see a data field that holds SOH. simplefix checks neither length nor
checksum and knows no groups: its pairs are walked by hand. quickfix builds its field maps (with a dictionary: its
groups too) and sorts fields on writing; it is called by getField(int) and setField(int, str), its fastest ways. Its
DataDictionary.validate knows no levels, and of a group checks only how often it repeats: the presence, order, formats
and codes of what is in its entries go unchecked. fixcore without a dictionary keeps the last of fields that repeat;
with one it finds groups while it parses. refix reads only, and keeps an error in a field's value until the field is
read."""


@dataclass(frozen=True)
class Result:
    """Median and quartiles of one contestant's rounds, ns per message."""

    workload: str
    label: str
    ns: float
    low: float
    high: float
    bytes_per_item: float = 0.0
    fields: int = 0


#: the cores this process might use when it started; none where the system does not say
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin() -> int | None:
    """Keep this process on one core (the last it may use), where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def _batch(entry: Entry, seconds: float) -> int:
    """Return how many inputs one round takes so that it lasts about `seconds`."""
    count, inputs = 1, entry.inputs
    while True:
        started = time.perf_counter_ns()
        _run(entry, inputs[:count])
        spent = (time.perf_counter_ns() - started) / 1e9
        if count >= len(inputs) or spent > seconds / 4:
            return max(1, min(len(inputs), round(count * seconds / max(spent, 1e-7))))
        count *= 4


def _run(entry: Entry, inputs: Sequence[object]) -> None:
    call = entry.call
    if entry.spread:
        for values in inputs:
            call(*values)  # type: ignore[misc]
        return
    for one in inputs:
        call(one)


def measure(
    workload: Workload, rounds: int, seconds: float, clock: Callable[[], int] = time.perf_counter_ns
) -> list[Result]:
    """Time one workload.

    Args: rounds: turns that each contestant gets. seconds: about how long one turn lasts. clock: what the time is, ns.
    Returns: one result a contestant, in the workload's order.
    """
    workload.verify()
    sizes = [_batch(entry, seconds) for entry in workload.entries]
    times: list[list[float]] = [[] for _ in workload.entries]
    positions = [0] * len(sizes)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for index, (entry, size) in enumerate(zip(workload.entries, sizes, strict=True)):
                start = positions[index]
                batch = entry.inputs[start : start + size]
                positions[index] = (start + size) % max(1, len(entry.inputs) - size + 1)
                begun = clock()
                _run(entry, batch)
                times[index].append((clock() - begun) / (len(batch) * entry.items))
    finally:
        gc.enable()
    results = []
    for entry, taken in zip(workload.entries, times, strict=True):
        taken.sort()
        low, high = taken[len(taken) // 4], taken[len(taken) * 3 // 4]
        spread = (median(taken), low, high)
        results.append(Result(workload.name, entry.label, *spread, workload.bytes_per_item, workload.fields))
    return results


def _number(ns: float) -> str:
    return f"{ns:,.0f}" if ns >= 20 else f"{ns:.1f}"


def _cell(result: Result, base: float) -> str:
    text = _number(result.ns)
    if result.label == "fixfast" and result.bytes_per_item:
        return text + f" ({result.bytes_per_item / result.ns * 1000:,.0f} MB/s)"
    if result.label == "fixfast" and result.fields:
        return text + f" ({result.ns / result.fields:.1f} a field)"
    return text + (f" ({result.ns / base:,.1f}x)" if result.label != "fixfast" and base else "")


def markdown(results: Sequence[Result], labels: Sequence[str]) -> str:
    """Return a table: one row a workload, ns per message, and how many times slower than fixfast each rival is."""
    rows = ["| ns per message | " + " | ".join(labels) + " |", "|---|" + "---:|" * len(labels)]
    names = list(dict.fromkeys(result.workload for result in results))
    for name in names:
        of = {result.label: result for result in results if result.workload == name}
        base = of["fixfast"].ns if "fixfast" in of else 0.0
        cells = []
        for label in labels:
            if label not in of:
                cells.append("-")
                continue
            cells.append(_cell(of[label], base))
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def describe_machine(rivals: Sequence[Rival], missing: Sequence[str], core: int | None) -> str:
    """Return lines that say where and with what the numbers were taken."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        processor = models[0] if models else processor
    kernels = import_module("fixfast.codec.scan.kernels")
    versions = ", ".join(f"{rival.name} {rival.version}".strip() for rival in rivals)
    lines = [
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        versions + (f"; not installed: {', '.join(missing)}" if missing else ""),
        f"kernel {kernels.name()} (this build and processor have {', '.join(kernels.available())})",
        "pinned to one core" if core is not None else "not pinned to a core",
    ]
    if sys.flags.dev_mode or sys.gettrace() is not None:
        lines.append("WARNING: dev mode or a tracer is on")
    return "\n".join(lines)
