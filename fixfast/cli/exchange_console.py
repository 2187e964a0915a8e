"""What an operator may type while `fixfast exchange` runs: a word, its arguments, and what comes of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from fixfast.errors import ConfigError, FixfastError
from fixfast.exchange.exchange import Exchange
from fixfast.exchange.matching.outcome import Phase

__all__ = ["HELP", "Console", "chances"]

HELP = """\
status                       sessions, phases, orders, trades
book SYMBOL                  the best five levels
halt [SYMBOL]                only cancels are taken; without a symbol: everywhere
resume [SYMBOL]              continuous trading, which begins with an auction of what is there
phase PHASE [SYMBOL]         pre-open, "opening auction", continuous, "closing auction", halted, closed
cancel ORDERID | SYMBOL | all
reinstate ORDERID            take a cancelled order back
stop ORDERID [PRICE]         guarantee its execution
bust SYMBOL N                take trade N of an instrument back (TrdMatchID is T<place>.<N>)
correct SYMBOL N PRICE       correct its price
day                          a new day: ClOrdIDs of orders that are done may be used again
end-day                      orders for the day expire, and a new day begins
fault NAME=CHANCE ...        slow, slow_by, drop, duplicate, reject, gap, disconnect; 0 is never, 1 always
fault off
quit
"""


def chances(words: list[str]) -> dict[str, float]:
    """Return {"drop": 0.1} of ["drop=0.1"].

    Raises: ConfigError: a word is not of that form.
    """
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise ConfigError("fault", word, "NAME=CHANCE, such as drop=0.1") from None
    return found


class Console:
    """Does what is typed. Args: exchange: for whom. stop: called to end it."""

    def __init__(self, exchange: Exchange, stop: Callable[[], object]) -> None:
        self._exchange = exchange
        self._stop = stop
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "status": self._status,
            "book": self._book,
            "halt": self._halt,
            "resume": self._resume,
            "phase": self._phase,
            "cancel": self._cancel,
            "reinstate": self._reinstate,
            "stop": self._stop_order,
            "bust": self._bust,
            "correct": self._correct,
            "day": self._day,
            "end-day": self._end_day,
            "fault": self._fault,
            "quit": self._end,
            "help": lambda words: HELP.rstrip(),
        }

    def do(self, line: str) -> str:
        """Do one line. Returns: what to show; never raises for what a person may type."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            return f"? {error}"
        if not words:
            return ""
        command = self._commands.get(words[0])
        if command is None:
            return f"? there is no command {words[0]!r}; help lists them"
        try:
            return command(words[1:])
        except (FixfastError, _Usage) as error:
            return f"? {error}"

    def _status(self, words: list[str]) -> str:
        exchange = self._exchange
        venue = exchange.venue
        lines = [f"{symbol}: {phase}" for symbol, phase in exchange.phases().items()]
        for session in exchange.server.sessions.values():
            lines.append(f"{session.id}: {session.state.value}, in {session.next_in}, out {session.next_out}")
        orders = venue.telling.orders.values()
        active = sum(kept.active for kept in orders)
        lines.append(f"{len(orders)} orders, {active} of them open, {venue.telling.executions} executions")
        return "\n".join(lines)

    def _book(self, words: list[str]) -> str:
        market = self._exchange.venue.market(_one(words, "book SYMBOL"))
        bids, offers = market.book.depth(5)
        listing = market.listing
        lines = []
        for bid, offer in zip([*bids, *[None] * 5][:5], [*offers, *[None] * 5][:5], strict=True):
            left, right = (
                ""
                if level is None
                else f"{listing.decimal_qty(level[1])} at {listing.decimal_price(level[0])} ({level[2]})"
                for level in (bid, offer)
            )
            if left or right:
                lines.append(f"{left:>30}  |  {right}")
        return "\n".join(lines) or "the book is empty"

    def _halt(self, words: list[str]) -> str:
        return self._set(Phase.HALTED, words)

    def _resume(self, words: list[str]) -> str:
        return self._set(Phase.CONTINUOUS, words)

    def _phase(self, words: list[str]) -> str:
        if not words:
            raise _Usage("phase PHASE [SYMBOL]")
        return self._set(words[0], words[1:])

    def _set(self, phase: str, words: list[str]) -> str:
        reports = self._exchange.set_phase(phase, words[0] if words else None)
        return f"{words[0] if words else 'all'}: {phase}, {len(reports)} reports"

    def _cancel(self, words: list[str]) -> str:
        what = _one(words, "cancel ORDERID | SYMBOL | all")
        exchange = self._exchange
        if what == "all":
            reports = exchange.cancel()
        elif what in exchange.listings:
            reports = exchange.cancel(symbol=what)
        else:
            reports = exchange.cancel(order_id=what)
        return f"{len(reports)} cancelled"

    def _reinstate(self, words: list[str]) -> str:
        return f"{len(self._exchange.reinstate(_one(words, 'reinstate ORDERID')))} reports"

    def _stop_order(self, words: list[str]) -> str:
        if len(words) not in (1, 2):
            raise _Usage("stop ORDERID [PRICE]")
        price = _price(words[1], "stop ORDERID [PRICE]") if len(words) == 2 else None
        return f"{len(self._exchange.stop_order(words[0], price=price))} reports"

    def _bust(self, words: list[str]) -> str:
        if len(words) != 2:
            raise _Usage("bust SYMBOL N")
        return f"{len(self._exchange.bust(words[0], _number(words[1])))} reports"

    def _correct(self, words: list[str]) -> str:
        if len(words) != 3:
            raise _Usage("correct SYMBOL N PRICE")
        price = _price(words[2], "correct SYMBOL N PRICE")
        return f"{len(self._exchange.correct(words[0], _number(words[1]), price))} reports"

    def _day(self, words: list[str]) -> str:
        self._exchange.new_day()
        return "a new day"

    def _end_day(self, words: list[str]) -> str:
        return f"a new day, {len(self._exchange.end_day())} reports"

    def _fault(self, words: list[str]) -> str:
        if words == ["off"]:
            self._exchange.clear_faults()
        elif words:
            self._exchange.set_faults(**chances(words))
        return str(self._exchange.faults.config)

    def _end(self, words: list[str]) -> str:
        self._stop()
        return ""


class _Usage(Exception):
    """A command lacks something; says how it is written."""


def _one(words: list[str], usage: str) -> str:
    if len(words) != 1:
        raise _Usage(usage)
    return words[0]


def _price(word: str, usage: str) -> Decimal:
    try:
        return Decimal(word)
    except InvalidOperation:
        raise _Usage(usage) from None


def _number(word: str) -> int:
    if not word.isdecimal():
        raise _Usage(f"{word} is no number of a trade")
    return int(word)
