"""Orders for threads: what `session.orders()` of the threaded front end returns. Waits have a timeout and block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fixfast import clock
from fixfast.engine.ordering import Ordering, request_of
from fixfast.engine.orders import answered, outcome
from fixfast.trading.log import OrderLog
from fixfast.trading.order import Order
from fixfast.trading.orders import Check
from fixfast.trading.request import OrderOptions, OrderRequest, Request
from fixfast.trading.update import OrderUpdate

if TYPE_CHECKING:
    from fixfast.engine.sync.ordered import Ordered

__all__ = ["LiveOrder", "Orders", "PolledOrders"]

_T = TypeVar("_T")


class LiveOrder(Order):
    """An Order with what to wait for. Made by `orders.submit()`, not by hand. Any thread may wait.

    Every wait takes a timeout in seconds, None for ever, and raises TimeoutError when it is over: the order goes on. It
    ends with NotActive, or GaveUp, when the session is closed; not when the connection breaks and is made again.

    Attributes:
        history: every update so far, from the first on.
    """

    __slots__ = ("_orders", "history")

    def __init__(self, cl_ord_id: str, request: OrderRequest, orders: Orders) -> None:
        super().__init__(cl_ord_id, request)
        self._orders = orders
        self.history: list[OrderUpdate] = []

    def acknowledged(self, timeout: float | None = None) -> LiveOrder:
        """Wait until the broker has taken the order.

        Raises: OrderRejected: it was refused. TimeoutError, NotActive, GaveUp.
        """
        self._orders.wait(lambda: outcome(self, self.is_acknowledged), timeout)
        return self

    def filled(self, timeout: float | None = None) -> LiveOrder:
        """Wait until all of it was executed.

        Raises: OrderRejected; OrderEnded: it ended before that: look at `cum_qty`. TimeoutError, NotActive, GaveUp.
        """
        self._orders.wait(lambda: outcome(self, self.is_filled), timeout)
        return self

    def done(self, timeout: float | None = None) -> LiveOrder:
        """Wait until nothing of it works in the market any more, for whatever reason: look at `status`.

        Raises: TimeoutError, NotActive, GaveUp.
        """
        self._orders.wait(lambda: not self.is_open, timeout)
        return self

    def cancel(self, timeout: float | None = None, *, extra: Iterable[tuple[Any, Any]] = ()) -> LiveOrder:
        """Ask for the cancellation, and wait for the answer.

        Raises: RequestRejected: it was refused. OrderEnded: the order ended before it was answered. LocalProtocolError:
            it had ended already. What send() of the session raises. TimeoutError, NotActive, GaveUp.
        """
        pairs = list(extra)
        orders = self._orders
        request = orders.in_turn("F", pairs, lambda: orders.manager.cancel(self, clock.now(), extra=pairs))
        orders.wait(lambda: answered(self, request), timeout)
        return self

    def replace(
        self,
        timeout: float | None = None,
        *,
        qty: Any = None,
        price: Any = None,
        stop_px: Any = None,
        extra: Iterable[tuple[Any, Any]] = (),
    ) -> LiveOrder:
        """Ask for other terms, and wait for the answer; what is not given stays. Raises: as cancel(); ConfigError."""
        pairs = list(extra)
        orders = self._orders

        def ask() -> Request:
            return orders.manager.replace(self, clock.now(), qty=qty, price=price, stop_px=stop_px, extra=pairs)

        request = orders.in_turn("G", pairs, ask)
        orders.wait(lambda: answered(self, request), timeout)
        return self

    def __iter__(self) -> Iterator[OrderUpdate]:
        """Iterate over all updates, from the first on, to the one that ends the order. Any number of threads may.

        Raises: NotActive, GaveUp: the session ended before the order did.
        """
        return self.updates()

    def updates(self, timeout: float | None = None) -> Iterator[OrderUpdate]:
        """Iterate as iter() does; TimeoutError: the next one did not come in so many seconds."""
        taken = 0

        def more() -> bool:
            return len(self.history) > taken or not self.is_open

        while True:
            while taken < len(self.history):
                taken += 1
                yield self.history[taken - 1]
            if not self.is_open:
                return
            self._orders.wait(more, timeout)


class Orders(Ordering):
    """The orders of a session that threads share. Made by `session.orders()`. Any thread may call it.

    What a subscriber is called with comes on whatever thread reads for all, under the session's lock: it must be quick,
    and must not wait for anything.
    """

    def __init__(
        self,
        session: Ordered,
        options: OrderOptions | None,
        *,
        log: OrderLog | None,
        checks: Sequence[Check],
        passed: Callable[[Any], None] | None,
    ) -> None:
        self._live = session
        super().__init__(session, session.put, options, log=log, checks=checks, make=self._make, passed=passed)
        self.manager.subscribe(self._on_update)

    def submit(self, request: OrderRequest | None = None, /, *, cl_ord_id: str = "", **fields: Any) -> LiveOrder:
        """Send a new order; return when it is on its way, not when it was answered.

        Args: request: the order; or its fields by name, as OrderRequest has them. cl_ord_id: its id; made when not
            given.

        Raises: ConfigError: a field is not allowed. What checks raise. NotActive, Throttled, EncodeError, StoreError:
            it was not sent, and there is no order.
        """
        order = request_of(request, fields)
        manager = self.manager
        made = self.in_turn("D", list(order.extra), lambda: manager.submit(order, clock.now(), cl_ord_id=cl_ord_id))
        return cast("LiveOrder", made)

    def cancel_all(self, *, symbol: str = "") -> list[Request]:
        """Send a cancel for every open order, or for those in one symbol; does not wait for answers."""
        return self.in_turn("F", [], lambda: self.manager.cancel_all(clock.now(), symbol=symbol))

    def in_turn(self, msg_type: str, extra: list[Any], act: Callable[[], _T]) -> _T:
        """Do something that sends one message, under the session's lock, when a Throttle lets it."""

        def checked() -> _T:
            self.check()
            return act()

        return self._live.in_turn(msg_type, [(11, "x" * 10), *extra], checked)

    def wait(self, so: Callable[[], bool], timeout: float | None) -> None:
        """Wait until something is so; it is asked under the session's lock, and what it raises is raised.

        Raises: TimeoutError; the error that ended the session.
        """
        if not self._live.wait_so(so, self.check, timeout):
            raise TimeoutError(f"not in {timeout} s; the order goes on")

    # --- inside ---------------------------------------------------------------------------------------------

    def _make(self, cl_ord_id: str, request: OrderRequest) -> LiveOrder:
        return LiveOrder(cl_ord_id, request, self)

    def _on_update(self, update: OrderUpdate) -> None:
        order = update.order
        if isinstance(order, LiveOrder):
            if update.message is not None:
                update.message.detach()  # it stays: its chunk must not
            order.history.append(update)


class PolledOrders(Ordering):
    """The orders of a session that a Poller drives. Made by `session.orders()`; for the thread that polls.

    Nothing waits here: subscribe() to hear of updates, which come while poll() runs, or look at the orders.
    """

    def submit(self, request: OrderRequest | None = None, /, *, cl_ord_id: str = "", **fields: Any) -> Order:
        """Send a new order. Args, Raises: as for the other front ends."""
        order = request_of(request, fields)
        self.check()
        return self.manager.submit(order, clock.now(), cl_ord_id=cl_ord_id)

    def cancel(self, order: Order, *, extra: Iterable[tuple[Any, Any]] = ()) -> Request:
        """Ask for the cancellation. Raises: as OrderManager.cancel()."""
        self.check()
        return self.manager.cancel(order, clock.now(), extra=extra)

    def replace(
        self, order: Order, *, qty: Any = None, price: Any = None, stop_px: Any = None, extra: Iterable[Any] = ()
    ) -> Request:
        """Ask for other terms; what is not given stays. Raises: as OrderManager.replace()."""
        self.check()
        return self.manager.replace(order, clock.now(), qty=qty, price=price, stop_px=stop_px, extra=extra)

    def cancel_all(self, *, symbol: str = "") -> list[Request]:
        """Send a cancel for every open order, or for those in one symbol."""
        self.check()
        return self.manager.cancel_all(clock.now(), symbol=symbol)
