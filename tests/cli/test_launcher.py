"""`fixfast launcher` as people run it: a process of its own, with keys made by `fixfast keys`, ended by a signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixfast.cli import main
from fixfast.service.messages import Granted, ListSessions, Login, Sessions
from fixfast.service.wire import connect
from tests.service.launching import folder, until

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[launcher]
hash = { time = 1, memory = 8 }

[account.alice]
sender_comp_id = "ALICE"
target_comp_id = "VENUE"
password = "canary-of-the-venue"
connection = { host = "127.0.0.1", port = 1 }
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        (path / "launcher.toml").write_text(CONFIG)
        yield path


@contextmanager
def program(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run it; yield the process and where it listens."""
    command = [sys.executable, "-m", "fixfast", "launcher", str(path / "launcher.toml"), "--log-json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on unix:"), process.stderr.read() if process.stderr else ""
            yield process, line.split()[-1]
        finally:
            process.kill()


async def pid_of_backend(address: str, key: str) -> int:
    link = await connect(address, "login")
    link.send(Login("alice", key))
    granted = await link.receive()
    assert isinstance(granted, Granted), granted
    link.send(ListSessions(1))
    answer = await link.receive()
    assert isinstance(answer, Sessions)
    await link.close()
    return answer.sessions[0].pid


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_all_it_has_begun(
    path: Path, end: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "--store", str(path / "state" / "keys.db"), "create", "alice"]) == 0
    key = capsys.readouterr().out.strip()
    with program(path) as (process, address):
        pid = asyncio.run(pid_of_backend(address, key))
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert command[1:5] == [b"-m", b"fixfast", b"backend", b"--pipe"]
        process.send_signal(end)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert not Path(f"/proc/{pid}").exists()
    assert not (path / "state" / "run").exists()
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines] == ["listening", "accepted", "begun", "running", "stopped", "closed"]
    for file in (path / "state").rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) in (0o600, 0o700), file
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file
    assert "canary" not in out + err
    assert key.rpartition("_")[2] not in out + err


def test_a_backend_ends_by_itself_when_its_launcher_is_killed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path / "launcher.toml").write_text(CONFIG + "backend = { launcher_grace = 0 }\n")
    assert main(["keys", "--store", str(path / "state" / "keys.db"), "create", "alice"]) == 0
    key = capsys.readouterr().out.strip()
    with program(path) as (process, address):
        pid = asyncio.run(pid_of_backend(address, key))
        process.kill()
        process.wait()

    def is_there() -> bool:
        try:
            return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0]
        except OSError:
            return False

    asyncio.run(until(lambda: not is_there()))
    with program(path) as (process, address):  # what was left is no obstacle
        assert asyncio.run(pid_of_backend(address, key)) != pid
        process.terminate()
        assert process.wait(60) == 0


def test_sessions_are_shown_and_stopped(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ["keys", "--store", str(path / "state" / "keys.db"), "create"]
    assert main([*keys, "alice"]) == 0
    key = capsys.readouterr().out.strip()
    assert main([*keys, "root", "--role", "admin", "--out", str(path / "root.key")]) == 0
    assert main([*keys, "alice", "--role", "read", "--out", str(path / "look.key")]) == 0
    capsys.readouterr()
    with program(path) as (process, address):
        root = ["sessions", "--at", address, "--account", "root", "--key-file", str(path / "root.key")]
        look = ["sessions", "--at", address, "--account", "alice", "--key-file", str(path / "look.key")]
        assert main([*root, "list"]) == 0
        assert capsys.readouterr().out == "no sessions\n"
        assert main(["sessions", "--config", str(path / "launcher.toml"), *root[3:], "list"]) == 0
        assert capsys.readouterr().out == "no sessions\n"
        pid = asyncio.run(pid_of_backend(address, key))
        assert main([*root, "list"]) == 0
        head, line = capsys.readouterr().out.splitlines()
        assert head.split()[:4] == ["SESSION", "ACCOUNT", "STATE", "PROCESS"]
        session, *rest = line.split()
        assert rest[:3] == ["alice", "running", str(pid)]
        assert main([*look[:-1], str(path / "look.key"), "--json", "list"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["session"] == session
        assert main([*look, "stop", session]) == 1
        assert capsys.readouterr().err == "Error: this key may only look\n"
        assert main([*root, "stop", "no-such"]) == 1
        assert capsys.readouterr().err == "Error: there is no such session\n"
        assert main([*root, "stop", session]) == 0
        assert capsys.readouterr().out == f"{session} is stopped\n"
        assert not Path(f"/proc/{pid}").exists()
        assert main([*root[:3], "--account", "alice", *root[5:], "list"]) == 1  # a key of another account
        err = capsys.readouterr().err
        assert "refused: this is not known here: account or key; " in err
        assert "keys --config launcher.toml show ID" in err
        (path / "root.key").chmod(0o644)
        assert main([*root, "list"]) == 1
        assert "chmod 600" in capsys.readouterr().err
        process.terminate()
        assert process.wait(60) == 0
    assert main([*look, "list"]) == 1
    assert "launcher.sock: nobody listens there: " in capsys.readouterr().err
    assert main([*look[:-1], str(path / "none.key"), "list"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_sessions_says_what_it_needs_to_know(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ["--account", "root", "--key-file", str(path / "root.key")]
    config = ["--config", str(path / "launcher.toml")]
    for arguments in (who, [*config, "--at", "unix:x.sock", *who]):
        assert main(["sessions", *arguments, "list"]) == 2
        assert "--config launcher.toml, or --at unix:PATH" in capsys.readouterr().err
    assert main(["sessions", *config, "list"]) == 2
    assert "--account NAME and --key-file FILE" in capsys.readouterr().err
    assert main(["sessions", "--config", str(path / "none.toml"), *who, "list"]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["sessions", "list", "--help"]) == 0


def test_what_cannot_run_is_one_clear_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path / "state").mkdir(mode=0o755)
    assert main(["launcher", str(path / "launcher.toml")]) == 1
    assert "chmod 700" in capsys.readouterr().err.splitlines()[-1]
    (path / "state").chmod(0o700)
    with program(path):
        assert main(["launcher", str(path / "launcher.toml")]) == 1
        assert "another one has it" in capsys.readouterr().err
    (path / "state" / "keys.db").write_bytes(b"x" * 5000)
    assert main(["launcher", str(path / "launcher.toml")]) == 1
    assert "keys.db" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "command", "needs"),
    [
        ("msgspec", "launcher x.toml", "fixfast launcher needs an extra: pip install 'fixfast[service]'"),
        ("msgspec", "sessions --help", "fixfast sessions needs an extra: pip install 'fixfast[service]'"),
        (
            "msgspec",
            "keys --config x.toml list",
            "fixfast keys --config needs an extra: pip install 'fixfast[service]'",
        ),
        (
            "argon2",
            "keys --store x.db create alice",
            "a store of API keys needs an extra: pip install 'fixfast[service]'",
        ),
        ("uvicorn", "desk --demo --port 0", "fixfast desk needs an extra: pip install 'fixfast[desk]'"),
        ("argon2", "desk --demo --port 0", "fixfast desk needs an extra: pip install 'fixfast[desk]'"),
        ("rich", "demo --orders 1", "fixfast demo needs an extra: pip install 'fixfast[cli]'"),
        ("uvloop", "launcher quick.toml", "a Backend with uvloop = true needs an extra: pip install 'fixfast[uvloop]'"),
    ],
)
def test_without_an_extra_one_line_says_what_to_install(path: Path, missing: str, command: str, needs: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from fixfast.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (path / "quick.toml").write_text(CONFIG + "backend = { uvloop = true }\n")
    ran = subprocess.run(
        [sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=False, cwd=path,
        env=environment,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr == f"Error: {needs}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("", 2, "--launcher, --account and --key-file; --demo starts"),
        ("--state s", 2, "are for --demo"),
        ("--launcher unix:no.sock --account alice --key-file no.key", 1, "No such file"),
        ("--launcher nonsense --account alice --key-file alice.key", 1, "unix:PATH or tls:HOST:PORT"),
        ("--launcher unix:no.sock --account alice --key-file alice.key", 1, "unix:no.sock: nobody listens there"),
    ],
)
def test_a_desk_without_its_launcher_is_one_clear_line(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(path)
    assert main(["keys", "--config", "launcher.toml", "create", "alice", "--out", "alice.key"]) == 0
    capsys.readouterr()
    assert main(["desk", "--port", "0", *arguments.split()]) == status
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("Error: ")
    assert said in line


def test_a_configuration_that_is_wrong_ends_it_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path / "launcher.toml").write_text(CONFIG + "colour = 'red'\n")
    assert main(["launcher", str(path / "launcher.toml")]) == 2
    assert "launcher.toml:10: account.alice.colour: there is no such key" in capsys.readouterr().err
    assert main(["launcher", str(path / "none.toml")]) == 2
    assert "No such file" in capsys.readouterr().err
