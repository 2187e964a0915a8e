"""Settings.sync: what a configuration file says, run by threads; and who looks at sessions before their first logon."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.cli.ctl_client import ControlClient
from tests.engine.harness import HOST, Notes, news
from tests.engine.sync.test_serve import until
from tests.engine.sync.venue import LIMIT

ORDERS = """
[session.orders]
role = "initiator"
begin_string = "FIX.4.4"
sender_comp_id = "BOT"
target_comp_id = "SIM"
connection = { host = "127.0.0.1", port = "${PORT}", reconnect = { initial = 0.01, retry_first = true } }
"""
DESK = """
[session.desk]
role = "acceptor"
begin_string = "FIX.4.4"
sender_comp_id = "SIM"
target_comp_id = "B*"
listen = { port = 0 }
"""
CONTROL = '[control]\npath = "run/bot.sock"\n'


def settings(folder: Path, text: str, port: int = 1) -> ff.Settings:
    path = folder / f"{port}.toml"
    path.write_text(text, encoding="utf-8")
    return ff.load_config(path, environ={"PORT": str(port)})


@pytest.mark.parametrize("store", ['"memory"', '{ kind = "journal" }', '{ kind = "sqlite" }'])
def test_what_a_file_says_runs_on_threads(tmp_path: Path, store: str) -> None:
    stored = f'store = {store}\nlog = {{ path = "wire.log" }}\n'
    heard = Notes()
    with settings(tmp_path, DESK + stored).sync.serve(heard) as servers:
        here = settings(tmp_path, ORDERS + stored.replace("wire", "bot"), servers.port)
        with here.sync.connect("orders") as session:
            assert isinstance(session, ff.sync.LiveSession)
            session.send(*news("hello"))
            until(lambda: heard.headlines)
            assert list(servers.sessions) == [ff.SessionID("FIX.4.4", "SIM", "BOT")]
    assert "SIM->BOT <" in (tmp_path / "wire.log").read_text()
    if store != '"memory"':
        kept = here.sessions["orders"].store()
        assert kept.load().next_out > 3
        kept.close()


def test_a_role_is_not_run_as_the_other_on_threads(tmp_path: Path) -> None:
    with pytest.raises(ff.ConfigError, match="acceptor"):
        settings(tmp_path, DESK).sync.connect("desk")
    with pytest.raises(ff.ConfigError, match="acceptor"):
        settings(tmp_path, ORDERS).sync.serve()
    with pytest.raises(ff.ConfigError, match="one of orders"):
        settings(tmp_path, ORDERS).sync.connect("order")


@pytest.fixture
def quiet_port() -> Iterator[int]:
    """Return a port that refuses connections until a server listens there; no other program can be given it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


def status(path: Path) -> list[dict[str, Any]]:
    with ControlClient(path, timeout=LIMIT) as client:
        result: list[dict[str, Any]] = client.ask("status", None)
        return result


def refused(path: Path) -> list[dict[str, Any]]:
    """What is to be seen once a logon has failed; nothing before, nor while the socket is there and nobody listens."""
    with suppress(OSError, ff.FixfastError):
        seen = status(path)
        return seen if seen and seen[0]["logon_error"] else []
    return []


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_a_session_on_a_thread_is_seen_before_its_first_logon(tmp_path: Path, quiet_port: int) -> None:
    path, port = tmp_path / "run" / "bot.sock", quiet_port
    over = threading.Event()

    def bot() -> None:
        with settings(tmp_path, CONTROL + ORDERS + 'store = "memory"\n', port).sync.connect("orders"):
            over.wait(LIMIT)

    thread = threading.Thread(target=bot, daemon=True)  # where this test fails it may wait for a logon for ever
    thread.start()
    try:
        found: list[dict[str, Any]] = []

        def told() -> bool:
            found[:] = refused(path)
            return bool(found)

        until(told)
        (seen,) = found
        assert (seen["state"], seen["connecting"], seen["connections"]) == ("disconnected", True, 0)
        assert "refused" in seen["logon_error"].lower()
        desk = settings(tmp_path, DESK.replace("port = 0", f"port = {port}") + 'store = "memory"\n')
        with desk.sync.serve():
            until(lambda: status(path)[0]["active"])
            (seen,) = status(path)
            assert (seen["connecting"], seen["logon_error"]) == (False, "")
            over.set()
            thread.join(LIMIT)
    finally:
        over.set()
        thread.join(LIMIT)
    assert not path.exists()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_a_session_on_a_loop_is_seen_before_its_first_logon(tmp_path: Path, quiet_port: int) -> None:
    path = tmp_path / "run" / "bot.sock"

    async def main() -> None:
        async def bot() -> None:
            async with settings(tmp_path, CONTROL + ORDERS + 'store = "memory"\n', quiet_port).connect("orders"):
                raise AssertionError("logged on")

        task = asyncio.create_task(bot())
        async with asyncio.timeout(LIMIT):
            while not (seen := await asyncio.to_thread(refused, path)):
                await asyncio.sleep(0.001)
        assert seen[0]["connecting"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not path.exists()

    asyncio.run(main())
