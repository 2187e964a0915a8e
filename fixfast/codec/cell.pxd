# A cell: the text of a field -> what its column holds. Without the GIL, but for floats that need Python's rounding.

from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fixfast.codec.book cimport Book, Pile, code_of
from fixfast.codec.convert cimport c_parse_int, c_parse_mantissa, c_parse_scaled, c_parse_time, to_float

cdef extern from "cells.h" nogil:
    enum:
        LAST_MIDNIGHT "INT64_C(9223200000000000000)"        # of a day that int64 holds to its end
    const double* ff_exact_ten
    uint64_t ff_eight(const uint8_t* p) noexcept
    bint ff_quick_int(const uint8_t* p, size_t n, int64_t* out) noexcept
    bint ff_quick_mantissa(const uint8_t* p, size_t n, int64_t* mantissa, int32_t* exponent) noexcept
    int64_t ff_quick_time(const uint8_t* p, size_t n) noexcept
    bint ff_quick_bytes(const uint8_t* p, size_t n, uint8_t* out, size_t size) noexcept


cdef enum Kind:
    TEXT, BYTES, INT, FLOAT, FIXED, SCALED, TIME, BOOL


cdef struct Column:
    int32_t tag
    Kind kind
    int size                    # bytes of BYTES, decimals of FIXED
    bint search                 # its slot is another column's
    int64_t malformed
    uint64_t date               # of TIME: the last one that was read, as text,
    int64_t midnight            # and as ns
    int32_t* here               # of TEXT: its codes -> those of the whole,
    size_t known                # for so many texts
    Pile* data                  # among the piles of rows, as the next two
    Pile* valid
    Pile* exponent              # of SCALED
    Book book                   # of TEXT


cdef inline int slow_float(const uint8_t* p, Py_ssize_t n, double* out) noexcept with gil:
    try:
        out[0] = to_float(p, n)
    except Exception:
        return -1
    return 0


cdef inline int float_of(const uint8_t* p, Py_ssize_t n, bint quick, double* out) noexcept nogil:
    """Answer as to_float(), whose quick way this is."""
    cdef int64_t mantissa = 0
    cdef int32_t exponent = 0
    cdef int rc = 0
    if not (quick and ff_quick_mantissa(p, n, &mantissa, &exponent)):
        rc = c_parse_mantissa(p, n, &mantissa, &exponent)
    if rc == 0 and -(<int64_t>1 << 53) <= mantissa <= (<int64_t>1 << 53) and exponent >= -22:
        out[0] = <double>mantissa / ff_exact_ten[-exponent]
        if mantissa == 0 and p[0] == c'-':
            out[0] = -0.0
        return 0
    return -1 if rc == -1 else slow_float(p, n, out)


cdef inline int time_of(Column* column, const uint8_t* p, Py_ssize_t n, int64_t* out) noexcept nogil:
    """Answer as c_parse_time(). The day is that of the row before as a rule."""
    cdef uint8_t[17] midnight
    cdef int64_t ns = ff_quick_time(p, n)
    if ns < 0:
        return c_parse_time(p, n, out)
    if ff_eight(p) != column.date or column.date == 0:
        memcpy(midnight, p, 8)
        memcpy(midnight + 8, b"-00:00:00", 9)
        if c_parse_time(midnight, 17, &column.midnight) or column.midnight > LAST_MIDNIGHT:
            column.date = 0
            return c_parse_time(p, n, out)
        column.date = ff_eight(p)
    out[0] = column.midnight + ns
    return 0


cdef inline int number_of(
    Kind kind, int digits, const uint8_t* p, Py_ssize_t n, int64_t* out, int32_t* exponent
) noexcept nogil:
    cdef int rc
    if kind == FIXED:
        return c_parse_scaled(p, n, digits, out)
    if kind == SCALED:
        rc = c_parse_mantissa(p, n, out, exponent)
        return -2 if rc == 0 and exponent[0] < -128 else rc
    return -1 if n > 41 or (n == 41 and p[0] != c'-') else c_parse_int(p, n, out)


cdef inline void put_nothing(Column* column, size_t row) noexcept nogil:
    """What stands where the field is not there or not of the kind."""
    cdef uint8_t* data = column.data.p
    column.valid.p[row] = False
    if column.kind == TEXT:
        (<int32_t*>data)[row] = -1
    elif column.kind == BYTES:
        memset(data + row * column.size, 0, column.size)
    elif column.kind == BOOL:
        data[row] = False
    elif column.kind == FLOAT:
        (<double*>data)[row] = NAN
    else:
        (<int64_t*>data)[row] = INT64_MIN if column.kind == TIME else 0
        if column.kind == SCALED:
            column.exponent.p[row] = 0


# `quick`: eight bytes may be read from wherever in the value, or right behind it. -1: no memory.
cdef inline int put_value(Column* column, size_t row, const uint8_t* p, Py_ssize_t n, bint quick) noexcept nogil:
    """Put a value into the column."""
    cdef uint8_t* data = column.data.p
    cdef int64_t* ints = <int64_t*>data + row
    cdef Kind kind = column.kind
    cdef int32_t exponent = 0
    cdef int32_t code
    cdef int rc = -1
    if kind == TEXT:
        code = code_of(&column.book, p, <uint32_t>n, 8 if quick else 0)
        (<int32_t*>data)[row] = code
        column.valid.p[row] = True
        return 0 if code >= 0 else -1
    if kind == BYTES:
        data += row * column.size
        if n <= column.size:
            rc = 0
            if not (quick and ff_quick_bytes(p, n, data, column.size)):
                memcpy(data, p, n)
                memset(data + n, 0, column.size - n)
    elif kind == BOOL:
        data[row] = n == 1 and p[0] == c'Y'
        rc = 0 if n == 1 and (p[0] == c'Y' or p[0] == c'N') else -1
    elif kind == FLOAT:
        rc = float_of(p, n, quick, <double*>ints)
    elif kind == TIME:
        rc = time_of(column, p, n, ints) if quick else c_parse_time(p, n, ints)
    elif kind == INT and quick and ff_quick_int(p, n, ints):
        rc = 0
    elif kind == SCALED:
        if quick and ff_quick_mantissa(p, n, ints, &exponent):
            rc = 0
        else:
            rc = number_of(kind, column.size, p, n, ints, &exponent)
        column.exponent.p[row] = <uint8_t><int8_t>exponent
    else:
        rc = number_of(kind, column.size, p, n, ints, &exponent)
    column.valid.p[row] = rc == 0
    if rc:
        put_nothing(column, row)
        column.malformed += 1
    return 0
