"""Fields of typed messages: what may be given for each kind, what is kept of it, and what is read back.

Kept is what encode() takes and writes exactly, whatever it knows of the field: the value as given where its type says
it all, else its text. A message that was read keeps the text of its fields as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from fixfast.codec.datatypes import EXPECTED, TIME_KINDS, is_valid, parse_ns, parse_value
from fixfast.codec.formatting import format_value
from fixfast.types import MonthYear, Scaled, Tenor

if TYPE_CHECKING:
    from fixfast.dictionary.model import Kind

__all__ = ["EXACT", "FINAL", "accept", "accept_code", "accept_codes", "read", "read_ns"]

#: Types that are kept as they are, by kind, for fields without codes.
#: PERF: for these one look-up replaces a call (a NewOrderSingle of 10 fields 5.4 -> 1.8 us).
EXACT: Mapping[Kind, frozenset[type]] = {
    "str": frozenset({str}),
    "int": frozenset({int}),
    "decimal": frozenset({Decimal, int, Scaled}),
    "bool": frozenset({bool}),
    "time": frozenset({int}),
}
#: The type of a value that is read as it is kept.
FINAL: Mapping[Kind, type] = {
    "str": str,
    "char": str,
    "int": int,
    "uint": int,
    "day": int,
    "decimal": Decimal,
    "bool": bool,
    "time": datetime,
    "timeonly": time,
    "localtime": time,
    "data": bytes,
    "xml": bytes,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT_KINDS: frozenset[Kind] = frozenset({"int", "uint", "day"})
_FINEST = 9  # decimals of a second that any value given can have


@cache
def _time_reader() -> Callable[[bytes], datetime]:
    from fixfast.codec.convert import parse_datetime  # here: compiled, and not needed to write

    return parse_datetime


def accept(kind: Kind, value: Any) -> Any:
    """Return what is kept of a value that a program gave for a field without codes.

    Raises: TypeError, ValueError: say what is expected, and never hold the value.
    """
    return _ACCEPT[kind](kind, value)


def accept_code(kind: Kind, value: Any, enum: type[StrEnum], is_open: bool) -> str:
    """Return the text of a code that was given as a member of the field's enum, as its value, or as an int.

    Raises: TypeError: another type, or another field's code. ValueError: names the codes.
    """
    if isinstance(value, enum):
        return str(value.value)
    if isinstance(value, Enum):
        raise TypeError(f"a {enum.__name__}, or its value, expected, not a {type(value).__name__}")
    if isinstance(value, int) and not isinstance(value, bool) and kind in _INT_KINDS:
        value = int.__repr__(value)
    if not isinstance(value, str):
        raise TypeError(f"a {enum.__name__}, or its value, expected, not {_article(value)}")
    text = str(value)
    if text not in enum._value2member_map_:
        if not is_open:
            raise ValueError(f"no such code: there are {_listed(enum)}")
        if not text or not is_valid(kind, text.encode("utf-8", "surrogateescape")):
            raise ValueError(f"{EXPECTED[kind]} expected")
    return text


def accept_codes(kind: Kind, value: Any, enum: type[StrEnum] | None, is_open: bool) -> str:
    """Return the text of a list of values: given as a list or tuple, as one value, or as text with spaces.

    Raises: as accept_code().
    """
    if isinstance(value, str) and not isinstance(value, Enum):
        parts: list[Any] = value.split(" ")
    elif isinstance(value, Enum):
        parts = [value]
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        parts = list(value)
    else:
        raise TypeError(f"a list of {'str' if enum is None else enum.__name__} expected, not {_article(value)}")
    if enum is None:
        for part in parts:
            if not isinstance(part, str):
                raise TypeError(f"a list of str expected, not of {type(part).__name__}")
        texts = [str(part.value) if isinstance(part, Enum) else str(part) for part in parts]
    else:
        texts = [accept_code(kind, part, enum, is_open) for part in parts]
    text = " ".join(texts)
    if any(" " in part for part in texts) or not is_valid(kind, text.encode("utf-8", "surrogateescape")):
        raise ValueError(f"{EXPECTED[kind]} expected")
    return text


def read(kind: Kind, kept: Any) -> Any:
    """Return a kept value as its kind says, and text that has not the form of its kind as text."""
    if isinstance(kept, str):
        if kind == "str":
            return kept
        raw = kept.encode("utf-8", "surrogateescape")
        if kind == "time":
            try:
                return _time_reader()(raw)  # PERF: 4.9 -> 0.5 us
            except ValueError:  # wrong, or text that the one below reads
                pass
        try:
            return parse_value(kind, raw)
        except ValueError:
            return kept
    if kind == "decimal":
        return Decimal(kept) if isinstance(kept, int) else Decimal(format_value("decimal", kept).decode("ascii"))
    if kind == "time" and isinstance(kept, int):
        return _EPOCH + timedelta(microseconds=kept // 1000)
    return kept


def read_ns(kind: Kind, kept: Any) -> int:
    """Return a kept time in ns: since the Unix epoch, for kinds without a date since midnight.

    Raises: ValueError: it has not the form of its kind. TypeError: the kind is no time.
    """
    if kind not in TIME_KINDS:
        raise TypeError("it holds no time")
    if isinstance(kept, int):
        return kept
    return parse_ns(kind, format_value(kind, kept, _FINEST))


# --- by kind -------------------------------------------------------------------------------------------------


def _article(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(enum: type[StrEnum], most: int = 12) -> str:
    members = list(enum)
    text = ", ".join(f"{member.value} ({member.name})" for member in members[:most])
    return f"{text} and {len(members) - most} more" if len(members) > most else text


def _text(kind: Kind, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"str expected, not {_article(value)}")
    text = str(value.value) if isinstance(value, Enum) else str(value)
    if kind == "char" and not is_valid("char", text.encode("utf-8", "surrogateescape")):
        raise ValueError(f"{EXPECTED['char']} expected")
    return text


def _number(kind: Kind, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"int expected, not {_article(value)}")
    if (kind == "uint" and value < 0) or (kind == "day" and not 1 <= value <= 31):
        raise ValueError(f"{EXPECTED[kind]} expected")
    return int(value)


def _decimal(kind: Kind, value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError(
            "a float is not exact: 0.1 + 0.2 is not 0.3; give a Decimal, an int, a Scaled or the number as text"
        )
    if isinstance(value, str):
        if isinstance(value, Enum) or not is_valid("decimal", value.encode("utf-8", "surrogateescape")):
            raise ValueError(f"{EXPECTED['decimal']} expected")
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, Scaled)):
        raise TypeError(f"Decimal, int, Scaled or str expected, not {_article(value)}")
    return value


def _flag(kind: Kind, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise TypeError(f"bool expected, not {_article(value)}")
    if value not in ("Y", "N"):
        raise ValueError(f"{EXPECTED['bool']} expected")
    return value == "Y"


def _utc(kind: Kind, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, datetime)):
        raise TypeError(f"a datetime, or ns since the epoch as int, expected, not {_article(value)}")
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise ValueError("a datetime without time zone: FIX timestamps are UTC")
    return value


def _zoned(kind: Kind, value: Any) -> str:
    if not isinstance(value, datetime):  # one without zone is right here
        _utc("time", value)
    return _shortest(kind, value)


def _date(kind: Kind, value: Any) -> str:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(f"a date expected, not {_article(value)}")
    return format_value(kind, value).decode("ascii")


def _clock(kind: Kind, value: Any) -> Any:
    if not isinstance(value, time):
        raise TypeError(f"a time expected, not {_article(value)}")
    text = _shortest(kind, value)
    return text if kind == "tztime" else value


def _shortest(kind: Kind, value: Any) -> str:
    """Return the text of a time that the encoder has no writer for, with as many decimals as it needs: 0, 3, 6 or 9."""
    finest = format_value(kind, value, _FINEST)
    want = parse_ns(kind, finest)
    texts = (format_value(kind, value, digits) for digits in (0, 3, 6))
    return next((text for text in texts if parse_ns(kind, text) == want), finest).decode("ascii")


def _named(kind: Kind, value: Any) -> str:
    wanted = MonthYear if kind == "monthyear" else Tenor
    if not isinstance(value, (wanted, str)) or isinstance(value, Enum):
        raise TypeError(f"a {wanted.__name__} or str expected, not {_article(value)}")
    raw = format_value(kind, value)
    if not is_valid(kind, raw):
        raise ValueError(f"{EXPECTED[kind]} expected")
    return raw.decode("ascii")


def _data(kind: Kind, value: Any) -> bytes:
    if isinstance(value, Enum) or not isinstance(value, (bytes, str)):
        raise TypeError(f"bytes or str expected, not {_article(value)}")
    raw = format_value("data", value)
    if not raw:
        raise ValueError("the value is empty")
    return raw


def _words(kind: Kind, value: Any) -> str:
    return accept_codes(kind, value, None, True)


_ACCEPT: dict[Kind, Callable[[Kind, Any], Any]] = {
    "str": _text,
    "char": _text,
    "int": _number,
    "uint": _number,
    "day": _number,
    "decimal": _decimal,
    "bool": _flag,
    "time": _utc,
    "date": _date,
    "timeonly": _clock,
    "localtime": _clock,
    "tztime": _clock,
    "tztimestamp": _zoned,
    "monthyear": _named,
    "tenor": _named,
    "chars": _words,
    "strings": _words,
    "data": _data,
    "xml": _data,
}
