"""A proxy that breaks connections, between real engines on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, free_port, news, run, them, until, us


@asynccontextmanager
async def between(**options: Any) -> AsyncIterator[tuple[ff.testing.FaultProxy, ff.LiveSession, Notes, Notes]]:
    """A bot, the proxy and a venue."""
    bot, venue = Notes(), Notes()
    async with ff.serve(venue, [them(**options)]) as server:
        async with ff.testing.FaultProxy("127.0.0.1", server.port) as proxy:
            async with ff.connect(us(**options), proxy.connection, bot) as session:
                yield proxy, session, bot, venue
                await proxy.calm()


@pytest.mark.parametrize("how", ["cut", "reset"])
def test_a_cut_connection_comes_again_with_what_was_lost(how: str) -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            for i in range(20):
                await session.wait_active()
                session.send_nowait(*news(i))
                if i % 7 == 3:
                    await getattr(proxy, how)()
                    await until(lambda: not session.active)
            await until(lambda: len(venue.messages) == 20)
            assert venue.headlines == [str(i) for i in range(20)]
            assert proxy.connections == session.connections == 4
            assert proxy.history == [how] * 3

    run(main())


@pytest.mark.parametrize("size", [1, 7])
def test_pieces_are_put_together(size: int) -> None:
    async def main() -> None:
        async with between() as (proxy, session, bot, venue):
            proxy.split = size
            for i in range(10):
                session.send_nowait(*news(i))
            await until(lambda: len(venue.messages) == 10)
            assert bot.named("Disconnected") == []

    run(main())


def test_what_is_merged_comes_apart() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.merge = 0.02
            for i in range(5):
                session.send_nowait(*news(i))
                await asyncio.sleep(0.001)
            await until(lambda: len(venue.messages) == 5)

    run(main())


def test_delays_keep_the_order() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.delay, proxy.jitter = 0.001, 0.01
            for i in range(20):
                await session.send(*news(i))
                await asyncio.sleep(0)
            await until(lambda: len(venue.messages) == 20)
            assert venue.headlines == [str(i) for i in range(20)]

    run(main())


def test_one_direction_stalls_and_goes_on() -> None:
    async def main() -> None:
        async with between() as (proxy, session, bot, venue):
            (other,) = session_of(venue, proxy)
            proxy.stall("in")
            session.send_nowait(*news("gets there"))
            await until(lambda: venue.headlines)
            other.send_nowait(*news("waits"))
            await asyncio.sleep(0.02)
            assert bot.headlines == []
            proxy.resume()
            await until(lambda: bot.headlines == ["waits"])

    sessions: list[ff.LiveSession] = []

    def session_of(venue: Notes, proxy: ff.testing.FaultProxy) -> list[ff.LiveSession]:
        return sessions

    original = Notes.on_logon

    def on_logon(self: Notes, session: ff.LiveSession) -> None:
        original(self, session)
        if session.id == them().session_id:
            sessions.append(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Notes, "on_logon", on_logon)
        run(main())


def test_a_corrupted_byte_costs_a_message_which_is_asked_for() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.corrupt(1, "out", skip=30)
            session.send_nowait(*news("spoilt"))
            await asyncio.sleep(0.01)
            session.send_nowait(*news("whole"))
            await until(lambda: venue.headlines == ["spoilt", "whole"])
            assert venue.named("GapDetected")

    run(main())


def test_bytes_that_vanish_cost_a_message_which_is_asked_for() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.lose(10, "out")
            session.send_nowait(*news("maimed"))
            await asyncio.sleep(0.01)
            session.send_nowait(*news("whole"))
            await until(lambda: venue.headlines == ["maimed", "whole"])

    run(main())


def test_a_message_is_cut_in_two_by_the_end_of_the_connection() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.cut_after(40, "out")
            session.send_nowait(*news("in two"))
            await until(lambda: session.connections == 2)
            await until(lambda: venue.headlines == ["in two"])
            assert venue.messages[0].poss_dup
            assert proxy.history == ["cut after 40 out", "cut as asked"]

    run(main())


def test_the_connection_is_cut_when_a_certain_message_passes() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, venue):
            proxy.cut_at(b"\x01148=two\x01", "out")
            for text in ("one", "two"):
                session.send_nowait(*news(text))
                await asyncio.sleep(0.01)
            await until(lambda: venue.headlines == ["one", "two"])
            assert session.connections == 2

    run(main())


def test_a_half_open_connection_is_noticed_by_the_bot() -> None:
    async def main() -> None:
        async with ff.testing.World() as world, between() as (proxy, session, bot, venue):
            await proxy.half_open()
            await world.advance(1)
            assert (len(venue.logouts), len(bot.logouts)) == (1, 0), "the bot was not told"
            await world.advance(90)
            assert len(bot.logouts) == 1
            assert session.connections == 2

    run(main())


def test_nobody_is_let_in() -> None:
    async def main() -> None:
        async with between() as (proxy, session, _, _):
            proxy.refuse = True
            await proxy.cut()
            seen = proxy.connections
            await until(lambda: proxy.connections > seen + 2)
            assert not session.active
            proxy.refuse = False
            await session.wait_active()

    run(main())


def test_a_venue_that_is_not_there() -> None:
    async def main() -> None:
        async with ff.testing.FaultProxy("127.0.0.1", free_port()) as proxy:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(), proxy.connection):
                    raise AssertionError("logged on")

    run(main())


@pytest.mark.parametrize("seed", range(3))
def test_chaos_loses_nothing(seed: int) -> None:
    async def main() -> None:
        venue = Notes()
        # A minute's worth of repeated requests passes in a second here.
        patient: dict[str, Any] = {"offline": "store", "max_repeated_requests": 1000}
        async with ff.serve(venue, [them(**patient)]) as server:
            async with ff.testing.FaultProxy("127.0.0.1", server.port, seed=seed) as proxy:
                connection = ff.ConnectionConfig("127.0.0.1", proxy.port, reconnect=EAGER)
                async with ff.connect(us(**patient), connection) as session:
                    proxy.chaos(every=0.02, faults=("cut", "reset", "stall", "delay", "split"))
                    for i in range(200):
                        session.send_nowait(*news(i))
                        await asyncio.sleep(0.002)
                    await proxy.calm()
                    await until(lambda: len(venue.messages) >= 200)
                    assert sorted({int(text) for text in venue.headlines}) == list(range(200))
                    assert len(proxy.history) > 3

    run(main(), limit=120)  # on a busy machine each of its logons takes longer


def test_the_seed_chooses() -> None:
    def broken(seed: int) -> list[str]:
        async def main() -> list[str]:
            async with ff.testing.World():
                async with ff.serve(Notes(), [them()]) as server:
                    async with ff.testing.FaultProxy("venue", server.port, seed=seed) as proxy:
                        proxy.chaos(every=1)
                        await asyncio.sleep(60)
                        return proxy.history

        return run(main())

    assert broken(1) == broken(1)
    assert broken(1) != broken(2)


def test_mistakes_are_named() -> None:
    async def main() -> None:
        async with ff.testing.FaultProxy("127.0.0.1", 1) as proxy:
            with pytest.raises(ff.ConfigError, match="direction='up' is not allowed: 'out'"):
                proxy.stall("up")  # type: ignore[arg-type]
            with pytest.raises(ff.ConfigError, match="faults"):
                proxy.chaos(faults=("fire",))
            proxy.chaos()
            with pytest.raises(RuntimeError, match="begun already"):
                proxy.chaos()
        with pytest.raises(ValueError, match="on purpose") as caught:
            async with ff.testing.FaultProxy("127.0.0.1", 1) as proxy:
                await proxy.cut()
                raise ValueError("on purpose")
        assert caught.value.__notes__ == ["What the proxy broke: cut"]

    run(main())
