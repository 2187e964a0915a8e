"""`fixfast keys`: what a person sees; a key is seen once."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fixfast.cli import main
from fixfast.service.credentials.apikey import parse_key
from fixfast.service.credentials.store import open_store


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "keys.db")


def created(store: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Make a key; return it, and its id."""
    assert main(["keys", "--store", store, "create", *arguments]) == 0
    text = capsys.readouterr().out.strip()
    key = parse_key(text)
    assert key is not None
    return text, key.id


def test_a_new_key_stands_alone_on_standard_output(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--store", store, "create", "alice", "--label", "bot 1", "--expires", "90d"]) == 0
    out, err = capsys.readouterr()
    assert parse_key(out.removesuffix("\n")) is not None
    assert "alice" in err
    assert "bot 1" in err
    assert out.strip() not in err


def test_a_key_is_never_shown_again(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, key_id = created(store, capsys, "alice")
    secret = text.rpartition("_")[2]
    for arguments in (["list"], ["list", "--json"], ["show", key_id], ["show", key_id, "--json"], ["revoke", key_id]):
        assert main(["keys", "--store", store, *arguments]) == 0
        out, err = capsys.readouterr()
        assert key_id in out
        assert secret not in out + err
        assert "argon2" not in out + err


def test_out_writes_a_new_private_file_and_shows_nothing(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alice.key"
    assert main(["keys", "--store", store, "create", "alice", "--out", str(path)]) == 0
    key = parse_key(path.read_text().strip())
    assert key is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.secret not in "".join(capsys.readouterr())
    assert main(["keys", "--store", store, "create", "alice", "--out", str(path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["keys", "--store", store, "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_file_for_a_key_that_could_not_be_made_is_gone(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    assert main(["keys", "--store", store, "create", "../alice", "--out", str(path)]) == 2
    assert "a letter or digit" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_disk_without_room_for_the_key_keeps_it_out_of_the_store(store: str, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from fixfast.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "keys", "--store", store, "create", "alice", "--out", str(tmp_path / "key")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, f"Error: {tmp_path / 'key'}: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_json_has_all_but_the_hash(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["keys", "--store", store, "create", "alice", "--role", "admin", "--role", "trade", "--json"]
    assert main(command) == 0
    made = json.loads(capsys.readouterr().out)
    assert parse_key(made["api_key"]) is not None
    assert made["roles"] == ["trade", "admin"]
    assert main(["keys", "--store", store, "--json", "show", made["id"]]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.items() >= {"account": "alice", "state": "active", "used": None, "expires": None}.items()
    assert [one["what"] for one in shown["audit"]] == ["created"]
    assert not {"api_key", "hash"} & shown.keys()


def test_list_shows_what_is_worth_something_and_all_of_it_with_all(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first = created(store, capsys, "alice")
    _, second = created(store, capsys, "bob", "--role", "read")
    assert main(["keys", "--store", store, "revoke", first]) == 0
    assert capsys.readouterr().out == f"{first} of alice is revoked\n"
    assert main(["keys", "--store", store, "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ID", "ACCOUNT", "ROLES", "STATE", "CREATED", "EXPIRES", "USED", "LABEL"]
    assert [line.split()[:4] for line in lines[1:]] == [[second, "bob", "read", "active"]]
    assert main(["keys", "--store", store, "list", "--all"]) == 0
    assert "revoked" in capsys.readouterr().out
    assert main(["keys", "--store", store, "list", "nobody"]) == 0
    assert capsys.readouterr().out == "no keys\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["create", "alice", "--role", "root"], 2, "'root' is not one of"),
        (["create", "alice", "--expires", "soon"], 2, "90d, 12h, 2027-01-31"),
        (["create", "alice", "--expires", "2001-01-01"], 2, "this is over"),
        (["create", "alice", "--out", "no/such/folder/key"], 1, "No such file"),
        (["create"], 2, "Missing argument"),
        (["show", "0123456789abcdef"], 1, "there is no such store"),
        (["list"], 1, "`keys create` makes one"),
    ],
)
def test_mistakes_are_one_clear_line(
    store: str, arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "--store", store, *arguments]) == status
    assert said in capsys.readouterr().err


def test_without_a_store_it_says_where_one_may_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.delenv("FIXFAST_STORE", raising=False)
    assert main(["keys", "list"]) == 2
    assert "--config launcher.toml, --store keys.db, or a variable FIXFAST_STORE" in capsys.readouterr().err
    assert main(["keys", "create", "--help"]) == 0
    assert "Make a key for ACCOUNT" in capsys.readouterr().out
    created(store, capsys, "alice")
    monkeypatch.setenv("FIXFAST_STORE", store)
    assert main(["keys", "list"]) == 0
    assert "alice" in capsys.readouterr().out


def test_an_unknown_id_is_said(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    created(store, capsys, "alice")
    assert main(["keys", "--store", store, "show", "0123456789abcdef"]) == 2
    assert "`fixfast keys list` has them" in capsys.readouterr().err


def test_a_launchers_file_says_where_its_store_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIXFAST_STORE", str(tmp_path / "another.db"))
    file = tmp_path / "launcher.toml"
    # What is wrong with an account does not keep its key from being made: its password may not be ours to read.
    file.write_text('[launcher]\nhash = { time = 1, memory = 8 }\n[account.alice]\npassword = { file = "none" }\n')
    config = ["keys", "--config", str(file)]
    assert main([*config, "list"]) == 1
    assert "`keys create` makes one" in capsys.readouterr().err
    assert main([*config, "create", "alice"]) == 0
    assert "no [account.alice]" not in capsys.readouterr().err
    with open_store(str(tmp_path / "state" / "keys.db")) as store:
        assert "m=8,t=1" in store.records()[0].hash
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert main([*config, "create", "carol"]) == 0
    assert f"{file} has no [account.carol] yet" in capsys.readouterr().err
    assert main([*config, "create", "root", "--role", "admin"]) == 0
    assert "no [account.root]" not in capsys.readouterr().err
    file.write_text('[launcher]\nkeys = "elsewhere/k.db"\n')
    assert main([*config, "create", "alice"]) == 0
    assert (tmp_path / "elsewhere" / "k.db").exists()
    assert main([*config, "--store", "x.db", "list"]) == 2
    assert "--config or --store" in capsys.readouterr().err
    assert not (tmp_path / "another.db").exists()


def test_a_launchers_file_that_is_wrong_is_said_by_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "launcher.toml"
    assert main(["keys", "--config", str(file), "list"]) == 2
    assert "No such file" in capsys.readouterr().err
    file.write_text('[launcher]\nkesy = "k.db"\n')
    assert main(["keys", "--config", str(file), "create", "alice"]) == 2
    assert "launcher.toml:2: launcher.kesy: there is no such key; did you mean keys?" in capsys.readouterr().err
