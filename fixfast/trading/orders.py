"""OrderManager: every order of one session, from the request to its end. No I/O, no clock.

Driven from outside: on_message() and on_event() tell it what came in, `send` takes what goes out. docs/orders.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from fixfast.errors import LocalProtocolError
from fixfast.trading.hearing import Hearing
from fixfast.trading.log import CompactLog, LogKind, OrderLog, pack
from fixfast.trading.order import Order
from fixfast.trading.request import OrderOptions, OrderRequest, Rejection, Request, exact
from fixfast.trading.update import OrderUpdate
from fixfast.trading.values import packed_order
from fixfast.types import Now

__all__ = ["Check", "OrderManager"]

#: looks at an order before it is sent, and raises to refuse it. The Order: the one whose terms are to become these.
Check = Callable[[OrderRequest, Order | None, Now], None]


class OrderManager(Hearing):
    """Keeps the orders of one session.

    Args:
        send: sends a message: send(msg_type, fields) -> MsgSeqNum, 0 where it waits for a Throttle. What it raises
            comes out of the method that sends, and leaves nothing behind.
        options: what the venue is like, and what is done without being asked.
        log: where everything is written down that changes orders; what is in it is gone through first, and afterwards
            orders that were open are known, and uncertain. None: orders are known as long as the process lives.
        checks: each is called with what is about to be sent (new orders and replaces), and raises to refuse it.
        make: makes an order; for front ends.

    Attributes:
        orders: ClOrdID -> Order, for every ClOrdID of every order's chain.
        questions: what a person should look at, the latest `options.keep`.
        orphans: reports of orders that nobody here knows, the latest `options.keep` (E4.10).

    Raises: StoreError: the log. StoreCorrupt: a record of it cannot be read.
    """

    def __init__(
        self,
        send: Callable[[str, list[tuple[Any, Any]]], int],
        options: OrderOptions | None = None,
        *,
        log: OrderLog | None = None,
        checks: Sequence[Check] = (),
        make: Callable[[str, OrderRequest], Order] = Order,
    ) -> None:
        super().__init__(send, options if options is not None else OrderOptions(), log, make)
        self._checks = tuple(checks)
        if log is not None:
            self._rebuild(log)
            if self.options.compact == "start" and self._wall_ns and isinstance(log, CompactLog):
                self.compact(Now(0, self._wall_ns))

    # --- what there is --------------------------------------------------------------------------------------

    @property
    def open_orders(self) -> list[Order]:
        """The orders that nothing has ended, oldest first."""
        return [order for order in self.all_orders if order.is_open]

    @property
    def all_orders(self) -> list[Order]:
        """Every order, oldest first."""
        return list(dict.fromkeys(self.orders.values()))

    def subscribe(self, callback: Callable[[OrderUpdate], object]) -> Callable[[], None]:
        """Have a callback called with every update, when everything has been changed. Returns what ends that.

        An exception in it becomes a question; the others are called all the same.
        """
        self._listeners.append(callback)

        def unsubscribe() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return unsubscribe

    # --- what a program asks for ----------------------------------------------------------------------------

    def submit(self, request: OrderRequest, now: Now, *, cl_ord_id: str = "") -> Order:
        """Send a new order (D).

        Args: cl_ord_id: its id; made here when not given.

        Raises: what a check raises; what `send` raises (NotActive, Throttled, EncodeError, StoreError): then there is
            no order. LocalProtocolError: the id is in use.
        """
        self._at(now)
        for check in self._checks:
            check(request, None, now)
        cl_ord_id = self._new_id(cl_ord_id, now)
        fields = self._wording.new(cl_ord_id, request, now.wall_ns)
        record = packed_order(cl_ord_id, request)
        order, asked = self._place(cl_ord_id, request)
        self._transmit(asked, order, fields, record, now)
        return order

    def cancel(self, order: Order, now: Now, *, extra: Iterable[tuple[Any, Any]] = (), cl_ord_id: str = "") -> Request:
        """Ask for the cancellation of an order (F). While one is asked for already, that request is returned.

        Args: extra: more fields. cl_ord_id: of the request; made here when not given.

        Raises: LocalProtocolError: the order has ended, or the id is in use. What `send` raises: then nothing is
            pending.
        """
        self._still_open(order, "cancel")
        for request in order.pending.values():
            if request.msg_type == "F":
                return request
        cl_ord_id = self._new_id(cl_ord_id, now)
        fields = self._wording.cancel(cl_ord_id, order, list(extra), now.wall_ns)
        record = pack({"type": "F", "id": cl_ord_id, "order": order.cl_ord_id})
        request = self._enter(order, "F", cl_ord_id)
        return self._transmit(request, order, fields, record, now)

    def replace(
        self,
        order: Order,
        now: Now,
        *,
        qty: Any = None,
        price: Any = None,
        stop_px: Any = None,
        extra: Iterable[tuple[Any, Any]] = (),
        cl_ord_id: str = "",
    ) -> Request:
        """Ask for other terms (G); what is not given stays. They are in force when the broker says so (E3).

        Raises: LocalProtocolError: the order was cancelled, rejected or expired (one that was filled may be reopened,
            E4.9), nothing is to change, or the request's own `cl_ord_id` is in use. ConfigError: a number that is none.
            What checks and `send` raise.
        """
        if not order.is_open and not order.is_filled:
            self._still_open(order, "replace")
        if qty is None and price is None and stop_px is None:
            raise LocalProtocolError(f"replace {order.cl_ord_id}: give qty=, price= or stop_px=")
        terms: dict[str, Decimal | None] = {
            "qty": order.qty if qty is None else exact("qty", qty, positive=True),
            "price": order.price if price is None else exact("price", price),
            "stop_px": order.stop_px if stop_px is None else exact("stop_px", stop_px),
        }
        if self._checks:
            wanted = OrderRequest(
                order.symbol,
                order.side,
                terms["qty"] or order.qty,
                terms["price"],
                order.ord_type,
                order.time_in_force,
                order.account,
                terms["stop_px"],
            )
            for check in self._checks:
                check(wanted, order, now)
        cl_ord_id = self._new_id(cl_ord_id, now)
        fields = self._wording.replace(cl_ord_id, order, terms, list(extra), now.wall_ns)
        record = pack({"type": "G", "id": cl_ord_id, "order": order.cl_ord_id, "terms": terms})
        request = self._enter(order, "G", cl_ord_id, terms)
        return self._transmit(request, order, fields, record, now)

    def ask_status(self, order: Order, now: Now) -> Request:
        """Ask for an order's status (H). Until the answer, an update of kind STATUS, the order is uncertain.

        What the answer says of status, terms and requests is taken: reports that were lost are made up for. Executions
        are not invented: see `missing_qty`.

        Raises: what `send` raises.
        """
        return self._ask_status(order, now)

    def mass_cancel(self, now: Now, *, symbol: str = "", side: str = "", cl_ord_id: str = "") -> Request:
        """Ask for the cancellation of all orders, or of those in one symbol (q). They end by their own reports.

        Raises: LocalProtocolError: before FIX 4.3 there is no such message; use cancel_all(). What `send` raises.
        """
        if not self.options.has_mass:
            text = f"{self.options.version} has no OrderMassCancelRequest: cancel_all() cancels one order after another"
            raise LocalProtocolError(text)
        cl_ord_id = self._new_id(cl_ord_id, now)
        request = self._enter(None, "q", cl_ord_id)
        fields = self._wording.mass_cancel(cl_ord_id, symbol, side, now.wall_ns)
        return self._transmit(request, None, fields, pack({"type": "q", "id": cl_ord_id}), now)

    def cancel_all(self, now: Now, *, symbol: str = "") -> list[Request]:
        """Cancel every open order, or those in one symbol, one by one: for every version.

        Raises: what `send` raises; the requests sent before stay.
        """
        return [self.cancel(order, now) for order in self.open_orders if not symbol or order.symbol == symbol]

    def ask_mass_status(self, now: Now) -> Request:
        """Ask for the status of all orders (AF). Each comes as an update of kind STATUS.

        Raises: LocalProtocolError: before FIX 4.3 there is no such message. What `send` raises.
        """
        if not self.options.has_mass:
            raise LocalProtocolError(f"{self.options.version} has no OrderMassStatusRequest: ask_status() asks for one")
        return self._ask_mass_status(now)

    # --- what a front end tells -----------------------------------------------------------------------------

    def on_sent(self, cl_ord_id: str, msg_seq_num: int, now: Now) -> None:
        """Know the number of a request that had waited for a Throttle (`Released`)."""
        found = self._asked_by(cl_ord_id)
        if found is not None and not found[0].over:
            self._number(*found, msg_seq_num, now.wall_ns)

    def on_unsent(self, cl_ord_id: str, why: str, now: Now) -> list[OrderUpdate]:
        """End a request that had waited for a Throttle and will not be sent (`Unsent`)."""
        found = self._asked_by(cl_ord_id)
        if found is None or found[0].over:
            return []
        self._wall_ns = now.wall_ns
        self._write(LogKind.VOID, now.wall_ns, pack({"id": cl_ord_id, "why": why}))
        return self._tell(self._refuse(*found, Rejection("", None, why), None))

    def new_day(self, now: Now) -> None:
        """Begin a new day: orders that have ended are forgotten, and all ExecIDs: they may be used again (E4.4).

        Open orders stay, good-till orders that are done for the day, and what was executed of them. With
        `OrderOptions(days=...)` it is called by itself. Listeners are told: UpdateKind.NEW_DAY.
        """
        self._begin_day(now)

    # --- inside ---------------------------------------------------------------------------------------------

    def _still_open(self, order: Order, verb: str) -> None:
        if not order.is_open:
            raise LocalProtocolError(f"{verb} {order.cl_ord_id}: the order is {order.status.name}")

    def _new_id(self, given: str, now: Now) -> str:
        if given and (given in self.orders or given in self._plain_requests):
            raise LocalProtocolError(f"ClOrdID {given!r} is in use (E4.6)")
        return given or self._ids.next(now.wall_ns)
