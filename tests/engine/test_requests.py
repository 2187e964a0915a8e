"""request() takes its answer and nothing else; back-pressure both ways holds and loses nothing."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, news, run, them, to, until, us


def other_of(server: ff.Server) -> ff.LiveSession:
    (session,) = server.sessions.values()
    return session


# --- request -------------------------------------------------------------------------------------------------


class Venue44(Notes):
    """Answers V with W, with noise before it."""

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        super().on_message(session, message)
        if message.msg_type == "V" and message[262] != "lost":
            session.send_nowait(*news("noise"))
            session.send_nowait("W", [(262, message[262]), (55, "EUR/USD")])
        elif message.msg_type == "D":
            session.reject(message, 3, "no orders")


def test_request_takes_its_answer_and_nothing_else() -> None:
    async def main() -> None:
        async with ff.serve(Venue44(), [them()]) as server, ff.connect(us(), to(server)) as session:
            first, second = await asyncio.gather(
                session.request("V", [(262, "r1")]), session.request("V", [(262, "r2")], timeout=5)
            )
            assert (first[262], second[262]) == ("r1", "r2")
            reject = await session.request("D", [(11, "o1"), (55, "X")])
            assert (reject.msg_type, reject[58]) == ("j", "no orders")
            by_hand = await session.request("V", [(262, "r3")], match=lambda m: m.get(55) == "EUR/USD")
            assert by_hand[262] == "r3"
            noise = []
            async for message in session:
                noise.append(message[148])
                if len(noise) == 3:
                    break
            assert noise == ["noise"] * 3

    run(main())


def test_request_that_is_not_answered_in_time() -> None:
    async def main() -> None:
        async with ff.serve(Venue44(), [them()]) as server, ff.connect(us(), to(server)) as session:
            with pytest.raises(TimeoutError):
                await session.request("V", [(262, "lost")], timeout=0.02)
            other_of(server).send_nowait("W", [(262, "lost"), (55, "late")])
            async for message in session:
                assert message[55] == "late"
                break

    run(main())


@pytest.mark.parametrize("soon", [False, True])
def test_an_answer_that_comes_as_the_request_is_cancelled_is_delivered(soon: bool) -> None:
    async def main() -> None:
        async with ff.serve(Venue44(), [them()]) as server, ff.connect(us(), to(server)) as session:
            request = asyncio.create_task(session.request("V", [(262, "lost")], match=cancel))
            await asyncio.sleep(0)
            other_of(server).send_nowait("W", [(262, "lost"), (55, "kept")])
            with pytest.raises(asyncio.CancelledError):
                await request
            async for message in session:
                assert message[55] == "kept"
                break

    def cancel(message: ff.Message) -> bool:  # in the very pass of the loop in which the answer arrives
        for task in asyncio.all_tasks():
            if "request" in repr(task.get_coro()):
                asyncio.get_running_loop().call_soon(task.cancel) if soon else task.cancel()
        return True

    run(main(), limit=4.5)


def test_request_errors() -> None:
    def broken(message: ff.Message) -> bool:
        raise KeyError("match")

    async def main() -> None:
        async with ff.serve(Venue44(), [them()]) as server, ff.connect(us(), to(server)) as session:
            with pytest.raises(ValueError, match="match="):
                await session.request("B", [(148, "x")])
            with pytest.raises(ValueError, match="match="):
                await session.request("V", [(263, "x")])
            with pytest.raises(KeyError, match="match"):
                await session.request("V", [(262, "r1")], match=broken)
            assert session.active

    run(main())


# --- back-pressure -------------------------------------------------------------------------------------------


def test_a_slow_program_stops_reading_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    total = 6000

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other = other_of(server)
            text = "x" * 2000

            async def send() -> None:
                for i in range(total):
                    await other.send(*news(f"{i} {text}"))

            sending = asyncio.create_task(send())
            await until(lambda: session._delivery.full)
            await until(lambda: other._pump is not None and other._pump._writable is not None)
            assert len(session._delivery._queue) < total / 2
            assert not sending.done(), "send() waits while the peer does not read"
            n = 0
            async for message in session:
                assert message[148].startswith(f"{n} ")
                n += 1
                if n == total:
                    break
            await sending

    run(main())
    assert "reading from the peer pauses" in caplog.text


def test_reading_still_pauses_on_the_next_connection() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them(offline="store")]) as server, ff.connect(us(), to(server)) as session:
            other = other_of(server)
            for i in range(1100):
                other.send_nowait(*news(i))
            await until(lambda: session._delivery.full)
            session.drop()
            await until(lambda: session.connections == 2)
            assert session._pump is not None
            assert not session._pump._reading
            n = 0
            async for message in session:
                assert message[148] == str(n)
                n += 1
                if n == 1100:
                    break
            assert session._pump._reading

    run(main())


def test_events_nobody_takes_are_bounded_and_messages_are_not_dropped() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other_of(server).send_nowait(*news("kept"))
            await until(lambda: session.next_in == 3)
            for i in range(2000):
                session._delivery.event(i)
            seen = []
            async for event in session.events():
                seen.append(event)
                if event == 1999:
                    break
            assert [m[148] for m in seen if isinstance(m, ff.Message)] == ["kept"]
            assert len(seen) == 1025

    run(main())


def test_send_does_not_hang_when_the_connection_is_lost_meanwhile() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            await peer.expect("A")
            other = other_of(server)
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]

            async def send() -> None:
                while True:
                    await other.send(*news("x" * 20_000))

            sending = asyncio.create_task(send())
            await until(lambda: other._pump is not None and other._pump._writable is not None)
            other.drop()
            with pytest.raises(ff.NotActive):
                await sending

    run(main(), limit=5)
