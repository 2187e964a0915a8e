"""How the entries of a book are known by, and what an update does to them (M5, M6).

    PriceKeys    by side and price: one entry, one price
    LevelKeys    by side and place (MDPriceLevel): an insert moves those behind it, a delete moves them back
    IdKeys       by MDEntryID, or by price and originator: many entries at one price, which the book adds up

Each does to a Draft what a row says. What does not fit (a New that is there, a Change of what is not) is a misfit: the
book and the market differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import ge, itemgetter
from typing import NamedTuple, Protocol, TypeAlias

from fixfast.trading.bookview import Anomaly, BookView, Side
from fixfast.trading.entries import Row
from fixfast.trading.ladder import Ladder, changed, inserted, removed

__all__ = ["Draft", "IdKeys", "Keying", "LevelKeys", "Misfit", "PriceKeys", "Quote"]

#: MDUpdateAction(279)
_NEW, _CHANGE, _DELETE, _DELETE_THRU, _DELETE_FROM, _OVERLAY = "0", "1", "2", "3", "4", "5"
_SIDE = {"0": "bid", "1": "offer"}
_new = tuple.__new__  # PERF: Quote(...) without the arguments by name


class Misfit(Exception):  # never leaves the room
    """An update that cannot be of this book. Its text says why."""


class Draft:
    """Both sides of a book while a message is applied: what is written is a copy, readers see the last view (M4).

    Args:
        view: what the readers see.
        strict: a misfit is raised; else it is noted as an anomaly and what can be done is done.
        zero_deletes: a quantity of 0 is a Delete (M12).
    """

    __slots__ = ("anomalies", "bids", "offers", "places", "strict", "view", "zero_deletes")

    def __init__(self, view: BookView, strict: bool, zero_deletes: bool) -> None:
        self.view = view
        self.strict = strict
        self.zero_deletes = zero_deletes
        self.bids: Ladder | None = None
        self.offers: Ladder | None = None
        self.anomalies: list[Anomaly] = []
        self.places: list[int] = []  # of levels that were changed by their place

    def side(self, kind: str | None) -> Ladder:
        """Return the side of an entry type, "0" or "1", to be written to."""
        if kind == "0":
            if self.bids is None:
                keys, levels = self.view.bid_side
                self.bids = Ladder(keys.copy(), levels.copy())
            return self.bids
        if self.offers is None:
            keys, levels = self.view.offer_side
            self.offers = Ladder(keys.copy(), levels.copy())
        return self.offers

    def misfit(self, kind: str, text: str) -> None:
        """Note that an update does not fit. Raises: Misfit: if strict."""
        self.anomalies.append(Anomaly(kind, text))
        if self.strict:
            raise Misfit(text)

    def report(self, kind: str, text: str) -> None:
        """Note what is odd, but leaves no doubt about the book."""
        self.anomalies.append(Anomaly(kind, text))


class Keying(Protocol):
    """What a book asks of its kind of keys."""

    def one(self, row: Row, key: int, side: Side, depth: int) -> Side | None:
        """Return a side as the only row of an update makes it: a Change, a New behind the best price, or a Delete.

        None, and nothing is done, where there may be more to it: misfits, prices that move, more levels than `depth`.
        """

    def apply(self, draft: Draft, row: Row) -> None:
        """Do what one row of an update says."""

    def fill(self, draft: Draft, rows: Iterable[Row]) -> None:
        """Put the rows of a snapshot into empty sides."""

    def trimmed(self, kind: str, ladder: Ladder) -> None:
        """Forget what is no longer on this side, whose deepest levels were dropped."""


# --- by price -----------------------------------------------------------------------------------------------------


class PriceKeys:
    """Entries known by their price."""

    __slots__ = ()

    def one(self, row: Row, key: int, side: Side, depth: int) -> Side | None:
        """Return a side as the only row of an update makes it, if that is simple."""
        keys, levels = side
        action, qty = row[0], row[3]
        place, count = bisect_left(keys, key), len(keys)
        there = place < count and keys[place] == key
        if action == _DELETE:
            return removed(keys, levels, place) if there else None
        if qty is None or qty <= 0:
            return None
        if action == _CHANGE:
            return changed(keys, levels, place, (qty, row[8])) if there else None
        if action == _NEW and not there and place and count < depth:
            return inserted(keys, levels, place, key, (qty, row[8]))
        return None

    def apply(self, draft: Draft, row: Row) -> None:
        """Do what one row of an update says."""
        action, kind, px, qty, *_ = row
        if px is None:
            return draft.misfit("no price", _said(row, "has no MDEntryPx (270)"))
        ladder = draft.side(kind)
        key = -px if kind == "0" else px
        if action in (_CHANGE, _NEW, _OVERLAY):
            if qty is None:
                return draft.misfit("no size", _said(row, "has no MDEntrySize (271)"))
            if qty <= 0 and draft.zero_deletes:
                ladder.drop(key)
                return None
            known = ladder.put(key, qty, row[8])
            if known != (action == _CHANGE) and action != _OVERLAY:
                draft.misfit("present" if known else "absent", _said(row, f"is {'' if known else 'not '}there"))
        elif action == _DELETE:
            if not ladder.drop(key):
                draft.misfit("absent", _said(row, "is not there"))
        elif action == _DELETE_THRU:
            ladder.drop_better(key)
        elif action == _DELETE_FROM:
            ladder.drop_worse(key)
        else:
            draft.misfit("action", _said(row, f"has MDUpdateAction (279) {action!r}"))
        return None

    def fill(self, draft: Draft, rows: Iterable[Row]) -> None:
        """Put the rows of a snapshot into empty sides; of a price that is there twice, the quantities add up."""
        for row in rows:
            _, kind, px, qty, *_ = row
            if px is None or qty is None:
                draft.report("no price" if px is None else "no size", _said(row, "cannot be placed"))
            elif qty > 0 or not draft.zero_deletes:
                ladder = draft.side(kind)
                key = -px if kind == "0" else px
                there = ladder.at(key)
                if there is not None:
                    draft.report("duplicate", _said(row, "has a price that is there already, and no MDEntryID (278)"))
                    qty, orders = qty + there[0], (row[8] or 1) + (there[1] or 1)
                    ladder.put(key, qty, orders)
                else:
                    ladder.put(key, qty, row[8])

    def trimmed(self, kind: str, ladder: Ladder) -> None:
        """Nothing is kept beside the ladder."""


# --- by place -----------------------------------------------------------------------------------------------------


class LevelKeys:
    """Entries known by their place, 1 the best: MDPriceLevel(1023), else MDEntryPositionNo(290)."""

    __slots__ = ()

    def one(self, row: Row, key: int, side: Side, depth: int) -> Side | None:
        """Return a side as the only row of an update makes it, if that is simple: its price fits between the others."""
        keys, levels = side
        action, qty = row[0], row[3]
        place, count = _level(row) - 1, len(keys)
        if not 0 <= place <= count or (place and keys[place - 1] >= key):
            return None
        behind = keys[place : place + 3]
        if any(map(ge, behind, behind[1:])):
            return None  # an order that is wrong is told again
        there = place < count and keys[place] == key
        if action == _DELETE:
            return removed(keys, levels, place) if there else None
        if qty is None or qty <= 0:
            return None
        if action == _CHANGE:
            return changed(keys, levels, place, (qty, row[8])) if there else None
        if action == _NEW and place and count < depth and (place == count or key < keys[place]):
            return inserted(keys, levels, place, key, (qty, row[8]))
        return None

    def apply(self, draft: Draft, row: Row) -> None:
        """Do what one row of an update says."""
        action, kind, px, qty, _, _, level, position, *_ = row
        level = position if level is None else level
        ladder = draft.side(kind)
        count = len(ladder)
        if level is None or level < 1:
            return draft.misfit("no level", _said(row, "has no MDPriceLevel (1023)"))
        place = level - 1
        adds = action == _NEW or (action == _OVERLAY and place == count)
        if place > count - (not adds):
            return draft.misfit("absent", _said(row, f"is at level {level}, of {count}"))
        draft.places.append(place)
        if action == _DELETE or (qty is not None and qty <= 0 and draft.zero_deletes and not adds):
            del ladder.keys[place], ladder.levels[place]
        elif action == _DELETE_THRU:
            del ladder.keys[:level], ladder.levels[:level]
        elif action == _DELETE_FROM:
            del ladder.keys[place:], ladder.levels[place:]
        elif action in (_NEW, _CHANGE, _OVERLAY):
            if qty is None or (px is None and action != _CHANGE):
                return draft.misfit("no price" if px is None else "no size", _said(row, "cannot be placed"))
            if adds:
                ladder.insert(place, -_price(px) if kind == "0" else _price(px), qty, row[8])
            else:
                ladder.levels[place] = (qty, row[8])
                if px is not None:
                    ladder.keys[place] = -px if kind == "0" else px
        else:
            draft.misfit("action", _said(row, f"has MDUpdateAction (279) {action!r}"))
        return None

    def fill(self, draft: Draft, rows: Iterable[Row]) -> None:
        """Put the rows of a snapshot into empty sides, in the order of their levels, or else as they come."""
        for row in sorted(rows, key=_level):
            _, kind, px, qty, *_ = row
            ladder = draft.side(kind)
            if px is None or qty is None:
                draft.report("no price" if px is None else "no size", _said(row, "cannot be placed"))
                continue
            if _level(row) not in (0, len(ladder) + 1):
                draft.report("levels", _said(row, f"is at level {_level(row)}, behind {len(ladder)}"))
            ladder.insert(len(ladder), -px if kind == "0" else px, qty, row[8])

    def trimmed(self, kind: str, ladder: Ladder) -> None:
        """Nothing is kept beside the ladder."""


def _level(row: Row) -> int:
    return (row[7] if row[6] is None else row[6]) or 0


def _price(px: int | None) -> int:
    assert px is not None
    return px


# --- by identity --------------------------------------------------------------------------------------------------


class Quote(NamedTuple):
    """One entry of a book by MDEntryID: `kind` is "0" or "1", `key` its price (None: a market order), see Ladder."""

    kind: str
    key: int | None
    qty: int
    orders: int


#: An MDEntryID, or side, price and originator
Name: TypeAlias = str | tuple[str, int, str]


class IdKeys:
    """Entries known by MDEntryID(278), or by price and originator: QuoteEntryID(299), else MDEntryBuyer(288)."""

    __slots__ = ("quotes",)

    def __init__(self) -> None:
        self.quotes: dict[Name, Quote] = {}

    def one(self, row: Row, key: int, side: Side, depth: int) -> Side | None:
        """Return a side as the only row of an update makes it, if that is simple: its entry stays at its price."""
        action, kind, _, qty, name, ref_id = row[:6]
        if name is None or (ref_id is not None and ref_id != name):
            return None
        keys, levels = side
        place, count = bisect_left(keys, key), len(keys)
        there = place < count and keys[place] == key
        rest_qty, rest = levels[place] if there else (0, 0)  # what the others have there
        rest = rest or 0
        before = self.quotes.get(name)
        if before is not None:
            was_kind, was_key, was_qty, was_orders = before
            if not there or was_kind != kind or was_key != key or action == _NEW:
                return None
            rest_qty, rest = (rest_qty - was_qty, rest - was_orders) if rest > was_orders else (0, 0)
            if action == _DELETE:
                del self.quotes[name]
                return changed(keys, levels, place, (rest_qty, rest)) if rest else removed(keys, levels, place)
            orders = row[8] or was_orders
        else:
            if action != _NEW or not (there or (place and count < depth)):
                return None
            orders = row[8] or 1
        if (action != _CHANGE and action != _NEW) or qty is None or qty <= 0 or orders <= 0:
            return None
        self.quotes[name] = _new(Quote, (kind, key, qty, orders))
        level = (rest_qty + qty, rest + orders)
        return changed(keys, levels, place, level) if there else inserted(keys, levels, place, key, level)

    def apply(self, draft: Draft, row: Row) -> None:
        """Do what one row of an update says. A Change may leave out what stays, and rename: MDEntryRefID(280)."""
        action, kind, px, qty, _, ref_id, *_ = row
        if action in (_DELETE_THRU, _DELETE_FROM):
            return self._sweep(draft, row)
        name = _name(row)
        if name is None:
            return draft.misfit("no id", _said(row, "has neither MDEntryID (278) nor a price and an originator"))
        if action == _CHANGE and ref_id is None and self._stays(draft, name, row):
            return None
        before = self.quotes.pop(ref_id, None) if ref_id is not None and ref_id != name else None
        before = self.quotes.pop(name, None) if before is None else before
        if before is not None:
            self._move(draft, before, -1)
        if action == _DELETE:
            if before is None:
                draft.misfit("absent", _said(row, f"{name!r} is not there"))
            return None
        if action not in (_NEW, _CHANGE, _OVERLAY):
            return draft.misfit("action", _said(row, f"has MDUpdateAction (279) {action!r}"))
        if action != _OVERLAY and (before is None) != (action == _NEW) and not (action == _NEW and ref_id):
            draft.misfit("absent" if before is None else "present", _said(row, f"{name!r} does not fit"))
        if before is not None:
            kind = before.kind if kind is None else kind
            qty = before.qty if qty is None else qty
        if kind not in _SIDE or qty is None:
            return draft.misfit("no size", _said(row, "has no MDEntrySize (271) or no side"))
        key = (before.key if before else None) if px is None else -px if kind == "0" else px
        if qty > 0 or not draft.zero_deletes:
            self._take(draft, name, Quote(kind, key, qty, row[8] or (before.orders if before else 1)))
        return None

    def fill(self, draft: Draft, rows: Iterable[Row]) -> None:
        """Put the rows of a snapshot into empty sides."""
        self.quotes.clear()
        for row in rows:
            _, kind, px, qty, *_ = row
            name = _name(row)
            if name is None or qty is None or name in self.quotes:
                draft.report("duplicate" if name in self.quotes else "no id", _said(row, "cannot be placed"))
            elif qty > 0 or not draft.zero_deletes:
                key = None if px is None else -px if kind == "0" else px
                self._take(draft, name, Quote(kind or "", key, qty, row[8] or 1))

    def trimmed(self, kind: str, ladder: Ladder) -> None:
        """Forget the entries of this side that are deeper than its last level."""
        last = ladder.keys[-1] if ladder.keys else None
        for name, quote in list(self.quotes.items()):
            if quote.kind == kind and quote.key is not None and (last is None or quote.key > last):
                del self.quotes[name]

    def rescale(self, price: int, qty: int) -> None:
        """Multiply all prices and quantities."""
        self.quotes = {
            name if isinstance(name, str) else (name[0], name[1] * price, name[2]): Quote(
                q.kind, None if q.key is None else q.key * price, q.qty * qty, q.orders
            )
            for name, q in self.quotes.items()
        }

    def queue(self, kind: str) -> list[tuple[str | None, int, int]]:
        """Return (id, price as a key, quantity) of the entries of a side, best price first, then first come first."""
        found = [
            (name if isinstance(name, str) else None, quote.key, quote.qty)
            for name, quote in self.quotes.items()
            if quote.kind == kind and quote.key is not None
        ]
        return sorted(found, key=itemgetter(1))

    def _stays(self, draft: Draft, name: Name, row: Row) -> bool:
        """Do a Change that leaves an entry at its price, and so at its place; False: it does not, or is none."""
        before = self.quotes.get(name)
        kind, px, qty = row[1:4]
        if before is None or kind not in (None, before.kind) or qty is None or qty <= 0 or before.key is None:
            return False
        if px is not None and (-px if before.kind == "0" else px) != before.key:
            return False
        self._move(draft, before, -1)
        self._take(draft, name, Quote(before.kind, before.key, qty, row[8] or before.orders))
        return True

    def _take(self, draft: Draft, name: Name, quote: Quote) -> None:
        self.quotes[name] = quote
        self._move(draft, quote, 1)

    def _move(self, draft: Draft, quote: Quote, sign: int) -> None:
        if quote.key is not None:
            draft.side(quote.kind).add(quote.key, sign * quote.qty, sign * quote.orders)

    def _sweep(self, draft: Draft, row: Row) -> None:
        """Delete Thru, Delete From: all entries from the best one to this price, or from it to the worst."""
        action, kind, px, *_ = row
        if px is None or kind not in _SIDE:
            return draft.misfit("no price", _said(row, "has no MDEntryPx (270)"))
        key = -px if kind == "0" else px
        for name, quote in list(self.quotes.items()):
            if quote.kind != kind or quote.key is None:
                continue
            if quote.key <= key if action == _DELETE_THRU else quote.key >= key:
                self._move(draft, self.quotes.pop(name), -1)
        return None


def _name(row: Row) -> Name | None:
    if row[4] is not None:
        return row[4]
    originator = row[9] or row[10]
    return None if originator is None or row[2] is None else (row[1] or "", row[2], originator)


def _said(row: Row, what: str) -> str:
    names = {_NEW: "New", _CHANGE: "Change", _DELETE: "Delete", None: "a snapshot's"}
    return f"{names.get(row[0], 'an update')} {_SIDE.get(row[1] or '', 'entry')} {what}"
