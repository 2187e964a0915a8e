"""Short ways to say what is tried on a book."""

from __future__ import annotations

from typing import Any

from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.matching.outcome import Event, Filled, Phase

__all__ = ["BUY", "SELL", "Desk", "kinds"]

BUY, SELL = 1, -1


class Desk:
    """A book, and orders numbered 1, 2, 3 ... that are sent to it. Each command leaves its events in `events`."""

    def __init__(self, stp: str = "none", phase: Phase = Phase.CONTINUOUS, **options: Any) -> None:
        self.book = Matching(Instrument("ACME", **options), stp, phase)
        self.events: list[Event] = []
        self.now = 0
        self.orders: list[BookOrder] = []

    def order(self, side: int, qty: int, price: int | None = None, **options: Any) -> BookOrder:
        """Submit an order: limit with a price, market without, stop and stop limit with `stop_px`."""
        stop = options.get("stop_px") is not None
        kind = ("3" if price is None else "4") if stop else ("1" if price is None else "2")
        number = len(self.orders) + 1
        given: dict[str, Any] = {
            "order_id": number,
            "owner": f"trader {number}",
            "ord_type": kind,
            "tif": "0",
        } | options
        order = BookOrder(account="", side=side, qty=qty, price=price, **given)
        self.orders.append(order)
        self.events = self.book.submit(order, self.now)
        return order

    def buy(self, qty: int, price: int | None = None, **options: Any) -> BookOrder:
        return self.order(BUY, qty, price, **options)

    def sell(self, qty: int, price: int | None = None, **options: Any) -> BookOrder:
        return self.order(SELL, qty, price, **options)

    def replace(self, order: BookOrder, **new: Any) -> None:
        """Replace an order; what is not named stays."""
        values = {name: getattr(order, name) for name in ("qty", "price", "stop_px", "display")} | new
        self.events = self.book.replace(order.order_id, **values, now_ns=self.now)

    def cancel(self, order: BookOrder) -> None:
        self.events = self.book.cancel(order.order_id, self.now)

    def phase(self, phase: Phase) -> None:
        self.events = self.book.set_phase(phase, self.now)

    @property
    def fills(self) -> list[tuple[int, int, int]]:
        """What the last command traded: (the order that rested, quantity, price), one for each trade."""
        fills = [e for e in self.events if isinstance(e, Filled)]
        return [(e.order.order_id, e.qty, e.px) for e in fills[1::2]]


def kinds(events: list[Event]) -> list[str]:
    """Return the names of events, but those of trades."""
    return [type(e).__name__ for e in events if type(e).__name__ not in ("Filled", "TradePrinted")]
