"""Sessions through proxies: real ones of both kinds, good and bad, with and without TLS behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

import fixfast as ff
from fixfast.transport.dial import Dialer
from fixfast.transport.proxy import ProxyConfig
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, free_port, news, run, them, until, us
from tests.engine.proxies import Proxy

KINDS = pytest.mark.parametrize("kind", ["socks5", "http"])


def through(proxy: Proxy, port: int, host: str = HOST, *, login: str = "", **options: Any) -> ff.ConnectionConfig:
    url = f"{proxy.kind}://{login}{HOST}:{proxy.port}"
    return ff.ConnectionConfig(host, port, proxy=url, **{"reconnect": EAGER, **options})


async def failing(connection: ff.ConnectionConfig) -> ff.LogonFailed:
    with pytest.raises(ff.LogonFailed) as caught:
        async with ff.connect(us(), connection):
            pass
    return caught.value


@KINDS
@pytest.mark.parametrize("drip", [False, True])
def test_a_session_through_a_proxy_and_again_after_it_was_lost(kind: str, drip: bool) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, Proxy(kind, drip=drip) as proxy:
            async with ff.connect(us(), through(proxy, server.port)) as session:
                for i in range(100):
                    session.send_nowait(*news(i))
                session.drop()
                await until(lambda: session.connections == 2)
                session.send_nowait(*news("last"))
                await until(lambda: notes.headlines[-1:] == ["last"])
            assert proxy.asked == [(HOST, server.port)] * 2

    run(main())


@KINDS
def test_the_proxy_looks_the_name_up_and_tls_checks_it(kind: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "fix.venue.example"))
    calling = ff.TlsConfig(ca_file=authority.file)

    async def main() -> None:
        notes = Notes()
        names = {"fix.venue.example": HOST, "other.venue.example": HOST}
        async with ff.serve(notes, [them()], tls=serving) as server, Proxy(kind, names=names) as proxy:
            async with ff.connect(us(), through(proxy, server.port, "fix.venue.example", tls=calling)) as session:
                session.send_nowait(*news("x"))
                await until(lambda: notes.messages)
            error = await failing(through(proxy, server.port, "other.venue.example", tls=calling))
            assert error.reason == "tls"
            assert "not for other.venue.example, it is for fix.venue.example;" in error.text
            assert {host for host, _ in proxy.asked} == set(names)

    run(main())


@KINDS
@pytest.mark.parametrize(("host", "asked"), [("::1", "::1"), ("localhost", "localhost"), (HOST, HOST)])
def test_names_and_addresses(kind: str, host: str, asked: str) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, Proxy(kind, names={"::1": HOST}) as proxy:
            async with ff.connect(us(), through(proxy, server.port, host)):
                pass
            assert proxy.asked == [(asked, server.port)]

    run(main())


@KINDS
def test_sc8_username_and_password_reach_the_proxy_and_nobody_else(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, Proxy(kind, login=("us€r", "p@ss:wörd")) as proxy:
            good = through(proxy, server.port, login="us%E2%82%ACr:p%40ss%3Aw%C3%B6rd@")
            async with ff.connect(us(), good):
                pass
            assert "wörd" not in repr(good)
            bad = await failing(through(proxy, server.port, login="user:canary@"))
            assert (bad.reason, bad.text) == (
                "proxy",
                "no connection through the proxy: it does not accept username and password",
            )
            none = await failing(through(proxy, server.port))
            assert none.text == "no connection through the proxy: it wants a username and password"

    run(main())
    assert "canary" not in caplog.text
    assert "wörd" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "refuse", "text"),
    [
        ("socks5", 1, "it failed"),
        ("socks5", 2, "its rules do not allow this connection"),
        ("socks5", 4, "the host cannot be reached, or is not known"),
        ("socks5", 5, "the host refused the connection"),
        ("socks5", 99, "it says 99, which SOCKS5 does not know"),
        ("http", 403, "it says 403 Forbidden by policy"),
        ("http", 502, "it says 502 Forbidden by policy"),
        ("http", 302, "it says 302 Forbidden by policy"),
    ],
)
def test_a_proxy_that_refuses_says_why(kind: str, refuse: int, text: str) -> None:
    async def main() -> None:
        async with Proxy(kind, refuse=refuse) as proxy:
            error = await failing(through(proxy, 9))
            assert (error.reason, error.text) == ("proxy", f"no connection through the proxy: {text}")

    run(main())


@pytest.mark.parametrize(("kind", "answers"), [("socks5", 2 + 2 + 12), ("http", 64)])
def test_a_proxy_that_hangs_up_in_the_middle(kind: str, answers: int) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            login = ("u", "p")
            whole = 0
            for n in range(answers + 20):
                async with Proxy(kind, login=login, cut_after=n) as proxy:
                    connection = through(proxy, server.port, login="u:p@")
                    try:
                        async with ff.connect(us(reset_on_logon=True), connection):
                            whole += 1
                    except ff.LogonFailed as error:
                        assert not whole, "a longer answer was good"
                        assert error.reason == "proxy", error  # noqa: PT017
            assert whole >= 20

    run(main(), limit=30)


@KINDS
def test_bytes_of_the_venue_behind_the_answer_of_the_proxy_are_not_lost(kind: str) -> None:
    """A venue that speaks first, and a proxy that puts that into the packet of its answer."""

    class Reader(asyncio.Protocol):
        def __init__(self) -> None:
            self.data = b""
            self.transport: asyncio.Transport | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)  # uvloop's are no asyncio.Transport by class

        def data_received(self, data: bytes) -> None:
            self.data += data

    async def main() -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello ")
            await reader.readexactly(1)
            writer.write(b"world")
            writer.close()

        server = await asyncio.start_server(greet, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        async with Proxy(kind, glue=5.0) as proxy:
            config = ProxyConfig(proxy.kind, HOST, proxy.port)  # type: ignore[arg-type]
            reader = Reader()
            await Dialer(proxy=config).dial(reader, HOST, port)
            assert reader.transport is not None
            await until(lambda: reader.data == b"hello ")
            reader.transport.write(b"!")
            await until(lambda: reader.data == b"hello world")
            reader.transport.close()
        server.close()
        await server.wait_closed()

    run(main())


@KINDS
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01", id="a venue"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"\x05\xff", id="no way to authenticate"),
        pytest.param(b"\x05\x02", id="a way that was not offered"),
        pytest.param(b"\x05\x00\x05\x00\x00\x09" + bytes(20), id="an address of a kind there is not"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 100_000, id="endless"),
        pytest.param(b"HTTP/1.1 200 " + b"y" * 100_000, id="endless line"),
    ],
)
def test_sc1_answers_that_no_proxy_gives_are_refused_in_bounds(kind: str, answer: bytes) -> None:
    async def main() -> None:
        async with Proxy(kind, answer=answer) as proxy:
            error = await failing(through(proxy, 9, connect_timeout=5))
            assert error.reason == "proxy"
            assert len(str(error)) < 300

    run(main())


@KINDS
def test_i10_a_proxy_that_is_down_or_silent(kind: str) -> None:
    async def main() -> None:
        down = Proxy(kind, port=free_port())
        error = await failing(through(down, 9))
        assert error.reason == "proxy"
        assert f"the proxy {HOST}:{down.port} cannot be reached" in error.text
        async with Proxy(kind, answer=b"") as silent:
            error = await failing(through(silent, 9, connect_timeout=0.05))
            assert (error.reason, error.text) == (
                "connect_timeout",
                "no connection in 0.05 s, while talking to the proxy",
            )

    run(main())


def test_kinds_that_were_mixed_up_are_told() -> None:
    async def main() -> None:
        async with Proxy("socks5", answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as proxy:
            assert (await failing(through(proxy, 9))).text.endswith("it does not speak SOCKS5 but HTTP")
        async with Proxy("http", answer=b"\x05\xff" + bytes(20)) as proxy:
            assert (await failing(through(proxy, 9))).text.endswith("it does not speak HTTP but SOCKS5")

    run(main())


@KINDS
def test_a_host_that_no_proxy_could_be_told(kind: str) -> None:
    async def main() -> None:
        async with Proxy(kind) as proxy:
            for host in ("a b", "a\r\nEvil: 1", "x" * 300, "fe80::1%eth0", "ä" * 70):
                error = await failing(through(proxy, 9, host))
                assert error.reason == "proxy"
            assert proxy.asked == []

    run(main())
