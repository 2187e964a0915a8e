"""A real exchange process killed with SIGKILL, wherever it hurts: no order, no report is lost, and none comes twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.journal.memory import restore
from fixfast.exchange.venue.reports import CancelReject, Execution
from fixfast.exchange.venue.venue import Venue
from tests.engine.harness import run
from tests.exchange.doomed import PLACES, SNAPSHOT_PLACES

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here")


class Process:
    """The exchange, as a process that may die."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self._running: asyncio.subprocess.Process | None = None
        self.snapshot_every = 999_999
        self.faults: dict[str, float] = {}

    async def start(self, *place: str) -> None:
        command = [sys.executable, "-m", "tests.exchange.doomed", str(self.directory), str(self.port), *place]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SNAPSHOT": str(self.snapshot_every)}
        environment["FAULTS"] = json.dumps(self.faults)
        pipe = asyncio.subprocess.PIPE
        self._running = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe
        )
        assert self._running.stdout is not None
        line = await self._running.stdout.readline()
        if line:
            self.port = int(line)

    async def dead(self) -> int:
        assert self._running is not None
        return await self._running.wait()

    async def kill(self) -> None:
        assert self._running is not None
        with suppress(ProcessLookupError):
            self._running.kill()
        await self._running.wait()

    async def stop(self) -> None:
        assert self._running is not None
        assert self._running.stdin is not None
        self._running.stdin.close()
        assert await self._running.wait() == 0


class Bot:
    """Sends orders, whatever happens, and notes every report."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.reports: list[tuple[str, str, str]] = []
        self.duplicates: list[str] = []
        self.sent = 0

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        assert message.msg_type in "89", message
        key = message[17] if message.msg_type == "8" else f"9 {message[11]}"
        self.reports.append((key, message[11], message.get(150) or "9"))
        if "6" in message.many(102, 103):  # none of its ids is used twice: the exchange took a message for two
            self.duplicates.append(message[11])

    def send(self, session: ff.LiveSession) -> None:
        """Send an order, a cancel or a replace."""
        self.sent += 1
        lot, name = self.random, f"c{self.sent}"
        side, price = lot.choice("12"), lot.randint(22990, 23010)
        time = (60, 1_767_607_200_000_000_000)
        if lot.random() < 0.75 or self.sent < 3:
            fields = [
                (11, name),
                (55, "AAPL"),
                (54, side),
                (38, lot.randint(1, 9)),
                (40, "2"),
                (44, ff.Scaled(price, -2)),
            ]
            session.send_nowait("D", [*fields, time, (59, "1")])
        else:
            orig = f"c{lot.randrange(1, self.sent)}"
            session.send_nowait("F", [(41, orig), (11, name), (55, "AAPL"), (54, side), (38, 1), time])


def config_for(name: str) -> ff.SessionConfig:
    return ff.SessionConfig("FIX.4.4", name, "EXCHANGE", offline="store", on_resend=lambda *_: True)


async def die(process: Process, deaths: Sequence[tuple[str, ...]], moments: random.Random) -> None:
    """Let the exchange die again and again, and come back; in the end it lives."""
    for death in deaths:
        await process.start(*death)
        if death:
            assert await process.dead() == -9
        else:
            await asyncio.sleep(moments.uniform(0.1, 0.4))
            await process.kill()
    await process.start()


async def trade(process: Process, directory: Path, seed: str, deaths: Sequence[tuple[str, ...]]) -> tuple[Bot, Bot]:
    """Trade with two bots while the exchange dies."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        process.port = free.getsockname()[1]
    bots = Bot(f"{seed} A"), Bot(f"{seed} B")
    dying = asyncio.create_task(die(process, deaths, random.Random(seed)))
    eager = ff.Reconnect(initial=0.005, maximum=0.02, max_refusals=None, retry_first=True)
    where = ff.ConnectionConfig("127.0.0.1", process.port, reconnect=eager)
    stores = [ff.JournalStore(directory / "bots", session_id=config_for(name).session_id) for name in "AB"]
    async with (
        ff.connect(config_for("A"), where, bots[0], stores[0]) as first,
        ff.connect(config_for("B"), where, bots[1], stores[1]) as second,
    ):
        sessions = list(zip(bots, (first, second), strict=True))
        while not dying.done():
            for bot, session in sessions:
                if session.active or bot.random.random() < 0.02:
                    bot.send(session)
            await asyncio.sleep(0.001)
        await dying
        for _, session in sessions:
            await session.wait_active()
        heard = -1
        while heard != sum(len(bot.reports) for bot in bots):  # until nothing comes any more
            heard = sum(len(bot.reports) for bot in bots)
            await asyncio.sleep(0.3)
    await process.stop()
    return bots


def replayed(directory: Path, told: Counter[str] | None = None) -> Venue:
    """Return the exchange that a journal leads to. Args: told: counts its reports, by "owner id"."""
    config = ExchangeConfig()
    venue = Venue(config)
    what = [[one.listing.symbol, one.listing.price_scale, one.listing.qty_scale] for one in venue.markets.values()]
    journal = CommandJournal(directory, what)
    if journal.state is not None:
        restore(venue, journal.state)
    for now_ns, command in journal.replay():
        for report in venue.apply(command, now_ns):
            assert isinstance(report, Execution | CancelReject)
            key = report.exec_id if isinstance(report, Execution) else f"9 {report.cl_ord_id}"
            if told is not None:
                told[f"{report.owner} {key}"] += 1
    journal.close()
    return venue


def agree(directory: Path, bots: tuple[Bot, Bot]) -> None:
    """Each report of the exchange reached its owner, once."""
    told: Counter[str] = Counter()
    replayed(directory, told)
    heard = Counter(f"FIX.4.4:{name} {key}" for name, bot in zip("AB", bots, strict=True) for key, _, _ in bot.reports)
    assert heard == told, (list((told - heard).items())[:5], list((heard - told).items())[:5])
    for bot in bots:
        answered = {name for _, name, kind in bot.reports if kind in "0489"}
        assert answered >= {f"c{n}" for n in range(1, bot.sent + 1)}
        assert not bot.duplicates


@pytest.mark.parametrize("place", PLACES)
def test_an_exchange_that_dies_at_a_place_loses_and_doubles_nothing(place: str, tmp_path: Path) -> None:
    async def main() -> None:
        process = Process(tmp_path / "exchange")
        deaths = [(place, str(n)) for n in (1, 2, 7, 23)]
        agree(tmp_path / "exchange", await trade(process, tmp_path, place, deaths))

    run(main(), limit=60)


def test_an_exchange_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = os.environ.get("FIXFAST_KILL_SEED", "1")
    sys.stdout.write(f"FIXFAST_KILL_SEED={seed}\n")

    async def main() -> None:
        process = Process(tmp_path / "exchange")
        agree(tmp_path / "exchange", await trade(process, tmp_path, seed, [()] * 6))

    run(main(), limit=60)


SNAPSHOT_DEATHS = {place: [(place, "1"), (place, "3"), (place, "2")] for place in SNAPSHOT_PLACES}
SNAPSHOT_DEATHS["anywhere"] = [("after append", "33"), ("before send", "40"), ("after send", "55")]


@pytest.mark.parametrize("place", SNAPSHOT_DEATHS)
def test_a_snapshot_in_between_changes_nothing(place: str, tmp_path: Path) -> None:
    async def main() -> None:
        process = Process(tmp_path / "exchange")
        process.snapshot_every = 20
        deaths = SNAPSHOT_DEATHS[place]
        bots = await trade(process, tmp_path, "snapshots", deaths)
        venue = replayed(tmp_path / "exchange")
        for name, bot in zip("AB", bots, strict=True):
            keys = [key for key, _, _ in bot.reports]
            assert len(keys) == len(set(keys))
            assert not bot.duplicates
            filled = Counter(name for _, name, kind in bot.reports if kind == "F")
            orders = [kept for kept in venue.telling.orders.values() if kept.owner == f"FIX.4.4:{name}"]
            assert {kept.names[0]: len(kept.trades) for kept in orders if kept.trades} == filled

    run(main(), limit=60)


def test_reports_that_were_held_back_come_after_all(tmp_path: Path) -> None:
    async def main() -> None:
        process = Process(tmp_path / "exchange")
        process.faults = {"slow": 0.2, "slow_by": 0.05}
        agree(tmp_path / "exchange", await trade(process, tmp_path, "slow", [(), ("after append", "25"), ()]))

    run(main(), limit=60)


@pytest.mark.parametrize("place", ["after append", "before send"])
def test_drop_copies_are_complete(place: str, tmp_path: Path) -> None:
    async def main() -> None:
        process = Process(tmp_path / "exchange")
        bots = await trade(process, tmp_path, place, [(place, "9"), (place, "14")])
        await process.start()
        copies: list[str] = []

        class Drop:
            def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
                copies.append(message[17])

        where = ff.ConnectionConfig("127.0.0.1", process.port)
        wanted = [key for key, _, kind in bots[0].reports if kind != "9"]
        async with ff.connect(config_for("DROP"), where, Drop()):
            while len(copies) < len(wanted):
                await asyncio.sleep(0.01)
        await process.stop()
        assert sorted(copies) == sorted(wanted)

    run(main(), limit=60)
