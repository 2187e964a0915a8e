"""What a report does to its order: the executions, the terms, the requests it answers, and the status, by the tables.

Executions are counted whatever else is wrong with a report: a fill is never lost. A status is taken when the table has
the change (E2) and the report is no old story: a fill makes CumQty higher than all that was said before, so one that
does not was overtaken by a later report, and only its execution is news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from fixfast.codec.message import Message
from fixfast.trading.daily import begins_day, day_doubts, is_average
from fixfast.trading.exact import EXACT
from fixfast.trading.lifecycle import (
    ENDED,
    EXECUTIONS,
    GOOD_TILL,
    PENDING,
    PRECEDENCE,
    STATUSES,
    Effect,
    OrdStatus,
    allowed,
)
from fixfast.trading.order import Order
from fixfast.trading.report import Report, Terms, read_terms
from fixfast.trading.request import Rejection, Request
from fixfast.trading.trade import Trade, make_trade
from fixfast.trading.update import Doubt, OrderUpdate, UpdateKind

__all__ = ["Applying", "Ask"]

#: raises a question: doubt, text, order, report, message
Ask = Callable[[Doubt, str, Order | None, Report | None, Message | None], None]

_ZERO = Decimal(0)
_new = tuple.__new__
_KINDS: dict[Effect, UpdateKind] = {effect: UpdateKind(effect.value) for effect in Effect}
#: CumQty may fall by these, and it is they who say how far (E4.3).
_LOWERS = frozenset({Effect.CORRECT, Effect.BUST})
#: ... and an answer to a status request is never an old story.
_SETTLES = _LOWERS | {Effect.STATUS}
#: Statuses in which the broker has not taken the order.
_NOT_TAKEN = frozenset({OrdStatus.PENDING_NEW, OrdStatus.REJECTED})
#: Reports that speak of a request, not of the order; statuses that leave open what became of it.
_NO_PROOF = frozenset(
    {Effect.REPLACED, Effect.REJECTED, Effect.PENDING_CANCEL, Effect.PENDING_REPLACE, Effect.NEW, Effect.UNKNOWN}
)
_UNDECIDED = PENDING | {OrdStatus.REJECTED, None}
#: Reports that something was done to the order, on top of what OrigClOrdID(41) names.
_NAME_THE_ONE_BEFORE = frozenset({Effect.REPLACED, Effect.CANCELED})
_DUPLICATE_ORDER = "6"  # OrdRejReason(103)
_PART_FILLED = PRECEDENCE[OrdStatus.PARTIALLY_FILLED]
_add, _subtract, _multiply, _fma = EXACT.add, EXACT.subtract, EXACT.multiply, EXACT.fma
#: (OrdStatus before, OrdStatus(39) of a fill) -> the status after it, where there is nothing special about that
_FILLED_TO: dict[tuple[OrdStatus, str | None], OrdStatus] = {
    (before, reported.value): reported
    for before in OrdStatus
    for reported in (OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED)
    if before is reported or allowed(before, reported, Effect.TRADE)
}
# PERF: names of this module: an enum's members are looked up by its metaclass, 400 instructions each
_FILLED, _TRADED = OrdStatus.FILLED, UpdateKind.TRADE
_TRADE, _STATUS, _RESTATED, _CANCELED = Effect.TRADE, Effect.STATUS, Effect.RESTATED, Effect.CANCELED
_REPLACED, _REJECTED = Effect.REPLACED, Effect.REJECTED
_PENDING_CANCEL, _PENDING_REPLACE = Effect.PENDING_CANCEL, Effect.PENDING_REPLACE


class _Done(NamedTuple):
    """What came of an execution."""

    kind: UpdateKind
    trade: Trade | None = None
    previous: Trade | None = None


class Applying:
    """Applies reports to orders.

    Args:
        ask: raises a question.
        tolerance: how far a reported AvgPx may be off, beyond one unit of its last digit.
        keep: how many busts and corrections may wait for their trade, for one order.
    """

    __slots__ = ("_ask", "_keep", "_tolerance")

    def __init__(self, ask: Ask, tolerance: Decimal, keep: int) -> None:
        self._ask = ask
        self._tolerance = tolerance
        self._keep = keep

    def fill(self, order: Order, report: Report, message: Message) -> OrderUpdate | None:
        """Apply an execution about which nothing is special; else change nothing and return None: that is for apply().

        Special is what answers a request of ours, comes out of order, or differs from what the trades make.

        PERF: most reports are fills, and most fills of this kind: 73,900 -> 57,300 instructions a report, once.
        """
        (
            cl_ord_id, _, order_id, exec_id, _, _, _, ord_status, account, symbol, side,
            qty, px, cum_qty, leaves_qty, avg_px, time_ns, _, malformed,
        ) = report  # fmt: skip
        if malformed or not exec_id or qty is None or px is None or qty <= _ZERO:
            return None
        before, known_id, ours = order.status, order.order_id, order.cum_qty
        status = _FILLED_TO.get((before, ord_status))
        heard = order.heard_qty
        if status is None or not known_id or order.pending or order.parked or (heard is not ours and heard != ours):
            return None
        ours = _add(ours, qty)
        left = _subtract(order.qty, ours)
        if cum_qty != ours or left < _ZERO or (order.carried is not None and order.means(exec_id)):
            return None
        if status is _FILLED or not left:
            left = _ZERO
        if leaves_qty and leaves_qty != left:
            return None
        notional = _fma(qty, px, order.notional)
        # PERF: nearly always the product is exact: is_average() without its call
        rounded = avg_px is not None and _multiply(avg_px, ours) != notional
        if rounded and not is_average(avg_px or _ZERO, notional, ours, self._tolerance):
            return None
        trade = make_trade(
            exec_id,
            order_id or known_id,
            cl_ord_id or order.cl_ord_id,
            account or order.account,
            symbol or order.symbol,
            side or order.side,
            qty,
            px,
            time_ns,
        )
        order.trades[exec_id] = trade
        order.status = status
        order.cum_qty = order.heard_qty = ours
        order.leaves_qty = left
        order.missing_qty = _ZERO
        order.notional = notional
        if order.time_in_force in GOOD_TILL:
            self._compare_day(order, report, message)
        return _new(OrderUpdate, (_TRADED, order, before, status, report, message, trade, None, None))

    def apply(self, order: Order, report: Report, message: Message) -> list[OrderUpdate]:
        """Apply one report that is not a duplicate, and return what it changed, in order."""
        effect, before = report.effect, order.status
        if not order.order_id and report.order_id and report.order_id != "NONE":
            order.order_id = report.order_id
        if order.pending:
            if effect in _NAME_THE_ONE_BEFORE and report.orig_cl_ord_id in order.pending:
                self._was_accepted(order, report, message)
            if report.cl_ord_id in order.pending:
                self._in_force(order, report, message)
        kind, trade, previous = _KINDS[effect], None, None
        if effect is _TRADE:
            trade = self._trade(order, report, message)
        elif effect in _LOWERS:
            kind, trade, previous = self._amend(order, report, message) or (kind, None, None)
            if trade is not None:
                self._take_qty(order, report, message)
        request = self._answer(order, report, message)
        self._move(order, report, message, request)
        order.settle()
        # PERF: tuple.__new__ instead of OrderUpdate(...)
        update = _new(OrderUpdate, (kind, order, before, order.status, report, message, trade, previous, request))
        updates = [update]
        if order.parked and trade is not None:
            updates += self._unpark(order, report, message)
        self._compare(order, report, message)
        return updates

    # --- executions -----------------------------------------------------------------------------------------

    def _trade(self, order: Order, report: Report, message: Message) -> Trade | None:
        qty, px = report.last_qty, report.last_px
        if qty is None or px is None or qty <= _ZERO:
            text = f"an execution needs LastQty above 0 and LastPx, not {qty} and {px}: it was not counted"
            self._ask(Doubt.MALFORMED, text, order, report, message)
            return None
        exec_id = report.exec_id
        if not exec_id:
            exec_id = f"34={message.msg_seq_num}"
            self._ask(
                Doubt.MALFORMED, "an execution without ExecID(17) cannot be told from a copy", order, report, message
            )
        trade = make_trade(
            exec_id,
            report.order_id or order.order_id,
            report.cl_ord_id or order.cl_ord_id,
            report.account or order.account,
            report.symbol or order.symbol,
            report.side or order.side,
            qty,
            px,
            report.transact_time_ns,
        )
        order.free(exec_id)
        order.trades[exec_id] = trade
        order.count(qty, px)
        if order.cum_qty > order.qty:
            self._ask(Doubt.OVERFILL, f"{order.cum_qty} were executed of {order.qty}", order, report, message)
        return trade

    def _amend(self, order: Order, report: Report, message: Message) -> _Done | None:
        """Bust or correct a trade; park the report where that is not here yet (E4.5)."""
        ref = report.exec_ref_id
        if not ref:
            self._ask(Doubt.MALFORMED, f"a {report.effect} needs ExecRefID(19)", order, report, message)
            return None
        original = ref if order.corrections is None else order.corrections.get(ref, ref)
        trade = order.trades.get(original)
        bust = report.effect is Effect.BUST
        if trade is None:
            if order.voided is None or original not in order.voided:
                return self._park(order, report, message, ref)
            if not bust:
                self._ask(Doubt.CONFLICT, f"a correction of {ref}, which was busted", order, report, message)
            return None  # H twice is once
        if bust:
            del order.trades[original]
            order.voided = order.voided or set()
            order.voided.add(original)
            order.count(trade.qty, trade.px, times=-1)
            return _Done(UpdateKind.BUST, trade)
        qty, px = report.last_qty, report.last_px
        if qty is None or px is None or qty <= _ZERO:
            text = f"a correction needs LastQty above 0 and LastPx, not {qty} and {px}"
            self._ask(Doubt.MALFORMED, text, order, report, message)
            return None
        corrected = replace(trade, qty=qty, px=px)
        order.trades[original] = corrected
        if report.exec_id:
            order.corrections = order.corrections or {}
            order.corrections[report.exec_id] = original
        order.count(trade.qty, trade.px, times=-1)
        order.count(qty, px)
        return _Done(UpdateKind.CORRECT, corrected, trade)

    def _park(self, order: Order, report: Report, message: Message, ref: str) -> _Done:
        order.parked = order.parked or {}
        if sum(map(len, order.parked.values())) >= self._keep:
            order.parked.pop(next(iter(order.parked)))
            self._ask(Doubt.BOUND, "too many busts and corrections wait for their trades", order, report, message)
        order.parked.setdefault(ref, []).append(report)
        return _Done(UpdateKind.PARKED)

    def _unpark(self, order: Order, report: Report, message: Message) -> list[OrderUpdate]:
        """Apply what waited for an execution that is here now, and what waited for that."""
        updates = []
        known = [report.exec_id or ""]
        while known:
            for waiting in (order.parked or {}).pop(known.pop(), ()):
                before = order.status
                done = self._amend(order, waiting, message) or _Done(_KINDS[waiting.effect])
                reported = STATUSES.get(waiting.ord_status or "")
                if reported is not None and allowed(before, reported, waiting.effect):
                    order.status = reported
                order.settle()
                updates.append(
                    OrderUpdate(done.kind, order, before, order.status, waiting, None, done.trade, done.previous)
                )
                if waiting.exec_id:
                    known.append(waiting.exec_id)
        return updates

    # --- requests and terms ---------------------------------------------------------------------------------

    def _answer(self, order: Order, report: Report, message: Message) -> Request | None:
        """Settle the request of ours that a report answers; take the terms it puts in force. Return the request."""
        pending, effect = order.pending, report.effect
        if not pending and effect in EXECUTIONS:
            return None  # PERF: nearly all
        request = order.requests.get(report.cl_ord_id or "")
        if effect is _PENDING_CANCEL or effect is _PENDING_REPLACE:
            if request is not None and not request.over:
                request.state = "pending"
        elif effect is _CANCELED:
            for asked in [r for r in pending.values() if r.msg_type == "F" and report.ord_status == "4"]:
                request = request if request is not None and request.msg_type == "F" else asked
                self._over(order, asked, "accepted")
            if report.ord_status == "4":
                order.text = read_terms(message).text or ""
        elif effect is _REPLACED:
            request = self._replaced(order, report, message, request)
        elif effect is _STATUS:
            if order.uncertain and STATUSES.get(report.ord_status or "") not in PENDING:
                self._catch_up(order, report, message)
        elif effect is _RESTATED:
            self._take_terms(order, read_terms(message), None)
            if begins_day(message):
                order.new_day()
        elif effect is _REJECTED or report.ord_status == "8":
            return self._rejected(order, message, request)
        first = next(iter(order.requests.values()), None)
        if first is not None and not first.over and STATUSES.get(report.ord_status or "") not in _NOT_TAKEN:
            self._over(order, first, "accepted")
        return request

    def _in_force(self, order: Order, report: Report, message: Message) -> None:
        """Take a replace for accepted whose answer never came, when a report has its ClOrdID for that of the order.

        What happens while a replace is pending has the ClOrdID before it (E4.7), or says that it is pending. There are
        brokers who name the new one as soon as they have heard it: their reports still state the terms from before.
        """
        request = order.pending[report.cl_ord_id or ""]
        reported = STATUSES.get(report.ord_status or "")
        if request.msg_type != "G" or report.effect in _NO_PROOF or reported in _UNDECIDED:
            return
        if not _states_old_terms(order, report, read_terms(message), request):
            before = order.cl_ord_id, order.orig_cl_ord_id, order.qty, order.price, order.stop_px
            self._replaced(order, report, message, request)
            request.before = before  # if it is refused after all

    def _was_accepted(self, order: Order, report: Report, message: Message) -> None:
        """Take a replace for accepted whose answer never came, when a later request was carried out on top of it.

        We named the order as it was before (E4.6); only who has accepted the replace names that in OrigClOrdID(41).
        """
        request = order.pending[report.orig_cl_ord_id or ""]
        if request.msg_type == "G" and report.orig_cl_ord_id != report.cl_ord_id:
            self._replaced(order, report, message, request)

    def _replaced(self, order: Order, report: Report, message: Message, request: Request | None) -> Request | None:
        """Put a replace in force: the head of the chain moves (E4.6), unless a later one has moved it already."""
        if request is None or request.msg_type != "G":
            request = next((r for r in order.pending.values() if r.msg_type == "G"), None)
        head = order.requests.get(order.cl_ord_id)
        overtaken = request is not None and head is not None and head.number > request.number
        if request is not None:
            self._over(order, request, "accepted")
            request.before = None
        if not overtaken:
            new_id = request.cl_ord_id if request is not None else report.cl_ord_id
            if new_id and new_id != order.cl_ord_id:
                order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, new_id
            self._take_terms(order, read_terms(message), request)
            order.qty = max(order.qty, order.cum_qty)  # E4.9: what is executed stays executed
        return request

    def _catch_up(self, order: Order, report: Report, message: Message) -> None:
        """Learn from a status what reports that never came would have said: which requests were accepted."""
        if report.ord_status == "4":
            for asked in [r for r in order.pending.values() if r.msg_type == "F"]:
                self._over(order, asked, "accepted")
        terms = read_terms(message)
        if terms.qty is None or (terms.qty, terms.price or order.price) == (order.qty, order.price):
            return
        for asked in [r for r in order.pending.values() if r.msg_type == "G"]:
            if asked.terms["qty"] == terms.qty and asked.terms["price"] in (terms.price, None):
                self._over(order, asked, "accepted")
                order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, asked.cl_ord_id
        self._take_terms(order, terms, None)

    def _take_terms(self, order: Order, terms: Terms, request: Request | None) -> None:
        """Take quantity and prices as a report states them; what it leaves out is as asked for."""
        asked = request.terms if request is not None else {}
        for name in ("qty", "price", "stop_px"):
            value = getattr(terms, name)
            if value is None:
                value = asked.get(name)
            if value is not None:
                setattr(order, name, value)
        order.ord_type = terms.ord_type or order.ord_type
        order.time_in_force = terms.time_in_force or order.time_in_force

    def _take_qty(self, order: Order, report: Report, message: Message) -> None:
        """Take the OrderQty of a bust or correction: there are venues where what is busted does not work again."""
        qty = read_terms(message).qty
        if qty is not None and report.cum_qty is not None and report.leaves_qty == _subtract(qty, report.cum_qty):
            order.qty = qty

    def _rejected(self, order: Order, message: Message, request: Request | None) -> Request | None:
        terms = read_terms(message)
        rejection = Rejection("8", terms.reject_reason, terms.text or "")
        if request is None:
            request = next(iter(order.requests.values()), None)
        if request is not None and not request.over:
            request.rejection = rejection
            self._over(order, request, "rejected")
        if not order.is_acknowledged and (request is None or request.msg_type == "D"):
            order.rejected, order.text = rejection, rejection.text
        return request

    def _over(self, order: Order, request: Request, state: str) -> None:
        request.state = state
        order.pending.pop(request.cl_ord_id, None)
        if not order.pending:
            order.pending.clear()  # it keeps its room else: 120 bytes of each order

    # --- the status -----------------------------------------------------------------------------------------

    def _move(self, order: Order, report: Report, message: Message, request: Request | None) -> None:
        """Take the reported status, if the table has the change and the report is not an old one."""
        effect, cum, heard = report.effect, report.cum_qty, order.heard_qty
        reported = STATUSES.get(report.ord_status or "")
        if reported is None:
            self._ask(Doubt.UNKNOWN, f"OrdStatus {report.ord_status} is not known", order, report, message)
            return
        old = False
        if cum is not None:
            if effect is _TRADE:
                old = cum <= heard
            elif effect not in _SETTLES:
                old = cum < heard and reported not in ENDED
            if effect in _LOWERS or cum > heard:
                order.heard_qty = cum
        elif effect in _LOWERS:
            order.heard_qty = min(heard, order.cum_qty)
        if old:
            return
        if effect is _STATUS and not (order.uncertain or not order.is_acknowledged):
            if reported is not order.status:
                text = f"the broker says {reported.name}, the reports so far {order.status.name}"
                self._ask(Doubt.QUANTITIES, text, order, report, message)
            return
        if reported in PENDING and effect in EXECUTIONS and not self._is_pending(order, reported):
            reported = self._by_quantity(order)  # the request was answered since: what stands below it shows (E1)
        if reported is order.status:
            return
        if not allowed(order.status, reported, effect) or self._not_this_order(order, message, reported, request):
            text = f"{effect}: from {order.status.name} to {reported.name}"
            self._ask(Doubt.TRANSITION, text, order, report, message)
            return
        order.status = reported
        if reported is OrdStatus.REJECTED and order.rejected is None:
            terms = read_terms(message)
            order.rejected = Rejection("8", terms.reject_reason, terms.text or "")
            order.text = order.rejected.text

    def _is_pending(self, order: Order, shown: OrdStatus) -> bool:
        msg_type = "F" if shown is OrdStatus.PENDING_CANCEL else "G"
        return order.status is shown or any(request.msg_type == msg_type for request in order.pending.values())

    def _by_quantity(self, order: Order) -> OrdStatus:
        if order.is_filled:
            return OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.NEW

    def _not_this_order(self, order: Order, message: Message, reported: OrdStatus, request: Request | None) -> bool:
        """Return whether a rejection is about a request, or about a copy of the order, and not about the order."""
        if reported is not OrdStatus.REJECTED or not order.is_acknowledged:
            return False
        return (request is not None and request.msg_type != "D") or (
            read_terms(message).reject_reason == _DUPLICATE_ORDER
        )

    def _compare(self, order: Order, report: Report, message: Message) -> None:
        """Compare what a report says with what its trades make (E4.1, E4.2), and ask where they differ."""
        heard, ours = order.heard_qty, order.cum_qty
        order.missing_qty = _subtract(heard, ours) if heard > ours else _ZERO
        cum, effect = report.cum_qty, report.effect
        if cum is None or (cum < heard and effect not in _SETTLES):
            return
        if cum != ours:
            if cum > ours:
                text = f"the broker knows of {cum} executed, here are {ours}"
                self._ask(Doubt.MISSING_FILLS, text, order, report, message)
            else:
                self._ask(Doubt.QUANTITIES, f"CumQty {cum}, the trades make {ours}", order, report, message)
            return
        if ours and PRECEDENCE[order.status] < _PART_FILLED:
            self._ask(Doubt.QUANTITIES, f"{order.status.name} with {ours} executed", order, report, message)
        leaves, avg_px = report.leaves_qty, report.avg_px
        if leaves is not None and leaves != order.leaves_qty and leaves and effect is not _STATUS:
            self._ask(Doubt.QUANTITIES, f"LeavesQty {leaves}, not {order.leaves_qty}", order, report, message)
        if (
            avg_px is not None
            and effect in EXECUTIONS
            and not is_average(avg_px, order.notional, ours, self._tolerance)
        ):
            self._ask(Doubt.AVG_PX, f"AvgPx {avg_px}, the trades make {order.avg_px}", order, report, message)
        if order.time_in_force in GOOD_TILL:
            self._compare_day(order, report, message)

    def _compare_day(self, order: Order, report: Report, message: Message) -> None:
        """Compare what a report says of the day (E4.14)."""
        for doubt, text in day_doubts(order, report, message, self._tolerance):
            self._ask(doubt, text, order, report, message)


def _states_old_terms(order: Order, report: Report, terms: Terms, request: Request) -> bool:
    """Return whether a report has the terms in force, and none of those that a replace asks for (E4.7)."""
    qty = terms.qty
    cum, leaves = report.cum_qty, report.leaves_qty
    if qty is None and cum is not None and leaves is not None and (leaves or report.ord_status == _FILLED):
        qty = _add(cum, leaves)
    old = False
    for name, stated in (("qty", qty), ("price", terms.price), ("stop_px", terms.stop_px)):
        asked, now = request.terms.get(name), getattr(order, name)
        if stated is not None and asked is not None and asked != now:
            if stated == asked:
                return False
            old = old or stated == now
    return old
