"""The benchmarks of storms and slow consumers run, and do what they say."""

from __future__ import annotations

import asyncio

from benchmarks.storms import Slow, quantile, slow_consumers, storm


def test_everybody_logs_on_at_once() -> None:
    outcome = asyncio.run(storm(20))
    assert len(outcome.logons) == 20
    assert outcome.cpu > 0
    assert max(outcome.logons) <= outcome.all
    assert "| 20 |" in outcome.row()


def test_peers_that_do_not_read_are_dropped_and_the_others_read() -> None:
    outcome = asyncio.run(slow_consumers(10, 1, 200, 3.0, 0.2))
    assert (outcome.cut, outcome.lost) == (1, 0)
    assert outcome.messages > 100
    assert all(age > 0 for age in outcome.ages)
    assert Slow.HEAD.count("|") == outcome.row().count("|") + 10


def test_a_quantile_is_one_of_the_values_in_ms() -> None:
    assert quantile([3_000_000, 1_000_000, 2_000_000], 0.5) == 2.0
    assert quantile([], 0.5) == 0.0
