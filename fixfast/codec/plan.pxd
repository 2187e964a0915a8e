# What a Template's message is: fixed text with holes in it, and how the holes are filled.

from cpython.object cimport PyObject, PyTypeObject

from libc.stdint cimport uint8_t

from fixfast.codec.render cimport Out

cdef extern from "fill.h":
    cdef enum:
        SLOT_STR "FF_SLOT_STR"
        SLOT_INT "FF_SLOT_INT"
        SLOT_TIME "FF_SLOT_TIME"
        SLOT_DECIMAL "FF_SLOT_DECIMAL"
        SLOT_BOOL "FF_SLOT_BOOL"
        SLOT_SCALED "FF_SLOT_SCALED"
        SLOT_GROUP "FF_SLOT_GROUP"
        ROOM "FF_ROOM"

    # One Slot, and a message or an entry of a group: see there.
    ctypedef struct Hole "ff_hole":
        uint8_t* text
        int whole
        int bare
        int start
        int number
        int kind
        int scale
        int tag

    ctypedef struct Filled "ff_plan":
        const Hole* holes
        const uint8_t* text
        Py_ssize_t count
        Py_ssize_t tail
        Py_ssize_t size
        Py_ssize_t head
        Py_ssize_t need

    ctypedef struct Times "ff_times":
        pass

    # what they take of the values, and what they leave to put_slots(), stands there
    Py_ssize_t ff_put_slots(
        Out* o, const Filled* plan, Py_ssize_t i, PyObject** values, Py_ssize_t given, PyTypeObject* decimal
    ) noexcept
    Py_ssize_t ff_put_entries(
        Out* o, const Filled* plan, PyObject** entries, Py_ssize_t i, Py_ssize_t count, PyTypeObject* decimal
    ) noexcept
    void ff_begin_plan(Out* o, const Filled* plan) noexcept
    uint8_t* ff_end_plan(Out* o, const Filled* plan, object begin) noexcept
    void ff_no_time(Times* times) noexcept
    void ff_use_times(Out* o, Times* times) noexcept


# Fixed text with Slots in it: the body of a Template, or an entry of a group in one.
cdef class Plan:
    cdef Filled c           # what the loops in C know of it; it points into the two that follow
    cdef bytes text         # fixed fields and the tags of the slots, one after the other; SLACK bytes more
    cdef bytes holes        # array of Hole, one for each slot, in the order of the wire
    cdef list groups        # the Plan of an entry, for each slot that is a group


cdef Plan new_plan(Py_ssize_t count)
# the tag of a slot, and what is to be done with it; returns the kind of the tag
cdef int dig(Out* o, Hole* hole, Plan plan, object slot) except -1
# what was rendered is the text; head: what stands in front of a body, empty for an entry of a group
cdef int set_text(Plan plan, Out* o, bytes head) except -1
# from slot i to the value of the last; given: how many values there are
cdef int put_slots(Out* o, Plan plan, PyObject** values, Py_ssize_t given, Py_ssize_t i) except -1
cdef int put_fixed(Out* o, const uint8_t* text, Py_ssize_t n) except -1
# a slot's value as put_fields() takes it
cdef object slot_value(object slot, object value, int digits)
