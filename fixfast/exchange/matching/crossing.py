"""How orders trade with each other: an incoming one with a side of the book, and both sides in an auction.

All that moves quantity is here. How an order comes to trade is `working`'s, which command leads where `matching`'s.
"""

from __future__ import annotations

from fixfast.exchange.matching.auction import Indicative, auction_price
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.book_state import BookState
from fixfast.exchange.matching.instrument import BandAction, Prevention
from fixfast.exchange.matching.levels import AHEAD, Level
from fixfast.exchange.matching.outcome import (
    Cancelled,
    CancelReason,
    Event,
    Filled,
    HaltReason,
    Phase,
    PhaseChanged,
    Restated,
    RestateReason,
    TradePrinted,
)

__all__ = ["Crossing"]

#: PERF: the name of an Enum's member costs 80 ns on CPython 3.11, one of a module 6.
_NO_PREVENTION = Prevention.NONE
#: PERF: a named tuple made of a tuple: 110 ns, by its class 240.
_new = tuple.__new__


class Crossing(BookState):
    """A book whose orders can trade with each other."""

    # --- one incoming order ---------------------------------------------------------------------------

    def _sweep(self, order: BookOrder, events: list[Event]) -> CancelReason | None:
        """Trade an incoming order, best price first, then first come. Returns why its rest must go, if it must."""
        other = self.offers if order.side > 0 else self.bids
        keys, sign, band = other.keys, other.side, self._band
        limit = -AHEAD if order.price is None else order.price * sign
        first = price = None
        stopped = None
        while order.leaves and keys and keys[-1] >= limit:
            key = keys[-1]
            if band is not None and not band[0] <= key * sign <= band[1]:
                stopped = self._at_the_band(events)
                break
            level = other.levels[key]
            traded = self._trade_id
            self._take(order, level, key * sign, events)
            other.touch(key)
            if not level.orders:
                other.drop(key)
            if self._trade_id != traded:
                price = key * sign
                first = price if first is None else first
        if first is not None and price is not None:
            if self._stops.buys or self._stops.sells:
                self._range = (first, price) if first <= price else (price, first)
            self.last_px = price
        return stopped

    def _take(self, order: BookOrder, level: Level, price: int, events: list[Event]) -> None:
        """Trade with the orders of a level until one of the two is used up."""
        queue = level.orders
        avoided = None if self.prevention is _NO_PREVENTION else order.owner
        while order.leaves and queue:
            resting = next(iter(queue.values()))
            if resting.owner == avoided:
                self._prevent(order, resting, level, events)
                continue
            qty = resting.shown if resting.shown < order.leaves else order.leaves
            self._trade(order, resting, qty, price, order.side, events)
            self._used(level, resting, qty)
        if not order.leaves:
            self._open.pop(order.order_id, None)

    def _at_the_band(self, events: list[Event]) -> CancelReason | None:
        if self.instrument.band_action == BandAction.REFUSE:
            return CancelReason.PRICE_BAND
        events.append(PhaseChanged(self.phase, Phase.HALTED, HaltReason.PRICE_BAND))
        self.phase = Phase.HALTED
        return None

    def _prevent(self, order: BookOrder, resting: BookOrder, level: Level, events: list[Event]) -> None:
        """Two orders of one owner met: one or both shrink or go. What is said of the incoming one comes first."""
        mode = self.prevention
        if mode is Prevention.DECREMENT:
            qty = min(order.leaves, resting.shown)
            for one in (order, resting):
                one.leaves -= qty
                if one.leaves:
                    one.qty -= qty
                    events.append(Restated(one, RestateReason.SELF_TRADE, one.qty, one.cum, one.leaves))
                else:
                    events.append(Cancelled(one, CancelReason.SELF_TRADE, qty, one.cum))
            self._used(level, resting, qty)
            return
        if mode is not Prevention.CANCEL_OLDEST:
            self._end(order, CancelReason.SELF_TRADE, events)
        if mode is not Prevention.CANCEL_NEWEST:
            del level.orders[resting.order_id]
            level.shown -= resting.shown
            self._end(resting, CancelReason.SELF_TRADE, events)

    def _reachable(self, order: BookOrder, enough: int) -> int:
        """Return how much an incoming order could trade at once; the count ends at `enough`.

        An order of the same owner ends the count, too, unless it would be cancelled on the way.
        """
        other = self.offers if order.side > 0 else self.bids
        limit = -AHEAD if order.price is None else order.price * other.side
        band = self._band
        prevention = self.prevention
        total = 0
        for key in reversed(other.keys):
            if key < limit or total >= enough or (band is not None and not band[0] <= key * other.side <= band[1]):
                break
            whole = ahead = 0  # of this level; ahead: what is shown before an order of the same owner
            for resting in other.levels[key].orders.values():
                if prevention is Prevention.NONE or resting.owner != order.owner:
                    whole += resting.leaves
                    ahead += resting.shown
                    if total + ahead >= enough:
                        return enough
                elif prevention is not Prevention.CANCEL_OLDEST:
                    return total + ahead
            total += whole
        return total

    # --- an auction -----------------------------------------------------------------------------------

    def indicative(self) -> Indicative | None:
        """Return what an auction would do now: price, volume, imbalance; None: nothing would trade."""
        return auction_price(self.bids, self.offers, self.reference, self.instrument.tick)

    def _uncross(self, events: list[Event]) -> Indicative | None:
        """Trade both sides at the price of the auction: market orders first, then by price, then by time."""
        found = self.indicative()
        left = found.qty if found else 0
        while found and left:
            bids, offers = self.bids.levels[self.bids.keys[-1]], self.offers.levels[self.offers.keys[-1]]
            bid, offer = next(iter(bids.orders.values())), next(iter(offers.orders.values()))
            qty = min(bid.shown, offer.shown, left)
            left -= qty
            self._trade(bid, offer, qty, found.px, 0, events)
            for side, level, order in ((self.bids, bids, bid), (self.offers, offers, offer)):
                self._used(level, order, qty)
                side.touch(side.keys[-1])
                if not level.orders:
                    side.drop(side.keys[-1])
            self.last_px = found.px
        return found

    # --- what all of it is made of --------------------------------------------------------------------

    def _trade(
        self, order: BookOrder, other: BookOrder, qty: int, px: int, aggressor: int, events: list[Event]
    ) -> None:
        """One trade: `order` came in (aggressor: its side), or is the buyer of an auction (aggressor: 0)."""
        self._trade_id = trade_id = self._trade_id + 1
        order.cum += qty
        order.leaves -= qty
        other.cum += qty
        other.leaves -= qty
        events += (
            _new(Filled, (order, trade_id, qty, px, other, aggressor != 0, order.cum, order.leaves)),
            _new(Filled, (other, trade_id, qty, px, order, False, other.cum, other.leaves)),
            _new(TradePrinted, (trade_id, px, qty, aggressor)),
        )
        trades = self._trades
        trades[trade_id] = (px, qty, order, other) if order.side > 0 else (px, qty, other, order)
        trades.pop(trade_id - self.instrument.trades_kept, None)

    def _used(self, level: Level, order: BookOrder, qty: int) -> None:
        """A resting order has lost so much of what it shows: it goes, shows more behind all others, or stays."""
        level.shown -= qty
        order.shown -= qty
        if order.shown:
            return
        if not order.leaves:
            del level.orders[order.order_id], self._open[order.order_id]
            return
        assert order.display is not None
        order.shown = min(order.display, order.leaves)
        level.shown += order.shown
        level.orders.move_to_end(order.order_id)
        self._seq = order.seq = self._seq + 1

    def _rest(self, order: BookOrder) -> None:
        """Put an order into the book, last of its price."""
        order.shown = order.leaves if order.display is None else min(order.display, order.leaves)
        self._seq = order.seq = self._seq + 1
        self._open[order.order_id] = order
        (self.bids if order.side > 0 else self.offers).add(order)

    def _end(self, order: BookOrder, reason: CancelReason, events: list[Event]) -> None:
        """Cancel what is left of an order that is in no queue (any more)."""
        events.append(Cancelled(order, reason, order.leaves, order.cum))
        order.leaves = order.shown = 0
        self._open.pop(order.order_id, None)
