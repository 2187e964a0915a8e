"""`fixfast desk --demo`: what it keeps, what it leaves, and what it says when it cannot begin."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.auth.state import AuthState
from fixfast.cli import main
from fixfast.errors import ConfigError
from fixfast.service.desk.demo import Demo
from fixfast.service.desk.place import Place
from fixfast.service.desk.trader import Trader
from tests.service.launching import folder, on_loop, until
from tests.service.programs import Program, family

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

PASSWORD = "canary-4711-horse"


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for states, and in it `tmp`, for temporary files."""
    with folder() as path:
        (path / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(path / "tmp"))
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield path


async def settled(trader: Trader) -> AuthState:
    await until(lambda: not trader.auth.state.waiting)
    return trader.auth.state


def kept(trader: Trader) -> object:
    """Return what is to be there the next time."""
    (position,) = trader.client.positions
    orders = sorted((one.cl_ord_id, one.status, one.cum_qty, one.avg_px) for one in trader.client.orders.all_orders)
    return orders, (position.symbol, position.qty, position.avg_px)


def test_a_folder_has_accounts_orders_and_positions_the_next_time_also_after_a_kill(path: Path) -> None:
    state = path / "s"

    @on_loop
    async def first() -> None:
        async with Place(state, "FIX.4.4") as place, Demo(place) as demo, Trader(demo.options) as trader:
            trader.register("alice", PASSWORD)
            assert await settled(trader) is AuthState.DISCONNECTED, trader.auth.failure
            client_id = trader.auth.client_id.reveal()  # type: ignore[union-attr]
            trader.login(client_id, PASSWORD)
            assert await settled(trader) is AuthState.ACTIVE, trader.auth.failure
            await (await trader.client.orders.submit(side="1", symbol="AAPL", qty=10, price="200")).acknowledged()
            await (await trader.client.orders.submit(side="1", symbol="AAPL", qty=5, price="250")).filled()
            found.append((client_id, kept(trader)))

    found: list[tuple[str, object]] = []
    first()
    ((client_id, before),) = found
    assert not list(state.rglob("*.sock"))

    killed = Program(path, "desk", "--demo", "--port", "0", "--state", "s")
    killed.wait_for(r"desk at (http\S+)")
    killed.process.kill()
    killed.finish()

    @on_loop
    async def again() -> None:
        async with Place(state, None) as place, Demo(place) as demo, Trader(demo.options) as trader:
            assert place.version == "FIX.4.4"
            trader.login(client_id, PASSWORD)
            assert await settled(trader) is AuthState.ACTIVE, trader.auth.failure
            assert kept(trader) == before
            rests: Any = trader.client.orders.open_orders[0]
            await rests.cancel()
            await rests.done()
            assert rests.status is ff.OrdStatus.CANCELED

    again()
    assert not family(path)
    assert list((path / "tmp").iterdir()) == []


def test_a_terminal_has_the_address_and_no_log(path: Path) -> None:
    program = Program(path, "desk", "--demo", "--port", "0")
    (where, _) = program.wait_for(r"logs and state in (\S+)", r"desk at (http\S+)")
    assert "listens on unix:" in (Path(where) / "launcher.log").read_text()
    assert program.stop() == 0, program.output()
    assert program.output().count("\n") == 2
    assert not family(path)
    assert list((path / "tmp").iterdir()) == []


def test_what_a_killed_demo_left_is_removed_by_the_next_one(path: Path) -> None:
    code = (
        "import asyncio, os\n"
        "from fixfast.service.desk.place import Place\n"
        "async def main():\n"
        "    async with Place(None, None):\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.returncode == -9, ended.stderr
    (left,) = (path / "tmp").iterdir()
    assert (left / "demo.json").exists()

    async def main() -> None:
        async with Place(None, None) as one:
            assert list((path / "tmp").iterdir()) == [one.folder]
            async with Place(None, None) as other:  # one that runs is left alone
                assert one.folder.exists()
                assert other.folder != one.folder

    asyncio.run(main())
    assert list((path / "tmp").iterdir()) == []


def test_sockets_of_a_long_folder_lie_elsewhere_for_a_while(path: Path) -> None:
    async def main() -> None:
        async with Place(path / ("x" * 60), None) as short:
            assert short.sockets == short.folder / "run"
        async with Place(path / ("x" * 90), None) as long:
            assert len(str(long.sockets / "0123456789abcdef.sock")) <= 103
            assert long.sockets.parent.parent == path / "tmp"
        assert list((path / "tmp").iterdir()) == []

    asyncio.run(main())


def test_a_folder_is_for_one_demo_of_one_version(path: Path) -> None:
    async def main() -> None:
        async with Place(path / "s", "FIX.4.4"):
            with pytest.raises(ConfigError, match="another one runs there"):
                await Place(path / "s", None).__aenter__()
        async with Place(path / "s", "FIX.4.4") as again:
            assert again.version == "FIX.4.4"

    asyncio.run(main())
    assert json.loads((path / "s" / "demo.json").read_text()) == {"version": "FIX.4.4"}


def test_what_cannot_begin_is_one_clear_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> str:
        assert main(["desk", "--demo", "--port", "0", *arguments]) == 1
        line = capsys.readouterr().err
        assert line.startswith("Error: ")
        assert line.count("\n") == 1
        return line

    (path / "s").mkdir(mode=0o700)
    (path / "s" / "demo.json").write_text('{"version": "FIX.4.2"}')
    assert "FIX.4.2, as" in said("--state", str(path / "s"), "--version", "FIX.4.4")
    (path / "s" / "demo.json").write_text("{")
    assert "demo.json" in said("--state", str(path / "s"))
    (path / "mine").mkdir(mode=0o700)
    (path / "mine" / "letter").write_text("dear")
    assert "an empty folder" in said("--state", str(path / "mine"))
    (path / "open").mkdir(mode=0o755)
    assert "chmod 700" in said("--state", str(path / "open"))
    assert "Not a directory" in said("--state", str(path / "mine" / "letter" / "s"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = said("--state", str(path / "new"), "--port", str(port))
        assert f"127.0.0.1:{port}" in line
        assert "--port" in line
    assert not (path / "new").exists()


def test_a_child_that_ends_says_why(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path / "s").mkdir(mode=0o700)
    (path / "s" / "demo.json").write_text('{"version": "FIX.4.2"}')
    (path / "s" / "accounts.db").write_bytes(b"no database at all, but long enough to be one" * 30)
    assert main(["desk", "--demo", "--port", "0", "--state", str(path / "s")]) == 1
    line = capsys.readouterr().err
    assert "fixfast exchange ended: " in line
    assert "accounts.db" in line
    assert "exchange.log" in line
    assert line.count("\n") == 1
