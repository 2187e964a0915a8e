"""An acceptor on uvloop: what it begins to read, and when, is another than with asyncio's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, Notes, news, them, to, until, us

uvloop = pytest.importorskip("uvloop")


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(15):
            await main

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


async def talk(server: ff.Server, notes: Notes, connection: ff.ConnectionConfig) -> None:
    async with ff.connect(us(), connection) as session:
        for i in range(100):
            await session.send(*news(i))
        await until(lambda: len(notes.messages) == 100)
        (live,) = server.sessions.values()
        live.drop()
        await until(lambda: session.connections == 2)
        await session.wait_active()


def test_plain_connections_on_all_addresses() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], host=["127.0.0.1"], limits=ff.Limits(logon_timeout=1)) as server:
            await talk(server, notes, to(server))

    run(main())


def test_sc7_the_first_bytes_are_the_handshakes(tmp_path: Path) -> None:
    """uvloop reads them before TLS is in its place; with asyncio they wait in the kernel."""
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(certificate=authority.issue("venue", "localhost"), client_ca=authority.file)
    calling = ff.TlsConfig(ca_file=authority.file, certificate=authority.issue("bot", "bot.example"))

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], tls=serving) as server:
            await talk(server, notes, ff.ConnectionConfig("localhost", server.port, tls=calling, reconnect=EAGER))

    run(main())


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"

    async def main() -> None:
        async with ff.serve(Notes(), [them()], path=path) as server:
            _, writer = await asyncio.open_unix_connection(path)
            await until(lambda: server._reception.doors)
            writer.close()
            await until(lambda: not server._reception.doors)
        assert not path.exists()

    run(main())
