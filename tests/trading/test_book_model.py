"""M15: a snapshot and the updates behind it make the book that a later snapshot shows, however the venue keys them.

A slow, obvious market (prices and quantities in dictionaries) draws its own updates; a Book follows them by price, by
level and by MDEntryID, in messages of any size, with some lost and some twice, and must show what the market shows.
"""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from tests.trading.market import SYMBOL, levels, snapshot, update

Draw = Any
_PRICES = st.integers(-3, 6)
_SIZES = st.integers(1, 9)


class Market:
    """One side a dictionary: order id -> (price, quantity). Says its updates as a venue of each kind would."""

    def __init__(self, keyed: str) -> None:
        self.keyed = keyed
        self.orders: dict[str, dict[int, tuple[int, int]]] = {"0": {}, "1": {}}
        self.count = 0

    def shown(self, side: str) -> list[tuple[int, int, int]]:
        """(price, quantity, orders), best first."""
        found: dict[int, list[int]] = {}
        for price, qty in self.orders[side].values():
            found.setdefault(price, []).append(qty)
        best_first = sorted(found, reverse=side == "0")
        return [(price, sum(found[price]), len(found[price])) for price in best_first]

    def step(self, draw: Draw) -> list[str]:
        """Do something to one order; return the entries that say so."""
        side = draw(st.sampled_from("01"))
        orders, before = self.orders[side], self.shown(side)
        what = draw(st.sampled_from("ncd")) if orders else "n"
        number = self.count if what == "n" else draw(st.sampled_from(sorted(orders)))
        if what == "d":
            del orders[number]
        else:
            price = draw(_PRICES) if what == "n" or draw(st.booleans()) else orders[number][0]
            orders[number] = (price, draw(_SIZES))
        self.count += what == "n"
        if self.keyed == "id":
            action = {"n": 0, "c": 1, "d": 2}[what]
            said = "" if what == "d" else f" 270={orders[number][0] / 100:.2f} 271={orders[number][1]}"
            return [f"279={action} 269={side}{said} 278=o{number}"]
        return _difference(side, before, self.shown(side), by_level=self.keyed == "level")

    def snapshot(self, rpt_seq: int) -> ff.Message:
        entries = []
        for side, orders in self.orders.items():
            if self.keyed == "id":
                entries += [f"269={side} 278=o{n} 270={p / 100:.2f} 271={q}" for n, (p, q) in orders.items()]
            else:
                for place, (price, qty, count) in enumerate(self.shown(side), 1):
                    where = f" 1023={place}" if self.keyed == "level" else ""
                    entries.append(f"269={side} 270={price / 100:.2f} 271={qty} 346={count}{where}")
        return snapshot(*entries, extra=f"83={rpt_seq}")

    def as_texts(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids, offers = (
            [(f"{(Decimal(price) / 100).normalize():f}", str(qty)) for price, qty, _ in self.shown(side)]
            for side in "01"
        )
        return bids, offers


def _difference(side: str, before: list[Any], after: list[Any], *, by_level: bool) -> list[str]:
    """Say how one side became another: deletes first, then news and changes, the best first."""
    old, new = {level[0]: level for level in before}, {level[0]: level for level in after}
    entries, prices = [], [level[0] for level in before]
    for price in [price for price in prices if price not in new]:
        where = f" 1023={prices.index(price) + 1}" if by_level else f" 270={price / 100:.2f}"
        entries.append(f"279=2 269={side}{where}")
        prices.remove(price)
    for place, (price, qty, count) in enumerate(after, 1):
        if old.get(price) != new[price]:
            action = 1 if price in old else 0
            where = f" 1023={place}" if by_level else ""
            entries.append(f"279={action} 269={side} 270={price / 100:.2f} 271={qty} 346={count}{where}")
    return entries


@pytest.mark.parametrize("keyed", ["price", "level", "id"])
@given(data=st.data())
def test_M15_snapshot_and_updates_are_the_later_snapshot(keyed: str, data: st.DataObject) -> None:
    market = Market(keyed)
    for _ in range(data.draw(st.integers(0, 5))):
        market.step(data.draw)
    book = ff.Book(SYMBOL, ff.BookConfig(keyed=keyed))  # type: ignore[arg-type]
    number = 0
    book.apply(market.snapshot(number))
    for _ in range(data.draw(st.integers(1, 8))):
        entries: list[str] = []
        for _ in range(data.draw(st.integers(1, 3))):
            entries += market.step(data.draw)
        if not entries:
            continue
        number += 1
        before = book.view
        message = update(*(f"{entry} 83={number}" for entry in entries))
        fate = data.draw(st.sampled_from(["comes", "comes", "comes", "comes twice", "is lost"]))
        if fate == "is lost":
            continue
        book.apply(message)
        if fate == "comes twice":
            assert book.apply(message) is None or book.status is not ff.BookStatus.LIVE
        if book.status is ff.BookStatus.LIVE:
            assert levels(book) == market.as_texts()
            later = ff.Book(SYMBOL, ff.BookConfig(keyed=keyed))  # type: ignore[arg-type]
            later.apply(market.snapshot(number))
            assert levels(later) == levels(book)
            assert later.bids() == book.bids()
            assert before.status is ff.BookStatus.STALE or before is not book.view
        else:
            assert levels(book) == ([], [])
    book.apply(market.snapshot(number))
    assert levels(book) == market.as_texts()
    assert {anomaly.kind for anomaly in book.anomalies} <= {"gap", "crossed"}


@pytest.mark.parametrize("keyed", ["price", "level", "id"])
@given(data=st.data())
def test_the_short_way_for_one_entry_does_what_the_long_one_does(keyed: str, data: st.DataObject) -> None:
    """Book._one() is a short cut: given the same rows one by one or behind an entry that says nothing, books agree."""
    market = Market(keyed)
    for _ in range(data.draw(st.integers(0, 8))):
        market.step(data.draw)
    config = ff.BookConfig(keyed=keyed, depth=data.draw(st.sampled_from([0, 3])))  # type: ignore[arg-type]
    short, long = ff.Book(SYMBOL, config), ff.Book(SYMBOL, config)
    for book in (short, long):
        book.apply(market.snapshot(0))
    for number in range(1, data.draw(st.integers(1, 6)) + 1):
        side, action = data.draw(st.sampled_from("01")), data.draw(st.sampled_from("0123459"))
        price, qty = data.draw(_PRICES), data.draw(st.integers(0, 3))
        entry = f"279={action} 269={side} 271={qty}"
        if data.draw(st.integers(0, 5)):
            entry += f" 270={price / 100:.2f}"
        if keyed == "level":
            entry += f" {data.draw(st.sampled_from(['1023', '290']))}={data.draw(st.integers(0, 5))}"
        elif keyed == "id":
            entry += f" 278=o{data.draw(st.integers(0, 5))}"
            entry += data.draw(st.sampled_from(["", "", "", " 280=o1", " 346=0", " 346=2", " 346=-1"]))
        one = short.apply(update(f"{entry} 83={number}"))
        two = long.apply(update(f"{entry} 83={number}", f"279=0 269=B 271=1 83={number}"))
        assert (one is None) == (two is None)
        assert (short.status, short.bids(), short.offers()) == (long.status, long.bids(), long.offers())
        assert short.rpt_seq == long.rpt_seq
        assert [anomaly.kind for anomaly in short.anomalies] == [anomaly.kind for anomaly in long.anomalies]
        if one is not None and two is not None:
            assert (one.status, one.before, len(one.anomalies)) == (two.status, two.before, len(two.anomalies))


def test_M4_a_reader_on_another_thread_never_sees_half_a_message() -> None:
    book = ff.Book(SYMBOL)
    prices = [*(f"269=0 270={n}" for n in range(1, 20)), *(f"269=1 270={n}" for n in range(30, 50))]
    book.apply(snapshot(*(f"{price} 271=1" for price in prices)))
    first, second = (update(*(f"279=1 {price} 271={qty}" for price in prices)) for qty in (2, 1))
    torn: list[set[Decimal]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            view = book.view
            sizes = {level.qty for level in (*view.bids(), *view.offers())}
            if len(sizes) != 1:
                torn.append(sizes)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(200):
        book.apply(first)
        book.apply(second)
    stop.set()
    for reader in readers:
        reader.join()
    assert torn == []
