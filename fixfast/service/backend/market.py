"""Market: the books of a Backend: one subscription at the venue, however many front ends look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from fixfast import clock
from fixfast.engine.books import Books
from fixfast.engine.live import LiveSession
from fixfast.errors import FixfastError
from fixfast.service.link import Link
from fixfast.service.messages import BookNow, Level, Printed, Subscribe
from fixfast.trading.book import BookChange
from fixfast.trading.bookview import BookStatus
from fixfast.trading.bookview import Level as BookLevel
from fixfast.trading.log import plain
from fixfast.trading.market_data import Subscription

__all__ = ["Market"]

_TYPES = ("0", "1", "2")  # bids, offers, trades


class Market:
    """Who looks at which book.

    Args:
        symbols: those that are always subscribed to.
        depth: levels to ask the venue for; 0: all.
        trouble: called with what could not be asked for: trouble(text).

    Attributes: marks: symbol -> the price it is valued at.
    """

    def __init__(self, symbols: Iterable[str], depth: int, trouble: Callable[[str], object]) -> None:
        self._always = dict.fromkeys(symbols)
        self._depth = depth
        self._trouble = trouble
        self._books: Books | None = None
        self._asked: dict[str, Subscription] = {}
        self._watched: dict[str, dict[Link, Subscribe]] = {}
        self._missed: dict[Link, int] = {}
        self.marks: dict[str, Decimal] = {}

    def attach(self, session: LiveSession) -> None:
        """Ask a new session for all that is wanted; it is asked for when that is logged on."""
        self._books = session.books()
        self._books.listen(self._on_change)
        self._asked.clear()
        for symbol in dict.fromkeys((*self._always, *self._watched)):
            self._ask(symbol)

    def detach(self) -> None:
        """Know that there is no session."""
        self._books = None
        self._asked.clear()
        for symbol in self._watched:
            self._tell(symbol)

    def subscribe(self, link: Link, command: Subscribe) -> None:
        """Show a book to a front end. Raises: what Subscriptions.subscribe() raises."""
        watched = self._watched.setdefault(command.symbol, {})
        before = watched.get(link)
        watched[link] = command
        try:
            self._want(command.symbol)
        except FixfastError:
            if before is None:
                self._forget(link, command.symbol)
            raise
        self._tell(command.symbol)

    def unsubscribe(self, link: Link, symbol: str) -> bool:
        """Show it no more. Returns whether it was shown."""
        if link not in self._watched.get(symbol, ()):
            return False
        link.forget(("book", symbol))
        self._forget(link, symbol)
        return True

    def leave(self, link: Link) -> None:
        """Show nothing more to a front end that is gone."""
        for symbol in [symbol for symbol, links in self._watched.items() if link in links]:
            self._forget(link, symbol)
        self._missed.pop(link, None)

    # --- inside --------------------------------------------------------------------------------------------

    def _forget(self, link: Link, symbol: str) -> None:
        links = self._watched[symbol]
        links.pop(link, None)
        if links:
            return
        del self._watched[symbol]
        asked = self._asked.get(symbol)
        if symbol not in self._always and asked is not None and self._books is not None:
            del self._asked[symbol]
            if not asked.over:
                try:
                    self._books.subscriptions.unsubscribe(asked, clock.now())
                except FixfastError as error:
                    self._trouble(f"{symbol}: it could not be unsubscribed: {error}")

    def _want(self, symbol: str) -> None:
        asked = self._asked.get(symbol)
        if self._books is not None and (asked is None or asked.over):
            self._asked[symbol] = self._books.subscriptions.subscribe(
                symbol, clock.now(), depth=self._depth, entry_types=_TYPES
            )

    def _ask(self, symbol: str) -> None:
        try:
            self._want(symbol)
        except FixfastError as error:
            self._trouble(f"{symbol}: no market data: {error}")

    def _on_change(self, change: BookChange) -> None:
        symbol = change.book.symbol
        if change.status is BookStatus.LIVE:
            mid = change.book.mid
            if mid is None and change.trades:
                mid = change.trades[-1].price
            if mid is not None:
                self.marks[symbol] = mid
        self._tell(symbol)
        if change.trades:
            for link, command in self._watched.get(symbol, {}).items():
                if command.trades:
                    self._print(link, symbol, change)

    def _print(self, link: Link, symbol: str, change: BookChange) -> None:
        for trade in change.trades:
            missed = self._missed.get(link, 0)
            printed = Printed(symbol, plain(trade.price), plain(trade.qty), trade.time_ns, trade.side or "", missed)
            self._missed[link] = 0 if link.offer(printed) else missed + 1

    def _tell(self, symbol: str) -> None:
        for link, command in self._watched.get(symbol, {}).items():
            link.conflate(("book", symbol), _maker(self, symbol, command.depth))

    def book(self, symbol: str, depth: int) -> BookNow:
        """Return a book as it is now."""
        wall_ns, asked = clock.now().wall_ns, self._asked.get(symbol)
        book = None if asked is None else asked.books.get(symbol)
        if book is None:
            return BookNow(symbol, BookStatus.ABSENT.value, [], [], wall_ns, "there is no FIX session")
        text = str(asked.error) if asked is not None and asked.error is not None else ""
        count = depth or None
        return BookNow(symbol, book.status.value, _levels(book.bids(count)), _levels(book.offers(count)), wall_ns, text)


def _maker(market: Market, symbol: str, depth: int) -> Callable[[], BookNow]:
    return lambda: market.book(symbol, depth)


def _levels(levels: Iterable[BookLevel]) -> list[Level]:
    return [Level(plain(price), plain(qty), orders or 0) for price, qty, orders in levels]
