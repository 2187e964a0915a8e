"""Originals: the entries of one recorded instrument as they were on the wire, and the levels they add up to.

A venue knows its entries by MDEntryID, by level or by price (M5); whichever it is, its own entries come out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fixfast.exchange.market_data.entries import BID, CHANGE, DELETE, NEW, OFFER, TRADE, Change

__all__ = ["Original", "Originals"]

#: MDUpdateAction(279) beyond New, Change and Delete
_THRU, _FROM, _OVERLAY = "3", "4", "5"
_SIDES = {BID: 1, OFFER: -1}


class Original(NamedTuple):
    """One entry of a recorded W or X.

    Attributes:
        action: MDUpdateAction(279), New in a W. kind: MDEntryType(269).
        px, qty: at the scales of the recording, None where it has none.
        fields: all of them, in order, tag -> text, without 279.
    """

    action: str
    kind: str
    px: int | None
    qty: int | None
    fields: Mapping[int, str]

    @property
    def level(self) -> int | None:
        """MDPriceLevel(1023)."""
        text = self.fields.get(1023, "")
        return int(text) if text.isdigit() and text != "0" else None


class Originals:
    """What is there of one instrument.

    Attributes: odd: how many entries did not fit what was there; they were done as far as can be.
    """

    def __init__(self) -> None:
        self.odd = 0
        self._keyed = ""  # "id", "level" or "price", from the first entry of a level on
        #: of both sides: key -> entry, or by level, the best first
        self._known: dict[str, dict[object, Original]] = {BID: {}, OFFER: {}}
        self._ladder: dict[str, list[Original]] = {BID: [], OFFER: []}
        self._values: dict[str, Original] = {}
        self._totals: dict[tuple[int, int], list[int]] = {}  # (side, price) -> [quantity, entries, orders]
        self._touched: dict[tuple[int, int], None] = {}

    def entries(self, kinds: Iterable[str]) -> list[Original]:
        """Return all entries of these kinds: levels the best first, then values."""
        wanted = set(kinds)
        found: list[Original] = []
        for kind, side in _SIDES.items():
            if kind in wanted:
                known = self._known[kind].values()
                found += self._ladder[kind] or sorted(known, key=lambda entry: -side * (entry.px or 0))
        return found + [entry for kind, entry in self._values.items() if kind in wanted]

    def snapshot(self, entries: Iterable[Original]) -> None:
        """Take a W: it replaces everything of the sides and kinds it has, an empty one all (M3)."""
        entries = list(entries)
        kinds = {entry.kind for entry in entries}
        self._keyed = ""
        for kind in (BID, OFFER):
            if kind in kinds or not kinds & {BID, OFFER}:
                self._clear(kind)
        for entry in entries:
            if entry.kind != "J":
                self.apply(entry)

    def apply(self, entry: Original) -> None:
        """Take an entry of an X, or of a W."""
        kind = entry.kind
        if kind == "J":
            self._clear(BID)
            self._clear(OFFER)
        elif kind not in _SIDES:
            if entry.action == DELETE:
                before = self._values.get(kind)
                if kind != TRADE or (before is not None and before.fields.get(278) == entry.fields.get(278)):
                    self._values.pop(kind, None)
            else:
                self._values[kind] = entry
        else:
            if not self._keyed:
                fields = entry.fields
                by_id = 278 in fields or 299 in fields
                self._keyed = "id" if by_id else "level" if entry.level is not None else "price"
            (self._by_level if self._keyed == "level" else self._by_key)(entry)

    def take_changes(self) -> list[Change]:
        """Return the levels that are different since the last call: (side, price, quantity, orders)."""
        touched, self._touched = self._touched, {}
        changes: list[Change] = []
        for side, price in touched:
            qty, entries, orders = self._totals[side, price]
            changes.append((side, price, qty, orders) if qty > 0 else (side, price, 0, 0))
            if not entries:
                del self._totals[side, price]
        return changes

    # --- by MDEntryID, or by price ----------------------------------------------------------------------------

    def _by_key(self, entry: Original) -> None:
        known, fields = self._known[entry.kind], entry.fields
        key: object
        if self._keyed == "id":
            key = fields.get(278) or fields.get(299)
            before = known.pop(fields.get(280) or key, None)
        else:
            key = entry.px
            before = known.get(key)
        if (entry.action == NEW) == (before is not None) and entry.action != _OVERLAY:
            self.odd += 1
        if before is not None:
            self._count(before, -1)
        if entry.action == DELETE:
            known.pop(key, None)
            return
        known[key] = now = _merged(before, entry)
        self._count(now, 1)

    # --- by level ---------------------------------------------------------------------------------------------

    def _by_level(self, entry: Original) -> None:
        ladder, level = self._ladder[entry.kind], entry.level or 1
        there = 0 < level <= len(ladder)
        if entry.action in (DELETE, _THRU, _FROM):
            begin = 0 if entry.action == _THRU else level - 1
            end = len(ladder) if entry.action == _FROM else level
            gone = ladder[begin:end]
            del ladder[begin:end]
            self.odd += not gone
            for one in gone:
                self._count(one, -1)
        elif entry.action in (CHANGE, _OVERLAY) and there:
            before = ladder[level - 1]
            self._count(before, -1)
            ladder[level - 1] = now = _merged(before, entry)
            self._count(now, 1)
        else:
            self.odd += level > len(ladder) + 1 or entry.action == CHANGE
            ladder.insert(level - 1, entry)
            self._count(entry, 1)

    # --- inside -----------------------------------------------------------------------------------------------

    def _clear(self, kind: str) -> None:
        for entry in [*self._known[kind].values(), *self._ladder[kind]]:
            self._count(entry, -1)
        self._known[kind].clear()
        self._ladder[kind].clear()

    def _count(self, entry: Original, sign: int) -> None:
        """Add an entry to the level of its price, or take it away."""
        if entry.px is None:
            return
        place = _SIDES[entry.kind], entry.px
        total = self._totals.setdefault(place, [0, 0, 0])
        orders = entry.fields.get(346, "1")
        total[0] += sign * (entry.qty or 0)
        total[1] += sign
        total[2] += sign * (int(orders) if orders.isdigit() else 1)
        self._touched[place] = None


def _merged(before: Original | None, entry: Original) -> Original:
    """Return an entry with what a Change left out, taken from the one before it."""
    if before is None or entry.action != CHANGE:
        return entry
    px = before.px if entry.px is None else entry.px
    qty = before.qty if entry.qty is None else entry.qty
    return Original(entry.action, entry.kind, px, qty, {**before.fields, **entry.fields})
