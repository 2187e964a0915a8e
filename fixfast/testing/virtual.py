"""Virtual time for a running asyncio loop: where it would sleep, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.engine import syncing
from fixfast.types import Now

__all__ = ["LIMIT", "START_NS", "VirtualTime"]

_SECOND = 1_000_000_000
#: Monday 2026-01-05, 10:00 UTC: inside the hours of most schedules.
START_NS = 1_767_607_200 * _SECOND
#: Eight days: a whole week of a schedule, and one to come back.
LIMIT = 8 * 86_400.0


class VirtualTime:
    """Runs the loop it is entered on, and fixfast's clock, on virtual time: `with VirtualTime() as time: ...`.

    Nobody sleeps. As long as anything can run, time stands still; when everything waits, it jumps to the next timer:
    those of sessions, of asyncio.sleep and asyncio.timeout. While a worker thread is busy (run_in_executor, a store's
    sync), it stands still, too. What the loop had as timers before keeps to real time: a test runner's own limit works.

    Sockets are of the real world, and time does not wait for them: use links in memory.

    Args:
        start: wall clock at the beginning, ns since 1970 or a datetime with a zone; None: Monday 2026-01-05, 10:00 UTC.
        limit: virtual seconds after which the task that entered is ended with TimeoutError: it waits for something
            that never comes, while heartbeats go on for ever.

    Raises:
        RuntimeError: no loop runs, or it is not one of asyncio's own (uvloop has a clock that cannot be replaced).
        ValueError: start is a datetime without a zone.
    """

    def __init__(self, start: int | datetime | None = None, *, limit: float = LIMIT) -> None:
        self._wall = START_NS if start is None else _ns(start)
        self._began = self._mono = _SECOND  # not the machine's: the same in every run
        self._end = self._mono + int(limit * _SECOND)
        self._limit = limit
        self._task: asyncio.Task[Any] | None = None
        self._jobs = 0
        self._settling: list[asyncio.Future[None]] = []
        self._outside: list[asyncio.TimerHandle] = []
        self._expired = False
        self._undo = ExitStack()

    def __enter__(self) -> VirtualTime:
        loop = asyncio.get_running_loop()
        inside = getattr(loop, "__dict__", {})
        if not isinstance(loop, asyncio.BaseEventLoop) or "_selector" not in inside or "time" in inside:
            what = (
                "virtual time runs on this loop already" if "time" in inside else f"{type(loop).__module__}'s does not"
            )
            raise RuntimeError(f"virtual time needs a loop of asyncio's own: {what}")
        self._loop: Any = loop
        self._task = asyncio.current_task()
        self._real_time: Callable[[], float] = loop.time
        self._run_in_executor = loop.run_in_executor
        undo = self._undo
        undo.enter_context(clock.replaced(lambda: self.now))
        undo.enter_context(syncing.replaced_pool(_HereAndNow()))
        # On the instance: other loops, and this one afterwards, are as they were.
        for name, value in (
            ("time", self._time),
            ("_clock_resolution", 1 / _SECOND),  # Windows has 15 ms, by which timers might be early
            ("run_in_executor", self._in_executor),
            ("_selector", _Selector(inside["_selector"], self._idle)),
        ):
            undo.callback(self._restore, name, inside.get(name))  # None: it is the method of the class that shows
            setattr(loop, name, value)
        scheduled: list[asyncio.TimerHandle] = inside["_scheduled"]
        self._outside[:] = scheduled
        scheduled.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scheduled: list[asyncio.TimerHandle] = vars(self._loop)["_scheduled"]
        scheduled.clear()  # of virtual instants, which mean nothing from here on
        scheduled.extend(self._outside)
        heapq.heapify(scheduled)
        self._undo.close()
        if self._expired and isinstance(error, asyncio.CancelledError):
            raise TimeoutError(f"{self._limit:g} s of virtual time went by, and the test still waits") from error

    @property
    def now(self) -> Now:
        """What fixfast's clock says."""
        return Now(self._mono, self.wall_ns)

    @property
    def wall_ns(self) -> int:
        """The wall clock, ns since 1970."""
        return self._wall + self._mono - self._began

    @property
    def elapsed_ns(self) -> int:
        """Virtual time since the beginning, ns."""
        return self._mono - self._began

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back: as an operator does, or NTP. Timers do not notice."""
        self._wall += round(seconds * _SECOND)

    async def advance(self, seconds: float = 0, *, ns: int = 0) -> None:
        """Let so much time pass, with everything that happens in it. With 0: what happens without waiting."""
        if self._task is None:
            raise RuntimeError("virtual time has not begun: `async with` (or `with`, for VirtualTime) around this")
        wait = round(seconds * _SECOND) + ns
        if wait < 0:
            raise ValueError(f"time does not go back: advance({seconds}, ns={ns}); for the wall clock, see step()")
        if wait:
            await asyncio.sleep(wait / _SECOND)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing can go on without waiting."""
        idle: asyncio.Future[None] = self._loop.create_future()
        self._settling.append(idle)
        await idle

    # --- in the loop's place -------------------------------------------------------------------------------

    def _time(self) -> float:
        return self._mono / _SECOND

    def _idle(self, select: Callable[[float | None], Any], timeout: float | None) -> Any:
        """Do what select(timeout) does, but for the waiting. Called when no callback is ready."""
        self._call_outside()
        events = select(0)
        if events or vars(self._loop)["_ready"]:
            return events
        settling, self._settling = self._settling, []
        waiting = [idle for idle in settling if not idle.done()]
        if waiting and not self._jobs:
            for idle in waiting:
                idle.set_result(None)
        elif self._jobs or timeout is None:
            self._settling = waiting
            # Nothing is to come on virtual time before a thread is done, or somebody outside calls.
            return select(max(0.0, self._outside[0].when() - self._real_time()) if self._outside else None)
        else:
            self._mono = min(self._mono + max(1, round(timeout * _SECOND)), self._end)
            if self._mono == self._end:
                self._expire()
        return events

    def _call_outside(self) -> None:
        """Hand a timer of the real world, whose time has come, back to the loop."""
        while self._outside and (self._outside[0].cancelled() or self._outside[0].when() <= self._real_time()):
            handle = heapq.heappop(self._outside)
            if not handle.cancelled():
                handle._when = self._time()  # type: ignore[attr-defined]  # noqa: SLF001
                heapq.heappush(vars(self._loop)["_scheduled"], handle)

    def _expire(self) -> None:
        self._end = 1 << 62  # what cleans up behind the test takes the time it takes
        if self._task is not None and not self._task.done():
            self._expired = True
            self._task.cancel()

    def _in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        job: asyncio.Future[Any] = self._run_in_executor(executor, func, *args)
        self._jobs += 1
        job.add_done_callback(self._job_done)
        return job

    def _job_done(self, job: object) -> None:
        self._jobs -= 1

    def _restore(self, name: str, value: object) -> None:
        if value is None:
            delattr(self._loop, name)
        else:
            setattr(self._loop, name, value)


class _Selector:
    """The loop's own selector, asked by way of `idle` whenever the loop would sleep."""

    def __init__(self, real: Any, idle: Callable[[Callable[[float | None], Any], float | None], Any]) -> None:
        self._real = real
        self._idle = idle

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        return self._idle(self._real.select, timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _HereAndNow:
    """In place of the threads that sync stores: does it on the spot, so that every run is the same."""

    def submit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as failed:  # as the threads do: it is the store's owner who must hear of it
            error = failed
        asyncio.get_running_loop().call_soon(done, error)


def _ns(start: int | datetime) -> int:
    if isinstance(start, int):
        return start
    if start.tzinfo is None:
        raise ValueError(f"start: {start} has no time zone; give datetime(..., tzinfo=UTC) or ns since 1970")
    return (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
