"""sync.connect() goes the same ways as with asyncio: TLS, proxies, Unix sockets; and fails in the same words."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, news, them, us
from tests.engine.proxies import Proxy
from tests.engine.sync.venue import LIMIT, Venue

NAME = "localhost"


@contextlib.contextmanager
def proxy_beside(venue: Venue, proxy: Proxy) -> Iterator[Proxy]:
    async def enter(server: ff.Server) -> None:
        await proxy.__aenter__()

    async def leave(server: ff.Server) -> None:
        await proxy.__aexit__()

    venue.run(enter)
    try:
        yield proxy
    finally:
        venue.run(leave)


def at(host: str, port: int, **options: Any) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(host, port, **{"reconnect": EAGER, **options})


def failing(connection: ff.ConnectionConfig) -> ff.LogonFailed:
    """Return how a session on a thread fails; one of a Poller fails the same way."""
    with pytest.raises(ff.LogonFailed) as caught, ff.sync.connect(us(), connection):
        pass
    limit = time.monotonic() + LIMIT
    with ff.sync.Poller([ff.sync.PolledSession(us(), connection)]) as poller:
        with pytest.raises(ff.LogonFailed) as polled:
            while time.monotonic() < limit:
                list(poller.poll())
    assert (polled.value.reason, polled.value.text) == (caught.value.reason, caught.value.text)
    return caught.value


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize("secure", [False, True])
def test_sc7_a_session_through_a_proxy(kind: str, secure: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "fix.venue.example")) if secure else None
    calling = ff.TlsConfig(ca_file=authority.file) if secure else None
    notes = Notes()
    proxy = Proxy(kind, login=("u", "p"), names={"fix.venue.example": HOST, "other.example": HOST})
    with Venue(notes, [them()], tls=serving) as venue, proxy_beside(venue, proxy):
        options = {"proxy": f"{kind}://u:p@{HOST}:{proxy.port}", "tls": calling}
        with ff.sync.connect(us(), at("fix.venue.example", venue.port, **options)) as session:
            session.send(*news("through"))
            limit = time.monotonic() + LIMIT
            while not notes.messages:
                assert time.monotonic() < limit
                time.sleep(0.001)
        assert proxy.asked == [("fix.venue.example", venue.port)]
        polled = ff.sync.PolledSession(us(reset_on_logon=True), at("fix.venue.example", venue.port, **options))
        with ff.sync.Poller([polled]) as poller:
            limit = time.monotonic() + LIMIT
            while not polled.active:
                assert time.monotonic() < limit
                list(poller.poll())
        if secure:
            error = failing(at("other.example", venue.port, **options))
            assert (error.reason, "it is for fix.venue.example;" in error.text) == ("tls", True)
        wrong = failing(at(HOST, venue.port, proxy=f"{kind}://u:wrong@{HOST}:{proxy.port}"))
        assert (wrong.reason, "does not accept username and password" in wrong.text) == ("proxy", True)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("expired", "expired; the venue must renew it"),
        ("wrong host", f"not for {NAME}, it is for other.example;"),
        ("unknown authority", "an authority that is not trusted here"),
        ("missing client certificate", "a client certificate; give it as TlsConfig(certificate=..., key=...)"),
        ("expired client certificate", "the peer does not accept our client certificate: it has expired"),
    ],
)
def test_sc7_what_is_wrong_with_certificates(case: str, text: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = authority.issue("venue", NAME)
    serving: dict[str, Any] = {"certificate": good}
    calling: dict[str, Any] = {"ca_file": authority.file}
    if case == "expired":
        serving["certificate"] = authority.expired("old", NAME)
    elif case == "wrong host":
        serving["certificate"] = authority.issue("other", "other.example")
    elif case == "unknown authority":
        serving["certificate"] = Authority(tmp_path, "stranger").issue("theirs", NAME)
    else:
        serving["client_ca"] = authority.file
    if case == "expired client certificate":
        calling["certificate"] = authority.expired("bot", "bot.example")
    with Venue(Notes(), [them()], tls=ff.TlsConfig(**serving)) as venue:
        error = failing(at(NAME, venue.port, tls=ff.TlsConfig(**calling)))
    assert error.reason == "tls"
    assert text in error.text


def test_files_that_cannot_be_used_are_told_on_entering(tmp_path: Path) -> None:
    connection = at(NAME, 9, tls=ff.TlsConfig(ca_file=tmp_path / "missing.pem"))
    with pytest.raises(ff.ConfigError, match=r"missing\.pem"), ff.sync.connect(us(), connection):
        pass


def test_a_unix_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    error = failing(ff.ConnectionConfig.unix(tmp_path / "nobody"))
    assert error.reason == "connect"
    assert os.strerror(2) in error.text
