"""The benchmark of the desk's memory runs: orders are sent without a page and with one, and each takes some."""

from __future__ import annotations

import sys

import pytest

from benchmarks import desk_memory
from benchmarks.desk_memory import HEAD, Turn, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_orders_are_sent_without_a_page_and_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_memory, "_GONE", 0.1)
    without, opened = run(40, 100.0, 1, 0.5)
    assert (without.page, opened.page) == (False, True)
    for turn in (without, opened):
        assert 40 <= turn.orders < 200
        assert turn.trades > 0
        assert turn.begin > 1_000_000
        assert turn.row().count("|") == HEAD.splitlines()[0].count("|")


def test_what_an_order_takes_is_the_growth_of_the_process() -> None:
    assert Turn(True, 1000, 1500, 100_000_000, 103_000_000).kilobytes == 3.0
