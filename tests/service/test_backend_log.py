"""The log of a Backend that is made shorter: numbers go on, and who begins later sees what everybody else sees."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

import fixfast as ff
from fixfast import clock
from fixfast.service.backend.numbered import NumberedLog
from fixfast.service.backend.streaming import Stream, pieces
from fixfast.service.backend.values import Values
from fixfast.service.frames import framed
from fixfast.service.messages import (
    Cancel,
    CaughtUp,
    Done,
    Message,
    OrderNow,
    PositionNow,
    Record,
    Replace,
    Reset,
    Resume,
    Submit,
    TradeNow,
    encode,
)
from fixfast.trading.log import pack
from fixfast.trading.replica import Replica
from tests.engine.harness import run, until
from tests.service.houses import VERSIONS, backend, exchange, front_end, start_of, trading
from tests.trading.test_properties import GONE, STEPS, take
from tests.trading.venue import NOW

OPTIONS = ff.OrderOptions(compact="none")
LIMIT = ff.OrderRequest("X", "1", Decimal(100), Decimal(7))
DAY_NS = 86_400 * 1_000_000_000


class House:
    """What a Backend makes of its log: orders, positions, and what one who follows as values was told."""

    def __init__(self, file: Any, options: ff.OrderOptions = OPTIONS) -> None:
        self.log = NumberedLog(file)
        replica = Replica(options)
        for record in self.log.read():
            replica.apply(*record)
        self.positions = replica.positions
        self.log.beside = lambda: map(pack, self.positions.state())
        numbers = iter(range(1, 100_000))
        self.manager = ff.OrderManager(lambda msg_type, fields: next(numbers), options, log=self.log)
        self.manager.subscribe(self._count)

    def _count(self, update: ff.OrderUpdate) -> None:
        with suppress(ff.TradeConflict):  # two orders, one ExecID: a question of him who listens, kept in no log
            self.positions.on_update(update)

    def fills(self, count: int, side: str = "1", at: ff.Now = NOW) -> list[ff.Order]:
        """Have orders filled, each at another price."""
        orders = []
        for n in range(count):
            order = self.manager.submit(replace(LIMIT, side=side), at)
            fields: dict[int, object] = {
                37: f"V{self.log.next}",
                11: order.cl_ord_id,
                17: f"E{self.log.next}",
                150: "F",
                39: "2",
            }
            fields |= {55: "X", 54: side, 32: 100, 31: 7 + n, 14: 100, 151: 0}
            self.manager.on_message(ff.parse(ff.encode("FIX.4.4", "8", [(34, 1), (52, 0), *fields.items()])), at)
            orders.append(order)
        return orders

    def values(self) -> tuple[Values, list[Message]]:
        """What one is told who begins now."""
        values = Values(OPTIONS, {})
        return values, [said for record in self.log.records(1) for said in values.apply(record)]

    def known(self) -> list[object]:
        """All that decides about what comes."""
        return [list(self.manager._snapshot()), list(self.positions.state())]


def _nothing() -> None:
    pass


def latest(said: list[Message]) -> dict[object, Message]:
    """The latest word about each order and position, without its number and what happened."""
    found: dict[object, Message] = {}
    for one in said:
        if isinstance(one, OrderNow):
            found[one.orig_cl_ord_id or one.cl_ord_id] = changed(one, n=0, what="", wall_ns=0)
        elif isinstance(one, PositionNow):
            found[one.account, one.symbol] = changed(one, n=0)
    return found


# --- the number of a request waits -------------------------------------------------------------------------


def test_the_number_of_a_request_is_written_in_front_of_the_next_record_or_when_it_is_asked_for() -> None:
    house, told = House(file := ff.MemoryOrderLog()), []
    house.log.on_late = lambda: told.append(house.log.next)
    house.manager.submit(LIMIT, NOW)
    assert ([record.kind for record in file.records], house.log.next, told) == ([">"], 2, [2])
    house.manager.submit(LIMIT, NOW)
    assert ([record.kind for record in file.records], house.log.next, told) == ([">", "#", ">"], 4, [2, 4])
    house.log.settle()
    house.log.settle()
    assert [record.kind for record in file.records] == [">", "#", ">", "#"]
    house.manager.submit(LIMIT, NOW)
    assert [kind for kind, _, _ in house.log.read()] == [">", "#"] * 3
    house.manager.new_day(NOW)
    assert [record.kind for record in file.records] == [">", "#"] * 3 + ["!"]


def test_nothing_waits_where_nobody_sees_to_it() -> None:
    house = House(file := ff.MemoryOrderLog())
    house.manager.submit(LIMIT, NOW)
    assert [record.kind for record in file.records] == [">", "#"]


def test_a_number_that_was_not_written_any_more_makes_its_order_uncertain() -> None:
    """As with a process that is killed between the bytes for the venue and the record."""
    house = House(file := ff.MemoryOrderLog())
    house.log.on_late = _nothing
    order = house.manager.submit(LIMIT, NOW)
    (again,) = House(file).manager.open_orders
    assert (again.cl_ord_id, again.uncertain) == (order.cl_ord_id, True)


@pytest.mark.parametrize("as_values", [True, False])
def test_an_answer_comes_behind_the_records_of_its_command_though_one_was_written_later(as_values: bool) -> None:
    async def main() -> None:
        house = House(ff.MemoryOrderLog())
        stream = Stream(house.log, lambda: Values(OPTIONS, {}))
        slow = Slow()
        slow.reads.set()
        link: Any = slow
        stream.follow(link, 1, as_values)
        await until(lambda: bool(slow.said))
        for n in (1, 2):  # two commands of one read
            house.manager.submit(LIMIT, NOW, cl_ord_id=f"A{n}")
            stream.answer(link, Done(n))
        await until(lambda: slow.said[-1] == Done(2))
        said = [one.n if isinstance(one, (Record, OrderNow)) else one for one in slow.said[1:]]
        assert said == ([2, Done(1), 4, Done(2)] if as_values else [1, 2, Done(1), 3, 4, Done(2)])
        stream.leave(link)

    run(main())


def test_a_number_that_cannot_be_written_fails_the_next_command_not_the_one_that_was_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        with ff.FileOrderLog(tmp_path / "orders.log") as file:
            house = House(file)
            stream = Stream(house.log, lambda: Values(OPTIONS, {}))
            slow = Slow()
            slow.reads.set()
            link: Any = slow
            stream.follow(link, 1, False)
            await until(lambda: bool(slow.said))
            house.manager.submit(LIMIT, NOW)
            stream.answer(link, Done(1))
            os.close(file._fd)
            file._fd = os.open(tmp_path / "orders.log", os.O_RDONLY)  # a disk that takes no more
            await until(lambda: slow.said[-1] == Done(1))
            assert "cannot be written" in caplog.text
            told = [one for one in slow.said if isinstance(one, Record)]
            assert [one.kind for one in told] == [">"]  # what is not in the file is told to nobody
            sent = len(house.manager.all_orders)
            with pytest.raises(ff.StoreError, match="cannot be written"):
                house.manager.submit(LIMIT, NOW)
            assert len(house.manager.all_orders) == sent == 1
            stream.leave(link)

    run(main())


# --- with compaction is as without -------------------------------------------------------------------------


@given(steps=st.lists(STEPS, max_size=30), more=st.lists(STEPS, max_size=10), day=st.booleans(), late=st.booleans())
def test_who_follows_does_not_notice_and_who_begins_later_sees_the_same(
    steps: list[tuple[str, Any]], more: list[tuple[str, Any]], day: bool, late: bool
) -> None:
    """Of two Backends that hear the same, one makes its log shorter; the files are both gone through in the end."""
    seen = []
    for short in (False, True):
        file = ff.MemoryOrderLog()
        house = House(file)
        live, replica = Values(OPTIONS, {}), Replica(OPTIONS)
        records: list[Record] = []
        house.log.on_append.append(records.append)
        if late:
            house.log.on_late = _nothing
        house.fills(8)
        for name, side in (("A", "1"), ("B", "2")):
            house.manager.submit(replace(LIMIT, side=side), NOW, cl_ord_id=name)
        for n, (kind, what) in enumerate(steps):
            take(house.manager, n + 1, kind, what)
        if day:
            house.manager.new_day(NOW)
        if short:
            house.manager.compact(NOW)
            assert not day or house.log.since == house.log.next > house.log.first > 1
        for n, (kind, what) in enumerate(more, len(steps)):
            take(house.manager, n + 1, kind, what)
        house.manager.on_event(GONE, NOW)
        house.log.settle()
        assert [record.n for record in records] == list(range(1, house.log.next))
        told = [live.apply(record) for record in records]
        for record in records:
            replica.apply(record.kind, record.wall_ns, record.data)
        again = House(file)
        assert again.known() == house.known()
        assert list(replica.positions) == list(house.positions)
        assert (again.log.first, again.log.since, again.log.next) == (
            house.log.first, house.log.since, house.log.next,
        )  # fmt: skip
        values, said = again.values()
        seen.append((told, again.known(), values.now(0)))
        held = latest(said)
        assert {key: held[key] for key in latest(values.now(0))} == latest(values.now(0))
    assert seen[0] == seen[1]


def test_a_day_that_is_over_leaves_what_is_open_and_positions_with_their_profit(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    with ff.FileOrderLog(path) as file:
        house = House(file, ff.OrderOptions())
        house.fills(50)
        house.fills(40, "2")
        kept = house.manager.submit(replace(LIMIT, time_in_force="1"), NOW)
        (before,) = house.positions
        size, following = path.stat().st_size, house.log.next + 1
        house.manager.new_day(ff.Now(0, NOW.wall_ns + DAY_NS))  # requests are kept for a day
        assert path.stat().st_size < size / 10
        assert house.log.next == house.log.since == following
    with ff.FileOrderLog(path) as file:
        again = House(file, ff.OrderOptions())
        assert [order.cl_ord_id for order in again.manager.all_orders] == [kept.cl_ord_id]
        (held,) = again.positions
        assert (held.qty, held.avg_px, held.realised) == (before.qty, before.avg_px, before.realised)
        assert (again.log.since, again.log.next) == (following, following + 1)  # that it was interrupted
        _, said = again.values()
        assert [type(one) for one in said] == [OrderNow, PositionNow, OrderNow]
        assert isinstance(said[0], OrderNow)
        assert isinstance(said[1], PositionNow)
        assert (said[0].what, said[0].cl_ord_id) == ("restored", kept.cl_ord_id)
        assert Decimal(said[1].realised) == held.realised != 0
        assert again.log.first <= said[0].n < said[1].n < following == again.log.since


def test_a_log_is_not_made_longer() -> None:
    house = House(log := ff.MemoryOrderLog())
    house.manager.submit(LIMIT, NOW)
    before = list(log.records)
    house.manager.compact(NOW)
    assert (log.records, house.log.first, house.log.since) == (before, 1, 1)


def test_a_full_disk_leaves_the_log_and_its_numbers_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "orders.log.new").mkdir()
    with ff.FileOrderLog(tmp_path / "orders.log") as file:
        house = House(file, ff.OrderOptions())
        house.fills(9)
        house.manager.new_day(NOW)
        house.fills(1)
        assert [question.doubt for question in house.manager.questions] == [ff.Doubt.LOG]
        assert (house.log.first, house.log.since) == (1, 1)
        assert len(house.log.asked) == 10
        records = list(house.log.records(1))
    with ff.FileOrderLog(tmp_path / "orders.log") as file:
        assert list(NumberedLog(file).records(1)) == records


def test_a_log_that_begins_with_nonsense_is_refused() -> None:
    for kind, data in (("N", b"{}"), ("N", b"no json"), ("A", b"x {}"), ("A", b"1 {}")):
        file = ff.MemoryOrderLog()
        file.append(kind, 1, data)
        with pytest.raises(ff.StoreCorrupt, match="order log"):
            NumberedLog(file)


def test_requests_of_the_latest_day_are_known_and_older_ones_of_orders_that_live() -> None:
    house = House(file := ff.MemoryOrderLog())
    later = ff.Now(0, NOW.wall_ns + DAY_NS)
    old = [order.cl_ord_id for order in house.fills(9)]
    living = house.manager.submit(replace(LIMIT, time_in_force="1"), NOW).cl_ord_id
    new = [order.cl_ord_id for order in house.fills(9, at=later)]
    house.manager.new_day(later)
    records = dict(house.log.asked)
    house.manager.compact(later)
    assert house.log.first > 1
    for log in (house.log, NumberedLog(file)):
        assert list(log.asked) == [living, *new]
        assert all(log.asked[name] == records[name] for name in (living, *new))
        assert not set(old) & set(log.asked)


KILLED = """
import os, shutil, sys
import fixfast as ff
from fixfast.store import orderlog
from tests.service.test_backend_log import House

def doomed(call):
    def instead(*arguments, **options):
        global count
        count += 1
        if count == point:
            if call is write:  # half of it
                write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            os.kill(os.getpid(), 9)
        return call(*arguments, **options)
    return instead

write, point, status = os.write, 0, 9
while status == 9:
    point += 1
    path = shutil.copy("orders.log", f"{point}.log")
    if not os.fork():
        house, count, now = House(ff.FileOrderLog(path)), 0, ff.Now(0, 1767614400000000000)
        calls = (write, os.replace, os.open, os.close, os.fsync)
        os.write, os.replace, os.open, os.close, os.fsync = map(doomed, calls)
        orderlog.sync_fd = doomed(orderlog.sync_fd)
        house.manager.compact(now)
        house.manager.submit(ff.OrderRequest("X", "1", 5, 6), now, cl_ord_id="later")
        os._exit(0)
    status = os.wait()[1]
print(point, status)
"""


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a process that is killed at each step, without beginning each anew"
)
def test_a_backend_that_is_killed_at_any_step_of_it_has_all_and_goes_on_with_its_numbers(tmp_path: Path) -> None:
    with ff.FileOrderLog(tmp_path / "orders.log") as file:
        house = House(file)
        house.fills(12)
        house.manager.new_day(NOW)
        house.manager.submit(replace(LIMIT, time_in_force="1"), NOW, cl_ord_id="open")
        house.manager.on_event(GONE, NOW)
        following, known, asked = house.log.next, house.known(), dict(house.log.asked)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", KILLED]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment)
    points, status = map(int, done.stdout.split())
    assert status == 0, done.stderr
    shorter = []
    for point in range(1, points + 1):
        with ff.FileOrderLog(tmp_path / f"{point}.log") as file:
            log = NumberedLog(file)
            shorter.append(log.first > 1)
            assert log.since == (following if log.first > 1 else 1)
            assert {name: log.asked[name] for name in asked} == asked
            assert [record.n for record in log.records(1)] == list(range(log.first, log.next))
            assert log.next - following <= 2
            if log.next == following:  # the request that came after it was not written yet
                assert House(file).known() == known, f"killed at {point}"
    assert shorter == sorted(shorter)
    assert 20 < shorter.count(False) < points < 60


# --- who is sent what ----------------------------------------------------------------------------------------


class Slow:
    """A front end that reads when it is told to."""

    where = "slow"

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.reads = asyncio.Event()
        self.waits = asyncio.Event()

    def send(self, message: Message) -> None:
        self.said.append(message)

    async def drain(self) -> None:
        if self.said:
            self.waits.set()
            await self.reads.wait()


@pytest.mark.parametrize(("n", "as_values"), [(1, False), (1, True), (0, True)])
def test_a_log_that_is_made_shorter_under_one_who_catches_up_begins_anew_for_him(n: int, as_values: bool) -> None:
    async def main() -> None:
        house = House(ff.MemoryOrderLog())
        stream = Stream(house.log, lambda: Values(OPTIONS, {}))
        house.fills(120)
        slow = Slow()
        link: Any = slow
        stream.follow(link, n, as_values)
        await slow.waits.wait()
        seen = len(slow.said)
        assert seen >= 100
        house.manager.new_day(NOW)
        house.manager.compact(NOW)
        house.fills(1, "2")
        slow.reads.set()
        await until(lambda: isinstance(slow.said[-1], CaughtUp))
        (reset,) = [one for one in slow.said if isinstance(one, Reset)]
        assert reset == Reset(house.log.first)
        begun = slow.said.index(reset)
        assert begun >= seen
        if as_values:
            assert latest(slow.said[begun:]) == latest(house.values()[1])
        else:
            numbers = [one.n for one in slow.said[begun + 1 : -1] if isinstance(one, Record)]
            assert numbers == list(range(house.log.first, house.log.next))
        stream.leave(link)

    run(main())


def test_a_record_that_is_longer_than_a_frame_comes_in_pieces() -> None:
    for size in (0, 1, (1 << 19) - 1, 1 << 19, (1 << 19) + 1, 1 << 20, 3_000_000):
        data = os.urandom(size)
        parts = list(pieces(Record(7, "=", 5, data)))
        assert b"".join(part.data for part in parts) == data
        assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
        assert {(part.n, part.kind, part.wall_ns) for part in parts} == {(7, "=", 5)}
        assert all(framed(encode(part)) for part in parts)


@pytest.mark.parametrize("version", VERSIONS)
def test_over_a_new_day_front_ends_go_on_and_a_request_of_the_day_before_is_not_sent_again(
    tmp_path: Path, version: str
) -> None:
    async def main() -> None:
        async with exchange() as venue:
            start = start_of(tmp_path, venue.port, version)
            async with (
                backend(start) as house,
                front_end(house.address) as desk,
                front_end(house.address, "B") as bot,
                front_end(house.address, "C") as late,
            ):
                await desk.resumed()
                await bot.resumed(as_values=False)
                await desk.logged_on()
                for n in range(4):
                    await desk.submit(f"s{n}", side="2", price=str(100 + n))
                    await desk.submit(f"b{n}", price=str(100 + n))
                    await desk.order(f"b{n}", "2")
                await desk.submit("gtc", qty="30", price="90", time_in_force="1")
                await desk.do(Replace, cl_ord_id="Ag2", order="Agtc", qty="20")
                await desk.until(lambda one: isinstance(one, OrderNow) and one.what == "replaced")
                side = house._parts.side
                side.manager.new_day(clock.now())
                log = house._parts.log
                assert log.since == log.next > log.first > 1
                await desk.submit("sell", side="2", price="90")  # live ones do not notice
                assert (await desk.order("gtc", "1")).cum_qty == "10"
                await bot.until(lambda one: isinstance(one, Record) and one.n == log.next - 1)
                assert not desk.all(Reset) + bot.all(Reset)
                assert [one.n for one in bot.records()] == list(range(1, log.next))

                await late.resumed()
                assert late.all(Reset) == [Reset(log.first)]
                told = latest(late.said)
                assert set(told) == {"Agtc", "Asell", ("", "AAPL")}
                assert told == {key: one for key, one in latest(desk.said).items() if key in told}
                assert {one.cl_ord_id for one in late.all(TradeNow)} == {"Ag2", "Asell"}  # of this day
                await late.resumed(0)
                assert latest(late.said[late.said.index(late.all(CaughtUp)[0]) :]) == told
                await again(desk)
            async with backend(start) as house, front_end(house.address) as desk:  # and when it was started again
                await desk.resumed(0)
                assert latest(desk.said)["", "AAPL"] == told["", "AAPL"]
                await desk.logged_on()
                await again(desk)
            assert len(venue.venue.telling.orders) == 10

    async def again(desk: Any) -> None:
        forgotten = {"cl_ord_id": "As1", "symbol": "AAPL", "side": "2", "qty": "10"}
        assert (await desk.do(Submit, price="101", **forgotten)).record > 0
        assert (await desk.failed(Submit, price="102", **forgotten)).code == "duplicate"
        assert (await desk.failed(Cancel, cl_ord_id="As1", order="Agtc")).code == "duplicate"
        assert (await desk.do(Replace, cl_ord_id="Ag2", order="Agtc", qty="20")).record > 0
        assert (await desk.failed(Replace, cl_ord_id="Ag2", order="Agtc", qty="21")).code == "duplicate"

    run(main())


@pytest.mark.parametrize("compact", ["day", "none"])
def test_a_session_without_a_schedule_has_a_new_day_at_midnight_utc(tmp_path: Path, compact: str) -> None:
    """What was written yesterday is made shorter by the first order of today, and what is open stays."""
    (tmp_path / "state").mkdir(mode=0o700)
    yesterday = ff.Now(0, clock.now().wall_ns // DAY_NS * DAY_NS - 1)
    with ff.FileOrderLog(tmp_path / "state" / "orders.log") as file:
        before = House(file)
        before.fills(20)
        before.manager.submit(replace(LIMIT, time_in_force="1"), yesterday, cl_ord_id="gtc")
        count = before.log.next - 1

    async def main() -> None:
        async with exchange() as venue:
            start = start_of(tmp_path, venue.port, orders=ff.OrderOptions(compact=compact, reconcile="none"))
            async with backend(start) as house, front_end(house.address) as desk:
                await desk.logged_on()
                await desk.submit("first")
                side, log = house._parts.side, house._parts.log
                assert [order.cl_ord_id for order in side.manager.all_orders] == ["gtc", "Afirst"]
                assert (log.first > 1) is (compact == "day")
                assert log.next > count
                (held,) = side.positions
                assert held.qty == 2000

    run(main())


def test_a_front_end_may_begin_with_the_present(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            trading(tmp_path) as (_, house, desk),
            front_end(house.address, "B") as screen,
        ):
            for n in range(3):
                await desk.submit(f"b{n}")
                await desk.submit(f"s{n}", side="2")
                await desk.order(f"s{n}", "2")
            await desk.submit("open", price="90")
            await desk.order("open", "0")
            await screen.resumed(0)
            said = [one for one in screen.said if isinstance(one, (OrderNow, PositionNow, TradeNow))]
            assert latest(screen.said) == latest(desk.said)
            assert len(said) == 8  # seven orders, one position: and each once
            assert {one.n for one in said} == {0}
            (caught_up,) = screen.all(CaughtUp)
            await desk.submit("next", price="90")
            following = await screen.until(lambda one: isinstance(one, OrderNow) and one.n)
            assert following.n >= caught_up.n
            assert (await screen.failed(Resume, from_record=0)).field == "from_record"

    run(main())


def test_a_request_that_was_not_sent_is_not_known_though_that_waits_for_room(tmp_path: Path) -> None:
    class Disk(ff.MemoryOrderLog):
        full = False

        def append(self, kind: str, wall_ns: int, data: bytes) -> None:
            if self.full:
                raise ff.StoreError("no room")
            super().append(kind, wall_ns, data)

    def down(msg_type: str, fields: object) -> int:
        file.full = True
        raise ff.NotActive("disconnected")

    house = House(file := Disk())
    sending, house.manager._send = house.manager._send, down
    with pytest.raises(ff.NotActive):
        house.manager.submit(LIMIT, NOW, cl_ord_id="A1")
    assert "A1" not in house.log.asked
    with pytest.raises(ff.StoreError):
        house.manager.submit(LIMIT, NOW, cl_ord_id="A2")
    file.full, house.manager._send = False, sending
    house.manager.submit(LIMIT, NOW, cl_ord_id="A1")
    assert "A1" in house.log.asked
    assert [(record.kind, b"A1" in record.data) for record in file.records] == [
        (">", True), ("x", True), (">", True), ("#", True),
    ]  # fmt: skip
    assert [order.cl_ord_id for order in House(file).manager.all_orders] == ["A1"]
