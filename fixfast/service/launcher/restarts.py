"""When a Backend that died is started again, and when that is given up. Without I/O and clock: time comes in."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from fixfast.engine.connection import Reconnect, positive
from fixfast.errors import ConfigError

__all__ = ["Restarting", "Restarts"]

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarting:
    """How a Backend that dies is started again.

    The n-th wait in a row is `min(maximum, initial * factor**n)` seconds, less a random share of up to `jitter` of it
    (C17). One that ran for longer than `within` begins the series anew.

    Args:
        initial: the first wait, seconds.
        maximum: the longest wait, seconds.
        factor: growth from one wait to the next, at least 1.
        jitter: share of each wait that is random, 0 to 1.
        attempts: deaths, of which `within` seconds see no more than so many; with one more the session has failed.
        within: seconds.

    Raises: ConfigError.
    """

    initial: float = 0.5
    maximum: float = 30.0
    factor: float = 2.0
    jitter: float = 0.2
    attempts: int = 8
    within: float = 300.0

    def __post_init__(self) -> None:
        self.waits()
        positive("within", self.within)
        if type(self.attempts) is not int or not 0 <= self.attempts <= 1000:
            raise ConfigError("attempts", self.attempts, "a whole number from 0 to 1000")

    def waits(self) -> Reconnect:
        """Return the waits. Raises: ConfigError."""
        return Reconnect(initial=self.initial, maximum=self.maximum, factor=self.factor, jitter=self.jitter)


class Restarts:
    """The deaths of one session's Backends."""

    def __init__(self, config: Restarting, rng: random.Random | None = None) -> None:
        self._config = config
        self._rng = rng if rng is not None else random.Random()
        self._deaths: deque[int] = deque()
        self._waits = config.waits().delays(self._rng)

    def died(self, now_ns: int, ran_ns: int) -> float | None:
        """Know of a death; return the seconds to wait, None: it is given up.

        Args: now_ns: monotonic. ran_ns: for how long it had been up; 0: it never was.
        """
        within = int(self._config.within * _SECOND)
        while self._deaths and self._deaths[0] <= now_ns - within:
            self._deaths.popleft()
        self._deaths.append(now_ns)
        if len(self._deaths) > self._config.attempts:
            return None
        if ran_ns > within:
            self._waits = self._config.waits().delays(self._rng)
        return next(self._waits)
