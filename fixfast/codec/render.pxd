# The buffer of a message under construction, and the writers of values. Inline what is hot: text, numbers, tags.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "put.h":
    bint ff_is_small(object number)
    int64_t ff_small(object number)
    int64_t ff_int64(object number, int* overflow) noexcept
    # each writes at out and returns the number of bytes
    Py_ssize_t ff_put_int(uint8_t* out, int64_t value) noexcept nogil
    # value / 10**decimals, decimals 1 to 19
    Py_ssize_t ff_put_decimals(uint8_t* out, uint64_t magnitude, int decimals) noexcept nogil
    # n > 0 bytes of a Python object; true if one is SOH
    uint64_t ff_copy(uint8_t* out, const uint8_t* p, Py_ssize_t n) noexcept nogil
    void ff_copy_blocks(uint8_t* out, const uint8_t* p, Py_ssize_t n) noexcept nogil

cdef extern from "put_out.h":
    # A message under construction: see there.
    ctypedef struct Out "ff_out":
        uint8_t* base
        uint8_t* p
        uint8_t* end
        uint8_t* heap
        int digits
        int refuse

    void ff_open(Out* o, uint8_t* stack, Py_ssize_t size, int digits) noexcept
    uint8_t* ff_put_time(Out* o, uint8_t* p, int64_t ns) noexcept
    uint8_t* ff_put_decimal(uint8_t* p, object number) noexcept
    uint8_t* ff_put_head(Out* o, object begin) noexcept
    object ff_message(const Out* o, const uint8_t* start)

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const uint8_t* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef enum:
    HEADROOM = 32       # as in put_out.h
    SLACK = 16          # FF_SLACK of put.h
    MAX_INT = 20
    MAX_TIME = 27
    STACK = 8192        # a body that fits here costs no malloc; nearly all messages do

cdef enum:
    TIME = 32           # kind of a tag (see write.pxd): an int is ns since the epoch


cdef int grow(Out* o, Py_ssize_t n) except -1
cdef int refuse(int tag, str detail) except -1
# of a text that is empty (n == 0) or holds SOH
cdef int refuse_text(int tag, Py_ssize_t n) except -1
cdef object utf8(int tag, object value)
cdef int put_big(Out* o, int tag, object mantissa, int exponent) except -1
# mantissa * 10**exponent for ints that are ints
cdef int put_mantissa(Out* o, int tag, object mantissa, int exponent) except -1
cdef int put_decimal(Out* o, int tag, object value) except -1
cdef int put_datetime(Out* o, int tag, object value) except -1
# a value of any type
cdef int put_other(Out* o, int tag, object value, int kind) except -1
# what is seldom written, or cannot be: dates, times of day, MonthYear, Tenor, a tuple of str ...
cdef int put_formatted(Out* o, int tag, object value) except -1
cdef int no_form(int tag, object value) except -1
# the value of an Enum member; anything else as it is
cdef object plain(int tag, object value)


cdef inline int room(Out* o, Py_ssize_t n) except -1:
    """Make sure that `n` bytes may be written at o.p, and SLACK too many."""
    if o.end - o.p < n:
        grow(o, n)
    return 0


cdef inline uint8_t* put_tag(uint8_t* out, int tag) noexcept nogil:
    """Write "tag="; up to 10 bytes."""
    if tag < 10:
        out[0] = <uint8_t>(c'0' + tag)
        out += 1
    elif tag < 100:
        out[0] = <uint8_t>(c'0' + <uint32_t>tag // 10)
        out[1] = <uint8_t>(c'0' + <uint32_t>tag % 10)
        out += 2
    else:
        out += ff_put_int(out, tag)
    out[0] = c'='
    return out + 1


# Each put_* writes the bytes of one value at o.p, without SOH but with room for it, or raises.


cdef inline int put(Out* o, int tag, const uint8_t* p, Py_ssize_t n) except -1:
    """Write text of a Python object: bytes in front of it are read, too (put.h)."""
    room(o, n + 1)
    if n == 0 or ff_copy(o.p, p, n):
        refuse_text(tag, n)
    o.p += n
    return 0


cdef inline int put_str(Out* o, int tag, object value) except -1:
    if PyUnicode_IS_COMPACT_ASCII(value):
        return put(o, tag, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
    return put_bytes(o, tag, utf8(tag, value))


cdef inline int put_bytes(Out* o, int tag, object value) except -1:
    return put(o, tag, <const uint8_t*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cdef inline int put_int(Out* o, int tag, object value) except -1:
    cdef int overflow = 0
    cdef int64_t number = ff_small(value) if ff_is_small(value) else PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return put_big(o, tag, value, 0)
    room(o, MAX_INT + 1)
    o.p += ff_put_int(o.p, number)
    return 0


cdef inline int64_t ns_of(int tag, object value) except? -1:
    """A time as an int that int64 holds."""
    cdef int overflow = 0
    cdef int64_t ns = ff_int64(value, &overflow)
    if overflow:
        refuse(tag, "ns since the epoch that do not fit 64 bits")
    return ns


cdef inline int put_time(Out* o, int tag, object value) except -1:
    room(o, MAX_TIME + 1)
    o.p = ff_put_time(o, o.p, ns_of(tag, value))
    return 0
