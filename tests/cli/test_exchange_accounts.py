"""`fixfast exchange --accounts URL --http HOST:PORT`: a process where clients register, killed and started again."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.cli import main
from fixfast.exchange import AccountsConfig, ExchangeConfig, load_exchange_config
from tests.cli.test_exchange_command import ROOT, exchange

PASSWORD = "correct horse battery"


@contextmanager
def with_accounts(*options: str) -> Iterator[tuple[subprocess.Popen[str], int, int, str]]:
    """Start it on free ports; yield the process, both ports, and what it says of itself."""
    with exchange("--http", "127.0.0.1:0", *options) as (running, port):
        assert running.stdout is not None
        said = "".join(running.stdout.readline() for _ in range(10))
        match = re.search(r"accounts: POST http://127\.0\.0\.1:(\d+)/accounts; kept in (.*)", said)
        assert match, said
        yield running, port, int(match[1]), said


def register(port: int, username: str) -> tuple[int, dict[str, str]]:
    api = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"username": username, "password": PASSWORD})
    api.request("POST", "/accounts", body, {"Content-Type": "application/json"})
    answer = api.getresponse()
    said = json.load(answer)
    api.close()
    return answer.status, said


async def log_in(port: int, client_id: str) -> str | None:
    config = ff.SessionConfig("FIX.4.4", client_id, "EXCHANGE", reset_on_logon=True)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        return (await session.request("BE", [(923, "1"), (924, 1), (553, client_id), (554, PASSWORD)])).get(926)


def test_who_registered_is_known_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    with with_accounts("--accounts", f"sqlite:{path}") as (running, fix, http_port, said):
        assert f"kept in sqlite:{path}" in said
        assert "49=YOUR_CLIENT_ID" in said
        status, made = register(http_port, "bob")
        assert status == 201
        assert asyncio.run(log_in(fix, made["client_id"])) == "1"
        running.kill()
        running.wait(20)
    with with_accounts("--accounts", f"sqlite:{path}") as (running, fix, http_port, _):
        assert register(http_port, "bob")[0] == 409
        assert asyncio.run(log_in(fix, made["client_id"])) == "1"
        assert running.stdin is not None
        running.stdin.write("quit\n")
        running.stdin.flush()
        assert running.wait(20) == 0
        assert running.stdout is not None
        assert PASSWORD not in running.stdout.read()


def test_without_a_url_they_are_beside_the_journal(tmp_path: Path) -> None:
    with with_accounts("--journal", str(tmp_path / "state")) as (_, _, http_port, said):
        assert f"kept in {tmp_path / 'state' / 'accounts.db'}" in said
        assert register(http_port, "bob")[0] == 201
    assert (tmp_path / "state" / "accounts.db").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--http", "9880"], ["http='9880'", "HOST:PORT"]),
        (["--http", "127.0.0.1:99999"], ["port=99999"]),
        (["--accounts", "mysql://ann:c4nary@x/y"], ["sqlite:accounts.db", "postgresql://"]),
        (["--accounts", f"sqlite:{__file__}/x.db"], ["x.db"]),
        (["--accounts", "sqlite:x.db", "--replay", __file__], ["not for --replay"]),
    ],
)
def test_a_wrong_start_is_one_clear_line(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exchange", "--port", "0", *arguments])
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    assert "c4nary" not in said


def test_an_http_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with with_accounts() as (_, _, http_port, _):
        assert main(["exchange", "--port", "0", "--http", f"127.0.0.1:{http_port}"]) == 1
    assert f"127.0.0.1:{http_port}" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    for missing in ("argon2", "starlette", "uvicorn"):
        code = (
            f"import sys; sys.modules[{missing!r}] = None; from fixfast.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        command = [sys.executable, "-c", code, "exchange", "--port", "0", "--http", "127.0.0.1:0"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "pip install 'fixfast[accounts]'" in done.stderr


def test_a_file_of_toml_has_them_too(tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text('[registration]\nurl = "sqlite:sub/accounts.db"\nlock_after = 3\nport = "none"\n')
    config = load_exchange_config(path)
    assert config.registration == AccountsConfig(url=f"sqlite:{tmp_path}/sub/accounts.db", lock_after=3, port=None)
    path.write_text('[registration]\nurl = "postgresql://${WHO}:${PASS}@db/venue"\n')
    config = load_exchange_config(path, environ={"WHO": "ann", "PASS": "c4nary"})
    assert config.registration is not None
    assert config.registration.url == "postgresql://ann:c4nary@db/venue"
    assert "c4nary" not in repr(config)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lock_aftre = 3", "did you mean lock_after?"),
        ("lock_after = 0", "a whole number from 1 to 1000"),
        ('url = "accounts.db"', '"sqlite:accounts.db" or "postgresql://user@host/name"'),
        ("port = 70000", "a TCP port"),
    ],
)
def test_a_wrong_key_is_said_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(f"[registration]\n{line}\n")
    with pytest.raises(ff.ConfigError) as caught:
        load_exchange_config(path)
    assert said in str(caught.value)
    assert f"{path}:2" in str(caught.value)


def test_without_the_table_there_is_no_registration() -> None:
    assert ExchangeConfig().registration is None
    assert ff.exchange.AccountsConfig is AccountsConfig
