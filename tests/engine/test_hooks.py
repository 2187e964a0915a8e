"""An exception in any callback, sync or async, is an event and a log record, and never costs the session."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, news, run, them, to, until, us

MAYBE_ASYNC = ("on_logon", "on_logout", "on_message", "on_reject", "on_gap", "on_event")
ALL = [(name, kind) for name in MAYBE_ASYNC for kind in ("sync", "async")] + [
    ("to_send", "sync"),
    ("on_resend", "sync"),
]


class Poison(Exception):
    pass


def broken(name: str, kind: str) -> Notes:
    """An application that notes what it is told, but for one callback, which raises."""

    def fail(*_: Any) -> Any:
        raise Poison(name)

    async def fail_later(*_: Any) -> None:
        await asyncio.sleep(0)
        raise Poison(name)

    app = Notes()
    setattr(app, name, fail if kind == "sync" else fail_later)
    return app


async def answer_to(peer: Peer, msg_type: str) -> ff.Message:
    while True:
        message = await peer.read()
        assert message is not None, "the session was lost"
        if message.msg_type == msg_type:
            return message


async def provoke(peer: Peer, session: ff.LiveSession) -> None:
    """Do what calls every callback of a logged-on session at least once."""
    number = session.next_out
    try:
        session.send_nowait(*news("ours"))
    except Poison:
        assert session.next_out == number, "no number was used"
    peer.write(*news("plain"))
    peer.write("3", [(45, 1), (58, "no")])
    peer.write("2", [(7, 1), (16, 0)])
    missing = peer.next
    peer.write(*news("behind a gap"), seq=missing + 1)
    assert (await answer_to(peer, "2")).int(7) == missing
    peer.write("4", [(43, "Y"), (122, time.time_ns()), (123, "Y"), (36, missing + 1)], seq=missing)
    peer.write("1", [(112, "alive?")], seq=missing + 2)
    while (await answer_to(peer, "0"))[112] != "alive?":
        pass


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_an_exception_in_a_callback_never_costs_the_session(
    name: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        app = broken(name, kind)
        async with ff.serve(app, [them()]) as server:
            (session,) = server.sessions.values()
            for connections in (1, 2):
                async with await Peer.connect(server.port) as peer:
                    peer.logon(seq=session.next_in)
                    await answer_to(peer, "A")
                    await provoke(peer, session)
                    assert session.active
                    assert session.connections == connections
                    peer.write("5")
                    await answer_to(peer, "5")
                await until(lambda: not session.connected)
            if name not in ("on_event", "on_resend"):
                await until(lambda: name in [event.callback for event in app.named("CallbackFailed")])
            if name == "on_resend":
                assert any("on_resend failed" in event.text for event in app.named("Alarm"))
            if name not in ("on_message", "on_gap"):
                heard = [message[148] for message in app.messages if message.msg_type == "B"]
                assert heard == ["plain", "behind a gap"] * 2
            assert session.next_in == session._session._store.load().next_in, "nothing is left that would come again"

    run(main())
    assert f"{name} failed" in caplog.text


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_failing_authenticate_refuses_and_the_server_lives(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    class Doorman:
        def authenticate(self, request: ff.LogonRequest) -> Any:
            if request.password == "right":
                return them()
            return self._later() if kind == "async" else self._fail()

        def _fail(self) -> Any:
            raise Poison("authenticate")

        async def _later(self) -> Any:
            self._fail()

    async def main() -> None:
        async with ff.serve(Doorman()) as server:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(password="wrong"), to(server)):
                    raise AssertionError("unreachable")
            async with ff.connect(us(password="right", reset_on_logon=True), to(server)) as session:
                assert session.active

    run(main())
    assert "authenticate failed" in caplog.text


def test_a_failing_logon_hook_ends_the_attempt_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def sign(context: ff.LogonContext) -> list[tuple[int, object]]:
        calls.append(context.msg_seq_num)
        if len(calls) == 2:
            raise Poison("logon")
        return []

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(logon=sign), to(server)) as session:
            session.drop()
            await until(lambda: session.connections == 2)  # the second attempt failed, the third did not
            assert len(calls) == 3

    run(main())
    assert "no Logon could be made: Poison('logon')" in caplog.text
