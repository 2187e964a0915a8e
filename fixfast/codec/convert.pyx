# cython: language_level=3, binding=False
"""Conversions between FIX text and Python numbers, exact in both directions.

Wire forms (FIX 4.4 vol. 1, "FIX data types"): int is -?[0-9]+, float is digits with at most one point and no exponent,
UTCTimestamp is YYYYMMDD-HH:MM:SS[.fraction]. Leading zeros are fine, a plus sign, spaces and exponents are not.
Bad text is a ValueError that never holds the text itself: the value may be a password.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport datetime_new, get_utc, import_datetime
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport INT32_MAX, INT64_MAX, UINT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
cimport cython

from decimal import Decimal

from fixfast.codec.digits cimport MAX_INT, MAX_TIME, c_write_scaled, c_write_time, civil_from_days, ff_ten_to

cdef extern from "put.h":
    ctypedef struct ff_decimal:
        pass
    object ff_new_decimal(object model, int negative, int64_t mantissa, Py_ssize_t exponent)

__all__ = [
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

import_datetime()

cdef enum:
    MAX_INT_DIGITS = 40         # of m.int(): wider than any FIX type, narrow enough to stay cheap
    MAX_PLAIN = 1024            # characters of a Decimal in plain notation: bounds Decimal("1E+999999")

# 10**0 .. 10**22: every power of ten that a double holds exactly
cdef double[23] EXACT_TEN = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


# --- text -> number ------------------------------------------------------------------------------------------


cdef inline int _signed(uint64_t magnitude, bint negative, int64_t* out) noexcept nogil:
    """Give `magnitude` its sign, -2 if int64 cannot hold it."""
    if magnitude > <uint64_t>INT64_MAX + negative:
        return -2
    # 0 - x in unsigned arithmetic: negating INT64_MIN's magnitude as a signed number would be undefined
    out[0] = <int64_t>(<uint64_t>0 - magnitude) if negative else <int64_t>magnitude
    return 0


cdef inline bint _push(uint64_t* v, uint32_t digit) noexcept nogil:
    """v = v * 10 + digit; true if that overflows."""
    if v[0] > (UINT64_MAX - digit) // 10:
        return True
    v[0] = v[0] * 10 + digit
    return False


cdef int c_parse_int(const uint8_t* p, Py_ssize_t n, int64_t* out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef uint64_t v = 0
    cdef uint32_t d
    cdef bint negative = n > 0 and p[0] == c'-'
    cdef bint overflow = False
    if negative:
        i = 1
    if i >= n:
        return -1
    while i < n:
        d = <uint32_t>p[i] - c'0'
        if d > 9:
            return -1
        overflow = overflow or _push(&v, d)
        i += 1
    return -2 if overflow else _signed(v, negative, out)


cdef int c_parse_scaled(const uint8_t* p, Py_ssize_t n, int digits, int64_t* out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t seen = 0
    cdef uint64_t v = 0
    cdef uint32_t d
    cdef int places = -1        # digits after the point, -1 before it
    cdef int worst = 0
    cdef bint negative = n > 0 and p[0] == c'-'
    if negative:
        i = 1
    while i < n:
        if p[i] == c'.':
            if places >= 0:
                return -1
            places = 0
        else:
            d = <uint32_t>p[i] - c'0'
            if d > 9:
                return -1
            seen += 1
            if places >= digits:            # finer than asked for: only zeros may stand there
                if d:
                    worst = -3
            else:
                if places >= 0:
                    places += 1
                if _push(&v, d) and worst == 0:
                    worst = -2
        i += 1
    if seen == 0:
        return -1
    if worst:
        return worst
    if v:                       # 0 needs no shift, and anything else overflows after at most 19 steps
        if places < 0:
            places = 0
        while places < digits:
            if _push(&v, 0):
                return -2
            places += 1
    return _signed(v, negative, out)


cdef int c_parse_mantissa(const uint8_t* p, Py_ssize_t n, int64_t* mantissa, int32_t* exponent) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t seen = 0
    cdef Py_ssize_t point = -1
    cdef uint64_t v = 0
    cdef uint32_t d
    cdef bint negative = n > 0 and p[0] == c'-'
    cdef bint overflow = False
    if negative:
        i = 1
    while i < n:
        d = <uint32_t>p[i] - c'0'
        if d <= 9:
            seen += 1
            overflow = overflow or _push(&v, d)
        elif p[i] == c'.' and point < 0:
            point = i
        else:
            return -1
        i += 1
    if seen == 0:
        return -1
    if overflow or (point >= 0 and n - point - 1 > INT32_MAX):
        return -2
    exponent[0] = <int32_t>(point + 1 - n) if point >= 0 else 0
    return _signed(v, negative, mantissa)


# --- dates ---------------------------------------------------------------------------------------------------
# The proleptic Gregorian calendar in years that begin on March 1st, so that the leap day is the last of its year.
# Day 0 is 1970-01-01, which is day 719,468 after 0000-03-01.


@cython.cdivision(True)             # nothing is negative here
cdef inline int64_t _days_from_civil(uint32_t year, uint32_t month, uint32_t day) noexcept nogil:
    """Years 1 to 9999. PERF: divisors that are known, of 32 bits without a sign: 4 ns less than in int64."""
    cdef uint32_t century
    if month <= 2:
        year -= 1
        month += 12
    century = year // 100
    return (
        <int64_t>(year * 365 + (year >> 2) - century + (century >> 2) + (153 * (month - 3) + 2) // 5 + day) - 719469
    )


cdef inline uint32_t _two(const uint8_t* p, uint32_t* bad) noexcept nogil:
    """Two digits as a number; `bad` collects a bit above 0x0F for anything that is no digit."""
    cdef uint32_t a = <uint32_t>p[0] - c'0'
    cdef uint32_t b = <uint32_t>p[1] - c'0'
    bad[0] |= (a > 9) | (b > 9)
    return a * 10 + b


cdef int _parse_seconds(const uint8_t* p, Py_ssize_t n, int64_t* seconds, int64_t* fraction) noexcept nogil:
    """Years 1 to 9999: seconds since the epoch, and ns on top of them."""
    cdef uint32_t bad = 0
    cdef uint32_t year, month, day, hour, minute, second, last, d
    cdef int64_t nanos = 0
    cdef Py_ssize_t i
    if n != 17 and (n < 19 or n > 30 or p[17] != c'.'):
        return -1
    year = _two(p, &bad) * 100 + _two(p + 2, &bad)
    month = _two(p + 4, &bad)
    day = _two(p + 6, &bad)
    hour = _two(p + 9, &bad)
    minute = _two(p + 12, &bad)
    second = _two(p + 15, &bad)
    if bad or p[8] != c'-' or p[11] != c':' or p[14] != c':':
        return -1
    if n > 17:
        for i in range(18, n):
            d = <uint32_t>p[i] - c'0'
            if d > 9:
                return -1
            if i < 27:                      # ps and finer are cut off
                nanos = nanos * 10 + d
        if n < 27:
            nanos *= <int64_t>ff_ten_to[27 - n]
    # second 60: a leap second is the first of the next minute (row C10)
    if year < 1 or month < 1 or month > 12 or day < 1 or hour > 23 or minute > 59 or second > 60:
        return -2
    if day > 28:
        if month == 2:
            last = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
        else:
            last = 30 + ((month + (month >> 3)) & 1)
        if day > last:
            return -2
    seconds[0] = _days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    fraction[0] = nanos
    return 0


cdef int c_parse_time(const uint8_t* p, Py_ssize_t n, int64_t* ns) noexcept nogil:
    cdef int64_t total = 0, nanos = 0
    cdef int rc = _parse_seconds(p, n, &total, &nanos)
    if rc:
        return rc
    # int64 ns reach from 1677-09-21T00:12:43.145224192 to 2262-04-11T23:47:16.854775807
    if total > <int64_t>9223372036 or (total == <int64_t>9223372036 and nanos > 854775807):
        return -2
    if total < -<int64_t>9223372037 or (total == -<int64_t>9223372037 and nanos < 145224192):
        return -2
    if total < 0:                           # one second later, one second back: the product stays inside int64
        ns[0] = (total + 1) * 1000000000 + (nanos - 1000000000)
    else:
        ns[0] = total * 1000000000 + nanos
    return 0


# --- text -> Python ------------------------------------------------------------------------------------------


cdef object to_int(const uint8_t* p, Py_ssize_t n):
    cdef int64_t value = 0
    cdef int rc = c_parse_int(p, n, &value)
    if rc == -1:
        raise ValueError("digits with an optional minus expected")
    if n - (p[0] == c'-') > MAX_INT_DIGITS:
        raise ValueError(f"more than {MAX_INT_DIGITS} digits")
    if rc == 0:
        return value
    return int(PyUnicode_DecodeASCII(<const char*>p, n, NULL))


cdef object to_float(const uint8_t* p, Py_ssize_t n):
    cdef int64_t mantissa = 0
    cdef int32_t exponent = 0
    cdef double value
    cdef int rc = c_parse_mantissa(p, n, &mantissa, &exponent)
    if rc == -1:
        raise ValueError("digits with at most one point expected")
    # PERF: both operands exact, so one division rounds once, as strtod does (61 ns against 191 through a str)
    if rc == 0 and -(<int64_t>1 << 53) <= mantissa <= (<int64_t>1 << 53) and exponent >= -22:
        value = <double>mantissa / EXACT_TEN[-exponent]
        return -0.0 if mantissa == 0 and p[0] == c'-' else value
    value = float(PyUnicode_DecodeASCII(<const char*>p, n, NULL))
    if value - value != 0.0:
        raise ValueError("too large for a float")
    return value


cdef object _model_decimal():
    """Return a Decimal to make others of; None: they are not laid out as ff_decimal in put.h, or come out wrong."""
    cdef object model = Decimal(1)      # nobody has asked for its hash
    if not isinstance(Decimal, type) or Decimal.__basicsize__ != sizeof(ff_decimal) or Decimal.__itemsize__:
        return None
    for mantissa, exponent in ((0, 0), (0, -2), (150, -2), (-7, -18), (INT64_MAX, 0), (-INT64_MAX - 1, -9), (10, 0)):
        made = ff_new_decimal(model, mantissa < 0, mantissa, exponent)
        known = Decimal((int(mantissa < 0), tuple([int(digit) for digit in str(abs(mantissa))]), exponent))
        if type(made) is not Decimal or (hash(made), repr(made), made * 3) != (hash(known), repr(known), known * 3):
            return None
    return model


cdef object MODEL = _model_decimal()    # never written again


cdef object to_decimal(const uint8_t* p, Py_ssize_t n):
    cdef int64_t mantissa = 0
    cdef int32_t exponent = 0
    cdef int rc = c_parse_mantissa(p, n, &mantissa, &exponent)
    # Decimal() alone would let exponents, NaN, underscores and spaces through
    if rc == -1:
        raise ValueError("digits with at most one point expected")
    if rc == 0 and MODEL is not None:
        return ff_new_decimal(MODEL, p[0] == c'-', mantissa, exponent)
    return Decimal(PyUnicode_DecodeASCII(<const char*>p, n, NULL))


cdef int _time_or_raise(const uint8_t* p, Py_ssize_t n, int64_t* ns) except -1:
    cdef int rc = c_parse_time(p, n, ns)
    if rc == -1:
        raise ValueError("YYYYMMDD-HH:MM:SS with 0 to 12 decimals expected")
    if rc:
        raise ValueError("no such time, or outside 1677-09-21 to 2262-04-11")
    return 0


cdef object to_datetime(const uint8_t* p, Py_ssize_t n):
    cdef int64_t total = 0, nanos = 0
    cdef int64_t days
    cdef int year, month, day, rest
    cdef int rc = _parse_seconds(p, n, &total, &nanos)
    if rc == -1:
        raise ValueError("YYYYMMDD-HH:MM:SS with 0 to 12 decimals expected")
    if rc or total > <int64_t>253402300799:     # a leap second may lead out of the year 9999
        raise ValueError("no such time")
    days = total // 86400
    rest = <int>(total - days * 86400)
    civil_from_days(days, &year, &month, &day)
    return datetime_new(
        year, month, day, rest // 3600, rest // 60 % 60, rest % 60, <int>(nanos // 1000), get_utc()
    )


# --- number -> text ------------------------------------------------------------------------------------------


cdef object decimal_text(object value):
    cdef str text = str(value) if type(value) is Decimal else Decimal.__str__(value)
    cdef Py_UCS4 c
    cdef bint plain = True
    for c in text:
        if c > c'9':                        # the E of an exponent, or a letter of NaN, sNaN, Infinity
            plain = False
            break
    if not plain:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int):
            raise ValueError("NaN and Infinity have no FIX form")
        if value.adjusted() > MAX_PLAIN or exponent < -MAX_PLAIN:       # judged before the zeros are written
            raise ValueError(f"more than {MAX_PLAIN} characters without exponent")
        text = Decimal.__format__(value, "f")
    if len(text) > MAX_PLAIN:
        raise ValueError(f"more than {MAX_PLAIN} characters without exponent")
    return text


# --- the Python interface ------------------------------------------------------------------------------------


cdef inline const uint8_t* _data(bytes value) noexcept:
    return <const uint8_t*>PyBytes_AS_STRING(value)


def parse_int(bytes value not None):
    """Return the int that `value` spells.

    Args: value: -?[0-9]+, up to 40 digits.
    Raises: ValueError: any other text.
    """
    return to_int(_data(value), PyBytes_GET_SIZE(value))


def parse_float(bytes value not None):
    """Return the nearest float of a FIX decimal number.

    Args: value: digits with an optional minus and at most one point ("1.5", ".5", "5.").
    Raises: ValueError: any other text, exponents, "nan" and numbers above 1.8e308 included.
    """
    return to_float(_data(value), PyBytes_GET_SIZE(value))


def parse_decimal(bytes value not None):
    """Return the Decimal that `value` spells, its trailing zeros kept ("1.50" has exponent -2).

    Args: value: as parse_float().
    Raises: ValueError: any other text.
    """
    return to_decimal(_data(value), PyBytes_GET_SIZE(value))


def parse_scaled(bytes value not None, int digits):
    """Return value * 10**digits as an int; refuses to round.

    Args: value: as parse_float(). digits: 0 to 18, the decimals to keep ("1.25" with 4 is 12500).
    Raises: ValueError: any other text, more decimals than `digits` (zeros aside), a result outside int64.
    """
    cdef int64_t result = 0
    cdef int rc
    if not 0 <= digits <= 18:
        raise ValueError("digits must be 0 to 18")
    rc = c_parse_scaled(_data(value), PyBytes_GET_SIZE(value), digits, &result)
    if rc == 0:
        return result
    if rc == -1:
        raise ValueError("digits with at most one point expected")
    raise ValueError("does not fit 64 bits" if rc == -2 else f"more than {digits} decimals")


def parse_bool(bytes value not None):
    """Return True for b"Y", False for b"N".

    Raises: ValueError: any other text.
    """
    if value == b"Y":
        return True
    if value == b"N":
        return False
    raise ValueError("Y or N expected")


def parse_datetime(bytes value not None):
    """Return a UTCTimestamp as an aware datetime in UTC, cut off (not rounded) to microseconds.

    Args: value: as parse_time_ns(), but any year from 1 to 9999: venues write 99991231 for an order without end.
    Raises: ValueError: not a UTCTimestamp, or no such time.
    """
    return to_datetime(_data(value), PyBytes_GET_SIZE(value))


def parse_time_ns(bytes value not None):
    """Return a UTCTimestamp as ns since 1970-01-01T00:00:00Z.

    Args: value: YYYYMMDD-HH:MM:SS with 0 to 12 decimals; what is finer than a ns is cut off. Second 60 (a leap
        second) is the first second of the next minute, as in POSIX time.
    Raises: ValueError: any other text, a date that does not exist, a time before 1677-09-21 or after 2262-04-11.
    """
    cdef int64_t ns = 0
    _time_or_raise(_data(value), PyBytes_GET_SIZE(value), &ns)
    return ns


def format_time(ns, int digits=3):
    """Return a UTCTimestamp.

    Args: ns: an int, since 1970-01-01T00:00:00Z. digits: of the fraction, 0, 3, 6 or 9; finer is cut off, not rounded.
    Raises: ValueError: other digits, or ns outside int64. TypeError: ns is no int.
    """
    cdef uint8_t[MAX_TIME] text
    cdef int overflow = 0
    cdef int64_t value
    if digits not in (0, 3, 6, 9):
        raise ValueError("digits must be 0, 3, 6 or 9")
    value = _int64(ns, &overflow)
    if overflow:
        raise ValueError("outside 1677-09-21 to 2262-04-11")
    return PyBytes_FromStringAndSize(<char*>text, c_write_time(text, value, digits))


def format_scaled(mantissa, int digits):
    """Return mantissa / 10**digits with exactly that many decimals: (123450, 5) is b"1.23450".

    Args: mantissa: an int of any size. digits: 0 to 1000.
    Raises: ValueError: other digits. TypeError: mantissa is no int.
    """
    cdef uint8_t[MAX_INT + 2 + 1000] text
    cdef int overflow = 0
    cdef int64_t value
    if not 0 <= digits <= 1000:
        raise ValueError("digits must be 0 to 1000")
    value = _int64(mantissa, &overflow)
    if overflow:
        return big_scaled(mantissa, -digits).encode("ascii")
    return PyBytes_FromStringAndSize(<char*>text, c_write_scaled(text, value, -digits))


def format_decimal(value):
    """Return a number in plain notation, exact, without exponent.

    Args: value: a finite Decimal, or an int.
    Raises: ValueError: NaN, Infinity, or more than 1024 characters. TypeError: any other type, float above all.
    """
    if isinstance(value, Decimal):
        return decimal_text(value).encode("ascii")
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value).encode("ascii")
    raise TypeError(f"a Decimal or an int expected, not {type(value).__name__}")


cdef int64_t _int64(object value, int* overflow) except? -1:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"an int expected, not {type(value).__name__}")
    return PyLong_AsLongLongAndOverflow(value, overflow)


cdef object big_scaled(object mantissa, int exponent):
    """mantissa * 10**exponent in plain notation, for a mantissa outside int64."""
    cdef str text = int.__repr__(abs(mantissa))
    if exponent < 0:
        text = text.rjust(1 - exponent, "0")
        text = f"{text[:exponent]}.{text[exponent:]}"
    else:
        text += "0" * exponent
    return "-" + text if mantissa < 0 else text
