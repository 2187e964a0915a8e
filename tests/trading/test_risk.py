"""Pre-trade risk: every limit at its edge, the worst case of what is open (E4.13), the kill switch."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from tests.trading.test_requests import Wire, report
from tests.trading.venue import NOW

D = Decimal


def order(side: str = "1", qty: object = 100, price: object = None, symbol: str = "X", **more: Any) -> ff.OrderRequest:
    return ff.OrderRequest(symbol, side, qty, price, **more)  # type: ignore[arg-type]


def later(seconds: float) -> ff.Now:
    return ff.Now(NOW.mono_ns + round(seconds * 1e9), NOW.wall_ns)


def refused(check: ff.RiskCheck, *args: Any) -> tuple[str, str, str]:
    with pytest.raises(ff.RiskRejected) as caught:
        check.check(*args)
    return caught.value.limit, str(caught.value.value), str(caught.value.allowed)


# --- one order --------------------------------------------------------------------------------------------------------


def test_no_limits_let_everything_pass() -> None:
    ff.RiskCheck(ff.RiskLimits()).check(order(qty=10**12))


def test_quantity_at_its_edge() -> None:
    check = ff.RiskCheck(ff.RiskLimits(max_qty=100))
    check.check(order(qty=100))
    assert refused(check, order(qty="100.01")) == ("max_qty", "100.01", "up to 100")


def test_notional_at_its_edge_with_the_worst_price_and_the_multiplier() -> None:
    check = ff.RiskCheck(ff.RiskLimits(max_notional=1000), multipliers={"ES": 50}, reference={"X": D(5)}.get)
    check.check(order(qty=100, price=10))
    assert refused(check, order(qty=100, price="10.01")) == ("max_notional", "1001.00", "up to 1000")
    check.check(order(qty=2, price=10, symbol="ES"))
    assert refused(check, order(qty=2, price="10.5", symbol="ES"))[1] == "1050.0"
    assert refused(check, order(qty=100, price=9, stop_px=11))[1] == "1100"
    assert refused(check, order(qty=100, price=-11))[1] == "1100"
    check.check(order(qty=200))
    assert refused(check, order(qty=201))[1] == "1005"
    assert refused(check, order(qty=1, symbol="Y"))[:2] == ("max_notional", "an unknown amount")


@pytest.mark.parametrize(
    ("side", "passes", "refuses", "allowed"),
    [("1", "102", "102.01", "up to 102"), ("2", "98", "97.99", "from 98"), ("5", "98", "97.99", "from 98")],
)
def test_collar_at_its_edge(side: str, passes: str, refuses: str, allowed: str) -> None:
    for limits in (ff.RiskLimits(collar=D("0.02")), ff.RiskLimits(collar_abs=2)):
        check = ff.RiskCheck(limits, reference=lambda symbol: D(100))
        check.check(order(side, price=passes))
        check.check(order(side, price=1 if side == "1" else 1000))  # far on the other side does no harm
        assert refused(check, order(side, price=refuses))[1:] == (refuses, allowed)


def test_a_collar_around_a_negative_price() -> None:
    check = ff.RiskCheck(ff.RiskLimits(collar=D("0.1")), reference=lambda symbol: D(-10))
    check.check(order("1", price=-9))
    assert refused(check, order("1", price="-8.99"))[2] == "up to -9"


@pytest.mark.parametrize("price", [None, 100])
def test_a_collar_without_reference_refuses(price: object) -> None:
    check = ff.RiskCheck(ff.RiskLimits(collar=D("0.1")), reference=lambda symbol: None)
    assert refused(check, order(price=price))[0] == "collar"


def test_a_market_order_passes_a_collar_while_the_reference_is_there() -> None:
    ff.RiskCheck(ff.RiskLimits(collar=D("0.1")), reference=lambda symbol: D(1)).check(order())


def test_a_stale_book_is_no_reference() -> None:
    from tests.trading.market import snapshot

    book = ff.Book("X")
    check = ff.RiskCheck(ff.RiskLimits(collar_abs=1), reference=lambda symbol: book.mid)
    book.apply(snapshot("269=0 270=10 271=1", "269=1 270=12 271=1", symbol="X"))
    check.check(order(price=12))
    assert refused(check, order(price="12.5"))[2] == "up to 12"
    book.invalidate(ff.BookStatus.STALE)
    assert refused(check, order(price=12))[2] == "none"


def test_symbols_may_have_limits_of_their_own_and_others_none_at_all() -> None:
    limits = ff.RiskLimits(max_qty=10, symbols={"Y": ff.RiskLimits(max_qty=1000)}, only_symbols=frozenset({"X", "Y"}))
    check = ff.RiskCheck(limits)
    check.check(order(symbol="Y", qty=1000))
    assert refused(check, order(symbol="X", qty=11))[0] == "max_qty"
    assert refused(check, order(symbol="Z", qty=1)) == ("only_symbols", "Z", "X Y")


# --- pace -------------------------------------------------------------------------------------------------------------


def test_orders_in_a_window_and_those_refused_do_not_count() -> None:
    check = ff.RiskCheck(ff.RiskLimits(max_orders=2, per=1, max_qty=100))
    for at in (0.0, 0.4):
        check.check(order(), None, later(at))
        assert refused(check, order(qty=101), None, later(at))[0] == "max_qty"
    assert refused(check, order(), None, later(0.999)) == ("max_orders", "3", "2 in 1 s")
    check.check(order(), None, later(1.0))
    assert refused(check, order(), None, later(1.399))[0] == "max_orders"
    check.check(order(), None, later(1.4))


def test_an_equal_order_is_a_mistake_within_the_window() -> None:
    check = ff.RiskCheck(ff.RiskLimits(duplicate_window=2))
    check.check(order(price=1), None, later(0))
    assert refused(check, order(price=1), None, later(1.999)) == ("duplicate_window", "an equal order", "one in 2 s")
    check.check(order(price=2), None, later(1))
    check.check(order("2", price=1), None, later(1))
    check.check(order(price=1), None, later(2))
    assert refused(check, order(price=1), None, later(3.9))[0] == "duplicate_window"


def test_what_is_remembered_of_orders_does_not_grow() -> None:
    check = ff.RiskCheck(ff.RiskLimits(duplicate_window=1, max_orders=1000, per=1))
    for n in range(10_000):
        check.check(order(qty=n + 1), None, later(n / 100))
    assert len(check._recent) <= 102
    assert len(check._sent) <= 102


def test_time_comes_from_the_caller_or_a_clock_or_is_asked_for() -> None:
    limits = ff.RiskLimits(max_orders=1)
    with pytest.raises(ff.LocalProtocolError, match="clock="):
        ff.RiskCheck(limits).check(order())
    check = ff.RiskCheck(limits, clock=lambda: NOW)
    check.check(order())
    assert refused(check, order())[0] == "max_orders"


# --- the kill switch --------------------------------------------------------------------------------------------------


def test_the_kill_switch_stops_orders_and_replaces_and_lets_cancels_out() -> None:
    wire = Wire()
    check = ff.RiskCheck(ff.RiskLimits())
    manager = ff.OrderManager(wire, checks=[check.check])
    sent = manager.submit(order(price=1), NOW)
    check.kill("a person said so")
    with pytest.raises(ff.RiskRejected, match="a person said so"):
        manager.submit(order(price=1), NOW)
    with pytest.raises(ff.RiskRejected, match="kill switch"):
        manager.replace(sent, NOW, qty=50)
    manager.cancel(sent, NOW)
    assert [kind for kind, _ in wire.sent] == ["D", "F"]
    check.revive()
    manager.submit(order(price=1), NOW)


def test_one_symbol_may_be_killed() -> None:
    check = ff.RiskCheck(ff.RiskLimits())
    check.kill("halted", "X")
    assert refused(check, order())[0] == "kill switch"
    check.check(order(symbol="Y"))
    check.revive("X")
    check.check(order())
    with pytest.raises(ff.ConfigError, match="reason"):
        check.kill("")


# --- worst case (E4.13) -----------------------------------------------------------------------------------------------


def desk(**limits: Any) -> tuple[ff.OrderManager, ff.RiskCheck, ff.Positions]:
    positions = ff.Positions()
    check = ff.RiskCheck(ff.RiskLimits(**limits), positions=positions)
    manager = ff.OrderManager(Wire(), checks=[check.check])
    manager.subscribe(positions.on_update)
    check.follow(manager)
    return manager, check, positions


def answered(sent: ff.Order, exec_type: str, status: str, exec_id: str, cum: int = 0, **last: int) -> ff.Message:
    fields: list[tuple[int, Any]] = [(37, "V1"), (11, sent.cl_ord_id), (17, exec_id), (150, exec_type), (39, status)]
    if last:
        fields += [(32, last["qty"]), (31, last["px"])]
    left = 0 if status in "248" else sent.qty - cum
    return report(
        "8", *fields, (55, "X"), (54, sent.side), (38, sent.qty), (151, left), (14, cum), (6, 1 if cum else 0)
    )


def test_position_and_all_that_is_open_may_not_pass_the_limit() -> None:
    manager, check, positions = desk(max_position=300)
    first = manager.submit(order(qty=200, price=1), NOW)
    assert check.exposure.open_qty("", "X", 1) == 200  # in flight counts already
    with pytest.raises(ff.RiskRejected) as caught:
        manager.submit(order(qty=101, price=1), NOW)
    assert (caught.value.limit, caught.value.value, caught.value.allowed) == ("max_position", "301 long", "up to 300")
    manager.on_message(answered(first, "F", "1", "e1", 150, qty=150, px=1), NOW)
    assert (positions.qty("", "X"), check.exposure.open_qty("", "X", 1)) == (150, 50)
    manager.submit(order(qty=100, price=1), NOW)
    manager.submit(order("2", qty=450, price=1), NOW)  # short at worst: 450 - 150
    assert refused(check, order("2", qty=1, price=1))[1] == "301 short"
    manager.on_message(answered(first, "4", "4", "e2", 150), NOW)
    assert check.exposure.open_qty("", "X", 1) == 100


def test_while_a_replace_is_pending_the_larger_quantity_counts() -> None:
    manager, check, _ = desk(max_position=300)
    sent = manager.submit(order(qty=100, price=1), NOW)
    manager.on_message(answered(sent, "0", "0", "e1"), NOW)
    with pytest.raises(ff.RiskRejected):
        manager.replace(sent, NOW, qty=301)
    manager.replace(sent, NOW, qty=250)
    assert check.exposure.open_qty("", "X", 1) == 250
    assert refused(check, order(qty=51, price=1))[1] == "301 long"
    down = manager.submit(order("2", qty=300, price=1), NOW)
    manager.on_message(answered(down, "0", "0", "e2"), NOW)
    manager.replace(down, NOW, qty=10)
    assert check.exposure.open_qty("", "X", -1) == 300  # it may still be filled as it was


def test_a_limit_that_was_lowered_still_lets_orders_out_that_reduce() -> None:
    manager, check, positions = desk(max_position=300)
    positions.start("", "X", 500, 1)
    assert refused(check, order(qty=1, price=1))[1] == "501 long"
    sent = manager.submit(order("2", qty=800, price=1), NOW)
    manager.on_message(answered(sent, "0", "0", "e1"), NOW)
    check.limits = ff.RiskLimits(max_position=10)
    manager.replace(sent, NOW, qty=700)
    assert refused(check, order("2", qty=1, price=1))[1] == "301 short"


def test_open_quantity_of_one_side() -> None:
    manager, check, _ = desk(max_open_qty=100)
    manager.submit(order(qty=60, price=1), NOW)
    manager.submit(order("2", qty=100, price=1), NOW)
    assert refused(check, order(qty=41, price=1)) == ("max_open_qty", "101", "up to 100")
    manager.submit(order(qty=40, price=1), NOW)


def test_orders_that_were_open_before_count() -> None:
    manager = ff.OrderManager(Wire())
    manager.submit(order(qty=60, price=1), NOW)
    check = ff.RiskCheck(ff.RiskLimits(max_open_qty=100))
    check.follow(manager)
    assert (len(check.exposure), refused(check, order(qty=41, price=1))[0]) == (1, "max_open_qty")


class Open:
    """An order as Exposure sees it."""

    def __init__(self, side: str, worst_qty: Decimal) -> None:
        self.account, self.symbol, self.side, self.cum_qty, self.worst_qty = "A", "X", side, D(0), worst_qty


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("12"), st.decimals(0, 1000, places=5)), max_size=30))
def test_the_running_sum_is_the_sum(steps: list[tuple[int, str, Decimal]]) -> None:
    orders = [Open("1" if n % 2 else "2", D(0)) for n in range(6)]
    exposure = ff.Exposure()
    for n, _, worst in steps:
        orders[n].worst_qty = worst
        with localcontext() as context:
            context.prec = 3
            exposure.track(orders[n])
    for sign, side in ((1, "1"), (-1, "2")):
        assert exposure.open_qty("A", "X", sign) == sum(one.worst_qty for one in orders if one.side == side)
    assert len(exposure) == sum(one.worst_qty != 0 for one in orders)


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_qty", -1),
        ("max_qty", 1.5),
        ("max_notional", "1"),
        ("collar", D("NaN")),
        ("max_position", True),
        ("max_orders", 0),
        ("max_orders", 1.0),
        ("per", 0),
        ("duplicate_window", -1),
        ("symbols", {"X": 5}),
        ("symbols", {"X": ff.RiskLimits(symbols={"Y": ff.RiskLimits()})}),
        ("only_symbols", "X"),
    ],
)
def test_a_wrong_limit_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.RiskLimits(**{name: value})  # type: ignore[arg-type]
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("limits", "needs"),
    [
        (ff.RiskLimits(max_position=1), "positions="),
        (ff.RiskLimits(collar=D(1)), "reference="),
        (ff.RiskLimits(symbols={"X": ff.RiskLimits(collar_abs=1)}), "reference="),
    ],
)
def test_a_limit_says_what_it_needs(limits: ff.RiskLimits, needs: str) -> None:
    with pytest.raises(ff.ConfigError, match=needs):
        ff.RiskCheck(limits)
