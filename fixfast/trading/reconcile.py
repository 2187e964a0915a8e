"""What the session's ups and downs mean for orders: uncertain while it is gone, asked about when it is back (E4.11)."""

from __future__ import annotations

from typing import Any

from fixfast.codec.message import Message
from fixfast.errors import LocalProtocolError
from fixfast.session.events import Disconnected, GapDetected, GapFilled, LoggedOn, MessagesLost, SequenceReset
from fixfast.trading.exact import EXACT
from fixfast.trading.keeping import Keeping
from fixfast.trading.lifecycle import OrdStatus
from fixfast.trading.log import LogKind, pack
from fixfast.trading.order import Order
from fixfast.trading.report import Report, read_terms
from fixfast.trading.request import Request
from fixfast.trading.update import Doubt, OrderUpdate, UpdateKind
from fixfast.types import Now

__all__ = ["Reconciling"]

#: events of a session -> what they are called in the log
_EVENTS = {
    LoggedOn: "logged on",
    Disconnected: "disconnected",
    GapDetected: "gap",
    GapFilled: "gap filled",
    MessagesLost: "lost",
    SequenceReset: "reset",
}


class Reconciling(Keeping):
    """The part of an OrderManager that knows of the session. Not used by itself.

    Attributes:
        logged_on: the session is up.
    """

    logged_on = False
    _gap = False  # messages are missing and were asked for
    _asking = False  # settle() has something to do
    _asked: frozenset[str] | set[str] = frozenset()  # heads of the orders asked about since the logon
    _mass: Request | None = None  # the mass status request that is not answered

    def on_event(self, event: object, now: Now) -> list[OrderUpdate]:
        """Take an event of the session; those that mean nothing for orders are ignored.

        Returns: the orders that became uncertain.

        Raises: StoreError: the log could not be written.
        """
        name = _EVENTS.get(type(event))
        if name is None:
            return []
        self._at(now)
        self._write(LogKind.EVENT, now.wall_ns, pack({"event": name}))
        return self._tell(self._event(name))

    def take_up(self, now: Now, *, recovering: bool = False) -> None:
        """Know that the session is logged on already; `recovering`: messages of it are missing."""
        self._wall_ns = now.wall_ns
        for name in ("logged on", "gap") if recovering else ("logged on",):
            self._write(LogKind.EVENT, now.wall_ns, pack({"event": name}))
            self._event(name)

    def settle(self, now: Now) -> int:
        """Ask about uncertain orders, where the session is up and no message is missing; else do nothing.

        To be called when a batch of messages and events was dealt with. What cannot be sent now (a Throttle) is tried
        at the next call.

        Returns: how many requests were sent.
        """
        self._at(now)
        if not self._asking or not self.logged_on or self._gap or self.options.reconcile == "none":
            return 0
        self._asking = False
        try:
            return self._ask_about(now)
        except LocalProtocolError:  # Throttled, NotActive: later
            self._asking = True
            return 0

    # --- inside ---------------------------------------------------------------------------------------------

    def _ask_about(self, now: Now) -> int:
        uncertain = [order for order in dict.fromkeys(self.orders.values()) if order.uncertain]
        asked = set(self._asked)
        self._asked = asked
        sent = 0
        if self.options.reconcile == "mass" and self._mass is None and len(uncertain) > 1 and not asked:
            self._mass = self._ask_mass_status(now)
            return 1
        if self._mass is not None and not self._mass.over:
            return 0
        for order in uncertain:
            if order.cl_ord_id in asked:
                continue
            if self.options.reconcile == "resend" and order.status is OrdStatus.SENT and order.request is not None:
                self._send_again(order, now)
            else:
                self._ask_status(order, now)
            asked.add(order.cl_ord_id)
            sent += 1
        return sent

    def _ask_status(self, order: Order, now: Now) -> Request:
        request_id = self._ids.next(now.wall_ns)
        request = self._enter(order, "H", request_id)
        values = {"type": "H", "id": request_id, "order": order.cl_ord_id}
        return self._transmit(request, order, self._wording.status(order, request_id), pack(values), now)

    def _ask_mass_status(self, now: Now) -> Request:
        request_id = self._ids.next(now.wall_ns)
        request = self._enter(None, "AF", request_id)
        values = {"type": "AF", "id": request_id}
        return self._transmit(request, None, self._wording.mass_status(request_id), pack(values), now)

    def _send_again(self, order: Order, now: Now) -> None:
        """Send an order that nothing was heard of once more: the same ClOrdID, with PossResend(97)."""
        assert order.request is not None
        request = order.requests[order.cl_ord_id]
        fields = self._wording.new(order.cl_ord_id, order.request, now.wall_ns, again=True)
        record = pack({"type": "D", "id": order.cl_ord_id, "again": True})
        self._transmit(request, order, fields, record, now, again=True)

    def _event(self, name: str) -> list[OrderUpdate]:
        if name == "logged on":
            self.logged_on, self._gap, self._asking = True, False, True
        elif name == "gap":
            self._gap = True
        elif name == "gap filled":
            # An answer that was resent is no fresh one: who is still uncertain is asked about again.
            self._gap, self._asked, self._asking = False, frozenset(), True
        elif name == "disconnected":
            self.logged_on = self._gap = False
            self._asked = frozenset()
            self._mass = None
            return self._doubt_all()
        elif name == "lost":
            self._gap = False
            self._ask(
                Doubt.LOST, "messages of the peer are lost: what they said of orders is not known", None, None, None
            )
            self._asked = frozenset()
            self._asking = True
            return self._doubt_all()
        elif name == "reset":
            self._by_seq.clear()
        return []

    def _doubt_all(self) -> list[OrderUpdate]:
        """What happens to the open orders now, nobody here will know until the broker is asked."""
        updates = []
        for order in dict.fromkeys(self.orders.values()):
            if order.is_open and not order.uncertain:
                order.uncertain = True
                updates.append(OrderUpdate(UpdateKind.UNCERTAIN, order, order.status, order.status))
        return updates

    def _reassured(self, order: Order, report: Report, message: Message) -> bool:
        """Return whether an uncertain order is certain again by a report: it is fresh, and it agrees with what we know.

        A report of before the interruption proves nothing about after it.
        """
        if self._mass is not None and read_terms(message).last_requested == "Y":
            self._mass.state = "accepted"
            self._asking = True  # about those it did not tell of
        if not order.uncertain:
            return False
        fresh = self.logged_on and not self._gap and not message.poss_dup and not message.poss_resend
        if not order.is_open or (
            fresh
            and report.ord_status == order.status
            and report.cum_qty in (None, EXACT.add(order.cum_qty, order.missing_qty))
        ):
            order.uncertain = False
            return True
        return False

    def _event_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        if values["event"] != "new_day":
            return self._event(values["event"])
        return self._forget_ended()

    def _interrupted(self) -> bytes:
        """After the log was gone through: the process that wrote it has ended, and with it the session.

        Returns: the record that says so; nothing where it changes nothing.
        """
        name = "disconnected"
        was_on, doubtful = self.logged_on, self._event(name)
        return pack({"event": name}) if was_on or doubtful else b""
