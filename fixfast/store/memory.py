"""MemoryStore: a session's history for as long as the process lives."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

from fixfast.errors import StoreError
from fixfast.store.base import InboundLedger, StoreState, check_out
from fixfast.store.secrets import has_secrets
from fixfast.types import Buffer

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps everything in memory. A new Session on the same MemoryStore goes on where the last one stopped.

    Not for production use by an initiator: after a crash of the process the peer's numbers and ours disagree.

    Args:
        max_messages: keep the contents of at least that many of the latest outbound messages (older ones are then
            gap-filled instead of resent). None: keep all of the epoch, until reset().
    """

    def __init__(self, *, max_messages: int | None = None) -> None:
        if max_messages is not None and max_messages < 0:
            raise ValueError(f"max_messages={max_messages}: None or a number from 0")
        self._max_messages = max_messages
        self._epoch = 1
        self._clean = True
        self._position = 0
        self._why = ""
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._next_out = 1
        self._created_ns: int | None = None
        self._out: list[tuple[int, int, bytes]] = []  # (n, wall_ns, bytes), n rising
        self._in: deque[tuple[int, int, bytes]] = deque()  # (a, b, bytes), not all dealt with
        self._ledger = InboundLedger()

    def load(self) -> StoreState:
        """Return the state. The store counts as in use (not clean) from the next change on."""
        return StoreState(
            epoch=self._epoch,
            next_out=self._next_out,
            next_in=self._ledger.next_in,
            pending_in=tuple(self._in),
            created_ns=self._created_ns,
            clean=self._clean,
            received=self._ledger.received,
            why=self._why,
        )

    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int:
        """Keep a message to be sent (see Store.append_out)."""
        if n < self._next_out:
            check_out(n, self._next_out)
        if self._created_ns is None:
            self._created_ns = wall_ns
        self._next_out = n + 1
        # A message with secrets is never resent, so its bytes need not be kept at all.
        if not has_secrets(buf):
            self._out.append((n, wall_ns, buf if type(buf) is bytes else bytes(buf)))
            if self._max_messages is not None and len(self._out) > 2 * self._max_messages:
                del self._out[: len(self._out) - self._max_messages]  # amortised: half of them at a time
        # PERF: no call for two lines (50 ns)
        self._clean = False
        self._position = position = self._position + 1
        return position

    def append_in(self, a: int, b: int, buf: Buffer) -> int:
        """Keep received messages until they are dealt with (see Store.append_in)."""
        # PERF: each call that is not made saves 50 ns of every message received
        ledger = self._ledger
        if a != ledger.received or b < a:
            ledger.check_receipt(a, b)
        ledger.received = b + 1
        self._in.append((a, b, buf if type(buf) is bytes else bytes(buf)))
        self._clean = False
        self._position = position = self._position + 1
        return position

    def done(self, n: int) -> int:
        """Note that everything up to n is dealt with (see Store.done)."""
        ledger = self._ledger
        if n >= ledger.next_in:
            # PERF: the common case without a call (60 ns)
            if ledger.fills or n >= ledger.received:
                nin = ledger.done(n)
            else:
                ledger.next_in = nin = n + 1
            pending = self._in
            while pending and pending[0][1] < nin:
                pending.popleft()
        self._clean = False
        self._position = position = self._position + 1
        return position

    def fill(self, a: int, b: int) -> int:
        """Note that a..b need no delivery (see Store.fill)."""
        self._ledger.check_fill(a, b)
        self._drop_below(self._ledger.fill(a, b))
        return self._step()

    def reset(self, reason: str) -> int:
        """Begin the next epoch and forget the old one's messages."""
        self._epoch += 1
        self._why = reason
        self._begin_epoch()
        return self._step()

    def lease(self, n: int) -> int:
        """Do nothing: memory that is lost is lost whole."""
        return self._position

    def sync(self) -> None:
        """Do nothing: there is nothing more durable here."""

    @property
    def synced(self) -> int:
        """Everything may go on the wire at once."""
        return self._position

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of a..b; StoreError when reset() comes in between (see Store.read_out)."""
        epoch = self._epoch
        while a <= b:
            # Looked up anew each time: the list may have been trimmed or grown meanwhile.
            i = bisect_left(self._out, a, key=_number)
            if i == len(self._out) or self._out[i][0] > b:
                return
            item = self._out[i]
            yield item
            if self._epoch != epoch:
                raise StoreError("the store was reset while messages were read from it")
            a = item[0] + 1

    def close(self) -> None:
        """Note a clean stop. The contents stay, for the next session on this store."""
        self._clean = True

    def _drop_below(self, nin: int) -> None:
        pending = self._in
        while pending and pending[0][1] < nin:
            pending.popleft()

    def _step(self) -> int:
        self._clean = False
        self._position += 1
        return self._position


def _number(item: tuple[int, int, bytes]) -> int:
    return item[0]
