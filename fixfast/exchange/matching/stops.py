"""Stop orders that wait for a price."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TypeAlias

from fixfast.exchange.matching.book_order import BUY, SELL, BookOrder

__all__ = ["Stops"]

_Waiting: TypeAlias = list[tuple[int, int, BookOrder]]


class Stops:
    """Waiting stop orders. A buy goes off when a price is at its stop price or above, a sell at or below.

    Each side is a sorted list of (stop price * side, seq, order): what a price reaches is a run at its beginning.
    """

    __slots__ = ("buys", "sells")

    def __init__(self) -> None:
        self.buys: _Waiting = []
        self.sells: _Waiting = []

    def _side(self, order: BookOrder) -> _Waiting:
        return self.buys if order.side == BUY else self.sells

    def add(self, order: BookOrder) -> None:
        """Let an order wait."""
        assert order.stop_px is not None
        insort(self._side(order), (order.stop_px * order.side, order.seq, order))

    def remove(self, order: BookOrder) -> None:
        """Take an order out."""
        assert order.stop_px is not None
        waiting = self._side(order)
        del waiting[bisect_left(waiting, (order.stop_px * order.side, order.seq))]

    def take_reached(self, low: int, high: int) -> list[BookOrder]:
        """Take out what prices from low to high reach: the order that came first, first."""
        reached: list[BookOrder] = []
        for waiting, highest in ((self.buys, high * BUY), (self.sells, low * SELL)):
            if waiting and waiting[0][0] <= highest:
                end = bisect_left(waiting, (highest + 1,))
                reached += [order for _, _, order in waiting[:end]]
                del waiting[:end]
        reached.sort(key=lambda order: order.seq)
        return reached

    def orders(self) -> list[BookOrder]:
        """Return all that wait, oldest first."""
        return sorted((order for *_, order in self.buys + self.sells), key=lambda order: order.seq)
