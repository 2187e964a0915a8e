"""Values of FIX fields to Python values and back, in plain Python.

Grammar of numbers: an optional '-', then digits with at most one '.' (".5" and "5." are fine). No '+', no exponent,
no blanks.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

__all__ = [
    "check_scale",
    "format_decimal",
    "format_scaled",
    "format_time",
    "parse_bool",
    "parse_datetime",
    "parse_decimal",
    "parse_float",
    "parse_int",
    "parse_scaled",
    "parse_time_ns",
]

#: More digits than any FIX int has; bounds the quadratic cost of int() on hostile input.
_MAX_INT_DIGITS = 40
_MAX_SCALE = 18
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_NS = 1_000_000_000
_EPOCH_DATETIME = datetime(1970, 1, 1, tzinfo=UTC)

# re.ASCII is implied: the patterns are bytes. \Z and not $, which would let a final newline pass.
_INT = re.compile(rb"-?[0-9]+\Z")
_DECIMAL = re.compile(rb"-?([0-9]+\.?[0-9]*|\.[0-9]+)\Z")
_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)-(\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?\Z")


def parse_int(b: bytes) -> int:
    """Return the int in `b`.

    Raises: ValueError: not an optional '-' and 1 to 40 digits.
    """
    if not _INT.match(b):
        raise ValueError("not digits with an optional '-'")
    if len(b.lstrip(b"-")) > _MAX_INT_DIGITS:
        raise ValueError(f"more than {_MAX_INT_DIGITS} digits")
    return int(b)


def parse_float(b: bytes) -> float:
    """Return the float nearest to the decimal number in `b`.

    Raises: ValueError: not a decimal number, or too large for a float.
    """
    value = float(_decimal_text(b))
    if value in (float("inf"), float("-inf")):
        raise ValueError("too large for a float")
    return value


def parse_decimal(b: bytes) -> Decimal:
    """Return the decimal number in `b`, exactly, trailing zeros kept.

    Raises: ValueError: not a decimal number.
    """
    return Decimal(_decimal_text(b))


def parse_scaled(b: bytes, digits: int) -> int:
    """Return the number in `b` times 10**digits; never rounds.

    Raises: ValueError: not a decimal number, not a whole number after scaling, beyond 64 bits, or `digits` not 0 to 18.
    """
    check_scale(digits)
    text = _decimal_text(b)
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    if fraction[digits:].strip("0"):
        raise ValueError(f"more than {digits} decimals")
    # 41 significant digits are as much too large as 41,000 are
    value = sign * int((whole + fraction[:digits].ljust(digits, "0")).lstrip("0")[: _MAX_INT_DIGITS + 1] or "0")
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise ValueError("does not fit 64 bits")
    return value


def check_scale(digits: int) -> None:
    """Refuse a number of decimals that 64 bits cannot hold.

    Raises: ValueError: `digits` not 0 to 18.
    """
    if not 0 <= digits <= _MAX_SCALE:
        raise ValueError(f"digits must be 0 to {_MAX_SCALE}")


def parse_bool(b: bytes) -> bool:
    """Return True for Y and False for N.

    Raises: ValueError: anything else.
    """
    if b not in (b"Y", b"N"):
        raise ValueError("not Y or N")
    return b == b"Y"


def parse_time_ns(b: bytes) -> int:
    """Return a UTCTimestamp (YYYYMMDD-HH:MM:SS, 1 to 12 decimals) in ns since the Unix epoch.

    Digits beyond ns are cut off. Second 60 is the next second.

    Raises: ValueError: not a UTCTimestamp, no such day or time, or outside 1677 to 2262 (64 bits of ns).
    """
    moment, nanos = _parse_moment(b)
    value = (moment - _EPOCH_DATETIME) // timedelta(seconds=1) * _NS + nanos
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise ValueError("outside 1677 to 2262")
    return value


def parse_datetime(b: bytes) -> datetime:
    """Return a UTCTimestamp as an aware datetime in UTC, digits beyond microseconds cut off.

    Any year from 1 to 9999: venues write 99991231 for an order without end.

    Raises: ValueError: not a UTCTimestamp, no such day or time.
    """
    moment, nanos = _parse_moment(b)
    return moment + timedelta(microseconds=nanos // 1000)


def _parse_moment(b: bytes) -> tuple[datetime, int]:
    """Return (the whole second, ns on top of it)."""
    match = _TIME.match(b)
    if not match:
        raise ValueError("not YYYYMMDD-HH:MM:SS with up to 12 decimals")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if second > 60:
        raise ValueError("no such time of day")
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
    except (ValueError, OverflowError) as error:
        raise ValueError("no such time") from error
    return moment, int((match[7] or b"").ljust(9, b"0")[:9])


def format_time(ns: int, digits: int) -> bytes:
    """Return ns since the Unix epoch as a UTCTimestamp with 0, 3, 6 or 9 decimals, further ones cut off.

    Raises: ValueError: other `digits`, or `ns` outside 64 bits.
    """
    if digits not in (0, 3, 6, 9):
        raise ValueError("digits must be 0, 3, 6 or 9")
    if not _INT64_MIN <= ns <= _INT64_MAX:
        raise ValueError("time outside 1677 to 2262")
    seconds, nanos = divmod(ns, _NS)
    moment = _EPOCH_DATETIME + timedelta(seconds=seconds)
    text = moment.strftime("%Y%m%d-%H:%M:%S")
    if digits:
        text += "." + f"{nanos:09d}"[:digits]
    return text.encode()


def format_decimal(x: Decimal) -> bytes:
    """Return `x` exactly, without an exponent.

    Raises: ValueError: NaN or infinite.
    """
    if not x.is_finite():
        raise ValueError("not a finite number")
    return format(x, "f").encode()


def format_scaled(mantissa: int, digits: int) -> bytes:
    """Return mantissa / 10**digits with exactly that many decimals.

    Raises: ValueError: `digits` is negative.
    """
    if digits < 0:
        raise ValueError("digits must not be negative")
    sign = "-" if mantissa < 0 else ""
    text = str(abs(mantissa)).rjust(digits + 1, "0")
    if digits:
        text = text[:-digits] + "." + text[-digits:]
    return (sign + text).encode()


def _decimal_text(b: bytes) -> str:
    if not _DECIMAL.match(b):
        raise ValueError("not a decimal number")
    return b.decode()
