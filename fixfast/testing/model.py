"""What a message store should know after some calls, by plain sets: slow, obvious, and nothing like a real store."""

from __future__ import annotations

from fixfast.store.base import Store

__all__ = ["StoreModel"]


class StoreModel:
    """Follows the calls made of a store and says what it must give back. Keeps every number ever dealt with.

    Attributes: epoch, next_out, created_ns: as in StoreState. out: {n: (wall_ns, bytes)} of this epoch.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.reset()

    def reset(self) -> None:
        """Begin an epoch."""
        self.epoch += 1
        self.next_out = 1
        self.created_ns: int | None = None
        self.out: dict[int, tuple[int, bytes]] = {}
        self.receipts: list[tuple[int, int, bytes]] = []
        self.settled: set[int] = set()  # inbound numbers that need no delivery (any more)

    def append_out(self, n: int, raw: bytes, wall_ns: int) -> None:
        """Note a message sent."""
        self.out[n] = (wall_ns, raw)
        self.next_out = n + 1
        if self.created_ns is None:
            self.created_ns = wall_ns

    def append_in(self, a: int, b: int, raw: bytes) -> None:
        """Note messages received."""
        self.receipts.append((a, b, raw))

    def done(self, n: int) -> None:
        """Note that everything up to n is dealt with."""
        self.settled.update(range(1, n + 1))

    def fill(self, a: int, b: int) -> None:
        """Note numbers that need no delivery."""
        self.settled.update(range(a, b + 1))

    @property
    def next_in(self) -> int:
        """The lowest number not dealt with."""
        n = 1
        while n in self.settled:
            n += 1
        return n

    @property
    def pending_in(self) -> tuple[tuple[int, int, bytes], ...]:
        """What was received and is not all dealt with."""
        return tuple(receipt for receipt in self.receipts if receipt[1] >= self.next_in)

    @property
    def received(self) -> int:
        """The number to expect from the peer."""
        return max([self.next_in - 1, *self.settled, *(b for _, b, _ in self.receipts)]) + 1

    def compare(self, store: Store) -> None:
        """Raise AssertionError where the store says something else. (`clean` is not looked at.)"""
        state = store.load()
        for name in ("epoch", "next_out", "created_ns", "next_in", "received", "pending_in"):
            theirs, ours = getattr(state, name), getattr(self, name)
            assert theirs == ours, f"{name} is {theirs!r}, and should be {ours!r}"
        assert state.lost_out is None, f"lost_out is {state.lost_out}, and nothing was lost"
        for a, b in ((1, self.next_out), (self.next_out // 2, self.next_out // 2 + 1)):
            ours = [(n, *item) for n, item in sorted(self.out.items()) if a <= n <= b]
            theirs = list(store.read_out(a, b))
            assert theirs == ours, f"read_out({a}, {b}) gives {theirs!r}, and should give {ours!r}"
