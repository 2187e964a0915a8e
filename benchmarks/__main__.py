"""`python -m benchmarks`: run every workload and print Markdown tables."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.corpus import Corpus
from benchmarks.footprint import PROBES, footprint, footprint_table
from benchmarks.rivals import available
from benchmarks.runner import LIMITS, Result, describe_machine, markdown, measure, pin
from benchmarks.workloads import workloads

__all__ = ["main"]


def _note(name: str) -> None:
    print(f"  {name}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments, measure, print. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="turns that each rival gets (default 25)")
    parser.add_argument("--seconds", type=float, default=0.02, help="about how long one turn lasts (default 0.02)")
    parser.add_argument("--processes", type=int, default=7, help="fresh processes for what is paid once (default 7)")
    parser.add_argument("--only", default="", help="run what has this in its name")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options = parser.parse_args(arguments)
    core = pin()
    rivals, missing = available()
    results: list[Result] = []
    for workload in workloads(Corpus(), rivals):
        if options.only in workload.name:
            results += measure(workload, options.rounds, options.seconds)
            _note(workload.name)
    probes = [probe for probe in PROBES if options.only in probe.name]
    once = footprint(probes, options.processes, _note)
    machine = describe_machine(rivals, missing, core)
    if options.json:
        found = {"results": [asdict(r) for r in results], "once": [asdict(row) for row in once]}
        print(json.dumps({"machine": machine.splitlines(), **found}, indent=1))
        return 0
    if results:
        labels = [name for name in (r.name for r in rivals) if any(result.label == name for result in results)]
        print(markdown(results, labels))
        print(f"\nMedians of {options.rounds} interleaved rounds; (x): times slower than fixfast in the same run.\n")
    if once:
        print(footprint_table(once))
        print(f"\nMedians of {options.processes} fresh processes.")
    print(f"{machine}\n\n{LIMITS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
