"""The exchange without FIX, sockets or a clock: commands go in with their time, reports come out.

Everything that can happen is a command of fixfast/exchange/venue/commands.py. The same commands give the same reports,
so a journal of commands is all that an exchange needs to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.commands import (
    BustTrade,
    CancelOrders,
    Command,
    CorrectTrade,
    EndDay,
    NewDay,
    RefuseRequest,
    ReinstateOrder,
    RestateOrder,
    SessionEpoch,
    SetPhase,
    StopOrder,
    Tick,
)
from fixfast.exchange.venue.listing import Listing
from fixfast.exchange.venue.market import Market, Publish
from fixfast.exchange.venue.operating import Operating
from fixfast.exchange.venue.reasons import MASS_REASONS, ORDER_REASONS
from fixfast.exchange.venue.reports import MassCancelReport, Outgoing
from fixfast.exchange.venue.requests import (
    CancelOrder,
    MassCancel,
    MassStatus,
    NewOrder,
    OrderStatus,
    ReplaceOrder,
)

__all__ = ["Venue"]

#: what changes something; a question needs no record
_FROM_CLIENTS = frozenset((NewOrder, CancelOrder, ReplaceOrder, MassCancel))


class Venue(Operating):
    """Takes commands, one at a time.

    Args: config: what there is.

    Attributes:
        markets: Symbol(55) -> Market.
        publish: called with the market, the events and the time of every command that had an effect on a book, before
            the reports are returned.
    """

    def __init__(self, config: ExchangeConfig, publish: Publish | None = None) -> None:
        below = config.replace_below_filled == "fill"
        markets = {}
        for index, one in enumerate(config.instruments):
            listing = Listing(one, index, fill_on_replace_below=below)
            own = one.suspend_on_halt
            suspends = config.suspend_on_halt if own is None else own
            book = Matching(listing.instrument, one.self_trade)
            markets[one.symbol] = Market(listing, book, suspends=suspends)
        super().__init__(config, markets, publish)
        self._handlers: dict[type, Callable[[Any, int], list[Outgoing]]] = {
            NewOrder: self.new_order,
            CancelOrder: self.cancel,
            ReplaceOrder: self.replace,
            OrderStatus: self._order_status,
            MassCancel: self._mass_cancel,
            MassStatus: self._mass_status,
            RefuseRequest: self._refuse,
            SetPhase: self._set_phase,
            CancelOrders: self._cancel_orders,
            RestateOrder: self._restate,
            StopOrder: self._stop,
            ReinstateOrder: self._reinstate,
            BustTrade: self._bust,
            CorrectTrade: self._correct,
            Tick: self._tick,
            NewDay: self._new_day,
            EndDay: self._end_day,
            SessionEpoch: self._session_epoch,
        }

    def apply(self, command: Command, now_ns: int) -> list[Outgoing]:
        """Do a command.

        Args: now_ns: ns since 1970; time does not go back: what is below the last one is taken for that.

        Returns: the reports, in the order in which they go out.

        Raises: LocalProtocolError: an operator's command names what there is not. Nothing has changed.
        """
        if now_ns > self.now_ns:
            self.now_ns = now_ns
        request: Any = command.request if type(command) is RefuseRequest else command
        if type(request) in _FROM_CLIENTS and request.seq:
            self.last_seq[request.owner] = request.seq
        return self._handlers[type(command)](command, self.now_ns)

    def next_due(self) -> int | None:
        """Return when a Tick should be done next, ns; None: nothing waits."""
        due = [pending.due_ns for pending in self.pending.values()]
        due += [at for market in self.markets.values() if (at := market.book.next_expiry()) is not None]
        self.waits = bool(due)
        return min(due, default=None)

    def has_open(self, owner: str) -> bool:
        """Tell whether an owner has open orders."""
        return bool(self.open_orders(owner=owner))

    # --- clients' questions --------------------------------------------------------------------------------

    def _order_status(self, request: OrderStatus, now_ns: int) -> list[Outgoing]:
        kept = self.find(request.owner, request.cl_ord_id, request.order_id)
        extra = () if request.req_id is None else ((790, request.req_id),)
        if kept is None:
            unknown = ORDER_REASONS["unknown_order"]
            return [
                self.nothing(
                    request.owner, request.cl_ord_id or "NONE", request.symbol or "NONE", request.side or "1", now_ns,
                    exec_type="I", exec_id="0", reason=unknown, text=unknown.text, extra=extra,
                )
            ]  # fmt: skip
        return [self.status_of(kept, now_ns, request.cl_ord_id, extra)]

    def _mass_status(self, request: MassStatus, now_ns: int) -> list[Outgoing]:
        found = [
            kept
            for kept in self.telling.orders.values()
            if kept.owner == request.owner
            and kept.active
            and (request.kind == "7" or kept.symbol == request.symbol)
            and request.side in (None, kept.side)
        ]
        head = ((584, request.req_id), (911, len(found)))
        if request.kind not in ("1", "7") or not found:
            text = "No open orders" if request.kind in ("1", "7") else "MassStatusReqType is not supported"
            return [
                self.nothing(
                    request.owner, "NONE", request.symbol or "NONE", request.side or "1", now_ns, exec_type="I",
                    exec_id="0", reason=ORDER_REASONS["unknown_order"], text=text, extra=(*head, (912, True)),
                )
            ]  # fmt: skip
        return [self.status_of(kept, now_ns, None, (*head, (912, n == len(found)))) for n, kept in enumerate(found, 1)]

    def _mass_cancel(self, request: MassCancel, now_ns: int) -> list[Outgoing]:
        reason = None
        if request.kind not in ("1", "7"):
            reason = MASS_REASONS["unsupported"]
        elif request.kind == "1" and request.symbol not in self.markets:
            reason = MASS_REASONS["unknown_symbol"]
        found: list[Kept] = []
        if reason is None:
            symbol = request.symbol if request.kind == "1" else None
            found = [
                kept
                for kept in self.open_orders(owner=request.owner, symbol=symbol)
                if request.side in (None, kept.side)
            ]
        self.reports += 1
        head = MassCancelReport(
            request.owner, f"{self.config.order_id_prefix}M{self.reports}", request.cl_ord_id, request.kind,
            request.symbol, request.side, len(found), reason, now_ns,
        )  # fmt: skip
        return [head, *self._cancel_all(found, now_ns)]

    # --- time ----------------------------------------------------------------------------------------------

    def _tick(self, command: Tick, now_ns: int) -> list[Outgoing]:
        reports: list[Outgoing] = []
        for market in self.markets.values():
            due = market.book.next_expiry()
            if due is not None and due <= now_ns:
                reports += self.after(market, market.book.expire(now_ns), now_ns)
        for number, pending in list(self.pending.items()):
            if pending.due_ns <= now_ns:
                reports += self.decide(self.telling.orders[number], now_ns)
        return reports

    def _session_epoch(self, command: SessionEpoch, now_ns: int) -> list[Outgoing]:
        self.epochs[command.owner] = command.epoch
        self.last_seq[command.owner] = 0
        return []
