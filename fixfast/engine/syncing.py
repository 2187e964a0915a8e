"""Keeps a store's disk syncs off the event loop (B1): one at a time for each store, in a few threads for all of them.

Thousands of sessions may want a sync in the same moment. They get it in the order they asked, from threads that are
their own: a disk that hangs holds up neither name look-ups nor the program's own threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import NamedTuple, Protocol

from fixfast.engine.chores import Chores, Waiting
from fixfast.engine.observing.records import about
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore

__all__ = ["Pool", "SyncPool", "Syncing", "replaced_pool", "sync_pool"]

_log = logging.getLogger("fixfast.engine")

#: Syncs that wait for the disk together: more of them make it faster, up to what it does at once; each costs a thread.
_THREADS = 4
#: Jobs a thread does before it tells the loops: to wake a loop for each of thousands costs more than the sync. Few, as
#: the first waits for the last.
_BUNCH = 8


class Pool(Protocol):
    """What has work done."""

    def submit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Have work() done, then done(None or its exception) called on the loop that runs here."""


class _Job(NamedTuple):
    work: Callable[[], object]
    done: Callable[[BaseException | None], None]
    loop: asyncio.AbstractEventLoop


class SyncPool:
    """Threads that sync stores: first come, first served. For any number of event loops.

    Args: threads: how many syncs may wait for the disk at once.
    """

    def __init__(self, threads: int = _THREADS) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="fixfast-sync")
        self._lock = Lock()
        self._jobs: deque[_Job] = deque()
        self._busy = 0

    def submit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Have work() done in a thread, then done(None or its exception) called on the loop that runs here."""
        job = _Job(work, done, asyncio.get_running_loop())
        with self._lock:
            self._jobs.append(job)
            if self._busy == self._threads:
                return  # a thread that is at work will take it
            self._busy += 1
        self._executor.submit(self._run)

    def run(self, work: Callable[[], object]) -> Future[object]:
        """Have work() done in a thread, for who has no loop."""
        return self._executor.submit(work)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._busy -= 1
                    return
                # A fair share, so that all threads have something to wait for.
                count = min(_BUNCH, -(-len(self._jobs) // self._threads))
                bunch = [self._jobs.popleft() for _ in range(count)]
            told: dict[asyncio.AbstractEventLoop, list[tuple[_Job, BaseException | None]]] = {}
            for job in bunch:
                told.setdefault(job.loop, []).append((job, _error_of(job.work)))
            for loop, results in told.items():
                try:
                    loop.call_soon_threadsafe(_tell, results)
                except RuntimeError:  # the loop was closed: nobody is left who waits
                    _log.debug("a loop ended before its syncs did")


def _error_of(work: Callable[[], object]) -> BaseException | None:
    try:
        work()
    except BaseException as exc:
        return exc
    return None


def _tell(results: list[tuple[_Job, BaseException | None]]) -> None:
    for job, error in results:
        try:
            job.done(error)
        except Exception:  # one session's trouble must not keep the others waiting
            _log.exception("after a sync")


@cache
def sync_pool() -> SyncPool:
    """Return the threads that all sessions of this process share."""
    return SyncPool()


@contextmanager
def replaced_pool(pool: Pool) -> Iterator[None]:
    """For tests: let `pool` do the work of those stores that have none of their own, as long as the block lasts."""
    global _shared_pool
    before, _shared_pool = _shared_pool, lambda: pool
    try:
        yield
    finally:
        _shared_pool = before


#: where a Syncing without a pool of its own gets one
_shared_pool: Callable[[], Pool] = sync_pool

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=sync_pool.cache_clear)  # a child has none of its parent's threads


class Syncing:
    """Syncs one store when its session waits for that, and renews its lease before it runs out.

    Args:
        store: sync(), lease() and upkeep() of it run in another thread, everything else on the loop.
        synced: called on the loop when a sync ended: with None, bytes may be free to go; with an exception, the session
            must end. Nothing is synced after that.
        pool: the threads; None: those that all sessions share.
    """

    def __init__(
        self, store: Store, synced: Callable[[BaseException | None], None], *, pool: Pool | None = None
    ) -> None:
        self._store = store
        self._synced = synced
        self._pool = pool
        self._running: asyncio.Future[None] | None = None
        self._failed = False
        self._chores = Chores(store)
        self._volatile = type(store) is MemoryStore
        #: check() would do nothing: something runs, or failed, or there is nothing to sync
        # PERF: asked after every turn of every session; 0.5 us of one with a MemoryStore
        self.busy = self._volatile
        self._timer: asyncio.TimerHandle | None = None

    def check(self, session: Waiting) -> None:
        """Start what is needed, unless something runs: its end brings us here again."""
        if self.busy:
            return
        chores = self._chores
        work = chores.next(session)
        if work is not None:
            self._start(work)
        elif chores.interval_ns and self._timer is None and chores.dirty:
            # In good time: an append that finds it overdue syncs itself, on the loop.
            self._timer = asyncio.get_running_loop().call_later(chores.interval_ns / 2e9, self._tick)

    async def prepare(self) -> None:
        """Before a connection: get the store a lease, which its first message would otherwise make the loop wait for.

        A failure shows when the session uses the store.
        """
        if self._running is not None:
            await asyncio.wait([self._running])
        work = None if self._failed else self._chores.lease()
        if work is not None:
            await asyncio.wait([self._start(work)])

    async def close(self) -> None:
        """Wait for what runs, then close the store, which makes all durable.

        Raises: StoreError: that failed.
        """
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None:
            await asyncio.wait([self._running])
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(error: BaseException | None) -> None:
            if closed.cancelled():
                return
            if error is None:
                closed.set_result(None)
            else:
                closed.set_exception(error)

        self._threads().submit(self._store.close, tell)
        await closed

    def _tick(self) -> None:
        self._timer = None
        if self._running is None and not self._failed:
            self._start(self._store.sync)

    def _start(self, work: Callable[[], object]) -> asyncio.Future[None]:
        self.busy = True
        self._running = running = asyncio.get_running_loop().create_future()
        self._threads().submit(work, self._done)
        return running

    def _threads(self) -> Pool:
        return self._pool if self._pool is not None else _shared_pool()

    def _done(self, error: BaseException | None) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.set_result(None)
        self.busy = self._volatile or error is not None
        if error is not None:
            self._failed = True
            _log.error("syncing the store failed: %s", error, extra=about("store_failed"))
        self._synced(error)
