"""The execution algorithm and the market maker, in this process, on virtual time, against the simulated exchange."""

from __future__ import annotations

import asyncio
import runpy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange import AgentsConfig, Exchange, ExchangeConfig

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> dict[str, Any]:
    code = [line for line in (EXAMPLES / name).read_text().split('"""', 2)[2].splitlines() if line.strip()]
    assert len(code) < 60, "an example fits on a screen"
    return runpy.run_path(str(EXAMPLES / name))


def open_orders(exchange: Exchange, owner: str) -> list[Any]:
    return [one for market in exchange.venue.markets.values() for one in market.book.open_orders(owner)]


@pytest.mark.parametrize("seed", [1, 2])
def test_twap_buys_all_of_it_in_time(seed: int) -> None:
    async def main() -> None:
        config = ExchangeConfig(agents=AgentsConfig(symbols=("AAPL",)), seed=seed)
        async with ff.testing.World() as world, Exchange(config) as exchange:
            await world.advance(10)
            begin = world.now.mono_ns
            bought = await example("twap.py")["run"](exchange.port, qty=60, seconds=60)
            assert bought == Decimal(60)
            assert (world.now.mono_ns - begin) / 1e9 == pytest.approx(60, abs=1)
            assert open_orders(exchange, "FIX.4.4:TWAP") == []

    asyncio.run(main())


def test_twap_buys_nothing_above_its_limit() -> None:
    async def main() -> None:
        async with ff.testing.World() as world, Exchange(ExchangeConfig(agents=AgentsConfig())) as exchange:
            await world.advance(10)
            assert await example("twap.py")["run"](exchange.port, limit="200.00") == 0
            assert open_orders(exchange, "FIX.4.4:TWAP") == []

    asyncio.run(main())


@pytest.mark.parametrize("seed", [1, 2])
def test_the_market_maker_trades_and_leaves_no_quote_behind(seed: int) -> None:
    async def main() -> None:
        config = ExchangeConfig(agents=AgentsConfig(symbols=("EUR/USD",)), seed=seed)
        async with ff.testing.World() as world, Exchange(config) as exchange:
            await world.advance(10)
            position = await example("market_maker.py")["run"](exchange.port, fills=30)
            assert abs(position) <= 20_000, "it leans against what it holds"
            assert open_orders(exchange, "FIX.4.4:MAKER01") == []

    asyncio.run(main())
