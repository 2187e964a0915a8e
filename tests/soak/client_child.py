"""A client of the soak, as a process that is killed: python -m tests.soak.client_child DIRECTORY PORT NAME SEED."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast import clock
from tests.soak.child import obey
from tests.soak.setup import CLIENTS, session_config
from tests.soak.trader import SYMBOLS, Trader

__all__: list[str] = []


class Client(Trader):
    """Trades over a FIX session of its own, and keeps its own books."""

    def __init__(self, name: str, log: ff.OrderLog, seed: str) -> None:
        super().__init__(seed)
        self.log = log
        self.options = ff.OrderOptions(version={"FIXT.1.1": "FIX.5.0SP2"}.get(CLIENTS[name], CLIENTS[name]))
        self.positions = ff.Positions()
        self.session: ff.LiveSession
        self.orders: Any = None
        self.market: ff.Subscriptions

    # --- the session ----------------------------------------------------------------------------------------

    def on_create(self, session: ff.LiveSession) -> None:
        self.session = session
        limits = ff.RiskLimits(max_qty=100_000, max_position=1_000_000, collar=Decimal("0.2"))
        risk = ff.RiskCheck(limits, positions=self.positions, reference=self.reference, clock=clock.now)
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

    # --- as a Trader ----------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        return self.orders is not None and self.session.active

    @property
    def all_orders(self) -> list[ff.Order]:
        orders: list[ff.Order] = self.orders.manager.all_orders
        return orders

    @property
    def questions(self) -> Iterable[ff.Question]:
        questions: Iterable[ff.Question] = self.orders.manager.questions
        return questions

    def book(self, symbol: str) -> ff.Book | None:
        return self.market.books.get(symbol)

    def levels(self, symbol: str) -> list[list[ff.Level]]:
        book = self.market.books[symbol]
        return [book.bids(10), book.offers(10)]

    async def break_off(self) -> None:
        self.session.drop(reset=True)

    async def submit(self, request: ff.OrderRequest) -> None:
        await self.orders.submit(request)

    async def ask(self, order: ff.Order, what: str, **terms: Any) -> None:
        manager = self.orders.manager
        does = {"cancel": manager.cancel, "replace": manager.replace, "status": manager.ask_status}
        does[what](order, clock.now(), **terms)

    async def cancel_all(self, symbol: str) -> None:
        self.orders.manager.cancel_all(clock.now(), symbol=symbol)


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
