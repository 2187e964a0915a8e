"""The client for programs of threads: the same, with calls that block. A thread of its own does the talking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any, TypeVar, cast

from fixfast.engine.orders import answered
from fixfast.engine.sync.orders import LiveOrder
from fixfast.service.client.client import Client, ClientEnded, ClientOptions
from fixfast.service.client.mirror import RemoteBook
from fixfast.service.client.orders import Remote, RemoteOrders, cancel_command, latest, replace_command
from fixfast.service.messages import StatusNow
from fixfast.trading.order import Order
from fixfast.trading.positions import Positions
from fixfast.trading.request import OrderRequest
from fixfast.trading.update import OrderUpdate, Question
from fixfast.transport.tls import TlsConfig

__all__ = ["BlockingClient", "BlockingOrder", "BlockingOrders", "connect"]

_T = TypeVar("_T")


class BlockingOrder(Remote, LiveOrder):
    """An order of a Backend, with waits that block. Made by `orders.submit()`."""

    __slots__ = ()

    def cancel(self, timeout: float | None = None, *, extra: Iterable[tuple[Any, Any]] = ()) -> BlockingOrder:
        """Ask for the cancellation, and wait for the answer. Raises: as RemoteOrder.cancel(); TimeoutError."""
        orders = cast("BlockingOrders", self._orders)
        request = orders.call(orders.remote.request(self, "F", cancel_command(self, extra)), timeout)
        orders.wait(lambda: answered(self, latest(self, request)), timeout)
        return self

    def replace(
        self,
        timeout: float | None = None,
        *,
        qty: Any = None,
        price: Any = None,
        stop_px: Any = None,
        extra: Iterable[tuple[Any, Any]] = (),
    ) -> BlockingOrder:
        """Ask for other terms, and wait for the answer. Raises: as RemoteOrder.replace(); TimeoutError."""
        orders = cast("BlockingOrders", self._orders)
        make = replace_command(self, qty, price, stop_px, extra)
        request = orders.call(orders.remote.request(self, "G", make), timeout)
        orders.wait(lambda: answered(self, latest(self, request)), timeout)
        return self


class BlockingOrders:
    """The orders of a Backend. `client.orders`; any thread may call it."""

    def __init__(self, client: BlockingClient) -> None:
        self._client = client

    @property
    def remote(self) -> RemoteOrders:
        """What the client's own thread uses."""
        return self._client.client.orders

    @property
    def open_orders(self) -> list[Order]:
        """The orders that nothing has ended, oldest first."""
        with self._client.lock:
            return self.remote.open_orders

    @property
    def all_orders(self) -> list[Order]:
        """Every order, oldest first."""
        with self._client.lock:
            return self.remote.all_orders

    @property
    def questions(self) -> list[Question]:
        """What a person should look at, the oldest first."""
        with self._client.lock:
            return self.remote.questions

    def __getitem__(self, cl_ord_id: str) -> Order:
        """Return an order by any ClOrdID of its chain. KeyError: there is none."""
        with self._client.lock:
            return self.remote[cl_ord_id]

    def subscribe(self, callback: Callable[[OrderUpdate], object]) -> Callable[[], None]:
        """Have a callback called with every update, on the client's thread; it must not wait for anything."""
        return self.remote.subscribe(callback)

    def submit(
        self,
        request: OrderRequest | None = None,
        /,
        *,
        cl_ord_id: str = "",
        timeout: float | None = None,
        **fields: Any,
    ) -> BlockingOrder:
        """Have a new order sent. Args, Raises: as RemoteOrders.submit(). TimeoutError: its fate is not known."""
        made = self.call(self.remote.submit(request, cl_ord_id=cl_ord_id, **fields), timeout)
        return cast("BlockingOrder", made)

    def cancel_all(self, *, symbol: str = "", timeout: float | None = None) -> None:
        """Have a cancel sent for every open order, or for those in one symbol."""
        self.call(self.remote.cancel_all(symbol=symbol), timeout)

    def mass_cancel(self, *, symbol: str = "", side: str = "", timeout: float | None = None) -> None:
        """Have one OrderMassCancelRequest(q) sent."""
        self.call(self.remote.mass_cancel(symbol=symbol, side=side), timeout)

    def ask_status(self, order: Order, timeout: float | None = None) -> None:
        """Have an order's status asked for (H)."""
        self.call(self.remote.ask_status(order), timeout)

    # --- for orders -----------------------------------------------------------------------------------------

    def call(self, coroutine: Coroutine[Any, Any, _T], timeout: float | None) -> _T:
        """Have something done on the client's thread."""
        return self._client.call(coroutine, timeout)

    def wait(self, so: Callable[[], bool], timeout: float | None) -> None:
        """Wait until something is so. Raises: TimeoutError; what `so` raises; what ended the client."""
        self._client.until(so, timeout)


class BlockingClient:
    """A Client whose calls block. Made by connect(); any thread may use it.

    Every call takes a timeout in seconds, None for ever, and raises TimeoutError when it is over.

    Attributes:
        client: the Client, which lives on a thread of its own.
        orders: the orders.
        lock: held while an event is taken: with it, several looks see one moment.
    """

    def __init__(self, make: Callable[[], Client]) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._loop = asyncio.new_event_loop()
        self._make = make
        self._thread = threading.Thread(target=self._loop.run_forever, name="fixfast client", daemon=True)
        self.client: Client
        self.orders = BlockingOrders(self)

    def __repr__(self) -> str:
        return f"<BlockingClient of {self.client!r}>"

    @property
    def status(self) -> StatusNow | None:
        """The FIX session, as it was told last."""
        return self.client.status

    @property
    def connected(self) -> bool:
        """The Backend is there, and all that it had to tell is known."""
        return self.client.connected

    @property
    def positions(self) -> Positions:
        """Positions of all that was ever traded in the session. Look at several of them under `lock`."""
        return self.client.positions

    @property
    def books(self) -> dict[str, RemoteBook]:
        """symbol -> book, of those subscribed to."""
        return self.client.books

    def listen(self, callback: Callable[[object], object]) -> Callable[[], None]:
        """Have a callback called as Client.listen() does, on the client's thread; it must not wait for anything."""
        return self.client.listen(callback)

    def until(self, so: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until something is so; it is asked after every event, under the lock.

        Raises: TimeoutError; what `so` raises; what ended the client.
        """

        def over() -> bool:
            if so():
                return True
            self.client.check()
            return False

        with self._changed:
            if not self._changed.wait_for(over, timeout):
                raise TimeoutError(f"not in {timeout} s")

    def log_on(self, user_id: str = "", *, timeout: float | None = None, **how: Any) -> None:
        """Have the Backend log on to the venue. Args, Raises: as Client.log_on(); TimeoutError."""
        self.call(self.client.log_on(user_id, **how), timeout)

    def log_off(self, text: str = "", *, timeout: float | None = None) -> None:
        """Have it log out, and stay so until log_on()."""
        self.call(self.client.log_off(text), timeout)

    def active(self, timeout: float | None = None) -> None:
        """Wait until the FIX session is logged on. Raises: NotActive: it was refused, or ended; TimeoutError."""
        self.call(self.client.active(), timeout)

    def subscribe(
        self, symbol: str, *, depth: int = 10, trades: bool = True, timeout: float | None = None
    ) -> RemoteBook:
        """Have a symbol's book told. Raises: CommandFailed, TimeoutError."""
        return self.call(self.client.subscribe(symbol, depth=depth, trades=trades), timeout)

    def unsubscribe(self, symbol: str, *, timeout: float | None = None) -> None:
        """Have it told no more."""
        self.call(self.client.unsubscribe(symbol), timeout)

    def watch_messages(self, on: bool = True, *, timeout: float | None = None) -> None:
        """Have FIX messages told, or no more."""
        self.call(self.client.watch_messages(on), timeout)

    def call(self, coroutine: Coroutine[Any, Any, _T], timeout: float | None = None) -> _T:
        """Have a coroutine run on the client's thread; return what it returns. Raises: what it raises; TimeoutError."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a callback of the client cannot wait for the client")
        if not self._thread.is_alive():
            coroutine.close()
            self.client.check()
            raise ClientEnded("the client has not begun")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            future.cancel()
            raise TimeoutError(f"not in {timeout} s") from None

    def close(self) -> None:
        """End the connection and the thread. Twice is once."""
        if self._thread.is_alive():
            self.call(self.client.close())
            self._stop()

    def __enter__(self) -> BlockingClient:
        self._thread.start()
        try:
            self.call(self._start())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        client = self.client = self._make()
        client.orders.kind = BlockingOrder
        client.orders.owner = self.orders
        client.mirror.guard = self.lock
        client.mirror.listen(self._told)
        await client.__aenter__()

    def _told(self, event: object) -> None:
        self._changed.notify_all()  # the mirror holds the lock

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def connect(
    launcher: str,
    *,
    account: str,
    api_key: str,
    session: str = "",
    tls: TlsConfig | None = None,
    options: ClientOptions | None = None,
) -> BlockingClient:
    """Return a BlockingClient for `with`. Args, Raises: as the connect() of asyncio."""
    chosen = options or ClientOptions()
    return BlockingClient(lambda: Client(launcher, account, api_key, session=session, tls=tls, options=chosen))
