"""GovernedLine: a connection of an acceptor that is read no faster than Limits say, on a thread."""

from __future__ import annotations

import socket
from collections.abc import Callable

from fixfast import clock
from fixfast.engine.governed import AT_ONCE, Meter
from fixfast.engine.sync.line import Bytes, Line, Tap
from fixfast.types import Buffer

__all__ = ["GovernedLine"]


class GovernedLine(Line):
    """A Line that counts what it reads, and rests when that is too much; the end of a rest is a deadline of the line.

    Args:
        meter: counts.
        exceeded: called each time that reading pauses, until the budget has room; TCP makes the peer wait.
        hurry: called then, too: there is a new deadline().
        The others: as for Line.
    """

    __slots__ = ("_exceeded", "_hurry", "_meter", "_rest_until", "_wanted")

    def __init__(
        self,
        session: Bytes,
        sock: socket.socket,
        *,
        meter: Meter,
        exceeded: Callable[[], object],
        hurry: Callable[[], object],
        first: bytes = b"",
        tap: Tap | None = None,
        slow_after: float = 10.0,
        patient: bool = False,
    ) -> None:
        self._meter = meter
        self._exceeded = exceeded
        self._hurry = hurry
        self._rest_until = 0  # mono_ns; 0: it does not rest
        self._wanted = False  # the program wants reading to pause
        # Whoever has no tap to feed may have the session take the bytes, past the line.
        super().__init__(session, sock, first=first, tap=tap or _NoTap(), slow_after=slow_after, patient=patient)
        receive, receive_now = self.recv, self._recv_now
        self.recv = lambda size: receive(min(size, AT_ONCE))
        self._recv_now = lambda size: receive_now(min(size, AT_ONCE))

    @property
    def paused(self) -> bool:
        """Nothing is read: the program is behind, or the peer was too fast."""
        return self._wanted or (self._rest_until != 0 and not self.leaving)

    @paused.setter
    def paused(self, pause: bool) -> None:
        self._wanted = pause

    def deadline(self) -> int | None:
        """Return the mono_ns at which tick() is due, None for never."""
        due, rest = super().deadline(), self._rest_until
        if not rest or self.over or self.leaving:
            return due
        return rest if due is None else min(due, rest)

    def tick(self) -> None:
        """Do what is due; take the events and flush() then."""
        if self._rest_until and clock.now().mono_ns >= self._rest_until:
            self._rest_until = 0
        super().tick()

    def _take(self, data: bytes) -> None:
        super()._take(data)
        now = clock.now().mono_ns
        wait = self._meter.count(data, now)
        if wait and not (self.leaving or self.over):
            rested, self._rest_until = self._rest_until == 0, now + wait
            if rested:
                self._exceeded()
            self._hurry()


class _NoTap:
    """Sees nothing."""

    def inbound(self, data: Buffer) -> None:
        """Let the bytes pass."""

    def outbound(self, data: Buffer) -> None:
        """Let the bytes pass."""
