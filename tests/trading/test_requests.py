"""What is asked for: checked before anything is sent, and nothing half done stays."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import pytest

import fixfast as ff
from fixfast.trading.log import pack, plain, unpack
from fixfast.trading.values import packed_order, placed_values, read_placed
from tests.trading.venue import NOW


class Wire:
    """Takes what is sent, or raises."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[Any, Any]]] = []
        self.error: Exception | None = None

    def __call__(self, msg_type: str, fields: list[tuple[Any, Any]]) -> int:
        if self.error is not None:
            raise self.error
        self.sent.append((msg_type, dict(fields)))
        return len(self.sent)


def report(msg_type: str, *fields: tuple[int, Any]) -> ff.Message:
    head = [(49, "VENUE"), (56, "BOT"), (34, 1), (52, NOW.wall_ns)]
    return ff.parse(ff.encode("FIX.4.4", msg_type, [*head, *fields]))


def accepted(order: ff.Order, exec_id: str = "E0") -> ff.Message:
    ids = [(37, "V1"), (11, order.cl_ord_id), (17, exec_id), (150, "0"), (39, "0")]
    return report("8", *ids, (55, order.symbol), (54, order.side), (151, order.qty), (14, 0), (6, 0))


LIMIT = ff.OrderRequest("EUR/USD", ff.Side.BUY, Decimal(100), Decimal("1.0850"))

BAD: list[tuple[str, Callable[[], object]]] = [
    ("symbol", lambda: ff.OrderRequest("", "1", Decimal(1))),
    ("side", lambda: ff.OrderRequest("X", "buy", Decimal(1))),
    ("qty", lambda: ff.OrderRequest("X", "1", Decimal(0))),
    ("qty", lambda: ff.OrderRequest("X", "1", Decimal(-1))),
    ("qty", lambda: ff.OrderRequest("X", "1", 1.5)),  # type: ignore[arg-type]
    ("qty", lambda: ff.OrderRequest("X", "1", "many")),  # type: ignore[arg-type]
    ("qty", lambda: ff.OrderRequest("X", "1", Decimal("NaN"))),
    ("price", lambda: ff.OrderRequest("X", "1", Decimal(1), 1.5)),  # type: ignore[arg-type]
    ("price", lambda: ff.OrderRequest("X", "1", Decimal(1), ord_type="2")),
    ("price", lambda: ff.OrderRequest("X", "1", Decimal(1), Decimal(1), ord_type="1")),
    ("stop_px", lambda: ff.OrderRequest("X", "1", Decimal(1), ord_type="3")),
    ("time_in_force", lambda: ff.OrderRequest("X", "1", Decimal(1), time_in_force="DAY")),
    ("version", lambda: ff.OrderOptions(version="4.4")),
    ("reconcile", lambda: ff.OrderOptions(reconcile="always")),
    ("reconcile", lambda: ff.OrderOptions(version="FIX.4.2", reconcile="mass")),
    ("keep", lambda: ff.OrderOptions(keep=0)),
]


@pytest.mark.parametrize(("name", "make"), BAD, ids=[f"{i}-{name}" for i, (name, _) in enumerate(BAD)])
def test_what_cannot_be_is_refused_by_name(name: str, make: Callable[[], object]) -> None:
    with pytest.raises(ff.ConfigError) as error:
        make()
    assert error.value.name == name


def test_numbers_may_be_written_as_text_or_int_and_stay_exact() -> None:
    request = ff.OrderRequest("X", "1", "100.50", 7)  # type: ignore[arg-type]
    assert (str(request.qty), str(request.price), request.ord_type) == ("100.50", "7", "2")
    assert ff.OrderRequest("X", "1", Decimal(1)).ord_type == "1"
    assert ff.OrderRequest("X", "1", Decimal(1), stop_px=Decimal(2)).ord_type == "3"
    assert ff.OrderRequest("X", "1", Decimal(1), Decimal(2), stop_px=Decimal(2)).ord_type == "4"


TEXTS = ["plain", 'quo"ted\\', "größer \U0001f4b6", "\udcff\x01", ""]
NUMBERS = [Decimal(7), Decimal("1.0850"), Decimal("1E+3"), Decimal("1E-9"), Decimal("0.00")]


@pytest.mark.parametrize("number", NUMBERS, ids=str)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_an_order_is_written_down_as_every_other_request(text: str, number: Decimal) -> None:
    for extra in ((), ((58, text), (18, b"G"), (453, [[(448, text), (44, ff.Scaled(5, -1))]]))):
        qty = number or Decimal(1)
        request = ff.OrderRequest(text or "X", ff.Side.SELL, qty, number, "4", "1", text, number, extra)
        packed = packed_order(text, request)
        assert packed == pack({"type": "D", "id": text, **placed_values(request)})
        assert read_placed(unpack(packed)).price == number
    market = ff.OrderRequest("X", "1", Decimal(1), account=12)  # type: ignore[arg-type]
    assert packed_order("A", market) == pack({"type": "D", "id": "A", **placed_values(market)})


def test_a_number_is_written_without_an_exponent_whatever_the_context_says() -> None:
    with localcontext() as context:
        for context.capitals in (0, 1):
            texts = [plain(number) for number in NUMBERS]
            assert texts == ["7", "1.0850", "1000", "0.000000001", "0.00"]


FAILURES = [
    ff.NotActive("disconnected"),
    ff.Throttled(7),
    ff.EncodeError(55, "empty"),
    ff.StoreError("disk full"),
    RuntimeError("a hook of the program"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("logged", [False, True], ids=["no log", "log"])
def test_what_cannot_be_sent_leaves_nothing_behind(error: Exception, logged: bool) -> None:
    wire = Wire()
    log: ff.OrderLog | None = ff.MemoryOrderLog() if logged else None
    manager = ff.OrderManager(wire, log=log)
    wire.error = error
    with pytest.raises(type(error)):
        manager.submit(LIMIT, NOW)
    assert not manager.orders
    wire.error = None
    order = manager.submit(LIMIT, NOW)
    manager.on_message(accepted(order), NOW)
    before = order.state()
    wire.error = error
    asks: list[Callable[[], object]] = [
        lambda: manager.cancel(order, NOW),
        lambda: manager.replace(order, NOW, qty=7),
        lambda: manager.ask_status(order, NOW),
        lambda: manager.mass_cancel(NOW),
        lambda: manager.ask_mass_status(NOW),
    ]
    for ask in asks:
        with pytest.raises(type(error)):
            ask()
    assert order.state() == before
    assert list(manager.orders) == [order.cl_ord_id]
    if log is not None:
        again = ff.OrderManager(wire, log=log)
        order.uncertain = True
        assert [one.state() for one in again.all_orders][-1:] == [order.state()]


def test_a_check_refuses_before_anything_is_sent() -> None:
    seen: list[tuple[ff.OrderRequest, ff.Order | None]] = []

    def check(request: ff.OrderRequest, replaces: ff.Order | None, now: ff.Now) -> None:
        assert now is NOW
        seen.append((request, replaces))
        if request.qty > 1000:
            raise ValueError("too much")

    wire = Wire()
    manager = ff.OrderManager(wire, checks=[check])
    with pytest.raises(ValueError, match="too much"):
        manager.submit(ff.OrderRequest("X", "1", Decimal(1001)), NOW)
    order = manager.submit(LIMIT, NOW)
    with pytest.raises(ValueError, match="too much"):
        manager.replace(order, NOW, qty=2000)
    assert seen[-1][1] is order
    assert seen[-1][0].qty == 2000
    assert [kind for kind, _ in wire.sent] == ["D"]


def test_what_has_ended_is_not_asked_for_again() -> None:
    manager = ff.OrderManager(Wire())
    order = manager.submit(LIMIT, NOW)
    with pytest.raises(ff.LocalProtocolError, match="give qty="):
        manager.replace(order, NOW)
    with pytest.raises(ff.LocalProtocolError, match="in use"):
        manager.submit(LIMIT, NOW, cl_ord_id=order.cl_ord_id)
    manager.on_message(report("3", (45, 1), (372, "D"), (58, "no")), NOW)
    asks: list[Callable[[], object]] = [
        lambda: manager.cancel(order, NOW),
        lambda: manager.replace(order, NOW, qty=1),
    ]
    for ask in asks:
        with pytest.raises(ff.LocalProtocolError, match="REJECTED"):
            ask()


def test_before_4_3_there_is_no_mass_message_and_the_error_says_what_to_do() -> None:
    manager = ff.OrderManager(Wire(), ff.OrderOptions(version="FIX.4.2"))
    with pytest.raises(ff.LocalProtocolError, match="cancel_all"):
        manager.mass_cancel(NOW)
    with pytest.raises(ff.LocalProtocolError, match="ask_status"):
        manager.ask_mass_status(NOW)
    first, second = manager.submit(LIMIT, NOW), manager.submit(ff.OrderRequest("Y", "2", Decimal(1)), NOW)
    assert [request.msg_type for request in manager.cancel_all(NOW, symbol="Y")] == ["F"]
    assert not first.pending.keys() - {first.cl_ord_id}
    assert len(second.pending) == 2


def test_a_request_that_waited_for_a_throttle_gets_its_number_later_or_never() -> None:
    numbers = [0, 0]
    manager = ff.OrderManager(lambda msg_type, fields: numbers.pop(), log=(log := ff.MemoryOrderLog()))
    first, second = manager.submit(LIMIT, NOW), manager.submit(LIMIT, NOW)
    manager.on_sent(first.cl_ord_id, 7, NOW)
    assert manager.on_message(report("3", (45, 7), (58, "no")), NOW)[0].order is first
    (update,) = manager.on_unsent(second.cl_ord_id, "not logged on", NOW)
    assert update.kind is ff.UpdateKind.REQUEST_REJECTED
    assert second.status is ff.OrdStatus.REJECTED
    assert second.rejected is not None
    assert (second.rejected.by, second.rejected.text) == ("", "not logged on")
    assert manager.on_unsent(second.cl_ord_id, "again", NOW) == []
    again = ff.OrderManager(lambda msg_type, fields: 1, log=log)
    assert [order.state() for order in again.all_orders] == [order.state() for order in manager.all_orders]


def test_listeners_are_told_and_cannot_hurt() -> None:
    manager = ff.OrderManager(Wire())
    kinds: list[ff.UpdateKind] = []

    def fails(update: ff.OrderUpdate) -> None:
        raise ValueError("mine")

    manager.subscribe(fails)
    stop = manager.subscribe(lambda update: kinds.append(update.kind))
    order = manager.submit(LIMIT, NOW)
    manager.on_message(accepted(order), NOW)
    stop()
    stop()
    manager.on_message(accepted(order, "E1"), NOW)
    assert kinds == [ff.UpdateKind.SENT, ff.UpdateKind.NEW]
    question = manager.questions[0]
    assert isinstance(question, ff.Question)
    assert (question.doubt, question.order) == (ff.Doubt.LISTENER, order)


def test_E4_10_orphans_are_stored_asked_about_once_and_may_be_refused() -> None:
    wire = Wire()
    manager = ff.OrderManager(wire, ff.OrderOptions(dont_know=True))
    fields = [(37, "V9"), (11, "not ours"), (150, "F"), (39, "1"), (55, "X"), (54, "1"), (32, 5), (31, 7)]
    for n in range(3):
        (update,) = manager.on_message(report("8", *fields, (17, f"E{n}"), (151, 5), (14, 5), (6, 7)), NOW)
        assert (update.kind, update.order) == (ff.UpdateKind.ORPHAN, None)
    assert [kind for kind, _ in wire.sent] == ["Q", "H", "Q", "Q"]
    assert wire.sent[0][1] == {37: "V9", 17: "E0", 127: "D", 55: "X", 54: "1", 32: 5, 31: 7}
    assert len(manager.orphans) == 3
    assert [question.doubt for question in manager.questions] == [ff.Doubt.ORPHAN]
    assert (
        manager.on_message(report("9", (37, "V8"), (11, "?"), (41, "?"), (39, "8"), (434, "1")), NOW)[0].order is None
    )


def test_E4_10_orders_placed_elsewhere_may_be_adopted() -> None:
    manager = ff.OrderManager(Wire(), ff.OrderOptions(adopt=True))
    fields = [(37, "V9"), (11, "not ours"), (150, "F"), (39, "1"), (55, "X"), (54, "2"), (38, 10), (44, 7)]
    (update,) = manager.on_message(report("8", *fields, (17, "E1"), (32, 4), (31, 7), (151, 6), (14, 4), (6, 7)), NOW)
    order = update.order
    assert order is not None
    assert update.trade is not None
    assert (order.cl_ord_id, order.side, order.qty, order.price, order.cum_qty) == ("not ours", "2", 10, 7, 4)
    assert manager.cancel(order, NOW).msg_type == "F"


def test_a_new_day_forgets_what_has_ended_and_the_exec_ids() -> None:
    manager = ff.OrderManager(Wire(), log=(log := ff.MemoryOrderLog()))
    ended, kept = manager.submit(LIMIT, NOW), manager.submit(LIMIT, NOW)
    manager.on_message(report("3", (45, 1), (58, "no")), NOW)
    manager.on_message(accepted(kept), NOW)
    assert not ended.is_open
    manager.new_day(NOW)
    assert manager.all_orders == [kept]
    (update,) = manager.on_message(accepted(kept), NOW)
    assert update.kind is ff.UpdateKind.NEW  # the ExecID may be used again
    assert [order.cl_ord_id for order in ff.OrderManager(Wire(), log=log).all_orders] == [kept.cl_ord_id]


def filled(order: ff.Order, exec_id: str, qty: int, cum: int, px: int = 10) -> ff.Message:
    sums = [(32, qty), (31, px), (151, 100 - cum), (14, cum), (150, "F"), (39, "1")]
    return report("8", (37, "V1"), (11, order.cl_ord_id), (17, exec_id), (55, "X"), (54, "1"), *sums)


def test_E4_4_an_exec_id_of_another_day_is_used_again_and_its_trade_stays() -> None:
    manager = ff.OrderManager(Wire(), log=(log := ff.MemoryOrderLog()))
    order = manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10)), NOW)
    manager.on_message(filled(order, "E1", 10, 10), NOW)
    manager.new_day(NOW)
    (again,) = manager.on_message(filled(order, "E1", 10, 10), NOW)  # yesterday's report once more
    assert (again.kind, order.cum_qty) == (ff.UpdateKind.DUPLICATE, 10)
    (news,) = manager.on_message(filled(order, "E1", 20, 30), NOW)
    assert (news.kind, order.cum_qty, order.today()[0]) == (ff.UpdateKind.TRADE, 30, 20)
    assert sorted(trade.qty for trade in order.trades.values()) == [10, 20]
    (again,) = manager.on_message(filled(order, "E1", 20, 30), NOW)
    assert (again.kind, order.cum_qty) == (ff.UpdateKind.DUPLICATE, 30)
    bust = [(150, "H"), (39, "1"), (19, "E1"), (14, 10), (151, 90)]
    manager.on_message(report("8", (37, "V1"), (11, order.cl_ord_id), (17, "E2"), (55, "X"), (54, "1"), *bust), NOW)
    assert (order.cum_qty, [trade.qty for trade in order.trades.values()]) == (10, [10])  # today's was meant
    assert not manager.questions
    rebuilt = ff.OrderManager(Wire(), log=log)
    order.uncertain = True
    assert [one.state() for one in rebuilt.all_orders] == [order.state()]


def test_a_correction_of_another_day_does_not_take_the_name_of_a_trade() -> None:
    manager = ff.OrderManager(Wire())
    order = manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10)), NOW)
    manager.on_message(filled(order, "E1", 10, 10), NOW)
    ids = [(37, "V1"), (11, order.cl_ord_id), (55, "X"), (54, "1")]
    fixed = [(17, "E2"), (150, "G"), (39, "1"), (19, "E1"), (32, 15), (31, 10), (14, 15), (151, 85)]
    manager.on_message(report("8", *ids, *fixed), NOW)
    manager.new_day(NOW)
    for exec_id, cum in (("E1", 16), ("E2", 17)):
        manager.on_message(filled(order, exec_id, 1, cum), NOW)
    manager.on_message(report("8", *ids, (17, "E3"), (150, "H"), (39, "1"), (19, "E2"), (14, 16), (151, 84)), NOW)
    assert sorted(trade.qty for trade in order.trades.values()) == [1, 15]
    assert not manager.questions


def test_a_new_day_keeps_what_may_still_be_heard_of() -> None:
    manager = ff.OrderManager(Wire())
    day, till = (
        manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10), time_in_force=tif), NOW) for tif in "01"
    )
    full = manager.submit(LIMIT, NOW)
    for n, (order, status) in enumerate(((day, "3"), (till, "3"), (full, "0"))):
        manager.on_message(accepted(order, f"A{n}"), NOW)
        ids = [(37, f"V{n}"), (11, order.cl_ord_id), (17, f"E{n}"), (55, "X"), (54, "1")]
        manager.on_message(report("8", *ids, (150, status), (39, status), (14, 0), (151, 0)), NOW)
    manager.replace(full, NOW, qty=LIMIT.qty + 5)
    ids = [(37, "V2"), (11, full.cl_ord_id), (17, "E9"), (55, "X"), (54, "1")]
    done = [(150, "F"), (39, "2"), (32, LIMIT.qty), (31, 1), (14, LIMIT.qty), (151, 0)]
    manager.on_message(report("8", *ids, *done), NOW)
    manager.new_day(NOW)
    assert manager.all_orders == [till, full]  # restated in the morning; a replace may reopen it


class Full(ff.MemoryOrderLog):
    """Takes no records of some kinds."""

    def __init__(self, kinds: str) -> None:
        super().__init__()
        self.kinds = kinds

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        if kind in self.kinds:
            raise ff.StoreError("disk full")
        super().append(kind, wall_ns, data)


def test_an_order_that_is_sent_is_there_though_its_number_cannot_be_written() -> None:
    log = Full("#")
    manager = ff.OrderManager(Wire(), log=log)
    order = manager.submit(LIMIT, NOW)
    assert manager.open_orders == [order]
    assert order.requests[order.cl_ord_id].seq > 0


def test_why_an_order_was_not_sent_is_told_though_that_cannot_be_written() -> None:
    log, wire = Full("x"), Wire()
    manager = ff.OrderManager(wire, log=log)
    wire.error = ff.NotActive("disconnected")
    with pytest.raises(ff.NotActive):
        manager.submit(LIMIT, NOW)
    assert not manager.orders


def test_what_few_orders_have_takes_no_room_until_they_have_it() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 7)
    order = manager.submit(ff.OrderRequest("X", "1", Decimal(5)), NOW)
    assert (order.parked, order.corrections, order.voided, order._flags) == (None, None, None, None)
    assert not order.doubts()
    order.flags.add(ff.Doubt.LOST)
    assert order.flags == order.doubts() == {ff.Doubt.LOST}
    order.flags.clear()
    assert not order.doubts()
    order.flags = {ff.Doubt.BOUND}
    assert order.doubts() == {ff.Doubt.BOUND}
