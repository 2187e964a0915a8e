"""A line that never lasts: what is missing is asked for until it comes, and no number is given up for good (G09)."""

from __future__ import annotations

import fixfast as ff
from tests.engine.harness import Notes, news, run


def test_g09_a_line_cut_every_20_ms_does_not_give_a_message_up_for_good() -> None:
    """An answer takes 30 ms, a connection lasts 20: nothing gets on, until the line is better. Default limits."""
    config = ff.SessionConfig("FIX.4.4", "BOT", "SIM", offline="store", max_repeated_requests=10_000)
    heard = Notes()

    async def main() -> None:
        eager = ff.Reconnect(initial=0.001, maximum=0.001, max_refusals=None)
        async with ff.testing.pair(config, application_b=heard, reconnect=eager) as p:
            p.acceptor.send_nowait(*news("to be acknowledged"))
            p.drop()
            for i in range(20):
                p.initiator.send_nowait(*news(i))
            cuts = 0
            p.delay = 0.006
            while cuts < 60:
                await p.advance(0.02)
                p.drop()
                cuts += 1
            p.delay = 0.0
            await p.advance(5)
            assert sorted({int(text) for text in heard.headlines}) == list(range(20))
            assert p.initiator.active

    run(main())
