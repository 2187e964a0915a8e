"""What operators do to orders and trades: cancel, restate, stop, reinstate, bust, correct."""

from __future__ import annotations

from fixfast.errors import LocalProtocolError
from fixfast.exchange.matching.book_order import STOPS, BookOrder
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.commands import (
    BustTrade,
    CancelOrders,
    CorrectTrade,
    RefuseRequest,
    ReinstateOrder,
    RestateOrder,
    StopOrder,
)
from fixfast.exchange.venue.day import Day
from fixfast.exchange.venue.reports import Execution, Outgoing, comp_id_of

__all__ = ["Operating"]


class Operating(Day):
    """A Venue that does what its operators say. LocalProtocolError: they name what there is not."""

    def _refuse(self, command: RefuseRequest, now_ns: int) -> list[Outgoing]:
        return self.refuse(command.request, command.reason, now_ns)

    def _cancel_orders(self, command: CancelOrders, now_ns: int) -> list[Outgoing]:
        if command.symbol is not None:
            self.market(command.symbol)
        if command.order_id is not None:
            found = [self._by_order_id(command.order_id)]
        else:
            found = self.open_orders(owner=command.owner, symbol=command.symbol)
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
        """Correct both sides of a trade: records, reports, and the tape; no order and no level changes."""
        market = self.market(command.symbol)
        listing = market.listing
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
        return reports + self.after(market, market.book.correct(command.trade_id, price), now_ns)

    def _stop(self, command: StopOrder, now_ns: int) -> list[Outgoing]:
        """Guarantee what is left of an order, at a price. The trade itself is somebody else's order."""
        kept = self._by_order_id(command.order_id)
        if not kept.active or kept.mark:
            raise LocalProtocolError(f"order {kept.order_id} is not working: OrdStatus {kept.shown_status}")
        listing = self.markets[kept.symbol].listing
        price = kept.price if command.price is None else listing.price(command.price)
        kept.mark = "7"
        last = (kept.leaves, price)
        return [self.telling.execution(kept, listing, "7", now_ns, last=last, text=command.text or None)]

    def _reinstate(self, command: ReinstateOrder, now_ns: int) -> list[Outgoing]:
        kept = self._by_order_id(command.order_id)
        if kept.status != "4":
            raise LocalProtocolError(f"order {kept.order_id} is not cancelled: OrdStatus {kept.shown_status}")
        market = self.markets[kept.symbol]
        order = BookOrder(
            kept.number, comp_id_of(kept.owner), kept.account or "", 1 if kept.side == "1" else -1, kept.ord_type,
            kept.time_in_force, kept.qty, kept.price, kept.stop_px, kept.display, kept.post_only, None, kept.expire_ns,
            cum=kept.cum, triggered=kept.ord_type in STOPS and kept.cum > 0,
        )  # fmt: skip
        events = market.book.reinstate(order, now_ns)
        self.must(events, kept.number)
        self.waits = self.waits or kept.expire_ns is not None
        reports = self.after(market, events, now_ns)
        return [
            one._replace(text=command.text)
            if command.text and isinstance(one, Execution) and (one.exec_type, one.order_id) == ("D", kept.order_id)
            else one
            for one in reports
        ]

    # --- inside --------------------------------------------------------------------------------------------

    def _by_order_id(self, order_id: str) -> Kept:
        kept = self.by_order_id(order_id)
        if kept is None:
            raise LocalProtocolError(f"no order {order_id!r}")
        return kept

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
