# Writing messages. Nothing here is shared between calls: the buffer of a message lives on the stack of the call.

from fixfast.codec.render cimport Out


# What encode() does with one Slot.
cdef struct Hole:
    int tag
    int kind            # SLOT_STR ...
    int scale           # decimals of SLOT_SCALED
    Py_ssize_t number   # of its value among those given to encode()
    Py_ssize_t start    # of its "tag=" in Template.text; the fixed bytes before it end here
    Py_ssize_t stop     # behind the "="; the next fixed bytes begin here


cdef class Template:
    cdef readonly tuple slots           # the Slots as given, the header's first: the order of encode()'s values
    cdef object begin                   # BeginString as on the wire, an ASCII str
    cdef bytes text                     # body: fixed fields and the tags of the slots, one after the other
    cdef bytes holes                    # array of Hole, one for each slot, in the order of the wire
    cdef list parts                     # [(fields as given, kinds of tags refused among them), ...]
    cdef object msg_type                # MsgType as given
    cdef int digits                     # decimals of timestamps
    cdef dict own                       # {data field: its length} that only the dictionary has; None without one
    cdef bint direct                    # `text` and `holes` say everything; else `parts` are written anew

    cdef int render(self, Out* o, list order) except -1
    cdef int dig(self, Out* o, Hole* hole, object slot) except -1
    cdef object again(self, Out* o, tuple values)
