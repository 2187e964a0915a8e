"""Money is exact: numbers of 40 digits go through all that reckons, in a program whose own context would spoil them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Rounded, localcontext
from fractions import Fraction
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.config import InstrumentConfig
from fixfast.exchange.venue.listing import Listing
from fixfast.exchange.venue.reports import Execution
from fixfast.session.events import Disconnected, LoggedOn
from fixfast.session.state import CloseReason
from fixfast.trading.exact import EXACT
from tests.trading.market import snapshot
from tests.trading.venue import NOW

#: forty digits each, none of them superfluous
QTY = Decimal("12345678901234567890123456789012345678.91")
PART = Decimal("2345678901234567890123456789012345678.93")
REST = Decimal("9999999999999999999999999999999999999.98")
PX = Decimal("1.084999999999999999999999999999999999999")
LOWER = Decimal("1.074999999999999999999999999999999999991")


@pytest.fixture(autouse=True)
def _a_program_with_its_own_idea_of_numbers() -> Iterator[None]:
    """Two digits, and whatever is rounded raises."""
    with localcontext(Context(prec=2, traps=[Inexact, Rounded, InvalidOperation, DivisionByZero])):
        yield


def times(*pairs: tuple[Decimal, Decimal]) -> Fraction:
    return sum((Fraction(qty) * Fraction(px) for qty, px in pairs), Fraction(0))


def report(exec_id: str, exec_type: str, status: str, *fields: Any, cl_ord_id: str = "A") -> ff.Message:
    head = [(34, 1), (52, NOW.wall_ns), (37, "V1"), (11, cl_ord_id), (17, exec_id), (150, exec_type), (39, status)]
    return ff.parse(ff.encode("FIX.4.4", "8", [*head, (55, "X"), (54, "1"), *fields]))


def test_sums_of_an_order_are_exact_through_fills_busts_corrections_and_replaces() -> None:
    log = ff.MemoryOrderLog()
    manager = ff.OrderManager(lambda msg_type, fields: 1, log=log)
    order = manager.submit(ff.OrderRequest("X", "1", QTY, PX), NOW, cl_ord_id="A")
    manager.on_message(report("E0", "0", "0", (151, QTY), (14, 0)), NOW)
    manager.on_message(report("E1", "F", "1", (32, PART), (31, PX), (151, REST), (14, PART), (6, "1.08")), NOW)
    assert (order.cum_qty, order.leaves_qty, order.worst_qty) == (PART, REST, REST)
    manager.on_message(report("E2", "F", "2", (32, REST), (31, LOWER), (151, 0), (14, QTY), (6, order.avg_px)), NOW)
    assert (order.cum_qty, Fraction(order.notional)) == (QTY, times((PART, PX), (REST, LOWER)))
    manager.on_message(report("E3", "G", "2", (19, "E1"), (32, PART), (31, LOWER), (151, 0), (14, QTY)), NOW)
    assert Fraction(order.notional) == Fraction(QTY) * Fraction(LOWER)
    assert order.avg_px == EXACT.multiply(LOWER, Decimal(1)).quantize(Decimal("1e-27"), context=EXACT)
    manager.on_message(report("E4", "H", "1", (19, "E2"), (151, REST), (14, PART)), NOW)
    assert (order.cum_qty, order.leaves_qty) == (PART, REST)
    larger = EXACT.add(QTY, PART)
    name = manager.replace(order, NOW, qty=larger, price=LOWER).cl_ord_id
    assert order.worst_qty == QTY
    manager.on_message(report("E5", "5", "1", (38, larger), (151, QTY), (14, PART), cl_ord_id=name), NOW)
    assert (order.qty, order.price, order.leaves_qty) == (larger, LOWER, QTY)
    # the quantities of the first reports are those of the bust and the correction, too
    assert [str(question.doubt) for question in manager.questions] == ["avg_px"]
    again = ff.OrderManager(lambda msg_type, fields: 1, log=log)
    manager.on_event(Disconnected(CloseReason.CONNECTION_LOST), NOW)
    assert [one.state() for one in again.all_orders] == [order.state()]


def test_what_the_broker_knows_and_we_do_not_is_exact() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 1, ff.OrderOptions(adopt=True))
    manager.on_event(LoggedOn(report("-", "0", "0"), 30, reset=False), NOW)
    manager.on_message(report("E1", "F", "1", (32, PART), (31, PX), (151, REST), (14, PART)), NOW)
    (order,) = manager.all_orders
    assert (order.qty, order.cum_qty) == (QTY, PART)  # adopted: executed and left
    manager.on_message(report("E2", "F", "1", (32, "0.01"), (31, PX), (151, 0), (14, QTY)), NOW)
    assert EXACT.add(order.missing_qty, order.cum_qty) == QTY
    order.uncertain = True
    manager.on_message(report("E3", "I", "1", (151, 0), (14, QTY)), NOW)
    assert not order.uncertain


def test_positions_and_profit_are_exact() -> None:
    def trade(exec_id: str, side: str, qty: Decimal, px: Decimal) -> ff.Trade:
        return ff.Trade(exec_id, "O", "C", "ACC", "X", side, qty, px, 1)

    positions = ff.Positions({"X": Decimal("0.1")})
    positions.start("ACC", "X", 7, PX)
    positions.apply(trade("e1", "1", QTY, PX))
    positions.apply(trade("e2", "2", PART, LOWER))
    positions.mark("X", LOWER)
    held = positions["ACC", "X"]
    assert Fraction(held.qty) == 7 + Fraction(QTY) - Fraction(PART)
    assert positions.net("X") == held.qty
    cash = times((PART, LOWER)) - times((QTY, PX), (Decimal(7), PX))
    assert held.profit is not None
    assert held.unrealised is not None
    assert Fraction(held.profit) == (cash + Fraction(held.qty) * Fraction(LOWER)) / 10
    assert EXACT.add(held.realised, held.unrealised) == held.profit
    positions.correct("e1", trade("e1", "1", PART, PX))
    assert positions.qty("ACC", "X") == 7
    positions.bust("e1")
    positions.bust("e2")
    assert positions["ACC", "X"].profit == EXACT.multiply(EXACT.subtract(LOWER, PX), Decimal("0.7"))


def test_risk_limits_are_exact_at_their_edge() -> None:
    unit = Decimal("1e-39")
    notional = EXACT.multiply(QTY, PX)
    positions = ff.Positions()
    positions.apply(ff.Trade("e1", "O", "C", "", "X", "2", PART, PX, 1))
    limits = ff.RiskLimits(max_qty=QTY, max_notional=notional, collar=Decimal("0.01"), max_position=REST)
    edge = EXACT.multiply(PX, Decimal("1.01"))
    risk = ff.RiskCheck(limits, positions=positions, reference={"X": PX}.get)
    risk.check(ff.OrderRequest("X", "1", QTY, PX))
    risk.check(ff.OrderRequest("X", "1", Decimal(1), edge))
    for order, limit in (
        (ff.OrderRequest("X", "1", EXACT.add(QTY, Decimal("0.01")), Decimal(1)), "max_qty"),
        (ff.OrderRequest("X", "1", QTY, EXACT.add(PX, unit)), "max_notional"),
        (ff.OrderRequest("X", "1", Decimal(1), EXACT.add(edge, unit)), "collar"),
    ):
        with pytest.raises(ff.RiskRejected) as caught:
            risk.check(order)
        assert caught.value.limit == limit
    risk.limits = ff.RiskLimits(max_position=EXACT.subtract(REST, Decimal("0.01")))
    with pytest.raises(ff.RiskRejected, match="max_position"):
        risk.check(ff.OrderRequest("X", "1", QTY, PX))


def test_candles_and_books_are_exact() -> None:
    candles = ff.Candles("1m")
    candles.add(PX, QTY, 1)
    candles.add(LOWER, PART, 2)
    (candle,) = candles.close_until(10**12)
    assert Fraction(candle.volume) == Fraction(QTY) + Fraction(PART)
    assert Fraction(candle.notional) == times((QTY, PX), (PART, LOWER))
    assert candle.vwap is not None
    assert LOWER < candle.vwap < PX
    book = ff.Book("EUR/USD")
    whole = "1234567890123456789012.0000000000000000"
    bid, offer = Decimal(f"{whole}01"), Decimal(f"{whole}04")
    book.apply(snapshot(f"269=0 270={bid} 271={QTY}", f"269=1 270={offer} 271={PART}"))  # books: up to 18 decimals
    assert book.best_bid is not None
    assert book.best_bid[:2] == (bid, QTY)
    assert (book.mid, book.spread) == (Decimal(f"{whole}025"), Decimal("3e-18"))


def test_the_exchange_says_what_it_knows_and_refuses_what_it_cannot_keep() -> None:
    listing = Listing(InstrumentConfig("X", tick="0.00000001", lot="0.00000001"), 0)
    assert listing.decimal_price(123_456_789_012) == Decimal("1234.56789012")
    assert listing.decimal_qty(123_456_789_012) == Decimal("1234.56789012")
    with pytest.raises(ff.ConfigError, match="tick"):
        InstrumentConfig("X", tick="0.0100000000000000000000000000000000000001")
    names = dict.fromkeys(
        ("owner", "exec_id", "exec_type", "ord_status", "order_id", "cl_ord_id", "symbol", "side"), ""
    )
    gone = dict.fromkeys(("orig_cl_ord_id", "qty", "ord_type", "price", "stop_px", "time_in_force"))
    sums = {"price_scale": 8, "qty_scale": 8, "leaves_qty": 0, "cum_qty": 3, "notional": 10**12, "time_ns": 0}
    assert Execution(**names, **gone, **sums).avg_px == Decimal("3333.33333333")  # type: ignore[arg-type]


def test_a_number_that_only_a_hostile_message_has_raises_nothing() -> None:
    huge = "9" * 20_000
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    order = manager.submit(ff.OrderRequest("X", "1", QTY, PX), NOW, cl_ord_id="A")
    manager.on_message(report("E1", "F", "1", (32, huge), (31, huge), (151, huge), (14, huge), (6, huge)), NOW)
    assert order.cum_qty.is_finite()
    assert ff.Doubt.OVERFILL in order.flags
