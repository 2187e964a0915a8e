"""The days of orders: when a new one begins, and what that means for orders, positions and limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from tests.exchange.floor import Floor, run
from tests.trading import days
from tests.trading.test_with_exchange import CONFIG, request
from tests.trading.venue import NOW

DAYS = ff.Schedule.daily("17:00", "17:00", tz="America/New_York")
HOUR = 3_600_000_000_000
#: NOW is 2026-01-05 12:00 UTC, 07:00 in New York: ten hours before the day ends
LATER = ff.Now(NOW.mono_ns, NOW.wall_ns + 10 * HOUR + 1)


def managed() -> tuple[ff.OrderManager, list[ff.UpdateKind], ff.MemoryOrderLog]:
    log = ff.MemoryOrderLog()
    manager = ff.OrderManager(lambda msg_type, fields: 1, ff.OrderOptions(days=DAYS, compact="none"), log=log)
    told: list[ff.UpdateKind] = []
    manager.subscribe(lambda update: told.append(update.kind))
    return manager, told, log


def report(order: ff.Order, exec_id: str, exec_type: str, status: str, *fields: Any) -> ff.Message:
    head = [(34, 1), (52, NOW.wall_ns), (37, "V1"), (11, order.cl_ord_id), (17, exec_id), (150, exec_type)]
    return ff.parse(ff.encode("FIX.4.4", "8", [*head, (39, status), (55, "X"), (54, "1"), *fields]))


def fill(order: ff.Order, exec_id: str, qty: int, cum: int, px: int = 10) -> ff.Message:
    return report(order, exec_id, "F", "1", (32, qty), (31, px), (14, cum), (151, 100 - cum))


ORDER = ff.OrderRequest("X", "1", Decimal(100), Decimal(10), time_in_force="1")


def test_a_new_day_begins_with_the_first_message_event_or_order_of_it() -> None:
    manager, told, log = managed()
    ended = manager.submit(ORDER, NOW)
    manager.on_message(report(ended, "E0", "8", "8"), NOW)
    manager.on_message(report(ended, "E1", "8", "8"), ff.Now(0, NOW.wall_ns + 10 * HOUR - 1))
    assert ff.UpdateKind.NEW_DAY not in told
    assert manager.all_orders == [ended]
    manager.settle(LATER)
    assert told.count(ff.UpdateKind.NEW_DAY) == 1
    assert manager.all_orders == []
    manager.settle(LATER)
    manager.settle(NOW)  # a clock that is set back
    manager.settle(LATER)
    assert told.count(ff.UpdateKind.NEW_DAY) == 1
    manager.submit(ORDER, ff.Now(0, LATER.wall_ns + 24 * HOUR))
    assert told[-2:] == [ff.UpdateKind.NEW_DAY, ff.UpdateKind.SENT]
    assert [record.data for record in log.records if record.kind == "!"] == [b'{"event":"new_day"}'] * 2


def test_a_day_that_changed_while_the_program_was_down_is_a_new_one() -> None:
    manager, _, log = managed()
    ended = manager.submit(ORDER, NOW)
    manager.on_message(report(ended, "E0", "8", "8"), NOW)
    again = ff.OrderManager(lambda msg_type, fields: 1, manager.options, log=log)
    assert [order.cl_ord_id for order in again.all_orders] == [ended.cl_ord_id]
    again.settle(LATER)
    assert again.all_orders == []
    for now in (NOW, LATER):  # the log says it, too: once
        rebuilt = ff.OrderManager(lambda msg_type, fields: 1, manager.options, log=log)
        rebuilt.settle(now)
        assert rebuilt.all_orders == []
    assert sum(record.kind == "!" for record in log.records) == 1


@pytest.mark.parametrize("kind", days.KINDS)
def test_a_random_day_is_run_by_its_seed(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert days.main([kind, "--days", "1", "--seed", "4711"]) == 0
    assert f"{kind}: 1 days from seed 4711, 0 failed" in capsys.readouterr().out


def test_what_is_no_schedule_is_refused() -> None:
    with pytest.raises(ff.ConfigError, match="days"):
        ff.OrderOptions(days="17:00")  # type: ignore[arg-type]


def test_positions_follow_the_days_and_what_is_busted_or_corrected_after_them() -> None:
    manager, _, _ = managed()
    positions, whole = ff.Positions(), ff.Positions()
    manager.subscribe(positions.on_update)
    order = manager.submit(ORDER, NOW)
    for n, (qty, cum) in enumerate(((10, 10), (20, 30), (5, 35))):
        manager.on_message(fill(order, f"E{n}", qty, cum), NOW)
    manager.on_message(fill(order, "E0", 40, 75, 12), LATER)  # its ExecID is used again, by another trade
    assert (positions.qty("", "X"), len(positions.trades("", "X"))) == (75, 1)
    bust = report(order, "E7", "H", "1", (19, "E1"), (14, 55), (151, 45))
    manager.on_message(bust, LATER)
    manager.on_message(report(order, "E8", "G", "1", (19, "E2"), (32, 6), (31, 11), (14, 56), (151, 44)), LATER)
    manager.on_message(report(order, "E9", "G", "1", (19, "E2"), (32, 7), (31, 9), (14, 57), (151, 43)), LATER)
    manager.on_message(report(order, "E10", "H", "1", (19, "E0"), (14, 17), (151, 83)), LATER)
    for n, trade in enumerate(order.trades.values()):
        whole.apply(trade, source=str(n))
    held, once = positions["", "X"], whole["", "X"]
    assert (held.qty, held.cash, held.bought, held.sold) == (once.qty, once.cash, once.bought, once.sold)
    assert (held.qty, order.cum_qty) == (17, 17)
    assert [str(question.doubt) for question in manager.questions] == []


def test_the_orders_of_a_session_go_by_its_schedule() -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            hours = ff.Schedule.daily("00:00", "23:00", tz="UTC")
            bot = await floor.client("FIX.4.4", schedule=hours, heart_bt_int=300, reset_on_logon=True)
            other = await floor.client("FIX.4.4", "OTHER", heart_bt_int=300)
            orders = bot.session.orders()
            kinds: list[str] = []
            orders.subscribe(lambda update: kinds.append(update.kind.value))
            done = await orders.submit(request(qty=40))
            kept = await orders.submit(request(qty=100, price="229.00", time_in_force="1"))
            await kept.acknowledged()
            await other.sells("s1", 40)
            assert orders.manager.all_orders == [done, kept]
            assert "new day" not in kinds
            await floor.advance(24 * 3600)
            assert bot.session.active
            assert kinds.count("new day") == 1
            assert orders.manager.all_orders == [kept]
            assert not kept.uncertain
            await kept.cancel()
            assert kept.status is ff.OrdStatus.CANCELED

    run(main())
