"""TLS of the threaded front end, with real certificates (SC7, SC4)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, news, run, them, to, us
from tests.engine.sync.test_connect import Echo as Answering
from tests.engine.sync.test_serve import Echo, until
from tests.engine.sync.venue import LIMIT, Venue

NAME = "localhost"


class World:
    """An authority that both sides trust, and a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.venue = self.authority.issue("venue", NAME, HOST)
        self.other = self.authority.issue("other", "elsewhere.example")
        self.bot = self.authority.issue("bot", "bot.example")

    def calling(self, **options: Any) -> ff.TlsConfig:
        return ff.TlsConfig(ca_file=self.authority.file, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tls"))


def at(port: int, tls: Any) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(NAME, port, tls=tls, reconnect=EAGER)


def test_sc7_a_session_over_tls_with_lost_connections_and_large_messages(world: World) -> None:
    tls = ff.TlsConfig(certificate=world.venue)
    with (
        ff.sync.serve(Echo(), [them()], tls=tls, host=[HOST]) as server,
        ff.sync.connect(us(), ff.ConnectionConfig(HOST, server.port, tls=world.calling(), reconnect=EAGER)) as session,
    ):
        for i in range(60):
            text = f"{i}-" + "x" * (i * 1000)
            session.send(*news(text))
            assert session.receive(LIMIT)[148] == f"re {text}"  # type: ignore[index]
            if i % 20 == 10:
                session.drop()
                session.wait_until(lambda: False, 1)
                until(lambda: session.active)
        assert session.connections == 4


def test_sc7_many_messages_in_one_read(world: World) -> None:
    """TLS decrypts more than one read takes: what it holds back shows in no select()."""

    class Many(Echo):
        def on_message(self, session: Any, message: ff.Message) -> None:
            with session.batch():
                for i in range(3000):
                    session.send(*news(i))

    tls = ff.TlsConfig(certificate=world.venue)
    with ff.sync.serve(Many(), [them()], tls=tls) as server:
        where = ff.ConnectionConfig(HOST, server.port, tls=world.calling())
        with ff.sync.connect(us(), where) as session:
            session.send(*news("go"))
            assert [session.receive(LIMIT)[148] for _ in range(3000)] == [str(i) for i in range(3000)]  # type: ignore[index]


def test_sc7_an_asyncio_acceptor_and_a_blocking_bot(world: World) -> None:
    with Venue(Answering(), [them()], tls=ff.TlsConfig(certificate=world.venue)) as venue:
        with ff.sync.connect(us(), ff.ConnectionConfig(HOST, venue.port, tls=world.calling())) as session:
            session.send(*news("x"))
            assert session.receive(LIMIT)[148] == "re x"  # type: ignore[index]


def test_sc7_a_blocking_acceptor_and_an_asyncio_bot(world: World) -> None:
    async def main(port: int) -> None:
        async with ff.connect(us(), ff.ConnectionConfig(HOST, port, tls=world.calling())) as session:
            await session.send(*news("x"))
            async for message in session:
                assert message[148] == "re x"
                break

    with ff.sync.serve(Echo(), [them()], tls=ff.TlsConfig(certificate=world.venue)) as server:
        run(main(server.port))


def test_sc7_a_wrong_host_name_is_refused(world: World) -> None:
    with ff.sync.serve(Echo(), [them()], tls=ff.TlsConfig(certificate=world.other)) as server:
        with (
            pytest.raises(ff.LogonFailed, match=r"elsewhere\.example") as failed,
            ff.sync.connect(us(), ff.ConnectionConfig(HOST, server.port, tls=world.calling())),
        ):
            pass
        assert failed.value.reason == "tls"


def test_sc4_a_certificate_says_who_may_log_on_as_whom(world: World) -> None:
    tls = ff.TlsConfig(certificate=world.venue, client_ca=world.authority.file, identities={"bot.example": "BOT"})
    mine = world.calling(certificate=world.bot)
    with ff.sync.serve(Echo(), [them(), them(target="ELSE")], tls=tls) as server:
        where = ff.ConnectionConfig(HOST, server.port, tls=mine)
        with ff.sync.connect(us(), where) as session:
            assert session.active
        with pytest.raises(ff.LogonFailed), ff.sync.connect(us(sender="ELSE"), where):
            pass
        with pytest.raises(ff.LogonFailed), ff.sync.connect(us(), to(server.port, tls=world.calling())):
            pass


def test_sc1_a_handshake_that_does_not_come_is_given_up(world: World) -> None:
    tls, limits = ff.TlsConfig(certificate=world.venue), ff.Limits(handshake_timeout=0.05)
    with ff.sync.serve(Echo(), [them()], tls=tls, limits=limits) as server:
        with socket.create_connection((HOST, server.port), timeout=LIMIT) as slow:
            with ff.sync.connect(us(), ff.ConnectionConfig(HOST, server.port, tls=world.calling())) as session:
                assert session.active
            assert slow.recv(100) == b""


def test_l05_an_address_may_log_on_as_its_own_name_only() -> None:
    allow = {"BOT": [HOST], "*": ["192.0.2.1"]}
    with ff.sync.serve(Echo(), [them(), them(target="ELSE")], allow=allow) as server:
        with ff.sync.connect(us(), to(server.port)) as session:
            assert session.active
        with pytest.raises(ff.LogonFailed), ff.sync.connect(us(sender="ELSE"), to(server.port)):
            pass
