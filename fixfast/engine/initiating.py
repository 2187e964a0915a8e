"""What connect() is with every front end: what it was given, the session made of it, what is said of connections."""

from __future__ import annotations

import logging
from typing import Any, Generic, TypeVar

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.attempts import Attempts
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.failure import Failure
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.telling import Telling
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.types import Role

__all__ = ["Initiating"]

_log = logging.getLogger("fixfast.engine")

_Live = TypeVar("_Live", bound=Telling)


class Initiating(Generic[_Live]):
    """What connect() returns, less what runs. Args: as for connect(). plain: no callback may be async."""

    _live: _Live | None

    def __init__(
        self,
        config: SessionConfig,
        connection: ConnectionConfig,
        application: object | None,
        store: Store | None,
        *,
        wire_log: WireLog | None,
        throttle: Throttle | None,
        latency: bool,
        plain: bool = False,
    ) -> None:
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        if not isinstance(connection, ConnectionConfig):
            raise ConfigError("connection", type(connection).__name__, "a ConnectionConfig")
        self._config = config
        self._connection = connection
        self._hooks = Hooks(application, plain=plain)
        self._store = store
        self._wire_log = wire_log
        self._throttle = throttle
        self._latency = latency
        self._live = None

    @property
    def sessions(self) -> tuple[_Live, ...]:
        """The session, from the moment that it tries to log on; before, nothing."""
        return () if self._live is None else (self._live,)

    def _made(self, kind: type[_Live], config: SessionConfig) -> _Live:
        """Return the session. Args: kind: the front end's LiveSession. config: its dictionary is loaded.

        Raises: what on_create raises, and what the store does.
        """
        options: dict[str, Any] = {"hooks": self._hooks, "store": self._store, "wire_log": self._wire_log}
        live = kind(config, Role.INITIATOR, throttle=self._throttle, latency=self._latency, **options)
        live.created()
        return live

    def _attempts(self) -> Attempts:
        return Attempts(self._connection.addresses, self._connection.reconnect, self._config.schedule)

    def _ended(self, attempts: Attempts, live: Telling, failure: Failure | None, before: int) -> None:
        """Say what became of a connection. Args: before: live.connections before it.

        Raises: LogonFailed, GaveUp: as Attempts.ended().
        """
        if failure is not None and failure.error.reason != "schedule":
            extra = about("no_logon", live.id, reason=failure.error.reason)
            _log.warning("%s: %s", live.id, failure.error, extra=extra)
            live.logon_error = failure.error
        attempts.ended(
            clock.now(),
            failure,
            logged_on=live.connections > before,
            store_error=live.store_error,
            held_back=live.held_back,
        )
