"""Outflow in plain Python; see the compiled one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixfast.types import Now

__all__ = ["Outflow"]


class Outflow:
    """NOUT, and what waits to be written."""

    def __init__(self, store: Any, next_out: int, limit: int, near_limit: Callable[[int], object]) -> None:
        self.store = store
        self.next_out = next_out
        self.queue: list[tuple[int, int, bytes]] = []
        self.waiting: list[tuple[int, int, bytes]] = []
        self.held = False
        self.offline: list[int] = []
        self.last_sent = self.messages_out = self.bytes_out = 0
        self._limit = limit
        self._near_limit = near_limit

    def commit(self, raw: bytes, now: Now, queue: bool = True) -> int:
        """Store a message under the next number, then queue it; return the number."""
        if not isinstance(raw, bytes) or not isinstance(now, tuple) or len(now) != 2:
            raise TypeError(f"bytes and a Now expected, not {type(raw).__name__} and {type(now).__name__}")
        if self.next_out >= self._limit:
            self._near_limit(self.next_out)
        n = self.next_out
        position = self.store.append_out(n, raw, now.wall_ns)
        self.next_out = n + 1
        if queue:
            (self.waiting if self.held else self.queue).append((position, n, raw))
            self.last_sent = now.mono_ns
        else:
            self.offline.append(n)
        return n

    def post(self, template: Any, values: tuple[Any, ...], now: Now) -> int:
        """Encode a message as the next one, by a Template, and commit() it; return its number."""
        if not isinstance(values, tuple) or not isinstance(now, tuple) or len(now) != 2:
            raise TypeError(f"a tuple and a Now expected, not {type(values).__name__} and {type(now).__name__}")
        return self.commit(template.encode(self.next_out, now.wall_ns, *values), now)

    def take(self) -> list[bytes]:
        """Return what may go on the wire now, in order, and forget it."""
        if not self.queue:
            return []
        synced = self.store.synced
        safe = [raw for _, _, raw in takewhile(lambda item: item[0] <= synced, self.queue)]
        self.queue = self.queue[len(safe) :]
        self.messages_out += len(safe)
        self.bytes_out += sum(map(len, safe))
        return safe
