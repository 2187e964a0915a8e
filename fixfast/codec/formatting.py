"""Python values to FIX text, by the dictionary's types: the other half of datatypes.py. Plain Python, too.

The encoder writes text, numbers, Y/N and UTCTimestamps itself, in C. Here is what it has no fast way for, and what only
a dictionary can tell: that an int is a time, that a datetime keeps its offset. Errors say what was expected and never
hold the value, which may be a password.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from fixfast.codec.datatypes import EXPECTED, is_valid, parse_value
from fixfast.types import MonthYear, Scaled, Tenor

if TYPE_CHECKING:
    from fixfast.dictionary.model import Kind

__all__ = ["format_value"]

_NUMBER_KINDS: frozenset[Kind] = frozenset({"int", "uint", "day", "decimal"})
_EPOCH = datetime(1970, 1, 1)
_NS = 1_000_000_000
_INT64 = 1 << 63
_MAX_PLAIN = 1024  # characters of a number: bounds Decimal("1E+999999")
_MAX_EXPONENT = 1000  # of a Scaled, either way
_MAX_ZONE = timedelta(hours=14, minutes=59)


def format_value(kind: Kind, value: Any, digits: int = 3) -> bytes:
    """Return a value as it goes on the wire.

    Args:
        kind: of the field; "str" where nothing is known of it.
        value: what parse_value() gives for the kind, and whatever else means the same: a Decimal, Scaled or int for
            numbers, ns since the epoch (an int) for time and tztimestamp, a date for monthyear, a list or tuple of str
            for chars and strings, an Enum member with such a value. str and bytes are taken as they are, unchecked.
        digits: decimals of a second: 0, 3, 6 or 9, further ones cut off. Times of day without UTC, which the standard
            gives no decimals, get them only if there are any.
    Raises:
        ValueError: the value has no such form; says what was expected.
        TypeError: the type has no exact form in FIX: float, None ...
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return _encoded(value)
    if kind in ("data", "xml"):
        raise TypeError(f"data is bytes or str, not {type(value).__name__}")
    raw = _encoded(_rendered(kind, value, digits))
    # a date of digits only would pass for a number
    if not is_valid(kind, raw) or (kind in _NUMBER_KINDS and not isinstance(value, (int, Decimal, Scaled))):
        raise ValueError(f"{EXPECTED[kind]} expected, which this {type(value).__name__} is not")
    return raw


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # its text holds the value
        raise ValueError("the text holds a lone surrogate") from None


def _rendered(kind: Kind, value: Any, digits: int) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, int):
        return _int_text(kind, value, digits)
    if isinstance(value, Decimal):
        return _decimal_text(value)
    if isinstance(value, Scaled):
        return _scaled_text(value)
    if isinstance(value, datetime):
        return _datetime_text(kind, value, digits)
    if isinstance(value, date):
        return f"{value.year:04d}{value.month:02d}{value.day:02d}"
    if isinstance(value, time):
        return _time_text(kind, value, digits)
    if isinstance(value, (MonthYear, Tenor)):
        return _named_text(value)
    if isinstance(value, (list, tuple)):
        return _words(value)
    if value is None:
        raise TypeError("None is no value: leave the field out")
    hint = ": give a Decimal, a Scaled or the text" if isinstance(value, float) else ""
    raise TypeError(f"{type(value).__name__} has no exact form in FIX{hint}")


def _named_text(value: MonthYear | Tenor) -> str:
    """Return the text of one that exists: all of its parts must come back when it is read."""
    try:
        text = str(value)
        same = parse_value("monthyear" if isinstance(value, MonthYear) else "tenor", text.encode()) == value
    except (TypeError, ValueError):  # the exception may hold a part that is no number
        same = False
    if not same:
        raise ValueError(f"there is no such {type(value).__name__}")
    return text


def _words(values: Sequence[Any]) -> str:
    """Join what a MULTIPLE... value is made of."""
    words = [item.value if isinstance(item, Enum) else item for item in values]
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"a list of values is made of str, not {type(word).__name__}")
        if not word or " " in word:
            raise ValueError("an element of a list of values is empty or holds a space")
    return " ".join(words)


# --- numbers -------------------------------------------------------------------------------------------------


def _int_text(kind: Kind, value: int, digits: int) -> str:
    if kind in ("time", "tztimestamp"):
        if not -_INT64 <= value < _INT64:
            raise ValueError("ns since the epoch that do not fit 64 bits")
        seconds, nanos = divmod(value, _NS)
        zone = "Z" if kind == "tztimestamp" else ""
        return _stamp(_EPOCH + timedelta(seconds=seconds), nanos, digits) + zone
    try:
        return int.__repr__(value)
    except ValueError:  # above Python's own limit for int to str
        raise ValueError("the number has too many digits") from None


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("NaN and Infinity have no FIX form")
    exponent = value.as_tuple().exponent
    text = "" if value.adjusted() > _MAX_PLAIN or int(exponent) < -_MAX_PLAIN else format(value, "f")
    if not 0 < len(text) <= _MAX_PLAIN:
        raise ValueError(f"more than {_MAX_PLAIN} characters without exponent")
    return text


def _scaled_text(value: Scaled) -> str:
    if any(not isinstance(part, int) or isinstance(part, bool) for part in value):
        raise TypeError("Scaled takes two ints")
    mantissa, exponent = value
    if not -_MAX_EXPONENT <= exponent <= _MAX_EXPONENT:
        raise ValueError(f"the exponent of a Scaled is at most {_MAX_EXPONENT}")
    text = _int_text("int", abs(mantissa), 0)
    if exponent < 0:
        text = text.rjust(1 - exponent, "0")
        text = f"{text[:exponent]}.{text[exponent:]}"
    elif mantissa:
        text += "0" * exponent
    return "-" + text if mantissa < 0 else text


# --- times ---------------------------------------------------------------------------------------------------


def _stamp(moment: date, nanos: int, digits: int) -> str:
    # not by strftime: it writes years before 1000 with fewer digits
    text = f"{moment.year:04d}{moment:%m%d-%H:%M:%S}"
    return f"{text}.{nanos:09d}"[: len(text) + 1 + digits] if digits else text


def _datetime_text(kind: Kind, value: datetime, digits: int) -> str:
    offset = value.utcoffset()
    nanos = value.microsecond * 1000
    if kind == "tztimestamp":
        return _stamp(value, nanos, digits) + _zone_text(offset)
    if offset is None:
        raise ValueError("a datetime without time zone: FIX timestamps are UTC")
    try:
        return _stamp(value.astimezone(UTC), nanos, digits)
    except OverflowError:
        raise ValueError("a datetime whose UTC is outside the years 1 to 9999") from None


def _time_text(kind: Kind, value: time, digits: int) -> str:
    """A time of day. Without a kind, one without zone is local, and one in UTC is UTC; others need a TZTIMEONLY."""
    offset = value.utcoffset()
    if offset is None and value.tzinfo is not None:
        raise ValueError("a time whose time zone gives no offset without a date")
    if kind == "localtime" and offset is not None:
        raise ValueError("a local time has no time zone")
    if kind == "timeonly" and offset is None:
        raise ValueError("a time without time zone: UTCTIMEONLY is UTC")
    if kind != "tztime" and offset:
        raise ValueError("a time that is not UTC: only TZTIMEONLY has an offset")
    text = f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    fraction = f"{value.microsecond * 1000:09d}"[:digits]
    if fraction and (int(fraction) or (kind != "tztime" and offset is not None)):
        text += f".{fraction}"
    return text + _zone_text(offset) if kind == "tztime" else text


def _zone_text(offset: timedelta | None) -> str:
    if offset is None:
        return ""
    if not offset:
        return "Z"
    minutes, rest = divmod(abs(offset), timedelta(minutes=1))
    if rest or abs(offset) > _MAX_ZONE:
        raise ValueError("an offset from UTC is whole minutes, up to 14 hours and 59 minutes")
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if offset < timedelta(0) else '+'}{hours:02d}" + (f":{minutes:02d}" if minutes else "")
