"""Tapping: something that hears all a live session tells before the program does. What orders and books share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.types import Now, SessionID

__all__ = ["Overhearing", "Tapped", "Tapping"]

_log = logging.getLogger("fixfast.engine")


class Tapped(Protocol):
    """What is needed of a live session."""

    @property
    def id(self) -> SessionID: ...
    @property
    def state(self) -> State: ...


_Session = TypeVar("_Session", bound=Tapped)


class Tapping(Generic[_Session]):
    """Hears what one live session tells.

    Args:
        session: whose it is.
        passed: acknowledges a message that the program is not to see; None: it sees all of them.

    Attributes:
        error: why nothing more will come; None while it may.
    """

    #: for the log: what fails here, and the name of that record
    _what: ClassVar[tuple[str, str]]

    def __init__(self, session: _Session, passed: Callable[[Message], None] | None) -> None:
        self._session = session
        self._passed = passed
        self.error: BaseException | None = None

    def tap(self, events: Iterator[Any]) -> Iterator[Any]:
        """Pass on what a session tells, having heard it."""
        now = clock.now()
        for event in events:
            if self._hear(event, now) and self._passed is not None:
                self._passed(event)
            else:
                yield event
        self._settle(now)

    def end(self, error: BaseException) -> None:
        """Know that nothing more will come; waiting ends with this error."""
        if self.error is None:
            self.error = error

    def check(self) -> None:
        """Raise why nothing can be asked for any more."""
        if self.error is not None:
            raise self.error

    # --- inside ---------------------------------------------------------------------------------------------

    def _hear(self, event: object, now: Now) -> bool:
        """Take an event. Return whether it is a message of the kind that is kept here."""
        raise NotImplementedError

    def _settle(self, now: Now) -> None:
        """Send what waits for the end of a turn."""
        raise NotImplementedError

    def _safely(self, function: Callable[..., object], *arguments: object) -> bool:
        """Call what keeps it. What that raises must not hurt the session: all that waits here ends with it."""
        try:
            function(*arguments)
        except Exception as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        """Know that what keeps it has raised something."""
        what, record = self._what
        _log.exception("%s: %s failed", self._session.id, what, extra=about(record, self._session.id))
        self.end(error)


class Overhearing(Tapping[Tapped]):
    """Has a function hear the messages of one type that answer no request. The program sees them all the same.

    Args:
        session: whose it is.
        msg_type: which messages.
        answers: what a message answers; None: nothing that was asked.
        told: called with each.
    """

    _what = "what hears unasked messages", "overhearing_failed"

    def __init__(
        self,
        session: Tapped,
        msg_type: str,
        answers: Callable[[Message], object | None],
        told: Callable[[Message], object],
    ) -> None:
        super().__init__(session, None)
        self._type, self._answers, self._told = msg_type, answers, told

    def _hear(self, event: object, now: Now) -> bool:
        """Hear an event; the program is to see it, too."""
        if type(event) is Message and event.msg_type == self._type and self._answers(event) is None:
            self._safely(self._told, event)
        return False

    def _settle(self, now: Now) -> None:
        """Send nothing."""
