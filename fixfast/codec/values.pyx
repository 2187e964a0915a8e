# cython: language_level=3, binding=False
"""Reading values out of a stretch of fields. A look-up gives the first field with a tag."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsLongAndOverflow
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint8_t, uint32_t

from fixfast.codec.scan.kernels cimport ff_find
from fixfast.codec.convert cimport c_parse_int, c_parse_mantissa, c_parse_scaled, c_parse_time, to_decimal, to_float

cdef extern from "Python.h":
    str PyUnicode_DecodeUTF8(const char* s, Py_ssize_t size, const char* errors)

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
    SHORT = 18                  # digits that fit an int64, whatever they are
    SURELY_FINITE = 300         # digits that fit a double


cdef int32_t tag_of(object tag) except? -1:
    cdef int overflow = 0
    cdef long value = PyLong_AsLongAndOverflow(tag, &overflow)
    return INT32_MIN if overflow or not INT32_MIN < value <= INT32_MAX else <int32_t>value


cdef Py_ssize_t find(const View* view, uint32_t first, int32_t tag) noexcept nogil:
    return ff_find(view.tags, first, view.n, tag)


cdef inline const uint8_t* _value(const View* view, Py_ssize_t i, Py_ssize_t* size) noexcept nogil:
    cdef const uint32_t* start = <const uint32_t*>view.tags + view.stride + i
    size[0] = start[view.stride] - start[0]
    return view.base + start[0]


cdef str text_at(const View* view, Py_ssize_t i):
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = _value(view, i, &n)
    return PyUnicode_DecodeUTF8(<const char*>p, n, "surrogateescape")


cdef bytes bytes_at(const View* view, Py_ssize_t i):
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = _value(view, i, &n)
    return PyBytes_FromStringAndSize(<const char*>p, n)


cdef object read(const View* view, int32_t wanted, object tag, Kind kind, int digits, object default):
    cdef Py_ssize_t i = find(view, 0, wanted)
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p
    cdef int64_t value = 0
    cdef int32_t exponent = 0
    cdef int rc = -1
    if i < 0:
        if default is missing:
            raise FieldMissing(tag)
        return default
    p = _value(view, i, &n)
    if kind == STR:
        return PyUnicode_DecodeUTF8(<const char*>p, n, "surrogateescape")
    if kind == BYTES:
        return PyBytes_FromStringAndSize(<const char*>p, n)
    if kind == INT:
        if n <= SHORT:
            rc = c_parse_int(p, n, &value)
    elif kind == SCALED:
        rc = c_parse_scaled(p, n, digits, &value)
    elif kind == TIME:
        rc = c_parse_time(p, n, &value)
    elif kind == FLOAT or kind == DECIMAL:
        # These two must not raise here: making an exception may run a finalizer, which may detach the message under us.
        if n <= SURELY_FINITE and c_parse_mantissa(p, n, &value, &exponent) != -1:
            return to_float(p, n) if kind == FLOAT else to_decimal(p, n)
    elif kind == BOOL and n == 1 and p[0] == c'Y':
        return True
    elif kind == BOOL and n == 1 and p[0] == c'N':
        return False
    if rc == 0:
        return value
    return _read_slowly(PyBytes_FromStringAndSize(<const char*>p, n), wanted, kind, digits)


cdef object _read_slowly(bytes raw, int32_t tag, Kind kind, int digits):
    """Read what is not read fast: large numbers, datetimes, and wrong values, to say what is wrong."""
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
