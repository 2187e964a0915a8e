"""A world for a test: virtual time, and a network in memory for whatever the test starts in it."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TypeVar

from fixfast.errors import ConfigError
from fixfast.testing.link import Passed
from fixfast.testing.network import Network
from fixfast.testing.virtual import LIMIT, VirtualTime
from fixfast.types import Now

__all__ = ["World"]

#: how much of what passed is shown when a test fails
_LAST = 20

_W = TypeVar("_W", bound="World")


class World:
    """Virtual time and a network in memory: `async with World() as world: ...`, inside any asyncio.run().

    While the block lasts, `connect`, `serve` and `Counterparty` open no sockets: a host's name means nothing, a port
    belongs to who listens on it. See VirtualTime for how time passes. One seed, one trace.

    Args:
        seed: of the jitter.
        delay, jitter: seconds that bytes need from one end to the other, and up to so much more.
        start: wall clock at the beginning, ns since 1970 or a datetime with a zone; None: Monday 2026-01-05, 10:00 UTC.
        limit: virtual seconds after which a test that still waits is ended with TimeoutError.

    Attributes:
        wire: every message that was written, in order, with time and sender; `lost` where it never arrived.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        delay: float = 0.0,
        jitter: float = 0.0,
        start: int | datetime | None = None,
        limit: float = LIMIT,
    ) -> None:
        self._virtual = VirtualTime(start, limit=limit)
        self._network = Network(lambda: self._virtual.elapsed_ns, random.Random(seed))
        self._exit = AsyncExitStack()
        self._entered = False
        self.wire: list[Passed] = self._network.wire
        self.delay, self.jitter = delay, jitter

    async def __aenter__(self: _W) -> _W:
        if self._entered:
            raise RuntimeError(f"a {type(self).__name__} is good for one `async with`; make another")
        self._entered = True
        async with self._exit as stack:
            stack.enter_context(self._virtual)
            stack.enter_context(self._network)
            await self._furnish(stack)
            self._exit = stack.pop_all()
        return self

    async def _furnish(self, stack: AsyncExitStack) -> None:
        """Put into the world what belongs there from the start."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self.wire:
            error.add_note("What passed between the two, the last of it:\n" + self.trace(_LAST))
        await self._exit.__aexit__(kind, error, trace)

    # --- time ----------------------------------------------------------------------------------------------

    async def advance(self, seconds: float = 0, *, ns: int = 0) -> None:
        """Let so much time pass, with all that happens in it: `await p.advance(30)`, `await p.advance(ns=1)`.

        With 0 it lets happen what happens without waiting: what was sent arrives, if there is no delay.

        Raises: ValueError: back in time.
        """
        await self._virtual.advance(seconds, ns=ns)

    @property
    def now(self) -> Now:
        """The time that sessions see."""
        return self._virtual.now

    @property
    def elapsed_ns(self) -> int:
        """Virtual ns since the beginning."""
        return self._virtual.elapsed_ns

    def step_wall_clock(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator does or NTP; timers do not notice."""
        self._virtual.step(seconds)

    # --- the network ---------------------------------------------------------------------------------------

    @property
    def delay(self) -> float:
        """Seconds that bytes need from one end to the other."""
        return self._network.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._network.delay = _seconds("delay", seconds)

    @property
    def jitter(self) -> float:
        """Seconds more than `delay`, at most, at random. The order is kept."""
        return self._network.jitter

    @jitter.setter
    def jitter(self, seconds: float) -> None:
        self._network.jitter = _seconds("jitter", seconds)

    @property
    def up(self) -> bool:
        """Whether one can connect. False refuses new connections, and cuts those there are."""
        return self._network.up

    @up.setter
    def up(self, up: bool) -> None:
        self._network.up = up
        if not up:
            self._network.drop()

    def drop(self, *, reset: bool = False) -> None:
        """Cut every connection now; what is on its way is lost. Initiators come back by their rules.

        Args: reset: the sessions are told of a reset connection (TCP RST); else of one that broke.
        """
        self._network.drop(reset=reset)

    def hold(self, held: bool = True) -> None:
        """Let nothing through, with both ends connected (a cable pulled, a host that froze); False: let it go on."""
        self._network.hold(held)

    # --- what passed ---------------------------------------------------------------------------------------

    def trace(self, last: int | None = None) -> str:
        """Return what passed, a line for each message: time, sender, message with its secrets masked.

        Args: last: only so many, the last ones.
        """
        return "\n".join(str(passed) for passed in (self.wire if last is None else self.wire[-last:]))


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigError(name, value, "seconds, at least 0")
    return float(value)
