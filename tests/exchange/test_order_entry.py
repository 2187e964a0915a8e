"""Orders, cancels and replaces over FIX 4.2, 4.4 and 5.0 SP2: what is taken, what is refused and why, and what is told.

After every refusal the book is what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.config import AccountConfig, ExchangeConfig, InstrumentConfig
from tests.exchange.floor import VERSIONS, Client, Floor, fill_of, run

CONFIG = ExchangeConfig(
    port=1,
    instruments=(
        InstrumentConfig("AAPL", tick="0.05", lot=10, max_qty=10_000, reference="230.00", band=20),
        InstrumentConfig("EUR/USD", tick="0.00001", lot=1000, security_type="FOR"),
    ),
    accounts=(
        AccountConfig("RICH", "RICH"),
        AccountConfig("POOR", "POOR", max_order_qty=50, max_order_notional=10_000, max_open_orders=2),
    ),
    stale_after=60.0,
)

each_version = pytest.mark.parametrize("version", VERSIONS)


@each_version
def test_an_order_is_accepted_filled_and_cancelled(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            (new,) = await bot.buys("1", 100, "230.05")
            assert fill_of(new) == ("0", "0", "100", "0", "0")
            await other.sells("1", 40, "230.00")
            (fill,) = await bot.hears()
            assert fill_of(fill) == (bot.code("1", "F", "F"), "1", "60", "40", "230.05")
            assert fill.many(31, 32, 37, 11) == ("230.05", "40", new[37], "1")
            (gone,) = await bot.cancels("2", "1")
            assert fill_of(gone) == ("4", "4", "0", "40", "230.05")
            assert gone.many(11, 41, 37) == ("2", "1", new[37])
            assert len({m[17] for m in (new, fill, gone)}) == 3
            assert {m.get(20) for m in (new, fill, gone)} == {_either(bot, "0", None)}

    run(main())


@each_version
def test_e4_01_avg_px_is_exact_and_rounded_at_the_eighth_decimal(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            for n, (qty, price) in enumerate(((10, "230.00"), (20, "230.05"))):
                await other.sells(str(n), qty, price)
            reports = await bot.buys("1", 30, "231.00")
            assert [m[6] for m in reports] == ["0", "230.00", "230.03333333"]
            assert fill_of(reports[-1]) == (bot.code("2", "F", "F"), "2", "0", "30", "230.03333333")
            (status,) = await bot.sends("H", (11, "1"), (55, "AAPL"), (54, "1"))
            assert status.many(17, 39) == ("0", "2")
            assert status.many(20, 150) == _either(bot, ("3", "2"), (None, "I"))

    run(main())


#: what an order is refused for: its fields, the codes in 4.2, 4.4, 5.0 SP2, a word of Text(58)
REFUSED: dict[str, tuple[dict[str, Any], tuple[int, int, int], str]] = {
    "unknown symbol": ({"f55": "XYZ"}, (1, 1, 1), "symbol"),
    "negative quantity": ({"f38": -10}, (0, 13, 13), "above zero"),
    "no quantity": ({"f38": 0}, (0, 13, 13), "above zero"),
    "off lot": ({"f38": 15}, (0, 13, 13), "lot"),
    "a fraction of a share": ({"f38": "10.5"}, (0, 13, 13), "multiple of 10"),
    "too large": ({"f38": 20_000}, (3, 3, 3), "maximum"),
    "larger than a number may be": ({"f38": "9" * 25}, (0, 13, 13), "digits"),
    "off tick": ({"f44": "230.02"}, (0, 99, 18), "tick"),
    "more decimals than the tick": ({"f44": "230.001"}, (0, 99, 18), "multiple of 0.05"),
    "more decimals than any price": ({"f44": "230.0000000001"}, (0, 99, 99), "decimals"),
    "price of zero": ({"f44": 0}, (0, 99, 99), "rice"),
    "outside the band": ({"f44": "260.00"}, (0, 99, 16), "band"),
    "order type": ({"f40": "P"}, (0, 11, 11), "OrdType"),
    "time in force": ({"f59": "5"}, (0, 11, 11), "ime in force"),
    "side": ({"f54": "8"}, (0, 11, 11), "Side"),
    "at the opening, after it": ({"f59": "2"}, (4, 4, 4), "oo late"),
    "expired already": ({"f59": "6", "f126": 1_700_000_000_000_000_000}, (4, 4, 4), "passed"),
    "stale": ({"f60": 1_767_607_000_000_000_000}, (8, 8, 8), "Stale"),
}


@each_version
@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_order_gets_the_reject_of_its_version_and_leaves_the_book_alone(version: str, case: str) -> None:
    more, codes, text = REFUSED[case]

    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            await bot.buys("0")
            before = floor.book()
            (rejected,) = await bot.buys("1", **more)
            assert rejected.many(35, 150, 39, 11, 37) == ("8", "8", "8", "1", "NONE")
            assert (rejected.decimal(151), rejected.decimal(14)) == (0, 0)
            assert rejected[103] == bot.code(*codes), rejected[58]
            assert text in rejected[58]
            assert rejected.get(20) == ("0" if version == "FIX.4.2" else None)
            assert floor.book() == before
            (again,) = await bot.buys("1")  # a rejected ClOrdID was never used up
            assert again[39] == "0"

    run(main())


@each_version
def test_e4_06_a_cl_ord_id_is_taken_once_a_day_and_poss_resend_is_answered_by_the_status(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            (new,) = await bot.buys("1")
            before = floor.book()
            (double,) = await bot.buys("1", 50)
            assert double.many(39, 103, 11) == ("8", "6", "1")
            (status,) = await bot.sends("D", (97, True), *bot.order("1"))
            assert status.many(37, 39, 17) == (new[37], "0", "0")
            assert floor.book() == before
            (theirs,) = await other.buys("1")  # unique within a session
            assert theirs[39] == "0"

    run(main())


@each_version
def test_messages_that_lack_fields_are_rejected_by_session_or_business(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            before = floor.book()
            (short,) = await bot.sends("D", (11, "1"), (55, "AAPL"))
            assert (short[35], short[372], short[373]) == ("3", "D", "1")
            (text,) = await bot.buys("1", f38="many")
            assert text.many(35, 371, 373) == ("3", "38", "6")
            (code,) = await bot.buys("1", f54="x")
            assert code.many(35, 371, 373) == ("3", "54", "5")
            (priceless,) = await bot.buys("1", price=None)
            assert priceless.many(35, 372, 380, 379) == ("j", "D", "5", "1")
            (stopless,) = await bot.buys("1", price=None, f40="3")
            assert stopless.many(35, 380) == ("j", "5")
            (unsupported,) = await bot.sends("E", (66, "list"), *_LISTS[version])
            assert unsupported.many(35, 372, 380) == ("j", "E", "3")
            assert floor.book() == before

    run(main())


_ENTRY = [(11, "1"), (67, 1), (55, "AAPL"), (54, "1"), (38, 10), (40, "1")]
_LISTS: dict[str, list[Any]] = {
    "FIX.4.2": [(394, 3), (68, 1), (73, [[(11, "1"), (67, 1), (21, "1"), (55, "AAPL"), (54, "1"), (38, 10)]])],
    "FIX.4.4": [(394, 3), (68, 1), (73, [_ENTRY])],
    "FIXT.1.1": [(394, 3), (68, 1), (73, [_ENTRY])],
}


@each_version
def test_e4_08_a_cancel_that_comes_to_nothing_gets_35_9_with_state_and_reason(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            await bot.buys("1")
            before = floor.book()
            (unknown,) = await bot.cancels("2", "zzz")
            assert unknown.many(35, 37, 11, 41, 39, 434, 102) == ("9", "NONE", "2", "zzz", "8", "1", "1")
            (double,) = await bot.cancels("1", "1")
            assert double.many(35, 39, 434, 102) == ("9", "0", "1", bot.code(2, 6, 6))
            (side,) = await bot.cancels("3", "1", f54="2")
            assert side.many(35, 102) == ("9", "1")
            (theirs,) = await other.cancels("4", "1")  # an order of somebody else is unknown
            assert theirs.many(35, 102, 37) == ("9", "1", "NONE")
            assert floor.book() == before
            await other.sells("5", 100, "230.00")
            await bot.hears()
            (late,) = await bot.cancels("6", "1")
            assert late.many(35, 39, 434, 102) == ("9", "2", "1", "0")

    run(main())


@each_version
def test_e4_09_replaces_up_and_down_and_below_what_is_filled(version: str) -> None:
    async def main() -> None:
        async with Floor(replace(CONFIG, earlier_orig="reject")) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            (new,) = await bot.buys("1", 100)
            await other.sells("1", 30)
            await bot.hears()
            (more,) = await bot.replaces("2", "1", 150, "230.05")
            assert fill_of(more) == ("5", "1", "120", "30", "230.00")
            assert more.many(11, 41, 37, 38, 44) == ("2", "1", new[37], "150", "230.05")
            before = floor.book()
            (below,) = await bot.replaces("3", "2", 20, "230.05")
            assert below.many(35, 39, 434, 102) == ("9", "1", "2", bot.code(2, 99, 99))
            assert "filled" in below[58]
            (tick,) = await bot.replaces("4", "2", 100, "230.01")
            assert tick.many(35, 434, 102) == ("9", "2", bot.code(2, 99, 18))
            (old,) = await bot.replaces("5", "1", 100)  # 41 must be the last accepted one, as we are strict here
            assert old.many(35, 102) == ("9", "1")
            (kind,) = await bot.replaces("6", "2", 100, None, f40="1")
            assert kind.many(35, 102) == ("9", bot.code(2, 99, 99))
            assert floor.book() == before
            (less,) = await bot.replaces("7", "2", 40, "230.05")
            assert fill_of(less) == ("5", "1", "10", "30", "230.00")

    run(main())


def test_a_replace_below_what_is_filled_fills_the_order_where_the_exchange_says_so() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, replace_below_filled="fill")) as floor:
            bot, other = await floor.client(), await floor.client(name="OTHER")
            await bot.buys("1", 100)
            await other.sells("1", 30)
            await bot.hears()
            (filled,) = await bot.replaces("2", "1", 20)
            assert fill_of(filled) == ("5", "2", "0", "30", "230.00")
            assert filled[38] == "30"

    run(main())


@each_version
def test_e1_pending_is_shown_until_the_request_is_decided_on(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, pending_replies=True, pending_time=2.0)) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            assert [fill_of(m)[:2] for m in await bot.buys("1")] == [("A", "A"), ("0", "0")]
            (pending,) = await bot.cancels("2", "1")
            assert pending.many(150, 39, 11, 41, 151) == ("6", "6", "2", "1", "100")
            (second,) = await bot.cancels("3", "1")
            assert second.many(35, 39, 102) == ("9", "6", "3")
            await other.sells("1", 40)
            (fill,) = await bot.hears()  # E4.7: with the id and the price from before
            assert fill.many(39, 11, 151, 14) == ("6", "1", "60", "40")
            await floor.advance(2)
            (gone,) = await bot.hears()
            assert gone.many(150, 39, 11, 41) == ("4", "4", "2", "1")
            await bot.buys("4")
            (pending,) = await bot.replaces("5", "4", 200)
            assert pending.many(150, 39, 11, 38) == ("E", "E", "5", "100")
            await other.sells("2", 100)
            (fill,) = await bot.hears()
            assert fill[39] == "2"
            await floor.advance(2)
            (late,) = await bot.hears()
            assert late.many(35, 39, 434, 102, 11) == ("9", "2", "2", "0", "5")

    run(main())


@each_version
def test_e4_14_ioc_and_fok_end_cancelled(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            await other.sells("1", 40)
            assert [fill_of(m)[1:4] for m in await bot.buys("1", f59="4")] == [("0", "100", "0"), ("4", "0", "0")]
            ioc = await bot.buys("2", f59="3")
            assert [fill_of(m)[1:4] for m in ioc] == [("0", "100", "0"), ("1", "60", "40"), ("4", "0", "40")]

    run(main())


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_mass_cancel_takes_all_of_a_symbol_or_all(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            await bot.buys("1")
            await bot.buys("2", 50)
            await bot.sends("D", *bot.order("3", "1", 1000, "1.10000", f55="EUR/USD"))
            await other.buys("1")
            time = (60, floor.now.wall_ns)
            report, *gone = await bot.sends("q", (11, "4"), (530, "1"), (55, "AAPL"), time)
            assert report.many(35, 11, 530, 531, 533) == ("r", "4", "1", "1", "2")
            assert [m.many(150, 39, 11) for m in gone] == [("4", "4", "1"), ("4", "4", "2")]
            report, *gone = await bot.sends("q", (11, "5"), (530, "7"), time)
            assert (report[533], [m[11] for m in gone]) == ("1", ["3"])
            (refused,) = await bot.sends("q", (11, "6"), (530, "1"), (55, "XYZ"), time)
            assert refused.many(531, 532) == ("0", "1")
            (refused,) = await bot.sends("q", (11, "7"), (530, "3"), (460, 4), time)
            assert refused.many(531, 532) == ("0", "0")
            assert await other.hears() == []

    run(main())


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_g_mass_status_tells_of_each_open_order(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            await bot.buys("1")
            await bot.buys("2", 50)
            await bot.cancels("3", "1")
            await bot.buys("4")
            reports = await bot.sends("AF", (584, "all"), (585, 7))
            assert [m.many(11, 150, 39, 584, 911, 912) for m in reports] == [
                ("2", "I", "0", "all", "2", "N"),
                ("4", "I", "0", "all", "2", "Y"),
            ]
            (none,) = await bot.sends("AF", (584, "x"), (585, 1), (55, "EUR/USD"))
            assert none.many(39, 911, 912) == ("8", "0", "Y")

    run(main())


@each_version
def test_g_the_status_of_an_unknown_order_is_rejected(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            (unknown,) = await bot.sends("H", (11, "zzz"), (55, "AAPL"), (54, "1"))
            assert unknown.many(39, 103, 37, 11) == ("8", "5", "NONE", "zzz")

    run(main())


def test_accounts_have_owners_and_limits() -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            rich, poor, free = [await floor.client(name=name) for name in ("RICH", "POOR", "FREE")]
            assert (await rich.buys("1"))[0][1] == "RICH"  # the only one it has
            assert (await rich.buys("2", f1="POOR"))[0].many(39, 103) == ("8", "15")
            assert (await free.buys("1", f1="MINE"))[0].many(39, 1) == ("0", "MINE")
            assert (await poor.buys("1", 60))[0].many(39, 103) == ("8", "3")
            assert (await poor.buys("2", 50))[0].many(39, 103) == ("8", "3")  # 11,500.00
            assert [(await poor.buys(str(n), 40))[0].get(103) for n in (3, 4, 5)] == [None, None, "3"]
            await poor.cancels("6", "3")
            assert (await poor.buys("7", 40))[0][39] == "0"
            assert (await poor.replaces("8", "7", 60))[0].many(35, 102) == ("9", "99")

    run(main())


@each_version
def test_j_busts_and_corrections_name_the_trade(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            await bot.buys("1", 100)
            await other.sells("1", 40)
            await other.sells("2", 20)
            first, second = await bot.hears()
            floor.exchange.correct("AAPL", 1, "229.50")
            (corrected,) = await bot.hears()
            assert corrected.many(19, 32, 31, 14) == (first[17], "40", "229.50", "60")
            assert corrected[6] == "229.66666667"
            assert corrected.many(20, 150) == _either(bot, ("2", "1"), (None, "G"))
            floor.exchange.bust("AAPL", 1)  # a bust after a correction names the latest
            bust, restated = await bot.hears()
            assert bust.many(19, 32, 31, 14, 39, 38, 151) == (corrected[17], "40", "229.50", "20", "1", "100", "80")
            assert bust.many(20, 150) == _either(bot, ("1", "1"), (None, "H"))
            assert restated.many(150, 38, 151, 14) == ("D", "60", "40", "20")
            with pytest.raises(ff.FixfastError, match="no such trade"):
                floor.exchange.bust("AAPL", 1)
            assert second[17] not in (bust[17], corrected[17])

    run(main())


def _either(client: Client, old: Any, new: Any) -> Any:
    return old if client.version == "FIX.4.2" else new


@each_version
def test_e_cancels_and_restatements_may_come_unasked(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot = await floor.client(version)
            (new,) = await bot.buys("1", 100)
            floor.exchange.restate(new[37], qty=60, reason=5, text="less of it")
            (restated,) = await bot.hears()
            assert restated.many(150, 39, 378, 38, 151, 11) == ("D", "0", "5", "60", "60", "1")
            floor.exchange.cancel(order_id=new[37])
            (gone,) = await bot.hears()
            assert gone.many(150, 39, 11, 41, 151) == ("4", "4", "1", None, "0")

    run(main())


@each_version
def test_k_a_halt_refuses_orders_and_takes_cancels(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            await bot.buys("1")
            floor.exchange.halt("AAPL")
            assert (await bot.buys("2"))[0].many(39, 103) == ("8", "2")
            (refused,) = await bot.replaces("3", "1", 50)
            assert refused.many(35, 39) == ("9", "0")
            assert (await bot.cancels("4", "1"))[0].many(39, 41) == ("4", "1")
            floor.exchange.resume("AAPL")
            assert (await bot.buys("5"))[0][39] == "0"

    run(main())


@each_version
def test_h_day_orders_expire_at_the_close_and_gtc_orders_stay(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot = await floor.client(version)
            await bot.buys("1")
            await bot.buys("2", f59="1")
            until = floor.now.wall_ns + 5_000_000_000
            await bot.buys("3", f59="6", f126=until)
            await floor.advance(5)
            (expired,) = await bot.hears()
            assert expired.many(150, 39, 11, 151) == ("C", "C", "3", "0")
            floor.exchange.set_phase("closed")
            (expired,) = await bot.hears()
            assert expired.many(150, 39, 11) == ("C", "C", "1")
            assert [kept.cl_ord_id for kept in floor.exchange.venue.telling.orders.values() if kept.active] == ["2"]
            floor.exchange.new_day()
            floor.exchange.resume()
            assert (await bot.buys("1"))[0][39] == "0"

    run(main())


@each_version
def test_h_gt_orders_are_done_for_the_day_and_restated_when_the_next_begins(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, done_for_day=True)) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            await bot.buys("1", f59="1")
            await other.sells("1", 40)
            await bot.hears()
            floor.exchange.set_phase("closed")
            (done,) = await bot.hears()
            assert done.many(150, 39, 151, 14) == ("3", "3", "0", "40")
            (status,) = await bot.sends("H", (11, "1"), (55, "AAPL"), (54, "1"))
            assert status.many(39, 151) == ("3", "0")
            floor.exchange.set_phase("pre-open")
            (renewed,) = await bot.hears()
            assert renewed.many(150, 39, 378, 151, 14) == ("D", "1", "1", "60", "40")
            floor.exchange.set_phase("closed")
            await bot.hears()
            (gone,) = await bot.cancels("2", "1")
            assert gone.many(150, 39, 151) == ("4", "4", "0")

    run(main())
