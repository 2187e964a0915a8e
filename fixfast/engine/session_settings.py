"""One session of a configuration file: the options that code would give, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

from fixfast.engine.allow import AllowList
from fixfast.engine.config_keys import FilePath
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.limits import Limits
from fixfast.engine.store_choice import JournalChoice, StoreChoice
from fixfast.engine.wirelog import WireLog
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.types import Role, SessionID

__all__ = ["ListenConfig", "LogConfig", "SessionSettings"]


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Where an acceptor's sessions are waited for.

    Args:
        port: the TCP port; 0: any free one.
        host: the address to listen on; "none": all of this machine.
        limits: what strangers may cost before they are logged on.
        allow: addresses and networks that may connect; "none": all.

    Raises: ConfigError.
    """

    port: int
    host: str | None = "127.0.0.1"
    limits: Limits = field(default_factory=Limits)
    allow: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ConfigError("port", self.port, "a whole number from 0 to 65535")
        if self.host is not None and (not isinstance(self.host, str) or not self.host):
            raise ConfigError("host", self.host, "an address of this machine, or None")
        if self.allow is not None:
            AllowList(self.allow)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Where the messages of a session are logged.

    Args:
        path: the file; sessions may share it.

    Raises: ConfigError.
    """

    path: FilePath

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise ConfigError("path", self.path, "a path")

    def open(self) -> WireLog:
        """Open the log. Raises: OSError."""
        return WireLog(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """One session of a configuration file.

    Attributes:
        name: what the file calls it.
        role: whether we connect (initiator) or wait (acceptor).
        config: the session's options.
        connection: where an initiator connects to; None for an acceptor.
        listen: where an acceptor waits; None for an initiator.
        stored: which store it has; `store()` opens it.
        log: where its messages are logged; None: nowhere.
    """

    name: str
    role: Role
    config: SessionConfig
    connection: ConnectionConfig | None = None
    listen: ListenConfig | None = None
    stored: StoreChoice = field(default_factory=JournalChoice)
    log: LogConfig | None = None

    def __post_init__(self) -> None:
        initiator = self.role is Role.INITIATOR
        if initiator == (self.connection is None) or initiator != (self.listen is None):
            wanted = "connection and no listen" if initiator else "listen and no connection"
            raise ConfigError("role", self.role.value, f"a session with {wanted}")

    @property
    def session_id(self) -> SessionID:
        """The identity of the session as seen from our side."""
        return self.config.session_id

    def store(self) -> Store:
        """Open the session's store. It is the caller's to close, or to give to connect().

        Raises: StoreError.
        """
        return self.stored.open(self.session_id)
