"""The demo's exchange process: an acceptor, its simulated exchange, and the cut in the middle."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from fixfast.cli.demo_child import BOT, EXCHANGE, TICKS, Lifeline, child_command, emit, private_directory
from fixfast.engine.acceptor import serve
from fixfast.engine.authentication import LogonRequest, Refuse
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.wirelog import WireLog
from fixfast.exchange.gateway import ExchangeApplication
from fixfast.exchange.simulator import SeededExchange
from fixfast.session.config import SessionConfig
from fixfast.session.events import GapFilled, Resent
from fixfast.session.stats import SessionStats
from fixfast.store.journal import JournalStore

__all__ = ["DemoExchange", "build"]


class DemoExchange(ExchangeApplication):
    """The simulated exchange, which asks for a password, and pulls the plug once."""

    def __init__(self, exchange: SeededExchange, cut_after: int, password: str) -> None:
        super().__init__(exchange, after_order=self._maybe_cut)
        self._cut_after = cut_after
        self._password = password
        self.cuts = 0
        self.resent = 0
        self.resend_ranges = 0
        self.gaps_filled = 0

    def authenticate(self, request: LogonRequest) -> SessionConfig | Refuse:
        """Let the bot in, with its password."""
        if request.config is None:
            return Refuse(silent=True)
        if request.password != self._password:
            return Refuse("Invalid username or password", status=5)
        return request.config

    def on_event(self, session: LiveSession, event: object) -> None:
        """Count what recovery did."""
        if isinstance(event, Resent):
            self.resent += event.messages
            self.resend_ranges += 1
        elif isinstance(event, GapFilled):
            self.gaps_filled += event.end - event.begin + 1

    def _maybe_cut(self, session: LiveSession, orders: int) -> None:
        if orders == self._cut_after and not self.cuts:
            self.cuts += 1
            # The reports of this very order are numbered and stored, and not on the wire yet. They never will be in
            # this connection: the socket is reset, with whatever the kernel still holds in both directions.
            session.drop(reset=True)
            emit("cut", orders=orders)


async def run(settings: dict[str, Any]) -> None:
    """Be the exchange until told to stop."""
    stop = asyncio.Event()
    Lifeline(lambda line: stop.set() if line == "stop" else None)
    directory = Path(settings["directory"])
    config = SessionConfig("FIX.4.4", EXCHANGE, BOT, offline="store")
    application = DemoExchange(SeededExchange(settings["seed"], TICKS), settings["cut_after"], settings["password"])
    store = JournalStore(private_directory(directory / "exchange-journal"), session_id=config.session_id)
    log_path = directory / "exchange.log"
    with WireLog(log_path) as wire_log:
        async with serve(application, [config], stores=lambda _: store, wire_log=wire_log) as server:
            emit("listening", port=server.port)
            await stop.wait()
            stats = server.sessions[config.session_id].stats()
            application.close()
    emit("report", **_report(application, stats, str(store.path), str(log_path)))


def _report(application: DemoExchange, stats: SessionStats, journal: str, wire_log: str) -> dict[str, Any]:
    exchange = application.exchange
    orders = exchange.orders(BOT)
    states = [order.status for order in orders]
    return {
        "orders": application.orders,
        "repeated": application.repeated,
        "queries": application.queries,
        "reports": dict(exchange.reports),
        "positions": {symbol: exchange.positions[BOT, symbol] for symbol in TICKS},
        "states": {state: states.count(state) for state in sorted(set(states))},
        "filled": {symbol: sum(order.cum_qty for order in orders if order.symbol == symbol) for symbol in TICKS},
        "messages_in": stats.messages_in,
        "messages_out": stats.messages_out,
        "cuts": application.cuts,
        "resent": application.resent,
        "resend_ranges": application.resend_ranges,
        "gaps_filled": application.gaps_filled,
        "journal": journal,
        "wire_log": wire_log,
    }


def build() -> click.Command:
    """Return the hidden command that is this process."""
    return child_command("demo-exchange", run)
