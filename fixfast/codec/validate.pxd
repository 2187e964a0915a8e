# What parse() and decoders need to have messages checked.

from libc.stdint cimport uint32_t

cimport cython

from fixfast.codec.message cimport Message


@cython.final
cdef class Rules:
    """A Validation as the walk reads it."""
    cdef readonly object validation     # fixfast.dictionary.validation.Validation
    cdef uint32_t flags                 # validate.h
    cdef uint32_t max_entries           # of one group
    cdef bint reject                    # mode "reject": parse() raises

# What `validate=` of parse() means: None for False, True for Validation(). Raises TypeError for anything else.
cdef Rules rules_of(object validate)
# What is wrong with a message: a Fault, or None. No Python code runs unless something is, or XMLDATA is checked.
cdef object check(Message m, Rules rules)
