# cython: language_level=3, binding=False
"""What stands around messages: what a dictionary means for scanning, and what keeps a caller's bytes in place."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t, uint32_t

cimport cython

from fixfast.codec.scan.kernels cimport FF_MAX_LENGTH, DataPairs

from functools import lru_cache

from fixfast.codec._data_pairs import DATA_PAIRS

__all__ = []


@cython.final
cdef class Context:
    def __cinit__(self, dictionary):
        self.dictionary = dictionary
        pairs = dict(DATA_PAIRS) if dictionary is None else {**DATA_PAIRS, **dictionary.data_pairs}
        self.pairs = DataPairs(pairs)
        self.data_tags = frozenset(pairs.values())
        self.nodes = {}
        self.versions = {}


cdef Context _STANDARD = Context(None)
# Pure, so the cache changes nothing but time. It keeps some dictionaries alive, of which a program has few.
cdef object _context_of = lru_cache(maxsize=16)(Context)


cdef Context context_of(object dictionary):
    return _STANDARD if dictionary is None else <Context?>_context_of(dictionary)


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Export:
    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef Export export_of(object data):
    cdef Export export
    if isinstance(data, str):
        raise TypeError("bytes expected, not str: encode the text first")
    export = Export.__new__(Export)
    try:
        PyObject_GetBuffer(data, &export.view, PyBUF_SIMPLE)
    except BufferError as error:
        raise TypeError(f"contiguous bytes expected: {error}") from None
    export.held = True
    return export


cdef uint32_t checked_limit(object max_message_size) except? 0:
    cdef int overflow = 0
    cdef int64_t limit = PyLong_AsLongLongAndOverflow(max_message_size, &overflow)
    if overflow < 0 or (overflow == 0 and limit < 1):
        raise ValueError(f"max_message_size must be at least 1, not {max_message_size}")
    return FF_MAX_LENGTH if overflow or limit > FF_MAX_LENGTH else <uint32_t>limit
