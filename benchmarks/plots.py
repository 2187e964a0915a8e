"""Plots of a run, as PNG: how many times slower the others are, memory, kernels. Needs matplotlib (the bench extra)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.kernels import KernelRow
from benchmarks.memory import Held
from benchmarks.runner import Result

__all__ = ["plot_kernels", "plot_memory", "plot_ratios"]

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999")


def _bars(groups: Sequence[str], series: dict[str, dict[str, float]], axis: str, title: str, path: Path) -> None:
    """Draw horizontal bars: `series` is {label: {group: value}}, values on a logarithmic axis."""
    import_module("matplotlib").use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")
    thick = 0.8 / max(1, len(series))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + len(groups) * 0.18 * (len(series) + 1)), layout="constrained")
    for number, (label, values) in enumerate(series.items()):
        here = [(row, values[group]) for row, group in enumerate(groups) if group in values]
        bars = axes.barh(
            [row + (number - (len(series) - 1) / 2) * thick for row, _ in here],
            [value for _, value in here],
            thick,
            label=label,
            color=_COLOURS[number % len(_COLOURS)],
        )
        axes.bar_label(bars, [f"{value:,.1f}" if value < 10 else f"{value:,.0f}" for _, value in here], fontsize=6)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlabel(axis)
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    pyplot.close(figure)


def plot_ratios(results: Sequence[Result], path: Path) -> None:
    """Draw how many times longer than fixfast each rival takes, per workload where there is one."""
    ours = {result.workload: result.ns for result in results if result.label == "fixfast"}
    series: dict[str, dict[str, float]] = {}
    for result in results:
        if result.label != "fixfast" and result.workload in ours:
            series.setdefault(result.label, {})[result.workload] = result.ns / ours[result.workload]
    groups = [name for name in ours if any(name in values for values in series.values())]
    if groups:
        _bars(groups, series, "times as long as fixfast (1 = as fast)", "The same work, in one run on one core", path)


def plot_memory(rows: Sequence[Held], path: Path) -> None:
    """Draw bytes per message that is kept."""
    series: dict[str, dict[str, float]] = {}
    for row in rows:
        series.setdefault(row.label, {})[row.kind] = row.size
    _bars(list(dict.fromkeys(row.kind for row in rows)), series, "bytes", "Memory per message that is kept", path)


def plot_kernels(rows: Sequence[KernelRow], path: Path) -> None:
    """Draw ns per message under each kernel."""
    series = {kernel: {row.workload: row.ns[kernel] for row in rows} for kernel in rows[0].ns}
    _bars([row.workload for row in rows], series, "ns per message", "fixfast under each kernel", path)
