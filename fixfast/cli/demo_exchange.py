"""The demo's exchange process: a simulated exchange with other traders and faults, which cuts the connection once."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from fixfast.cli.demo_child import Lifeline, child_command, emit
from fixfast.cli.demo_day import ACCOUNT, ACCOUNT_MAX, AGENTS, BOT, EXCHANGE, FAULTS, INSTRUMENTS
from fixfast.engine.observing.wirelog import WireLog
from fixfast.exchange.agents.trading import TradingAgents
from fixfast.exchange.config import AccountConfig, ExchangeConfig, ParticipantConfig
from fixfast.exchange.exchange import Exchange
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.commands import Command
from fixfast.exchange.venue.reports import CancelReject, Execution, Outgoing
from fixfast.exchange.venue.requests import NewOrder
from fixfast.session.stats import SessionStats
from fixfast.types import Side

__all__ = ["DemoExchange", "build"]

_OWNER = f"FIX.4.4:{BOT}"
#: how far the agents' time goes on with each order of the bot, ns; and how often before the first
_STEP_NS, _WARM_UP = 20_000_000, 100


class _Agents(TradingAgents):
    """Agents whose time goes on with the orders of the bot: so one seed gives one day, however fast the machine."""

    def open(self) -> None:
        """Make a market to begin with."""
        super().open()
        self._now_ns = self.agents.next_ns or 0
        for _ in range(_WARM_UP):
            self.step()

    def step(self) -> None:
        """Let some time pass."""
        self._now_ns += _STEP_NS
        self.agents.poll(self._now_ns)

    def _wake(self) -> None:
        """Wait for step(), not for the clock."""


class DemoExchange(Exchange):
    """The simulated exchange, with traders who act after each order of the bot; it pulls the plug once.

    Attributes: rejected: orders refused. again: orders that came with PossResend(97)=Y. reports: ExecType(150), "9" for
        cancel rejects -> how many were made for the bot, answers to questions not counted.
    """

    def __init__(self, config: ExchangeConfig, cut_after: int, **serve_options: Any) -> None:
        super().__init__(config, **serve_options)
        self._cut_after = cut_after
        self._seen: set[str] = set()
        self._others = _Agents(self, AGENTS)
        self.rejected = 0
        self.again = 0
        self.cuts = 0
        self.reports: Counter[str] = Counter()

    async def __aenter__(self) -> DemoExchange:
        await super().__aenter__()
        self._others.open()
        return self

    @property
    def orders(self) -> list[Kept]:
        """The bot's orders that were taken, oldest first."""
        return [kept for kept in self.venue.telling.orders.values() if kept.owner == _OWNER]

    @property
    def received(self) -> int:
        """How many different orders the bot sent."""
        return len(self._seen)

    def do(self, command: Command) -> list[Outgoing]:
        """Do a command; after a new order of the bot the others have their turn."""
        reports = super().do(command)
        self._count(reports)
        if isinstance(command, NewOrder) and command.owner == _OWNER:
            self.again += command.poss_resend
            if command.cl_ord_id not in self._seen:
                self._seen.add(command.cl_ord_id)
                self._others.step()
                if len(self._seen) == self._cut_after:
                    self._cut()
        return reports

    def _count(self, reports: list[Outgoing]) -> None:
        for report in reports:
            if report.owner != _OWNER:
                continue
            if isinstance(report, CancelReject):
                self.reports["9"] += 1
            elif isinstance(report, Execution) and report.exec_type != "I":
                self.reports[report.exec_type] += 1
                self.rejected += report.exec_type == "8"

    def _cut(self) -> None:
        outlet = self.gateway.outlets[_OWNER]
        outlet.close()  # what is held back has its number now
        self.cuts += 1
        # The reports of this very order are numbered and stored, and not on the wire yet. They never will be in this
        # connection: the socket is reset, with whatever the kernel still holds in both directions.
        outlet.session.drop(reset=True)
        emit("cut", orders=self.received)


async def run(settings: dict[str, Any]) -> None:
    """Be the exchange until told to stop."""
    stop = asyncio.Event()
    Lifeline(lambda line: stop.set() if line == "stop" else None)
    directory = Path(settings["directory"])
    config = ExchangeConfig(
        EXCHANGE,
        port=0,
        versions=("FIX.4.4",),
        open=False,
        remember_closed=None,  # all of them are compared in the end
        seed=settings["seed"],
        instruments=INSTRUMENTS,
        accounts=(AccountConfig(ACCOUNT, BOT, max_order_qty=ACCOUNT_MAX),),
        participants=(ParticipantConfig(BOT, password=settings["password"]),),
        journal=directory / "exchange-journal",
        faults=FAULTS,
    )
    log_path = directory / "exchange.log"
    with WireLog(log_path) as wire_log:
        async with DemoExchange(config, settings["cut_after"], wire_log=wire_log) as exchange:
            emit("listening", port=exchange.port)
            await stop.wait()
            (session,) = exchange.server.sessions.values()
            stats = session.stats()
            report = _report(exchange, stats)
    emit("report", **report, journal=str(config.journal), wire_log=str(log_path))


def _report(exchange: DemoExchange, stats: SessionStats) -> dict[str, Any]:
    orders = exchange.orders
    states = Counter(kept.shown_status for kept in orders)
    states["8"] += exchange.rejected
    position, cash, filled = Counter[str](), dict.fromkeys(exchange.listings, Decimal(0)), Counter[str]()
    digest = hashlib.sha256()
    for kept in orders:
        listing = exchange.listings[kept.symbol]
        sign = 1 if kept.side == Side.BUY else -1
        money = Decimal(kept.notional).scaleb(-listing.price_scale - listing.qty_scale)
        position[kept.symbol] += sign * kept.cum
        filled[kept.symbol] += kept.cum
        cash[kept.symbol] -= sign * money
        digest.update(
            f"{kept.order_id} {kept.cl_ord_id} {kept.shown_status} {kept.cum} {money.normalize():f}\n".encode()
        )
    return {
        "orders": exchange.received,
        "again": exchange.again,
        "reports": dict(sorted(exchange.reports.items())),
        "positions": {symbol: position[symbol] for symbol in exchange.listings},
        "filled": {symbol: filled[symbol] for symbol in exchange.listings},
        "cash": {symbol: f"{money.normalize():f}" for symbol, money in cash.items()},
        "states": {state: states[state] for state in sorted(states) if states[state]},
        "digest": digest.hexdigest(),
        "messages_out": stats.messages_out,
        "cuts": exchange.cuts,
        "connections": stats.logons,
        "resent": stats.resent,
        "gaps": stats.gaps,
    }


def build() -> click.Command:
    """Return the hidden command that is this process."""
    return child_command("demo-exchange", run)
