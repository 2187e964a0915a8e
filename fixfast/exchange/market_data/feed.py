"""One instrument as others see it: price levels, and a tape with the values that its trades make. No FIX, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fixfast.exchange.market_data.entries import Change, Entry
from fixfast.exchange.market_data.levels import Levels
from fixfast.exchange.market_data.queues import Queues
from fixfast.exchange.market_data.tape import Tape

__all__ = ["Feed"]


class Feed:
    """One instrument.

    Args:
        symbol: Symbol(55).
        price_scale, qty_scale: prices are ints that count 10**-price_scale, quantities 10**-qty_scale.

    Attributes:
        levels, tape: what there is of it.
        queues: its orders one by one; kept only while somebody wants them.
        batches: no RptSeq(83) of what was said about it is above this.
    """

    def __init__(self, symbol: str, price_scale: int, qty_scale: int) -> None:
        self.symbol = symbol
        self.price_scale = price_scale
        self.qty_scale = qty_scale
        self.levels = Levels()
        self.queues = Queues()
        self.tape = Tape()
        self.batches = 0

    def entries(self, kinds: Iterable[str], depth: int, by_order: bool = False) -> list[Entry]:
        """Return all there is of these kinds, in the order of KINDS, of levels the best first.

        Args: kinds: MDEntryTypes. depth: levels on each side; 0: all. by_order: orders in place of levels.
        """
        wanted = frozenset(kinds)
        book = self.queues if by_order else self.levels
        return book.entries(wanted, depth) + self.tape.entries(wanted)

    def snapshot(self) -> dict[str, Any]:
        """Return the tape as plain data. Levels are the matching engine's: see load()."""
        return {**self.tape.snapshot(), "batches": self.batches}

    def load(self, levels: Iterable[Change], data: Mapping[str, Any] | None = None) -> None:
        """Take all levels and, of an earlier run, what snapshot() returned; what was here before is forgotten."""
        self.levels.load(levels)
        if data is not None:
            self.tape.load(data)
            self.batches = data["batches"]
