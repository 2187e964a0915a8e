"""The benchmark of the simulated exchange runs, and counts what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.exchange_orders import COURSES, HEAD, run


@pytest.mark.parametrize("course", COURSES)
def test_all_orders_are_answered(course: str) -> None:
    outcome = run(course, 200)
    assert outcome.reports == (400 if course == "trade" else 200)
    assert outcome.row().count("|") == HEAD.splitlines()[0].count("|")


def test_with_journals_too(tmp_path: Path) -> None:
    assert run("trade", 100, tmp_path / "state").reports == 200
    assert (tmp_path / "state" / "exchange.journal").exists()
