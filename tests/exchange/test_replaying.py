"""A day is recorded from the exchange as its wire log, and played by ReplayExchange to a client, on real sessions."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.replay.exchange import ReplayExchange
from fixfast.testing import World
from fixfast.trading.book import Book
from tests.exchange.floor import VERSIONS, Floor, run
from tests.exchange.market import request

WHO = AgentsConfig(symbols=("AAPL",))


class Past(World):
    """A recorded day, and one client of it."""

    def __init__(self, path: Path, version: str, **options: Any) -> None:
        super().__init__()
        self._path, self._version, self._options = path, version, options
        self.exchange: ReplayExchange
        self.session: ff.LiveSession
        self.seen: list[ff.Message] = []

    async def _furnish(self, stack: AsyncExitStack) -> None:
        self.exchange = await stack.enter_async_context(ReplayExchange(self._path, **self._options))
        applied = "9" if self._version == "FIXT.1.1" else ""
        config = ff.SessionConfig(self._version, "BOT", "EXCHANGE", default_appl_ver_id=applied)
        where = ff.ConnectionConfig("exchange", self.exchange.port)
        self.session = await stack.enter_async_context(ff.connect(config, where, self))
        await self.advance(0)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        message.detach()
        self.seen.append(message)

    def subscribe(self, **asked: Any) -> None:
        version = "FIX.5.0SP2" if self._version == "FIXT.1.1" else self._version
        fields = request(version, **{"symbols": ("AAPL",), "kinds": "012"} | asked).body()
        self.session.send_nowait("V", fields)


async def recorded_day(path: Path, version: str) -> Book:
    """Let a client follow a minute of agents; write what it was told as a log. Returns its book at the end."""
    book = Book("AAPL")
    async with Floor(ExchangeConfig(agents=WHO)) as floor:
        await floor.advance(3)
        client = await floor.client(version)
        asked = request("FIX.5.0SP2" if version == "FIXT.1.1" else version, kinds="012", symbols=("AAPL",))
        told = await client.sends("V", *asked.body())
        await floor.advance(60)
        told += await client.hears()
        for message in told:
            book.apply(message)
    path.write_bytes(b"".join(b"< " + message.raw.replace(b"\x01", b"|") + b"\n" for message in told))
    return book


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("speed", [1, 10, 0])
def test_a_recorded_day_is_played_and_the_clients_book_is_the_same(tmp_path: Path, version: str, speed: float) -> None:
    async def main() -> None:
        original = await recorded_day(tmp_path / "day.log", version)
        async with Past(tmp_path / "day.log", version, speed=speed) as past:
            await past.advance(100)
            assert past.exchange.replay.played == 0, "it waits for somebody who subscribes"
            past.subscribe()
            await past.advance()
            begin = past.now.mono_ns
            await past.exchange.finished.wait()
            took = (past.now.mono_ns - begin) / 1e9
            whole = past.exchange.recording.seconds
            assert took == pytest.approx(whole / speed if speed else 0, abs=1e-3)
            await past.advance(1)
            again = Book("AAPL")
            for message in past.seen:
                again.apply(message)
            assert original.bids()
            assert (again.bids(), again.offers()) == (original.bids(), original.offers())
            assert [trade[:2] for trade in again.tape] == [trade[:2] for trade in original.tape]
            assert not again.anomalies

    run(main())


def test_it_takes_no_orders_and_can_be_asked_when_it_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        original = await recorded_day(tmp_path / "day.log", "FIX.4.4")
        async with Past(tmp_path / "day.log", "FIX.4.4", speed=0, wait=False) as past:
            await past.exchange.finished.wait()
            order = [(11, "1"), (55, "AAPL"), (54, "1"), (38, 1), (40, "1"), (60, past.now.wall_ns)]
            past.session.send_nowait("D", order)
            past.session.send_nowait("V", [(263, "1"), (264, 0)])
            past.subscribe(action="0", depth=1)
            await past.advance(1)
            unnamed, no, w = past.seen
            assert (unnamed.msg_type, unnamed[371]) == ("3", "262")
            assert (no.msg_type, no[380]) == ("j", "3")
            assert w.group(268)[0].decimal(270) == original.bids()[0].price

    run(main())


def test_it_is_served_on_a_real_socket(tmp_path: Path) -> None:
    async def main() -> None:
        await recorded_day(tmp_path / "day.log", "FIX.4.4")

    run(main())

    async def over_tcp() -> int:
        async with ReplayExchange(tmp_path / "day.log", ExchangeConfig(port=0), speed=0) as exchange:
            to = ff.ConnectionConfig("127.0.0.1", exchange.port)
            async with ff.connect(ff.SessionConfig("FIX.4.4", "BOT", "EXCHANGE"), to) as session:
                session.send_nowait("V", request("FIX.4.4", kinds="012", symbols=("AAPL",)).body())
                count = 0
                async with asyncio.timeout(20):
                    async for _ in session:
                        count += 1
                        if exchange.finished.is_set() and not session.stats().unacknowledged:
                            return count
        return 0

    assert asyncio.run(over_tcp()) > 100
