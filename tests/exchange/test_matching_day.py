"""The day around continuous trading: auctions, halts, the close, price bands, busts, and replaces of what is filled."""

from __future__ import annotations

from fixfast.exchange.matching.outcome import (
    Busted,
    Cancelled,
    CancelReason,
    Expired,
    HaltReason,
    Phase,
    PhaseChanged,
    Refusal,
    Refused,
    Replaced,
    Restated,
    RestateReason,
)
from tests.exchange.books import Desk, kinds

OPENING, CONTINUOUS, CLOSING = Phase.OPENING_AUCTION, Phase.CONTINUOUS, Phase.CLOSING_AUCTION


# --- auctions ---------------------------------------------------------------------------------------------


def test_orders_gather_before_the_opening_and_trade_at_one_price() -> None:
    desk = Desk(phase=Phase.PRE_OPEN)
    desk.buy(100, 103)
    desk.buy(50, 101)
    desk.sell(80, 100)
    desk.sell(60, 102)
    assert desk.book.depth(1) == ([(103, 100, 1)], [(100, 80, 1)])
    desk.phase(OPENING)
    indicative = desk.book.indicative()
    assert indicative is not None
    assert indicative == (102, 100, -40)
    desk.phase(CONTINUOUS)
    assert [(qty, px) for _, qty, px in desk.fills] == [(80, 102), (20, 102)]
    assert desk.events[-1] == PhaseChanged(OPENING, CONTINUOUS, HaltReason.COMMAND, 102, 100)
    assert desk.book.depth(2) == ([(101, 50, 1)], [(102, 40, 1)])


def test_of_prices_with_the_same_volume_and_imbalance_the_nearest_to_the_reference_is_taken() -> None:
    for reference, expected in ((90, 95), (100, 100), (120, 105), (None, 95)):
        desk = Desk(phase=OPENING, reference=reference)
        desk.buy(10, 105)
        desk.sell(10, 95)
        indicative = desk.book.indicative()
        assert indicative is not None
        assert indicative.px == expected


def test_the_least_imbalance_may_lie_between_the_limits() -> None:
    desk = Desk(phase=OPENING, reference=110)
    desk.buy(10, 110)
    desk.buy(5, 100)
    desk.sell(10, 90)
    desk.sell(5, 110)
    assert desk.book.indicative() == (109, 10, 0)


def test_market_orders_trade_first_in_an_auction_and_do_not_stay() -> None:
    desk = Desk(phase=OPENING, reference=100)
    desk.buy(10, 105)
    market = desk.buy(20)
    desk.sell(15, 100)
    desk.phase(CONTINUOUS)
    assert market.cum == 15
    assert Cancelled(market, CancelReason.NO_LIQUIDITY, 5, 15) in desk.events


def test_with_market_orders_alone_an_auction_trades_at_the_reference() -> None:
    desk = Desk(phase=OPENING, reference=100)
    desk.buy(10)
    desk.sell(10)
    assert desk.book.indicative() == (100, 10, 0)
    desk = Desk(phase=OPENING)
    desk.buy(10)
    desk.sell(10)
    assert desk.book.indicative() is None


def test_orders_at_the_open_are_for_the_opening_alone() -> None:
    desk = Desk(phase=OPENING)
    order = desk.buy(10, 100, tif="2")
    desk.phase(CONTINUOUS)
    assert desk.events[0] == Expired(order, 10, 0)
    late = desk.buy(10, 100, tif="2")
    assert desk.events == [Refused(late.order_id, Refusal.TOO_LATE, late)]


def test_orders_at_the_close_wait_for_the_closing_auction_and_expire_with_it() -> None:
    desk = Desk()
    close = desk.sell(10, 99, tif="7")
    desk.buy(4, 100, tif="1")
    assert desk.fills == []
    assert desk.book.depth(1) == ([(100, 4, 1)], [])
    desk.phase(CLOSING)
    assert desk.book.depth(1) == ([(100, 4, 1)], [(99, 10, 1)])
    desk.phase(Phase.CLOSED)
    assert [(qty, px) for _, qty, px in desk.fills] == [(4, 99)]
    assert Expired(close, 6, 4) in desk.events


def test_an_at_the_close_order_that_is_in_the_book_stays_there_when_it_is_replaced() -> None:
    desk = Desk(phase=CLOSING)
    order = desk.sell(10, 101, tif="7")
    desk.phase(OPENING)
    desk.replace(order, qty=20)
    assert desk.book.depth(1)[1] == [(101, 20, 1)]


def test_immediate_orders_are_refused_while_orders_gather() -> None:
    desk = Desk(phase=OPENING)
    for options in ({"tif": "3"}, {"tif": "4"}, {"min_qty": 5}):
        order = desk.buy(10, 100, **options)
        assert desk.events == [Refused(order.order_id, Refusal.NOT_CONTINUOUS, order)]


# --- halts and the close ----------------------------------------------------------------------------------


def test_in_a_halt_only_cancels_are_taken() -> None:
    desk = Desk()
    order = desk.buy(10, 100)
    desk.phase(Phase.HALTED)
    new = desk.sell(10, 100)
    assert desk.events == [Refused(new.order_id, Refusal.HALTED, new)]
    desk.replace(order, qty=5)
    assert desk.events == [Refused(order.order_id, Refusal.HALTED, order)]
    desk.cancel(order)
    assert kinds(desk.events) == ["Cancelled"]


def test_the_close_expires_day_orders_and_keeps_good_till_orders() -> None:
    desk = Desk()
    day, good, stop = desk.buy(10, 100), desk.buy(10, 99, tif="1"), desk.buy(10, stop_px=200)
    desk.phase(Phase.CLOSED)
    assert desk.events[1:] == [Expired(day, 10, 0), Expired(stop, 10, 0)]
    assert desk.book.open_orders() == [good]
    desk.phase(CONTINUOUS)
    desk.sell(10, 99)
    assert good.cum == 10


def test_the_same_phase_again_changes_nothing() -> None:
    desk = Desk()
    desk.phase(CONTINUOUS)
    assert desk.events == []


# --- price bands ------------------------------------------------------------------------------------------


def test_a_band_refuses_limits_outside_and_cuts_what_would_trade_outside() -> None:
    desk = Desk(reference=100, band=5, phase=OPENING)
    outside = desk.sell(10, 106)
    assert desk.events == [Refused(outside.order_id, Refusal.PRICE_BAND, outside)]
    desk.buy(1, 96)
    desk.sell(1, 96)
    desk.sell(10, 105)
    desk.phase(CONTINUOUS)  # the reference is 96 from here on
    order = desk.buy(5)
    assert desk.events[1:] == [Cancelled(order, CancelReason.PRICE_BAND, 5, 0)]


def test_a_band_may_halt_the_market_instead_and_a_resume_uncrosses() -> None:
    desk = Desk(reference=100, band=5, band_action="halt")
    desk.sell(10, 104)
    desk.sell(10, 110)
    order = desk.buy(15, 110)
    assert desk.fills == [(1, 10, 104)]
    assert desk.events[-1] == PhaseChanged(CONTINUOUS, Phase.HALTED, HaltReason.PRICE_BAND)
    assert desk.book.depth(1) == ([(110, 5, 1)], [(110, 10, 1)])
    desk.phase(CONTINUOUS)
    assert desk.events[-1] == PhaseChanged(Phase.HALTED, CONTINUOUS, HaltReason.COMMAND, 110, 5)
    assert order.leaves == 0
    assert desk.book.reference == 110


# --- busts ------------------------------------------------------------------------------------------------


def test_a_bust_is_told_to_both_sides_and_gives_the_book_nothing_back() -> None:
    desk = Desk()
    maker = desk.sell(10, 101)
    taker = desk.buy(4, 101)
    before = desk.book.depth(5)
    desk.events = desk.book.bust(1, 0)
    assert desk.events == [
        Busted(taker, 1, 4, 101, 0, 0),
        Busted(maker, 1, 4, 101, 0, 6),
        Restated(maker, RestateReason.BUST, 6, 0, 6),
    ]
    assert desk.book.depth(5) == before
    assert desk.book.bust(1, 0) == [Refused(1, Refusal.UNKNOWN_TRADE)]


def test_only_the_last_trades_of_the_day_can_be_busted() -> None:
    desk = Desk(trades_kept=2)
    desk.sell(10, 101, tif="1")
    for _ in range(3):
        desk.buy(1, 101)
    assert kinds(desk.book.bust(1, 0)) == ["Refused"]
    assert kinds(desk.book.bust(2, 0)) == ["Busted", "Busted", "Restated"]
    desk.phase(Phase.CLOSED)
    assert kinds(desk.book.bust(3, 0)) == ["Busted", "Busted", "Restated"]
    desk.phase(OPENING)
    assert kinds(desk.book.bust(3, 0)) == ["Refused"]


# --- replace ----------------------------------------------------------------------------------------------


def test_a_replace_to_what_is_filled_or_less_means_filled() -> None:
    """Invariant E4.9."""
    for qty in (4, 3):
        desk = Desk()
        order = desk.sell(10, 101)
        desk.buy(4, 101)
        desk.replace(order, qty=qty)
        assert desk.events == [Replaced(order, 4, 101, None, None, 4, 0, False)]
        assert desk.book.open_orders() == []


def test_a_replace_below_what_is_filled_is_refused_where_the_instrument_says_so() -> None:
    desk = Desk(fill_on_replace_below=False)
    order = desk.sell(10, 101)
    desk.buy(4, 101)
    desk.replace(order, qty=4)
    assert desk.events == [Refused(order.order_id, Refusal.BELOW_FILLED, order)]
    assert (order.qty, order.leaves) == (10, 6)


def test_a_replace_to_a_crossing_price_trades() -> None:
    desk = Desk()
    desk.sell(10, 101)
    order = desk.buy(15, 100)
    desk.replace(order, price=101)
    assert kinds(desk.events) == ["Replaced"]
    assert desk.fills == [(1, 10, 101)]
    assert desk.book.depth(1) == ([(101, 5, 1)], [])


def test_a_replace_of_an_order_that_is_gone_is_refused() -> None:
    desk = Desk()
    order = desk.sell(10, 101)
    desk.buy(10, 101)
    desk.replace(order, qty=20)
    assert desk.events == [Refused(order.order_id, Refusal.UNKNOWN_ORDER)]
