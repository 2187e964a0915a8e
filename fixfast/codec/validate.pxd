# What parse() and decoders need to have messages checked.

from libc.stdint cimport uint32_t, uint64_t

cimport cython

from fixfast.codec.message cimport Message

cdef extern from "walk.h" nogil:
    ctypedef struct ff_rules:
        uint32_t flags
        uint32_t max_entries

cdef extern from *:
    """
    /* 8 9 10 34 35 43 49 52 56: of two of them, some take the first and some the last. */
    #define FF_UNIQUE UINT64_C(0x112080C00000700)
    """
    const uint64_t FF_UNIQUE            # a bit for each tag


@cython.final
cdef class Rules:
    """A Validation as the walk reads it, shared by all who ask for the same."""
    cdef readonly object validation     # fixfast.dictionary.validation.Validation
    cdef ff_rules rules
    cdef bint xml                       # XMLDATA is checked, which is not the walk's
    cdef object known                   # validate.pyx: what described the last message; only saves time
    cdef bint reject                    # mode "reject": parse() raises

# What `validate=` of parse() means: None for False, True for Validation(). Raises TypeError for anything else.
cdef Rules rules_of(object validate)
# What is wrong with a message: a Fault, or None.
cdef object check(Message m, Rules rules)
