"""What the value of each kind of field looks like: one pattern a kind, and the calendar where there are dates."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

from fixfast.dictionary.model import Kind

__all__ = ["day_in_range", "is_count", "well_formed"]

# The patterns are bytes, so \d is ASCII. \Z and not $, which would let a final newline pass; DOTALL for "any byte".
_TIME = rb"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,12})?"
_SHORT_TIME = rb"([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d{1,12})?)?"
_ZONE = rb"(Z|[+-](0\d|1[0-4])(:[0-5]\d)?)?"
_DATE = rb"(?P<date>\d{8})"

#: Kinds whose values are anything (str, data and xml) are not here.
_TEXTS: Mapping[Kind, bytes] = {
    "char": rb".",
    "int": rb"-?\d+",
    "uint": rb"\d+",
    "day": rb"\d\d?",
    "decimal": rb"-?(\d+\.?\d*|\.\d+)",
    "bool": rb"[YN]",
    "time": _DATE + rb"-" + _TIME,
    "date": _DATE,
    "timeonly": _TIME,
    "localtime": _TIME,
    "tztime": _SHORT_TIME + _ZONE,
    "tztimestamp": _DATE + rb"-" + _SHORT_TIME + _ZONE,
    "monthyear": rb"(?P<date>\d{8})|(?P<month>\d{6})(w[1-5])?",
    "tenor": rb"[DWMY][1-9]\d{0,8}",
    "chars": rb"[^ ]( [^ ])*",
    "strings": rb"[^ ]+( [^ ]+)*",
}
_PATTERNS = {kind: re.compile(b"(?:" + text + rb")\Z", re.DOTALL) for kind, text in _TEXTS.items()}


def well_formed(kind: Kind, value: bytes) -> bool:
    """Tell whether a value, not empty, has the form of its kind (V06)."""
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return True
    match = pattern.match(value)
    if match is None:
        return False
    parts = match.groupdict()
    if parts.get("date") is not None:
        return _is_date(parts["date"])
    if parts.get("month") is not None:
        return _is_date(parts["month"] + b"01")
    return True


def is_count(value: bytes) -> bool:
    """Tell whether a value is the number of entries of a group: digits and nothing else."""
    return well_formed("uint", value)


def day_in_range(value: bytes) -> bool:
    """Tell whether a well-formed day of the month is one: 1 to 31 (V05)."""
    return 1 <= int(value) <= 31


def _is_date(digits: bytes) -> bool:
    """Tell whether YYYYMMDD is a day of the calendar, from year 1 on."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
