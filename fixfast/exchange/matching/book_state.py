"""Everything that a book remembers from one command to the next: as attributes, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from typing import Any

from fixfast.exchange.matching.book_order import ORDER_FIELDS, BookOrder
from fixfast.exchange.matching.instrument import Instrument, Prevention
from fixfast.exchange.matching.levels import BookSide
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.matching.stops import Stops

__all__ = ["SNAPSHOT_VERSION", "BookState"]

_row = attrgetter(*ORDER_FIELDS)
#: of what snapshot() returns
SNAPSHOT_VERSION = 2


class BookState:
    """The state of a book.

    Attributes:
        instrument: What is traded.
        prevention: What happens when orders of one owner meet.
        phase: What the market is doing.
        bids, offers: The orders that rest.
        reference: The price that auctions lean to and the band is around (set by _refer_to).
        last_px: The price of the last trade.
    """

    def __init__(self, instrument: Instrument, prevention: Prevention, phase: Phase) -> None:
        self.instrument = instrument
        self.prevention = prevention
        self.phase = phase
        self.bids, self.offers = BookSide(1), BookSide(-1)
        self.reference: int | None = None
        self._band: tuple[int, int] | None = None  # lowest and highest price of continuous trades
        self._refer_to(instrument.reference)
        self.last_px: int | None = None
        # Open orders, in the order in which they were accepted: in the book, waiting stops, parked for the close.
        self._open: dict[int, BookOrder] = {}
        self._stops = Stops()
        self._parked: dict[int, BookOrder] = {}  # at-the-close orders, until the closing auction begins
        self._expiries: list[tuple[int, int]] = []  # a heap of (expire_ns, order_id); orders may be gone already
        # What can be busted: trade id -> price, quantity, buyer, seller.
        self._trades: dict[int, tuple[int, int, BookOrder, BookOrder]] = {}
        self._trade_id = 0
        self._seq = 0
        self._range: tuple[int, int] | None = None  # prices that stop orders have to look at; only within a command

    def _refer_to(self, price: int | None) -> None:
        """Another reference price: the band moves with it."""
        self.reference, band = price, self.instrument.band
        self._band = None if band is None or price is None else (price - band, price + band)

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as plain data: dicts, lists, texts, ints (and the tags of orders as they are).

        It has no part in the book's own memory but for the tags, and says the same for the same state.
        PERF: orders are tuples, each made in one call: a copy of 50,000 of them keeps an exchange waiting.
        """
        open_orders = self._open
        gone: list[BookOrder] = []
        places: dict[int, int] = {}
        trades: list[tuple[int, ...]] = []
        for number, (px, qty, *sides) in self._trades.items():
            refs: list[int] = []
            for order in sides:  # an open one by its id, one that is gone by its place among those, -1 the first
                if open_orders.get(order.order_id) is order:
                    refs.append(order.order_id)
                    continue
                if id(order) not in places:
                    places[id(order)] = ~len(gone)
                    gone.append(order)
                refs.append(places[id(order)])
            trades.append((number, px, qty, *refs))
        return {
            "version": SNAPSHOT_VERSION,
            "instrument": {**asdict(self.instrument), "band_action": str(self.instrument.band_action)},
            "stp": str(self.prevention),
            "phase": str(self.phase),
            "reference": self.reference,
            "last_px": self.last_px,
            "seq": self._seq,
            "trade_id": self._trade_id,
            "orders": list(map(_row, open_orders.values())),
            "gone": list(map(_row, gone)),
            "bids": self.bids.snapshot(),
            "offers": self.offers.snapshot(),
            "stops": [order.order_id for order in self._stops.orders()],
            "parked": list(self._parked),
            "expiries": sorted(self._expiries),
            "trades": trades,
        }

    def _fill(self, data: dict[str, Any]) -> None:
        """Take over what snapshot() said."""
        self._open = {order.order_id: order for order in (BookOrder(*row) for row in data["orders"])}
        gone = [BookOrder(*row) for row in data["gone"]]
        self.last_px = data["last_px"]
        self._refer_to(data["reference"])
        self._seq, self._trade_id = data["seq"], data["trade_id"]
        resting = sorted((order for order in self._open.values() if order.shown), key=lambda order: order.seq)
        self.bids.restore(data["bids"], (order for order in resting if order.side > 0))
        self.offers.restore(data["offers"], (order for order in resting if order.side < 0))
        for order_id in data["stops"]:
            self._stops.add(self._open[order_id])
        self._parked = {order_id: self._open[order_id] for order_id in data["parked"]}
        self._expiries = [(due, order_id) for due, order_id in data["expiries"]]
        self._trades = {
            number: (px, qty, *(self._open[ref] if ref >= 0 else gone[~ref] for ref in (buyer, seller)))
            for number, px, qty, buyer, seller in data["trades"]
        }
