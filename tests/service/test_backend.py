"""The Backend against a real exchange: orders, positions, books, several front ends, over its own end and theirs."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange import ParticipantConfig
from fixfast.service.ipc import name_of
from fixfast.service.link import LinkLost, LinkRefused
from fixfast.service.messages import (
    AskStatus,
    BookNow,
    Cancel,
    CancelAll,
    CaughtUp,
    Fault,
    Grant,
    LogOff,
    LogOn,
    MassCancel,
    OrderNow,
    PositionNow,
    Printed,
    Record,
    Replace,
    Reset,
    Resume,
    StatusNow,
    Submit,
    Subscribe,
    TradeNow,
    Unsubscribe,
    WatchMessages,
    Welcome,
    WireMessage,
)
from fixfast.trading.order import Order
from fixfast.trading.replica import Replica
from fixfast.trading.request import OrderOptions
from tests.engine.harness import run, until
from tests.service.houses import VERSIONS, Process, backend, exchange, front_end, start_of, trading


@pytest.mark.parametrize("version", VERSIONS)
def test_orders_trade_are_replaced_and_cancelled(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with trading(tmp_path, version) as (_, _, desk):
            await desk.submit("1", qty="30")
            await desk.order("1", "0")
            await desk.submit("2", side="2")
            assert (await desk.order("1", "1")).cum_qty == "10"
            await desk.do(Replace, cl_ord_id="A3", order="A1", qty="40", price="99.5")
            replaced = await desk.until(lambda one: isinstance(one, OrderNow) and one.cl_ord_id == "A3")
            assert (replaced.qty, replaced.leaves_qty, replaced.price, replaced.orig_cl_ord_id) == (
                "40", "30", "99.50", "A1",
            )  # fmt: skip
            await desk.do(Cancel, cl_ord_id="A4", order="A1")  # any ClOrdID of the chain
            done = await desk.order("1", "4")
            assert (done.cum_qty, done.leaves_qty, done.avg_px) == ("10", "0", "100.00")
            assert {(one.side, one.qty, one.px) for one in desk.all(TradeNow)} == {
                ("1", "10", "100.00"),
                ("2", "10", "100.00"),
            }
            assert desk.all(PositionNow)[-1].qty == "0"

    run(main())


def test_the_same_request_again_is_answered_and_not_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue:
            for attempt in range(2):  # also when the Backend was started again meanwhile
                async with backend(start_of(tmp_path, venue.port)) as house, front_end(house.address) as desk:
                    await desk.resumed()
                    await desk.logged_on()
                    first = await desk.submit("1", price="90")
                    assert (await desk.submit("1", price="90")).record <= first.record
                    assert (await desk.submit("1", qty="1E1", price="9E1")).record <= first.record
                    again = await desk.failed(Submit, cl_ord_id="A1", symbol="AAPL", side="1", qty="11", price="90")
                    assert (again.code, again.field) == ("duplicate", "cl_ord_id")
                    again = await desk.failed(Cancel, cl_ord_id="A1", order="A1")
                    assert again.code == "duplicate"
                    if not attempt:
                        await desk.order("1", "0")
                        await desk.do(Replace, cl_ord_id="A2", order="A1", qty="20")
                        await desk.until(lambda one: isinstance(one, OrderNow) and one.what == "replaced")
                    await desk.do(Replace, cl_ord_id="A2", order="A1", qty="20")
                    assert (await desk.failed(Replace, cl_ord_id="A2", order="A1", qty="21")).code == "duplicate"
                    assert len(venue.venue.telling.orders) == 1

    run(main())


def test_what_cannot_be_done_is_said_and_changes_nothing(tmp_path: Path) -> None:
    order = {"symbol": "AAPL", "side": "1", "qty": "10", "price": "90"}

    async def main() -> None:
        async with trading(tmp_path, risk=ff.RiskLimits(max_qty=100), log_on=False) as (venue, _, desk):
            assert (await desk.failed(Submit, cl_ord_id="A1", **order)).code == "not_active"
            await desk.resumed()
            await desk.logged_on()
            for change, code, field in (
                ({"cl_ord_id": "B1"}, "invalid", "cl_ord_id"),
                ({"cl_ord_id": "A"}, "invalid", "cl_ord_id"),
                ({"cl_ord_id": "A" * 65}, "invalid", "cl_ord_id"),
                ({"cl_ord_id": "A\x01"}, "invalid", "cl_ord_id"),
                ({"qty": "0"}, "invalid", "qty"),
                ({"qty": "many"}, "invalid", "qty"),
                ({"qty": "NaN"}, "invalid", "qty"),
                ({"price": None, "ord_type": "2"}, "invalid", "price"),
                ({"side": "buy"}, "invalid", "side"),
                ({"symbol": ""}, "invalid", "symbol"),
                ({"symbol": "A\x0135=8"}, "invalid", ""),
                ({"qty": "101"}, "refused", ""),
                ({"extra": ((10, "1"),)}, "invalid", ""),
            ):
                failed = await desk.failed(Submit, **{"cl_ord_id": "A1", **order, **change})
                assert (failed.code, failed.field) == (code, field), (change, failed)
            assert (await desk.failed(Cancel, cl_ord_id="A2", order="A1")).code == "unknown"
            assert (await desk.failed(Replace, cl_ord_id="A2", order="A1", qty="5")).code == "unknown"
            assert (await desk.failed(AskStatus, order="A1")).code == "unknown"
            assert (await desk.failed(MassCancel)).code == "unsupported"
            assert (await desk.failed(Unsubscribe, symbol="AAPL")).code == "unknown"
            assert (await desk.failed(Subscribe, symbol="AAPL", depth=-1)).field == "depth"
            assert (await desk.failed(Resume, from_record=0)).field == "from_record"
            assert (await desk.failed(Grant, token=b"", prefix="X")).code == "unsupported"
            assert (await desk.failed(LogOn, heart_bt_int=-1)).field == "heart_bt_int"
            assert (await desk.failed(LogOn, user_id="BOT2")).code == "invalid"
            assert not venue.venue.telling.orders
            await desk.submit("1", price="90")
            await desk.order("1", "0")
            assert (await desk.failed(Replace, cl_ord_id="A2", order="A1")).code == "invalid"
            await desk.do(Cancel, cl_ord_id="A2", order="A1")
            await desk.order("1", "4")
            assert (await desk.failed(Cancel, cl_ord_id="A3", order="A1")).field == "order"

    run(main())


def test_records_make_the_same_orders_in_a_front_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            trading(tmp_path, log_on=False) as (_, house, desk),
            front_end(house.address, "B") as other,
        ):
            await desk.resumed(as_values=False)
            await desk.logged_on()
            await desk.submit("1", qty="30")
            await desk.submit("2", side="2")
            replica = Replica(OrderOptions("FIX.4.2"))

            def caught_up() -> bool:
                for record in desk.records()[replica_at[0] :]:
                    replica.apply(record.kind, record.wall_ns, record.data)
                    replica_at[0] += 1
                found: Order | None = replica.orders.get("A1")
                return found is not None and found.cum_qty == 10

            replica_at = [0]
            await until(caught_up)
            numbers = [record.n for record in desk.records()]
            assert numbers == list(range(1, len(numbers) + 1))
            # who comes later, from the middle, gets the same records, and then what is new
            await other.resumed(5, as_values=False)
            assert other.records() == desk.records()[4:]
            await other.submit("1", price="90")
            await until(lambda: numbers[-1] < other.records()[-1].n == desk.records()[-1].n)
            assert other.records() == desk.records()[4:]

    run(main())


def test_values_are_the_same_whenever_they_are_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            trading(tmp_path) as (_, house, desk),
            front_end(house.address, "B") as late,
        ):
            for number in range(20):
                await desk.submit(str(number), side="12"[number % 2], price="100")
            await desk.order("19", "2")
            await late.resumed()
            kinds = (OrderNow, TradeNow, PositionNow)
            assert [one for one in late.said if isinstance(one, kinds)] == [
                one for one in desk.said if isinstance(one, kinds)
            ]
            seen = len(late.said)
            await late.resumed(30)
            assert [one for one in late.said[seen:] if isinstance(one, kinds)] == [
                one for one in desk.said if isinstance(one, kinds) and one.n >= 30
            ]

    run(main())


def test_a_number_that_is_not_there_begins_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, log_on=False) as (_, _, desk):
            await desk.logged_on()
            await desk.submit("1", price="90")
            await desk.do(Resume, from_record=1000)
            await desk.until(lambda one: isinstance(one, CaughtUp))
            assert desk.all(Reset) == [Reset(1)]
            assert [record.n for record in desk.records()][:3] == [1, 2, 3]

    run(main())


def test_two_front_ends_see_all_and_share_one_subscription(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            front_end(house.address) as one,
            front_end(house.address, "B") as other,
        ):
            await one.do(Subscribe, symbol="AAPL")  # before there is a session
            assert (await one.until(lambda m: isinstance(m, BookNow))).status == "absent"
            await one.resumed()
            await other.resumed()
            await one.logged_on()
            await other.do(Subscribe, symbol="AAPL", depth=1)
            await one.submit("1", price="99")
            await one.submit("2", price="98")
            book = await one.until(lambda m: isinstance(m, BookNow) and len(m.bids) == 2)
            assert [(level.px, level.qty, level.orders) for level in book.bids] == [("99", "10", 1), ("98", "10", 1)]
            await other.until(lambda m: isinstance(m, BookNow) and len(m.bids) == 1)
            assert max(len(m.bids) for m in other.all(BookNow)) == 1
            await other.submit("1", side="2", price="99")
            printed = await one.until(lambda m: isinstance(m, Printed))
            assert (printed.symbol, printed.px, printed.qty, printed.missed) == ("AAPL", "99", "10", 0)
            await other.until(lambda m: isinstance(m, OrderNow) and m.cl_ord_id == "A1" and m.status == "2")
            assert venue.market_data.watching == 1
            await one.do(Unsubscribe, symbol="AAPL")
            await other.do(Unsubscribe, symbol="AAPL")
            await until(lambda: not venue.market_data.watching)

    run(main())


def test_a_symbol_that_the_venue_does_not_have_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, log_on=False) as (_, _, desk):
            await desk.logged_on()
            await desk.do(Subscribe, symbol="NONE")
            refused = await desk.until(lambda m: isinstance(m, BookNow) and m.status == "rejected")
            assert "unknown symbol" in refused.text

    run(main())


def test_messages_are_shown_with_secrets_masked(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, "FIX.4.4", log_on=False) as (_, _, desk):
            await desk.do(WatchMessages)
            await desk.logged_on(username="bot", password="CANARY")
            logon = await desk.until(lambda m: isinstance(m, WireMessage) and "|35=A|" in m.text)
            assert logon.direction == "out"
            assert "|553=bot|" in logon.text
            await desk.submit("1", price="90")
            report = await desk.until(lambda m: isinstance(m, WireMessage) and "|35=8|" in m.text)
            assert (report.direction, report.missed) == ("in", 0)
            await desk.do(WatchMessages, on=False)
            count = len(desk.all(WireMessage))
            await desk.submit("2", price="90")
            assert len(desk.all(WireMessage)) == count
            assert "CANARY" not in repr(desk.said)

    run(main())
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]
    assert not left


def test_the_session_is_logged_on_and_off_by_command(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, log_on=False) as (_, _, desk):
            assert desk.all(StatusNow)[-1].wanted is False
            await desk.logged_on(user_id="OTHER", heart_bt_int=7)
            await desk.do(LogOn, user_id="OTHER", heart_bt_int=7)  # it is so already
            assert (await desk.failed(LogOn, user_id="THIRD")).code == "invalid"
            status = desk.all(StatusNow)[-1]
            assert (status.sender_comp_id, status.target_comp_id, status.wanted) == ("OTHER", "EXCHANGE", True)
            await desk.submit("1", price="90")
            await desk.do(LogOff, text="enough")
            status = desk.all(StatusNow)[-1]
            assert (status.state, status.wanted) == ("disconnected", False)
            refused = await desk.failed(LogOn, user_id="THIRD")
            assert (refused.field, "whose orders these are" in refused.text) == ("user_id", True)
            await desk.logged_on(user_id="OTHER", first_seq_num=50)
            assert desk.all(StatusNow)[-1].next_out > 50

    run(main())


def test_a_name_that_was_refused_or_left_no_order_stands_in_nobodys_way(tmp_path: Path) -> None:
    async def main() -> None:
        known = tuple(ParticipantConfig(name) for name in ("BOT", "OTHER"))
        async with (
            exchange(open=False, participants=known) as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            front_end(house.address) as desk,
        ):
            await desk.resumed()
            await desk.do(LogOn, user_id="MISTYPED")
            await desk.until(lambda one: isinstance(one, StatusNow) and one.reason)
            await desk.do(LogOff)
            await desk.logged_on(user_id="OTHER")
            await desk.do(LogOff)
            await desk.logged_on(user_id="BOT")
            await desk.submit("1", price="90")
            await desk.order("1", "0")
            await desk.do(LogOff)
            refused = await desk.failed(LogOn, user_id="OTHER")
            assert "BOT" not in refused.text  # who tries names is not told whose they are

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_both_numbers_begin_anew_by_command_and_the_venue_is_told(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with trading(tmp_path, version, log_on=False) as (_, _, desk):
            await desk.do(WatchMessages)
            await desk.logged_on()
            for n in range(5):
                await desk.submit(str(n), price="90")
            await desk.do(LogOff)
            await desk.logged_on(first_seq_num=1)
            logons = [m for m in desk.all(WireMessage) if "|35=A|" in m.text]
            assert [m.direction for m in logons] == ["out", "in", "out", "in"]
            assert ["|34=1|" in m.text and "|141=Y|" in m.text for m in logons[2:]] == [True, True]
            assert "|141=" not in logons[0].text + logons[1].text
            await desk.submit("next", price="90")
            await desk.do(LogOff)
            await desk.logged_on()  # and not once more
            *_, again, answer = [m for m in desk.all(WireMessage) if "|35=A|" in m.text]
            assert "|141=" not in again.text + answer.text
            assert "|34=1|" not in again.text

    run(main())


def test_why_there_is_no_logon_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue:
            port = venue.port
        async with backend(start_of(tmp_path, port)) as house, front_end(house.address) as desk:
            await desk.do(LogOn)
            status = await desk.until(lambda m: isinstance(m, StatusNow) and "logon failed: connect" in m.reason)
            assert status.wanted
            await desk.do(LogOff)
            assert not desk.all(StatusNow)[-1].wanted

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kill_loses_nothing(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with exchange() as venue:
            before = await killed(venue.port)
            async with Process(tmp_path, venue.port, version, log_on="start") as again:
                async with front_end(again.address) as desk:
                    await desk.resumed(len(before) + 1)
                    await desk.until(lambda one: isinstance(one, StatusNow) and one.state == "active")
                    certain = await desk.until(lambda one: isinstance(one, OrderNow) and not one.uncertain)
                    assert (certain.orig_cl_ord_id, certain.cum_qty, certain.leaves_qty) == ("A1", "10", "20")
                    assert min(one.n for one in desk.all(OrderNow)) > len(before)
                    assert not desk.all(PositionNow)  # nothing was traded since
                    await desk.submit("3", side="2", qty="20", price="99")
                    assert (await desk.order("1", "2")).cum_qty == "30"
                    assert desk.all(PositionNow)[-1].qty == "0"  # 30 bought, 10 and 20 sold
                async with front_end(again.address, "B") as other:
                    await other.resumed(as_values=False)
                    assert other.records()[: len(before)] == before
                assert await again.end(signal.SIGTERM) == 0

    async def killed(port: int) -> list[Record]:
        async with Process(tmp_path, port, version, log_on="start") as first, front_end(first.address) as desk:
            await desk.resumed(as_values=False)
            await desk.until(lambda one: isinstance(one, StatusNow) and one.state == "active")
            await desk.submit("1", qty="30", price="99")
            await desk.submit("2", side="2", qty="10", price="99")
            await until(lambda: any(b"\x0139=1\x01" in record.data for record in desk.records()))
            before = desk.records()
            await first.end(signal.SIGKILL)
            with pytest.raises(LinkLost):
                await desk.until(lambda one: False)
        return before

    run(main(), limit=40)


def test_who_is_granted_a_token_comes_in_and_who_is_revoked_goes(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, backend(start_of(tmp_path, venue.port)) as house:
            async with front_end(house.address) as desk:
                assert house.revoke(desk.link.name)
                with pytest.raises(LinkRefused, match="not valid any more"):
                    await desk.until(lambda one: False)
            with pytest.raises(LinkLost, match="does not have the secret"):
                async with front_end(house.address):
                    pass
            for prefix in ("", "BB", "x" * 17, "a b", "é"):
                with pytest.raises(ValueError, match="prefix"):
                    house.grant(bytes(32), prefix)
            house.grant(bytes(32), "B")  # another token of the same front end
            with pytest.raises(ValueError, match="token"):
                house.grant(b"short", "Z")
            assert name_of(bytes(32)) != desk.link.name

    run(main())


def test_when_the_last_front_end_is_gone_orders_stay_or_are_cancelled(tmp_path: Path) -> None:
    async def main(policy: str) -> None:
        options: dict[str, Any] = {"front_ends_gone": policy, "grace": 0.05}
        async with exchange() as venue, backend(start_of(tmp_path / policy, venue.port, **options)) as house:
            async with front_end(house.address) as desk:
                await desk.resumed()
                await desk.logged_on()
                await desk.submit("1", price="90")
                await desk.submit("2", price="91")
                await desk.order("2", "0")
                await asyncio.sleep(0.1)  # it is there: nothing happens
            async with front_end(house.address, "B") as other:  # and one came back in time
                await other.resumed()
                assert not [one for one in other.all(OrderNow) if one.status == "4"]
            await asyncio.sleep(0.2)
            async with front_end(house.address) as desk:
                await desk.resumed()
                ended = {one.orig_cl_ord_id for one in desk.all(OrderNow) if one.status == "4"}
                assert ended == ({"A1", "A2"} if policy == "cancel" else set())
                await desk.do(CancelAll)

    for policy in ("leave", "cancel"):
        run(main(policy))


def test_an_end_tells_front_ends(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path) as (_, house, desk):
            await desk.submit("1", price="90")
            await desk.order("1", "0")
            house.stop("cancel")
            with pytest.raises(LinkRefused, match="the Backend has ended"):
                await desk.until(lambda one: False)
            assert (await desk.order("1", "4")).leaves_qty == "0"

    run(main())


def test_more_front_ends_than_there_may_be_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, max_front_ends=1, log_on=False) as (_, house, desk):
            with pytest.raises(LinkRefused, match="too many front ends"):
                async with front_end(house.address, "B"):
                    pass
            assert isinstance(desk.said[0], Welcome)

    run(main())


def test_a_question_of_the_order_manager_reaches_front_ends(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path) as (venue, _, desk):
            await desk.submit("1", price="90")
            await desk.order("1", "0")
            assert venue._server is not None
            (session,) = venue._server.sessions.values()
            session.send_nowait("8", [
                (37, "X"), (17, "E99"), (20, "0"), (11, "A1"), (150, "0"), (39, "Q"), (55, "AAPL"), (54, "1"),
                (38, 10), (151, 10), (14, 0), (6, 0),
            ])  # fmt: skip
            fault = await desk.until(lambda one: isinstance(one, Fault))
            assert (fault.what, fault.cl_ord_id) == ("question", "A1")

    run(main())


def test_front_ends_that_log_on_and_off_at_once_leave_one_session(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            front_end(house.address) as one,
            front_end(house.address, "B") as other,
        ):
            for _ in range(5):
                await asyncio.gather(one.do(LogOn), other.do(LogOff), one.do(LogOn), other.do(LogOff), one.do(LogOn))
            await one.do(LogOff)
            await one.logged_on()
            assert not one.all(Fault)
            await one.do(LogOff)
            assert one.all(StatusNow)[-1].state == "disconnected"

    run(main())
