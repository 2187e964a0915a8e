"""What one instrument's market looks like from outside: price levels, last trade, high, low, volume. No FIX, no clock.

Prices and quantities are ints, at the instrument's scale. Every kind of thing has its MDEntryType(269).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = [
    "BID",
    "CHANGE",
    "DELETE",
    "KINDS",
    "NEW",
    "OFFER",
    "TRADE",
    "Change",
    "Entry",
    "Feed",
    "Op",
    "Window",
]

BID, OFFER, TRADE, OPEN, CLOSE, SETTLE, HIGH, LOW, VOLUME = "0", "1", "2", "4", "5", "6", "7", "8", "B"
#: MDEntryType(269) of all that a Feed knows, in the order a snapshot has them
KINDS = (BID, OFFER, TRADE, OPEN, CLOSE, SETTLE, HIGH, LOW, VOLUME)
#: MDUpdateAction(279)
NEW, CHANGE, DELETE = "0", "1", "2"

#: a level as the matching engine reports it: (side +1 or -1, price, quantity, number of orders); quantity 0: it is gone
Change = tuple[int, int, int, int]


class Window(NamedTuple):
    """How much of a book somebody sees.

    Attributes:
        depth: levels on each side; 0: all.
        implicit: a level that is pushed out of the window goes without a word (MDImplicitDelete(547)=Y).
    """

    depth: int
    implicit: bool = False


class Entry(NamedTuple):
    """Something that is there: a level, the last trade, or a value. None: it has no such thing.

    Attributes:
        kind: MDEntryType(269). px, qty: MDEntryPx(270), MDEntrySize(271). time: MDEntryTime(273) of trades and values.
        orders: NumberOfOrders(346). level: MDPriceLevel(1023), from 1. name: MDEntryID(278) of a trade.
    """

    kind: str
    px: int | None = None
    qty: int | None = None
    time: str | None = None
    orders: int | None = None
    level: int | None = None
    name: str | None = None


class Op(NamedTuple):
    """One step from what was there to what is: MDUpdateAction(279) and the entry it is about."""

    action: str
    entry: Entry


class Feed:
    """One instrument: takes what the matching engine reports, says what that means for windows onto it.

    Applying the Ops of a window in order, by price or by level, leads from entries() before to entries() after (M15).

    Args:
        symbol: Symbol(55).
        price_scale, qty_scale: prices are ints that count 10**-price_scale, quantities 10**-qty_scale.

    Attributes:
        values: MDEntryType -> what is known of it, but for levels.
        volume: traded so far.
        batches: how many batches of changes there were: no RptSeq(83) is above it.
    """

    def __init__(self, symbol: str, price_scale: int, qty_scale: int) -> None:
        self.symbol = symbol
        self.price_scale = price_scale
        self.qty_scale = qty_scale
        self.values: dict[str, Entry] = {}
        self.volume = 0
        self.batches = 0
        #: of both sides, best first: keys to sort by (bids are negated prices), and what is there
        self._keys: dict[int, list[int]] = {1: [], -1: []}
        self._levels: dict[int, dict[int, tuple[int, int]]] = {1: {}, -1: {}}
        self._traded: Counter[int] = Counter()  # price -> quantity: what high and low are after a bust

    # --- what is there ----------------------------------------------------------------------------------------

    def entries(self, kinds: Iterable[str], depth: int) -> list[Entry]:
        """Return all there is of these kinds, in the order of KINDS, of levels the best first.

        Args: kinds: MDEntryTypes. depth: levels on each side; 0: all.
        """
        wanted = frozenset(kinds)
        found: list[Entry] = []
        for kind, side in ((BID, 1), (OFFER, -1)):
            if kind in wanted:
                levels = self._levels[side]
                for i, key in enumerate(self._keys[side][: depth or None]):
                    qty, orders = levels[key]
                    found.append(Entry(kind, -key * side, qty, None, orders, i + 1))
        found += [self.values[kind] for kind in KINDS if kind in wanted and kind in self.values]
        return found

    def best(self, side: int) -> int | None:
        """Return the best price of a side (+1: bids), or None."""
        keys = self._keys[side]
        return -keys[0] * side if keys else None

    # --- what happens -----------------------------------------------------------------------------------------

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

    def trade(self, name: str, px: int, qty: int, time: str) -> list[Op]:
        """Take a trade; return the trade and the values that it changed.

        Args: name: of the trade, unique. time: MDEntryTime(273).
        """
        last = Entry(TRADE, px, qty, time, name=name)
        self.values[TRADE] = last
        ops = [Op(NEW, last)]
        self.volume += qty
        self._traded[px] += qty
        if OPEN not in self.values:
            ops.append(self.set(OPEN, px, time))
        if HIGH not in self.values or px > (self.values[HIGH].px or 0):
            ops.append(self.set(HIGH, px, time))
        if LOW not in self.values or px < (self.values[LOW].px or 0):
            ops.append(self.set(LOW, px, time))
        ops.append(self.set(VOLUME, None, time, self.volume))
        return ops

    def bust(self, name: str, px: int, qty: int, time: str) -> list[Op]:
        """Take back a trade; return that, and what volume, high and low are now.

        The last trade and the opening price are gone if it was that one, until there is another.
        """
        ops = [Op(DELETE, Entry(TRADE, px, qty, time, name=name))]
        if self.values.get(TRADE, Entry(TRADE)).name == name:
            del self.values[TRADE]
        self.volume -= qty
        self._traded[px] -= qty
        if self._traded[px] <= 0:
            del self._traded[px]
        for kind, extreme in ((HIGH, max), (LOW, min)):
            now = extreme(self._traded, default=None)
            if now is None:
                ops += [Op(DELETE, self.values.pop(kind))] if kind in self.values else []
            elif kind not in self.values or self.values[kind].px != now:
                ops.append(self.set(kind, now, time))
        if not self._traded and OPEN in self.values:
            ops.append(Op(DELETE, self.values.pop(OPEN)))
        ops.append(self.set(VOLUME, None, time, self.volume))
        return ops

    def set(self, kind: str, px: int | None, time: str, qty: int | None = None) -> Op:
        """Set a value that is no level, e.g. the settlement price; return the Op that says so."""
        action = CHANGE if kind in self.values else NEW
        entry = self.values[kind] = Entry(kind, px, qty, time)
        return Op(action, entry)

    def begin_day(self) -> list[Op]:
        """Forget trades and values, not the levels: orders may be good till cancelled."""
        gone = [Op(DELETE, entry) for kind, entry in self.values.items() if kind != TRADE]
        self.values.clear()
        self._traded.clear()
        self.volume = 0
        return gone

    # --- across restarts --------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return trades and values as plain data. Levels are the matching engine's: see load()."""
        values = [list(entry) for entry in self.values.values()]
        return {"values": values, "traded": sorted(self._traded.items()), "batches": self.batches}

    def load(self, levels: Iterable[Change], data: Mapping[str, Any] | None = None) -> None:
        """Take all levels and, of an earlier run, what snapshot() returned; what was here before is forgotten."""
        for side in (1, -1):
            self._keys[side].clear()
            self._levels[side].clear()
        self.apply(levels, ())
        if data is not None:
            self.values = {item[0]: Entry(*item) for item in data["values"]}
            self._traded = Counter(dict(data["traded"]))
            self.volume = sum(self._traded.values())
            self.batches = data["batches"]


def _order(change: Change) -> tuple[bool, int]:
    """Sort what goes before what comes, the worst of the one and the best of the other first."""
    side, price, qty, _ = change
    return (True, -price * side) if qty else (False, price * side)
