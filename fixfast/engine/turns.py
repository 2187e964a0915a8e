"""The sessions an engine makes: plain, throttled, measured; and how a coroutine waits for its turn to send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fixfast import clock
from fixfast.engine.observing.metered import Metered
from fixfast.engine.throttle import Throttle
from fixfast.engine.throttled import ThrottledSession
from fixfast.errors import ConfigError, Throttled
from fixfast.session.config import SessionConfig
from fixfast.session.session import Session
from fixfast.store.base import Store
from fixfast.types import Role

__all__ = ["Turns", "in_turn", "made_again", "session_for", "turns_of"]


_T = TypeVar("_T")


class _ThrottledMetered(ThrottledSession, Metered):
    """Both. In this order: what a Throttle releases is measured from then on."""


def session_for(
    config: SessionConfig, store: Store | None, role: Role, throttle: Throttle | None, latency: bool
) -> Session:
    """Return a session with what was asked for, and nothing more: what is off costs nothing.

    Raises: ConfigError: throttle or latency is something else than it should be.
    """
    if throttle is not None and not isinstance(throttle, Throttle):
        raise ConfigError("throttle", type(throttle).__name__, "None or a Throttle")
    if type(latency) is not bool:
        raise ConfigError("latency", latency, "True or False")
    if throttle is not None:
        return (_ThrottledMetered if latency else ThrottledSession)(config, store, role, throttle)
    return (Metered if latency else Session)(config, store, role)


def made_again(session: Session, config: SessionConfig, store: Store | None, role: Role) -> Session:
    """Return a session like another one, on the same store: what counted under its limits still does."""
    made: Session
    if isinstance(session, ThrottledSession):
        made = type(session)(config, store, role, session.throttle)
        made.go_on_counting(session)
    else:
        made = type(session)(config, store, role)
    if isinstance(session, Metered) and isinstance(made, Metered):
        made.arrivals = session.arrivals
    return made


def turns_of(session: Session, soon: Callable[[], None]) -> Turns | None:
    """Return what makes send() wait for its turn; None where nothing ever waits.

    Args: soon: has a turn of the loop look at the session's deadline.
    """
    return Turns(session, soon) if isinstance(session, ThrottledSession) else None


async def in_turn(turns: Turns | None, msg_type: str, fields: list[Any], act: Callable[[], _T]) -> _T:
    """Do something that sends one message, like these fields, when a Throttle lets it.

    Cancelled while it waits, nothing was done.
    """
    if turns is None:
        return act()
    done: list[_T] = []

    def send(msg_type: str, fields: Any) -> int:
        done.append(act())
        return 1

    await turns.send(send, msg_type, fields)
    return done[0]


class Turns:
    """Coroutines that wait until their session may send. A cancelled one uses no number and counts for nothing."""

    __slots__ = ("_session", "_soon", "_waits")

    def __init__(self, session: ThrottledSession, soon: Callable[[], None]) -> None:
        self._session = session
        self._soon = soon
        self._waits = session.throttle.when_full == "wait"

    async def send(self, send: Callable[[str, Any], int], msg_type: str, fields: Any, *, wait: bool = False) -> int:
        """Call send(msg_type, fields) when it is its turn, and return what it does.

        Args: wait: also with when_full="queue": the caller needs the number.

        Raises: Throttled: with when_full="reject", or because too many wait. NotActive: not logged on any more. What
            send() raises.
        """
        session = self._session
        if not (self._waits or (wait and session.throttle.when_full == "queue")):
            return send(msg_type, fields)
        fields = list(fields)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()

        def wake(error: BaseException | None) -> None:
            if not turn.done():
                turn.set_result(None) if error is None else turn.set_exception(error)

        place = session.line_up(msg_type, fields, clock.now(), wake)
        if place is None:
            return send(msg_type, fields)
        try:
            while True:
                self._soon()  # the pump's timer goes by session.next_deadline()
                await turn
                turn = loop.create_future()
                try:
                    with session.turn(place, clock.now()):
                        return send(msg_type, fields)
                except Throttled:
                    continue  # the limits were used up by something that does not wait
        finally:
            session.leave_line(place, clock.now())
            self._soon()

    async def request(
        self, send: Callable[[str, Any], int], msg_type: str, fields: Any, timeout: float | None
    ) -> tuple[int, float | None]:
        """Do what send() does, and return the number with what is left of the timeout.

        Raises: TimeoutError: it was not its turn in time; nothing was sent. The rest: as send().
        """
        if timeout is None:
            return await self.send(send, msg_type, fields, wait=True), None
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        async with asyncio.timeout_at(until):
            seq = await self.send(send, msg_type, fields, wait=True)
        return seq, max(0.0, until - loop.time())
