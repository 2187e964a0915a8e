"""Heartbeats and test requests: is the peer alive, and does it know that we are? Monotonic time only (H08)."""

from __future__ import annotations

from fixfast.types import Now

__all__ = ["SECOND", "Liveness"]

SECOND = 1_000_000_000
#: How late poll() may come before we suspect that it was us who slept, not the peer (H08).
_STALL = SECOND


class Liveness:
    """The receive side of the heartbeat timers of one connection.

    Attributes:
        interval: HeartBtInt in ns; 0: no heartbeats (L17).
        last: when the last message came that was not garbled, in or out of sequence (G13).
        test_id: TestReqID of the latest TestRequest that has not been answered, None if there is none.
    """

    __slots__ = ("_dead_at", "_grace", "_probed", "interval", "last", "test_id")

    def __init__(self, interval: int, now: Now) -> None:
        self.interval = interval
        self.last = now
        self.test_id: str | None = None
        self._probed: int | None = None  # what `heard` was when the test request for this silence was sent
        self._dead_at = 0
        self._grace = False

    @property
    def heard(self) -> int:
        """The mono_ns of `last`."""
        return self.last.mono_ns

    @property
    def waiting(self) -> bool:
        """Whether a TestRequest went out for this silence, and nothing came since."""
        return self._probed == self.heard

    def heartbeat_at(self, last_sent: int) -> int | None:
        """Return when the next Heartbeat is due, given when something was last sent."""
        return last_sent + self.interval if self.interval else None

    def deadline(self) -> int:
        """Return when silence becomes remarkable. Only with an interval."""
        heard = self.last.mono_ns
        return self._dead_at if self._probed == heard else heard + self.interval * 6 // 5

    def should_probe(self, now: Now) -> bool:
        """Whether 1.2 intervals of silence ask for a TestRequest (H04)."""
        return bool(self.interval) and self._probed != self.heard and now.mono_ns >= self.heard + self.interval * 6 // 5

    def probed(self, test_id: str, now: Now) -> None:
        """Note that a TestRequest went out for this silence."""
        self.test_id = test_id
        self._probed = self.heard
        self._grace = False
        # H07: counted from the request, so that a stall of ours before it does not shorten the peer's time
        self._dead_at = now.mono_ns + self.interval * 6 // 5

    def is_dead(self, now: Now) -> bool:
        """Whether the TestRequest stayed without any answer. After a stall the socket is read first (H08)."""
        if not self.interval or self._probed != self.heard or now.mono_ns < self._dead_at:
            return False
        if now.mono_ns >= self._dead_at + _STALL and not self._grace:
            self._grace = True
            self._dead_at = now.mono_ns + _STALL
            return False
        return True

    def answered(self, test_id: str) -> bool:
        """Note a Heartbeat with this TestReqID; True when it is the one that was waited for (H05)."""
        if test_id != self.test_id:
            return False
        self.test_id = None
        return True
