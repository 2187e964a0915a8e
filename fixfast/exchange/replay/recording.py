"""Recording: the market data of a captured FIX log, looked through once, and read again to be played.

Any log that `fixfast decode` reads will do: W and X (35=) in it are found behind any prefix, whatever separates fields.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from fixfast.codec.groups import Entry
from fixfast.errors import ConfigError, FieldMissing, MessageError
from fixfast.exchange.replay.originals import Original
from fixfast.logs.reader import LogItem, LogReader
from fixfast.session.wire import Message

__all__ = ["Recorded", "Recording", "Traded"]

_CHUNK = 1 << 18
_MOST_DECIMALS = 18


class Traded(NamedTuple):
    """An instrument of a recording: its symbol, and how many decimals its prices and quantities have at most."""

    symbol: str
    price_scale: int
    qty_scale: int


class Recorded(NamedTuple):
    """One message. `session`: who sent it to whom; `request`: MDReqID(262), "" for none; `entries`: of each symbol."""

    at_ns: int
    snapshot: bool
    session: tuple[str | None, ...]
    request: str
    entries: dict[str, list[Original]]


class Recording:
    """What a log says about markets.

    Args: path: the log; one that ends in .gz is unpacked.

    Attributes:
        instruments: what it has, by symbol. kinds: the MDEntryTypes(269) it has.
        messages: how many W and X. first_ns, last_ns: the SendingTime(52) of the first and of the last.
        skipped: W and X that are not played: resent ones that came before, and those that cannot be read.

    Raises: OSError: it cannot be read. ConfigError: there is no W or X in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.instruments: dict[str, Traded] = {}
        self.kinds: frozenset[str] = frozenset()
        self.messages = self.skipped = 0
        self.first_ns = self.last_ns = 0
        kinds: set[str] = set()
        for message in self._read():
            try:
                kinds |= self._look(message)
            except MessageError:
                self.skipped += 1
        self.kinds = frozenset(kinds - {"J"})
        if not self.messages:
            raise ConfigError("replay", self.path, "a FIX log with market data: no W or X (35=) was found in it")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.last_ns - self.first_ns) / 1e9

    def __iter__(self) -> Iterator[Recorded]:
        """Yield the messages to play, in order."""
        for message in self._read():
            try:
                yield self._recorded(message)
            except MessageError:
                continue

    def _recorded(self, message: Message) -> Recorded:
        found: dict[str, list[Original]] = {}
        for symbol, fields in _entries(message):
            there = self.instruments[symbol]
            px, qty = _scaled(fields, 270, there.price_scale), _scaled(fields, 271, there.qty_scale)
            action = fields.pop(279, "0")
            found.setdefault(symbol, []).append(Original(action, fields[269], px, qty, fields))
        snapshot = message.msg_type == "W"
        return Recorded(message.sending_time_ns, snapshot, message.many(49, 56), message.get(262, ""), found)

    def _read(self) -> Iterator[Message]:
        """Yield every W and X, but for resent ones that came before (M11)."""
        highest: dict[tuple[str | None, ...], int] = {}
        with _opened(self.path) as file:
            reader = LogReader()
            done = False
            while not done:
                data = file.read(_CHUNK)
                done = not data
                for item in reader.finish() if done else reader.feed(data):
                    if not isinstance(item, LogItem) or item.message.msg_type not in ("W", "X"):
                        continue
                    message = item.message
                    who = message.many(8, 49, 56)
                    number = message.int(34, 0)
                    if message.get(43) == "Y" and number <= highest.get(who, 0):
                        continue
                    highest[who] = number
                    yield message

    def _look(self, message: Message) -> set[str]:
        """Take note of one message. Returns: its MDEntryTypes. Raises: MessageError: it cannot be played."""
        at = message.sending_time_ns
        kinds: set[str] = set()
        for symbol, fields in _entries(message):
            kinds.add(fields[269])
            before = self.instruments.get(symbol, Traded(symbol, 0, 0))
            price, qty = _decimals(fields, 270), _decimals(fields, 271)
            self.instruments[symbol] = Traded(symbol, max(before.price_scale, price), max(before.qty_scale, qty))
        self.messages += 1
        self.first_ns = min(self.first_ns or at, at)
        self.last_ns = max(self.last_ns, at)
        return kinds


def _entries(message: Message) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield (symbol, fields) of each entry. One without a symbol has that of the one before it (M4)."""
    snapshot = message.msg_type == "W"
    symbol = _symbol(message.get(55), message.get(48), "") if snapshot else ""
    for entry in message.group(268):
        fields = _texts(entry)
        if not snapshot:
            symbol = _symbol(fields.get(55), fields.get(48), symbol)
        for tag, value in ((55, symbol), (269, fields.get(269))):
            if not value:
                raise FieldMissing(tag)
        yield symbol, fields
    if snapshot and not message.group(268):
        yield symbol, {269: "J"}


def _texts(entry: Entry) -> dict[int, str]:
    fields: dict[int, str] = {}
    for tag, text in entry:
        fields.setdefault(tag, text)
    return fields


def _symbol(symbol: str | None, security_id: str | None, before: str) -> str:
    return (security_id if symbol in (None, "[N/A]") else symbol) or before


def _decimals(fields: dict[int, str], tag: int) -> int:
    digits = len(fields.get(tag, "").partition(".")[2].rstrip("0"))
    if digits > _MOST_DECIMALS:
        raise MessageError(f"{tag}={fields[tag]}: more than {_MOST_DECIMALS} decimals")
    return digits


def _scaled(fields: dict[int, str], tag: int, scale: int) -> int | None:
    text = fields.get(tag)
    if text is None:
        return None
    whole, _, decimals = text.partition(".")
    if len(decimals.rstrip("0")) > scale:
        raise MessageError(f"{tag}={text}: too many decimals")  # the message was skipped when it was looked at
    try:
        return int(whole + decimals[:scale].ljust(scale, "0"))
    except ValueError:
        raise MessageError(f"{tag}={text} is no number") from None


def _opened(path: str) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.endswith(".gz") else open(path, "rb")
