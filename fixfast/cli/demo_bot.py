"""The demo's bot process: an initiator that sends orders, keeps a ledger, and loses its connection on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from fixfast import clock
from fixfast.cli.demo_child import BOT, EXCHANGE, MARKET, Lifeline, child_command, emit, private_directory
from fixfast.cli.demo_ledger import BotOrder, Ledger, make_orders
from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.wirelog import WireLog
from fixfast.errors import NotActive
from fixfast.session.config import SessionConfig
from fixfast.session.events import GapFilled, Resent
from fixfast.session.wire import Message
from fixfast.store.journal import JournalStore

__all__ = ["Bot", "build"]

#: orders on their way at one time: enough to keep both processes busy, few enough that a round trip is one
_WINDOW = 4
#: orders between two lines of progress
_STEP = 50


class Bot:
    """The application of the bot's session, and the loop that feeds it. One event loop owns it."""

    def __init__(self, cut_after: int) -> None:
        self._cut_after = cut_after
        self.cuts = 0
        self.ledger = Ledger()
        self.resubmitted = 0
        self.queries = 0
        self.gaps_filled = 0
        self.resend_answers = 0
        self.rejected_messages: list[str] = []
        self._flying = 0  # orders sent and not answered
        self._changed = asyncio.Event()
        self._connection = 0  # the one that the orders on their way are settled for
        self._status: dict[str, asyncio.Future[bool]] = {}

    # --- callbacks -----------------------------------------------------------------------------------------

    def on_logon(self, session: LiveSession) -> None:
        """Wake the loop: there may be something to recover."""
        self._changed.set()

    def on_logout(self, session: LiveSession, reason: str) -> None:
        """Wake the loop: nothing can be sent now."""
        self._changed.set()

    def on_message(self, session: LiveSession, message: Message) -> None:
        """Apply a report; anything else is a fault."""
        if message.msg_type != "8":
            self.rejected_messages.append(f"35={message.msg_type}: {message.get(58, '')}")
            return
        cl_ord_id = message[11]
        known = self.ledger.orders.get(cl_ord_id)
        first = known is not None and not known.status and message[150] != "I"
        self.ledger.apply(message, session.connections, clock.now().mono_ns)
        if message[150] == "I":
            waiting = self._status.pop(cl_ord_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message.get(103) != "5")
        if first:
            self._flying -= 1
            self._changed.set()
            answered = sum(self.ledger.reports[kind] for kind in ("0", "8"))
            if answered % _STEP == 0:
                emit("progress", answered=answered)

    def on_event(self, session: LiveSession, event: object) -> None:
        """Count what recovery did."""
        if isinstance(event, GapFilled):
            self.gaps_filled += event.end - event.begin + 1
        elif isinstance(event, Resent):
            self.resend_answers += 1

    # --- the day -------------------------------------------------------------------------------------------

    async def trade(self, session: LiveSession, orders: Iterator[BotOrder]) -> None:
        """Send every order and see each one answered."""
        self._connection = session.connections
        for order in orders:
            self.ledger.orders[order.cl_ord_id] = order
            await self._when(session, lambda: self._flying < _WINDOW)
            self._flying += 1
            self._submit(session, order)
            if len(self.ledger.orders) == self._cut_after:
                # The order is numbered and stored, and never reaches the wire: the bot has to find out.
                self.cuts += 1
                session.drop(reset=True)
        await self._when(session, lambda: self._flying == 0)
        # The exchange answers a status request after everything it has still to say: the fills to come are in before.
        await self._ask(session, next(reversed(self.ledger.orders.values())))

    async def _when(self, session: LiveSession, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`, logged on, and nothing to recover; then what follows can be sent at once."""
        while True:
            if not session.active or session.connections != self._connection:
                await self._recover(session)
            elif ready():
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    def _submit(self, session: LiveSession, order: BotOrder, *, again: bool = False) -> None:
        now = clock.now()
        fields: list[tuple[int, Any]] = [
            (11, order.cl_ord_id),
            (55, order.symbol),
            (54, order.side),
            (60, now.wall_ns),
            (38, order.qty),
            (40, "2"),
            (44, order.price),
        ]
        if again:
            fields.insert(0, (97, "Y"))
        order.connection, order.sent_ns = session.connections, now.mono_ns
        session.send_nowait("D", fields)

    async def _recover(self, session: LiveSession) -> None:
        """After a lost connection: settle what became of the orders on their way.

        The lost reports come by themselves (the session asks for them). An order may have been lost, too: sessions
        gap-fill old orders instead of resending them, because a stale order is dangerous. So the exchange is asked, and
        what it has never seen is sent again, with the same ClOrdID and PossResend (E4.11).
        """
        await session.wait_active()
        connection = session.connections
        try:
            for order in self.ledger.unanswered():
                if not await self._ask(session, order) and not order.status:
                    self._submit(session, order, again=True)
                    self.resubmitted += 1
        except NotActive:
            return  # lost again: the caller comes back
        self._connection = connection

    async def _ask(self, session: LiveSession, order: BotOrder) -> bool:
        """Send an OrderStatusRequest (H); return whether the exchange knows the order. Its reports are in by then."""
        self.queries += 1
        answer = self._status[order.cl_ord_id] = asyncio.get_running_loop().create_future()
        session.send_nowait("H", [(11, order.cl_ord_id), (55, order.symbol), (54, order.side)])
        # If the connection is lost meanwhile, the session resends the request or its answer.
        return bool(await answer)


async def run(settings: dict[str, Any]) -> None:
    """Trade, log out, report."""
    Lifeline(lambda line: None)
    directory = Path(settings["directory"])
    config = SessionConfig("FIX.4.4", BOT, EXCHANGE, username=BOT, password=settings["password"])
    reconnect = Reconnect(initial=0.05, maximum=1.0, max_attempts=20, seed=settings["seed"])
    venue = ConnectionConfig("127.0.0.1", settings["port"], reconnect=reconnect)
    store = JournalStore(private_directory(directory / "bot-journal"), session_id=config.session_id)
    log_path = directory / "bot.log"
    bot = Bot(settings["cut_after"])
    with WireLog(log_path) as wire_log:
        async with connect(config, venue, bot, store, wire_log=wire_log) as session:
            began = clock.now().mono_ns
            await bot.trade(session, make_orders(settings["orders"], settings["seed"], MARKET))
            seconds = (clock.now().mono_ns - began) / 1e9
        stats = session.stats()
    ledger = bot.ledger
    emit(
        "report",
        orders=len(ledger.orders),
        states=ledger.states(),
        reports=dict(ledger.reports),
        positions={symbol: ledger.positions[symbol] for symbol in MARKET},
        filled={
            symbol: sum(order.cum_qty for order in ledger.orders.values() if order.symbol == symbol)
            for symbol in MARKET
        },
        unanswered=[order.cl_ord_id for order in ledger.unanswered()],
        round_trips=sorted(ledger.round_trips),
        repeated=ledger.repeated,
        faults=ledger.faults + bot.rejected_messages,
        resubmitted=bot.resubmitted,
        queries=bot.queries,
        cuts=bot.cuts,
        connections=session.connections,
        gaps_filled=bot.gaps_filled,
        messages_in=stats.messages_in,
        messages_out=stats.messages_out,
        seconds=seconds,
        journal=str(store.path),
        wire_log=str(log_path),
    )


def build() -> click.Command:
    """Return the hidden command that is this process."""
    return child_command("demo-bot", run)
