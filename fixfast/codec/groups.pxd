# Repeating groups: a group that was found, its entries.

from libc.stdint cimport int32_t, uint32_t

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


# The compiled dictionary that describes a message; `level` is the message's own then.
cdef Schema schema_for(Message m, Level* level)
# Go from a level into the group that a tag counts there; False if it counts none.
cdef bint enter(Schema schema, Level* level, int32_t count_tag) noexcept
# The group whose fields begin at `first`; `end` is where it ends, if not NULL. `outer`: the group they are in.
cdef Group group_at(
    Message m, Schema schema, Level* level, Group outer, uint32_t first, uint32_t last, uint32_t* end
)
