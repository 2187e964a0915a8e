"""For whom a proxy speaks: the PROXY protocol at real sockets, from listed proxies only, also before TLS (SC22)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, run, them, to, until, us

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key, and a self-signed authority's certificate for the loopback address."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(path))
    authority.cert_pem.write_to_path(str(path.with_name("ca.pem")))
    return path


class Asked(Notes):
    """Lets everybody in, and keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ff.LogonRequest] = []

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
        self.requests.append(request)
        seen = request.session_id
        return request.config or ff.SessionConfig(seen.begin_string, seen.sender_comp_id, seen.target_comp_id)


async def log_on(peer: Peer) -> None:
    peer.logon()
    await peer.expect("A")


async def unix_peer(path: Path, me: str = "BOT") -> Peer:
    return Peer(*await asyncio.open_unix_connection(path), me, "SIM")


def line(host: str, port: int = 4711) -> bytes:
    return f"PROXY TCP{6 if ':' in host else 4} {host} {host} {port} 9878\r\n".encode()


def test_sc22_a_listed_proxy_tells_the_address(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, proxies=["127.0.0.0/8"], allow=["192.0.2.0/24", "2001:db8::/32"]) as server:
            for host, address in (("192.0.2.7", "192.0.2.7:4711"), ("2001:db8::7", "[2001:db8::7]:4711")):
                async with await Peer.connect(server.port, host) as peer:
                    for byte in line(host):
                        peer.writer.write(bytes([byte]))
                        await peer.writer.drain()
                    await log_on(peer)
                    request = asked.requests[-1]
                    assert request.address == address
                    assert request.proxy.startswith("127.0.0.1:")
                    assert list(server.sessions.values())[-1].peer == address
            async with await Peer.connect(server.port) as peer:
                peer.writer.write(line("203.0.113.9"))
                peer.logon()
                assert await peer.read() is None

    run(main())
    assert "203.0.113.9:4711 closed at once: not on the allow-list" in caplog.text


def test_sc22_header_and_logon_in_one_packet() -> None:
    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, proxies=["127.0.0.1"]) as server, await Peer.connect(server.port) as peer:
            logon = ff.encode(
                "FIX.4.4", "A", [(49, "BOT"), (56, "SIM"), (34, 1), (52, time.time_ns()), (98, 0), (108, 30)]
            )
            peer.writer.write(line("192.0.2.7") + logon)
            await peer.expect("A")

    run(main())


def test_sc22_a_proxy_that_says_nothing_is_not_believed_to_be_a_peer(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with (
            ff.serve(Notes(), [them()], proxies=["127.0.0.1"]) as server,
            await Peer.connect(server.port) as peer,
        ):
            peer.logon()
            assert await peer.read() is None

    run(main())
    assert "no PROXY header" in caplog.text


def test_sc22_a_header_from_anybody_else_is_garbage() -> None:
    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, proxies=["192.0.2.1"], allow=["127.0.0.1"]) as server:
            async with await Peer.connect(server.port) as peer:
                peer.writer.write(line("192.0.2.7"))
                peer.logon()
                assert await peer.read() is None
            assert not asked.requests
            async with ff.connect(us(), to(server)):
                pass

    run(main())


def test_sc22_a_header_has_a_time_limit() -> None:
    async def main() -> None:
        limits = ff.Limits(handshake_timeout=0.05)
        async with ff.serve(Notes(), [them()], proxies=["127.0.0.1"], limits=limits) as server:
            for begin in (b"", b"PROXY TCP4 "):
                async with await Peer.connect(server.port) as peer:
                    peer.writer.write(begin)
                    assert await peer.read() is None
            await until(lambda: not server._reception.doors)

    run(main(), limit=5)


def test_sc22_limits_go_by_the_address_that_the_proxy_tells(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        limits = ff.Limits(pending_per_ip=1, failed_logons_per_minute=1)
        async with ff.serve(Notes(), [them()], proxies=["127.0.0.1"], limits=limits) as server:

            async def through(host: str) -> Peer:
                peer = await Peer.connect(server.port)
                peer.writer.write(line(host))
                return peer

            async with await through("192.0.2.1") as one, await through("192.0.2.2") as other:
                await until(lambda: len(server._reception.doors) == 2)
                async with await through("192.0.2.1") as second:
                    assert await second.read() is None
                for _ in range(2):
                    async with await through("192.0.2.3") as liar:
                        liar.writer.write(b"GET / HTTP/1.1\r\n\r\n")
                        assert await liar.read() is None
                async with await through("192.0.2.3") as barred:
                    barred.logon()
                    assert await barred.read() is None
                other.logon()
                await other.expect("A")
                assert not one.reader.at_eof()
            await until(lambda: server._reception.crowd.connections == 0)

    run(main())
    assert "192.0.2.3 are refused for 5 s" in caplog.text


def test_sc22_a_health_check_of_the_proxy_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], proxies=["127.0.0.1"], allow=["192.0.2.0/24"]) as server:
            for header in (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"):
                async with await Peer.connect(server.port) as peer:
                    peer.writer.write(header)
                    await until(lambda: any(door.proxy for door in server._reception.doors))
                await until(lambda: not server._reception.doors)

    run(main())
    assert not caplog.records


@unix
def test_sc22_a_proxy_at_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"

    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, path=path, proxies=["unix"]), await unix_peer(path) as peer:
            peer.writer.write(line("192.0.2.7"))
            await log_on(peer)
            assert (asked.requests[0].address, asked.requests[0].proxy) == ("192.0.2.7:4711", "unix")

    run(main())


@pytest.mark.parametrize("together", [True, False])
def test_sc22_sc7_a_header_comes_before_tls(certificate: Path, together: bool) -> None:
    """Also in one packet with the beginning of the handshake, of which the header's reader must not take a byte."""

    async def main() -> None:
        asked = Asked()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        async with ff.serve(asked, tls=context, proxies=["127.0.0.1"]) as server:
            reader, writer = await asyncio.open_connection(HOST, server.port)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = ssl.create_default_context(cafile=certificate.with_name("ca.pem")).wrap_bio(
                incoming, outgoing, server_hostname=HOST
            )
            writer.write(line("192.0.2.7"))
            if not together:
                await writer.drain()
                await until(lambda: any(door.proxy for door in server._reception.doors))
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(65536))
            logon = ff.encode(
                "FIX.4.4", "A", [(49, "BOT"), (56, "SIM"), (34, 1), (52, time.time_ns()), (98, 0), (108, 30)]
            )
            client.write(logon)
            writer.write(outgoing.read())  # the end of the handshake and the Logon in one packet
            await until(lambda: asked.requests)
            assert asked.requests[0].address == "192.0.2.7:4711"
            (session,) = server.sessions.values()
            await until(lambda: session.active)
            assert session.peer == "192.0.2.7:4711"
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    run(main())
