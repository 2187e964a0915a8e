"""New orders, cancels and replaces: judged, refused with the reason a venue gives, or handed to the book."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fixfast.errors import LocalProtocolError
from fixfast.exchange.config import AccountConfig, ExchangeConfig, scaled
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.outcome import Event, Refused
from fixfast.exchange.matching.outcome import Refusal as BookRefusal
from fixfast.exchange.venue.book_keeping import Kept, Pending
from fixfast.exchange.venue.reasons import CANCEL_REASONS, MASS_REASONS, ORDER_REASONS, Reason, Refusal
from fixfast.exchange.venue.reports import CancelReject, Execution, MassCancelReport, Outgoing, comp_id_of
from fixfast.exchange.venue.requests import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from fixfast.exchange.venue.telling import Telling

if TYPE_CHECKING:
    from fixfast.exchange.venue.venue import Market

__all__ = ["Entry"]

_BUY = frozenset("1")
_SELL = frozenset(("2", "5"))  # Sell, Sell Short
_SIDES = _BUY | _SELL
_TYPES = frozenset("1234")
_SECOND = 1_000_000_000

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
}


class Entry:
    """The half of a Venue that deals with what clients send."""

    def __init__(
        self,
        config: ExchangeConfig,
        markets: dict[str, Market],
        publish: Callable[[Market, list[Event], int], object] | None,
    ) -> None:
        self.config = config
        self.markets = markets
        self.publish = publish
        self.telling = Telling(config.order_id_prefix)
        self.now_ns = 0
        self.numbers = 0  # of orders
        self.reports = 0  # of mass cancels
        self.pending: dict[int, Pending] = {}
        self.waits = False  # for a time: an order expires, a request is pending
        self.last_seq: dict[str, int] = {}  # owner -> MsgSeqNum of its last request, in its epoch
        self.epochs: dict[str, int] = {}  # owner -> epoch of its numbers
        self._pending_ns = int(config.pending_time * _SECOND)
        self._stale_ns = None if config.stale_after is None else int(config.stale_after * _SECOND)
        self._owners: dict[str, str] = {}  # owner -> its CompID
        self._accounts: dict[str, dict[str, AccountConfig]] = {}
        for account in config.accounts:
            self._accounts.setdefault(account.owner, {})[account.name] = account
        self._silent = frozenset(one.comp_id for one in config.participants if one.drop_copy_of)

    # --- D -------------------------------------------------------------------------------------------------

    def new_order(self, request: NewOrder, now_ns: int) -> list[Outgoing]:
        """Take a NewOrderSingle, or refuse it: then the book is as it was."""
        telling = self.telling
        key = request.owner, request.cl_ord_id
        known = telling.names.get(key)
        if known is not None:
            if request.poss_resend:
                return [self.status_of(known, now_ns, request.cl_ord_id)]
            return self.refuse(request, "duplicate", now_ns)
        market = self.markets.get(request.symbol)
        owner = self._owners.get(request.owner)
        if owner is None:
            owner = self._owners[request.owner] = comp_id_of(request.owner)
        try:
            if market is None:
                raise Refusal(ORDER_REASONS["unknown_symbol"])
            kept = self._judged(request, market, now_ns)
        except Refusal as refusal:
            return [self._rejected(request, refusal.reason, refusal.text, now_ns)]
        self.numbers = kept.number
        side = 1 if kept.side in _BUY else -1
        book = BookOrder(
            kept.number, owner, kept.account or "", side, kept.ord_type, kept.time_in_force, kept.qty,
            kept.price, kept.stop_px, kept.display, kept.post_only, kept.min_qty, kept.expire_ns,
        )  # fmt: skip
        telling.orders[kept.number] = kept
        telling.names[key] = kept
        events = market.book.submit(book, now_ns)
        last = events[-1]
        if type(last) is Refused:
            del telling.orders[kept.number], telling.names[key]
            reports = self.after(market, events[:-1], now_ns) if len(events) > 1 else []
            reason = ORDER_REASONS[_BOOK_REASONS[last.reason]]
            reports.append(self._rejected(request, reason, _sentence(last.reason), now_ns))
            return reports
        if not self.config.pending_replies:
            return self.after(market, events, now_ns)
        first = telling.execution(kept, market.listing, "A", now_ns)
        return [first, *self.after(market, events, now_ns)]

    def _judged(self, request: NewOrder, market: Market, now_ns: int) -> Kept:
        """Return the record of a new order.

        Raises: Refusal: it cannot be one.
        """
        # PERF: all fields at once: one by one their names cost more than all that is done with them
        (
            owner, _, cl_ord_id, account, symbol, side, asked_qty, ord_type, asked_price, asked_stop, tif, post_only,
            min_qty, display, expire_ns, sent, _, bad,
        ) = request  # fmt: skip
        listing = market.listing
        if self._silent and comp_id_of(owner) in self._silent:
            raise Refusal(ORDER_REASONS["option"], "A drop copy session sends no orders")
        if bad:
            tag, _, value = bad.partition("=")
            name = "quantity" if tag in ("38", "110", "111", "1138") else "price"
            raise Refusal(
                ORDER_REASONS[name], f"{value} has more decimals or digits than this exchange has (tag {tag})"
            )
        if side not in _SIDES:
            raise Refusal(ORDER_REASONS["unsupported"], "Side is not supported")
        if ord_type not in _TYPES:
            raise Refusal(ORDER_REASONS["unsupported"], "OrdType is not supported")
        if asked_qty is None:
            raise Refusal(ORDER_REASONS["quantity"], "OrderQty is missing")
        if self._stale_ns is not None and sent is not None and now_ns - sent > self._stale_ns:
            raise Refusal(ORDER_REASONS["stale"])
        qty = listing.qty(asked_qty)
        price = None if asked_price is None else listing.price(asked_price)
        stop_px = None if asked_stop is None else listing.price(asked_stop, "StopPx")
        if self._accounts:
            account = self._account(comp_id_of(owner), account, asked_qty, price, qty, market)
        number = self.numbers + 1
        order_id = f"{self.telling.prefix}O{number}"
        kept = Kept(number, order_id, owner, cl_ord_id, account, symbol, side, qty, ord_type, price, stop_px, tif)
        if display is not None:
            kept.display = listing.qty(display, "the shown quantity")
        if min_qty:
            kept.min_qty = listing.qty(min_qty, "MinQty")
        kept.post_only = post_only
        kept.expire_ns = expire_ns
        self.waits = self.waits or expire_ns is not None
        return kept

    def _account(
        self, comp_id: str, name: str | None, qty: int, price: int | None, units: int, market: Market
    ) -> str | None:
        """Return the account an order is for, which it may name or not.

        Raises: Refusal: it is not its sender's, or its limits do not allow the order.
        """
        accounts = self._accounts.get(comp_id)
        if accounts is None:
            return name
        if name is None and len(accounts) == 1:
            name = next(iter(accounts))
        account = accounts.get(name or "")
        if account is None:
            raise Refusal(ORDER_REASONS["account"])
        limit = ORDER_REASONS["limit"]
        if account.max_order_qty is not None and qty > scaled("max_order_qty", account.max_order_qty):
            raise Refusal(limit, f"OrderQty must be at most {account.max_order_qty} for account {name}")
        if account.max_order_notional is not None:
            at = price if price is not None else market.book.last_px or market.book.reference
            most = scaled("max_order_notional", account.max_order_notional)
            if at is not None and market.listing.notional(units, abs(at)) > most:
                raise Refusal(limit, f"the order's value must be at most {account.max_order_notional}")
        if account.max_open_orders is not None and self.telling.open[account.name] >= account.max_open_orders:
            raise Refusal(limit, f"account {name} may have {account.max_open_orders} open orders")
        return name

    # --- F and G -------------------------------------------------------------------------------------------

    def cancel(self, request: CancelOrder, now_ns: int) -> list[Outgoing]:
        """Take an OrderCancelRequest, or refuse it."""
        try:
            kept = self._target(request)
        except Refusal as refusal:
            return self._not_cancelled(request, refusal, now_ns)
        if self._again(request, kept):
            return [self.status_of(kept, now_ns, request.cl_ord_id)]
        return self._begin(kept, request, "6", now_ns)

    def replace(self, request: ReplaceOrder, now_ns: int) -> list[Outgoing]:
        """Take an OrderCancelReplaceRequest, or refuse it: then order and book are as they were."""
        try:
            kept = self._target(request)
            if not self._again(request, kept):
                self._new_values(kept, request)
        except Refusal as refusal:
            return self._not_cancelled(request, refusal, now_ns)
        if self._again(request, kept):
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
            qty, price, stop_px, display = self._new_values(kept, request)
            events = market.book.replace(kept.number, qty, price, stop_px, display, now_ns)
        refused = next((one for one in events if type(one) is Refused), None)
        reports = self.after(market, events, now_ns)
        self.telling.asked(None)
        if refused is not None:
            name = _BOOK_REASONS[refused.reason]
            reason = CANCEL_REASONS.get(name, CANCEL_REASONS["other"])
            reports += self._not_cancelled(request, Refusal(reason, _sentence(refused.reason)), now_ns)
        return reports

    def _target(self, request: CancelOrder | ReplaceOrder) -> Kept:
        """Return the order that a cancel or replace is for.

        Raises: Refusal: there is none, or it cannot be changed.
        """
        kept = self.find(request.owner, request.orig_cl_ord_id, request.order_id)
        if kept is None:
            raise Refusal(CANCEL_REASONS["unknown_order"])
        if self._again(request, kept):
            return kept
        if (request.owner, request.cl_ord_id) in self.telling.names:
            raise Refusal(CANCEL_REASONS["duplicate"])
        if kept.pending is not None:
            raise Refusal(CANCEL_REASONS["pending"])
        if not kept.active:
            raise Refusal(CANCEL_REASONS["too_late"])
        if request.orig_cl_ord_id and request.orig_cl_ord_id != kept.cl_ord_id:
            text = f"OrigClOrdID is not the last one of this order, {kept.cl_ord_id}"
            raise Refusal(CANCEL_REASONS["unknown_order"], text)
        if request.symbol not in (None, kept.symbol) or request.side not in (None, kept.side):
            raise Refusal(CANCEL_REASONS["unknown_order"], "Symbol or Side is not that of the order")
        return kept

    def _again(self, request: CancelOrder | ReplaceOrder, kept: Kept) -> bool:
        """Whether a request came before, and its sender does not know whether it did (S13)."""
        return request.poss_resend and request.cl_ord_id in kept.names

    def _new_values(self, kept: Kept, request: ReplaceOrder) -> tuple[int, int | None, int | None, int | None]:
        """Return quantity, price, stop price and shown quantity that a replace asks for.

        Raises: Refusal.
        """
        if request.bad:
            raise Refusal(CANCEL_REASONS["other"], f"{request.bad} cannot be read as a number of this exchange")
        if request.ord_type not in (None, kept.ord_type):
            raise Refusal(CANCEL_REASONS["other"], "OrdType cannot be replaced")
        if request.time_in_force not in (None, kept.time_in_force):
            raise Refusal(CANCEL_REASONS["other"], "TimeInForce cannot be replaced")
        listing = self.markets[kept.symbol].listing
        try:
            qty = kept.qty if request.qty is None else listing.qty(request.qty)
            price = kept.price if request.price is None else listing.price(request.price)
            stop_px = kept.stop_px if request.stop_px is None else listing.price(request.stop_px, "StopPx")
            display = None if request.display is None else listing.qty(request.display, "the shown quantity")
        except Refusal as refusal:
            raise Refusal(CANCEL_REASONS[refusal.reason.name], refusal.text) from None
        if display is None and kept.display is not None:
            display = min(kept.display, qty)
        account = self._accounts.get(comp_id_of(kept.owner), {}).get(kept.account or "")
        most = None if account is None else account.max_order_qty
        if most is not None and request.qty is not None and request.qty > scaled("max_order_qty", most):
            raise Refusal(CANCEL_REASONS["limit"])
        return qty, price, stop_px, display

    # --- reports -------------------------------------------------------------------------------------------

    def after(self, market: Market, events: list[Event], now_ns: int) -> list[Outgoing]:
        """Tell everybody what happened in a book."""
        if not events:
            return []
        if self.publish is not None:
            self.publish(market, events, now_ns)
        return self.telling.tell(events, market.listing, now_ns)

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

    # --- looking up ----------------------------------------------------------------------------------------

    def find(self, owner: str, cl_ord_id: str | None, order_id: str | None) -> Kept | None:
        """Return an owner's order by one of its ClOrdIDs, or by its OrderID."""
        if cl_ord_id:
            return self.telling.names.get((owner, cl_ord_id))
        kept = self.by_order_id(order_id or "")
        return kept if kept is not None and kept.owner == owner else None

    def by_order_id(self, order_id: str) -> Kept | None:
        """Return the order with an OrderID."""
        number = order_id.removeprefix(f"{self.telling.prefix}O")
        return self.telling.orders.get(int(number)) if number.isdecimal() and number.isascii() else None


def _shortest(*values: int | None) -> tuple[int, list[int | None]]:
    """Return numbers that count 10**-8 with no more decimals than they need, and how many these are."""
    scale = 8
    while scale and all(value is None or value % 10 ** (9 - scale) == 0 for value in values):
        scale -= 1
    return scale, [None if value is None else value // 10 ** (8 - scale) for value in values]


def _sentence(refusal: BookRefusal) -> str:
    """Return what Text(58) says."""
    return refusal.value[0].upper() + refusal.value[1:]
