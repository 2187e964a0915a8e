# Conversions between wire text and numbers. C side: bounds-checked by (pointer, length), no Python object, no GIL.
#
# Every c_parse_* judges the whole text before it answers: a syntax error wins over a range error.
# Returns 0, or
#   -1  not the syntax of the type
#   -2  does not fit the result (a date that does not exist is a -2, too)
#   -3  would have to be rounded

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef int c_parse_int(const uint8_t* p, Py_ssize_t n, int64_t* out) noexcept nogil
# value * 10**digits, digits >= 0
cdef int c_parse_scaled(const uint8_t* p, Py_ssize_t n, int digits, int64_t* out) noexcept nogil
# value = mantissa * 10**exponent, exponent <= 0, trailing zeros kept
cdef int c_parse_mantissa(const uint8_t* p, Py_ssize_t n, int64_t* mantissa, int32_t* exponent) noexcept nogil
# UTCTimestamp -> ns since 1970-01-01T00:00:00Z
cdef int c_parse_time(const uint8_t* p, Py_ssize_t n, int64_t* ns) noexcept nogil

# The same for Python values; raise ValueError, never with the text in it (it may be a secret).
cdef object to_int(const uint8_t* p, Py_ssize_t n)
cdef object to_float(const uint8_t* p, Py_ssize_t n)
cdef object to_decimal(const uint8_t* p, Py_ssize_t n)
cdef object to_datetime(const uint8_t* p, Py_ssize_t n)

# str for what does not fit the writers of digits.pxd: exact, no exponent; decimal_text raises ValueError
cdef object decimal_text(object value)
cdef object big_scaled(object mantissa, int exponent)
