"""A recorded day again: ReplayMarket answers subscriptions from it, Replay says when what comes. I/O-free, no clock.

Who subscribes to the whole book gets the entries of the recording as they were: the venue's own ids, conditions and
whatever else it sent, in so far as the subscriber's version has the fields. Who wants a number of levels gets levels,
added up by price. Every session has its own MDReqID and, from FIX 5.0 on, RptSeq(83).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, cast

from fixfast.dictionary.load import load_dictionary
from fixfast.errors import ConfigError
from fixfast.exchange.market_data.entries import BID, OFFER, Entry, Op
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.publisher import MarketData, Quoted
from fixfast.exchange.market_data.request import kinds_of
from fixfast.exchange.market_data.views import View, Watcher
from fixfast.exchange.replay.originals import Original, Originals
from fixfast.exchange.replay.recording import Recorded

__all__ = ["Replay", "ReplayMarket"]

_LEVELS = (BID, OFFER)
#: fields that are ours to say: MDUpdateAction, and RptSeq of the recorded session
_OURS = frozenset({279, 83})
#: tags from here on are the venue's own
_USER_DEFINED = 5000
#: messages that are played in one go where nothing says when they came
_AT_ONCE = 100


class ReplayMarket(MarketData):
    """Market data that comes from a recording.

    Args: instruments, kinds: what is in the recording. limits: for each session.

    Attributes: other: how many recorded messages were of another subscription to the same instrument, and not played.
    """

    def __init__(
        self, instruments: Iterable[Quoted], kinds: Iterable[str], limits: MarketDataLimits | None = None
    ) -> None:
        instruments = list(instruments)
        super().__init__(instruments, limits)
        self.other = 0
        self._recorded_kinds = frozenset(kinds)
        self._originals = {item.symbol: Originals() for item in instruments}
        self._follows: dict[str, tuple[tuple[str | None, ...], str]] = {}  # symbol -> session and MDReqID in the log
        self._orders: dict[tuple[str, str], Mapping[int, int]] = {}

    def play(self, recorded: Recorded, now_ns: int) -> None:
        """Let a recorded W or X happen now. Args: now_ns: wall clock, ns since 1970."""
        for symbol, entries in recorded.entries.items():
            # A log may hold two subscriptions to one instrument: the one that had the latest snapshot is played.
            session, request = recorded.session, recorded.request
            if recorded.snapshot:
                self._follows[symbol] = session, request
            followed, name = self._follows.setdefault(symbol, (session, request))
            if session != followed or (request and name and request != name):
                self.other += 1
                continue
            feed, originals = self._feeds[symbol], self._originals[symbol]
            if not recorded.snapshot:
                for entry in entries:
                    originals.apply(entry)
                ops = [Op(entry.action, cast(Entry, entry)) for entry in entries]
                self._tell(feed, ops, originals.take_changes(), now_ns)
                continue
            originals.snapshot(entries)
            feed.levels.apply(originals.take_changes(), ())
            for view in list(self._views[symbol].values()):
                for watcher in list(view.watchers):
                    self._send(watcher, None, now_ns)

    @property
    def congested(self) -> bool:
        """Whether somebody does not keep up: to be asked where nothing else says how fast to play."""
        half = self._limits.pending // 2
        return any(one.requests and one.line.unwritten > half for one in self._subscribers.values())

    # --- what a recording does otherwise ----------------------------------------------------------------------

    def _kinds(self, version: str) -> frozenset[str]:
        return self._recorded_kinds | kinds_of(version)  # a standard one is no mistake where the log has none of it

    def _visible(self, view: View, ops: list[Op], levels: list[Op]) -> list[Op]:
        kinds = view.key.kinds
        if not view.key.window.depth:
            return [op for op in ops if op.entry.kind in kinds]
        return [op for op in ops if op.entry.kind in kinds and op.entry.kind not in _LEVELS] + [
            op for op in levels if op.entry.kind in kinds
        ]

    def _steps(self, view: View, ops: list[Op]) -> list[Any]:
        rpt_seq = view.rpt_seq + 1
        return [[(279, op.action), *self._fields(view, "X", op.entry, rpt_seq)] for op in ops]

    def _refresh(self, watcher: Watcher, steps: list[Any]) -> None:
        watcher.subscriber.line.send_nowait("X", [(262, watcher.request), (268, steps)])

    def _snapshot(self, watcher: Watcher, now_ns: int) -> None:
        view, subscriber = watcher.view, watcher.subscriber
        symbol, depth, kinds = view.feed.symbol, view.key.window.depth, view.key.kinds
        rpt_seq = self._watched(subscriber, view).rpt_seq
        found: list[Entry | Original] = []
        if depth:
            found += view.feed.entries(kinds & {*_LEVELS}, depth)
            kinds -= {*_LEVELS}
        found += self._originals[symbol].entries(kinds)
        messages = view.messages
        if not found:
            subscriber.line.send_nowait("W", messages.empty(watcher.request, depth, rpt_seq, now_ns))
            return
        entries = [self._fields(view, "W", entry, rpt_seq) for entry in found]
        fields: list[tuple[int, Any]] = [(262, watcher.request), (55, symbol), (268, entries)]
        if messages.newest:
            fields = [(1021, 2), (264, depth), *fields, (779, now_ns)]
        subscriber.line.send_nowait("W", fields)

    def _fields(self, view: View, msg_type: str, entry: Entry | Original, rpt_seq: int) -> list[tuple[int, Any]]:
        """Return the fields of an entry of a W or X, in the order of the version."""
        feed, newest = view.feed, view.messages.newest
        order = self._order(view.key.version, msg_type)
        fields: dict[int, Any]
        if isinstance(entry, Original):
            fields = {tag: text for tag, text in entry.fields.items() if tag in order or tag >= _USER_DEFINED}
        else:
            px, qty = _text(entry.px, feed.price_scale), _text(entry.qty, feed.qty_scale)
            level = entry.level if newest else None
            named = ((269, entry.kind), (270, px), (271, qty), (346, entry.orders), (1023, level))
            fields = {tag: value for tag, value in named if value is not None}
        if msg_type == "X":
            fields[55] = feed.symbol
        if newest:
            fields[83] = rpt_seq
        return sorted(fields.items(), key=lambda field: order.get(field[0], field[0]))

    def _order(self, version: str, msg_type: str) -> Mapping[int, int]:
        """Return tag -> place of the fields that an entry has in a version, without groups in it and data."""
        order = self._orders.get((version, msg_type))
        if order is None:
            dictionary = load_dictionary(version)
            group = dictionary.group(msg_type, 268)
            assert group is not None  # every version has it
            data = {*dictionary.data_pairs, *dictionary.data_pairs.values(), *_OURS}
            tags = [tag for tag in group.order if tag not in data and tag not in group.groups]
            order = self._orders[version, msg_type] = {tag: n - len(tags) for n, tag in enumerate(tags)}
        return order


def _text(value: int | None, scale: int) -> str | None:
    """Return a scaled int as text, without trailing zeros: a recording has its decimals from its longest price."""
    if value is None:
        return None
    digits = f"{abs(value):0{scale + 1}d}"
    whole, decimals = digits[: len(digits) - scale], digits[len(digits) - scale :].rstrip("0")
    return "-" * (value < 0) + whole + (f".{decimals}" if decimals else "")


class Replay:
    """Plays a recording into a market, at its own pace or another: poll() when next_ns has come.

    Args:
        recorded: the messages, in order.
        market: where they happen.
        speed: 1 is the pace of the recording, 10 ten times that; 0: as fast as the subscribers read.

    Attributes:
        played: how many messages were played. done: there are no more.

    Raises: ConfigError: the speed is negative.
    """

    def __init__(self, recorded: Iterable[Recorded], market: ReplayMarket, *, speed: float = 1) -> None:
        if isinstance(speed, bool) or not 0 <= speed < 1e9:
            raise ConfigError("speed", speed, "a number: 1 is the recorded pace, 0 as fast as possible")
        self.market = market
        self.played = 0
        self._speed = Fraction(speed).limit_denominator(1000)
        self._recorded: Iterator[Recorded] = iter(recorded)
        self._next = next(self._recorded, None)
        self._first_ns = self._next.at_ns if self._next is not None else 0
        self._start_ns: int | None = None

    @property
    def done(self) -> bool:
        """Whether everything was played."""
        return self._next is None

    def start(self, now_ns: int) -> None:
        """Begin: the first message is due now. Args: now_ns: of the clock that poll() is given."""
        self._start_ns = now_ns

    @property
    def next_ns(self) -> int | None:
        """When poll() is due next; None: never, it has not begun or is done. 0: as soon as possible."""
        if self._next is None or self._start_ns is None:
            return None
        if not self._speed:
            return 0
        # Times of a log may go back, where it was put together from several: then there is no waiting.
        return self._start_ns + int((self._next.at_ns - self._first_ns) / self._speed)

    def poll(self, now_ns: int, wall_ns: int) -> int:
        """Play what is due. Returns: how many messages that was.

        Args: now_ns: of the clock that start() was given. wall_ns: wall clock, for what is sent.
        """
        before = self.played
        while (due := self.next_ns) is not None and due <= now_ns and self.played - before < _AT_ONCE:
            if not self._speed and self.market.congested:
                break
            assert self._next is not None
            self.market.play(self._next, wall_ns)
            self.played += 1
            self._next = next(self._recorded, None)
        return self.played - before
