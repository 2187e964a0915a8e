"""`python -m benchmarks`: run every workload and print Markdown tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.corpus import Corpus
from benchmarks.footprint import PROBES, footprint
from benchmarks.kernels import compare_kernels
from benchmarks.memory import held
from benchmarks.report import Run, markdown_of, write_report
from benchmarks.rivals import Rival, available
from benchmarks.runner import describe_machine, measure, pin
from benchmarks.whole_logs import compare_logs
from benchmarks.workloads import workloads
from fixfast.codec.scan import kernels

__all__ = ["main"]


def _note(name: str) -> None:
    print(f"  {name}", file=sys.stderr)


def _run(options: argparse.Namespace, rivals: Sequence[Rival]) -> Run:
    """Measure all that has `options.only` in its name. The table of kernels is called "kernels",
    that of whole logs "whole logs", memory "kept"."""
    run = Run(rounds=options.rounds, processes=options.processes)
    for workload in workloads(Corpus(), rivals):
        if options.only in workload.name:
            run.results += measure(workload, options.rounds, options.seconds)
            _note(workload.name)
    if options.only in "kernels":
        run.kernels = compare_kernels(kernels.available(), seconds=options.seconds, done=_note)
    if options.only in "whole logs":
        run.logs = compare_logs(kernels.available(), done=_note)
    if options.only in "kept":
        run.kept = held([rival.name for rival in rivals], _note)
    run.once = footprint([probe for probe in PROBES if options.only in probe.name], options.processes, _note)
    return run


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments, measure, print. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="turns that each rival gets (default 25)")
    parser.add_argument("--seconds", type=float, default=0.02, help="about how long one turn lasts (default 0.02)")
    parser.add_argument("--processes", type=int, default=7, help="fresh processes for what is paid once (default 7)")
    parser.add_argument("--only", default="", help="run what has this in its name")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write report.md, results.json and plots there")
    options = parser.parse_args(arguments)
    core = pin()
    rivals, missing = available()
    run = _run(options, rivals)
    run.machine = describe_machine(rivals, missing, core)
    if options.report:
        write_report(run, options.report)
        print(f"written: {options.report}/report.md")
    elif options.json:
        print(json.dumps(asdict(run), indent=1))
    else:
        print(markdown_of(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
