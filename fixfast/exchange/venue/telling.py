"""From what happened in a book to what the owners of the orders are told: one report for each event, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import Any

from fixfast.exchange.matching.outcome import (
    Accepted,
    Busted,
    Cancelled,
    CancelReason,
    Event,
    Expired,
    Filled,
    Replaced,
    Restated,
    RestateReason,
    Triggered,
)
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.listing import Listing
from fixfast.exchange.venue.reports import Execution, Outgoing

__all__ = ["Telling"]

_new = tuple.__new__

#: ExecRestatementReason(378) of what happens unasked
_SELF_TRADE, _BUSTED = 17, 99


class Telling:
    """Keeps the records of orders in step with the books, and makes the reports.

    Attributes:
        orders: number -> record, of all orders of the day. names: (owner, ClOrdID) -> record.
        spent: owner -> ClOrdIDs of orders that were forgotten before their day was over.
        full: with more orders than that, thin_out() is due.
        executions: how many ExecIDs there were.
        open: account, or owner where there is none -> how many of its orders are open.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.orders: dict[int, Kept] = {}
        self.names: dict[tuple[str, str], Kept] = {}
        self.spent: dict[str, set[str]] = {}
        self.full = 0
        self.executions = 0
        self.open: Counter[str] = Counter()
        self._asked: tuple[Kept, str, str] | None = None  # whose cancel or replace it is, its ClOrdID, the one before
        self._tellers: dict[type, Callable[[Any, Listing, int], Execution | None]] = {
            Accepted: self._accepted,
            Filled: self._filled,
            Cancelled: self._cancelled,
            Expired: self._expired,
            Replaced: self._replaced,
            Restated: self._restated,
            Triggered: self._triggered,
            Busted: self._busted,
        }

    def tell(self, events: Iterable[Event], listing: Listing, now_ns: int) -> list[Outgoing]:
        """Return the reports of what happened in one book."""
        reports: list[Outgoing] = []
        tellers = self._tellers
        for event in events:
            teller = tellers.get(type(event))
            if teller is not None:
                report = teller(event, listing, now_ns)
                if report is not None:
                    reports.append(report)
        return reports

    def asked(self, kept: Kept | None, cl_ord_id: str = "", orig_cl_ord_id: str = "") -> None:
        """Say by whose request the next Cancelled or Replaced comes; None: by none."""
        self._asked = None if kept is None else (kept, cl_ord_id, orig_cl_ord_id)

    def execution(
        self,
        kept: Kept,
        listing: Listing,
        exec_type: str,
        now_ns: int,
        *,
        exec_id: str | None = None,
        cl_ord_id: str | None = None,
        orig_cl_ord_id: str | None = None,
        status: str | None = None,
        last: tuple[int, int | None] | None = None,
        ref: str | None = None,
        restated: int | None = None,
        text: str | None = None,
        aggressor: bool | None = None,
        trade_id: str | None = None,
        extra: tuple[tuple[int, Any], ...] = (),
    ) -> Execution:
        """Return a report of an order as it is now. Without `exec_id` it gets the next one."""
        if exec_id is None:
            self.executions += 1
            exec_id = f"{self.prefix}E{self.executions}"
        last_qty, last_px = (None, None) if last is None else last
        return Execution(
            kept.owner, exec_id, exec_type, status or kept.shown_status, kept.order_id, cl_ord_id or kept.cl_ord_id,
            orig_cl_ord_id, kept.symbol, kept.side, listing.price_scale, listing.qty_scale, kept.qty, kept.ord_type,
            kept.price, kept.stop_px, kept.time_in_force, kept.leaves, kept.cum, kept.notional, now_ns, kept.account,
            last_qty, last_px, ref, None, restated, text, kept.display, aggressor, trade_id, False, extra,
        )  # fmt: skip

    def close(self, kept: Kept, status: str) -> None:
        """Note that an order has ended."""
        if kept.active:
            self.open[kept.account or kept.owner] -= 1
        kept.status = status
        kept.pending = None

    def forget(self, kept: Kept, *, names: bool = True) -> None:
        """Forget an order that has ended. Args: names: its ClOrdIDs, too; else they stay used."""
        del self.orders[kept.number]
        for name in kept.names:
            self.names.pop((kept.owner, name), None)
        if not names:
            self.spent.setdefault(kept.owner, set()).update(kept.names)

    def forget_names(self, owners: Iterable[str] = ()) -> None:
        """Let ClOrdIDs of forgotten orders be used again. Args: owners: whose; empty: everybody's."""
        for owner in list(owners or self.spent):
            self.spent.pop(owner, None)

    def thin_out(self, keep: int, pending: Container[int]) -> None:
        """Forget all but their ClOrdIDs of orders that have ended, but for the newest `keep`."""
        ended = [kept for number, kept in self.orders.items() if not kept.active and number not in pending]
        for kept in ended[: max(0, len(ended) - keep)]:
            self.forget(kept, names=False)
        # PERF: looked at seldom: what is open is walked over in vain
        self.full = len(self.orders) + max(keep, len(self.orders) // 2, 100)

    # --- one for each event --------------------------------------------------------------------------------

    def _accepted(self, event: Accepted, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        kept.status = "0"
        self.open[kept.account or kept.owner] += 1
        self.executions += 1
        qty = kept.qty
        # PERF: the two most frequent reports by hand, as plain tuples: 0.9 us instead of 2.6 with keywords and defaults
        return _new(
            Execution,
            (
                kept.owner, f"{self.prefix}E{self.executions}", "0", "0", kept.order_id, kept.cl_ord_id, None,
                kept.symbol, kept.side, listing.price_scale, listing.qty_scale, qty, kept.ord_type, kept.price,
                kept.stop_px, kept.time_in_force, qty, 0, 0, now_ns, kept.account, None, None, None, None, None, None,
                kept.display, None, None, False, (),
            ),
        )  # fmt: skip

    def _filled(self, event: Filled, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        self.executions += 1
        exec_id = f"{self.prefix}E{self.executions}"
        _, trade_id, qty, px, _, aggressor, _, leaves = event
        kept.trades += ((exec_id, trade_id, qty, px),)
        kept.cum += qty
        kept.notional += qty * px
        if leaves:
            kept.status = "1"
            kept.mark = ""  # what was guaranteed, comes
            status = "1" if kept.pending is None else kept.pending.kind
        else:
            status = kept.status = "2"
            kept.pending = None
            self.open[kept.account or kept.owner] -= 1
        return _new(
            Execution,
            (
                kept.owner, exec_id, "F", status, kept.order_id, kept.cl_ord_id, None, kept.symbol, kept.side,
                listing.price_scale, listing.qty_scale, kept.qty, kept.ord_type, kept.price, kept.stop_px,
                kept.time_in_force, leaves, kept.cum, kept.notional, now_ns, kept.account, qty, px, None, None, None,
                None, kept.display, aggressor, f"{self.prefix}T{listing.index}.{trade_id}", False, (),
            ),
        )  # fmt: skip

    def _cancelled(self, event: Cancelled, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        asked, self._asked = self._asked, None
        self.close(kept, "4")
        if asked is not None and asked[0] is kept and event.reason is CancelReason.REQUESTED:
            return self.execution(kept, listing, "4", now_ns, cl_ord_id=asked[1], orig_cl_ord_id=asked[2])
        self._asked = asked
        restated = _SELF_TRADE if event.reason is CancelReason.SELF_TRADE else None
        text = None if event.reason is CancelReason.REQUESTED else event.reason.value
        return self.execution(kept, listing, "4", now_ns, restated=restated, text=text)

    def _expired(self, event: Expired, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        self.close(kept, "C")
        return self.execution(kept, listing, "C", now_ns)

    def _replaced(self, event: Replaced, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        kept.qty, kept.price, kept.display = event.qty, event.price, event.display
        if event.stop_px is not None:
            kept.stop_px = event.stop_px
        kept.pending = None
        if event.leaves:
            kept.settle()
        else:
            self.close(kept, "2")
        asked, self._asked = self._asked, None
        if asked is None or asked[0] is not kept:
            self._asked = asked
            return self.execution(kept, listing, "D", now_ns, restated=99)
        kept.cl_ord_id = asked[1]
        return self.execution(kept, listing, "5", now_ns, orig_cl_ord_id=asked[2])

    def _restated(self, event: Restated, listing: Listing, now_ns: int) -> Execution:
        kept = self.orders[event.order.order_id]
        kept.qty = event.qty
        why = _SELF_TRADE if event.reason is RestateReason.SELF_TRADE else _BUSTED
        if not event.leaves:
            self.close(kept, "4" if event.cum < event.qty else "2")
        elif event.reason is RestateReason.REINSTATED:
            kept.settle()
            kept.mark = ""
            self.open[kept.account or kept.owner] += 1
        return self.execution(kept, listing, "D", now_ns, restated=why, text=event.reason.value)

    def _triggered(self, event: Triggered, listing: Listing, now_ns: int) -> Execution | None:
        kept = self.orders[event.order.order_id]
        if not kept.owner.startswith("FIXT"):
            return None  # no ExecType of FIX 4.2 and 4.4 says so
        return self.execution(kept, listing, "L", now_ns)

    def _busted(self, event: Busted, listing: Listing, now_ns: int) -> Execution | None:
        kept = self.orders.get(event.order.order_id)
        if kept is None:
            return None  # of a day before, and forgotten
        exec_id, _, qty, px = next(trade for trade in kept.trades if trade[1] == event.trade_id)
        kept.trades = tuple(trade for trade in kept.trades if trade[1] != event.trade_id)
        kept.cum -= qty
        kept.notional -= qty * px
        if event.leaves:
            kept.settle()  # the book gets nothing back: a restatement says so next
        elif kept.status == "2":
            kept.status = "4"
        return self.execution(
            kept, listing, "H", now_ns, last=(qty, px), ref=exec_id,
            trade_id=f"{self.prefix}T{listing.index}.{event.trade_id}",
        )  # fmt: skip
