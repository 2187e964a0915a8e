"""The entries of a group 268 as rows: read in one call, prices and quantities as whole numbers at a common scale.

The scale grows when a price comes that has more decimals than all before it; the books that hold older ones notice the
new pair of scales. So nobody has to say how many decimals a venue uses, and nothing is ever rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from fixfast.codec.convert import parse_time_ns
from fixfast.codec.getter import getter
from fixfast.codec.groups import Group
from fixfast.errors import FieldFormatError
from fixfast.trading.bookview import Scales
from fixfast.trading.exact import EXACT

__all__ = ["DEFAULT_SCALES", "EntryReader", "Row", "by_symbol", "rescaled", "row_time_ns"]

#: Decimals of prices and quantities to begin with. What fits 64 bits at the scale is read five times as fast as what
#: does not, so the scale of quantities, some of which are large, begins low.
DEFAULT_SCALES: Scales = (5, 0)
#: What the codec reads
_MOST = 18
#: MDEntryType(269) of bids and offers
_SIDES = ("0", "1")
_DAY = 86_400 * 1_000_000_000

_text: TypeAlias = str | None
_number: TypeAlias = int | None
#: One entry, None where it has no such field. A plain tuple, in the order of `_getter`.
Row: TypeAlias = tuple[
    _text,  # 0: MDUpdateAction(279), None in a snapshot
    _text,  # 1: MDEntryType(269)
    _number,  # 2: MDEntryPx(270), value * 10**scale
    _number,  # 3: MDEntrySize(271), the same
    _text,  # 4: MDEntryID(278)
    _text,  # 5: MDEntryRefID(280)
    _number,  # 6: MDPriceLevel(1023)
    _number,  # 7: MDEntryPositionNo(290)
    _number,  # 8: NumberOfOrders(346)
    _text,  # 9: QuoteEntryID(299)
    _text,  # 10: MDEntryBuyer(288)
    _number,  # 11: RptSeq(83)
    _text,  # 12: Symbol(55)
    _text,  # 13: SecurityID(48)
    _text,  # 14: QuoteCondition(276)
    _text,  # 15: MDEntryDate(272)
    _text,  # 16: MDEntryTime(273)
    _number,  # 17: TransactTime(60)
    _text,  # 18: TradeCondition(277)
    _text,  # 19: AggressorSide(2446)
]


class EntryReader:
    """Reads groups of market data entries. Args: scales: decimals of prices and quantities to begin with."""

    __slots__ = ("_get", "_get_large", "_numbers", "scales")

    def __init__(self, scales: Scales = DEFAULT_SCALES) -> None:
        self._get_large = _columns("decimal", "decimal")
        self._numbers = getter((37, "str"))
        self._take(scales)

    def _take(self, scales: Scales) -> None:
        self.scales = scales
        self._get = _columns(f"scaled:{scales[0]}", f"scaled:{scales[1]}")

    def read(self, group: Group) -> list[Row]:
        """Return the entries of a group.

        Raises:
            FieldFormatError: a value is not of its type, or has more than 18 decimals.
        """
        try:
            return self._get(group)  # type: ignore[no-any-return]  # the columns are those of Row
        except FieldFormatError as error:
            if error.tag not in (270, 271):
                raise
        return self._read_large(group)

    def read_snapshot(self, group: Group) -> list[Row]:
        """Return the entries of a W. Where an order has no MDEntryID, its OrderID(37) is it.

        FIX 4.2 and 4.4 have no MDEntryID in a W; the updates behind it call the order so.

        Raises: FieldFormatError: as read().
        """
        rows = self.read(group)
        if all(row[4] is not None or row[1] not in _SIDES for row in rows):
            return rows
        return [
            (*row[:4], number, *row[5:]) if number and row[1] in _SIDES and not (row[4] or row[9] or row[10]) else row
            for row, (number,) in zip(rows, self._numbers(group), strict=True)
        ]

    def _read_large(self, group: Group) -> list[Row]:
        """Read what has more decimals than anything before, or does not fit 64 bits."""
        rows = self._get_large(group)
        needed = tuple(max((_decimals(row[at]) for row in rows), default=0) for at in (2, 3))
        for tag, decimals in zip((270, 271), needed, strict=True):
            if decimals > _MOST:
                raise FieldFormatError(tag, "decimal", b"", f"more than {_MOST} decimals")
        scales = max(self.scales[0], needed[0]), max(self.scales[1], needed[1])
        if scales != self.scales:
            self._take(scales)
        return [(*row[:2], _whole(row[2], scales[0]), _whole(row[3], scales[1]), *row[4:]) for row in rows]


def _columns(price: str, qty: str) -> Any:
    return getter(
        *(
            (279, "str"),
            (269, "str"),
            (270, price),
            (271, qty),
            (278, "str"),
            (280, "str"),
            (1023, "int"),
            (290, "int"),
        ),
        *((346, "int"), (299, "str"), (288, "str"), (83, "int"), (55, "str"), (48, "str"), (276, "str")),
        *((272, "str"), (273, "str"), (60, "time"), (277, "str"), (2446, "str")),
    )


def _decimals(value: Decimal | None) -> int:
    """Return how many decimals a value has, zeros at its end aside."""
    if value is None:
        return 0
    exponent = value.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _whole(value: Decimal | None, scale: int) -> int | None:
    return None if value is None else int(value.scaleb(scale, EXACT))


def rescaled(rows: Sequence[Row], before: Scales, after: Scales) -> list[Row]:
    """Return rows that were read at one pair of scales as if read at another, larger one."""
    price, qty = (10 ** (new - old) for old, new in zip(before, after, strict=True))
    return [
        (*row[:2], None if row[2] is None else row[2] * price, None if row[3] is None else row[3] * qty, *row[4:])
        for row in rows
    ]


def by_symbol(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of each instrument, in order. One that names none is of the same as the row before it (M4).

    An instrument is known by its Symbol(55), or by its SecurityID(48) where that is absent or "[N/A]"; "" is that of
    rows before which none is named.
    """
    found: dict[str, list[Row]] = {}
    symbol = ""
    for row in rows:
        named = row[12]
        if named is None or named == "[N/A]":
            named = row[13] or named
        symbol = named or symbol
        of_symbol = found.get(symbol)
        if of_symbol is None:
            found[symbol] = of_symbol = []
        of_symbol.append(row)
    return found


def row_time_ns(row: Row, sent_ns: int) -> int:
    """Return when an entry happened, ns since the epoch.

    MDEntryTime(273) without MDEntryDate(272) is taken to be within twelve hours of SendingTime(52), `sent_ns`. Without
    either, TransactTime(60) counts, and then SendingTime.

    Raises:
        FieldFormatError: MDEntryDate or MDEntryTime is none.
    """
    date, time, transact_ns = row[15:18]
    if time is None:
        return sent_ns if transact_ns is None else transact_ns
    try:
        if date is not None:
            return parse_time_ns(f"{date}-{time}".encode())
        of_day = parse_time_ns(f"19700101-{time}".encode())
    except ValueError:
        raise FieldFormatError(273, "time", time.encode(), "with MDEntryDate (272)") from None
    at = sent_ns - sent_ns % _DAY + of_day
    return at - _DAY if at - sent_ns > _DAY // 2 else at + _DAY if sent_ns - at > _DAY // 2 else at
