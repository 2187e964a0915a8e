"""The price levels of one instrument as others see them, whole or through a window. No FIX, no clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from fixfast.exchange.market_data.entries import BID, CHANGE, DELETE, NEW, OFFER, Change, Entry, Op, Window

__all__ = ["Levels"]


class Levels:
    """Takes levels that the matching engine reports; says what that means for windows onto them.

    Applying the Ops of a window in order, by price or by level, leads from entries() before to entries() after (M15).
    """

    def __init__(self) -> None:
        #: of both sides, best first: keys to sort by (bids are negated prices), and what is there
        self._keys: dict[int, list[int]] = {1: [], -1: []}
        self._levels: dict[int, dict[int, tuple[int, int]]] = {1: {}, -1: {}}

    def load(self, levels: Iterable[Change]) -> None:
        """Take all levels; what was here before is forgotten."""
        for side in (1, -1):
            self._keys[side].clear()
            self._levels[side].clear()
        self.apply(levels, ())

    def entries(self, kinds: Iterable[str], depth: int) -> list[Entry]:
        """Return the levels of these kinds, the best first.

        Args: kinds: MDEntryTypes. depth: levels on each side; 0: all.
        """
        found: list[Entry] = []
        for kind, side in ((BID, 1), (OFFER, -1)):
            if kind in kinds:
                levels = self._levels[side]
                for i, key in enumerate(self._keys[side][: depth or None]):
                    qty, orders = levels[key]
                    found.append(Entry(kind, -key * side, qty, None, orders, i + 1))
        return found

    def apply(self, changes: Iterable[Change], windows: Iterable[Window]) -> dict[Window, list[Op]]:
        """Take changes of levels; return what each window sees of them.

        A batch is netted by the matching engine. Here what goes comes first, from the worst level up, and what comes
        follows, from the best level down: so a sweep through many levels shows a narrow window no level that is gone
        again before its end.
        """
        seen: dict[Window, list[Op]] = {window: [] for window in windows}
        ordered = list(changes)
        if len(ordered) > 1 and seen:
            ordered.sort(key=_order)
        for side, price, qty, orders in ordered:
            self._apply(side, -price * side, qty, orders, seen)
        return seen

    def _apply(self, side: int, key: int, qty: int, orders: int, seen: Mapping[Window, list[Op]]) -> None:
        keys, levels = self._keys[side], self._levels[side]
        kind = BID if side > 0 else OFFER
        i = bisect_left(keys, key)
        if key in levels:
            if levels[key] == (qty, orders):
                return
            if qty:
                levels[key] = qty, orders
                entry = Entry(kind, -key * side, qty, None, orders, i + 1)
                for window, ops in seen.items():
                    if not window.depth or i < window.depth:
                        ops.append(Op(CHANGE, entry))
                return
            del keys[i], levels[key]
            entry = Entry(kind, -key * side, None, None, None, i + 1)
            for window, ops in seen.items():
                if not window.depth or i < window.depth:
                    ops.append(Op(DELETE, entry))
                    ops.extend(self._op(NEW, kind, side, window.depth))  # the level behind it comes into sight
        elif qty:
            for window, ops in seen.items():  # before: what will be pushed out of sight
                if i < window.depth and not window.implicit:
                    ops.extend(self._op(DELETE, kind, side, window.depth))
            keys.insert(i, key)
            levels[key] = qty, orders
            entry = Entry(kind, -key * side, qty, None, orders, i + 1)
            for window, ops in seen.items():
                if not window.depth or i < window.depth:
                    ops.append(Op(NEW, entry))

    def _op(self, action: str, kind: str, side: int, level: int) -> Iterator[Op]:
        """Yield an Op about a level by its number, if it is there. Level 0 never is."""
        keys = self._keys[side]
        if 0 < level <= len(keys):
            key = keys[level - 1]
            qty, orders = self._levels[side][key] if action == NEW else (None, None)
            yield Op(action, Entry(kind, -key * side, qty, None, orders, level))


def _order(change: Change) -> tuple[bool, int]:
    """Sort what goes before what comes, the worst of the one and the best of the other first."""
    side, price, qty, _ = change
    return (True, -price * side) if qty else (False, price * side)
