"""Orders of threads and Pollers: waits with a timeout, callbacks, and nothing missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import fixfast as ff
from fixfast import sync
from tests.engine.harness import EAGER, them, to, us
from tests.engine.sync.venue import LIMIT, Venue
from tests.trading.broker import Broker


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_an_order_is_acknowledged_filled_and_done() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        orders = session.orders()
        order = orders.submit(symbol="FILL", side=ff.Side.BUY, qty=100, price="10.5")
        assert order.acknowledged(LIMIT) is order
        assert order.filled(LIMIT).avg_px == 10
        assert order.done(LIMIT).status is ff.OrdStatus.FILLED
        assert [update.kind for update in order] == ["sent", "new", "trade", "trade"]
        assert session.orders() is orders
        with pytest.raises(ff.ConcurrencyError):
            session.orders(consume=True)


def test_cancels_and_replaces_are_answered() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        orders = session.orders()
        order = orders.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(10)))
        order.replace(LIMIT, qty=200, price="11.5")
        assert (order.qty, order.price) == (200, Decimal("11.5"))
        assert order.cancel(LIMIT).status is ff.OrdStatus.CANCELED
        with pytest.raises(ff.OrderEnded):
            order.filled(LIMIT)
        stuck = orders.submit(symbol="STUCK", side="1", qty=1)
        with pytest.raises(ff.RequestRejected, match="too late"):
            stuck.cancel(LIMIT)
        refused = orders.submit(symbol="REJECT", side="1", qty=1)
        with pytest.raises(ff.OrderRejected, match="limit"):
            refused.acknowledged(LIMIT)
        assert [one.symbol for one in orders.open_orders] == ["STUCK"]
        with pytest.raises(ff.LocalProtocolError):
            order.cancel()


def test_a_wait_without_an_answer_is_over_in_time_and_the_order_goes_on() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        order = session.orders().submit(symbol="SILENT", side="1", qty=100)
        for wait in (order.acknowledged, order.filled, order.done, order.cancel):
            with pytest.raises(TimeoutError, match="goes on"):
                wait(0.01)
        with pytest.raises(TimeoutError):
            list(order.updates(0.01))
        assert order.is_open


def test_many_threads_send_and_wait() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        orders = session.orders()
        filled: list[ff.Order] = []

        def work() -> None:
            for _ in range(10):
                filled.append(orders.submit(symbol="FILL", side="1", qty=10).filled(LIMIT))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert len({order.cl_ord_id for order in filled}) == 40
        assert all(order.cum_qty == 10 for order in filled)
        assert not orders.questions


def test_waiting_ends_with_a_clear_error_when_the_session_is_closed() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        orders = session.orders()
        order = orders.submit(symbol="SILENT", side="1", qty=100)
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                order.filled(LIMIT)
            except ff.NotActive as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: session.stats().next_out == 3)
        session.close()
        thread.join(LIMIT)
        assert [str(error) for error in errors] == [str(ff.NotActive("closed"))]
        with pytest.raises(ff.NotActive):
            orders.submit(symbol="X", side="1", qty=1)


def test_callbacks_hear_of_every_update_and_the_program_gets_the_rest() -> None:
    with Venue(Broker(), [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        orders = session.orders(consume=True)
        told: list[ff.UpdateKind] = []
        stop = orders.subscribe(lambda update: told.append(update.kind))
        order = orders.submit(symbol="NOISE", side="1", qty=100)
        order.acknowledged(LIMIT)
        stop()
        order.cancel(LIMIT)
        assert told == [ff.UpdateKind.SENT, ff.UpdateKind.NEW]
        message = session.receive(LIMIT)
        assert message is not None
        assert message[148] == "noise"


def test_E4_11_over_a_reconnect_orders_are_asked_about() -> None:
    broker = Broker()
    with Venue(broker, [them()]) as venue, sync.connect(us(), to(venue.port, EAGER)) as session:
        order = session.orders().submit(symbol="X", side="1", qty=100).acknowledged(LIMIT)
        session.drop()
        until(lambda: order.uncertain or "H" in broker.kinds())
        until(lambda: not order.uncertain)
        assert broker.kinds() == ["D", "H"]
        assert order.cancel(LIMIT).status is ff.OrdStatus.CANCELED


def test_a_throttle_makes_submit_wait() -> None:
    throttle = ff.Throttle((ff.RateLimit(1, 0.02),), when_full="wait")
    broker = Broker()
    with Venue(broker, [them()]) as venue, sync.connect(us(), to(venue.port, EAGER), throttle=throttle) as session:
        orders = session.orders()
        made = [orders.submit(symbol="X", side="1", qty=n) for n in (1, 2, 3)]
        for order in made:
            order.acknowledged(LIMIT)
        assert orders.manager.all_orders == made


class Full(ff.MemoryOrderLog):
    full = False

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        if self.full:
            raise ff.StoreError("disk full")
        super().append(kind, wall_ns, data)


def test_a_report_that_the_log_does_not_take_ends_the_session_and_comes_again(tmp_path: Path) -> None:
    log, broker, store = Full(), Broker(), tmp_path / "one.journal"
    with Venue(broker, [them()]) as venue:
        with (
            pytest.raises(ff.GaveUp, match="disk full"),
            sync.connect(us(), to(venue.port, EAGER), store=ff.JournalStore(store)) as session,
        ):
            order = session.orders(log=log).submit(symbol="X", side="1", qty=1).acknowledged(LIMIT)
            log.full = True
            venue.call(lambda server: broker.trade(broker.sessions[0], order.cl_ord_id, 1))
            with pytest.raises(ff.StoreError, match="disk full"):
                order.filled(LIMIT)
            while session.receive(LIMIT) is not None:
                pass
        log.full = False
        with sync.connect(us(), to(venue.port, EAGER), store=ff.JournalStore(store)) as session:
            orders = session.orders(ff.OrderOptions(reconcile="none"), log=log)
            until(lambda: orders[order.cl_ord_id].is_filled)


def test_a_report_that_the_log_of_a_poller_does_not_take_ends_the_session_and_comes_again(tmp_path: Path) -> None:
    log, broker, store = Full(), Broker(), tmp_path / "one.journal"

    def poll(poller: sync.Poller, condition: Callable[[], object]) -> None:
        limit = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < limit
            for _ in poller.poll():
                pass

    with Venue(broker, [them()]) as venue:
        session = sync.PolledSession(us(), to(venue.port, EAGER), store=ff.JournalStore(store))
        orders = session.orders(log=log)
        with sync.Poller([session]) as poller:
            poll(poller, lambda: session.active)
            order = orders.submit(symbol="X", side="1", qty=1)
            poll(poller, lambda: order.is_acknowledged)
            log.full = True
            venue.call(lambda server: broker.trade(broker.sessions[0], order.cl_ord_id, 1))
            poll(poller, lambda: session.error is not None)
            assert "disk full" in str(session.error)
        log.full = False
        later = sync.PolledSession(us(), to(venue.port, EAGER), store=ff.JournalStore(store))
        again = later.orders(ff.OrderOptions(reconcile="none"), log=log)
        with sync.Poller([later]) as poller:
            poll(poller, lambda: again[order.cl_ord_id].is_filled)


def test_orders_of_a_poller_are_known_by_callback() -> None:
    with Venue(Broker(), [them()]) as venue:
        session = sync.PolledSession(us(), to(venue.port, EAGER))
        orders = session.orders()
        told: list[tuple[str, str]] = []
        orders.subscribe(lambda update: told.append((update.kind.value, update.status.value)))
        with sync.Poller([session]) as poller:

            def poll(condition: Callable[[], object]) -> None:
                limit = time.monotonic() + LIMIT
                while not condition():
                    assert time.monotonic() < limit
                    for _ in poller.poll():
                        pass

            poll(lambda: session.active)
            order = orders.submit(symbol="FILL", side="1", qty=10)
            poll(lambda: order.is_filled)
            assert told == [("sent", "sent"), ("new", "0"), ("trade", "1"), ("trade", "2")]
            other = orders.submit(symbol="X", side="1", qty=10)
            poll(lambda: other.is_acknowledged)
            asked = orders.replace(other, qty=20)
            poll(lambda: asked.over)
            assert other.qty == 20
            orders.cancel(other)
            poll(lambda: not other.is_open)
            assert orders.cancel_all() == []
            assert session.orders() is orders
            with pytest.raises(ff.ConcurrencyError):
                session.orders(ff.OrderOptions())
        with pytest.raises(ff.NotActive):
            orders.submit(symbol="X", side="1", qty=1)
