"""What is measured of a live session with latency=True, on virtual time where every ns is known; and stats()."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.delivery import Delivery
from fixfast.session.session import Session
from tests.engine.harness import Notes, news, run, them, to, until, us
from tests.engine.virtual import virtual

MS = 1_000_000


def counts(session: ff.LiveSession) -> dict[str, int]:
    assert session.latency is not None
    return {name: histogram.count for name, histogram in session.latency}


def test_what_is_off_is_not_there() -> None:
    async def main() -> None:
        async with virtual() as v:
            assert v.bot.latency is None
            assert type(v.bot._session) is Session
            assert type(v.bot._delivery) is Delivery

    run(main())


def test_callbacks_are_measured() -> None:
    class Slow(Notes):
        async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
            await asyncio.sleep(0.002)

    async def main() -> None:
        async with virtual(bot={"latency": True}, application=Slow()) as v:
            for n in range(3):
                v.venue.send_nowait(*news(n))
            await v.advance(1)
            latency = v.bot.latency
            assert latency is not None
            assert counts(v.bot) == {"receive": 3, "callback": 3, "send": 0}
            assert latency.callback.max == 2 * MS
            assert latency.callback.min == pytest.approx(2 * MS, rel=0.016)
            assert latency.receive.percentiles((0, 50, 100)) == [0, pytest.approx(2 * MS, rel=0.008), 4 * MS]

    run(main())


def test_a_plain_callback_is_measured() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(None, [them()]) as server:
            async with ff.connect(us(), to(server), notes, latency=True) as session:
                (venue,) = server.sessions.values()
                await venue.wait_active()
                for n in range(10):
                    venue.send_nowait(*news(n))
                await until(lambda: len(notes.messages) == 10)
                assert counts(session) == {"receive": 10, "callback": 10, "send": 0}
                assert session.latency is not None
                assert session.latency.receive.min > 0

    run(main())


def test_iteration_is_measured() -> None:
    async def main() -> None:
        async with virtual(bot={"latency": True}, application=object()) as v:
            for n in range(3):
                v.venue.send_nowait(*news(n))
            await v.advance(0.001)
            stream = aiter(v.bot)
            for _ in range(3):
                await anext(stream)
                await asyncio.sleep(0.005)
            latency = v.bot.latency
            assert latency is not None
            assert counts(v.bot) == {"receive": 3, "callback": 2, "send": 0}, "the third is still being worked on"
            assert latency.receive.percentile(0) == pytest.approx(MS, rel=0.008)
            assert latency.receive.max == 11 * MS
            assert latency.callback.max == 5 * MS

    run(main())


def test_an_exception_ends_the_work_too() -> None:
    class Wrong(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            raise RuntimeError("no")

    async def main() -> None:
        async with virtual(bot={"latency": True}, application=Wrong()) as v:
            v.venue.send_nowait(*news(0))
            await v.advance()
            assert counts(v.bot) == {"receive": 1, "callback": 1, "send": 0}
            arrivals: Any = v.bot._session
            assert not arrivals.arrivals._given
            assert not arrivals.arrivals._read

    run(main())


def test_sending_is_measured_until_it_is_written() -> None:
    async def main() -> None:
        async with virtual(bot={"latency": True}) as v:
            template = v.bot.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
            v.bot.send_nowait(*news(0))
            v.bot.send_template(template, "1")
            await v.bot.send(*news(2))
            await v.advance()
            assert counts(v.bot)["send"] == 3
            await v.advance(40)
            assert counts(v.bot)["send"] == 3, "heartbeats are not the program's"

    run(main())


def test_what_waits_its_turn_is_measured_from_then_on() -> None:
    async def main() -> None:
        throttle = ff.Throttle((ff.RateLimit(1),), when_full="queue")
        async with virtual(bot={"latency": True, "throttle": throttle}) as v:
            for n in range(3):
                v.bot.send_nowait(*news(n))
            await v.advance(5)
            assert counts(v.bot)["send"] == 3
            assert v.bot.latency is not None
            assert v.bot.latency.send.max == 0

    run(main())


def test_messages_of_an_earlier_process_have_no_time_of_receipt() -> None:
    async def main() -> None:
        store = ff.MemoryStore()
        session = ff.Session(us(), store)
        del session
        async with virtual(bot={"latency": True}, application=object()) as v:
            v.venue.send_nowait(*news(0))
            await v.advance()
            v.bot.drop()
            await v.advance(1)
            assert (await anext(aiter(v.bot)))[148] == "0"
            assert counts(v.bot)["receive"] == 1

    run(main())


def test_a_server_measures_each_session() -> None:
    async def main() -> None:
        async with virtual(venue={"latency": True}) as v:
            v.bot.send_nowait(*news(0))
            await v.advance()
            assert counts(v.venue) == {"receive": 1, "callback": 1, "send": 0}

    run(main())


# --- stats -------------------------------------------------------------------------------------------------------


def test_stats_tell_of_both_ways() -> None:
    async def main() -> None:
        async with virtual(config={"heart_bt_int": 0}) as v:
            begin = v.world.now.wall_ns
            await v.advance(1)
            v.bot.send_nowait(*news(0))
            await v.advance(1)
            bot, venue = v.bot.stats(), v.venue.stats()
            assert (bot.state, bot.next_in, bot.next_out) == (ff.State.ACTIVE, 2, 3)
            assert (bot.messages_out, venue.messages_in) == (2, 1)
            assert bot.bytes_out == venue.bytes_in, "with the Logon, which was read before there was a session"
            assert bot.bytes_in == venue.bytes_out
            assert (bot.last_in_ns, bot.last_out_ns) == (begin, begin + 1000 * MS)
            assert (venue.last_in_ns, venue.last_out_ns) == (begin + 1000 * MS, begin)
            assert (bot.logons, bot.rejects_in, bot.faults, bot.throttled, bot.waiting) == (1, 0, 0, 0, 0)
            with pytest.raises(FrozenInstanceError):
                bot.logons = 2  # type: ignore[misc]
            v.bot.drop()
            await v.advance(1)
            assert v.bot.stats().logons == 2
            assert begin + 2000 * MS < v.bot.stats().last_in_ns < begin + 2100 * MS

    run(main())


def test_the_last_message_is_remembered_when_the_connection_is_gone() -> None:
    async def main() -> None:
        async with virtual(reconnect=ff.Reconnect(initial=100.0, maximum=100.0)) as v:
            begin = v.world.now.wall_ns
            await v.advance(5)
            v.bot.drop()
            await v.advance(5)
            assert v.bot.stats().state is ff.State.DISCONNECTED
            assert v.bot.stats().last_in_ns == begin

    run(main())


def test_what_waits_for_the_program_is_counted() -> None:
    async def main() -> None:
        async with virtual(application=object()) as v:
            for n in range(3):
                v.venue.send_nowait(*news(n))
            await v.advance()
            assert v.bot.stats().backlog == 3
            await anext(aiter(v.bot))
            assert v.bot.stats().backlog == 2

    run(main())


def test_rejects_and_faults_of_the_peer_are_counted() -> None:
    async def main() -> None:
        async with virtual(bot={"latency": True}) as v:
            v.venue.send_nowait("3", [(45, 1), (373, 5)])
            v.venue.send_nowait("j", [(45, 1), (372, "D"), (380, 0)])
            v.venue.send_nowait("B", [(58, "News without a headline")])
            await v.advance()
            stats = v.bot.stats()
            assert (stats.messages_in, stats.rejects_in, stats.faults) == (3, 2, 1)

    run(main())


def test_a_session_of_ones_own_has_stats_too() -> None:
    stats = ff.Session(us()).stats()
    assert (stats.last_in_ns, stats.last_out_ns, stats.bytes_in, stats.logons) == (0, 0, 0, 0)
