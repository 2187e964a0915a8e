"""The orders of one instrument's book, one by one, as others see them: whole, or the best prices. No FIX, no clock.

An order is known by a name that says nothing of its owner, and shows what it displays. Its place in the queue of its
price is that of its New: a Change leaves it where it is. What goes behind the others (another price, a larger
quantity, the next slice of an iceberg) is a Delete and a New of the same name.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from fixfast.exchange.market_data.entries import BID, CHANGE, DELETE, NEW, OFFER, Entry, Op, Window

__all__ = ["Queues", "Resting"]

#: deeper than any price: where a window ends that has no end
_DEEPEST = 1 << 80
_KINDS = {1: BID, -1: OFFER}


class Resting(NamedTuple):
    """An order as it is now. `qty`: what it shows, 0: it rests no more. `seq`: grows with each entry into a queue."""

    name: str
    side: int
    price: int
    qty: int
    seq: int

    @property
    def key(self) -> int:
        """What prices of its side are sorted by, the best first."""
        return -self.price * self.side

    def op(self, action: str) -> Op:
        """Return a step that is about this order."""
        qty = None if action == DELETE else self.qty
        return Op(action, Entry(_KINDS[self.side], self.price, qty, None, None, None, self.name))


class Queues:
    """Takes orders as they are after each batch; says what that means for windows onto them.

    Applying the Ops of a window in order leads from entries() before to entries() after (M15), the queues of each price
    included, and never through more prices than the window has.
    """

    def __init__(self) -> None:
        self._orders: dict[str, Resting] = {}
        #: of both sides: prices, the best first, and the orders at each, first come first
        self._keys: dict[int, list[int]] = {1: [], -1: []}
        self._queues: dict[int, dict[int, dict[str, Resting]]] = {1: {}, -1: {}}

    def load(self, orders: Iterable[Resting]) -> None:
        """Take all orders; what was here before is forgotten."""
        self.__init__()  # type: ignore[misc]
        for order in sorted(orders, key=attrgetter("seq")):
            self._add(order)

    def entries(self, kinds: Iterable[str], depth: int) -> list[Entry]:
        """Return the orders of these kinds: best price first, then first come first.

        Args: kinds: MDEntryTypes. depth: prices on each side; 0: all.
        """
        return [
            order.op(NEW).entry
            for side in (1, -1)
            if _KINDS[side] in kinds
            for key in self._keys[side][: depth or None]
            for order in self._queues[side][key].values()
        ]

    def apply(self, orders: Iterable[Resting], windows: Iterable[Window]) -> dict[Window, list[Op]]:
        """Take orders that were touched, as they are now; return what each window sees of it.

        First what goes, then what changes, then what comes, in the order of the queues.
        """
        before = {window: {side: self._end(side, window.depth) for side in (1, -1)} for window in windows}
        gone: list[Resting] = []
        changed: list[Resting] = []
        come: list[Resting] = []
        for order in orders:
            was = self._orders.get(order.name)
            if was is not None and order.qty and (was.price, was.seq) == (order.price, order.seq):
                if was.qty != order.qty:
                    changed.append(order)
                continue
            if was is not None:
                gone.append(was)
            if order.qty:
                come.append(order)
        come.sort(key=attrgetter("seq"))
        for order in gone:
            self._remove(order)
        for order in changed:
            self._orders[order.name] = self._queues[order.side][order.key][order.name] = order
        for order in come:
            self._add(order)
        return {window: self._seen(window, ends, gone, changed, come) for window, ends in before.items()}

    # --- inside -----------------------------------------------------------------------------------------------

    def _seen(
        self,
        window: Window,
        before: dict[int, int],
        gone: list[Resting],
        changed: list[Resting],
        come: list[Resting],
    ) -> list[Op]:
        after = {side: self._end(side, window.depth) for side in (1, -1)}
        stays = {side: min(before[side], after[side]) for side in (1, -1)}  # prices in sight all the time
        ops = [order.op(DELETE) for order in gone if order.key <= before[order.side]]
        if not window.implicit:
            new = {order.name for order in come}
            ops += [
                order.op(DELETE)
                for side in (1, -1)
                for order in self._between(side, after[side], before[side])
                if order.name not in new
            ]
        ops += [order.op(CHANGE) for order in changed if order.key <= stays[order.side]]
        ops += [order.op(NEW) for order in come if order.key <= stays[order.side]]
        for side in (1, -1):
            ops += [order.op(NEW) for order in self._between(side, before[side], after[side])]
        return ops

    def _between(self, side: int, above: int, last: int) -> list[Resting]:
        """Return the orders at prices behind one, up to another."""
        keys = self._keys[side]
        if last <= above:
            return []
        behind = [key for key in keys[bisect_left(keys, above + 1) :] if key <= last]
        return [order for key in behind for order in self._queues[side][key].values()]

    def _end(self, side: int, depth: int) -> int:
        """Return the last price in sight: while there are fewer than those, whatever comes is in sight."""
        keys = self._keys[side]
        return keys[depth - 1] if 0 < depth <= len(keys) else _DEEPEST

    def _add(self, order: Resting) -> None:
        self._orders[order.name] = order
        queues = self._queues[order.side]
        if order.key not in queues:
            queues[order.key] = {}
            insort(self._keys[order.side], order.key)
        queues[order.key][order.name] = order

    def _remove(self, order: Resting) -> None:
        del self._orders[order.name]
        queue = self._queues[order.side][order.key]
        del queue[order.name]
        if not queue:
            keys = self._keys[order.side]
            del self._queues[order.side][order.key], keys[bisect_left(keys, order.key)]
