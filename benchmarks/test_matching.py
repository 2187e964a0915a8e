"""The benchmark of the matching engine runs, and its flows do what it says of them."""

from __future__ import annotations

import pytest

from benchmarks.matching import FLOWS, main, measure


def test_every_flow_runs_and_is_the_same_for_a_seed() -> None:
    for name in FLOWS:
        first, second = measure(name, 2000), measure(name, 2000)
        assert first._replace(seconds=0) == second._replace(seconds=0)


def test_the_flows_are_what_they_are_called() -> None:
    assert measure("matched", 2000).trades == 1000
    assert measure("matched", 2000).open_orders == 0
    assert measure("quotes", 2000).trades == 0
    assert measure("mixed", 2000).trades > 500
    assert measure("deep", 2000).open_orders > 20_000


def test_the_table_has_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--commands", "200"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(FLOWS)
