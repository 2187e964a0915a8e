"""What is missing: the one gap that is being filled, and the messages that wait behind it."""

from __future__ import annotations

from heapq import heappop, heappush

from fixfast.session.wire import Message

__all__ = ["Gap", "HoldQueue", "RequestCounter"]

#: What a held message costs beside its bytes, roughly: a peer must not get this memory for free.
_OVERHEAD = 256
#: Room for messages that only need counting, above the limits.
_SPARE = 16


class Gap:
    """Messages that were asked for and are not all here. There is at most one, and one outstanding request (S03).

    Attributes:
        begin: the first number that was missing.
        target: the highest number known to exist; the gap is closed when everything up to it is dealt with.
        asked_target: where the latest request ended or, if its end was open, what `target` was when it was made: the
            peer resends at least up to there.
        bounded: the latest request had an end (G02, G03): nothing behind it comes by itself.
        asked_for_skip: the number that was asked for again because the resent messages left it out (G05).
        asked: the number that the latest request began with; 0: none was made yet.
        deadline: mono_ns by which the next missing number must have come (G08).
        repeated: the request was repeated for want of progress.
    """

    __slots__ = (
        "asked",
        "asked_for_skip",
        "asked_target",
        "begin",
        "bounded",
        "deadline",
        "progress",
        "repeated",
        "target",
    )

    def __init__(self, begin: int, target: int) -> None:
        self.begin = begin
        self.target = target
        self.asked_target = target
        self.asked = 0
        self.bounded = False
        self.asked_for_skip = 0
        self.progress = begin
        self.deadline = 0
        self.repeated = False


class HoldQueue:
    """Messages with a number that is too high, by number, until their turn. Bounded: drops the newest (S21).

    None stands for a message that was answered already and only has to be counted.
    """

    __slots__ = ("_bytes", "_items", "_max_bytes", "_max_items", "_order", "dropped")

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._items: dict[int, Message | None] = {}
        #: a heap of the numbers held, and of some that are not any more: to look through all of them for each GapFill
        #: would be work of the square of what the peer sends (C3)
        self._order: list[int] = []
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, n: int) -> bool:
        return n in self._items

    @property
    def size(self) -> int:
        """Bytes accounted for."""
        return self._bytes

    def put(self, n: int, message: Message | None) -> bool:
        """Keep a message; False when it was dropped for want of room. The first one with a number stays."""
        if n in self._items:
            return True
        cost = _OVERHEAD if message is None else _OVERHEAD + len(message.raw)
        # A few of those that only need counting always have room: they are ResendRequests, and were one dropped, two
        # sides that both miss something would ask each other for their requests without end (G12).
        spare = _SPARE if message is None else 0
        if len(self._items) >= self._max_items + spare or self._bytes + cost > self._max_bytes + spare * _OVERHEAD:
            self.dropped += 1
            return False
        if message is not None:
            message.detach()  # it stays longer than the chunk it came in
        self._items[n] = message
        heappush(self._order, n)
        self._bytes += cost
        return True

    def take(self, n: int) -> Message | None:
        """Return and forget the message with this number, which is there."""
        message = self._items.pop(n)
        self._bytes -= _OVERHEAD if message is None else _OVERHEAD + len(message.raw)
        if self._order[0] == n:
            heappop(self._order)  # the usual case: they have their turns in order
        return message

    def first_below(self, n: int) -> int | None:
        """Return the lowest number held if it is below n."""
        order = self._order
        while order and order[0] not in self._items:
            heappop(order)
        return order[0] if order and order[0] < n else None

    def drop_below(self, n: int) -> None:
        """Forget what a SequenceReset-Reset has made void (Z06, T11)."""
        while (old := self.first_below(n)) is not None:
            self.take(old)

    def clear(self) -> None:
        """Forget everything: the peer sends it again."""
        self._items.clear()
        self._order.clear()
        self._bytes = 0


class RequestCounter:
    """Counts requests for one missing number, across connections, so that a loop of them is seen (G09)."""

    __slots__ = ("_count", "_cut_short", "_limit", "_number")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0
        self._count = 0
        self._cut_short = 0

    def begin_epoch(self) -> None:
        """Forget the number: in another epoch it is another message."""
        self._number = self._count = self._cut_short = 0

    def allow(self, number: int) -> bool:
        """Count a request that begins at this number; False when there were too many."""
        if number != self._number:
            self._number, self._count, self._cut_short = number, 0, 0
        self._count += 1
        return self._count <= self._limit

    def cut_short(self) -> bool:
        """Know that the line was lost while the peer had time to answer the last request: that one does not count.

        Nobody is to blame for it, and on a line that lasts no longer than an answer takes, the number would be given up
        for good. Return whether a person should know: it was so as often as requests are allowed.
        """
        self._count -= 1
        self._cut_short += 1
        return self._cut_short == self._limit
