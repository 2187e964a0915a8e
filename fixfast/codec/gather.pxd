# Rows and fields of a part of a buffer, gathered without the GIL.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cimport cython

from fixfast.codec.book cimport Book, Pile
from fixfast.codec.context cimport Context, Export
from fixfast.codec.many cimport Walk
from fixfast.codec.scan.kernels cimport ff_pairs, ff_scan_fn, ff_table

cdef enum Kind:
    TEXT, BYTES, INT, FLOAT, FIXED, SCALED, TIME, BOOL


cdef struct Column:
    int32_t tag
    Kind kind
    int size                    # bytes of BYTES, decimals of FIXED
    bint search                 # its slot is another column's
    int64_t malformed
    Pile* data                  # among the piles of rows, as the next two
    Pile* valid
    Pile* exponent              # of SCALED
    Book book                   # of TEXT


@cython.final
cdef class Part:
    """A part of a buffer and what was found in it. Its walk ends where the next part begins."""
    cdef Walk walk
    cdef Export export                  # keeps the buffer in place
    cdef Context context                # and the pairs
    cdef const ff_pairs* pairs
    cdef ff_scan_fn* scan
    cdef bint indexing                  # index(): columns are MsgType alone
    cdef bint fields                    # are judged, and kept if indexing
    cdef volatile bint cancelled
    cdef bint failed                    # no memory
    cdef Pile* rows                     # offset, then the columns', then index(): size, first
    cdef int n_rows
    cdef Column* columns
    cdef int n_columns
    cdef Pile[3] tokens                 # tag, start, end
    cdef Pile[3] garbled                # offset, size, reason
    cdef int32_t* block                 # of `table`
    cdef ff_table table
    cdef uint8_t* slots                 # low 16 bits of a tag -> column + 1
    cdef int32_t[256] place             # column + 1 -> its field

    cdef int set_up(self, list kinds) except -1
    cdef Pile* add_rows(self, size_t width) noexcept
    cdef int add_column(self, int32_t tag, Kind kind, int size) except -1
    cdef int run(self) noexcept nogil
    cdef int note(self, int reason) noexcept nogil
    cdef int judge(self) noexcept nogil
    cdef int aim(self, ff_table* t) noexcept nogil
    cdef int grow(self) noexcept nogil
    cdef int add_row(self) noexcept nogil
    cdef int add_value(self, Column* column, size_t row, Py_ssize_t at) noexcept nogil
    cdef int add_number(
        self, Kind kind, int digits, const uint8_t* p, Py_ssize_t n, int64_t* out, int32_t* exponent
    ) noexcept nogil
    cdef int add_index(self) noexcept nogil
    cdef void spread(self, uint32_t n) noexcept nogil
    cdef int take(self, Part other) except -1
    cdef int recode(self, Book* book, Column* column) except -1
