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
    static const uint64_t ff_ten_to[20] = {
        1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL,
        10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL, 100000000000000ULL, 1000000000000000ULL,
        10000000000000000ULL, 100000000000000000ULL, 1000000000000000000ULL, 10000000000000000000ULL,
    };
    """
    const char* ff_two_digits
    const uint64_t* ff_ten_to

cdef enum:
    MAX_INT = 20
    MAX_TIME = 27


cdef inline void _put_two(uint8_t* out, uint32_t value) noexcept nogil:
    memcpy(out, ff_two_digits + 2 * value, 2)


cdef inline void _put_three(uint8_t* out, uint32_t value) noexcept nogil:
    out[0] = <uint8_t>(c'0' + value // 100)
    _put_two(out + 1, value % 100)


cdef inline int _count_digits(uint64_t value) noexcept nogil:
    """Digits of a value of five digits or more."""
    cdef int n = 5
    cdef uint64_t limit = 100000
    while value >= limit and n < 19:
        limit *= 10
        n += 1
    return n + (value >= 10000000000000000000ULL)


cdef inline Py_ssize_t _write_unsigned(uint8_t* out, uint64_t value) noexcept nogil:
    # PERF: short numbers go straight to their place; counting first spares the others a copy (2 ns each)
    cdef int n, at
    if value < 100:
        if value < 10:
            out[0] = <uint8_t>(c'0' + value)
            return 1
        _put_two(out, <uint32_t>value)
        return 2
    if value < 10000:
        if value < 1000:
            _put_three(out, <uint32_t>value)
            return 3
        _put_two(out, <uint32_t>value // 100)
        _put_two(out + 2, <uint32_t>value % 100)
        return 4
    n = _count_digits(value)
    at = n
    while value >= 100:
        at -= 2
        _put_two(out + at, <uint32_t>(value % 100))
        value //= 100
    if at == 2:
        _put_two(out, <uint32_t>value)
    else:
        out[0] = <uint8_t>(c'0' + value)
    return n


cdef inline Py_ssize_t c_write_int(uint8_t* out, int64_t value) noexcept nogil:
    if value >= 0:
        return _write_unsigned(out, <uint64_t>value)
    out[0] = c'-'
    return 1 + _write_unsigned(out + 1, <uint64_t>0 - <uint64_t>value)


cdef inline Py_ssize_t c_write_scaled(uint8_t* out, int64_t mantissa, int exponent) noexcept nogil:
    cdef uint64_t magnitude = <uint64_t>mantissa
    cdef uint64_t unit, fraction
    cdef uint8_t* start = out
    cdef int i
    if exponent >= 0:
        out += c_write_int(out, mantissa)
        if mantissa:
            memset(out, c'0', exponent)
            out += exponent
        return out - start
    if mantissa < 0:
        magnitude = <uint64_t>0 - magnitude
        out[0] = c'-'
        out += 1
    exponent = -exponent                    # from here on: the number of decimals
    if exponent < 20:
        unit = ff_ten_to[exponent]
        out += _write_unsigned(out, magnitude // unit)
        fraction = magnitude % unit
    else:                                   # all digits are decimals, behind zeros
        out[0] = c'0'
        out += 1
        fraction = magnitude
    out[0] = c'.'
    i = exponent
    while i >= 2:
        i -= 2
        _put_two(out + 1 + i, <uint32_t>(fraction % 100))
        fraction //= 100
    if i:
        out[1] = <uint8_t>(c'0' + fraction)
    return out + 1 + exponent - start


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
    """The date of a day from year 0001 on.

    Counts from 0000-03-01, so that the leap day is the last of its year. PERF: dividing by the average length
    of a year or month is one multiplication (Neri and Schneider, "Euclidean affine functions", 2022): 5 ns less a date.
    """
    cdef uint32_t n = 4 * <uint32_t>(days + 719468) + 3
    cdef uint32_t century = n // 146097
    cdef uint64_t scaled = <uint64_t>2939745 * (n % 146097 | 3)
    cdef uint32_t of_year = <uint32_t>scaled // 2939745 // 4
    cdef uint32_t m = 2141 * of_year + 197913           # month in the upper half, day in the lower
    cdef bint next_year = of_year >= 306                # January and February belong to the year that began in March
    year[0] = <int>(100 * century + <uint32_t>(scaled >> 32) + next_year)
    month[0] = <int>((m >> 16) - (12 if next_year else 0))
    day[0] = <int>((m & 0xFFFF) // 2141 + 1)


cdef inline Py_ssize_t c_write_time(uint8_t* out, int64_t ns, int digits) noexcept nogil:
    cdef int64_t seconds, nanos
    cdef uint32_t days                  # since 1677-09-20, so that they are never negative
    cdef int year, month, day
    if ns >= 0:
        seconds = <int64_t>(<uint64_t>ns // 1000000000)
    else:
        seconds = ns // 1000000000      # floor: before 1970 the fraction still counts upwards
    nanos = ns - seconds * 1000000000
    days = <uint32_t>(<uint64_t>(seconds + <int64_t>86400 * 106753) // 86400)
    civil_from_days(<int64_t>days - 106753, &year, &month, &day)
    seconds -= (<int64_t>days - 106753) * 86400
    return c_write_civil(out, year, month, day, <int>seconds, <int>nanos, digits)
