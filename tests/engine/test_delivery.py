"""What the program gets, and how: iteration and callbacks, one at a time, acknowledged, unable to hurt a session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.application import CallbackFailed
from fixfast.session.events import LoggedOn, StateChanged
from tests.engine.harness import Notes, Peer, Venue, news, run, them, to, until, us


def other_of(server: ff.Server) -> ff.LiveSession:
    (session,) = server.sessions.values()
    return session


# --- iteration -----------------------------------------------------------------------------------------------


def test_iteration_ends_when_the_session_is_closed() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other = other_of(server)
            for i in range(3):
                other.send_nowait(*news(i))
            seen = []
            async for message in session:
                seen.append(message[148])
                if len(seen) == 3:
                    closing = asyncio.create_task(session.close())
            await closing
            assert seen == ["0", "1", "2"]

    run(main())


def test_requests_and_iteration_end_when_another_task_closes() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            request = asyncio.create_task(session.request("V", [(262, "r1")]))
            asyncio.get_running_loop().call_later(0.01, lambda: tasks.append(asyncio.create_task(session.close())))
            tasks: list[asyncio.Task[None]] = []
            assert [message async for message in session] == []
            with pytest.raises(ff.NotActive):
                await request
            await tasks[0]

    run(main(), limit=4.5)


def test_events_are_everything_in_order() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other_of(server).send_nowait(*news("hello"))
            seen = []
            async for event in session.events():
                seen.append(event)
                if isinstance(event, ff.Message):
                    break
            assert [type(e) for e in seen] == [StateChanged, StateChanged, StateChanged, LoggedOn, ff.Message]

    run(main())


def test_an_acceptor_session_is_iterated_the_same() -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait(*news("hello"))
            async for message in other_of(server):
                assert message[148] == "hello"
                break

    run(main())


def test_a_second_consumer_is_an_error() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            first = asyncio.ensure_future(anext(aiter(session)))
            await asyncio.sleep(0)
            with pytest.raises(ff.ConcurrencyError):
                await anext(aiter(session))
            with pytest.raises(ff.ConcurrencyError):
                session.events()
            other_of(server).send_nowait(*news("hello"))
            assert (await first)[148] == "hello"

    run(main())


def test_a_consumer_may_follow_another() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            for i in range(3):
                other_of(server).send_nowait(*news(i))
            stream = aiter(session)
            assert (await anext(stream))[148] == "0"
            assert (await asyncio.wait_for(anext(stream), 5))[148] == "1"
            async for message in session:
                assert message[148] == "2"
                break
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)

    run(main())


def test_on_message_takes_the_messages() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), Notes()) as session:
            with pytest.raises(ff.ConcurrencyError):
                aiter(session)

    run(main())


def test_messages_kept_by_the_program_stay_what_they_were() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other = other_of(server)
            kept = []
            async for message in send_and_read(other, session):
                kept.append(message)
            assert [m[148] for m in kept] == [f"{i}" * 50 for i in range(300)]

    async def send_and_read(other: ff.LiveSession, session: ff.LiveSession) -> Any:
        for i in range(300):
            other.send_nowait(*news(f"{i}" * 50))
        n = 0
        async for message in session:
            n += 1
            yield message
            if n == 300:
                break

    run(main())


# --- acknowledgement -----------------------------------------------------------------------------------------


def test_taking_the_next_acknowledges_the_last() -> None:
    async def main() -> None:
        store = ff.MemoryStore()
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(KeyError):
                async with ff.connect(us(), to(server), store=store) as session:
                    for i in range(3):
                        other_of(server).send_nowait(*news(i))
                    async for message in session:
                        if message[148] == "1":
                            raise KeyError
            assert store.load().next_in == 3, "Logon and the first News are done, the second is not"
            async with ff.connect(us(), to(server), store=store) as session:
                again = []
                async for message in session:
                    again.append((message[148], message.redelivered))
                    if len(again) == 2:
                        break
            assert again == [("1", True), ("2", True)]
            assert store.load().pending_in == (), "left in good order: the last one given is done"

    run(main())


def test_an_async_callback_acknowledges_when_it_returns() -> None:
    async def main() -> None:
        store = ff.MemoryStore()
        go = asyncio.Event()
        entered = asyncio.Event()

        class Slow:
            async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
                entered.set()
                await go.wait()

        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), Slow(), store):
            other_of(server).send_nowait(*news(1))
            await entered.wait()
            assert len(store.load().pending_in) == 1
            go.set()
            await until(lambda: not store.load().pending_in)

    run(main())


def test_numbers_reset_while_messages_of_the_old_epoch_wait() -> None:
    """The message in hand is of the old numbers: dealing with it must not acknowledge a new one."""

    async def main() -> None:
        store = ff.MemoryStore()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            peer.write(*news("old"))
            await begin.wait()
            peer.logon((141, "Y"), seq=1)
            while (await peer.expect("A")).get(141) != "Y":
                pass
            peer.write(*news("new"))
            while (message := await peer.read()) is not None:
                if message.msg_type == "5":
                    peer.write("5")

        begin = asyncio.Event()
        async with Venue(answer) as venue, ff.connect(us(), to(venue.port), store=store) as session:
            stream = aiter(session)
            assert (await anext(stream))[148] == "old"
            begin.set()
            await until(lambda: session.next_in == 3 and store.load().epoch == 2)
            new = await anext(stream)  # acknowledges "old", number 2 of the epoch before
            assert new[148] == "new"
            assert new.msg_seq_num == 2
            assert len(store.load().pending_in) == 1, "number 2 of this epoch is not dealt with"

    run(main())


# --- callbacks -----------------------------------------------------------------------------------------------


def test_callbacks_sync_and_async_in_the_order_of_events() -> None:
    class Mixed:
        def __init__(self) -> None:
            self.seen: list[str] = []

        async def on_logon(self, session: ff.LiveSession) -> None:
            self.seen.append("logon begins")
            await asyncio.sleep(0.01)
            self.seen.append("logon ends")

        def on_message(self, session: ff.LiveSession, message: ff.Message) -> object:
            self.seen.append(message[148])
            if message[148] == "2":
                return self._slow()
            return 17  # not awaitable: nothing to wait for

        async def _slow(self) -> None:
            self.seen.append("2 begins")
            await asyncio.sleep(0.005)
            self.seen.append("2 ends")

        async def on_logout(self, session: ff.LiveSession, reason: str) -> None:
            self.seen.append(reason)

    async def main() -> None:
        mixed = Mixed()
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), mixed) as session:
            for i in range(4):
                other_of(server).send_nowait(*news(i))
            await until(lambda: "3" in mixed.seen)
            session.drop()
            await until(lambda: "dropped by us" in mixed.seen)
        assert mixed.seen[:6] == ["logon begins", "logon ends", "0", "1", "2", "2 begins"]
        assert mixed.seen[6:9] == ["2 ends", "3", "dropped by us"]

    run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_exception_in_a_callback_is_an_event_and_the_session_lives(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> Any:
            super().on_message(session, message)
            if kind == "sync":
                raise ValueError("poison")
            return self._later()

        async def _later(self) -> None:
            await asyncio.sleep(0)
            raise ValueError("poison")

        def on_event(self, session: ff.LiveSession, event: object) -> Any:
            super().on_event(session, event)
            return None if kind == "sync" else asyncio.sleep(0)

    async def main() -> None:
        broken, store = Broken(), ff.MemoryStore()
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), broken, store) as session:
            for i in range(3):
                other_of(server).send_nowait(*news(i))
            await until(lambda: len(broken.named("CallbackFailed")) == 3)
            assert session.active
            assert session.connections == 1
            failed = broken.named("CallbackFailed")[0]
            assert isinstance(failed, CallbackFailed)
            assert failed.callback == "on_message"
            assert isinstance(failed.error, ValueError)
            assert failed.message is broken.messages[0]
            assert not store.load().pending_in, "no poison loop: the message counts as dealt with"
            assert session._delivery._queue == type(session._delivery._queue)(), "nobody will ever take these"

    run(main())
    assert "on_message failed for 35=B" in caplog.text


def test_exceptions_in_the_other_callbacks_do_no_harm() -> None:
    class Broken:
        def on_logon(self, session: ff.LiveSession) -> None:
            raise ValueError("logon")

        def on_event(self, session: ff.LiveSession, event: object) -> None:
            raise ValueError("event")

        async def on_logout(self, session: ff.LiveSession, reason: str) -> None:
            raise ValueError("logout")

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), Broken()) as session:
            session.drop()
            await until(lambda: session.connections == 2)
            failed = []
            async for event in session.events():
                if isinstance(event, CallbackFailed):
                    failed.append(event.callback)
                if {"on_logon", "on_logout"} <= set(failed):
                    break

    run(main())


def test_b01_business_reject_raised_by_on_message() -> None:
    class Strict(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            super().on_message(session, message)
            text = "bad\x01text" if message[148] == "unwritable" else "no news today"
            raise ff.BusinessReject(4, text, message[148])

    async def main() -> None:
        mine, strict = Notes(), Strict()
        async with ff.serve(strict, [them()]) as server, ff.connect(us(), to(server), mine) as session:
            session.send_nowait(*news("unwritable"))
            session.send_nowait(*news("n1"))
            await until(lambda: mine.messages)
            (reject,) = mine.messages
            assert reject.msg_type == "j"
            assert reject.many(372, 380, 58, 379) == ("B", "4", "no news today", "n1")
            assert reject.int(45) == 3
            assert not strict.named("CallbackFailed")
            assert session.connections == 1

    run(main())


def test_session_reject_and_on_reject() -> None:
    class Hears(Notes):
        rejects: list[str]

        def on_reject(self, session: ff.LiveSession, message: ff.Message) -> None:
            self.rejects.append(message.msg_type)
            with pytest.raises(ff.LocalProtocolError):
                session.reject(message, 0)  # B07: never a reject for a reject

    async def main() -> None:
        mine = Hears()
        mine.rejects = []
        async with ff.serve(None, [them()]) as server, ff.connect(us(), to(server), mine) as session:
            session.send_nowait(*news("n1"))
            other = other_of(server)
            async for message in other:
                assert other.reject(message, 3, "unsupported", "n1") == 2
                break
            await until(lambda: mine.rejects == ["j"])
            assert not mine.messages

    run(main())


def test_callbacks_must_be_callable_and_sync_where_the_session_cannot_wait() -> None:
    class Wrong:
        on_message = 5

    class Async:
        async def to_send(self, session: object, msg_type: str, fields: object) -> None:
            """Never called."""

    class Inherits(ff.Application):
        """Only what it overrides counts."""

    connection = ff.ConnectionConfig("localhost", 9)
    with pytest.raises(ff.ConfigError, match="on_message"):
        ff.connect(us(), connection, Wrong())
    with pytest.raises(ff.ConfigError, match="to_send"):
        ff.connect(us(), connection, Async())
    assert ff.connect(us(), connection, Inherits())._hooks.on_message is None  # type: ignore[abstract]


def test_p13_on_resend_of_the_application_decides() -> None:
    class Careful(Notes):
        def on_resend(self, session: object, message: ff.Message, age_ns: int) -> bool:
            return message[148] != "stale"

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(offline="store"), to(server), Careful()) as session:
                session.drop()
                await until(lambda: not session.active)
                session.send_nowait(*news("stale"))
                session.send_nowait(*news("fresh"))
                await until(lambda: notes.messages)
                assert notes.headlines == ["fresh"]

    run(main())


@pytest.mark.parametrize("passes", range(4))
def test_leaving_stops_the_callback_that_runs(passes: int) -> None:
    """Also one that was called and has not begun: Python would warn of a coroutine that is never awaited."""

    async def main() -> None:
        store = ff.MemoryStore()

        class Hanging(Notes):
            async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
                await asyncio.Event().wait()

        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(KeyError):
                async with ff.connect(us(), to(server), Hanging(), store) as session:
                    other_of(server).send_nowait(*news(1))
                    other_of(server).send_nowait(*news(2))
                    while session.next_in < 3:
                        await asyncio.sleep(0)
                    for _ in range(passes):
                        await asyncio.sleep(0)
                    raise KeyError
        assert store.load().next_in == 2

    run(main())


def test_leaving_lets_on_logout_end() -> None:
    class Tidy:
        def __init__(self) -> None:
            self.steps: list[str] = []

        async def on_logout(self, session: ff.LiveSession, reason: str) -> None:
            self.steps.append("begins")
            await asyncio.sleep(0.005)
            self.steps.append("ends")

    async def main() -> None:
        mine, theirs = Tidy(), Tidy()
        async with ff.serve(theirs, [them()]) as server, ff.connect(us(), to(server), mine):
            pass
        assert mine.steps == theirs.steps == ["begins", "ends"]

    run(main())


def test_leaving_does_not_wait_for_ever_for_a_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.engine.delivery._LAST_CALLS", 0.01)

    class Hanging:
        async def on_logon(self, session: ff.LiveSession) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        async with ff.serve(Hanging(), [them()]) as server, ff.connect(us(), to(server), Hanging()):
            pass

    run(main(), limit=4.5)
