# Reading values out of a stretch of fields: what messages and group entries have in common.
#
# PERF: reading is inline, so that each method has only the branch of its kind (m.int(38): 39 -> 32 ns).

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsLongAndOverflow
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint8_t, uint32_t

from fixfast.codec.convert cimport c_parse_scaled, c_parse_time
from fixfast.codec.numbers cimport short_float, short_int, short_scaled
from fixfast.codec.scan.kernels cimport ff_find

cdef extern from "text.h":
    str ff_text(const uint8_t* p, Py_ssize_t n)

# How a value is read; the order is that of KINDS in values.pyx.
cdef enum Kind:
    STR
    BYTES
    INT
    FLOAT
    DECIMAL
    SCALED
    BOOL
    TIME
    DATETIME

# Neither owns nor checks anything: whoever fills one keeps what it points at alive, and lets no Python code run
# between that and its last use.
cdef struct View:
    const uint8_t* base         # the message
    const int32_t* tags         # of the stretch
    uint32_t stride             # from a tag to the start of its value, and from there to its end
    uint32_t n                  # fields

# As default: raise FieldMissing.
cdef object missing

# Raises FieldMissing.
cdef object absent(object tag)
# Reads what is not read at once: large numbers, Decimals, datetimes, and wrong values, to say what is wrong.
cdef object read_slowly(const uint8_t* p, Py_ssize_t n, int32_t tag, Kind kind, int digits)
cdef int check_digits(int digits) except -1
# "scaled:5" -> SCALED and 5.
cdef Kind kind_of(object text, int* digits) except <Kind>-1


# A tag, any Python int; one that no message can hold if it does not fit.
cdef inline int32_t tag_of(object tag) except? -1:
    cdef int overflow = 0
    cdef long value = PyLong_AsLongAndOverflow(tag, &overflow)
    return INT32_MIN if overflow or not INT32_MIN < value <= INT32_MAX else <int32_t>value


# Its first place at or behind `first`, -1 if there is none.
cdef inline Py_ssize_t find(const View* view, uint32_t first, int32_t tag) noexcept nogil:
    return ff_find(view.tags, first, view.n, tag)


cdef inline const uint8_t* value_at(const View* view, Py_ssize_t i, Py_ssize_t* size) noexcept nogil:
    cdef const uint32_t* start = <const uint32_t*>view.tags + view.stride + i
    size[0] = start[view.stride] - start[0]
    return view.base + start[0]


cdef inline str text_at(const View* view, Py_ssize_t i):
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = value_at(view, i, &n)
    return ff_text(p, n)


cdef inline bytes bytes_at(const View* view, Py_ssize_t i):
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = value_at(view, i, &n)
    return PyBytes_FromStringAndSize(<const char*>p, n)


# A value of the field with this tag, which says what is wrong with it. `digits` (of SCALED) are 0 to 18.
cdef inline object convert(const uint8_t* p, Py_ssize_t n, int32_t tag, Kind kind, int digits):
    cdef int64_t value = 0
    cdef double number = 0
    if kind == STR:
        return ff_text(p, n)
    if kind == BYTES:
        return PyBytes_FromStringAndSize(<const char*>p, n)
    if kind == INT:
        if short_int(p, n, &value):
            return value
    elif kind == SCALED:
        if short_scaled(p, n, digits, &value) or not c_parse_scaled(p, n, digits, &value):
            return value
    elif kind == TIME:
        if not c_parse_time(p, n, &value):
            return value
    elif kind == FLOAT:
        if short_float(p, n, &number):
            return number
    elif kind == BOOL and n == 1 and p[0] == c'Y':
        return True
    elif kind == BOOL and n == 1 and p[0] == c'N':
        return False
    return read_slowly(p, n, tag, kind, digits)


# The value of `tag`, which `wanted` is the int32 of.
cdef inline object read(const View* view, int32_t wanted, object tag, Kind kind, int digits, object default):
    cdef Py_ssize_t i = find(view, 0, wanted)
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p
    if i < 0:
        return absent(tag) if default is missing else default
    p = value_at(view, i, &n)
    return convert(p, n, wanted, kind, digits)
