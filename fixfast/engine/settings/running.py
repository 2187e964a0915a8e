"""What runs of a configuration file, for every front end: who is waited for where, stores and logs that are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from typing import Any

from fixfast.dictionary.load import load_dictionary
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.observing.wirelog import WireLog, WireTap
from fixfast.engine.settings.session import ListenConfig, LogConfig, SessionSettings
from fixfast.engine.settings.store_choice import SqliteChoice
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.store.sqlite import SqliteStore
from fixfast.store.sqlitedb import SqliteDatabase
from fixfast.types import Buffer, SessionID

__all__ = ["Accepted", "connection_of", "initiator_options"]


def connection_of(chosen: SessionSettings) -> ConnectionConfig:
    """Return where an initiator connects to. Raises: ConfigError: it is an acceptor."""
    if chosen.connection is None:
        raise ConfigError("session", chosen.name, "an initiator; this one is an acceptor: serve() waits for it")
    return chosen.connection


def initiator_options(chosen: SessionSettings, stack: ExitStack) -> dict[str, Any]:
    """Return what connect() takes beside the session, the connection and the store; the log is the stack's to close."""
    log = stack.enter_context(chosen.log.open()) if chosen.log is not None else None
    return {"wire_log": log, "throttle": chosen.throttle, "latency": chosen.latency}


class Accepted:
    """The acceptors of a file: what serve() takes for each address.

    Attributes: places: the addresses.

    Raises: ConfigError: there is no session; two sessions say different things of one address.
    """

    def __init__(self, chosen: Iterable[SessionSettings]) -> None:
        self._chosen = list(chosen)
        if not self._chosen:
            raise ConfigError("role", "initiator", "acceptor, of at least one session")
        self.places = _places(self._chosen)
        self._databases = _Databases()

    def load(self) -> None:
        """Read the dictionaries that the file names, which may take a second.

        Raises: DictionaryError.
        """
        self._chosen = _with_dictionaries(self._chosen)

    def servers(self, stack: ExitStack) -> Iterable[dict[str, Any]]:
        """Return, for each address, what serve() takes beside the application; logs and databases are the stack's."""
        stack.callback(self._databases.close)
        choices = dict.fromkeys(one.log for one in self._chosen if one.log is not None)
        logs = {choice: stack.enter_context(choice.open()) for choice in choices}
        return [self._server(place, logs) for place in self.places]

    def _server(self, place: ListenConfig, logs: Mapping[LogConfig, WireLog]) -> dict[str, Any]:
        here = _Chosen([one for one in self._chosen if one.listen == place])
        return {
            "configs": [one.config for one in here.all if not one.is_template],
            "templates": [one.config for one in here.all if one.is_template],
            "stores": lambda config: self._databases.store(here.of(config.session_id), config),
            "wire_log": _SessionLogs(here, logs) if logs else None,
            "throttle": lambda config: here.of(config.session_id).throttle,
            "latency": any(one.latency for one in here.all),
            "cancel_on_disconnect": here.cancelling(),
            **{field.name: getattr(place, field.name) for field in fields(place)},
        }


class _Chosen:
    """The sessions of a file that are waited for at one address. `all`: in the order of the file, one at least."""

    def __init__(self, chosen: list[SessionSettings]) -> None:
        self.all = chosen
        self._by_id = {one.session_id: one for one in chosen}

    def of(self, identity: SessionID) -> SessionSettings:
        """Return what holds for a session: its own settings, its template's, or, where authenticate() gave it, those of
        the first session."""
        found = self._by_id.get(identity)
        return found or next((one for one in self.all if one.is_template and one.fits(identity)), self.all[0])

    def cancelling(self) -> Callable[[SessionConfig], CancelOnDisconnect] | None:
        """Return what serve() takes: None where no session says anything, so that the application's hook decides."""
        if all(one.cancel_on_disconnect is None for one in self.all):
            return None
        return lambda config: self.of(config.session_id).cancel_on_disconnect or CancelOnDisconnect()


class _Databases:
    """The SQLite databases that sessions share. Stores are opened in several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[SqliteChoice, SqliteDatabase] = {}

    def store(self, chosen: SessionSettings, config: SessionConfig) -> Store:
        """Open the store of a session."""
        choice = chosen.stored
        if not isinstance(choice, SqliteChoice):
            return choice.open(config.session_id)
        with self._lock:
            if choice not in self._open:
                self._open[choice] = choice.database()
        return SqliteStore(self._open[choice], session_id=config.session_id)

    def close(self) -> None:
        """Close them all."""
        while self._open:
            self._open.popitem()[1].close()


def _places(chosen: Iterable[SessionSettings]) -> list[ListenConfig]:
    """Return the addresses to listen on. Raises: ConfigError: two sessions say different things of one."""
    found: dict[object, tuple[ListenConfig, str]] = {}
    for one in chosen:
        assert one.listen is not None
        address = (one.listen.hosts, one.listen.port, one.listen.path)
        place, first = found.setdefault(address, (one.listen, one.name))
        if place != one.listen:
            raise ConfigError("listen", one.name, f"the same as for {first}, which listens on the same address")
    return [place for place, _ in found.values()]


def _with_dictionaries(chosen: list[SessionSettings]) -> list[SessionSettings]:
    """Return the settings with the dictionaries that they name: one that many name is read once."""
    names = {one.config.dictionary for one in chosen if isinstance(one.config.dictionary, str)}
    loaded = {name: load_dictionary(name) for name in sorted(names)}
    return [
        replace(one, config=replace(one.config, dictionary=loaded[one.config.dictionary]))
        if isinstance(one.config.dictionary, str)
        else one
        for one in chosen
    ]


class _SessionLogs(WireLog):
    """The wire logs of the sessions of a server, each of which may have its own, or none. They are not its to close."""

    def __init__(self, chosen: _Chosen, logs: Mapping[LogConfig, WireLog]) -> None:
        self._chosen = chosen
        self._logs = logs

    def _of(self, session_id: SessionID) -> WireLog | None:
        choice = self._chosen.of(session_id).log
        return self._logs[choice] if choice is not None else None

    def tap(self, session_id: SessionID, max_message_size: int = 1 << 20) -> WireTap:
        """Return the tap of one new connection."""
        log = self._of(session_id)
        return log.tap(session_id, max_message_size) if log is not None else _NoTap()

    def note(self, session_id: SessionID, text: str) -> None:
        """Write a note into the session's log, if it has one."""
        log = self._of(session_id)
        if log is not None:
            log.note(session_id, text)


class _NoTap(WireTap):
    """Logs nothing."""

    def __init__(self) -> None:
        pass

    def inbound(self, data: Buffer) -> None:
        """Let the bytes pass."""

    def outbound(self, data: Buffer) -> None:
        """Let the bytes pass."""
