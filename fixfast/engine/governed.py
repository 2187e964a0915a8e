"""How fast the peers of an acceptor may send: a budget for each session, and what happens when it is used up.

"pause" and "logout" look at the bytes of a connection, "reject" at the messages that the program would get. Sessions of
an acceptor without such a limit have nothing of this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from fixfast import clock
from fixfast.engine.limits import Limits
from fixfast.engine.live import LiveSession
from fixfast.engine.throttle import Limiter, RateLimit
from fixfast.errors import BusinessReject
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message
from fixfast.transport.aio import Bytes, Owner, Pump, Tap

__all__ = ["Budget", "GovernedPump", "Governor", "rejecting"]

_END = b"\x0110="
#: What is read at one time, bytes: about a hundred messages, so that a pause is not much longer than it must be.
_READ = 8192
#: BusinessRejectReason(380): the standard has one for this since FIX 5.0 SP2; before, it is "other".
_THROTTLE, _OTHER = 8, 0


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


class GovernedPump(Pump):
    """A Pump that counts what it reads, and rests when that is too much.

    Args:
        budget: of this session; it goes on from one connection to the next.
        by_bytes: it counts bytes, else messages.
        exceeded: called each time that reading pauses, until the budget has room; TCP makes the peer wait.
        The others: as for Pump.
    """

    def __init__(
        self,
        session: Bytes,
        owner: Owner,
        *,
        budget: Budget,
        by_bytes: bool,
        exceeded: Callable[[], object],
        first: bytes = b"",
        tap: Tap | None = None,
        slow_after: float = 10.0,
    ) -> None:
        super().__init__(session, owner, first=first, tap=tap, slow_after=slow_after)
        self._budget = budget
        self._by_bytes = by_bytes
        self._exceeded = exceeded
        self._lent: memoryview | None = None
        self._tail = b""  # of what was read before: the end of a message may come in two parts
        self._resting: asyncio.TimerHandle | None = None
        self._wanted = False  # the program wants reading to pause

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go, not too many at a time."""
        self._lent = super().get_buffer(sizehint)[:_READ]
        return self._lent

    def buffer_updated(self, nbytes: int) -> None:
        """Let the session look at what arrived, then count it."""
        lent, self._lent = self._lent, None
        data = self._tail + bytes(lent[:nbytes]) if lent is not None else b""
        del lent  # the session's chunk is not to be kept from being used again
        super().buffer_updated(nbytes)
        messages = data.count(_END)
        self._tail = b"" if data.endswith(_END) else data[1 - len(_END) :]
        wait = self._budget.spend(nbytes if self._by_bytes else messages, clock.now().mono_ns)
        if wait and not self._ending and self._resting is None:
            self._resting = self._loop.call_later(wait / 1e9, self._rested)
            super().pause_reading(True)
            self._exceeded()

    def pause_reading(self, pause: bool) -> None:
        """Stop or go on reading, as the program wants; going on waits for the end of a rest."""
        self._wanted = pause
        super().pause_reading(pause or self._resting is not None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell session and owner, and release everything."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        super().connection_lost(exc)

    def _rested(self) -> None:
        self._resting = None
        super().pause_reading(self._wanted)


class Governor:
    """What Limits say about the sessions of one acceptor that are logged on.

    Args: limits: with `inbound` set. note: as Reception.note().
    """

    def __init__(self, limits: Limits, note: Callable[..., object]) -> None:
        assert limits.inbound is not None
        self._limit = limits.inbound
        self._logout = limits.when_exceeded == "logout"
        self._note = note
        self._budgets: WeakKeyDictionary[LiveSession, Budget] = WeakKeyDictionary()

    def pump(self, session: LiveSession) -> Callable[..., Pump]:
        """Return what makes the pump of a new connection. The budget goes on from one to the next."""
        budget = self._budgets.setdefault(session, Budget(self._limit))
        by_bytes = self._limit.unit == "bytes"
        return partial(GovernedPump, budget=budget, by_bytes=by_bytes, exceeded=partial(self._exceeded, session))

    def _exceeded(self, session: LiveSession) -> None:
        what = "is logged out" if self._logout else "reading from it pauses"
        text = f"%s: more than %s from %s: {what}"
        self._note("peers that send too fast", text, session.id, self._limit, session.peer)
        if self._logout:
            session.say_goodbye(f"too many messages: more than {self._limit}")


def rejecting(
    on_message: Callable[[LiveSession, Message], Any], limit: RateLimit
) -> Callable[[LiveSession, Message], Any]:
    """Return an on_message() that answers what is too much with a BusinessMessageReject, and passes on the rest (B05).

    Rejects are passed on in any case: they are never answered with one (B07).
    """
    limiters: WeakKeyDictionary[LiveSession, Limiter] = WeakKeyDictionary()

    def governed(session: LiveSession, message: Message) -> Any:
        limiter = limiters.get(session)
        if limiter is None:
            limiter = limiters[session] = Limiter((limit,))
        if message.msg_type not in REJECTS and limiter.take(clock.now().mono_ns, len(message.raw)):
            config = session.config
            newest = config.begin_string == "FIXT.1.1" and config.default_appl_ver_id in ("9", "10")
            raise BusinessReject(_THROTTLE if newest else _OTHER, f"too many messages: more than {limit}")
        return on_message(session, message)

    return governed
