"""The demo's bot process: sends the orders of the day over one session, keeps its books, and is killed on the way.

Started again, it reads its order log and its journal, logs on, finds out what became of its orders, and goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from fixfast import clock
from fixfast.cli.demo_child import Lifeline, child_command, emit, private_directory
from fixfast.cli.demo_day import (
    ACCOUNT,
    BATCH,
    BOT,
    EXCHANGE,
    INSTRUMENTS,
    LIMITS,
    Planned,
    Then,
    plan,
    too_large,
)
from fixfast.engine.books import Books
from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.orders import LiveOrder, Orders
from fixfast.errors import OrderEnded, RequestRejected, RiskRejected
from fixfast.session.config import SessionConfig
from fixfast.session.events import GapFilled
from fixfast.session.wire import Message
from fixfast.store.journal import JournalStore
from fixfast.store.orderlog import FileOrderLog
from fixfast.trading.book import BookChange
from fixfast.trading.lifecycle import OrdStatus
from fixfast.trading.log import OrderLog
from fixfast.trading.order import Order
from fixfast.trading.positions import Positions
from fixfast.trading.request import OrderOptions
from fixfast.trading.risk import RiskCheck
from fixfast.trading.update import OrderUpdate, UpdateKind

__all__ = ["Bot", "build"]

#: orders on their way at one time: enough to keep both processes busy, few enough that a round trip is one
_WINDOW = 4
#: orders between two lines of progress
_STEP = 50
_REFERENCE = {one.symbol: Decimal(one.reference or 0) for one in INSTRUMENTS}


class Bot:
    """The application of the bot's session, and the loop that feeds it. One event loop owns it.

    Args:
        log: of its orders.
        kill_after: the order with which it asks to be killed; 0: never.
    """

    session: LiveSession
    orders: Orders
    books: Books

    def __init__(self, log: OrderLog, kill_after: int) -> None:
        self._log = log
        self._kill_after = kill_after
        self.positions = Positions()
        self.risk = RiskCheck(LIMITS, positions=self.positions, reference=self._reference)
        self.reports: Counter[str] = Counter()
        self.round_trips: list[int] = []
        self.counts = Counter(repeated=0, status_answers=0, gaps_filled=0, risk_refused=0, book_updates=0)
        self.faults: list[str] = []
        self._began_ns = 0
        self._answered = 0
        self._flying: dict[Order, tuple[int, int]] = {}  # orders with no answer: when sent, on which connection
        self._changed = asyncio.Event()
        self._certain = False  # no order is uncertain since the last logon

    # --- callbacks -----------------------------------------------------------------------------------------

    def on_create(self, session: LiveSession) -> None:
        """Take up the orders that there are."""
        self._begin(session)

    def on_logon(self, session: LiveSession) -> None:
        """Know that there may be something to recover."""
        self._certain = False
        self._changed.set()

    def on_logout(self, session: LiveSession, reason: str) -> None:
        """Wake the loop: nothing can be sent now."""
        self._changed.set()

    def on_message(self, session: LiveSession, message: Message) -> None:
        """Note what is neither about orders nor market data: nothing else should come."""
        self.faults.append(f"35={message.msg_type}: {message.get(58, '')}")

    def on_event(self, session: LiveSession, event: object) -> None:
        """Count what recovery did."""
        if isinstance(event, GapFilled):
            self.counts["gaps_filled"] += event.end - event.begin + 1

    def _begin(self, session: LiveSession) -> None:
        self.session = session
        self.orders = session.orders(
            OrderOptions(reconcile="resend"), log=self._log, checks=[self.risk.check], consume=True
        )
        for order in self.orders.manager.all_orders:  # those of the process before
            self.positions.apply_all(order.trades.values())
            if order.status is OrdStatus.SENT:
                self._flying[order] = 0, 0
            else:
                self._answered += 1
        self.orders.subscribe(self.positions.on_update)
        self.orders.subscribe(self._on_update)
        self.risk.follow(self.orders.manager)
        self.books = session.books()
        self.books.listen(self._on_book)

    def _on_update(self, update: OrderUpdate) -> None:
        order, kind = update.order, update.kind
        self._changed.set()
        if kind is UpdateKind.DUPLICATE:
            self.counts["repeated"] += 1
        elif kind is UpdateKind.CERTAIN:
            pass  # said beside what the report was
        elif kind is UpdateKind.STATUS:
            self.counts["status_answers"] += 1
        elif kind is UpdateKind.CANCEL_REJECTED:
            self.reports["9"] += 1
        elif update.report is not None:
            self.reports[update.report.exec_type or ""] += 1
        if order in self._flying and order.status is not OrdStatus.SENT:
            sent_ns, connection = self._flying.pop(order)
            if connection == self.session.connections:
                self.round_trips.append(clock.now().mono_ns - sent_ns)
            self._answered += 1
            if self._answered % _STEP == 0:
                emit("progress", answered=self._answered)

    def _on_book(self, change: BookChange) -> None:
        self.counts["book_updates"] += 1
        self.positions.on_book(change)

    def _reference(self, symbol: str) -> Decimal:
        return self.books[symbol].mid or _REFERENCE[symbol]

    # --- the day -------------------------------------------------------------------------------------------

    async def trade(self, orders: int, seed: int) -> None:
        """Send what is left of the day's orders, and see each one answered."""
        self._began_ns = clock.now().mono_ns
        await self.books.subscribe_all(_REFERENCE, depth=5, entry_types="012")
        await self._when(lambda: not self._flying)
        batches: list[list[Planned]] = [[], []]
        for n, planned in enumerate(plan(orders, seed), 1):
            if planned.cl_ord_id not in self.orders.manager.orders:
                if n % BATCH == 0:
                    self._refuse_oneself()
                await self._when(lambda: len(self._flying) < _WINDOW)
                await self._submit(planned)
                if n == self._kill_after:
                    self._die()
            batches[-1].append(planned)
            if n % BATCH == 0:
                await self._when(lambda: not self._flying)
                await self._review(batches.pop(0))
                batches.append([])
        await self._when(lambda: not self._flying)
        # The exchange answers after everything that it has still to say: the fills to come are in before.
        known = self.counts["status_answers"]
        self.orders.manager.ask_status(self.orders.manager.all_orders[-1], clock.now())
        await self._when(lambda: self.counts["status_answers"] > known)

    async def _submit(self, planned: Planned) -> None:
        order = await self.orders.submit(planned.request, cl_ord_id=planned.cl_ord_id)
        self._flying[order] = clock.now().mono_ns, self.session.connections

    async def _review(self, batch: Iterable[Planned]) -> None:
        """Cancel or replace what is still open of a batch, all at one time; wait for the answers."""
        asked = [self._change(planned) for planned in batch if planned.then is not Then.LEAVE]
        await asyncio.gather(*asked)

    async def _change(self, planned: Planned) -> None:
        order = self.orders[planned.cl_ord_id]
        assert isinstance(order, LiveOrder)
        if not order.is_open or len(order.requests) > 1:
            return  # of the second: the process before has asked for it
        try:
            if planned.then is Then.CANCEL:
                await order.cancel()
            else:
                await order.replace(price=planned.better)
        except (RequestRejected, OrderEnded):
            pass  # filled meanwhile: too late

    def _refuse_oneself(self) -> None:
        """Try an order that must never leave: the risk check stops it."""
        try:
            self.orders.manager.submit(too_large(), clock.now())
        except RiskRejected:
            self.counts["risk_refused"] += 1

    async def _when(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`, logged on, and sure of every order; then what follows can be sent at once."""
        while True:
            if self.session.active and self._sure() and ready():
                return
            if not self.session.active:
                await self.session.wait_active()  # raises when nobody tries any more
                continue
            self._changed.clear()
            await self._changed.wait()

    def _sure(self) -> bool:
        self._certain = self._certain or not any(order.uncertain for order in self.orders.open_orders)
        return self._certain

    def _die(self) -> None:
        """Be killed with an order on its way: it is in the log and in the journal, and not on the wire yet."""
        emit("doomed", figures=self.figures())
        time.sleep(60)  # not a word is sent or read from here on

    # --- what came of it -----------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """Return what this process counted: what it adds to what others counted."""
        stats = self.session.stats()
        return {
            **self.counts,
            "reports": dict(self.reports),
            "round_trips": self.round_trips,
            "connections": self.session.connections,
            "messages_out": stats.messages_out,
            "seconds": (clock.now().mono_ns - self._began_ns) / 1e9,
        }

    def result(self) -> dict[str, Any]:
        """Return what the bot knows at the end, whoever found out."""
        orders = self.orders.manager.all_orders
        states = Counter(order.status.value for order in orders)
        filled = Counter[str]()
        digest = hashlib.sha256()
        for order in orders:
            filled[order.symbol] += int(order.cum_qty)
            if order.rejected is None:
                money = f"{order.notional.normalize():f}"
                digest.update(
                    f"{order.order_id} {order.cl_ord_id} {order.status} {int(order.cum_qty)} {money}\n".encode()
                )
        held = {symbol: self.positions[ACCOUNT, symbol] for symbol in _REFERENCE}
        return {
            "orders": len(orders),
            "states": dict(sorted(states.items())),
            "positions": {symbol: int(one.qty) for symbol, one in held.items()},
            "filled": {symbol: filled[symbol] for symbol in held},
            "cash": {symbol: f"{one.cash.normalize():f}" for symbol, one in held.items()},
            "profit": {symbol: None if one.profit is None else f"{one.profit:f}" for symbol, one in held.items()},
            "digest": digest.hexdigest(),
            "unanswered": [order.cl_ord_id for order in orders if not order.is_acknowledged and order.is_open],
            "faults": self.faults + [f"{question.doubt}: {question.text}" for question in self.orders.questions],
        }


async def run(settings: dict[str, Any]) -> None:
    """Trade, log out, report."""
    Lifeline(lambda line: None)
    directory = Path(settings["directory"])
    config = SessionConfig("FIX.4.4", BOT, EXCHANGE, username=BOT, password=settings["password"])
    reconnect = Reconnect(initial=0.05, maximum=1.0, max_attempts=20, seed=settings["seed"])
    venue = ConnectionConfig("127.0.0.1", settings["port"], reconnect=reconnect)
    store = JournalStore(private_directory(directory / "bot-journal"), session_id=config.session_id)
    log_path = directory / "bot.log"
    with WireLog(log_path) as wire_log, FileOrderLog(directory / "bot-orders.log") as log:
        bot = Bot(log, settings["kill_after"])
        async with connect(config, venue, bot, store, wire_log=wire_log):
            await bot.trade(settings["orders"], settings["seed"])
        files = {"journal": str(store.path), "order_log": log.path, "wire_log": str(log_path)}
        emit("report", figures=bot.figures(), **bot.result(), **files)


def build() -> click.Command:
    """Return the hidden command that is this process."""
    return child_command("demo-bot", run)
