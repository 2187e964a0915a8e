"""ScriptedVenue: says what a script tells it to, as a venue would say it in each version of FIX."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import fixfast as ff

__all__ = ["NOW", "ScriptedVenue"]

NOW = ff.Now(1_000_000_000, 1_767_614_400_000_000_000)

_ZERO = Decimal(0)
#: verb -> ExecType(150) of 4.3 and later, and whether the report is a fill, ...
_EXEC_TYPES = {
    "pending-new": "A",
    "new": "0",
    "trade": "F",
    "correct": "G",
    "bust": "H",
    "done-for-day": "3",
    "canceled": "4",
    "replaced": "5",
    "pending-cancel": "6",
    "stopped": "7",
    "rejected": "8",
    "suspended": "9",
    "calculated": "B",
    "expired": "C",
    "restated": "D",
    "pending-replace": "E",
    "status": "I",
    "triggered": "L",
}
#: verbs that put the order into a state of its own, until something else does
_STATES = {
    "pending-new": "A",
    "done-for-day": "3",
    "canceled": "4",
    "stopped": "7",
    "rejected": "8",
    "suspended": "9",
    "calculated": "B",
    "expired": "C",
}
_TRANS_TYPES = {"bust": "1", "correct": "2", "status": "3"}


class _Order:
    """What the venue knows of an order."""

    def __init__(self, number: int, fields: dict[int, Any]) -> None:
        self.order_id = f"V{number}"
        self.cl_ord_id = str(fields[11])
        self.symbol, self.side = fields[55], fields[54]
        self.qty, self.price = Decimal(fields[38]), fields.get(44)
        self.account = fields.get(1)
        self.good_till = fields.get(59) in ("1", "6")
        self.carried: set[str] = set()  # trades of earlier days
        self.state = ""
        self.trades: dict[str, tuple[Decimal, Decimal]] = {}
        self.pending: dict[str, str] = {}  # id of an acknowledged request -> 6 or E

    @property
    def cum(self) -> Decimal:
        return sum((qty for qty, _ in self.trades.values()), _ZERO)

    @property
    def avg(self) -> Decimal:
        cum = self.cum
        notional = sum((qty * px for qty, px in self.trades.values()), _ZERO)
        return round(notional / cum, 6).normalize() + 0 if cum else _ZERO

    def of_the_day(self) -> dict[int, Decimal]:
        """Return DayOrderQty, DayCumQty and DayAvgPx."""
        trades = [trade for exec_id, trade in self.trades.items() if exec_id not in self.carried]
        cum = sum((qty for qty, _ in trades), _ZERO)
        notional = sum((qty * px for qty, px in trades), _ZERO)
        return {424: self.qty - (self.cum - cum), 425: cum, 426: round(notional / cum, 6) if cum else _ZERO}

    @property
    def status(self) -> str:
        shown = list(self.pending.values())
        if "6" in shown:
            return "6"
        if shown:
            return "E"
        if self.state in ("3", "B", "4", "C", "8"):
            return self.state
        if self.cum >= self.qty:
            return "2"
        return self.state or ("1" if self.cum else "0")

    @property
    def leaves(self) -> Decimal:
        ended = self.state in ("3", "4", "8", "B", "C")
        return _ZERO if ended else max(self.qty - self.cum, _ZERO)


class ScriptedVenue:
    """Makes reports as bytes.

    Args: version: "FIX.4.2", "FIX.4.4" or "FIX.5.0SP2".
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.old = version == "FIX.4.2"
        self.orders: dict[str, _Order] = {}
        self.execs: dict[str, str] = {}  # name in the script -> ExecID
        self._asked: dict[str, dict[int, Any]] = {}  # ClOrdID -> fields of F, G, H
        self._numbers = 0
        self._exec_ids = 0
        self._days = 0

    def take(self, msg_type: str, fields: list[tuple[Any, Any]]) -> None:
        """Take a message of the client's."""
        values = dict(fields)
        if msg_type == "D" and values.get(97) != "Y":
            self.orders[str(values[11])] = _Order(len(self.orders) + 1, values)
        elif 11 in values:
            self._asked[str(values[11])] = values

    def new_day(self) -> None:
        """Begin a new day; from the second on, reports of good-till orders have 424-426."""
        self._days += 1
        for order in self.orders.values():
            order.carried = set(order.trades)

    def message(self, msg_type: str, fields: list[tuple[Any, Any]], head: list[tuple[Any, Any]] | None = None) -> bytes:
        """Return a message as it comes over the wire."""
        self._numbers += 1
        header = [(49, "VENUE"), (56, "BOT"), (34, self._numbers), *(head or ()), (52, NOW.wall_ns)]
        return ff.encode(self.version, msg_type, header + [(t, v) for t, v in fields if v is not None])

    def say(self, verb: str, name: str, words: dict[str, str], ids: dict[str, str]) -> bytes:
        """Return the report for one line of a script.

        Args: name: the order's ClOrdID. words: what the line says. ids: names of the script -> ClOrdIDs.
        """
        order = self.orders[name]
        request = ids.get(words.get("request", ""), "")
        if verb == "cancel-reject":
            return self._cancel_reject(order, request, words)
        px, qty = Decimal(words.get("px", 0)), Decimal(words.get("qty", 0))
        words = {**words, "orig": ids[words["orig"]]} if "orig" in words else words
        if "silently" in words:  # the report of that replace was lost
            self._replace(order, ids[words["silently"]])
            order.cl_ord_id = name
        exec_id, ref = self._next_exec(words), None
        if verb == "trade":
            order.trades[exec_id] = (qty, px)
            if order.state in ("A", "7", "9"):
                order.state = ""
        elif verb in ("bust", "correct"):
            ref = self.execs[words["ref"]]
            if verb == "bust":
                order.trades.pop(ref, None)
            else:
                order.trades[ref] = (qty, px)
        elif verb in ("pending-cancel", "pending-replace"):
            order.pending[request] = "6" if verb == "pending-cancel" else "E"
        elif verb == "replaced":
            self._replace(order, request)
        elif verb == "restated":
            order.qty = qty or order.qty
            order.state = ""
        elif verb in ("new", "reinstated"):
            order.state = ""
        order.state = _STATES.get(verb, order.state)
        if verb in ("canceled", "expired"):
            order.pending.pop(request, None)
        return self._report(order, verb, words, request, exec_id, ref, (qty, px))

    # --- inside ---------------------------------------------------------------------------------------------

    def _next_exec(self, words: dict[str, str]) -> str:
        if "exec" in words:  # the ExecID of an earlier report: a copy of it
            return self.execs[words["exec"]]
        self._exec_ids += 1
        exec_id = words.get("id", f"E{self._exec_ids}")
        if "as" in words:
            self.execs[words["as"]] = exec_id
        return exec_id

    def _replace(self, order: _Order, request: str) -> None:
        asked = self._asked.get(request, {})
        order.pending.pop(request, None)
        order.qty = max(Decimal(asked.get(38, order.qty)), order.cum)
        order.price = asked.get(44, order.price)
        order.cl_ord_id = request or order.cl_ord_id

    def _report(
        self,
        order: _Order,
        verb: str,
        words: dict[str, str],
        request: str,
        exec_id: str,
        ref: str | None,
        execution: tuple[Decimal, Decimal],
    ) -> bytes:
        status = words.get("status", order.status)
        exec_type, trans_type = _EXEC_TYPES[verb], None
        if self.old:
            trans_type = _TRANS_TYPES.get(verb, "0")
            if verb in ("trade", *_TRANS_TYPES):
                exec_type = ("2" if order.cum >= order.qty else "1") if verb == "trade" else status
        filled = verb in ("trade", "correct")
        original = order.cl_ord_id if request and request != order.cl_ord_id else None
        if verb == "replaced":
            original = str(self._asked.get(request, {}).get(41, "")) or None
        original = words.get("orig", original)
        fields = [
            (37, "NONE" if words.get("reason") == "6" else order.order_id),
            (11, request or order.cl_ord_id),
            (41, original),
            (17, exec_id),
            (20, trans_type),
            (19, ref),
            (150, exec_type),
            (39, status),
            (103, words.get("reason") if verb == "rejected" else None),
            (378, words.get("restatement", "1") if verb == "restated" else None),
            (1, order.account),
            (55, order.symbol),
            (54, order.side),
            (38, None if "bare" in words else order.qty),
            (44, None if "bare" in words else order.price),
            (32, execution[0] if filled else None),
            (31, execution[1] if filled else None),
            (151, order.leaves),
            (14, Decimal(words["cum"]) if "cum" in words else order.cum),
            (6, order.avg),
            (60, NOW.wall_ns),
            *self._day(order, words),
            (912, "Y" if "last" in words and not self.old else None),
            (58, words.get("text")),
        ]
        head = [(43, "Y"), (122, NOW.wall_ns)] if "dup" in words else None
        return self.message("8", fields, head)

    def _day(self, order: _Order, words: dict[str, str]) -> list[tuple[int, Any]]:
        if not order.good_till or not self._days:
            return []
        said = {424: "day_qty", 425: "day_cum", 426: "day_avg"}
        return [(tag, Decimal(words.get(said[tag], value))) for tag, value in order.of_the_day().items()]

    def _cancel_reject(self, order: _Order, request: str, words: dict[str, str]) -> bytes:
        order.pending.pop(request, None)
        kind = "1" if 40 not in self._asked.get(request, {}) else "2"
        unknown = words.get("reason") == "1"
        fields = [
            (37, "NONE" if unknown else order.order_id),
            (11, request),
            (41, order.cl_ord_id),
            (39, words.get("status", "8" if unknown else order.status)),
            (434, kind),
            (102, words.get("reason", "0")),
            (60, NOW.wall_ns),
            (58, words.get("text")),
        ]
        return self.message("9", fields)
