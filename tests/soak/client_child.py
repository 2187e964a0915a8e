"""A client of the soak, as a process that is killed: python -m tests.soak.client_child DIRECTORY PORT NAME SEED."""

from __future__ import annotations

import asyncio
import random
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast import clock
from tests.soak.child import obey
from tests.soak.setup import CLIENTS, INSTRUMENTS, session_config

__all__: list[str] = []

SYMBOLS = [one.symbol for one in INSTRUMENTS]
TICKS = {one.symbol: Decimal(str(one.tick)) for one in INSTRUMENTS}
LOTS = {one.symbol: Decimal(str(one.lot)) for one in INSTRUMENTS}
_ANSWER_NS = 2_000_000_000  # what is not answered so long is asked about, over a new connection


def plain(number: Decimal | None) -> str | None:
    return None if number is None else f"{number.normalize():f}"


class Client:
    """Trades by its seed, and keeps its own books."""

    def __init__(self, name: str, log: ff.OrderLog, seed: str) -> None:
        self.random = random.Random(seed)
        self.log = log
        self.options = ff.OrderOptions(version={"FIXT.1.1": "FIX.5.0SP2"}.get(CLIENTS[name], CLIENTS[name]))
        self.positions = ff.Positions()
        self.session: ff.LiveSession
        self.orders: Any = None
        self.market: ff.Subscriptions
        self.trading = True
        self.done: dict[str, int] = {}
        self._since: dict[str, int] = {}  # ClOrdID of a request that waits -> since when, ns

    # --- the session ----------------------------------------------------------------------------------------

    def on_create(self, session: ff.LiveSession) -> None:
        self.session = session
        limits = ff.RiskLimits(max_qty=100_000, max_position=1_000_000, collar=Decimal("0.2"))
        risk = ff.RiskCheck(limits, positions=self.positions, reference=self._reference, clock=clock.now)
        self.orders = session.orders(self.options, log=self.log, checks=[risk.check])
        for order in self.orders.manager.all_orders:
            for trade in order.trades.values():
                self.positions.apply(trade)
        risk.follow(self.orders.manager)
        self.orders.subscribe(self.positions.on_update)
        self.market = ff.Subscriptions(session.send_nowait, logged_on=session.active)
        self.market.subscribe(SYMBOLS, clock.now(), depth=0, entry_types="01")

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        if message.msg_type in "WXY":
            self.market.on_message(message, clock.now())

    def on_event(self, session: ff.LiveSession, event: object) -> None:
        self.market.on_event(event, clock.now())

    def _reference(self, symbol: str) -> Decimal | None:
        book = self.market.books.get(symbol)
        mid = None if book is None else book.mid
        return mid if mid is not None else {"AAPL": Decimal(230), "EUR/USD": Decimal("1.1")}[symbol]

    # --- trading --------------------------------------------------------------------------------------------

    async def trade(self) -> None:
        """Do something now and then, for ever."""
        while True:
            await asyncio.sleep(self.random.uniform(0.002, 0.03))
            if self.orders is None or not self.session.active:
                continue
            self._watch()
            if not self.trading:
                continue
            try:
                await self._act()
            except (ff.RiskRejected, ff.NotActive, ff.LocalProtocolError) as error:
                self._count(type(error).__name__)

    def _watch(self) -> None:
        """Where an answer is missing, break the connection: over the next one open orders are asked about."""
        now_ns = clock.now().mono_ns
        waiting = {one for order in self.orders.open_orders for one in order.pending}
        self._since = {one: self._since.get(one, now_ns) for one in waiting}
        if self._since and now_ns - min(self._since.values()) > _ANSWER_NS:
            self._count("unanswered")
            self._since.clear()
            self.session.drop(reset=True)

    async def _act(self) -> None:
        lot, manager = self.random, self.orders.manager
        open_orders = self.orders.open_orders
        what = lot.random()
        if what < 0.5 or not open_orders:
            if len(open_orders) < 40:
                await self.orders.submit(self._request())
                self._count("submit")
        elif what < 0.75:
            order = lot.choice(open_orders)
            manager.cancel(order, clock.now())
            self._count("cancel")
        elif what < 0.97:
            self._replace(lot.choice(open_orders))
        elif what < 0.99:
            manager.ask_status(lot.choice(open_orders), clock.now())
            self._count("status")
        else:
            manager.cancel_all(clock.now(), symbol=lot.choice(SYMBOLS))
            self._count("cancel all")

    def _request(self) -> ff.OrderRequest:
        lot, symbol = self.random, self.random.choice(SYMBOLS)
        qty, tif = LOTS[symbol] * lot.randint(1, 20), lot.choice(("0", "0", "0", "1", "3", "4"))
        if lot.random() < 0.05:
            return ff.OrderRequest(symbol, lot.choice("12"), qty)
        if lot.random() < 0.02:  # off the tick: refused
            return ff.OrderRequest(symbol, "1", qty, self._price(symbol) + TICKS[symbol] / 2)
        return ff.OrderRequest(symbol, lot.choice("12"), qty, self._price(symbol), time_in_force=tif)

    def _price(self, symbol: str) -> Decimal:
        tick, mid = TICKS[symbol], self._reference(symbol)
        assert mid is not None
        return (mid // tick + self.random.randint(-6, 6)) * tick

    def _replace(self, order: ff.Order) -> None:
        if order.price is None:
            return
        qty = order.qty + LOTS[order.symbol] * self.random.randint(-5, 5)
        price = self._price(order.symbol) if self.random.random() < 0.5 else None
        if qty > 0:
            self.orders.manager.replace(order, clock.now(), qty=qty, price=price)
            self._count("replace")

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    # --- what the campaign asks for ---------------------------------------------------------------------------

    async def do(self, words: list[str]) -> Any:
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
        if self.orders is None or not self.session.active:
            return "not logged on"
        for order in self.orders.manager.all_orders:
            if order.uncertain or (order.pending and order.is_open) or order.missing_qty:
                return f"{order} uncertain={order.uncertain} pending={order.pending} missing={order.missing_qty}"
        for symbol, book in self.market.books.items():
            if book.status is not ff.BookStatus.LIVE:
                return f"{symbol}: {book.status}"
        return ""

    def _dump(self) -> dict[str, Any]:
        manager = self.orders.manager
        return {
            "orders": [self._order(order) for order in manager.all_orders],
            "positions": {
                held.symbol: [plain(held.qty), plain(held.profit)] for held in self.positions if not held.account
            },
            "books": {
                symbol: [[[plain(at.price), plain(at.qty)] for at in side(10)] for side in (book.bids, book.offers)]
                for symbol, book in self.market.books.items()
            },
            "questions": [f"{one.doubt}: {one.text} {one.order}" for one in manager.questions],
            "done": self.done,
        }

    def _order(self, order: ff.Order) -> dict[str, Any]:
        first = next(iter(order.requests), order.cl_ord_id)
        return {
            "id": first,
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


async def main(directory: str, port: str, name: str, seed: str) -> None:
    """Trade until standard input ends."""
    config = session_config(CLIENTS[name], name)
    eager = ff.Reconnect(initial=0.02, maximum=0.2, max_refusals=None, retry_first=True)
    where = ff.ConnectionConfig("127.0.0.1", int(port), reconnect=eager)
    store = ff.JournalStore(Path(directory) / "clients", session_id=config.session_id)
    with ff.FileOrderLog(Path(directory) / f"{name}.orders") as log:
        client = Client(name, log, f"{seed} {name}")
        obeying = asyncio.create_task(obey(client.do))
        async with ff.connect(config, where, client, store):
            trading = asyncio.create_task(client.trade())
            await asyncio.wait([obeying, trading], return_when=asyncio.FIRST_COMPLETED)
            if trading.done():
                trading.result()
            trading.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
