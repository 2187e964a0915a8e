"""send(), request(), iteration and close() cancelled at every step: nothing lost, nothing acknowledged unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, Venue, news, run, them, to, until, us

#: passes of the loop after which a call is cancelled: from before its first step to behind its end
STEPS = range(14)


async def cancelled_after(passes: int, work: Coroutine[Any, Any, Any]) -> bool:
    """Run `work`, cancelled after so many passes of the loop; tell whether it came to its end before."""
    task = asyncio.create_task(work)
    for _ in range(passes):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return False
    task.result()
    return True


def other_of(server: ff.Server) -> ff.LiveSession:
    (session,) = server.sessions.values()
    return session


@pytest.mark.parametrize("kind", ["messages", "events"])
def test_a_consumer_cancelled_at_any_step_loses_nothing(kind: str) -> None:
    async def main() -> None:
        store = ff.MemoryStore()
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), store=store) as session:
            first = session.next_in
            seen: list[str] = []

            async def consume(until: int) -> None:
                async for item in session if kind == "messages" else session.events():
                    if isinstance(item, ff.Message):
                        seen.append(item[148])
                        if len(seen) == until:
                            return
                        await asyncio.sleep(0)

            sent = 0
            for passes in STEPS:
                for _ in range(3):
                    other_of(server).send_nowait(*news(sent))
                    sent += 1
                await cancelled_after(passes, consume(sent))
                acknowledged = store.load().next_in - first
                assert acknowledged <= len(seen), "acknowledged, and nobody has seen it"
            if len(seen) < sent:
                await consume(sent)
            assert seen == [str(i) for i in range(sent)], "in order, each once"

    run(main())


def test_a_request_cancelled_at_any_step_leaves_its_answer_to_the_others() -> None:
    class Answering(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            session.send_nowait("Y", [(262, message[262]), (281, "0")])

    async def main() -> None:
        store = ff.MemoryStore()
        async with ff.serve(Answering(), [them()]) as server, ff.connect(us(), to(server), store=store) as session:
            answers: list[str] = []

            async def ask(name: str) -> None:
                answers.append((await session.request("V", [(262, name)]))[262])

            asked = []
            for passes in [*STEPS, 30, 60, 100]:
                sent = session.next_out
                await cancelled_after(passes, ask(str(passes)))
                asked += [str(passes)] * (session.next_out - sent)  # cancelled before its first step, it asked nothing
            async with asyncio.timeout(20):
                while len(answers) < len(asked):
                    answers.append((await anext(aiter(session)))[262])
            assert sorted(answers) == sorted(asked), "each answer once, here or there"
            assert not session._requests
        assert not store.load().pending_in

    run(main())


def test_a_send_cancelled_at_any_step_is_sent_whole_or_not_at_all() -> None:
    async def main() -> None:
        go_on = asyncio.Event()
        heads: list[str] = []

        async def slow(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            await go_on.wait()
            while (message := await peer.read()) is not None:
                if message.msg_type == "B":
                    assert message.msg_seq_num == len(heads) + 2, "no number is missing"
                    heads.append(message[148])
                if message.msg_type == "5":
                    peer.write("5")

        async with Venue(slow) as venue, ff.connect(us(), to(venue.port)) as session:
            text = "x" * 50_000
            while session._pump is not None and session._pump._writable is None:
                session.send_nowait("B", [(148, "0"), (33, [[(58, text)]])])
                await asyncio.sleep(0)
            for passes in STEPS:  # the peer reads nothing, so all of them wait
                ended = await cancelled_after(passes, session.send("B", [(148, str(passes)), (33, [[(58, "x")]])]))
                assert not ended
            sent = session.next_out - 2
            go_on.set()
            await until(lambda: len(heads) == sent)
        assert [head for head in heads if head != "0"] == [str(passes) for passes in STEPS if passes]

    run(main())


def test_close_cancelled_at_any_step_leaves_a_session_that_can_be_left() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            other = other_of(server)
            for passes in [*STEPS, 20, 40]:
                async with ff.connect(us(), to(server), store=(store := ff.MemoryStore())) as session:
                    session.send_nowait(*news(passes))
                    await cancelled_after(passes, session.close())
                assert store.load().clean is not False
                assert not session.connected
                await until(lambda: not other.connected)
                other.reset()
            assert notes.headlines == [str(passes) for passes in [*STEPS, 20, 40]]

    run(main())


def test_a_callback_cancelled_by_the_end_acknowledges_nothing() -> None:
    class Stuck(Notes):
        async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
            self.messages.append(message)
            await asyncio.Event().wait()

    async def main() -> None:
        stuck, store = Stuck(), ff.MemoryStore()
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ZeroDivisionError):
                async with ff.connect(us(), to(server), stuck, store):
                    other_of(server).send_nowait(*news("one"))
                    await until(lambda: stuck.messages)
                    raise ZeroDivisionError
        assert [message[148] for _, _, data in store.load().pending_in for message in [ff.parse(data)]] == ["one"]

    run(main())
