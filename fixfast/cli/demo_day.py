"""The day that the demo trades: the market, who else is there, and what the bot does. All of it comes from the seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.config import InstrumentConfig
from fixfast.exchange.faults import FaultConfig
from fixfast.trading.request import OrderRequest
from fixfast.trading.risk import RiskLimits
from fixfast.types import Side

__all__ = [
    "ACCOUNT",
    "ACCOUNT_MAX",
    "AGENTS",
    "BATCH",
    "BOT",
    "EXCHANGE",
    "FAULTS",
    "INSTRUMENTS",
    "LIMITS",
    "Planned",
    "Then",
    "plan",
    "too_large",
]

#: SenderCompIDs, and Account(1)
EXCHANGE, BOT, ACCOUNT = "SIMEX", "BOT", "DEMO"

#: symbol -> (first price, price step)
_MARKET: dict[str, tuple[Decimal, Decimal]] = {
    "AAPL": (Decimal("189.50"), Decimal("0.01")),
    "BTC/USD": (Decimal("43125.0"), Decimal("0.5")),
    "EUR/USD": (Decimal("1.08500"), Decimal("0.00001")),
}
_LOT = 100
INSTRUMENTS = tuple(
    InstrumentConfig(symbol, tick=step, lot=_LOT, reference=first, self_trade="cancel oldest")
    for symbol, (first, step) in _MARKET.items()
)
AGENTS = AgentsConfig(makers=2, takers=1, noise=1, momentum=0, size=10, max_position=100_000)
#: Nothing is lost for good by these, and nobody gets other fills: so a seed gives one day whatever goes wrong on it.
FAULTS = FaultConfig(duplicate=0.01, gap=0.002, slow=0.002, slow_by=0.005)

#: what one order may be: the bot asks its own risk check first, which lets through more than the exchange does
LIMITS = RiskLimits(max_qty=10_000, collar=Decimal("0.05"), max_position=1_000_000)
ACCOUNT_MAX = 1_200

#: after so many orders the bot waits for all answers, and deals with the batch before
BATCH = 25


class Then(Enum):
    """What the bot does with an order that is still open a batch later."""

    LEAVE = 0
    CANCEL = 1
    REPLACE = 2


class Planned(NamedTuple):
    """An order of the day. `better`: the price that a replace gives it."""

    cl_ord_id: str
    request: OrderRequest
    then: Then
    better: Decimal


def plan(orders: int, seed: int) -> Iterator[Planned]:
    """Yield the bot's orders, around the first price of each symbol: some trade at once, some later, some never."""
    rng = random.Random(f"orders:{seed}")
    symbols = sorted(_MARKET)
    for n in range(orders):
        symbol = symbols[n % len(symbols)]
        first, step = _MARKET[symbol]
        side = rng.choice((Side.BUY, Side.SELL))
        qty = _LOT * rng.randint(1, 10)
        forward = step if side is Side.BUY else -step
        kind, lot, then = rng.random(), rng.random(), rng.random()
        request = OrderRequest(
            symbol,
            side.value,
            Decimal(qty + ACCOUNT_MAX if lot < 0.04 else qty),
            None if kind < 0.05 else first + forward * rng.randint(-9, 7),
            time_in_force="3" if kind < 0.15 else "0",
            account=ACCOUNT,
        )
        action = Then.CANCEL if then < 0.4 else Then.REPLACE if then < 0.6 else Then.LEAVE
        yield Planned(f"C{n + 1}", request, action, first + forward * 4)


def too_large() -> OrderRequest:
    """Return an order that the bot's own risk check must not let through."""
    return OrderRequest("AAPL", Side.BUY.value, Decimal(1_000_000), _MARKET["AAPL"][0], account=ACCOUNT)
