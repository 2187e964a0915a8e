"""The books of an OrderManager: orders by their ids, requests by their numbers; the log, and building them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fixfast.codec.message import Message
from fixfast.codec.parse import parse
from fixfast.errors import StoreCorrupt, StoreError
from fixfast.trading.applying import Applying
from fixfast.trading.ids import ClOrdIDs
from fixfast.trading.lifecycle import EXECUTIONS, GOOD_TILL, OrdStatus
from fixfast.trading.log import LogKind, OrderLog, pack, unpack
from fixfast.trading.order import Order
from fixfast.trading.report import Report
from fixfast.trading.request import OrderOptions, OrderRequest, Rejection, Request
from fixfast.trading.update import Doubt, OrderUpdate, Question, UpdateKind
from fixfast.trading.values import read_placed
from fixfast.trading.wording import Fields, Wording
from fixfast.types import Now

__all__ = ["Keeping", "Orphan"]

#: numbers of requests that are over are forgotten when there are so many
_NUMBERS = 4096


_NEVER = 1 << 63
# PERF: as in applying.py
_new, _SENT = tuple.__new__, UpdateKind.SENT
_NO_REPORT = (None,) * 4  # nor message nor trades
#: a request, and the order it is about
_Asked = tuple[Request, Order | None]


class Orphan(NamedTuple):
    """A report of an order that nobody here knows, and the message it came in."""

    report: Report
    raw: bytes


def _lives_on(order: Order) -> bool:
    """Return whether an order may be heard of on another day."""
    waits = order.status is OrdStatus.DONE_FOR_DAY and order.time_in_force in GOOD_TILL
    return order.is_open or waits or bool(order.pending)


class Keeping:
    """What an OrderManager keeps. Not used by itself."""

    def __init__(
        self,
        send: Callable[[str, Fields], int],
        options: OrderOptions,
        log: OrderLog | None,
        make: Callable[[str, OrderRequest], Order],
    ) -> None:
        self.options = options
        self.orders: dict[str, Order] = {}
        self.questions: deque[Question] = deque(maxlen=options.keep)
        self.orphans: deque[Orphan] = deque(maxlen=options.keep)
        self._orphaned: set[tuple[str | None, str | None]] = set()  # what they are called
        self._by_order_id: dict[str, Order] = {}
        self._by_seq: dict[int, _Asked] = {}
        self._plain_requests: dict[str, _Asked] = {}  # those that are in no order's chain: H, q, AF
        self._execs: dict[str, tuple[object, ...]] = {}  # ExecID -> what it said (E4.4)
        self._old_execs: dict[str, tuple[object, ...]] = {}  # ... executions of earlier days, of orders that still live
        self._wording = Wording(options)
        self._ids = ClOrdIDs(options.id_prefix)
        self._applying = Applying(self._ask, options.avg_px_tolerance, options.keep)
        self._listeners: list[Callable[[OrderUpdate], object]] = []
        self._send = send
        self._log = log
        self._make = make
        self._requests_made = 0
        self._replaying = False
        self._wall_ns = 0
        self._day: date | None = None  # id of the window of options.days
        self._day_ends = _NEVER if options.days is None else 0

    # --- days -----------------------------------------------------------------------------------------------

    def _at(self, now: Now) -> None:
        """Know what time it is; begin a new day where one is due."""
        self._wall_ns = now.wall_ns
        if now.wall_ns > self._day_ends:
            self._look_at_day(now)

    def _look_at_day(self, now: Now) -> None:
        days = self.options.days
        if days is None or self._replaying:
            return
        window = days.due(now.wall_ns)
        over, self._day_ends = self._day is not None and window.id > self._day, window.end_ns
        self._day = max(window.id, self._day or window.id)  # a clock that is set back begins no day again
        if over:
            self._begin_day(now)

    def _begin_day(self, now: Now) -> None:
        self._wall_ns = now.wall_ns
        self._write(LogKind.EVENT, now.wall_ns, pack({"event": "new_day"}))
        self._tell(self._forget_ended())

    # --- questions and updates ------------------------------------------------------------------------------

    def _ask(
        self, doubt: Doubt, text: str, order: Order | None, report: Report | None, message: Message | None
    ) -> None:
        if order is not None:
            order.flags.add(doubt)
        raw = message.raw if message is not None else b""
        self.questions.append(Question(doubt, text, order, report, raw, self._wall_ns))

    def _tell(self, updates: list[OrderUpdate]) -> list[OrderUpdate]:
        """Tell the listeners; not of what is only gone through again."""
        if self._listeners and not self._replaying:
            for update in updates:
                for listener in tuple(self._listeners):
                    try:
                        listener(update)
                    except Exception as error:
                        text = f"a listener failed: {type(error).__name__}: {error}"
                        self._ask(Doubt.LISTENER, text, update.order, update.report, update.message)
        return updates

    # --- orders and requests --------------------------------------------------------------------------------

    def _place(self, cl_ord_id: str, request: OrderRequest) -> tuple[Order, Request]:
        """Enter a new order and the request for it."""
        order = self._make(cl_ord_id, request)
        return order, self._enter(order, "D", cl_ord_id)

    def _enter(
        self, order: Order | None, msg_type: str, cl_ord_id: str, terms: dict[str, Decimal | None] | None = None
    ) -> Request:
        self._requests_made += 1
        request = Request(msg_type, cl_ord_id, self._requests_made, terms)
        if order is None or msg_type == "H":
            self._plain_requests[cl_ord_id] = request, order
            if order is not None:
                self._inquired(order)
                order.inquiry = request
        else:
            order.requests[cl_ord_id] = order.pending[cl_ord_id] = request
            self.orders[cl_ord_id] = order
        return request

    def _inquired(self, order: Order) -> None:
        """A status request was answered, or another one takes its place."""
        if order.inquiry is not None:
            order.inquiry.state = "accepted"
            self._plain_requests.pop(order.inquiry.cl_ord_id, None)
            order.inquiry = None

    def _remove(self, request: Request, order: Order | None) -> None:
        """Undo _enter(): nothing was sent."""
        self._plain_requests.pop(request.cl_ord_id, None)
        if order is not None and order.requests.pop(request.cl_ord_id, None) is not None:
            order.pending.pop(request.cl_ord_id, None)
            self.orders.pop(request.cl_ord_id, None)

    def _asked_by(self, cl_ord_id: str) -> _Asked | None:
        """Return the request with an id, and the order it is about."""
        order = self.orders.get(cl_ord_id)
        request = order.requests.get(cl_ord_id) if order is not None else None
        return (request, order) if request is not None else self._plain_requests.get(cl_ord_id)

    def _transmit(
        self, request: Request, order: Order | None, fields: Fields, record: bytes, now: Now, *, again: bool = False
    ) -> Request:
        """Write a request down and send it; if that cannot be, all is as before.

        Args: record: what the log has of it. again: it was sent before.
        """
        self._wall_ns = now.wall_ns
        try:
            self._write(LogKind.REQUESTED, now.wall_ns, record)
        except BaseException:
            if not again:
                self._remove(request, order)
            raise
        try:
            seq = self._send(request.msg_type, fields)
        except BaseException:
            if not again:
                self._remove(request, order)
                with suppress(StoreError):  # why it was not sent is what matters; the next start asks about it
                    self._write(LogKind.VOID, now.wall_ns, pack({"id": request.cl_ord_id}))
            raise
        if seq:
            try:  # noqa: SIM105  PERF: suppress() is three calls more
                self._number(request, order, seq, now.wall_ns)
            except StoreError:
                pass  # it is sent: the next record fails whoever asks for that
        if order is not None and not again:
            self._tell([_new(OrderUpdate, (_SENT, order, order.status, order.status, *_NO_REPORT, request))])
        return request

    def _number(self, request: Request, order: Order | None, seq: int, wall_ns: int) -> None:
        request.seq = seq
        if request.msg_type == "H" and order is not None and order.is_open:
            order.uncertain = True  # who asks doubts: what the answer says of the order is taken
        by_seq = self._by_seq
        by_seq[seq] = request, order
        if len(by_seq) > _NUMBERS and not len(by_seq) % _NUMBERS:
            self._by_seq = {n: pair for n, pair in by_seq.items() if not pair[0].over}
        self._write(LogKind.NUMBERED, wall_ns, b"%d %s" % (seq, request.cl_ord_id.encode("utf-8", "surrogateescape")))

    def _refuse(
        self, request: Request, order: Order | None, rejection: Rejection, message: Message | None
    ) -> list[OrderUpdate]:
        raise NotImplementedError

    def _forget_ended(self) -> list[OrderUpdate]:
        """Begin a new day with the orders that live on: open ones, and good-till ones that were done for the day."""
        living = {order for order in self.orders.values() if _lives_on(order)}
        for order in living:
            order.new_day()
        self.orders = {key: order for key, order in self.orders.items() if order in living}
        self._by_order_id = {key: order for key, order in self._by_order_id.items() if order in living}
        known = self._old_execs | self._execs
        self._old_execs = {key: says for key, says in known.items() if says[0] in living and says[1] in EXECUTIONS}
        self._execs.clear()
        asked = {key: pair for key, pair in self._plain_requests.items() if not pair[0].over}
        self._plain_requests = {key: pair for key, pair in asked.items() if pair[1] is None or pair[1] in living}
        self._by_seq = {n: pair for n, pair in self._by_seq.items() if self._asked_by(pair[0].cl_ord_id) == pair}
        return [OrderUpdate(UpdateKind.NEW_DAY, None, OrdStatus.SENT, OrdStatus.SENT)]

    # --- the log --------------------------------------------------------------------------------------------

    def _write(self, kind: str, wall_ns: int, data: bytes) -> None:
        if self._log is not None and not self._replaying:
            self._log.append(kind, wall_ns, data)

    def _rebuild(self, log: OrderLog) -> None:
        """Go through a log: nothing is sent, and nobody is told. That the session is gone is written down, too."""
        self._replaying = True
        try:
            for n, (kind, wall_ns, data) in enumerate(log.read()):
                self._wall_ns = wall_ns
                try:
                    self._again(kind, wall_ns, data)
                except (ValueError, KeyError, TypeError) as error:
                    raise StoreCorrupt("order log", n, f"record {n}: {error}") from error
            interrupted = self._interrupted()
        finally:
            self._replaying = False
        if self._wall_ns:
            self._look_at_day(Now(0, self._wall_ns))  # of the last record
        if interrupted:
            self._write(LogKind.EVENT, self._wall_ns, interrupted)

    def _again(self, kind: str, wall_ns: int, data: bytes) -> list[OrderUpdate]:
        """Do once more what a record says was done."""
        if kind == LogKind.RECEIVED:
            return self.on_message(parse(data, max_message_size=max(len(data), 1)), Now(0, wall_ns))
        if kind == LogKind.REQUESTED:
            self._request_again(unpack(data))
        elif kind == LogKind.NUMBERED:
            seq, _, cl_ord_id = data.decode("utf-8", "surrogateescape").partition(" ")
            found = self._asked_by(cl_ord_id)
            if found is not None:
                self._number(*found, int(seq), wall_ns)
        elif kind == LogKind.VOID:
            values = unpack(data)
            found = self._asked_by(values["id"])
            if found is not None and "why" in values:
                return self._tell(self._refuse(*found, Rejection("", None, values["why"]), None))
            if found is not None:
                self._remove(*found)
        elif kind == LogKind.EVENT:
            return self._tell(self._event_again(unpack(data)))
        elif kind == LogKind.STATE:
            return self._tell(self._state_again(unpack(data)))
        else:
            raise ValueError(f"a record of kind {kind!r}")
        return []

    def _request_again(self, values: dict[str, Any]) -> None:
        msg_type, cl_ord_id = values["type"], values["id"]
        self._ids.seen(cl_ord_id)
        if "again" in values:
            return
        order = self.orders.get(values.get("order", ""))
        if msg_type == "D":
            self._place(cl_ord_id, read_placed(values))
        elif msg_type in ("F", "G"):
            terms = {name: None if value is None else Decimal(value) for name, value in values.get("terms", {}).items()}
            self._enter(order, msg_type, cl_ord_id, terms)
        else:
            self._enter(order, msg_type, cl_ord_id)

    def _event_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        raise NotImplementedError

    def _state_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        raise NotImplementedError

    def _interrupted(self) -> bytes:
        raise NotImplementedError

    def on_message(self, message: Message, now: Now) -> list[OrderUpdate]:
        """Take a message from the peer."""
        raise NotImplementedError
