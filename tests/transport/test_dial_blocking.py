"""BlockingDialer: the same ways out as with asyncio, on a thread; given up when told to, whatever the peer does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.transport.blocking import Interrupted, Waker
from fixfast.transport.dial_blocking import BlockingDialer, tunnel
from fixfast.transport.tls_context import server_context
from tests.engine.certificates import Authority
from tests.engine.harness import HOST, free_port
from tests.engine.proxies import Proxy

KINDS = pytest.mark.parametrize("kind", ["socks5", "http"])


class Background:
    """An event loop on a thread of its own, for what the tests connect to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    @contextlib.contextmanager
    def running(self, manager: Any) -> Iterator[Any]:
        entered = self.do(manager.__aenter__())
        try:
            yield entered
        finally:
            self.do(manager.__aexit__(None, None, None))

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture
def beside() -> Iterator[Background]:
    background = Background()
    try:
        yield background
    finally:
        background.close()


class Echo:
    """Says hello, then sends back what it gets."""

    def __init__(self, host: str = HOST, path: Path | None = None, tls: ff.TlsConfig | None = None) -> None:
        self._host, self._path, self._tls = host, path, server_context(tls)
        self.port = 0

    async def __aenter__(self) -> Echo:
        if self._path is not None:
            self._server: Any = await asyncio.start_unix_server(self._serve, self._path, ssl=self._tls)
        else:
            self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello ")
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                writer.write(data)
        writer.close()


def greeted(sock: socket.socket) -> None:
    with sock:
        assert sock.gettimeout() == 0, "the caller's select() waits, not the socket"
        sock.settimeout(10)
        sock.sendall(b"world")
        got = b""
        while len(got) < 11:
            got += sock.recv(100)
        assert got == b"hello world"


def dialer(host: str, port: int, **options: Any) -> BlockingDialer:
    return BlockingDialer(**ff.ConnectionConfig(host, port, **options).route())


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_directly_and_from_an_address(beside: Background, host: str) -> None:
    with beside.running(Echo()) as echo:
        for source in (None, HOST):
            sock = dialer(host, echo.port, source=source).dial(host, echo.port)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            greeted(sock)


@KINDS
@pytest.mark.parametrize("way", ["plain", "glued", "dripping"])
def test_through_a_proxy(beside: Background, kind: str, way: str) -> None:
    proxy = Proxy(kind, login=("u", "p"), drip=way == "dripping", glue=5.0 if way == "glued" else 0.0)
    with beside.running(Echo()) as echo, beside.running(proxy):
        url = f"{kind}://u:p@{HOST}:{proxy.port}"
        sock = dialer(HOST, echo.port, proxy=url).dial(HOST, echo.port)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        greeted(sock)
        assert proxy.asked == [(HOST, echo.port)]


@KINDS
def test_sc7_tls_through_a_proxy_with_the_venues_name(beside: Background, kind: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "fix.venue.example"))
    proxy = Proxy(kind, names={"fix.venue.example": HOST, "other.example": HOST})
    with beside.running(Echo(tls=serving)) as echo, beside.running(proxy):
        url = f"{kind}://{HOST}:{proxy.port}"
        tls = ff.TlsConfig(ca_file=authority.file)
        one = dialer("fix.venue.example", echo.port, proxy=url, tls=tls)
        one.prepare()
        greeted(one.dial("fix.venue.example", echo.port))
        with pytest.raises(ff.LogonFailed) as caught:
            one.dial("other.example", echo.port)
        assert caught.value.reason == "tls"
        assert "not for other.example, it is for fix.venue.example;" in caught.value.text


def test_a_unix_socket_with_and_without_tls(beside: Background, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "venue.example"))
    tls = ff.TlsConfig(ca_file=authority.file, server_name="venue.example")
    for listening, calling in ((None, None), (serving, tls)):
        path = tmp_path / f"socket{calling is None}"
        with beside.running(Echo(path=path, tls=listening)):
            config = ff.ConnectionConfig.unix(path, tls=calling)
            greeted(BlockingDialer(**config.route()).dial(config.host, config.port))
    with pytest.raises(ff.LogonFailed) as caught:
        BlockingDialer().dial(str(tmp_path / "nobody"), 0)
    assert caught.value.reason == "connect"


@KINDS
def test_failures_have_the_same_names_as_with_asyncio(beside: Background, kind: str, tmp_path: Path) -> None:
    def failing(**options: Any) -> ff.LogonFailed:
        with pytest.raises(ff.LogonFailed) as caught:
            dialer(HOST, 9, **options).dial(HOST, options.pop("port", port))
        return caught.value

    port = free_port()
    assert failing().reason == "connect"
    assert "cannot be reached" in failing(proxy=f"{kind}://{HOST}:{port}").text
    with beside.running(Proxy(kind, refuse=4 if kind == "socks5" else 502)) as proxy:
        refused = failing(proxy=f"{kind}://{HOST}:{proxy.port}")
        assert refused.reason == "proxy"
        assert refused.text.startswith("no connection through the proxy: ")
    with beside.running(Proxy(kind, answer=b"")) as proxy:
        late = failing(proxy=f"{kind}://{HOST}:{proxy.port}", connect_timeout=0.05)
        assert (late.reason, late.text) == ("connect_timeout", "no connection in 0.05 s, while talking to the proxy")
    with beside.running(Echo()) as echo:
        port = echo.port
        assert "does not speak TLS on this port" in failing(tls=True).text
    with pytest.raises(ff.LogonFailed):
        BlockingDialer().dial("no host at all", 9)


def test_a_proxy_that_drips_for_ever_is_given_up_in_time() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip() -> None:
        theirs.sendall(b"HTTP/1.1 200 ")
        while not stop.wait(0.001):
            theirs.sendall(b"x")

    waits = 0

    def wait(sock: socket.socket, **what: bool) -> None:
        nonlocal waits
        waits += 1
        if waits > 50:
            raise TimeoutError

    with ours, theirs:
        ours.setblocking(False)
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(TimeoutError):
                tunnel(ours, ff.ProxyConfig("http", "proxy", 1).handshake("venue", 443), wait)
        finally:
            stop.set()
            thread.join()


@KINDS
def test_it_is_given_up_when_it_is_not_wanted_any_more(beside: Background, kind: str) -> None:
    waker = Waker()
    wanted = True

    def stop() -> None:
        nonlocal wanted
        wanted = False
        waker.wake()

    with beside.running(Proxy(kind, answer=b"")) as proxy:
        timer = threading.Timer(0.05, stop)
        timer.start()
        with pytest.raises(Interrupted):
            dialer(HOST, 9, proxy=f"{kind}://{HOST}:{proxy.port}").dial(
                HOST, 9, waker=waker, cancelled=lambda: not wanted
            )
        timer.join()
    with pytest.raises(Interrupted):
        BlockingDialer().dial(HOST, free_port(), cancelled=lambda: True)
    waker.close()
