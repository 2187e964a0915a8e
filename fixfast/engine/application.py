"""What a program may plug into an engine, and how its callbacks are called: never able to hurt the session."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fixfast.engine.observing.records import about
from fixfast.errors import ConfigError

if TYPE_CHECKING:
    from fixfast.engine.authentication import Accept, LogonRequest, Refuse
    from fixfast.engine.live import LiveSession
    from fixfast.session.config import SessionConfig
    from fixfast.session.wire import Message

__all__ = ["Application", "CallbackFailed", "Hooks"]

_log = logging.getLogger("fixfast.application")

#: callbacks that may be sync or async; the others are sync only: the session cannot wait for them.
_MAYBE_ASYNC = (
    "on_logon", "on_logout", "on_message", "on_reject", "on_gap", "on_event", "on_cancel_on_disconnect", "on_give_up",
    "authenticate",
)  # fmt: skip
_SYNC = ("on_create", "to_send", "on_resend")


class Application(Protocol):
    """The callbacks of an application. All are optional: any object with some of these methods will do.

    They run on the event loop of the session, one at a time per session, in the order of the session's events. A sync
    callback is called at once, inside the read that brought the message; an async one runs as a task, and what arrives
    meanwhile waits. An exception becomes a CallbackFailed event and a log record: the session goes on, and the message
    counts as dealt with (no poison loop). `BusinessReject` raised by on_message is answered with 35=j first.
    """

    def on_create(self, session: LiveSession) -> None:
        """Make what is to hear of everything: `session.orders()`, `session.books()`.

        Called once, before anything else. What the process before received and had not dealt with comes next, when
        there may be no connection yet. What this raises comes out of connect() or add(), or refuses the Logon.
        """

    def on_logon(self, session: LiveSession) -> Awaitable[None] | None:
        """Say that the session is logged on, for the first time or again."""

    def on_logout(self, session: LiveSession, reason: str) -> Awaitable[None] | None:
        """Say that a logged-on session ended: by Logout, or because the connection was lost (O08)."""

    def on_message(self, session: LiveSession, message: Message) -> Awaitable[None] | None:
        """Deal with an application message. It is acknowledged when this returns.

        `message.fault` is what the dictionary finds wrong with it, in the modes that deliver it all the same.
        """

    def on_reject(self, session: LiveSession, message: Message) -> Awaitable[None] | None:
        """Deal with a Reject (3) or BusinessMessageReject (j) of the peer; without this, on_message gets them."""

    def on_gap(self, session: LiveSession, event: object) -> Awaitable[None] | None:
        """Hear of a gap in the peer's numbers: GapDetected, GapFilled or MessagesLost."""

    def on_event(self, session: LiveSession, event: object) -> Awaitable[None] | None:
        """Hear of everything that is not a message; `Rejected` tells of those that we answered with a reject."""

    def on_cancel_on_disconnect(self, session: LiveSession, reason: str) -> Awaitable[None] | None:
        """Cancel the orders of an acceptor's session whose peer is gone, and did not come back in time.

        Called once for each end of a logged-on session, by the rules of serve(cancel_on_disconnect=).
        """

    def on_give_up(self, session: LiveSession, error: Exception) -> Awaitable[None] | None:
        """Raise the alarm: this initiator will not connect again, and nobody but a person can change that.

        Called once, at most: reconnecting ended (GaveUp), or the very first logon failed (LogonFailed). It does not
        wait for other callbacks, an async one gets 10 seconds, and it is done before iteration and waiting callers
        get the error. Not called when the program itself ends the session.
        """

    def authenticate(
        self, request: LogonRequest
    ) -> SessionConfig | Accept | Refuse | Awaitable[SessionConfig | Accept | Refuse]:
        """Decide on a Logon that reached an acceptor."""
        ...

    def to_send(self, session: LiveSession, msg_type: str, fields: list[Any]) -> Iterable[Any] | None:
        """See a message just before it is numbered; return other fields to change it, raise to stop it."""

    def on_resend(self, session: object, message: Message, age_ns: int) -> bool:
        """Say whether an old message may be sent again (P13); False: it is gap-filled."""
        ...


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """A callback of the application raised. `message` is what it was called with, where it was a message."""

    callback: str
    error: BaseException
    message: Message | None = None


class Hooks:
    """The callbacks an application has, looked up once.

    Args:
        application: any object, or None.
        plain: no callback may be async: there is no event loop.

    Raises:
        ConfigError: an attribute with a callback's name is not callable, or a sync-only callback is async.
    """

    __slots__ = ("application", *_MAYBE_ASYNC, *_SYNC)

    on_create: Callable[..., Any] | None
    on_logon: Callable[..., Any] | None
    on_logout: Callable[..., Any] | None
    on_message: Callable[..., Any] | None
    on_reject: Callable[..., Any] | None
    on_gap: Callable[..., Any] | None
    on_event: Callable[..., Any] | None
    on_cancel_on_disconnect: Callable[..., Any] | None
    on_give_up: Callable[..., Any] | None
    authenticate: Callable[..., Any] | None
    to_send: Callable[..., Any] | None
    on_resend: Callable[..., Any] | None

    def __init__(self, application: object | None, *, plain: bool = False) -> None:
        self.application = application
        for name in _MAYBE_ASYNC + _SYNC:
            method = _own(application, name)
            if method is not None and not callable(method):
                raise ConfigError(f"application.{name}", method, "a callable")
            if inspect.iscoroutinefunction(method):
                if name in _SYNC:
                    raise ConfigError(f"application.{name}", method, "a plain function: the session cannot wait for it")
                if plain:
                    raise ConfigError(f"application.{name}", method, "a plain function: fixfast.sync awaits nothing")
            setattr(self, name, method)

    @property
    def calls_back(self) -> bool:
        """There is a callback that tells of a session, and does not decide."""
        return any(
            getattr(self, name) is not None for name in _MAYBE_ASYNC if name not in ("authenticate", "on_give_up")
        )

    def failed(self, name: str, error: BaseException, message: Message | None = None) -> CallbackFailed:
        """Log an exception of a callback and return the event that tells of it. The message's bytes are not logged."""
        what = f" for 35={message.msg_type}" if message is not None else ""
        kind, seq = (message.msg_type, message.msg_seq_num) if message is not None else (None, None)
        extra = about("callback_failed", msg_type=kind, msg_seq_num=seq, callback=name)
        _log.error("application.%s failed%s: %s", name, what, type(error).__name__, exc_info=error, extra=extra)
        return CallbackFailed(name, error, message)


def _own(application: object | None, name: str) -> Any:
    """Return the application's attribute, None where it is absent or only inherited from the Protocol itself."""
    method = getattr(application, name, None)
    if getattr(method, "__func__", None) is getattr(Application, name):
        return None
    return method
