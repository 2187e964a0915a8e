"""A pytest plugin: `--conformance=FILE` writes the outcome of every test that carries the id of a requirement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.catalogue import ids_in

__all__ = ["Recorder"]

_WORST = ("passed", "skipped", "failed")


class Recorder:
    """Keeps the worst outcome of the cases of each test."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._tests = root / "tests"
        self._root = root
        self._outcomes: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        file, _, rest = report.nodeid.partition("::")
        name = rest.partition("[")[0].rpartition("::")[2]
        if not ids_in(name):
            return
        test = ((self._root / file).relative_to(self._tests).as_posix(), name)
        self._outcomes[test] = max(self._outcomes.get(test, "passed"), report.outcome, key=_WORST.index)

    def pytest_sessionfinish(self) -> None:
        rows = sorted([file, name, outcome] for (file, name), outcome in self._outcomes.items())
        self._path.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")
