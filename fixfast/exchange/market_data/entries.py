"""What an instrument's market is made of as others see it: entries, and steps from one state to the next. Values only.

Prices and quantities are ints, at the instrument's scale. Every kind of thing has its MDEntryType(269).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = [
    "BID",
    "CHANGE",
    "CLOSE",
    "DELETE",
    "HIGH",
    "KINDS",
    "LOW",
    "NEW",
    "OFFER",
    "OPEN",
    "TRADE",
    "VOLUME",
    "Change",
    "Entry",
    "Op",
    "Window",
    "time_only",
]

BID, OFFER, TRADE, OPEN, CLOSE, SETTLE, HIGH, LOW, VOLUME = "0", "1", "2", "4", "5", "6", "7", "8", "B"
#: MDEntryType(269) of all that a Feed knows, in the order a snapshot has them
KINDS = (BID, OFFER, TRADE, OPEN, CLOSE, SETTLE, HIGH, LOW, VOLUME)
#: MDUpdateAction(279)
NEW, CHANGE, DELETE = "0", "1", "2"
_DAY_MS = 86_400_000

#: a level as the matching engine reports it: (side +1 or -1, price, quantity, number of orders); quantity 0: it is gone
Change: TypeAlias = tuple[int, int, int, int]


class Window(NamedTuple):
    """How much of a book somebody sees.

    Attributes:
        depth: levels on each side; 0: all.
        implicit: a level that is pushed out of the window goes without a word (MDImplicitDelete(547)=Y).
        by_order: every order by itself (AggregatedBook(266)=N), of as many prices.
    """

    depth: int
    implicit: bool = False
    by_order: bool = False


class Entry(NamedTuple):
    """Something that is there: a level, the last trade, or a value. None: it has no such thing.

    Attributes:
        kind: MDEntryType(269). px, qty: MDEntryPx(270), MDEntrySize(271). time: MDEntryTime(273) of trades and values.
        orders: NumberOfOrders(346). level: MDPriceLevel(1023), from 1. name: MDEntryID(278) of a trade,
            or of an order.
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


def time_only(time_ns: int) -> str:
    """Return a UTCTIMEONLY in ms: the time of day of so many ns since 1970."""
    ms = time_ns // 1_000_000 % _DAY_MS
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
