"""What serve() is with every front end: what it was given, the sessions made of it, what is decided without waiting."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from fixfast.engine.allow import Allow, AllowList
from fixfast.engine.application import Hooks
from fixfast.engine.authentication import Accept, LogonRequest, Refuse
from fixfast.engine.cancelling import CancelOnDisconnect, policy_for
from fixfast.engine.governed import Governor, rejecting
from fixfast.engine.limits import Limits
from fixfast.engine.listening import Listening, address_text, remove_path
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.patterns import Templates
from fixfast.engine.registry import Registry
from fixfast.engine.strangers import Stranger, Strangers
from fixfast.engine.telling import Telling
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.store.base import Store
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import server_context
from fixfast.types import Role, SessionID

__all__ = ["Accepting", "checked"]

_Live = TypeVar("_Live", bound=Telling)


class Accepting(Generic[_Live]):
    """What serve() returns, less what runs. A front end sets `_strangers`.

    Args:
        kind: the front end's LiveSession.
        registry: where its sessions are.
        listening: where to listen.
        plain: no callback may be async.
        The others: as for serve().

    Attributes:
        sessions: SessionID -> LiveSession, live and read-only.
    """

    _strangers: Strangers[Any]

    def __init__(
        self,
        kind: type[_Live],
        registry: Registry[_Live],
        application: object | None,
        configs: Iterable[SessionConfig],
        listening: Listening,
        *,
        stores: Callable[[SessionConfig], Store] | None,
        tls: TlsConfig | ssl.SSLContext | None,
        limits: Limits | None,
        allow: Iterable[str] | Mapping[str, Iterable[str]] | None,
        proxies: Iterable[str] | None,
        templates: Iterable[SessionConfig],
        wire_log: WireLog | None,
        throttle: Throttle | Callable[[SessionConfig], Throttle | None] | None,
        latency: bool,
        cancel_on_disconnect: CancelOnDisconnect | Callable[[SessionConfig], CancelOnDisconnect | None] | None,
        plain: bool = False,
    ) -> None:
        self._limits = limits if limits is not None else Limits()
        if not isinstance(self._limits, Limits):
            raise ConfigError("limits", type(limits).__name__, "a Limits")
        self._kind = kind
        self._hooks = Hooks(application, plain=plain)
        self._cancelling = policy_for(cancel_on_disconnect, self._hooks.on_cancel_on_disconnect)
        self._configs = list(configs)
        self._templates = Templates(templates)
        self._listening = listening
        self._stores = stores
        self._wire_log = wire_log
        self._throttle = throttle
        self._latency = latency
        #: for Strangers
        self._house: dict[str, Any] = {
            "tls": server_context(tls),
            "allow": Allow(allow) if allow is not None else None,
            "proxies": AllowList(proxies, "proxies") if proxies is not None else None,
            "certified": tls.may_log_on if isinstance(tls, TlsConfig) else None,
        }
        inbound = self._limits.inbound
        if inbound is not None and self._limits.when_exceeded == "reject":
            if self._hooks.on_message is None:
                raise ConfigError("when_exceeded", "reject", "'pause' or 'logout': there is no application.on_message")
            self._hooks.on_message = rejecting(self._hooks.on_message, inbound)
        self._registry = registry
        self._begun = self._closed = False
        self.sessions: Mapping[SessionID, _Live] = registry

    # --- where it listens ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The TCP port it listens on, the same at all addresses unless they came with `sock`."""
        listens = False
        for sock in self._sockets():
            listens, name = True, sock.getsockname()
            if isinstance(name, tuple):
                return int(name[1])
        raise RuntimeError("the server does not listen on TCP" if listens else "the server does not listen")

    @property
    def addresses(self) -> list[str]:
        """Where it listens: "127.0.0.1:9878", "[::1]:9878", "/run/fix.sock"; empty when it does not."""
        return [address_text(sock.getsockname()) for sock in self._sockets()]

    def _sockets(self) -> Iterator[Any]:
        """Return the sockets it listens on."""
        raise NotImplementedError

    def _remove_path(self) -> None:
        """Take away the Unix socket, if it listened on one."""
        if self._listening.path is not None:
            remove_path(os.fspath(self._listening.path))

    # --- sessions ------------------------------------------------------------------------------------------

    def _made(self, config: SessionConfig, store: Store | None) -> _Live:
        """Return a session. Args: config: its dictionary is loaded. store: is closed where that comes to nothing."""
        try:
            throttle = self._throttle
            options: dict[str, Any] = {"hooks": self._hooks, "store": store, "wire_log": self._wire_log}
            live = self._kind(
                config,
                Role.ACCEPTOR,
                throttle=throttle if throttle is None or isinstance(throttle, Throttle) else throttle(config),
                latency=self._latency,
                cancelling=self._cancelling(config),  # type: ignore[call-arg]
                **options,
            )
            live.created()
            return live
        except BaseException:
            if store is not None:
                store.close()
            raise

    def _governing(self) -> Governor | None:
        """Return what limits the bytes that peers send, None where they are not limited."""
        limits = self._limits
        if limits.inbound is None or limits.when_exceeded == "reject":
            return None
        return Governor(limits, self._strangers.note)

    # --- one Logon -----------------------------------------------------------------------------------------

    def _asked(self, door: Stranger, attempt: LogonAttempt, known: Telling | None) -> LogonRequest | Accept | Refuse:
        """Return what authenticate() is to be asked, or what is decided without it.

        Args: known: the session that is there.
        """
        identity = attempt.session_id
        if not self._strangers.may_be(door, identity.target_comp_id):
            return Refuse(silent=True)  # a name proves nothing: C4, C5
        config = known.config if known is not None else self._templates.config_for(identity)
        if self._hooks.authenticate is None:
            return Accept(config) if config is not None else Refuse(silent=True)
        return LogonRequest.of(attempt, config, door.address, door.certificate, proxy=door.proxy)

    def _failed(self, what: str, error: BaseException | None) -> None:
        """Write down that authenticate() did, not more often than once a second: strangers make it run."""
        kind = "answers of application.authenticate that are none"
        if self._strangers.note(kind, "application.authenticate %s", what) and error is not None:
            self._hooks.failed("authenticate", error)

    def _refused(self, door: Stranger, identity: SessionID) -> None:
        self._strangers.failed(door, "logons refused", "%s: logon from %s refused", identity, door.address)

    def _second(self, door: Stranger, identity: SessionID) -> None:
        text = "%s: a second connection, from %s, was dropped"
        self._strangers.note("second connections dropped", text, identity, door.address)

    def _room(self, door: Stranger, identity: SessionID) -> bool:
        """Say whether a Logon may make one more session."""
        if self._registry.made < self._limits.sessions:
            return True
        text = "%s: no session for a logon from %s: limits.sessions is reached"
        self._strangers.note("logons beyond limits.sessions", text, identity, door.address)
        return False


def checked(config: SessionConfig) -> SessionConfig:
    """Return the options of a session, if they are. Raises: ConfigError."""
    if not isinstance(config, SessionConfig):
        raise ConfigError("config", type(config).__name__, "a SessionConfig")
    return config
