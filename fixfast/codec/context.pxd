# What stands around messages: what a dictionary means for scanning, and what keeps a caller's bytes in place.

from libc.stdint cimport uint32_t

cimport cython

from fixfast.codec.scan.kernels cimport DataPairs


@cython.final
cdef class Context:
    """What a dictionary means for scanning and for groups: one for each dictionary, shared by all its messages."""
    cdef readonly object dictionary     # fixfast.dictionary.model.Dictionary or None
    cdef DataPairs pairs
    cdef readonly frozenset data_tags   # of fields whose values are bytes
    cdef dict nodes                     # groups.pyx: {MsgType and count tag: Node}
    cdef dict versions                  # groups.pyx, without a dictionary: {BeginString and ApplVerID: Context}

cdef Context context_of(object dictionary)


@cython.final
cdef class Export:
    """Holds a buffer export of an object whose bytes could move otherwise."""
    cdef Py_buffer view
    cdef bint held                      # `view` is to be released

cdef Export export_of(object data)

# max_message_size as given to us -> 1 to FF_MAX_LENGTH
cdef uint32_t checked_limit(object max_message_size) except? 0
