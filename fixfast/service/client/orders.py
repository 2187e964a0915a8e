"""The orders of a Backend, to await: as `session.orders()` of a session in this process, but for who sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from fixfast import clock
from fixfast.engine.ordering import request_of
from fixfast.engine.orders import LiveOrder, answered
from fixfast.errors import ConfigError, FixfastError
from fixfast.service.client.mirror import Mirror
from fixfast.service.messages import AskStatus, Cancel, CancelAll, Done, Failed, MassCancel, Message, Replace, Submit
from fixfast.trading.ids import ClOrdIDs
from fixfast.trading.order import Order
from fixfast.trading.request import OrderRequest, Request, exact
from fixfast.trading.update import Doubt, OrderUpdate, Question

__all__ = ["CommandFailed", "Remote", "RemoteOrder", "RemoteOrders", "cancel_command", "latest", "replace_command"]


class CommandFailed(FixfastError):
    """The Backend did not do it, and nothing has changed.

    Attributes: code, text, field: as in messages.Failed.
    """

    def __init__(self, failed: Failed) -> None:
        self.code, self.text, self.field = failed.code, failed.text, failed.field
        super().__init__(f"{failed.text} ({failed.code})" if failed.text else failed.code)


class Commanding(Protocol):
    """What is needed of a client: commands out, their outcome back, and the Mirror."""

    @property
    def mirror(self) -> Mirror: ...
    def check(self) -> None: ...
    async def command(self, make: Callable[[int], Message]) -> Done: ...


class Remote(Order):
    """An order that another process keeps, and may forget while nobody here is told."""

    __slots__ = ()

    @property
    def is_open(self) -> bool:
        """It works in the market, or may: nothing has ended it."""
        return super().is_open and Doubt.FORGOTTEN not in self.doubts()


class RemoteOrder(Remote, LiveOrder):
    """An order of a Backend: a LiveOrder, but that the Backend sends its requests. Made by `orders.submit()`."""

    __slots__ = ()

    async def cancel(self, *, extra: Iterable[tuple[Any, Any]] = ()) -> RemoteOrder:
        """Ask for the cancellation, and wait for the answer.

        Raises: as LiveOrder.cancel(); CommandFailed: the Backend refused it. `extra` cannot be given here: ConfigError.
        """
        orders = cast("RemoteOrders", self._orders)
        request = await orders.request(self, "F", cancel_command(self, extra))
        await self._until(lambda: answered(self, latest(self, request)))
        return self

    async def replace(
        self, *, qty: Any = None, price: Any = None, stop_px: Any = None, extra: Iterable[tuple[Any, Any]] = ()
    ) -> RemoteOrder:
        """Ask for other terms, and wait for the answer; what is not given stays. Raises: as cancel()."""
        orders = cast("RemoteOrders", self._orders)
        request = await orders.request(self, "G", replace_command(self, qty, price, stop_px, extra))
        await self._until(lambda: answered(self, latest(self, request)))
        return self


class RemoteOrders:
    """The orders of a Backend. `client.orders`.

    Attributes: kind: the class of orders; owner: what they get for `_orders`.
    """

    def __init__(self, client: Commanding) -> None:
        self.kind: type[RemoteOrder] | type[Any] = RemoteOrder
        self.owner: Any = self
        self._client = client
        self._ids: ClOrdIDs | None = None

    # --- what there is --------------------------------------------------------------------------------------

    @property
    def open_orders(self) -> list[Order]:
        """The orders that nothing has ended, oldest first; those of other front ends, too."""
        return self._client.mirror.replica.open_orders

    @property
    def all_orders(self) -> list[Order]:
        """Every order, oldest first."""
        return self._client.mirror.replica.all_orders

    @property
    def questions(self) -> list[Question]:
        """What a person should look at, the oldest first."""
        return list(self._client.mirror.replica.questions)

    def __getitem__(self, cl_ord_id: str) -> Order:
        """Return an order by any ClOrdID of its chain. KeyError: there is none."""
        return self._client.mirror.replica.orders[cl_ord_id]

    def subscribe(self, callback: Callable[[OrderUpdate], object]) -> Callable[[], None]:
        """Have a callback called with every update; returns what ends that. It must not wait for anything."""

        def only_updates(event: object) -> None:
            if isinstance(event, OrderUpdate):
                callback(event)

        return self._client.mirror.listen(only_updates)

    # --- what a program asks for ----------------------------------------------------------------------------

    async def submit(
        self, request: OrderRequest | None = None, /, *, cl_ord_id: str = "", **fields: Any
    ) -> RemoteOrder:
        """Have a new order sent; return when the Backend has sent it, not when the broker has answered.

        Should the connection to the Backend break meanwhile, the order is offered again with the same ClOrdID, and the
        Backend sends it once.

        Args: as for `session.orders().submit()`; tags of `extra` are numbers, its values text.

        Raises: ConfigError: a field is not allowed. CommandFailed: the Backend refused it, and there is no order; or,
            "forgotten", it was offered again after a long time, was sent then, and has ended on a day that is over.
            NotActive: the client was closed; then look for the order when there is a client again.
        """
        order = request_of(request, fields)
        new = cl_ord_id or self.new_id()
        price, stop_px = _text("price", order.price), _text("stop_px", order.stop_px)
        extra = tuple((int(tag), str(value)) for tag, value in order.extra)
        done = await self._client.command(  # the record, and with it the order, comes before it is done
            lambda n: Submit(
                n,
                new,
                order.symbol,
                order.side,
                format(order.qty, "f"),
                price,
                order.ord_type,
                order.time_in_force,
                order.account,
                stop_px,
                extra,
            )
        )
        if new not in self._client.mirror.replica.orders:
            raise _forgotten(done, new)
        return cast("RemoteOrder", self[new])

    async def request(self, order: Order, msg_type: str, make: Callable[[int, str], Message]) -> Request:
        """Have a request about an order sent. Returns: the request, or the one that is under way already."""
        new = self.new_id()
        done = await self._client.command(lambda n: make(n, new))
        made = order.requests.get(new)
        if made is not None:
            return made
        for request in reversed(order.requests.values()):
            if request.msg_type == msg_type:
                return request
        raise _forgotten(done, new)

    async def cancel_all(self, *, symbol: str = "") -> None:
        """Have a cancel sent for every open order, or for those in one symbol; does not wait for answers."""
        await self._client.command(lambda n: CancelAll(n, symbol))

    async def mass_cancel(self, *, symbol: str = "", side: str = "") -> None:
        """Have one OrderMassCancelRequest(q) sent. Raises: CommandFailed: "unsupported" before FIX 4.3."""
        await self._client.command(lambda n: MassCancel(n, symbol, side))

    async def ask_status(self, order: Order) -> None:
        """Have an order's status asked for (H)."""
        await self._client.command(lambda n: AskStatus(n, order.cl_ord_id))

    # --- for LiveOrder and the client -----------------------------------------------------------------------

    def check(self) -> None:
        """Raise why nothing more will come."""
        self._client.check()

    def new_id(self) -> str:
        """Return a ClOrdID that no other front end, and no other time, makes."""
        welcome = self._client.mirror.welcome
        self._client.check()
        assert welcome is not None
        if self._ids is None or not self._ids.next(0).startswith(welcome.id_prefix):
            self._ids = ClOrdIDs(welcome.id_prefix)
        return self._ids.next(clock.now().wall_ns)

    def make(self, cl_ord_id: str, request: OrderRequest) -> Order:
        """Return an order for the replica."""
        order: Order = self.kind(cl_ord_id, request, self.owner)
        return order

    def on_update(self, event: object) -> None:
        """Keep an order's history, and wake who waits for it."""
        if not isinstance(event, OrderUpdate) or not isinstance(event.order, self.kind):
            return
        if event.message is not None:
            event.message.detach()
        event.order.history.append(event)
        if isinstance(event.order, RemoteOrder):
            event.order.wake()

    def wake_all(self) -> None:
        """Have everybody look who waits: the client was closed."""
        for order in self.all_orders:
            if isinstance(order, RemoteOrder):
                order.wake()


def _forgotten(done: Done, cl_ord_id: str) -> CommandFailed:
    text = f"{cl_ord_id} was sent, and its order has ended on a day that is over"
    return CommandFailed(Failed(done.id, "forgotten", text))


def latest(order: Order, request: Request) -> Request:
    """Return a request as it is now: after a Reset there is another object for it."""
    return order.requests.get(request.cl_ord_id, request)


def _text(name: str, value: Any) -> str | None:
    return None if value is None else format(exact(name, value), "f")


def cancel_command(order: Order, extra: Iterable[tuple[Any, Any]]) -> Callable[[int, str], Message]:
    """Return what makes the command. Raises: ConfigError: `extra` is not empty."""
    _none_of(extra)
    return lambda n, new: Cancel(n, new, order.cl_ord_id)


def replace_command(
    order: Order, qty: Any, price: Any, stop_px: Any, extra: Iterable[tuple[Any, Any]]
) -> Callable[[int, str], Message]:
    """Return what makes the command. Raises: ConfigError: a number is none, or `extra` is not empty."""
    _none_of(extra)
    terms = _text("qty", qty), _text("price", price), _text("stop_px", stop_px)
    return lambda n, new: Replace(n, new, order.cl_ord_id, *terms)


def _none_of(extra: Iterable[tuple[Any, Any]]) -> None:
    if list(extra):
        raise ConfigError("extra", list(extra), "nothing: a Backend takes no more fields for a cancel or a replace")
