"""How fast the peers of an acceptor may send: a budget for each session, and what happens when it is used up.

"pause" and "logout" look at the bytes of a connection, "reject" at the messages that the program would get. Sessions of
an acceptor without such a limit have nothing of this. What pauses is engine/governed_pump.py and sync/governed_line.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from fixfast import clock
from fixfast.engine.limits import Limits
from fixfast.engine.throttle import Limiter, RateLimit
from fixfast.errors import BusinessReject
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message
from fixfast.types import SessionID

__all__ = ["AT_ONCE", "Budget", "Governor", "Meter", "rejecting"]

_Made = TypeVar("_Made")

_END = b"\x0110="
#: What is read at one time, bytes: about a hundred messages, so that a pause is not much longer than it must be.
AT_ONCE = 8192
#: BusinessRejectReason(380): the standard has one for this since FIX 5.0 SP2; before, it is "other".
_THROTTLE, _OTHER = 8, 0


class Governed(Protocol):
    """A session of any front end."""

    id: SessionID

    @property
    def peer(self) -> str: ...
    def say_goodbye(self, text: str = "") -> None: ...


class Budget:
    """Messages or bytes that a peer may send, as a bucket; what it sent is counted, allowed or not.

    Not a Limiter: that one forgives a debt, which here a peer would get for nothing. What was read at one time may be
    much more than the limit, and all of it is made up for.

    Args: limit: how much. A window counts as a bucket of its size.
    """

    __slots__ = ("_cost", "_count", "_full", "_room")

    def __init__(self, limit: RateLimit) -> None:
        self._cost, self._count = limit.per_ns, limit.count
        self._room = limit.most * limit.per_ns // limit.count  # ns that a full bucket is worth
        self._full = 0  # when it is full again, mono_ns

    def spend(self, n: int, now: int) -> int:
        """Count, and return in how many ns there is something left again, 0 for now."""
        self._full = max(self._full, now) + n * self._cost // self._count
        return max(0, self._full - now - self._room)


class Meter:
    """Counts what one connection brings in: messages, or bytes.

    Args: budget: of the session; it goes on from one connection to the next. by_bytes: it counts bytes, else messages.
    """

    __slots__ = ("_budget", "_by_bytes", "_tail")

    def __init__(self, budget: Budget, *, by_bytes: bool) -> None:
        self._budget = budget
        self._by_bytes = by_bytes
        self._tail = b""  # of what was read before: the end of a message may come in two parts

    def count(self, data: bytes, now: int) -> int:
        """Count what was read; return in how many ns there is something left of the budget again, 0 for now."""
        if self._by_bytes:
            return self._budget.spend(len(data), now)
        data = self._tail + data
        self._tail = b"" if data.endswith(_END) else data[1 - len(_END) :]
        return self._budget.spend(data.count(_END), now)


class Governor:
    """What Limits say about the sessions of one acceptor that are logged on.

    Args: limits: with `inbound` set. note: as Strangers.note().
    """

    def __init__(self, limits: Limits, note: Callable[..., object]) -> None:
        assert limits.inbound is not None
        self._limit = limits.inbound
        self._logout = limits.when_exceeded == "logout"
        self._note = note
        self._budgets: WeakKeyDictionary[Governed, Budget] = WeakKeyDictionary()

    def making(self, kind: Callable[..., _Made], session: Governed) -> Callable[..., _Made]:
        """Return what makes the governed pump or line of a new connection. The budget goes on from one to the next.

        Args: kind: takes `meter`, and `exceeded`, which is to be called each time that reading pauses.
        """
        budget = self._budgets.setdefault(session, Budget(self._limit))
        meter = Meter(budget, by_bytes=self._limit.unit == "bytes")
        return partial(kind, meter=meter, exceeded=partial(self._exceeded, session))

    def _exceeded(self, session: Governed) -> None:
        what = "is logged out" if self._logout else "reading from it pauses"
        text = f"%s: more than %s from %s: {what}"
        self._note("peers that send too fast", text, session.id, self._limit, session.peer)
        if self._logout:
            session.say_goodbye(f"too many messages: more than {self._limit}")


def rejecting(on_message: Callable[[Any, Message], Any], limit: RateLimit) -> Callable[[Any, Message], Any]:
    """Return an on_message() that answers what is too much with a BusinessMessageReject, and passes on the rest (B05).

    Rejects are passed on in any case: they are never answered with one (B07).
    """
    limiters: WeakKeyDictionary[Any, Limiter] = WeakKeyDictionary()

    def governed(session: Any, message: Message) -> Any:
        limiter = limiters.get(session)
        if limiter is None:
            limiter = limiters[session] = Limiter((limit,))
        if message.msg_type not in REJECTS and limiter.take(clock.now().mono_ns, len(message.raw)):
            config = session.config
            newest = config.begin_string == "FIXT.1.1" and config.default_appl_ver_id in ("9", "10")
            raise BusinessReject(_THROTTLE if newest else _OTHER, f"too many messages: more than {limit}")
        return on_message(session, message)

    return governed
