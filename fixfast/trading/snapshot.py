"""What an OrderManager knows, as records that take the place of all that its log has.

A log tells what happened; going through it takes as long as the days were full. A snapshot says what came of it: one
record for the manager, one for each order, request, execution, question and orphaned report. Nothing that decides about
a later report is left out. What is written afterwards follows, and is gone through as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fixfast.codec.parse import parse
from fixfast.errors import LocalProtocolError, StoreError
from fixfast.trading.keeping import Orphan
from fixfast.trading.lifecycle import Effect
from fixfast.trading.log import CompactLog, LogKind, pack
from fixfast.trading.order import Order
from fixfast.trading.reconcile import Reconciling
from fixfast.trading.report import read_report
from fixfast.trading.request import OrderRequest, Request
from fixfast.trading.update import Doubt, OrderUpdate, Question, UpdateKind
from fixfast.trading.values import (
    exact_at,
    order_values,
    read_order,
    read_report_values,
    read_request,
    request_values,
)
from fixfast.types import Now

__all__ = ["Snapshots"]

#: what an order is made of before it is made what it was
_ANY = OrderRequest("?", "1", Decimal(1))
#: where numbers are in what is compared of two reports with one ExecID (hearing.py)
_OF_SAID = (3, 4, 5)


class Snapshots(Reconciling):
    """The part of an OrderManager that keeps its log short. Not used by itself."""

    _listed: list[Order]  # while a snapshot is read: its orders, by their places

    def compact(self, now: Now) -> None:
        """Write down what is known now, in the place of all that was written before. A manager built of it knows it.

        With `OrderOptions(compact="day")` new_day() does so, when it has forgotten what is over. Whatever stops the
        process meanwhile: the log is as it was, or as it should be.

        Raises: StoreError: it could not be written; the log is as it was. LocalProtocolError: there is no log, or it is
            of a kind that cannot be written anew (it has no `replace`).
        """
        log = self._log
        if not isinstance(log, CompactLog):
            raise LocalProtocolError("compact() needs a log that has replace(): ff.FileOrderLog, for one")
        log.replace((LogKind.STATE, now.wall_ns, data) for data in self._snapshot())

    # --- inside ---------------------------------------------------------------------------------------------

    def _begin_day(self, now: Now) -> None:
        super()._begin_day(now)
        if self.options.compact != "day" or self._replaying or not isinstance(self._log, CompactLog):
            return
        try:
            self.compact(now)
        except StoreError as error:
            self._ask(Doubt.LOG, f"the order log could not be made shorter: {error}", None, None, None)

    def _snapshot(self) -> Iterator[bytes]:
        """Yield the contents of the records."""
        orders = list(dict.fromkeys(self.orders.values()))
        places: dict[Order | None, int] = {order: place for place, order in enumerate(orders)}
        names: dict[Order, list[str]] = {order: [] for order in orders}
        for name, order in self.orders.items():
            names[order].append(name)
        yield pack(
            {
                "what": "manager",
                "last_id": self._ids.last,
                "made": self._requests_made,
                "logged_on": self.logged_on,
                "gap": self._gap,
                "mass": self._mass and request_values(self._mass),
                "orphaned": sorted(self._orphaned, key=str),
            }
        )
        for order in orders:
            yield pack({"what": "order", "names": names[order], **order_values(order)})
        for order_id, order in self._by_order_id.items():
            yield pack({"what": "order id", "id": order_id, "order": places[order]})
        for old, execs in ((False, self._execs), (True, self._old_execs)):
            for exec_id, (about, *said) in execs.items():
                yield pack({"what": "exec", "id": exec_id, "old": old, "order": places[about], "said": said})  # type: ignore[index]
        for request, about in self._plain_requests.values():
            yield pack({"what": "request", "order": places.get(about), **request_values(request)})
        for seq, (request, _) in self._by_seq.items():
            if not request.over:
                yield pack({"what": "number", "seq": seq, "id": request.cl_ord_id})
        for orphan in self.orphans:
            yield pack({"what": "orphan", "raw": orphan.raw.decode("latin-1")})
        for question in self.questions:
            values = question._asdict() | {"order": places.get(question.order), "raw": question.raw.decode("latin-1")}
            yield pack({"what": "question", **values})
        yield pack({"what": "end"})

    def _state_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        what = values["what"]
        place = values.get("order")
        if what == "manager":
            self._begin_again(values)
        elif what == "order":
            return self._order_again(values)
        elif what == "order id":
            self._by_order_id[values["id"]] = self._listed[values["order"]]
        elif what == "exec":
            effect, *said = exact_at(values["said"], _OF_SAID)
            execs = self._old_execs if values["old"] else self._execs
            execs[values["id"]] = (self._listed[values["order"]], Effect(effect), *said)
        elif what == "request":
            self._plain_again(read_request(values), None if place is None else self._listed[place])
        elif what == "number":
            found = self._asked_by(values["id"])
            if found is not None:
                self._by_seq[values["seq"]] = found
        elif what == "orphan":
            raw = values["raw"].encode("latin-1")
            self.orphans.append(Orphan(read_report(parse(raw, max_message_size=max(len(raw), 1))), raw))
        elif what == "question":
            report = None if values["report"] is None else read_report_values(values["report"])
            order = None if place is None else self._listed[place]
            raw, text = values["raw"].encode("latin-1"), values["text"]
            self.questions.append(Question(Doubt(values["doubt"]), text, order, report, raw, values["time_ns"]))
        elif what == "end":
            self._listed = []
        elif what not in ("execution", "position"):  # of Positions, where they are kept beside the orders (replica.py)
            raise ValueError(f"a record of {what!r}")
        return []

    def _begin_again(self, values: dict[str, Any]) -> None:
        self._listed = []
        for kept in (self.orders, self._by_order_id, self._execs, self._old_execs, self._plain_requests, self._by_seq):
            kept.clear()
        self.questions.clear()
        self.orphans.clear()
        self._ids.last = values["last_id"]
        self._requests_made = values["made"]
        self.logged_on, self._gap = values["logged_on"], values["gap"]
        self._mass = None if values["mass"] is None else read_request(values["mass"])
        self._orphaned = {(order_id, cl_ord_id) for order_id, cl_ord_id in values["orphaned"]}

    def _order_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        requests = values["requests"]  # an order is made with its first id, here as when it was new
        order = self._make(requests[0]["cl_ord_id"] if requests else values["cl_ord_id"], _ANY)
        read_order(order, values)
        self._listed.append(order)
        for name in values["names"]:
            self.orders[name] = order
        return [OrderUpdate(UpdateKind.RESTORED, order, order.status, order.status)]

    def _plain_again(self, request: Request, order: Order | None) -> None:
        """Enter a request that is in no order's chain; it may be known by another name."""
        for known in (self._mass, order.inquiry if order is not None else None):
            if known is not None and known.cl_ord_id == request.cl_ord_id:
                request = known
        self._plain_requests[request.cl_ord_id] = request, order
