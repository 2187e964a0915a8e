"""One side of a book: prices in order, and what stands at each.

A key is the price of an offer, or the price of a bid with its sign turned, so that on both sides the best comes first
and keys ascend. Two lists beside each other, because a change of a quantity, which is most of what happens, then
leaves the keys alone.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import lt
from typing import TypeAlias

__all__ = ["Ladder", "Level", "changed", "inserted", "removed"]

#: (quantity, orders) of a price
Level: TypeAlias = tuple[int, int | None]
_Side: TypeAlias = tuple[list[int], list[Level]]


class Ladder:
    """Prices (as keys) and their (quantity, orders), best first. Quantities are whole numbers at the book's scale."""

    __slots__ = ("keys", "levels")

    def __init__(self, keys: list[int] | None = None, levels: list[tuple[int, int | None]] | None = None) -> None:
        self.keys: list[int] = [] if keys is None else keys
        self.levels: list[tuple[int, int | None]] = [] if levels is None else levels

    def __len__(self) -> int:
        return len(self.keys)

    # --- by price ---------------------------------------------------------------------------------------------

    def at(self, key: int) -> tuple[int, int | None] | None:
        """Return what stands at a price, None: nothing."""
        i = bisect_left(self.keys, key)
        return self.levels[i] if i < len(self.keys) and self.keys[i] == key else None

    def put(self, key: int, qty: int, orders: int | None) -> bool:
        """Set what stands at a price. Return whether the price was there before."""
        keys = self.keys
        i = bisect_left(keys, key)
        if i < len(keys) and keys[i] == key:
            self.levels[i] = (qty, orders)
            return True
        keys.insert(i, key)
        self.levels.insert(i, (qty, orders))
        return False

    def drop(self, key: int) -> bool:
        """Take a price out. Return whether it was there."""
        keys = self.keys
        i = bisect_left(keys, key)
        if i == len(keys) or keys[i] != key:
            return False
        del keys[i], self.levels[i]
        return True

    def add(self, key: int, qty: int, orders: int) -> None:
        """Change what stands at a price by so much. A price without orders goes."""
        keys = self.keys
        i = bisect_left(keys, key)
        if i == len(keys) or keys[i] != key:
            if orders > 0:
                keys.insert(i, key)
                self.levels.insert(i, (qty, orders))
            return
        before, count = self.levels[i]
        count = (count or 0) + orders
        if count > 0:
            self.levels[i] = (before + qty, count)
        else:
            del keys[i], self.levels[i]

    def drop_better(self, key: int) -> None:
        """Take out all prices from the best one to this one."""
        keys = self.keys
        i = bisect_left(keys, key)
        if i < len(keys) and keys[i] == key:
            i += 1
        del keys[:i], self.levels[:i]

    def drop_worse(self, key: int) -> None:
        """Take out all prices from this one to the worst."""
        i = bisect_left(self.keys, key)
        del self.keys[i:], self.levels[i:]

    # --- by place ---------------------------------------------------------------------------------------------

    def insert(self, place: int, key: int, qty: int, orders: int | None) -> None:
        """Put a level before the one that is at this place, 0 is the best; those behind it move down."""
        self.keys.insert(place, key)
        self.levels.insert(place, (qty, orders))

    def trim(self, depth: int) -> None:
        """Keep so many levels."""
        del self.keys[depth:], self.levels[depth:]

    # --- as a whole -------------------------------------------------------------------------------------------

    def ordered(self, place: int | None = None) -> bool:
        """Return whether every price is worse than the one before it. Args: place: only those next to this one."""
        keys = self.keys if place is None else self.keys[max(0, place - 1) : place + 2]
        return all(map(lt, keys, keys[1:]))


# --- one change of a side that readers may hold: what is new is a copy ------------------------------------------------


def changed(keys: list[int], levels: list[Level], place: int, level: Level) -> _Side:
    """Return a side with something else at a place."""
    levels = levels.copy()
    levels[place] = level
    return keys, levels


def inserted(keys: list[int], levels: list[Level], place: int, key: int, level: Level) -> _Side:
    """Return a side with one more price, before the one that is at this place."""
    keys, levels = keys.copy(), levels.copy()
    keys.insert(place, key)
    levels.insert(place, level)
    return keys, levels


def removed(keys: list[int], levels: list[Level], place: int) -> _Side:
    """Return a side without the price at a place."""
    keys, levels = keys.copy(), levels.copy()
    del keys[place], levels[place]
    return keys, levels
