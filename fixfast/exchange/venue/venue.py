"""The exchange without FIX, sockets or a clock: commands go in with their time, reports come out.

Everything that can happen is a command of fixfast/exchange/venue/commands.py. The same commands give the same reports,
so a journal of commands is all that an exchange needs to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixfast.errors import LocalProtocolError
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.outcome import Event, Phase
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.commands import (
    BustTrade,
    CancelOrders,
    Command,
    CorrectTrade,
    NewDay,
    RefuseRequest,
    RestateOrder,
    SessionEpoch,
    SetPhase,
    Tick,
)
from fixfast.exchange.venue.entry import Entry
from fixfast.exchange.venue.listing import Listing
from fixfast.exchange.venue.reasons import MASS_REASONS, ORDER_REASONS
from fixfast.exchange.venue.reports import Execution, MassCancelReport, Outgoing
from fixfast.exchange.venue.requests import (
    CancelOrder,
    MassCancel,
    MassStatus,
    NewOrder,
    OrderStatus,
    ReplaceOrder,
)

__all__ = ["Changes", "Market", "Publish", "Venue"]

_GOOD_TILL = frozenset("16")  # TimeInForce(59): cancel, a date
_RENEWED = 1  # ExecRestatementReason(378): a good-till order begins another day (E4.14)
#: what changes something; a question needs no record
_FROM_CLIENTS = frozenset((NewOrder, CancelOrder, ReplaceOrder, MassCancel))
#: levels that changed: (side, price, shown quantity, orders)
Changes = list[tuple[int, int, int, int]]


class Market:
    """One instrument and its book."""

    __slots__ = ("book", "listing")

    def __init__(self, listing: Listing, book: Matching) -> None:
        self.listing = listing
        self.book = book


Publish = Callable[[Market, list[Event], int], object]


class Venue(Entry):
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
            markets[one.symbol] = Market(listing, Matching(listing.instrument, one.self_trade))
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
            BustTrade: self._bust,
            CorrectTrade: self._correct,
            Tick: self._tick,
            NewDay: self._new_day,
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
        return bool(self._open(owner=owner))

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
                kept for kept in self._open(owner=request.owner, symbol=symbol) if request.side in (None, kept.side)
            ]
        self.reports += 1
        head = MassCancelReport(
            request.owner, f"{self.config.order_id_prefix}M{self.reports}", request.cl_ord_id, request.kind,
            request.symbol, request.side, len(found), reason, now_ns,
        )  # fmt: skip
        return [head, *self._cancel_all(found, now_ns)]

    # --- operators -----------------------------------------------------------------------------------------

    def _refuse(self, command: RefuseRequest, now_ns: int) -> list[Outgoing]:
        return self.refuse(command.request, command.reason, now_ns)

    def _set_phase(self, command: SetPhase, now_ns: int) -> list[Outgoing]:
        try:
            phase = Phase(command.phase)
        except ValueError:
            allowed = ", ".join(f'"{one}"' for one in Phase)
            raise LocalProtocolError(f"no phase {command.phase!r}: {allowed}") from None
        markets = self.markets.values() if command.symbol is None else [self.market(command.symbol)]
        reports: list[Outgoing] = []
        for market in markets:
            before = market.book.phase
            reports += self.after(market, market.book.set_phase(phase, now_ns), now_ns)
            if self.config.done_for_day and Phase.CLOSED in (before, phase) and before is not phase:
                reports += self._end_or_begin_day(market, now_ns, closed=phase is Phase.CLOSED)
        return reports

    def _end_or_begin_day(self, market: Market, now_ns: int, *, closed: bool) -> list[Outgoing]:
        """Tell the owners of orders that outlive the day, when it ends and when the next one begins (E4.14)."""
        reports: list[Outgoing] = []
        for kept in self._open(symbol=market.listing.symbol):
            kept.done_for_day = closed
            kind, restated = ("3", None) if closed else ("D", _RENEWED)
            reports.append(self.telling.execution(kept, market.listing, kind, now_ns, restated=restated))
        return reports

    def _cancel_orders(self, command: CancelOrders, now_ns: int) -> list[Outgoing]:
        if command.symbol is not None:
            self.market(command.symbol)
        if command.order_id is not None:
            found = [self._by_order_id(command.order_id)]
        else:
            found = self._open(owner=command.owner, symbol=command.symbol)
        return self._cancel_all([kept for kept in found if kept.active], now_ns, command.restated, command.text)

    def _restate(self, command: RestateOrder, now_ns: int) -> list[Outgoing]:
        kept = self._by_order_id(command.order_id)
        market = self.markets[kept.symbol]
        listing = market.listing
        qty = kept.qty if command.qty is None else listing.qty(command.qty)
        price = kept.price if command.price is None else listing.price(command.price)
        events = market.book.replace(kept.number, qty, price, kept.stop_px, kept.display, now_ns)
        self.must(events, kept.number)
        reports = self.after(market, events, now_ns)
        return [
            one._replace(restated=command.restated, text=command.text or None)
            if isinstance(one, Execution) and one.exec_type == "D"
            else one
            for one in reports
        ]

    def _bust(self, command: BustTrade, now_ns: int) -> list[Outgoing]:
        market = self.market(command.symbol)
        events = market.book.bust(command.trade_id, now_ns)
        self.must(events, command.trade_id)
        return self.after(market, events, now_ns)

    def _correct(self, command: CorrectTrade, now_ns: int) -> list[Outgoing]:
        """Correct both sides of a trade. The book has forgotten it: only records and reports change."""
        listing = self.market(command.symbol).listing
        price = listing.price(command.price)
        reports: list[Outgoing] = []
        for kept in self.telling.orders.values():
            if kept.symbol != command.symbol:
                continue
            for n, (exec_id, trade_id, qty, px) in enumerate(kept.trades):
                if trade_id == command.trade_id:
                    kept.notional += qty * (price - px)
                    report = self.telling.execution(
                        kept, listing, "G", now_ns, last=(qty, price), ref=exec_id,
                        text=command.text or None, trade_id=f"{self.telling.prefix}T{listing.index}.{trade_id}",
                    )  # fmt: skip
                    corrected = (report.exec_id, trade_id, qty, price)
                    kept.trades = (*kept.trades[:n], corrected, *kept.trades[n + 1 :])
                    reports.append(report)
                    break
        if not reports:
            raise LocalProtocolError(f"{command.symbol} has no trade {command.trade_id}, or it was busted")
        return reports

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

    def _new_day(self, command: NewDay, now_ns: int) -> list[Outgoing]:
        telling, owners = self.telling, frozenset(command.owners)
        reports: list[Outgoing] = []
        renews = not (owners or self.config.done_for_day)  # with that option the opening does it
        for number, kept in list(telling.orders.items()):
            if not kept.active and number not in self.pending and (not owners or kept.owner in owners):
                del telling.orders[number]
                for name in kept.names:
                    telling.names.pop((kept.owner, name), None)
            elif renews and kept.active and kept.time_in_force in _GOOD_TILL:
                listing = self.markets[kept.symbol].listing
                reports.append(telling.execution(kept, listing, "D", now_ns, restated=_RENEWED))
        return reports

    def _session_epoch(self, command: SessionEpoch, now_ns: int) -> list[Outgoing]:
        self.epochs[command.owner] = command.epoch
        self.last_seq[command.owner] = 0
        return []

    # --- inside --------------------------------------------------------------------------------------------

    def market(self, symbol: str) -> Market:
        """Return the market of a symbol. Raises: LocalProtocolError: there is none."""
        market: Market | None = self.markets.get(symbol)
        if market is None:
            raise LocalProtocolError(f"no instrument {symbol!r}: {', '.join(self.markets)}")
        return market

    def _by_order_id(self, order_id: str) -> Kept:
        kept = self.by_order_id(order_id)
        if kept is None:
            raise LocalProtocolError(f"no order {order_id!r}")
        return kept

    def _open(self, *, owner: str | None = None, symbol: str | None = None) -> list[Kept]:
        """Return open orders, oldest first."""
        orders = self.telling.orders
        books = self.markets.values() if symbol is None else [self.market(symbol)]
        numbers = sorted(one.order_id for market in books for one in market.book.open_orders())
        return [kept for number in numbers if owner in (None, (kept := orders[number]).owner)]

    def _cancel_all(
        self, found: list[Kept], now_ns: int, restated: int | None = None, text: str = ""
    ) -> list[Outgoing]:
        reports: list[Outgoing] = []
        for kept in found:
            market = self.markets[kept.symbol]
            for one in self.after(market, market.book.cancel(kept.number, now_ns), now_ns):
                if isinstance(one, Execution) and one.order_id == kept.order_id and one.exec_type == "4":
                    one = one._replace(restated=restated, text=text or one.text)
                reports.append(one)
        return reports
