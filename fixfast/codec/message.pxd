# What frame.pyx, groups.pyx and later the session's C check need of messages.

from libc.stdint cimport int32_t, uint8_t, uint32_t

cimport cython

from fixfast.codec.context cimport Context
from fixfast.codec.scan.kernels cimport ff_frame
from fixfast.codec.values cimport Kind, View, find, read, tag_of


@cython.final
cdef class Message:
    cdef object owner                   # keeps `base` valid: bytes, a decoder's Chunk, or an Export
    cdef Context context
    cdef const uint8_t* base            # the first byte; NULL only in an object that parse() did not make
    cdef int32_t* table                 # owned: `count` tags, `count` starts, `count` ends; NULL until needed again
    cdef uint32_t size                  # bytes
    cdef uint32_t count                 # fields
    cdef object found                   # what validation found (Fault), None: nothing, or not asked for
    cdef bint unjudged                  # nobody has looked yet: `found` is the Rules to judge by; see fault_of()
    cdef public bint redelivered        # set by the session: this message may have been delivered before


# A stretch of the fields of a message: the base of group entries.
cdef class Run:
    cdef Message message
    cdef uint32_t first
    cdef uint32_t last                  # behind it; within `message.count`


# What build() found.
cdef struct Verdict:
    int result                          # FF_OK, FF_NEED_DATA, or what is wrong
    uint32_t total                      # bytes of the frame, 0 until its header is complete
    ff_frame frame

# The Message that starts at p, or None, and `verdict` says why not. `owner` keeps p[0:available] valid.
cdef object build(
    object owner, const uint8_t* p, size_t available, Context context, uint32_t max_length, Verdict* verdict
)
cdef object reason_of(int result)       # the GarbledReason

# validate() of validate.pyx, which is above this module and is imported by the first message that needs it.
# PERF: a call by pointer, where one through the module's attribute takes 25 ns.
ctypedef object (*checker)(Message m, object validation)
cdef void set_checker(checker found, checker judge) noexcept

# Judge a message by the Rules that it was given, once.
cdef object judged(Message m)

# `m.raw` and `m.msg_seq_num`
cdef bytes raw_of(Message m)
cdef object seq_num_of(Message m)

# Scan again what detach() gave back.
cdef int load_table(Message m) except -1


# `m.fault`: a message of a decoder is judged when somebody asks. Nothing that the verdict depends on can change
# meanwhile: the decoder's own bytes, the dictionary of its Context, the frozen Validation.
cdef inline object fault_of(Message m):
    return judged(m) if m.unjudged else m.found


cdef list get_all(Message m, uint32_t first, uint32_t last, object tag)
cdef tuple get_many(Message m, uint32_t first, uint32_t last, tuple tags)
cdef object pairs_of(Message m, uint32_t first, uint32_t last)      # iterator of (tag, str)


# Fields `first` to `last` - 1. The table is loaded anew if detach() gave it back; see View for how long it is good.
cdef inline int view_of(Message m, uint32_t first, uint32_t last, View* view) except -1:
    if m.table is NULL:
        load_table(m)
    view.base = m.base
    view.tags = m.table + first
    view.stride = m.count
    view.n = last - first
    return 0


cdef inline object get_value(
    Message m, uint32_t first, uint32_t last, object tag, Kind kind, int digits, object default
):
    cdef View view
    cdef int32_t wanted = tag_of(tag)
    view_of(m, first, last, &view)
    return read(&view, wanted, tag, kind, digits, default)


cdef inline bint contains(Message m, uint32_t first, uint32_t last, object tag) except -1:
    cdef View view
    cdef int32_t wanted = tag_of(tag)
    view_of(m, first, last, &view)
    return find(&view, 0, wanted) >= 0
