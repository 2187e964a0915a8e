"""The client for threads: the same, with calls that block; the house it talks to lives on a loop of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import fixfast as ff
from fixfast.errors import NotActive
from fixfast.service.client.blocking import BlockingClient, BlockingOrder, connect
from fixfast.service.client.client import CommandFailed
from fixfast.service.link import LinkRefused
from tests.service.fronts import QUICK, House, house
from tests.service.launching import folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

AAPL: dict[str, Any] = {"symbol": "AAPL", "qty": 10, "price": "100", "timeout": 20}
CHEAP: dict[str, Any] = {**AAPL, "side": "1", "price": "90"}


@pytest.fixture
def there() -> Iterator[House]:
    """A house whose loop is another thread's."""
    ready: list[House] = []
    begun, over = threading.Event(), threading.Event()

    async def live() -> None:
        with folder() as path:
            async with house(path) as made:
                ready.append(made)
                begun.set()
                await asyncio.to_thread(over.wait)

    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(asyncio.run, live())
        try:
            while not begun.wait(0.1):
                if living.done():
                    living.result()
            yield ready[0]
        finally:
            over.set()
            living.result(30)


def at(there: House, **changes: Any) -> BlockingClient:
    return connect(there.address, options=QUICK, **{"account": "alice", "api_key": there.key, **changes})


def soon(client: BlockingClient, so: Callable[[], bool]) -> None:
    client.until(so, 20)


def test_threads_trade_and_wait_and_look(there: House) -> None:
    with at(there) as client:
        client.log_on(timeout=20)
        client.active(timeout=20)
        book = client.subscribe("AAPL", timeout=20)
        seen: list[object] = []
        client.orders.subscribe(seen.append)
        order = client.orders.submit(**CHEAP)
        assert isinstance(order, BlockingOrder)
        assert order.acknowledged(timeout=20) is order
        soon(client, lambda: bool(book.bids))

        def trade(n: int) -> BlockingOrder:
            made = client.orders.submit(side="1", **AAPL)
            client.orders.submit(side="2", **AAPL)
            made.done(timeout=20)
            return made

        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(trade, range(8)))
        assert [one.status for one in done] == [ff.OrdStatus.FILLED] * 8
        soon(client, lambda: client.positions["", "AAPL"].trades == 16)
        with client.lock:
            assert client.positions["", "AAPL"].qty == 0
        assert len(client.orders.all_orders) == 17
        order.replace(20, qty=20)
        assert (order.qty, client.orders.open_orders) == (20, [order])
        order.cancel(timeout=20)
        assert order.history[-1] in seen
        assert client.orders[order.cl_ord_id] is order
        assert not client.orders.questions


def test_it_comes_back_and_a_wait_lasts_over_a_crash(there: House) -> None:
    with at(there) as client:
        client.log_on(timeout=20)
        client.active(timeout=20)
        order = client.orders.submit(**CHEAP)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(order.done, 30)
            there.kill()
            soon(client, lambda: not client.connected)
            client.active(timeout=20)
            client.orders.cancel_all(timeout=20)
            assert waiting.result(30).status is ff.OrdStatus.CANCELED


def test_what_goes_wrong_is_raised_where_it_was_asked(there: House) -> None:
    with pytest.raises(LinkRefused), at(there, account="bob"):
        pass
    with at(there) as client:
        with pytest.raises(CommandFailed, match="not_active"):
            client.orders.submit(**CHEAP)
        with pytest.raises(TimeoutError):
            client.active(timeout=0.01)
        with pytest.raises(TimeoutError):
            client.until(lambda: False, 0.01)
        troubles: list[str] = []

        def listener(event: object) -> None:
            try:
                client.log_on()
            except RuntimeError as error:
                troubles.append(str(error))

        client.listen(listener)
        client.watch_messages(timeout=20)
        client.log_on(timeout=20)
        soon(client, lambda: bool(troubles))
        assert set(troubles) == {"a callback of the client cannot wait for the client"}
    client.close()
    assert not [one for one in threading.enumerate() if one.name == "fixfast client"]
    with pytest.raises((NotActive, RuntimeError)):
        client.log_on(timeout=20)
