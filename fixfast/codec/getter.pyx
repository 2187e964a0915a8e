# cython: language_level=3, binding=False
"""Reading several typed fields of a message in one call."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int32_t, uint32_t

cimport cython

from fixfast.codec.message cimport Message, Run, view_of
from fixfast.codec.values cimport Kind, View, kind_of, read, tag_of

__all__ = ["Getter", "getter"]


cdef struct Column:
    int32_t tag
    Kind kind
    int digits


@cython.final
cdef class Getter:
    """Reads columns into a tuple. Args: columns: (tag, kind) each."""
    cdef Column* columns
    cdef Py_ssize_t count
    cdef tuple tags

    def __cinit__(self, columns):
        cdef Py_ssize_t k
        self.count = len(columns)
        self.columns = <Column*>PyMem_Malloc((self.count + 1) * sizeof(Column))
        if self.columns is NULL:
            raise MemoryError
        self.tags = tuple([tag for tag, _ in columns])
        for k in range(self.count):
            self.columns[k].tag = tag_of(columns[k][0])
            self.columns[k].kind = kind_of(columns[k][1], &self.columns[k].digits)

    def __dealloc__(self):
        PyMem_Free(self.columns)

    def read(self, run):
        """Return the columns of a Message or an Entry, None where one is absent. Raises: FieldFormatError."""
        cdef tuple result = PyTuple_New(self.count)
        cdef Message m
        cdef uint32_t first, last
        cdef View view
        cdef Py_ssize_t k
        cdef object value
        cdef Column* column
        if type(run) is Message:
            m = <Message>run
            first = 0
            last = m.count
        elif isinstance(run, Run):
            m = (<Run>run).message
            first = (<Run>run).first
            last = (<Run>run).last
        else:
            raise TypeError(f"a Message or an Entry expected, not {type(run).__name__}")
        for k in range(self.count):
            column = &self.columns[k]
            view_of(m, first, last, &view)
            value = read(&view, column.tag, None, column.kind, column.digits, None)
            Py_INCREF(value)
            PyTuple_SET_ITEM(result, k, value)
        return result


def getter(*columns):
    """Return a function that reads columns from a message, or a group's entry, into a tuple: None where one is absent.

    Args: columns: (tag, kind) each; kinds: str bytes int float decimal scaled:N bool time (ns) datetime.

    Raises: ValueError: an unknown kind. The function raises FieldFormatError for a wrong value.
    """
    # PERF: a bound C method; calling an object builds a tuple of the arguments first (103 -> 57 ns for one column).
    return Getter(columns).read
