# Reading values out of a stretch of fields: what messages and group entries have in common.

from libc.stdint cimport int32_t, uint8_t, uint32_t

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

# A tag, any Python int; one that no message can hold if it does not fit.
cdef int32_t tag_of(object tag) except? -1
# Its first place at or behind `first`, -1 if there is none.
cdef Py_ssize_t find(const View* view, uint32_t first, int32_t tag) noexcept nogil
cdef str text_at(const View* view, Py_ssize_t i)
cdef bytes bytes_at(const View* view, Py_ssize_t i)
# The value of `tag`, which `wanted` is the int32 of. `digits` (of SCALED) are 0 to 18.
cdef object read(const View* view, int32_t wanted, object tag, Kind kind, int digits, object default)
cdef int check_digits(int digits) except -1
# "scaled:5" -> SCALED and 5.
cdef Kind kind_of(object text, int* digits) except <Kind>-1
