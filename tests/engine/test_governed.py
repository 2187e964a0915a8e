"""How fast peers may send to an acceptor: reading pauses, messages are rejected, or the session is logged out."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.governed import Budget
from tests.engine.harness import Notes, Peer, news, run, them, to, until, us

SECOND = 1_000_000_000


def limits(count: int, action: str = "pause", **options: Any) -> ff.Limits:
    return ff.Limits(inbound=ff.RateLimit(count, kind="bucket", **options), when_exceeded=action)  # type: ignore[arg-type]


# --- the budget ----------------------------------------------------------------------------------------------


def test_a_budget_is_there_at_once_and_comes_back_evenly() -> None:
    budget = Budget(ff.RateLimit(100, kind="bucket"))
    now = 5 * SECOND
    assert budget.spend(100, now) == 0
    assert budget.spend(1, now) == SECOND // 100
    assert budget.spend(99, now) == SECOND
    assert budget.spend(0, now + SECOND) == 0
    assert budget.spend(1, now + SECOND) == SECOND // 100
    assert budget.spend(100, now + 100 * SECOND) == 0, "no more than a full bucket is kept"


def test_a_budget_with_a_burst() -> None:
    budget = Budget(ff.RateLimit(10, per=2.0, kind="bucket", burst=50))
    assert budget.spend(50, SECOND) == 0
    assert budget.spend(10, SECOND) == 2 * SECOND


@pytest.mark.parametrize("seed", range(5))
def test_over_a_long_time_no_more_than_the_limit_is_spent(seed: int) -> None:
    rng = random.Random(seed)
    budget, now, spent, begun = Budget(ff.RateLimit(100, kind="bucket")), SECOND, 0, SECOND
    for _ in range(2_000):
        n = rng.randrange(1, 400)
        now += budget.spend(n, now)
        spent += n
    assert 0 <= spent - 100 * (now - begun) / SECOND <= 501, "a bucket, and what was read last"


# --- pausing -------------------------------------------------------------------------------------------------


def test_reading_pauses_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        notes = Notes()
        count = 400
        async with ff.serve(notes, [them()], limits=limits(1000, burst=50)) as server:
            async with ff.connect(us(), to(server)) as session:
                began = asyncio.get_running_loop().time()
                for i in range(count):
                    session.send_nowait(*news(i))
                await until(lambda: len(notes.messages) == count)
                assert asyncio.get_running_loop().time() - began >= (count - 50 - 120) / 1000, "made to wait"
                assert notes.headlines == [str(i) for i in range(count)]
                assert session.connections == 1

    run(main())
    assert "more than 1000 messages in 1 s" in caplog.text
    assert "reading from it pauses" in caplog.text


def test_a_slow_peer_is_not_made_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1000)) as server:
            async with ff.connect(us(), to(server)) as session:
                for i in range(100):
                    session.send_nowait(*news(i))
                await until(lambda: len(notes.messages) == 100)

    run(main())
    assert "too fast" not in caplog.text
    assert "pauses" not in caplog.text


def test_messages_count_however_they_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    """Each in two parts, cut in the middle of what a message ends with."""

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1, per=3600.0, burst=10)) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await peer.expect("A")
                for i in range(11):
                    header = [(49, "BOT"), (56, "SIM"), (34, i + 2), (52, time.time_ns())]
                    raw = ff.encode("FIX.4.4", "B", [*header, *news(i)[1]])
                    peer.writer.write(raw[:-5])
                    await peer.writer.drain()
                    await asyncio.sleep(0.002)
                    peer.writer.write(raw[-5:])
                    while len(notes.messages) <= i:
                        await asyncio.sleep(0.001)
                (session,) = server.sessions.values()
                assert "reading from it pauses" in caplog.text
                peer.write("B", news("waits")[1], seq=13)
                await asyncio.sleep(0.02)
                assert len(notes.messages) == 11
                session.drop()

    run(main())


def test_bytes_are_counted_where_the_limit_says_so() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1_000_000, unit="bytes", burst=10_000)) as server:
            async with ff.connect(us(), to(server)) as session:
                began = asyncio.get_running_loop().time()
                for i in range(20):
                    session.send_nowait("B", [(148, str(i)), (33, [[(58, "x" * 10_000)]])])
                await until(lambda: len(notes.messages) == 20)
                assert asyncio.get_running_loop().time() - began >= 0.15

    run(main())


def test_the_program_and_the_budget_may_both_want_a_pause() -> None:
    """A program that is behind, then done; a rest that ends in between: reading goes on only when both agree."""

    async def main() -> None:
        class Slow(Notes):
            async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
                message.detach()
                await asyncio.sleep(0)
                self.messages.append(message)

        slow = Slow()
        async with ff.serve(slow, [them()], limits=limits(5_000, burst=100)) as server:
            async with ff.connect(us(), to(server)) as session:
                for i in range(3_000):
                    session.send_nowait(*news(i))
                await until(lambda: len(slow.messages) == 3_000)
                assert slow.headlines == [str(i) for i in range(3_000)]

    run(main())


def test_a_second_connection_does_not_begin_with_a_full_budget() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1, per=3600.0, burst=30)) as server:
            for _ in range(2):
                async with await Peer.connect(server.port) as peer:
                    peer.logon((141, "Y"), seq=1)
                    await peer.expect("A")
                    for i in range(20):
                        peer.write(*news(i))
                    await asyncio.sleep(0.05)
                (session,) = server.sessions.values()
                session.drop()
                while session.connected:
                    await asyncio.sleep(0.001)
            assert 20 <= len(notes.messages) <= 40
            governor = server._governor
            assert governor is not None
            (budget,) = governor._budgets.values()
            assert budget.spend(0, 0) > 0

    run(main())


# --- rejecting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "reason"), [("FIX.4.2", "0"), ("FIX.4.4", "0"), ("FIXT.1.1", "8")])
def test_b05_what_is_too_much_is_rejected(version: str, reason: str) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(
            notes, [them(begin_string=version)], limits=limits(1, "reject", per=3600.0, burst=3)
        ) as server:
            config = us(begin_string=version)
            async with ff.connect(config, to(server)) as session:
                for i in range(5):
                    session.send_nowait(*news(i))
                stream = aiter(session)
                rejects = [await anext(stream), await anext(stream)]
                assert [reject.msg_type for reject in rejects] == ["j", "j"]
                assert [reject[380] for reject in rejects] == [reason] * 2
                assert rejects[0][58] == "too many messages: more than 1 messages in 3600 s"
                assert [reject[45] for reject in rejects] == ["5", "6"]
                assert session.active
            assert notes.headlines == ["0", "1", "2"]
            (live,) = server.sessions.values()
            assert live.next_in > 6, "counted, and not delivered again"

    run(main())


def test_b07_rejects_are_not_rejected() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1, "reject", per=3600.0)) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await peer.expect("A")
                for _ in range(3):
                    peer.write("3", [(45, 1), (58, "why not")])
                await until(lambda: len(notes.messages) == 3)

    run(main())


# --- logging out ---------------------------------------------------------------------------------------------


def test_who_sends_too_much_is_logged_out() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], limits=limits(1, "logout", per=3600.0, burst=3)) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await peer.expect("A")
                for i in range(5):
                    peer.write(*news(i))
                logout = await peer.expect("5")
                assert logout[58] == "too many messages: more than 1 messages in 3600 s"
                (session,) = server.sessions.values()
                session.drop()

    run(main())


# --- options -------------------------------------------------------------------------------------------------


def test_wrong_limits_are_named() -> None:
    for wrong in (5, ff.RateLimit(5), "fast"):
        with pytest.raises(ff.ConfigError, match="inbound"):
            ff.Limits(inbound=wrong)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="when_exceeded"):
        ff.Limits(when_exceeded="drop")  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="on_message"):
        ff.serve(None, limits=limits(5, "reject"))
