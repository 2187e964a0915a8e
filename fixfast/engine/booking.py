"""Booking: Subscriptions on a live session, which hear everything before the program does. For every front end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fixfast import clock
from fixfast.engine.tapping import Tapped, Tapping
from fixfast.engine.throttled import Released, Unsent
from fixfast.errors import NotActive
from fixfast.session.wire import Message
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.book import Book, BookChange
from fixfast.trading.bookview import BookStatus
from fixfast.trading.feed import Making
from fixfast.trading.market_data import Subscription, Subscriptions
from fixfast.types import Now

__all__ = ["Booking", "Watch", "is_there"]

#: Anomalies that a watch keeps for who comes late
_KEPT = 100


class Watch:
    """What happened to a book since somebody looked last: one change, however many there were. No trade is lost,
    but for those that the book's tape does not keep either.
    """

    __slots__ = ("change",)

    def __init__(self) -> None:
        self.change: BookChange | None = None

    def add(self, change: BookChange) -> None:
        """Add what happened now."""
        before = self.change
        if before is not None:
            trades = before.trades + change.trades
            anomalies = before.anomalies + change.anomalies
            most = change.book.config.tape
            change = BookChange(
                change.book, change.status, before.before, trades[-most:] if most else (), anomalies[-_KEPT:]
            )
        self.change = change

    def take(self) -> BookChange | None:
        """Return it, and begin anew."""
        change, self.change = self.change, None
        return change


def is_there(subscription: Subscription) -> bool:
    """Return whether all books of a subscription are LIVE.

    Raises: SubscriptionRejected: the venue refused it. NotActive: it was ended meanwhile.
    """
    if subscription.error is not None:
        raise subscription.error
    if subscription.over:
        raise NotActive("unsubscribed")
    return all(book.status is BookStatus.LIVE for book in subscription.books.values())


class Booking(Tapping[Tapped]):
    """The market data of one live session.

    Args:
        session: whose it is.
        send: sends a message at once: send(msg_type, fields) -> MsgSeqNum.
        options: what the venue wants, and limits.
        make: makes a book.
        passed: acknowledges a message that the program is not to see; None: it sees all of them.

    Attributes:
        subscriptions: the Subscriptions.
        error: why nothing more will come; None while it may.
    """

    _what = "market data", "books_failed"

    def __init__(
        self,
        session: Tapped,
        send: Callable[[str, list[tuple[Any, Any]]], int],
        options: MarketDataOptions | None,
        *,
        make: Making = Book,
        passed: Callable[[Message], None] | None = None,
    ) -> None:
        super().__init__(session, passed)
        self.subscriptions = Subscriptions(send, options, logged_on=session.state.active, make=make)

    def __getitem__(self, symbol: str) -> Book:
        """Return the book of a symbol. KeyError: it is not subscribed to."""
        return self.subscriptions.books[symbol]

    def __iter__(self) -> Iterator[Book]:
        return iter(list(self.subscriptions.books.values()))

    def __len__(self) -> int:
        return len(self.subscriptions.books)

    @property
    def by_symbol(self) -> Mapping[str, Book]:
        """symbol -> Book, of all that are subscribed to."""
        return self.subscriptions.books

    def listen(self, callback: Callable[[BookChange], object]) -> Callable[[], None]:
        """Have a callback called with every change of every book; returns what ends that. It must not wait."""
        return self.subscriptions.listen(callback)

    # --- for the front end ----------------------------------------------------------------------------------

    def take_up(self, waiting: Sequence[Message]) -> None:
        """Begin, with the messages that came already and wait for the program."""
        now = clock.now()
        for message in waiting:
            self._hear(message, now)

    # --- inside ---------------------------------------------------------------------------------------------

    def _settle(self, now: Now) -> None:
        subscriptions = self.subscriptions
        if self.error is None and self._safely(subscriptions.settle, now) and subscriptions.retry_after_ns:
            self._settle_later(subscriptions.retry_after_ns)

    def _settle_later(self, ns: int) -> None:
        """Do so in so many ns. A front end without timers does it with the next turn."""

    def _hear(self, event: object, now: Now) -> bool:
        subscriptions = self.subscriptions
        if isinstance(event, Message):
            return subscriptions.concerns(event) and self._safely(subscriptions.on_message, event, now)
        if isinstance(event, Released):
            if event.message.msg_type == "V":
                self._safely(subscriptions.on_sent, event.message.get(262), event.msg_seq_num)
        elif isinstance(event, Unsent):
            for message in event.messages:
                if message.msg_type == "V":
                    self._safely(subscriptions.on_unsent, message.get(262))
        else:
            self._safely(subscriptions.on_event, event, now)
        return False
