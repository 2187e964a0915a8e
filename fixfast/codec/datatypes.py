"""The data types of FIX 4.0 to 5.0 SP2: text to Python and back, exactly. Plain Python: for where no hot loop is.

What is text, number, Y/N or UTCTimestamp in a message is read by the compiled codec; here is what every Kind of the
dictionary means, written to be read. Wire forms: FIX 5.0 SP2, volume 1, "Data types", and the lexical rules in
`dictionary/model.py`. A fraction of a second has 1 to 12 digits, and second 60, a leap second, is the first second of
the next minute, as in POSIX time. Errors are ValueErrors that say what was expected and never hold the value, which may
be a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fixfast.types import MonthYear, Tenor

if TYPE_CHECKING:
    from fixfast.dictionary.model import Kind

__all__ = ["EXPECTED", "TEXT_KINDS", "TIME_KINDS", "is_valid", "parse_ns", "parse_value"]

#: What may stand in a field of each kind, for people.
EXPECTED: Mapping[Kind, str] = MappingProxyType(
    {
        "str": "any text",
        "char": "one byte",
        "int": "digits with an optional minus",
        "uint": "digits",
        "day": "a day of a month, 1 to 31",
        "decimal": "digits with an optional minus and at most one point",
        "bool": "Y or N",
        "time": "YYYYMMDD-HH:MM:SS with 0 to 12 decimals",
        "date": "YYYYMMDD",
        "timeonly": "HH:MM:SS with 0 to 12 decimals",
        "localtime": "HH:MM:SS with 0 to 12 decimals",
        "tztime": "HH:MM[:SS] with 0 to 12 decimals and an optional zone, Z or +hh[:mm] or -hh[:mm]",
        "tztimestamp": "YYYYMMDD-HH:MM[:SS] with 0 to 12 decimals and an optional zone, Z or +hh[:mm] or -hh[:mm]",
        "monthyear": "YYYYMM, YYYYMMDD or YYYYMMw1 to w5",
        "tenor": "D, W, M or Y and a number from 1",
        "chars": "single bytes separated by single spaces",
        "strings": "words separated by single spaces",
        "data": "any bytes",
        "xml": "any bytes",
    }
)

#: Kinds whose values have a place in time: those that parse_ns() reads.
TIME_KINDS: frozenset[Kind] = frozenset({"time", "date", "timeonly", "localtime", "tztime", "tztimestamp"})
#: Kinds that hold any text.
TEXT_KINDS: frozenset[Kind] = frozenset({"str", "data", "xml"})

_DAY_SECONDS = 86_400
_NS = 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
#: of an int: more than any FIX type has; bounds the quadratic cost of int() on hostile input
_MAX_DIGITS = 40
_MAX_OFFSET_HOURS = 14

_FRACTION = rb"(?:\.(?P<fraction>\d{1,12}))?"
_ZONE = rb"(?P<zone>Z|[+-]\d\d(?::\d\d)?)?"
_DATE = rb"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
_CLOCK = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)" + _FRACTION
_SHORT_CLOCK = rb"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)" + _FRACTION + rb")?" + _ZONE
_PATTERNS: dict[str, re.Pattern[bytes]] = {
    "time": re.compile(_DATE + rb"-" + _CLOCK),
    "date": re.compile(_DATE),
    "timeonly": re.compile(_CLOCK),
    "localtime": re.compile(_CLOCK),
    "tztime": re.compile(_SHORT_CLOCK),
    "tztimestamp": re.compile(_DATE + rb"-" + _SHORT_CLOCK),
}
_INT = re.compile(rb"-?\d+")
_DECIMAL = re.compile(rb"-?(\d+\.?\d*|\.\d+)")
_MONTH_YEAR = re.compile(rb"(\d{4})(\d\d)(?:(\d\d)|w([1-5]))?")
_TENOR = re.compile(rb"([DWMY])([1-9]\d{0,8})")
_CHARS = re.compile(rb"[^ ](?: [^ ])*", re.DOTALL)
_STRINGS = re.compile(rb"[^ ]+(?: [^ ]+)*", re.DOTALL)


class _Moment(NamedTuple):
    """What a text of TIME_KINDS says. `day` is a proleptic ordinal, 0 without a date; `offset` is east of UTC."""

    day: int
    seconds: int  # of the day; 86,400 in a leap second at its end
    nanos: int
    offset: timedelta | None


def parse_value(kind: Kind, raw: bytes) -> Any:
    """Return what a value of this kind means.

    Args: kind: as in the dictionary's `Field.kind`. raw: the value as it is on the wire.
    Returns:
        str (UTF-8, surrogateescape): str, char. int: int, uint, day. Decimal (trailing zeros kept), bool. datetime:
        time (UTC), tztimestamp (with its offset, naive without one). date. time: timeonly (UTC), localtime (naive),
        tztime (with its offset, naive without one). MonthYear, Tenor. tuple of str: chars, strings. bytes: data, xml.
        What is finer than a microsecond is cut off.
    Raises: ValueError: says what was expected.
    """
    return _PARSERS[kind](raw)


def parse_ns(kind: Kind, raw: bytes) -> int:
    """Return the ns since the Unix epoch, or since midnight for kinds without a date, of a value of TIME_KINDS.

    Local times count from their own midnight, a tztime with a zone and a tztimestamp in UTC; a tztimestamp without zone
    is taken as UTC. What is finer than a ns is cut off. 23:59:60 without a date is midnight, 0.

    Raises: ValueError: says what was expected.
    """
    moment = _moment(kind, raw)
    seconds = moment.seconds - (0 if moment.offset is None else int(moment.offset.total_seconds()))
    if moment.day:
        seconds += (moment.day - _EPOCH_DAY) * _DAY_SECONDS
    else:
        seconds %= _DAY_SECONDS
    return seconds * _NS + moment.nanos


def is_valid(kind: Kind, raw: bytes) -> bool:
    """Tell whether a value has the form of its kind."""
    try:
        parse_value(kind, raw)
    except ValueError:
        return False
    return True


# --- text, numbers -------------------------------------------------------------------------------------------


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _char(raw: bytes) -> str:
    if len(raw) != 1:
        raise ValueError(f"{EXPECTED['char']} expected")
    return _text(raw)


def _int(raw: bytes) -> int:
    if not _INT.fullmatch(raw):
        raise ValueError(f"{EXPECTED['int']} expected")
    return _bounded(raw)


def _uint(raw: bytes) -> int:
    if not raw.isdigit():
        raise ValueError(f"{EXPECTED['uint']} expected")
    return _bounded(raw)


def _bounded(raw: bytes) -> int:
    if len(raw) - raw.startswith(b"-") > _MAX_DIGITS:
        raise ValueError(f"more than {_MAX_DIGITS} digits")
    return int(raw)


def _day(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 2 or not 1 <= int(raw) <= 31:
        raise ValueError(f"{EXPECTED['day']} expected")
    return int(raw)


def _decimal(raw: bytes) -> Decimal:
    if not _DECIMAL.fullmatch(raw):
        raise ValueError(f"{EXPECTED['decimal']} expected")
    return Decimal(raw.decode("ascii"))


def _bool(raw: bytes) -> bool:
    if raw not in (b"Y", b"N"):
        raise ValueError(f"{EXPECTED['bool']} expected")
    return raw == b"Y"


def _chars(raw: bytes) -> tuple[str, ...]:
    if not _CHARS.fullmatch(raw):
        raise ValueError(f"{EXPECTED['chars']} expected")
    return tuple(_text(part) for part in raw.split(b" "))


def _strings(raw: bytes) -> tuple[str, ...]:
    if not _STRINGS.fullmatch(raw):
        raise ValueError(f"{EXPECTED['strings']} expected")
    return tuple(_text(part) for part in raw.split(b" "))


def _tenor(raw: bytes) -> Tenor:
    match = _TENOR.fullmatch(raw)
    if match is None:
        raise ValueError(f"{EXPECTED['tenor']} expected")
    return Tenor(match[1].decode("ascii"), int(match[2]))


# --- dates and times -----------------------------------------------------------------------------------------


def _ordinal(year: bytes, month: bytes, day: bytes) -> int:
    try:
        return date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        raise ValueError("no such date") from None


def _offset(zone: bytes | None) -> timedelta | None:
    if zone is None:
        return None
    if zone == b"Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[4:] or b"0")
    if hours > _MAX_OFFSET_HOURS or minutes > 59:
        raise ValueError(f"no such zone: it is at most {_MAX_OFFSET_HOURS} hours and 59 minutes from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone.startswith(b"-") else offset


def _moment(kind: Kind, raw: bytes) -> _Moment:
    match = _PATTERNS[kind].fullmatch(raw)
    if match is None:
        raise ValueError(f"{EXPECTED[kind]} expected")
    parts = match.groupdict()
    day = seconds = nanos = 0
    if "year" in parts:
        day = _ordinal(parts["year"], parts["month"], parts["day"])
    if "hour" in parts:
        hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts["second"] or b"0")
        if hour > 23 or minute > 59 or second > 60:
            raise ValueError("no such time of day")
        seconds = hour * 3600 + minute * 60 + second
        nanos = int((parts["fraction"] or b"").ljust(9, b"0")[:9])
    return _Moment(day, seconds, nanos, _offset(parts.get("zone")))


def _zone(offset: timedelta | None) -> tzinfo | None:
    if offset is None:
        return None
    return timezone(offset) if offset else UTC


def _datetime_of(moment: _Moment, zone: tzinfo | None) -> datetime:
    start = datetime.combine(date.fromordinal(moment.day), time())
    try:
        found = start + timedelta(seconds=moment.seconds, microseconds=moment.nanos // 1000)
    except OverflowError:
        raise ValueError("no such time: a leap second that leads out of the year 9999") from None
    return found.replace(tzinfo=zone)


def _time_of(moment: _Moment, zone: tzinfo | None) -> time:
    minutes, second = divmod(moment.seconds % _DAY_SECONDS, 60)
    return time(minutes // 60, minutes % 60, second, moment.nanos // 1000, zone)


def _utc_timestamp(raw: bytes) -> datetime:
    return _datetime_of(_moment("time", raw), UTC)


def _tz_timestamp(raw: bytes) -> datetime:
    moment = _moment("tztimestamp", raw)
    return _datetime_of(moment, _zone(moment.offset))


def _utc_time(raw: bytes) -> time:
    return _time_of(_moment("timeonly", raw), UTC)


def _local_time(raw: bytes) -> time:
    return _time_of(_moment("localtime", raw), None)


def _tz_time(raw: bytes) -> time:
    moment = _moment("tztime", raw)
    return _time_of(moment, _zone(moment.offset))


def _date(raw: bytes) -> date:
    return date.fromordinal(_moment("date", raw).day)


def _month_year(raw: bytes) -> MonthYear:
    match = _MONTH_YEAR.fullmatch(raw)
    if match is None:
        raise ValueError(f"{EXPECTED['monthyear']} expected")
    _ordinal(match[1], match[2], match[3] or b"1")
    return MonthYear(int(match[1]), int(match[2]), int(match[3] or b"0"), int(match[4] or b"0"))


_PARSERS: dict[Kind, Callable[[bytes], Any]] = {
    "str": _text,
    "char": _char,
    "int": _int,
    "uint": _uint,
    "day": _day,
    "decimal": _decimal,
    "bool": _bool,
    "time": _utc_timestamp,
    "date": _date,
    "timeonly": _utc_time,
    "localtime": _local_time,
    "tztime": _tz_time,
    "tztimestamp": _tz_timestamp,
    "monthyear": _month_year,
    "tenor": _tenor,
    "chars": _chars,
    "strings": _strings,
    "data": bytes,
    "xml": bytes,
}
