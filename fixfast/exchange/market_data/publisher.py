"""MarketData: what the exchange says about its market, to whom, and how much of it. I/O-free, no clock.

It answers MarketDataRequest (V) with snapshots (W) or a MarketDataRequestReject (Y), and makes an incremental refresh
(X) or a new snapshot of every batch of changes. Those who see the same of an instrument share a view: what they get is
worked out once, as tuples, and only MDReqID and the header differ.

A subscriber that does not read holds nobody up. When too much waits for its line, it is told nothing more of an
instrument, at no cost; once the line is free again it gets a fresh W, and X from there on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from fixfast.errors import EncodeError, FixfastError, Throttled
from fixfast.exchange.market_data.entries import Change, Entry, Op, Window
from fixfast.exchange.market_data.feed import Feed
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.messages import Line, Messages, reject
from fixfast.exchange.market_data.queues import Resting
from fixfast.exchange.market_data.request import DISABLE, SNAPSHOT, DataRequest, Refused, Why, kinds_of, read_request
from fixfast.exchange.market_data.tape import Correction, Print, TimedPrint
from fixfast.exchange.market_data.views import Seen, Subscriber, View, Watcher
from fixfast.session.wire import Message

__all__ = ["MarketData", "Quoted", "Source"]


class Quoted(Protocol):
    """What has a market: an Instrument."""

    @property
    def symbol(self) -> str: ...

    @property
    def price_scale(self) -> int: ...

    @property
    def qty_scale(self) -> int: ...


class Source(Protocol):
    """Where a MarketData looks up an instrument that nobody watched so far: then nobody has to tell it meanwhile."""

    def levels(self, symbol: str) -> Iterable[Change]:
        """Return all levels that there are now."""

    def orders(self, symbol: str) -> Iterable[Resting]:
        """Return all orders that rest now at a price."""

    def prints(self, symbol: str) -> Sequence[TimedPrint]:
        """Return the trades since this was asked last that publish() was not called with."""


def _anyone(who: str, symbol: str) -> str | None:
    return None


class MarketData:
    """The market data of one exchange.

    RptSeq(83), in FIX 5.0 and later, counts the X of a view: what one session subscribed to of one instrument. It has
    no gaps, but for a W in between, which carries the number that its X go on from.

    Args:
        instruments: what is traded.
        limits: for each session.
        permit: called with who asks and a symbol; returns why not, as MDReqRejReason(281), or None.
        session_id: TradingSessionID(336) of this market, "": requests may name any.
        source: what says how things are when somebody begins to look; None: publish() is called with everything, and
            there is no book order by order.

    Attributes:
        watched: instruments that somebody is subscribed to.
        by_order: those of them whose orders somebody wants one by one.
        conflated: how often a subscriber fell behind on an instrument.
    """

    def __init__(
        self,
        instruments: Iterable[Quoted],
        limits: MarketDataLimits | None = None,
        *,
        permit: Callable[[str, str], str | None] = _anyone,
        session_id: str = "",
        source: Source | None = None,
    ) -> None:
        self._limits = limits or MarketDataLimits()
        self._permit = permit
        self._session_id = session_id
        self._source = source
        self._feeds = {item.symbol: Feed(item.symbol, item.price_scale, item.qty_scale) for item in instruments}
        self._views: dict[str, dict[Seen, View]] = {symbol: {} for symbol in self._feeds}
        self._windows: dict[str, tuple[list[Window], list[Window]]] = {}  # by price, by order
        self._subscribers: dict[str, Subscriber] = {}
        self._behind: dict[Subscriber, None] = {}
        self.watched: set[str] = set()
        self.by_order: set[str] = set()
        self.conflated = 0

    # --- who is there -----------------------------------------------------------------------------------------

    def join(self, who: str, version: str, line: Line) -> None:
        """Let a session ask: it logged on. One that is here already begins anew.

        Args: who: its name. version: of its application messages: "FIX.4.2", "FIX.4.4", "FIX.5.0SP2" ...
            line: where its messages go.
        """
        self.leave(who)
        self._subscribers[who] = Subscriber(who, version, line)

    def leave(self, who: str) -> None:
        """End all subscriptions of a session: it logged out, or its connection is gone (M10)."""
        subscriber = self._subscribers.pop(who, None)
        if subscriber is not None:
            for name in list(subscriber.requests):
                self._end(subscriber, name)

    @property
    def watching(self) -> int:
        """How many instruments are subscribed to, by all sessions together."""
        return sum(len(view.watchers) for views in self._views.values() for view in views.values())

    @property
    def behind(self) -> int:
        """How many sessions are behind: call poll() while there are."""
        return len(self._behind)

    # --- requests ---------------------------------------------------------------------------------------------

    def on_request(self, who: str, message: Message, now_ns: int) -> None:
        """Answer a MarketDataRequest (V) of a session that joined: W for each instrument, or one Y.

        Args: now_ns: wall clock, ns since 1970.

        Raises: MessageError: it has no MDReqID(262). What the line raises.
        """
        subscriber = self._subscribers[who]
        try:
            request = read_request(
                message,
                self._kinds(subscriber.version),
                max_depth=self._limits.depth,
                session_id=self._session_id,
                by_order=self._source is not None,
            )
            if request.action == DISABLE:
                if request.name not in subscriber.requests:
                    raise Refused(None, f"MDReqID(262) {request.name} is not subscribed to")
                self._end(subscriber, request.name)
                return
            self._check(subscriber, request)
        except Refused as no:
            fields = reject(subscriber.version, message[262], no.reason, no.text)
            subscriber.line.send_nowait("Y", fields)
            return
        key = Seen(subscriber.version, request.window, request.kinds, request.incremental)
        for symbol in request.symbols:
            self.look_up(symbol)
            if request.window.by_order and symbol not in self.by_order and self._source is not None:
                self._feeds[symbol].queues.load(self._source.orders(symbol))
        watchers = [Watcher(subscriber, request.name, self._view(symbol, key)) for symbol in request.symbols]
        if request.action != SNAPSHOT:
            subscriber.requests[request.name] = watchers
            for watcher in watchers:
                symbol = watcher.view.feed.symbol
                self._views[symbol][key] = watcher.view
                watcher.view.watchers[watcher] = None
                self._note_windows(symbol)
        for watcher in watchers:
            if request.action == SNAPSHOT:
                self._snapshot(watcher, now_ns)
            else:
                self._send(watcher, None, now_ns)

    def _check(self, subscriber: Subscriber, request: DataRequest) -> None:
        """Raise Refused unless a session may have this."""
        if request.name in subscriber.requests:
            raise Refused(Why.DUPLICATE, f"MDReqID(262) {request.name} is subscribed to already")
        for symbol in request.symbols:
            if symbol not in self._feeds:
                raise Refused(Why.SYMBOL, f"Symbol(55) {symbol} is not known")
            reason = self._permit(subscriber.who, symbol)
            if reason is not None:
                raise Refused(reason, f"Symbol(55) {symbol} is not for {subscriber.who}")
        limits = self._limits
        if request.action == SNAPSHOT:
            if subscriber.line.unwritten >= limits.pending:
                raise Refused(Why.BANDWIDTH, f"{subscriber.line.unwritten} messages wait to be read")
        else:
            if len(subscriber.requests) >= limits.requests:
                raise Refused(Why.BANDWIDTH, f"a session has at most {limits.requests} subscriptions")
            have = sum(map(len, subscriber.requests.values()))
            if have + len(request.symbols) > limits.instruments:
                raise Refused(Why.BANDWIDTH, f"a session has at most {limits.instruments} instruments, {have} now")

    def _view(self, symbol: str, key: Seen) -> View:
        view = self._views[symbol].get(key)
        if view is None:
            feed = self._feeds[symbol]
            by_order = key.window.by_order
            messages = Messages(key.version, symbol, feed.price_scale, feed.qty_scale, by_order=by_order)
            view = View(feed, key, messages)
        return view

    def _end(self, subscriber: Subscriber, name: str) -> None:
        for watcher in subscriber.requests.pop(name, ()):
            view = watcher.view
            view.watchers.pop(watcher, None)
            subscriber.behind.pop(watcher, None)
            if not view.watchers:
                self._views[view.feed.symbol].pop(view.key, None)
                self._note_windows(view.feed.symbol)
        if not subscriber.behind:
            self._behind.pop(subscriber, None)

    def _note_windows(self, symbol: str) -> None:
        windows = {key.window for key in self._views[symbol]}
        by_order = [window for window in windows if window.by_order]
        self._windows[symbol] = [window for window in windows if not window.by_order], by_order
        for names, wanted in ((self.watched, windows), (self.by_order, by_order)):
            if wanted:
                names.add(symbol)
            else:
                names.discard(symbol)

    def look_up(self, symbol: str) -> Feed:
        """Return an instrument as it is now."""
        feed = self._feeds[symbol]
        if self._source is not None and symbol not in self.watched:
            feed.levels.load(self._source.levels(symbol))
            prints = self._source.prints(symbol)
            if prints:
                feed.tape.note(prints)
        return feed

    # --- what happens -----------------------------------------------------------------------------------------

    def publish(
        self,
        symbol: str,
        now_ns: int,
        *,
        changes: Iterable[Change] = (),
        trades: Sequence[Print] = (),
        busts: Iterable[Print] = (),
        corrections: Iterable[Correction] = (),
        orders: Iterable[Resting] = (),
    ) -> None:
        """Tell all who watch an instrument what happened: one batch, one X for each of them (M4).

        Args:
            symbol: the instrument. now_ns: wall clock, ns since 1970.
            changes: (side, price, quantity, orders) of levels, as Matching.take_changes() has them.
            trades: (trade id, price, quantity) of each trade, in order. busts: the same, of trades taken back.
            corrections: (trade id, price before, price, quantity) of trades whose price was corrected.
            orders: those that were touched, as they are now; needed of instruments in `by_order`.
        """
        feed = self.look_up(symbol)
        ops: list[Op] = feed.tape.trade(trades, now_ns) if trades else []
        for bust in busts:
            ops += feed.tape.bust(bust, now_ns)
        for correction in corrections:
            ops += feed.tape.correct(correction, now_ns)
        self._tell(feed, ops, list(changes), now_ns, orders)

    def set_value(self, symbol: str, kind: str, px: int, now_ns: int) -> None:
        """Set and tell a value: closing ("5") or settlement price ("6"), or another MDEntryType that a Tape knows."""
        feed = self.look_up(symbol)
        self._tell(feed, [feed.tape.set(kind, px, now_ns)], [], now_ns)

    def begin_day(self, symbol: str, now_ns: int) -> None:
        """Forget trades and values of an instrument, and tell it. Its levels stay."""
        feed = self.look_up(symbol)
        self._tell(feed, feed.tape.begin_day(), [], now_ns)

    def _tell(
        self, feed: Feed, ops: list[Op], changes: list[Change], now_ns: int, orders: Iterable[Resting] = ()
    ) -> None:
        feed.batches += 1
        if not self._views[feed.symbol]:
            feed.levels.apply(changes, ())
            return
        by_price, by_order = self._windows[feed.symbol]  # windows are few: most share one
        seen = feed.levels.apply(changes, by_price)
        if by_order:
            seen |= feed.queues.apply(orders, by_order)
        for view in list(self._views[feed.symbol].values()):
            visible = self._visible(view, ops, seen[view.key.window])
            if visible:
                self._show(view, visible, now_ns)

    def _show(self, view: View, ops: list[Op], now_ns: int) -> None:
        """Send what a view sees of one batch: an X, or several where that has too many entries (M13), or a W."""
        most = self._limits.entries if view.key.incremental else len(ops)
        for first in range(0, len(ops), most):
            part = ops if len(ops) <= most else ops[first : first + most]
            steps = self._steps(view, part) if view.key.incremental else None
            view.rpt_seq += 1
            for watcher in list(view.watchers):
                self._send(watcher, steps, now_ns)
        view.feed.batches = max(view.feed.batches, view.rpt_seq)

    # --- what a recording does otherwise ----------------------------------------------------------------------

    def _kinds(self, version: str) -> frozenset[str]:
        """Return the MDEntryTypes that can be had in a version."""
        return kinds_of(version)

    def _visible(self, view: View, ops: list[Op], levels: list[Op]) -> list[Op]:
        """Return what a view sees of what happened, to levels and else."""
        kinds = view.key.kinds
        return [op for op in ops + levels if op.entry.kind in kinds]

    def _steps(self, view: View, ops: list[Op]) -> list[Any]:
        """Return the entries of the next X of a view, which sees these."""
        return view.messages.steps(ops, view.rpt_seq + 1, view.feed.tape.volume)

    # --- to one of them ---------------------------------------------------------------------------------------

    def poll(self, now_ns: int) -> None:
        """Give those who are behind a fresh W of what they missed, as far as their lines are free again."""
        for subscriber in list(self._behind):
            if subscriber.line.unwritten > self._limits.pending // 2:
                continue
            for watcher in list(subscriber.behind):
                if subscriber.line.unwritten >= self._limits.pending:
                    break
                subscriber.behind.pop(watcher, None)
                self._send(watcher, None, now_ns)
            if not subscriber.behind:
                self._behind.pop(subscriber, None)

    def _send(self, watcher: Watcher, steps: list[Any] | None, now_ns: int) -> None:
        """Send an X with these steps, or a W; unless the line is full. What goes wrong is that subscriber's trouble."""
        subscriber = watcher.subscriber
        if watcher in subscriber.behind:
            return
        line = subscriber.line
        if line.unwritten >= self._limits.pending:
            self._fall_behind(watcher)
            return
        try:
            if steps is None:
                self._snapshot(watcher, now_ns)
            else:
                self._refresh(watcher, steps)
        except Throttled:
            self._fall_behind(watcher)
        except EncodeError as error:  # above the peer's MaxMessageSize(383)
            self._end(subscriber, watcher.request)
            line.send_nowait("Y", reject(subscriber.version, watcher.request, Why.BANDWIDTH, str(error)))
        except FixfastError:  # not logged on any more, or its store broke
            self.leave(subscriber.who)

    def _refresh(self, watcher: Watcher, steps: list[Any]) -> None:
        subscriber = watcher.subscriber
        subscriber.line.send_template(subscriber.refresh(watcher.view.messages), watcher.request, steps)

    def _fall_behind(self, watcher: Watcher) -> None:
        self.conflated += 1
        watcher.subscriber.behind[watcher] = None
        self._behind[watcher.subscriber] = None

    def _snapshot(self, watcher: Watcher, now_ns: int) -> None:
        view, subscriber = watcher.view, watcher.subscriber
        feed, depth = view.feed, view.key.window.depth
        rpt_seq = self._watched(subscriber, view).rpt_seq
        entries = feed.entries(view.key.kinds, depth, view.key.window.by_order)
        if entries:
            made = view.messages.entries(entries, rpt_seq)
            values = view.messages.snapshot_values(watcher.request, depth, made, feed.tape.volume, now_ns)
            subscriber.line.send_template(subscriber.snapshot(view.messages), *values)
        else:
            subscriber.line.send_nowait("W", view.messages.empty(watcher.request, depth, rpt_seq, now_ns))

    @staticmethod
    def _watched(subscriber: Subscriber, view: View) -> View:
        """Return the view whose X a W of this view is going to be in front of.

        A session that lost track asks for a snapshot alone: its number must be that of the X it gets.
        """
        if view.watchers:
            return view
        mine = [watcher.view for watchers in subscriber.requests.values() for watcher in watchers]
        same = [other for other in mine if other.feed is view.feed and other.key.incremental]
        return min(same, key=lambda other: other.key.window != view.key.window, default=view)

    # --- the market itself ------------------------------------------------------------------------------------

    def entries(self, symbol: str, kinds: Iterable[str] = ("0", "1", "2"), depth: int = 0) -> list[Entry]:
        """Return what a W would have, as values."""
        return self.look_up(symbol).entries(kinds, depth)

    def snapshot(self) -> dict[str, Any]:
        """Return trades and values of all instruments as plain data, for restore(). Levels are the engine's."""
        return {symbol: self.look_up(symbol).snapshot() for symbol in self._feeds}

    def restore(self, levels: Mapping[str, Iterable[Change]], data: Mapping[str, Any] | None = None) -> None:
        """Begin where an earlier run ended, before anybody joins.

        Args: levels: symbol -> (side, price, quantity, orders) of all levels. data: what snapshot() returned.
        """
        for symbol, feed in self._feeds.items():
            feed.load(levels.get(symbol, ()), None if data is None else data.get(symbol))
