"""serve(): who is let in, who is not and what that costs, many sessions on one port, adding and removing them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, news, run, them, to, until, us


class Doorman(Notes):
    """Notes with an authenticate() given as a function."""

    def __init__(self, decide: Callable[[ff.LogonRequest], Any]) -> None:
        super().__init__()
        self.requests: list[ff.LogonRequest] = []
        self._decide = decide

    def authenticate(self, request: ff.LogonRequest) -> Any:
        self.requests.append(request)
        return self._decide(request)


def the(server: ff.Server) -> ff.LiveSession:
    """The one session of a server."""
    (session,) = server.sessions.values()
    return session


# --- life of a server ----------------------------------------------------------------------------------------


def test_l01_many_sessions_on_one_port() -> None:
    async def main() -> None:
        notes = Notes()
        names = [f"C{i}" for i in range(20)]
        async with ff.serve(notes, [them(target=name) for name in names]) as server:

            async def client(name: str) -> None:
                async with ff.connect(us(sender=name), to(server)) as session:
                    session.send_nowait(*news(name))
                    await until(lambda: name in notes.headlines)

            await asyncio.gather(*map(client, names))
            assert sorted(notes.headlines) == sorted(names)
            assert list(server.sessions) == [them(target=name).session_id for name in names]
        assert not server.sessions

    run(main())


def test_serve_awaited_and_closed_by_hand() -> None:
    async def main() -> None:
        notes = Notes()
        server = await ff.serve(notes, [them()])
        assert isinstance(server, ff.Server)
        assert server.port > 0
        async with ff.connect(us(), to(server)) as session:
            with pytest.raises(RuntimeError, match="one run"):
                await server
            await server.close("closing time")
            await until(lambda: not session.active)
            with pytest.raises(RuntimeError, match="listen"):
                _ = server.port
        await server.close()
        assert notes.logouts == ["Logout: closing time"]

    run(main())


def test_o01_closing_the_server_sends_a_logout_and_waits_for_the_answer() -> None:
    async def main() -> None:
        server = await ff.serve(Notes(), [them()])
        async with await Peer.connect(server.port) as peer:
            peer.logon()
            await peer.expect("A")
            closing = asyncio.create_task(server.close("bye"))
            logout = await peer.expect("5")
            assert logout[58] == "bye"
            assert not closing.done()
            peer.write("5")
            assert await peer.read() is None
        await closing

    run(main())


def test_a_failing_body_logs_out_without_waiting() -> None:
    async def main() -> None:
        with pytest.raises(KeyError):
            async with ff.serve(Notes(), [them()]) as server:
                peer = await Peer.connect(server.port)
                peer.logon()
                await peer.expect("A")
                raise KeyError
        await peer.expect("5")
        await peer.close()

    run(main(), limit=4.5)


def test_a_port_that_is_taken() -> None:
    async def main() -> None:
        closed = []

        class Closing(ff.MemoryStore):
            def close(self) -> None:
                closed.append(True)

        with socket.socket() as sock:
            sock.bind((HOST, 0))
            sock.listen()
            with pytest.raises(OSError, match="in use"):
                await ff.serve(Notes(), [them()], port=sock.getsockname()[1], stores=lambda config: Closing())
        assert closed == [True]

    run(main())


def test_arguments_are_checked() -> None:
    for port in (-1, 65536, "80", True):
        with pytest.raises(ff.ConfigError, match="port"):
            ff.serve(None, port=port)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="limits"):
        ff.serve(None, limits=5)  # type: ignore[arg-type]

    async def main() -> None:
        with pytest.raises(ff.ConfigError, match="not there yet"):
            await ff.serve(None, [them(), them()])
        with pytest.raises(ff.ConfigError, match="SessionConfig"):
            await ff.serve(None, ["FIX.4.4"])  # type: ignore[list-item]

    run(main())


def test_sessions_are_added_and_removed_at_run_time() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes) as server:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(), to(server)):
                    pass
            added = await server.add(them())
            assert server.sessions == {added.id: added}
            with pytest.raises(ff.ConfigError):
                await server.add(them())
            async with ff.connect(us(), to(server)) as session:
                await server.remove(added.id, "no longer wanted")
                assert notes.logouts == ["Logout: no longer wanted"]
                assert not server.sessions
                await until(lambda: not session.active)
            with pytest.raises(KeyError):
                await server.remove(added.id)

    run(main())


def test_a_closed_session_is_not_taken_up_again() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), to(server)):
                await the(server).close()
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(), to(server)):
                    pass

    run(main())


# --- authenticate --------------------------------------------------------------------------------------------


def test_authenticate_makes_a_session_of_a_stranger() -> None:
    def decide(request: ff.LogonRequest) -> ff.SessionConfig:
        identity = request.session_id
        return ff.SessionConfig(identity.begin_string, identity.sender_comp_id, identity.target_comp_id)

    async def main() -> None:
        doorman = Doorman(decide)
        async with ff.serve(doorman) as server:
            config = us(username="ann", password="hunter2")
            store = ff.MemoryStore()
            for numbers in ((2, 2), (4, 4)):  # the session stays when its connection goes
                async with ff.connect(config, to(server), store=store) as session:
                    assert (session.next_in, session.next_out) == numbers
            assert list(server.sessions) == [them().session_id]
        first, second = doorman.requests
        assert (first.username, first.password, first.config) == ("ann", "hunter2", None)
        assert second.config == them()
        assert first.session_id == them().session_id
        assert first.address.startswith(HOST)
        assert first.certificate is None
        assert "hunter2" not in repr(first)

    run(main())


def test_l19_refused_with_a_text(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        doorman = Doorman(lambda request: ff.Refuse("wrong password", status=5))
        async with ff.serve(doorman, [them(begin_string="FIXT.1.1")]) as server:
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(begin_string="FIXT.1.1", password="hunter2"), to(server)):
                    pass
            assert (caught.value.reason, caught.value.text, caught.value.status) == (
                "logon_refused",
                "wrong password",
                5,
            )
            assert (the(server).next_in, the(server).next_out) == (1, 1), "L29: nothing numbered before yes"

    run(main())
    assert "refused" in caplog.text
    assert "hunter2" not in caplog.text


def silently_dropped(application: object, *configs: ff.SessionConfig, **options: Any) -> None:
    """A good Logon gets not one byte of answer."""

    async def main() -> None:
        async with ff.serve(application, configs, **options) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            assert await peer.read() is None
            for session in server.sessions.values():
                assert (session.next_in, session.next_out) == (1, 1)

    run(main(), limit=5)


def test_l05_refused_silently() -> None:
    silently_dropped(Doorman(lambda request: ff.Refuse(silent=True)), them())


def test_l05_sc5_unknown_identity_is_dropped_silently(caplog: pytest.LogCaptureFixture) -> None:
    silently_dropped(Notes(), them(target="SOMEBODY"))
    silently_dropped(Notes(), them(sender="SOMEBODY"))
    silently_dropped(Notes(), them(begin_string="FIX.4.2"))
    assert "FIX.4.4:SIM->BOT" in caplog.text


@pytest.mark.parametrize(
    "verdict",
    [None, True, them(target="SOMEBODY"), ValueError("broken")],
    ids=["None", "True", "another identity", "raises"],
)
def test_authenticate_that_fails_lets_nobody_in(verdict: object) -> None:
    def decide(request: ff.LogonRequest) -> object:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    silently_dropped(Doorman(decide), them())


def test_l30_slow_authenticate_is_bounded() -> None:
    async def never(request: ff.LogonRequest) -> ff.Refuse:
        await asyncio.Event().wait()
        raise AssertionError

    silently_dropped(Doorman(never), them(), limits=ff.Limits(authenticate_timeout=0.02))


def test_l30_a_slow_decision_holds_up_nobody_else() -> None:
    async def main() -> None:
        decided = asyncio.Event()

        async def decide(request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            if request.session_id.target_comp_id == "SLOW":
                await decided.wait()
            assert request.config is not None
            return request.config

        async with ff.serve(Doorman(decide), [them(), them(target="SLOW")]) as server:
            slow = await Peer.connect(server.port, "SLOW")
            slow.logon()
            slow.write("0")  # what comes with the Logon waits
            async with ff.connect(us(), to(server)):
                pass
            decided.set()
            await slow.expect("A")
            slow.write("5")
            await slow.expect("5")
            await slow.close()

    run(main())


def test_l30_a_stranger_who_leaves_ends_the_decision() -> None:
    async def main() -> None:
        ended = asyncio.Event()
        begun = asyncio.Event()

        async def decide(request: ff.LogonRequest) -> ff.Refuse:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        async with ff.serve(Doorman(decide), [them()]) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await begun.wait()
            await server.close()
            await ended.wait()

    run(main(), limit=5)


def test_l04_sc6_the_old_connection_wins() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            async with await Peer.connect(server.port) as second:
                second.logon(seq=9)
                assert await second.read() is None
            session.send_nowait(*news("still here"))
            await until(lambda: the(server).next_in == 3)
            assert the(server).connections == 1

    run(main())


def test_l04_also_while_the_first_is_decided_on() -> None:
    async def main() -> None:
        decided = asyncio.Event()

        async def decide(request: ff.LogonRequest) -> ff.SessionConfig:
            await decided.wait()
            return them()

        doorman = Doorman(decide)
        async with ff.serve(doorman) as server:
            first, second = await Peer.connect(server.port), await Peer.connect(server.port)
            first.logon()
            await until(lambda: doorman.requests)
            second.logon()
            assert await second.read() is None
            decided.set()
            await first.expect("A")
            assert len(doorman.requests) == 1
            await first.close()
            await second.close()

    run(main())


def test_a_qualifier_is_ours_alone() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them(qualifier="blue")]) as server:
            async with ff.connect(us(qualifier="red"), to(server)) as session:
                assert session.id.qualifier == "red"
                async with await Peer.connect(server.port) as second:
                    second.logon()
                    assert await second.read() is None  # L04

    run(main())


# --- strangers -----------------------------------------------------------------------------------------------


def stranger(data: bytes, **limits: Any) -> None:
    """Bytes after which the connection is closed, without a word."""

    async def main() -> None:
        async with ff.serve(Notes(), [them()], limits=ff.Limits(**limits)) as server:
            async with await Peer.connect(server.port) as peer:
                peer.writer.write(data)
                assert await peer.read() is None
            assert (the(server).next_in, the(server).next_out) == (1, 1)

    run(main(), limit=4.5)


def test_l08_first_message_is_not_a_logon() -> None:
    stranger(ff.encode("FIX.4.4", "0", [(49, "BOT"), (56, "SIM"), (34, 1)]))


def test_c1_bytes_that_are_not_fix() -> None:
    stranger(b"GET / HTTP/1.1\r\n\r\n")


def test_c1_too_many_bytes_before_the_logon() -> None:
    logon = ff.encode("FIX.4.4", "A", [(49, "BOT"), (56, "SIM"), (34, 1), (58, "x" * 5000)])
    stranger(logon)
    stranger(logon[:4096])
    stranger(logon[:300], logon_bytes=200)


def test_c1_no_logon_in_time() -> None:
    stranger(b"", logon_timeout=0.03)


def test_c1_a_slow_drip_is_not_more_time() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], limits=ff.Limits(logon_timeout=0.1)) as server:
            async with await Peer.connect(server.port) as peer:
                began = asyncio.get_running_loop().time()
                reading = asyncio.create_task(peer.read())
                for byte in b"8=FIX.4.4\x019=70\x0135=A\x01" + b"1=2\x01" * 100:
                    if reading.done():
                        break
                    peer.writer.write(bytes([byte]))
                    await asyncio.sleep(0.005)
                await reading
                assert asyncio.get_running_loop().time() - began < 1

    run(main(), limit=5)


def test_c1_pending_strangers_are_bounded() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], limits=ff.Limits(pending=3)) as server:
            waiting = [await Peer.connect(server.port) for _ in range(3)]
            await until(lambda: len(server._reception.doors) == 3)
            one_more = await Peer.connect(server.port)
            assert await one_more.read() is None
            await waiting.pop().close()
            await until(lambda: len(server._reception.doors) == 2)
            async with ff.connect(us(), to(server)):  # room again; a session is not a stranger
                assert len(server._reception.doors) == 2
            for peer in (*waiting, one_more):
                await peer.close()

    run(main())


def test_c1_connections_are_bounded() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], limits=ff.Limits(connections=1)) as server:
            async with ff.connect(us(), to(server)), await Peer.connect(server.port) as peer:
                assert await peer.read() is None

    run(main())


def test_o12_a_stranger_hangs_up() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            async with await Peer.connect(server.port) as peer:
                peer.writer.write(b"8=FIX.4.4\x019=")
                await until(lambda: server._reception.doors)
            await until(lambda: not server._reception.doors)

    run(main())


def test_closing_the_server_drops_strangers() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            peer = await Peer.connect(server.port)
            await until(lambda: server._reception.doors)
        assert await peer.read() is None
        await peer.close()

    run(main())


@pytest.mark.parametrize("passes", range(0, 16, 3))
def test_closing_the_server_while_a_stranger_becomes_a_session(passes: int) -> None:
    """Whatever the moment, each store that was opened is closed."""
    opened: list[ff.MemoryStore] = []
    closed: list[ff.MemoryStore] = []

    class Counted(ff.MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

        def close(self) -> None:
            closed.append(self)

    async def main() -> None:
        doorman = Doorman(lambda request: them())
        server = await ff.serve(doorman, stores=lambda config: Counted())
        async with await Peer.connect(server.port) as peer:
            peer.logon()
            await until(lambda: doorman.requests)
            for _ in range(passes):
                await asyncio.sleep(0)
            await server.close(timeout=0)
        assert not server.sessions
        await until(lambda: len(closed) == len(opened))

    run(main(), limit=5)
    assert closed == opened


def test_stores_that_fail_let_nobody_in_and_hurt_nobody() -> None:
    def stores(config: ff.SessionConfig) -> ff.Store:
        raise KeyError(config.target_comp_id)

    silently_dropped(Doorman(lambda request: them()), stores=stores)
