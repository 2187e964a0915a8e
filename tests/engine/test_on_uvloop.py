"""The ways out on uvloop, whose TLS and whose transports are its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, news, them, until, us
from tests.engine.proxies import Proxy

uvloop = pytest.importorskip("uvloop")


def run_there(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


@pytest.mark.parametrize("way", ["address", "name", "socks5", "http"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_session_and_again_after_it_was_lost(way: str, secure: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "localhost", HOST), client_ca=authority.file)
    calling = ff.TlsConfig(ca_file=authority.file, certificate=authority.issue("bot", "bot.example"))

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], tls=serving if secure else None) as server:
            async with Proxy("http" if way == "http" else "socks5") as proxy:
                options: dict[str, Any] = {"tls": calling if secure else None}
                if way in ("socks5", "http"):
                    options["proxy"] = f"{way}://{HOST}:{proxy.port}"
                host = HOST if way == "address" else "localhost"
                connection = ff.ConnectionConfig(host, server.port, reconnect=EAGER, **options)
                async with ff.connect(us(), connection) as session:
                    for i in range(50):
                        await session.send(*news(i))
                    session.drop()
                    await until(lambda: session.connections == 2)
                    await session.wait_active()
                    await session.send(*news("last"))
                    await until(lambda: notes.headlines[-1:] == ["last"])

    run_there(main())


@pytest.mark.parametrize("trouble", ["wrong host", "missing client certificate", "expired client certificate"])
def test_sc7_what_is_wrong_is_said_in_the_same_words(trouble: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    name = "other.example" if trouble == "wrong host" else "localhost"
    options: dict[str, Any] = {"certificate": authority.issue("venue", name)}
    ours: dict[str, Any] = {"ca_file": authority.file}
    if trouble != "wrong host":
        options["client_ca"] = authority.file
    if trouble == "expired client certificate":
        ours["certificate"] = authority.expired("bot", "bot.example")
    wanted = {
        "wrong host": "not for localhost, it is for other.example;",
        "missing client certificate": "a client certificate; give it as TlsConfig(certificate=..., key=...)",
        "expired client certificate": "it has expired",
    }[trouble]

    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=ff.TlsConfig(**options)) as server:
            connection = ff.ConnectionConfig("localhost", server.port, tls=ff.TlsConfig(**ours))
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(), connection):
                    pass
            assert caught.value.reason == "tls"
            assert wanted in caught.value.text

    run_there(main())


def test_a_unix_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ff.LogonFailed) as caught:
            async with ff.connect(us(), ff.ConnectionConfig.unix(tmp_path / "nobody")):
                pass
        assert caught.value.reason == "connect"

    run_there(main())
