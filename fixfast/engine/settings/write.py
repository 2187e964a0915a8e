"""Settings as TOML, which load_config() reads back as equal Settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin

from fixfast.engine.settings.hooks import DictionaryFiles, LogonFields, ResendRule
from fixfast.engine.settings.keys import NO_DEFAULT, Key, Weekday, alternatives, givable, keys_of
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.settings import Settings
from fixfast.engine.settings.store_choice import STORES
from fixfast.errors import ConfigError
from fixfast.session.schedule import Schedule

__all__ = ["dump", "nodes_of", "table_of", "to_toml"]

_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_KINDS = {cls: kind for kind, cls in STORES.items()}


def to_toml(settings: Settings) -> str:
    """Return Settings as the text of a configuration file. Passwords are in it as they are: keep it to yourself.

    Raises: ConfigError: an option is a function, or another object that no file can hold.
    """
    return dump(nodes_of(settings))


def nodes_of(settings: Settings) -> Node:
    """Return Settings as tables, with what differs from the defaults. Raises: ConfigError, as to_toml()."""
    sessions = {name: Node(_session(one)) for name, one in settings.sessions.items()}
    process = {name: getattr(settings, name) for name in ("control", "metrics")}
    tables = {name: Node(_options(one)) for name, one in process.items() if one is not None}
    return Node({**tables, "session": Node(sessions)})


def table_of(options: Any) -> Node:
    """Return a dataclass of options as a table, as nodes_of() does. Raises: ConfigError, as to_toml()."""
    return Node(_options(options))


def _session(one: SessionSettings) -> dict[str, Node]:
    stored = {"kind": Node(_KINDS[type(one.stored)]), **_options(one.stored)}
    found = {"role": Node(one.role.value), **_options(one.config)}
    if one.latency:
        found["latency"] = Node(True)
    for name in ("connection", "listen"):
        if getattr(one, name) is not None:
            found[name] = Node(_options(getattr(one, name)))
    found["store"] = Node(stored)
    for name in ("log", "throttle", "cancel_on_disconnect"):
        if getattr(one, name) is not None:
            found[name] = Node(_options(getattr(one, name)))
    return found


def _options(options: Any) -> dict[str, Node]:
    """Return the fields of a dataclass that are not as they are by default, and all paths: those depend on the file."""
    found = {}
    for name, key in keys_of(type(options)).items():
        value = getattr(options, name)
        is_path = any(get_origin(one) is Annotated and get_args(one)[1] == "path" for one in alternatives(key.hint))
        if key.default is NO_DEFAULT or value != key.default or (is_path and value):
            found[name] = _node(value, key)
    return found


def _node(value: Any, key: Key) -> Node:
    if isinstance(value, Schedule):
        return Node(_options(value) if value.days else "non-stop")
    if isinstance(value, LogonFields):
        return Node({str(tag): Node(text) for tag, text in value.fields})
    if isinstance(value, ResendRule):
        return Node(value.rule)
    if isinstance(value, DictionaryFiles):
        named = {**({"default": value.default} if value.default else {}), **dict(value.files)}
        named |= {"transport": value.transport} if value.transport else {}
        return Node({name: Node(text) for name, text in named.items()})
    if is_dataclass(value):
        return Node(_options(value))
    if value is None:
        return Node("none")
    if isinstance(value, bool | int | float | str | date):
        if type(value) is int and Weekday in alternatives(key.hint):
            return Node(_DAYS[value])
        return Node(value)
    if isinstance(value, Decimal):
        return Node(format(value, "f"))
    if isinstance(value, time):
        return Node(f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}")
    if isinstance(value, tuple | list | frozenset):
        inner = Key(key.name, next((get_args(one)[0] for one in givable(key.hint) if get_args(one)), Any), None)
        return Node([_node(one, inner) for one in (sorted(value) if isinstance(value, frozenset) else value)])
    if isinstance(value, Mapping):
        return Node({str(name): _node(one, Key(key.name, Any, None)) for name, one in value.items()})
    if isinstance(value, os.PathLike):
        return Node(os.fspath(value))
    raise ConfigError(key.name, type(value).__name__, f"what a file can hold; this is {key.code_only or 'an object'}")


# --- text ---------------------------------------------------------------------------------------------------------


def dump(
    root: Node,
    comment: Callable[[Node], str] = lambda node: "",
    *,
    above: Callable[[Node], list[str]] = lambda node: [],
    escape: bool = True,
) -> str:
    """Return tables as TOML.

    Args:
        comment: what to write behind a key or a heading; "": nothing.
        above: lines to write above the heading of a table.
        escape: a `${` in a text is meant as it is. False: it refers to the environment.
    """
    lines = _Writer(comment, above, escape).table(root, ())
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines).strip("\n") + "\n"


class _Writer:
    def __init__(self, comment: Callable[[Node], str], above: Callable[[Node], list[str]], escape: bool) -> None:
        self._comment = comment
        self._above = above
        self._escape = escape

    def table(self, table: Node, path: tuple[str, ...]) -> Iterator[str]:
        """Yield the lines of a table and of those within."""
        inner = {key: node for key, node in table.value.items() if node.is_table}
        plain = {key: node for key, node in table.value.items() if key not in inner}
        if path and (plain or not inner):
            yield ""
            yield from self._above(table)
            yield f"[{'.'.join(map(_key, path))}]{self._behind(table)}"
        for key, node in plain.items():
            yield f"{_key(key)} = {self.value(node)}{self._behind(node)}"
        for key, node in inner.items():
            yield from self.table(node, (*path, key))

    def _behind(self, node: Node) -> str:
        comment = self._comment(node)
        return f"  # {comment}" if comment else ""

    def value(self, node: Node) -> str:
        """Return a value as TOML writes it."""
        value = node.value
        if isinstance(value, str):
            return _text(value.replace("${", "$${") if self._escape else value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return f"[{', '.join(self.value(one) for one in value)}]"
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{_key(key)} = {self.value(one)}" for key, one in value.items()) + " }"
        return str(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("text", text, "what UTF-8 can hold") from None
    written = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written) + '"'
