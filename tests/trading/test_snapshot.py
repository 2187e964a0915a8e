"""A log that was made shorter tells what the long one tells: all that decides about what comes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from tests.trading.test_properties import GONE, STEPS, take
from tests.trading.test_requests import LIMIT, Wire, accepted, filled, report
from tests.trading.venue import NOW

PLACES = st.integers(0, 30)


def known(manager: ff.OrderManager) -> list[bytes]:
    """All that a manager knows."""
    return list(manager._snapshot())


def told(updates: list[ff.OrderUpdate]) -> list[tuple[Any, ...]]:
    return [
        (
            u.order and u.order.cl_ord_id,
            u.request and u.request.cl_ord_id,
            u.kind,
            u.before,
            u.status,
            u.report,
            u.trade,
        )
        for u in updates
    ]


def begin(log: ff.MemoryOrderLog, numbers: Any, adopt: bool) -> ff.OrderManager:
    options = ff.OrderOptions(adopt=adopt, compact="none")
    return ff.OrderManager(lambda msg_type, fields: next(numbers), options, log=log)


@given(steps=st.lists(STEPS, max_size=40), adopt=st.booleans(), at=PLACES, restart=PLACES)
def test_whatever_comes_before_and_after_a_snapshot_the_manager_is_the_same(
    steps: list[tuple[str, Any]], adopt: bool, at: int, restart: int
) -> None:
    """Of two managers that hear the same, one makes its log shorter, then both end and are built again."""
    managers = []
    for short in (False, True):
        log, numbers = ff.MemoryOrderLog(), iter(range(1, 10_000))
        manager = begin(log, numbers, adopt)
        for name, side in (("A", "1"), ("B", "2")):
            manager.submit(ff.OrderRequest("X", side, Decimal(100), Decimal(7)), NOW, cl_ord_id=name)
        updates = []
        for n, (kind, what) in enumerate(steps):
            if n == at and short:
                manager.compact(NOW)
                assert {record.kind for record in log.records} == {"="}
            if n == at + restart:
                manager = begin(log, numbers, adopt)
            updates += told(take(manager, n + 1, kind, what))
        manager.on_event(GONE, NOW)
        managers.append((manager, updates, log, numbers))
    (long, said, _, _), (short_one, also, log, numbers) = managers
    assert said == also
    assert known(long) == known(short_one)
    again = begin(log, numbers, adopt)
    assert known(again) == known(short_one)
    assert [order.state() for order in again.all_orders] == [order.state() for order in long.all_orders]
    again.compact(NOW)
    assert known(begin(log, numbers, adopt)) == known(short_one)


def test_a_new_day_makes_the_log_shorter_to_what_is_still_needed(tmp_path: Path) -> None:
    with ff.FileOrderLog(tmp_path / "orders.log") as log:
        manager = ff.OrderManager(Wire(), log=log)
        for n in range(200):
            order = manager.submit(LIMIT, NOW)
            manager.on_message(report("3", (45, n + 1), (58, "no")), NOW)
        kept = manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10), time_in_force="1"), NOW)
        manager.on_message(filled(kept, "E1", 10, 10), NOW)
        before = (tmp_path / "orders.log").stat().st_size
        manager.new_day(NOW)
        assert (tmp_path / "orders.log").stat().st_size < before / 20
        last = manager.submit(LIMIT, ff.Now(0, 0))
        manager.on_event(GONE, NOW)
    with ff.FileOrderLog(tmp_path / "orders.log") as log:
        again = ff.OrderManager(Wire(), log=log)
        assert known(again) == known(manager)
        assert [order.cl_ord_id for order in again.all_orders] == [kept.cl_ord_id, last.cl_ord_id]
        assert again.submit(LIMIT, ff.Now(0, 0)).cl_ord_id > last.cl_ord_id > order.cl_ord_id  # no id comes again
        (copy,) = again.on_message(filled(kept, "E1", 10, 10), NOW)  # and no execution
        assert copy.kind is ff.UpdateKind.DUPLICATE


def test_when_the_log_is_made_shorter_is_an_option() -> None:
    for compact, kinds in (("day", "="), ("none", ">#<!"), ("start", ">#<!")):
        log = ff.MemoryOrderLog()
        manager = ff.OrderManager(Wire(), ff.OrderOptions(compact=compact), log=log)
        manager.on_message(accepted(manager.submit(LIMIT, NOW)), NOW)
        manager.new_day(NOW)
        assert {record.kind for record in log.records} == set(kinds)
        ff.OrderManager(Wire(), manager.options, log=log)
        assert {record.kind for record in log.records} - {"!"} == ({"="} if compact == "start" else set(kinds) - {"!"})
    with pytest.raises(ff.ConfigError, match="compact"):
        ff.OrderOptions(compact="sometimes")


class TwoMethods:
    """A log of a program's own."""

    def __init__(self) -> None:
        self.append, self.read = (log := ff.MemoryOrderLog()).append, log.read


def test_a_log_that_cannot_be_made_shorter_only_grows() -> None:
    manager = ff.OrderManager(Wire(), log=TwoMethods())
    manager.submit(LIMIT, NOW)
    manager.new_day(NOW)
    assert not manager.questions
    with pytest.raises(ff.LocalProtocolError, match="replace"):
        manager.compact(NOW)


def test_a_full_disk_at_a_new_day_is_a_question_and_the_log_goes_on(tmp_path: Path) -> None:
    (tmp_path / "orders.log.new").mkdir()
    with ff.FileOrderLog(tmp_path / "orders.log") as log:
        manager = ff.OrderManager(Wire(), log=log)
        manager.new_day(NOW)
        order = manager.submit(LIMIT, NOW)
        assert [question.doubt for question in manager.questions] == [ff.Doubt.LOG]
    with ff.FileOrderLog(tmp_path / "orders.log") as log:
        assert [one.cl_ord_id for one in ff.OrderManager(Wire(), log=log).all_orders] == [order.cl_ord_id]
