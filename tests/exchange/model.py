"""A slow, obvious matching engine: the rules of docs/matching.md again, in lists that are sorted for every look.

It shares no code with fixfast.exchange. Orders and events are plain: an event is a tuple that begins with its name,
and orders stand in it by their number.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from tests.exchange.model_values import Order, Terms

__all__ = ["Model"]

Event = tuple[Any, ...]
GATHERING = ("PRE_OPEN", "OPENING_AUCTION", "CLOSING_AUCTION")


class Model:
    def __init__(self, terms: Terms, phase: str) -> None:
        self.terms = terms
        self.phase = phase
        self.orders: list[Order] = []  # open ones, as they were accepted
        self.gone: dict[int, Order] = {}  # those that were cancelled
        self.trades: dict[int, tuple[int, int, Order, Order]] = {}
        self.reference = terms.reference
        self.last: int | None = None
        self.stamps = 0
        self.trade_count = 0
        self.events: list[Event] = []
        self.prices: list[int] = []  # of trades that stops have not looked at yet

    # --- looking --------------------------------------------------------------------------------------

    def book(self, side: int) -> list[Order]:
        """The orders of a side in the order in which they trade."""
        resting = [o for o in self.orders if o.place == "book" and o.side == side]
        return sorted(resting, key=lambda o: (o.price is not None, -side * (o.price or 0), o.stamp))

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        found: dict[int, list[int]] = {}
        for o in self.book(side):
            if o.price is not None:
                found.setdefault(o.price, []).append(o.shown)
        return [(price, sum(shown), len(shown)) for price, shown in found.items()]

    def find(self, order_id: int) -> Order | None:
        return next((o for o in self.orders if o.order_id == order_id), None)

    def inside_band(self, price: int) -> bool:
        if self.terms.band is None or self.reference is None:
            return True
        return abs(price - self.reference) <= self.terms.band

    def say(self, *event: Any) -> None:
        self.events.append(event)

    def stamp(self, order: Order) -> None:
        self.stamps += 1
        order.stamp = self.stamps

    # --- commands -------------------------------------------------------------------------------------

    def begin(self, now: int) -> None:
        self.events, self.prices = [], []
        due = [o for o in self.orders if o.expire_ns is not None and o.expire_ns <= now]
        for o in sorted(due, key=lambda o: (o.expire_ns, o.order_id)):
            self.expire_order(o)

    def expire(self, now: int) -> list[Event]:
        self.begin(now)
        return self.events

    def submit(self, o: Order, now: int) -> list[Event]:
        self.begin(now)
        wrong = self.wrong_with_new(o, now)
        if wrong:
            self.say("Refused", o.order_id, wrong)
            return self.events
        o.leaves = o.qty
        self.orders.append(o)
        self.say("Accepted", o.order_id, o.qty)
        if o.is_stop:
            self.wait(o)
        elif o.tif == "7" and self.phase != "CLOSING_AUCTION":
            o.place = "parked"
            self.stamp(o)
        else:
            self.enter(o, new=True)
        self.set_off_stops()
        return self.events

    def reinstate(self, o: Order, now: int) -> list[Event]:
        """`o` says how the order was; what it has filled is known here, too."""
        self.begin(now)
        waits = o.is_stop and not o.triggered
        wrong = self.wrong_with_new(o, now, market=False)
        if not wrong and o.qty <= o.cum:
            wrong = "BELOW_FILLED"
        if not wrong and (o.tif in "34" or (o.price is None and not waits)):
            wrong = "NOT_RESTING"
        if not wrong and not waits:
            wrong = self.wrong_now(o.price, o.side, o.post_only)
        if wrong:
            self.say("Refused", o.order_id, wrong)
            return self.events
        for trade_id, (px, qty, buyer, seller) in self.trades.items():
            sides = [o if side.order_id == o.order_id else side for side in (buyer, seller)]
            self.trades[trade_id] = (px, qty, sides[0], sides[1])
        self.gone.pop(o.order_id, None)
        o.leaves = o.qty - o.cum
        self.orders.append(o)
        self.say("Restated", o.order_id, "REINSTATED", o.qty, o.cum, o.leaves)
        if waits:
            self.wait(o)
        elif o.tif == "7" and self.phase != "CLOSING_AUCTION":
            o.place = "parked"
            self.stamp(o)
        else:
            self.enter(o, new=False)
        self.set_off_stops()
        return self.events

    def end_day(self, now: int) -> list[Event]:
        self.begin(now)
        for o in [o for o in self.orders if o.tif in "027"]:
            self.expire_order(o)
        return self.events

    def cancel(self, order_id: int, now: int) -> list[Event]:
        self.begin(now)
        o = self.find(order_id)
        if o is None:
            self.say("Refused", order_id, "UNKNOWN_ORDER")
        else:
            self.end(o, "REQUESTED")
        return self.events

    def replace(
        self, order_id: int, qty: int, price: int | None, stop_px: int | None, display: int | None, now: int
    ) -> list[Event]:
        self.begin(now)
        o = self.find(order_id)
        wrong = "UNKNOWN_ORDER" if o is None else self.wrong_with_replace(o, qty, price, stop_px, display)
        if o is None or wrong:
            self.say("Refused", order_id, wrong)
            return self.events
        if o.place != "stops":
            stop_px = o.stop_px  # has done its work
        filled = qty <= o.cum
        unchanged = price == o.price and display == o.display and stop_px == o.stop_px
        keeps = unchanged and qty <= o.qty and not filled
        o.qty = o.cum if filled else qty
        o.leaves = o.qty - o.cum
        o.price, o.stop_px, o.display = price, stop_px, display
        self.say("Replaced", order_id, o.qty, price, stop_px, display, o.cum, o.leaves, keeps)
        if filled:
            self.orders.remove(o)
        elif keeps:
            o.shown = min(o.shown, o.leaves)
        elif o.place == "stops":
            self.wait(o)
        elif o.place == "parked":
            self.stamp(o)
        else:
            o.place, o.shown = "nowhere", 0
            self.enter(o, new=False)
        self.set_off_stops()
        return self.events

    def bust(self, trade_id: int, now: int) -> list[Event]:
        self.begin(now)
        if trade_id not in self.trades:
            self.say("Refused", trade_id, "UNKNOWN_TRADE")
            return self.events
        px, qty, buyer, seller = self.trades.pop(trade_id)
        for o in (buyer, seller):
            o.cum -= qty
            self.say("Busted", o.order_id, trade_id, qty, px, o.cum, o.leaves)
            if o in self.orders:
                o.qty -= qty
                self.say("Restated", o.order_id, "BUST", o.qty, o.cum, o.leaves)
        return self.events

    def correct(self, trade_id: int, px: int, now: int) -> list[Event]:
        self.events = []  # nothing expires by it
        if trade_id in self.trades:
            before, qty, buyer, seller = self.trades[trade_id]
            self.trades[trade_id] = px, qty, buyer, seller
            self.say("Corrected", trade_id, qty, before, px)
        return self.events

    def set_phase(self, phase: str, now: int) -> list[Event]:
        self.begin(now)
        before = self.phase
        if phase == before:
            return self.events
        px, volume = None, 0
        if phase == "CONTINUOUS" or (before, phase) == ("CLOSING_AUCTION", "CLOSED"):
            px, volume = self.uncross()
        if phase in ("CONTINUOUS", "CLOSED"):
            if self.last is not None:
                self.reference = self.last
            for o in [o for o in self.orders if o.place == "book"]:
                if o.tif in "27":
                    self.expire_order(o)
                elif o.price is None:
                    self.end(o, "NO_LIQUIDITY")
        if before == "CLOSED":
            self.trades = {}
        self.phase = phase
        self.say("PhaseChanged", before, phase, "COMMAND", px, volume)
        if phase == "CLOSED":
            for o in [o for o in self.orders if o.tif in "027"]:
                self.expire_order(o)
        if phase == "CLOSING_AUCTION":
            for o in sorted((o for o in self.orders if o.place == "parked"), key=lambda o: o.stamp):
                self.rest(o)
        if phase == "CONTINUOUS" and self.last is not None:
            self.prices = [self.last]
        self.set_off_stops()
        return self.events

    # --- an order's way -------------------------------------------------------------------------------

    def enter(self, o: Order, new: bool) -> None:
        if self.phase != "CONTINUOUS":
            self.rest(o)
            return
        if new and o.tif == "4" and self.could_trade(o) < o.leaves:
            self.end(o, "FILL_OR_KILL")
            return
        if new and o.tif != "4" and o.min_qty is not None and self.could_trade(o) < o.min_qty:
            self.end(o, "MIN_QTY")
            return
        reason = self.take(o)
        if o.leaves == 0:
            return
        if reason is None and o.tif in "34":
            reason = "IMMEDIATE"
        if reason is None and o.price is None:
            reason = "NO_LIQUIDITY"
        if reason:
            self.end(o, reason)
        else:
            self.rest(o)

    def could_trade(self, o: Order) -> int:
        """Try it on a copy, without other rules: up to an order of the same owner, unless that would make way."""
        trial = copy.copy(self)
        trial.orders, trial.trades, trial.events, trial.prices = [copy.copy(one) for one in self.orders], {}, [], []
        trial.gone = {}
        if self.terms.prevention == "decrement":
            trial.terms = replace(self.terms, prevention="cancel newest")
        mine = trial.find(o.order_id)
        assert mine is not None
        trial.take(mine)
        return mine.cum - o.cum

    def take(self, o: Order) -> str | None:
        """Trade with the other side of the book, one resting order after the other."""
        while o.leaves:
            others = self.book(-o.side)
            if not others or not o.likes(others[0].price or 0):
                return None
            resting = others[0]
            assert resting.price is not None
            if not self.inside_band(resting.price):
                if not self.terms.band_halts:
                    return "PRICE_BAND"
                self.say("PhaseChanged", self.phase, "HALTED", "PRICE_BAND", None, 0)
                self.phase = "HALTED"
                return None
            if resting.owner == o.owner and self.terms.prevention != "none":
                self.prevent(o, resting)
            else:
                self.trade(o, resting, min(o.leaves, resting.shown), resting.price, o.side)
        return None

    def prevent(self, o: Order, resting: Order) -> None:
        mode = self.terms.prevention
        if mode in ("cancel newest", "cancel both"):
            self.end(o, "SELF_TRADE")
        if mode in ("cancel oldest", "cancel both"):
            self.end(resting, "SELF_TRADE")
        if mode == "decrement":
            qty = min(o.leaves, resting.shown)
            for each in (o, resting):
                each.leaves -= qty
                if each.leaves == 0:
                    self.say("Cancelled", each.order_id, "SELF_TRADE", qty, each.cum)
                    self.orders.remove(each)
                else:
                    each.qty -= qty
                    self.say("Restated", each.order_id, "SELF_TRADE", each.qty, each.cum, each.leaves)
            self.show_less(resting, qty)

    def trade(self, o: Order, other: Order, qty: int, px: int, aggressor: int) -> None:
        self.trade_count += 1
        for each in (o, other):
            each.cum += qty
            each.leaves -= qty
        self.say("Filled", o.order_id, self.trade_count, qty, px, other.order_id, aggressor != 0, o.cum, o.leaves)
        self.say("Filled", other.order_id, self.trade_count, qty, px, o.order_id, False, other.cum, other.leaves)
        self.say("TradePrinted", self.trade_count, px, qty, aggressor)
        buyer, seller = (o, other) if o.side == 1 else (other, o)
        self.trades[self.trade_count] = (px, qty, buyer, seller)
        self.trades.pop(self.trade_count - self.terms.trades_kept, None)
        self.last = px
        self.prices.append(px)
        for each in (o, other):
            if each.leaves == 0:
                self.orders.remove(each)
            if each.place == "book":
                self.show_less(each, qty)

    def show_less(self, o: Order, qty: int) -> None:
        o.shown -= qty
        if o.shown == 0 and o.leaves:
            assert o.display is not None
            o.shown = min(o.display, o.leaves)
            self.stamp(o)

    def rest(self, o: Order) -> None:
        o.place = "book"
        o.shown = o.leaves if o.display is None else min(o.display, o.leaves)
        self.stamp(o)

    def end(self, o: Order, reason: str) -> None:
        self.say("Cancelled", o.order_id, reason, o.leaves, o.cum)
        o.leaves = 0
        self.orders.remove(o)
        self.gone[o.order_id] = o

    def expire_order(self, o: Order) -> None:
        self.say("Expired", o.order_id, o.leaves, o.cum)
        o.leaves = 0
        self.orders.remove(o)

    # --- stops ----------------------------------------------------------------------------------------

    def wait(self, o: Order) -> None:
        o.place = "stops"
        self.stamp(o)
        if self.phase == "CONTINUOUS" and self.last is not None:
            self.prices.append(self.last)

    def set_off_stops(self) -> None:
        """Those that the prices reached go off, oldest first; then those that their trades reached; and so on."""
        due: list[Order] = []
        while True:
            reached = [o for o in self.orders if o.place == "stops" and o not in due and self.reached(o)]
            due += sorted(reached, key=lambda o: o.stamp)
            self.prices = []
            if self.phase != "CONTINUOUS" or not due:
                return
            o = due.pop(0)
            o.place = "nowhere"
            o.triggered = True
            self.say("Triggered", o.order_id)
            wrong = self.wrong_now(o.price, o.side, o.post_only)
            if wrong:
                self.end(o, {"WOULD_TAKE": "POST_ONLY"}.get(wrong, wrong))
            else:
                self.enter(o, new=True)

    def reached(self, o: Order) -> bool:
        assert o.stop_px is not None
        return any(px >= o.stop_px if o.side == 1 else px <= o.stop_px for px in self.prices)

    # --- auctions -------------------------------------------------------------------------------------

    def auction(self) -> tuple[int, int, int] | None:
        """Try every price: (price, volume, imbalance) of the best."""
        orders = self.book(1) + self.book(-1)
        limits = [o.price for o in orders if o.price is not None]
        if limits:
            prices = list(range(min(limits), max(limits) + 1, self.terms.tick))
        else:
            prices = [] if self.reference is None else [self.reference]
        choices = []
        for px in prices:
            buys = sum(o.leaves for o in orders if o.side == 1 and o.likes(px))
            sells = sum(o.leaves for o in orders if o.side == -1 and o.likes(px))
            far = px if self.reference is None else abs(px - self.reference)
            choices.append((-min(buys, sells), abs(buys - sells), far, -px, buys - sells))
        if not choices or min(choices)[0] == 0:
            return None
        volume, _, _, px, imbalance = min(choices)
        return -px, -volume, imbalance

    def uncross(self) -> tuple[int | None, int]:
        found = self.auction()
        if found is None:
            return None, 0
        px, volume, _ = found
        left = volume
        while left:
            bid, offer = self.book(1)[0], self.book(-1)[0]
            qty = min(bid.shown, offer.shown, left)
            self.trade(bid, offer, qty, px, 0)
            left -= qty
        return px, volume

    # --- what can be wrong, in the order in which it is looked for ------------------------------------

    def wrong_with_new(self, o: Order, now: int, market: bool = True) -> str | None:
        now_or_never = o.tif in "34"
        only_in_auction = o.tif in "27"
        continuous = self.phase == "CONTINUOUS"
        checks = [
            (self.find(o.order_id) is not None, "DUPLICATE_ID"),
            (o.side not in (1, -1), "BAD_SIDE"),
            (o.ord_type not in ("1", "2", "3", "4"), "BAD_TYPE"),
            (o.tif not in (("0", "1", "3", "4", "6") if o.is_stop else ("0", "1", "2", "3", "4", "6", "7")), "BAD_TIF"),
            *self.wrong_values(o.ord_type, o.qty, o.price, o.stop_px, o.display),
            (o.display is not None and (now_or_never or o.display > o.qty), "BAD_DISPLAY"),
            (o.post_only and (now_or_never or only_in_auction), "BAD_POST_ONLY"),
            (o.post_only and (o.price is None or o.min_qty is not None), "BAD_POST_ONLY"),
            (o.min_qty is not None and (only_in_auction or not 0 < o.min_qty <= o.qty), "BAD_MIN_QTY"),
            ((o.expire_ns is None) == (o.tif == "6"), "BAD_EXPIRE"),
            (o.expire_ns is not None and o.expire_ns <= now, "EXPIRED"),
            (continuous and o.tif == "2", "TOO_LATE"),
            (self.phase == "HALTED", "HALTED"),
            (self.phase == "CLOSED", "CLOSED"),
            (not continuous and not o.is_stop and (now_or_never or o.min_qty is not None), "NOT_CONTINUOUS"),
            (self.phase == "CLOSING_AUCTION" and o.tif == "2", "TOO_LATE"),
        ]
        wrong = next((name for is_so, name in checks if is_so), None)
        return wrong or (None if o.is_stop or not market else self.wrong_now(o.price, o.side, o.post_only))

    def wrong_values(
        self, kind: str, qty: int, price: int | None, stop_px: int | None, display: int | None
    ) -> list[tuple[bool, str]]:
        t = self.terms
        lowest, highest = (-(10**18) if t.negative_prices else 0), 10**18
        return [
            (qty <= 0, "BAD_QTY"),
            (qty % t.lot != 0, "OFF_LOT"),
            (t.max_qty is not None and qty > t.max_qty, "TOO_LARGE"),
            ((price is None) != (kind in "13"), "BAD_PRICE"),
            ((stop_px is None) != (kind in "12"), "BAD_STOP"),
            (price is not None and not lowest < price < highest, "BAD_PRICE"),
            (price is not None and price % t.tick != 0, "OFF_TICK"),
            (stop_px is not None and not lowest < stop_px < highest, "BAD_STOP"),
            (stop_px is not None and stop_px % t.tick != 0, "OFF_TICK"),
            (display is not None and (kind in "13" or display <= 0 or display % t.lot != 0), "BAD_DISPLAY"),
            (display is not None and qty > display * t.max_slices, "BAD_DISPLAY"),
        ]

    def wrong_now(self, price: int | None, side: int, post_only: bool) -> str | None:
        if price is None:
            return None
        if not self.terms.band_halts and not self.inside_band(price):
            return "PRICE_BAND"
        others = self.book(-side)
        if post_only and self.phase == "CONTINUOUS" and others:
            best = others[0].price
            if best is None or (best <= price if side == 1 else best >= price):
                return "WOULD_TAKE"
        return None

    def wrong_with_replace(
        self, o: Order, qty: int, price: int | None, stop_px: int | None, display: int | None
    ) -> str | None:
        if self.phase in ("HALTED", "CLOSED"):
            return self.phase
        kind = o.ord_type
        if o.is_stop and o.place != "stops":
            kind, stop_px = {"3": "1", "4": "2"}[kind], None
        wrong = next((name for is_so, name in self.wrong_values(kind, qty, price, stop_px, display) if is_so), None)
        if wrong:
            return wrong
        if qty <= o.cum:
            return None if self.terms.fill_on_replace_below else "BELOW_FILLED"
        if o.place == "stops":
            return "BAD_MIN_QTY" if o.min_qty is not None and qty < o.min_qty else None
        return self.wrong_now(price, o.side, o.post_only)
