# cython: language_level=3, binding=False
"""Reading values out of a stretch of fields. A look-up gives the first field with a tag."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t

from fixfast.codec.convert cimport c_parse_mantissa, to_decimal, to_float

from fixfast.codec.convert import (
    parse_bool, parse_datetime, parse_decimal, parse_float, parse_int, parse_scaled, parse_time_ns
)
from fixfast.errors import FieldFormatError, FieldMissing

__all__ = ["KINDS"]

#: The kinds of getter(); "scaled" is written with its digits, as in "scaled:5".
KINDS = ("str", "bytes", "int", "float", "decimal", "scaled", "bool", "time", "datetime")

cdef tuple _KINDS = KINDS
cdef object missing = object()

cdef enum:
    SURELY_FINITE = 300         # digits that fit a double


cdef object absent(object tag):
    raise FieldMissing(tag)


cdef object read_slowly(const uint8_t* p, Py_ssize_t n, int32_t tag, Kind kind, int digits):
    cdef int64_t value = 0
    cdef int32_t exponent = 0
    if (kind == FLOAT or kind == DECIMAL) and n <= SURELY_FINITE:
        # These two must not raise here: making an exception may run a finalizer, which may detach the message under us.
        if c_parse_mantissa(p, n, &value, &exponent) != -1:
            return to_float(p, n) if kind == FLOAT else to_decimal(p, n)
    return _read_text(PyBytes_FromStringAndSize(<const char*>p, n), tag, kind, digits)


cdef object _read_text(bytes raw, int32_t tag, Kind kind, int digits):
    try:
        if kind == INT:
            return parse_int(raw)
        if kind == DECIMAL:
            return parse_decimal(raw)
        if kind == FLOAT:
            return parse_float(raw)
        if kind == SCALED:
            return parse_scaled(raw, digits)
        if kind == BOOL:
            return parse_bool(raw)
        if kind == TIME:
            return parse_time_ns(raw)
        return parse_datetime(raw)
    except ValueError as error:
        raise FieldFormatError(tag, _KINDS[<int>kind], raw, str(error)) from None


cdef int check_digits(int digits) except -1:
    if not 0 <= digits <= 18:
        raise ValueError("digits must be 0 to 18")
    return 0


cdef Kind kind_of(object text, int* digits) except <Kind>-1:
    cdef str rest
    digits[0] = 0
    if not isinstance(text, str):
        raise TypeError(f"a kind is a str, not {type(text).__name__}")
    if text.startswith("scaled:"):
        rest = text[7:]
        if rest.isascii() and rest.isdigit():
            digits[0] = int(rest[:9])
            check_digits(digits[0])
            return SCALED
    elif text != "scaled" and text in KINDS:
        return <Kind><int>_KINDS.index(text)
    raise ValueError(f"unknown kind {text!r}: {', '.join(KINDS)} (scaled with its digits, as in scaled:5)")
