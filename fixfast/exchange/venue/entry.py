"""New orders, cancels and replaces: judged, refused with the reason a venue gives, or handed to the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fixfast.errors import LocalProtocolError
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.outcome import Event, Phase, PhaseChanged, Refused
from fixfast.exchange.matching.outcome import Refusal as BookRefusal
from fixfast.exchange.venue.book_keeping import Kept, Pending
from fixfast.exchange.venue.judging import Judging
from fixfast.exchange.venue.market import Market
from fixfast.exchange.venue.reasons import CANCEL_REASONS, MASS_REASONS, ORDER_REASONS, Reason, Refusal
from fixfast.exchange.venue.reports import CancelReject, Execution, MassCancelReport, Outgoing, comp_id_of
from fixfast.exchange.venue.requests import CancelOrder, MassCancel, NewOrder, ReplaceOrder

__all__ = ["Entry"]

_BUY = "1"

#: what the book says -> the reason's name
_BOOK_REASONS: Mapping[BookRefusal, str] = {
    BookRefusal.UNKNOWN_ORDER: "too_late",
    BookRefusal.BAD_SIDE: "unsupported",
    BookRefusal.BAD_TYPE: "unsupported",
    BookRefusal.BAD_TIF: "unsupported",
    BookRefusal.BAD_QTY: "quantity",
    BookRefusal.OFF_LOT: "quantity",
    BookRefusal.TOO_LARGE: "limit",
    BookRefusal.BAD_PRICE: "price",
    BookRefusal.OFF_TICK: "tick",
    BookRefusal.BAD_STOP: "price",
    BookRefusal.BAD_DISPLAY: "quantity",
    BookRefusal.BAD_MIN_QTY: "quantity",
    BookRefusal.BAD_POST_ONLY: "unsupported",
    BookRefusal.BAD_EXPIRE: "unsupported",
    BookRefusal.EXPIRED: "too_late",
    BookRefusal.PRICE_BAND: "band",
    BookRefusal.WOULD_TAKE: "other",
    BookRefusal.BELOW_FILLED: "quantity",
    BookRefusal.NOT_CONTINUOUS: "unsupported",
    BookRefusal.TOO_LATE: "too_late",
    BookRefusal.HALTED: "closed",
    BookRefusal.CLOSED: "closed",
    BookRefusal.NOT_RESTING: "unsupported",
}


class Entry(Judging):
    """The half of a Venue that deals with what clients send."""

    # --- D -------------------------------------------------------------------------------------------------

    def new_order(self, request: NewOrder, now_ns: int) -> list[Outgoing]:
        """Take a NewOrderSingle, or refuse it: then the book is as it was."""
        telling = self.telling
        key = request.owner, request.cl_ord_id
        known = telling.names.get(key)
        if known is not None or (telling.spent and key[1] in telling.spent.get(key[0], ())):
            if request.poss_resend and known is not None:
                return [self.status_of(known, now_ns, request.cl_ord_id)]
            return self.refuse(request, "duplicate", now_ns)
        market = self.markets.get(request.symbol)
        owner = self._owners.get(request.owner)
        if owner is None:
            owner = self._owners[request.owner] = comp_id_of(request.owner)
        try:
            if market is None:
                raise Refusal(ORDER_REASONS["unknown_symbol"])
            kept = self.judged(request, market, now_ns)
        except Refusal as refusal:
            return [self._rejected(request, refusal.reason, refusal.text, now_ns)]
        self.numbers = kept.number
        side = 1 if kept.side == _BUY else -1
        book = BookOrder(
            kept.number, owner, kept.account or "", side, kept.ord_type, kept.time_in_force, kept.qty,
            kept.price, kept.stop_px, kept.display, kept.post_only, kept.min_qty, kept.expire_ns,
        )  # fmt: skip
        orders = telling.orders
        orders[kept.number] = kept
        telling.names[key] = kept
        if self._remembered is not None and len(orders) > telling.full:
            telling.thin_out(self._remembered, self.pending)
        events = market.book.submit(book, now_ns)
        last = events[-1]
        if type(last) is Refused:
            del orders[kept.number], telling.names[key]
            reports = self.after(market, events[:-1], now_ns) if len(events) > 1 else []
            reason = ORDER_REASONS[_BOOK_REASONS[last.reason]]
            reports.append(self._rejected(request, reason, _sentence(last.reason), now_ns))
            return reports
        if not self.config.pending_replies:
            return self.after(market, events, now_ns)
        first = telling.execution(kept, market.listing, "A", now_ns)
        return [first, *self.after(market, events, now_ns)]

    # --- F and G -------------------------------------------------------------------------------------------

    def cancel(self, request: CancelOrder, now_ns: int) -> list[Outgoing]:
        """Take an OrderCancelRequest, or refuse it."""
        try:
            kept = self.target(request)
        except Refusal as refusal:
            return self._not_cancelled(request, refusal, now_ns)
        if self.again(request, kept):
            return [self.status_of(kept, now_ns, request.cl_ord_id)]
        return self._begin(kept, request, "6", now_ns)

    def replace(self, request: ReplaceOrder, now_ns: int) -> list[Outgoing]:
        """Take an OrderCancelReplaceRequest, or refuse it: then order and book are as they were."""
        try:
            kept = self.target(request)
            if not self.again(request, kept):
                self.new_values(kept, request)
        except Refusal as refusal:
            return self._not_cancelled(request, refusal, now_ns)
        if self.again(request, kept):
            return [self.status_of(kept, now_ns, request.cl_ord_id)]
        return self._begin(kept, request, "E", now_ns)

    def decide(self, kept: Kept, now_ns: int) -> list[Outgoing]:
        """Do what a pending request asks for, whose time has come."""
        pending = self.pending.pop(kept.number)
        kept.pending = None
        if kept.active:
            return self._do(kept, pending.request, now_ns)
        return self._not_cancelled(pending.request, Refusal(CANCEL_REASONS["too_late"]), now_ns)

    def _begin(self, kept: Kept, request: CancelOrder | ReplaceOrder, status: str, now_ns: int) -> list[Outgoing]:
        telling = self.telling
        telling.names[request.owner, request.cl_ord_id] = kept
        kept.names += (request.cl_ord_id,)
        if not self._pending_ns and not self.config.pending_replies:
            return self._do(kept, request, now_ns)
        pending = kept.pending = Pending(status, request, now_ns + self._pending_ns)
        reports: list[Outgoing] = []
        if self.config.pending_replies:
            listing = self.markets[kept.symbol].listing
            reports.append(
                telling.execution(
                    kept, listing, status, now_ns, cl_ord_id=request.cl_ord_id, orig_cl_ord_id=kept.cl_ord_id
                )
            )
        self.pending[kept.number] = pending
        self.waits = True
        if not self._pending_ns:
            reports += self.decide(kept, now_ns)
        return reports

    def _do(self, kept: Kept, request: CancelOrder | ReplaceOrder, now_ns: int) -> list[Outgoing]:
        market = self.markets[kept.symbol]
        self.telling.asked(kept, request.cl_ord_id, kept.cl_ord_id)
        if isinstance(request, CancelOrder):
            events = market.book.cancel(kept.number, now_ns)
        else:
            qty, price, stop_px, display = self.new_values(kept, request)
            events = market.book.replace(kept.number, qty, price, stop_px, display, now_ns)
        refused = next((one for one in events if type(one) is Refused), None)
        reports = self.after(market, events, now_ns)
        self.telling.asked(None)
        if refused is not None:
            name = _BOOK_REASONS[refused.reason]
            reason = CANCEL_REASONS.get(name, CANCEL_REASONS["other"])
            reports += self._not_cancelled(request, Refusal(reason, _sentence(refused.reason)), now_ns)
        return reports

    # --- reports -------------------------------------------------------------------------------------------

    def after(self, market: Market, events: list[Event], now_ns: int) -> list[Outgoing]:
        """Tell everybody what happened in a book."""
        if not events:
            return []
        if self.publish is not None:
            self.publish(market, events, now_ns)
        reports = self.telling.tell(events, market.listing, now_ns)
        if market.suspends and market.book.phase is Phase.HALTED and any(type(one) is PhaseChanged for one in events):
            reports += self._suspend(market, now_ns)
        return reports

    def _suspend(self, market: Market, now_ns: int) -> list[Outgoing]:
        """Suspend the orders of a market that was halted. What is guaranteed stays so."""
        found = [kept for kept in self.open_orders(symbol=market.listing.symbol) if not kept.mark]
        for kept in found:
            kept.mark = "9"
        return [self.telling.execution(kept, market.listing, "9", now_ns) for kept in found]

    def must(self, events: Iterable[Event], ref: int) -> None:
        """Raise LocalProtocolError where an operator's command was refused."""
        for event in events:
            if isinstance(event, Refused) and event.ref == ref:
                raise LocalProtocolError(f"refused: {event.reason.value}")

    def refuse(self, request: Any, name: str, now_ns: int) -> list[Outgoing]:
        """Refuse a request for a reason given by name."""
        if isinstance(request, NewOrder):
            reason = ORDER_REASONS[name]
            return [self._rejected(request, reason, reason.text, now_ns)]
        if isinstance(request, MassCancel):
            self.reports += 1
            report_id = f"{self.config.order_id_prefix}M{self.reports}"
            kind = request.kind, request.symbol, request.side
            return [MassCancelReport(request.owner, report_id, request.cl_ord_id, *kind, 0, MASS_REASONS[name], now_ns)]
        return self._not_cancelled(request, Refusal(CANCEL_REASONS[name]), now_ns)

    def _rejected(self, request: NewOrder, reason: Reason, text: str, now_ns: int) -> Execution:
        report = self.nothing(
            request.owner, request.cl_ord_id, request.symbol, request.side, now_ns, reason=reason, text=text
        )
        qty_scale, (qty,) = _shortest(request.qty)
        price_scale, (price, stop_px) = _shortest(request.price, request.stop_px)
        return report._replace(
            qty_scale=qty_scale, price_scale=price_scale, qty=qty, price=price, stop_px=stop_px,
            ord_type=request.ord_type, time_in_force=request.time_in_force, account=request.account,
        )  # fmt: skip

    def nothing(
        self,
        owner: str,
        cl_ord_id: str,
        symbol: str,
        side: str,
        now_ns: int,
        *,
        reason: Reason,
        text: str,
        exec_type: str = "8",
        exec_id: str | None = None,
        extra: tuple[tuple[int, Any], ...] = (),
    ) -> Execution:
        """Return a report of an order that there is not."""
        if exec_id is None:
            self.telling.executions += 1
            exec_id = f"{self.telling.prefix}E{self.telling.executions}"
        return Execution(
            owner, exec_id, exec_type, "8", "NONE", cl_ord_id, None, symbol, side, 0, 0, None, None, None, None, None,
            0, 0, 0, now_ns, reason=reason, text=text, extra=extra,
        )  # fmt: skip

    def status_of(
        self, kept: Kept, now_ns: int, cl_ord_id: str | None = None, extra: tuple[tuple[int, Any], ...] = ()
    ) -> Execution:
        """Return how an order stands. ExecID is 0: nothing was executed."""
        pending = kept.pending
        name = pending.request.cl_ord_id if pending is not None else kept.cl_ord_id
        return self.telling.execution(
            kept, self.markets[kept.symbol].listing, "I", now_ns, exec_id="0", cl_ord_id=name,
            orig_cl_ord_id=kept.cl_ord_id if name != kept.cl_ord_id else None,
            extra=extra,
        )  # fmt: skip

    def _not_cancelled(self, request: CancelOrder | ReplaceOrder, refusal: Refusal, now_ns: int) -> list[Outgoing]:
        kept = self.find(request.owner, request.orig_cl_ord_id, request.order_id)
        return [
            CancelReject(
                request.owner,
                "NONE" if kept is None else kept.order_id,
                request.cl_ord_id,
                request.orig_cl_ord_id or ("NONE" if kept is None else kept.cl_ord_id),
                "8" if kept is None else kept.shown_status,
                "1" if isinstance(request, CancelOrder) else "2",
                refusal.reason,
                refusal.text,
                None if kept is None else kept.account,
                now_ns,
            )
        ]


def _shortest(*values: int | None) -> tuple[int, list[int | None]]:
    """Return numbers that count 10**-8 with no more decimals than they need, and how many these are."""
    scale = 8
    while scale and all(value is None or value % 10 ** (9 - scale) == 0 for value in values):
        scale -= 1
    return scale, [None if value is None else value // 10 ** (8 - scale) for value in values]


def _sentence(refusal: BookRefusal) -> str:
    """Return what Text(58) says."""
    return refusal.value[0].upper() + refusal.value[1:]
