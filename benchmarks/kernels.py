"""The same workloads under each kernel: a process each, forced by FIXFAST_KERNEL, taking turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.codec_workloads import codec_workloads
from benchmarks.corpus import Corpus
from benchmarks.rivals import Fixfast
from benchmarks.runner import measure, pin

__all__ = ["KernelRow", "compare_kernels", "kernel_table"]

WORKLOADS = ("parse HB", "parse NOS", "parse ER", "parse W", "read NOS", "read ER", "stream, 16 KiB")


@dataclass(frozen=True)
class KernelRow:
    """Median ns per message of one workload under each kernel."""

    workload: str
    ns: dict[str, float]


def _taken(kernel: str, rounds: int, seconds: float) -> dict[str, float]:
    """Measure in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.kernels", str(rounds), str(seconds)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "FIXFAST_KERNEL": kernel},
    )
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def compare_kernels(
    kernels: Sequence[str], turns: int = 3, rounds: int = 9, seconds: float = 0.02, done: Callable[[str], None] = print
) -> list[KernelRow]:
    """Measure WORKLOADS under each of `kernels`, which take `turns` turns. Reported is the median of the turns."""
    taken: dict[str, list[dict[str, float]]] = {kernel: [] for kernel in kernels}
    for _ in range(turns):
        for kernel, runs in taken.items():
            runs.append(_taken(kernel, rounds, seconds))
            done(f"kernel {kernel}")
    return [KernelRow(name, {k: median(run[name] for run in runs) for k, runs in taken.items()}) for name in WORKLOADS]


def kernel_table(rows: Sequence[KernelRow]) -> str:
    """Return a Markdown table: ns per message, and how many times quicker than scalar."""
    kernels = list(rows[0].ns)
    lines = ["| ns per message | " + " | ".join(kernels) + " |", "|---|" + "---:|" * len(kernels)]
    for row in rows:
        base = row.ns["scalar"]
        cells = [f"{ns:,.0f}" + (f" ({base / ns:.1f}x)" if name != "scalar" else "") for name, ns in row.ns.items()]
        lines.append(f"| {row.workload} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(rounds: int, seconds: float) -> None:
    """Measure under the kernel of this process and print JSON."""
    pin()
    found = {}
    for workload in codec_workloads(Corpus(), [Fixfast()]):
        if workload.name in WORKLOADS:
            (result,) = measure(workload, rounds, seconds)
            found[workload.name] = result.ns
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
