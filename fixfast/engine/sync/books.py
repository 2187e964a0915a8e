"""Books for threads: what `session.books()` of the threaded front end returns. Waits have a timeout and block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fixfast import clock
from fixfast.engine.booking import Booking, Watch, is_there
from fixfast.errors import FixfastError
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.book import Book, BookChange
from fixfast.trading.bookconfig import BookConfig
from fixfast.trading.bookview import BookStatus
from fixfast.trading.entries import EntryReader
from fixfast.trading.market_data import Subscription

if TYPE_CHECKING:
    from fixfast.engine.sync.ordered import Ordered

__all__ = ["Books", "LiveBook", "PolledBooks"]

_T = TypeVar("_T")
_OVER = (BookStatus.ENDED, BookStatus.REJECTED)


class LiveBook(Book):
    """A Book with what to wait for. Made by `books.subscribe()`, not by hand. Any thread may read it, and wait."""

    __slots__ = ("_books", "_watches")

    def __init__(self, symbol: str, config: BookConfig, reader: EntryReader, books: Books) -> None:
        super().__init__(symbol, config, reader)
        self._books = books
        self._watches: tuple[Watch, ...] = ()

    def changed(self, timeout: float | None = None) -> BookChange:
        """Wait for the next change.

        Raises: TimeoutError; NotActive, GaveUp: the session ended; FixfastError: the book is unsubscribed.
        """
        for change in self.changes(timeout):
            return change
        raise FixfastError(f"{self.symbol} is {self.status}: it changes no more")

    def __iter__(self) -> Iterator[BookChange]:
        """Iterate over changes, to the one that ends the book. Any number of threads may.

        Who is slower than the market gets what happened meanwhile as one change: the book is as it is now, and no trade
        is missing that its tape has.

        Raises: NotActive, GaveUp: the session ended.
        """
        return self.changes()

    def changes(self, timeout: float | None = None) -> Iterator[BookChange]:
        """Iterate as iter() does; TimeoutError: the next one did not come in so many seconds."""
        watch = Watch()
        try:
            with self._books.lock:
                self._watches += (watch,)
            while True:
                self._books.wait(lambda: watch.change is not None or self.status in _OVER, timeout)
                with self._books.lock:
                    change = watch.take()
                if change is None:
                    return
                yield change
        finally:
            with self._books.lock:
                self._watches = tuple(other for other in self._watches if other is not watch)

    def tell(self, change: BookChange) -> None:
        """Tell those who wait; under the session's lock."""
        for watch in self._watches:
            watch.add(change)


class Books(Booking):
    """The books of a session that threads share. Made by `session.books()`. Any thread may call it.

    What a listener is called with comes on whatever thread reads for all, under the session's lock: it must be quick,
    and must not wait for anything.
    """

    def __init__(
        self, session: Ordered, options: MarketDataOptions | None, *, passed: Callable[[Any], None] | None
    ) -> None:
        self._live = session
        self.lock = session.lock
        super().__init__(session, session.put, options, make=self._make, passed=passed)
        self.listen(self._on_change)

    def subscribe(self, symbol: str, *, timeout: float | None = None, **wanted: Any) -> LiveBook:
        """Ask for the book of one instrument, and wait until it is there. Args, Raises: as for asyncio."""
        return self.subscribe_all([symbol], timeout=timeout, **wanted)[symbol]

    def subscribe_all(
        self, symbols: Iterable[str], *, timeout: float | None = None, **wanted: Any
    ) -> dict[str, LiveBook]:
        """Ask for many instruments on one request, and wait until all are there. Args, Raises: as subscribe()."""
        given = list(symbols)
        subscription = self._in_turn(lambda: self.subscriptions.subscribe(given, clock.now(), **wanted))
        try:
            self.wait(lambda: is_there(subscription), timeout)
        except BaseException:
            if not subscription.over:
                with suppress(FixfastError):  # what matters more is already on its way
                    self.unsubscribe(subscription)
            raise
        return cast("dict[str, LiveBook]", subscription.books)

    def unsubscribe(self, what: Subscription | Book | str) -> None:
        """End a subscription: of a symbol or book that was asked for alone, or a Subscription.

        Raises: as Subscriptions.unsubscribe().
        """
        given = what.symbol if isinstance(what, Book) else what
        self._in_turn(lambda: self.subscriptions.unsubscribe(given, clock.now()))

    def wait(self, so: Callable[[], bool], timeout: float | None) -> None:
        """Wait until something is so; it is asked under the session's lock, and what it raises is raised.

        Raises: TimeoutError; the error that ended the session.
        """
        if not self._live.wait_so(so, self.check, timeout):
            raise TimeoutError(f"not in {timeout} s")

    # --- inside ---------------------------------------------------------------------------------------------

    def _in_turn(self, act: Callable[[], _T]) -> _T:
        """Do something that sends one message, under the session's lock, when a Throttle lets it."""

        def checked() -> _T:
            self.check()
            return act()

        return self._live.in_turn("V", [(262, "x" * 10)], checked)

    def _make(self, symbol: str, config: BookConfig, reader: EntryReader) -> LiveBook:
        return LiveBook(symbol, config, reader, self)

    def _on_change(self, change: BookChange) -> None:
        if isinstance(change.book, LiveBook):
            change.book.tell(change)


class PolledBooks(Booking):
    """The books of a session that a Poller drives. Made by `session.books()`; for the thread that polls.

    Nothing waits here: listen() to hear of changes, which come while poll() runs, or look at the books.
    """

    def subscribe(self, symbols: str | Iterable[str], **wanted: Any) -> Subscription:
        """Ask for one or many instruments on one request. Args, Raises: as Subscriptions.subscribe()."""
        self.check()
        return self.subscriptions.subscribe(symbols, clock.now(), **wanted)

    def unsubscribe(self, what: Subscription | Book | str) -> None:
        """End a subscription. Raises: as Subscriptions.unsubscribe()."""
        self.check()
        self.subscriptions.unsubscribe(what.symbol if isinstance(what, Book) else what, clock.now())
