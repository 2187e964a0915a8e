"""Candles: open, high, low, close, volume and VWAP of trades, at any interval. Exact prices, time in ns, no clock.

What a trade does is decided by its own time, not by when it comes:

- A late trade goes into the candle it belongs to, closed or not, at its place in time: the candle is given out again,
  with its `revision` counted up. A bust and a correction do the same.
- That holds for the last `revisable` intervals, whose trades are kept. What comes for an older candle is counted
  (`too_late`), and changes nothing: who has to have those reckons the day anew from its trades.
- Of trades with the same time, those that came first count first.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

from fixfast.errors import ConfigError
from fixfast.trading.exact import EXACT, quotients
from fixfast.trading.trade import Trade

__all__ = ["Candle", "Candles", "interval_ns"]

Gaps = Literal["skip", "carry"]

_QUOTIENT = quotients(28)
_ZERO = Decimal(0)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
#: Empty candles that are made of one gap, at most: a wrong clock must not fill the memory
_MOST_EMPTY = 10_000


def interval_ns(interval: int | str) -> int:
    """Return ns: of "250ms", "1s", "5m", "1h", "1d", or of an int, which is ns.

    Raises:
        ConfigError: it is neither, or not above 0.
    """
    found = re.fullmatch(r"(\d{1,9})(ns|us|ms|s|m|h|d)", interval) if isinstance(interval, str) else None
    value = int(found[1]) * _UNITS[found[2]] if found else interval
    if type(value) is not int or value <= 0:
        raise ConfigError("interval", interval, 'ns as an int, or a text such as "1s", "5m", "1h", "1d"')
    return value


@dataclass(frozen=True, slots=True)
class Candle:
    """One interval. It holds the trades from `start_ns` on and before `end_ns`.

    Attributes:
        open, high, low, close: prices; of an empty candle (gaps="carry") the close before it.
        volume: the quantity traded.
        notional: the sum of price times quantity, exact.
        trades: how many.
        closed: a later trade came, or close_until() was told that the time has passed.
        revision: how often it was given out again after it was closed.
    """

    start_ns: int
    end_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = _ZERO
    notional: Decimal = _ZERO
    trades: int = 0
    closed: bool = False
    revision: int = 0

    @property
    def vwap(self) -> Decimal | None:
        """The average price by volume, 28 digits; None without volume."""
        return _QUOTIENT.divide(self.notional, self.volume) if self.volume else None


class _Print(NamedTuple):
    """A trade in a candle; sorted by when it happened, then by when it came."""

    time_ns: int
    number: int
    price: Decimal
    qty: Decimal
    trade_id: str | None


class _Bar:
    """An interval that has trades. They are kept if they may be busted."""

    __slots__ = ("first", "high", "last", "low", "notional", "prints", "revision", "trades", "volume")

    def __init__(self, one: _Print) -> None:
        self.first = self.last = one
        self.high = self.low = one.price
        self.volume = self.notional = _ZERO
        self.trades = 0
        self.prints: list[_Print] = []
        self.revision = 0

    def add(self, one: _Print, *, keep: bool) -> None:
        self.first, self.last = min(self.first, one), max(self.last, one)
        self.high, self.low = max(self.high, one.price), min(self.low, one.price)
        self.volume = EXACT.add(self.volume, one.qty)
        self.notional = EXACT.add(self.notional, EXACT.multiply(one.price, one.qty))
        self.trades += 1
        if keep:
            insort(self.prints, one)

    def without(self, one: _Print) -> _Bar | None:
        """Return the interval without one of its trades, None if it has no others."""
        left = [other for other in self.prints if other is not one]
        if not left:
            return None
        bar = _Bar(left[0])
        for other in left:
            bar.add(other, keep=True)
        bar.revision = self.revision
        return bar


class Candles:
    """The candles of one instrument.

    Args:
        interval: "1s", "5m", "1h" ... or ns as an int.
        offset_ns: where intervals begin, from midnight UTC of 1970-01-01 on: 17 hours for days that begin at 17:00 UTC.
            Fixed: days of a time zone with summer time are not of one length.
        gaps: "skip": an interval without trades has no candle. "carry": it has an empty one, at the close before it.
        revisable: closed intervals whose trades are kept, for late trades, busts and corrections; 0: none.
        keep: closed candles that `history` has, at most.

    Raises:
        ConfigError: a value is out of range.

    Attributes:
        too_late: trades, busts and corrections that came for an interval whose trades are no longer kept.
    """

    def __init__(
        self,
        interval: int | str,
        *,
        offset_ns: int = 0,
        gaps: Gaps = "skip",
        revisable: int = 10,
        keep: int = 1000,
    ) -> None:
        self._interval = interval_ns(interval)
        if type(offset_ns) is not int:
            raise ConfigError("offset_ns", offset_ns, "ns as an int")
        if gaps not in get_args(Gaps):
            raise ConfigError("gaps", gaps, " or ".join(map(repr, get_args(Gaps))))
        for name, value, least in (("revisable", revisable, 0), ("keep", keep, 1)):
            if type(value) is not int or not least <= value <= 1_000_000:
                raise ConfigError(name, value, f"a whole number from {least} to 1000000")
        self._offset = offset_ns
        self._carry = gaps == "carry"
        self._revisable = revisable
        self._keep = keep
        self._open: int | None = None  # where the interval begins that is not closed
        self._bars: dict[int, _Bar] = {}
        self._prints: dict[str, _Print] = {}
        self._history: dict[int, Candle] = {}
        self._number = 0
        self.too_late = 0

    # --- what comes in --------------------------------------------------------------------------------------------

    def add(self, price: Decimal, qty: Decimal, time_ns: int, trade_id: str | None = None) -> list[Candle]:
        """Take a trade.

        Args:
            price, qty: exact.
            time_ns: when it happened, ns since the epoch.
            trade_id: by which it can be busted or corrected; one that was here already changes nothing.

        Returns:
            The candles that are closed now, and those closed before that it revises, in order. Not the open one.

        Raises:
            ConfigError: price or quantity is a float.
        """
        for name, value in (("price", price), ("qty", qty)):
            if type(value) not in (Decimal, int):
                raise ConfigError(name, value, "an exact number: a Decimal or an int")
        if trade_id is not None and trade_id in self._prints:
            return []
        start = self._start(time_ns)
        closed = [] if self._open is not None and start <= self._open else self._roll(start)
        if self._is_frozen(start):
            self.too_late += 1
            return closed
        self._number += 1
        one = _Print(time_ns, self._number, Decimal(price), Decimal(qty), trade_id)
        keep = self._revisable > 0
        bar = self._bars.get(start)
        if bar is None:
            self._bars[start] = bar = _Bar(one)
        bar.add(one, keep=keep)
        if keep and trade_id is not None:
            self._prints[trade_id] = one
        return closed if start == self._open else closed + self._revise(start)

    def bust(self, trade_id: str) -> list[Candle]:
        """Take a trade out again. Returns: the closed candles that change; [] if the trade is not known (any more)."""
        one = self._prints.pop(trade_id, None)
        if one is None:
            self.too_late += 1
            return []
        start = self._start(one.time_ns)
        bar = self._bars[start].without(one)
        if bar is not None:
            self._bars[start] = bar
        else:
            del self._bars[start]
        return [] if start == self._open else self._revise(start, emptied=one.price)

    def correct(self, trade_id: str, price: Decimal, qty: Decimal) -> list[Candle]:
        """Give a trade another price and quantity; it stays when it happened. Returns: as bust()."""
        one = self._prints.get(trade_id)
        if one is None:
            self.too_late += 1
            return []
        start = self._start(one.time_ns)
        other = one._replace(price=Decimal(price), qty=Decimal(qty))
        bar = self._bars[start]
        left = bar.without(one)
        if left is None:
            left = _Bar(other)
            left.revision = bar.revision
        left.add(other, keep=True)
        self._bars[start] = left
        self._prints[trade_id] = other
        return [] if start == self._open else self._revise(start)

    def apply(self, trade: Trade, sent_ns: int = 0) -> list[Candle]:
        """Take one of our own trades. `sent_ns`: when, where it has no TransactTime. Returns: as add()."""
        when = sent_ns if trade.transact_time_ns is None else trade.transact_time_ns
        return self.add(trade.px, trade.qty, when, trade.exec_id)

    def on_book(self, change: Any) -> list[Candle]:
        """Take the trades of a BookChange: new ones, corrections and busts. Returns: as add()."""
        found: list[Candle] = []
        for trade in change.trades:
            if trade.action == "2" and trade.entry_id is not None:
                found += self.bust(trade.entry_id)
            elif trade.action == "1" and trade.entry_id is not None:
                found += self.correct(trade.entry_id, trade.price, trade.qty)
            elif trade.action == "0":
                found += self.add(trade.price, trade.qty, trade.time_ns, trade.entry_id)
        return found

    def close_until(self, now_ns: int) -> list[Candle]:
        """Close what ended by now, though no later trade came. Returns: the candles that are closed now."""
        start = self._start(now_ns)
        return [] if self._open is None or start <= self._open else self._roll(start)

    # --- what there is --------------------------------------------------------------------------------------------

    @property
    def current(self) -> Candle | None:
        """The open candle as it is now, None if no trade came in its interval."""
        return None if self._open is None or self._open not in self._bars else self._candle(self._open, closed=False)

    @property
    def history(self) -> list[Candle]:
        """The closed candles, oldest first, as revised last."""
        return [self._history[start] for start in sorted(self._history)]

    def __iter__(self) -> Iterator[Candle]:
        current = self.current
        return iter([*self.history, *([] if current is None else [current])])

    # --- inside ---------------------------------------------------------------------------------------------------

    def _start(self, time_ns: int) -> int:
        return time_ns - (time_ns - self._offset) % self._interval

    def _is_frozen(self, start: int) -> bool:
        return self._open is not None and start < self._open - self._revisable * self._interval

    def _roll(self, start: int) -> list[Candle]:
        """Close the open interval, and those behind it, up to the one that begins here."""
        was, self._open = self._open, start
        if was is None:
            return []
        starts = [was]
        if self._carry:
            first = max(was + self._interval, start - _MOST_EMPTY * self._interval)
            starts += range(first, start, self._interval)
        found: list[Candle] = []
        for one in starts:
            candle = self._candle(one, closed=True, before=found[-1].close if found else self._close_before(one))
            if candle is not None:
                found.append(candle)
        for old in [one for one in self._bars if self._is_frozen(one)]:
            for gone in self._bars.pop(old).prints:
                self._prints.pop(gone.trade_id or "", None)
        if len(self._history) > self._keep:
            for old in sorted(self._history)[: -self._keep]:
                del self._history[old]
        return found

    def _close_before(self, start: int) -> Decimal | None:
        before = max((one for one in self._history if one < start), default=None)
        return None if before is None else self._history[before].close

    def _candle(
        self, start: int, *, closed: bool, before: Decimal | None = None, emptied: Decimal | None = None
    ) -> Candle | None:
        """Make the candle of an interval, and keep it if it is closed.

        Args: before: the close before it. emptied: the price of a trade that is gone, where none is left.
        """
        bar = self._bars.get(start)
        end = start + self._interval
        if bar is not None:
            sums = bar.volume, bar.notional, bar.trades
            candle = Candle(start, end, bar.first.price, bar.high, bar.low, bar.last.price, *sums, closed, bar.revision)
        else:
            price = emptied if before is None else before
            if price is None or not (self._carry or emptied is not None):
                return None
            told = self._history.get(start)
            revision = 0 if told is None else told.revision + 1
            candle = Candle(start, end, price, price, price, price, closed=closed, revision=revision)
        if closed:
            self._history[start] = candle
        return candle

    def _revise(self, start: int, emptied: Decimal | None = None) -> list[Candle]:
        """Give a closed candle out again, and the empty ones behind it that carry its close."""
        told = self._history.get(start)
        bar = self._bars.get(start)
        if bar is not None and told is not None:
            bar.revision = told.revision + 1
        candle = self._candle(start, closed=True, before=self._close_before(start), emptied=emptied)
        found = [] if candle is None else [candle]
        behind = start + self._interval
        while self._carry and behind in self._history and behind not in self._bars and not self._history[behind].trades:
            again = self._candle(behind, closed=True, before=self._history[behind - self._interval].close)
            if again is not None:
                found.append(again)
            behind += self._interval
        return found
