"""A client over a day that ends while it is away: the Backend's log is shorter, and nothing waits in vain."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.service.backend import Backend
from fixfast.service.client.client import Client, CommandFailed
from fixfast.service.messages import Reset
from fixfast.trading.update import OrderUpdate, UpdateKind
from tests.service.fronts import client_of
from tests.service.houses import backend, exchange, front_end, start_of
from tests.service.launching import folder, on_loop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

CHEAP: dict[str, Any] = {"symbol": "AAPL", "side": "1", "qty": 10, "price": "90"}


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


@asynccontextmanager
async def place(path: Path) -> AsyncIterator[tuple[Backend, Client]]:
    """A Backend on this loop, so that its day can be ended, and a client that is logged on."""
    async with exchange() as venue, backend(start_of(path, venue.port)) as house, client_of(house, path) as client:
        await client.log_on()
        await client.active()
        yield house, client


async def next_day(house: Backend, client: Client, *cancelled: ff.Order) -> None:
    """End the day while the client is away, and orders before that; return when the client is back."""
    assert client._link is not None
    client._link.transport.abort()
    await client.until(lambda: not client.connected)
    side = house._parts.side
    for order in cancelled:
        side.manager.cancel(side.manager.orders[order.cl_ord_id], clock.now())
    side.flush()
    while any(side.manager.orders[order.cl_ord_id].is_open for order in cancelled):
        await asyncio.sleep(0)
    side.manager.new_day(clock.now())
    await client.until(lambda: client.connected)


async def trade(client: Client, count: int) -> None:
    for _ in range(count):
        await (await client.orders.submit(**{**CHEAP, "side": "2", "price": "100"})).acknowledged()
        await (await client.orders.submit(**{**CHEAP, "price": "101"})).filled()


@on_loop
async def test_orders_that_live_on_are_the_same_objects_and_their_waits_and_histories_go_on(path: Path) -> None:
    async with place(path) as (house, client), front_end(house.address, "B") as other:
        await trade(client, 5)
        order = await client.orders.submit(**{**CHEAP, "qty": 20, "time_in_force": "1"})
        await order.acknowledged()
        await order.replace(price="91")
        filled = asyncio.ensure_future(order.filled())
        told: list[UpdateKind] = []

        async def listen_on() -> None:
            async for update in order:
                told.append(update.kind)

        listening = asyncio.ensure_future(listen_on())
        (before,) = client.positions
        events: list[object] = []
        client.listen(events.append)
        await next_day(house, client)
        assert any(isinstance(event, Reset) for event in events)
        assert client.orders.all_orders == [order]
        (now,) = client.positions
        assert (now.qty, now.avg_px, now.realised) == (before.qty, before.avg_px, before.realised)
        await other.submit("1", side="2", qty="20", price="91")
        await filled
        await listening
        assert [kind.value for kind in told] == ["sent", "new", "sent", "replaced", "restored", "trade"]


@on_loop
async def test_an_order_that_ended_unseen_on_a_day_that_is_over_ends_what_waits_for_it(path: Path) -> None:
    async with place(path) as (house, client):
        await trade(client, 5)
        order = await client.orders.submit(**CHEAP)
        await order.acknowledged()
        waiting = [asyncio.ensure_future(one) for one in (order.filled(), order.done())]
        updates: list[OrderUpdate] = []
        client.orders.subscribe(updates.append)
        await next_day(house, client, order)
        with pytest.raises(ff.OrderEnded):
            await waiting[0]
        await waiting[1]
        assert [(one.kind, one.order) for one in updates] == [(UpdateKind.FORGOTTEN, order)]
        assert (order.is_open, order.flags) == (False, {ff.Doubt.FORGOTTEN})
        assert [update.kind async for update in order][-1] is UpdateKind.FORGOTTEN
        with pytest.raises(CommandFailed) as error:  # what was not answered, and is offered again
            await client.orders.submit(cl_ord_id=order.cl_ord_id, **CHEAP)
        assert error.value.code == "forgotten"
        assert not client.orders.all_orders


@on_loop
async def test_a_request_under_way_over_the_end_of_a_day_is_answered(path: Path) -> None:
    async with place(path) as (house, client):
        await trade(client, 5)
        order = await client.orders.submit(**{**CHEAP, "time_in_force": "1"})
        await order.acknowledged()
        house._parts.side.flush = lambda: None  # type: ignore[method-assign]  # the venue is not asked yet
        asking = asyncio.ensure_future(order.replace(price="92"))
        await client.until(lambda: bool(order.pending))
        (asked,) = order.pending
        assert client._link is not None
        await next_day(house, client)
        del house._parts.side.flush
        house._parts.side.flush()
        await asking
        assert (order.price, order.cl_ord_id) == (92, asked)


def test_without_msgspec_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['msgspec'] = None; import fixfast as ff\n"
        "try:\n    import fixfast.service.client.blocking\n"
        "except ff.MissingExtra as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a client of a Backend needs an extra: pip install 'fixfast[service]'\n"
