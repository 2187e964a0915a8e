"""MemoryStore: a session's history for as long as the process lives."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from fixfast.errors import StoreError
from fixfast.store.base import StoreState
from fixfast.store.memory_records import MemoryRecords

__all__ = ["MemoryStore"]


class MemoryStore(MemoryRecords):
    """Keeps everything in memory. A new Session on the same MemoryStore goes on where the last one stopped.

    Not for production use by an initiator: after a crash of the process the peer's numbers and ours disagree.

    append_out(), append_in(), done(), fill() and `synced` are as Store has them, and compiled.

    Args:
        max_messages: keep the contents of at least that many of the latest outbound messages (older ones are then
            gap-filled instead of resent). None: keep all of the epoch, until reset().
    """

    __slots__ = ("_epoch", "_why")

    def __init__(self, *, max_messages: int | None = None) -> None:
        if max_messages is not None and max_messages < 0:
            raise ValueError(f"max_messages={max_messages}: None or a number from 0")
        self._max_messages = -1 if max_messages is None else max_messages
        self._epoch = 1
        self._why = ""

    def load(self) -> StoreState:
        """Return the state. The store counts as in use (not clean) from the next change on."""
        return StoreState(
            epoch=self._epoch,
            next_out=self._next_out,
            next_in=self._next_in,
            pending_in=self._pending(),
            created_ns=self._created_ns,
            clean=self._clean,
            received=self._received,
            why=self._why,
        )

    def reset(self, reason: str) -> int:
        """Begin the next epoch and forget the old one's messages."""
        self._epoch += 1
        self._why = reason
        self._begin()
        return self._step()

    def lease(self, n: int) -> int:
        """Do nothing: memory that is lost is lost whole."""
        return self._position

    def sync(self) -> None:
        """Do nothing: there is nothing more durable here."""

    @property
    def kept_from(self) -> int:
        """The lowest outbound number whose message was not dropped (see `max_messages`)."""
        if self._max_messages < 0 or self._next_out - 1 <= 2 * self._max_messages:
            return 1
        return self._out_n[0] if self._out_n else self._next_out

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of a..b; StoreError when reset() comes in between (see Store.read_out)."""
        epoch = self._epoch
        while a <= b:
            # Looked up anew each time: the list may have been trimmed or grown meanwhile.
            i = bisect_left(self._out_n, a)
            if i == len(self._out_n) or self._out_n[i] > b:
                return
            n: int = self._out_n[i]
            yield n, self._out_ns[i], self._out_raw[i]
            if self._epoch != epoch:
                raise StoreError("the store was reset while messages were read from it")
            a = n + 1

    def close(self) -> None:
        """Note a clean stop. The contents stay, for the next session on this store."""
        self._clean = True
