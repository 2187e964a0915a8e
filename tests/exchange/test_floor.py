"""Around order entry: who may come, drop copies, cancel on disconnect, status, hours, faults, coming back."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange import (
    AccountConfig,
    Exchange,
    ExchangeConfig,
    FaultConfig,
    InstrumentConfig,
    NewOrder,
    ParticipantConfig,
    Phase,
    PhaseAt,
    load_exchange_config,
)
from fixfast.exchange.venue.reasons import CANCEL_REASONS, ORDER_REASONS
from tests.exchange.floor import VERSIONS, Floor, fill_of, run

each_version = pytest.mark.parametrize("version", VERSIONS)
DROPPER = ParticipantConfig("DROP", drop_copy_of=("BOT", "OTHER"))


# --- who may come --------------------------------------------------------------------------------------------


def test_names_passwords_and_versions_are_asked_for_where_the_exchange_says_so() -> None:
    listed = (ParticipantConfig("BOT", password="sesame", versions=("FIX.4.4",)), ParticipantConfig("FREE"))
    config = ExchangeConfig(port=1, open=False, participants=listed)
    assert "sesame" not in repr(config)

    async def main() -> None:
        async with Floor(config) as floor:
            await floor.client(name="BOT", password="sesame")
            await floor.client("FIX.4.2", "FREE")
            for version, name, more in (
                ("FIX.4.4", "STRANGER", {}),
                ("FIXT.1.1", "BOT", {"password": "sesame"}),
            ):
                with pytest.raises(ff.LogonFailed):
                    await floor.client(version, name, **more)

    run(main())

    async def wrong() -> None:
        async with Floor(config) as floor:
            with pytest.raises(ff.LogonFailed, match="Invalid username or password"):
                await floor.client(name="BOT", password="open")

    run(wrong())


# --- drop copies ---------------------------------------------------------------------------------------------


@each_version
def test_drop_copies_have_the_ids_of_the_original(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, participants=(DROPPER,))) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            stranger, drop = await floor.client(name="STRANGER"), await floor.client("FIX.4.4", "DROP")
            reports = await bot.buys("1")
            await stranger.buys("9")
            theirs = await other.sells("1", 40)
            reports += await bot.hears()
            copies = await drop.hears()
            assert [m.many(17, 37, 11, 39, 14, 151, 797) for m in copies] == [
                (*m.many(17, 37, 11, 39, 14, 151), "Y") for m in [reports[0], *theirs, reports[1]]
            ]
            assert [m[115] for m in copies] == ["BOT", "OTHER", "OTHER", "BOT"]
            assert {m[150] for m in copies} == {"0", "F"}
            assert (await drop.buys("1"))[0].many(39, 103) == ("8", "0")

    run(main())


def test_drop_copies_wait_for_who_is_away() -> None:
    config = ExchangeConfig(
        port=1, participants=(ParticipantConfig("DROP", versions=("FIX.4.2",), drop_copy_of=("*",)),)
    )

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client()
            (new,) = await bot.buys("1")
            drop = await floor.client("FIX.4.2", "DROP")
            (copy,) = await drop.hears()
            assert copy.many(17, 115, 20, 150) == (new[17], "BOT", "0", "0")

    run(main())


# --- cancel on disconnect ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "logout"])
def test_orders_of_one_who_is_gone_are_cancelled_where_that_is_agreed(how: str) -> None:
    participants = (ParticipantConfig("BOT", cancel_on_disconnect=True),)

    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, participants=participants)) as floor:
            bot, other = await floor.client(), await floor.client(name="OTHER")
            await bot.buys("1")
            await other.buys("1")
            if how == "drop":
                bot.session.drop()
            else:
                await bot.session.logout()
            await floor.advance(2)
            (gone,) = await bot.hears()  # numbered while it was away, resent when it was back
            assert gone.many(150, 39, 11) == ("4", "4", "1")
            assert "session ended" in gone[58]
            assert await other.hears() == []
            assert [kept.owner for kept in floor.exchange.venue.telling.orders.values() if kept.active] == [
                "FIX.4.4:OTHER"
            ]

    run(main())


# --- instruments and hours -----------------------------------------------------------------------------------


@each_version
def test_the_instruments_are_listed_and_defined(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot = await floor.client(version)
            symbols = list(floor.exchange.listings)
            if version == "FIX.4.2":
                found = await bot.sends("c", (320, "1"), (321, 3))
                assert [m.many(35, 323, 393) for m in found] == [("d", "4", "5")] * 5
                assert [m[55] for m in found] == symbols
            else:
                (found_list,) = await bot.sends("x", (320, "1"), (559, 4))
                assert found_list.many(35, 560, 393) == ("y", "0", "5")
                assert [entry[55] for entry in found_list.group(146)] == symbols
                (unknown,) = await bot.sends("x", (320, "2"), (559, 0), (55, "ZZZ"))
                assert unknown[560] == "2"
            (unknown,) = await bot.sends("c", (320, "3"), (321, 0), (55, "ZZZ"))
            assert unknown.many(35, 323) == ("d", "5")

    run(main())


@each_version
def test_status_is_told_when_asked_for_and_when_it_changes(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot = await floor.client(version)
            (session,) = await bot.sends("g", (335, "s"), (263, 1))
            assert session.many(35, 335, 325, 340) == ("h", "s", "N", "2")
            (security,) = await bot.sends("e", (324, "a"), (55, "AAPL"), (263, 1))
            assert security.many(35, 324, 55, 325, 326) == ("f", "a", "AAPL", "N", "17")
            floor.exchange.halt("AAPL")
            (halted,) = await bot.hears()
            assert halted.many(35, 55, 325, 326) == ("f", "AAPL", "Y", "2")
            floor.exchange.set_phase("closed")
            assert Counter(m[35] for m in await bot.hears()) == {"f": 1, "h": 1}
            await bot.sends("e", (324, "a"), (55, "AAPL"), (263, 2))
            floor.exchange.resume()
            assert [m.many(35, 340) for m in await bot.hears()] == [("h", "2")]
            (unknown,) = await bot.sends("e", (324, "b"), (55, "ZZZ"), (263, 0))
            assert unknown.many(35, 380) == ("j", "2")

    run(main())


def test_the_phase_changes_at_the_times_of_the_configuration() -> None:
    phases = (
        PhaseAt("09:00", "pre-open"),
        PhaseAt("12:30", "continuous"),
        PhaseAt("12:31", "halted", ("AAPL",)),
        PhaseAt("18:00", "closed"),
    )
    config = ExchangeConfig(port=1, phases=phases, timezone="Europe/Zurich")  # 11:00 there when the world begins

    async def main() -> None:
        async with Floor(config) as floor:
            bot, other = await floor.client(), await floor.client(name="OTHER")
            assert set(floor.exchange.phases().values()) == {Phase.PRE_OPEN}
            await bot.buys("1")
            await other.sells("1")
            await floor.advance(89 * 60)
            assert floor.exchange.phases()["MSFT"] == "pre-open"
            await bot.hears()
            await floor.advance(61)
            assert floor.exchange.phases()["MSFT"] == "continuous"
            (fill,) = await bot.hears()
            assert fill_of(fill)[:2] == ("F", "2")
            await floor.advance(60)
            halted = [symbol for symbol, phase in floor.exchange.phases().items() if phase == "halted"]
            assert halted == ["AAPL"]
            await floor.advance(6 * 3600)
            assert set(floor.exchange.phases().values()) == {Phase.CLOSED}
            await floor.advance(15 * 3600)
            assert set(floor.exchange.phases().values()) == {Phase.PRE_OPEN}

    run(main())


# --- faults --------------------------------------------------------------------------------------------------


def test_faults_are_drawn_by_the_seed_and_nothing_of_the_truth_is_lost() -> None:
    chances = FaultConfig(slow=0.3, slow_by=0.5, duplicate=0.2, gap=0.1, reject=0.2, disconnect=0.05)

    async def one_day(seed: int) -> tuple[list[str], list[tuple[Any, ...]], Floor]:
        async with Floor(ExchangeConfig(port=1, faults=chances, seed=seed)) as floor:
            bot = await floor.client(offline="store", on_resend=lambda *_: True, max_resend_requests=1000)
            for n in range(60):
                bot.session.send_nowait("D", bot.order(f"c{n}", "12"[n % 2], 10, "230.00"))
                await floor.advance(0.1)
            floor.exchange.clear_faults()
            await floor.advance(30)
            heard = await bot.hears()
            keys = [m.many(17, 11, 39) for m in heard]
            assert {m[11] for m in heard} == {f"c{n}" for n in range(60)}
            return [str(passed) for passed in floor.wire], keys, floor

    async def main() -> None:
        trace, keys, floor = await one_day(1)
        assert (await one_day(1))[0] == trace
        assert (await one_day(2))[0] != trace
        assert len(set(keys)) < len(keys)  # some came twice, with the same ExecID
        assert floor.exchange.venue.telling.executions == len({exec_id for exec_id, _, _ in keys})
        assert any("35=2" in line for line in trace)  # gaps were asked for
        assert sum("35=A" in line for line in trace) > 2

    run(main())


def test_a_dropped_answer_is_found_by_asking() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot = await floor.client()
            floor.exchange.set_faults(drop=1)
            assert await bot.buys("1") == []
            floor.exchange.set_faults(drop=0)
            (status,) = await bot.sends("H", (11, "1"), (55, "AAPL"), (54, "1"))
            assert status.many(150, 39) == ("I", "0")
            with pytest.raises(ff.ConfigError, match="dropp"):
                floor.exchange.set_faults(dropp=1)

    run(main())


def test_only_the_answer_to_ones_own_request_is_dropped() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            bot, other = await floor.client(), await floor.client("FIX.4.4", "OTHER")
            await bot.buys("1")
            floor.exchange.set_faults(drop=1)
            assert [one[150] for one in await other.sells("1", 40)] == ["F"]  # its New is lost
            floor.exchange.submit(NewOrder("maker", 0, "m1", None, "AAPL", "2", 10 * 10**8, "2", 230 * 10**8))
            assert [one[32] for one in await bot.hears()] == ["40", "10"]  # of fills, which it did not ask for, none
            floor.exchange.cancel(owner="FIX.4.4:BOT")
            assert [one[150] for one in await bot.hears()] == ["4"]

    run(main())


@each_version
def test_every_reason_for_a_refusal_comes_up(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(port=1, faults=FaultConfig(reject=1))) as floor:
            bot = await floor.client(version)
            before = floor.book()
            orders = [(await bot.buys(f"c{n}"))[0] for n in range(150)]
            cancels = [(await bot.cancels(f"d{n}", "zzz"))[0] for n in range(100)]
            assert {m[35] for m in orders + cancels} == {"8", "9"}
            place = 1 + VERSIONS.index(version)
            assert {m[103] for m in orders} == {str(reason[place]) for reason in ORDER_REASONS.values()}
            assert {m[102] for m in cancels} == {str(reason[place]) for reason in CANCEL_REASONS.values()}
            assert floor.book() == before

    run(main())


# --- in the same process -------------------------------------------------------------------------------------


def test_a_program_in_the_same_process_trades_and_listens() -> None:
    class Ears:
        def __init__(self) -> None:
            self.batches: list[tuple[str, int]] = []
            self.reports: list[str] = []

        def on_batch(self, symbol: str, events: list[Any], changes: list[Any], now_ns: int) -> None:
            self.batches.append((symbol, len(changes)))

        def on_reports(self, reports: list[Any], now_ns: int) -> None:
            self.reports += [report.exec_type for report in reports]

    async def main() -> None:
        async with Floor(ff.exchange.ExchangeConfig(port=1)) as floor:
            ears = Ears()
            stop = floor.exchange.subscribe(ears)
            bot = await floor.client()
            await bot.buys("1")
            order = NewOrder("maker", 0, "m1", None, "AAPL", "2", 40 * 10**8, "2", 230 * 10**8)
            reports = floor.exchange.submit(order)
            assert [report.owner for report in reports] == ["maker", "maker", "FIX.4.4:BOT"]
            (fill,) = await bot.hears()
            assert fill_of(fill)[:2] == ("F", "1")
            assert ears.batches == [("AAPL", 1), ("AAPL", 1)]
            assert ears.reports == ["0", "0", "F", "F"]
            stop()
            await bot.buys("2")
            assert len(ears.batches) == 2
            with pytest.raises(ValueError, match="colon"):
                floor.exchange.submit(order._replace(owner="FIX.4.4:BOT"))

    run(main())


# --- coming back ---------------------------------------------------------------------------------------------


def test_an_exchange_that_comes_back_has_its_orders_and_its_sessions(tmp_path: Path) -> None:
    config = ExchangeConfig(port=1, journal=tmp_path / "state")

    async def main() -> None:
        async with Floor(config) as floor:
            bot, other = await floor.client("FIXT.1.1"), await floor.client(name="OTHER")
            (new,) = await bot.buys("1", f59="1")
            await floor.exchange.close()
            async with Exchange(config) as floor.exchange:
                await floor.advance(5)
                assert bot.session.active
                (fill, *_) = (await other.sells("1", 40), await bot.hears())[1]
                assert fill.many(37, 11, 39, 151) == (new[37], "1", "1", "60")
                assert fill[17] not in (new[17],)
                assert (await bot.buys("1"))[0].many(39, 103) == ("8", "6")

    run(main())


def test_orders_of_those_who_were_cut_off_by_the_exchange_go_when_it_is_back(tmp_path: Path) -> None:
    participants = (ParticipantConfig("BOT", cancel_on_disconnect=True),)
    config = ExchangeConfig(port=1, journal=tmp_path / "state", participants=participants)

    async def main() -> None:
        async with Floor(config) as floor:
            bot, other = await floor.client(), await floor.client(name="OTHER")
            await bot.buys("1", f59="1")
            await other.buys("1", f59="1")
            await floor.exchange.close()
            async with Exchange(config) as floor.exchange:
                await floor.advance(5)
                (gone,) = await bot.hears()
                assert gone.many(39, 11) == ("4", "1")
                assert await other.hears() == []

    run(main())


def test_where_the_journal_cannot_be_written_nothing_is_taken_and_everybody_is_told(tmp_path: Path) -> None:
    config = ExchangeConfig(port=1, journal=tmp_path / "state")

    async def main() -> None:
        async with Floor(config) as floor:
            bot = await floor.client()
            await bot.buys("1")
            journal = floor.exchange._journal
            assert journal is not None
            real, journal._fd = journal._fd, os.open("/dev/full", os.O_WRONLY)
            before = floor.book()
            (refused,) = await bot.buys("2")
            assert refused.many(35, 372, 380, 379) == ("j", "D", "4", "2")
            os.close(journal._fd)
            journal._fd = real  # half a line may stand there: nothing more is written behind it
            (refused,) = await bot.cancels("3", "1")
            assert refused.many(35, 380) == ("j", "4")
            (status,) = await bot.sends("H", (11, "1"), (55, "AAPL"), (54, "1"))
            assert status.many(150, 39) == ("I", "0")
            assert floor.book() == before

    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    run(main())


# --- what a configuration may say ----------------------------------------------------------------------------


def test_a_wrong_configuration_is_refused_with_line_key_and_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "venue.toml"
    file.write_text(
        'prot = 1\n[[instruments]]\nsymbl = "X"\ntick = 0.05\n[faults]\nslow = 2\n[[phases]]\nat = "9:30"\n'
        'phase = "open"\n[[accounts]]\nname = "A"\nowner = "B"\nmax_order_qty = "lots"\n'
    )
    with pytest.raises(ff.ConfigFileError) as caught:
        load_exchange_config(file)
    lines = str(caught.value).splitlines()
    for line, word in ((1, "did you mean port"), (3, "did you mean symbol"), (4, "0.05"), (6, "chance"), (8, "09:30"),
                       (9, "continuous"), (13, "lots")):  # fmt: skip
        assert any(f":{line}:" in one and word in one for one in lines), (line, word, lines)
    file.write_text('port = 0\n[[instruments]]\nsymbol = "X"\ntick = "0.5"\nlot = 10\nreference = "7.5"\n')
    config = load_exchange_config(file, seed=7)
    assert (config.port, config.seed, config.instruments[0].tick, config.open) == (0, 7, "0.5", True)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"port": -1}, "port"),
        ({"versions": ("FIX.4.3",)}, "versions"),
        ({"instruments": ()}, "instruments"),
        ({"participants": (ParticipantConfig("A"), ParticipantConfig("A"))}, "participants"),
        ({"phases": (PhaseAt("09:00", "continuous", ("ZZZ",)),)}, "phases"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"pending_time": -1}, "pending_time"),
        ({"snapshot_every": 0}, "snapshot_every"),
        ({"sync": "always"}, "sync"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ff.ConfigError, match=word):
        ExchangeConfig(**options)


@pytest.mark.parametrize(
    "cls", [ExchangeConfig, InstrumentConfig, AccountConfig, ParticipantConfig, PhaseAt, FaultConfig]
)
def test_every_key_of_a_configuration_is_on_its_page(cls: type) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")
    rows = " ".join(line for line in page.splitlines() if line.startswith("| "))
    for one in fields(cls):
        if one.init:
            assert re.search(rf"\b{one.name}\b", rows), f"docs/exchange.md does not name {cls.__name__}.{one.name}"
