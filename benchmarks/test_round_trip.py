"""The round trip runs for every front end, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.front_ends import Contestant, Outcome, Plan, contestants
from benchmarks.front_ends.base import Meter
from benchmarks.round_trip import Row, race, table

_SLOW = ("journal-group", "journal-every", "fixcore, FileStore")
_QUICK = [one for one in contestants() if not any(word in one.name for word in _SLOW)]


@pytest.mark.parametrize("contestant", [pytest.param(one, id=one.name) for one in _QUICK])
def test_no_message_is_lost(contestant: Contestant, tmp_path: Path) -> None:
    (row,) = race([contestant], 1, (), tmp_path, warm=5, trips=30, burst=96)
    assert not row.failed
    assert row.lost == 0
    (outcome,) = row.rounds
    assert len(outcome.times) == 30
    assert outcome.sent == outcome.counted == 5 + 30 + 96 + 1


def test_durable_stores_take_part(tmp_path: Path) -> None:
    slow = [one for one in contestants() if one.name == "fixfast Poller, journal-group"]
    (row,) = race(slow, 1, (), tmp_path, warm=1, trips=3, burst=32)
    assert not row.failed
    assert row.lost == 0
    assert "| power loss: all that went on the wire |" in table([row])


def test_the_table_counts_what_is_lost_and_says_who_failed() -> None:
    floor = Row(Contestant("raw blocking", "raw", "blocking"), [Outcome([20_000] * 3, 0.0, 5, 5, 1, 1000)])
    ours = Row(Contestant("ours", "ours", "by-hand"), [Outcome([30_000] * 3, 9000.0, 7, 5, 2, 1000)])
    lines = table([floor, ours, Row(Contestant("x", "raw", "x"), failed="no end")]).splitlines()
    assert lines[3] == "| ours | nothing | 30.0 | 1.50 | 30.0 | 30.0 | 9.0 | 2,000,000 | - | 2 |"
    assert lines[4].startswith("| x | no end | - |")


def test_warming_up_does_not_count() -> None:
    meter = Meter(Plan("x", "", "", "", warm=2, trips=3, burst=0))
    more = True
    while more:
        meter.name()
        more = meter.replied()
    assert meter.more() == 0
    meter.last_name()
    outcome = meter.ended(6)
    assert (len(outcome.times), outcome.sent) == (3, 6)
