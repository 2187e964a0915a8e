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
