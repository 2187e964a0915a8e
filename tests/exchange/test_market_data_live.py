"""Market data over real sessions, on virtual time: the publisher behind an acceptor, a subscriber in front of it."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.messages import Line
from fixfast.exchange.market_data.publisher import MarketData
from tests.exchange.market import VERSIONS, WALL, PlainBook, Symbol, begin_string, request


class Venue:
    """The least that a gateway does for MarketData."""

    def __init__(self, version: str, data: MarketData) -> None:
        self.version = version
        self.data = data

    def on_logon(self, session: ff.LiveSession) -> None:
        line: Line = session
        self.data.join(session.id.target_comp_id, self.version, line)

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        self.data.leave(session.id.target_comp_id)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        self.data.on_request(session.id.target_comp_id, message, WALL)


def config(version: str) -> ff.SessionConfig:
    own = {"default_appl_ver_id": "9"} if version == "FIX.5.0SP2" else {}
    return ff.SessionConfig(begin_string(version), "BOT", "SIM", **own)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_subscribes_follows_and_leaves(version: str) -> None:
    data = MarketData([Symbol("ABC")])

    async def main() -> None:
        async with ff.testing.pair(config(version), application_b=Venue(version, data)) as p:
            p.initiator.send_nowait("V", request(version, kinds="012", depth=5).body())
            messages = aiter(p.initiator)
            book = PlainBook(depth=5)
            book.apply(await anext(messages))
            for n in range(20):
                data.publish("ABC", WALL, changes=[(1, 9900 + n, 5, 1)], trades=[(f"T{n}", 9900, 1)])
                book.apply(await anext(messages))
            assert [str(price) for price, _, _ in book.sides["0"]] == [f"99.{n}" for n in range(19, 14, -1)]
            assert len(book.tape) == 20
            await p.initiator.logout()
            await p.advance(0.1)
        assert data.watching == 0

    asyncio.run(main())


def test_a_session_that_is_not_written_is_conflated() -> None:
    data = MarketData([Symbol("ABC")], MarketDataLimits(pending=50))

    async def main() -> None:
        async with ff.testing.pair(config("FIX.4.4"), application_b=Venue("FIX.4.4", data)) as p:
            p.initiator.send_nowait("V", request("FIX.4.4").body())
            messages = aiter(p.initiator)
            book = PlainBook()
            book.apply(await anext(messages))
            for n in range(1000):  # in one pass of the loop: nothing can be written meanwhile
                data.publish("ABC", WALL, changes=[(1, 9900, 1 + n, 1)])
            assert p.acceptor.unwritten == 50
            assert data.behind == 1
            await p.advance(0.1)
            assert p.acceptor.unwritten == 0
            data.poll(WALL)
            for _ in range(51):
                book.apply(await anext(messages))
            assert book.sides["0"][0][1] == 1000

    asyncio.run(main())
