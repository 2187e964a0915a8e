"""The course of a day: what suspends, stops and takes back orders, how a day ends, and what is remembered of it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import fixfast as ff
from fixfast.exchange import Exchange, ExchangeConfig, InstrumentConfig, NewOrder, PhaseAt
from fixfast.exchange.hours import Change, DayEnd, Hours
from fixfast.exchange.venue.commands import EndDay, ReinstateOrder, StopOrder
from fixfast.exchange.venue.reports import CancelReject, Execution
from fixfast.exchange.venue.requests import CancelOrder, OrderStatus, Request
from fixfast.exchange.venue.venue import Venue
from tests.exchange.floor import VERSIONS, Floor, fill_of, run

each_version = pytest.mark.parametrize("version", VERSIONS)
U = 10**8
HOUR = 3600


def told(heard: list[ff.Message]) -> list[tuple[str | None, ...]]:
    return [message.many(11, 150, 39, 151) for message in heard]


# --- suspended, stopped, taken back -------------------------------------------------------------------------


@each_version
def test_a_halt_suspends_where_the_instrument_says_so(version: str) -> None:
    instruments = (InstrumentConfig("AAPL", reference="230", suspend_on_halt=True), InstrumentConfig("MSFT"))

    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, instruments=instruments)) as floor:
            bot = await floor.client(version)
            await bot.buys("1")
            await bot.buys("2", f55="MSFT")
            floor.exchange.halt()
            assert told(await bot.hears()) == [("1", "9", "9", "100")]
            (status,) = await bot.sends("H", (11, "1"), (55, "AAPL"), (54, "1"))
            assert status[39] == "9"
            floor.exchange.resume()
            (resumed,) = await bot.hears()
            assert resumed.many(150, 39, 378) == ("D", "0", None if version == "FIX.4.2" else "8")

    run(main())


def test_what_a_price_band_halts_is_suspended_too_and_an_order_that_is_away_hears_of_it_later() -> None:
    aapl = InstrumentConfig("AAPL", reference="230", band="1", band_action="halt")

    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, instruments=(aapl,), suspend_on_halt=True)) as floor:
            bot, other = await floor.client(), await floor.client(name="OTHER")
            await other.sells("s", 100, "232.00")
            (new, suspended) = await bot.buys("b", 50, "232.00")
            assert (new[150], suspended[150]) == ("0", "9")
            assert floor.exchange.phases()["AAPL"] == "halted"
            assert told(await other.hears()) == [("s", "9", "9", "100")]
            floor.exchange.resume("AAPL")
            heard = await bot.hears()
            assert [one[150] for one in heard] == ["D", "F"], "taken up before it trades"

    run(main())


@each_version
def test_a_stopped_order_names_price_and_quantity_of_the_guarantee(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot = await floor.client(version)
            (new,) = await bot.buys("1")
            floor.exchange.stop_order(new[37], price="229.50", text="guaranteed")
            (stopped,) = await bot.hears()
            assert stopped.many(150, 39, 32, 31, 151, 58) == ("7", "7", "100", "229.50", "100", "guaranteed")
            with pytest.raises(ff.LocalProtocolError, match="not working: OrdStatus 7"):
                floor.exchange.stop_order(new[37])
            (canceled,) = await bot.cancels("2", "1")
            assert canceled[39] == "4"

    run(main())


@each_version
def test_a_cancelled_order_is_taken_back_last_of_its_price(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot, other = await floor.client(version), await floor.client(name="OTHER")
            (new,) = await bot.buys("1")
            await other.buys("2")
            await bot.cancels("3", "1")
            floor.exchange.reinstate(new[37], "by mistake")
            (back,) = await bot.hears()
            assert back.many(11, 150, 39, 151, 58) == ("1", "D", "0", "100", "by mistake")
            await other.hears()
            floor.exchange.submit(NewOrder("maker", 0, "m", None, "AAPL", "2", 150 * U, "2", 230 * U))
            assert [fill_of(one)[1] for one in await other.hears()] == ["2"]
            assert [fill_of(one)[1] for one in await bot.hears()] == ["1"]
            for mistake in (new[37], "O99"):
                with pytest.raises(ff.LocalProtocolError, match=r"no order|not cancelled"):
                    floor.exchange.reinstate(mistake)

    run(main())


def test_what_cannot_rest_is_not_taken_back() -> None:
    venue = Venue(ExchangeConfig())
    venue.apply(NewOrder("a", 0, "1", None, "AAPL", "1", U, "1"), 1)
    venue.apply(NewOrder("a", 0, "2", None, "AAPL", "1", U, "2", 230 * U, time_in_force="3"), 1)
    for order_id in ("O1", "O2"):
        with pytest.raises(ff.LocalProtocolError, match="cannot rest"):
            venue.apply(ReinstateOrder(order_id), 2)
    with pytest.raises(ff.LocalProtocolError, match="not working: OrdStatus 4"):
        venue.apply(StopOrder("O1"), 3)


# --- the end of a day ---------------------------------------------------------------------------------------


@each_version
def test_a_day_ends_by_itself(version: str) -> None:
    config = ExchangeConfig(port=1, day_ends="17:00", calculated=True)  # it is 10:00 when the world begins

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client(version, heart_bt_int=7200)
            await bot.buys("day")
            await bot.buys("gtc", f59="1")
            await bot.buys("filled", price="231.00")
            floor.exchange.submit(NewOrder("maker", 0, "m", None, "AAPL", "2", 100 * U, "2", 231 * U))
            await bot.hears()
            await floor.advance(7 * HOUR - 1)
            assert await bot.hears() == []
            await floor.advance(1)
            heard = told(await bot.hears())
            assert heard == [("day", "C", "C", "0"), ("filled", "B", "B", "0"), ("gtc", "D", "0", "100")]
            assert told(await bot.buys("day")) == [("day", "0", "0", "100")], "its ClOrdID may be used again"
            await floor.advance(24 * HOUR)
            assert [one[:2] for one in told(await bot.hears())] == [("day", "C"), ("gtc", "D")]

    run(main())


def test_at_the_close_and_the_end_of_a_day_each_order_is_told_once() -> None:
    phases = (PhaseAt("09:00", "continuous"), PhaseAt("17:00", "closed"))
    config = ExchangeConfig(port=1, phases=phases, day_ends="17:00", done_for_day=True)

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client(heart_bt_int=7200)
            await bot.buys("day")
            await bot.buys("gtc", f59="1")
            await floor.advance(7 * HOUR)
            assert told(await bot.hears()) == [("day", "C", "C", "0"), ("gtc", "3", "3", "0")]
            await floor.advance(16 * HOUR)
            assert told(await bot.hears()) == [("gtc", "D", "0", "100")]

    run(main())


def test_good_till_orders_are_not_restated_where_the_exchange_says_so() -> None:
    config = ExchangeConfig(port=1, day_ends="17:00", restate_good_till=False)

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client(heart_bt_int=7200)
            await bot.buys("gtc", f59="1")
            await floor.advance(8 * HOUR)
            assert await bot.hears() == []
            (status,) = await bot.sends("H", (11, "gtc"), (55, "AAPL"), (54, "1"))
            assert status[39] == "0"

    run(main())


@pytest.mark.parametrize(("away", "ended"), [(5, False), (8, True), (20, True), (80, True)])
def test_a_day_that_ended_while_the_exchange_was_down_ends_when_it_is_back(
    away: int, ended: bool, tmp_path: Path
) -> None:
    config = ExchangeConfig(port=1, day_ends="17:00", journal=tmp_path / "state")

    async def main() -> None:
        async with Floor(config) as floor:
            floor.exchange.submit(NewOrder("bot", 0, "day", None, "AAPL", "1", U, "2", 230 * U))
            await floor.exchange.close()
            await floor.advance(away * HOUR)
            async with Exchange(config) as floor.exchange:
                assert (floor.exchange.venue.find("bot", "day", None) is None) is ended
                before = floor.exchange.venue.day_ended_ns
                await floor.exchange.close()
            async with Exchange(config) as floor.exchange:  # and once is enough
                assert floor.exchange.venue.day_ended_ns == before

    run(main())


def test_orders_of_today_outlive_a_restart_though_the_market_closed_yesterday(tmp_path: Path) -> None:
    phases = (PhaseAt("09:00", "continuous"), PhaseAt("16:00", "closed"))
    config = ExchangeConfig(port=1, phases=phases, journal=tmp_path / "state")

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client()
            await bot.buys("day")
            floor.exchange.halt("MSFT")
            await floor.exchange.close()
            async with Exchange(config) as floor.exchange:
                await floor.advance(5)
                assert await bot.hears() == []
                assert floor.exchange.phases()["AAPL"] == "continuous"
                assert floor.exchange.phases()["MSFT"] == "halted", "an operator's word holds, too"

    run(main())


def test_hours_know_what_was_missed() -> None:
    phases = [PhaseAt("09:00", "continuous"), PhaseAt("17:00", "closed")]
    hours = Hours(phases, ZoneInfo("UTC"), "17:00")
    day = 20_000 * 24 * HOUR * 10**9
    at = {hour: day + hour * HOUR * 10**9 for hour in range(24)}
    opened, closed, ended = Change(at[9], "continuous", ()), Change(at[17], "closed", ()), DayEnd(at[17])
    assert hours.missed(at[8], 0, at[10]) == [opened]
    assert hours.missed(at[10], 0, at[18]) == [closed, ended]
    assert hours.missed(at[17] + 1, at[9], at[18]) == [ended], "its moment had come, and it had not been done"
    assert hours.missed(at[17] + 1, at[17], at[18]) == []
    assert hours.missed(at[18], 0, at[19]) == [], "the option is new: orders of today are not of yesterday"
    assert hours.missed(0, 0, at[18])[-3:] == [opened, closed, ended]


# --- what is remembered -------------------------------------------------------------------------------------


def trade_on(venue: Venue, count: int, begin: int = 0) -> None:
    """Enter and cancel orders."""
    for n in range(begin, begin + count):
        venue.apply(NewOrder("a", 0, f"c{n}", None, "AAPL", "1", U, "2", 200 * U), n)
        venue.apply(CancelOrder("a", 0, f"x{n}", f"c{n}"), n)


def test_of_orders_that_ended_long_ago_only_the_cl_ord_ids_are_known() -> None:
    venue = Venue(ExchangeConfig(remember_closed=50))
    venue.apply(NewOrder("a", 0, "open", None, "AAPL", "1", U, "2", 200 * U), 0)
    trade_on(venue, 1000)
    assert 50 <= len(venue.telling.orders) <= 202
    assert venue.find("a", "open", None) is not None
    assert venue.find("a", "c999", None) is not None
    assert _answer(venue, OrderStatus("a", 0, "c1", None, "AAPL", "1")) == ("I", "8")
    used = NewOrder("a", 0, "c1", None, "AAPL", "1", U, "2", 200 * U)
    for request in (
        used,
        used._replace(cl_ord_id="x1"),
        used._replace(poss_resend=True),
        CancelOrder("a", 0, "x1", "open"),
    ):
        assert _answer(venue, request) == ("duplicate",)
    venue.apply(StopOrder("O1"), 2003)
    venue.apply(EndDay(), 2004)
    assert not venue.telling.orders
    assert not venue.telling.names
    assert not venue.telling.spent
    assert _answer(venue, used) == ("0", "0")


def _answer(venue: Venue, request: Request) -> tuple[str, ...]:
    """Return ExecType and OrdStatus of the answer, or why it was refused."""
    (report,) = venue.apply(request, venue.now_ns)
    assert isinstance(report, Execution | CancelReject)
    if report.reason is not None and report.reason.name != "unknown_order":
        return (report.reason.name,)
    assert isinstance(report, Execution)
    return report.exec_type, report.ord_status


def test_memory_stays_flat_during_a_day_but_for_the_cl_ord_ids() -> None:
    def grown(**options: Any) -> int:
        venue = Venue(ExchangeConfig(**options))
        trade_on(venue, 1000)
        tracemalloc.start()
        trade_on(venue, 2000, 1000)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size // 2000

    bound, unbound = grown(remember_closed=20), grown(remember_closed=None)
    assert unbound > 600
    assert bound < 400, f"{bound} bytes for each order of two ClOrdIDs"


def test_an_order_that_waits_for_a_decision_is_not_forgotten() -> None:
    venue = Venue(ExchangeConfig(remember_closed=0, pending_time=1))
    venue.apply(NewOrder("a", 0, "p", None, "AAPL", "1", U, "2", 200 * U), 0)
    venue.apply(CancelOrder("a", 0, "px", "p"), 0)
    venue.apply(NewOrder("b", 0, "s", None, "AAPL", "2", U, "2", 200 * U), 0)
    for n in range(300):
        venue.apply(NewOrder("a", 0, f"c{n}", None, "AAPL", "1", U, "1"), 0)
    assert venue.find("a", "p", None) is not None
