"""Agents on an Exchange: their orders go the way of everybody's, and its reports tell them what came of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fixfast import clock
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.agents.traders import Agents, Place, Withdraw
from fixfast.exchange.config import SCALE
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.venue.commands import NewDay
from fixfast.exchange.venue.reports import CancelReject, Execution, Outgoing
from fixfast.exchange.venue.requests import CancelOrder, NewOrder

if TYPE_CHECKING:
    from fixfast.exchange.exchange import Exchange

__all__ = ["TradingAgents"]

_SECOND = 1_000_000_000
_SIDES = {1: "1", -1: "2"}
#: ExecType(150) of a fill, of one that was taken back, and of reports after which an order is gone
_TRADE, _BUST, _GONE = "F", "H", frozenset("348C")
#: phases besides continuous trading in which limit orders are taken
_GATHERING = (Phase.PRE_OPEN, Phase.OPENING_AUCTION, Phase.CLOSING_AUCTION)
#: orders of agents after which those that are done are forgotten: an hour of a few instruments is a hundred thousand
_FORGOTTEN = 10_000
_LIMIT, _DAY, _NOW_OR_NEVER = "2", "0", "3"


class TradingAgents:
    """Agents that trade on an Exchange as long as it is open. One of its Listeners.

    Args: exchange: where. config: who there is.

    Attributes: agents: the Agents, once open() was called.
    """

    def __init__(self, exchange: Exchange, config: AgentsConfig) -> None:
        self._exchange = exchange
        self._config = config
        self._markets = exchange.venue.markets
        self._timer: asyncio.TimerHandle | None = None
        self._units = {
            symbol: (10 ** (SCALE - market.listing.price_scale), 10 ** (SCALE - market.listing.qty_scale))
            for symbol, market in self._markets.items()
        }
        self._placed = 0
        self.agents: Agents

    def open(self) -> None:
        """Begin. What agents of an earlier run left in the books is cancelled: these know nothing of it."""
        now_ns = max(clock.now().wall_ns, self._exchange.venue.now_ns)
        instruments = [market.listing.instrument for market in self._markets.values()]
        seed = self._exchange.config.seed
        run = f"{now_ns // 1_000_000:x}-"  # ClOrdIDs are used once, also across restarts
        self.agents = Agents(self._config, instruments, self, seed=seed, start_ns=now_ns, run=run)
        for owner in sorted({one.owner for market in self._markets.values() for one in market.book.open_orders()}):
            if owner in self.agents.owners:
                self._exchange.cancel(owner=owner)
        self._exchange.subscribe(self)
        self._wake()

    def close(self) -> None:
        """Stop; their orders stay where they are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- as the Floor of the agents ---------------------------------------------------------------------------

    def top(self, symbol: str) -> tuple[int | None, int | None]:
        """Return the best bid and the best offer."""
        bids, offers = self._markets[symbol].book.depth(1)
        return bids[0][0] if bids else None, offers[0][0] if offers else None

    def place(self, order: Place) -> None:
        """Send an order, if the market takes it now."""
        phase = self._markets[order.symbol].book.phase
        if phase is not Phase.CONTINUOUS and (order.now_or_never or phase not in _GATHERING):
            self.agents.on_gone(order.owner, order.name)
            return
        self._placed += 1
        price_unit, qty_unit = self._units[order.symbol]
        tif = _NOW_OR_NEVER if order.now_or_never else _DAY
        self._exchange.submit(
            NewOrder(
                order.owner,
                0,
                order.name,
                None,
                order.symbol,
                _SIDES[order.side],
                order.qty * qty_unit,
                _LIMIT,
                order.price * price_unit,
                time_in_force=tif,
            )
        )

    def withdraw(self, request: Withdraw) -> None:
        """Send a cancel request."""
        self._exchange.submit(
            CancelOrder(request.owner, 0, request.name, request.orig, request.symbol, _SIDES[request.side])
        )

    # --- as a Listener ----------------------------------------------------------------------------------------

    def on_reports(self, reports: list[Outgoing], now_ns: int) -> None:
        """Tell agents what came of their orders."""
        owners = self.agents.owners
        for report in reports:
            if report.owner not in owners:
                continue
            if isinstance(report, Execution):
                if report.exec_type == _TRADE:
                    self.agents.on_fill(report.owner, report.cl_ord_id, report.last_qty or 0)
                elif report.exec_type == _BUST:
                    self.agents.on_bust(report.owner, 1 if report.side == "1" else -1, report.last_qty or 0)
                elif report.exec_type in _GONE:
                    self.agents.on_gone(report.owner, report.orig_cl_ord_id or report.cl_ord_id)
            elif isinstance(report, CancelReject):
                self.agents.on_gone(report.owner, report.orig_cl_ord_id)

    # --- inside -----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        due = self.agents.next_ns
        if due is not None and not self._exchange.closing:
            wait = max(0, due - clock.now().wall_ns) / _SECOND
            self._timer = asyncio.get_running_loop().call_later(min(wait, 1.0), self._act)

    def _act(self) -> None:
        self._timer = None
        self.agents.poll(clock.now().wall_ns)
        if self._placed >= _FORGOTTEN:
            self._placed = 0
            self._exchange.do(NewDay(tuple(sorted(self.agents.owners))))
        self._wake()
