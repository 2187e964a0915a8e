"""Mirror: what a front end knows of its Backend, made of the events that come. I/O-free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal

from fixfast.service import messages
from fixfast.service.messages import (
    BookNow,
    CaughtUp,
    Fault,
    Message,
    Printed,
    Record,
    Reset,
    StatusNow,
    Welcome,
    WireMessage,
)
from fixfast.trading.bookview import BookStatus, Level
from fixfast.trading.exact import EXACT
from fixfast.trading.order import Order
from fixfast.trading.positions import Positions
from fixfast.trading.replica import Replica
from fixfast.trading.request import OrderOptions, OrderRequest
from fixfast.trading.update import Doubt, OrderUpdate, UpdateKind

__all__ = ["Mirror", "RemoteBook"]

#: FIX messages, faults and market trades that are kept, the latest
_KEPT = 1000
_HALF = Decimal("0.5")


def _levels(told: list[messages.Level]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(level.px), Decimal(level.qty), level.orders or None) for level in told)


class RemoteBook:
    """A symbol's book as the Backend told it last.

    Attributes:
        symbol: whose.
        status: BookStatus; only LIVE is to be traded on.
        bids, offers: the best first.
        trades: the market's latest, the oldest first.
        wall_ns: when it was so.
        text: why it is not live, in words.
    """

    __slots__ = ("bids", "offers", "status", "symbol", "text", "trades", "wall_ns")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.status = BookStatus.ABSENT
        self.bids: tuple[Level, ...] = ()
        self.offers: tuple[Level, ...] = ()
        self.trades: deque[Printed] = deque(maxlen=_KEPT)
        self.wall_ns = 0
        self.text = ""

    def take(self, now: BookNow) -> None:
        """Be as this event says."""
        self.status, self.text, self.wall_ns = BookStatus(now.status), now.text, now.wall_ns
        self.bids = _levels(now.bids)
        self.offers = _levels(now.offers)

    def lose(self, text: str) -> None:
        """Be no more to be trusted: the Backend is gone."""
        self.status, self.text, self.bids, self.offers = BookStatus.INVALID, text, (), ()

    @property
    def mid(self) -> Decimal | None:
        """Halfway between bid and offer; None where there is no market or the book is not live."""
        if self.status is not BookStatus.LIVE or not self.bids or not self.offers:
            return None
        return EXACT.multiply(EXACT.add(self.bids[0].price, self.offers[0].price), _HALF)

    def __repr__(self) -> str:
        return f"<RemoteBook {self.symbol} {self.status.value}>"


class Mirror:
    """The Backend's state, as far as it was told.

    Args: make: makes an order, (cl_ord_id, request).

    Attributes:
        welcome: what the Backend said of itself; None before the first connection.
        status: of the FIX session; None until it was told.
        replica: the orders.
        books: symbol -> RemoteBook, of what was subscribed to.
        messages: the latest FIX messages, where they are watched; messages_seen: how many there were.
        faults: what a person should look at, the latest.
        guard: held while an event is taken: threads that look at the rest take it, too.
        next_record: the number of the record that comes next.
        caught_up: all that there was is known; what comes is news.
    """

    def __init__(self, make: Callable[[str, OrderRequest], Order] = Order) -> None:
        self._make = make
        self._listeners: list[Callable[[object], object]] = []
        self.guard: AbstractContextManager[object] = nullcontext()
        self.welcome: Welcome | None = None
        self.status: StatusNow | None = None
        self.books: dict[str, RemoteBook] = {}
        self.messages: deque[WireMessage] = deque(maxlen=_KEPT)
        self.messages_seen = 0
        self.faults: deque[Fault] = deque(maxlen=_KEPT)
        self.next_record = 1
        self.caught_up = False
        self.replica = Replica(make=make)
        self._part = b""  # of a record that comes in pieces
        self._held: dict[Order, list[OrderUpdate]] = {}  # known before a Reset, and not told again yet -> their history
        self._begin("FIX.4.2")

    @property
    def positions(self) -> Positions:
        """Positions of all that was ever traded."""
        return self.replica.positions

    def listen(self, callback: Callable[[object], object]) -> Callable[[], None]:
        """Have a callback called with every OrderUpdate and every event that is no record; returns what ends that."""
        self._listeners.append(callback)

        def end() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return end

    def welcomed(self, welcome: Welcome) -> None:
        """Begin with a Backend, or go on with it: also when it was started again meanwhile.

        It begins anew with one of another session (of a Launcher that was started again), or whose log lost its end:
        its records are the truth, and are all told again after a Reset.
        """
        known = self.welcome
        if known is None:
            self._begin(welcome.appl_version)
        elif known.session != welcome.session or welcome.next_record < self.next_record:
            self.take(Reset(1))
        self.welcome = welcome
        self.caught_up = False

    def take(self, event: Message) -> None:
        """Take an event of the Backend."""
        with self.guard:
            self._take(event)

    def _take(self, event: Message) -> None:
        match event:
            case Record():
                data = self._part + event.data
                self._part = data if event.more else b""
                if not event.more:
                    self.replica.apply(event.kind, event.wall_ns, data)
                    self.next_record = event.n + 1
                return  # its updates were told
            case Reset():
                self._begin(self.replica.options.version)
                self.next_record = event.first
            case CaughtUp():
                self._forget()
                self.caught_up = True
            case StatusNow():
                self.status = event
            case BookNow():
                book = self._book(event.symbol)
                book.take(event)
                if book.mid is not None:
                    self.positions.mark(book.symbol, book.mid)
            case Printed():
                self._book(event.symbol).trades.append(event)
            case WireMessage():
                self.messages.append(event)
                self.messages_seen += 1
            case Fault():
                self.faults.append(event)
        self.tell(event)

    def tell(self, event: object) -> None:
        """Call the listeners; one that fails is a fault to look at, and hurts nobody else."""
        with self.guard:
            for listener in tuple(self._listeners):
                try:
                    listener(event)
                except Exception as error:
                    self.faults.append(Fault("listener", f"{type(error).__name__}: {error}"))

    # --- inside ---------------------------------------------------------------------------------------------

    def _begin(self, version: str) -> None:
        """Know nothing of orders. Objects that a program holds are used again when their ids come."""
        for order in self.replica.all_orders:
            self._held.setdefault(order, getattr(order, "history", []).copy())
        known = {next(iter(order.requests), ""): order for order in self._held}

        def make(cl_ord_id: str, request: OrderRequest) -> Order:
            held = known.get(cl_ord_id)
            if held is None:
                return self._make(cl_ord_id, request)
            Order.__init__(held, cl_ord_id, request)
            getattr(held, "history", []).clear()  # it is told again
            return held

        self.replica = Replica(OrderOptions(version), make=make)
        self._part = b""
        self.next_record = 1
        self.replica.subscribe(self._on_update)

    def _on_update(self, update: OrderUpdate) -> None:
        if self._held and update.order is not None:
            told = self._held.pop(update.order, [])
            if update.kind is UpdateKind.RESTORED:  # but of this one only what it is now
                getattr(update.order, "history", [])[:0] = told
        self.tell(update)

    def _forget(self) -> None:
        """Know the end of orders that were known before a Reset, and that nobody tells of any more."""
        held, self._held = self._held, {}
        for order in held:
            if order.is_open:
                order.flags.add(Doubt.FORGOTTEN)
                self.tell(OrderUpdate(UpdateKind.FORGOTTEN, order, order.status, order.status))

    def _book(self, symbol: str) -> RemoteBook:
        return self.books.setdefault(symbol, RemoteBook(symbol))
