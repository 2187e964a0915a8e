# cython: language_level=3, binding=False
"""The buffer of a message under construction, and how values become text.

What is common - str, int, timestamps - is inline in render.pxd. Here is the rest, and every refusal of a value: one
EncodeError that names the tag and never holds the value, which may be a password.
"""

from cpython.bytes cimport PyBytes_Check
from cpython.datetime cimport (
    PyDateTime_Check,
    datetime,
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_second,
    datetime_tzinfo,
    datetime_year,
    get_utc,
    import_datetime,
)
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check
from cpython.object cimport PyObject_TypeCheck, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport malloc, realloc
from libc.string cimport memcpy

from datetime import date, time
from decimal import Decimal
from enum import Enum

from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Scaled

from fixfast.codec.verbatim import Verbatim
from fixfast.codec.convert cimport big_scaled, decimal_text
from fixfast.codec.digits cimport c_write_civil, c_write_scaled


__all__: list = []

import_datetime()

# Scaled is a tuple, too, but has been written by then.
cdef tuple FORMATTED = (date, time, tuple)

cdef enum:
    MAX_EXPONENT = 1000         # of a Scaled, either way: bounds the zeros it makes


cdef int grow(Out* o, Py_ssize_t n) except -1:
    cdef Py_ssize_t used = o.p - o.base
    cdef Py_ssize_t size = o.end - o.base + SLACK
    cdef uint8_t* block
    while size - used < n + SLACK:
        size *= 2
    block = <uint8_t*>(realloc(o.heap, size) if o.heap is not NULL else malloc(size))
    if block is NULL:
        raise MemoryError
    if o.heap is NULL:
        memcpy(block, o.base, used)
    o.heap = block
    o.base = block
    o.p = block + used
    o.end = block + size - SLACK
    return 0


cdef int refuse(int tag, str detail) except -1:
    raise EncodeError(tag, detail)


cdef int refuse_text(int tag, Py_ssize_t n) except -1:
    return refuse(tag, "the value holds SOH, the delimiter" if n else "the value is empty")


cdef object utf8(int tag, object value):
    """The bytes of a str; what parse() gave for bytes that are no UTF-8 becomes those bytes again."""
    cdef object data = None
    try:
        data = str.encode(value, "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        pass                    # the exception holds the value: do not chain it
    if data is None:
        refuse(tag, "the text holds a lone surrogate")
    return data


cdef int put_big(Out* o, int tag, object mantissa, int exponent) except -1:
    """An int outside int64."""
    cdef object text = None
    try:
        text = big_scaled(mantissa, exponent)
    except ValueError:          # above Python's own limit for int to str
        pass
    if text is None:
        refuse(tag, "the number has too many digits")
    return put_str(o, tag, text)


cdef int put_mantissa(Out* o, int tag, object mantissa, int exponent) except -1:
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(mantissa, &overflow)
    if overflow:
        return put_big(o, tag, mantissa, exponent)
    room(o, MAX_INT + 3 + (exponent if exponent >= 0 else -exponent))
    o.p += c_write_scaled(o.p, number, exponent)
    return 0


cdef int _put_scaled(Out* o, int tag, object value) except -1:
    cdef int overflow = 0
    cdef int64_t power
    if PyTuple_GET_SIZE(value) != 2:
        raise EncodeTypeError(tag, "Scaled takes two ints")
    mantissa = <object>PyTuple_GET_ITEM(value, 0)
    exponent = <object>PyTuple_GET_ITEM(value, 1)
    if not PyLong_Check(mantissa) or not PyLong_Check(exponent) or mantissa is True or mantissa is False:
        raise EncodeTypeError(tag, "Scaled takes two ints")
    power = PyLong_AsLongLongAndOverflow(exponent, &overflow)
    if overflow or not -MAX_EXPONENT <= power <= MAX_EXPONENT:
        refuse(tag, f"the exponent of a Scaled is at most {MAX_EXPONENT}")
    return put_mantissa(o, tag, mantissa, <int>power)


cdef int put_decimal(Out* o, int tag, object value) except -1:
    cdef object text = None
    cdef str detail = ""
    try:
        text = decimal_text(value)
    except ValueError as error:
        detail = str(error)
    if text is None:
        refuse(tag, detail)
    return put_str(o, tag, text)


cdef int put_datetime(Out* o, int tag, object value) except -1:
    cdef object moment = None
    if datetime_tzinfo(value) is get_utc():
        moment = value
    else:
        if value.utcoffset() is None:
            refuse(tag, "a datetime without time zone: FIX timestamps are UTC")
        try:
            moment = datetime.astimezone(value, get_utc())
        except OverflowError:
            pass
        # a subclass may answer with anything
        if moment is None or not PyDateTime_Check(moment):
            refuse(tag, "a datetime whose UTC is outside the years 1 to 9999")
    room(o, MAX_TIME + 1)
    o.p += c_write_civil(
        o.p, datetime_year(moment), datetime_month(moment), datetime_day(moment),
        datetime_hour(moment) * 3600 + datetime_minute(moment) * 60 + datetime_second(moment),
        datetime_microsecond(moment) * 1000, o.digits,
    )
    return 0


cdef int put_other(Out* o, int tag, object value, int kind) except -1:
    if type(value) is Decimal:
        return put_decimal(o, tag, value)
    if type(value) is Scaled:
        return _put_scaled(o, tag, value)
    value = plain(tag, value)
    if PyBytes_Check(value):
        return put_bytes(o, tag, value)
    if PyUnicode_Check(value):
        return put_str(o, tag, value)
    if value is True or value is False:
        room(o, 2)
        o.p[0] = c'Y' if value is True else c'N'
        o.p += 1
        return 0
    if PyLong_Check(value):
        return put_time(o, tag, value) if kind & TIME else put_int(o, tag, value)
    if PyObject_TypeCheck(value, <PyTypeObject*>Scaled):
        return _put_scaled(o, tag, value)
    if PyObject_TypeCheck(value, <PyTypeObject*>Decimal):
        return put_decimal(o, tag, value)
    if PyDateTime_Check(value):
        return put_datetime(o, tag, value)
    return put_formatted(o, tag, value)


cdef int put_formatted(Out* o, int tag, object value) except -1:
    """Dates, times of day, MonthYear, Tenor, tuples of str, Verbatim; anything else has no form."""
    if type(value) is Verbatim:
        return _put_verbatim(o, value.data)
    if not isinstance(value, FORMATTED):
        return no_form(tag, value)
    # here: it compiles patterns, and most programs write none of these
    from fixfast.codec.formatting import format_value

    cdef object raw = None
    cdef object failure = None
    cdef str detail = ""
    try:
        raw = format_value("str", value, o.digits)
    except (TypeError, ValueError) as error:
        failure, detail = EncodeTypeError if isinstance(error, TypeError) else EncodeError, str(error)
    if failure is not None:
        raise failure(tag, detail)
    return put_bytes(o, tag, <bytes?>raw)


cdef int _put_verbatim(Out* o, object data) except -1:
    cdef bytes text = data
    cdef Py_ssize_t n = PyBytes_GET_SIZE(text)
    room(o, n + 1)
    memcpy(o.p, PyBytes_AS_STRING(text), n)
    o.p += n
    return 0


cdef object plain(int tag, object value):
    # PERF: not isinstance(), which EnumMeta sends through a slow path (70 -> 31 ns a member); nor .value, a descriptor
    if not PyObject_TypeCheck(value, <PyTypeObject*>Enum):
        return value
    value = value._value_
    if PyObject_TypeCheck(value, <PyTypeObject*>Enum):
        raise EncodeTypeError(tag, "an Enum member whose value is an Enum member")
    return value


cdef int no_form(int tag, object value) except -1:
    if value is None:
        raise EncodeTypeError(tag, "None is no value: leave the field out")
    if isinstance(value, float):
        raise EncodeTypeError(tag, "float has no exact form in FIX: give a Decimal, a Scaled or the text")
    raise EncodeTypeError(tag, f"{type(value).__name__} has no exact form in FIX")
