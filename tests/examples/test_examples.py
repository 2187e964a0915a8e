"""The examples run as a reader would run them: processes of their own, on real sockets."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

import fixfast as ff

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(example: str, *arguments: str) -> Iterator[int]:
    """Start an example that listens, and yield its port."""
    command = [sys.executable, str(ROOT / "examples" / example), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r":(\d+)$", line.strip())
            assert match, f"{example} said {line!r}"
            yield int(match[1])
        finally:
            process.terminate()
            process.wait(10)


def run_bot(port: int, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / "bot.py"), "--port", str(port), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_bot_trades_with_the_exchange() -> None:
    with running("exchange.py") as port:
        said = run_bot(port, "--orders", "50")
    counts = [int(count) for count in re.findall(r"^ +(\d+) \w+$", said, re.MULTILINE)]
    assert sum(counts) == 50
    assert "position" in said


def test_a_bot_of_threads_trades_with_the_exchange() -> None:
    with running("exchange.py") as port:
        said = run_python("examples/sync_bot.py", "--port", str(port), "--orders", "50")
    counts = [int(count) for count in re.findall(r"^ +(\d+) \w+$", said, re.MULTILINE)]
    assert sum(counts) == 50


def test_a_user_registers_logs_in_and_comes_back() -> None:
    said = run_python("examples/login.py")
    shown = [line.strip() for line in said.splitlines()]
    assert shown[:2] == ["registering", "Registering..."]
    assert "-> wrong_password" in shown
    assert "an order of 100 AAPL is NEW" in shown
    assert "Connecting... The connection to the venue was lost. (dropped by us)" in shown
    assert shown[-2:] == ["the order is CANCELED; logging out", "Disconnected"]


def test_bot_with_a_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    with running("exchange.py") as port:
        for _ in range(2):
            run_bot(port, "--orders", "5", "--journal", str(tmp_path))
    session = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE").session_id
    store = ff.JournalStore(tmp_path, session_id=session)
    try:
        assert store.load().next_out > 2 * (5 + 2), "5 orders, a Logon and a Logout, twice, in one run of numbers"
    finally:
        store.close()


async def ask_for_quotes(port: int, password: str, name: str = "BOT-1") -> list[ff.Message]:
    config = ff.SessionConfig("FIX.4.4", name, "DESK", username=name, password=password)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        symbols = [[(55, "EUR/USD")], [(55, "NONE")]]
        kinds = [[(269, "0")], [(269, "1")]]
        session.send_nowait("V", [(262, "1"), (263, "0"), (264, 1), (267, kinds), (146, symbols)])
        found: list[ff.Message] = []
        async for message in session:
            found.append(message.detach() or message)
            if len(found) == 2:
                break
        reject = await session.request("D", [(11, "x"), (55, "A"), (54, "1"), (38, 1), (40, "1")], timeout=10)
        assert reject.msg_type == "j"
        return found


def test_settings_files_of_quickfix_run_unchanged(tmp_path: Path) -> None:
    for path in (ROOT / "examples" / "quickfix_migration").iterdir():
        if path.is_file():
            text = path.read_text()
            (tmp_path / path.name).write_text(text.replace("SocketAcceptPort=5001", "SocketAcceptPort=0"))
    executor = [sys.executable, "executor.py", "executor.cfg"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(executor, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stdout is not None
            match = re.fullmatch(r"2 sessions, listening on port:(\d+)\n", process.stdout.readline())
            assert match
            client = tmp_path / "client.cfg"
            client.write_text(client.read_text().replace("5001", match[1]))
            for _ in range(2):  # the second time with the numbers of the first
                command = [sys.executable, "client.py", "client.cfg"]
                ran = subprocess.run(
                    command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60, check=False
                )
                assert ran.stdout.splitlines() == [
                    "FIX.4.2:CLIENT1->EXECUTOR: 100 EUR/USD at 1.25",
                    "FIX.4.4:CLIENT1->EXECUTOR: 100 EUR/USD at 1.25",
                ], ran.stderr
        finally:
            process.terminate()
            process.wait(10)
    assert "35=8" in (tmp_path / "log" / "FIX.4.4-CLIENT1-EXECUTOR.log").read_text().replace("\x01", "|")


def test_acceptor_answers_market_data_requests() -> None:
    with running("acceptor.py") as port:
        quotes, unknown = asyncio.run(ask_for_quotes(port, "opensesame"))
    assert [entry.decimal(270) for entry in quotes.group(268)] == [Decimal("1.23445"), Decimal("1.23455")]
    assert unknown.msg_type == "Y"
    assert unknown[58] == "unknown NONE"


def test_acceptor_refuses_a_wrong_password() -> None:
    with running("acceptor.py") as port:
        for name, password in (("BOT-1", "guess"), ("BOT-9", ""), ("BOT-2", "opensesame")):
            with pytest.raises(ff.LogonFailed) as failed:
                asyncio.run(ask_for_quotes(port, password, name))
            assert failed.value.text == "unknown user or wrong password"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM that a process could catch")
def test_acceptor_says_goodbye_when_it_is_told_to_end() -> None:
    async def stay(port: int) -> str:
        config = ff.SessionConfig("FIX.4.2", "BOT-2", "DESK", password="hunter2")
        once = ff.Reconnect(initial=0, max_attempts=1)
        try:
            async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port, reconnect=once)) as session:
                events = session.events()
                process.terminate()
                async for event in events:
                    if type(event).__name__ == "LoggedOut":
                        return "Logout"
        except ff.GaveUp:
            pass
        return "none"

    command = [sys.executable, str(ROOT / "examples" / "acceptor.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        assert asyncio.run(stay(port)) == "Logout"
        assert process.wait(10) == 0


def run_python(*command: str) -> str:
    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_brokers_dictionary_is_written_read_and_checked_by() -> None:
    said = run_python("examples/broker.py")
    assert "RouteTo = D (DARK)" in said
    assert re.search(r"\[1\]\s+5003 HintVenue = POOL1\s+5004 HintPercent = 0\.6\s+\[2\]\s+5003 HintVenue = POOL2", said)
    assert "filled 100000 at 1.23450 value date 2026-01-07\n  fee COMMISSION 1.25 USD\n  fee TAX 0.10 EUR\n" in said
    assert "refused: Value is incorrect (out of range) for this tag (tag 54) reason 5\n" in said


def test_the_brokers_file_looks_right() -> None:
    said = run_python("-m", "fixfast", "dictionary", "check", "examples/broker.xml")
    assert said == "examples/broker.xml: FIX.4.4: 58 fields, 10 messages, 1 component\n\nnothing looks wrong\n"


def test_the_tests_of_a_bot_pass() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(ROOT / "examples" / "test_my_bot.py"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout
