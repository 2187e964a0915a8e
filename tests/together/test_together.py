"""The cases of appendix D with both sides real: OrderManager over a session, and Exchange, for every version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.together.floor_runner import FLOOR_SCENARIOS, FloorRunner
from tests.trading.scripts import names, read_scenario

CASES = names(FLOOR_SCENARIOS)
each_case = pytest.mark.parametrize(
    ("path", "version"), CASES, ids=[f"{path.stem}-{version}" for path, version in CASES]
)


@each_case
def test_client_and_exchange_agree(path: Path, version: str) -> None:
    asyncio.run(FloorRunner(read_scenario(path), version).play())


def test_every_group_of_appendix_D_has_scenarios() -> None:
    assert {path.stem[0] for path in FLOOR_SCENARIOS} == set("ABCDEFGHIJKL")
