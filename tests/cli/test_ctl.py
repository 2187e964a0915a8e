"""`fixfast ctl`: what a person sees, and the exit status; the program under it runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixfast.cli import main

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

PROGRAM = """
import asyncio, sys
import fixfast as ff

async def main():
    configs = [ff.SessionConfig("FIX.4.4", "VENUE", name) for name in sys.argv[2:]]
    async with ff.serve(None, configs) as server, ff.control(server, sys.argv[1]):
        print("open", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def program(path: Path, *peers: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(path), *peers]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ}
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "open\n"
            yield running
        finally:
            assert running.stdin is not None
            running.stdin.close()
            assert running.wait(20) == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "bot.sock"


def test_status_is_a_table_for_people_and_json_for_programs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program(path, "BOT01", "BOT02"):
        assert main(["ctl", str(path), "status"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["SESSION", "STATE", "PEER", "NEXT", "IN", "NEXT", "OUT", "LOGONS", "QUEUED", "GAPS"]
        assert lines[1].split() == ["FIX.4.4:VENUE->BOT01", "disconnected", "-", "1", "1", "0", "0", "0"]
        assert len(lines) == 3
        assert main(["ctl", "--json", str(path), "status", "BOT02"]) == 0
        (one,) = json.loads(capsys.readouterr().out)
        assert (one["session"], one["next_out"]) == ("FIX.4.4:VENUE->BOT02", 1)


def test_commands_are_done_and_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program(path, "BOT01"):
        assert main(["ctl", str(path), "set-seq", "42", "--yes"]) == 0
        out = capsys.readouterr().out
        assert out == "FIX.4.4:VENUE->BOT01: MsgSeqNum goes on with 42\ndisconnected, in 1, out 42\n"
        assert main(["ctl", str(path), "reset", "BOT01", "--yes"]) == 0
        assert "both numbers begin at 1" in capsys.readouterr().out


def test_what_loses_something_is_asked_about(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program(path, "BOT01"):
        assert main(["ctl", str(path), "reset"]) == 2
        assert "reset needs --yes where nobody can be asked" in capsys.readouterr().err


REFUSALS = [
    (["reset", "--yes", "BOT1"], 2, "no session BOT1"),
    (["reset", "--yes", "FIX.4.4:VENUE->BOT1"], 2, "did you mean FIX.4.4:VENUE->BOT01?"),
    (["logout"], 1, "the session is not connected"),
    (["resend", "7"], 1, "no resend while disconnected"),
]


def test_every_refusal_is_one_line_and_a_status(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program(path, "BOT01"):
        for arguments, status, text in REFUSALS:
            assert main(["ctl", str(path), *arguments]) == status
            captured = capsys.readouterr()
            assert captured.err.startswith("fixfast ctl: ")
            assert captured.err.count("\n") == 1
            assert text in captured.err
            assert captured.out == ""
            assert main(["ctl", str(path), *arguments, "--json"]) == status
            assert json.loads(capsys.readouterr().out)["status"] == status


def test_where_nobody_listens(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> str:
        assert main(["ctl", *arguments]) == 3
        return capsys.readouterr().err

    assert "no such socket" in said(str(path), "status")
    with program(path, "BOT01"):
        near = path.parent / "bott.sock"
        assert f"no such socket; there is {path}" in said(str(near), "status")
        assert main(["ctl", str(path.parent / "bot.sock.key"), "status"]) == 3
        assert capsys.readouterr().err.count("\n") == 1
    assert "no such socket" in said(str(path), "status")


def test_a_program_that_was_killed_leaves_a_socket_that_says_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, str(path), "BOT01"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.kill()
    assert main(["ctl", str(path), "status"]) == 3
    assert "nobody listens; the program that made it has ended" in capsys.readouterr().err
    with program(path, "BOT01"):
        assert main(["ctl", str(path), "status"]) == 0, "the next one takes its place"


def test_keys_that_are_missing_open_or_wrong(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program(path, "BOT01"):
        key = Path(f"{path}.key")
        key.chmod(0o644)
        assert main(["ctl", str(path), "status"]) == 4
        assert "chmod 600, it is 644" in capsys.readouterr().err
        other = tmp_path / "other.key"
        assert main(["ctl", "--key-file", str(other), str(path), "status"]) == 4
        assert "No such file" in capsys.readouterr().err
        other.write_text("ab" * 32)
        other.chmod(0o600)
        assert main(["ctl", "--key-file", str(other), str(path), "status"]) == 4
        assert "wrong key" in capsys.readouterr().err


def test_sc19_a_key_is_neither_argument_nor_environment(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ctl", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--key-file" in text
    assert "--key " not in text
    with program(path, "BOT01") as running:
        key = Path(f"{path}.key").read_text().strip()
        proc = Path(f"/proc/{running.pid}")
        if proc.exists():
            assert key.encode() not in (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
