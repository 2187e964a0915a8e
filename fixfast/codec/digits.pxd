# Numbers and times as text, inline: the C compiler sees them wherever they are used.
#
# The caller gives room: MAX_INT bytes for an int, MAX_TIME for a time, MAX_INT + 2 + abs(exponent) for a scaled number.
# Each writer returns the number of bytes written.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    static const char ff_two_digits[201] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
        "495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    """
    const char* ff_two_digits

cdef enum:
    MAX_INT = 20
    MAX_TIME = 27


cdef inline void _put_two(uint8_t* out, uint32_t value) noexcept nogil:
    memcpy(out, ff_two_digits + 2 * value, 2)


cdef inline void _put_three(uint8_t* out, uint32_t value) noexcept nogil:
    out[0] = <uint8_t>(c'0' + value // 100)
    _put_two(out + 1, value % 100)


cdef inline Py_ssize_t _write_unsigned(uint8_t* out, uint64_t value) noexcept nogil:
    cdef uint8_t[20] text
    cdef int at = 20
    cdef int n
    while value >= 100:
        at -= 2
        _put_two(text + at, <uint32_t>(value % 100))
        value //= 100
    if value >= 10:
        at -= 2
        _put_two(text + at, <uint32_t>value)
    else:
        at -= 1
        text[at] = <uint8_t>(c'0' + value)
    n = 20 - at
    memcpy(out, text + at, n)
    return n


cdef inline Py_ssize_t c_write_int(uint8_t* out, int64_t value) noexcept nogil:
    if value >= 0:
        return _write_unsigned(out, <uint64_t>value)
    out[0] = c'-'
    return 1 + _write_unsigned(out + 1, <uint64_t>0 - <uint64_t>value)


cdef inline Py_ssize_t c_write_scaled(uint8_t* out, int64_t mantissa, int exponent) noexcept nogil:
    cdef uint8_t[20] text
    cdef uint64_t magnitude = <uint64_t>mantissa
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t n, whole
    if exponent >= 0:
        at = c_write_int(out, mantissa)
        if mantissa == 0:
            return at
        memset(out + at, c'0', exponent)
        return at + exponent
    if mantissa < 0:
        magnitude = <uint64_t>0 - magnitude
        out[0] = c'-'
        at = 1
    n = _write_unsigned(text, magnitude)
    whole = n + exponent                    # digits before the point
    if whole <= 0:
        memset(out + at, c'0', 2 - whole)
        out[at + 1] = c'.'
        memcpy(out + at + 2 - whole, text, n)
        return at + 2 - whole + n
    memcpy(out + at, text, whole)
    out[at + whole] = c'.'
    memcpy(out + at + whole + 1, text + whole, n - whole)
    return at + n + 1


# digits of the fraction: 0, 3, 6 or 9; what is finer is cut off, not rounded
cdef inline Py_ssize_t c_write_civil(
    uint8_t* out, int year, int month, int day, int seconds, int nanos, int digits
) noexcept nogil:
    cdef uint32_t s = <uint32_t>seconds
    cdef uint32_t f = <uint32_t>nanos
    _put_two(out, <uint32_t>year // 100)
    _put_two(out + 2, <uint32_t>year % 100)
    _put_two(out + 4, <uint32_t>month)
    _put_two(out + 6, <uint32_t>day)
    out[8] = c'-'
    _put_two(out + 9, s // 3600)
    out[11] = c':'
    _put_two(out + 12, s // 60 % 60)
    out[14] = c':'
    _put_two(out + 15, s % 60)
    if digits == 0:
        return 17
    out[17] = c'.'
    # written in threes: each is a whole number of ms, us or ns
    _put_three(out + 18, f // 1000000)
    if digits > 3:
        _put_three(out + 21, f // 1000 % 1000)
        if digits > 6:
            _put_three(out + 24, f % 1000)
    return 18 + digits


cdef inline void civil_from_days(int64_t days, int* year, int* month, int* day) noexcept nogil:
    """The date of a day from year 0001 on (unsigned arithmetic: the era is never negative there)."""
    cdef uint32_t z = <uint32_t>(days + 719468)
    cdef uint32_t era = z // 146097
    cdef uint32_t of_era = z - era * 146097
    cdef uint32_t y = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef uint32_t of_year = of_era - (365 * y + y // 4 - y // 100)
    cdef uint32_t m = (5 * of_year + 2) // 153
    day[0] = <int>(of_year - (153 * m + 2) // 5 + 1)
    month[0] = <int>(m + 3 if m < 10 else m - 9)
    year[0] = <int>(y + era * 400 + (m >= 10))


cdef inline Py_ssize_t c_write_time(uint8_t* out, int64_t ns, int digits) noexcept nogil:
    cdef int64_t seconds = ns // 1000000000         # floor: before 1970 the fraction still counts upwards
    cdef int64_t days = seconds // 86400
    cdef int year, month, day
    civil_from_days(days, &year, &month, &day)
    return c_write_civil(
        out, year, month, day, <int>(seconds - days * 86400), <int>(ns - seconds * 1000000000), digits
    )
