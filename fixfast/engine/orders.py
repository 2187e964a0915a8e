"""Orders to await: what `session.orders()` of the asyncio front end returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, cast

from fixfast import clock
from fixfast.engine.ordering import Ordering, request_of
from fixfast.engine.turns import Turns, in_turn
from fixfast.errors import OrderEnded, OrderRejected, RequestRejected, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.trading.lifecycle import OrdStatus
from fixfast.trading.log import OrderLog
from fixfast.trading.order import Order
from fixfast.trading.orders import Check
from fixfast.trading.request import OrderOptions, OrderRequest, Request
from fixfast.trading.update import OrderUpdate
from fixfast.types import SessionID

__all__ = ["LiveOrder", "Orders", "answered", "outcome"]

_T = TypeVar("_T")


def outcome(order: Order, wanted: bool) -> bool:
    """Return whether what is waited for is so; raise when it never will be.

    Raises: OrderRejected, OrderEnded.
    """
    if wanted:
        return True
    if order.status is OrdStatus.REJECTED:
        why = order.rejected
        raise OrderRejected(order.cl_ord_id, order.status, why.reason if why else None, order.text)
    if not order.is_open:
        raise OrderEnded(order.cl_ord_id, order.status, None, order.text)
    return False


def answered(order: Order, request: Request) -> bool:
    """Return whether a cancel or replace was accepted, False while nobody knows.

    Raises: RequestRejected; OrderEnded: the order ended before it was answered.
    """
    if not request.over:
        # a filled order may be reopened by a replace (E4.9): that is answered
        return False if request.msg_type == "G" and order.status is OrdStatus.FILLED else outcome(order, False)
    if request.rejection is not None:
        raise RequestRejected(*request.rejection)
    return True


class LiveOrder(Order):
    """An Order with what to await. Made by `orders.submit()`, not by hand.

    Waiting may be cancelled at any time; nothing is lost by that. A wait ends with NotActive, or GaveUp, when the
    session is closed; not when the connection breaks and is made again.

    Attributes:
        history: every update so far, from the first on.
    """

    __slots__ = ("_orders", "_waiting", "history")

    def __init__(self, cl_ord_id: str, request: OrderRequest, orders: Orders) -> None:
        super().__init__(cl_ord_id, request)
        self._orders = orders
        self._waiting: set[asyncio.Future[None]] | None = None  # while somebody does
        self.history: list[OrderUpdate] = []

    async def acknowledged(self) -> LiveOrder:
        """Wait until the broker has taken the order.

        Raises: OrderRejected: it was refused. NotActive, GaveUp: the session ended.
        """
        await self._until(lambda: outcome(self, self.is_acknowledged))
        return self

    async def filled(self) -> LiveOrder:
        """Wait until all of it was executed.

        Raises: OrderRejected; OrderEnded: it ended before that: look at `cum_qty`. NotActive, GaveUp.
        """
        await self._until(lambda: outcome(self, self.is_filled))
        return self

    async def done(self) -> LiveOrder:
        """Wait until nothing of it works in the market any more, for whatever reason: look at `status`.

        Raises: NotActive, GaveUp.
        """
        await self._until(lambda: not self.is_open)
        return self

    async def cancel(self, *, extra: Iterable[tuple[Any, Any]] = ()) -> LiveOrder:
        """Ask for the cancellation, and wait for the answer.

        Raises: RequestRejected: it was refused. OrderEnded: the order ended before it was answered. LocalProtocolError:
            it had ended already. What send() of the session raises. NotActive, GaveUp.
        """
        pairs = list(extra)
        orders = self._orders
        request = await orders.in_turn("F", pairs, lambda: orders.manager.cancel(self, clock.now(), extra=pairs))
        await self._until(lambda: answered(self, request))
        return self

    async def replace(
        self, *, qty: Any = None, price: Any = None, stop_px: Any = None, extra: Iterable[tuple[Any, Any]] = ()
    ) -> LiveOrder:
        """Ask for other terms, and wait for the answer; what is not given stays. Raises: as cancel(); ConfigError."""
        pairs = list(extra)
        orders = self._orders

        def ask() -> Request:
            return orders.manager.replace(self, clock.now(), qty=qty, price=price, stop_px=stop_px, extra=pairs)

        request = await orders.in_turn("G", pairs, ask)
        await self._until(lambda: answered(self, request))
        return self

    async def __aiter__(self) -> AsyncIterator[OrderUpdate]:
        """Iterate over all updates, from the first on, to the one that ends the order. Any number of tasks may.

        Raises: NotActive, GaveUp: the session ended before the order did.
        """
        taken = 0

        def more() -> bool:
            return len(self.history) > taken or not self.is_open

        while True:
            while taken < len(self.history):
                taken += 1
                yield self.history[taken - 1]
            if not self.is_open:
                return
            await self._until(more)

    # --- inside ---------------------------------------------------------------------------------------------

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self._orders.check()
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = self._waiting = set() if self._waiting is None else self._waiting
            waiting.add(change)
            try:
                await change
            finally:
                waiting.discard(change)
                if not waiting:
                    self._waiting = None

    def wake(self) -> bool:
        """Have everybody look who waits. Returns whether somebody does."""
        if self._waiting is None:
            return False
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        return True


class _Session(Protocol):
    """What is needed of a live session, beside sending."""

    @property
    def id(self) -> SessionID: ...
    @property
    def config(self) -> SessionConfig: ...
    @property
    def state(self) -> State: ...
    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int: ...
    def cannot_keep(self, error: StoreError) -> None: ...


class Orders(Ordering):
    """The orders of an asyncio session. Made by `session.orders()`.

    Args, beside those of Ordering:
        turns: lets coroutines wait for their turn under a Throttle; None: nothing ever waits.
        woken: called when somebody who waits was woken.
    """

    def __init__(
        self,
        session: _Session,
        options: OrderOptions | None,
        *,
        log: OrderLog | None,
        checks: Sequence[Check],
        turns: Turns | None,
        woken: Callable[[], None],
        passed: Callable[[Message], None] | None,
    ) -> None:
        self._turns = turns
        self._woken = woken
        super().__init__(session, session.send_nowait, options, log=log, checks=checks, make=self._make, passed=passed)
        self.manager.subscribe(self._on_update)

    async def submit(self, request: OrderRequest | None = None, /, *, cl_ord_id: str = "", **fields: Any) -> LiveOrder:
        """Send a new order; return when it is on its way, not when it was answered.

        Args: request: the order; or its fields by name, as OrderRequest has them. cl_ord_id: its id; made when not
            given.

        Raises: ConfigError: a field is not allowed. What checks raise. NotActive, Throttled, EncodeError, StoreError:
            it was not sent, and there is no order. Cancelled while it waits for its turn: the same.
        """
        order = request_of(request, fields)
        self.check()
        manager = self.manager
        shown = list(order.extra)
        made = await self.in_turn("D", shown, lambda: manager.submit(order, clock.now(), cl_ord_id=cl_ord_id))
        return cast("LiveOrder", made)

    async def cancel_all(self, *, symbol: str = "") -> list[Request]:
        """Send a cancel for every open order, or for those in one symbol; does not wait for answers."""
        return await self.in_turn("F", [], lambda: self.manager.cancel_all(clock.now(), symbol=symbol))

    async def in_turn(self, msg_type: str, extra: list[Any], act: Callable[[], _T]) -> _T:
        """Do something that sends one message, when a Throttle lets it. Cancelled while it waits, nothing was done."""
        self.check()
        return await in_turn(self._turns, msg_type, [(11, "x" * 10), *extra], act)

    def end(self, error: BaseException) -> None:
        """Know that nothing more will come; waiting ends with this error."""
        super().end(error)
        for order in self.manager.all_orders:
            cast("LiveOrder", order).wake()

    # --- inside ---------------------------------------------------------------------------------------------

    def _make(self, cl_ord_id: str, request: OrderRequest) -> LiveOrder:
        return LiveOrder(cl_ord_id, request, self)

    def _on_update(self, update: OrderUpdate) -> None:
        order = update.order
        if isinstance(order, LiveOrder):
            if update.message is not None:
                update.message.detach()  # it stays: its chunk must not
            order.history.append(update)
            if order.wake():
                self._woken()
