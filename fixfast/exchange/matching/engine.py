"""The matching engine of the simulated exchange: one instrument, price-time priority. No FIX, no clock, no I/O.

A command goes in with its time, a list of events comes out. The same commands give the same events and the same
state, always: whoever writes down the commands can replay them. The rules in plain words: docs/matching.md.
"""

from __future__ import annotations

from heapq import heappop
from typing import Any

from fixfast.errors import ConfigError
from fixfast.exchange.matching.book_order import LIMIT, ORDER_FIELDS, STOPS, BookOrder
from fixfast.exchange.matching.book_state import SNAPSHOT_VERSION
from fixfast.exchange.matching.checks import bad_order, bad_phase
from fixfast.exchange.matching.instrument import Instrument, Prevention
from fixfast.exchange.matching.outcome import (
    Accepted,
    Busted,
    CancelReason,
    Corrected,
    Event,
    HaltReason,
    Phase,
    PhaseChanged,
    Refusal,
    Refused,
    Replaced,
    Restated,
    RestateReason,
)
from fixfast.exchange.matching.working import Working

__all__ = ["Matching"]

_OPENING = "2"  # TimeInForce(59)
#: PERF: the name of an Enum's member costs 80 ns on CPython 3.11, one of a module 6.
_CONTINUOUS = Phase.CONTINUOUS
_AT_ONCE = ("3", "4")  # TimeInForce(59)


class Matching(Working):
    """The book of one instrument.

    Args:
        instrument: What is traded.
        stp: What happens when orders of one owner meet: a Prevention or its value.
        phase: The phase to begin with.
    """

    def __init__(
        self, instrument: Instrument, stp: Prevention | str = Prevention.NONE, phase: Phase = Phase.CONTINUOUS
    ) -> None:
        if stp not in tuple(Prevention):
            raise ConfigError("stp", stp, " or ".join(repr(str(mode)) for mode in Prevention))
        super().__init__(instrument, Prevention(stp), Phase(phase))

    # --- commands -------------------------------------------------------------------------------------

    def submit(self, order: BookOrder, now_ns: int) -> list[Event]:
        """Take a new order, and trade it as far as it goes."""
        expiries = self._expiries
        events = self.expire(now_ns) if expiries and expiries[0][0] <= now_ns else []
        refusal = (
            Refusal.DUPLICATE_ID
            if order.order_id in self._open
            else bad_order(order, self.instrument, now_ns)
            or (None if self.phase is _CONTINUOUS and order.tif != _OPENING else bad_phase(order, self.phase))
            or (
                self._bad_now(order.ord_type == LIMIT, order.side, order.price, order.post_only)
                if self._band is not None or order.post_only
                else None
            )
        )
        if refusal is not None:
            events.append(Refused(order.order_id, refusal, order))
            return events
        order.cum, order.leaves, order.shown, order.triggered = 0, order.qty, 0, False
        events.append(Accepted(order, order.qty))
        self._admit(order, events)
        return events

    def reinstate(self, order: BookOrder, now_ns: int) -> list[Event]:
        """Take back an order that was cancelled: it comes in again with what is left of it, last of its price.

        Args: order: as it was, with its `cum`, and `triggered` for a stop order that had gone off. It must be one that
            can rest. Its minimum quantity does not count again.
        """
        events = self.expire(now_ns)
        waits = order.ord_type in STOPS and not order.triggered
        refusal = (
            Refusal.DUPLICATE_ID
            if order.order_id in self._open
            else bad_order(order, self.instrument, now_ns)
            or bad_phase(order, self.phase)
            or (Refusal.BELOW_FILLED if order.qty <= order.cum else None)
            or (Refusal.NOT_RESTING if order.tif in _AT_ONCE or (order.price is None and not waits) else None)
            or self._bad_now(not waits, order.side, order.price, order.post_only)
        )
        if refusal is not None:
            events.append(Refused(order.order_id, refusal, order))
            return events
        # Its trades can still be busted: that must find this order, and no other that looks like it.
        for _, _, *sides in self._trades.values():
            for known in sides:
                if known.order_id == order.order_id and known is not order:
                    for name in ORDER_FIELDS:
                        setattr(known, name, getattr(order, name))
                    order = known
        order.leaves, order.shown = order.qty - order.cum, 0
        events.append(Restated(order, RestateReason.REINSTATED, order.qty, order.cum, order.leaves))
        self._admit(order, events, new=False)
        return events

    def end_day(self, now_ns: int) -> list[Event]:
        """Expire what is good for the day, in any phase; which also the close does."""
        events = self.expire(now_ns)
        self._expire_day(events)
        return events

    def cancel(self, order_id: int, now_ns: int) -> list[Event]:
        """Cancel an order, in any phase."""
        events = self.expire(now_ns)
        order = self._open.get(order_id)
        if order is None:
            events.append(Refused(order_id, Refusal.UNKNOWN_ORDER))
        else:
            self._withdraw(order)
            self._end(order, CancelReason.REQUESTED, events)
        return events

    def replace(
        self, order_id: int, qty: int, price: int | None, stop_px: int | None, display: int | None, now_ns: int
    ) -> list[Event]:
        """Give an order new values, all of them: what is not to change is given as it is.

        Priority is kept when price and display are the same and the quantity is not larger. A quantity not above
        what is filled means filled (or is refused: Instrument.fill_on_replace_below).
        """
        events = self.expire(now_ns)
        order = self._open.get(order_id)
        refusal = Refusal.UNKNOWN_ORDER if order is None else self._bad_replace(order, qty, price, stop_px, display)
        if order is None or refusal is not None:
            events.append(Refused(order_id, refusal or Refusal.UNKNOWN_ORDER, order))
            return events
        waiting, parked = self._waits(order), order_id in self._parked
        if not waiting:
            stop_px = order.stop_px
        filled = qty <= order.cum
        same = (price, display, stop_px) == (order.price, order.display, order.stop_px)
        keeps = same and qty <= order.qty and not filled
        if not keeps:
            self._withdraw(order)
        order.qty = max(qty, order.cum)
        order.price, order.stop_px, order.display = price, stop_px, display
        order.leaves = order.qty - order.cum
        events.append(Replaced(order, order.qty, price, stop_px, display, order.cum, order.leaves, keeps))
        if filled:
            order.shown = 0
            del self._open[order_id]
        elif keeps:
            if order.shown > order.leaves:
                self._side(order).reshow(order, order.leaves)
        elif waiting:
            self._wait(order)
        elif parked:
            self._park(order)
        else:
            self._enter(order, events, new=False)
        if self._range is not None:
            self._trigger(events)
        return events

    def bust(self, trade_id: int, now_ns: int) -> list[Event]:
        """Undo a trade. Both sides lose the fill; the book gets nothing back, and stops that went off stay so.

        An order that is still open shrinks by what is busted; a bust is final.
        """
        events = self.expire(now_ns)
        trade = self._trades.pop(trade_id, None)
        if trade is None:
            events.append(Refused(trade_id, Refusal.UNKNOWN_TRADE))
            return events
        px, qty, *orders = trade
        for order in orders:
            order.cum -= qty
            events.append(Busted(order, trade_id, qty, px, order.cum, order.leaves))
            if order.leaves:
                order.qty -= qty
                events.append(Restated(order, RestateReason.BUST, order.qty, order.cum, order.leaves))
        return events

    def correct(self, trade_id: int, px: int) -> list[Event]:
        """Give a trade another price. Nothing else changes: not the last price, not what stops have seen.

        Returns: nothing where the trade is not known any more, because it is too old or of another day.
        """
        trade = self._trades.get(trade_id)
        if trade is None:
            return []
        before, qty, buyer, seller = trade
        self._trades[trade_id] = (px, qty, buyer, seller)
        return [Corrected(trade_id, qty, before, px)]

    def expire(self, now_ns: int) -> list[Event]:
        """Expire what is due. Every other command does this first, so nothing trades beyond its time."""
        events: list[Event] = []
        expiries = self._expiries
        while expiries and expiries[0][0] <= now_ns:
            due, order_id = heappop(expiries)
            order = self._open.get(order_id)
            if order is not None and order.expire_ns == due:
                self._expire(order, events)
        return events

    def set_phase(self, phase: Phase, now_ns: int) -> list[Event]:
        """Go to another phase; entering continuous trading, or closing after the closing auction, uncrosses first."""
        events = self.expire(now_ns)
        before, phase = self.phase, Phase(phase)
        if phase is before:
            return events
        auction = None
        if phase is Phase.CONTINUOUS or (before is Phase.CLOSING_AUCTION and phase is Phase.CLOSED):
            auction = self._uncross(events)
        if phase in (Phase.CONTINUOUS, Phase.CLOSED):
            self._refer_to(self.reference if self.last_px is None else self.last_px)
            self._end_auction_orders(events)
        if before is Phase.CLOSED:
            self._trades.clear()
        self.phase = phase
        px, qty = (auction.px, auction.qty) if auction else (None, 0)
        events.append(PhaseChanged(before, phase, HaltReason.COMMAND, px, qty))
        if phase is Phase.CLOSED:
            self._expire_day(events)
        elif phase is Phase.CLOSING_AUCTION:
            parked, self._parked = self._parked, {}
            for order in parked.values():
                self._rest(order)
        elif phase is Phase.CONTINUOUS and self.last_px is not None:
            self._range = (self.last_px, self.last_px)
            self._trigger(events)
        return events

    # --- questions ------------------------------------------------------------------------------------

    def order(self, order_id: int) -> BookOrder | None:
        """Return an open order."""
        return self._open.get(order_id)

    def open_orders(self, owner: str | None = None) -> list[BookOrder]:
        """Return the open orders (of one owner), in the order in which they were accepted."""
        return [order for order in self._open.values() if owner is None or order.owner == owner]

    @property
    def trade_count(self) -> int:
        """The number of trades so far, which is the id of the last."""
        return self._trade_id

    def next_expiry(self) -> int | None:
        """Return when expire() should be called next: at the latest then something may be due."""
        return self._expiries[0][0] if self._expiries else None

    def depth(self, n: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return the best n levels of bids and of offers: (price, shown quantity, orders)."""
        return self.bids.depth(n), self.offers.depth(n)

    def take_changes(self) -> list[tuple[int, int, int, int]]:
        """Return the levels that changed since the last call: (side, price, shown quantity, orders); 0, 0: gone."""
        return self.bids.take_changes() + self.offers.take_changes()

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Matching:
        """Return the book that said this in snapshot(), down to every order's place in its queue.

        Raises:
            ValueError: The data is of another version of fixfast.
        """
        version = data.get("version")
        if version != SNAPSHOT_VERSION:
            raise ValueError(f"a book's snapshot of version {version}: this fixfast reads {SNAPSHOT_VERSION}")
        book = cls(Instrument(**data["instrument"]), data["stp"], Phase(data["phase"]))
        book._fill(data)
        return book
