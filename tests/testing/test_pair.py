"""A pair of sessions in memory, on virtual time: what takes time and a network, in no time and without one."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.testing import VirtualTime, mirrored
from tests.engine.harness import Notes, news, run, them, us

SECOND = 1_000_000_000


def kinds(pair: ff.testing.Pair, sender: str | None = None) -> list[str]:
    assert all(isinstance(passed.message, ff.Message) for passed in pair.wire)
    return [p.message.msg_type for p in pair.wire if sender in (None, p.sender) and isinstance(p.message, ff.Message)]


def test_both_are_logged_on_and_talk() -> None:
    async def main() -> None:
        bot, venue = Notes(), Notes()
        async with ff.testing.pair(us(), None, bot, venue) as pair:
            assert pair.initiator.active
            assert pair.acceptor.active
            assert pair.initiator.id == us().session_id
            pair.initiator.send_nowait(*news("there"))
            await pair.advance()
            pair.acceptor.send_nowait(*news("and back"))
            await pair.advance()
            assert (venue.headlines, bot.headlines) == (["there"], ["and back"])
            assert pair.elapsed_ns == 0, "nothing of this takes time"
        assert bot.logouts == ["Logout"]
        assert [p.message[148] for p in pair.wire if 148 in p.message] == ["there", "and back"]  # type: ignore[operator, index]

    run(main())


def test_after_thirty_virtual_seconds_there_is_a_heartbeat() -> None:
    async def main() -> None:
        async with ff.testing.pair(us(heart_bt_int=30)) as pair:
            await pair.advance(29.999)
            assert kinds(pair) == ["A", "A"]
            await pair.advance(0.001)
            assert kinds(pair) == ["A", "A", "0", "0"]
            assert [passed.time_ns for passed in pair.wire] == [0, 0, 30 * SECOND, 30 * SECOND]
            await pair.advance(3570)
            assert len(pair.wire) == 2 + 2 * 120
            assert pair.now.wall_ns == 1_767_607_200 * SECOND + 3600 * SECOND

    run(main())


def test_a_silent_peer_is_tested_then_given_up_and_called_again() -> None:
    async def main() -> None:
        bot = Notes()
        async with ff.testing.pair(us(heart_bt_int=10), application_a=bot) as pair:
            pair.hold()
            await pair.advance(13)
            assert "1" in kinds(pair, "initiator"), "a TestRequest"
            assert bot.logouts == []
            await pair.advance(30)
            assert len(bot.logouts) == 1
            assert pair.initiator.connections == 2
            assert pair.initiator.active, "the new connection is not held"

    run(main())


def test_what_was_lost_with_a_connection_is_resent() -> None:
    async def main() -> None:
        bot, venue = Notes(), Notes()
        async with ff.testing.pair(us(), None, bot, venue, delay=0.05) as pair:
            pair.acceptor.send_nowait(*news("lost on its way"))
            pair.initiator.send_nowait(*news("this, too"))
            await pair.advance(0.04)
            pair.drop()
            assert [passed.lost for passed in pair.wire[-2:]] == [True, True]
            await pair.advance(2)
            assert (bot.headlines, venue.headlines) == (["lost on its way"], ["this, too"])
            assert all(message.poss_dup for message in bot.messages + venue.messages)
            assert pair.initiator.connections == 2

    run(main())


def test_while_the_network_is_down_the_waits_grow() -> None:
    async def main() -> None:
        again = ff.Reconnect(initial=1, factor=2, maximum=60, jitter=0, max_refusals=None)
        async with ff.testing.pair(us(), reconnect=again) as pair:
            pair.up = False
            await pair.advance(6.5)  # tried after 1, 3 and 7 s
            pair.up = True
            await pair.advance(0.4)
            assert not pair.initiator.active
            await pair.advance(0.2)
            assert pair.initiator.active

    run(main())


def test_reconnecting_ends_by_its_rules() -> None:
    async def main() -> None:
        with pytest.raises(ff.GaveUp):
            async with ff.testing.pair(us(), reconnect=ff.Reconnect(max_attempts=3)) as pair:
                pair.up = False
                async for _ in pair.initiator:
                    raise AssertionError("nothing was sent")

    run(main())


def test_the_same_seed_gives_the_same_trace() -> None:
    def trace(seed: int) -> str:
        async def main() -> str:
            async with ff.testing.pair(us(), seed=seed, delay=0.001, jitter=0.01) as pair:
                for i in range(20):
                    pair.initiator.send_nowait(*news(i))
                    await pair.advance(0.002)
                    if i == 10:
                        pair.drop()
                        await pair.advance()
                        await pair.initiator.wait_active()
                await pair.advance(60)
                return pair.trace()

        return run(main())

    assert trace(7) == trace(7)
    assert trace(7) != trace(8)
    assert len(trace(7).splitlines()) > 20


def test_schedules_run_through_a_week() -> None:
    async def main() -> None:
        office = ff.Schedule.weekdays(("MON", "TUE", "WED", "THU", "FRI"), "08:00", "17:00", tz="Europe/London")
        friday = datetime(2026, 1, 9, 16, 59, 50, tzinfo=UTC)
        async with ff.testing.pair(us(schedule=office), start=friday) as pair:
            await pair.advance(30)
            assert not pair.initiator.connected
            await pair.initiator.wait_active()
            # Monday morning; a connection is looked for once a minute while the schedule is closed
            assert 0 <= pair.now.wall_ns - int(datetime(2026, 1, 12, 8, tzinfo=UTC).timestamp()) * SECOND < 60 * SECOND
            assert pair.initiator.next_out == 2, "numbers begin again"

    run(main())


def test_a_wall_clock_that_steps_is_seen_by_both() -> None:
    async def main() -> None:
        bot = Notes()
        async with ff.testing.pair(us(sending_time_tolerance=60), application_a=bot) as pair:
            pair.step_wall_clock(3600)
            await pair.advance(31)
            assert any("clock" in alarm.text for alarm in bot.named("Alarm"))

    run(main())


def test_requests_time_out_in_virtual_time() -> None:
    async def main() -> None:
        async with ff.testing.pair(us()) as pair:
            with pytest.raises(TimeoutError):
                await pair.initiator.request("V", [(262, "r"), (263, "0"), (264, 1)], timeout=5)
            assert pair.elapsed_ns == 5 * SECOND

    run(main())


def test_journals_are_used_without_threads(tmp_path: Any) -> None:
    async def main() -> int:
        config = us()
        store = ff.JournalStore(tmp_path, session_id=config.session_id, sync="every")
        async with ff.testing.pair(config, store_a=store) as pair:
            pair.initiator.send_nowait(*news(1))
            await pair.advance(1)
            assert kinds(pair)[-1] == "B"
        return len(pair.wire)

    assert run(main()) == 5


def test_a_full_link_pauses_the_writer_and_lets_it_go_on() -> None:
    async def main() -> None:
        venue = Notes()
        async with ff.testing.pair(us(), None, None, venue, delay=1) as pair:

            async def flood() -> None:
                for i in range(100):
                    await pair.initiator.send(*news("x" * 10_000 + str(i)))

            began = pair.elapsed_ns
            await flood()
            assert pair.elapsed_ns > began, "it had to wait for the peer to read"
            await pair.advance(10)
            assert len(venue.messages) == 100

    run(main())


def test_a_failing_test_shows_what_passed() -> None:
    async def main() -> None:
        async with ff.testing.pair(us(username="me", password="hunter2")) as pair:
            pair.initiator.send_nowait(*news("look"))
            await pair.advance()
            raise AssertionError("on purpose")

    with pytest.raises(AssertionError) as caught:
        run(main())
    (note,) = caught.value.__notes__
    assert "initiator  8=FIX.4.4|" in note
    assert "148=look" in note
    assert "hunter2" not in note


def test_waiting_for_what_never_comes_ends() -> None:
    async def main() -> None:
        async with ff.testing.pair(us(), limit=3600) as pair:
            async for _ in pair.initiator:
                raise AssertionError("nothing was sent")

    with pytest.raises(TimeoutError, match="3600 s of virtual time"):
        run(main())


def test_the_limit_of_a_test_runner_keeps_to_real_time() -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            async with ff.testing.pair(us()) as pair:
                await pair.advance(3600)
        assert not {"time", "run_in_executor", "create_connection"} & set(vars(asyncio.get_running_loop()))
        await asyncio.sleep(0.001)  # it works as it did

    run(main())

    async def too_long() -> None:
        async with asyncio.timeout(0.05), ff.testing.pair(us(), limit=1e9) as pair:
            async for _ in pair.initiator:
                raise AssertionError("nothing was sent")

    with pytest.raises(TimeoutError):
        run(too_long())


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> None:
        with VirtualTime() as virtual:
            ticking = asyncio.ensure_future(asyncio.sleep(1))
            await asyncio.to_thread(time.sleep, 0.02)
            assert virtual.elapsed_ns == 0
            assert not ticking.done()
            await ticking
            assert virtual.elapsed_ns == SECOND

    run(main())


def test_the_clock_is_given_back_whatever_happens() -> None:
    real = clock.now

    async def main() -> None:
        async with ff.testing.pair(us()):
            assert clock.now is not real
            raise ValueError("on purpose")

    with pytest.raises(ValueError):
        run(main())
    assert clock.now is real


def test_virtual_time_is_not_for_every_loop_and_not_twice() -> None:
    async def twice() -> None:
        with VirtualTime(), pytest.raises(RuntimeError, match="already"), VirtualTime():
            raise AssertionError("entered")

    run(twice())
    uvloop = pytest.importorskip("uvloop")

    async def other() -> None:
        with pytest.raises(RuntimeError, match="of asyncio's own: uvloop's"), VirtualTime():
            raise AssertionError("entered")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(other())
    with pytest.raises(RuntimeError):
        VirtualTime().__enter__()


def test_mistakes_are_named() -> None:
    with pytest.raises(ff.ConfigError, match="config_a"):
        ff.testing.pair("FIX.4.4")  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="config_b"):
        ff.testing.pair(us(), Notes())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no time zone"):
        ff.testing.pair(us(), start=datetime(2026, 1, 1))

    async def main() -> None:
        p = ff.testing.pair(us())
        with pytest.raises(RuntimeError, match="`async with pair"):
            _ = p.initiator
        with pytest.raises(RuntimeError, match="has not begun"):
            await p.advance(1)
        async with p:
            with pytest.raises(ff.ConfigError, match="delay"):
                p.delay = -1
            with pytest.raises(ValueError, match="time does not go back"):
                await p.advance(-1)
        with pytest.raises(RuntimeError, match="good for one"):
            async with p:
                raise AssertionError("entered twice")

    run(main())


def test_a_pair_that_does_not_match_says_why() -> None:
    async def main() -> None:
        async with ff.testing.pair(us(), us(sender="SIM", target="ANOTHER"), reconnect=ff.Reconnect()):
            raise AssertionError("logged on")

    with pytest.raises(ff.LogonFailed):
        run(main())


def test_the_mirror_swaps_the_ids_and_keeps_the_secrets() -> None:
    mine = us(sender_sub_id="DESK", target_sub_id="FX", username="me", password="x", heart_bt_int=7)
    other = mirrored(mine)
    assert (other.sender_comp_id, other.target_comp_id, other.sender_sub_id, other.target_sub_id) == (
        "SIM", "BOT", "FX", "DESK",
    )  # fmt: skip
    assert (other.username, other.password, other.heart_bt_int) == ("", "", 7)


def test_a_program_with_tls_runs_in_a_world_without() -> None:
    async def main() -> None:
        async with ff.testing.World(), ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), ff.ConnectionConfig("fix.example.com", server.port, tls=True)) as session:
                assert session.active

    run(main())


def test_unix_sockets_and_several_addresses_are_in_memory_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with ff.testing.World() as world, ff.serve(Notes(), [them()], path=tmp_path / "fix.sock") as server:
            async with ff.connect(us(), ff.ConnectionConfig(str(tmp_path / "fix.sock"), 0)) as session:
                await world.advance(3600)
                assert session.connections == 1
            assert str(tmp_path / "fix.sock") in server.addresses
        async with ff.testing.World() as world, ff.serve(Notes(), [them()], host=None) as server:
            async with ff.connect(us(), ff.ConnectionConfig("fix.example.com", server.port)) as session:
                await world.advance(3600)
                assert session.connections == 1

    run(main())


def test_a_world_does_not_go_out_through_a_proxy() -> None:
    async def main() -> None:
        proxy = ff.ProxyConfig("socks5", "127.0.0.1", 1080)
        async with ff.testing.World():
            with pytest.raises(ff.LogonFailed, match="no proxies"):
                async with ff.connect(us(), ff.ConnectionConfig("fix.example.com", 1, proxy=proxy)):
                    raise AssertionError("logged on")

    run(main())
