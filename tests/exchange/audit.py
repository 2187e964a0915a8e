"""What must hold of any book, said of its events and its levels alone: no second engine is needed to see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.levels import AHEAD
from fixfast.exchange.matching.outcome import (
    Accepted,
    Busted,
    Cancelled,
    Event,
    Expired,
    Filled,
    Phase,
    Replaced,
    Restated,
    RestateReason,
    TradePrinted,
)

__all__ = ["Audit"]


@dataclass
class Account:
    """An order by its events: qty == cum + leaves for as long as it is open."""

    qty: int
    cum: int = 0
    leaves: int = 0


class Audit:
    """Keeps accounts of all events, and looks at the book when asked."""

    def __init__(self) -> None:
        self.orders: dict[int, Account] = {}
        self.traded: Counter[str] = Counter()  # quantity by side, and as printed
        self.stamps: dict[int, int] = {}

    def read(self, events: list[Event]) -> None:
        """Enter the events of one command."""
        for event in events:
            if isinstance(event, Accepted):
                self.orders[event.order.order_id] = Account(event.qty, 0, event.qty)
            elif isinstance(event, Filled):
                account = self.orders[event.order.order_id]
                account.cum += event.qty
                account.leaves -= event.qty
                assert event.qty > 0
                assert not (event.aggressor and event.order.post_only), "a post-only order took"
                assert (account.cum, account.leaves) == (event.cum, event.leaves), event
                assert account.leaves >= 0, event
                price = event.order.price
                assert price is None or event.px * event.order.side <= price * event.order.side, event
                self.traded["buys" if event.order.side > 0 else "sells"] += event.qty
            elif isinstance(event, TradePrinted):
                self.traded["printed"] += event.qty
            elif isinstance(event, Cancelled | Expired):
                account = self.orders[event.order.order_id]
                assert (account.cum, account.leaves) == (event.cum, event.qty), event
                assert event.order.tif != "4" or not event.cum, "fill or kill was filled in part"
                account.leaves = 0
            elif isinstance(event, Replaced):
                account = self.orders[event.order.order_id]
                assert account.cum == event.cum
                account.qty, account.leaves = event.qty, event.leaves
                assert event.qty == event.cum + event.leaves, event
            elif isinstance(event, Restated):
                account = self.orders[event.order.order_id]
                assert account.cum == event.cum
                assert event.qty <= account.qty, event
                assert event.qty < account.qty or event.reason is RestateReason.REINSTATED, event
                account.qty, account.leaves = event.qty, event.leaves
                assert event.qty == event.cum + event.leaves, event
            elif isinstance(event, Busted):
                account = self.orders[event.order.order_id]
                account.cum -= event.qty
                assert (account.cum, account.leaves) == (event.cum, event.leaves), event
                assert account.cum >= 0
        assert self.traded["buys"] == self.traded["sells"] == self.traded["printed"]

    def look(self, book: Matching) -> None:
        """Look at the book between two commands."""
        for order in book.open_orders():
            account = self.orders[order.order_id]
            assert order.leaves > 0
            assert (order.qty, order.cum, order.leaves) == (account.qty, account.cum, account.leaves)
            assert order.qty == order.cum + order.leaves
            assert not order.shown or order.tif not in ("3", "4"), "an immediate order rests"
        bids, offers = book.depth(1)
        if book.phase is Phase.CONTINUOUS and bids and offers:
            assert bids[0][0] < offers[0][0], "crossed in continuous trading"
        for side in (book.bids, book.offers):
            assert side.keys == sorted(set(side.keys)) == sorted(side.levels)
            assert book.phase is not Phase.CONTINUOUS or AHEAD not in side.keys
            for key, level in side.levels.items():
                orders = list(level.orders.values())
                assert orders, "an empty level"
                assert level.shown == sum(order.shown for order in orders)
                stamps = [order.seq for order in orders]
                assert stamps == sorted(stamps), "time priority"
                for order in orders:
                    assert side.key(order.price) == key
                    most = order.leaves if order.display is None else min(order.leaves, order.display)
                    assert 0 < order.shown <= most
                    assert order.display is not None or order.shown == order.leaves
