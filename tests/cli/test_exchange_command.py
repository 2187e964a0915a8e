"""`fixfast exchange`: what it says, what an operator may type, how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.cli import main
from fixfast.cli.exchange_console import Console
from fixfast.exchange import ExchangeConfig
from tests.exchange.floor import Floor, run

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def exchange(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start it on a free port; yield the process and the port."""
    command = [sys.executable, "-m", "fixfast", "exchange", "--port", "0", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ}
    ) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            match = re.match(r"listening on 127\.0\.0\.1:(\d+): FIX\.4\.2, FIX\.4\.4, FIXT\.1\.1", line)
            assert match, line
            yield running, int(match[1])
        finally:
            running.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child here")
def test_it_says_how_to_connect_and_ends_cleanly(tmp_path: Path) -> None:
    async def trade(port: int) -> None:
        config = ff.SessionConfig("FIX.4.4", "BOT01", "EXCHANGE", reset_on_logon=True)
        async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
            order = [
                (11, "1"),
                (55, "AAPL"),
                (54, "1"),
                (38, 10),
                (40, "2"),
                (44, "230.00"),
                (60, 1_767_607_200 * 10**9),
            ]
            report = await session.request("D", order)
            assert report.many(35, 39) == ("8", "0")

    wire = tmp_path / "wire.log"
    with exchange("--journal", str(tmp_path / "state"), "--wire-log", str(wire)) as (running, port):
        assert running.stdout is not None
        assert running.stdin is not None
        said = "".join(running.stdout.readline() for _ in range(9))
        assert 'ff.SessionConfig("FIX.4.4", "BOT01", "EXCHANGE", reset_on_logon=True)' in said
        assert f'ff.ConnectionConfig("127.0.0.1", {port})' in said
        asyncio.run(trade(port))
        running.stdin.write("book AAPL\n")
        running.stdin.flush()
        assert "10 at 230.00 (1)" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert "closing" in running.stdout.read()
    assert "35=D" in wire.read_text()
    with exchange("--journal", str(tmp_path / "state")) as (running, _):
        assert running.stdin is not None
        running.stdin.write("status\nquit\n")
        running.stdin.flush()
        out, _ = running.communicate(timeout=60)
        assert "1 orders, 1 of them open, 1 executions" in out
        assert running.returncode == 0


def test_what_an_operator_types_is_done_or_explained() -> None:
    async def floor() -> None:
        async with Floor(ExchangeConfig(port=1)) as floor:
            ended: list[bool] = []
            console = Console(floor.exchange, lambda: ended.append(True))
            bot, other = await floor.client(), await floor.client(name="OTHER")
            (new,) = await bot.buys("1")
            await other.sells("1", 40)
            for line, said in (
                ("", ""),
                ("help", "halt [SYMBOL]"),
                ("status", "2 orders, 1 of them open"),
                ("book AAPL", "60 at 230.00 (1)"),
                ("book", "? book SYMBOL"),
                ("book ZZZ", "? no instrument 'ZZZ'"),
                ("halt AAPL", "AAPL: halted"),
                ("resume", "all: continuous"),
                ('phase "closing auction" MSFT', "MSFT: closing auction"),
                ("phase lunch", "? no phase 'lunch'"),
                ("correct AAPL 1 229.00", "2 reports"),
                ("correct AAPL 1 lots", "? correct"),
                ("bust AAPL 1", "3 reports"),
                ("bust AAPL 1", "? refused"),
                ("bust AAPL x", "? x is no number"),
                ("fault drop=0.5 slow=0.1", "drop=0.5"),
                ("fault drop=2", "? drop=2.0 is not allowed"),
                ("fault drpo=1", "? fault='drpo' is not allowed"),
                ("fault drop", "? fault='drop' is not allowed"),
                ("fault off", "drop=0.0"),
                (f"cancel {new[37]}", "1 cancelled"),
                ("cancel O77", "? no order 'O77'"),
                ("cancel AAPL", "0 cancelled"),
                ("cancel all", "0 cancelled"),
                ("day", "a new day"),
                ("reinstate O77", "? no order"),
                ("reinstate", "? reinstate ORDERID"),
                ("stop O77 1.00", "? no order"),
                ("stop O77 dear", "? stop ORDERID [PRICE]"),
                ("end-day", "a new day, "),
                ("dance", "? there is no command 'dance'"),
                ('book "AAPL', "? No closing quotation"),
            ):
                assert said in console.do(line), line
            assert not ended
            console.do("quit")
            assert ended

    run(floor())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.toml"], ["missing.toml", "No such file"]),
        (["--fault", "drop=lots"], ["drop=lots", "NAME=CHANCE"]),
        (["--fault", "slow=2"], ["slow=2.0", "a chance"]),
        (["--replay", "missing.log"], ["missing.log", "No such file"]),
        (["--replay", __file__], ["no W or X"]),
    ],
)
def test_a_wrong_start_is_one_clear_line(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exchange", *arguments]) == 1
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_said_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with exchange() as (_, port):
        assert main(["exchange", "--port", str(port)]) == 1
    assert "--port 0" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child here")
def test_a_day_with_agents_is_recorded_and_played_again(tmp_path: Path) -> None:
    async def follow(port: int, least: int) -> int:
        config = ff.SessionConfig("FIX.4.4", "BOT01", "EXCHANGE")
        kinds = [[(269, "0")], [(269, "1")], [(269, "2")]]
        asked = [(262, "1"), (263, "1"), (264, 5), (265, 1), (267, kinds), (146, [[(55, "AAPL")]])]
        async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session, asyncio.timeout(30):
            session.send_nowait("V", asked)
            count = 0
            async for message in session:
                assert message.msg_type in ("W", "X")
                count += 1
                if count >= least:
                    break
            return count

    wire = tmp_path / "wire.log"
    with exchange("--agents", "--wire-log", str(wire)) as (running, port):
        asyncio.run(follow(port, 10))
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
    with exchange("--replay", str(wire), "--speed", "0") as (running, port):
        assert running.stdout is not None
        said = "".join(running.stdout.readline() for _ in range(4))
        assert "instruments: AAPL\nentry types (269): 0 1" in said
        asyncio.run(follow(port, 10))
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert "messages were played" in running.stdout.read()
