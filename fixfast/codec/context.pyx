# cython: language_level=3, binding=False
"""What stands around messages: what the dictionaries given for them mean, and what keeps a caller's bytes in place."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t, uint32_t

cimport cython

from fixfast.codec.scan.kernels cimport FF_MAX_LENGTH, DataPairs
from fixfast.codec.schema cimport Schema

from functools import lru_cache

from fixfast.codec._data_pairs import DATA_PAIRS

__all__ = []


@cython.final
cdef class Context:
    """See context.pxd. Args: dictionary: as the caller gave it. source: what describes messages, None: it depends."""

    def __cinit__(self, dictionary, source=None):
        pairs = dict(DATA_PAIRS)
        self.dictionary, self.source, self.supported = dictionary, source, True
        if dictionary is not None:
            pairs.update(self._given(dictionary))
        self.pairs = DataPairs(pairs)
        self.data_tags = frozenset(pairs.values())
        self.chosen = {}

    cdef dict _given(self, object dictionary):
        """Take what a caller gave; return its length/data pairs."""
        # here, so that reading messages by their tags imports no dictionary
        from fixfast.dictionary.model import Dictionary
        from fixfast.dictionary.versions import DictionarySet

        if isinstance(dictionary, Dictionary):
            self.source = dictionary
            return dict(dictionary.data_pairs)
        if not isinstance(dictionary, DictionarySet):
            raise TypeError(
                f"dictionary must be a Dictionary, a DictionarySet or None, not {type(dictionary).__name__}; "
                "load_dictionary() makes a Dictionary from a name or a file"
            )
        self.chooser = dictionary
        self.by_msg_type = bool(dictionary.by_msg_type)
        # Which of them a message follows is not known when it is scanned: a pair of any of them counts.
        return {k: v for given in dictionary.dictionaries.values() for k, v in given.data_pairs.items()}


cdef Context _STANDARD = Context(None)
# Pure, so the caches change nothing but time. This one keeps some dictionaries alive, of which a program has few.
cdef object _context_of = lru_cache(maxsize=16)(Context)


def _context_of_name(source, assumed, supported):
    cdef Context context = Context(None, source)
    context.assumed, context.supported = assumed, supported
    return context


# By names, of which there are fewer than places. Contexts of one name share its Schema.
cdef object _named = lru_cache(maxsize=64)(_context_of_name)


def _schema_of(source):
    from fixfast.dictionary.compiled import blob_of

    return Schema(blob_of(source))


cdef object _schema_of_name = lru_cache(maxsize=64)(_schema_of)


cdef Context context_of(object dictionary):
    return _STANDARD if dictionary is None else <Context?>_context_of(dictionary)


cdef Context chosen_context(object source, bint assumed, bint supported):
    cdef Context context
    if isinstance(source, str):
        return <Context?>_named(source, assumed, supported)
    context = context_of(source)
    if assumed or not supported:        # of a dictionary that somebody gave: not what the set that we know says
        context = Context(source)
        context.assumed, context.supported = assumed, supported
    return context


cdef Schema schema_of(Context context):
    if context.schema is None:
        make = _schema_of_name if isinstance(context.source, str) else _schema_of
        context.schema = <Schema?>make(context.source)
    return context.schema


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
    except ValueError as error:         # numpy's word for it; but also what a closed mmap says
        if memoryview(data).c_contiguous:
            raise
        raise TypeError(f"contiguous bytes expected: {error}") from None
    export.held = True
    return export


cdef uint32_t checked_limit(object max_message_size) except? 0:
    cdef int overflow = 0
    cdef int64_t limit = PyLong_AsLongLongAndOverflow(max_message_size, &overflow)
    if overflow < 0 or (overflow == 0 and limit < 1):
        raise ValueError(f"max_message_size must be at least 1, not {max_message_size}")
    return FF_MAX_LENGTH if overflow or limit > FF_MAX_LENGTH else <uint32_t>limit
