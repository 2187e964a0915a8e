# Typed columns, read from every entry of a group.

from libc.stdint cimport int32_t

from fixfast.codec.groups cimport Group
from fixfast.codec.values cimport Kind

cdef enum:
    BUCKETS = 256               # columns are found by the low bits of their tag


cdef struct Column:
    int32_t tag
    Kind kind
    int digits
    Py_ssize_t after            # the next column in its bucket, -1: none


# A tuple of `count` columns for each entry, None where one is absent.
cdef list rows_of(Group group, const Column* columns, const Py_ssize_t* buckets, Py_ssize_t count)
