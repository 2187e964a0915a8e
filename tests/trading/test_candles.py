"""Candles: what a trade does is decided by its own time, whenever it comes."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.trading.candles import interval_ns
from tests.trading.market import SYMBOL, snapshot, update

D = Decimal
S = 1_000_000_000


def add(candles: ff.Candles, second: float, price: Any, qty: Any = 1, trade_id: str | None = None) -> list[ff.Candle]:
    return candles.add(D(price), D(qty), round(second * S), trade_id)


def told(candle: ff.Candle | None) -> tuple[float, str, str, str, str, str, int]:
    """(start in seconds, open, high, low, close, volume, revision)."""
    assert candle is not None
    prices = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    return (candle.start_ns / S, *map(str, prices), candle.revision)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1ns", 1), ("250ms", 250_000_000), ("1s", S), ("5m", 300 * S), ("1h", 3600 * S), ("1d", 86400 * S)],
)
def test_intervals(text: str, ns: int) -> None:
    assert interval_ns(text) == interval_ns(ns) == ns


def test_a_candle_is_closed_by_the_first_trade_behind_it() -> None:
    candles = ff.Candles("10s")
    for second, price, qty in ((1, 5, 2), (3, 7, 1), (5, 4, 1), (9.999, 6, 4)):
        assert add(candles, second, price, qty) == []
    assert told(candles.current) == (0, "5", "7", "4", "6", "8", 0)
    assert candles.current is not None
    assert not candles.current.closed
    (closed,) = add(candles, 10, 9)
    assert told(closed) == (0, "5", "7", "4", "6", "8", 0)
    assert (closed.closed, closed.trades, closed.end_ns, closed.notional, closed.vwap) == (
        True,
        4,
        10 * S,
        45,
        D("5.625"),
    )
    assert [told(candle) for candle in candles] == [(0, "5", "7", "4", "6", "8", 0), (10, "9", "9", "9", "9", "1", 0)]


def test_time_alone_closes_a_candle_too() -> None:
    candles = ff.Candles("10s")
    assert candles.close_until(5 * S) == []
    add(candles, 1, 5)
    assert candles.close_until(9 * S) == []
    assert [told(candle) for candle in candles.close_until(10 * S)] == [(0, "5", "5", "5", "5", "1", 0)]
    assert candles.current is None
    assert candles.close_until(40 * S) == []


def test_intervals_begin_at_utc_or_at_an_offset() -> None:
    candles = ff.Candles("1h", offset_ns=1800 * S)
    add(candles, 3600, 1)
    assert told(candles.current)[0] == 1800
    before_the_epoch = ff.Candles("1h", offset_ns=-1800 * S)
    add(before_the_epoch, -1, 1)
    assert told(before_the_epoch.current)[0] == -1800


def test_gaps_are_skipped_or_carry_the_close() -> None:
    skipping, carrying = ff.Candles("10s"), ff.Candles("10s", gaps="carry")
    for candles in (skipping, carrying):
        add(candles, 5, 3, 2)
    assert [told(c)[0] for c in add(skipping, 35, 4)] == [0]
    assert [told(c) for c in add(carrying, 35, 4)] == [
        (0, "3", "3", "3", "3", "2", 0),
        (10, "3", "3", "3", "3", "0", 0),
        (20, "3", "3", "3", "3", "0", 0),
    ]
    assert carrying.history[1].vwap is None
    assert [told(c)[0] for c in carrying.close_until(60 * S)] == [30, 40, 50]


def test_a_gap_of_a_wrong_clock_does_not_fill_the_memory() -> None:
    candles = ff.Candles("1ns", gaps="carry", keep=5)
    candles.add(D(1), D(1), 0)
    assert len(candles.add(D(2), D(1), 10**15)) == 10_001
    assert len(candles.history) == 5


# --- late, busted, corrected ------------------------------------------------------------------------------------------


def test_a_late_trade_revises_its_candle_at_its_place_in_time() -> None:
    candles = ff.Candles("10s")
    for second, price in ((5, 3), (15, 4), (25, 5)):
        add(candles, second, price)
    assert [told(c) for c in add(candles, 3, 9)] == [(0, "9", "9", "3", "3", "2", 1)]
    assert [told(c) for c in add(candles, 9, 1)] == [(0, "9", "9", "1", "1", "3", 2)]
    assert [told(c) for c in add(candles, 12, 4)] == [(10, "4", "4", "4", "4", "2", 1)]
    assert [told(c)[-1] for c in candles.history] == [2, 1]


def test_a_late_trade_in_the_open_candle_is_no_revision() -> None:
    candles = ff.Candles("10s")
    add(candles, 5, 3)
    assert add(candles, 4, 2) == []
    assert told(candles.current) == (0, "2", "3", "2", "3", "2", 0)


def test_a_late_trade_in_a_gap_makes_a_candle() -> None:
    candles = ff.Candles("10s")
    add(candles, 5, 3)
    add(candles, 35, 4)
    assert [told(c) for c in add(candles, 15, 9)] == [(10, "9", "9", "9", "9", "1", 0)]
    assert [told(c)[0] for c in candles.history] == [0, 10]


def test_a_late_trade_revises_the_empty_candles_that_carry_its_price() -> None:
    candles = ff.Candles("10s", gaps="carry")
    add(candles, 5, 3)
    add(candles, 45, 4)
    assert [told(c) for c in add(candles, 15, 9)] == [
        (10, "9", "9", "9", "9", "1", 1),
        (20, "9", "9", "9", "9", "0", 1),
        (30, "9", "9", "9", "9", "0", 1),
    ]


def test_what_comes_too_late_is_counted_and_changes_nothing() -> None:
    candles = ff.Candles("10s", revisable=2)
    for second in (5, 15, 25, 35):
        add(candles, second, 3, 1, str(second))
    before = candles.history
    assert add(candles, 6, 9) == []
    assert candles.bust("5") == []
    assert candles.correct("5", D(1), D(1)) == []
    assert (candles.too_late, candles.history) == (3, before)
    assert add(candles, 16, 9) != []
    none_kept = ff.Candles("10s", revisable=0)
    add(none_kept, 5, 3, 1, "a")
    add(none_kept, 4, 2, 1, "b")
    assert told(none_kept.current)[1:5] == ("2", "3", "2", "3")
    assert none_kept.bust("a") == []
    add(none_kept, 15, 3)
    assert add(none_kept, 5, 3) == []
    assert none_kept.too_late == 2


def test_a_bust_takes_a_trade_out_and_revises() -> None:
    candles = ff.Candles("10s")
    add(candles, 1, 5, 1, "a")
    add(candles, 2, 9, 1, "b")
    assert candles.bust("b") == []
    assert told(candles.current) == (0, "5", "5", "5", "5", "1", 0)
    add(candles, 3, 8, 1, "c")
    add(candles, 11, 7, 1, "d")
    assert [told(c) for c in candles.bust("a")] == [(0, "8", "8", "8", "8", "1", 1)]
    (empty,) = candles.bust("c")
    assert (told(empty), empty.trades) == ((0, "8", "8", "8", "8", "0", 2), 0)
    candles.bust("d")
    assert candles.current is None


def test_a_correction_changes_price_and_quantity_and_revises() -> None:
    candles = ff.Candles("10s")
    add(candles, 1, 5, 1, "a")
    assert candles.correct("a", D(6), D(3)) == []
    assert told(candles.current) == (0, "6", "6", "6", "6", "3", 0)
    add(candles, 2, 9, 1, "b")
    add(candles, 11, 7)
    assert [told(c) for c in candles.correct("b", D(2), D(2))] == [(0, "6", "6", "2", "2", "5", 1)]
    assert [told(c) for c in candles.correct("b", D(2), D(1))] == [(0, "6", "6", "2", "2", "4", 2)]


def test_a_second_copy_changes_nothing() -> None:
    candles = ff.Candles("10s")
    add(candles, 1, 5, 1, "a")
    assert add(candles, 1, 5, 1, "a") == []
    assert told(candles.current)[5] == "1"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 20), st.integers(1, 9)), min_size=1, max_size=20),
    st.randoms(use_true_random=False),
    st.sampled_from(["skip", "carry"]),
    st.data(),
)
def test_any_order_of_arrival_gives_the_same_candles(
    drawn: list[tuple[int, int, int]], rng: random.Random, gaps: Any, data: st.DataObject
) -> None:
    trades = [(second * S + n, D(price).scaleb(-2), D(qty), str(n)) for n, (second, price, qty) in enumerate(drawn)]
    busted = data.draw(st.sets(st.sampled_from(range(len(trades)))))
    kept = sorted(one for n, one in enumerate(trades) if n not in busted)
    shuffled = trades.copy()
    rng.shuffle(shuffled)
    candles = ff.Candles("10s", gaps=gaps, revisable=10)
    out: dict[int, ff.Candle] = {}
    for time_ns, price, qty, trade_id in shuffled:
        with localcontext() as context:
            context.prec = 2
            out.update({c.start_ns: c for c in candles.add(price, qty, time_ns, trade_id)})
    for n in busted:
        out.update({c.start_ns: c for c in candles.bust(str(n))})
    out.update({c.start_ns: c for c in candles.close_until(70 * S)})
    assert out == {c.start_ns: c for c in candles.history}
    for start in range(0, 70 * S, 10 * S):
        own = [one for one in kept if start <= one[0] < start + 10 * S]
        candle = out.get(start)
        if not own:
            assert candle is None or (candle.volume, candle.trades) == (0, 0)
            continue
        assert candle is not None
        prices = [price for _, price, _, _ in own]
        assert (candle.open, candle.high, candle.low, candle.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert candle.volume == sum(qty for _, _, qty, _ in own)
        assert candle.notional == sum(qty * price for _, price, qty, _ in own)


# --- feeding ----------------------------------------------------------------------------------------------------------


def test_candles_of_a_book_follow_its_trades_corrections_and_busts() -> None:
    book = ff.Book(SYMBOL, ff.BookConfig(start_empty=True))
    candles = ff.Candles("1m")
    found: list[ff.Candle] = []

    def feed(*entries: str) -> None:
        change = book.apply(update(*entries))
        assert change is not None
        found.extend(candles.on_book(change))

    feed("279=0 269=2 270=10 271=1 278=a 273=10:00:01", "279=0 269=2 270=12 271=2 278=b 273=10:00:02")
    feed("279=1 269=2 270=11 271=2 278=b")
    feed("279=0 269=2 270=13 271=2 273=10:01:02")
    feed("279=2 269=2 278=a", "279=0 269=0 270=1 271=1")
    assert [(str(c.open), str(c.close), str(c.volume), c.revision) for c in found] == [
        ("10", "11", "3", 0),
        ("11", "11", "2", 1),
    ]
    assert book.apply(snapshot("269=2 270=99 271=1")) is not None
    assert book.tape[-1].action == "2"  # a snapshot's trade is no news


def test_candles_of_our_own_trades() -> None:
    candles = ff.Candles("10s")
    trade = ff.Trade("e1", "o", "c", "A", SYMBOL, "1", D(5), D("1.5"), 3 * S)
    candles.apply(trade)
    candles.apply(trade)
    candles.apply(ff.Trade("e2", "o", "c", "A", SYMBOL, "1", D(1), D(2)), 5 * S)
    assert told(candles.current) == (0, "1.5", "2", "1.5", "2", "6", 0)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("interval", lambda: ff.Candles("1 minute")),
        ("interval", lambda: ff.Candles(0)),
        ("interval", lambda: ff.Candles(1.5)),  # type: ignore[arg-type]
        ("interval", lambda: ff.Candles(True)),
        ("offset_ns", lambda: ff.Candles("1s", offset_ns=0.5)),  # type: ignore[arg-type]
        ("gaps", lambda: ff.Candles("1s", gaps="fill")),  # type: ignore[arg-type]
        ("revisable", lambda: ff.Candles("1s", revisable=-1)),
        ("keep", lambda: ff.Candles("1s", keep=0)),
        ("price", lambda: ff.Candles("1s").add(1.5, D(1), 0)),  # type: ignore[arg-type]
        ("qty", lambda: ff.Candles("1s").add(D(1), 1.5, 0)),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, make: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        make()
    assert caught.value.name == name
