"""The benchmark of market data runs, and all its subscribers are told the same."""

from __future__ import annotations

import pytest

from benchmarks.market_data import SUBSCRIBERS, WAYS, batches, main, publish


def test_every_subscriber_is_told() -> None:
    made = batches(100)
    assert made == batches(100)
    one = publish("one version", 1, made)
    assert publish("one version", 10, made).messages == 10 * one.messages
    assert publish("fields", 1, made).messages == one.messages


def test_the_table_has_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--batches", "50"]) == 0
    rows = 1 + len(WAYS) * (len(SUBSCRIBERS) - 1)
    assert len(capsys.readouterr().out.splitlines()) == 2 + rows
