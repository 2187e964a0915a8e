"""ff.load_config() on TOML: every option can be given, every mistake is named with file, line, key and the way out."""

from __future__ import annotations

import os
import pickle
import sys
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

import fixfast as ff
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.limits import Limits
from fixfast.engine.settings.file import look_at_config
from fixfast.engine.settings.keys import keys_of
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.session import ListenConfig, LogConfig
from fixfast.engine.settings.show import effective
from fixfast.engine.settings.store_choice import JournalChoice, MemoryChoice, SqliteChoice
from fixfast.engine.settings.watch import ControlConfig, MetricsConfig
from fixfast.engine.settings.write import dump, to_toml
from fixfast.engine.throttle import RateLimit, Throttle
from fixfast.transport.proxy import ProxyConfig
from fixfast.transport.tls import TlsConfig
from tests.engine.harness import HOST, Notes, news, run, until

ORDERS = """
[session.orders]
role = "initiator"
begin_string = "FIX.4.4"
sender_comp_id = "BOT"
target_comp_id = "SIM"
store = "memory"
connection = { host = "fix.example.com", port = 9878 }
"""
DESK = """
[session.desk]
role = "acceptor"
begin_string = "FIX.4.4"
sender_comp_id = "SIM"
target_comp_id = "BOT"
store = "memory"
listen = { port = 0 }
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(text: str, name: str = "bot.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def nodes(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: nodes(one) for key, one in value.items()})
    return Node([nodes(one) for one in value] if isinstance(value, list) else value)


def said(path: Path, **environ: str) -> list[str]:
    """What is said of a file: "line: key: text" of each remark, keys of the session `orders` without its name."""
    remarks = look_at_config(path, environ=environ).remarks
    return [f"{r.line}: {r.key.removeprefix('session.orders.')}: {r.text}" for r in remarks]


# --- what can be given ----------------------------------------------------------------------------------------------


def test_a_session_is_what_code_would_make(write: Any, tmp_path: Path) -> None:
    path = write("""
        [defaults]
        begin_string = "FIX.4.4"
        sender_comp_id = "BOT01"
        connection = { connect_timeout = 3, reconnect = { initial = 2 } }

        [session.orders]
        role = "initiator"
        target_comp_id = "VENUE"
        username = "me"
        password = "secret"
        logon = { 25035 = "1", 9406 = true, 9001 = 7 }
        heart_bt_int_policy = [10, 60]
        supported_msg_types = ["8", "9"]
        dictionary = "specs/broker.xml"
        validation = { mode = "warn", unknown_tags = false }
        session_validation = "none"
        schedule = { start = "17:00", end = 16:55:00, tz = "America/New_York", holidays = [2026-12-25] }
        store = { kind = "journal", sync = "group" }
        log = { path = "logs/orders.log" }
        [session.orders.connection]
        host = "fix.example.com"
        port = 9878
        tls = true
        alternatives = [["b.example.com", 1], ["c.example.com", 2]]

        [session.desk]
        role = "acceptor"
        target_comp_id = "CLIENT"
        schedule = "non-stop"
        store = { kind = "sqlite", path = "/var/lib/desk.db" }
        listen = { port = 9878, host = "none", allow = ["10.0.0.0/8"], limits = { pending = 5 } }
    """)
    settings = ff.load_config(path)
    assert isinstance(settings, ff.Settings)
    orders, desk = settings.sessions.values()
    assert isinstance(orders, ff.SessionSettings)
    assert (orders.name, orders.role, desk.name, desk.role) == (
        "orders", ff.Role.INITIATOR, "desk", ff.Role.ACCEPTOR,
    )  # fmt: skip
    logon = orders.config.logon
    assert logon is not None
    assert tuple(logon(None)) == ((25035, "1"), (9406, "Y"), (9001, "7"))  # type: ignore[arg-type]
    assert orders.config == ff.SessionConfig(
        "FIX.4.4", "BOT01", "VENUE", username="me", password="secret", logon=logon, heart_bt_int_policy=(10, 60),
        supported_msg_types=frozenset("89"), dictionary=str(tmp_path / "specs/broker.xml"),
        validation=ff.Validation("warn", unknown_tags=False), session_validation=None,
        schedule=ff.Schedule.daily("17:00", "16:55", tz="America/New_York", holidays=[date(2026, 12, 25)]),
    )  # fmt: skip
    assert orders.connection == ff.ConnectionConfig(
        "fix.example.com", 9878, True, 3, ff.Reconnect(initial=2),
        alternatives=(("b.example.com", 1), ("c.example.com", 2)),
    )  # fmt: skip
    assert orders.stored == JournalChoice(str(tmp_path / "journals"), sync="group")
    assert orders.log == LogConfig(path=str(tmp_path / "logs" / "orders.log"))
    assert desk.config == ff.SessionConfig("FIX.4.4", "BOT01", "CLIENT", schedule=ff.Schedule.non_stop())
    assert desk.stored == SqliteChoice("/var/lib/desk.db")
    assert desk.listen is not None
    assert (desk.listen.host, desk.listen.allow, desk.listen.limits.pending) == (None, ("10.0.0.0/8",), 5)


#: What an option can be set to where the guesses are not allowed by the rest of its class.
SAMPLES: dict[str, Any] = {
    "begin_string": "FIX.4.2",
    "heart_bt_int_policy": "fixed",
    "timestamp_digits": 6,
    "max_message_size": 1000,
    "schedule": "non-stop",
    "dictionary": "FIX.4.2",
    "logon": {"9406": "Y"},
    "on_resend": "gap-fill",
    "alternatives": [["b", 2]],
    "allow": ["10.0.0.0/8"],
    "default_appl_ver_id": "7",
    "days": ["MON", "TUE"],
    "end_day": "WED",
    "start": "01:00",
    "end": "05:00",
    "tz": "Europe/London",
    "holidays": [date(2026, 12, 21)],
    "level": "structure",
    "path": "/y",
    "sock": "systemd",
    "daily": "17:00",
    "limits": [{"count": 2}],
    "priority": {"F": -2},
    "Throttle.when_full": "reject",
    "minimum_version": "1.3",
    "ciphers": "ECDHE-RSA-AES128-GCM-SHA256",
    "fingerprints": ["ab" * 32],
    "client_certificate": "optional",
    "identities": {"CN=x": "BOT", "y": ["A", "B"]},
    "proxies": ["unix"],
    "LogConfig.queue_bytes": 1 << 20,
    "max_size": 1 << 20,
    "source": "192.0.2.1",
    "kind": "http",
    "ConnectionConfig.proxy": "socks5://me:secret@h:1080",
    "Schedule.logon": {"start": "03:10", "end": "03:20"},
    "inbound": {"count": 50, "kind": "bucket"},
}
#: Options that only code can give, and why: docs/configuration.md says so of each.
HOOKS = {"check": "a function"}
WEEKLY = {"days": ["MON"], "start": "03:00", "end": "04:00"}
TABLES_INSIDE: list[tuple[tuple[str, ...], type, Any]] = [
    ((), ff.SessionConfig, None),
    (("validation",), ff.Validation, {}),
    (("session_validation",), ff.Validation, {}),
    (("schedule",), ff.Schedule, WEEKLY),
    (("connection",), ff.ConnectionConfig, None),
    (("connection", "reconnect"), ff.Reconnect, {}),
    (("listen",), ListenConfig, None),
    (("listen", "limits"), Limits, {}),
    (("log",), LogConfig, {"path": "/x"}),
    (("throttle",), Throttle, {"limits": [{"count": 1}], "when_full": "queue"}),
    (
        ("connection", "proxy"),
        ProxyConfig,
        {"kind": "socks5", "host": "h", "port": 1, "username": "u", "password": "p"},
    ),
    (("connection", "tls"), TlsConfig, {"certificate": "/x", "client_ca": "/ca"}),
    (("listen", "tls"), TlsConfig, {"certificate": "/x", "client_ca": "/ca"}),
    (("cancel_on_disconnect",), CancelOnDisconnect, {}),
    (("store",), JournalChoice, {"kind": "journal"}),
    (("store",), SqliteChoice, {"kind": "sqlite"}),
]


def session(role: str) -> dict[str, Any]:
    name, text = ("desk", DESK) if role == "acceptor" else ("orders", ORDERS)
    found: dict[str, Any] = tomllib.loads(text)["session"][name]
    return found


def reached(settings: ff.Settings, path: tuple[str, ...], name: str) -> Any:
    one = settings.sessions["x"]
    at: Any = one.config
    if path and path[0] in ("connection", "listen", "log", "throttle", "cancel_on_disconnect", "store"):
        at = one.stored if path[0] == "store" else getattr(one, path[0])
    for key in (*path, name) if at is one.config else (*path[1:], name):
        at = getattr(at, key)
    return at


@pytest.mark.parametrize(("path", "cls", "start"), TABLES_INSIDE, ids=lambda value: getattr(value, "__name__", ""))
def test_every_option_can_be_given_in_a_file_or_is_one_for_code(
    path: tuple[str, ...], cls: type, start: Any, write: Any
) -> None:
    """Whoever adds an option need not touch this, unless the guesses are not allowed: then SAMPLES has one that is."""

    def tried(name: str, value: Any) -> ff.Settings | None:
        whole = session("acceptor" if path and path[0] in ("listen", "cancel_on_disconnect") else "initiator")
        table = whole
        for key in path:
            table[key] = dict(start) if start is not None and key == path[-1] else table[key]
            table = table[key]
        if value is not None:
            table[name] = value
        return look_at_config(write(dump(nodes({"session": {"x": whole}})))).settings

    before = tried("", None)
    assert before is not None
    for name, key in keys_of(cls).items():
        if key.code_only:
            assert HOOKS.get(name) == key.code_only, f"{cls.__name__}.{name} takes {key.code_only}: is that meant?"
            continue
        if (*path, name) in [inside for inside, _, _ in TABLES_INSIDE]:
            continue
        sample = SAMPLES.get(f"{cls.__name__}.{name}", SAMPLES.get(name))
        simple = [True, False, 1, 2, 2.5, 2000, "X", ["X"], *get_args(key.hint)]
        usable = (one for one in simple if isinstance(one, bool | int | float | str | list))
        guesses = [sample] if sample is not None else list(usable)
        found = [one for value in guesses if (one := tried(name, value)) is not None]
        assert any(reached(one, path, name) != reached(before, path, name) for one in found), (
            f"no file can give {cls.__name__}.{name}: add a value to SAMPLES, or the option to HOOKS"
        )


def test_options_of_stores_are_those_of_their_classes() -> None:
    import inspect

    for choice, cls in ((JournalChoice, ff.JournalStore), (SqliteChoice, ff.SqliteDatabase)):
        taken = inspect.signature(cls).parameters
        for_tests = {"session_id", "files", "connection", "sync_file"}
        assert set(keys_of(choice)) == set(taken) - for_tests
        for name, key in keys_of(choice).items():
            assert name == "path" or key.default == taken[name].default


@pytest.mark.parametrize("name", keys_of(RateLimit))
def test_every_option_of_a_limit_can_be_given(name: str, write: Any) -> None:
    values = {"count": 7, "per": 2.5, "kind": "bucket", "unit": "bytes", "burst": 3}
    given = {"count": 1, **({"kind": "bucket"} if name == "burst" else {}), name: values[name]}
    whole = {**session("initiator"), "throttle": {"limits": [given]}}
    throttle = ff.load_config(write(dump(nodes({"session": {"x": whole}}))))["x"].throttle
    assert throttle is not None
    assert getattr(throttle.limits[0], name) == values[name]


def test_what_connect_and_serve_take_is_in_a_file() -> None:
    """A new argument of theirs becomes a field of ListenConfig or SessionSettings, or is named here."""
    import inspect

    by_session = {"stores", "wire_log", "throttle", "latency", "templates", "configs", "application"}
    by_session |= {"cancel_on_disconnect"}
    assert set(inspect.signature(ff.serve).parameters) == by_session | set(keys_of(ListenConfig))
    assert set(inspect.signature(ff.connect).parameters) == {
        "config", "connection", "application", "store", "wire_log", "throttle", "latency",
    }  # fmt: skip
    assert set(inspect.signature(ff.control).parameters) == {"target"} | set(keys_of(ControlConfig))
    assert set(inspect.signature(ff.serve_metrics).parameters) == {"source", "registry"} | set(keys_of(MetricsConfig))
    assert set(keys_of(LogConfig)) == set(inspect.signature(ff.WireLog).parameters)


def test_the_environment_is_put_into_texts(write: Any) -> None:
    path = write(ORDERS.replace('"BOT"', '"${WHO}-${N:-1}$${x}"').replace("9878", '"${PORT}"') + 'username = "a$b"')
    one = ff.load_config(path, environ={"WHO": "BOT", "PORT": "77"}).sessions["orders"]
    assert one.config.sender_comp_id == "BOT-1${x}"
    assert one.config.username == "a$b"
    assert one.connection is not None
    assert one.connection.port == 77
    assert said(path, PORT="x1") == [
        "5: sender_comp_id: the environment has no variable WHO",
        "8: connection.port: '${PORT}' is not allowed: a whole number",
    ]


def test_the_environment_does_not_reach_into_itself(write: Any) -> None:
    one = ff.load_config(write(ORDERS.replace('"BOT"', '"${A}"')), environ={"A": "${B}", "B": "no"})
    assert one.sessions["orders"].config.sender_comp_id == "${B}"


# --- secrets --------------------------------------------------------------------------------------------------------


def test_a_secret_comes_from_a_file_or_the_environment(write: Any, tmp_path: Path) -> None:
    secret = tmp_path / "venue.secret"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    path = write(ORDERS + 'password = { file = "venue.secret" }\nnew_password = { env = "NEW" }')
    one = ff.load_config(path, environ={"NEW": "hunter3"}).sessions["orders"]
    assert (one.config.password, one.config.new_password) == ("hunter2", "hunter3")
    assert "hunter" not in repr(one)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
def test_a_secret_that_others_may_read_is_refused(write: Any, tmp_path: Path) -> None:
    secret = tmp_path / "venue.secret"
    secret.write_text("hunter2\n")
    secret.chmod(0o644)
    path = write(ORDERS + 'password = { file = "venue.secret" }')
    with pytest.raises(ff.ConfigFileError, match=r"others may read .*venue\.secret \(mode 0644\): chmod 600 it"):
        ff.load_config(path)


def test_the_url_of_a_proxy_does_not_tell_its_password(write: Any) -> None:
    path = write(ORDERS.replace("9878", '9878, proxy = "socks5://me:hunter2@h:port"'))
    (found,) = said(path)
    assert found.startswith("8: connection.proxy: 'socks5://***@h:port' is not allowed: ")
    path = write(ORDERS.replace("9878", '9878, proxy = "socks5://me:hunter2@h:1080"'))
    settings = ff.load_config(path)
    assert "hunter2" not in repr(settings) + repr(effective(settings["orders"]))
    connection = settings["orders"].connection
    assert connection is not None
    assert connection.proxy == ProxyConfig("socks5", "h", 1080, "me", "hunter2")
    assert ff.load_config(write(to_toml(settings), "again.toml")) == settings


def test_what_is_said_of_a_secret_does_not_tell_it(write: Any, tmp_path: Path) -> None:
    (tmp_path / "two").write_text("hunter2\nhunter3\n")
    (tmp_path / "two").chmod(0o600)
    (tmp_path / "latin").write_bytes(b"hunter\xe9")
    (tmp_path / "latin").chmod(0o600)
    for value, text in (
        ('{ file = "two" }', "holds no secret: one line of text"),
        ('{ file = "latin" }', "is no UTF-8 text"),
        ('{ file = "none" }', "cannot be read"),
        ('{ env = "NONE" }', "the environment has no variable NONE"),
        ('{ file = "a", env = "b" }', "file or env, not both"),
        ("{ file = 1 }", "*** is not allowed: a path"),
        ('["hunter2"]', "*** is not allowed: text"),
    ):
        (found,) = said(write(ORDERS + f"password = {value}"))
        assert text in found
        assert "hunter" not in found
    for value in ('"hunter2\\u0001"', '"hunter2${"', '["hunter2"]', "1.5"):
        (found,) = said(write(ORDERS + f"logon = {{ 554 = {value} }}"))
        assert "hunter" not in found
        assert "1.5" not in found
    fields = ff.load_config(write(ORDERS + 'logon = { 554 = "hunter2", 96 = "hunter3", 9406 = "Y" }'))
    assert "hunter" not in repr(fields)
    assert "(9406, 'Y')" in repr(fields)


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("sender_compid = 'x'", "sender_compid: there is no such key; did you mean sender_comp_id?"),
        ("Heart-Bt-Int = 3", "Heart-Bt-Int: there is no such key; did you mean heart_bt_int?"),
        ("port = 1", "port: there is no such key; it belongs in [session.orders.connection]"),
        ("sync = 'none'", "sync: there is no such key; it belongs in [session.orders.store]"),
        ("zebra = 1", "zebra: there is no such key; docs/configuration.md lists the keys"),
        ("heart_bt_int = -1", "heart_bt_int: -1 is not allowed: a whole number from 0"),
        ("heart_bt_int = 1.5", "heart_bt_int: 1.5 is not allowed: a whole number"),
        ("heart_bt_int = true", "heart_bt_int: true is not allowed: a whole number"),
        ("heart_bt_int = '30'", "heart_bt_int: '30' is not allowed: a whole number"),
        ("offline = 'keep'", "offline: 'keep' is not allowed: \"refuse\" or \"store\""),
        ("check_latency = 'Y'", "check_latency: 'Y' is not allowed: true or false"),
        ("on_resend = 'f'", "on_resend: 'f' is not allowed: \"resend\" or \"gap-fill\", \"none\""),
        ("check = 'f'", "check: takes a function, which only code can give: see Settings.replace"),
        ("validation = { mode = 'x' }", "validation.mode: 'x' is not allowed: \"observe\" or \"warn\" or \"reject\""),
        ("validation = 'x'", "validation: 'x' is not allowed: a table, \"none\""),
        ("logon_timeout = 0", "logon_timeout: 0 is not allowed: seconds above 0 or \"none\""),
        ("logon = { x = 'y' }", "logon.x: x is no tag: a whole number from 1"),
        ("supported_msg_types = 'D'", "supported_msg_types: 'D' is not allowed: an array of text, \"none\""),
        ("heart_bt_int_policy = [1, 2, 3]",
         'heart_bt_int_policy: an array is not allowed: "accept" or "fixed", [a whole number, a whole number]'),
        ("schedule = { start = '1' }", "schedule: end is missing: a time of day (\"17:00\")"),
        ("schedule = { start = '01:00', end = '2' }",
         "schedule.end: '2' is not allowed: a local time, HH:MM or HH:MM:SS, 00:00 to 23:59:59"),
        ("schedule = { start = '01:00', end = '02:00', tz = 'Mars' }", (
            "schedule.tz: 'Mars' is not allowed: an IANA time zone that this system knows, such as America/New_York "
            "(the package tzdata has them all)"
        )),
        ("listen = { port = 1 }", "listen: the role is initiator: that has no listen"),
        ("username = '${'",
         "username: '${' is not allowed: ${NAME} or ${NAME:-default}; $${ stands for ${ itself"),
        ("dictionary = { x = 'y' }",
         "dictionary.x: x is not allowed: default, transport, an ApplVerID code (2 to 10) or a BeginString"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_key_and_the_way_out(line: str, text: str, write: Any) -> None:
    path = write(ORDERS + "\n" + line)
    assert said(path)[:1] == [f"10: {text}"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('role = "initiator"', "", '2: session.orders: role is missing: "initiator" or "acceptor"'),
        ('"initiator"', '"both"', '3: role: \'both\' is not allowed: "initiator" or "acceptor"'),
        ('"initiator"', '"acceptor"', "8: connection: the role is acceptor: that has no connection"),
        ('"memory"', '"disk"', '7: store: \'disk\' is not allowed: "journal", "sqlite", "memory"'),
        ('"memory"', "{ sync = 'x' }",
         '7: store.sync: \'x\' is not allowed: "none" or "interval" or "lease" or "group" or "every"'),
        ('"memory"', "{ kind = 'memory', path = 'x' }", "7: store.path: there is no such key; there are "),
        ("9878", "0", "8: connection.port: 0 is not allowed: a whole number from 1 to 65535"),
        (', port = 9878', "", "8: connection: port is missing: a whole number"),
        ("connection", "connections",
         "2: session.orders: connection is missing: a session with the role initiator has one"),
        ("[session.orders]", "[sessions.orders]", "2: sessions: there is no such key; did you mean session?"),
        ("[session.orders]", "", "3: role: there is no such key; it belongs in [defaults] or [session.NAME]"),
        ("[session.orders]", "[session]",
         "3: session.role: stands outside of a session: [session.NAME] begins one, and role is its key"),
        ("[session.orders]", "[[session]]", "2: session: write [session.NAME], with a name for each session"),
        ('"FIX.4.4"', '"FIX.9"', (
            "4: begin_string: 'FIX.9' is not allowed: one of FIX.4.0, FIX.4.1, FIX.4.2, FIX.4.3, FIX.4.4, FIXT.1.1"
        )),
        ('"BOT"', "7", "5: sender_comp_id: 7 is not allowed: text"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_named_with_its_line(old: str, new: str, text: str, write: Any) -> None:
    assert text in said(write(ORDERS.replace(old, new, 1)))


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write: Any) -> None:
    path = write("""[defaults]
heart_bt_int = -1
begin_strin = "FIX.4.4"
[session.a]
role = "initiator"
sender_comp_id = 1
offline = "x"
max_garbled = 0
connection = { hots = "x", port = 70000, reconnect = { initial = -1, factor = 0 } }
[session.b]
role = "acceptor"
""")
    with pytest.raises(ff.ConfigFileError) as caught:
        ff.load_config(path)
    error = caught.value
    assert [(remark.line, remark.key.rpartition(".")[2]) for remark in error.remarks] == [
        (2, "heart_bt_int"), (3, "begin_strin"), (4, "a"), (4, "a"), (6, "sender_comp_id"), (7, "offline"),
        (8, "max_garbled"), (9, "hots"), (9, "connection"), (9, "initial"), (9, "factor"), (9, "port"),
        (10, "b"), (10, "b"), (10, "b"), (10, "b"),
    ]  # fmt: skip
    assert str(error).splitlines()[0] == f"{path}:2: defaults.heart_bt_int: -1 is not allowed: a whole number from 0"
    assert len(str(error).splitlines()) == len(error.remarks)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.remarks) == (str(error), error.remarks)


def test_two_sessions_of_one_identity_are_refused(write: Any) -> None:
    path = write(ORDERS + ORDERS.replace("session.orders", "session.other"))
    (found,) = said(path)
    assert found == "10: session.other: FIX.4.4:BOT->SIM is that of orders: give one a qualifier"
    ff.load_config(write(ORDERS + ORDERS.replace("session.orders", "session.other") + "qualifier = '2'"))
    ff.load_config(write(ORDERS + DESK.replace('"SIM"', "0").replace('"BOT"', '"SIM"').replace("0\n", '"BOT"\n', 1)))


def test_several_files_are_one_settings(write: Any) -> None:
    one, two = write(ORDERS), write(DESK, "desk.toml")
    assert list(ff.load_config(one, two).sessions) == ["orders", "desk"]
    remarks = look_at_config(one, one).remarks
    assert [remark.text for remark in remarks] == [f"there is a session of this name in {one} already"]


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    for content, text in (
        (None, "No such file or directory"),
        (b"", r"there is no session: \[session\.NAME\] begins one"),
        (b"\x00\xff", "no UTF-8"),
        (b"[DEFAULT]\nConnectionType\n", "not TOML"),
    ):
        path = tmp_path / "x.toml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ff.ConfigFileError, match=text):
            ff.load_config(path)
    with pytest.raises(ff.ConfigFileError, match=r"Is a directory|Permission denied"):
        ff.load_config(tmp_path)


def test_what_a_file_says_breaks_no_terminal(write: Any) -> None:
    path = write(ORDERS + '"\\u001b[31m" = 1\nusername = "\\u001b"\noffline = "\\u001b[0m"')
    assert "\x1b" not in "".join(map(str, look_at_config(path).remarks))


# --- and back -------------------------------------------------------------------------------------------------------


def test_settings_are_written_and_read_as_equal_ones(write: Any) -> None:
    text = ORDERS + """password = "a\\"b${X:-y}$${z}\\\\é"
logon = { 96 = "x", 9406 = "Y" }
schedule = { days = ["SUN"], end_day = "FRI", start = "17:00", end = "16:00:30", logon = {start="18:00", end="15:00"} }
log = { path = "x.log" }
"""  # fmt: skip
    settings = ff.load_config(write(text + DESK.replace('"memory"', '{ kind = "sqlite" }')))
    again = ff.load_config(write(to_toml(settings), "again.toml"), environ={})
    assert again == settings


def test_what_no_file_can_hold_is_refused(write: Any) -> None:
    settings = ff.load_config(write(ORDERS)).replace("orders", check=lambda message: None)
    with pytest.raises(ff.ConfigError, match=r"check='function' is not allowed: what a file can hold"):
        to_toml(settings)


# --- and runs -------------------------------------------------------------------------------------------------------


def pair(write: Any, store: str, port: int = 1) -> tuple[ff.Settings, ff.Settings]:
    log = '\nlog = { path = "wire.log" }'
    desk = ff.load_config(write(DESK.replace('"memory"', store) + log, "desk.toml"))
    orders = ORDERS.replace('"memory"', store).replace("fix.example.com", HOST).replace("9878", str(port))
    return desk, ff.load_config(write(orders + log, "orders.toml"))


@pytest.mark.parametrize("store", ['"memory"', '{ kind = "journal" }', '{ kind = "sqlite" }'])
def test_what_a_file_says_runs(store: str, write: Any, tmp_path: Path) -> None:
    async def main() -> None:
        heard = Notes()
        desk, _ = pair(write, store)
        async with desk.serve(heard) as servers:
            _, orders = pair(write, store, servers.port)
            async with orders.connect("orders") as session:
                session.send_nowait(*news("hello"))
                await until(lambda: heard.headlines)
                (theirs,) = servers.sessions.values()
                assert theirs.id == ff.SessionID("FIX.4.4", "SIM", "BOT")

    run(main())
    log = (tmp_path / "wire.log").read_text()
    assert "BOT->SIM >" in log
    assert "SIM->BOT <" in log
    if store != '"memory"':
        kept = ff.load_config(tmp_path / "orders.toml").sessions["orders"].store()
        assert kept.load().next_out > 3
        kept.close()


def test_control_and_metrics_are_there_while_a_session_runs(write: Any, tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    process = '[control]\npath = "run/bot.sock"\nidle = 5\n[metrics]\nport = 0\n'
    settings = ff.load_config(write(process + ORDERS + DESK))
    assert ff.load_config(write(to_toml(settings), "again.toml")) == settings
    assert said(write("[control]\nidle = 0\n[metrics]\nport = -1\n" + ORDERS)) == [
        "1: control: path is missing: a path",
        "2: control.idle: 0 is not allowed: seconds above 0",
        "4: metrics.port: -1 is not allowed: a whole number from 0 to 65535",
    ]
    assert (
        said(
            write(process + ORDERS),
        )
        == []
    )
    both = look_at_config(write(process + ORDERS), write(process + DESK, "desk.toml")).remarks
    assert [remark.text for remark in both] == ["another file says that already"] * 2

    async def main() -> None:
        watch = settings._watch
        assert not (tmp_path / "run" / "bot.sock").exists()
        async with settings.serve() as servers:
            assert [session.id.sender_comp_id for session in watch.sessions()] == ["SIM"]
            text = ORDERS.replace("fix.example.com", HOST).replace("9878", str(servers.port))
            orders = replace(settings, sessions=ff.load_config(write(text)).sessions)
            object.__setattr__(orders, "_watch", watch)  # as if the port had been known before
            async with orders.connect("orders"):
                assert {session.id.sender_comp_id for session in watch.sessions()} == {"SIM", "BOT"}
                assert (tmp_path / "run" / "bot.sock").exists()
            assert len(watch.sessions()) == 1
        assert not watch.sessions()
        assert not (tmp_path / "run" / "bot.sock").exists()

    run(main())


def test_a_session_with_a_star_is_a_template_for_many(write: Any, tmp_path: Path) -> None:
    class Guard(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            if request.config is None:
                return ff.SessionConfig("FIX.4.2", request.session_id.sender_comp_id, "STRANGER")
            return request.config

    listed = DESK.replace('"memory"', '{ kind = "sqlite", path = "all.db" }').replace("session.desk", "session.listed")
    template = (
        listed.replace("session.listed", "session.any").replace('"BOT"', '"DESK*"') + 'log = { path = "any.log" }'
    )
    desk = ff.load_config(write(listed + template + "\nlatency = true", "desk.toml"))
    assert [one.is_template for one in desk.sessions.values()] == [False, True]

    async def main() -> None:
        heard = Guard()
        async with desk.serve(heard) as servers:
            assert len(servers.servers) == 1
            for name, version in (
                ("BOT", "FIX.4.4"),
                ("DESK1", "FIX.4.4"),
                ("DESK2", "FIX.4.4"),
                ("STRANGER", "FIX.4.2"),
            ):
                text = (
                    ORDERS.replace("fix.example.com", HOST)
                    .replace("9878", str(servers.port))
                    .replace('"BOT"', f'"{name}"')
                )
                bot = ff.load_config(write(text.replace("FIX.4.4", version)))
                async with bot.connect("orders") as session:
                    session.send_nowait(*news(name))
                    await until(lambda n=name: n in heard.headlines)  # type: ignore[misc]

    run(main())
    log = (tmp_path / "any.log").read_text()
    assert "DESK1" in log
    assert "BOT" not in log
    for peer in ("BOT", "DESK1", "DESK2"):
        store = desk.sessions["listed"].stored.open(ff.SessionID("FIX.4.4", "SIM", peer))
        assert store.load().received > 2
        store.close()


def test_a_peer_that_is_gone_is_told_as_the_file_says(write: Any) -> None:
    class Careful(Notes):
        cancelled = 0

        def on_cancel_on_disconnect(self, session: ff.LiveSession, reason: str) -> None:
            self.cancelled += 1

    desk = ff.load_config(write(DESK + "cancel_on_disconnect = { on_logout = true }", "desk.toml"))
    (found,) = said(write(ORDERS + "cancel_on_disconnect = { grace = 1 }"))
    assert found == "9: cancel_on_disconnect: the role is initiator: that has no cancel_on_disconnect"

    async def main() -> None:
        heard = Careful()
        async with desk.serve(heard) as servers:
            bot = ORDERS.replace("fix.example.com", HOST).replace("9878", str(servers.port))
            async with ff.load_config(write(bot)).connect("orders"):
                pass
            await until(lambda: heard.cancelled)

    run(main())


def test_a_unix_socket_is_beside_the_file(write: Any, tmp_path: Path) -> None:
    desk = ff.load_config(write(DESK.replace("port = 0", 'path = "desk.sock"'), "desk.toml"))
    text = ORDERS.replace('"fix.example.com", port = 9878', '"./desk.sock", port = 0')
    bot = ff.load_config(write(text))

    async def main() -> None:
        async with desk.serve(), bot.connect("orders") as session:
            assert session.active

    run(main())
    assert bot["orders"].connection == ff.ConnectionConfig(str(tmp_path / "desk.sock"), 0)


def test_sessions_of_two_addresses_have_two_servers(write: Any) -> None:
    second = DESK.replace("session.desk", "session.two").replace('"BOT"', '"TWO"')
    settings = ff.load_config(write(DESK + second.replace("port = 0", 'port = 0, host = "localhost"')))

    async def main() -> None:
        async with settings.serve() as servers:
            assert len(servers.servers) == 2
            assert len(servers.sessions) == 2

    run(main())
    limited = ff.load_config(write(DESK + second.replace("port = 0", "port = 0, limits = { pending = 3 }")))
    with pytest.raises(ff.ConfigError, match=r"two.*the same as for desk, which listens on the same address"):
        limited.serve()


def test_a_role_is_not_run_as_the_other(write: Any) -> None:
    settings = ff.load_config(write(DESK))
    with pytest.raises(ff.ConfigError, match="an initiator; this one is an acceptor"):
        settings.connect("desk")
    with pytest.raises(ff.ConfigError, match="one of desk"):
        settings.connect("orders")
    with pytest.raises(ff.ConfigError, match="acceptor, of at least one session"):
        ff.load_config(write(ORDERS)).serve()


def test_hooks_are_added_in_code(write: Any) -> None:
    settings = ff.load_config(write(ORDERS)).replace("orders", on_resend=lambda *_: False, heart_bt_int=5)
    assert settings.sessions["orders"].config.heart_bt_int == 5
    assert settings.sessions["orders"].config.on_resend is not None
    with pytest.raises(ff.ConfigError, match="an option of SessionConfig"):
        settings.replace("orders", nonsense=1)


def test_a_store_is_closed_when_the_logon_fails(write: Any, tmp_path: Path) -> None:
    _, orders = pair(write, '{ kind = "journal" }')

    async def main() -> None:
        with pytest.raises(ff.LogonFailed):
            async with orders.connect("orders"):
                pass

    run(main())
    orders.sessions["orders"].store().close()  # not locked any more
    assert os.path.isdir(tmp_path / "journals")
    assert MemoryChoice().open(orders.sessions["orders"].session_id).load().next_out == 1
