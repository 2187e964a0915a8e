"""What a peer may do only so often or so long: ask for the same again, send garbage, not read."""

from __future__ import annotations

from collections import deque

from fixfast.session.liveness import SECOND

__all__ = ["GarbledShare", "RepeatLimit", "SendWatch", "SlidingWindow"]

#: (store position, number, bytes), as Outbox keeps them
_Queue = list[tuple[int, int, bytes]]


class SlidingWindow:
    """Counts what happened within the last seconds. Holds at most one more than the limit."""

    __slots__ = ("_limit", "_times", "_width")

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._width = int(seconds * SECOND)
        self._times: deque[int] = deque()

    def add(self, mono_ns: int) -> int:
        """Count one; return how many there were in the window with it."""
        times = self._times
        times.append(mono_ns)
        while times[0] <= mono_ns - self._width or len(times) > self._limit + 1:
            times.popleft()
        return len(times)

    @property
    def exceeded(self) -> bool:
        return len(self._times) > self._limit

    def clear(self) -> None:
        self._times.clear()


class RepeatLimit:
    """Counts the peer's ResendRequests for what it asked for before, in a sliding window (P17). Bounded memory.

    On one connection that is every request that begins below the end of an earlier one; of a new connection it is the
    first one, if it begins with the same number as that of the connection before: a peer that comes back again and
    again and still misses the same message goes round in circles, one that got on by a message does not.
    """

    __slots__ = ("_begin", "_highest", "_new", "_window")

    def __init__(self, limit: int, seconds: float) -> None:
        self._window = SlidingWindow(limit, seconds)
        self._begin = 0
        self.begin_connection()

    def begin_epoch(self) -> None:
        """Forget all numbers: in another epoch they are other messages."""
        self._begin = self._highest = 0

    def begin_connection(self) -> None:
        """Forget how far the peer has asked: what was on the way when the connection ended is lost."""
        self._highest = 0
        self._new = True

    def repeats(self, begin: int, end: int, mono_ns: int) -> int:
        """Count a request; return how many repeated ones there were in the window with it, 0 if it is none."""
        repeated = begin <= self._highest or (self._new and begin == self._begin)
        if self._new:
            self._begin = begin
            self._new = False
        self._highest = max(self._highest, end)
        return self._window.add(mono_ns) if repeated else 0


class GarbledShare:
    """Tells when too many of the latest items of a stream were garbled (F11). Holds at most one window of them."""

    __slots__ = ("_garbled", "_most", "_places", "_window")

    def __init__(self, percent: int, window: int) -> None:
        self._most = window * percent // 100
        self._window = window
        self.clear()

    def clear(self) -> None:
        """Begin anew, with a new connection."""
        self._garbled = 0
        self._places: deque[int] = deque()

    def exceeded(self, good: int) -> bool:
        """Count a garbled item; return whether there were too many.

        Args: good: items of the stream so far that were not.
        """
        self._garbled += 1
        places, here = self._places, good + self._garbled
        places.append(here)
        while places[0] <= here - self._window:
            places.popleft()
        return len(places) > self._most


class SendWatch:
    """Notices a peer that takes nothing of what is queued for it (H09).

    Time begins when it is first looked at what is queued, and again whenever something was taken. Looking costs nothing
    while the queue is empty, and sending nothing at all: bytes are counted here, those that came since the last look.
    """

    __slots__ = ("_behind", "_limit", "_queued", "_since", "_size", "_taken", "_timeout")

    def __init__(self, seconds: float, limit: int) -> None:
        self._timeout = int(seconds * SECOND)
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Begin anew, with a new connection."""
        self._taken = -1
        self._since = 0
        self._queued = self._behind = self._size = 0

    def deadline(self, taken: int, queue: _Queue, behind: _Queue, mono_ns: int) -> int:
        """Return until when something must be taken.

        Args:
            taken: counts what was handed to the transport.
            queue, behind: what is queued, and what waits behind a replay. Not empty.
            mono_ns: now.
        """
        if taken != self._taken:
            self._taken = taken
            self._since = mono_ns
            self._queued = len(queue) + 1  # count anew
        if len(queue) < self._queued or len(behind) < self._behind:
            self._queued = self._behind = self._size = 0
        self._size += sum(len(item[2]) for item in queue[self._queued :])
        self._size += sum(len(item[2]) for item in behind[self._behind :])
        self._queued, self._behind = len(queue), len(behind)
        return self._since if self._size > self._limit else self._since + self._timeout
