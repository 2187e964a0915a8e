"""Schedules in the engines: nobody connects outside the hours, sessions end with them and come back with the next.

Sockets and timers are real, the wall clock is shifted: each test begins some milliseconds before a boundary.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.engine import attempts
from tests.engine.harness import Notes, Peer, run, them, to, until, us

OFFICE = ff.Schedule.daily("08:00", "16:00", tz="UTC")
ROUND_THE_CLOCK = ff.Schedule.daily("12:00", "12:00", tz="UTC")
SECOND = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


class WallClock:
    """The wall clock of this process, set by hand; it goes on from there."""

    def __init__(self) -> None:
        self.offset = 0

    def set(self, text: str, seconds: float = 0) -> None:
        self.offset = at(text) + int(seconds * SECOND) - time.monotonic_ns()

    def now(self) -> ff.Now:
        mono = time.monotonic_ns()
        return ff.Now(mono, mono + self.offset)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    wall = WallClock()
    monkeypatch.setattr(clock, "now", wall.now)
    return wall


def options(**more: Any) -> dict[str, Any]:
    return {"schedule": OFFICE, **more}


def test_d09_an_initiator_connects_when_its_window_opens_and_not_before(wall: WallClock) -> None:
    wall.set("2026-03-02 08:00", -0.05)
    store = ff.MemoryStore()

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(**options()), to(server), store=store) as session:
                assert session.connections == 1
                created = store.load().created_ns
                assert created is not None
                assert created >= at("2026-03-02 08:00")

    run(main())


def test_d07_the_reset_of_a_new_window_comes_before_any_connection(
    wall: WallClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stopped in one window, and starts in the next."""
    wall.set("2026-03-02 09:00")
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()

    async def main(epochs: list[int]) -> None:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def noting(*args: Any, **kwargs: Any) -> Any:
            epochs.append(ours.load().epoch)
            return await connect(*args, **kwargs)

        monkeypatch.setattr(loop, "create_connection", noting)
        async with ff.serve(None, [them(**options())], stores=lambda config: theirs) as server:
            async with ff.connect(us(**options()), to(server), store=ours) as session:
                assert session.next_out == 2

    seen: list[int] = []
    run(main(seen))
    wall.set("2026-03-03 09:00")
    run(main(seen))
    assert seen == [1, 2]


def test_d08_inside_one_window_a_restart_keeps_the_numbers(wall: WallClock) -> None:
    wall.set("2026-03-02 09:00")
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()

    async def main() -> int:
        async with ff.serve(None, [them(**options())], stores=lambda config: theirs) as server:
            async with ff.connect(us(**options()), to(server), store=ours) as session:
                return session.next_out

    assert run(main()) == 2
    wall.set("2026-03-02 15:00")
    assert run(main()) == 4, "after Logon, Logout, Logon"
    assert ours.load().epoch == 1


def test_d09_o11_both_ends_log_out_at_the_boundary_begin_at_1_and_come_back(wall: WallClock) -> None:
    wall.set("2026-03-02 12:00", -0.1)
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()
    hours = options(schedule=ROUND_THE_CLOCK)

    async def main() -> None:
        server_side, client_side = Notes(), Notes()
        async with ff.serve(server_side, [them(**hours)], stores=lambda config: theirs) as server:
            async with ff.connect(us(**hours), to(server), client_side, store=ours) as session:
                await until(lambda: session.connections == 2 and session.active)
                assert wall.now().wall_ns >= at("2026-03-02 12:00")
        for notes, store in ((client_side, ours), (server_side, theirs)):
            assert [event.why for event in notes.named("SequenceReset")] == ["schedule"]
            assert notes.logouts[0].startswith("Logout")
            assert store.load().epoch == 2

    run(main())


def test_d09_after_its_hours_an_initiator_stays_away_until_the_next_window(
    wall: WallClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_LOOK_AGAIN", 10_000_000)
    wall.set("2026-03-06 16:00", -0.1)
    store = ff.MemoryStore()
    week = ff.Schedule.weekdays(("MON", "TUE", "WED", "THU", "FRI"), "08:00", "16:00", tz="UTC")

    async def main() -> None:
        async with ff.serve(Notes(), [them(**options(schedule=week))]) as server:
            async with ff.connect(us(**options(schedule=week)), to(server), store=store) as session:
                await until(lambda: not session.active)
                await until(lambda: store.load().epoch == 2)
                for day in ("06", "07", "08"):
                    wall.set(f"2026-03-{day} 20:00")
                    await asyncio.sleep(0.03)  # some looks at the clock
                    assert not session.connected
                wall.set("2026-03-09 08:00")
                await until(lambda: session.active)
                assert session.connections == 2
                assert store.load().epoch == 2

    run(main())


def test_d09_closing_does_not_wait_for_the_window(wall: WallClock) -> None:
    wall.set("2026-03-02 20:00")

    async def main() -> None:
        async with ff.serve(None, [them()]) as server:
            task = asyncio.create_task(ff.connect(us(**options()), to(server)).__aenter__())
            await asyncio.sleep(0.02)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_d10_a_schedule_without_time_for_a_logon_is_given_up(wall: WallClock) -> None:
    wall.set("2026-03-02 09:00")
    never = ff.Schedule.daily("08:00", "16:00", tz="UTC", logon=ff.Schedule.daily("17:00", "18:00", tz="UTC"))

    async def main() -> None:
        with pytest.raises(ff.GaveUp, match="no time for a Logon"):
            async with ff.connect(us(**options(schedule=never)), to(1)):
                raise AssertionError("logged on")

    run(main())


@pytest.mark.parametrize("how", ["logout", "silent"])
def test_l26_an_acceptor_refuses_a_logon_outside_its_hours(wall: WallClock, how: Any) -> None:
    wall.set("2026-03-02 16:00", 60)

    async def main() -> None:
        config = them(**options(outside_schedule=how, check_latency=False))
        async with ff.serve(None, [config]) as server:
            peer = await Peer.connect(server.port)
            peer.logon()
            if how == "logout":
                assert (await peer.expect("5"))[58] == "Logons are not allowed at this time"
                peer.write("5")
            assert await peer.read() is None
            assert server.sessions[config.session_id].next_out == (2 if how == "logout" else 1)
            peer.writer.close()

    run(main())


def test_l26_a_refusal_for_the_time_of_day_is_no_reason_to_give_up(wall: WallClock) -> None:
    wall.set("2026-03-02 07:59")

    async def main() -> None:
        fixt = {"begin_string": "FIXT.1.1"}
        client_side = Notes()
        reconnect = ff.Reconnect(initial=0.001, maximum=0.001, max_refusals=2, retry_first=True)
        async with ff.serve(None, [them(**options(**fixt))]) as server:
            task = asyncio.create_task(ff.connect(us(**fixt), to(server, reconnect), client_side).__aenter__())
            await until(lambda: len(client_side.named("LogonRefused")) >= 4)
            wall.set("2026-03-02 08:00")
            session = await task
            assert {event.status for event in client_side.named("LogonRefused")} == {7}
            await session.close()
            await session.finish()

    run(main())


def test_d09_a_window_that_closes_while_connecting_is_not_a_failed_logon(
    wall: WallClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window is open when the initiator looks, and over when the connection is there."""
    monkeypatch.setattr(attempts, "_LOOK_AGAIN", 10_000_000)
    wall.set("2026-03-02 09:00")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        connect, made = loop.create_connection, 0

        async def slowly(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            if made == 1:
                wall.set("2026-03-03 07:00")
                loop.call_later(0.05, wall.set, "2026-03-03 08:00")
            return await connect(*args, **kwargs)

        monkeypatch.setattr(loop, "create_connection", slowly)
        async with ff.serve(None, [them()]) as server:
            async with ff.connect(us(**options()), to(server)) as session:
                assert (made, session.connections) == (2, 1)

    run(main())
