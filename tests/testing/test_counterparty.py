"""A counterparty that does what a test tells it, over a real socket and in a world of virtual time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast import fix44
from tests.engine.harness import Notes, news, run, them, until, us

ORDER = [(11, "x"), (55, "EUR/USD"), (54, "1"), (38, 100), (40, "2"), (44, "1.2500"), (60, 0)]


@asynccontextmanager
async def met(**options: Any) -> AsyncIterator[tuple[ff.testing.Counterparty, ff.LiveSession, Notes]]:
    """A counterparty and the program's session, logged on."""
    notes = Notes()
    async with ff.testing.Counterparty(us(), **options) as peer:
        task = peer.log_on()
        connecting = ff.connect(us(), peer.connection, notes)
        import asyncio

        logon = asyncio.ensure_future(task)
        async with connecting as session:
            await logon
            yield peer, session, notes
            peer.close()


def both_worlds(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[bool], None]:
    """Run a test over loopback, and again in memory on virtual time."""

    @pytest.mark.parametrize("virtual", [False, True], ids=["sockets", "virtual"])
    def twice(virtual: bool) -> None:
        async def inside() -> None:
            async with ff.testing.World():
                await test()

        run(inside() if virtual else test())

    twice.__name__ = test.__name__
    twice.__doc__ = test.__doc__
    return twice


@both_worlds
async def test_it_answers_as_told() -> None:
    async with met() as (peer, session, notes):
        session.send_nowait("D", ORDER)
        order = await peer.expect("D", {11: "x", 38: 100})
        peer.send("8", [(37, "1"), (11, order[11]), (17, "1"), (150, "0"), (39, "0"), (55, "EUR/USD"), (54, "1")])
        await until(lambda: notes.messages)
        assert notes.messages[0][11] == "x"
        assert [message.msg_type for message in peer.sent] == ["A", "8"]
        assert [message.msg_type for message in peer.received] == ["A", "D"]


@both_worlds
async def test_a_gap_is_asked_for_and_filled() -> None:
    async with met() as (peer, session, _):
        first = peer.next_out
        request = await peer.gap(3)
        assert (request.int(7), peer.next_out) == (first, first + 4)
        peer.gap_fill(first, peer.next_out)
        await until(lambda: session.next_in == peer.next_out)


@both_worlds
async def test_a_wrong_number_is_sent_as_it_is() -> None:
    async with met() as (peer, _, notes):
        peer.send(*news("too low"), seq=1)
        logout = await peer.expect("5", {58: re.compile(".*too low.*")})
        assert logout.msg_seq_num == 2
        assert peer.next_out == 2
        await until(lambda: not notes.messages)


@both_worlds
async def test_wrong_headers_and_missing_ones() -> None:
    async with met() as (peer, _, _):
        peer.send(*news("from a stranger"), header={49: "STRANGER"})
        await peer.expect("3", {371: 49, 373: 9})
    async with met() as (peer, _, _):
        peer.send(*news("when?"), header={52: None})
        await peer.expect("3", {371: 52})


@both_worlds
async def test_garbage_is_passed_over_by_the_program() -> None:
    async with met() as (peer, _, notes):
        peer.send_raw(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01")
        peer.send(*news("behind it"))
        await until(lambda: notes.headlines == ["behind it"])


def test_silence_is_kept_and_life_is_shown() -> None:
    async def main() -> None:
        async with ff.testing.World(), met() as (peer, session, _):
            await peer.expect_nothing(3600)
            assert session.connections == 1, "it answers TestRequests and sends Heartbeats"
            peer.alive = False
            await peer.expect("1", timeout=60)
            await peer.expect("5", {58: "Heartbeat timeout"}, timeout=60)
            await peer.expect_close(timeout=60)
            peer.next_out = 1
            logon = await peer.expect("A")
            assert peer.connections == 2
            assert logon.msg_seq_num > 120

    run(main())


@both_worlds
async def test_a_connection_that_is_cut_comes_again() -> None:
    async with met() as (peer, session, _):
        peer.cut()
        await peer.log_on()
        await until(lambda: session.connections == 2)
        peer.close()
        await peer.log_on()
        assert peer.connections == 3


@both_worlds
async def test_it_calls_an_acceptor() -> None:
    notes = Notes()
    async with ff.serve(notes, [them()]) as server:
        async with ff.testing.Counterparty(them(), connect=("127.0.0.1", server.port)) as peer:
            await peer.log_on()
            peer.send(*news("hello"))
            await until(lambda: notes.headlines == ["hello"])
            peer.logout("bye")
            await peer.expect("5")
            peer.close()
            await until(lambda: not server.sessions[them().session_id].connected)
            await peer.connect()
            await peer.log_on()
            assert peer.received[-1].msg_seq_num == 3


@both_worlds
async def test_a_script_is_a_list_of_steps() -> None:
    async with ff.testing.Counterparty(us()) as peer:
        import asyncio

        script = asyncio.ensure_future(
            peer.play(
                [
                    ("log_on",),
                    ("expect", "D", {54: fix44.Side.BUY}),
                    lambda peer: peer.send("8", [(11, peer.received[-1][11]), (37, "1"), (17, "1")]),
                    ("sleep", 0.001),
                    ("logout", "good night"),
                    ("expect", "5"),
                    ("close",),
                ]
            )
        )
        async with ff.connect(us(), peer.connection) as session:
            session.send_nowait("D", ORDER)
            taken = await script
        assert [message.msg_type for message in taken] == ["A", "D", "5"]


def test_what_a_value_may_be() -> None:
    async def main() -> None:
        async with met() as (peer, session, _):
            session.send_nowait("D", ORDER)
            fields: dict[int, Any] = {
                11: ...,
                38: Decimal("100.0"),
                44: Decimal("1.25"),
                54: fix44.Side.BUY,
                55: re.compile("EUR/..."),
                60: lambda text: text.startswith("1970"),
                58: None,
            }
            await peer.expect("D", fields)
            session.send_nowait("D", ORDER)
            with pytest.raises(ff.testing.ScriptFailed) as caught:
                await peer.expect("D", {11: "y", 38: 99, 41: ..., 55: None, 54: True, 44: re.compile("x")})
            text = str(caught.value)
            assert "11 is 'x', not 'y'" in text
            assert "38 is '100', not '99'" in text
            assert "41 is absent, not (anything)" in text
            assert "55 is 'EUR/USD', not (absent)" in text
            assert "54 is '1', not 'Y'" in text
            assert "44 is '1.2500', not /x/" in text

    run(main())


def test_a_failure_says_what_was_expected_what_came_and_what_was_before() -> None:
    async def main() -> None:
        async with met(timeout=0.05) as (peer, session, _):
            session.send_nowait("D", ORDER)
            with pytest.raises(ff.testing.ScriptFailed) as caught:
                await peer.expect("F", {11: "x"})
            assert caught.value.expected == "35=F with 11='x'"
            assert caught.value.message is not None
            lines = str(caught.value).splitlines()
            assert lines[:3] == ["expected 35=F with 11='x'", "but there came 35=D", "the last messages:"]
            assert [line[:1] for line in lines[3:]] == ["<", ">", "<"]
            with pytest.raises(ff.testing.ScriptFailed, match=r"nothing came in 0\.05 s"):
                await peer.expect("F")
            session.send_nowait("D", ORDER)
            with pytest.raises(ff.testing.ScriptFailed, match=r"nothing for 1 s\nbut there came 35=D"):
                await peer.expect_nothing(1)
            session.send_nowait("D", ORDER)
            with pytest.raises(
                ff.testing.ScriptFailed, match=r"expected the end of the connection\nbut there came 35=D"
            ):
                await peer.expect_close()
            session.drop()
            with pytest.raises(ff.testing.ScriptFailed, match="the connection was closed"):
                await peer.expect("D")

    run(main())


def test_a_password_does_not_show_in_a_failure() -> None:
    async def main() -> None:
        async with ff.testing.World(), ff.testing.Counterparty(us()) as peer:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(username="me", password="hunter2"), peer.connection):
                    raise AssertionError("nobody answered")
            with pytest.raises(ff.testing.ScriptFailed) as caught:
                await peer.expect("D")
            assert "35=A" in str(caught.value)
            assert "hunter2" not in str(caught.value)

    run(main())


def test_mistakes_are_named() -> None:
    async def main() -> None:
        with pytest.raises(ff.ConfigError, match="config"):
            ff.testing.Counterparty("FIX.4.4")  # type: ignore[arg-type]
        async with ff.testing.Counterparty(us(), timeout=0.01) as peer:
            with pytest.raises(ValueError, match="no step 'expct'; did you mean 'expect'"):
                await peer.play([("logon",), ("expct", "D")])
            assert peer.sent == [], "nothing was done"
            with pytest.raises(ff.testing.ScriptFailed, match="nobody connected"):
                await peer.expect("A")
            with pytest.raises(ff.testing.ScriptFailed, match="nobody is connected"):
                peer.send("0")
            with pytest.raises(ff.testing.ScriptFailed) as caught:
                await peer.play([("sleep", 0), ("expect", "A")])
            assert caught.value.__notes__ == ["in step 2 of 2: ('expect', 'A')"]

    run(main())
