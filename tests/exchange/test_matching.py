"""The rules of continuous trading, one by one. (The model tries them all together: test_model.py.)"""

from __future__ import annotations

import pytest

from fixfast.errors import ConfigError
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.matching.outcome import Accepted, Cancelled, CancelReason, Filled, Refusal, Refused, TradePrinted
from tests.exchange.books import Desk


def test_the_better_price_trades_first_then_the_earlier_order() -> None:
    desk = Desk()
    desk.sell(10, 102)
    desk.sell(10, 101)
    desk.sell(10, 101)
    desk.buy(25, 102)
    assert desk.fills == [(2, 10, 101), (3, 10, 101), (1, 5, 102)]
    assert desk.book.depth(5) == ([], [(102, 5, 1)])


def test_a_trade_is_told_to_the_taker_the_maker_and_the_public() -> None:
    desk = Desk()
    maker = desk.sell(10, 101)
    taker = desk.buy(4, 105)
    assert desk.events == [
        Accepted(taker, 4),
        Filled(taker, 1, 4, 101, maker, True, 4, 0),
        Filled(maker, 1, 4, 101, taker, False, 4, 6),
        TradePrinted(1, 101, 4, 1),
    ]


def test_a_market_order_takes_what_there_is_and_does_not_rest() -> None:
    desk = Desk()
    desk.sell(10, 101)
    order = desk.buy(15)
    assert desk.fills == [(1, 10, 101)]
    assert desk.events[-1] == Cancelled(order, CancelReason.NO_LIQUIDITY, 5, 10)
    assert desk.book.depth(5) == ([], [])


def test_immediate_or_cancel_does_not_rest() -> None:
    desk = Desk()
    desk.sell(10, 101)
    order = desk.buy(15, 101, tif="3")
    assert desk.fills == [(1, 10, 101)]
    assert desk.events[-1] == Cancelled(order, CancelReason.IMMEDIATE, 5, 10)


def test_fill_or_kill_trades_all_or_nothing_hidden_quantity_included() -> None:
    desk = Desk()
    desk.sell(10, 101, display=2)
    desk.sell(10, 102)
    order = desk.buy(20, 101, tif="4")
    assert desk.events[1:] == [Cancelled(order, CancelReason.FILL_OR_KILL, 20, 0)]
    desk.buy(15, 102, tif="4")
    assert [qty for _, qty, _ in desk.fills] == [2, 2, 2, 2, 2, 5]


def test_cancel_takes_the_order_out_once() -> None:
    desk = Desk()
    order = desk.buy(10, 99)
    desk.cancel(order)
    assert desk.events == [Cancelled(order, CancelReason.REQUESTED, 10, 0)]
    desk.cancel(order)
    assert desk.events == [Refused(1, Refusal.UNKNOWN_ORDER)]


def test_replace_keeps_priority_only_at_the_same_price_with_no_more_quantity() -> None:
    desk = Desk()
    first, second = desk.buy(10, 99), desk.buy(10, 99)
    desk.replace(first, qty=5)
    desk.sell(1, 99)
    assert desk.fills == [(1, 1, 99)]
    desk.replace(first, qty=6)
    desk.sell(1, 99)
    assert desk.fills == [(second.order_id, 1, 99)]


def test_changes_are_told_once_with_what_the_level_is_now() -> None:
    desk = Desk()
    desk.buy(10, 99)
    order = desk.buy(10, 99)
    assert desk.book.take_changes() == [(1, 99, 20, 2)]
    assert desk.book.take_changes() == []
    desk.cancel(order)
    desk.sell(10, 98)
    assert desk.book.take_changes() == [(1, 99, 0, 0)]


def test_an_unknown_mode_of_self_trade_prevention_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="stp='maybe' is not allowed: 'none' or 'cancel newest'"):
        Matching(Instrument("ACME"), "maybe")
