"""Books to await: what `session.books()` of the asyncio front end returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

from fixfast import clock
from fixfast.engine.booking import Booking, Watch, is_there
from fixfast.engine.turns import Turns, in_turn
from fixfast.errors import FixfastError
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.book import Book, BookChange
from fixfast.trading.bookconfig import BookConfig
from fixfast.trading.bookview import BookStatus
from fixfast.trading.entries import EntryReader
from fixfast.trading.market_data import Subscription
from fixfast.types import SessionID

__all__ = ["Books", "LiveBook"]

_T = TypeVar("_T")
_OVER = (BookStatus.ENDED, BookStatus.REJECTED)


class _Awaited(Watch):
    """A watch with somebody who waits for it."""

    __slots__ = ("came",)

    def __init__(self) -> None:
        super().__init__()
        self.came: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.came is not None and not self.came.done():
            self.came.set_result(None)


class LiveBook(Book):
    """A Book with what to await. Made by `books.subscribe()`, not by hand."""

    __slots__ = ("_books", "_watches")

    def __init__(self, symbol: str, config: BookConfig, reader: EntryReader, books: Books) -> None:
        super().__init__(symbol, config, reader)
        self._books = books
        self._watches: set[_Awaited] = set()

    async def changed(self) -> BookChange:
        """Wait for the next change.

        Raises: NotActive, GaveUp: the session ended. LocalProtocolError: the book is unsubscribed.
        """
        async for change in self:
            return change
        raise FixfastError(f"{self.symbol} is {self.status}: it changes no more")

    async def __aiter__(self) -> AsyncIterator[BookChange]:
        """Iterate over changes, to the one that ends the book. Any number of tasks may.

        Who is slower than the market gets what happened meanwhile as one change: the book is as it is now, and no trade
        is missing that its tape has.

        Raises: NotActive, GaveUp: the session ended.
        """
        watch = _Awaited()
        self._watches.add(watch)
        try:
            while True:
                change = watch.take()
                if change is not None:
                    yield change
                elif self.status in _OVER:
                    return
                else:
                    await self._books.wait(watch)
        finally:
            self._watches.discard(watch)

    def tell(self, change: BookChange) -> bool:
        """Tell those who wait. Returns whether somebody does."""
        for watch in self._watches:
            watch.add(change)
            watch.wake()
        return bool(self._watches)

    def wake(self) -> None:
        """Have everybody look who waits."""
        for watch in self._watches:
            watch.wake()


class _Session(Protocol):
    """What is needed of a live session, beside sending."""

    @property
    def id(self) -> SessionID: ...
    @property
    def state(self) -> State: ...
    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int: ...


class Books(Booking):
    """The books of an asyncio session. Made by `session.books()`.

    Args, beside those of Booking:
        turns: lets coroutines wait for their turn under a Throttle; None: nothing ever waits.
        woken: called when somebody who waits was woken.
    """

    def __init__(
        self,
        session: _Session,
        options: MarketDataOptions | None,
        *,
        turns: Turns | None,
        woken: Callable[[], None],
        passed: Callable[[Message], None] | None,
    ) -> None:
        self._turns = turns
        self._woken = woken
        self._starting: set[_Awaited] = set()  # who waits for the first snapshots
        self._later: asyncio.TimerHandle | None = None  # what a Throttle held back
        super().__init__(session, session.send_nowait, options, make=self._make, passed=passed)
        self.listen(self._on_change)

    async def subscribe(self, symbol: str, *, timeout: float | None = None, **wanted: Any) -> LiveBook:
        """Ask for the book of one instrument, and wait until it is there.

        Args:
            symbol: Symbol(55).
            timeout: seconds for all of it; None: for ever. Over, or cancelled, it is unsubscribed again.
            wanted: depth, entry_types, full_refresh, aggregated, implicit_delete, extra: see Subscriptions.subscribe().

        Raises: SubscriptionRejected: the venue refused it. TimeoutError. What Subscriptions.subscribe() raises.
            NotActive, GaveUp: the session ended.
        """
        return (await self.subscribe_all([symbol], timeout=timeout, **wanted))[symbol]

    async def subscribe_all(
        self, symbols: Iterable[str], *, timeout: float | None = None, **wanted: Any
    ) -> dict[str, LiveBook]:
        """Ask for many instruments on one request, and wait until all are there. Args, Raises: as subscribe()."""
        given = list(symbols)
        async with asyncio.timeout(timeout):
            subscription = await self._in_turn(lambda: self.subscriptions.subscribe(given, clock.now(), **wanted))
            watch = _Awaited()
            self._starting.add(watch)
            try:
                while not is_there(subscription):
                    await self.wait(watch)
                    watch.take()
            except BaseException:
                if not subscription.over:
                    with suppress(FixfastError):  # what matters more is already on its way
                        self.subscriptions.unsubscribe(subscription, clock.now())
                raise
            finally:
                self._starting.discard(watch)
        return cast("dict[str, LiveBook]", subscription.books)

    async def unsubscribe(self, what: Subscription | Book | str) -> None:
        """End a subscription: of a symbol or book that was asked for alone, or a Subscription.

        Raises: as Subscriptions.unsubscribe().
        """
        given = what.symbol if isinstance(what, Book) else what
        await self._in_turn(lambda: self.subscriptions.unsubscribe(given, clock.now()))

    async def wait(self, watch: _Awaited) -> None:
        """Wait until something came for a watch. Raises: the error that ended the session."""
        self.check()
        watch.came = asyncio.get_running_loop().create_future()
        try:
            await watch.came
        finally:
            watch.came = None

    def end(self, error: BaseException) -> None:
        """Know that nothing more will come; waiting ends with this error."""
        super().end(error)
        if self._later is not None:
            self._later.cancel()
        for watch in self._starting:
            watch.wake()
        for book in self:
            cast("LiveBook", book).wake()

    # --- inside ---------------------------------------------------------------------------------------------

    def _settle_later(self, ns: int) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(ns / 1e9, self._settle_now)

    def _settle_now(self) -> None:
        self._later = None
        self._settle(clock.now())

    async def _in_turn(self, act: Callable[[], _T]) -> _T:
        """Do something that sends one message, when a Throttle lets it. Cancelled while it waits, nothing was done."""
        self.check()
        return await in_turn(self._turns, "V", [(262, "x" * 10)], act)

    def _make(self, symbol: str, config: BookConfig, reader: EntryReader) -> LiveBook:
        return LiveBook(symbol, config, reader, self)

    def _on_change(self, change: BookChange) -> None:
        woken = isinstance(change.book, LiveBook) and change.book.tell(change)
        for watch in self._starting:
            watch.add(change)
            watch.wake()
            woken = True
        if woken:
            self._woken()
