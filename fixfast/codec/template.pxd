# Templates. The buffer of a message lives on the stack of the call; a Template only remembers the last time written.

from cpython.object cimport PyObject

from fixfast.codec.plan cimport Hole, Plan, Times
from fixfast.codec.render cimport Out


cdef class Template:
    cdef readonly tuple slots           # the Slots as given, the header's first: the order of encode()'s values
    cdef readonly tuple names           # what encode() calls its values; None: it does not
    cdef Py_ssize_t count               # of the slots
    cdef Py_ssize_t needed              # how many of the values must be given, from the first: all without names
    cdef object begin                   # BeginString as on the wire, an ASCII str
    cdef Plan plan                      # the body
    cdef list parts                     # [(fields as given, kinds of tags refused among them), ...]
    cdef object msg_type                # MsgType as given
    cdef int digits                     # decimals of timestamps
    cdef Times times                    # the time written last
    cdef dict own                       # {data field: its length} that only the dictionary has; None without one
    cdef bint direct                    # `plan` says everything; else `parts` are written anew

    cdef int render(self, Out* o, list order) except -1
    cdef int make_room(self, Out* o, Hole* hole, object slot) except -1
    # encode(): n values in `args`, and behind them those that `keywords`, a tuple, names; NULL: none
    cdef object encoded(self, PyObject** args, Py_ssize_t n, PyObject* keywords)
    # values: one for each slot; those that are not given are None
    cdef object fill(self, PyObject** values, Py_ssize_t given)
    cdef object fill_on(self, Out* o, PyObject** values, Py_ssize_t given, Py_ssize_t i)
    cdef object again(self, Out* o, PyObject** values, Py_ssize_t given)
    cdef bint laid_out(self, PyObject** values, PyObject** given, Py_ssize_t n, PyObject* keywords) noexcept
    cdef list sorted_out(self, PyObject** given, Py_ssize_t n, object keywords)
