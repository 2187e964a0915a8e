"""Pacing: threads wait until their session may send, where it has a Throttle. The blocking twin of engine/turns.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from threading import Event
from typing import Any, Protocol

from fixfast import clock
from fixfast.engine.throttled import ThrottledSession
from fixfast.errors import NotActive, Throttled
from fixfast.session.session import Session

__all__ = ["Pacing"]

_SECOND = 1_000_000_000
#: Who waits looks by itself so often, too, seconds: the session may have been made anew.
_LOOK_AGAIN = 1.0


class _Waker(Protocol):
    def wake(self) -> None: ...


class Pacing:
    """Waits for turns, without the lock. Who gives up, by a timeout or an interrupt, used no number.

    Args:
        lock: the session's, reentrant.
        session: gives the session there is now.
        soon: writes what was queued; called with the lock held.
        waker: of the keeper, which looks at deadlines: there are new ones.
    """

    __slots__ = ("_lock", "_session", "_soon", "_waker")

    def __init__(
        self,
        lock: AbstractContextManager[object],
        session: Callable[[], Session],
        soon: Callable[[], None],
        waker: _Waker,
    ) -> None:
        self._lock = lock
        self._session = session
        self._soon = soon
        self._waker = waker

    def send(
        self,
        send: Callable[[str, Any], int],
        msg_type: str,
        fields: Any,
        *,
        until: int | None = None,
        wait: bool = False,
    ) -> int:
        """Call send(msg_type, fields) when it is its turn, with the lock held, and return what it does.

        Args: until: mono_ns; None: for ever. wait: also with when_full="queue": the caller needs the number.

        Raises: TimeoutError; Throttled: with when_full="reject", or because too many wait. NotActive: not logged on any
            more. What send() raises.
        """
        fields = list(fields)
        turn = Event()
        errors: list[BaseException] = []

        def wake(error: BaseException | None) -> None:
            if error is not None:
                errors.append(error)
            turn.set()

        with self._lock:
            session = self._session()
            assert isinstance(session, ThrottledSession)
            waits = _waits(session.throttle.when_full, wait)
            place = session.line_up(msg_type, fields, clock.now(), wake) if waits else None
            if place is None:
                try:
                    return send(msg_type, fields)
                finally:
                    self._soon()
                    self._waker.wake()  # what is queued has a deadline
        try:
            seq: int | None = None  # in here: Ctrl-C at the loop's end comes, in CPython 3.11, to the line before it
            while seq is None:
                self._waker.wake()
                self._wait(turn, session, until)
                if errors:
                    raise errors[0]
                turn.clear()
                # Throttled: the limits were used up by something that does not wait.
                with suppress(Throttled), self._lock, session.turn(place, clock.now()):
                    seq = send(msg_type, fields)
            return seq
        finally:
            with self._lock:
                session.leave_line(place, clock.now())
                self._soon()
            self._waker.wake()

    def _wait(self, turn: Event, session: Session, until: int | None) -> None:
        while True:
            left = _LOOK_AGAIN if until is None else (until - clock.now().mono_ns) / _SECOND
            if left <= 0:
                raise TimeoutError("it was not its turn to send in time; nothing was sent")
            if turn.wait(min(left, _LOOK_AGAIN)):
                return
            if self._session() is not session:
                raise NotActive("made anew")


def _waits(when_full: str, wait: bool) -> bool:
    return when_full == "wait" or (wait and when_full == "queue")
