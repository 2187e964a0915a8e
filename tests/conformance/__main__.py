"""python -m tests.conformance RESULTS [--check]: write docs/conformance.md, or tell what did not pass.

RESULTS is what `pytest --conformance=RESULTS` wrote: the outcome of every test of that run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.conformance.page import PAGE, not_passed, read_results, render


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="docs/conformance.md")
    parser.add_argument("results", type=Path)
    parser.add_argument("--check", action="store_true", help="exit code 1 if an M or S row did not pass")
    arguments = parser.parse_args()
    results = read_results(arguments.results)
    if not arguments.check:
        PAGE.write_text(render(results), encoding="utf-8")
        return 0
    short = not_passed(results)
    sys.stdout.writelines(f"{row.id} {result}: {row.behaviour}\n" for row, result in short)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
