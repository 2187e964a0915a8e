"""CallingBack: the thread that calls the callbacks. It reads by itself, so that a call needs no other thread."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from fixfast.engine.handover import Call
from fixfast.engine.sync.kept import Kept
from fixfast.engine.sync.line import READ, Line
from fixfast.errors import BusinessReject
from fixfast.session.wire import Message

__all__ = ["CallingBack"]

_log = logging.getLogger("fixfast.engine")

#: Seconds after which the thread of the callbacks looks by itself.
_LOOK_AGAIN = 1.0


class CallingBack(Kept):
    """The part of a LiveSession that calls the program."""

    def call_back(self) -> None:
        """Call the application's callbacks, one after the other, until the session ended. One thread of its own."""
        on_message = self._hooks.on_message
        delivery = self._delivery
        while True:
            try:
                line = None
                with self._lock:
                    if delivery.given is not None:
                        delivery.settle()
                    call = delivery.take_call()
                    if call is None:
                        if delivery.ended:
                            return
                        line = self.claim(None) if on_message is not None else None
                        if line is None:
                            self._rest(on_message is not None)
                            continue
                if line is not None:
                    call = self._lead_to_one(line)
                if isinstance(call, Call):
                    self._call(call.name, call.hook, call.args, call.message)
                elif call is not None:
                    assert on_message is not None
                    self._call("on_message", on_message, (self, call), call)
            except Exception:
                _log.exception("%s: the connection was dropped", self.id)

    def _rest(self, would_lead: bool) -> None:
        """Wait until there is something to call, or nobody reads. With the lock held."""
        self._resting, self._would_lead = True, would_lead and self.led != 0
        self._calling.wait(_LOOK_AGAIN)
        self._resting = self._would_lead = False

    def _lead_to_one(self, line: Line) -> Message | None:
        """Wait and read on a line that was claimed. Return a message that came alone."""
        if not line.awaited:
            self.lead(line, None)
            return None
        try:
            data = line.recv(READ)
        except OSError as error:
            self.interrupted(line, error)
            return None
        with self._lock:
            message = self.came(line, data, True)
        if self._unsafe:
            self.mind_store()
        return message

    def _call(self, name: str, hook: Callable[..., Any], args: tuple[Any, ...], message: Message | None) -> None:
        try:
            result = hook(*args)
            if result is not None and inspect.isawaitable(result):
                if inspect.iscoroutine(result):
                    result.close()
                raise TypeError(f"application.{name} returned an awaitable: fixfast.sync awaits nothing")
        except BaseException as error:
            if isinstance(error, BusinessReject) and message is not None:
                self._business_reject(message, error)
            else:
                with self._lock:
                    self._delivery.failed(name, error, message)
