"""Random days of the exchange, seen by the client's OrderManager: it has no question, and knows the same at the end.

Two models of what an order is, written apart from each other: one makes the reports, the other reads them.
"""

from __future__ import annotations

import os
import random
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange import ExchangeConfig, FaultConfig, InstrumentConfig
from fixfast.trading.order import Order
from fixfast.trading.orders import OrderManager
from fixfast.trading.request import OrderOptions, OrderRequest
from tests.exchange.floor import VERSIONS, Floor, run

SEEDS = int(os.environ.get("FIXFAST_EXCHANGE_DAYS", "6"))


class Trader:
    """A client with an OrderManager, which does whatever comes to its mind."""

    def __init__(self, floor: Floor, session: ff.LiveSession, lot: random.Random) -> None:
        version = "FIX.5.0SP2" if session.id.begin_string == "FIXT.1.1" else session.id.begin_string
        options = OrderOptions(version=version, id_prefix=session.id.sender_comp_id, reconcile="none")
        self.manager = OrderManager(session.send_nowait, options)
        self.floor, self.session, self.lot = floor, session, lot

    def act(self) -> None:
        lot, now, manager = self.lot, self.floor.now, self.manager
        chance, orders = lot.random(), manager.all_orders
        if not self.session.active:
            return
        if chance < 0.6 or not orders:
            manager.submit(self.request(), now)
            return
        order = lot.choice(orders[-8:])
        try:
            if chance < 0.8:
                manager.cancel(order, now)
            else:
                price = None if order.price is None else order.price + lot.choice((-1, 0, 1)) * Decimal("0.05")
                manager.replace(order, now, qty=lot.randint(1, 20) * 10, price=price)
        except ff.LocalProtocolError:
            pass  # it has ended, says the manager

    def request(self) -> OrderRequest:
        lot = self.lot
        kind, tif = lot.choice(["1", "2", "2", "2", "2", "2", "3", "4"]), lot.choice("0001134")
        side, qty = lot.choice("12"), lot.randint(1, 20) * 10
        price = Decimal(lot.randint(4590, 4610)) * Decimal("0.05") if kind in "24" else None
        stop_px = Decimal(lot.randint(4595, 4605)) * Decimal("0.05") if kind in "34" else None
        extra: tuple[tuple[int, Any], ...] = ()
        if kind == "2" and tif in "01" and lot.random() < 0.2:
            tag = 1138 if self.session.id.begin_string == "FIXT.1.1" else 111
            extra = ((18, "6"),) if lot.random() < 0.5 else ((tag, 10),)
        if lot.random() < 0.05:
            qty += 5  # off the lot
        return OrderRequest("AAPL", side, Decimal(qty), price, kind, tif, "", stop_px, extra)


def meddle(floor: Floor, lot: random.Random) -> None:
    """Do what an operator does."""
    exchange = floor.exchange
    orders = list(exchange.venue.telling.orders.values())
    chance = lot.random()
    try:
        if chance < 0.3:
            exchange.set_phase(lot.choice(["halted", "continuous", "continuous", "pre-open", "closed"]), "AAPL")
        elif chance < 0.5:
            exchange.bust("AAPL", lot.randint(1, 30))
        elif chance < 0.7:
            exchange.correct("AAPL", lot.randint(1, 30), Decimal(lot.randint(4590, 4610)) * Decimal("0.05"))
        elif orders and chance < 0.85:
            exchange.cancel(order_id=lot.choice(orders).order_id)
        elif orders:
            exchange.restate(lot.choice(orders).order_id, qty=lot.randint(1, 20) * 10)
    except ff.LocalProtocolError:
        pass  # there is no such trade, or the order has ended


def agree(trader: Trader) -> None:
    """What a client's manager knows is what the exchange knows."""
    manager, exchange = trader.manager, trader.floor.exchange
    assert not manager.questions, [str(one) for one in manager.questions]
    assert not manager.orphans
    owner = f"{trader.session.id.begin_string}:{trader.session.id.sender_comp_id}"
    listing = exchange.listings["AAPL"]
    for order in manager.all_orders:
        kept = exchange.venue.find(owner, order.cl_ord_id, None)
        if kept is None:
            assert order.status == "8", order
            continue
        assert _known(order) == (
            kept.shown_status,
            kept.order_id,
            kept.cl_ord_id,
            listing.decimal_qty(kept.qty),
            listing.decimal_qty(kept.cum),
            listing.decimal_qty(kept.leaves),
            None if kept.price is None else listing.decimal_price(kept.price),
            sorted((listing.decimal_qty(qty), listing.decimal_price(px)) for _, _, qty, px in kept.trades),
        )


def _known(order: Order) -> tuple[Any, ...]:
    return (
        order.status, order.order_id, order.cl_ord_id, order.qty, order.cum_qty, order.leaves_qty, order.price,
        sorted((trade.qty, trade.px) for trade in order.trades.values()),
    )  # fmt: skip


async def day(version: str, seed: int, steps: int, **options: Any) -> None:
    lot = random.Random(f"{version} {seed}")
    config = ExchangeConfig(
        port=1,
        instruments=(InstrumentConfig("AAPL", tick="0.05", lot=10, reference="230.00", self_trade=lot.choice(
            ["none", "cancel newest", "cancel oldest", "cancel both", "decrement"])),),
        pending_replies=lot.random() < 0.5,
        pending_time=lot.choice([0.0, 0.5]),
        replace_below_filled=lot.choice(["reject", "fill"]),
        done_for_day=lot.random() < 0.5,
        seed=seed,
        **options,
    )  # fmt: skip
    async with Floor(config) as floor:
        clients = [await floor.client(version, "A", max_resend_requests=1000), await floor.client("FIX.4.4", "B")]
        traders = [Trader(floor, client.session, lot) for client in clients]
        for _ in range(steps):
            lot.choice(traders).act()
            if lot.random() < 0.05:
                meddle(floor, lot)
            await floor.advance(lot.choice([0, 0, 0.1]))
            for client, trader in zip(clients, traders, strict=True):
                for message in await client.hears():
                    trader.manager.on_message(message, floor.now)
        floor.exchange.clear_faults()
        await floor.advance(60)
        for client, trader in zip(clients, traders, strict=True):
            for message in await client.hears():
                trader.manager.on_message(message, floor.now)
            agree(trader)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_day_leaves_no_question(version: str, seed: int) -> None:
    run(day(version, seed, 150))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(max(1, SEEDS // 3)))
def test_a_day_of_faults_that_tell_no_lie_leaves_no_question(version: str, seed: int) -> None:
    run(day(version, seed, 150, faults=FaultConfig(slow=0.3, slow_by=2, duplicate=0.2, gap=0.1, reject=0.1)))
