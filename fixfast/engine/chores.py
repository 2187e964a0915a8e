"""What a store wants done that waits for a disk, and in what order. Where it is done is the front end's affair."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from fixfast.store.base import Store

__all__ = ["Chores", "Waiting"]


class Waiting(Protocol):
    """The part of a session that says whether it waits for the store."""

    @property
    def sync_needed(self) -> bool: ...


class Chores:
    """Knows what one store wants done: a sync that bytes wait for, its lease renewed, upkeep. One thing at a time.

    Stores may have these beyond the Protocol: `lease_due`, the number to lease when half of a lease is used, else None;
    `upkeep_due` and `upkeep()`, work that can wait, but not for ever; `sync_interval_ns` with `dirty`, a time in which
    what was appended is to be durable.

    Args: store: sync(), lease() and upkeep() of it may run beside everything else; two of them never do at once.
    """

    __slots__ = ("_has_upkeep", "_leases", "_synced_at", "interval_ns", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self._leases = hasattr(store, "lease_due")
        self._has_upkeep = hasattr(store, "upkeep_due")
        self.interval_ns: int = getattr(store, "sync_interval_ns", 0)
        self._synced_at = 0

    def next(self, session: Waiting) -> Callable[[], object] | None:
        """Return what is to be done now, None for nothing."""
        if session.sync_needed:
            return self.store.sync
        if self._leases or self._has_upkeep:
            work = self.lease()
            if work is not None:
                return work
            if self._has_upkeep and self.store.upkeep_due:  # type: ignore[attr-defined]
                upkeep: Callable[[], object] = self.store.upkeep  # type: ignore[attr-defined]
                return upkeep
        return None

    def lease(self) -> Callable[[], object] | None:
        """Return what renews the lease if that is due: before a connection, so that its first message need not wait."""
        due: int | None = self.store.lease_due if self._leases else None  # type: ignore[attr-defined]
        return None if due is None else partial(self.store.lease, due)

    @property
    def dirty(self) -> bool:
        """There is something that is to be durable within `interval_ns`."""
        return bool(self.interval_ns and self.store.dirty)  # type: ignore[attr-defined]

    def overdue(self, mono_ns: int) -> Callable[[], object] | None:
        """Return the sync that `interval_ns` asks for by now: in good time, as a late append syncs by itself."""
        if not self.dirty:
            self._synced_at = mono_ns
        elif mono_ns - self._synced_at >= self.interval_ns // 2:
            self._synced_at = mono_ns
            return self.store.sync
        return None
