"""Where a session stands in its schedule: the window its numbers belong to, and the one that is due."""

from __future__ import annotations

from datetime import date

from fixfast.session.liveness import SECOND
from fixfast.session.schedule import Schedule, Window
from fixfast.store.base import StoreState
from fixfast.types import Now

__all__ = ["CLOSED", "STATUS_CLOSED", "Hours"]

#: SessionStatus(1409) "logons are not allowed at this time", FIXT only, and our Text(58) with it (L26)
STATUS_CLOSED = 7
CLOSED = "Logons are not allowed at this time"

#: A deadline is monotonic, a schedule is not: however far a boundary seems to be, look at the wall clock that often.
_LOOK_AGAIN = 60 * SECOND
#: Between the reason of a reset and the window the new epoch belongs to, in a store.
_MARK = ", window "


class Hours:
    """A schedule at work. Compares ids of windows, never instants: a clock that steps back resets nothing (D12).

    Args:
        schedule: the session's.
        stored: what its store says of the epoch: when the first message was sent, and the window noted when it began.
            (The clock may have stepped back in between, and a power loss may have taken the message.)

    Attributes:
        current: id of the window that the numbers (or at least the connection) belong to: the one that was open, or was
            to open next, when the epoch began. What is stored between two windows is for the later one. None: not known
            yet, nothing was sent.
    """

    __slots__ = ("_known_from", "_schedule", "_window", "current")

    def __init__(self, schedule: Schedule, stored: StoreState) -> None:
        self._schedule = schedule
        self._known_from = stored.created_ns or 0
        self._window = schedule.due(self._known_from)
        self.current: date | None = _noted(stored.why)
        if stored.created_ns is not None:
            self.current = max(self._window.id, self.current or date.min)

    def due(self, wall_ns: int) -> Window:
        """Return the window that is open or opens next. Looked up anew when the last answer is over, else 0.1 us."""
        if not self._known_from <= wall_ns <= self._window.end_ns:
            self._window = self._schedule.due(wall_ns)
            self._known_from = wall_ns
        return self._window

    def over(self, wall_ns: int) -> bool:
        """Return whether the window that the numbers belong to is over (D09)."""
        return self.current is not None and self.due(wall_ns).id > self.current

    def enter(self, wall_ns: int) -> bool:
        """Take the numbers into the window that is due. True: they must begin again at 1 for that (D07)."""
        over = self.over(wall_ns)
        if over or self.current is None:
            self.current = self.due(wall_ns).id
        return over and self._schedule.reset

    def begin_epoch(self, why: str, wall_ns: int) -> str:
        """Return what the store should note of an epoch that begins now: why, and the window it belongs to.

        Whatever the reason, a peer's ResetSeqNumFlag say: inside a window the new numbers are that window's.
        """
        window = self.due(wall_ns)
        if window.start_ns <= wall_ns and (self.current is None or window.id > self.current):
            self.current = window.id
        return why if self.current is None else f"{why}{_MARK}{self.current}"

    def doomed(self, wall_ns: int) -> bool:
        """Return whether what is stored now would be lost by the reset that is due."""
        return self._schedule.reset and self.over(wall_ns)

    def open(self, wall_ns: int) -> bool:
        """Return whether a Logon may be sent or accepted (L26, D10)."""
        return self.due(wall_ns).start_ns <= wall_ns and self._schedule.accepts_logon(wall_ns)

    def deadline(self, now: Now) -> int:
        """Return the mono_ns at which to look at the wall clock again."""
        wall_ns = now.wall_ns
        if self.over(wall_ns):
            return now.mono_ns
        return now.mono_ns + min(self.due(wall_ns).end_ns + 1 - wall_ns, _LOOK_AGAIN)


def _noted(why: str) -> date | None:
    """Return the window that begin_epoch() noted, None if it did not."""
    try:
        return date.fromisoformat(why.rpartition(_MARK)[2])
    except ValueError:
        return None
