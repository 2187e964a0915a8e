"""Where a connection goes: names and their addresses, old and new ones, IPv6, Unix sockets, from where; TCP_NODELAY."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, Peer, news, run, them, to, until, us
from tests.engine.proxies import Proxy

#: Addresses of this machine beside 127.0.0.1; Linux has them all.
HERE_TOO, AND_HERE = "127.0.0.2", "127.0.0.3"


def has(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has("::1"), reason="this machine has no IPv6")
needs_more = pytest.mark.skipif(not has(HERE_TOO), reason="this machine has one loopback address")


class Names:
    """What the resolver of this process says of some names."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.book: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        addresses = self.book.get(host)
        if addresses is None:
            return list(self._real(host, port, *args, **options))
        self.asked.append(host)
        return [info for address in addresses for info in self._real(address, port, *args, **options)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    names = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names  # type: ignore[return-value]


def at(host: str, port: int, **options: Any) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(host, port, **{"reconnect": EAGER, **options})


# --- addresses and names -------------------------------------------------------------------------------------


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "0:0:0:0:0:0:0:1"])
def test_ipv6_addresses(host: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "::1"))

    async def main() -> None:
        async with ff.serve(Notes(), [them()], host="::1") as server:
            async with ff.connect(us(), at(host, server.port)) as session:
                assert session.active
        async with ff.serve(Notes(), [them()], host="::1", tls=serving) as server:
            async with ff.connect(us(), at(host, server.port, tls=ff.TlsConfig(ca_file=authority.file))) as session:
                assert session.active

    run(main())


@needs_ipv6
@pytest.mark.parametrize("addresses", [["::1", HOST], [HOST, "::1"]])
@pytest.mark.parametrize("listening", ["::1", HOST])
def test_i10_a_name_with_addresses_of_both_kinds(names: Names, addresses: list[str], listening: str) -> None:
    names.book["venue.example"] = addresses

    async def main() -> None:
        async with ff.serve(Notes(), [them()], host=listening) as server:
            async with ff.connect(us(), at("venue.example", server.port)) as session:
                assert session.active

    run(main())


@needs_more
def test_i10_an_address_that_does_not_answer_costs_a_moment(names: Names) -> None:
    """Of two addresses, one drops everything: a listener whose queue is full."""
    names.book["venue.example"] = [HERE_TOO, HOST]

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            with socket.socket() as hole:
                hole.bind((HERE_TOO, server.port))
                hole.listen(0)
                filling = [socket.socket() for _ in range(3)]
                try:
                    for sock in filling:
                        sock.setblocking(False)
                        sock.connect_ex((HERE_TOO, server.port))
                    async with ff.connect(us(), at("venue.example", server.port, connect_timeout=5)) as session:
                        assert session.peer == f"{HOST}:{server.port}"
                finally:
                    for sock in filling:
                        sock.close()

    run(main())


@needs_more
def test_i10_the_name_is_looked_up_for_every_connection(names: Names) -> None:
    """The network changes under a session: its venue has moved, and is found where it is now."""
    names.book["venue.example"] = [HERE_TOO]
    config = us(reset_on_logon=True)

    async def main() -> None:
        async with ff.serve(Notes(), [them()], host=HERE_TOO) as old:
            connecting = ff.connect(config, at("venue.example", old.port))
            session = await connecting.__aenter__()
            port = old.port
            assert session.peer == f"{HERE_TOO}:{port}"
        names.book["venue.example"] = []  # nobody knows the name for a while
        await until(lambda: len(names.asked) > 4)
        notes = Notes()
        async with ff.serve(notes, [them()], host=AND_HERE, port=port):
            names.book["venue.example"] = [AND_HERE]
            await until(lambda: session.connections == 2)
            assert session.peer == f"{AND_HERE}:{port}"
            session.send_nowait(*news("found"))
            await until(lambda: notes.headlines == ["found"])
            await connecting.__aexit__(None, None, None)

    run(main())


def test_i10_a_name_that_cannot_be_looked_up(names: Names) -> None:
    def fail(*args: Any, **options: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    names._real = fail

    async def main() -> None:
        with pytest.raises(ff.LogonFailed, match="Name or service not known") as caught:
            async with ff.connect(us(), at("venue.example", 9)):
                pass
        assert caught.value.reason == "connect"

    run(main())


# --- from where, and how -------------------------------------------------------------------------------------


@needs_more
@pytest.mark.parametrize("way", ["directly", "proxy"])
def test_the_address_connected_from(way: str) -> None:
    seen = []

    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            seen.append(request.address.rpartition(":")[0])
            return them()

    async def main() -> None:
        async with ff.serve(Doorman()) as server, Proxy("http") as proxy:
            options = {} if way == "directly" else {"proxy": f"http://{HOST}:{proxy.port}"}
            async with ff.connect(us(), at(HOST, server.port, source=AND_HERE, **options)) as session:
                assert session.active
                pump = session._pump
                assert pump is not None
                assert pump._transport is not None
                assert pump._transport.get_extra_info("sockname")[0] == AND_HERE

    run(main())
    assert seen == [AND_HERE if way == "directly" else HOST]


def test_an_address_that_is_not_ours() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ff.LogonFailed, match=r"192\.0\.2\.1") as caught:
                async with ff.connect(us(), at(HOST, server.port, source="192.0.2.1")):
                    pass
            assert caught.value.reason == "connect"

    run(main())


@pytest.mark.parametrize("way", ["plain", "name", "tls", "proxy"])
def test_tcp_nodelay_on_both_sides_whatever_the_way(way: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "localhost")) if way == "tls" else None

    def no_delay(session: ff.LiveSession) -> bool:
        assert session._pump is not None
        assert session._pump._transport is not None
        sock = session._pump._transport.get_extra_info("socket")
        return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=serving) as server, Proxy("socks5") as proxy:
            options: dict[str, Any] = {"tls": ff.TlsConfig(ca_file=authority.file)} if way == "tls" else {}
            if way == "proxy":
                options["proxy"] = f"socks5://{HOST}:{proxy.port}"
            host = "localhost" if way in ("name", "tls") else HOST
            async with ff.connect(us(), at(host, server.port, **options)) as session:
                (other,) = server.sessions.values()
                await other.wait_active()
                assert no_delay(session)
                assert no_delay(other)

    run(main())


# --- Unix sockets --------------------------------------------------------------------------------------------


async def answer(peer: Peer) -> None:
    await peer.expect("A")
    peer.logon()
    while (message := await peer.read()) is not None:
        if message.msg_type == "5":
            peer.write("5")


@pytest.mark.parametrize("secure", [False, True])
def test_a_session_over_a_unix_socket(tmp_path: Path, secure: bool) -> None:
    authority = Authority(tmp_path)
    serving = calling = None
    if secure:
        from fixfast.transport.tls_context import server_context

        serving = server_context(ff.TlsConfig(certificate=authority.issue("venue", "venue.example")))
        calling = ff.TlsConfig(ca_file=authority.file, server_name="venue.example")

    async def main() -> None:
        path = tmp_path / "s"
        peers: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.add(asyncio.current_task())  # type: ignore[arg-type]
            async with Peer(reader, writer, "SIM", "BOT") as peer:
                await answer(peer)

        server = await asyncio.start_unix_server(serve, path, ssl=serving)
        async with ff.connect(us(), ff.ConnectionConfig.unix(path, tls=calling)) as session:
            assert session.active
        await asyncio.wait(peers)
        server.close()
        await server.wait_closed()
        with pytest.raises(ff.LogonFailed) as caught:
            async with ff.connect(us(), ff.ConnectionConfig.unix(tmp_path / "nobody")):
                pass
        assert caught.value.reason == "connect"

    run(main())


def test_a_path_is_a_path_and_not_a_host(tmp_path: Path) -> None:
    assert ff.ConnectionConfig.unix("venue").host == "./venue"
    assert ff.ConnectionConfig.unix(tmp_path / "s").addresses == ((str(tmp_path / "s"), 0),)
    assert ff.ConnectionConfig("/run/venue", 0) == ff.ConnectionConfig.unix("/run/venue")
    assert ff.ConnectionConfig("venue", 9, alternatives=(("/run/venue", 0),)).addresses[1] == ("/run/venue", 0)


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("port", {"port": 9}),
        ("tls", {"tls": True}),
        ("tls", {"tls": ff.TlsConfig()}),
        ("proxy", {"proxy": "http://proxy:3128"}),
        ("source", {"source": HOST}),
    ],
)
def test_what_a_unix_socket_cannot_have_is_refused(option: str, options: dict[str, Any]) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.ConnectionConfig(**{"host": "/run/venue", "port": 0, **options})
    assert caught.value.name == option
    with pytest.raises(ff.ConfigError):
        ff.ConnectionConfig.unix("")


def test_after_a_host_that_is_down_the_next_kind_of_address_is_tried(tmp_path: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            connection = ff.ConnectionConfig(
                str(tmp_path / "nobody"), 0, alternatives=((HOST, server.port),), reconnect=EAGER
            )
            async with ff.connect(us(), connection) as session:
                assert session.peer == f"{HOST}:{server.port}"
            async with ff.connect(us(reset_on_logon=True), to(server)):
                pass

    run(main())
