"""Schedules in the engines: nobody connects outside the hours, sessions end with them and come back with the next.

Time is virtual: each test begins some instant before a boundary.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, run, them, to, us

OFFICE = ff.Schedule.daily("08:00", "16:00", tz="UTC")
ROUND_THE_CLOCK = ff.Schedule.daily("12:00", "12:00", tz="UTC")
SECOND = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def begin(text: str, seconds: float = 0) -> ff.testing.World:
    """Return a world whose clock begins so many seconds after an instant."""
    return ff.testing.World(start=at(text) + round(seconds * SECOND))


def options(**more: Any) -> dict[str, Any]:
    return {"schedule": OFFICE, **more}


def test_d09_an_initiator_connects_when_its_window_opens_and_not_before() -> None:
    store = ff.MemoryStore()

    async def main() -> None:
        async with begin("2026-03-02 08:00", -90), ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(**options()), to(server), store=store) as session:
                assert session.connections == 1
                assert store.load().created_ns == at("2026-03-02 08:00"), "to the nanosecond"

    run(main())


def test_d07_the_reset_of_a_new_window_comes_before_any_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stopped in one window, and starts in the next."""
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()

    async def main(day: str, epochs: list[int]) -> None:
        async with begin(f"2026-03-{day} 09:00"):
            loop = asyncio.get_running_loop()
            connect = loop.create_connection

            async def noting(*args: Any, **kwargs: Any) -> Any:
                epochs.append(ours.load().epoch)
                return await connect(*args, **kwargs)

            async with ff.serve(None, [them(**options())], stores=lambda config: theirs) as server:
                with monkeypatch.context() as patch:
                    patch.setattr(loop, "create_connection", noting)
                    async with ff.connect(us(**options()), to(server), store=ours) as session:
                        assert session.next_out == 2

    seen: list[int] = []
    run(main("02", seen))
    run(main("03", seen))
    assert seen == [1, 2]


def test_d08_inside_one_window_a_restart_keeps_the_numbers() -> None:
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()

    async def main(hour: str) -> int:
        async with begin(f"2026-03-02 {hour}:00"):
            async with ff.serve(None, [them(**options())], stores=lambda config: theirs) as server:
                async with ff.connect(us(**options()), to(server), store=ours) as session:
                    return session.next_out

    assert run(main("09")) == 2
    assert run(main("15")) == 4, "after Logon, Logout, Logon"
    assert ours.load().epoch == 1


def test_d09_o11_both_ends_log_out_at_the_boundary_begin_at_1_and_come_back() -> None:
    ours, theirs = ff.MemoryStore(), ff.MemoryStore()
    hours = options(schedule=ROUND_THE_CLOCK)

    async def main() -> None:
        server_side, client_side = Notes(), Notes()
        async with (
            begin("2026-03-02 12:00", -3600) as world,
            ff.serve(server_side, [them(**hours)], stores=lambda config: theirs) as server,
        ):
            async with ff.connect(us(**hours), to(server), client_side, store=ours) as session:
                await world.advance(3599)
                assert session.connections == 1
                await world.advance(2)
                assert session.connections == 2
                assert session.active
        for notes, store in ((client_side, ours), (server_side, theirs)):
            assert [event.why for event in notes.named("SequenceReset")] == ["schedule"]
            assert notes.logouts[0].startswith("Logout")
            assert store.load().epoch == 2

    run(main())


def test_d09_after_its_hours_an_initiator_stays_away_until_the_next_window() -> None:
    store = ff.MemoryStore()
    week = ff.Schedule.weekdays(("MON", "TUE", "WED", "THU", "FRI"), "08:00", "16:00", tz="UTC")

    async def main() -> None:
        async with (
            begin("2026-03-06 16:00", -10) as world,
            ff.serve(Notes(), [them(**options(schedule=week))]) as server,
        ):
            async with ff.connect(us(**options(schedule=week)), to(server), store=store) as session:
                await world.advance(11)
                assert not session.active
                assert store.load().epoch == 2
                for _ in range(63):
                    await world.advance(3600)
                    assert not session.connected
                await world.advance(3600)  # Monday, 08:00
                assert session.active
                assert session.connections == 2
                assert store.load().epoch == 2

    run(main())


def test_d09_closing_does_not_wait_for_the_window() -> None:
    async def main() -> None:
        async with begin("2026-03-02 20:00") as world, ff.serve(None, [them()]) as server:
            task = asyncio.create_task(ff.connect(us(**options()), to(server)).__aenter__())
            await world.advance(600)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert world.elapsed_ns == 600 * SECOND

    run(main())


def test_d10_a_schedule_without_time_for_a_logon_is_given_up() -> None:
    never = ff.Schedule.daily("08:00", "16:00", tz="UTC", logon=ff.Schedule.daily("17:00", "18:00", tz="UTC"))

    async def main() -> None:
        async with begin("2026-03-02 09:00"):
            with pytest.raises(ff.GaveUp, match="no time for a Logon"):
                async with ff.connect(us(**options(schedule=never)), to(1)):
                    raise AssertionError("logged on")

    run(main())


@pytest.mark.parametrize("how", ["logout", "silent"])
def test_l26_an_acceptor_refuses_a_logon_outside_its_hours(how: Any) -> None:
    async def main() -> None:
        config = them(**options(outside_schedule=how))
        async with begin("2026-03-02 16:00", 60), ff.serve(None, [config]) as server:
            async with ff.testing.Counterparty(config, connect=("venue", server.port), timeout=60) as peer:
                peer.logon()
                if how == "logout":
                    await peer.expect("5", {58: "Logons are not allowed at this time"})
                    peer.logout()
                await peer.expect_close()
                assert server.sessions[config.session_id].next_out == (2 if how == "logout" else 1)

    run(main())


def test_l26_a_refusal_for_the_time_of_day_is_no_reason_to_give_up() -> None:
    async def main() -> None:
        fixt = {"begin_string": "FIXT.1.1"}
        client_side = Notes()
        reconnect = ff.Reconnect(initial=10, maximum=10, jitter=0, max_refusals=2, retry_first=True)
        async with begin("2026-03-02 08:00", -65) as world, ff.serve(None, [them(**options(**fixt))]) as server:
            session = await ff.connect(us(**fixt), to(server, reconnect), client_side).__aenter__()
            assert world.now.wall_ns >= at("2026-03-02 08:00")
            assert [event.status for event in client_side.named("LogonRefused")] == [7] * 7
            await session.close()
            await session.finish()

    run(main())


def test_d09_a_window_that_closes_while_connecting_is_not_a_failed_logon() -> None:
    """The window is open when the initiator looks, and over when the connection is there."""

    async def main() -> None:
        async with ff.testing.World(start=at("2026-03-02 16:00") - SECOND, delay=2) as world:
            async with ff.serve(None, [them()]) as server:
                async with ff.connect(us(**options()), to(server, EAGER)) as session:
                    assert session.connections == 1
                    assert world.now.wall_ns >= at("2026-03-03 08:00")

    run(main())
