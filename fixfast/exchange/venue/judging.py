"""Whether a request can be: of a known order or not, within its account's limits, in the units of its instrument.

Nothing changes here. What the book has against an order, it says itself.
"""

from __future__ import annotations

from fixfast.exchange.config import AccountConfig, ExchangeConfig, scaled
from fixfast.exchange.venue.book_keeping import Kept, Pending
from fixfast.exchange.venue.market import Market, Publish
from fixfast.exchange.venue.reasons import CANCEL_REASONS, ORDER_REASONS, Refusal
from fixfast.exchange.venue.reports import comp_id_of
from fixfast.exchange.venue.requests import CancelOrder, NewOrder, ReplaceOrder
from fixfast.exchange.venue.telling import Telling

__all__ = ["Judging"]

_SIDES = frozenset(("1", "2", "5"))  # Buy, Sell, Sell Short
_TYPES = frozenset("1234")
_SECOND = 1_000_000_000


class Judging:
    """What a Venue remembers, and what it says to a request before anything is done."""

    def __init__(self, config: ExchangeConfig, markets: dict[str, Market], publish: Publish | None) -> None:
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
        self.day_ended_ns = 0  # when a day ended last; 0: none has
        self._remembered = config.remember_closed
        self._pending_ns = int(config.pending_time * _SECOND)
        self._stale_ns = None if config.stale_after is None else int(config.stale_after * _SECOND)
        self._owners: dict[str, str] = {}  # owner -> its CompID
        self._accounts: dict[str, dict[str, AccountConfig]] = {}
        for account in config.accounts:
            self._accounts.setdefault(account.owner, {})[account.name] = account
        self._silent = frozenset(one.comp_id for one in config.participants if one.drop_copy_of)

    # --- new orders -----------------------------------------------------------------------------------------

    def judged(self, request: NewOrder, market: Market, now_ns: int) -> Kept:
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

    # --- cancels and replaces -------------------------------------------------------------------------------

    def target(self, request: CancelOrder | ReplaceOrder) -> Kept:
        """Return the order that a cancel or replace is for.

        Raises: Refusal: there is none, or it cannot be changed.
        """
        kept = self.find(request.owner, request.orig_cl_ord_id, request.order_id)
        if kept is None:
            raise Refusal(CANCEL_REASONS["unknown_order"])
        if self.again(request, kept):
            return kept
        spent = self.telling.spent.get(request.owner, ())
        if (request.owner, request.cl_ord_id) in self.telling.names or request.cl_ord_id in spent:
            raise Refusal(CANCEL_REASONS["duplicate"])
        if kept.pending is not None:
            raise Refusal(CANCEL_REASONS["pending"])
        if not kept.active:
            raise Refusal(CANCEL_REASONS["too_late"])
        strict = self.config.earlier_orig == "reject"
        if strict and request.orig_cl_ord_id and request.orig_cl_ord_id != kept.cl_ord_id:
            text = f"OrigClOrdID is not the last one of this order, {kept.cl_ord_id}"
            raise Refusal(CANCEL_REASONS["unknown_order"], text)
        if request.symbol not in (None, kept.symbol) or request.side not in (None, kept.side):
            raise Refusal(CANCEL_REASONS["unknown_order"], "Symbol or Side is not that of the order")
        return kept

    def again(self, request: CancelOrder | ReplaceOrder, kept: Kept) -> bool:
        """Whether a request came before, and its sender does not know whether it did (S13)."""
        return request.poss_resend and request.cl_ord_id in kept.names

    def new_values(self, kept: Kept, request: ReplaceOrder) -> tuple[int, int | None, int | None, int | None]:
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

    def open_orders(self, *, owner: str | None = None, symbol: str | None = None) -> list[Kept]:
        """Return open orders, oldest first."""
        orders = self.telling.orders
        books = self.markets.values() if symbol is None else [self.markets[symbol]]
        numbers = sorted(one.order_id for market in books for one in market.book.open_orders())
        return [kept for number in numbers if owner in (None, (kept := orders[number]).owner)]
