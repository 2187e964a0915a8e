"""Trader: what a client of the soak does by its seed, and what it tells in the end, whoever sends its orders."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import fixfast as ff
from fixfast import clock
from tests.soak.setup import INSTRUMENTS

__all__ = ["SYMBOLS", "Trader"]

SYMBOLS = [one.symbol for one in INSTRUMENTS]
TICKS = {one.symbol: Decimal(str(one.tick)) for one in INSTRUMENTS}
LOTS = {one.symbol: Decimal(str(one.lot)) for one in INSTRUMENTS}
_FIRST = {"AAPL": Decimal(230), "EUR/USD": Decimal("1.1")}
_ANSWER_NS = 2_000_000_000  # what is not answered so long is asked about, over a new connection


def plain(number: Decimal | None) -> str | None:
    return None if number is None else f"{number.normalize():f}"


class Trader:
    """Trades by its seed. Who inherits says how orders are sent, and what is known of them.

    Attributes: trading: new requests are made. done: what was done, and how often. positions: of its trades.
    """

    positions: ff.Positions

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.trading = True
        self.done: dict[str, int] = {}
        self._since: dict[str, int] = {}  # ClOrdID of a request that waits -> since when, ns

    # --- how it is done -------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether orders can be sent."""
        raise NotImplementedError

    @property
    def all_orders(self) -> list[ff.Order]:
        """Every order, oldest first."""
        raise NotImplementedError

    @property
    def questions(self) -> Iterable[ff.Question]:
        """What a person should look at."""
        raise NotImplementedError

    def book(self, symbol: str) -> Any:
        """Return a book, with status and mid; None: there is none."""
        raise NotImplementedError

    def levels(self, symbol: str) -> list[list[ff.Level]]:
        """Return bids and offers of the book, ten at most."""
        raise NotImplementedError

    async def break_off(self) -> None:
        """End the connection to the venue: over the next one open orders are asked about."""
        raise NotImplementedError

    async def submit(self, request: ff.OrderRequest) -> None:
        """Send an order."""
        raise NotImplementedError

    async def ask(self, order: ff.Order, what: str, **terms: Any) -> None:
        """Cancel or replace an order, or ask for its status."""
        raise NotImplementedError

    async def cancel_all(self, symbol: str) -> None:
        """Cancel all orders in a symbol."""
        raise NotImplementedError

    # --- trading --------------------------------------------------------------------------------------------

    async def trade(self) -> None:
        """Do something now and then, for ever."""
        while True:
            await asyncio.sleep(self.random.uniform(0.002, 0.03))
            if not self.active:
                continue
            try:
                await self._watch()
                if self.trading:
                    await self._act()
            except (ff.RiskRejected, ff.NotActive, ff.LocalProtocolError) as error:
                self.count(type(error).__name__)

    async def _watch(self) -> None:
        """Where an answer is missing, break the connection."""
        now_ns = clock.now().mono_ns
        waiting = {one for order in self.all_orders if order.is_open for one in order.pending}
        self._since = {one: self._since.get(one, now_ns) for one in waiting}
        if self._since and now_ns - min(self._since.values()) > _ANSWER_NS:
            self.count("unanswered")
            self._since.clear()
            await self.break_off()

    async def _act(self) -> None:
        lot, open_orders = self.random, [order for order in self.all_orders if order.is_open]
        what = lot.random()
        if what < 0.5 or not open_orders:
            if len(open_orders) < 40:
                await self.submit(self._request())
                self.count("submit")
        elif what < 0.75:
            await self._ask(lot.choice(open_orders), "cancel")
        elif what < 0.97:
            await self._replace(lot.choice(open_orders))
        elif what < 0.99:
            await self._ask(lot.choice(open_orders), "status")
        else:
            await self.cancel_all(lot.choice(SYMBOLS))
            self.count("cancel all")

    async def _ask(self, order: ff.Order, what: str, **terms: Any) -> None:
        await self.ask(order, what, **terms)
        self.count(what)

    def _request(self) -> ff.OrderRequest:
        lot, symbol = self.random, self.random.choice(SYMBOLS)
        qty, tif = LOTS[symbol] * lot.randint(1, 20), lot.choice(("0", "0", "0", "1", "3", "4"))
        if lot.random() < 0.05:
            return ff.OrderRequest(symbol, lot.choice("12"), qty)
        if lot.random() < 0.02:  # off the tick: refused
            return ff.OrderRequest(symbol, "1", qty, self._price(symbol) + TICKS[symbol] / 2)
        return ff.OrderRequest(symbol, lot.choice("12"), qty, self._price(symbol), time_in_force=tif)

    def reference(self, symbol: str) -> Decimal:
        """Return the middle of the book, or what it was in the beginning."""
        book = self.book(symbol)
        mid: Decimal | None = None if book is None else book.mid
        return _FIRST[symbol] if mid is None else mid

    def _price(self, symbol: str) -> Decimal:
        tick = TICKS[symbol]
        return (self.reference(symbol) // tick + self.random.randint(-6, 6)) * tick

    async def _replace(self, order: ff.Order) -> None:
        if order.price is None:
            return
        qty = order.qty + LOTS[order.symbol] * self.random.randint(-5, 5)
        price = self._price(order.symbol) if self.random.random() < 0.5 else None
        if qty > 0:
            await self._ask(order, "replace", qty=qty, price=price)

    def count(self, what: str) -> None:
        """Know that something was done once more."""
        self.done[what] = self.done.get(what, 0) + 1

    # --- what the campaign asks for ---------------------------------------------------------------------------

    async def do(self, words: list[str]) -> Any:
        """Do as the campaign says."""
        if words[0] == "quiet":
            self.trading = False
            return "quiet"
        if words[0] == "settled":
            return self._unsettled()
        assert words[0] == "dump", words
        for symbol, mark in (word.split("=") for word in words[1:]):
            self.positions.mark(symbol, Decimal(mark))
        return self._dump()

    def _unsettled(self) -> str:
        """Return what is still going on; empty: nothing."""
        if not self.active:
            return "not logged on"
        for order in self.all_orders:
            if order.uncertain or (order.pending and order.is_open) or order.missing_qty:
                return f"{order} uncertain={order.uncertain} pending={order.pending} missing={order.missing_qty}"
        for symbol in SYMBOLS:
            book = self.book(symbol)
            if book is None or book.status is not ff.BookStatus.LIVE:
                return f"{symbol}: {book and book.status}"
        return ""

    def _dump(self) -> dict[str, Any]:
        return {
            "orders": [_order(order) for order in self.all_orders],
            "positions": {
                held.symbol: [plain(held.qty), plain(held.profit)] for held in self.positions if not held.account
            },
            "books": {
                symbol: [[[plain(at.price), plain(at.qty)] for at in side] for side in self.levels(symbol)]
                for symbol in SYMBOLS
            },
            "questions": [f"{one.doubt}: {one.text} {one.order}" for one in self.questions],
            "done": self.done,
        }


def _order(order: ff.Order) -> dict[str, Any]:
    return {
        "id": next(iter(order.requests), order.cl_ord_id),
        "head": order.cl_ord_id,
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side,
        "status": order.status.value,
        "qty": plain(order.qty),
        "cum": plain(order.cum_qty),
        "leaves": plain(order.leaves_qty),
        "price": plain(order.price),
        "trades": sorted([plain(trade.qty), plain(trade.px)] for trade in order.trades.values()),
    }
