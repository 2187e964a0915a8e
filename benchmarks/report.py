"""What a run found, as Markdown, and with plots as a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.footprint import Footprint, footprint_table
from benchmarks.kernels import KernelRow, kernel_table
from benchmarks.memory import Held, held_table
from benchmarks.plots import plot_kernels, plot_memory, plot_ratios
from benchmarks.rivals import NAMES
from benchmarks.runner import LIMITS, Result, markdown
from benchmarks.whole_logs import LogRow, log_table

__all__ = ["Run", "markdown_of", "write_report"]


@dataclass
class Run:
    """All that one run measured; what was not asked for is empty."""

    rounds: int
    processes: int
    machine: str = ""
    results: list[Result] = field(default_factory=list)
    kernels: list[KernelRow] = field(default_factory=list)
    kept: list[Held] = field(default_factory=list)
    once: list[Footprint] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)


def _sections(run: Run) -> dict[str, str]:
    """Return the tables by the name of their plot."""
    found = {}
    if run.results:
        labels = [name for name in NAMES if any(result.label == name for result in run.results)]
        note = f"Medians of {run.rounds} interleaved rounds; (x): times slower than fixfast in the same run."
        found["speed"] = f"{markdown(run.results, labels)}\n\n{note}"
    if run.kernels:
        note = "Medians of processes that take turns; (x): times quicker than scalar."
        found["kernels"] = f"{kernel_table(run.kernels)}\n\n{note}"
    if run.logs:
        note = "A mixed log in memory; medians of processes that take turns. One thread has one core."
        found["logs"] = f"{log_table(run.logs)}\n\n{note}"
    if run.kept:
        found["memory"] = (
            f"{held_table(run.kept)}\n\nGrowth of a process that keeps 20,000, the bytes on the wire included."
        )
    if run.once:
        found["once"] = f"{footprint_table(run.once)}\n\nMedians of {run.processes} fresh processes."
    return found


def markdown_of(run: Run) -> str:
    """Return every table, the machine and what the numbers do not show."""
    return "\n\n".join([*_sections(run).values(), run.machine, LIMITS])


def write_report(run: Run, folder: Path) -> None:
    """Write report.md, results.json and, of what was measured, speed.png, kernels.png and memory.png."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.results:
        plot_ratios(run.results, folder / "speed.png")
    if run.kernels:
        plot_kernels(run.kernels, folder / "kernels.png")
    if run.kept:
        plot_memory(run.kept, folder / "memory.png")
    parts = ["# fixfast: a run of the benchmarks", "\n".join(f"- {line}" for line in run.machine.splitlines())]
    for name, table in _sections(run).items():
        parts += [f"## {name.capitalize()}", table]
        if (folder / f"{name}.png").exists():
            parts.append(f"![{name}]({name}.png)")
    parts += ["## Limits", LIMITS]
    (folder / "report.md").write_text("\n\n".join(parts) + "\n")
    (folder / "results.json").write_text(json.dumps(asdict(run), indent=1) + "\n")
