"""The trades of one instrument, and the values they make: last, open, high, low, volume. No FIX, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from fixfast.exchange.market_data.entries import (
    CHANGE,
    DELETE,
    HIGH,
    KINDS,
    LOW,
    NEW,
    OPEN,
    TRADE,
    VOLUME,
    Entry,
    Op,
    time_only,
)

__all__ = ["Correction", "Print", "Tape", "TimedPrint"]

#: a trade, or one taken back: (its id, price, quantity)
Print: TypeAlias = tuple[str, int, int]
#: a trade, and when it was, ns since 1970
TimedPrint: TypeAlias = tuple[str, int, int, int]
#: a trade that has another price: (its id, the price it had, price, quantity)
Correction: TypeAlias = tuple[str, int, int, int]

_price = itemgetter(1)


class Tape:
    """Takes trades, busts and corrections; says what that means.

    Attributes:
        values: MDEntryType -> what is known of it: the last trade, high, low, a settlement price ...
        volume: traded so far.
    """

    def __init__(self) -> None:
        self.values: dict[str, Entry] = {}
        self.volume = 0
        self._opening = ""  # id of the first trade
        self._traded: Counter[int] = Counter()  # price -> quantity: what high and low are after a bust
        self._time = (0, "00:00:00.000")

    def entries(self, kinds: Iterable[str]) -> list[Entry]:
        """Return the values of these kinds that there are, in the order of KINDS."""
        return [self.values[kind] for kind in KINDS if kind in kinds and kind in self.values]

    # --- what happens -----------------------------------------------------------------------------------------

    def trade(self, prints: Sequence[Print], at: int) -> list[Op]:
        """Take trades, at least one, in order; return them, and then each value that they changed, once.

        Args: at: when they were, ns since 1970; so everywhere here.
        """
        time = self._at(at)
        ops = [Op(NEW, Entry(TRADE, px, qty, time, None, None, name)) for name, px, qty in prints]
        return ops + self.note([(name, px, qty, at) for name, px, qty in prints])

    def note(self, prints: Sequence[TimedPrint]) -> list[Op]:
        """Take trades that nobody is told of; return the values that they changed."""
        traded = self._traded
        for _, px, qty, _ in prints:
            traded[px] += qty
            self.volume += qty
        name, px, qty, at = prints[-1]
        self.values[TRADE] = Entry(TRADE, px, qty, self._at(at), name=name)
        ops: list[Op] = []
        if OPEN not in self.values:
            self._opening, px, _, opened = prints[0]
            ops.append(self.set(OPEN, px, opened))
        for kind, extreme, sign in ((HIGH, max, 1), (LOW, min, -1)):
            _, px, _, reached = extreme(prints, key=_price)
            if kind not in self.values or px * sign > (self.values[kind].px or 0) * sign:
                ops.append(self.set(kind, px, reached))
        ops.append(self.set(VOLUME, None, at, self.volume))
        return ops

    def bust(self, taken_back: Print, at: int) -> list[Op]:
        """Take back a trade; return that, and what volume, high and low are now.

        The last trade and the opening price are gone if it was that one, until there is another.
        """
        name, px, qty = taken_back
        ops = [Op(DELETE, Entry(TRADE, px, qty, self._at(at), name=name))]
        if self._last(name):
            del self.values[TRADE]
        if self._traded[px] < qty:  # of a time before this tape began
            return ops
        self.volume -= qty
        self._less(px, qty)
        ops += self._extremes(at)
        if not self._traded and OPEN in self.values:
            ops.append(Op(DELETE, self.values.pop(OPEN)))
        ops.append(self.set(VOLUME, None, at, self.volume))
        return ops

    def correct(self, correction: Correction, at: int) -> list[Op]:
        """Give a trade another price; return that, and the values that are others now."""
        name, before, px, qty = correction
        entry = Entry(TRADE, px, qty, self._at(at), name=name)
        ops = [Op(CHANGE, entry)]
        if self._last(name):
            self.values[TRADE] = entry
        if self._traded[before] < qty:  # of a time before this tape began
            return ops
        self._less(before, qty)
        self._traded[px] += qty
        if name == self._opening and OPEN in self.values:
            ops.append(self.set(OPEN, px, at))
        return ops + self._extremes(at)

    def set(self, kind: str, px: int | None, at: int, qty: int | None = None) -> Op:
        """Set a value, e.g. the settlement price; return the Op that says so."""
        action = CHANGE if kind in self.values else NEW
        entry = self.values[kind] = Entry(kind, px, qty, self._at(at))
        return Op(action, entry)

    def begin_day(self) -> list[Op]:
        """Forget everything; return the values that are gone."""
        gone = [Op(DELETE, entry) for kind, entry in self.values.items() if kind != TRADE]
        self.values.clear()
        self._traded.clear()
        self._opening = ""
        self.volume = 0
        return gone

    # --- across restarts --------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        values = [list(entry) for entry in self.values.values()]
        return {"values": values, "traded": sorted(self._traded.items()), "opening": self._opening}

    def load(self, data: Mapping[str, Any]) -> None:
        """Take what snapshot() returned; what was here before is forgotten."""
        self.values = {item[0]: Entry(*item) for item in data["values"]}
        self._traded = Counter(dict(data["traded"]))
        self._opening = data["opening"]
        self.volume = sum(self._traded.values())

    # --- inside -----------------------------------------------------------------------------------------------

    def _last(self, name: str) -> bool:
        return TRADE in self.values and self.values[TRADE].name == name

    def _less(self, px: int, qty: int) -> None:
        self._traded[px] -= qty
        if not self._traded[px]:
            del self._traded[px]

    def _extremes(self, at: int) -> list[Op]:
        """Return what high and low are, where they are others than they were."""
        ops: list[Op] = []
        for kind, extreme in ((HIGH, max), (LOW, min)):
            now = extreme(self._traded, default=None)
            if now is None:
                ops += [Op(DELETE, self.values.pop(kind))] if kind in self.values else []
            elif kind not in self.values or self.values[kind].px != now:
                ops.append(self.set(kind, now, at))
        return ops

    def _at(self, time_ns: int) -> str:
        """Return MDEntryTime(273). PERF: the same moment is asked for again and again."""
        if self._time[0] != time_ns:
            self._time = (time_ns, time_only(time_ns))
        return self._time[1]
