"""OrderManagers against the simulated exchange, on virtual time: what they know is what the exchange knows."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig, InstrumentConfig
from tests.exchange.floor import VERSIONS, Client, Floor, run

CONFIG = ExchangeConfig(port=1, instruments=(InstrumentConfig("AAPL", tick="0.05", lot=10),), stale_after=60.0)

#: an execution is known here, or at the exchange, and not at the other place
LOST = {ff.Doubt.QUANTITIES, ff.Doubt.MISSING_FILLS}

each_version = pytest.mark.parametrize("version", VERSIONS)


def request(side: str = "1", qty: int = 100, price: str = "230.00", **more: Any) -> ff.OrderRequest:
    return ff.OrderRequest("AAPL", side, Decimal(qty), Decimal(price), **more)


def doubts(client: Client) -> list[tuple[str, str]]:
    return [(question.doubt.value, question.text) for question in client.session.orders().questions]


def same(floor: Floor, client: Client, *, faults: bool = False) -> None:
    """The orders of a client are what the exchange says they are."""
    known = {kept.order_id: kept for kept in floor.exchange.venue.telling.orders.values()}
    for order in client.session.orders().manager.all_orders:
        kept = known.get(order.order_id)
        if kept is None:
            assert order.status is ff.OrdStatus.REJECTED, order
            continue
        if faults and order.flags & LOST and order.cum_qty != kept.cum:
            continue  # reports of executions were lost for good, and it is known
        assert order.status.value == kept.shown_status, order
        assert order.cum_qty == kept.cum, order
        assert order.leaves_qty == kept.leaves, order
        if order.is_open:
            assert (order.qty, order.price) == (kept.qty, Decimal(kept.price or 0).scaleb(-2)), order
            # a replace that changed nothing, and whose answer was lost, nobody can see
            assert faults or order.cl_ord_id == kept.cl_ord_id, order


@each_version
def test_orders_are_filled_replaced_and_cancelled(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            orders = bot.session.orders()
            order = await orders.submit(request())
            await order.acknowledged()
            await other.sells("s1", 40)
            assert (order.status, order.cum_qty, order.leaves_qty) == (ff.OrdStatus.PARTIALLY_FILLED, 40, 60)
            await order.replace(qty=200, price="230.05")
            assert (order.qty, order.price, order.leaves_qty) == (200, Decimal("230.05"), 160)
            await other.sells("s2", 40, "230.05")
            assert order.avg_px == Decimal("230.025")
            await order.cancel()
            assert (order.status, order.cum_qty, order.leaves_qty) == (ff.OrdStatus.CANCELED, 80, 0)
            assert [update.trade.px async for update in order if update.trade] == [230, Decimal("230.05")]
            refused = await orders.submit(request(price="230.01"))  # off the tick
            with pytest.raises(ff.OrderRejected):
                await refused.acknowledged()
            fok = await orders.submit(request(time_in_force="4"))
            with pytest.raises(ff.OrderEnded):
                await fok.filled()
            assert not doubts(bot)

    run(main())


@each_version
def test_E4_9_a_replace_below_what_is_executed(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            order = await bot.session.orders().submit(request())
            await other.sells("s1", 60)
            try:
                await order.replace(qty=50)
            except ff.RequestRejected:
                assert (order.qty, order.leaves_qty, order.status) == (100, 40, ff.OrdStatus.PARTIALLY_FILLED)
            else:
                assert (order.leaves_qty, order.status) == (0, ff.OrdStatus.FILLED)
            assert not doubts(bot)

    run(main())


@each_version
def test_busts_corrections_halts_and_restatements(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            orders = bot.session.orders()
            order = await orders.submit(request())
            await other.sells("s1", 40)
            await other.sells("s2", 60)
            assert order.status is ff.OrdStatus.FILLED
            exchange = floor.exchange
            exchange.correct("AAPL", 1, "229.00")
            await floor.advance()
            assert order.avg_px == Decimal("229.6")
            exchange.bust("AAPL", 1)
            await floor.advance()
            assert (order.cum_qty, order.avg_px) == (60, 230)
            resting = await orders.submit(request(price="200.00"))
            await floor.advance()
            exchange.halt()
            await floor.advance()
            exchange.resume()
            await floor.advance()
            exchange.restate(resting.order_id, qty=50)
            await floor.advance()
            assert (resting.qty, resting.leaves_qty) == (50, 50)
            exchange.cancel(order_id=resting.order_id)
            await floor.advance()
            assert resting.status is ff.OrdStatus.CANCELED
            assert not doubts(bot)
            same(floor, bot)

    run(main())


@each_version
def test_E4_11_what_happened_while_the_line_was_cut_is_known_afterwards(version: str) -> None:
    async def main() -> None:
        async with Floor(CONFIG) as floor:
            bot, other = await floor.client(version), await floor.client("FIX.4.4", "OTHER")
            orders = bot.session.orders()
            order = await orders.submit(request())
            await floor.advance()
            bot.session.drop()
            await floor.advance()
            assert order.uncertain
            await other.sells("s1", 40)
            await floor.advance(3)
            assert bot.session.active
            assert (order.uncertain, order.cum_qty, order.leaves_qty) == (False, 40, 60)
            assert not doubts(bot)
            same(floor, bot)

    run(main())


@pytest.mark.parametrize("faults", [False, True], ids=["good days", "bad days"])
@pytest.mark.parametrize("seed", range(12))
def test_random_days_end_with_the_same_books(seed: int, faults: bool) -> None:
    run(random_day(seed, faults=faults))


async def random_day(seed: int, *, faults: bool) -> None:
    """Two clients trade; in the end they, the exchange, and managers built from their logs know the same."""
    version = VERSIONS[seed % 3]
    chance = random.Random(seed)
    async with Floor(CONFIG) as floor:
        clients = [await floor.client(version), await floor.client("FIX.4.4", "OTHER")]
        logs = [ff.MemoryOrderLog() for _ in clients]
        for client, log in zip(clients, logs, strict=True):
            client.session.orders(log=log)
        if faults:
            floor.exchange.set_faults(slow=0.05, drop=0.1, duplicate=0.1, reject=0.05, gap=0.03, disconnect=0.02)
        for _ in range(150):
            client = chance.choice(clients)
            await one_step(floor, client, chance)
            if chance.random() < 0.8:
                await floor.advance()
        floor.exchange.clear_faults()
        await floor.advance(60)
        for client in clients if faults else ():
            for order in client.session.orders().manager.all_orders:
                client.session.orders().manager.ask_status(order, floor.now)
            await floor.advance(1)
        for client, log in zip(clients, logs, strict=True):
            assert client.session.active
            manager = client.session.orders().manager
            assert not [order for order in manager.all_orders if order.uncertain and not order.flags & LOST]
            assert faults or not doubts(client)
            same(floor, client, faults=faults)
            rebuilt = ff.OrderManager(lambda msg_type, fields: 0, manager.options, log=log)
            for order, again in zip(manager.all_orders, rebuilt.all_orders, strict=True):
                order.uncertain = order.is_open
                assert again.state() == order.state()


async def one_step(floor: Floor, client: Client, chance: random.Random) -> None:
    orders = client.session.orders()
    manager = orders.manager
    now = floor.now
    step = chance.choice(("submit", "submit", "submit", "cancel", "replace", "drop", "bust", "wait", "compact"))
    try:
        if step == "submit":
            price = f"{230 + chance.randint(-3, 3)}.00"
            side, tif = chance.choice("12"), chance.choice("0013")
            await orders.submit(request(side, 10 * chance.randint(1, 20), price, time_in_force=tif))
        elif step in ("cancel", "replace") and manager.open_orders:
            order = chance.choice(manager.open_orders)
            if step == "cancel":
                manager.cancel(order, now)
            else:
                manager.replace(order, now, qty=10 * chance.randint(1, 30))
        elif step == "drop" and chance.random() < 0.4:
            client.session.drop()
            await floor.advance(chance.choice((0, 2)))
        elif step == "compact":
            manager.compact(now)
        elif step == "bust":
            trades = [t for order in manager.all_orders for t in order.trades.values()]
            if trades and chance.random() < 0.5:
                floor.exchange.bust("AAPL", chance.randint(1, len(trades)))
        else:
            await floor.advance(1)
    except (ff.LocalProtocolError, ff.NotActive):
        pass  # not logged on just now; no such trade; busted already
