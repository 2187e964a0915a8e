# Short numbers as they are on the wire, inline: the C compiler sees them wherever they are used.
#
# They read what nearly every field holds and say False to everything else, be it wrong, long or only odd; convert.pyx,
# which judges and knows why, is asked then. Both give the same value where both give one.

from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef extern from *:
    """
    /* Powers of ten, exact in a double: their quotient with an exact mantissa is rounded once, as it must be. */
    static const double ff_exact_ten[18] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
    };
    static const int64_t ff_ten[18] = {
        1LL, 10LL, 100LL, 1000LL, 10000LL, 100000LL, 1000000LL, 10000000LL, 100000000LL, 1000000000LL, 10000000000LL,
        100000000000LL, 1000000000000LL, 10000000000000LL, 100000000000000LL, 1000000000000000LL, 10000000000000000LL,
        100000000000000000LL,
    };
    """
    const double* ff_exact_ten
    const int64_t* ff_ten

cdef enum:
    SHORT = 18                  # bytes of a number that fits an int64, whatever its digits are


# PERF: no look at an overflow for each digit: seven digits take 4 instead of 9 ns.
cdef inline bint short_int(const uint8_t* p, Py_ssize_t n, int64_t* out) noexcept nogil:
    """-?[0-9]+ of up to SHORT bytes."""
    cdef Py_ssize_t i = 0
    cdef int64_t v = 0
    cdef uint32_t d
    cdef bint negative
    if n <= 0 or n > SHORT:
        return False
    negative = p[0] == c'-'
    if negative:
        i = 1
        if n == 1:
            return False
    while i < n:
        d = <uint32_t>p[i] - c'0'
        if d > 9:
            return False
        v = v * 10 + d
        i += 1
    out[0] = -v if negative else v
    return True


cdef inline bint short_mantissa(const uint8_t* p, Py_ssize_t n, int64_t* mantissa, int* decimals) noexcept nogil:
    """Digits with at most one point, of up to SHORT bytes: mantissa / 10**decimals; trailing zeros count."""
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t point = -1
    cdef int64_t v = 0
    cdef uint32_t d
    cdef bint negative
    if n <= 0 or n > SHORT:
        return False
    negative = p[0] == c'-'
    if negative:
        i = 1
    while i < n:
        d = <uint32_t>p[i] - c'0'
        if d <= 9:
            v = v * 10 + d
        elif p[i] == c'.' and point < 0:
            point = i
        else:
            return False
        i += 1
    if n - negative - (point >= 0) == 0:                # a sign or a point alone
        return False
    decimals[0] = <int>(n - 1 - point) if point >= 0 else 0         # at most 17, as SHORT counts the point
    mantissa[0] = -v if negative else v
    return True


cdef inline bint short_float(const uint8_t* p, Py_ssize_t n, double* out) noexcept nogil:
    cdef int64_t mantissa = 0
    cdef int decimals = 0
    if not short_mantissa(p, n, &mantissa, &decimals) or not -(<int64_t>1 << 53) <= mantissa <= <int64_t>1 << 53:
        return False
    if mantissa == 0 and p[0] == c'-':
        return False
    out[0] = <double>mantissa / ff_exact_ten[decimals]
    return True


cdef inline bint short_scaled(const uint8_t* p, Py_ssize_t n, int digits, int64_t* out) noexcept nogil:
    """value * 10**digits, where `digits` are no fewer than the value's decimals."""
    cdef int64_t mantissa = 0
    cdef int decimals = 0
    # Of n bytes and the zeros behind them no int64 overflows.
    if n > SHORT or not short_mantissa(p, n, &mantissa, &decimals):
        return False
    if decimals > digits or n + digits - decimals > SHORT:
        return False
    out[0] = mantissa * ff_ten[digits - decimals]
    return True
