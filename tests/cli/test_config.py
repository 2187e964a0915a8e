"""`fixfast config` as its users run it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fixfast as ff

CFG = """[DEFAULT]
ConnectionType=initiator
FileStorePath=store
HeartBtInt=20
[SESSION]
BeginString=FIX.4.4
SenderCompID=US
TargetCompID=THEM
SocketConnectHost=127.0.0.1
SocketConnectPort=9878
Password=hunter2
CheckCompID=N
LogonTag=96=hunter3
"""
TOML = """[session.orders]
role = "initiator"
begin_string = "FIX.4.4"
sender_comp_id = "US"
target_comp_id = "THEM"
password = "hunter2"
store = "memory"
connection = { host = "127.0.0.1", port = 9878 }
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("x.cfg", CFG), ("x.toml", TOML)):
        Path(name).write_text(text)
        Path(name).chmod(0o600)


def run(*args: str, status: int = 0) -> tuple[str, str]:
    command = [sys.executable, "-m", "fixfast", "config", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_a_good_file_has_one_line() -> None:
    assert run("check", "x.toml") == ("x.toml: 1 session, nothing wrong\n", "")


def test_check_tells_all_of_all_files_and_fails() -> None:
    Path("bad.toml").write_text(TOML.replace("9878", "0") + 'offline = "x"\n')
    out, _ = run("check", "x.toml", "bad.toml", "x.cfg", "none.toml", status=1)
    assert out.splitlines() == [
        "x.toml: 1 session, nothing wrong",
        "error: bad.toml:8: session.orders.connection.port: 0 is not allowed: a whole number from 1 to 65535",
        'error: bad.toml:9: session.orders.offline: \'x\' is not allowed: "refuse" or "store"',
        "bad.toml: 2 errors",
        *(line for line in out.splitlines() if "x.cfg:" in line),
        "error: none.toml: No such file or directory",
        "none.toml: 1 error",
    ]
    assert "warning: x.cfg:12: CheckCompID: is not supported. Messages with other CompIDs than the session's" in out
    assert "x.cfg: 1 session, 1 warning, " in out
    assert "hunter" not in out


def test_check_as_json() -> None:
    out, _ = run("check", "--json", "x.cfg")
    found = json.loads(out)
    assert found["ok"] is True
    (file,) = found["files"]
    assert (file["file"], file["ok"], file["sessions"]) == ("x.cfg", True, ["US-THEM"])
    (remark,) = (remark for remark in file["remarks"] if remark["line"] == 12)
    assert (remark["severity"], remark["file"], remark["key"]) == ("warning", "x.cfg", "CheckCompID")
    out, _ = run("check", "--json", "none.toml", status=1)
    assert json.loads(out)["ok"] is False


def test_check_looks_into_the_files_that_are_named() -> None:
    Path("x.toml").write_text(TOML + 'dictionary = "broken.xml"\n')
    Path("broken.xml").write_text("<fix")
    out, _ = run("check", "x.toml", status=1)
    assert out.startswith("error: x.toml:9: session.orders.dictionary: ")
    assert "broken.xml:1" in out
    Path("x.toml").write_text(TOML)
    Path("x.toml").chmod(0o644)
    out, _ = run("check", "x.toml")
    assert "warning: x.toml:6: session.orders.password: others may read this file (mode 0644)" in out


def test_convert_writes_toml_that_loads_to_the_same() -> None:
    out, said = run("convert", "x.cfg")
    assert said == ""
    assert "heart_bt_int = 20  # line 4: HeartBtInt\n" in out
    assert "# line 12: CheckCompID: is not supported." in out
    assert run("convert", "x.cfg", "-o", "new.toml") == ("", "")
    assert stat.S_IMODE(os.stat("new.toml").st_mode) == 0o600
    assert ff.load_config("new.toml") == ff.load_config("x.cfg")
    assert ff.load_config("new.toml").sessions["US-THEM"].config.password == "hunter2"
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["new.toml", "x.cfg", "x.toml"]


def test_convert_takes_over_the_numbers() -> None:
    Path("store").mkdir()
    Path("store", "FIX.4.4-US-THEM.seqnums").write_text("0000000042 : 0000000043")
    _, said = run("convert", "x.cfg", "-o", "new.toml", "--numbers")
    path = os.path.join("store", "FIX.4.4-US-THEM.seqnums")
    assert said == f"US-THEM: goes on with 42 to send and 43 to receive, from {path}\n"
    _, said = run("convert", "x.cfg", "-o", "new.toml", "--numbers")
    assert said == "US-THEM: has 42 to send and 43 to receive already\n"
    store = ff.load_config("new.toml").sessions["US-THEM"].store()
    state = store.load()
    store.close()
    assert (state.next_out, state.received) == (42, 43)
    Path("store", "FIX.4.4-US-THEM.seqnums").write_text("0000000052 : 0000000043")
    _, said = run("convert", "x.cfg", "-o", "new.toml", "--numbers", status=1)
    assert "a new store: this one has messages" in said


def test_convert_says_what_is_wrong_and_fails() -> None:
    Path("x.cfg").write_text(CFG.replace("HeartBtInt=20", "HeartBtInt=often"))
    out, said = run("convert", "x.cfg", status=1)
    assert said == "error: x.cfg:4: HeartBtInt: 'often' is not allowed: a whole number\n"
    assert 'sender_comp_id = "US"' in out
    _, said = run("convert", "x.toml", status=2)
    assert said == "fixfast config: x.toml: no settings file of QuickFIX: it has no [DEFAULT] and no [SESSION]\n"
    _, said = run("convert", "none.cfg", status=2)
    assert said == "fixfast config: none.cfg: No such file or directory\n"
    _, said = run("convert", "x.cfg", "-o", "none/x.toml", status=2)


def test_show_has_every_option_defaults_marked_secrets_masked() -> None:
    out, _ = run("show", "x.cfg")
    assert "heart_bt_int = 20\n" in out
    assert 'offline = "refuse"  # default\n' in out
    assert 'password = "***"\n' in out
    assert '96 = "***"\n' in out
    assert "hunter" not in out
    short, _ = run("show", "x.toml", "orders", "--set")
    assert short.splitlines() == [
        "[session.orders]", 'role = "initiator"', 'begin_string = "FIX.4.4"', 'sender_comp_id = "US"',
        'target_comp_id = "THEM"', 'password = "***"', "", "[session.orders.connection]", 'host = "127.0.0.1"',
        "port = 9878", "", "[session.orders.store]", 'kind = "memory"',
    ]  # fmt: skip
    out, _ = run("show", "x.toml", "--json")
    assert json.loads(out)["session"]["orders"]["connection"]["port"] == 9878
    Path("x.toml").write_text("[metrics]\nport = 9464\n" + TOML)
    out, _ = run("show", "x.toml", "--set")
    assert out.startswith("[metrics]\nport = 9464\n\n[session.orders]\n")
    _, said = run("show", "x.toml", "nobody", status=2)
    assert said == "fixfast config: session='nobody' is not allowed: one of orders\n"
    Path("x.toml").write_text("[session")
    _, said = run("show", "x.toml", status=2)
    assert said.startswith("fixfast config: x.toml:1: not TOML: ")


def test_the_command_is_listed() -> None:
    done = subprocess.run([sys.executable, "-m", "fixfast"], capture_output=True, text=True, timeout=60, check=False)
    assert "config      Judge configuration files" in done.stdout + done.stderr
