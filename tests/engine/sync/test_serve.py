"""sync.serve(): a blocking acceptor, its peers blocking ones, asyncio ones and sockets by hand."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, Peer, news, run, them, to, us
from tests.engine.sync.venue import LIMIT


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


class Echo(Notes):
    def on_message(self, session: Any, message: ff.Message) -> None:
        super().on_message(session, message)
        session.send(*news("re " + message[148]))


def logon_bytes(sender: str = "BOT", target: str = "SIM", seq: int = 1) -> bytes:
    fields = [(49, sender), (56, target), (34, seq), (52, time.time_ns()), (98, 0), (108, 30)]
    return ff.encode("FIX.4.4", "A", fields)


def dial(server: ff.sync.Server) -> socket.socket:
    return socket.create_connection((HOST, server.port), timeout=LIMIT)


def closed(sock: socket.socket) -> bytes:
    """Return what comes until the end."""
    said = b""
    try:
        while data := sock.recv(4096):
            said += data
    except ConnectionError:
        pass
    return said


def test_two_blocking_sides_talk() -> None:
    echo = Echo()
    with ff.sync.serve(echo, [them()]) as server, ff.sync.connect(us(), to(server.port, EAGER)) as session:
        got = []
        for i in range(100):
            session.send(*news(i))
            got.append(session.receive(LIMIT)[148])  # type: ignore[index]
        assert got == [f"re {i}" for i in range(100)]
        assert list(server.sessions) == [them().session_id]
        assert server.sessions[them().session_id].active
    assert echo.logons == 1
    assert echo.logouts == ["Logout"]


def test_an_asyncio_bot_talks_to_it_and_comes_back() -> None:
    async def main(port: int) -> None:
        async with ff.connect(us(offline="store"), to(port)) as session:
            for i in range(60):
                await session.send(*news(i))
                if i % 20 == 10:
                    session.drop(reset=True)
            got = []
            async for message in session:
                got.append(message[148])
                if len(got) == 60:
                    break
            assert got == [f"re {i}" for i in range(60)]
            assert session.connections > 1

    with ff.sync.serve(Echo(), [them(offline="store")]) as server:
        run(main(server.port))


def test_sessions_of_a_server_are_iterated_over_and_sent_to_from_any_thread() -> None:
    with ff.sync.serve(None, [them()]) as server, ff.sync.connect(us(), to(server.port, EAGER)) as bot:
        session = server.sessions[them().session_id]
        session.wait_active(LIMIT)
        bot.send(*news("up"))
        assert session.receive(LIMIT)[148] == "up"  # type: ignore[index]
        sender = threading.Thread(target=lambda: session.send(*news("down")))
        sender.start()
        assert bot.receive(LIMIT)[148] == "down"  # type: ignore[index]
        sender.join(LIMIT)


def test_a_callback_that_blocks_hurts_no_other_session_and_no_heartbeat() -> None:
    free = threading.Event()

    class Slow(Echo):
        def on_message(self, session: Any, message: ff.Message) -> None:
            if message[148] == "block":
                free.wait(LIMIT)
            super().on_message(session, message)

    others = us(sender="OTHER"), them(target="OTHER")
    with ff.sync.serve(Slow(), [them(), others[1]]) as server:
        where = to(server.port, EAGER)
        with ff.sync.connect(us(heart_bt_int=1), where) as one, ff.sync.connect(others[0], where) as two:
            one.send(*news("block"))
            for i in range(10):
                two.send(*news(i))
                assert two.receive(LIMIT)[148] == f"re {i}"  # type: ignore[index]
            sent = server.sessions[them().session_id].stats
            before = sent().messages_out
            until(lambda: sent().messages_out >= before + 2)  # two heartbeats
            free.set()
            assert one.receive(LIMIT)[148] == "re block"  # type: ignore[index]
            assert one.connections == 1


# --- who may come in -----------------------------------------------------------------------------------------


class Doorman(Echo):
    answer: Any = None
    seen: ff.LogonRequest

    def authenticate(self, request: ff.LogonRequest) -> Any:
        self.seen = request
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(request) if callable(self.answer) else self.answer


def attempt(server: ff.sync.Server, **options: Any) -> ff.LogonFailed:
    with (
        pytest.raises(ff.LogonFailed) as failed,
        ff.sync.connect(us(**options), to(server.port, ff.Reconnect(initial=0))),
    ):
        pass
    return failed.value


def test_authenticate_decides() -> None:
    doorman = Doorman()
    with ff.sync.serve(doorman) as server:
        doorman.answer = ff.Refuse("not you")
        assert attempt(server, username="me", password="sesame").text == "not you"
        assert (doorman.seen.username, doorman.seen.password) == ("me", "sesame")
        assert doorman.seen.address.startswith(HOST)
        doorman.answer = ff.Refuse("silently", silent=True)
        assert attempt(server).reason == "peer_closed"
        assert not server.sessions
        doorman.answer = lambda request: ff.Accept(them(), text="welcome")
        with ff.sync.connect(us(), to(server.port)) as session:
            session.send(*news("x"))
            assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]
        assert list(server.sessions) == [them().session_id]


@pytest.mark.parametrize(
    "answer",
    [ValueError("mine"), None, "yes", lambda request: them(target="ELSE")],
    ids=["raises", "None", "str", "other"],
)
def test_what_is_no_answer_is_a_silent_no(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    doorman = Doorman()
    doorman.answer = answer
    with ff.sync.serve(doorman) as server:
        assert attempt(server).reason == "peer_closed"
        until(lambda: any("authenticate" in record.message for record in caplog.records))


def test_l30_authenticate_that_takes_too_long_comes_to_nothing(caplog: pytest.LogCaptureFixture) -> None:
    free = threading.Event()
    doorman = Doorman()
    doorman.answer = lambda request: free.wait(LIMIT) and them()
    limits = ff.Limits(authenticate_timeout=0.02)
    with ff.sync.serve(doorman, limits=limits) as server:
        attempt(server)
        until(lambda: any("took longer than 0.02 s" in record.message for record in caplog.records))
        free.set()
        until(lambda: not server.sessions)


def test_l04_a_second_connection_is_dropped_and_the_first_lives() -> None:
    with ff.sync.serve(Echo(), [them()]) as server, ff.sync.connect(us(), to(server.port)) as session:
        with dial(server) as second:
            second.sendall(logon_bytes(seq=2))
            assert closed(second) == b""
        session.send(*news("x"))
        assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]


def test_l05_strangers_are_dropped_without_a_word() -> None:
    with ff.sync.serve(None, [them()]) as server:
        for data in (logon_bytes("NOBODY"), b"GET / HTTP/1.0\r\n\r\n" * 300, news_bytes()):
            with dial(server) as stranger:
                stranger.sendall(data)
                assert closed(stranger) == b""


def news_bytes() -> bytes:
    return ff.encode("FIX.4.4", "B", [(49, "BOT"), (56, "SIM"), (34, 1), (52, time.time_ns()), (148, "x")])


def test_sc1_a_slow_logon_is_given_up_and_others_are_not_held_up() -> None:
    with ff.sync.serve(Echo(), [them()], limits=ff.Limits(logon_timeout=0.05)) as server, dial(server) as slow:
        slow.sendall(logon_bytes()[:20])
        with ff.sync.connect(us(), to(server.port)) as session:
            session.send(*news("x"))
            assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]
        assert closed(slow) == b""


def test_sc1_no_more_strangers_than_allowed() -> None:
    limits = ff.Limits(pending=2)
    with ff.sync.serve(Echo(), [them()], limits=limits) as server:
        first = [dial(server) for _ in range(2)]
        with dial(server) as third:
            assert closed(third) == b""
        for sock in first:
            sock.close()
        until(lambda: server._doors.crowd.pending == 0)
        with ff.sync.connect(us(), to(server.port)) as session:
            assert session.active
            assert server._doors.crowd.connections == 1
        until(lambda: server._doors.crowd.connections == 0)


def test_l05_an_address_that_is_not_allowed_is_closed_unread() -> None:
    with ff.sync.serve(Echo(), [them()], allow=["192.0.2.0/24"]) as server, dial(server) as stranger:
        assert closed(stranger) == b""


def test_sc4_an_address_for_each_comp_id() -> None:
    with ff.sync.serve(Echo(), [them(), them(target="ELSE")], allow={"BOT": [HOST], "*": ["192.0.2.0/24"]}) as server:
        with ff.sync.connect(us(), to(server.port)):
            pass
        assert attempt(server, sender="ELSE").reason == "peer_closed"


def test_sc4_only_the_owner_of_a_comp_id_logs_on_with_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(
        certificate=authority.issue("venue", HOST),
        client_ca=authority.file,
        identities={"bot.example": "BOT", "else.example": "ELSE"},
    )
    calling = ff.TlsConfig(ca_file=authority.file, certificate=authority.issue("bot", "bot.example"))
    with ff.sync.serve(Echo(), [them(), them(target="ELSE")], tls=serving) as server:
        with ff.sync.connect(us(), to(server.port, tls=calling)):
            pass
        with (
            pytest.raises(ff.LogonFailed) as caught,
            ff.sync.connect(us(sender="ELSE"), to(server.port, tls=calling)),
        ):
            pass
        assert caught.value.reason == "peer_closed"


def test_no_more_sessions_by_logon_than_allowed() -> None:
    doorman = Doorman()
    doorman.answer = lambda request: them(target=request.session_id.target_comp_id)
    with ff.sync.serve(doorman, limits=ff.Limits(sessions=1)) as server, ff.sync.connect(us(), to(server.port)):
        assert attempt(server, sender="ELSE").reason == "peer_closed"


# --- sessions come and go ------------------------------------------------------------------------------------


def test_sessions_are_added_and_removed_at_run_time(tmp_path: Path) -> None:
    opened: list[ff.SessionConfig] = []

    def stores(config: ff.SessionConfig) -> ff.Store:
        opened.append(config)
        return ff.JournalStore(tmp_path, session_id=config.session_id)

    with ff.sync.serve(Echo(), stores=stores) as server:
        config = them(offline="store")
        added = server.add(config)
        with pytest.raises(ff.ConfigError, match="not there yet"):
            server.add(config)
        added.send(*news("waiting"))
        policy = ff.Reconnect(initial=0.005, max_attempts=3)
        with ff.sync.connect(us(), to(server.port, policy)) as session:
            assert session.receive(LIMIT)[148] == "waiting"  # type: ignore[index]
            again = server.replace(config, "new options")
            assert again is not added
            again.wait_active(LIMIT)
            session.wait_active(LIMIT)
            session.send(*news("x"))
            assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]
            server.remove(config.session_id, "good bye")
            with pytest.raises(ff.GaveUp):
                session.receive(LIMIT)
        assert not server.sessions
        with pytest.raises(KeyError):
            server.remove(config.session_id)
    assert len(opened) == 2
    ff.JournalStore(tmp_path, session_id=config.session_id).close()  # it was closed


def test_close_logs_everybody_out() -> None:
    notes = [Notes() for _ in range(5)]
    configs = [them(target=f"BOT{i}") for i in range(5)]
    policy = ff.Reconnect(initial=0.001, maximum=0.001, max_attempts=1)
    server = ff.sync.serve(Echo(), configs)
    bots = []
    with server:
        for i, note in enumerate(notes):
            bots.append(ff.sync.connect(us(sender=f"BOT{i}"), to(server.port, policy), note))
            bots[-1].__enter__()
        server.close("closing time")
        until(lambda: all(note.logouts for note in notes))
    assert [note.logouts for note in notes] == [["Logout: closing time"]] * 5
    for bot in bots:
        bot.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="good for one run"), server:
        pass


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ff.ConfigError, match="port"):
        ff.sync.serve(None, port=-1)
    with pytest.raises(ff.ConfigError, match="limits"):
        ff.sync.serve(None, limits=5)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="config"), ff.sync.serve(None, ["BOT"]):  # type: ignore[list-item]
        pass

    class Wrong:
        async def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            return them()

    with pytest.raises(ff.ConfigError, match="awaits nothing"):
        ff.sync.serve(Wrong())


def test_a_port_that_is_taken_says_so() -> None:
    with ff.sync.serve(None) as server, pytest.raises(OSError, match="in use"), ff.sync.serve(None, port=server.port):
        pass


def test_all_addresses_of_the_machine() -> None:
    with ff.sync.serve(Echo(), [them()], host=None) as server, ff.sync.connect(us(), to(server.port)) as session:
        assert session.active


def test_many_peers_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async def main(port: int) -> None:
        async def one(name: str) -> None:
            async with await Peer.connect(port, me=name) as peer:
                peer.logon()
                await peer.expect("A")
                for i in range(20):
                    peer.write("B", [(148, str(i)), (33, [[(58, "x")]])])
                for i in range(20):
                    assert (await peer.expect("B"))[148] == f"re {i}"

        await asyncio.gather(*(one(f"BOT{i}") for i in range(20)))

    with ff.sync.serve(Echo(), [them(target=f"BOT{i}") for i in range(20)]) as server:
        run(main(server.port))
