"""Stop orders that wait for a price."""

from __future__ import annotations

from bisect import bisect_left, insort

from fixfast.exchange.book_order import BUY, BookOrder

__all__ = ["Stops"]


class Stops:
    """Waiting stop orders. A buy goes off when a price is at its stop price or above, a sell at or below.

    Each side is a sorted list of (stop price * side, seq, order): what a price reaches is a run at its beginning.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[int, list[tuple[int, int, BookOrder]]] = {1: [], -1: []}

    def __len__(self) -> int:
        return len(self._waiting[1]) + len(self._waiting[-1])

    def add(self, order: BookOrder) -> None:
        """Let an order wait."""
        assert order.stop_px is not None
        insort(self._waiting[order.side], (order.stop_px * order.side, order.seq, order))

    def remove(self, order: BookOrder) -> None:
        """Take an order out."""
        assert order.stop_px is not None
        waiting = self._waiting[order.side]
        del waiting[bisect_left(waiting, (order.stop_px * order.side, order.seq))]

    def take_reached(self, low: int, high: int) -> list[BookOrder]:
        """Take out what prices from low to high reach: the order that came first, first."""
        reached: list[BookOrder] = []
        for side, waiting in self._waiting.items():
            price = high if side == BUY else low
            end = bisect_left(waiting, (price * side + 1,))
            reached += [order for _, _, order in waiting[:end]]
            del waiting[:end]
        reached.sort(key=lambda order: order.seq)
        return reached

    def orders(self) -> list[BookOrder]:
        """Return all that wait, oldest first."""
        return sorted((order for waiting in self._waiting.values() for *_, order in waiting), key=lambda o: o.seq)
