"""Replica: from the records alone come the same orders, with the same updates."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.trading.replica import Replica
from tests.trading.scripts import SCENARIOS, Runner, names, read_scenario

CASES = names(SCENARIOS)
NOW = ff.Now(0, 1_700_000_000_000_000_000)


def said(updates: list[ff.OrderUpdate]) -> list[tuple[object, ...]]:
    return [
        (u.kind, u.order and u.order.cl_ord_id, u.before, u.status, u.trade, u.previous, u.request and u.request.state)
        for u in updates
    ]


@pytest.mark.parametrize(("path", "version"), CASES, ids=[f"{path.stem}-{version}" for path, version in CASES])
def test_a_replica_has_the_same_orders_and_tells_the_same(path: Path, version: str) -> None:
    runner = Runner(read_scenario(path), version)
    live: list[tuple[object, ...]] = []
    first = runner.manager
    first.subscribe(lambda update: live.extend(said([update])))
    replica = Replica(runner.options)
    copied: list[tuple[object, ...]] = []
    replica.subscribe(lambda update: copied.extend(said([update])))
    taken, begun = 0, None

    def follow() -> None:
        nonlocal taken, begun
        if runner.log.records[0] is not begun:  # a log that was made shorter tells all anew
            taken, begun = 0, runner.log.records[0]
        for record in runner.log.records[taken:]:
            replica.apply(*record)
            taken += 1

    # after each step, not at the end: an update holds the order itself, which moves on
    first.subscribe(lambda update: follow())
    runner.run()
    follow()
    assert [order.state() for order in replica.all_orders] == [order.state() for order in runner.manager.all_orders]
    assert sorted(replica.orders) == sorted(runner.manager.orders)
    assert copied == live or runner.manager is not first  # a restarted one has no listeners


def test_a_replica_sends_nothing_and_says_so() -> None:
    log = ff.MemoryOrderLog()
    manager = ff.OrderManager(lambda msg_type, fields: 7, log=log)
    manager.submit(ff.OrderRequest("X", "1", Decimal(5)), NOW)
    replica = Replica(manager.options)
    updates = [update for record in log.read() for update in replica.apply(*record)]
    assert [update.kind for update in updates] == [ff.UpdateKind.SENT]
    with pytest.raises(ff.LocalProtocolError, match="a replica sends nothing"):
        replica.cancel(replica.open_orders[0], NOW)
    assert [request.msg_type for request in replica.open_orders[0].pending.values()] == ["D"]


def test_a_replica_knows_of_an_interruption_that_nobody_could_tell() -> None:
    log = ff.MemoryOrderLog()
    first = ff.OrderManager(lambda msg_type, fields: 7, log=log)
    first.submit(ff.OrderRequest("X", "1", Decimal(5)), NOW, cl_ord_id="A")
    again = ff.OrderManager(lambda msg_type, fields: 8, log=log)  # the process was killed, and is back
    replica = Replica(first.options)
    for record in log.read():
        replica.apply(*record)
    assert replica.orders["A"].uncertain
    assert again.orders["A"].uncertain


def test_a_record_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ff.StoreCorrupt, match="a record of kind '\\?'"):
        Replica().apply("?", 0, b"")
    with pytest.raises(ff.StoreCorrupt):
        Replica().apply(">", 0, b"{")


def test_requests_may_have_ids_of_their_own() -> None:
    sent: list[tuple[str, object]] = []

    def send(msg_type: str, fields: list[tuple[object, object]]) -> int:
        sent.append((msg_type, dict(fields)[11]))
        return len(sent)

    manager = ff.OrderManager(send)
    order = manager.submit(ff.OrderRequest("X", "1", Decimal(5), Decimal(9)), NOW, cl_ord_id="A")
    manager.replace(order, NOW, qty=6, cl_ord_id="B")
    manager.cancel(order, NOW, cl_ord_id="C")
    manager.mass_cancel(NOW, cl_ord_id="M")
    assert sent == [("D", "A"), ("G", "B"), ("F", "C"), ("q", "M")]
    with pytest.raises(ff.LocalProtocolError, match="in use"):
        manager.replace(order, NOW, qty=7, cl_ord_id="A")


def test_what_is_alike_in_many_orders_is_one_object_and_written_as_it_came() -> None:
    log = ff.MemoryOrderLog()
    manager = ff.OrderManager(lambda msg_type, fields: 7, log=log)
    replica = Replica(manager.options)
    symbol = "".join(["EUR", "/USD"])
    for n, qty in enumerate(("5", "5", "5.0", "5")):
        order = manager.submit(ff.OrderRequest(symbol, "1", Decimal(qty), Decimal("1.10")), NOW, cl_ord_id=f"C{n}")
        said = [(49, "V"), (56, "B"), (34, n + 1), (52, NOW.wall_ns), (37, f"O{n}"), (11, order.cl_ord_id)]
        fill = [(17, f"E{n}"), (150, "F"), (39, "2"), (55, symbol), (54, "1"), (32, qty), (31, "1.10"), (151, "0")]
        manager.on_message(ff.parse(ff.encode("FIX.4.4", "8", [*said, *fill, (14, qty), (6, "1.1")])), NOW)
    updates = [update for record in log.read() for update in replica.apply(*record)]
    first, second, third, last = replica.all_orders
    for name in ("symbol", "qty", "price", "cum_qty", "notional", "leaves_qty"):
        assert getattr(second, name) is getattr(last, name), name
    assert second.request is not None
    assert last.request is not None
    assert second.request.price is last.request.price
    assert [str(order.qty) for order in (first, second, third, last)] == ["5", "5", "5.0", "5"]
    assert [str(order.cum_qty) for order in (first, second, third, last)] == ["5", "5", "5.0", "5"]
    (trade,) = last.trades.values()
    assert (trade.qty, trade.px) == (Decimal(5), Decimal("1.1"))
    assert all(one is other for one, other in (
        (trade.symbol, last.symbol), (trade.cl_ord_id, last.cl_ord_id), (trade.order_id, last.order_id),
        (trade.qty, last.qty), (trade.px, last.price), (replica._execs["E3"][-1], last.cum_qty),
    ))  # fmt: skip
    assert [update.trade for update in updates if update.trade] == [
        next(iter(o.trades.values())) for o in replica.all_orders
    ]
    assert [order.state() for order in replica.all_orders] == [order.state() for order in manager.all_orders]


def test_numbers_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.trading.replica._ALIKE", 10)
    replica = Replica()
    for n in range(1000):
        assert str(replica._same(Decimal(n))) == str(n)
        assert len(replica._alike) <= 10
    known = replica._same(Decimal(999))
    assert replica._same(Decimal("999")) is known
