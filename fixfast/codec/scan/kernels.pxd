# The kernels, behind one function pointer. scan.h says what each thing is.

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cimport cython

cdef extern from "scan.h" nogil:
    enum:
        FF_SOH
        FF_TRAILER
        FF_MAX_FIELDS
        FF_MAX_LENGTH
        FF_PAIR_BITS
        FF_PAIR_WORDS
        FF_OK
        FF_NEED_DATA
        FF_FULL
        FF_NOT_FIX
        FF_BAD_TRAILER
        FF_CHECKSUM
        FF_TOO_MANY_FIELDS

    ctypedef struct ff_pairs:
        const uint64_t* bits
        const int32_t* len_tag
        const int32_t* data_tag
        uint32_t count

    ctypedef struct ff_table:
        int32_t* tag
        uint32_t* off
        uint32_t* end
        uint32_t cap
        uint32_t n

    ctypedef struct ff_frame:
        uint32_t length
        uint32_t body
        uint32_t trailer
        uint32_t at
        uint32_t seen

    ctypedef int ff_scan_fn(
        const uint8_t* buf, uint32_t start, uint32_t end, ff_table* table, const ff_pairs* pairs, uint32_t* at,
        uint8_t* sum
    ) noexcept

    enum:
        FF_KERNELS

    ff_scan_fn ff_scan_scalar
    ff_scan_fn* ff_kernel(int which) noexcept
    int ff_header(const uint8_t* p, size_t n, uint32_t max_length, ff_frame* frame) noexcept
    Py_ssize_t ff_find(const int32_t* tags, uint32_t first, uint32_t n, int32_t tag) noexcept
    uint32_t ff_find_in_set(
        const int32_t* tags, uint32_t i, uint32_t last, const uint64_t* bits, uint32_t count
    ) noexcept
    int ff_trailer(const uint8_t* p, uint32_t trailer) noexcept
    void ff_copy_table(int32_t* block, const ff_table* table, uint32_t n) noexcept


@cython.final
cdef class DataPairs:
    """The pairs of length and data tags, as the kernels read them."""
    cdef ff_pairs pairs                 # points into the next two
    cdef uint64_t* bits                 # owned
    cdef int32_t* columns               # owned: length tags, then data tags

# Scan a frame whose header and trailer are in place. Returns a block from PyObject_Malloc - `count` tags, then their
# starts, then their ends - or NULL: an exception if `result` is FF_OK, else what is wrong, and frame.at says where.
# `checksum` is what the trailer says, -1 not to check it.
cdef int32_t* make_table(
    const uint8_t* p, ff_frame* frame, const ff_pairs* pairs, int checksum, int* result, uint32_t* count
) except? NULL

# The kernel in use; it stays the same while the process lives.
cdef ff_scan_fn* scan_function() noexcept nogil
