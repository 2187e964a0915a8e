"""One side of a book: price levels, each a queue in time order.

Both sides are the same code: a price's *key* is price * side, so on either side the best level has the highest key and
stands last in `keys`. Market orders, which rest only while an auction gathers orders, are a level ahead of all prices.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from fixfast.exchange.matching.book_order import BookOrder

__all__ = ["AHEAD", "BookSide", "Level"]

#: The key of the level of market orders: above that of any price.
AHEAD = 1 << 80


class Level:
    """The orders at one price, first come first: `shown` is the sum of what they show."""

    __slots__ = ("orders", "shown")

    def __init__(self) -> None:
        # PERF: an OrderedDict, not a dict: taking the first of a dict again and again walks over all that left it.
        self.orders: OrderedDict[int, BookOrder] = OrderedDict()
        self.shown = 0


class BookSide:
    """The levels of one side (`side`: +1 bids, -1 offers), and which of them changed since somebody asked."""

    __slots__ = ("_told", "_touched", "keys", "levels", "side")

    def __init__(self, side: int) -> None:
        self.side = side
        self.keys: list[int] = []  # rising: the best is the last
        self.levels: dict[int, Level] = {}
        self._touched: dict[int, None] = {}  # in the order they were first touched
        self._told: dict[int, tuple[int, int]] = {}

    def key(self, price: int | None) -> int:
        """Return the key of a price; None: of market orders."""
        return AHEAD if price is None else price * self.side

    def add(self, order: BookOrder) -> None:
        """Put an order at the end of its level's queue."""
        key = AHEAD if order.price is None else order.price * self.side
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level()
            insort(self.keys, key)
        level.orders[order.order_id] = order
        level.shown += order.shown
        self._touched[key] = None

    def remove(self, order: BookOrder) -> None:
        """Take an order out."""
        key = AHEAD if order.price is None else order.price * self.side
        level = self.levels[key]
        del level.orders[order.order_id]
        level.shown -= order.shown
        self._touched[key] = None
        if not level.orders:
            self.drop(key)

    def drop(self, key: int) -> None:
        """Forget a level that is empty."""
        del self.levels[key]
        if self.keys[-1] == key:
            self.keys.pop()
        else:
            del self.keys[bisect_left(self.keys, key)]

    def reshow(self, order: BookOrder, shown: int) -> None:
        """An order shows another quantity and keeps its place."""
        key = self.key(order.price)
        self.levels[key].shown += shown - order.shown
        order.shown = shown
        self._touched[key] = None

    def touch(self, key: int) -> None:
        """A level has changed."""
        self._touched[key] = None

    def best(self) -> int | None:
        """Return the best price; None: there is none."""
        for key in reversed(self.keys):
            if key != AHEAD:
                return key * self.side
        return None

    def orders(self) -> Iterator[BookOrder]:
        """Yield all orders, best price first, then in time order."""
        for key in reversed(self.keys):
            yield from self.levels[key].orders.values()

    def depth(self, n: int) -> list[tuple[int, int, int]]:
        """Return the best n levels as (price, shown quantity, orders)."""
        keys = self.keys
        best = keys[-n - 1 :] if keys and keys[-1] == AHEAD else keys[-n:]
        levels = self.levels
        return [
            (key * self.side, levels[key].shown, len(levels[key].orders))
            for key in reversed(best)
            if key != AHEAD and n > 0
        ]

    def take_changes(self) -> list[tuple[int, int, int, int]]:
        """Return (side, price, shown quantity, orders) of every level that differs from what was last taken."""
        changes: list[tuple[int, int, int, int]] = []
        if not self._touched:
            return changes
        told = self._told
        for key in self._touched:
            level = self.levels.get(key)
            now = (level.shown, len(level.orders)) if level else (0, 0)
            if key != AHEAD and told.get(key, (0, 0)) != now:
                changes.append((self.side, key * self.side, *now))
                if level:
                    told[key] = now
                else:
                    told.pop(key, None)
        self._touched.clear()
        return changes

    def snapshot(self) -> dict[str, Any]:
        """Return as plain data what take_changes() would compare. (Queues: an order that rests has price and seq.)"""
        return {
            "touched": list(self._touched),
            "told": [[key, *told] for key, told in sorted(self._told.items())],
        }

    def restore(self, data: dict[str, Any], orders: Iterable[BookOrder]) -> None:
        """Take over what snapshot() said, and the orders that rest, in time order."""
        for order in orders:
            self.add(order)
        self._touched = dict.fromkeys(data["touched"])
        self._told = {key: (shown, count) for key, shown, count in data["told"]}
