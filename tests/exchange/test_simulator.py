"""The fate of an order depends on the seed and its ClOrdID alone, and the books always add up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fixfast.errors import ConfigError
from fixfast.exchange.simulator import Report, SeededExchange

TICKS = {"EUR/USD": Decimal("0.00001"), "AAPL": Decimal("0.01")}


def _run(exchange: SeededExchange, names: list[str], *, late: bool = False) -> list[Report]:
    reports: list[Report] = []
    for i, name in enumerate(names):
        reports += exchange.new_order("BOT", name, "AAPL", "12"[i % 2], 100 + i, Decimal("10.05"))
        if not late:
            reports += exchange.later()
    while exchange.waiting:
        reports += exchange.later()
    return reports


NAMES = [f"c{i}" for i in range(400)]


def test_every_fate_occurs() -> None:
    exchange = SeededExchange(7, TICKS)
    _run(exchange, NAMES)
    states = {order.status for order in exchange.orders("BOT")}
    assert states == {"0", "1", "2", "8"}
    assert set(exchange.reports) == {"0", "8", "F"}


def test_timing_and_order_do_not_change_the_fates() -> None:
    outcomes = []
    for names, late in ((NAMES, False), (NAMES, True)):
        exchange = SeededExchange(7, TICKS)
        _run(exchange, names, late=late)
        outcomes.append({o.cl_ord_id: (o.status, o.cum_qty, o.turnover) for o in exchange.orders("BOT")})
    assert outcomes[0] == outcomes[1]


def test_another_seed_gives_other_fates() -> None:
    fates = []
    for seed in (1, 2):
        exchange = SeededExchange(seed, TICKS)
        _run(exchange, NAMES)
        fates.append([o.status for o in exchange.orders("BOT")])
    assert fates[0] != fates[1]


def test_reports_add_up() -> None:
    exchange = SeededExchange(3, TICKS)
    reports = _run(exchange, NAMES)
    assert len({r.exec_id for r in reports}) == len(reports)
    position = 0
    for order in exchange.orders("BOT"):
        mine = [r for r in reports if r.cl_ord_id == order.cl_ord_id]
        fills = [r for r in mine if r.exec_type == "F"]
        cum = 0
        for fill in fills:
            assert fill.last_qty is not None
            assert fill.last_px is not None
            assert fill.last_qty > 0
            assert fill.last_px <= fill.price if order.side == "1" else fill.last_px >= fill.price
            cum += fill.last_qty
            assert (fill.cum_qty, fill.leaves_qty) == (cum, order.qty - cum)
            assert fill.status == ("2" if cum == order.qty else "1")
        assert cum == order.cum_qty
        assert abs(order.avg_px * cum - sum((f.last_qty or 0) * (f.last_px or 0) for f in fills)) < Decimal("0.001")
        position += cum if order.side == "1" else -cum
        assert mine[0].exec_type in ("0", "8")
    assert exchange.positions["BOT", "AAPL"] == position


@pytest.mark.parametrize(
    ("symbol", "side", "qty", "price", "reason"),
    [
        ("XXX", "1", 1, "1", 1),
        ("AAPL", "7", 1, "1", 99),
        ("AAPL", "1", 0, "1", 13),
        ("AAPL", "1", 1_000_001, "1", 13),
        ("AAPL", "1", 1, "0", 99),
        ("AAPL", "1", 1, "1.005", 99),
    ],
)
def test_bad_orders_are_rejected_with_the_reason(symbol: str, side: str, qty: int, price: str, reason: int) -> None:
    (report,) = SeededExchange(1, TICKS).new_order("BOT", "a", symbol, side, qty, Decimal(price))
    assert (report.exec_type, report.status, report.reason, report.leaves_qty) == ("8", "8", reason, 0)


def test_a_repeated_order_is_executed_once() -> None:
    exchange = SeededExchange(5, TICKS)
    args = ("BOT", "c2", "AAPL", "1", 100, Decimal("10"))
    exchange.new_order(*args)
    (again,) = exchange.new_order(*args, poss_resend=True)
    assert again.exec_type == "I"
    (duplicate,) = exchange.new_order(*args)
    assert (duplicate.status, duplicate.reason) == ("8", 6)
    assert len(exchange.orders("BOT")) == 1


def test_status_of_an_unknown_order_says_so() -> None:
    report = SeededExchange(5, TICKS).status("BOT", "nope", "AAPL", "1")
    assert (report.exec_type, report.status, report.reason, report.order_id) == ("I", "8", 5, "NONE")


def test_the_smallest_order_can_be_filled_in_parts() -> None:
    exchange = SeededExchange(5, TICKS)
    for i in range(300):
        exchange.new_order("BOT", f"s{i}", "AAPL", "1", 1, Decimal("0.01"))
        list(exchange.later())
    assert all(order.price > 0 and order.cum_qty in (0, 1) for order in exchange.orders("BOT"))


def test_fields_leave_out_what_is_not_there() -> None:
    (report,) = SeededExchange(1, TICKS).new_order("BOT", "a", "XXX", "1", 1, Decimal("1"))
    tags = [tag for tag, _ in report.fields(1_700_000_000_000_000_000)]
    assert 32 not in tags
    assert 31 not in tags
    assert {37, 11, 17, 150, 39, 103, 58, 60} <= set(tags)


@pytest.mark.parametrize("ticks", [{}, {"A": Decimal(0)}])
def test_wrong_ticks_are_refused(ticks: dict[str, Decimal]) -> None:
    with pytest.raises(ConfigError, match="ticks"):
        SeededExchange(1, ticks)
