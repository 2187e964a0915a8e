"""What the FIX sessions of a login are made of, for every front end: options, and an application that listens first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Protocol

from fixfast import clock
from fixfast.auth.messages import client_config, logged_off, overlaid
from fixfast.auth.ports import Attempt
from fixfast.auth.secret import Secret, revealed
from fixfast.auth.state import AuthFailure, UserRequestType, UserStatus
from fixfast.engine.application import Hooks
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.observing.wirelog import WireLog, WireTap
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.types import SessionID

__all__ = [
    "LOG_OFF_SECONDS",
    "SessionOptions",
    "StoreMaker",
    "Told",
    "VeiledLog",
    "Watching",
    "request_ids",
    "tell_answer",
    "tell_registration",
]

#: Makes the store of a client's session, by its client_id.
StoreMaker = Callable[[str], Store]
#: Seconds for the answer to a UserRequest that logs off; then the Logout follows all the same.
LOG_OFF_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The options of a login's sessions.

    Args:
        config: those of the FIX session; its sender_comp_id counts for nothing: the client_id takes its place. FIX 4.0
            to 4.3 have no UserRequest: without a `dictionary` of yours they get the overlay, FIX.4.2+auth.
        connection: where the venue is. Its `reconnect` says how a session that was logged on comes back; before that,
            the RetryRules of the coordinator hold.
        application: callbacks, see Application.
        store: makes the store of a client's session, by its client_id; None: a MemoryStore, and as nothing is known of
            the numbers before, they begin again at 1 with each login (141=Y), unless `config` says something else.
        wire_log: with secret_comp_ids=True.
        throttle, latency: as for connect().
        logon_credentials: Username(553) and Password(554) are on the Logon, too.

    Raises: ConfigError: an option is of the wrong kind, or a wire log would show client_ids.
    """

    config: SessionConfig
    connection: ConnectionConfig
    application: object | None = None
    store: StoreMaker | None = None
    wire_log: WireLog | None = None
    throttle: Throttle | None = None
    latency: bool = False
    logon_credentials: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("config", SessionConfig), ("connection", ConnectionConfig)):
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(name, type(getattr(self, name)).__name__, f"a {kind.__name__}")
        for name in ("username", "password", "new_password"):
            if getattr(self.config, name):
                raise ConfigError(f"config.{name}", "***", "empty: the login gives it, see logon_credentials")
        if self.store is not None and not callable(self.store):
            raise ConfigError("store", type(self.store).__name__, "None, or a function: client_id -> Store")
        if self.wire_log is not None and not self.wire_log.secret_comp_ids:
            raise ConfigError("wire_log", self.wire_log, "a WireLog(secret_comp_ids=True): a client_id is a secret")
        config = overlaid(self.config)
        if self.store is None and not (config.reset_on_logon or config.reset_on_disconnect):
            config = replace(config, reset_on_logout=True)  # and a new session's first Logon: not when it comes back
        object.__setattr__(self, "config", config)
        # The first logon is the coordinator's to repeat; Reconnect is for what was logged on.
        first = replace(self.connection.reconnect, retry_first=False)
        object.__setattr__(self, "connection", replace(self.connection, reconnect=first))

    def connecting(
        self, client_id: Secret, password: Secret, application: object, hidden: Collection[Secret]
    ) -> dict[str, Any]:
        """Return the arguments of connect(). Raises: ConfigError, and what `store` raises.

        Args: hidden: what the wire log masks, whichever field a peer repeats it in, as long as it is not wiped.
        """
        return {
            "config": client_config(self.config, client_id, password if self.logon_credentials else None),
            "connection": self.connection,
            "application": application,
            "store": self.store(client_id.reveal()) if self.store is not None else None,
            "wire_log": VeiledLog(self.wire_log, hidden) if self.wire_log is not None else None,
            "throttle": self.throttle,
            "latency": self.latency,
        }


class VeiledLog(WireLog):
    """What connect() takes for a wire log: passwords that a peer repeats, in whatever field, are masked in it.

    Args: log: the real one. hidden: what is masked; may change.
    """

    def __init__(self, log: WireLog, hidden: Collection[Secret]) -> None:
        self._log = log
        self._masked = hidden

    def tap(self, session_id: SessionID, max_message_size: int = 1 << 20) -> WireTap:
        """Return the tap of one new connection."""
        tap = self._log.tap(session_id, max_message_size)
        tap.hidden = lambda: revealed(self._masked)
        return tap

    def note(self, session_id: SessionID, text: str) -> None:
        """Write a note into the log."""
        for secret in self._masked:
            text = secret.hidden_in(text)
        self._log.note(session_id, text)


class Told(Protocol):
    """Who hears first what becomes of a session. None of it may raise, nor wait."""

    def made(self, session: Any) -> None: ...
    def up(self, session: Any) -> None: ...
    def down(self, reason: str) -> None: ...
    def over(self, error: Exception) -> None: ...
    def logged_off(self, status: int, text: str) -> None: ...


class Watching:
    """An application that tells `told` of logons and ends, and is otherwise the program's own.

    Args: application: the program's; None: there is none. plain: none of its callbacks may be async.

    Raises: ConfigError: as connect() does.
    """

    def __init__(self, application: object | None, told: Told, *, plain: bool = False) -> None:
        self._hooks = Hooks(application, plain=plain)
        self._told = told

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._hooks, name, None) if name in Hooks.__slots__ and name != "application" else None
        if found is None:
            raise AttributeError(name)
        return found

    def on_create(self, session: Any) -> Any:
        """Hear of the session before it does anything."""
        self._told.made(session)
        session.overhear("BF", self._unasked)
        return self._hooks.on_create(session) if self._hooks.on_create is not None else None

    def on_logon(self, session: Any) -> Any:
        """Hear that it is logged on."""
        self._told.up(session)
        return self._hooks.on_logon(session) if self._hooks.on_logon is not None else None

    def on_logout(self, session: Any, reason: str) -> Any:
        """Hear that it is logged on no more."""
        self._told.down(reason)
        return self._hooks.on_logout(session, reason) if self._hooks.on_logout is not None else None

    def on_give_up(self, session: Any, error: Exception) -> Any:
        """Hear that it will not come back."""
        self._told.over(error)
        return self._hooks.on_give_up(session, error) if self._hooks.on_give_up is not None else None

    def _unasked(self, message: Message) -> None:
        """Hear that the user was logged off."""
        off = logged_off(message)
        if off is not None:
            self._told.logged_off(*off)


def tell_registration(attempt: Attempt, result: Secret | AuthFailure) -> None:
    """Tell what came of a registration: the client_id, or why there is none."""
    if isinstance(result, AuthFailure):
        attempt.registration_failed(result, clock.now())
    else:
        attempt.registered(result.reveal(), clock.now())


def tell_answer(
    attempt: Attempt, request: UserRequestType, answer: tuple[int, str] | AuthFailure, *, sent: bool
) -> None:
    """Tell what came of a UserRequest. Args: answer: see judged_answer(). sent: the peer has the request."""
    if not isinstance(answer, AuthFailure):
        attempt.user_response(request, *answer, clock.now())
    elif request is UserRequestType.CHANGE_PASSWORD and sent:
        attempt.user_response(request, UserStatus.OTHER, answer.text, clock.now())
    else:
        attempt.disconnected(answer, clock.now())


def request_ids() -> Iterator[str]:
    """Yield UserRequestIDs(923) of one session: auth-1, auth-2 ..."""
    return (f"auth-{n}" for n in count(1))
