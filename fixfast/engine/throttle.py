"""How many, how often, who first: limits of messages or bytes in time. No I/O, no clock: `now` comes in as ns.

    Throttle, RateLimit      what a person configures, frozen and validated
    Limiter                  what passed lately, and how long the next one has to wait
    Waiters                  those who wait, by priority

Times are integers in ns of one clock; one that goes back is taken to stand still. Nothing is rounded in our favour.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, get_args

from fixfast.errors import ConfigError
from fixfast.session.wire import Message

__all__ = ["CANCELS_FIRST", "Limiter", "Place", "RateLimit", "Throttle", "Waiters"]

T = TypeVar("T")

_Kind = Literal["window", "bucket"]
_Unit = Literal["messages", "bytes"]
_WhenFull = Literal["wait", "reject", "queue"]
_Priority = Mapping[str, int] | Callable[[Message], int]

_SECOND = 1_000_000_000
#: seconds; a limit for a longer time is one for an accountant
_LONGEST = 7 * 86400
#: A window keeps one entry for each message in it, so this bounds its memory: about 100 MB.
_WIDEST = 1_000_000
#: 2**40 bytes: above what anybody sends, and far below what arithmetic needs
_MOST = 1 << 40
#: MsgTypes a session sends by itself: they are never held back
_SESSION = frozenset({"0", "1", "2", "4", "5", "A"})

#: What Throttle(priority=) is unless said otherwise: an OrderCancelRequest goes before all else. Not so mass cancels
#: (q, CA) and cancels of quotes and lists (Z, K): they mean everything sent before them, so that must be first.
CANCELS_FIRST: Mapping[str, int] = {"F": -1}


def _whole(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigError(name, value, f"a whole number from 1 to {most}")


def _one_of(name: str, value: object, allowed: object) -> None:
    names: tuple[str, ...] = get_args(allowed)
    if value not in names:
        raise ConfigError(name, value, " or ".join(repr(one) for one in names))


# --- configuration ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many messages, or bytes, in so much time.

    Args:
        count: how many.
        per: in how many seconds.
        kind: "window": never more than `count` in any stretch of `per` seconds, wherever it begins. "bucket": tokens
            come back evenly, `count` in `per` seconds, and up to `burst` are kept for later. A full bucket lets `burst`
            pass at once and `count` more while `per` goes by: nearly twice `count` in a window, where burst is count.
        unit: "messages" or "bytes" (of whole messages, as on the wire).
        burst: how much a bucket holds; None: `count`. Not for windows.

    Raises:
        ConfigError: a value is out of range.
    """

    count: int
    per: float = 1.0
    kind: _Kind = "window"
    unit: _Unit = "messages"
    burst: int | None = None

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, _Kind)
        _one_of("unit", self.unit, _Unit)
        _whole("count", self.count, _WIDEST if self.kind == "window" and self.unit == "messages" else _MOST)
        per = self.per
        if isinstance(per, bool) or not isinstance(per, (int, float)) or not 1e-6 <= per <= _LONGEST:
            raise ConfigError("per", per, f"seconds, from 0.000001 to {_LONGEST}")
        if self.burst is not None:
            if self.kind == "window":
                raise ConfigError("burst", self.burst, "None, or kind='bucket'")
            _whole("burst", self.burst, _MOST)

    @property
    def per_ns(self) -> int:
        """`per` in ns."""
        return round(self.per * _SECOND)

    @property
    def most(self) -> int:
        """How much may pass at one time, at best."""
        return self.burst if self.burst is not None else self.count

    def __str__(self) -> str:
        return f"{self.count} {self.unit} in {self.per:g} s"


@dataclass(frozen=True, slots=True)
class Throttle:
    """How fast a session may send application messages, and what happens to those that are too many.

    All limits hold at once. A message counts when it gets its number. What the session says by itself (Logons,
    Heartbeats, resends) is never held back.

    Args:
        limits: RateLimits, at least one. A venue counts by its own clock, and sees our messages a little closer
            together or farther apart than they left: leave it some room (49 in a second where it allows 50).
        when_full: "wait": `await session.send()` waits for its turn, send_nowait() raises Throttled. "reject": both
            raise Throttled. "queue": both return at once, with 0 for a number, and what is queued is sent when it may.
        priority: who goes first among those that wait: the smaller number, equal ones in the order they came. A mapping
            of MsgType -> number (0 for those that are not in it), or a function of the message. A message is never sent
            before the one whose ClOrdID(11) is its OrigClOrdID(41), whatever their numbers say.
        queue_limit: how many may wait at one time; the next one gets Throttled.
        count_session_messages: the session's own messages use up the limits, too.
        max_age: with "queue", seconds after which what is still queued is not sent any more: an `Unsent` event names it
            (an order of five seconds ago may not be the order of now). None: it waits as long as the session lasts.

    Raises:
        ConfigError: a value is out of range.
    """

    limits: tuple[RateLimit, ...]
    when_full: _WhenFull = field(default="wait", kw_only=True)
    priority: _Priority = field(default_factory=lambda: CANCELS_FIRST, kw_only=True, hash=False)
    queue_limit: int = field(default=10_000, kw_only=True)
    count_session_messages: bool = field(default=False, kw_only=True)
    max_age: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        limits = self.limits
        if not isinstance(limits, tuple) or not limits or not all(isinstance(one, RateLimit) for one in limits):
            raise ConfigError("limits", limits, "a tuple of RateLimits, as in Throttle((RateLimit(50, per=1.0),))")
        _one_of("when_full", self.when_full, _WhenFull)
        _whole("queue_limit", self.queue_limit, 1_000_000)
        if type(self.count_session_messages) is not bool:
            raise ConfigError("count_session_messages", self.count_session_messages, "True or False")
        age = self.max_age
        if age is not None:
            if isinstance(age, bool) or not isinstance(age, (int, float)) or not 1e-6 <= age <= _LONGEST:
                raise ConfigError("max_age", age, f"None, or seconds from 0.000001 to {_LONGEST}")
            if self.when_full != "queue":
                raise ConfigError("max_age", age, "None, or when_full='queue'")
        priority = self.priority
        if isinstance(priority, Mapping):
            for msg_type, number in priority.items():
                if not isinstance(msg_type, str) or not msg_type or type(number) is not int:
                    raise ConfigError("priority", priority, "a mapping of MsgType -> int")
                if msg_type in _SESSION:
                    raise ConfigError("priority", priority, f"no number for {msg_type!r}: session messages never wait")
            object.__setattr__(self, "priority", dict(priority))
        elif not callable(priority):
            raise ConfigError("priority", priority, "a mapping of MsgType -> int, or a function of a message")

    def priority_of(self, message: Message) -> int:
        """Return the number that says when a message that must wait goes; the smaller one first.

        Raises: TypeError: the function given as `priority` returned something else than an int.
        """
        priority = self.priority
        if isinstance(priority, Mapping):
            return priority.get(message.msg_type, 0)
        number = priority(message)
        if not isinstance(number, int):
            raise TypeError(f"Throttle.priority returned {type(number).__name__} for {message.msg_type!r}, not an int")
        return number


# --- how long to wait -------------------------------------------------------------------------------------------------


class _Bucket:
    """Tokens that come back evenly. The level counts in 1/per_ns of a token, so that a ns brings `count` of them."""

    __slots__ = ("_count", "_full", "_level", "_per", "_since")

    def __init__(self, limit: RateLimit) -> None:
        self._count, self._per = limit.count, limit.per_ns
        self._full = self._level = limit.most * self._per
        self._since = 0

    def wait(self, now: int, n: int) -> int:
        level = self._level + (now - self._since) * self._count
        if level > self._full:
            level = self._full
        self._level = level
        self._since = now
        missing = n * self._per - level
        return 0 if missing <= 0 else -(-missing // self._count)

    def add(self, n: int) -> None:
        """Count, at the time wait() was called for last."""
        # A debt is bounded: nobody who is made to send without asking pays for it longer than one `per`.
        self._level = max(self._level - n * self._per, -self._count * self._per)


class _Window:
    """What passed in the last `per_ns`: never more than `count` in any [t, t + per_ns)."""

    __slots__ = ("_count", "_entries", "_now", "_per", "_sum")

    def __init__(self, limit: RateLimit) -> None:
        self._count, self._per = limit.count, limit.per_ns
        self._entries: deque[tuple[int, int]] = deque()  # (when, how many), oldest first
        self._sum = 0
        self._now = 0

    def wait(self, now: int, n: int) -> int:
        self._now = now
        entries, old = self._entries, now - self._per
        while entries and entries[0][0] <= old:
            self._sum -= entries.popleft()[1]
        missing = self._sum + n - self._count
        if missing <= 0:
            return 0
        for when, passed in entries:
            missing -= passed
            if missing <= 0:
                return when - old
        return self._per  # more than ever may pass at one time

    def add(self, n: int) -> None:
        """Count, at the time wait() was called for last."""
        entries = self._entries
        self._sum += n
        if len(entries) >= self._count:
            # Only what passes without asking comes here, and a peer can provoke such: it takes no more memory. Counted
            # with the latest, it counts a little longer than it had to.
            n += entries.pop()[1]
        entries.append((self._now, n))


class Limiter:
    """What passed lately under some limits, and how long the next must wait. Not thread-safe: its owner locks.

    wait_ns() asks and add() counts: what fails in between is not counted. take() does both.

    Args: limits: all of them hold at once.
    """

    __slots__ = ("_bytes", "_last", "_messages", "largest")

    def __init__(self, limits: Iterable[RateLimit]) -> None:
        limits = tuple(limits)
        self._messages = [_made(limit) for limit in limits if limit.unit == "messages"]
        self._bytes = [_made(limit) for limit in limits if limit.unit == "bytes"]
        self._last = 0
        #: the largest message, in bytes, that can ever pass; None: any
        self.largest: int | None = min((limit.most for limit in limits if limit.unit == "bytes"), default=None)

    def wait_ns(self, now_ns: int, size: int = 0) -> int:
        """Return in how many ns a message may go, 0 for now. It is not counted.

        The wait is exact: a ns earlier it would not be allowed, and then it is if nothing else went meanwhile.

        Args: size: of the message in bytes, where a limit counts them; up to `largest`.
        """
        back = self._last - now_ns
        if back > 0:  # the clock went back: it stands still until it is where it was
            now_ns = self._last
        else:
            back = 0
            self._last = now_ns
        longest = 0
        for limit in self._messages:
            wait = limit.wait(now_ns, 1)
            if wait > longest:
                longest = wait
        for limit in self._bytes:
            wait = limit.wait(now_ns, size)
            if wait > longest:
                longest = wait
        return longest + back if longest else 0

    def passed(self, size: int = 0) -> None:
        """Count a message that wait_ns() has just let pass, at the time it was asked for.

        PERF: a third of what add() takes, which looks at every limit anew.
        """
        for limit in self._messages:
            limit.add(1)
        for limit in self._bytes:
            limit.add(size)

    def add(self, now_ns: int, size: int = 0, messages: int = 1) -> None:
        """Count what passed, allowed or not; those after it wait accordingly.

        Args: size: bytes in all. messages: how many.
        """
        self._last = now_ns = max(now_ns, self._last)
        for limit in self._messages:
            limit.wait(now_ns, 0)
            limit.add(messages)
        for limit in self._bytes:
            limit.wait(now_ns, 0)
            limit.add(size)

    def take(self, now_ns: int, size: int = 0) -> int:
        """Count a message if it may go now, and return 0; else return in how many ns it may."""
        wait = self.wait_ns(now_ns, size)
        if not wait:
            self.passed(size)
        return wait


def _made(limit: RateLimit) -> _Bucket | _Window:
    return _Window(limit) if limit.kind == "window" else _Bucket(limit)


# --- who first --------------------------------------------------------------------------------------------------------


class Place(Generic[T]):
    """A place among Waiters, for who wants to leave it."""

    __slots__ = ("item", "key", "order", "priority", "waiting")

    def __init__(self, item: T, priority: int, order: int, key: str) -> None:
        self.item = item
        self.priority = priority
        self.order = order
        self.key = key
        self.waiting = True

    def __lt__(self, other: Place[T]) -> bool:
        return (self.priority, self.order) < (other.priority, other.order)


class Waiters(Generic[T]):
    """Those who wait: the smallest priority first, equal ones in the order they came. Leaving is cheap, anywhere."""

    __slots__ = ("_heap", "_keys", "_order", "_size")

    def __init__(self) -> None:
        self._heap: list[Place[T]] = []
        self._keys: dict[str, Place[T]] = {}
        self._order = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        """Iterate over those who wait, the first one first."""
        return (place.item for place in sorted(self._heap) if place.waiting)

    def join(self, item: T, priority: int = 0, *, key: str = "", after: str = "") -> Place[T]:
        """Take a place.

        Args: key: what others may refer to. after: the key of one that must go first, should it be waiting.
        """
        ahead = self._keys.get(after) if after else None
        if ahead is not None and priority < ahead.priority:
            priority = ahead.priority
        self._order += 1
        place = Place(item, priority, self._order, key)
        heapq.heappush(self._heap, place)
        if key:
            self._keys[key] = place
        self._size += 1
        return place

    @property
    def first(self) -> Place[T] | None:
        """Whose turn is next; None: nobody waits."""
        heap = self._heap
        while heap and not heap[0].waiting:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def leave(self, place: Place[T]) -> None:
        """Give a place up, because it was one's turn or for any other reason. Twice is fine."""
        if not place.waiting:
            return
        place.waiting = False
        self._size -= 1
        if self._keys.get(place.key) is place:
            del self._keys[place.key]
        if len(self._heap) > 2 * self._size + 64:  # places given up in the middle must not pile up
            self._heap = [one for one in self._heap if one.waiting]
            heapq.heapify(self._heap)

    def clear(self) -> list[T]:
        """Send all away; return them, the first one first."""
        items = list(self)
        for place in self._heap:
            place.waiting = False
        self._heap.clear()
        self._keys.clear()
        self._size = 0
        return items
