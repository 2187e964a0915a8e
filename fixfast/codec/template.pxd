# Templates. The buffer of a message lives on the stack of the call; a Template only remembers the last time written.

from cpython.object cimport PyObject

from fixfast.codec.render cimport Out

cdef extern from "put_out.h":
    cdef enum:
        SLOT_STR "FF_SLOT_STR"
        SLOT_INT "FF_SLOT_INT"
        SLOT_TIME "FF_SLOT_TIME"
        SLOT_DECIMAL "FF_SLOT_DECIMAL"
        SLOT_BOOL "FF_SLOT_BOOL"
        SLOT_SCALED "FF_SLOT_SCALED"
        SLOT_GROUP "FF_SLOT_GROUP"

    # What is done with one Slot: see there.
    ctypedef struct Hole "ff_hole":
        int tag
        int kind
        int scale
        Py_ssize_t number
        Py_ssize_t start
        Py_ssize_t stop

    ctypedef struct Times "ff_times":
        pass


# Fixed text with Slots in it: the body of a Template, or an entry of a group in one.
cdef class Plan:
    cdef bytes text         # fixed fields and the tags of the slots, one after the other; SLACK bytes more
    cdef bytes holes        # array of Hole, one for each slot, in the order of the wire
    cdef Py_ssize_t count   # of the holes
    cdef list groups        # the Plan of an entry, for each slot that is a group


cdef class Template:
    cdef readonly tuple slots           # the Slots as given, the header's first: the order of encode()'s values
    cdef readonly tuple names           # what encode() calls its values; None: it does not
    cdef Py_ssize_t needed              # how many of the values must be given
    cdef object begin                   # BeginString as on the wire, an ASCII str
    cdef Plan plan                      # the body
    cdef list parts                     # [(fields as given, kinds of tags refused among them), ...]
    cdef object msg_type                # MsgType as given
    cdef int digits                     # decimals of timestamps
    cdef Times times                    # the time written last
    cdef dict own                       # {data field: its length} that only the dictionary has; None without one
    cdef bint direct                    # `plan` says everything; else `parts` are written anew

    cdef int render(self, Out* o, list order) except -1
    cdef int dig(self, Out* o, Hole* hole, object slot) except -1
    # values: one for each slot
    cdef object fill(self, PyObject** values)
    cdef object again(self, Out* o, PyObject** values)
    cdef bint laid_out(self, PyObject** values, PyObject** given, Py_ssize_t n, PyObject* keywords) noexcept
    cdef list sorted_out(self, PyObject** given, Py_ssize_t n, object keywords)
