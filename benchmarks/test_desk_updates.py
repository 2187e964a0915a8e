"""The benchmark of the desk runs: a page is drawn, orders are told, a click is answered."""

from __future__ import annotations

import sys

import pytest

from benchmarks.desk_updates import HEAD, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_updates_reach_the_page_and_a_click_makes_a_row() -> None:
    (outcome,) = run([100], 2, 1)
    assert outcome.end.updates > outcome.begin.updates
    assert outcome.end.page["drawn"] > outcome.begin.page["drawn"]
    assert outcome.clicks[0] is not None
    assert outcome.row().count("|") == HEAD.splitlines()[0].count("|")
