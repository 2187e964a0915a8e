"""Disk syncs beside a thread that must not wait for a disk, and that looks again soon anyway."""

from __future__ import annotations

import logging
from concurrent.futures import Future, wait

from fixfast.engine.chores import Chores, Waiting
from fixfast.engine.observing.records import about
from fixfast.engine.syncing import SyncPool, sync_pool
from fixfast.store.base import Store

__all__ = ["Beside"]

_log = logging.getLogger("fixfast.engine")


class Beside:
    """Has what one store wants done in the threads that all sessions share. Nobody is told: look again.

    Args:
        store: sync(), lease() and upkeep() of it run in another thread.
        pool: the threads; None: those that all sessions share.

    Attributes: error: what the store failed with; it is of no use any more, and nothing is done after that (O10).
    """

    __slots__ = ("_chores", "_pool", "_running", "error")

    def __init__(self, store: Store, *, pool: SyncPool | None = None) -> None:
        self._chores = Chores(store)
        self._pool = pool
        self._running: Future[object] | None = None
        self.error: BaseException | None = None

    def check(self, session: Waiting, mono_ns: int) -> bool:
        """Start what is needed, unless something runs. Call it after each flush, and now and then.

        Returns: something came to its end: bytes may be free to go, flush again; or look at `error`.
        """
        running = self._running
        ended = running is not None and running.done()
        if running is not None and not ended:
            return False
        if ended:
            self._take()
        if self.error is None:
            work = self._chores.next(session) or self._chores.overdue(mono_ns)
            if work is not None:
                pool = self._pool if self._pool is not None else sync_pool()
                self._running = pool.run(work)
        return ended

    @property
    def busy(self) -> bool:
        """Something runs: check() will tell when it came to its end."""
        return self._running is not None

    def prepare(self) -> None:
        """Before a connection: wait for the disk now, so that the first message of it need not."""
        self._settle()
        work = self._chores.lease() if self.error is None else None
        if work is not None:
            work()

    def close(self) -> None:
        """Wait for what runs, then close the store, which makes all durable.

        Raises: StoreError: that failed.
        """
        self._settle()
        self._chores.store.close()

    def _settle(self) -> None:
        if self._running is not None:
            wait([self._running])
            self._take()

    def _take(self) -> None:
        running, self._running = self._running, None
        error = running.exception() if running is not None else None
        if error is not None:
            self.error = error
            _log.error("syncing the store failed: %s", error, extra=about("store_failed"))
