"""on_give_up: the alarm is raised once, before anybody else hears of it, and nothing that it does can hurt."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, Venue, free_port, run, them, to, us

SOON = ff.Reconnect(initial=0, max_attempts=2, retry_first=True)


class Pager(Notes):
    """Writes down each alarm; async, with a pass of the loop or two in between."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[Exception] = []

    async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
        assert not session.active
        await asyncio.sleep(0.01)
        self.alarms.append(error)


class Plain(Notes):
    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[Exception] = []

    def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
        self.alarms.append(error)


@pytest.mark.parametrize("kind", [Pager, Plain])
def test_i13_the_alarm_is_raised_once_when_the_logon_was_refused_too_often(kind: type[Pager] | type[Plain]) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("5", [(58, "locked")])
        assert await peer.read() is None

    async def main() -> None:
        pager = kind()
        async with Venue(refuse) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True, max_refusals=3)
            with pytest.raises(ff.GaveUp) as caught:
                async with ff.connect(us(), to(venue.port, policy), pager):
                    pass
        assert pager.alarms == [caught.value]

    run(main())


def test_the_alarm_is_raised_for_a_first_logon_that_failed_too() -> None:
    async def main() -> None:
        pager = Pager()
        with pytest.raises(ff.LogonFailed) as caught:
            async with ff.connect(us(), to(free_port()), pager):
                pass
        assert pager.alarms == [caught.value]

    run(main())


def test_the_alarm_is_over_when_the_iteration_ends() -> None:
    class Quiet:
        alarms: list[Exception]

        async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
            assert session.error is None
            await asyncio.sleep(0.01)
            self.alarms.append(error)

    async def main() -> None:
        quiet = Quiet()
        quiet.alarms = []
        server = await ff.serve(Notes(), [them()])
        async with ff.connect(us(), to(server, SOON), quiet) as session:
            await server.close()
            with pytest.raises(ff.GaveUp):
                async for _ in session:
                    pass
            assert quiet.alarms == [session.error]

    run(main())


def test_an_exception_in_the_alarm_is_logged_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Notes):
        def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
            raise RuntimeError("no pager")

    async def main() -> None:
        with pytest.raises(ff.GaveUp):
            async with ff.connect(us(), to(free_port(), SOON), Broken()):
                pass

    run(main())
    assert "application.on_give_up failed: RuntimeError" in caplog.text


def test_an_alarm_that_hangs_is_not_waited_for_for_ever(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixfast.engine.initiator._ALERT", 0.02)

    class Stuck(Notes):
        async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(ff.GaveUp):
            async with ff.connect(us(), to(free_port(), SOON), Stuck()):
                pass

    run(main())
    assert "application.on_give_up failed: TimeoutError" in caplog.text


def test_an_alarm_that_cancels_itself_does_not_leave_anybody_waiting() -> None:
    class Cancelling(Notes):
        async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
            raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(ff.GaveUp):
            async with ff.connect(us(), to(free_port(), SOON), Cancelling()):
                pass

    run(main())


def test_leaving_in_good_order_lets_the_alarm_finish() -> None:
    async def main() -> None:
        pager = Pager()
        begun = asyncio.Event()

        class Slow(Notes):
            async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
                begun.set()
                await pager.on_give_up(session, error)

        server = await ff.serve(Notes(), [them()])
        async with ff.connect(us(), to(server, SOON), Slow()):
            await server.close()
            await begun.wait()
        assert len(pager.alarms) == 1

    run(main())


def test_cancelled_while_the_alarm_finishes_no_task_is_left() -> None:
    class Stuck(Notes):
        def __init__(self) -> None:
            super().__init__()
            self.begun = asyncio.Event()
            self.ended = False

        async def on_give_up(self, session: ff.LiveSession, error: Exception) -> None:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True

    async def main() -> None:
        stuck = Stuck()
        server = await ff.serve(Notes(), [them()])

        async def leave() -> None:
            async with ff.connect(us(), to(server, SOON), stuck):
                await server.close()
                await stuck.begun.wait()

        task = asyncio.create_task(leave())
        await stuck.begun.wait()
        for _ in range(5):
            await asyncio.sleep(0)  # it waits for the alarm now
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stuck.ended

    run(main())


def test_no_alarm_when_the_program_ends_the_session() -> None:
    async def main() -> None:
        pager = Pager()
        async with ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), to(server), pager):
                pass
            task = asyncio.create_task(
                ff.connect(us(), to(free_port(), ff.Reconnect(retry_first=True)), pager).__aenter__()
            )
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert pager.alarms == []

    run(main())
