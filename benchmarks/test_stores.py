"""The benchmarks of stores and of many sessions run, and do what they say."""

from __future__ import annotations

from pathlib import Path

from benchmarks.many_sessions import Outcome, measure
from benchmarks.store_rates import COLUMNS, peers, rate_table, store_workloads


def test_every_store_takes_part(tmp_path: Path) -> None:
    everyone = peers(tmp_path)
    results = {}
    for workload in store_workloads(everyone):
        for entry in workload.entries:
            entry.call(None)
            results[workload.name, entry.label] = 1000.0
    table = rate_table(everyone, results)
    for name in ("MemoryStore", "JournalStore group", "SqliteStore every", "(pwrite + fdatasync)"):
        assert name in table
    assert table.count("1,000,000") >= 11 * len(COLUMNS)


def test_sessions_stay_up(tmp_path: Path) -> None:
    outcome = measure("sqlite-group", 5, 0.5, tmp_path)
    assert (outcome.lost, outcome.lost_before) == (0, 0)
    assert outcome.messages_out
    assert outcome.delays
    assert "sqlite-group | 5 |" in outcome.row()
    assert Outcome("x", 1, seconds=1.0, delays=[3_000_000, 1_000_000, 2_000_000]).delay_ms(0.5) == 2.0
