"""sync.serve(): proxies, templates, drain, and how fast peers may send, as with asyncio (C1, C22)."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

import fixfast as ff
from tests.engine.harness import EAGER, HOST, Notes, news, them, to, us
from tests.engine.sync.test_serve import Doorman, Echo, attempt, closed, dial, logon_bytes, until
from tests.engine.sync.venue import LIMIT


class Asked(Doorman):
    """Lets everybody in, and keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ff.LogonRequest] = []

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
        self.requests.append(request)
        seen = request.session_id
        return request.config or ff.SessionConfig(seen.begin_string, seen.sender_comp_id, seen.target_comp_id)


def line(host: str, port: int = 4711) -> bytes:
    return f"PROXY TCP{6 if ':' in host else 4} {host} {host} {port} 9878\r\n".encode()


def read_until(sock: socket.socket, msg_type: str) -> ff.Message:
    decoder = ff.StreamDecoder()
    while True:
        data = sock.recv(4096)
        assert data, "closed"
        decoder.feed(data)
        for item in decoder:
            if isinstance(item, ff.Message) and item.msg_type == msg_type:
                return item


# --- proxies -------------------------------------------------------------------------------------------------


def test_sc22_a_listed_proxy_tells_the_address(caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked()
    with ff.sync.serve(asked, proxies=["127.0.0.0/8"], allow=["192.0.2.0/24", "2001:db8::/32"]) as server:
        for host, address in (("192.0.2.7", "192.0.2.7:4711"), ("2001:db8::7", "[2001:db8::7]:4711")):
            with dial(server) as peer:
                for byte in line(host):
                    peer.send(bytes([byte]))
                peer.sendall(logon_bytes(host.replace(":", "")))
                read_until(peer, "A")
                assert asked.requests[-1].address == address
                assert asked.requests[-1].proxy.startswith("127.0.0.1:")
                session = list(server.sessions.values())[-1]
                assert session.peer == address
                session.drop()
        with dial(server) as peer:
            peer.sendall(line("203.0.113.9") + logon_bytes())
            assert closed(peer) == b""
    assert "203.0.113.9:4711 closed at once: not on the allow-list" in caplog.text


def test_sc22_header_and_logon_in_one_packet() -> None:
    asked = Asked()
    with ff.sync.serve(asked, proxies=["127.0.0.1"]) as server, dial(server) as peer:
        peer.sendall(line("192.0.2.7") + logon_bytes())
        read_until(peer, "A")
        for session in server.sessions.values():
            session.drop()


def test_sc22_what_is_no_header_of_a_proxy_is_garbage(caplog: pytest.LogCaptureFixture) -> None:
    with ff.sync.serve(Echo(), [them()], proxies=["127.0.0.1"]) as server, dial(server) as peer:
        peer.sendall(logon_bytes())
        assert closed(peer) == b""
    assert "no PROXY header" in caplog.text
    with ff.sync.serve(Echo(), [them()], proxies=["192.0.2.1"]) as server, dial(server) as peer:
        peer.sendall(line("192.0.2.7") + logon_bytes())
        assert closed(peer) == b""


def test_sc22_a_header_has_a_time_limit() -> None:
    limits = ff.Limits(handshake_timeout=0.05)
    with ff.sync.serve(Echo(), [them()], proxies=["127.0.0.1"], limits=limits) as server:
        for begin in (b"", b"PROXY TCP4 "):
            with dial(server) as peer:
                peer.sendall(begin)
                assert closed(peer) == b""
        until(lambda: not server._doors.doors)


def test_sc22_a_health_check_of_the_proxy_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    with ff.sync.serve(Echo(), [them()], proxies=["127.0.0.1"], allow=["192.0.2.0/24"]) as server:
        for header in (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"):
            with dial(server) as peer:
                peer.sendall(header)
                until(lambda: any(door.proxy for door in list(server._doors.doors)))
            until(lambda: not server._doors.doors)
    assert not caplog.records


def test_sc22_limits_go_by_the_address_that_the_proxy_tells(caplog: pytest.LogCaptureFixture) -> None:
    limits = ff.Limits(failed_logons_per_minute=1)
    with ff.sync.serve(Echo(), [them()], proxies=["127.0.0.1"], limits=limits) as server:
        for _ in range(3):
            with dial(server) as liar:
                liar.sendall(line("192.0.2.3") + b"GET / HTTP/1.1\r\n\r\n")
                assert closed(liar) == b""
        with dial(server) as other:
            other.sendall(line("192.0.2.4") + logon_bytes())
            read_until(other, "A")
            server.sessions[them().session_id].drop()
        until(lambda: server._doors.crowd.connections == 0)
    assert "192.0.2.3 are refused for 5 s" in caplog.text


@pytest.mark.parametrize("together", [True, False])
def test_sc22_sc7_a_header_comes_before_tls(tmp_path: Path, together: bool) -> None:
    """Also in one packet with the beginning of the handshake, of which the header's reader must not take a byte."""
    authority = trustme.CA()
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")
    asked = Asked()
    with ff.sync.serve(asked, tls=context, proxies=["127.0.0.1"]) as server, dial(server) as raw:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context(cafile=tmp_path / "ca.pem").wrap_bio(
            incoming, outgoing, server_hostname=HOST
        )
        begin = line("192.0.2.7")
        if not together:
            raw.sendall(begin)
            begin = b""
            until(lambda: any(door.proxy for door in list(server._doors.doors)))
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(begin + outgoing.read())
                begin = b""
                incoming.write(raw.recv(65536))
        client.write(logon_bytes())
        raw.sendall(outgoing.read())
        until(lambda: asked.requests)
        assert asked.requests[0].address == "192.0.2.7:4711"
        until(lambda: server.sessions)
        (session,) = server.sessions.values()
        until(lambda: session.active)
        session.drop()


# --- templates -----------------------------------------------------------------------------------------------


def test_a_template_makes_sessions_for_a_pattern_of_names() -> None:
    templates = [them(target="BOT*", max_rejects=99), them(begin_string="FIX.4.2", target="*")]
    with ff.sync.serve(Echo(), [them(target="BOT7", max_rejects=5)], templates=templates) as server:
        for name, begin_string in (("BOT1", "FIX.4.4"), ("BOT7", "FIX.4.4"), ("X", "FIX.4.2")):
            with ff.sync.connect(us(sender=name, begin_string=begin_string), to(server.port, EAGER)) as session:
                session.send(*news(name))
                assert session.receive(LIMIT)[148] == f"re {name}"  # type: ignore[index]
        assert sorted(str(identity) for identity in server.sessions) == [
            "FIX.4.2:SIM->X",
            "FIX.4.4:SIM->BOT1",
            "FIX.4.4:SIM->BOT7",
        ]
        assert server.sessions[them(target="BOT7").session_id].config.max_rejects == 5, "its own options go first"
        assert attempt(server, sender="X").reason == "peer_closed"
    with pytest.raises(ff.ConfigError, match="templates"):
        ff.sync.serve(None, templates=[them()])


def test_authenticate_is_offered_what_a_template_says() -> None:
    asked = Asked()
    with ff.sync.serve(asked, templates=[them(target="B*", max_rejects=7)]) as server:
        with ff.sync.connect(us(), to(server.port, EAGER)):
            pass
        assert asked.requests[0].config == them(max_rejects=7)


# --- drain ---------------------------------------------------------------------------------------------------


def test_who_drains_leaves_the_port_to_the_next_and_keeps_the_sessions() -> None:
    with ff.sync.serve(Echo(), [them(), them(target="LATE")]) as server:
        port = server.port
        with ff.sync.connect(us(), to(port, EAGER)) as session, dial(server) as waiting:
            until(lambda: server._doors.doors)
            server.drain()
            server.drain()  # twice is once
            assert server.addresses == []
            with pytest.raises(RuntimeError, match="does not listen"):
                _ = server.port
            waiting.sendall(logon_bytes("LATE"))  # who is in may go on
            read_until(waiting, "A")
            with ff.sync.serve(Echo(), [them(target="NEXT")], port=port) as successor:
                with ff.sync.connect(us(sender="NEXT"), to(successor.port, EAGER)) as other:
                    assert other.active
                session.send(*news("x"))
                assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]
            server.sessions[them(target="LATE").session_id].drop()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_a_drained_unix_socket_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"
    with ff.sync.serve(Echo(), [them()], path=path) as server:
        assert server.addresses == [str(path)]
        server.drain()
        assert not path.exists()


# --- how fast peers may send ---------------------------------------------------------------------------------


def limits(count: int, action: str = "pause", **options: Any) -> ff.Limits:
    return ff.Limits(inbound=ff.RateLimit(count, kind="bucket", **options), when_exceeded=action)  # type: ignore[arg-type]


@pytest.mark.parametrize("callbacks", [True, False])
def test_reading_pauses_and_nothing_is_lost(caplog: pytest.LogCaptureFixture, callbacks: bool) -> None:
    count, notes = 400, Notes()
    server = ff.sync.serve(notes if callbacks else None, [them()], limits=limits(1000, burst=50))
    with server, ff.sync.connect(us(), to(server.port, EAGER)) as session:
        began = time.monotonic()
        for i in range(count):
            session.send(*news(i))
        if callbacks:
            until(lambda: len(notes.messages) == count)
            got = notes.headlines
        else:
            live = server.sessions[them().session_id]
            got = [live.receive(LIMIT)[148] for _ in range(count)]  # type: ignore[index]
        assert time.monotonic() - began >= (count - 50 - 120) / 1000, "made to wait"
        assert got == [str(i) for i in range(count)]
        assert session.connections == 1
    assert "more than 1000 messages in 1 s" in caplog.text
    assert "reading from it pauses" in caplog.text


def test_bytes_are_counted_where_the_limit_says_so() -> None:
    notes = Notes()
    governed = limits(1_000_000, unit="bytes", burst=10_000)
    with ff.sync.serve(notes, [them()], limits=governed) as server, ff.sync.connect(us(), to(server.port)) as session:
        began = time.monotonic()
        for i in range(20):
            session.send("B", [(148, str(i)), (33, [[(58, "x" * 10_000)]])])
        until(lambda: len(notes.messages) == 20)
        assert time.monotonic() - began >= 0.15


def test_b05_what_is_too_much_is_rejected() -> None:
    notes = Notes()
    governed = limits(1, "reject", per=3600.0, burst=3)
    with ff.sync.serve(notes, [them()], limits=governed) as server, ff.sync.connect(us(), to(server.port)) as session:
        for i in range(5):
            session.send(*news(i))
        rejects = [session.receive(LIMIT) for _ in range(2)]
        assert [reject[45] for reject in rejects] == ["5", "6"]  # type: ignore[index]
        assert rejects[0][58] == "too many messages: more than 1 messages in 3600 s"  # type: ignore[index]
        assert notes.headlines == ["0", "1", "2"]
    with pytest.raises(ff.ConfigError, match="on_message"):
        ff.sync.serve(None, limits=governed)


def test_who_sends_too_much_is_logged_out() -> None:
    notes = Notes()
    with ff.sync.serve(notes, [them()], limits=limits(1, "logout", per=3600.0, burst=3)) as server:
        bot = Notes()
        policy = ff.Reconnect(initial=0.001, maximum=0.001, max_attempts=1)
        with ff.sync.connect(us(), to(server.port, policy), bot) as session:
            session.wait_active(LIMIT)
            with session.batch():
                for i in range(5):
                    session.send(*news(i))
            until(lambda: bot.logouts)
        assert bot.logouts[0] == "Logout: too many messages: more than 1 messages in 3600 s"


# --- logs ----------------------------------------------------------------------------------------------------


def test_sc8_a_filter_sees_the_comp_ids_of_strangers(caplog: pytest.LogCaptureFixture) -> None:
    doorman = Doorman()
    hide = ff.HideCompIDs()
    caplog.handler.addFilter(hide)
    caplog.set_level(logging.WARNING)
    try:
        doorman.answer = lambda request: them(target=request.session_id.target_comp_id)
        with (
            ff.sync.serve(doorman, limits=ff.Limits(sessions=1)) as server,
            ff.sync.connect(us(sender="SECRETONE"), to(server.port)),
        ):
            for name in ("SECRETONE", "SECRETTWO"):  # a second connection, no room
                with dial(server) as peer:
                    peer.sendall(logon_bytes(name, seq=2))
                    assert closed(peer) == b""
            doorman.answer = ff.Refuse("not you")
            with dial(server) as peer:
                peer.sendall(logon_bytes("SECRETTHREE"))
                closed(peer)
    finally:
        caplog.handler.removeFilter(hide)
    said = [record.getMessage() for record in caplog.records]
    assert any("a second connection" in text for text in said)
    assert any("refused" in text for text in said)
    assert not any("SECRET" in text for text in said)
