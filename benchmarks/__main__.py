"""`python -m benchmarks`: run every workload and print a Markdown table."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.corpus import Corpus
from benchmarks.rivals import available
from benchmarks.runner import LIMITS, Result, describe_machine, markdown, measure, pin
from benchmarks.workloads import workloads

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments, measure, print. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="turns that each rival gets (default 25)")
    parser.add_argument("--seconds", type=float, default=0.02, help="about how long one turn lasts (default 0.02)")
    parser.add_argument("--only", default="", help="run the workloads whose name contains this")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    core = pin()
    rivals, missing = available()
    results: list[Result] = []
    for workload in workloads(Corpus(), rivals):
        if options.only in workload.name:
            results += measure(workload, options.rounds, options.seconds)
            print(f"  {workload.name}", file=sys.stderr)
    machine = describe_machine(rivals, missing, core)
    if options.json:
        print(json.dumps({"machine": machine.splitlines(), "results": [asdict(r) for r in results]}, indent=1))
        return 0
    labels = [name for name in (r.name for r in rivals) if any(result.label == name for result in results)]
    print(markdown(results, labels))
    print(f"\nMedians of {options.rounds} interleaved rounds; (x): times slower than fixfast in the same run.")
    print(f"{machine}\n\n{LIMITS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
