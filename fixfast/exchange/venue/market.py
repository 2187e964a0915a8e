"""One instrument of an exchange: how it is listed, and its book."""

from __future__ import annotations

from collections.abc import Callable

from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.outcome import Event
from fixfast.exchange.venue.listing import Listing

__all__ = ["Changes", "Market", "Publish"]

#: levels that changed: (side, price, shown quantity, orders)
Changes = list[tuple[int, int, int, int]]


class Market:
    """One instrument and its book.

    Attributes: suspends: its orders are suspended while trading is halted, and their owners are told.
    """

    __slots__ = ("book", "listing", "suspends")

    def __init__(self, listing: Listing, book: Matching, *, suspends: bool = False) -> None:
        self.listing = listing
        self.book = book
        self.suspends = suspends


#: called with the market, the events and the time of a command
Publish = Callable[[Market, list[Event], int], object]
