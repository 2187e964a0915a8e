# cython: language_level=3, binding=False
"""Repeating groups: found when asked for, from the message's flat table of fields.

With a dictionary, a group is what follows its count field:
- an entry begins at each delimiter tag; fields before the first delimiter belong to no entry;
- a nested count tag opens a nested group, whose fields belong to the entry too;
- a tag that the message knows (at any level, header and trailer included) but the group does not ends the group;
- a tag that the message does not know stays with the entry it stands in.
The count itself is not believed: the entries found are given; whether they are as many is the validator's business.

Without a dictionary:
- entries begin at the delimiter tags behind the count field, at most as many as it says;
- all but the last end where the next begins;
- the last ends at the first tag that none of the others had, or, if it is the only one, at the trailer (10, 89, 93).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cimport cython

from fixfast.codec.context cimport Context, context_of
from fixfast.codec.message cimport Message, Run, contains, get_all, get_many, get_value, pairs_of, view_of
from fixfast.codec.scan.kernels cimport FF_PAIR_BITS, ff_find_in_set
from fixfast.codec.values cimport (
    BOOL, BYTES, DATETIME, DECIMAL, FLOAT, INT, SCALED, STR, TIME, View, bytes_at, check_digits, find, missing, tag_of,
    text_at,
)

from collections.abc import Sequence

__all__ = ["Entry", "Group", "body", "by_delimiter", "by_dictionary"]

cdef object _MISSING = missing
cdef frozenset _TRAILER = frozenset((10, 89, 93))
# send() writes its own; they are not part of a message's body.
cdef frozenset _NOT_IN_BODY = frozenset((8, 9, 10, 34, 35, 43, 49, 52, 56, 122))

cdef enum:
    MAX_VERSIONS = 64           # a peer may choose ApplVerID: what it makes us remember is bounded


# --- definitions ----------------------------------------------------------------------------------------------


@cython.final
cdef class Node:
    def __cinit__(self, definition, known):
        cdef uint32_t i = 0
        cdef int32_t tag
        special = {definition.delimiter, *definition.groups, *(known - definition.tags)}
        small = [tag for tag in special if 0 <= tag < FF_PAIR_BITS]
        self.definition = definition
        self.delimiter = definition.delimiter
        self.large = frozenset(special.difference(small))
        self.any_large = bool(self.large)
        self.bit_count = (<uint32_t>max(small, default=0) | 63) + 1
        self.bits = <uint64_t*>PyMem_Malloc(self.bit_count // 8)
        self.nested = <Child*>PyMem_Malloc((len(definition.groups) + 1) * sizeof(Child))
        if self.bits is NULL or self.nested is NULL:
            raise MemoryError
        memset(self.bits, 0, self.bit_count // 8)
        for tag in small:
            self.bits[tag >> 6] |= <uint64_t>1 << (tag & 63)
        self.children = {tag: Node(inner, known) for tag, inner in definition.groups.items()}
        for tag, child in self.children.items():
            self.nested[i].tag = tag
            self.nested[i].node = <void*>child
            i += 1
        self.nested_count = i

    def __dealloc__(self):
        PyMem_Free(self.bits)
        PyMem_Free(self.nested)


cdef bytes _version_key(Message m):
    """BeginString, and behind a NUL ApplVerID if there is one."""
    cdef View view
    cdef bytes key
    cdef Py_ssize_t i
    view_of(m, 0, m.count, &view)
    key = bytes_at(&view, 0)
    if key == b"FIXT.1.1":
        view_of(m, 0, m.count, &view)
        i = find(&view, 0, 1128)
        if i >= 0:
            key += b"\0" + bytes_at(&view, i)
    return key


cdef Context _context(Message m):
    """The context whose dictionary describes this message; raises DictionaryError if there is none."""
    cdef Context context = m.context
    cdef bytes key
    if context.dictionary is not None:
        return context
    key = _version_key(m)
    found = m.context.versions.get(key)
    if found is not None:
        return found
    context = context_of(m.dictionary)
    # ApplVerID may be left out of a Logon, which has DefaultApplVerID then: that is not in the key.
    if len(m.context.versions) < MAX_VERSIONS and not contains(m, 0, m.count, 1137):
        m.context.versions[key] = context
    return context


cdef bytes _node_key(Message m, int32_t count_tag):
    """MsgType and the tag, in one object."""
    cdef View view
    cdef const uint32_t* start
    cdef uint32_t n
    cdef bytes key
    view_of(m, 2, m.count, &view)       # MsgType is the third field
    start = <const uint32_t*>view.tags + view.stride
    n = start[view.stride] - start[0]
    key = PyBytes_FromStringAndSize(NULL, n + sizeof(int32_t))
    memcpy(PyBytes_AS_STRING(key), m.base + start[0], n)
    memcpy(PyBytes_AS_STRING(key) + n, &count_tag, sizeof(int32_t))
    return key


cdef Node _node(Message m, int32_t count_tag):
    """The definition of a top-level group of this message, None if it has no such group."""
    cdef Context context = _context(m)
    cdef bytes key = _node_key(m, count_tag)
    cdef object node = context.nodes.get(key, _MISSING)
    if node is not _MISSING:
        return node
    dictionary = context.dictionary
    msg_type = m.msg_type
    definition = dictionary.group(msg_type, count_tag)
    node = None if definition is None else Node(definition, dictionary.tags(msg_type))
    if dictionary.messages.get(msg_type) is not None:       # a peer chooses MsgType: only known ones are remembered
        context.nodes[key] = node
    return node


# --- walking --------------------------------------------------------------------------------------------------


cdef Node _child(Node node, int32_t tag):
    cdef uint32_t i
    for i in range(node.nested_count):
        if node.nested[i].tag == tag:
            return <Node>node.nested[i].node
    return None


cdef uint32_t _walk(
    Node node, const int32_t* tags, uint32_t i, uint32_t last, uint32_t* starts, uint32_t* count
) except? 0:
    """Walk a group's fields from i on; return where it ends. `starts`, if not NULL, has room for last - i entries."""
    cdef Node child
    while True:
        i = ff_find_in_set(tags, i, last, node.bits, node.bit_count)
        if i == last:
            return last
        if <uint32_t>tags[i] >= node.bit_count and not (node.any_large and tags[i] in node.large):
            i += 1
            continue
        if tags[i] == node.delimiter:
            if starts is not NULL:
                starts[count[0]] = i
                count[0] += 1
            if not node.nested_count:
                i += 1
                continue
        child = _child(node, tags[i])
        if child is not None:
            i = _walk(child, tags, i + 1, last, NULL, NULL)
        elif tags[i] == node.delimiter:
            i += 1
        else:
            return i


cdef Group _new_group(Message m, Node node, const uint32_t* starts, uint32_t count, uint32_t end):
    cdef Group group = Group.__new__(Group)
    group.message = m
    group.node = node
    if count:
        group.bounds = <uint32_t*>PyMem_Malloc((count + 1) * sizeof(uint32_t))
        if group.bounds is NULL:
            raise MemoryError
        memcpy(group.bounds, starts, count * sizeof(uint32_t))
        group.bounds[count] = end
        group.size = count
    return group


cdef Group _group_at(Message m, Node node, uint32_t first, uint32_t last, uint32_t* end):
    """The group whose fields begin at `first`; `end` is where it ends, if not NULL."""
    cdef View view
    cdef uint32_t[64] few
    cdef uint32_t* starts = few
    cdef uint32_t count = 0
    cdef uint32_t stop
    if last - first > 64:
        starts = <uint32_t*>PyMem_Malloc((last - first) * sizeof(uint32_t))
        if starts is NULL:
            raise MemoryError
    try:
        view_of(m, 0, m.count, &view)
        stop = _walk(node, view.tags, first, last, starts, &count)
        if end is not NULL:
            end[0] = stop
        return _new_group(m, node, starts, count, stop)
    finally:
        if starts is not few:
            PyMem_Free(starts)


cdef Group _found(Message m, Node parent, uint32_t first, uint32_t last, object count_tag):
    """The group behind the first `count_tag` of these fields, by the dictionary."""
    cdef View view
    cdef int32_t tag = tag_of(count_tag)
    cdef Py_ssize_t i
    cdef Node node
    view_of(m, first, last, &view)
    i = find(&view, 0, tag)
    if i >= 0:
        node = _node(m, tag) if parent is None else _child(parent, tag)
        if node is not None:
            return _group_at(m, node, first + <uint32_t>i + 1, last, NULL)
    return _new_group(m, None, NULL, 0, 0)


def by_dictionary(Message m not None, count_tag):
    """Return the Group that `count_tag` announces at the top level of a message; see the module for the rule."""
    return _found(m, None, 0, m.count, count_tag)


def by_delimiter(Message m not None, count_tag, delimiter):
    """Return the Group that `count_tag` announces, without a dictionary; see the module for the rule."""
    return _delimited(m, 0, m.count, count_tag, delimiter)


cdef Group _delimited(Message m, uint32_t first, uint32_t last, object count_tag, object delimiter):
    cdef View view
    cdef int32_t count = tag_of(count_tag)
    cdef int32_t opener = tag_of(delimiter)
    cdef Py_ssize_t at
    cdef uint32_t i, n = 0
    cdef uint32_t limit = last - first
    cdef uint32_t* starts
    cdef set seen = set()
    cdef bytes announced
    view_of(m, first, last, &view)
    at = find(&view, 0, count)
    if at < 0:
        return _new_group(m, None, NULL, 0, 0)
    announced = bytes_at(&view, at)
    if announced.isdigit():
        limit = min(limit, <uint32_t>int(announced[:9]))
    starts = <uint32_t*>PyMem_Malloc((last - first + 1) * sizeof(uint32_t))
    if starts is NULL:
        raise MemoryError
    try:
        view_of(m, 0, m.count, &view)
        for i in range(first + <uint32_t>at + 1, last):
            if n == limit:
                break
            if view.tags[i] == opener:
                starts[n] = i
                n += 1
        if not n:
            return _new_group(m, None, NULL, 0, 0)
        for i in range(starts[0], starts[n - 1]):
            seen.add(view.tags[i])
        i = starts[n - 1] + 1
        while i < last and view.tags[i] not in _TRAILER and (n == 1 or view.tags[i] in seen):
            i += 1
        return _new_group(m, None, starts, n, i)
    finally:
        PyMem_Free(starts)


# --- groups and entries ---------------------------------------------------------------------------------------


cdef Entry _entry(Group group, uint32_t i):
    cdef Entry entry = Entry.__new__(Entry)
    entry.message = group.message
    entry.node = group.node
    entry.first = group.bounds[i]
    entry.last = group.bounds[i + 1]
    return entry


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Group:
    """The entries of one repeating group, in order: a Sequence of Entry."""

    def __init__(self):
        raise TypeError("a Group is made by Message.group() or groups()")

    def __dealloc__(self):
        PyMem_Free(self.bounds)

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        cdef Py_ssize_t i
        if isinstance(index, slice):
            return [_entry(self, i) for i in range(*index.indices(self.size))]
        i = index
        if i < 0:
            i += self.size
        if not 0 <= i < self.size:
            raise IndexError("the group has no such entry")
        return _entry(self, <uint32_t>i)

    def __iter__(self):
        cdef uint32_t i
        return iter([_entry(self, i) for i in range(self.size)])

    def index(self, entry, *bounds):
        """Return the place of an entry. Raises: ValueError: it is not in the group."""
        return list(self).index(entry, *bounds)

    def count(self, entry):
        """Return 1 if the entry is in the group, else 0."""
        return list(self).count(entry)

    def __repr__(self):
        return f"<Group of {self.size} entries>"


Sequence.register(Group)


@cython.final
@cython.no_gc
cdef class Entry(Run):
    """One entry of a repeating group. Answers like a Message, about its own fields and those of groups nested in it.

    Entries are made when asked for; two are equal if they are the same fields of the same message.
    """

    def __init__(self):
        raise TypeError("an Entry is an item of a Group")

    @property
    def dictionary(self):
        """The Dictionary of the message."""
        return self.message.dictionary

    def __getitem__(self, tag):
        return get_value(self.message, self.first, self.last, tag, STR, 0, _MISSING)

    def __contains__(self, tag):
        return contains(self.message, self.first, self.last, tag)

    def __len__(self):
        return self.last - self.first

    def __iter__(self):
        return pairs_of(self.message, self.first, self.last)

    def get(self, tag, default=None):
        """See Message.get()."""
        return get_value(self.message, self.first, self.last, tag, STR, 0, default)

    def all(self, tag):
        """See Message.all()."""
        return get_all(self.message, self.first, self.last, tag)

    def many(self, *tags):
        """See Message.many()."""
        return get_many(self.message, self.first, self.last, tags)

    def bytes(self, tag, default=_MISSING):
        """See Message.bytes()."""
        return get_value(self.message, self.first, self.last, tag, BYTES, 0, default)

    def int(self, tag, default=_MISSING):
        """See Message.int()."""
        return get_value(self.message, self.first, self.last, tag, INT, 0, default)

    def float(self, tag, default=_MISSING):
        """See Message.float()."""
        return get_value(self.message, self.first, self.last, tag, FLOAT, 0, default)

    def decimal(self, tag, default=_MISSING):
        """See Message.decimal()."""
        return get_value(self.message, self.first, self.last, tag, DECIMAL, 0, default)

    def scaled(self, tag, int digits, default=_MISSING):
        """See Message.scaled()."""
        check_digits(digits)
        return get_value(self.message, self.first, self.last, tag, SCALED, digits, default)

    def bool(self, tag, default=_MISSING):
        """See Message.bool()."""
        return get_value(self.message, self.first, self.last, tag, BOOL, 0, default)

    def time_ns(self, tag, default=_MISSING):
        """See Message.time_ns()."""
        return get_value(self.message, self.first, self.last, tag, TIME, 0, default)

    def datetime(self, tag, default=_MISSING):
        """See Message.datetime()."""
        return get_value(self.message, self.first, self.last, tag, DATETIME, 0, default)

    def value(self, tag, default=_MISSING):
        """See Message.value()."""
        if default is not _MISSING and not contains(self.message, self.first, self.last, tag):
            return default
        from fixfast.codec import present

        return present.value(self, tag)

    def group(self, count_tag):
        """Return the entries of a group nested in this one, by the dictionary; empty if absent or unknown there."""
        if self.node is None:
            return _new_group(self.message, None, NULL, 0, 0)
        return _found(self.message, self.node, self.first, self.last, count_tag)

    def groups(self, count_tag, delimiter):
        """Return the entries of a nested group without a dictionary."""
        return _delimited(self.message, self.first, self.last, count_tag, delimiter)

    def __eq__(self, other):
        cdef Entry entry
        if not isinstance(other, Entry):
            return NotImplemented
        entry = other
        return entry.message is self.message and entry.first == self.first and entry.last == self.last

    def __hash__(self):
        return hash((id(self.message), self.first, self.last))

    def __repr__(self):
        return f"<Entry of {len(self)} fields>"


# --- body -----------------------------------------------------------------------------------------------------


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


cdef list _nested(Message m, Node parent, uint32_t first, uint32_t last, bint top):
    cdef View view
    cdef list fields = []
    cdef uint32_t i = first
    cdef uint32_t k, at
    cdef int32_t tag, following
    cdef Node node
    cdef Group group
    while i < last:
        view_of(m, i, last, &view)
        tag = view.tags[0]
        following = view.tags[1] if i + 1 < last else 0
        node = _node(m, tag) if top else _child(parent, tag)
        if node is None or i + 1 == last or following != node.delimiter:
            field = _plain(m, i)
            if field is not None:
                fields.append(field)
            i += 1
        else:
            group = _group_at(m, node, i + 1, last, &at)
            entries = [_nested(m, node, group.bounds[k], group.bounds[k + 1], False) for k in range(group.size)]
            fields.append((tag, entries))
            i = at
    return fields


def body(Message m not None, nested):
    """Return what Message.body() promises. A count field that no delimiter follows directly is a plain field."""
    cdef uint32_t i
    if nested:
        return _nested(m, None, 0, m.count, True)
    return [field for i in range(m.count) if (field := _plain(m, i)) is not None]
