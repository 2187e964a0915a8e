# What stands around messages: what the dictionaries given for them mean, and what keeps a caller's bytes in place.

from libc.stdint cimport uint32_t

cimport cython

from fixfast.codec.scan.kernels cimport DataPairs
from fixfast.codec.schema cimport Schema


@cython.final
cdef class Context:
    """What was given to describe messages, shared by all of them; or the one dictionary that was chosen out of it.

    Messages have the first kind; `fixfast.codec.select.context_for` gives the second.
    """
    cdef readonly object dictionary     # as given: None (the standard's), a Dictionary or a DictionarySet
    cdef DataPairs pairs
    cdef readonly frozenset data_tags   # of fields whose values are bytes
    # What describes every message of this context: a Dictionary, or the name of a standard one. None: it depends.
    cdef readonly object source
    cdef readonly bint assumed          # FIXT without any ApplVerID: FIX 5.0 SP2 was assumed
    cdef readonly bint supported        # False: nobody has a dictionary for this ApplVerID; `source` reads best
    cdef Schema schema                  # of `source`; None until schema_of() is asked
    # If it depends:
    cdef object chooser                 # the DictionarySet; None until it is needed
    cdef bint by_msg_type               # the MsgType may decide (DictionarySet.by_msg_type)
    cdef dict chosen                    # {key as in select.pyx: Choice}; bounded there
    cdef object last                    # select.pyx: the choices that were made last, of application messages
    cdef object last_session            # and of session messages

    cdef dict _given(self, object dictionary)

cdef Context context_of(object dictionary)
# The same with one source, as it was chosen.
cdef Context chosen_context(object source, bint assumed, bint supported)
# The compiled form of `source`, made when first asked for. Raises DictionaryError.
cdef Schema schema_of(Context context)


@cython.final
cdef class Export:
    """Holds a buffer export of an object whose bytes could move otherwise."""
    cdef Py_buffer view
    cdef bint held                      # `view` is to be released

cdef Export export_of(object data)

# max_message_size as given to us -> 1 to FF_MAX_LENGTH
cdef uint32_t checked_limit(object max_message_size) except? 0
