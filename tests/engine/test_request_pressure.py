"""A request whose answer is behind more messages than may wait: it is answered, and nothing is lost or unbounded."""

from __future__ import annotations

import asyncio
from typing import Any

import fixfast as ff
from fixfast.engine import handover
from tests.engine.harness import Notes, news, run, them, to, until, us


class _Torrent:
    """Answers a MarketDataRequest, after very many messages that were not asked for."""

    def __init__(self, before: int) -> None:
        self.before = before

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        for i in range(self.before):
            session.send_nowait(*news(i))
        session.send_nowait("W", [(262, message[262]), (55, "AAPL")])


_ASK: list[Any] = [(262, "q1"), (263, "0"), (264, 1), (267, [[(269, "0")]]), (146, [[(55, "AAPL")]])]


def test_a_request_is_answered_from_behind_a_full_queue() -> None:
    many = 3 * handover.FULL

    async def main() -> None:
        async with ff.serve(_Torrent(many), [them()]) as server, ff.connect(us(), to(server)) as session:
            answer = await session.request("V", _ASK)
            assert answer.msg_type == "W"
            headlines: list[str] = []
            async for message in session:
                headlines.append(message[148])
                if len(headlines) == many:
                    break
            assert headlines == [str(i) for i in range(many)]
            assert session.next_in == many + 3  # all of them, the answer and the Logon, and each once

    run(main())


def test_without_a_request_reading_pauses_and_goes_on() -> None:
    many = 3 * handover.FULL

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server)) as session:
            there = server.sessions[them().session_id]
            for i in range(many):
                # several reads' worth, so that pausing between two reads is seen
                there.send_nowait("B", [(148, str(i)), (33, [[(58, "x" * 2000)]])])
            await until(lambda: session._delivery.full)
            for _ in range(20):
                await asyncio.sleep(0.001)
            waiting = session._delivery._messages
            assert handover.FULL <= waiting < many
            headlines: list[str] = []
            async for message in session:
                headlines.append(message[148])
                if len(headlines) == many:
                    break
            assert headlines == [str(i) for i in range(many)]
            assert not session._delivery.full

    run(main())
