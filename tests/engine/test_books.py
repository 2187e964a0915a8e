"""Books to await: there when subscribe() returns, followed change by change, and asked for again by themselves."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import fixfast as ff
from tests.engine.harness import news, run, them, to, until, us
from tests.trading.pit import Pit

D = Decimal


def test_a_book_is_there_when_subscribe_returns() -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            books = session.books()
            book = await books.subscribe("EUR/USD", depth=10)
            assert book.valid
            assert book.best_bid == ff.Level(D(10), D(5), None)
            assert (books["EUR/USD"], list(books), len(books)) == (book, [book], 1)
            assert books.by_symbol == {"EUR/USD": book}
            both = await books.subscribe_all(["A", "B"], entry_types="012")
            assert set(both) == {"A", "B"}
            assert all(one.valid for one in both.values())
            assert session.books() is books
            with pytest.raises(ff.ConcurrencyError, match="first call"):
                session.books(ff.MarketDataOptions())

    run(main())
    assert [len(request.group(146)) for request in pit.requests] == [1, 2]


def test_changes_come_one_after_another_and_what_was_missed_comes_as_one() -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            book = await session.books().subscribe("X")
            heard: list[ff.BookChange] = []
            session.books().listen(heard.append)

            async def follow() -> list[ff.BookChange]:
                found = []
                async for change in book:
                    found.append(change)
                return found

            task = asyncio.create_task(follow())
            await asyncio.sleep(0)
            for qty in (1, 2, 3):
                waiting = asyncio.create_task(book.changed())
                await asyncio.sleep(0)
                pit.publish("X", qty)
                assert (await waiting).book is book
                assert book.bids()[0].qty == qty
            for n in range(50):  # nobody looks meanwhile
                pit.publish("X", 100 + n, trade=n + 1)
            await until(lambda: len(heard) == 53)
            await session.books().unsubscribe(book)
            changes = await task
            assert [int(trade.qty) for change in changes for trade in change.trades] == list(range(1, 51))
            assert changes[-1].status is ff.BookStatus.ENDED
            assert len(changes) <= 54
            with pytest.raises(ff.FixfastError, match="changes no more"):
                await book.changed()

    run(main())


@pytest.mark.parametrize(
    ("symbol", "meaning"), [("UNKNOWN", "unknown symbol: never heard"), ("J", "BusinessMessageReject")]
)
def test_M2_a_refusal_raises_where_it_was_asked_for(symbol: str, meaning: str) -> None:
    async def main() -> None:
        async with ff.serve(Pit(), [them()]) as server, ff.connect(us(), to(server)) as session:
            books = session.books()
            with pytest.raises(ff.SubscriptionRejected, match=meaning):
                await books.subscribe(symbol)
            assert len(books) == 0
            assert (await books.subscribe("X")).valid

    run(main())


def test_an_answer_that_does_not_come_in_time_is_unsubscribed_from() -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            with pytest.raises(TimeoutError):
                await session.books().subscribe("SILENT", timeout=0.05)
            await until(lambda: pit.kinds() == ["1", "2"])
            assert len(session.books()) == 0

    run(main())


def test_M10_after_a_lost_connection_books_come_back_by_themselves() -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            book = await session.books().subscribe("X")
            statuses: list[ff.BookStatus] = []
            session.books().listen(lambda change: statuses.append(change.status))
            session.drop()
            await until(lambda: ff.BookStatus.LIVE in statuses)
            assert statuses == [ff.BookStatus.INVALID, ff.BookStatus.ABSENT, ff.BookStatus.LIVE]
            first, second = (request[262] for request in pit.requests)
            assert first != second
            pit.publish("X", 77)
            await until(lambda: book.bids() and book.bids()[0].qty == 77)

    run(main())


def test_M9_a_gap_is_healed_without_the_program() -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            book = await session.books().subscribe("X")
            statuses: list[ff.BookStatus] = []
            session.books().listen(lambda change: statuses.append(change.status))
            pit.publish("X", 5, skip=1)
            await until(lambda: ff.BookStatus.LIVE in statuses)
            assert statuses == [ff.BookStatus.STALE, ff.BookStatus.LIVE]
            assert (pit.kinds(), book.rpt_seq) == (["1", "0"], pit.number)

    run(main())


@pytest.mark.parametrize("consume", [True, False])
def test_the_program_sees_market_data_only_if_it_wants_to(consume: bool) -> None:
    pit = Pit()

    async def main() -> None:
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server)) as session:
            await session.books(consume=consume).subscribe("X")
            pit.publish("X", 5)
            pit.sessions[-1].send_nowait(*news("after"))
            kinds = []
            async for message in session:
                kinds.append(message.msg_type)
                if kinds[-1] == "B":
                    break
            assert kinds == (["B"] if consume else ["W", "X", "B"])

    run(main())


def test_waiting_ends_with_the_session() -> None:
    async def main() -> None:
        async with ff.serve(Pit(), [them()]) as server, ff.connect(us(), to(server)) as session:
            book = await session.books().subscribe("X")
            starting = asyncio.create_task(session.books().subscribe("SILENT"))
            following = asyncio.create_task(book.changed())
            await asyncio.sleep(0.01)
            await session.close()
            with pytest.raises(ff.NotActive):
                await starting
            assert (await following).status is ff.BookStatus.INVALID
            with pytest.raises(ff.NotActive):
                await book.changed()
            with pytest.raises(ff.NotActive):
                await session.books().subscribe("Y")

    run(main())


def test_requests_keep_to_a_throttle_and_wait_for_their_turn() -> None:
    pit = Pit()

    async def main() -> None:
        throttle = ff.Throttle((ff.RateLimit(1, 0.05),))
        async with ff.serve(pit, [them()]) as server, ff.connect(us(), to(server), throttle=throttle) as session:
            books = session.books()
            await asyncio.gather(*(books.subscribe(symbol) for symbol in "ABC"))
            assert {book.symbol for book in books if book.valid} == set("ABC")
            session.drop()  # three requests again, and the limit lets out one at a time
            await until(lambda: len(pit.requests) == 6)
            await until(lambda: all(book.valid for book in books))

    run(main())
