"""What holds whatever comes, in whatever order: executions are never lost, and the log tells the same story."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.session.events import Disconnected, GapDetected, GapFilled, LoggedOn, MessagesLost, SequenceReset
from fixfast.session.state import CloseReason
from fixfast.trading.applying import Applying
from tests.trading.scripts import VERSIONS
from tests.trading.venue import NOW, ScriptedVenue

LOGON = ff.parse(ff.encode("FIX.4.4", "A", [(49, "V"), (56, "B"), (34, 1), (52, NOW.wall_ns), (98, 0), (108, 30)]))
GONE = Disconnected(CloseReason.CONNECTION_LOST)
EVENTS = (
    GONE,
    LoggedOn(LOGON, 30, reset=False),
    GapDetected(1, 2),
    GapFilled(1, 2),
    MessagesLost(1, 2, "test"),
    SequenceReset("test", 1, 1),
)


class Market:
    """A client and a venue: every request is sent at once, the reports are collected."""

    def __init__(self, version: str) -> None:
        self.venue = ScriptedVenue(version)
        self.log = ff.MemoryOrderLog()
        self.options = ff.OrderOptions(version=version)
        self.sent = 0
        self.manager = ff.OrderManager(self._send, self.options, log=self.log)
        self.reports: list[tuple[bool, bytes]] = []  # (is it an execution, the report)

    def _send(self, msg_type: str, fields: list[tuple[Any, Any]]) -> int:
        self.sent += 1
        self.venue.take(msg_type, fields)
        return self.sent

    def say(self, verb: str, name: str, **words: str) -> None:
        ids = {key: key for key in words.values()}
        execution = verb in ("trade", "bust", "correct")
        self.reports.append((execution, self.venue.say(verb, name, words, ids)))

    def hear(self, raws: Sequence[bytes]) -> ff.Order:
        for raw in raws:
            self.manager.on_message(ff.parse(raw), NOW)
        return self.manager.all_orders[0]


def days(version: str, data: st.DataObject, *, amend: bool) -> Market:
    """Return one order's day: the client's requests are sent, the reports are there to be heard."""
    market = Market(version)
    manager, draw = market.manager, data.draw
    order = manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10)), NOW)
    name = order.cl_ord_id
    requests = []
    if draw(st.booleans()):
        requests.append(("replaced", manager.replace(order, NOW, qty=draw(st.integers(60, 150))).cl_ord_id))
    if draw(st.booleans()):
        requests.append(("canceled", manager.cancel(order, NOW).cl_ord_id))
    market.say("new", name)
    traded: list[str] = []
    left = 60
    ended = False
    for _ in range(draw(st.integers(1, 8))):
        step = draw(st.sampled_from(["trade", "trade", "request", "amend"]))
        if step == "trade" and left and not ended:
            qty = draw(st.integers(1, left))
            left -= qty
            traded.append(f"t{len(traded)}")
            market.say("trade", name, qty=str(qty), px=str(draw(st.integers(9, 11))), **{"as": traded[-1]})
        elif step == "request" and requests and not ended:
            verb, cl_ord_id = requests.pop(0)
            pending = draw(st.booleans())
            if pending:
                market.say("pending-replace" if verb == "replaced" else "pending-cancel", name, request=cl_ord_id)
                if left and draw(st.booleans()):
                    left -= 1
                    market.say("trade", name, qty="1", px="10")
            if draw(st.booleans()):
                market.say(verb, name, request=cl_ord_id)
                ended = verb == "canceled"
            else:
                market.say("cancel-reject", name, request=cl_ord_id)
        elif step == "amend" and traded and amend:
            ref = traded.pop(draw(st.integers(0, len(traded) - 1)))
            if draw(st.booleans()):
                market.say("bust", name, ref=ref)
            else:
                market.say("correct", name, ref=ref, qty=str(draw(st.integers(1, 5))), px="12")
    return market


def shuffled(market: Market, data: st.DataObject) -> list[bytes]:
    """Return the reports so that executions come at any time, in any order; the others stay in theirs."""
    others = [raw for execution, raw in market.reports if not execution]
    for raw in data.draw(st.permutations([raw for execution, raw in market.reports if execution])):
        others.insert(data.draw(st.integers(0, len(others))), raw)
    return others


def fresh(market: Market) -> ff.OrderManager:
    """Return a manager that has sent what the market's has, and heard nothing."""
    return ff.OrderManager(lambda msg_type, fields: 0, market.options, log=market.log)


@given(data=st.data(), version=st.sampled_from(VERSIONS))
def test_E4_12_executions_in_any_order_end_in_the_same_state(data: st.DataObject, version: str) -> None:
    market = days(version, data, amend=False)
    other = fresh(market)
    in_order = market.hear([raw for _, raw in market.reports])
    assert not market.manager.questions, list(market.manager.questions)
    assert in_order.status.value == next(iter(market.venue.orders.values())).status
    for raw in shuffled(market, data):
        other.on_message(ff.parse(raw), NOW)
    (order,) = other.all_orders
    order.flags.clear()
    order.uncertain = False
    assert order.state() == in_order.state()


@given(data=st.data(), version=st.sampled_from(VERSIONS))
def test_E4_12_busts_and_corrections_in_any_order_leave_the_same_trades(data: st.DataObject, version: str) -> None:
    market = days(version, data, amend=True)
    other = fresh(market)
    in_order = market.hear([raw for _, raw in market.reports])
    for raw in shuffled(market, data):
        other.on_message(ff.parse(raw), NOW)
    (order,) = other.all_orders
    assert order.trades == in_order.trades
    assert (order.cum_qty, order.notional) == (in_order.cum_qty, in_order.notional)
    assert order.cum_qty == sum(trade.qty for trade in order.trades.values())
    assert order.notional == sum(trade.qty * trade.px for trade in order.trades.values())
    assert not order.parked


CODES = st.sampled_from(list("0123456789ABCDEFGHI?"))
NUMBERS = st.sampled_from([None, -1, 0, 1, 5, 100, Decimal("0.1"), Decimal("1e3"), "x"])
REPORTS = st.fixed_dictionaries(
    {
        37: st.sampled_from([None, "V1", "V2", "NONE"]),
        11: st.sampled_from([None, "A", "B", "R", "nobody's"]),
        41: st.sampled_from([None, "A", "B", "R"]),
        17: st.sampled_from([None, *(f"E{n}" for n in range(12))]),
        20: st.sampled_from([None, "0", "1", "2", "3"]),
        19: st.sampled_from([None, "E1", "E2", "E3"]),
        150: CODES | st.none(),
        39: CODES | st.none(),
        55: st.sampled_from([None, "X"]),
        54: st.sampled_from([None, "1"]),
        38: NUMBERS,
        44: NUMBERS,
        32: NUMBERS,
        31: NUMBERS,
        14: NUMBERS,
        151: NUMBERS,
        6: NUMBERS,
        45: st.sampled_from([None, 1, 2, 3, "x"]),
        43: st.sampled_from([None, "Y"]),
        60: st.sampled_from([None, NOW.wall_ns, "yesterday"]),
        103: st.sampled_from([None, "6"]),
        912: st.sampled_from([None, "Y"]),
    }
)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["8", "8", "8", "8", "9", "3", "j", "r"]), REPORTS),
    st.tuples(st.just("event"), st.sampled_from(EVENTS)),
    st.tuples(st.sampled_from(["cancel", "replace", "status", "settle", "new day"]), st.sampled_from(["A", "B"])),
)


def take(manager: ff.OrderManager, n: int, kind: str, what: Any) -> list[ff.OrderUpdate]:
    """Let a manager take one step; the errors that are documented are no matter."""
    if kind == "event":
        return manager.on_event(what, NOW)
    if isinstance(what, dict):
        fields = [(tag, value) for tag, value in what.items() if value is not None]
        return manager.on_message(ff.parse(ff.encode("FIX.4.4", kind, [(34, n), (52, NOW.wall_ns), *fields])), NOW)
    order = manager.orders.get(what)
    try:
        if kind == "settle":
            manager.settle(NOW)
        elif kind == "new day":
            manager.new_day(NOW)
        elif order is None:
            pass
        elif kind == "cancel":
            manager.cancel(order, NOW)
        elif kind == "replace":
            manager.replace(order, NOW, qty=7)
        else:
            manager.ask_status(order, NOW)
    except ff.LocalProtocolError:
        pass
    return []


@given(steps=st.lists(STEPS, max_size=40), adopt=st.booleans())
def test_whatever_comes_no_execution_is_lost_and_the_log_tells_the_same(
    steps: list[tuple[str, Any]], adopt: bool
) -> None:
    log = ff.MemoryOrderLog()
    sent = iter(range(1, 10_000))
    options = ff.OrderOptions(adopt=adopt)
    manager = ff.OrderManager(lambda msg_type, fields: next(sent), options, log=log)
    first = [
        manager.submit(ff.OrderRequest("X", "1", Decimal(100)), NOW, cl_ord_id="A"),
        manager.submit(ff.OrderRequest("X", "2", Decimal(50), Decimal(7)), NOW, cl_ord_id="B"),
    ]
    orders = {id(order): order for order in first}
    made: dict[int, list[Decimal]] = {}
    for n, (kind, what) in enumerate(steps):
        for update in take(manager, n + 1, kind, what):
            if update.order is None:
                continue
            order = orders.setdefault(id(update.order), update.order)
            sums = made.setdefault(id(order), [])
            if update.kind is ff.UpdateKind.TRADE and update.trade is not None:
                sums.append(update.trade.qty)
            elif update.kind is ff.UpdateKind.BUST and update.trade is not None:
                sums.append(-update.trade.qty)
            elif update.kind is ff.UpdateKind.CORRECT and update.trade is not None and update.previous is not None:
                sums.append(update.trade.qty - update.previous.qty)
    for key, order in orders.items():
        assert order.cum_qty == sum(made.get(key, [])) == sum(trade.qty for trade in order.trades.values())
        assert order.cum_qty >= 0  # E4.3
        assert order.leaves_qty >= 0
    manager.on_event(GONE, NOW)
    again = ff.OrderManager(lambda msg_type, fields: 0, options, log=log)
    assert [order.state() for order in again.all_orders] == [order.state() for order in manager.all_orders]
    assert sorted(again.orders) == sorted(manager.orders)
    assert len(again.orphans) == len(manager.orphans)


#: How a fill differs from what it should be: field -> value, None takes it out
ODD = st.fixed_dictionaries(
    {},
    optional={
        37: st.sampled_from([None, "V2", "NONE"]),
        11: st.sampled_from([None, "B", "A2"]),
        17: st.sampled_from([None, "E1"]),
        1: st.just("OTHER"),
        20: st.sampled_from(["0", "1", "3"]),
        150: st.sampled_from([None, "0", "1", "4", "6", "G", "I"]),
        39: st.sampled_from([None, "0", "1", "2", "3", "4", "6", "8", "9", "?"]),
        32: st.sampled_from([None, "0", "x", "200"]),
        31: st.sampled_from([None, "x", "-1"]),
        14: st.sampled_from([None, "0", "7", "100", "1000"]),
        151: st.sampled_from([None, "0", "0.00", "7"]),
        6: st.sampled_from([None, "0", "9.9999999999", "10", "10.00"]),
        60: st.just("yesterday"),
        424: st.sampled_from([None, "100", "95", "x"]),
        425: st.sampled_from([None, "0", "5", "x"]),
        426: st.sampled_from([None, "0", "10", "12.50"]),
    },
)


@given(
    fills=st.lists(
        st.tuples(st.sampled_from([1, 5, 30, Decimal("2.50")]), st.integers(9, 11), st.just({}) | ODD), max_size=8
    ),
    event=st.sampled_from([None, None, "cancel", "status", "new day", GONE]),
    tif=st.sampled_from("01"),
)
def test_the_short_way_for_a_fill_does_what_the_long_one_does(
    fills: list[tuple[Decimal, int, dict[int, Any]]], event: Any, tif: str
) -> None:
    """Applying.fill() is a short cut: without it everything is the same, what is asked and what is told, too."""
    told, states = [], []
    for short in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not short:
                patch.setattr(Applying, "fill", lambda *_: None)
            manager = ff.OrderManager(lambda msg_type, fields: 1)
            for name in "AB":
                request = ff.OrderRequest("X", "1", Decimal(100), Decimal(10), time_in_force=tif)
                manager.submit(request, NOW, cl_ord_id=name)
            cum, notional = Decimal(0), Decimal(0)
            updates = take(manager, 1, "8", {37: "V1", 11: "A", 17: "E0", 150: "0", 39: "0"})
            if event is not None:
                updates += take(manager, 1, *(("event", event) if event is GONE else (event, "A")))
            for n, (qty, px, odd) in enumerate(fills):
                cum, notional = cum + qty, notional + qty * px
                report = {
                    37: "V1",
                    11: "A",
                    17: f"E{n + 1}",
                    1: "ACC",
                    150: "F",
                    39: "12"[cum >= 100],
                    55: "X",
                    54: "1",
                }
                sums = {32: qty, 31: px, 14: cum, 151: max(100 - cum, 0), 6: f"{notional / cum:.4f}", 60: NOW.wall_ns}
                updates += take(manager, n + 2, "8", report | sums | odd)
        questions = [(question.doubt, question.text) for question in manager.questions]
        told.append((questions, [(u.kind, u.before, u.status, u.report, u.trade, u.previous) for u in updates]))
        states.append([(order.state(), order.heard_qty, order.parked, order.voided) for order in manager.all_orders])
    assert told[0] == told[1]
    assert states[0] == states[1]
