"""Book: the levels of one instrument, kept from snapshots (35=W) and incremental refreshes (35=X). Rules M3 to M15.

    book = Book("EUR/USD")
    change = book.apply(message)        # W or X
    book.best_bid, book.offers(5), book.arrays()

A message is applied to copies, and what came of it becomes visible at once: a reader on another thread sees the book
before a message or after it (M4). A view once taken never changes. What cannot be right makes the book stale: it has no
levels then, and waits for a snapshot. One owner writes; any number of threads may read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fixfast.codec.message import Message
from fixfast.errors import FieldFormatError, LocalProtocolError
from fixfast.trading.bookconfig import BookConfig
from fixfast.trading.bookview import (
    Anomaly,
    BookEntry,
    BookStatus,
    BookTrade,
    BookView,
    Level,
    Scales,
    Side,
    empty_view,
    exact,
    make_view,
)
from fixfast.trading.entries import EntryReader, Row, by_symbol, row_time_ns
from fixfast.trading.keying import Draft, IdKeys, Keying, LevelKeys, Misfit, PriceKeys
from fixfast.trading.ladder import Ladder
from fixfast.trading.numbering import RptSeq, Waiting

if TYPE_CHECKING:
    from fixfast.trading.arrays import DepthArrays

__all__ = ["Book", "BookChange", "BookValue"]

_NEW_CHANGE = tuple.__new__  # PERF: without the arguments by name
_LIVE, _STALE, _ABSENT = BookStatus.LIVE, BookStatus.STALE, BookStatus.ABSENT
#: those that wait for a snapshot, and keep the updates that come meanwhile
_WAITING = (_ABSENT, _STALE)
#: Anomalies that are kept to be looked at: the last ones
_KEPT = 100
_BID, _OFFER, _TRADE, _EMPTY_BOOK = "0", "1", "2", "J"
_DEEPEST = 1 << 62
#: MDEntryTypes that are no values
_NO_VALUES = frozenset({_BID, _OFFER, _EMPTY_BOOK, None})
#: QuoteCondition(276) of sides that may cross: Locked, Crossed
_MAY_CROSS = frozenset("EF")


class BookValue(NamedTuple):
    """A value of an instrument that is no level (M8), None where its entry has none. `time_ns`: as for trades."""

    price: Decimal | None
    qty: Decimal | None
    time_ns: int


class BookChange(NamedTuple):
    """What one message did to a book. `status` is the book's after it, `before` the one before it."""

    book: Book
    status: BookStatus
    before: BookStatus
    trades: tuple[BookTrade, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


class Book:
    """The order book of one instrument. Reading needs no lock; one thread writes.

    Args:
        symbol: Symbol(55), or SecurityID(48) where the venue gives no symbol.
        config: how the venue's entries are to be understood.
        reader: what reads entries; books of one feed share one.

    Attributes:
        view: a BookView, the levels as of now. It never changes: a new one takes its place.
        tape: the last trades, newest last (M8); `config.tape` of them.
        anomalies: the last things that should not have been (M12), newest last; `anomaly_count` counts all.
    """

    __slots__ = (
        "_config", "_depth", "_keying", "_number", "_reader", "_updates", "_values", "_waiting",
        "anomalies", "anomaly_count", "symbol", "tape", "view",
    )  # fmt: skip

    def __init__(self, symbol: str, config: BookConfig | None = None, reader: EntryReader | None = None) -> None:
        self.symbol = symbol
        self._config = BookConfig() if config is None else config
        self._reader = EntryReader() if reader is None else reader
        self._depth = self._config.depth or _DEEPEST
        self._keying: Keying | None = None
        self._number = RptSeq()
        self._waiting = Waiting(self._config.max_buffered)
        self._updates = 0
        self._values: dict[str, tuple[int | None, int | None, int, Scales]] = {}
        self.tape: deque[BookTrade] = deque(maxlen=self._config.tape)
        self.anomalies: deque[Anomaly] = deque(maxlen=_KEPT)
        self.anomaly_count = 0
        self.view = empty_view(_LIVE if self._config.start_empty else _ABSENT, self._reader.scales)

    # --- reading ----------------------------------------------------------------------------------------------

    @property
    def config(self) -> BookConfig:
        """How the venue's entries are understood."""
        return self._config

    @property
    def status(self) -> BookStatus:
        """Whether the book can be believed. It has levels only while it is LIVE."""
        return self.view.status

    @property
    def valid(self) -> bool:
        """Whether the book is LIVE."""
        return self.view.status is _LIVE

    @property
    def rpt_seq(self) -> int | None:
        """RptSeq(83) of the last update that was applied, None where the venue gives none."""
        return self._number.last

    @property
    def updates(self) -> int:
        """How many messages were applied."""
        return self._updates

    @property
    def best_bid(self) -> Level | None:
        """The highest bid, None without one."""
        return self.view.best_bid

    @property
    def best_offer(self) -> Level | None:
        """The lowest offer, None without one."""
        return self.view.best_offer

    @property
    def mid(self) -> Decimal | None:
        """Halfway between best bid and best offer, exact; None where a side is empty."""
        return self.view.mid

    @property
    def spread(self) -> Decimal | None:
        """Best offer minus best bid; None where a side is empty."""
        return self.view.spread

    def bids(self, count: int | None = None) -> list[Level]:
        """Return the bids from the highest down, `count` of them or all."""
        return self.view.bids(count)

    def offers(self, count: int | None = None) -> list[Level]:
        """Return the offers from the lowest up, `count` of them or all."""
        return self.view.offers(count)

    def arrays(self, price_scale: int | None = None, qty_scale: int | None = None) -> DepthArrays:
        """Return the levels as numpy arrays; see BookView.arrays()."""
        return self.view.arrays(price_scale, qty_scale)

    def entries(self, count: int | None = None) -> tuple[list[BookEntry], list[BookEntry]]:
        """Return bids and offers one by one, of a book whose entries are known by their ids: `aggregated=False`.

        The best price first, then as they came: the queue of each price. Other than all else here it is not to be
        called while another thread applies a message.

        Args: count: entries of each side; None: all.

        Raises: LocalProtocolError: the entries of this book are levels.
        """
        keying = self._keying
        if keying is not None and not isinstance(keying, IdKeys):
            raise LocalProtocolError(f"{self.symbol}: its entries are levels: subscribe with aggregated=False")
        if keying is None or not self.valid:
            return [], []
        price_scale, qty_scale = self.view.scales
        bids, offers = (
            [
                BookEntry(name, exact(-key if kind == _BID else key, price_scale), exact(qty, qty_scale))
                for name, key, qty in keying.queue(kind)[:count]
            ]
            for kind in (_BID, _OFFER)
        )
        return bids, offers

    @property
    def values(self) -> dict[str, BookValue]:
        """Values that are no levels (M8), by MDEntryType(269): "4" opening, "5" closing, "6" settlement ..."""
        return {
            kind: BookValue(
                None if px is None else exact(px, scales[0]), None if qty is None else exact(qty, scales[1]), time_ns
            )
            for kind, (px, qty, time_ns, scales) in self._values.items()
        }

    # --- writing ----------------------------------------------------------------------------------------------

    def apply(self, m: Message) -> BookChange | None:
        """Apply a W or an X; entries of other instruments in it are passed over.

        Returns:
            What changed; None if nothing did, because the message is of others, was known, or waits for a snapshot.

        Raises:
            ValueError: the message is neither a W nor an X.
        """
        kind = m.msg_type
        if kind not in ("W", "X"):
            raise ValueError(
                f"a book is made of MarketDataSnapshotFullRefresh (W) and -IncrementalRefresh (X), not {kind}"
            )
        try:
            rows = (self._reader.read if kind == "X" else self._reader.read_snapshot)(m.group(268))
        except FieldFormatError as error:
            return self.invalidate(_STALE, "format", str(error))
        if kind == "W":
            symbol = m.get(55)
            if (m.get(48) if symbol in (None, "[N/A]") else symbol) not in (self.symbol, None):
                return None
            return self.snapshot(rows, m.sending_time_ns, m.int(83, None))
        if len(rows) != 1 or rows[0][12] != self.symbol:
            split = by_symbol(rows)
            rows = split.get(self.symbol) or split.get("") or []
        return self.update(rows, m.sending_time_ns) if rows else None

    def snapshot(self, rows: Sequence[Row], sent_ns: int, rpt_seq: int | None = None) -> BookChange | None:
        """Replace the book by what a W says (M3), then apply the updates that are newer (M9).

        Args:
            rows: its entries, read by the reader of this book.
            sent_ns: SendingTime(52).
            rpt_seq: RptSeq(83) of the message, if it stands outside of its entries.

        Returns:
            What changed; None if the snapshot is older than the book, or nobody waits for one (unsubscribed ...).
        """
        before = self.view.status
        if before is not _LIVE and before not in _WAITING:
            return None
        numbers = [row[11] for row in rows if row[11] is not None]
        number = max(numbers) if numbers else rpt_seq
        last = self._number.last
        if before is _LIVE and number is not None and last is not None and number < last:
            return self._told((Anomaly("old snapshot", f"RptSeq (83) {number} is before {last}"),))
        config = self._config
        scales = self._reader.scales
        kept = self._at(scales).without(config.sides)  # the sides that were not asked for
        draft = Draft(kept, False, config.zero_deletes)
        levels = [row for row in rows if row[1] in config.sides]
        self._keying = self._choose(levels[0]) if levels else None
        if self._keying is not None:
            self._keying.fill(draft, levels)
        for row in rows:
            if row[1] not in _NO_VALUES:
                self._value(row, sent_ns)
        self._number.last = number
        anomalies = self._publish(draft)
        trades: list[BookTrade] = []
        waiting = self._waiting.take(scales)
        while waiting and self.view.status is _LIVE:
            change = self._apply(*waiting.popleft(), live=False)
            if change is not None:
                anomalies += change.anomalies
                trades += change.trades
        for update in waiting:  # there is a gap among them, too
            self._waiting.keep(update[0], scales, update[1])
        return BookChange(self, self.view.status, before, tuple(trades), tuple(anomalies))

    def update(self, rows: list[Row], sent_ns: int) -> BookChange | None:
        """Apply the entries of one X that are of this instrument, in order and as one (M4).

        Args:
            rows: read by the reader of this book, at least one.
            sent_ns: SendingTime(52).

        Returns:
            What changed; None if they were known already (M9), or wait for a snapshot.
        """
        view = self.view
        status = view.status
        if status is _LIVE:
            keying = self._keying
            if keying is not None and len(rows) == 1 and self._one(rows[0], keying, view):
                return _NEW_CHANGE(BookChange, (self, _LIVE, _LIVE, (), ()))
            return self._apply(rows, sent_ns)
        if status is _ABSENT and rows[0][11] == 1:  # nothing was before 1
            return self._apply(rows, sent_ns)
        if status in _WAITING:
            self._waiting.keep(rows, self._reader.scales, sent_ns)
        return None

    def _one(self, row: Row, keying: Keying, view: BookView) -> bool:
        """Apply the one entry of a message if there is nothing special about it; else leave it to _apply().

        PERF: most messages are of this kind: 4.2 -> 2.0 us each by price, 30,400 -> 23,000 instructions by level,
        47,600 -> 27,800 by MDEntryID, from message to book.
        """
        number = row[11]
        last = self._number.last
        if (number is not None and last is not None and number != last + 1) or view.scales is not self._reader.scales:
            return False
        kind, px = row[1], row[2]
        bids: Side | None = view.bid_side
        offers: Side | None = view.offer_side
        if px is None:
            return False
        if kind == _BID:
            bids = keying.one(row, -px, view.bid_side, self._depth)
        elif kind == _OFFER:
            offers = keying.one(row, px, view.offer_side, self._depth)
        else:
            return False
        if bids is None or offers is None:
            return False
        if number is not None:
            self._number.last = number
        self._updates = updates = self._updates + 1
        self.view = make_view(_LIVE, view.scales, bids, offers, number, updates)
        return True

    def invalidate(self, status: BookStatus, kind: str = "", text: str = "") -> BookChange:
        """Take all levels away (M10): the book is stale, or its session or subscription ended.

        Args:
            status: any but LIVE. ABSENT makes it wait for a snapshot as at the beginning.
            kind: a short word if this is an anomaly, "" if not.
            text: what happened, for people.
        """
        before = self.view.status
        self.view = empty_view(status, self._reader.scales, self._updates)
        self._waiting.clear()
        if status is not _STALE:  # what comes next may begin at 1 again, or be of another day
            self._number.last = None
            self._values.clear()
        anomalies = (Anomaly(kind, text),) if kind else ()
        self._note(anomalies)
        return BookChange(self, status, before, (), anomalies)

    # --- one message ------------------------------------------------------------------------------------------

    def _apply(self, rows: list[Row], sent_ns: int, live: bool = True) -> BookChange | None:
        due = self._number.due(rows, live)
        if due is None:
            text = f"RptSeq (83) {rows[0][11]} after {self._number.last}"
            change = self.invalidate(_STALE, "gap", text)
            self._waiting.keep(rows, self._reader.scales, sent_ns)
            return change
        if not due:
            return None
        view = self.view
        before = view.status
        config = self._config
        draft = Draft(
            view if view.scales is self._reader.scales else self._at(self._reader.scales),
            config.strict,
            config.zero_deletes,
        )
        trades: list[BookTrade] = []
        try:
            for row in due:
                kind = row[1]
                if kind in (_BID, _OFFER, None):
                    if self._keying is None:
                        self._keying = self._choose(row)
                    self._keying.apply(draft, row)
                elif kind == _TRADE:
                    trades.append(self._trade(row, sent_ns))
                elif kind == _EMPTY_BOOK:
                    draft.view = draft.view.without(config.sides)
                    draft.bids = draft.offers = self._keying = None
                else:
                    self._value(row, sent_ns)
        except Misfit:
            return self.invalidate(_STALE, *draft.anomalies[-1])
        except FieldFormatError as error:
            return self.invalidate(_STALE, "format", str(error))
        anomalies = self._publish(draft, due)
        if trades:
            self.tape.extend(trades)
        return _NEW_CHANGE(BookChange, (self, _LIVE, before, tuple(trades), tuple(anomalies)))

    def _publish(self, draft: Draft, rows: Sequence[Row] = ()) -> list[Anomaly]:
        """Let readers see what a message made of the book, and say what is odd about it (M7, M12)."""
        was = draft.view
        bids, offers = draft.bids, draft.offers
        if self._config.depth or type(self._keying) is LevelKeys:
            for kind, ladder in ((_BID, bids), (_OFFER, offers)):
                if ladder is not None:
                    self._check(draft, kind, ladder)
        self._updates += 1
        self.view = view = BookView(
            _LIVE,
            was.scales,
            was.bid_side if bids is None else (bids.keys, bids.levels),
            was.offer_side if offers is None else (offers.keys, offers.levels),
            self._number.last,
            self._updates,
        )
        if view.crossed and not was.crossed and not any(row[14] and _MAY_CROSS & set(row[14]) for row in rows):
            draft.report("crossed", f"bid {view.best_bid} over offer {view.best_offer}")
        if draft.anomalies:
            self._note(draft.anomalies)
        return draft.anomalies

    def _check(self, draft: Draft, kind: str, ladder: Ladder) -> None:
        depth = self._config.depth
        if depth and len(ladder) > depth:
            if self._config.implicit_delete:
                ladder.trim(depth)
                if self._keying is not None:
                    self._keying.trimmed(kind, ladder)
            else:
                draft.report("depth", f"{len(ladder)} levels where {depth} were asked for")
        # PERF: of one change by place, only its neighbours can be wrong: 1.2 us less at 50 levels
        if type(self._keying) is LevelKeys and not ladder.ordered(draft.places[0] if len(draft.places) == 1 else None):
            draft.report("order", "a price is not worse than the one above it")

    def _choose(self, row: Row) -> Keying:
        """Say what entries are known by, from the first one."""
        keyed = self._config.keyed
        if keyed == "id" or (keyed == "auto" and (row[4] or row[9] or row[10])):
            return IdKeys()
        return LevelKeys() if keyed == "level" or (keyed == "auto" and row[6] is not None) else PriceKeys()

    def _trade(self, row: Row, sent_ns: int) -> BookTrade:
        action, _, px, qty, entry_id, ref_id, *_ = row
        price, quantity = (
            exact(value or 0, scale) for value, scale in zip((px, qty), self._reader.scales, strict=True)
        )
        when = row_time_ns(row, sent_ns)
        return BookTrade(price, quantity, when, entry_id or ref_id, action or "0", row[19], row[18])

    def _value(self, row: Row, sent_ns: int) -> None:
        if row[0] == "2":
            self._values.pop(row[1] or "", None)
        else:
            self._values[row[1] or ""] = (row[2], row[3], row_time_ns(row, sent_ns), self._reader.scales)

    def _at(self, scales: Scales) -> BookView:
        """Return the view at other scales, after the reader took them."""
        was = self.view.scales
        if was == scales:
            return self.view
        price, qty = (10 ** (new - old) for old, new in zip(was, scales, strict=True))
        if isinstance(self._keying, IdKeys):
            self._keying.rescale(price, qty)
        return self.view.times(price, qty, scales)

    def _told(self, anomalies: tuple[Anomaly, ...]) -> BookChange:
        self._note(anomalies)
        return BookChange(self, self.view.status, self.view.status, (), anomalies)

    def _note(self, anomalies: Sequence[Anomaly]) -> None:
        self.anomalies.extend(anomalies)
        self.anomaly_count += len(anomalies)

    def __repr__(self) -> str:
        return f"<Book {self.symbol}: {self.view!r}>"
