"""Settings are written as TOML and read back as equal Settings, whatever is in them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.engine.settings.file import TABLES, look_at_config
from fixfast.engine.settings.hooks import LogonFields, ResendRule
from fixfast.engine.settings.keys import alternatives, keys_of
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.session import ListenConfig, LogConfig
from fixfast.engine.settings.show import MASK, effective
from fixfast.engine.settings.store_choice import JournalChoice, MemoryChoice, SqliteChoice
from fixfast.engine.settings.watch import ControlConfig
from fixfast.engine.settings.write import dump, to_toml

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.$-{}_", min_size=1, max_size=10)
DATES = st.dates(date(2020, 1, 1), date(2030, 12, 31))
#: options whose values hang together, or are narrower than their types
NARROW: dict[str, st.SearchStrategy[Any]] = {
    "begin_string": st.sampled_from(["FIX.4.2", "FIX.4.4"]),
    "heart_bt_int_policy": st.sampled_from(["accept", "fixed", (1, 60)]),
    "timestamp_digits": st.sampled_from([0, 3, 6, 9]),
    "default_appl_ver_id": st.sampled_from(["7", "8", "9"]),
    "dictionary": st.sampled_from([None, "FIX.4.2", "FIX.4.4+FIXT.1.1", "/specs/broker.xml"]),
    "logon": st.none() | st.lists(st.tuples(st.integers(5000, 9999), TEXTS), max_size=3, unique_by=lambda f: f[0]).map(
        lambda found: LogonFields(tuple(found))
    ),
    "on_resend": st.sampled_from([None, ResendRule("resend"), ResendRule("gap-fill")]),
    "next_expected_msg_seq_num": st.sampled_from(["ignore", "honour"]),
    "supported_msg_types": st.none() | st.frozensets(NAMES, max_size=3),
    "on_behalf_of_comp_ids": st.none() | st.frozensets(NAMES, max_size=3),
    "deliver_to_comp_ids": st.none() | st.frozensets(NAMES, max_size=3),
    "last_msg_seq_num_processed": st.booleans(),
    "sender_comp_id": NAMES,
    "target_comp_id": NAMES,
    "max_garbled_percent": st.integers(1, 100),
}  # fmt: skip

TIMES = st.times().map(lambda at: f"{at:%H:%M:%S}")
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"])


@st.composite
def schedules(draw: Any) -> ff.Schedule:
    hours = st.builds(ff.Schedule.daily, TIMES, TIMES, tz=ZONES)
    inner = draw(st.none() | hours)
    days = draw(st.sampled_from([("MON",), ("SUN", "WED"), ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")]))
    if draw(st.booleans()):
        return draw(st.just(ff.Schedule.non_stop()))  # type: ignore[no-any-return]
    holidays = draw(st.frozensets(DATES, max_size=2))
    if len(days) == 1:
        end = (draw(st.sampled_from(["TUE", "FRI"])), draw(TIMES))
        return ff.Schedule.weekly((days[0], draw(TIMES)), end, tz=draw(ZONES), logon=inner)
    return ff.Schedule.weekdays(
        days, draw(TIMES), draw(TIMES), tz=draw(ZONES), holidays=holidays, logon=inner, reset=draw(st.booleans())
    )


def options(cls: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any options of a dataclass that its types allow; those it refuses are left at their defaults."""
    strategies = {}
    for name, key in keys_of(cls).items():
        if key.code_only:
            continue
        strategies[name] = fixed[name] if name in fixed else NARROW[name] if name in NARROW else by_type(key.hint)
    required = {field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING}
    required |= {"path"} & set(strategies)  # a relative one is relative to something else in a file
    optional = {name: one for name, one in strategies.items() if one is not None and name not in required}

    def make(found: dict[str, Any]) -> Any:
        kept = {name: value for name, value in found.items() if name in required}
        for name, value in found.items():
            if name not in required:
                try:
                    cls(**kept, **{name: value})
                except ff.ConfigError:
                    continue
                kept[name] = value
        return cls(**kept)

    needed = {name: one for name, one in strategies.items() if one is not None and name in required}
    return st.fixed_dictionaries(needed, optional=optional).map(make)


def by_type(hint: Any) -> st.SearchStrategy[Any] | None:
    found: list[st.SearchStrategy[Any]] = []
    for one in alternatives(hint):
        if one is type(None):
            found.append(st.none())
        elif get_origin(one) is Literal:
            found.append(st.sampled_from(get_args(one)))
        elif one in (bool, int, float, str):
            simple = {bool: st.booleans(), int: st.integers(0, 10**6), float: st.floats(0, 1e6), str: TEXTS}
            found.append(simple[one])
    return st.one_of(found) if found else None


PATHS = st.text("abc/.$ {}é", min_size=1, max_size=8).map(lambda text: os.path.abspath("/x/" + text))
STORES = st.one_of(options(JournalChoice, path=PATHS), options(SqliteChoice, path=PATHS), st.just(MemoryChoice()))
HOSTS = st.sampled_from(["fix.example.com", "192.0.2.1", "2001:db8::1", "${HOST}"])
PORTS = st.integers(1, 65535)
CONFIGS = options(ff.SessionConfig, schedule=st.none() | schedules(), validation=st.none() | options(ff.Validation))
CONNECTIONS = options(
    ff.ConnectionConfig, host=HOSTS, port=PORTS, reconnect=options(ff.Reconnect),
    alternatives=st.lists(st.tuples(HOSTS, PORTS), max_size=2).map(tuple),
)  # fmt: skip


@st.composite
def settings(draw: Any) -> ff.Settings:
    sessions = {}
    for n, name in enumerate(
        draw(st.lists(st.text(max_size=6).filter(lambda s: s.isprintable()), max_size=3, unique=True))
    ):
        config = draw(CONFIGS)
        if draw(st.booleans()):
            place: dict[str, Any] = {"role": ff.Role.INITIATOR, "connection": draw(CONNECTIONS)}
        else:
            place = {
                "role": ff.Role.ACCEPTOR,
                "listen": ListenConfig(port=draw(PORTS), allow=draw(st.sampled_from([None, ("10.0.0.0/8",)]))),
            }
        log = draw(st.none() | PATHS.map(lambda path: LogConfig(path=path)))
        config = replace(config, qualifier=str(n))
        sessions[name] = ff.SessionSettings(name=name, config=config, stored=draw(STORES), log=log, **place)
    return ff.Settings(sessions)


@given(settings())
def test_settings_written_as_toml_are_read_as_equal(one: ff.Settings) -> None:
    if not one.sessions:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        path.write_text(to_toml(one), encoding="utf-8")
        assert ff.load_config(path, environ={}) == one


@given(CONFIGS, TEXTS)
def test_no_password_is_shown(config: ff.SessionConfig, secret: str) -> None:
    secret = f"secret-{secret}"
    config = replace(config, password=secret, new_password=secret, logon=LogonFields(((96, secret),)))
    one = ff.SessionSettings(
        name="x", role=ff.Role.INITIATOR, config=config, connection=ff.ConnectionConfig("h", 1), stored=MemoryChoice()
    )
    shown = repr(effective(one)) + repr(one)
    assert secret not in shown
    assert MASK in shown


#: what is the right value of some option, wherever it stands
ODD = st.one_of(
    st.sampled_from(
        ["", "none", "memory", "journal", "acceptor", "FIX.4.4", "FIX.4.2", "17:00", "MON", "non-stop", "/x", "${A}",
         "${", "*", "10.0.0.0/8", "gap-fill", "http", "socks5://a:b@c:1", "required", "queue", "UTC", "\x00", "\x01",
         "é", "h"]
    ),
    st.integers(-2, 10), st.integers(), st.booleans(), st.floats(), st.dates(), st.times(), st.datetimes(),
)  # fmt: skip
WORDS = st.sampled_from(["file", "env", "kind", "D", "9", "FIXT.1.1", "default", "transport", "554", "path", "count"])
TREES = st.recursive(
    ODD, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)), max_leaves=6
)


def table(cls: type, depth: int = 0) -> st.SearchStrategy[Any]:
    """Some of a table's keys, with values that may be anything, and tables that are alike."""
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, key in keys_of(cls).items():
        inner = [one for one in alternatives(key.hint) if isinstance(one, type) and is_dataclass(one) and keys_of(one)]
        optional[name] = TREES if not inner or depth > 1 else TREES | table(inner[0], depth + 1)
    return st.fixed_dictionaries({}, optional=optional)


def over(base: dict[str, Any]) -> Any:
    return lambda given: {**base, **given}


IDENTITY = {"begin_string": "FIX.4.4", "sender_comp_id": "A", "target_comp_id": "B"}
SESSIONS = st.tuples(
    table(ff.SessionConfig).map(over(IDENTITY)),
    st.fixed_dictionaries(
        {},
        optional={
            **{name: TREES | table(cls) for name, cls in TABLES.items()},
            "connection": table(ff.ConnectionConfig).map(over({"host": "h", "port": 1})),
            "store": TREES | table(JournalChoice) | table(SqliteChoice).map(over({"kind": "sqlite"})),
        },
    ),
    st.sampled_from([{"role": "initiator"}, {"role": "acceptor"}]),
).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


def nodes(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: nodes(one) for key, one in value.items()})
    return Node([nodes(one) for one in value] if isinstance(value, list) else value)


@given(SESSIONS, table(ControlConfig), st.booleans())
def test_any_tables_are_loaded_or_refused_with_lines(
    session: dict[str, Any], process: dict[str, Any], inherited: bool
) -> None:
    """Whatever a file says, nothing but ConfigFileError comes of it, and all that is wrong has its line."""
    whole = {"session": {"x": {} if inherited else session}, "control": process}
    if inherited:
        whole["defaults"] = session
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        path.write_text(dump(nodes(whole), escape=False), encoding="utf-8")
        found = look_at_config(path, environ={"A": "7"})
        assert (found.settings is None) == bool(found.errors)
        assert all(remark.line for remark in found.errors), found.errors
        assert all(str(remark).isprintable() for remark in found.remarks)
