"""Positions: what trades add up to, per account and symbol. Exact: nothing drifts, whatever is busted or corrected.

How profit is reckoned. Two sums are exact, and no division is in them: the quantity, and the cash that was paid and
received for it. Their total - cash plus quantity times mark - is the profit, to the last digit. What divides is only
its split into realised and unrealised: by average cost, as desks do it. The average price changes when a position grows
and stays when it shrinks; it is kept to 40 digits, and what is not unrealised is realised, so that the two always add
up to the exact total. (Fractions would be exact there, too, but grow by some digits with every trade, without end.)

A position is a function of its live trades, in the order of their TransactTime (then of their ExecIDs), not of the
order in which reports came. So any order of arrival, a replay, a trade with its bust, a chain of corrections all give
the same as if they had come as they count in the end (E4.12). A trade without TransactTime counts as it comes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from fixfast.errors import ConfigError, TradeConflict
from fixfast.trading.bookview import BookStatus
from fixfast.trading.exact import EXACT, quotients
from fixfast.trading.trade import Trade
from fixfast.trading.values import read_trade, trade_values

__all__ = ["Position", "Positions", "sign_of"]

_ZERO = Decimal(0)
#: The average price, which is a quotient
_AVERAGE = quotients(40)

#: Side(54): what a trade does to a position. Buy, BuyMinus, Subscribe; Sell, SellPlus, SellShort, SellShortExempt,
#: Redeem.
_SIGN = {"1": 1, "3": 1, "D": 1, "2": -1, "4": -1, "5": -1, "6": -1, "E": -1}

#: trades after which their state is kept: each of them is half a kB
_STEP = 16

#: (source, ExecID)
_Key: TypeAlias = tuple[str, str]
#: when, and among those of the same time: shorter ExecIDs first, so that counters count
_Place: TypeAlias = tuple[int, int, str, str]


def sign_of(side: str) -> int:
    """Return 1 for the sides that buy, -1 for those that sell.

    Raises:
        ConfigError: neither (a cross, an undisclosed side ...).
    """
    sign = _SIGN.get(side)
    if sign is None:
        raise ConfigError("side", side, f"Side(54) that buys or sells: {' '.join(sorted(_SIGN))}")
    return sign


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one symbol in one account, as of now. All numbers are exact but for `avg_px`, see the module.

    Attributes:
        qty: held; negative if short.
        avg_px: average price of what is held, 40 digits; 0 when flat.
        cash: received minus paid for all trades, and for the start position at its price.
        bought, sold: quantities traded.
        mark: the price it is valued at, None until one is known.
        multiplier: of the contract: profit is price times quantity times this.
        realised: profit of what was closed.
        unrealised: profit of what is held, at the mark; 0 when flat, None without a mark.
        trades: how many are live.
    """

    account: str
    symbol: str
    qty: Decimal = _ZERO
    avg_px: Decimal = _ZERO
    cash: Decimal = _ZERO
    bought: Decimal = _ZERO
    sold: Decimal = _ZERO
    realised: Decimal = _ZERO
    mark: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    trades: int = 0

    @property
    def unrealised(self) -> Decimal | None:
        """Profit of what is held, at the mark."""
        if not self.qty:
            return _ZERO
        if self.mark is None:
            return None
        held = EXACT.multiply(self.qty, EXACT.subtract(self.mark, self.avg_px))
        return EXACT.multiply(held, self.multiplier)

    @property
    def profit(self) -> Decimal | None:
        """Realised plus unrealised, to the last digit; None without a mark."""
        if not self.qty:
            return EXACT.multiply(self.cash, self.multiplier)
        if self.mark is None:
            return None
        total = EXACT.add(self.cash, EXACT.multiply(self.qty, self.mark))
        return EXACT.multiply(total, self.multiplier)


class _State(NamedTuple):
    """After some trades: quantity and cash exact, the average price to 40 digits."""

    qty: Decimal = _ZERO
    cash: Decimal = _ZERO
    avg_px: Decimal = _ZERO
    bought: Decimal = _ZERO
    sold: Decimal = _ZERO

    def after(self, trade: Trade) -> _State:
        """Return the state after one more trade."""
        buys = sign_of(trade.side) > 0
        qty, cash, avg_px, bought, sold = self
        paid = EXACT.multiply(trade.qty, trade.px)
        if buys:
            held, cash, bought = EXACT.add(qty, trade.qty), EXACT.subtract(cash, paid), EXACT.add(bought, trade.qty)
        else:
            held, cash, sold = EXACT.subtract(qty, trade.qty), EXACT.add(cash, paid), EXACT.add(sold, trade.qty)
        if not held:
            avg_px = _ZERO
        elif not qty or (held > 0) != (qty > 0):  # opened, or turned around
            avg_px = trade.px
        elif (qty > 0) == buys:  # grown
            cost = EXACT.add(EXACT.multiply(qty.copy_abs(), avg_px), paid)
            avg_px = _AVERAGE.divide(cost, held.copy_abs())
        return _State(held, cash, avg_px, bought, sold)


class _Ledger:
    """The live trades of one account and symbol in order; the state after all of them, and after each _STEP of them.

    A trade comes last, nearly always. One in their middle has those behind it reckoned again, and less than _STEP more.
    """

    __slots__ = ("places", "start", "state", "states", "trades")

    def __init__(self, start: _State) -> None:
        self.start = self.state = start
        self.places: list[_Place] = []
        self.trades: list[Trade] = []
        self.states: list[_State] = []

    def begin(self, start: _State) -> None:
        self.start = start
        self._reckon(0)

    @property
    def latest_ns(self) -> int:
        return self.places[-1][0] if self.places else 0

    def insert(self, place: _Place, trade: Trade) -> None:
        i = bisect_left(self.places, place)
        self.places.insert(i, place)
        self.trades.insert(i, trade)
        if i == len(self.trades) - 1:
            self._count(trade, i)
        else:
            self._reckon(i)

    def remove(self, place: _Place) -> None:
        i = bisect_left(self.places, place)
        del self.places[i], self.trades[i]
        self._reckon(i)

    def _reckon(self, first: int) -> None:
        """Work out the states from a place on."""
        kept = first // _STEP
        del self.states[kept:]
        self.state = self.states[-1] if self.states else self.start
        for i in range(kept * _STEP, len(self.trades)):
            self._count(self.trades[i], i)

    def _count(self, trade: Trade, i: int) -> None:
        """Go on by one trade, that at place `i`."""
        self.state = self.state.after(trade)
        if i % _STEP == _STEP - 1:
            self.states.append(self.state)


class Positions:
    """Positions by account and symbol, from trades; the trades may come in any order, twice, busted, corrected.

    Args:
        multipliers: symbol -> contract multiplier, 1 where not given.

    `positions[account, symbol]` is a Position, flat if nothing was traded; iterating gives all that are known.
    """

    def __init__(self, multipliers: Mapping[str, Decimal | int] | None = None) -> None:
        self._multipliers = {symbol: _number("multiplier", value) for symbol, value in (multipliers or {}).items()}
        self._ledgers: dict[tuple[str, str], _Ledger] = {}
        self._live: dict[_Key, tuple[Trade, _Place]] = {}
        self._came: dict[_Key, Trade] = {}  # as they came first: what a second copy is compared with
        self._busted: set[_Key] = set()
        self._corrected: dict[_Key, Trade] = {}  # corrections of trades that did not come yet
        self._marks: dict[str, Decimal] = {}

    # --- what comes in --------------------------------------------------------------------------------------------

    def start(self, account: str, symbol: str, qty: Decimal | int, px: Decimal | int) -> None:
        """Say what was held before the first trade, and at which price; its profit begins at that price.

        Raises:
            ConfigError: a number is a float, or none.
        """
        held, price = _number("qty", qty), _number("px", px)
        state = _State(held, EXACT.minus(EXACT.multiply(held, price)), price if held else _ZERO)
        ledger = self._ledger(account, symbol)
        ledger.begin(state)

    def apply(self, trade: Trade, *, source: str = "") -> bool:
        """Count a trade. One that came before, or was busted, changes nothing.

        Args:
            trade: as an OrderManager tells of it.
            source: whose ExecIDs they are, where trades of several sessions come together.

        Returns:
            Whether it was news.

        Raises:
            TradeConflict: another trade has this ExecID (E4.4).
            ConfigError: its side neither buys nor sells.
        """
        key = (source, trade.exec_id)
        sign_of(trade.side)
        before = self._came.get(key)
        if before is not None:
            if before != trade:
                raise TradeConflict(trade.exec_id, f"{before} came before {trade}")
            return False
        self._came[key] = trade
        if key in self._busted:
            return False
        self._enter(key, self._corrected.pop(key, trade))
        return True

    def bust(self, exec_id: str, *, source: str = "") -> bool:
        """Take a trade out as if it had never been. Twice is once; one that did not come yet is not counted then.

        Returns:
            Whether a position changed.
        """
        key = (source, exec_id)
        self._busted.add(key)
        self._corrected.pop(key, None)
        return self._leave(key)

    def correct(self, exec_id: str, trade: Trade, *, source: str = "") -> bool:
        """Put a corrected trade in the place of the one with this ExecID; account and symbol may change, too.

        Returns:
            Whether a position changed.

        Raises:
            ConfigError: its side neither buys nor sells.
        """
        key = (source, exec_id)
        sign_of(trade.side)
        if key in self._busted:
            return False
        if key not in self._came:
            self._corrected[key] = trade
            return False
        before, place = self._live[key]
        if before == trade:
            return False
        self._leave(key)
        self._enter(key, trade, place[0])
        return True

    def on_update(self, update: Any) -> None:
        """Follow an OrderManager: `manager.subscribe(positions.on_update)`. Its new day is one here: roll().

        Busts and corrections of trades of earlier days change what is carried over, exactly.
        """
        kind, trade = str(update.kind), update.trade
        if kind == "new day":
            self.roll()
        elif trade is None:
            return
        elif kind == "trade":
            self.apply(trade)
        elif kind == "bust":
            if self._has(trade):
                self.bust(trade.exec_id)
            else:
                self._undo(trade)
        elif kind == "correct":
            if self._has(update.previous):
                self.correct(trade.exec_id, trade)
            else:
                self._undo(update.previous)
                self._redo(trade)

    def mark(self, symbol: str, px: Decimal | int) -> None:
        """Value a symbol at this price.

        Raises:
            ConfigError: a float, or no number.
        """
        self._marks[symbol] = _number("px", px)

    def on_book(self, change: Any) -> None:
        """Follow a book: value its symbol halfway between bid and offer, or at its last trade where a side is empty."""
        book = change.book
        if change.status is BookStatus.LIVE:
            px = book.mid
            if px is None and change.trades:
                px = change.trades[-1].price
            if px is not None:
                self._marks[book.symbol] = px

    def roll(self) -> None:
        """Begin a new day: what is held stays, at its average price and with its profit; ExecIDs may be used again.

        Trades of the days before can no longer be busted or corrected here; on_update() can.
        """
        for account, symbol in self._ledgers:
            self._ledgers[account, symbol] = _Ledger(self._ledgers[account, symbol].state)
        self._live.clear()
        self._came.clear()
        self._busted.clear()
        self._corrected.clear()

    # --- over a restart -------------------------------------------------------------------------------------------

    def state(self) -> Iterator[dict[str, Any]]:
        """Yield all that is known but for marks and multipliers, as plain values: each execution, then each position.

        What restore() makes of it answers every later trade, bust and correction as these positions do.
        """
        for key in dict.fromkeys((*self._came, *sorted(self._busted), *self._corrected)):
            live = self._live.get(key)
            yield {
                "what": "execution",
                "key": key,
                "came": _written(self._came.get(key)),
                "live": live and _written(live[0]),
                "when": live and live[1][0],
                "busted": key in self._busted,
                "corrected": _written(self._corrected.get(key)),
            }
        for (account, symbol), ledger in sorted(self._ledgers.items(), key=lambda item: item[0]):
            yield {"what": "position", "account": account, "symbol": symbol, "start": ledger.start}

    def restore(self, values: Mapping[str, Any]) -> None:
        """Know one more of the values that state() gave, in their order. Numbers may be text."""
        if values["what"] == "position":
            self._ledger(values["account"], values["symbol"]).begin(_State(*map(Decimal, values["start"])))
            return
        source, exec_id = values["key"]
        key = source, exec_id
        if values["busted"]:
            self._busted.add(key)
        for name, known in (("came", self._came), ("corrected", self._corrected)):
            if values[name] is not None:
                known[key] = read_trade(values[name])
        if values["live"] is not None:
            self._enter(key, read_trade(values["live"]), values["when"])

    # --- what there is --------------------------------------------------------------------------------------------

    def __getitem__(self, key: tuple[str, str]) -> Position:
        account, symbol = key
        mark, multiplier = self._marks.get(symbol), self._multipliers.get(symbol, Decimal(1))
        ledger = self._ledgers.get(key)
        if ledger is None:
            return Position(account, symbol, mark=mark, multiplier=multiplier)
        qty, cash, avg_px, bought, sold = ledger.state
        realised = EXACT.multiply(EXACT.add(cash, EXACT.multiply(qty, avg_px)), multiplier)
        count = len(ledger.trades)
        return Position(account, symbol, qty, avg_px, cash, bought, sold, realised, mark, multiplier, count)

    def __iter__(self) -> Iterator[Position]:
        return (self[key] for key in sorted(self._ledgers))

    def __len__(self) -> int:
        return len(self._ledgers)

    def qty(self, account: str, symbol: str) -> Decimal:
        """Return what is held: `positions[account, symbol].qty`, quicker."""
        ledger = self._ledgers.get((account, symbol))
        return _ZERO if ledger is None else ledger.state.qty

    def net(self, symbol: str) -> Decimal:
        """Return what is held of a symbol in all accounts together."""
        total = _ZERO
        for (_, held), ledger in self._ledgers.items():
            if held == symbol:
                total = EXACT.add(total, ledger.state.qty)
        return total

    def trades(self, account: str, symbol: str) -> list[Trade]:
        """Return the live trades of a position, in the order they count."""
        ledger = self._ledgers.get((account, symbol))
        return [] if ledger is None else list(ledger.trades)

    def apply_all(self, trades: Iterable[Trade], *, source: str = "") -> None:
        """Apply trades one after another, as after a restart. Raises: as apply()."""
        for trade in trades:
            self.apply(trade, source=source)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _ledger(self, account: str, symbol: str) -> _Ledger:
        ledger = self._ledgers.get((account, symbol))
        if ledger is None:
            self._ledgers[account, symbol] = ledger = _Ledger(_State())
        return ledger

    def _enter(self, key: _Key, trade: Trade, before_ns: int | None = None) -> None:
        """Count a trade. `before_ns`: when it counted before it was corrected."""
        ledger = self._ledger(trade.account, trade.symbol)
        source, exec_id = key
        when = trade.transact_time_ns
        if when is None:
            when = ledger.latest_ns if before_ns is None else before_ns
        place = (when, len(exec_id), exec_id, source)
        ledger.insert(place, trade)
        self._live[key] = trade, place

    def _has(self, trade: Trade) -> bool:
        """Return whether this very trade is live here, and not another one, of another day, with its ExecID."""
        found = self._live.get(("", trade.exec_id))
        return found is not None and found[0] == trade

    def _undo(self, trade: Trade) -> None:
        """Take a trade of an earlier day out of what was carried over."""
        ledger = self._ledger(trade.account, trade.symbol)
        bought, sold = ledger.start.bought, ledger.start.sold
        if sign_of(trade.side) > 0:
            state, bought = ledger.start.after(replace(trade, side="2")), EXACT.subtract(bought, trade.qty)
        else:
            state, sold = ledger.start.after(replace(trade, side="1")), EXACT.subtract(sold, trade.qty)
        ledger.begin(state._replace(bought=bought, sold=sold))

    def _redo(self, trade: Trade) -> None:
        ledger = self._ledger(trade.account, trade.symbol)
        ledger.begin(ledger.start.after(trade))

    def _leave(self, key: _Key) -> bool:
        found = self._live.pop(key, None)
        if found is None:
            return False
        trade, place = found
        self._ledgers[trade.account, trade.symbol].remove(place)
        return True


def _written(trade: Trade | None) -> list[Any] | None:
    return None if trade is None else trade_values(trade)


def _number(name: str, value: Decimal | int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)) or not Decimal(value).is_finite():
        raise ConfigError(name, value, "an exact number: a Decimal or an int")
    return Decimal(value)
