"""docs/conformance.md: every row of the catalogue with its tests and what they said when they last ran."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conformance.catalogue import TESTS, Row, Section, load, names_by_id

__all__ = ["PAGE", "not_passed", "read_results", "render", "without_results"]

PAGE = TESTS.parent / "docs" / "conformance.md"

_HEAD = """# Conformance: what is promised, and the test that holds it

Made by `make conformance` from the catalogue of required behaviours, from the names of the tests, which carry the ids,
and from what these tests said in a whole run; do not edit. Levels: M must, S should (the default), O option, P policy
of this project. NIN is the next inbound MsgSeqNum, NOUT the next outbound one.
"""
_TABLE = "| id | level | versions | behaviour | tests | result |\n|---|---|---|---|---|---|"
_LINK = "../tests/"

#: (file, function) -> "passed", "failed" or "skipped": the worst of its cases
Results = dict[tuple[str, str], str]


def read_results(path: Path) -> Results:
    """Read what `pytest --conformance=PATH` wrote."""
    return {(file, name): outcome for file, name, outcome in json.loads(path.read_text(encoding="utf-8"))}


def render(results: Results) -> str:
    """Return the page."""
    tests = names_by_id()
    sections = load()
    parts = [_HEAD, _summary(sections, tests, results)]
    for section in sections:
        parts.append(
            f"\n## {section.title}\n\n| id | level | versions | behaviour | tests | result |\n|---|---|---|---|---|---|"
        )
        parts += [_line(row, tests.get(row.id, []), results) for row in section.rows]
    return "\n".join(parts) + "\n"


def not_passed(results: Results) -> list[tuple[Row, str]]:
    """Return the rows M and S that have no test, or a test that did not pass, and what it did instead."""
    tests = names_by_id()
    rows = [row for section in load() for row in section.rows if row.level in "MS"]
    return [(row, result) for row in rows if (result := _result(tests.get(row.id, []), results)) != "passed"]


def _summary(sections: list[Section], tests: dict[str, list[tuple[str, str]]], results: Results) -> str:
    lines = ["| level | rows | with tests | passed |", "|---|---|---|---|"]
    for level in "MSOP":
        rows = [row for section in sections for row in section.rows if row.level == level]
        tested = [row for row in rows if tests.get(row.id)]
        passed = [row for row in tested if _result(tests[row.id], results) == "passed"]
        lines.append(f"| {level} | {len(rows)} | {len(tested)} | {len(passed)} |")
    return "\n".join(lines)


def _line(row: Row, tests: list[tuple[str, str]], results: Results) -> str:
    links = ", ".join(f"[{name.removeprefix('test_')}]({_LINK}{file})" for file, name in tests)
    return f"| {row.id} | {row.level} | {row.versions} | {row.behaviour} | {links} | {_result(tests, results)} |"


def _result(tests: list[tuple[str, str]], results: Results) -> str:
    if not tests:
        return "-"
    outcomes = {results.get(test, "not run") for test in tests}
    return next(outcome for outcome in ("failed", "not run", "skipped", "passed") if outcome in outcomes)


def without_results(page: str) -> str:
    """Return the page without what a run says, to compare what is known without one."""
    page = re.sub(r"^(\| [MSOP] \| \d+ \| \d+) \| \d+ \|$", r"\1 |", page, flags=re.MULTILINE)
    return re.sub(r" \| [a-z -]+ \|$", " |", page, flags=re.MULTILINE)
