# The buffer of a message under construction, and the writers of values. Inline what is hot: text, numbers, tags.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fixfast.codec.digits cimport MAX_INT, MAX_TIME, c_write_int, c_write_time

# PERF: an int below 2**30 without a call (NOS 242 -> 210 ns). The layout of int is private before 3.12.
cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030C0000
    #define ff_is_small(o) PyUnstable_Long_IsCompact((PyLongObject *)(o))
    #define ff_small(o) ((int64_t)PyUnstable_Long_CompactValue((PyLongObject *)(o)))
    #else
    #define ff_is_small(o) ((size_t)(Py_SIZE(o) + 1) <= 2)
    #define ff_small(o) (Py_SIZE(o) ? Py_SIZE(o) * (int64_t)((PyLongObject *)(o))->ob_digit[0] : 0)
    #endif
    """
    bint ff_is_small(object number)
    int64_t ff_small(object number)

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    const uint8_t* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef enum:
    HEADROOM = 32       # "8=" + 13 + SOH + "9=" + 8 + SOH is 27
    STACK = 2048        # a body that fits here costs no malloc; nine of ten messages do

cdef enum:
    TIME = 32           # kind of a tag (see write.pxd): an int is ns since the epoch


# A message under construction. HEADROOM bytes in front of the body stay free for 8= and 9=, which are written
# backwards once the length is known.
cdef struct Out:
    uint8_t* base       # first byte of the buffer
    uint8_t* p          # where the next byte goes
    uint8_t* end        # behind the last byte of the buffer
    uint8_t* heap       # the buffer if it is malloc'ed, NULL while it is the stack's; freed by the owner of the Out
    int digits          # decimals of timestamps: 0, 3, 6 or 9
    int refuse          # kinds of tags that the caller must not set


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
    """Make sure that `n` bytes may be written at o.p."""
    if o.end - o.p < n:
        grow(o, n)
    return 0


cdef inline uint64_t has_soh(uint64_t word) noexcept nogil:
    """Not 0 if a byte of `word` is SOH (the zero-byte test of any word with SOH xored away; exact)."""
    word ^= 0x0101010101010101ULL
    return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL


cdef inline bint copy(uint8_t* out, const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """Copy `n` bytes; true if one of them is SOH.

    PERF: words that overlap instead of memchr and memcpy: values are 1 to 20 bytes, where two calls cost more than the
    work (NOS 228 -> 212 ns).
    """
    cdef uint64_t word
    cdef uint64_t found = 0
    cdef uint32_t head, tail
    cdef uint16_t first, last
    cdef Py_ssize_t i
    if n >= 8:
        for i in range(0, n - 7, 8):
            memcpy(&word, p + i, 8)
            found |= has_soh(word)
            memcpy(out + i, &word, 8)
        memcpy(&word, p + n - 8, 8)
        memcpy(out + n - 8, &word, 8)
        return (found | has_soh(word)) != 0
    if n >= 4:
        memcpy(&head, p, 4)
        memcpy(&tail, p + n - 4, 4)
        memcpy(out, &head, 4)
        memcpy(out + n - 4, &tail, 4)
        return has_soh(head | <uint64_t>tail << 32) != 0
    if n >= 2:
        memcpy(&first, p, 2)
        memcpy(&last, p + n - 2, 2)
        memcpy(out, &first, 2)
        memcpy(out + n - 2, &last, 2)
        return has_soh(first | <uint32_t>last << 16) != 0
    if n == 1:
        out[0] = p[0]
        return p[0] == 1
    return False


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
        out += c_write_int(out, tag)
    out[0] = c'='
    return out + 1


# Each put_* writes the bytes of one value at o.p, without SOH but with room for it, or raises.


cdef inline int put(Out* o, int tag, const uint8_t* p, Py_ssize_t n) except -1:
    room(o, n + 1)
    if copy(o.p, p, n) or n == 0:
        refuse_text(tag, n)
    o.p += n
    return 0


cdef inline int put_str(Out* o, int tag, object value) except -1:
    if PyUnicode_IS_ASCII(value):
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
    o.p += c_write_int(o.p, number)
    return 0


cdef inline int64_t ns_of(int tag, object value) except? -1:
    """A time as an int that int64 holds."""
    cdef int overflow = 0
    cdef int64_t ns = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        refuse(tag, "ns since the epoch that do not fit 64 bits")
    return ns


cdef inline int put_time(Out* o, int tag, object value) except -1:
    room(o, MAX_TIME + 1)
    o.p += c_write_time(o.p, ns_of(tag, value), o.digits)
    return 0
