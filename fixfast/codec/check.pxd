# The check that a session makes of every inbound header, in one call.

from libc.stdint cimport int64_t, uint8_t

cimport cython

from fixfast.codec.frame cimport StreamDecoder
from fixfast.codec.message cimport Message


@cython.final
cdef class HeaderCheck:
    cdef bytes begin_string
    cdef bytes sender                   # expected in SenderCompID: the peer
    cdef bytes target                   # expected in TargetCompID: ourselves
    cdef int64_t tolerance              # ns that SendingTime may differ from now; negative: it may be any time
    cdef frozenset msg_types            # that count as clean; None: all but those of the session itself
    cdef bint with_faults               # a message with a fault is clean
    cdef bint singly                    # a run is one message at most
    cdef uint8_t[17] second             # of the SendingTime that was read last, as text: YYYYMMDD-HH:MM:SS
    cdef int64_t second_ns

    cdef bint _is_in_time(self, const uint8_t* p, Py_ssize_t n, int64_t wall_ns) noexcept
    cdef bint _is_clean(self, Message m, int64_t expected, int64_t wall_ns) except -1
    # The next item of the decoder: clean[0] says whether it is a clean message with this number.
    cdef object following(self, StreamDecoder decoder, int64_t expected, int64_t wall_ns, bint* clean)

# wall_ns of a Now
cdef int64_t wall_of(object now) except? -1
# joined() of a list of Messages
cdef bytes joined_bytes(list messages)
