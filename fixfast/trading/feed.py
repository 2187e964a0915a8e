"""Feed: the books of many instruments from one stream of W and X. It reads messages; asking for them is Subscriptions'.

A message is split by instrument, so that each book gets its own entries, in order and as one. ApplSeqNum(1181), where a
venue numbers a whole feed (ApplID, 1180), is looked at here; RptSeq(83), per instrument, by the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from fixfast.codec.getter import getter
from fixfast.codec.message import Message
from fixfast.errors import ConfigError, FieldFormatError
from fixfast.trading.book import Book, BookChange
from fixfast.trading.bookconfig import BookConfig
from fixfast.trading.bookview import BookStatus
from fixfast.trading.entries import EntryReader, Row, by_symbol

__all__ = ["Feed", "Making"]

#: makes a book: (symbol, config, reader)
Making: TypeAlias = Callable[[str, BookConfig, EntryReader], Book]

_MOST = 1_000_000
_WAITING = (BookStatus.LIVE, BookStatus.STALE)

_numbers = getter((1180, "str"), (1181, "int"))
_instrument = getter((55, "str"), (48, "str"), (83, "int"))
_named = getter((279, "str"), (55, "str"), (48, "str"))


class Feed:
    """The books of one stream of market data.

    Args:
        config: of the books that are made here.
        open: make a book for every instrument that comes; else only those that were added are kept.
        max_books: how many, at most (M13); instruments beyond are passed over.
        max_entries: in one message; the books of one with more become stale.
        make: makes a book; for front ends.

    Attributes:
        books: symbol -> Book.
        passed_over: entries of instruments that have no book.
    """

    __slots__ = (
        "_appl_seq",
        "_config",
        "_make",
        "_max_books",
        "_max_entries",
        "_of_appl",
        "_open",
        "_reader",
        "books",
        "passed_over",
    )  # fmt: skip

    def __init__(
        self,
        config: BookConfig | None = None,
        *,
        open: bool = False,  # noqa: A002
        max_books: int = 10_000,
        max_entries: int = 10_000,
        make: Making = Book,
    ) -> None:
        for name, value in (("max_books", max_books), ("max_entries", max_entries)):
            if type(value) is not int or not 1 <= value <= _MOST:
                raise ConfigError(name, value, f"a whole number from 1 to {_MOST}")
        self._config = BookConfig() if config is None else config
        self._open = open
        self._make = make
        self._max_books = max_books
        self._max_entries = max_entries
        self._reader = EntryReader()
        self._appl_seq: dict[str, int] = {}
        self._of_appl: dict[str, set[str]] = {}
        self.books: dict[str, Book] = {}
        self.passed_over = 0

    def add(self, symbol: str, config: BookConfig | None = None) -> Book:
        """Keep a book of an instrument from now on.

        Raises:
            ConfigError: there is one already, or there are `max_books`.
        """
        if symbol in self.books:
            raise ConfigError("symbol", symbol, "one that has no book yet")
        if len(self.books) >= self._max_books:
            raise ConfigError("symbol", symbol, f"no more than max_books={self._max_books} books")
        self.books[symbol] = book = self._make(symbol, self._config if config is None else config, self._reader)
        return book

    def remove(self, symbol: str, status: BookStatus = BookStatus.ENDED) -> BookChange | None:
        """Keep it no longer: the book becomes `status`. Returns: what changed, None if there is no such book."""
        book = self.books.pop(symbol, None)
        return None if book is None else book.invalidate(status)

    def on_message(self, m: Message) -> list[BookChange]:
        """Apply a W or an X; others are none of ours. Returns: what changed, book by book."""
        kind = m.msg_type
        if kind == "X":
            return self._update(m)
        return self._snapshot(m) if kind == "W" else []

    def invalidate(self, status: BookStatus, kind: str = "", text: str = "") -> list[BookChange]:
        """Do Book.invalidate() for all books, and forget the numbers of the feed."""
        self._appl_seq.clear()
        self._of_appl.clear()
        return [book.invalidate(status, kind, text) for book in self.books.values()]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _update(self, m: Message) -> list[BookChange]:
        appl_id, appl_seq = _numbers(m)
        lost: list[BookChange] = []
        if appl_seq is not None:
            last = self._appl_seq.get(appl_id)
            if last is not None and appl_seq <= last and appl_seq != 1:
                return []
            self._appl_seq[appl_id] = appl_seq
            if last is not None and appl_seq != last + 1:
                text = f"ApplSeqNum (1181) {appl_seq} after {last}"
                lost = self._stale(self._of_appl.get(appl_id, ()), "gap", text)
        try:
            rows = self._reader.read(m.group(268))
        except FieldFormatError as error:
            return lost + self._stale(self._symbols(m), "format", str(error))
        if len(rows) > self._max_entries:
            return lost + self._stale(by_symbol(rows), "limit", f"{len(rows)} entries, {self._max_entries} allowed")
        if len(rows) == 1 and (symbol := rows[0][12]) in self.books and symbol is not None:  # PERF: nearly all
            if appl_seq is not None:
                self._of_appl.setdefault(appl_id, set()).add(symbol)
            change = self.books[symbol].update(rows, m.sending_time_ns)
            return lost if change is None else [*lost, change]
        changes = lost
        for symbol, own in by_symbol(rows).items():
            if appl_seq is not None:
                self._of_appl.setdefault(appl_id, set()).add(symbol)
            book = self._book(symbol, own)
            change = None if book is None else book.update(own, m.sending_time_ns)
            if change is not None:
                changes.append(change)
        return changes

    def _snapshot(self, m: Message) -> list[BookChange]:
        symbol, security, rpt_seq = _instrument(m)
        if symbol is None or symbol == "[N/A]":
            symbol = security or symbol or ""
        try:
            rows = self._reader.read_snapshot(m.group(268))
        except FieldFormatError as error:
            return self._stale((symbol,), "format", str(error))
        if len(rows) > self._max_entries:
            return self._stale((symbol,), "limit", f"{len(rows)} entries, {self._max_entries} allowed")
        book = self._book(symbol, rows)
        change = None if book is None else book.snapshot(rows, m.sending_time_ns, rpt_seq)
        return [] if change is None else [change]

    def _book(self, symbol: str, rows: list[Row]) -> Book | None:
        book = self.books.get(symbol)
        if book is None:
            if self._open and symbol and len(self.books) < self._max_books:
                return self.add(symbol)
            self.passed_over += len(rows)
        return book

    def _stale(self, symbols: Iterable[str], kind: str, text: str) -> list[BookChange]:
        """Make these books stale, those that are not waiting for a first snapshot anyway."""
        books = [self.books[symbol] for symbol in symbols if symbol in self.books]
        return [book.invalidate(BookStatus.STALE, kind, text) for book in books if book.status in _WAITING]

    def _symbols(self, m: Message) -> set[str]:
        """Return the instruments of an X that cannot be read."""
        entries = (_named(entry) for entry in m.group(268))
        return {symbol or security or "" for _, symbol, security in entries}
