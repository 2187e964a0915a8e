# A decoder of byte streams and the chunks that its messages live in.

from libc.stdint cimport int64_t, uint8_t, uint32_t

cimport cython

from fixfast.codec.context cimport Context
from fixfast.codec.message cimport Message, Verdict
from fixfast.codec.validate cimport Rules


@cython.final
cdef class Chunk:
    """Bytes that a decoder receives into. Its memory never moves, and nobody but the decoder has a name for it."""
    cdef uint8_t* data                  # owned
    cdef Py_ssize_t capacity


@cython.final
cdef class StreamDecoder:
    cdef Context context
    cdef uint32_t limit                 # of BodyLength
    cdef Rules rules                    # for application messages; None: not checked
    cdef Rules session_rules            # for session messages
    cdef bint judging                   # one of them is there
    cdef bint by_length                 # after trouble, BodyLength says where to go on
    cdef object owner                   # what `data` points into: `chunk`, bytes that were fed, or None
    cdef Chunk chunk                    # the owner, if it can be received into; else None
    cdef const uint8_t* data
    cdef Py_ssize_t at                  # data[at:filled] is not judged yet
    cdef Py_ssize_t filled
    cdef Py_ssize_t lent                # bytes that get_buffer() gave away, from `filled` on
    cdef Py_ssize_t wanted              # bytes of the message at `at`, 0 if not known
    cdef list pool                      # chunks that may be free again; bounded
    cdef bytes rest                     # bytes that were fed and not copied: from rest_at on they follow data[filled]
    cdef Py_ssize_t rest_at
    cdef int64_t base                   # place of data[0] in the stream
    cdef bint searching                 # for the next <SOH>8=FIX, which begins at or behind `at`
    cdef int64_t passed                 # bytes that are in no message, but for:
    cdef bint held                      # data[at] is an SOH that may be followed by 8=FIX: skipped, and still needed
    cdef int64_t bad_end                # where the bad frames end that overlap or hold each other
    cdef int bad_frames                 # how many they are

    cdef int add(self, object data) except -1           # feed()
    cdef object following(self)                         # the next item; None: there is none yet
    cdef int _take(self, object owner, Chunk chunk, const uint8_t* data, Py_ssize_t pending) except -1
    cdef int _complete(self, bytes data, Py_ssize_t n) except -1
    cdef int _go_over(self) except -1
    cdef int _rejoin(self) except -1
    cdef Chunk _free_chunk(self)
    cdef int _make_room(self, Py_ssize_t n) except -1
    cdef int _judge(self, Message m) except -1
    cdef bint _search(self) noexcept
    cdef void _skip(self, Py_ssize_t n) noexcept
    cdef object _garbled(self, Verdict* verdict)
    cdef bint _exhausted(self, int64_t start, int64_t end) noexcept
