"""One session on one socket, driven by hand: what goes in, what comes out, how it ends."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.engine.sync.line import Line
from tests.engine.harness import news, them, us

LIMIT = 20.0


class End:
    """A session on its line, and what it told."""

    def __init__(self, sock: socket.socket, config: ff.SessionConfig, role: ff.Role, **options: Any) -> None:
        store = options.pop("store", None)
        self.session = ff.Session(config, store if store is not None else ff.MemoryStore(), role=role)
        self.line = Line(self.session, sock, **options)
        self.events: list[Any] = []
        self.line.open()
        self.turn()

    def turn(self) -> None:
        for event in self.session.events():
            if isinstance(event, ff.Message):
                event.detach()
            self.events.append(event)
        self.line.flush()
        if self.line.over:
            self.events += self.session.events()
            self.line.release()

    def step(self) -> None:
        line = self.line
        if line.over:
            return
        due = line.deadline()
        if line.receive():
            self.turn()
        elif due is not None and clock.now().mono_ns >= due:
            line.tick()
            self.turn()
        elif line.unsent:
            self.turn()

    def named(self, name: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == name]

    @property
    def headlines(self) -> list[str]:
        return [event[148] for event in self.events if isinstance(event, ff.Message) and event.msg_type == "B"]

    def send(self, text: object) -> None:
        self.session.send(*news(text), clock.now())
        self.turn()


def connected(**options: Any) -> tuple[socket.socket, socket.socket]:
    """A TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if "small" in options:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    return one, other


def until(condition: Callable[[], object], *ends: End) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit, [end.session for end in ends]
        for end in ends:
            end.step()


@pytest.fixture
def pair() -> Any:
    one, other = connected()
    ends = End(one, us(), ff.Role.INITIATOR), End(other, them(), ff.Role.ACCEPTOR)
    until(lambda: all(end.session.state is ff.State.ACTIVE for end in ends), *ends)
    yield ends
    for end in ends:
        end.line.abort("the test is over")
        end.line.release()


def test_messages_pass_both_ways_in_order(pair: tuple[End, End]) -> None:
    for i in range(200):
        pair[i % 2].send(i)
    until(lambda: all(len(end.headlines) == 100 for end in pair), *pair)
    assert pair[0].headlines == [str(i) for i in range(1, 200, 2)]
    assert pair[1].headlines == [str(i) for i in range(0, 200, 2)]


def test_both_sockets_close_after_a_logout(pair: tuple[End, End]) -> None:
    us_, peer = pair
    us_.session.logout("bye", clock.now())
    us_.turn()
    until(lambda: us_.line.over and peer.line.over, *pair)
    assert [event.text for event in peer.named("LoggedOut")] == ["bye"]
    assert us_.named("Disconnected")[0].reason is ff.CloseReason.LOGOUT
    assert us_.line.sock.fileno() == -1


def test_what_was_sent_last_arrives_though_input_is_unread() -> None:
    """A Logout is the reason of the end; closing with unread input would reset the connection and lose it."""
    one, other = connected()
    peer = End(other, them(), ff.Role.ACCEPTOR)
    raw = ff.encode("FIX.4.4", "A", [(49, "BOT"), (56, "SIM"), (34, 1), (52, time.time_ns()), (98, 0), (108, 30)])
    one.sendall(raw)
    until(lambda: peer.session.state.active, peer)
    peer.session.logout("the reason", clock.now())
    one.sendall(b"x" * 3_000_000)  # nobody reads it but to drop it
    peer.turn()
    said = b""
    one.settimeout(LIMIT)
    one.shutdown(socket.SHUT_WR)
    while b"the reason" not in said:
        peer.step()
        data = one.recv(4096)
        assert data, "closed without the reason"
        said += data
    until(lambda: peer.line.over, peer)
    one.close()


def test_a_lost_connection_is_told_to_the_session(pair: tuple[End, End]) -> None:
    us_, peer = pair
    us_.line.abort("dropped", reset=True)
    us_.turn()
    until(lambda: peer.line.over, *pair)
    assert "connection lost" in peer.line.over
    assert [event.reason for event in us_.named("Disconnected")] == [ff.CloseReason.CONNECTION_LOST]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets whose unread bytes survive the peer")
def test_o12_what_came_before_the_end_is_dealt_with_though_writing_fails() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    us_, peer = End(one, us(), ff.Role.INITIATOR), End(other, them(), ff.Role.ACCEPTOR)
    until(lambda: all(end.session.state is ff.State.ACTIVE for end in (us_, peer)), us_, peer)
    for i in range(50):
        peer.send(i)
    peer.line.abort("gone")
    peer.turn()
    us_.send("never read")
    assert us_.line.over
    assert us_.headlines == [str(i) for i in range(50)]


def test_a_peer_that_does_not_read_is_dropped_and_the_store_has_what_it_missed() -> None:
    one, other = connected(small=True)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sender = End(one, us(), ff.Role.INITIATOR, slow_after=0.05)
    peer = End(other, them(), ff.Role.ACCEPTOR)
    until(lambda: sender.session.state.active and peer.session.state.active, sender, peer)
    sent = 0
    while not sender.line.unsent:
        sender.send("x" * 5000)
        sent += 1
    for _ in range(20):
        sender.send("y" * 5000)  # stays with the session: the line takes no more
    assert sender.session.stats().queued_bytes > 20 * 5000
    until(lambda: sender.line.over, sender)
    assert sender.line.over.startswith("slow consumer")
    peer.line.abort("over")
    peer.line.release()


def test_a_peer_that_reads_slowly_is_not_dropped() -> None:
    one, other = connected(small=True)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sender = End(one, us(), ff.Role.INITIATOR)
    peer = End(other, them(), ff.Role.ACCEPTOR)
    until(lambda: sender.session.state.active and peer.session.state.active, sender, peer)
    for i in range(300):
        sender.send(f"{i}-" + "x" * 5000)
    until(lambda: len(peer.headlines) == 300, sender, peer)
    assert [text.partition("-")[0] for text in peer.headlines] == [str(i) for i in range(300)]
    for end in (sender, peer):
        end.line.abort("over")
        end.line.release()


def test_h08_a_talking_peer_is_not_taken_for_dead_after_a_pause_of_ours() -> None:
    one, other = connected()
    initiator, acceptor = End(one, us(heart_bt_int=1), ff.Role.INITIATOR), End(other, them(), ff.Role.ACCEPTOR)
    until(lambda: initiator.session.state.active and acceptor.session.state.active, initiator, acceptor)
    acceptor.send("I am alive")
    due = initiator.line.deadline()
    assert due is not None
    initiator.line.paused = True  # the program is behind, too
    select.select([one], [], [], LIMIT)
    initiator.line.tick()
    initiator.turn()
    assert initiator.headlines == ["I am alive"]
    for end in (initiator, acceptor):
        end.line.abort("over")
        end.line.release()


def test_a_paused_line_reads_nothing(pair: tuple[End, End]) -> None:
    us_, peer = pair
    us_.line.paused = True
    peer.send("wait")
    select.select([us_.line.sock], [], [], LIMIT)
    assert not us_.line.receive()
    us_.line.paused = False
    until(lambda: us_.headlines == ["wait"], us_)


def test_nothing_is_written_before_the_store_says_it_is_safe(tmp_path: Path) -> None:
    one, other = connected()
    config = us()
    store = ff.JournalStore(tmp_path, session_id=config.session_id, sync="group")
    initiator = End(one, config, ff.Role.INITIATOR, store=store)
    assert initiator.session.sync_needed
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.recv(4096)
    store.sync()
    initiator.turn()
    assert select.select([other], [], [], LIMIT)[0]
    assert b"\x0135=A\x01" in other.recv(4096)
    initiator.line.abort("over")
    initiator.line.release()
    other.close()
    store.close()


def test_bytes_that_were_read_before_are_taken_first() -> None:
    one, other = connected()
    fields = [(49, "BOT"), (56, "SIM"), (34, 1), (52, time.time_ns()), (98, 0), (108, 30)]
    acceptor = End(other, them(), ff.Role.ACCEPTOR, first=ff.encode("FIX.4.4", "A", fields))
    assert acceptor.session.state is ff.State.ACTIVE
    acceptor.line.abort("over")
    acceptor.line.release()
    one.close()
