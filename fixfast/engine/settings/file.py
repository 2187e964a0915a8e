"""load_config(): a configuration file becomes Settings. docs/configuration.md lists every key.

In TOML:

    [defaults]                          # what every session has, unless it says otherwise
    begin_string = "FIX.4.4"
    sender_comp_id = "BOT01"

    [session.orders]
    role = "initiator"
    target_comp_id = "VENUE"
    password = { file = "/run/secrets/venue" }
    connection = { host = "fix.example.com", port = 9878, tls = true }
    store = { kind = "journal", path = "journals" }

The keys of a session are those of SessionConfig, and `role`, `connection`, `listen`, `store`, `log`, which are tables
with the fields of ConnectionConfig, ListenConfig, the store's options and LogConfig.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.quickfix.convert import convert, looks_like_cfg
from fixfast.engine.settings.keys import keys_of
from fixfast.engine.settings.named import named_files
from fixfast.engine.settings.nodes import MAX_BYTES, Node, merge, read_toml
from fixfast.engine.settings.read import Reader
from fixfast.engine.settings.remarks import ConfigFileError, ConfigRemark
from fixfast.engine.settings.session import ListenConfig, LogConfig, SessionSettings
from fixfast.engine.settings.settings import Settings
from fixfast.engine.settings.store_choice import STORES, StoreChoice
from fixfast.engine.settings.watch import ControlConfig, MetricsConfig
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.types import Role

__all__ = ["PROCESS", "SESSION_KEYS", "TABLES", "Loaded", "homes", "load_config", "look_at_config", "read_session"]

T = TypeVar("T")

#: tables of a session -> what they become; `store` has several kinds
TABLES: Mapping[str, type] = {
    "connection": ConnectionConfig,
    "listen": ListenConfig,
    "log": LogConfig,
    "throttle": Throttle,
    "cancel_on_disconnect": CancelOnDisconnect,
}
#: the keys of a session
SESSION_KEYS = frozenset({*keys_of(SessionConfig), "role", "store", "latency", *TABLES})
#: role -> tables that its sessions do not have
_NOT_OF = {Role.INITIATOR: ("listen", "cancel_on_disconnect"), Role.ACCEPTOR: ("connection",)}
#: tables of a file that are not a session's
PROCESS: Mapping[str, type] = {"control": ControlConfig, "metrics": MetricsConfig}
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found in configuration files.

    Attributes:
        settings: None if anything is an error.
        remarks: errors, warnings and notes, file by file, line by line.
    """

    settings: Settings | None
    remarks: tuple[ConfigRemark, ...]

    @property
    def errors(self) -> tuple[ConfigRemark, ...]:
        """The remarks that are errors."""
        return tuple(remark for remark in self.remarks if remark.severity == "error")


def load_config(
    path: str | os.PathLike[str], *more: str | os.PathLike[str], environ: Mapping[str, str] | None = None
) -> Settings:
    """Read a configuration file: fixfast's own, in TOML.

    Args:
        path: the file. Paths in it are relative to its folder.
        more: further files. Each has its own defaults; the sessions of all are one Settings.
        environ: the variables for `${NAME}` and `{ env = "NAME" }`; None: those of the process.

    Returns: Settings; its `connect()` and `serve()` run what the file says, its `sessions` have the parts.

    Raises:
        ConfigFileError: the file, or what it says, is wrong: all of it, each with file, line, key and the way out.
    """
    loaded = look_at_config(path, *more, environ=environ)
    if loaded.settings is None:
        raise ConfigFileError(loaded.errors)
    return loaded.settings


def look_at_config(
    path: str | os.PathLike[str],
    *more: str | os.PathLike[str],
    environ: Mapping[str, str] | None = None,
    files: bool = False,
) -> Loaded:
    """Read configuration files as load_config() does; whatever is wrong is among the remarks.

    Args: files: look into the files that they name, too: dictionaries and certificates.
    """
    sessions: dict[str, SessionSettings] = {}
    origins: dict[str, Node] = {}
    process: dict[str, Any] = {}
    remarks: list[ConfigRemark] = []
    for one in (path, *more):
        name = os.fspath(one)
        data = _read(name)
        if isinstance(data, ConfigRemark):
            remarks.append(data)
            continue
        variables = os.environ if environ is None else environ
        if looks_like_cfg(name, data):
            remarks += _quickfix(data, name, variables, sessions, origins)
            continue
        root = read_toml(data, name)
        if isinstance(root, ConfigRemark):
            remarks.append(root)
            continue
        reader = Reader(Path(os.path.abspath(name)).parent, variables)
        _sessions(reader, root, sessions, origins)
        _process(reader, root, process)
        remarks += sorted(reader.remarks, key=lambda remark: remark.line)
    if not sessions and not remarks:
        remarks.append(ConfigRemark("error", os.fspath(path), 0, "", "there is no session: [session.NAME] begins one"))
    settings = None
    if not any(remark.severity == "error" for remark in remarks):
        try:
            settings = Settings(sessions, **process)
        except ConfigError as error:
            node = origins[str(error.value)]
            remarks.append(ConfigRemark("error", node.file, node.line, f"session.{error.value}", error.allowed))
    if settings is not None and files:
        remarks += named_files(settings, origins)
        settings = None if any(remark.severity == "error" for remark in remarks) else settings
    return Loaded(settings, tuple(remarks))


def _read(name: str) -> bytes | ConfigRemark:
    try:
        with open(name, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        return ConfigRemark("error", name, 0, "", getattr(error, "strerror", None) or str(error))


def _quickfix(
    data: bytes,
    name: str,
    environ: Mapping[str, str],
    sessions: dict[str, SessionSettings],
    origins: dict[str, Node],
) -> list[ConfigRemark]:
    """Add the sessions of a settings file of QuickFIX, whose paths are relative to the working directory."""
    found = convert(data, name)
    remarks = list(found.remarks)
    reader = Reader(Path.cwd(), environ)
    _sessions(reader, found.root, sessions, origins)
    # What is missing because a setting is wrong has been said, in the words of the file.
    wrong = any(remark.severity == "error" for remark in remarks)
    remarks += [remark for remark in reader.remarks if not (wrong and remark.key.startswith("session."))]
    return sorted(dict.fromkeys(remarks), key=lambda remark: remark.line)


def _sessions(reader: Reader, root: Node, sessions: dict[str, SessionSettings], origins: dict[str, Node]) -> None:
    """Add the sessions of a file."""
    elsewhere = dict.fromkeys(SESSION_KEYS, "[defaults] or [session.NAME]")
    reader.table(root, "", ("defaults", "session", *PROCESS), elsewhere)
    defaults = root.value.get("defaults", Node({}, file=root.file))
    named = root.value.get("session", Node({}, file=root.file))
    if not reader.table(defaults, "defaults", SESSION_KEYS, homes("defaults")):
        return
    if not named.is_table:
        reader.remark(named, "session", "write [session.NAME], with a name for each session")
        return
    for name, own in named.value.items():
        path = f"session.{name}"
        if name in sessions:
            reader.remark(own, path, f"there is a session of this name in {origins[name].file} already")
            continue
        if not own.is_table:
            reader.remark(own, path, f"stands outside of a session: [session.NAME] begins one, and {name} is its key")
        elif reader.table(own, path, SESSION_KEYS, homes(path)):
            made = read_session(reader, name, defaults, own, path)
            if made is not None:
                sessions[name], origins[name] = made, merge(defaults, own)


def _process(reader: Reader, root: Node, found: dict[str, Any]) -> None:
    """Add what a file says of the process: its control socket, its metrics."""
    for name, cls in PROCESS.items():
        node = root.value.get(name)
        if node is not None and name in found:
            reader.remark(node, name, "another file says that already")
        elif node is not None:
            found[name] = reader.build(cls, node, name)


def homes(path: str) -> dict[str, str]:
    """Return {key: table it belongs in} for keys that are one level too high."""
    found = {"kind": f"[{path}.store]"}
    for table, cls in (*TABLES.items(), *(("store", cls) for cls in STORES.values())):
        for key in keys_of(cls):
            found.setdefault(key, f"[{path}.{table}]")
    return found


def read_session(reader: Reader, name: str, defaults: Node, own: Node, path: str) -> SessionSettings | None:
    """Return what two tables say of a session; None: something is wrong, which is noted.

    Args: path: what the second of them is called in remarks.
    """
    before = len(reader.remarks)
    whole = merge(defaults, own)
    parts: dict[str, Any] = {
        key: node for key, node in whole.value.items() if key in ("role", "store", "latency", *TABLES)
    }
    known = keys_of(SessionConfig)
    rest = Node({key: node for key, node in whole.value.items() if key in known}, own.line, path, own.file)
    role = _role(reader, parts.pop("role", None), own, path)
    unused = _NOT_OF[role] if role is not None else ()
    for key in unused:
        if key in own.value and role is not None:
            reader.remark(own.value[key], f"{path}.{key}", f"the role is {role.value}: that has no {key}")
    found: dict[str, Any] = {"stored": _store(reader, parts.pop("store", None), f"{path}.store")}
    latency = parts.pop("latency", Node(False))
    found["latency"] = latency.value
    if not isinstance(latency.value, bool):
        reader.remark(latency, f"{path}.latency", f"{latency.value!r} is not allowed: true or false")
    for key, cls in TABLES.items():
        node = parts.get(key)
        if node is not None and node.value != "none" and key not in unused:
            found[key] = reader.build(cls, node, f"{path}.{key}")
        elif role is not None and key in ("connection", "listen") and key not in unused:
            reader.remark(own, path, f"{key} is missing: a session with the role {role.value} has one")
    config = reader.build(SessionConfig, rest, path)
    if len(reader.remarks) > before or config is None or role is None:
        return None
    return SessionSettings(name=name, role=role, config=config, **found)


def _role(reader: Reader, node: Node | None, own: Node, path: str) -> Role | None:
    allowed = " or ".join(f'"{role}"' for role in _ROLES)
    if node is None:
        reader.remark(own, path, f"role is missing: {allowed}")
        return None
    role = _ROLES.get(node.value) if isinstance(node.value, str) else None
    if role is None:
        reader.remark(node, f"{path}.role", f"{node.value!r} is not allowed: {allowed}")
    return role


def _store(reader: Reader, node: Node | None, path: str) -> StoreChoice | None:
    """Return the store that a table, or the name of a kind, asks for; without one, a journal in `journals`."""
    if node is None:
        node = Node({})
    if isinstance(node.value, str):
        node = Node({"kind": node}, node.line, node.name, node.file)
    if not node.is_table:
        reader.remark(node, path, f"a table, or one of {_kinds()}")
        return None
    kind = node.value.get("kind", Node("journal"))
    cls = STORES.get(kind.value) if isinstance(kind.value, str) else None
    if cls is None:
        reader.remark(kind, f"{path}.kind", f"{kind.value!r} is not allowed: {_kinds()}")
        return None
    options = {key: inner for key, inner in node.value.items() if key != "kind"}
    if "path" in keys_of(cls) and "path" not in options:
        options["path"] = Node(keys_of(cls)["path"].default, node.line, file=node.file)  # relative to the file, too
    made: StoreChoice | None = reader.build(cls, Node(options, node.line, node.name, node.file), path)
    return made


def _kinds() -> str:
    return ", ".join(f'"{kind}"' for kind in STORES)
