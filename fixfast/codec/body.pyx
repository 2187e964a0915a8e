# cython: language_level=3, binding=False
"""Message.body(): the fields of a message as encode() and send() take them."""

from libc.stdint cimport int32_t, uint32_t

from fixfast.codec.groups cimport Group, Level, enter, group_at, schema_for
from fixfast.codec.message cimport Message, view_of
from fixfast.codec.schema cimport Schema
from fixfast.codec.values cimport View, bytes_at, text_at

__all__ = ["body"]

# send() writes its own; they are not part of a message's body.
cdef frozenset _NOT_IN_BODY = frozenset((8, 9, 10, 34, 35, 43, 49, 52, 56, 122))


cdef object _plain(Message m, uint32_t i):
    """A field as encode() takes it, None if it is the session's."""
    cdef View view
    cdef object tag
    view_of(m, i, m.count, &view)
    tag = view.tags[0]
    if tag in _NOT_IN_BODY:
        return None
    if tag in m.context.data_tags:
        return tag, bytes_at(&view, 0)
    return tag, text_at(&view, 0)


cdef list _nested(Message m, Schema schema, const Level* level, Group outer, uint32_t first, uint32_t last):
    """The fields, groups among them as (count tag, [entries]). `level` is theirs, `outer` the group they are in."""
    cdef View view
    cdef list fields = []
    cdef uint32_t i = first
    cdef uint32_t k, at
    cdef int32_t tag, following
    cdef Level inner
    cdef Group group
    while i < last:
        view_of(m, i, last, &view)
        tag = view.tags[0]
        following = view.tags[1] if i + 1 < last else 0
        inner = level[0]
        if not enter(schema, &inner, tag) or following != inner.node.delimiter:
            field = _plain(m, i)
            if field is not None:
                fields.append(field)
            i += 1
        else:
            group = group_at(m, schema, &inner, outer, i + 1, last, &at)
            entries = [
                _nested(m, schema, &inner, group, group.bounds[k], group.bounds[k + 1]) for k in range(group.size)
            ]
            fields.append((tag, entries))
            i = at
    return fields


def body(Message m not None, nested):
    """Return what Message.body() promises. A count field that no delimiter follows directly is a plain field."""
    cdef uint32_t i
    cdef Level level
    cdef Schema schema
    if nested and m.count:
        schema = schema_for(m, &level)
        return _nested(m, schema, &level, None, 0, m.count)
    return [field for i in range(m.count) if (field := _plain(m, i)) is not None]
