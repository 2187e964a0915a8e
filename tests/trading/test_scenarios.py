"""The cases of appendix D, as scenarios: what the client knows after each step, for every version."""

from __future__ import annotations

from pathlib import Path

import pytest

import fixfast as ff
from tests.trading.scripts import SCENARIOS, Runner, names, read_scenario

CASES = names(SCENARIOS)


@pytest.mark.parametrize(("path", "version"), CASES, ids=[f"{path.stem}-{version}" for path, version in CASES])
def test_scenario(path: Path, version: str) -> None:
    runner = Runner(read_scenario(path), version)
    runner.run()
    rebuilt = ff.OrderManager(lambda msg_type, fields: 0, runner.options, log=runner.log)
    runner.manager.on_event(_gone(), ff.Now(0, 0))  # as the rebuilt one must think
    assert [order.state() for order in rebuilt.all_orders] == [order.state() for order in runner.manager.all_orders]


def _gone() -> object:
    from fixfast.session.events import Disconnected
    from fixfast.session.state import CloseReason

    return Disconnected(CloseReason.CONNECTION_LOST)


def test_every_group_of_appendix_D_has_scenarios() -> None:
    assert {path.stem[0] for path in SCENARIOS} == set("ABCDEFGHIJKL")
