"""One session of a configuration file: the options that code would give, side by side."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from fixfast.engine.allow import Allow, AllowList
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.limits import Limits
from fixfast.engine.listening import Listening
from fixfast.engine.observing.wirefile import Rotation
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.patterns import Templates
from fixfast.engine.settings.keys import FilePath
from fixfast.engine.settings.store_choice import JournalChoice, StoreChoice
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.transport.tls import TlsConfig
from fixfast.types import Role, SessionID

__all__ = ["ListenConfig", "LogConfig", "SessionSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenConfig(Listening):
    """Where an acceptor's sessions are waited for: the arguments of serve(), under their names.

    Args:
        tls: a certificate, and what is wanted of clients; None: plain TCP.
        limits: what strangers may cost before they are logged on.
        allow: addresses and networks that may connect, such as "10.0.0.0/8"; or a table of peers' SenderCompIDs, in
            which `*` stands for any text, with such an array each; None: all.
        proxies: addresses and networks, "unix" for `path`, of load balancers that begin each connection with a PROXY
            header, which is required of them.

    Raises: ConfigError.
    """

    tls: TlsConfig | ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    allow: Iterable[str] | Mapping[str, Iterable[str]] | None = None
    proxies: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        Listening.__post_init__(self)
        if not isinstance(self.tls, TlsConfig | ssl.SSLContext | None):
            raise ConfigError("tls", self.tls, "a TlsConfig, an ssl.SSLContext or None")
        if isinstance(self.tls, TlsConfig) and self.tls.certificate is None:
            raise ConfigError("tls", "tls", "with a certificate: an acceptor has one")
        if self.allow is not None:
            Allow(self.allow)
        if self.proxies is not None:
            AllowList(self.proxies, "proxies")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig(Rotation):
    """Where the messages of a session are logged: the arguments of WireLog, under their names.

    Args:
        path: the file, which sessions may share; with `per_session` a folder with a file for each session.
        per_session: a file for each session.
        secret_comp_ids: CompIDs are replaced by a hash.
        queue_bytes: how much may wait for the disk; what comes above that is dropped, counted, and told of in the log.

    Raises: ConfigError.
    """

    path: FilePath
    per_session: bool = False
    secret_comp_ids: bool = False
    queue_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        Rotation.__post_init__(self)
        if not isinstance(self.path, str) or not self.path:
            raise ConfigError("path", self.path, "a path")
        for name in ("per_session", "secret_comp_ids"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(name, getattr(self, name), "True or False")
        if type(self.queue_bytes) is not int or self.queue_bytes < 1 << 16:
            raise ConfigError("queue_bytes", self.queue_bytes, "a whole number of at least 65536")

    def open(self) -> WireLog:
        """Open the log. Raises: OSError."""
        return WireLog(**{field.name: getattr(self, field.name) for field in fields(self)})


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
        throttle: how fast it may send application messages; None: as fast as it likes.
        latency: whether it is measured how long messages take through fixfast.
        cancel_on_disconnect: when an acceptor's application is told to cancel what a peer that is gone has open.
    """

    name: str
    role: Role
    config: SessionConfig
    connection: ConnectionConfig | None = None
    listen: ListenConfig | None = None
    stored: StoreChoice = field(default_factory=JournalChoice)
    log: LogConfig | None = None
    throttle: Throttle | None = None
    latency: bool = False
    cancel_on_disconnect: CancelOnDisconnect | None = None

    def __post_init__(self) -> None:
        initiator = self.role is Role.INITIATOR
        if initiator == (self.connection is None) or initiator != (self.listen is None):
            wanted = "connection and no listen" if initiator else "listen and no connection"
            raise ConfigError("role", self.role.value, f"a session with {wanted}")

    @property
    def is_template(self) -> bool:
        """Whether it stands for many sessions of an acceptor: there is a `*` in a CompID."""
        return self.role is Role.ACCEPTOR and "*" in self.config.sender_comp_id + self.config.target_comp_id

    def fits(self, identity: SessionID) -> bool:
        """Return whether a session is one that this template stands for."""
        return Templates((self.config,)).config_for(identity) is not None

    @property
    def session_id(self) -> SessionID:
        """The identity of the session as seen from our side."""
        return self.config.session_id

    def store(self) -> Store:
        """Open the session's store. It is the caller's to close, or to give to connect().

        Raises: StoreError.
        """
        return self.stored.open(self.session_id)
