"""What becomes of an order in a book: it enters, waits, goes off, expires; and what the book has against it.

Which command leads here is `matching`'s; trading itself is `crossing`'s.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappush

from fixfast.exchange.matching.book_order import LIMIT, MARKET, STOP, STOPS, BookOrder
from fixfast.exchange.matching.checks import bad_display, bad_price, bad_qty
from fixfast.exchange.matching.crossing import Crossing
from fixfast.exchange.matching.instrument import BandAction
from fixfast.exchange.matching.levels import BookSide
from fixfast.exchange.matching.outcome import CancelReason, Event, Expired, Phase, Refusal, Triggered

__all__ = ["Working"]

_DAY, _OPENING, _IOC, _FOK, _CLOSE = "0", "2", "3", "4", "7"
#: PERF: the name of an Enum's member costs 80 ns on CPython 3.11, one of a module 6.
_CONTINUOUS = Phase.CONTINUOUS
_STOPPED = (Phase.HALTED, Phase.CLOSED)
#: so many expire times of orders that are gone are no trouble
_IDLE_EXPIRIES = 64


class Working(Crossing):
    """A book that knows what its orders are told to do."""

    def _admit(self, order: BookOrder, events: list[Event], new: bool = True) -> None:
        """Let an order in that was accepted: to wait, to be parked, or to meet the market."""
        if order.expire_ns is not None:
            self._expire_at(order, order.expire_ns)
        if order.ord_type in STOPS and not order.triggered:
            self._open[order.order_id] = order
            self._wait(order)
        elif order.tif == _CLOSE and self.phase is not Phase.CLOSING_AUCTION:
            self._open[order.order_id] = order
            self._park(order)
        else:
            self._enter(order, events, new)
        if self._range is not None:
            self._trigger(events)

    def _enter(self, order: BookOrder, events: list[Event], new: bool = True) -> None:
        """An order meets the market: it trades where trading is continuous, and what is left rests or goes."""
        if self.phase is not _CONTINUOUS:
            self._rest(order)
            return
        if new and (order.tif == _FOK or order.min_qty is not None):
            need = order.leaves if order.tif == _FOK else order.min_qty or 0
            if self._reachable(order, need) < need:
                self._end(order, CancelReason.FILL_OR_KILL if order.tif == _FOK else CancelReason.MIN_QTY, events)
                return
        reason = self._sweep(order, events)
        if order.leaves:
            if reason is None and order.tif in (_IOC, _FOK):
                reason = CancelReason.IMMEDIATE
            elif reason is None and order.price is None:
                reason = CancelReason.NO_LIQUIDITY
            if reason is None:
                self._rest(order)
            else:
                self._end(order, reason, events)

    def _wait(self, order: BookOrder) -> None:
        """Let a stop order wait; where its price is reached already, it goes off at once."""
        self._seq = order.seq = self._seq + 1
        self._stops.add(order)
        if self.phase is _CONTINUOUS and self.last_px is not None:
            self._range = (self.last_px, self.last_px)

    def _park(self, order: BookOrder) -> None:
        """Let an at-the-close order wait for the closing auction."""
        self._parked[order.order_id] = order
        self._seq = order.seq = self._seq + 1

    def _trigger(self, events: list[Event]) -> None:
        """Let stop orders go off, oldest first, one after the other; whom their trades reach, goes behind those."""
        due: deque[BookOrder] = deque()
        while self._range is not None or due:
            if self._range is not None:
                due += self._stops.take_reached(*self._range)
                self._range = None
            if self.phase is not _CONTINUOUS:  # the band halted trading: the others wait again
                for order in due:
                    self._stops.add(order)
                return
            if due:
                order = due.popleft()
                order.triggered = True
                events.append(Triggered(order))
                refusal = self._bad_now(order.price is not None, order.side, order.price, order.post_only)
                if refusal is None:
                    self._enter(order, events)
                else:
                    would_take = refusal is Refusal.WOULD_TAKE
                    self._end(order, CancelReason.POST_ONLY if would_take else CancelReason.PRICE_BAND, events)

    def _bad_now(self, limit: bool, side: int, price: int | None, post_only: bool) -> Refusal | None:
        """Return what the state of the book has against a price."""
        if limit and price is not None:
            band = self._band
            if (
                band is not None
                and not band[0] <= price <= band[1]
                and self.instrument.band_action == BandAction.REFUSE
            ):
                return Refusal.PRICE_BAND
            if post_only and self.phase is _CONTINUOUS:
                best = (self.offers if side > 0 else self.bids).best()
                if best is not None and best * side <= price * side:
                    return Refusal.WOULD_TAKE
        return None

    def _bad_replace(
        self, order: BookOrder, qty: int, price: int | None, stop_px: int | None, display: int | None
    ) -> Refusal | None:
        if self.phase in _STOPPED:
            return Refusal.HALTED if self.phase is Phase.HALTED else Refusal.CLOSED
        kind = order.ord_type
        if order.triggered:
            kind, stop_px = (MARKET if kind == STOP else LIMIT), None
        refusal = (
            bad_qty(qty, self.instrument)
            or bad_price(kind, price, stop_px, self.instrument)
            or bad_display(display, qty, kind, self.instrument)
        )
        if refusal is not None:
            return refusal
        if qty <= order.cum:
            return None if self.instrument.fill_on_replace_below else Refusal.BELOW_FILLED
        if self._waits(order):
            return Refusal.BAD_MIN_QTY if order.min_qty is not None and qty < order.min_qty else None
        return self._bad_now(kind == LIMIT, order.side, price, order.post_only)

    def _waits(self, order: BookOrder) -> bool:
        return order.ord_type in STOPS and not order.triggered

    def _side(self, order: BookOrder) -> BookSide:
        return self.bids if order.side > 0 else self.offers

    def _withdraw(self, order: BookOrder) -> None:
        """Take an order out of whatever queue it is in."""
        if self._waits(order):
            self._stops.remove(order)
        elif self._parked.pop(order.order_id, None) is None:
            self._side(order).remove(order)
            order.shown = 0

    def _expire_at(self, order: BookOrder, due: int) -> None:
        """Remember when an order expires; what is remembered of orders that are gone does not pile up."""
        if len(self._expiries) > 2 * len(self._open) + _IDLE_EXPIRIES:
            self._expiries = [(o.expire_ns, o.order_id) for o in self._open.values() if o.expire_ns is not None]
            heapify(self._expiries)
        heappush(self._expiries, (due, order.order_id))

    def _expire(self, order: BookOrder, events: list[Event]) -> None:
        self._withdraw(order)
        events.append(Expired(order, order.leaves, order.cum))
        order.leaves = 0
        del self._open[order.order_id]

    def _expire_day(self, events: list[Event]) -> None:
        """The day is over: what is good for it goes."""
        for order in [o for o in self._open.values() if o.tif in (_DAY, _OPENING, _CLOSE)]:
            self._expire(order, events)

    def _end_auction_orders(self, events: list[Event]) -> None:
        """An auction is over: what was for it alone goes, and market orders do not stay."""
        for order in list(self._open.values()):
            if self._waits(order) or order.order_id in self._parked:
                continue
            if order.tif in (_OPENING, _CLOSE):
                self._expire(order, events)
            elif order.price is None:
                self._withdraw(order)
                self._end(order, CancelReason.NO_LIQUIDITY, events)
