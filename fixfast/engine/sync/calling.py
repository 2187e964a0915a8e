"""Callbacks of a program, called at once: plain functions, never able to hurt the session."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fixfast.engine.application import Hooks
from fixfast.engine.handover import Ended
from fixfast.errors import BusinessReject, ConfigError
from fixfast.session.events import GapDetected, GapFilled, LoggedOn, MessagesLost
from fixfast.session.wire import Message

__all__ = ["Calling"]

_GAPS = (GapDetected, GapFilled, MessagesLost)
_HOOKS = ("on_logon", "on_logout", "on_message", "on_reject", "on_gap", "on_event", "on_give_up")


class Calling:
    """Hands what a session tells on to callbacks.

    Args:
        session: passed to the callbacks.
        hooks: the callbacks.
        answer: sends a BusinessMessageReject for a message.
        restarted: called when the numbers began anew.

    Raises: ConfigError: a callback is async.
    """

    full = False  # who polls takes what he wants

    def __init__(
        self,
        session: object,
        hooks: Hooks,
        *,
        answer: Callable[[Message, BusinessReject], None],
        restarted: Callable[[], None],
    ) -> None:
        for name in _HOOKS:
            hook = getattr(hooks, name)
            if inspect.iscoroutinefunction(hook):
                raise ConfigError(f"application.{name}", hook, "a plain function: nothing can be awaited here")
        self._session = session
        self._hooks = hooks
        self._answer = answer
        self._restarted = restarted
        self.takes_messages = hooks.on_message is not None or hooks.on_reject is not None

    def takes(self, message: Message) -> bool:
        """Give a message to the callbacks. False: there is none for it."""
        hooks = self._hooks
        if hooks.on_reject is not None and message.msg_type in ("3", "j"):
            name, hook = "on_reject", hooks.on_reject
        elif hooks.on_message is not None:
            name, hook = "on_message", hooks.on_message
        else:
            return False
        try:
            hook(self._session, message)
        except BusinessReject as error:
            self._answer(message, error)
        except Exception as error:
            self._fail(name, error, message)
        return True

    def message(self, message: Message) -> None:
        """Do what takes() does."""
        self.takes(message)

    def expect(self, message: Message) -> None:
        """Nothing waits for answers here."""

    def restart(self) -> None:
        """Say that the numbers began anew."""
        self._restarted()

    def event(self, event: object) -> None:
        """Tell of anything that is not a message."""
        if isinstance(event, LoggedOn):
            self.tell("on_logon")
        elif isinstance(event, Ended):
            self.tell("on_logout", event.reason)
            return
        elif isinstance(event, _GAPS):
            self.tell("on_gap", event)
        self.tell("on_event", event)

    def tell(self, name: str, *arguments: Any) -> None:
        """Call one of them, if there is such a one."""
        hook = getattr(self._hooks, name)
        if hook is not None:
            try:
                hook(self._session, *arguments)
            except Exception as error:
                self._fail(name, error)

    def _fail(self, name: str, error: Exception, message: Message | None = None) -> None:
        failed = self._hooks.failed(name, error, message)
        if self._hooks.on_event is not None and name != "on_event":
            with suppress(Exception):
                self._hooks.on_event(self._session, failed)
