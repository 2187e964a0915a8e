"""Which store a session of a configuration file has: the options of the stores, as frozen values that open one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias, get_args

from fixfast.engine.settings.keys import FilePath
from fixfast.errors import ConfigError
from fixfast.store.base import Store
from fixfast.store.journal import JournalStore, SyncPolicy
from fixfast.store.memory import MemoryStore
from fixfast.store.sqlite import SqliteStore
from fixfast.store.sqlitedb import SqliteDatabase
from fixfast.types import SessionID

__all__ = ["STORES", "JournalChoice", "MemoryChoice", "SqliteChoice", "StoreChoice"]

_LEAST = {
    "lease_size": 1,
    "interval_ns": 0,
    "keep_epochs": 0,
    "segment_size": 1,
    "keep_bytes": 1,
    "keep_messages": 1,
}


def _check(choice: JournalChoice | SqliteChoice) -> None:
    if not isinstance(choice.path, str) or not choice.path:
        raise ConfigError("path", choice.path, "a path")
    if choice.sync not in get_args(SyncPolicy):
        raise ConfigError("sync", choice.sync, f"one of {', '.join(get_args(SyncPolicy))}")
    for field in fields(choice):
        value, least = getattr(choice, field.name), _LEAST.get(field.name)
        if least is None or (value is None and field.default is None):
            continue
        if type(value) is not int or value < least:
            raise ConfigError(field.name, value, f"a whole number from {least}")
    if not isinstance(choice.secret_comp_ids, bool):
        raise ConfigError("secret_comp_ids", choice.secret_comp_ids, "True or False")


def _options(choice: object) -> dict[str, Any]:
    return {field.name: getattr(choice, field.name) for field in fields(choice) if field.name != "path"}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class JournalChoice:
    """The options of a JournalStore, under its own names.

    Args:
        path: the directory of the journals; each session has its own files in it.
        sync: what survives a power loss: "lease" never uses a number twice, "interval" loses `interval_ns` at most,
            "group" nothing that was on the wire, "every" nothing, "none" promises nothing. See docs/stores.md.
        lease_size: numbers per lease; one disk sync per that many messages.
        interval_ns: for "interval", nanoseconds.
        keep_epochs: how many journals of former epochs to keep.
        segment_size: bytes of records after which the next file begins.
        keep_bytes: remove the oldest segments while the rest is larger than this; "none": no limit.
        keep_messages: remove segments without any of the last so many outbound numbers; "none": no limit.
        secret_comp_ids: keep the CompIDs out of the file name.

    Raises: ConfigError.
    """

    path: FilePath = "journals"
    sync: SyncPolicy = "lease"
    lease_size: int = 1000
    interval_ns: int = 1_000_000_000
    keep_epochs: int = 1
    segment_size: int = 1 << 24
    keep_bytes: int | None = None
    keep_messages: int | None = None
    secret_comp_ids: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def open(self, session_id: SessionID) -> Store:
        """Open the store of a session. Raises: StoreError."""
        return JournalStore(self.path, session_id=session_id, **_options(self))


@dataclass(frozen=True, slots=True)
class SqliteChoice:
    """The options of a SqliteStore, under the names of SqliteDatabase.

    Args:
        path: the database file; many sessions may share it.
        sync: what survives a power loss, as for a journal.
        lease_size: numbers per lease.
        interval_ns: for "interval", nanoseconds.
        keep_epochs: how many former epochs' messages to keep.
        secret_comp_ids: keep the CompIDs out of the database.

    Raises: ConfigError.
    """

    path: FilePath = "messages.db"
    sync: SyncPolicy = "lease"
    lease_size: int = 1000
    interval_ns: int = 1_000_000_000
    keep_epochs: int = 1
    secret_comp_ids: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def open(self, session_id: SessionID) -> Store:
        """Open the store of a session. Raises: StoreError."""
        return SqliteStore(self.path, session_id=session_id, **_options(self))

    def database(self) -> SqliteDatabase:
        """Open the database, for the stores of many sessions. Raises: StoreError."""
        return SqliteDatabase(self.path, **_options(self))


@dataclass(frozen=True, slots=True)
class MemoryChoice:
    """A MemoryStore: everything is forgotten when the program ends."""

    def open(self, session_id: SessionID) -> Store:
        """Return the store of a session."""
        return MemoryStore()


StoreChoice: TypeAlias = JournalChoice | SqliteChoice | MemoryChoice

#: `kind` of a store in a file -> its options
STORES: dict[str, type[JournalChoice] | type[SqliteChoice] | type[MemoryChoice]] = {
    "journal": JournalChoice,
    "sqlite": SqliteChoice,
    "memory": MemoryChoice,
}
