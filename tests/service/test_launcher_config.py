"""A Launcher's configuration file: what it says, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixfast.cli import main
from fixfast.engine.settings.remarks import ConfigFileError
from fixfast.engine.settings.store_choice import JournalChoice
from fixfast.errors import ConfigError
from fixfast.service.launcher.child import environment
from fixfast.service.launcher.config import Guests, LauncherConfig, Times, load_launcher_config
from fixfast.service.launcher.restarts import Restarting, Restarts
from fixfast.service.start import BackendOptions
from fixfast.store.hashing import HashCost
from fixfast.types import Role

SECOND = 1_000_000_000
LEAST = """
[account.alice]
sender_comp_id = "ALICE"
target_comp_id = "VENUE"
connection = { host = "127.0.0.1", port = 9878 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "launcher.toml"
    path.write_text(text)
    return path


def test_an_account_needs_little_and_gets_FIX_4_2_with_passwords(tmp_path: Path) -> None:
    config = load_launcher_config(written(tmp_path, LEAST))
    (account,) = config.accounts.values()
    session = account.session
    assert (session.role, session.config.begin_string, session.config.dictionary) == (
        Role.INITIATOR,
        "FIX.4.2",
        "FIX.4.2+auth",
    )
    assert session.stored == JournalChoice(path=str(tmp_path / "state" / "accounts" / "alice" / "journals"))
    assert (account.backend, account.idle, account.stopping) == (BackendOptions(), None, "leave")
    assert config.state == str(tmp_path / "state")
    assert config.addresses == (f"unix:{tmp_path}/state/run/launcher.sock",)
    assert config.key_store == f"{tmp_path}/state/keys.db"
    assert (config.times, config.guests, config.restart, config.hash) == (Times(), Guests(), Restarting(), HashCost())


def test_all_of_it_can_be_said(tmp_path: Path) -> None:
    text = """
[launcher]
state = "here"
sockets = "s"
listen = ["unix:front.sock", "tls:fix.example.com:7443"]
tls = { certificate = "cert.pem" }
keys = { env = "KEYS" }
uids = [1000, 1001]
sessions = 3
recheck = 5
times = { connect = 30, stop = 60.5 }
guests = { failures = 3 }
restart = { attempts = 2, initial = 1 }
hash = { memory = 65536, time = 3 }

[defaults]
target_comp_id = "VENUE"
heart_bt_int = 10
idle = 600
connection = { host = "fix.example.com", port = 9878, tls = true }

[account.alice]
sender_comp_id = "ALICE"
password = { env = "PASSWORD" }

[account."bob.2"]
begin_string = "FIX.4.4"
sender_comp_id = "BOB"
idle = "none"
stopping = "cancel"
store = { kind = "sqlite", path = "bob.db" }
backend = { front_ends_gone = "cancel", grace = 2 }
"""
    environ = {"KEYS": "postgresql://me:hunter2@db/x", "PASSWORD": "hunter3"}
    config = load_launcher_config(written(tmp_path, text), environ)
    alice, bob = config.accounts.values()
    assert config.addresses == (f"unix:{tmp_path}/front.sock", "tls:fix.example.com:7443")
    assert config.socket_folder == tmp_path / "s"
    assert config.key_store == "postgresql://me:hunter2@db/x"
    assert "hunter" not in repr(config)
    assert (config.uids, config.sessions, config.recheck) == ((1000, 1001), 3, 5)
    assert (config.times.connect, config.times.stop, config.guests.failures) == (30, 60.5, 3)
    assert (alice.session.config.password, alice.session.config.heart_bt_int, alice.idle) == ("hunter3", 10, 600)
    assert (bob.session.config.begin_string, bob.session.config.dictionary, bob.idle) == ("FIX.4.4", None, None)
    assert bob.backend == BackendOptions(front_ends_gone="cancel", grace=2)
    assert bob.stopping == "cancel"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "account: there is no account: [account.NAME] begins one"),
        ("[launcher", "not TOML"),
        ("[session.x]", "session: there is no such key"),
        (f"[launcher]\nlisten = 'tcp:x:1'\n{LEAST}", "launcher.listen: an array is not allowed: unix:PATH or"),
        (f"[launcher]\nlisten = 'tls:x:1'\n{LEAST}", "tls"),
        (f"[launcher]\nport = 1\n{LEAST}", "launcher.port: there is no such key"),
        (f"[launcher]\ntimes = {{ stop = 0 }}\n{LEAST}", "launcher.times.stop: 0 is not allowed: seconds, above 0"),
        (f"[launcher]\ntimes = {{ stopp = 1 }}\n{LEAST}", "did you mean stop?"),
        (f"[launcher]\nsessions = 0\n{LEAST}", "launcher.sessions: 0 is not allowed"),
        (f"[launcher]\nhash = {{ memory = 1 }}\n{LEAST}", "launcher.hash.memory"),
        (f"[launcher]\nrestart = {{ maximum = 0.1 }}\n{LEAST}", "launcher.restart.maximum"),
        (f"[launcher]\nguests = {{ longest_pause = 1 }}\n{LEAST}", "launcher.guests.longest_pause"),
        (LEAST.replace("alice", '"../alice"'), "'../alice' is not allowed: a letter or digit"),
        (LEAST.replace("alice", '"a/b"'), "'a/b' is not allowed"),
        (LEAST + 'role = "acceptor"\nlisten = { port = 1 }\n', "account.alice"),
        (LEAST + 'idel = 3\n', "did you mean idle?"),
        (LEAST + 'idle = -3\n', "idle"),
        (LEAST + 'stopping = "sell"\n', '"leave" or "cancel"'),
        (LEAST + 'backend = { grace = -1 }\n', "account.alice.backend.grace: -1 is not allowed"),
        (LEAST + 'heart_bt_int = "x"\n', "account.alice.heart_bt_int"),
        (LEAST + 'host = "x"\n', "it belongs in [account.alice.connection]"),
        (LEAST.replace("sender_comp_id", "sender_comp"), "sender_comp_id"),
        ("[launcher]\naccounts = { }\n" + LEAST, "write [account.NAME] for each account"),
        ("account = 3", "account"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigFileError) as caught:
        load_launcher_config(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "[launcher]\nsessions = 0\n\n[account.alice]\nheart_bt_int = -1\n\n[account.bob]\nidle = 0\n"
    with pytest.raises(ConfigFileError) as caught:
        load_launcher_config(written(tmp_path, text))
    lines = {remark.line for remark in caught.value.remarks}
    assert {2, 5, 8} <= lines, lines


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="No such file"):
        load_launcher_config(tmp_path / "no.toml")
    with pytest.raises(ConfigFileError):
        load_launcher_config("a\0b")


def test_C20_there_is_no_tcp_without_tls() -> None:
    for listen in (("tls:h:1",), ("tcp:h:1",), ("127.0.0.1:80",)):
        with pytest.raises(ConfigError):
            LauncherConfig(state="x", listen=listen)


def test_check_says_what_is_wrong_or_that_nothing_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, LEAST))
    assert main(["launcher", path, "--check"]) == 0
    assert capsys.readouterr().out.startswith("nothing wrong: 1 account (alice), to listen on unix:")
    assert not (tmp_path / "state").exists()
    written(tmp_path, LEAST + "idel = 3\n")
    assert main(["launcher", path, "--check"]) == 2
    assert "account.alice.idel: there is no such key; did you mean idle?" in capsys.readouterr().err


# --- what is not I/O -------------------------------------------------------------------------------------------------


def test_waits_grow_to_a_limit_and_end_after_so_many_deaths() -> None:
    restarts = Restarts(Restarting(initial=1, maximum=4, factor=2, jitter=0, attempts=4, within=100))
    waits = [restarts.died(n * SECOND, 0) for n in range(6)]
    assert waits == [1, 2, 4, 4, None, None]
    assert restarts.died(1000 * SECOND, 0) == 4  # it is long ago
    assert restarts.died(2000 * SECOND, 900 * SECOND) == 1  # and it ran well


def test_C17_waits_have_jitter() -> None:
    waits = {Restarts(Restarting(initial=1, jitter=0.5)).died(0, 0) for _ in range(20)}
    assert len(waits) > 10
    assert all(wait is not None and 0.5 <= wait <= 1 for wait in waits)


def test_a_backend_gets_no_more_of_the_environment_than_it_needs() -> None:
    whole = {"PATH": "/bin", "LC_ALL": "C", "HOME": "/h", "FIXFAST_STORE": "x", "PGPASSWORD": "x", "VENUE": "x"}
    assert environment(whole) == {"PATH": "/bin", "LC_ALL": "C", "HOME": "/h"}


def test_a_backend_takes_as_many_front_ends_as_a_launcher_lets_in() -> None:
    assert BackendOptions().max_front_ends == LauncherConfig().tokens
