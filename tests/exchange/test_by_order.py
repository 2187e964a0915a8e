"""The book order by order, AggregatedBook(266)=N: a client has every queue as the matching engine has it (M5, M15)."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig, InstrumentConfig
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.venue.requests import CancelOrder, NewOrder, ReplaceOrder
from fixfast.trading.book import Book
from fixfast.trading.bookconfig import BookConfig
from tests.exchange.floor import VERSIONS, Client, Floor, run
from tests.exchange.test_living_market import asking

E8 = 10**8
PHASES = (Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CLOSING_AUCTION, Phase.HALTED, Phase.OPENING_AUCTION)


def by_order(client: Client, name: str = "R1", **asked: Any) -> Any:
    return asking(client, name, more=[(266, "N"), *asked.pop("more", ())], **asked)


def queues(floor: Floor, depth: int = 0) -> tuple[list[Any], ...]:
    """Return (OrderID, price, shown) of bids and offers as the matching engine has them."""
    book = floor.exchange.venue.markets["AAPL"].book
    found = []
    for side in (book.bids, book.offers):
        orders = [order for order in side.orders() if order.price is not None]
        prices = list(dict.fromkeys(order.price for order in orders))[: depth or None]
        found.append([(f"O{one.order_id}", one.price, one.shown) for one in orders if one.price in prices])
    return tuple(found)


def seen(book: Book) -> tuple[list[Any], ...]:
    return tuple([(name, int(px * 100), int(qty)) for name, px, qty in side] for side in book.entries())


class Crowd:
    """Participants in the process who do what comes to their minds."""

    def __init__(self, floor: Floor, seed: int) -> None:
        self.floor = floor
        self.random = random.Random(seed)
        self.names: list[tuple[str, str, str]] = []

    def act(self) -> None:
        rng, exchange = self.random, self.floor.exchange
        what = rng.random()
        if what < 0.05:
            exchange.set_phase(rng.choice(PHASES))
        elif what < 0.3 and self.names:
            owner, name, side = self.names.pop(rng.randrange(len(self.names)))
            exchange.submit(CancelOrder(owner, 0, f"{name}x", name, "AAPL", side))
        elif what < 0.45 and self.names:
            at = rng.randrange(len(self.names))
            owner, name, side = self.names[at]
            self.names[at] = owner, f"{name}r", side
            qty, shows = rng.randint(1, 30) * E8, rng.choice((None, 2 * E8))
            change = ReplaceOrder(owner, 0, f"{name}r", name, qty, self.price(), None, "AAPL", side, display=shows)
            exchange.submit(change)
        else:
            owner, name, side = rng.choice("ab"), f"n{len(self.names)}-{rng.random()}", rng.choice("12")
            more: dict[str, Any] = {"time_in_force": rng.choice("000137")}
            if rng.random() < 0.3:
                more["display"] = rng.randint(1, 3) * E8
            kind = "1" if rng.random() < 0.1 else "2"
            price = None if kind == "1" else self.price()
            exchange.submit(NewOrder(owner, 0, name, None, "AAPL", side, rng.randint(3, 20) * E8, kind, price, **more))
            self.names.append((owner, name, side))

    def price(self) -> int:
        return (200 + self.random.randint(-6, 6)) * E8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("depth", "implicit"), [(0, "N"), (3, "N"), (3, "Y")])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_has_the_queues_of_the_matching_engine(version: str, depth: int, implicit: str, seed: int) -> None:
    if implicit == "Y" and version == "FIX.4.2":
        pytest.skip("FIX 4.2 has no MDImplicitDelete")

    async def main() -> None:
        limits = MarketDataLimits(entries=7)
        markets = (InstrumentConfig("AAPL", tick="0.01", self_trade="decrement" if seed % 2 else "none"),)
        async with Floor(ExchangeConfig(market_data=limits, instruments=markets)) as floor:
            client = await floor.client(version)
            crowd = Crowd(floor, seed)
            book = Book("AAPL", BookConfig(depth=depth, implicit_delete=implicit == "Y"))
            for n in range(250):
                crowd.act()
                if n == 40:
                    more = [(547, implicit)] if version != "FIX.4.2" else []
                    client.session.send_nowait("V", by_order(client, depth=depth, more=more))
                for message in await client.hears():
                    if message.msg_type in ("W", "X"):
                        book.apply(message)
                if n >= 40:
                    assert book.valid, f"seed {seed}, step {n}: {book.anomalies}"
                    assert seen(book) == queues(floor, depth), f"seed {seed}, step {n}"
                    shown = floor.exchange.venue.markets["AAPL"].book.depth(depth or 99)
                    for levels, expected in zip((book.bids(), book.offers()), shown, strict=True):
                        assert [(int(px * 100), int(qty), orders) for px, qty, orders in levels] == expected
                if n % 50 == 49:
                    told = await client.sends("V", *by_order(client, f"S{n}", action="0", depth=depth))
                    later = Book("AAPL")
                    later.apply(told[-1])
                    assert seen(later) == seen(book), "W + X = W at a later time (M15)"
            assert {one.kind for one in book.anomalies} <= {"crossed"}, "auctions cross"

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_is_named_by_its_order_id_and_shows_no_owner_and_no_more_than_it_displays(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            client, other = await floor.client(version), await floor.client(name="OTHER")
            show = {"f111": 10} if version != "FIXT.1.1" else {"f1138": 10}
            told = await client.buys("C1", 100, "230.00", **show)
            (order_id,) = {message[37] for message in told}
            (w,) = await client.sends("V", *by_order(client, kinds="012"))
            (entry,) = w.group(268)
            assert (entry[37], entry[270], entry[271]) == (order_id, "230.00", "10")
            assert entry.get(278) == (order_id if version == "FIXT.1.1" else None), "older W have no MDEntryID"
            assert w.get(1021) == ("3" if version == "FIXT.1.1" else None)
            await other.buys("O1", 7, "230.00")
            await other.sells("O2", 4, "230.00")
            await other.sells("O3", 6, "230.00")
            new, change, refilled = (m.group(268) for m in await client.hears() if m.msg_type == "X")
            assert [(e[279], e[278], e[271]) for e in new] == [("0", new[0][37], "7")]
            assert [(e[279], e[269], e[271]) for e in change] == [("0", "2", "4"), ("1", "0", "6")]
            assert [(e[279], e[278], e.get(271)) for e in refilled][1:] == [
                ("2", order_id, None),
                ("0", order_id, "10"),
            ], "the next slice goes behind the others, under the same name"
            assert all("BOT" not in str(m) and "OTHER" not in str(m) for m in (new[0].many(*range(1, 1200)),))

    run(main())


def test_books_order_by_order_and_by_price_at_once_and_no_cost_without() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            one, two = await floor.client(), await floor.client(name="OTHER")
            data = floor.exchange.market_data
            await one.sends("V", *asking(one))
            await one.buys("C1", 100, "230.00")
            assert data.by_order == set()
            assert data._feeds["AAPL"].queues.entries("01", 0) == []
            await two.sends("V", *by_order(two))
            assert data.by_order == {"AAPL"}
            first = await one.buys("C2", 50, "230.00")
            second = await two.hears()
            assert [entry.many(279, 271) for entry in first[-1].group(268)] == [("1", "150")]
            assert [entry.many(279, 271) for entry in second[-1].group(268)] == [("0", "50")]
            await two.session.logout()
            await floor.advance(0.1)
            assert data.by_order == set()

    run(main())


def test_the_entries_of_a_book_of_levels_cannot_be_asked_for() -> None:
    header: list[Any] = [(49, "V"), (56, "M"), (34, 1), (52, 0)]
    book = Book("X")
    assert book.entries() == ([], [])
    book.apply(ff.parse(ff.encode("FIX.4.4", "W", [*header, (55, "X"), (268, [[(269, "0"), (270, 1), (271, 1)]])])))
    with pytest.raises(ff.errors.LocalProtocolError, match="aggregated=False"):
        book.entries()


def test_a_change_keeps_the_place_in_the_queue_also_beside_other_entries() -> None:
    header: list[Any] = [(49, "V"), (56, "M"), (34, 1), (52, 0)]
    book = Book("X", BookConfig(start_empty=True))

    def update(*entries: tuple[str, str, int, int]) -> None:
        group = [
            [(279, action), (269, "0"), (278, name), (55, "X"), (270, px), (271, qty)]
            for action, name, px, qty in entries
        ]
        book.apply(ff.parse(ff.encode("FIX.4.4", "X", [*header, (268, group)])))

    update(("0", "a", 9, 1), ("0", "b", 9, 2), ("0", "c", 10, 3))
    update(("1", "a", 9, 5), ("1", "c", 9, 3))
    assert book.entries() == ([("a", 9, 5), ("b", 9, 2), ("c", 9, 3)], [])
    update(("1", "a", 9, 4))
    assert book.entries(2)[0][0] == ff.BookEntry("a", Decimal(9), Decimal(4))
    assert book.bids() == [(Decimal(9), Decimal(9), 3)]
