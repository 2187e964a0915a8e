"""A session outlives its connections: nothing lost, nothing twice, and an end where there is no hope."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from fixfast.session.events import GapDetected, GapFilled, LoggedOn
from tests.engine.harness import EAGER, Notes, Peer, Venue, news, run, them, to, until, us


class Echo(Notes):
    """Sends every headline back, and cuts the connection (TCP RST) after some of them."""

    def __init__(self, cut_after: set[int]) -> None:
        super().__init__()
        self._cut_after = cut_after

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        super().on_message(session, message)
        session.send_nowait(*news(message[148]))
        if len(self.messages) in self._cut_after:
            session.drop(reset=True)


def always(session: object, message: ff.Message, age_ns: int) -> bool:
    return True


def test_o08_g01_every_message_once_and_in_order_across_resets() -> None:
    async def main() -> None:
        echo = Echo({8, 60, 111, 160})
        wanted = [str(i) for i in range(200)]
        async with ff.serve(echo, [them(offline="store")]) as server:
            async with ff.connect(us(offline="store", on_resend=always), to(server)) as session:

                async def send() -> None:
                    for i, text in enumerate(wanted):
                        await session.send(*news(text))
                        if i % 5 == 4:  # a few at a time, or one connection would see them all
                            await until(lambda i=i: len(echo.messages) > i - 3)  # type: ignore[misc]

                sending = asyncio.create_task(send())
                back: list[str] = []
                async for message in session:
                    assert not message.redelivered
                    back.append(message[148])
                    if len(back) == len(wanted):
                        break
                await sending
                assert echo.headlines == wanted
                assert back == wanted
                assert session.connections == echo.logons == len(echo._cut_after) + 1
                stats = session.stats()
                assert stats.gaps or stats.resent, "the connection was cut, and yet nothing was missing?"

    run(main())


def test_o08_on_logout_has_a_reason_and_numbers_are_kept() -> None:
    async def main() -> None:
        mine, theirs = Notes(), Notes()
        async with ff.serve(theirs, [them()]) as server, ff.connect(us(), to(server), mine) as session:
            session.send_nowait(*news(1))
            await until(lambda: theirs.messages)
            session.drop()
            await until(lambda: session.connections == 2)
            assert session.next_out == 4  # Logon, News, Logon
            assert mine.logouts == ["dropped by us"]
            await until(lambda: theirs.logons == 2)
            assert len(theirs.logouts) == 1

    run(main())


def test_dropped_before_it_was_written_is_resent() -> None:
    """send_nowait() and drop() in one pass of the loop: stored, never written, asked for after the next logon."""

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait(*news("stored"))
            session.drop(reset=True)
            await until(lambda: notes.messages)
            assert notes.messages[0].poss_dup
            assert notes.headlines == ["stored"]

    run(main())


def test_events_show_the_gap() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them(offline="store")]) as server, ff.connect(us(), to(server)) as session:
            (other,) = server.sessions.values()
            session.drop(reset=True)
            await until(lambda: not other.active)
            other.send_nowait(*news("while away"))
            seen: list[object] = []
            async for event in session.events():
                seen.append(event)
                if isinstance(event, GapFilled):
                    break
            kinds = [type(event) for event in seen]
            assert kinds.count(LoggedOn) == 2
            assert kinds.index(GapDetected) < kinds.index(ff.Message)
            assert [m[148] for m in seen if isinstance(m, ff.Message)] == ["while away"]

    run(main())


def test_on_gap_hears_of_gaps() -> None:
    class Gaps(Notes):
        gaps: list[object]

        def on_gap(self, session: ff.LiveSession, event: object) -> None:
            self.gaps.append(event)

    async def main() -> None:
        mine = Gaps()
        mine.gaps = []
        async with ff.serve(Notes(), [them(offline="store")]) as server, ff.connect(us(), to(server), mine) as session:
            (other,) = server.sessions.values()
            await other.logout()
            other.send_nowait(*news("while away"))
            await until(lambda: session.connections == 2 and mine.headlines)
            await until(lambda: len(mine.gaps) == 2)
            assert [type(gap) for gap in mine.gaps] == [GapDetected, GapFilled]

    run(main())


def test_i10_gave_up_ends_iteration_waiting_and_requests() -> None:
    async def main() -> None:
        server = await ff.serve(Notes(), [them()])
        policy = ff.Reconnect(initial=0.002, maximum=0.002, max_attempts=2)
        async with ff.connect(us(), to(server, policy)) as session:
            request = asyncio.create_task(session.request("V", [(262, "r1")]))
            await asyncio.sleep(0)
            await server.close()
            with pytest.raises(ff.GaveUp) as caught:
                async for _ in session:
                    pass
            assert caught.value.attempts == 2
            assert isinstance(caught.value.__cause__, ff.LogonFailed)
            assert session.error is caught.value
            with pytest.raises(ff.GaveUp):
                await session.wait_active()
            with pytest.raises(ff.GaveUp):
                await request
            assert [message async for message in session] == []

    run(main())


def test_gave_up_leaves_through_the_body() -> None:
    async def main() -> None:
        server = await ff.serve(Notes(), [them()])
        with pytest.raises(ff.GaveUp):
            async with ff.connect(us(), to(server, ff.Reconnect(initial=0, max_attempts=1))) as session:
                await server.close()
                async for _ in session:
                    pass

    run(main())


def test_i13_refusals_after_a_good_session_end_it() -> None:
    async def main() -> None:
        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            if venue.connections == 1:
                peer.logon()
            else:
                peer.write("5", [(58, "go away")])
                assert await peer.read() is None

        async with Venue(answer) as venue:
            policy = ff.Reconnect(initial=0, max_refusals=2)
            with pytest.raises(ff.GaveUp, match="refused 2 times") as caught:
                async with ff.connect(us(), to(venue.port, policy)) as session:
                    async for _ in session:
                        pass
            assert venue.connections == 3
            assert isinstance(caught.value.__cause__, ff.LogonFailed)
            assert caught.value.__cause__.text == "go away"

    run(main())


def test_a_trouble_that_is_no_trouble_of_the_line_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw must not leave a session that is neither up nor over."""

    class Broken:
        async def dial(self, *args: object) -> None:
            raise RuntimeError("unforeseen")

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            connecting = ff.connect(us(), to(server))
            async with connecting as session:
                connecting._dialer = Broken()  # type: ignore[assignment]
                session.drop()
                with pytest.raises((RuntimeError, AttributeError)):
                    async for _ in session:
                        pass

    run(main())
    assert "cannot be kept up" in caplog.text


def test_waiting_for_the_next_logon() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server, EAGER)) as session:
            session.drop()
            await until(lambda: not session.active)
            with pytest.raises(ff.NotActive) as caught:
                session.send_nowait(*news(1))
            assert caught.value.state == "disconnected"
            await session.wait_active()
            session.send_nowait(*news(2))
            await until(lambda: notes.headlines == ["2"])

    run(main())
