# Rows and fields of a part of a buffer, gathered without the GIL.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cimport cython

from fixfast.codec.book cimport Pile
from fixfast.codec.cell cimport Column, Kind
from fixfast.codec.context cimport Context, Export
from fixfast.codec.many cimport Walk
from fixfast.codec.scan.kernels cimport ff_pairs, ff_scan_fn, ff_table


@cython.final
cdef class Part:
    """A part of a buffer and what was found in it. Its walk ends where the next part begins."""
    cdef int64_t begin                  # of its walk
    cdef size_t taken                   # rows; the piles say so when run() ends
    cdef size_t room                    # for rows
    cdef size_t row, token              # where the whole has room for those of this part
    cdef Walk walk
    cdef Export export                  # keeps the buffer in place
    cdef Context context                # and the pairs
    cdef const ff_pairs* pairs
    cdef ff_scan_fn* scan
    cdef bint indexing                  # index(): columns are MsgType alone
    cdef bint fields                    # are judged, and kept if indexing
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
    cdef void settle(self) noexcept nogil
    cdef int judge(self) noexcept nogil
    cdef int judge_frame(self) noexcept nogil
    cdef int aim(self, ff_table* t) noexcept nogil
    cdef double ahead(self) noexcept nogil
    cdef void advise(self) noexcept nogil
    cdef int widen(self, Pile* pile, size_t found, size_t more) noexcept nogil
    cdef int grow(self) noexcept nogil
    cdef int add_row(self) noexcept nogil
    cdef int add_index(self, uint32_t end) noexcept nogil
    cdef void spread(self, uint32_t n) noexcept nogil
    cdef void start_at(self, int64_t begin, int64_t stop) noexcept
    cdef int forget(self) except -1
    cdef bint has_room_for(self, Part other) noexcept
    cdef int claim(self, Part other) except -1
    cdef void pour(self, Part whole) noexcept nogil
