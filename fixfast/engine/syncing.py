"""Keeps a store's disk syncs off the event loop (B1): one at a time, in the loop's executor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from fixfast.store.base import Store

__all__ = ["Syncing"]

_log = logging.getLogger("fixfast.engine")


class _Waiting(Protocol):
    """The part of a session that says whether it waits for the store."""

    @property
    def sync_needed(self) -> bool: ...


class Syncing:
    """Syncs one store when its session waits for that, and renews its lease before it runs out.

    Args:
        store: sync() and lease() of it run in another thread, everything else on the loop.
        synced: called on the loop when a sync ended: with None, bytes may be free to go; with an exception, the session
            must end. Nothing is synced after that.
    """

    def __init__(self, store: Store, synced: Callable[[BaseException | None], None]) -> None:
        self._store = store
        self._synced = synced
        self._job: asyncio.Future[Any] | None = None
        self._failed = False

    def check(self, session: _Waiting) -> None:
        """Start what is needed, unless something runs: its end brings us here again."""
        if self._job is not None or self._failed:
            return
        work: Callable[[], object]
        if session.sync_needed:
            work = self._store.sync
        else:
            due = getattr(self._store, "lease_due", None)  # JournalStore has it; the Protocol need not
            if due is None:
                return
            work = partial(self._store.lease, due)
        self._job = asyncio.get_running_loop().run_in_executor(None, work)
        self._job.add_done_callback(self._done)

    async def close(self) -> None:
        """Wait for what runs, then close the store, which makes all durable.

        Raises: StoreError: that failed.
        """
        if self._job is not None:
            await asyncio.wait([self._job])
        await asyncio.get_running_loop().run_in_executor(None, self._store.close)

    def _done(self, job: asyncio.Future[Any]) -> None:
        self._job = None
        error = None if job.cancelled() else job.exception()
        if error is not None:
            self._failed = True
            _log.error("syncing the store failed: %s", error)
        self._synced(error)
