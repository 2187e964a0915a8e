"""Seeded agents make a market: the same for the same seed, alive on every instrument, and it stays where it is."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from fixfast.errors import ConfigError
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.agents.traders import Agents, Place, Withdraw
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.exchange.matching.book_order import LIMIT, BookOrder
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.matching.outcome import Accepted, Cancelled, Filled, Refused, TradePrinted
from tests.exchange.market import WALL, Line, PlainBook, request

SECOND = 1_000_000_000
INSTRUMENTS = (
    Instrument("ABC", tick=1, lot=1, reference=10000),
    Instrument("FX", tick=5, lot=1000, price_scale=5, reference=110000),
    Instrument("NEW", tick=25, price_scale=2),
)


class MatchingFloor:
    """Agents on matching engines, without gateway; what happens goes to market data."""

    def __init__(self, config: AgentsConfig, seed: int, data: MarketData | None = None) -> None:
        self.books = {item.symbol: Matching(item) for item in INSTRUMENTS}
        self.data = data
        self.orders: dict[tuple[str, str], int] = {}
        self.trades: Counter[str] = Counter()
        self.prices: dict[str, list[int]] = {symbol: [] for symbol in self.books}
        self.history: list[Any] = []
        self.refused: list[Refused] = []
        self.positions: Counter[str] = Counter()
        self.now_ns = WALL
        self.agents = Agents(config, INSTRUMENTS, self, seed=seed, start_ns=WALL)

    def run(self, seconds: int) -> None:
        end = WALL + seconds * SECOND
        while self.agents.next_ns is not None and self.agents.next_ns <= end:
            self.now_ns = self.agents.next_ns
            self.agents.poll(self.now_ns)

    def top(self, symbol: str) -> tuple[int | None, int | None]:
        bids, offers = self.books[symbol].depth(1)
        return bids[0][0] if bids else None, offers[0][0] if offers else None

    def place(self, order: Place) -> None:
        assert (order.owner, order.name) not in self.orders, "an order's name is used once"
        number = self.orders[order.owner, order.name] = len(self.orders) + 1
        tif = "3" if order.now_or_never else "0"
        made = BookOrder(number, order.owner, "", order.side, LIMIT, tif, order.qty, order.price, tag=order.name)
        self._tell(order.symbol, self.books[order.symbol].submit(made, self.now_ns))

    def withdraw(self, request: Withdraw) -> None:
        number = self.orders[request.owner, request.orig]
        self._tell(request.symbol, self.books[request.symbol].cancel(number, self.now_ns))

    def _tell(self, symbol: str, events: list[Any]) -> None:
        trades = []
        for event in events:
            if isinstance(event, Filled):
                self.positions[event.order.owner] += event.order.side * event.qty
                self.agents.on_fill(event.order.owner, str(event.order.tag), event.qty)
            elif isinstance(event, Cancelled):
                self.agents.on_gone(event.order.owner, str(event.order.tag))
            elif isinstance(event, Refused):
                self.refused.append(event)
            elif isinstance(event, TradePrinted):
                self.trades[symbol] += 1
                self.prices[symbol].append(event.px)
                trades.append((f"T{event.trade_id}", event.px, event.qty))
            if not isinstance(event, Accepted):
                self.history.append((self.now_ns, symbol, type(event).__name__, event[1:3]))
        changes = self.books[symbol].take_changes()
        if self.data is not None:
            self.data.publish(symbol, self.now_ns, changes=changes, trades=trades)


@pytest.mark.parametrize("config", [AgentsConfig(), AgentsConfig(latency=(0.001, 0.2))])
def test_the_same_seed_is_the_same_market(config: AgentsConfig) -> None:
    runs = []
    for seed in (1, 1, 2):
        floor = MatchingFloor(config, seed)
        floor.run(60)
        runs.append((floor.history, [book.depth(10) for book in floor.books.values()]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_agents_trades_everything_and_runs_away_with_nothing(seed: int) -> None:
    config = AgentsConfig()
    floor = MatchingFloor(config, seed)
    for minute in range(1, 31):
        floor.run(60 * minute)
        for instrument in INSTRUMENTS:
            bid, offer = floor.top(instrument.symbol)
            assert bid is not None, "it never dries up"
            assert offer is not None
            assert bid < offer
            fair = floor.agents.fair_value(instrument.symbol)
            away = abs(bid + offer - 2 * fair) // 2 // instrument.tick
            assert away <= 5 * (config.spread + config.levels), f"seed {seed}, minute {minute}: {away} ticks away"
    for instrument in INSTRUMENTS:
        symbol, prices = instrument.symbol, floor.prices[instrument.symbol]
        assert floor.trades[symbol] > 300, symbol
        home = instrument.reference or 100_00
        assert max(abs(px - home) for px in prices) < 150 * instrument.tick, "and comes back to where it began"
        assert all(px % instrument.tick == 0 for px in prices)
    assert sum(floor.positions.values()) == 0, "what one bought another sold"
    for owner in floor.agents.owners:
        lot = next(item.lot for item in INSTRUMENTS if owner.endswith(item.symbol))
        assert floor.positions[owner] == floor.agents.position(owner) * lot, "each knows what it holds"
        assert abs(floor.agents.position(owner)) <= config.max_position
    assert floor.refused == [], "they know the rules: ticks, lots, what is open"


def test_all_kinds_trade() -> None:
    floor = MatchingFloor(AgentsConfig(), 5)
    floor.run(600)
    traded = {owner.rstrip("0123456789") for owner, _ in ((o.split(".")[0], o) for o in floor.positions)}
    assert traded == {"maker", "taker", "noise", "momentum"}


def test_a_subscriber_of_the_agents_market_sees_what_the_engine_has() -> None:
    data = MarketData(INSTRUMENTS)
    line = Line("FIX.5.0SP2")
    data.join("BOT", "FIX.5.0SP2", line)
    data.on_request("BOT", request("FIX.5.0SP2", depth=10, kinds="012", symbols=("FX",)), WALL)
    floor = MatchingFloor(AgentsConfig(), 3, data)
    floor.run(300)
    book = PlainBook(by_level=True, depth=10)
    for message in line.take():
        book.apply(message)
    bids, offers = floor.books["FX"].depth(10)
    assert [(int(px.scaleb(5)), int(qty), orders) for px, qty, orders in book.sides["0"]] == bids
    assert [(int(px.scaleb(5)), int(qty), orders) for px, qty, orders in book.sides["1"]] == offers
    assert len(book.tape) == floor.trades["FX"]


def test_a_pause_of_the_program_is_not_made_up_for() -> None:
    floor = MatchingFloor(AgentsConfig(), 1)
    floor.now_ns = WALL + 86_400 * SECOND
    floor.agents.poll(floor.now_ns)
    assert len(floor.history) < 60_000
    assert floor.agents.next_ns is not None
    assert floor.agents.next_ns > floor.now_ns


def test_only_the_instruments_that_are_named_are_traded() -> None:
    floor = MatchingFloor(AgentsConfig(symbols=("FX",)), 1)
    floor.run(30)
    assert {symbol for symbol, count in floor.trades.items() if count} == {"FX"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("makers", -1), ("size", 0), ("spread", 1.5), ("maker_rate", 0), ("volatility", True), ("latency", (1.0, 0.5))],
)
def test_an_option_that_cannot_be_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=option):
        AgentsConfig(**{option: value})  # type: ignore[arg-type]


def test_random_sizes_are_within_bounds() -> None:
    rng = random.Random(1)
    config = AgentsConfig(size=3, max_position=5)
    floor = MatchingFloor(config, rng.randint(0, 99))
    floor.run(300)
    assert all(abs(floor.agents.position(owner)) <= 5 for owner in floor.agents.owners)
