# Repeating groups: a group that was found, its entries.

from libc.stdint cimport uint32_t

cimport cython

from fixfast.codec.message cimport Message, Run
from fixfast.codec.schema cimport Schema, ff_schema_node


cdef struct Level:
    const ff_schema_node* node          # what the entries of a group, or a message, may hold
    const ff_schema_node* top           # of the message it is in


@cython.final
cdef class Group:
    cdef Message message
    cdef Schema schema                  # keeps `level` valid; None if the group was found by its delimiter
    cdef Level level
    cdef Group outer                    # the group that holds this one, None: the message does
    cdef uint32_t depth                 # groups from the message down to this one
    cdef uint32_t* bounds               # owned: size + 1 places in the message's table; NULL if size is 0
    cdef uint32_t size                  # entries


@cython.final
cdef class Entry(Run):
    cdef Group home                     # the group it is an entry of
