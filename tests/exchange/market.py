"""For tests of market data: a line that keeps what is sent, requests, and a book of plain dicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import fixfast as ff

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
DICTIONARIES = {version: ff.load_dictionary(version) for version in VERSIONS}
WALL = 1_767_607_200_000_000_000
#: user-defined tags are a recorded venue's own
STRICT = ff.Validation(user_defined_tags=False)


class Symbol(NamedTuple):
    """What MarketData needs of an Instrument."""

    symbol: str
    price_scale: int = 2
    qty_scale: int = 0


def begin_string(version: str) -> str:
    return "FIXT.1.1" if version == "FIX.5.0SP2" else version


class Line:
    """What a LiveSession is to a publisher. Messages are encoded, parsed, and judged by their dictionary.

    `stuck`: the peer does not read: what is sent stays unwritten.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.stuck = False
        self.down: Exception | None = None
        self.unwritten = 0
        self.sent: list[ff.Message] = []

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int:
        header = [(49, "SIM"), (56, "BOT"), (34, 1), (52, WALL)]
        return self._note(ff.encode(begin_string(self.version), msg_type, [*header, *fields]))

    def template(self, msg_type: str, fields: Sequence[Any]) -> ff.Template:
        header = [(49, "SIM"), (56, "BOT"), (34, 1), (52, WALL)]
        return ff.Template(begin_string(self.version), msg_type, fields, header=header)

    def send_template(self, template: ff.Template, *values: Any) -> int:
        return self._note(template.encode(*values))

    def _note(self, raw: bytes) -> int:
        if self.down is not None:
            raise self.down
        message = ff.parse(raw, dictionary=DICTIONARIES[self.version])
        fault = message.validate(STRICT)
        assert fault is None, f"{fault}: {message!r}"
        self.sent.append(message)
        self.unwritten += self.stuck
        return len(self.sent)

    def take(self) -> list[ff.Message]:
        """Return what was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


def request(
    version: str,
    name: str = "R1",
    *,
    action: str | None = "1",
    depth: object = 0,
    update: str | None = "1",
    kinds: Iterable[str] = ("0", "1"),
    symbols: Iterable[str] = ("ABC",),
    more: Iterable[tuple[int, Any]] = (),
    session: str = "",
) -> ff.Message:
    """Make a MarketDataRequest (V). None leaves a field out."""
    fields: list[tuple[int, Any]] = [(262, name), (263, action), (264, depth), (265, update), *more]
    header = [(49, "BOT"), (56, "SIM"), (34, 1), (52, WALL)]
    related = [[(55, symbol), *([(336, session)] if session else [])] for symbol in symbols]
    groups = [(267, [[(269, kind)] for kind in kinds]), (146, related)]
    given = [*header, *((tag, value) for tag, value in fields if value is not None), *groups]
    return ff.parse(ff.encode(begin_string(version), "V", given), dictionary=DICTIONARIES[version])


class PlainBook:
    """What a client makes of W and X: by price, or by level (MDPriceLevel) with shifting. Slow and obvious.

    Attributes:
        sides: MDEntryType -> [(price, quantity, orders)] best first. values: MDEntryType -> (price, quantity).
        tape: (MDEntryID, price, quantity) of trades seen in X.
    """

    def __init__(self, *, by_level: bool = False, depth: int = 0, implicit: bool = False) -> None:
        self.by_level = by_level
        self.depth = depth
        self.implicit = implicit
        self.sides: dict[str, list[tuple[Decimal, Decimal, int]]] = {"0": [], "1": []}
        self.values: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        self.tape: list[tuple[str, Decimal, Decimal]] = []
        self.rpt_seq: int | None = None

    def apply(self, message: ff.Message) -> None:
        if message.msg_type == "W":
            self._snapshot(message)
        else:
            assert message.msg_type == "X"
            self._number(message)
            for entry in message.group(268):
                self._step(entry)
        for kind, levels in self.sides.items():
            prices = [price for price, _, _ in levels]
            assert prices == sorted(set(prices), reverse=kind == "0"), "sorted, no level twice (M12)"
            assert not self.depth or len(levels) <= self.depth, "never more levels than asked for (M12)"

    def _snapshot(self, message: ff.Message) -> None:
        self.sides = {"0": [], "1": []}
        self.values = {}
        for entry in message.group(268) if message.get(268) != "0" else ():
            self.rpt_seq = entry.int(83, None)
            if entry[269] in self.sides:
                levels = self.sides[entry[269]]
                levels.append((entry.decimal(270), entry.decimal(271), entry.int(346)))
                assert entry.int(1023, len(levels)) == len(levels), "levels are 1..n (M12)"
            elif entry[269] != "J":
                self.values[entry[269]] = (entry.decimal(270, None), entry.decimal(271, None))

    def _number(self, message: ff.Message) -> None:
        numbers = {entry.int(83, None) for entry in message.group(268)}
        assert len(numbers) == 1
        (number,) = numbers
        if number is not None:
            assert self.rpt_seq is not None
            assert number == self.rpt_seq + 1, "RptSeq has no gap (M9)"
            self.rpt_seq = number

    def _step(self, entry: ff.Entry) -> None:
        action, kind = entry[279], entry[269]
        if kind in self.sides:
            self._level(action, kind, entry)
            return
        if kind == "2":
            trade = (entry[278], entry.decimal(270), entry.decimal(271))
            if action == "2":
                self.tape.remove(trade)
                self.values.pop("2", None)
                return
            if action == "1":
                (at,) = (n for n, (name, _, _) in enumerate(self.tape) if name == trade[0])
                self.tape[at] = trade
                if trade[0] == self.tape[-1][0]:
                    self.values[kind] = trade[1:]
                return
            self.tape.append(trade)
        if action == "2":
            del self.values[kind]
            return
        assert (action == "0") == (kind not in self.values or kind == "2"), "New and Change are told apart (M6)"
        self.values[kind] = (entry.decimal(270, None), entry.decimal(271, None))

    def _level(self, action: str, kind: str, entry: ff.Entry) -> None:
        levels, price = self.sides[kind], entry.decimal(270)
        prices = [level[0] for level in levels]
        if self.by_level:
            at = entry.int(1023) - 1
            assert action == "0" or prices[at] == price, "level and price say the same"
        elif action == "0":
            assert price not in prices, "New: the key is absent (M6)"
            at = sum(other > price if kind == "0" else other < price for other in prices)
        else:
            at = prices.index(price)  # Change and Delete: the key is there
        if action == "2":
            del levels[at]
            return
        level = (price, entry.decimal(271), entry.int(346))
        if action == "0":
            levels.insert(at, level)
            if self.implicit:
                del levels[self.depth :]
        else:
            levels[at] = level

    def state(self) -> Any:
        return self.sides, self.values
