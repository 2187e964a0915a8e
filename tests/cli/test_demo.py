"""The demo: run for real, as a person would, from an empty folder; interrupted and killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixfast.cli import main

DEMO = [sys.executable, "-m", "fixfast", "demo"]
linux_only = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run with --json, from an empty folder."""
    empty = tmp_path_factory.mktemp("empty")
    done = subprocess.run(
        [*DEMO, "--orders", "200", "--seed", "7", "--json", "--dir", str(empty / "run")],
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    result: dict[str, Any] = json.loads(lines[0])
    return result


def test_everything_agrees(run: dict[str, Any]) -> None:
    assert run["ok"]
    assert run["faults"] == []
    assert len(run["checks"]) == 10
    assert run["orders"] == sum(run["states"].values()) == 200
    assert set(run["states"]) >= {"new", "filled", "canceled", "rejected"}
    for what in ("positions", "cash"):
        assert run[what]["bot"] == run[what]["exchange"]
        assert set(run[what]["bot"]) == {"AAPL", "BTC/USD", "EUR/USD"}
    assert run["reports"]["F"] > run["states"]["filled"]
    assert run["reports"]["5"] > 0


def test_the_bot_has_books_and_a_risk_check(run: dict[str, Any]) -> None:
    assert run["book_updates"] > 0
    assert run["risk_refused"] == 200 // 25
    assert None not in run["profit"].values()


def test_the_connection_was_cut_the_bot_was_killed_and_nothing_was_lost(run: dict[str, Any]) -> None:
    recovery = run["recovery"]
    assert (recovery["cuts"], recovery["kills"], recovery["reconnects"]) == (1, 1, 2)
    assert recovery["reports_resent"] > 0
    assert recovery["bot_messages_recovered"] > 0
    assert recovery["orders_sent_again"] > 0
    assert recovery["orders_asked_about"] > 0
    assert recovery["reports_repeated"] > 0


def test_what_was_measured_is_told(run: dict[str, Any]) -> None:
    assert run["messages"]["bot_to_exchange"] > 200
    assert run["messages"]["exchange_to_bot"] > sum(run["reports"].values())
    times = run["round_trip_us"]
    assert 0 < times["p50"] <= times["p99"] <= times["p99.9"]
    assert run["messages_per_second"] > 0


def test_the_logs_hold_both_directions_and_no_password(run: dict[str, Any]) -> None:
    for name in ("bot", "exchange"):
        log = Path(run["logs"][name]).read_bytes()
        assert b"\x01554=***\x01" in log
        assert b" < 8=FIX.4.4\x01" in log
        assert b" > 8=FIX.4.4\x01" in log
        for journal in journals(run, name):
            assert journal.stat().st_mode & 0o077 == 0
    for name in ("D", "8"):
        assert any(f"\x0135={name}\x01".encode() in journal.read_bytes() for journal in journals(run))


def journals(run: dict[str, Any], *names: str) -> list[Path]:
    """Return the files of both journals, or of one."""
    found = [Path(run["journals"][name]) for name in names or ("bot", "exchange")]
    return [file for path in found for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


def test_the_wire_log_can_be_decoded(run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--json", run["logs"]["bot"]]) == 0
    captured = capfd.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert {"A", "D", "F", "G", "8", "H", "V", "W", "X", "5"} <= {row["msg_type"] for row in rows}
    assert "0 garbled" in captured.err


def test_the_same_seed_gives_the_same_day(run: dict[str, Any], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--orders", "200", "--seed", "7", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    again = json.loads(done.stdout)
    assert again["ok"], done.stderr
    for key in ("states", "positions", "filled", "cash", "reports"):
        assert again[key] == run[key]


def test_plain_output_is_for_people(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--orders", "100", "--plain"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    for text in (
        "Orders by state",
        "Positions",
        "round trip, us",
        "per second",
        "1 cut",
        "1 kill -9",
        "risk check",
        "market data",
        "wire logs",
        "journals",
    ):
        assert text in done.stdout
    assert "35 MsgType = 5 (LOGOUT)" in done.stdout
    assert done.stdout.count("\nok ") == 10
    assert "100 of 100 orders answered" in done.stderr


# --- mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--orders", "0"], "--orders"),
        (["--orders", "many"], "--orders"),
        (["--seed", "x"], "--seed"),
        (["--bogus"], "--bogus"),
        (["--dir", "{file}"], "--dir"),
        (["--dir", "{full}"], "is not empty: give a new directory"),
    ],
)
def test_a_mistake_is_one_clear_line(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    paths = {"file": str(tmp_path / "full" / "file"), "full": str(tmp_path / "full")}
    assert main(["demo", *(argument.format(**paths) for argument in arguments)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("Error: ")
    assert says in error[-1]


@pytest.mark.parametrize("command", ["demo-bot", "demo-exchange"])
def test_a_child_started_by_hand_says_so(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fixfast", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "started by `fixfast demo`" in done.stderr


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ImportError('not here', name='click')\n")
    done = subprocess.run(
        DEMO, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == "the fixfast command needs an extra: pip install 'fixfast[cli]'\n"


# --- ended from outside ---------------------------------------------------------------------------------------


class MarkedDemo:
    """A running demo whose processes, children and grandchildren too, can be found by a mark in their environment."""

    def __init__(self, folder: Path, orders: int) -> None:
        self.mark = f"FIXFAST_TEST_MARK={uuid.uuid4().hex}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [*DEMO, "--orders", str(orders), "--plain", "--dir", str(folder / "run")],
            env={**os.environ, name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def alive(self) -> list[int]:
        """Return the process ids with the mark."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes() and b") Z " not in path.with_name("stat").read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def child(self, command: str) -> int:
        """Wait for a child; return its process id."""
        for _ in range(400):
            for pid in self.alive():
                if command.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            time.sleep(0.01)
        raise AssertionError(f"no {command}")

    def wait_until_gone(self) -> None:
        """Wait a bounded time until no process has the mark."""
        for _ in range(200):
            if not self.alive():
                return
            time.sleep(0.05)
        raise AssertionError(f"processes left behind: {self.alive()}")

    def wait_for(self, processes: int) -> None:
        """Wait until so many processes run."""
        for _ in range(400):
            if len(self.alive()) >= processes:
                return
            time.sleep(0.01)
        raise AssertionError("the demo does not start its processes")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[MarkedDemo]:
    started = MarkedDemo(tmp_path, 1_000_000)
    try:
        yield started
    finally:
        for pid in started.alive():
            os.kill(pid, signal.SIGKILL)
        started.process.communicate()


@linux_only
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(demo: MarkedDemo, processes: int, number: signal.Signals) -> None:
    demo.wait_for(processes)
    demo.process.send_signal(number)
    _, error = demo.process.communicate(timeout=30)
    demo.wait_until_gone()
    # With one process there may not be a handler yet: Python itself is being started.
    if processes > 1 and number is not signal.SIGKILL:
        assert demo.process.returncode == 130
        assert error.splitlines()[-1].startswith("interrupted; logs and journals are in ")


@linux_only
@pytest.mark.parametrize("command", ["demo-bot", "demo-exchange"])
def test_a_child_that_dies_is_named(demo: MarkedDemo, command: str) -> None:
    os.kill(demo.child(command), signal.SIGKILL)
    _, error = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 1
    assert error.splitlines()[-2].startswith(f"fixfast demo: {command} ended with exit status -9")
    demo.wait_until_gone()
