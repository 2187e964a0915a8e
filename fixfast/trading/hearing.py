"""What an OrderManager hears from the peer: reports, and refusals of what it sent."""

from __future__ import annotations

from operator import itemgetter

from fixfast.codec.message import Message
from fixfast.errors import FixfastError
from fixfast.trading.exact import EXACT
from fixfast.trading.keeping import Orphan
from fixfast.trading.lifecycle import EXECUTIONS, PENDING, STATUSES, Effect, OrdStatus, allowed
from fixfast.trading.log import LogKind
from fixfast.trading.order import Order
from fixfast.trading.report import Report, read_cancel_reject, read_report, read_terms
from fixfast.trading.request import OrderRequest, Rejection, Request
from fixfast.trading.snapshot import Snapshots
from fixfast.trading.update import Doubt, OrderUpdate, UpdateKind
from fixfast.types import Now

__all__ = ["Hearing"]

#: always about orders; 3 and j only where they refuse a message of ours
_OURS = frozenset({"8", "9", "r"})
#: what two reports with the same ExecID must agree on (E4.4)
_SAID = ("effect", "ord_status", "exec_ref_id", "last_qty", "last_px", "cum_qty")
_said = itemgetter(*map(Report._fields.index, _SAID))  # PERF: one call for six attributes, 700 instructions less
_STATUS, _TRADE = Effect.STATUS, Effect.TRADE  # PERF: as in applying.py


class Hearing(Snapshots):
    """The ears of an OrderManager. Not used by itself."""

    def concerns(self, message: Message) -> bool:
        """Return whether a message is about orders: a report, or a reject of what was sent here."""
        msg_type = message.msg_type
        return msg_type in _OURS or (msg_type in ("3", "j") and self._refused_by(message) is not None)

    def on_message(self, message: Message, now: Now) -> list[OrderUpdate]:
        """Take a message from the peer; one that is not about orders is ignored.

        Returns: what changed, in order. It was told to the listeners already.

        Raises: StoreError: the log could not be written; nothing was changed. Nothing else, whatever the message says:
            what is wrong with it is in `questions`.
        """
        msg_type = message.msg_type
        if msg_type != "8" and not self.concerns(message):
            return []
        self._wall_ns = wall_ns = now.wall_ns
        if wall_ns > self._day_ends:  # PERF: _at() without its call
            self._look_at_day(now)
        if self._log is not None:
            self._write(LogKind.RECEIVED, wall_ns, message.raw)
        if msg_type == "8":
            updates = self._on_report(message, now)
        elif msg_type == "9":
            updates = self._on_cancel_reject(message)
        elif msg_type == "r":
            updates = self._on_mass_cancel(message)
        else:
            updates = self._on_refusal(message)
        return self._tell(updates) if self._listeners else updates

    # --- reports --------------------------------------------------------------------------------------------

    def _on_report(self, message: Message, now: Now) -> list[OrderUpdate]:
        report = read_report(message)
        if report.malformed:
            self._ask(Doubt.MALFORMED, report.malformed, None, report, message)
        named = order = self.orders.get(report.cl_ord_id or "")
        if order is None:
            order = self._order_of(report) or (self._adopted(report, message) if self.options.adopt else None)
            if order is None:
                return self._orphan(report, message, now)
        effect = report.effect
        if effect is not _STATUS and not self._is_new(order, report, message):
            return [OrderUpdate(UpdateKind.DUPLICATE, order, order.status, order.status, report, message)]
        if effect is _TRADE and named is not None and not order.uncertain and self._mass is None:
            update = self._applying.fill(order, report, message)
            if update is not None:
                return [update]
        if effect is Effect.UNKNOWN:
            self._ask(Doubt.UNKNOWN, f"ExecType {report.exec_type} is not known", order, report, message)
        known_id = order.order_id
        updates = self._applying.apply(order, report, message)
        if order.order_id != known_id:
            self._by_order_id[order.order_id] = order
        if report.cl_ord_id is not None and report.cl_ord_id not in self.orders:
            self.orders[report.cl_ord_id] = order  # a name the broker gave it
        asked = order.inquiry
        if effect is _STATUS:
            self._inquired(order)
        if (order.uncertain or self._mass is not None) and self._reassured(order, report, message):
            updates.append(OrderUpdate(UpdateKind.CERTAIN, order, order.status, order.status, report, message))
            if asked is not None and effect is _STATUS:
                updates += self._lost_requests(order, asked, message)
        return updates

    def _lost_requests(self, order: Order, inquiry: Request, message: Message) -> list[OrderUpdate]:
        """End cancels and replaces that were sent before the status was asked for, and the broker does not know of.

        If it does know, and only takes its time, the answer counts all the same.
        """
        if order.status in PENDING:
            return []
        lost = Rejection("", None, "the broker was asked later, and does not know of it")
        updates: list[OrderUpdate] = []
        for request in list(order.pending.values()):
            if request.msg_type in "FG" and request.number < inquiry.number:
                updates += self._refuse(request, order, lost, message)
        return updates

    def _order_of(self, report: Report) -> Order | None:
        """Find the order that a report is about whose ClOrdID nobody knows: by the id before it, the broker's."""
        order = self.orders.get(report.orig_cl_ord_id or "")
        return order if order is not None else self._by_order_id.get(report.order_id or "")

    def _is_new(self, order: Order, report: Report, message: Message) -> bool:
        """Return whether an execution was not here yet, by its ExecID (E4.4)."""
        exec_id = report.exec_id
        if not exec_id or (exec_id == "0" and report.effect not in EXECUTIONS):
            return True  # 0 is no identity: some venues have it in all that are no executions
        says = (order, *_said(report))
        execs = self._execs
        known = execs.setdefault(exec_id, says)
        if known is says:
            if not self._old_execs or self._old_execs.get(exec_id) != says:
                return True
            del execs[exec_id]  # a copy of one of an earlier day; today's may have this ExecID, too
            return False
        if known[0] is not order:
            # Another order's: no copy, whatever the rule says. It must not be lost, and is known by both names now.
            exec_id = f"{exec_id}\0{order.order_id or order.cl_ord_id}"
            known = execs.setdefault(exec_id, says)
            if known is says:
                text = f"ExecID {report.exec_id} was used for another order"
                self._ask(Doubt.CONFLICT, text, order, report, message)
                return True
        if known != says:
            text = f"a second report with ExecID {report.exec_id} says something else: it was not applied"
            self._ask(Doubt.CONFLICT, text, order, report, message)
        return False

    def _adopted(self, report: Report, message: Message) -> Order | None:
        """Return an order made of what a report says, None where that is not enough."""
        terms = read_terms(message)
        qty = terms.qty
        if qty is None and report.cum_qty is not None and report.leaves_qty is not None:
            qty = EXACT.add(report.cum_qty, report.leaves_qty)
        cl_ord_id = report.cl_ord_id or report.order_id
        if not (qty and qty > 0 and cl_ord_id and report.symbol and report.side):
            return None
        market = OrderRequest(report.symbol, report.side[:1], qty, account=report.account or "")
        order = self._make(cl_ord_id, market)
        order.request = None
        order.price, order.stop_px = terms.price, terms.stop_px
        order.ord_type = terms.ord_type or order.ord_type
        order.time_in_force = terms.time_in_force or order.time_in_force
        self.orders[cl_ord_id] = order
        return order

    def _orphan(self, report: Report, message: Message, now: Now) -> list[OrderUpdate]:
        """Keep a report of an order that nobody here knows, and ask about it, once (E4.10)."""
        name = report.order_id, report.cl_ord_id
        known = name in self._orphaned
        if len(self._orphaned) == self.options.keep:
            self._orphaned.clear()  # then they are asked about again
        self._orphaned.add(name)
        if len(self.orphans) == self.options.keep:
            self._ask(Doubt.BOUND, "too many reports of unknown orders: the oldest was given up", None, report, message)
        self.orphans.append(Orphan(report, message.raw))
        if not known:
            text = f"nobody here knows the order {report.cl_ord_id or report.order_id}"
            self._ask(Doubt.ORPHAN, text, None, report, message)
        if not self._replaying and report.effect is not Effect.STATUS:
            try:
                if self.options.dont_know and report.effect is Effect.TRADE:
                    self._send("Q", self._wording.dont_know(report))
                if self.options.ask_orphans and not known and report.side and report.symbol:
                    self._send("H", self._wording.orphan_status(report))
            except FixfastError as error:  # not logged on, throttled: the question stays
                self._ask(
                    Doubt.UNANSWERED, f"an unknown order could not be asked about: {error}", None, report, message
                )
        status = STATUSES.get(report.ord_status or "", OrdStatus.SENT)
        return [OrderUpdate(UpdateKind.ORPHAN, None, status, status, report, message)]

    # --- refusals -------------------------------------------------------------------------------------------

    def _on_cancel_reject(self, message: Message) -> list[OrderUpdate]:
        """OrderCancelReject(9): quantities stay, the request is over, the status is what it says (E4.8)."""
        says = read_cancel_reject(message)
        order = self.orders.get(says.cl_ord_id or "") or self.orders.get(says.orig_cl_ord_id or "")
        order = order or self._by_order_id.get(says.order_id or "")
        if order is None:
            self._ask(Doubt.ORPHAN, f"a cancel reject for the unknown order {says.cl_ord_id}", None, None, message)
            return [OrderUpdate(UpdateKind.ORPHAN, None, OrdStatus.SENT, OrdStatus.SENT, None, message)]
        before, request = order.status, order.requests.get(says.cl_ord_id or "")
        if request is not None and request.state == "rejected":
            return [OrderUpdate(UpdateKind.DUPLICATE, order, before, before, None, message, request=request)]
        if not order.order_id and says.order_id not in (None, "", "NONE"):
            order.order_id = says.order_id or ""
            self._by_order_id[order.order_id] = order
        rejection = Rejection("9", says.reason, says.text or "")
        if request is not None:
            if request.before is not None and order.cl_ord_id == request.cl_ord_id:  # it was taken for accepted
                order.cl_ord_id, order.orig_cl_ord_id, order.qty, order.price, order.stop_px = request.before
                order.settle()
            self._end(request, order, rejection)
        reported = STATUSES.get(says.ord_status or "")
        if reported is None:
            self._ask(Doubt.UNKNOWN, f"OrdStatus {says.ord_status} of a cancel reject", order, None, message)
        elif reported is not before:
            # "Rejected" of an order that was taken once: the peer does not know it any more (102=1)
            gone = reported is OrdStatus.REJECTED and order.is_acknowledged
            if gone or not allowed(before, reported, Effect.CANCEL_REJECTED):
                text = f"a cancel reject: from {before.name} to {reported.name}"
                self._ask(Doubt.TRANSITION, text, order, None, message)
            else:
                order.status = reported
                if reported is OrdStatus.REJECTED:
                    order.rejected, order.text = rejection, rejection.text
                    self._end(next(iter(order.requests.values())), order, rejection)
                order.settle()
        placed = next(iter(order.pending.values()), None)
        if order.is_acknowledged and placed is not None and placed.msg_type == "D":
            placed.state = "accepted"  # the broker has the order, though what it said of it was lost
            del order.pending[placed.cl_ord_id]
        return [OrderUpdate(UpdateKind.CANCEL_REJECTED, order, before, order.status, None, message, request=request)]

    def _on_mass_cancel(self, message: Message) -> list[OrderUpdate]:
        """OrderMassCancelReport(r): the orders themselves end by their own reports."""
        request, _ = self._plain_requests.get(message.get(11, "") or "", (None, None))
        if request is not None and not request.over:
            if message.get(531) == "0":
                self._end(request, None, Rejection("r", message.get(532), message.get(58) or ""))
            else:
                request.state = "accepted"
        sent = OrdStatus.SENT
        return [OrderUpdate(UpdateKind.MASS_CANCEL, None, sent, sent, None, message, request=request)]

    def _refused_by(self, message: Message) -> tuple[Request, Order | None] | None:
        """Return the request that a Reject(3) or BusinessMessageReject(j) refuses, None where it is not one of ours."""
        number = message.get(45, "") or ""
        found = self._by_seq.get(int(number)) if number.isdecimal() and len(number) < 19 else None
        if found is None and message.msg_type == "j" and not number:
            found = self._asked_by(message.get(379, "") or "")
        return found if found is not None and not found[0].over else None

    def _on_refusal(self, message: Message) -> list[OrderUpdate]:
        found = self._refused_by(message)
        if found is None:
            return []
        reason = message.get(373 if message.msg_type == "3" else 380)
        return self._refuse(*found, Rejection(message.msg_type, reason, message.get(58) or ""), message)

    def _refuse(
        self, request: Request, order: Order | None, rejection: Rejection, message: Message | None
    ) -> list[OrderUpdate]:
        """End a request that was refused as a message, or never left us."""
        before = order.status if order is not None else OrdStatus.SENT
        self._end(request, order, rejection)
        if not rejection.by:
            request.state = "unsent"
        if request.msg_type in ("H", "AF"):
            text = f"a status request was refused: {rejection.text}"
            self._ask(Doubt.UNANSWERED, text, order, None, message)
        elif request.msg_type == "D" and order is not None:
            if allowed(before, OrdStatus.REJECTED, Effect.REJECTED) and not order.is_acknowledged:
                order.status, order.rejected, order.text = OrdStatus.REJECTED, rejection, rejection.text
                order.uncertain = False
                order.settle()
            else:
                text = f"the order is {before.name}, and was refused by 35={rejection.by}"
                self._ask(Doubt.TRANSITION, text, order, None, message)
        after = order.status if order is not None else before
        return [OrderUpdate(UpdateKind.REQUEST_REJECTED, order, before, after, None, message, request=request)]

    def _end(self, request: Request, order: Order | None, rejection: Rejection) -> None:
        request.state, request.rejection = "rejected", rejection
        if order is not None:
            order.pending.pop(request.cl_ord_id, None)
