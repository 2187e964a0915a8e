"""GovernedPump: a connection of an acceptor that is read no faster than Limits say, with asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fixfast import clock
from fixfast.engine.governed import AT_ONCE, Meter
from fixfast.transport.aio import Bytes, Owner, Pump, Tap

__all__ = ["GovernedPump"]


class GovernedPump(Pump):
    """A Pump that counts what it reads, and rests when that is too much.

    Args:
        meter: counts.
        exceeded: called each time that reading pauses, until the budget has room; TCP makes the peer wait.
        The others: as for Pump.
    """

    def __init__(
        self,
        session: Bytes,
        owner: Owner,
        *,
        meter: Meter,
        exceeded: Callable[[], object],
        first: bytes = b"",
        tap: Tap | None = None,
        slow_after: float = 10.0,
    ) -> None:
        super().__init__(session, owner, first=first, tap=tap, slow_after=slow_after)
        self._meter = meter
        self._exceeded = exceeded
        self._lent: memoryview | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._wanted = False  # the program wants reading to pause

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go, not too many at a time."""
        self._lent = super().get_buffer(sizehint)[:AT_ONCE]
        return self._lent

    def buffer_updated(self, nbytes: int) -> None:
        """Let the session look at what arrived, then count it."""
        lent, self._lent = self._lent, None
        data = bytes(lent[:nbytes]) if lent is not None else b""
        del lent  # the session's chunk is not to be kept from being used again
        super().buffer_updated(nbytes)
        wait = self._meter.count(data, clock.now().mono_ns)
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
