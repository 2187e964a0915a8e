"""Orders to await: what is waited for comes true or raises, nothing is missed, and a wait may be given up."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import run, them, to, until, us
from tests.trading.broker import Broker


def test_an_order_is_acknowledged_filled_and_done() -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            order = await orders.submit(symbol="FILL", side=ff.Side.BUY, qty=100, price="10.5")
            assert order.status is ff.OrdStatus.SENT
            assert await order.acknowledged() is order
            assert await order.filled() is order
            assert await order.done() is order
            assert (order.cum_qty, order.avg_px, order.status) == (100, 10, ff.OrdStatus.FILLED)
            kinds = [update.kind async for update in order]
            assert kinds == ["sent", "new", "trade", "trade"]
            assert orders[order.cl_ord_id] is order
            assert not orders.open_orders
            assert not orders.questions
            assert session.orders() is orders

    run(main())


def test_iteration_goes_along_with_the_order_and_ends_with_it() -> None:
    broker = Broker()

    async def main() -> None:
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            order = await session.orders().submit(symbol="X", side="1", qty=100)
            await order.acknowledged()
            statuses: list[str] = []

            async def watch() -> None:
                async for update in order:
                    statuses.append(update.status.value)
                    if update.kind is ff.UpdateKind.NEW:
                        broker.trade(broker.sessions[0], order.cl_ord_id, 40)
                    elif update.status is ff.OrdStatus.PARTIALLY_FILLED:
                        broker.trade(broker.sessions[0], order.cl_ord_id, 60)

            async with asyncio.TaskGroup() as both:
                both.create_task(watch())
                both.create_task(watch_trades(order))
            assert statuses == ["sent", "0", "1", "2"]

    async def watch_trades(order: ff.Order) -> None:
        trades = [update.trade async for update in order if update.trade is not None]  # type: ignore[attr-defined]
        assert [trade.qty for trade in trades] == [40, 60]

    run(main())


@pytest.mark.parametrize("symbol", ["REJECT", "J"])
def test_a_rejected_order_raises_where_it_cannot_come_true(symbol: str) -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            order = await session.orders().submit(symbol=symbol, side="1", qty=100)
            for wait in (order.acknowledged, order.filled):
                with pytest.raises(ff.OrderRejected) as error:
                    await wait()
                assert (error.value.cl_ord_id, error.value.reason) == (order.cl_ord_id, "3")
            assert (await order.done()).status is ff.OrdStatus.REJECTED

    run(main())


def test_a_cancel_is_accepted_refused_or_too_late() -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            order = await orders.submit(symbol="X", side="1", qty=100)
            await order.cancel()
            assert order.status is ff.OrdStatus.CANCELED
            with pytest.raises(ff.OrderEnded, match="canceled"):
                await order.filled()
            with pytest.raises(ff.LocalProtocolError, match="CANCELED"):
                await order.cancel()
            stuck = await orders.submit(symbol="STUCK", side="1", qty=100)
            with pytest.raises(ff.RequestRejected, match="too late") as refused:
                await stuck.cancel()
            assert (refused.value.by, refused.value.reason) == ("9", "0")
            assert stuck.status is ff.OrdStatus.NEW
            late = await orders.submit(symbol="LATE", side="1", qty=100)
            with pytest.raises((ff.OrderEnded, ff.RequestRejected)):
                await late.cancel()
            await late.filled()
            await until(lambda: not late.pending)

    run(main())


def test_a_replace_is_in_force_when_it_is_accepted() -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            order = await orders.submit(symbol="X", side="1", qty=100, price=10)
            await order.acknowledged()
            first = order.cl_ord_id
            await order.replace(qty=200, price="11.5")
            assert (order.qty, order.price, order.orig_cl_ord_id) == (200, Decimal("11.5"), first)
            filled = await orders.submit(symbol="FILL", side="1", qty=100)
            await filled.filled()
            await filled.replace(qty=150)
            assert (filled.status, filled.leaves_qty) == (ff.OrdStatus.PARTIALLY_FILLED, 50)
            stuck = await orders.submit(symbol="STUCK", side="1", qty=100)
            with pytest.raises(ff.RequestRejected):
                await stuck.replace(qty=1)
            assert stuck.qty == 100
            assert len(await orders.cancel_all(symbol="X")) == 1
            await order.done()

    run(main())


def test_waiting_ends_with_a_clear_error_when_the_session_is_closed() -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            order = await orders.submit(symbol="SILENT", side="1", qty=100)

            async def iterate() -> None:
                async for _ in order:
                    pass

            waits = [asyncio.create_task(wait) for wait in (order.acknowledged(), order.filled(), order.done())]
            waits.append(asyncio.create_task(iterate()))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await session.close()
            for wait in waits:
                with pytest.raises(ff.NotActive, match="closed"):
                    await wait
            with pytest.raises(ff.NotActive):
                await order.done()
            with pytest.raises(ff.NotActive):
                await orders.submit(symbol="X", side="1", qty=100)
            assert order.uncertain

    run(main())


def test_a_wait_that_is_given_up_loses_nothing() -> None:
    async def main() -> None:
        broker = Broker()
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            order = await session.orders().submit(symbol="X", side="1", qty=100)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await order.filled()
            both = asyncio.gather(order.filled(), order.done())
            broker.trade(broker.sessions[0], order.cl_ord_id, 100)
            await both
            assert order._waiting is None, "what takes room while somebody waits"
            assert [update.kind async for update in order] == ["sent", "new", "trade"]

    run(main())


def test_what_came_before_orders_were_asked_for_is_heard() -> None:
    async def main() -> None:
        broker = Broker()
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait("D", [(11, "by hand"), (55, "FILL"), (54, "1"), (60, 1), (38, 10), (40, "1")])
            await until(lambda: session.stats().backlog == 3)
            orders = session.orders(ff.OrderOptions(adopt=True))
            assert orders["by hand"].status is ff.OrdStatus.FILLED
            with pytest.raises(ff.ConcurrencyError):
                session.orders(ff.OrderOptions())
            async for message in session:
                assert message.msg_type == "8"  # the program gets them, too
                break

    run(main())


def test_messages_of_orders_can_be_kept_from_the_program_and_are_acknowledged() -> None:
    async def main() -> None:
        broker = Broker()
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders(consume=True)
            order = await orders.submit(symbol="NOISE", side="1", qty=10)
            broker_session = broker.sessions[0]
            await order.acknowledged()
            broker.trade(broker_session, order.cl_ord_id, 10)
            broker_session.send_nowait("B", [(148, "last"), (33, [[(58, "last")]])])
            await order.filled()
            seen = []
            async for message in session:
                seen.append(message[148])
                if len(seen) == 2:
                    break
            assert seen == ["noise", "last"]

    run(main())


def test_E4_11_over_a_reconnect_orders_are_uncertain_and_asked_about() -> None:
    async def main() -> None:
        broker = Broker()
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            order = await orders.submit(symbol="X", side="1", qty=100)
            lost = await orders.submit(symbol="SILENT", side="1", qty=100)
            await order.acknowledged()
            wait = asyncio.create_task(order.filled())
            await until(lambda: broker.kinds() == ["D", "D"])
            session.drop()
            await until(lambda: order.uncertain)
            await until(lambda: not order.uncertain and not lost.is_open)
            assert broker.kinds() == ["D", "D", "H", "H"]
            assert lost.status is ff.OrdStatus.REJECTED
            broker.trade(broker.sessions[-1], order.cl_ord_id, 100)
            await wait

    run(main())


def test_a_throttle_makes_submit_wait_and_a_cancelled_wait_sends_nothing() -> None:
    async def main() -> None:
        throttle = ff.Throttle((ff.RateLimit(1, 0.05),), when_full="wait")
        broker = Broker()
        async with ff.serve(broker, [them()]) as server:
            async with ff.connect(us(), to(server), throttle=throttle) as session:
                orders = session.orders()
                first = await orders.submit(symbol="X", side="1", qty=1)
                waits = asyncio.create_task(orders.submit(symbol="X", side="1", qty=2))
                given_up = asyncio.create_task(orders.submit(symbol="X", side="1", qty=3))
                await asyncio.sleep(0)
                given_up.cancel()
                second = await waits
                await second.acknowledged()
                assert orders.manager.all_orders == [first, second]
                assert broker.kinds() == ["D", "D"]

    run(main())


def test_a_throttle_that_queues_gives_numbers_later_or_never() -> None:
    async def main() -> None:
        throttle = ff.Throttle((ff.RateLimit(1, 0.05),), when_full="queue")
        async with ff.serve(Broker(), [them()]) as server:
            async with ff.connect(us(), to(server), throttle=throttle) as session:
                orders = session.orders()
                await orders.submit(symbol="X", side="1", qty=1)
                second = await orders.submit(symbol="J", side="1", qty=2)
                assert second.requests[second.cl_ord_id].seq == 0
                with pytest.raises(ff.OrderRejected):
                    await second.acknowledged()
                await orders.submit(symbol="X", side="1", qty=1)
                third = await orders.submit(symbol="X", side="1", qty=3)
                session.drop()
                with pytest.raises(ff.OrderRejected):
                    await third.acknowledged()
                assert third.requests[third.cl_ord_id].state == "unsent"

    run(main())


def test_what_cannot_be_sent_raises_and_leaves_no_order() -> None:
    async def main() -> None:
        async with ff.serve(Broker(), [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders()
            with pytest.raises(ff.EncodeError):
                await orders.submit(symbol="\x01", side="1", qty=1)
            with pytest.raises(ff.ConfigError, match="qty"):
                await orders.submit(symbol="X", side="1", qty=1.5)
            with pytest.raises(ff.ConfigError, match="not both"):
                await orders.submit(ff.OrderRequest("X", "1", Decimal(1)), symbol="X")
            assert not orders.manager.orders

    run(main())


class Broken(ff.MemoryOrderLog):
    full = False

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        if self.full:
            raise ff.StoreError("disk full")
        super().append(kind, wall_ns, data)


def test_a_log_that_fails_ends_all_waiting_with_its_error() -> None:
    async def main() -> None:
        log, broker = Broken(), Broker()
        async with ff.serve(broker, [them()]) as server, ff.connect(us(), to(server)) as session:
            orders = session.orders(log=log)
            order = await orders.submit(symbol="X", side="1", qty=1)
            await order.acknowledged()
            log.full = True
            broker.trade(broker.sessions[0], order.cl_ord_id, 1)
            with pytest.raises(ff.StoreError, match="disk full"):
                await order.filled()
            with pytest.raises(ff.StoreError, match="disk full"):
                await orders.submit(symbol="X", side="1", qty=1)
            message = await anext(aiter(session))
            assert message.msg_type == "8"  # the program still gets what comes

    run(main())


@pytest.mark.parametrize("consume", [False, True])
def test_a_report_that_the_log_does_not_take_ends_the_session_and_comes_again(tmp_path: Path, consume: bool) -> None:
    async def main() -> None:
        log, broker, store = Broken(), Broker(), tmp_path / "one.journal"
        async with ff.serve(broker, [them()]) as server:
            with pytest.raises(ff.GaveUp, match="disk full") as gave_up:
                async with ff.connect(us(), to(server), store=ff.JournalStore(store)) as session:
                    order = await session.orders(log=log, consume=consume).submit(symbol="X", side="1", qty=2)
                    await order.acknowledged()
                    log.full = True
                    broker.trade(broker.sessions[0], order.cl_ord_id, 1)
                    broker.trade(broker.sessions[0], order.cl_ord_id, 1)
                    async for _ in session:
                        pass
            assert isinstance(gave_up.value.__cause__, ff.StoreError)
            log.full = False
            async with ff.connect(us(), to(server), store=ff.JournalStore(store)) as session:
                orders = session.orders(ff.OrderOptions(reconcile="none"), log=log, consume=consume)
                await until(lambda: orders[order.cl_ord_id].status is ff.OrdStatus.FILLED)
                again = orders[order.cl_ord_id]
                assert again.cum_qty == 2

    run(main())


def test_orders_of_a_restarted_program_are_known_and_asked_about() -> None:
    async def main() -> None:
        log, broker = ff.MemoryOrderLog(), Broker()
        async with ff.serve(broker, [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                order = await session.orders(log=log).submit(symbol="X", side="1", qty=100)
                await order.acknowledged()
            async with ff.connect(us(reset_on_logon=True), to(server)) as session:
                orders = session.orders(log=log)
                again = orders[order.cl_ord_id]
                assert again.uncertain
                await until(lambda: not again.uncertain)
                broker.trade(broker.sessions[-1], order.cl_ord_id, 100)
                assert isinstance(again, type(order))
                await again.filled()

    run(main())
