"""Leaving a session, in good order, by an exception or cancelled at any step: nothing hangs, nothing is left."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, Peer, Venue, free_port, news, run, silent, them, to, until, us

# --- leaving -------------------------------------------------------------------------------------------------


def test_o01_o02_leaving_logs_out() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                await session.close("end of day")
            await until(lambda: notes.logouts)
            assert notes.logouts == ["Logout: end of day"]
            assert (session.next_in, session.next_out) == (3, 3)
            assert next(iter(server.sessions.values())).state is ff.State.DISCONNECTED

    run(main())


def test_o03_the_peer_logs_out() -> None:
    async def main() -> None:
        mine = Notes()
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), mine) as session:
            await next(iter(server.sessions.values())).logout("maintenance")
            await until(lambda: session.connections == 2)  # and we come back
            await session.wait_active()
            assert mine.logouts == ["Logout: maintenance"]

    run(main())


def test_o06_both_log_out_together() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other = next(iter(server.sessions.values()))
            await asyncio.gather(session.close("mine"), other.close("yours"))
            assert session.state is other.state is ff.State.DISCONNECTED

    run(main())


def test_a_failing_body_says_goodbye_and_waits_for_nothing() -> None:
    async def main() -> None:
        heard = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            await peer.expect("5")
            heard.set()  # and no answer

        async with Venue(answer) as venue:
            with pytest.raises(KeyError, match="body"):
                async with ff.connect(us(), to(venue.port)):
                    raise KeyError("body")
            await heard.wait()

    run(main(), limit=5)


def test_close_cuts_a_peer_that_does_not_answer() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.logon()
        await silent(peer)

    async def main() -> None:
        async with Venue(answer) as venue, ff.connect(us(), to(venue.port)) as session:
            await session.close(timeout=0.02)
            assert session.state is ff.State.DISCONNECTED

    run(main(), limit=5)


def test_leaving_while_a_connection_is_being_made_again() -> None:
    """The venue went away: leaving waits neither for a logon nor for the back-off."""

    async def main() -> None:
        server = await ff.serve(Notes(), [them()])
        async with ff.connect(us(), to(server, ff.Reconnect(initial=30))) as session:
            await server.close()
            await until(lambda: not session.active)

    run(main(), limit=4.5)


def test_leaving_while_the_logon_is_not_answered() -> None:
    async def main() -> None:
        first = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            if not first.is_set():
                first.set()
                peer.logon()
                return  # hangs up
            await silent(peer)

        async with Venue(answer) as venue, ff.connect(us(), to(venue.port)) as session:
            await until(lambda: session.state is ff.State.LOGON_SENT)

    run(main(), limit=4.5)


# --- cancellation --------------------------------------------------------------------------------------------


async def _hold(connection: ff.ConnectionConfig) -> None:
    async with ff.connect(us(reset_on_logon=True), connection):
        await asyncio.Event().wait()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "the cancelled connect() left a task"


def test_cancel_at_every_step_of_logging_on() -> None:
    """Whatever pass of the loop the cancellation falls into: no task, no socket (a warning would fail the test)."""

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            session = next(iter(server.sessions.values()))
            for passes in range(25):
                task = asyncio.create_task(_hold(to(server)))
                for _ in range(passes):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
                await until(lambda: not session.connected)

    run(main())


def test_cancel_at_every_step_of_coming_back() -> None:
    """The same for a connection that was lost and is being made anew."""

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            (session,) = server.sessions.values()
            for passes in range(0, 40, 2):
                before = notes.logons
                task = asyncio.create_task(_hold(to(server, ff.Reconnect(initial=0, maximum=0))))
                await until(lambda before=before: notes.logons > before)  # type: ignore[misc]
                session.drop(reset=True)
                for _ in range(passes):
                    await asyncio.sleep(0)
                await _cancelled(task)
                await until(lambda: not session.connected)

    run(main())


@pytest.mark.parametrize("cycles", range(0, 24, 2))
def test_leaving_at_every_step_of_coming_back(cycles: int) -> None:
    """Not cancelled, but left in good order: it takes no time-out to end, whatever the connection is doing."""

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            (other,) = server.sessions.values()
            async with ff.connect(us(), to(server, ff.Reconnect(initial=0, maximum=0))):
                other.drop(reset=True)
                for _ in range(cycles):
                    await asyncio.sleep(0)
            await until(lambda: not other.connected)

    run(main(), limit=4.5)


@pytest.mark.parametrize("tls", [None, True], ids=["logon not answered", "handshake not answered"])
def test_cancel_while_the_peer_is_silent(tls: bool | None) -> None:
    async def main() -> None:
        reached = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.reader.read(10)
            reached.set()
            await peer.reader.read()

        async with Venue(answer) as venue:
            task = asyncio.create_task(_hold(to(venue.port, tls=tls)))
            await reached.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    run(main(), limit=5)


def test_cancel_between_attempts() -> None:
    async def main() -> None:
        policy = ff.Reconnect(initial=30, retry_first=True)
        task = asyncio.create_task(_hold(to(free_port(), policy)))
        await asyncio.sleep(0.02)
        await _cancelled(task)

    run(main(), limit=4.5)


def test_cancel_while_logging_out() -> None:
    async def main() -> None:
        leaving = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            await peer.expect("5")
            leaving.set()
            await silent(peer)

        async def come_and_go(port: int) -> None:
            async with ff.connect(us(), to(port)):
                pass

        async with Venue(answer) as venue:
            task = asyncio.create_task(come_and_go(venue.port))
            await leaving.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    run(main(), limit=4.5)


def test_cancel_in_the_body() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            task = asyncio.create_task(_hold(to(server, EAGER)))
            await until(lambda: notes.logons)
            await _cancelled(task)
            await until(lambda: notes.logouts)

    run(main(), limit=5)


def test_o01_a_round_trip_before_the_logout() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(logout_test_request=True), to(server)) as session:
                for n in range(100):
                    session.send_nowait(*news(n))
            assert len(notes.messages) == 100
            await until(lambda: notes.logouts)
            assert notes.logouts == ["Logout"]

    run(main())
