# Repeating groups: the definition of one in the form that walking needs, a group found, its entries.

from libc.stdint cimport int32_t, uint32_t, uint64_t

cimport cython

from fixfast.codec.message cimport Message, Run


cdef struct Child:
    int32_t tag                         # the count tag of a nested group
    void* node                          # borrowed from Node.children


@cython.final
cdef class Node:
    """A group's definition inside one type of message. A tag is special if it opens an entry, opens a nested group,
    or ends the group: the message knows it, and the group does not."""
    cdef readonly object definition     # GroupDef
    cdef readonly dict children         # {count tag: Node}
    cdef Child* nested                  # owned: the same as an array
    cdef uint32_t nested_count
    cdef int32_t delimiter
    cdef uint32_t bit_count             # 64 times the words of `bits`
    cdef uint64_t* bits                 # owned: special tags below FF_PAIR_BITS
    cdef frozenset large                # the others
    cdef bint any_large


@cython.final
cdef class Group:
    cdef Message message
    cdef Node node                      # None if found by its delimiter
    cdef uint32_t* bounds               # owned: size + 1 places in the message's table; NULL if size is 0
    cdef uint32_t size                  # entries


@cython.final
cdef class Entry(Run):
    cdef Node node                      # None if found by its delimiter
