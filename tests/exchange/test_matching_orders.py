"""Kinds of orders, a rule each: icebergs, stops, post only, minimum quantity, good till date, self-trade prevention."""

from __future__ import annotations

import pytest

from fixfast.exchange.matching.outcome import (
    Cancelled,
    CancelReason,
    Event,
    Expired,
    Filled,
    Phase,
    Refusal,
    Refused,
    Restated,
    Triggered,
)
from tests.exchange.books import Desk, kinds


def refusal(events: list[Event]) -> Refusal:
    """The reason of a command that was refused, which says nothing else."""
    (event,) = events
    assert isinstance(event, Refused)
    return event.reason


# --- icebergs ---------------------------------------------------------------------------------------------


def test_an_iceberg_shows_its_display_quantity_and_goes_behind_when_it_is_used_up() -> None:
    desk = Desk()
    iceberg = desk.sell(25, 101, display=10)
    desk.sell(10, 101)
    assert desk.book.depth(1)[1] == [(101, 20, 2)]
    desk.buy(12, 101)
    assert desk.fills == [(1, 10, 101), (2, 2, 101)]
    assert (iceberg.shown, iceberg.leaves) == (10, 15)
    desk.buy(20, 101)
    assert desk.fills == [(2, 8, 101), (1, 10, 101), (1, 2, 101)]
    assert (iceberg.shown, iceberg.leaves) == (3, 3)


def test_an_iceberg_trades_with_all_of_its_quantity_when_it_comes_in() -> None:
    desk = Desk()
    desk.sell(20, 101)
    desk.buy(25, 101, display=2)
    assert desk.fills == [(1, 20, 101)]
    assert desk.book.depth(1) == ([(101, 2, 1)], [])


def test_less_quantity_of_an_iceberg_comes_off_what_is_hidden() -> None:
    desk = Desk()
    iceberg = desk.sell(25, 101, display=10)
    desk.sell(10, 101)
    desk.replace(iceberg, qty=12)
    assert desk.book.depth(1)[1] == [(101, 20, 2)]
    desk.replace(iceberg, qty=4)
    assert desk.book.depth(1)[1] == [(101, 14, 2)]
    desk.buy(1, 101)
    assert desk.fills == [(1, 1, 101)]


# --- stops ------------------------------------------------------------------------------------------------


def test_a_stop_order_goes_off_when_a_trade_reaches_its_price_and_not_before() -> None:
    desk = Desk()
    stop = desk.buy(5, stop_px=102)
    assert desk.book.depth(1) == ([], [])
    desk.sell(10, 101)
    desk.sell(10, 102)
    desk.buy(10, 101)
    assert kinds(desk.events) == ["Accepted"]
    desk.buy(1, 102)
    assert [type(e).__name__ for e in desk.events[4:]] == ["Triggered", "Filled", "Filled", "TradePrinted"]
    assert (stop.cum, stop.leaves) == (5, 0)


def test_a_stop_order_whose_price_is_reached_already_goes_off_at_once() -> None:
    desk = Desk()
    desk.sell(10, 101)
    desk.buy(1, 101)
    stop = desk.sell(5, stop_px=101)
    assert desk.events[1:] == [Triggered(stop), Cancelled(stop, CancelReason.NO_LIQUIDITY, 5, 0)]


def test_stops_go_off_oldest_first_and_those_their_trades_reach_go_behind() -> None:
    desk = Desk()
    for price in (101, 102, 103, 104):
        desk.sell(10, price)
    third = desk.buy(10, stop_px=102)  # reached by the trade of `second`
    first = desk.buy(10, stop_px=101)
    second = desk.buy(1, stop_px=100)
    desk.buy(10, 101)
    assert [e.order for e in desk.events if isinstance(e, Triggered)] == [first, second, third]


def test_a_stop_limit_that_went_off_rests_at_its_limit() -> None:
    desk = Desk()
    desk.sell(1, 101)
    order = desk.buy(10, 102, stop_px=101)
    desk.sell(3, 102)
    desk.buy(1, 101)
    assert (order.cum, order.leaves) == (3, 7)
    assert desk.book.depth(1)[0] == [(102, 7, 1)]
    desk.replace(order, qty=5)
    assert desk.book.depth(1)[0] == [(102, 2, 1)]


def test_a_stop_waits_for_continuous_trading() -> None:
    desk = Desk(phase=Phase.OPENING_AUCTION)
    stop = desk.buy(5, stop_px=100)
    desk.buy(10, 101)
    desk.sell(20, 101)
    assert kinds(desk.events) == ["Accepted"]
    desk.phase(Phase.CONTINUOUS)
    assert kinds(desk.events) == ["PhaseChanged", "Triggered"]
    assert stop.cum == 5


# --- post only, minimum quantity, time --------------------------------------------------------------------


def test_a_post_only_order_that_would_trade_is_refused() -> None:
    desk = Desk()
    desk.sell(10, 101)
    desk.buy(5, 101, post_only=True)
    assert refusal(desk.events) is Refusal.WOULD_TAKE
    order = desk.buy(5, 100, post_only=True)
    desk.replace(order, price=101)
    assert refusal(desk.events) is Refusal.WOULD_TAKE
    assert desk.book.depth(1) == ([(100, 5, 1)], [(101, 10, 1)])


def test_a_minimum_quantity_is_filled_at_once_or_the_order_is_cancelled() -> None:
    desk = Desk()
    desk.sell(10, 101)
    order = desk.buy(30, 101, min_qty=11)
    assert desk.events[1:] == [Cancelled(order, CancelReason.MIN_QTY, 30, 0)]
    order = desk.buy(30, 101, min_qty=10)
    assert (order.cum, order.leaves) == (10, 20)


def test_a_good_till_date_order_expires_before_anything_else_is_done_at_its_time() -> None:
    desk = Desk()
    order = desk.sell(10, 101, tif="6", expire_ns=100)
    assert desk.book.next_expiry() == 100
    desk.now = 99
    desk.buy(1, 101)
    assert order.cum == 1
    desk.now = 100
    desk.buy(1, 101)
    assert desk.events[0] == Expired(order, 9, 1)
    assert desk.fills == []


def test_expire_times_of_orders_that_are_gone_do_not_pile_up() -> None:
    desk = Desk()
    keep = desk.sell(10, 101, tif="6", expire_ns=10**9)
    for _ in range(500):
        desk.cancel(desk.buy(10, 100, tif="6", expire_ns=10**15))
    assert len(desk.book.snapshot()["expiries"]) < 100
    desk.now = 10**9
    desk.events = desk.book.expire(desk.now)
    assert desk.events == [Expired(keep, 10, 0)]


# --- self-trade prevention --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stp", "own_left", "new_left", "other_filled"),
    [
        ("none", 0, 0, 5),
        ("cancel newest", 10, 0, 0),
        ("cancel oldest", 0, 0, 15),
        ("cancel both", 0, 0, 0),
        ("decrement", 0, 0, 5),
    ],
)
def test_self_trade_prevention(stp: str, own_left: int, new_left: int, other_filled: int) -> None:
    desk = Desk(stp)
    own = desk.sell(10, 101, owner="me")
    other = desk.sell(20, 101)
    new = desk.buy(15, 101, owner="me")
    assert (own.leaves, new.leaves, other.cum) == (own_left, new_left, other_filled)
    traded = {frozenset((e.order, e.contra)) for e in desk.events if isinstance(e, Filled)}
    assert (frozenset((own, new)) in traded) == (stp == "none")


def test_decrement_restates_the_larger_and_cancels_the_smaller() -> None:
    desk = Desk("decrement")
    own = desk.sell(10, 101, owner="me")
    new = desk.buy(4, 101, owner="me")
    said = {type(e): e for e in desk.events[1:]}
    assert said[Cancelled] == Cancelled(new, CancelReason.SELF_TRADE, 4, 0)
    assert isinstance(said[Restated], Restated)
    assert (own.qty, own.leaves) == (6, 6)


# --- what a person gets wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"side": 0}, Refusal.BAD_SIDE),
        ({"ord_type": "P"}, Refusal.BAD_TYPE),
        ({"tif": "5"}, Refusal.BAD_TIF),
        ({"qty": 0}, Refusal.BAD_QTY),
        ({"qty": -10}, Refusal.BAD_QTY),
        ({"qty": 5}, Refusal.OFF_LOT),
        ({"qty": 5010}, Refusal.TOO_LARGE),
        ({"price": 101}, Refusal.OFF_TICK),
        ({"price": 0}, Refusal.BAD_PRICE),
        ({"price": -5}, Refusal.BAD_PRICE),
        ({"price": 10**30}, Refusal.BAD_PRICE),
        ({"price": None, "ord_type": "2"}, Refusal.BAD_PRICE),
        ({"ord_type": "1"}, Refusal.BAD_PRICE),
        ({"stop_px": 100, "ord_type": "2"}, Refusal.BAD_STOP),
        ({"stop_px": 101}, Refusal.OFF_TICK),
        ({"display": 20}, Refusal.BAD_DISPLAY),
        ({"display": 10, "qty": 50}, Refusal.BAD_DISPLAY),
        ({"display": 10, "tif": "3"}, Refusal.BAD_DISPLAY),
        ({"min_qty": 20}, Refusal.BAD_MIN_QTY),
        ({"post_only": True, "tif": "3"}, Refusal.BAD_POST_ONLY),
        ({"tif": "6"}, Refusal.BAD_EXPIRE),
        ({"expire_ns": 50}, Refusal.BAD_EXPIRE),
        ({"tif": "6", "expire_ns": 0}, Refusal.EXPIRED),
        ({"tif": "2"}, Refusal.TOO_LATE),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(order: dict[str, object], reason: Refusal) -> None:
    desk = Desk(tick=5, lot=10, max_qty=5000, max_slices=4)
    before = desk.book.snapshot()
    given: dict[str, object] = {"side": 1, "qty": 10, "price": 100} | order
    desk.order(**given)  # type: ignore[arg-type]
    assert refusal(desk.events) is reason
    assert desk.book.snapshot() == before


def test_an_order_id_that_is_in_use_is_refused() -> None:
    desk = Desk()
    desk.buy(10, 100)
    desk.buy(10, 101, order_id=1)
    assert refusal(desk.events) is Refusal.DUPLICATE_ID
