# cython: language_level=3, binding=False
"""Checking messages by their dictionary."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

cimport cython

from fixfast.codec.message cimport Message, view_of
from fixfast.codec.values cimport View

from fixfast.dictionary.validation import Validation

__all__ = ["shadowed", "validate"]

# 8 9 10 34 35 43 49 52 56: what is read differently by those who take the first and those who take the last
cdef uint64_t UNIQUE = 0x112080C00000700


@cython.final
cdef class Rules:
    def __cinit__(self, validation):
        self.validation = validation
        self.reject = validation.mode == "reject"
        self.max_entries = min(validation.max_group_entries, 0xFFFFFFFF)


cdef Rules _EVERYTHING = Rules(Validation())


cdef Rules rules_of(object validate):
    if validate is True:
        return _EVERYTHING
    if validate is False:
        return None
    if not isinstance(validate, Validation):
        raise TypeError(f"validate must be True, False or a Validation, not {type(validate).__name__}")
    return Rules(validate)


cdef object check(Message m, Rules rules):
    # For the time being, by the plain-Python twin.
    from fixfast.codec.reference.parse import parse

    return parse(m.raw, dictionary=m.context.dictionary, max_message_size=1 << 26).validate(rules.validation)


def validate(Message m not None, validation=None):
    """Return what is wrong with a message: the first Fault in the fixed order of reasons, None if it is right."""
    return check(m, _EVERYTHING if validation is None else rules_of(validation))


def shadowed(Message m not None):
    """Return the first tag of 8 9 35 34 49 56 52 43 10 that comes a second time in a message, 0 if none does (V30)."""
    cdef uint64_t seen = 0
    cdef uint32_t i
    cdef int32_t tag
    cdef View view
    view_of(m, 0, m.count, &view)
    for i in range(view.n):
        tag = view.tags[i]
        if 0 <= tag < 64 and UNIQUE >> tag & 1:
            if seen >> tag & 1:
                return tag
            seen |= <uint64_t>1 << tag
    return 0
