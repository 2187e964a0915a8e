"""Books for threads and Pollers: the same books; waits block, have a timeout, and end with the session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, HOST, them, us
from tests.trading.pit import Pit


def to(server: ff.sync.Server) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(HOST, server.port, reconnect=EAGER)


def soon(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_book_for_threads() -> None:
    pit = Pit()
    with ff.sync.serve(pit, [them()]) as server, ff.sync.connect(us(), to(server)) as session:
        books = session.books()
        book = books.subscribe("X", timeout=10, depth=5)
        assert book.best_bid == ff.Level(Decimal(10), Decimal(5), None)
        found: list[ff.BookChange] = []
        following = threading.Thread(target=lambda: found.extend(book), daemon=True)
        following.start()
        soon(lambda: book._watches)
        for n in range(20):
            pit.publish("X", 100 + n, trade=n + 1)
        soon(lambda: book.bids()[0].qty == 119)
        assert set(books.subscribe_all(["A", "B"], timeout=10)) == {"A", "B"}
        books.unsubscribe(book)
        following.join(10)
        assert [int(trade.qty) for change in found for trade in change.trades] == list(range(1, 21))
        assert found[-1].status is ff.BookStatus.ENDED
        with pytest.raises(ff.FixfastError, match="changes no more"):
            book.changed(10)
        with pytest.raises(ff.ConcurrencyError, match="first call"):
            session.books(consume=False)
        assert session.books() is books


def test_waits_have_a_timeout_and_refusals_are_raised() -> None:
    pit = Pit()
    with ff.sync.serve(pit, [them()]) as server, ff.sync.connect(us(), to(server)) as session:
        books = session.books()
        with pytest.raises(TimeoutError):
            books.subscribe("SILENT", timeout=0.05)
        with pytest.raises(ff.SubscriptionRejected, match="unknown symbol"):
            books.subscribe("UNKNOWN", timeout=10)
        book = books.subscribe("X", timeout=10)
        with pytest.raises(TimeoutError):
            book.changed(0.01)
        publisher = threading.Timer(0.02, pit.publish, ("X", 33))
        publisher.start()
        assert book.changed(10).status is ff.BookStatus.LIVE
        publisher.join()
        session.close()
        with pytest.raises(ff.NotActive):
            book.changed(10)
    assert pit.kinds() == ["1", "2", "1", "1"]


def test_M10_books_of_threads_come_back_after_a_lost_connection() -> None:
    with ff.sync.serve(Pit(), [them()]) as server, ff.sync.connect(us(), to(server)) as session:
        book = session.books().subscribe("X", timeout=10)
        heard: list[ff.BookStatus] = []
        session.books().listen(lambda change: heard.append(change.status))
        session.drop()
        soon(lambda: ff.BookStatus.LIVE in heard)
        assert heard == [ff.BookStatus.INVALID, ff.BookStatus.ABSENT, ff.BookStatus.LIVE]
        assert book.valid


def test_a_poller_hears_of_changes_while_it_polls() -> None:
    pit = Pit()
    with ff.sync.serve(pit, [them()]) as server:
        session = ff.sync.PolledSession(us(), to(server))
        books = session.books()
        heard: list[ff.BookChange] = []
        books.listen(heard.append)
        subscription = books.subscribe("X")
        refused = books.subscribe("UNKNOWN")
        assert subscription.state == "waiting"
        with ff.sync.Poller([session]) as poller:

            def poll(condition: Callable[[], object]) -> None:
                until = time.monotonic() + 10
                while not condition():
                    assert time.monotonic() < until
                    for _ in poller.poll():
                        pass

            poll(lambda: books["X"].valid)
            pit.publish("X", 42)
            poll(lambda: books["X"].bids()[0].qty == 42)
            poll(lambda: refused.error is not None)
            assert [change.status for change in heard if change.book.symbol == "X"][-1] is ff.BookStatus.LIVE
            books.unsubscribe("X")
            assert subscription.state == "ended"
            assert session.books() is books
