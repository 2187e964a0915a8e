"""Settings: what a configuration file says, as the options that code would give, and the two ways to run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fixfast.engine.settings.keys import keys_of
from fixfast.engine.settings.run import Connection, Servers
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.watch import ControlConfig, MetricsConfig, ThreadWatch, Watch
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.types import Role, SessionID

if TYPE_CHECKING:
    from fixfast.engine.settings.run_sync import SyncSettings

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a configuration file says: sessions by their names, in its order.

    Attributes:
        sessions: {name: SessionSettings}.
        control: a control socket for those that run; None: there is none.
        metrics: an OpenMetrics endpoint for those that run; None: there is none.

    Raises: ConfigError: two sessions have one identity and one role.
    """

    sessions: Mapping[str, SessionSettings]
    control: ControlConfig | None = None
    metrics: MetricsConfig | None = None
    _watch: Watch = field(init=False, repr=False, compare=False)
    _thread_watch: ThreadWatch = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_watch", Watch(self.control, self.metrics))
        object.__setattr__(self, "_thread_watch", ThreadWatch(self.control, self.metrics))
        object.__setattr__(self, "sessions", MappingProxyType(dict(self.sessions)))
        seen: dict[tuple[Role, SessionID], str] = {}
        for name, one in self.sessions.items():
            other = seen.setdefault((one.role, one.session_id), name)
            if other != name:
                raise ConfigError("sessions", name, f"{one.session_id} is that of {other}: give one a qualifier")

    def __getitem__(self, name: str) -> SessionSettings:
        """Return a session by its name. Raises: ConfigError: there is none of this name."""
        found = self.sessions.get(name)
        if found is None:
            raise ConfigError("session", name, f"one of {', '.join(self.sessions) or 'none: the file has no session'}")
        return found

    def replace(self, name: str, **options: Any) -> Settings:
        """Return Settings in which a session has other options: those of SessionConfig, hooks above all.

        Raises: ConfigError: there is no such session, no such option, or its value is wrong.
        """
        chosen = self[name]
        for option in options:
            if option not in keys_of(SessionConfig):
                raise ConfigError(option, "", "an option of SessionConfig")
        changed = replace(chosen, config=replace(chosen.config, **options))
        return replace(self, sessions={**self.sessions, name: changed})

    def connect(self, name: str, application: object | None = None) -> Connection:
        """Connect an initiator: `async with settings.connect("orders", application) as session: ...`.

        As connect(), with the store and the wire log that the file says; both are closed in the end.

        Raises: ConfigError: there is no such session, or it is an acceptor's. On entering: what connect() raises,
            StoreError, OSError: the wire log cannot be opened.
        """
        return Connection(self[name], application, self._watch)

    def serve(self, application: object | None = None) -> Servers:
        """Wait for all sessions of the role acceptor: `async with settings.serve(application) as servers: ...`.

        There is a Server for each address that the sessions name.

        Raises: ConfigError: there is no acceptor; two sessions say different things of one address. On entering: what
            serve() raises.
        """
        return Servers([one for one in self.sessions.values() if one.role is Role.ACCEPTOR], application, self._watch)

    @property
    def sync(self) -> SyncSettings:
        """The same for threads: `settings.sync.connect(name, application)` and `settings.sync.serve(application)`.

        They return context managers for `with`, of the sessions and servers of `fixfast.sync`.
        """
        from fixfast.engine.settings.run_sync import SyncSettings  # who has an event loop need not load it

        return SyncSettings(self.sessions, self.__getitem__, self._thread_watch)
