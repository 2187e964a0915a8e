"""python -m tests.conformance RESULTS [--check]: write docs/conformance.md, or tell whether it is right.

RESULTS is what `pytest --conformance=RESULTS` wrote: the outcome of every test of that run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.conformance.page import PAGE, read_results, render


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="docs/conformance.md")
    parser.add_argument("results", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page is not current")
    arguments = parser.parse_args()
    page = render(read_results(arguments.results))
    if not arguments.check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    sys.stderr.write(f"{PAGE.name} is not what this run says: make conformance\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
