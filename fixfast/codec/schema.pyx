# cython: language_level=3, binding=False
"""Schema: a compiled dictionary, checked once, so that whatever walks it may trust every offset in it."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memcmp

cimport cython

cdef extern from "Python.h":
    enum:
        PyBUF_READ

cdef extern from "schema.h":
    const char* ff_schema_check(const uint8_t* blob, size_t n)

from hashlib import sha256

from fixfast.errors import DictionaryError

__all__ = ["Schema"]


@cython.final
cdef class Schema:
    """A dictionary as dictionary/compile.py makes it, checked: an object of C code, opaque to Python.

    A read-only buffer is referred to, any other copied: nobody may change what has been checked.

    Args: buffer: the compiled dictionary, anything with the buffer protocol.
    Attributes: size: in bytes.
    Raises: DictionaryError: this is no compiled dictionary, or a damaged one. TypeError: not a buffer.
    """

    def __cinit__(self, buffer):
        cdef const char* wrong
        self._hold(buffer)
        if not self.view.readonly or <uintptr_t>self.view.buf % 4:
            buffer = PyBytes_FromStringAndSize(<const char*>self.view.buf, self.view.len)
            self.held = False
            PyBuffer_Release(&self.view)
            self._hold(buffer)
        self.base = <const uint8_t*>self.view.buf
        self.size = self.view.len
        wrong = ff_schema_check(self.base, <size_t>self.size)
        if wrong is not NULL:
            raise DictionaryError(f"compiled dictionary: {wrong.decode()}")
        found = sha256(PyMemoryView_FromMemory(
            <char*>self.base + sizeof(ff_schema_header), self.size - <Py_ssize_t>sizeof(ff_schema_header), PyBUF_READ
        )).digest()
        if memcmp(<const char*>found, ff_header_of(self.base).digest, 32):
            raise DictionaryError("compiled dictionary: its digest is not that of its content")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef int _hold(self, object buffer) except -1:
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.held = True
        return 0

    cdef const ff_schema_node* node_of(self, const uint8_t* msg_type, size_t n) noexcept:
        cdef const ff_schema_node* node = ff_message_node(self.base, msg_type, n)
        return ff_node_at(self.base, ff_header_of(self.base).common) if node is NULL else node
