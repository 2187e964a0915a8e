"""Subscriptions: asks for market data (35=V), keeps its books, and asks again after a reconnect or a gap.

No I/O, no clock. Driven from outside, like an OrderManager: on_message() and on_event() tell it what came in, `send`
takes what goes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from fixfast.codec.message import Message
from fixfast.errors import ConfigError, LocalProtocolError, NotActive, SubscriptionRejected, Throttled
from fixfast.session.events import Disconnected, LoggedOn, LoggedOut, MessagesLost
from fixfast.trading.asking import (
    SNAPSHOT,
    SUBSCRIBE,
    UNSUBSCRIBE,
    MarketDataOptions,
    Wanted,
    rejection,
    request_fields,
)
from fixfast.trading.book import Book, BookChange
from fixfast.trading.bookview import BookStatus
from fixfast.trading.feed import Feed, Making
from fixfast.types import Now

__all__ = ["Subscription", "SubscriptionState", "Subscriptions"]

_SECOND = 1_000_000_000
_LIVE = BookStatus.LIVE  # PERF: an enum's members are looked up by its metaclass, 400 instructions each
#: Request ids of the past whose late messages are known to be late: as many as these
_RETIRED = 1000


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    WAITING = "waiting"  # for the session to be logged on
    ASKED = "asked"  # sent; nothing came yet
    ACTIVE = "active"  # data comes
    REJECTED = "rejected"  # the venue refused it: see `error`
    ENDED = "ended"  # unsubscribed


class Subscription:
    """One request for market data, over all reconnects. Made by Subscriptions.subscribe(); nobody else changes it.

    Attributes:
        wanted: what is asked for.
        state: where it stands.
        req_id: its MDReqID(262) at present, a fresh one each time it is asked for; empty while it waits.
        books: symbol -> Book.
        error: why the venue refused it; None if it did not.
    """

    __slots__ = ("books", "error", "req_id", "seq", "state", "wanted")

    def __init__(self, wanted: Wanted, books: dict[str, Book]) -> None:
        self.wanted = wanted
        self.books = books
        self.state = SubscriptionState.WAITING
        self.req_id = ""
        self.seq = 0
        self.error: SubscriptionRejected | None = None

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self.state in (SubscriptionState.REJECTED, SubscriptionState.ENDED)

    def __repr__(self) -> str:
        return f"<Subscription {self.req_id} {self.state}: {' '.join(self.wanted.symbols)}>"


class _Resync:
    """A snapshot that was asked for, for one stale book. `tries` in a row; `seq` of the last request, `at` when."""

    __slots__ = ("at", "req_id", "seq", "tries")

    def __init__(self) -> None:
        self.tries = 0
        self.req_id = ""
        self.seq = 0
        self.at = 0


class Subscriptions:
    """The market data of one session.

    Args:
        send: sends a message: send(msg_type, fields) -> MsgSeqNum, 0 where it waits for a Throttle.
        options: what the venue wants, and limits.
        logged_on: the session is established already. Else on_event() will tell.
        make: makes a book; for front ends.

    Attributes:
        books: symbol -> Book, of all subscriptions that are not over.
        subscriptions: those that are not over, oldest first.
    """

    def __init__(
        self,
        send: Callable[[str, list[tuple[Any, Any]]], int],
        options: MarketDataOptions | None = None,
        *,
        logged_on: bool = False,
        make: Making = Book,
    ) -> None:
        self._send = send
        self._options = MarketDataOptions() if options is None else options
        self._logged_on = logged_on
        self._feed = Feed(
            self._options.book, max_books=self._options.max_books, max_entries=self._options.max_entries, make=make
        )
        self._of_symbol: dict[str, Subscription] = {}
        self._of_id: dict[str, Subscription] = {}
        self._resyncs: dict[str, _Resync] = {}  # by symbol
        self._retired: dict[str, None] = {}  # oldest first
        self._listeners: list[Callable[[BookChange], object]] = []
        self._count = 0
        self._prefix = ""
        self.books = self._feed.books
        self.subscriptions: list[Subscription] = []
        #: in how many ns settle() may get out what a Throttle held back; 0: nothing waits for that
        self.retry_after_ns = 0
        #: what listeners raised, the last hundred
        self.failures: deque[Exception] = deque(maxlen=100)

    # --- what a program asks for ----------------------------------------------------------------------------------

    def subscribe(
        self,
        symbols: str | Iterable[str],
        now: Now,
        *,
        depth: int = 0,
        entry_types: Iterable[str] = ("0", "1"),
        full_refresh: bool | None = False,
        aggregated: bool | None = None,
        implicit_delete: bool | None = None,
        extra: Iterable[tuple[Any, Any]] = (),
    ) -> Subscription:
        """Ask for one or many instruments on one request, now, or as soon as the session is logged on.

        Args: as Wanted; `symbols` may be one.

        Raises:
            ConfigError: a value is out of range, or there are too many symbols or books.
            LocalProtocolError: one of the symbols is subscribed to already.
            EncodeError, Throttled, StoreError: what `send` raises; then there is no subscription.
        """
        given = (symbols,) if isinstance(symbols, str) else tuple(symbols)
        wanted = Wanted(given, depth, tuple(entry_types), full_refresh, aggregated, implicit_delete, tuple(extra))
        if len(given) > self._options.max_symbols:
            raise ConfigError("symbols", len(given), f"up to max_symbols={self._options.max_symbols} on one request")
        if len(self.books) + len(given) > self._options.max_books:
            raise ConfigError("symbols", len(given), f"no more than max_books={self._options.max_books} books in all")
        for symbol in given:
            if symbol in self._of_symbol:
                raise LocalProtocolError(f"{symbol} is subscribed to already: unsubscribe first to change that")
        config = wanted.book_config(self._options.book)
        subscription = Subscription(wanted, {symbol: self._feed.add(symbol, config) for symbol in given})
        try:
            self._ask(subscription, now)
        except Exception:
            for symbol in given:
                self._feed.remove(symbol)
            raise
        self.subscriptions.append(subscription)
        self._of_symbol.update(dict.fromkeys(given, subscription))
        return subscription

    def unsubscribe(self, what: Subscription | str, now: Now) -> list[BookChange]:
        """End a subscription: its books are empty from now on, and what still comes of it is passed over (M10).

        Args:
            what: a Subscription, or the symbol of one that has no other.

        Raises:
            LocalProtocolError: it is over, unknown, or has more symbols than this one.
            EncodeError, Throttled, StoreError: what `send` raises; then it goes on.
        """
        subscription = self._of_symbol.get(what) if isinstance(what, str) else what
        if subscription is None or subscription.over:
            raise LocalProtocolError(f"{what!r} is not subscribed to")
        if isinstance(what, str) and len(subscription.wanted.symbols) > 1:
            others = ", ".join(subscription.wanted.symbols)
            raise LocalProtocolError(
                f"{what} was asked for on one request with others ({others}): give the Subscription"
            )
        if subscription.req_id:
            self._transmit(UNSUBSCRIBE, subscription.wanted, subscription.req_id, subscription.wanted.symbols)
        return self._tell(self._end(subscription, SubscriptionState.ENDED, BookStatus.ENDED))

    def refresh(self, symbol: str, now: Now) -> None:
        """Ask for a snapshot of a book, whatever state it is in. One that gave up asks again, too.

        Raises:
            LocalProtocolError: it is not subscribed to, or the session is not logged on.
        """
        if symbol not in self._of_symbol or not self._logged_on:
            raise LocalProtocolError(f"{symbol}: not subscribed to, or the session is not logged on")
        self._resyncs.pop(symbol, None)
        self._resync(symbol, now)

    def listen(self, callback: Callable[[BookChange], object]) -> Callable[[], None]:
        """Have a callback called with every change of every book. Returns what ends that.

        What it raises is kept in `failures`; the others are called all the same.
        """
        self._listeners.append(callback)

        def end() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return end

    # --- what comes in --------------------------------------------------------------------------------------------

    def concerns(self, m: Message) -> bool:
        """Return whether a message is about market data asked for here: W, X, Y, and rejects of requests."""
        kind = m.msg_type
        return kind in ("W", "X", "Y") or (kind in ("3", "j") and self._refused(m) is not None)

    def on_message(self, m: Message, now: Now) -> list[BookChange]:
        """Take a message, in the order of the session. Returns: what changed; listeners were told."""
        kind = m.msg_type
        if kind == "X":
            if self._retired and m.get(262) in self._retired:
                return []
            changes = self._feed.on_message(m)
        elif kind == "W":
            if m.get(262) in self._retired:
                return []
            changes = self._feed.on_message(m)
        elif kind in ("Y", "3", "j"):
            return self._tell(self._on_reject(m, now))
        else:
            return []
        for change in changes:
            book, status, before, _, _ = change
            if status is _LIVE:
                if before is not _LIVE:
                    self._healed(book.symbol)
            elif status is BookStatus.STALE:
                self._resync(book.symbol, now)
        if self._resyncs and not changes and kind == "X":
            self._ask_again(m, now)
        return self._tell(changes) if self._listeners else changes

    def on_event(self, event: object, now: Now) -> list[BookChange]:
        """Take an event of the session: books become invalid when it is lost, and are asked for anew when it is back.

        Returns: what changed; listeners were told.
        """
        if isinstance(event, LoggedOn):
            self._logged_on = True
            changes = self._forget_requests(BookStatus.ABSENT)
            self.settle(now)
        elif isinstance(event, (Disconnected, LoggedOut)):
            self._logged_on = False
            changes = self._forget_requests(BookStatus.INVALID)
        elif isinstance(event, MessagesLost):
            changes = self._feed.invalidate(BookStatus.STALE, "lost", f"messages from {event.begin} on: {event.why}")
            for change in changes:
                self._resync(change.book.symbol, now)
        else:
            return []
        return self._tell(changes)

    def on_sent(self, req_id: str | None, msg_seq_num: int) -> None:
        """Know the number of a request that had waited for a Throttle (`Released`)."""
        asked: list[Subscription | _Resync] = [*self.subscriptions, *self._resyncs.values()]
        for one in asked:
            if req_id and one.req_id == req_id:
                one.seq = msg_seq_num

    def on_unsent(self, req_id: str | None) -> None:
        """Know that a request that had waited for a Throttle was not sent (`Unsent`): it is asked for again."""
        for subscription in self.subscriptions:
            if req_id and subscription.req_id == req_id:
                self._retire(subscription)
                subscription.state = SubscriptionState.WAITING

    def settle(self, now: Now) -> None:
        """Send what waits for the session, or for a Throttle. To be called when everything that came was told."""
        self.retry_after_ns = 0
        if not self._logged_on:
            return
        for subscription in self.subscriptions:
            if subscription.state is SubscriptionState.WAITING:
                try:
                    self._ask(subscription, now)
                except Throttled as error:
                    self.retry_after_ns = max(1, error.retry_after_ns)
                    return

    # --- requests -------------------------------------------------------------------------------------------------

    def _ask(self, subscription: Subscription, now: Now) -> None:
        """Send a subscription's request under a fresh id; it waits if the session is not there."""
        if not self._logged_on:
            return
        req_id = self._new_id(now)
        wanted = subscription.wanted
        try:
            subscription.seq = self._transmit(SUBSCRIBE, wanted, req_id, wanted.symbols)
        except NotActive:  # it was lost just now: the event is on its way
            return
        subscription.req_id = req_id
        subscription.state = SubscriptionState.ASKED
        self._of_id[req_id] = subscription

    def _transmit(self, kind: str, wanted: Wanted, req_id: str, symbols: Iterable[str]) -> int:
        return self._send("V", request_fields(wanted, req_id, kind, self._options, symbols))

    def _new_id(self, now: Now) -> str:
        """Return an id that was not used before, in an earlier process either, unless the clock went back."""
        self._prefix = self._prefix or f"MD{now.wall_ns // 1_000_000:x}-"
        self._count += 1
        return f"{self._prefix}{self._count}"

    def _end(self, subscription: Subscription, state: SubscriptionState, status: BookStatus) -> list[BookChange]:
        self._retire(subscription)
        subscription.state = state
        self.subscriptions.remove(subscription)
        changes = []
        for symbol in subscription.wanted.symbols:
            del self._of_symbol[symbol]
            self._drop_resync(symbol)
            change = self._feed.remove(symbol, status)
            if change is not None:
                changes.append(change)
        return changes

    def _retire(self, subscription: Subscription) -> None:
        if subscription.req_id:
            self._of_id.pop(subscription.req_id, None)
            self._retire_id(subscription.req_id)
            subscription.req_id = ""

    def _retire_id(self, req_id: str) -> None:
        self._retired[req_id] = None
        if len(self._retired) > _RETIRED:
            del self._retired[next(iter(self._retired))]

    def _forget_requests(self, status: BookStatus) -> list[BookChange]:
        """All requests died with the connection."""
        for subscription in self.subscriptions:
            self._retire(subscription)
            subscription.state = SubscriptionState.WAITING
        for symbol in list(self._resyncs):
            self._drop_resync(symbol)
        return [change for change in self._feed.invalidate(status) if change.before is not change.status]

    # --- snapshots for stale books --------------------------------------------------------------------------------

    def _resync(self, symbol: str, now: Now) -> None:
        """Ask for what makes a stale book whole (M9), so many times in a row."""
        subscription = self._of_symbol.get(symbol)
        if subscription is None or not self._logged_on or self._options.resync == "none":
            return
        resync = self._resyncs.setdefault(symbol, _Resync())
        if resync.tries == self._options.max_resyncs:
            return
        resync.tries += 1
        resync.at = now.mono_ns
        try:
            if self._options.resync == "resubscribe":
                self._transmit(UNSUBSCRIBE, subscription.wanted, subscription.req_id, subscription.wanted.symbols)
                self._retire(subscription)
                self._ask(subscription, now)
            else:
                if resync.req_id:
                    self._retire_id(resync.req_id)
                resync.req_id = ""
                req_id = self._new_id(now)
                resync.seq = self._transmit(SNAPSHOT, subscription.wanted, req_id, (symbol,))
                resync.req_id = req_id
        except (NotActive, Throttled):  # after the timeout, or the reconnect, it is asked for again
            return

    def _ask_again(self, m: Message, now: Now) -> None:
        """An update came for books that wait: ask for those whose answer does not come."""
        patience = round(self._options.resync_timeout * _SECOND)
        for symbol, resync in list(self._resyncs.items()):
            if now.mono_ns - resync.at >= patience:
                self._resync(symbol, now)

    def _healed(self, symbol: str) -> None:
        self._drop_resync(symbol)
        subscription = self._of_symbol.get(symbol)
        if subscription is not None and subscription.state is SubscriptionState.ASKED:
            subscription.state = SubscriptionState.ACTIVE

    def _drop_resync(self, symbol: str) -> None:
        resync = self._resyncs.pop(symbol, None)
        if resync is not None and resync.req_id:
            self._retire_id(resync.req_id)

    # --- rejects --------------------------------------------------------------------------------------------------

    def _refused(self, m: Message) -> Subscription | str | None:
        """Return the subscription that a Y, 3 or j refuses, or the symbol whose snapshot it does."""
        if m.msg_type == "Y":
            req_id, seq = m.get(262), None
        else:
            req_id, seq = m.get(379) if m.msg_type == "j" else None, m.int(45, None)
            if m.get(372) not in (None, "V"):
                return None
        for subscription in self.subscriptions:
            if subscription.req_id and (subscription.req_id == req_id or (seq and subscription.seq == seq)):
                return subscription
        for symbol, resync in self._resyncs.items():
            if resync.req_id and (resync.req_id == req_id or (seq and resync.seq == seq)):
                return symbol
        return None

    def _on_reject(self, m: Message, now: Now) -> list[BookChange]:
        refused = self._refused(m)
        if isinstance(refused, Subscription):
            refused.error = rejection(m, refused.req_id, refused.wanted.symbols)
            return self._end(refused, SubscriptionState.REJECTED, BookStatus.REJECTED)
        if refused is None:
            return []
        resync = self._resyncs[refused]
        resync.tries = self._options.max_resyncs  # what is refused once is refused again
        error = rejection(m, resync.req_id, (refused,))
        return [self.books[refused].invalidate(BookStatus.STALE, "resync", str(error))]

    # --- telling --------------------------------------------------------------------------------------------------

    def _tell(self, changes: list[BookChange]) -> list[BookChange]:
        for callback in list(self._listeners):
            for change in changes:
                try:
                    callback(change)
                except Exception as error:
                    self.failures.append(error)
        return changes
