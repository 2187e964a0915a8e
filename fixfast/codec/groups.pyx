# cython: language_level=3, binding=False
"""Repeating groups: found when asked for, from the message's flat table of fields.

With a dictionary, a group is what follows its count field:
- an entry begins at each delimiter tag; fields before the first delimiter belong to no entry;
- a tag that the entry's definition has belongs to the entry; one that counts a nested group opens that group, whose
  fields belong to the entry, too;
- a tag that an enclosing level has - the entry around the group, and so on out to the message with its header and
  trailer - ends the groups up to that level;
- every other tag (unknown, user-defined, known only elsewhere) stays with the innermost entry that is open.
The count itself is not believed: the entries found are given; whether they are as many is the validator's business.

Without a dictionary:
- entries begin at the delimiter tags behind the count field, at most as many as it says;
- all but the last end where the next begins;
- the last ends at the first tag that none of the others had, or, if it is the only one, at the trailer (10, 89, 93).
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

cimport cython

from fixfast.codec.context cimport schema_of
from fixfast.codec.later cimport Later
from fixfast.codec.message cimport Message, Run, contains, get_all, get_many, get_value, pairs_of, view_of
from fixfast.codec.schema cimport FF_SCHEMA_DEPTH, Schema, ff_member, ff_node_at, ff_schema_member, ff_schema_node
from fixfast.codec.select cimport context_for
from fixfast.codec.values cimport (
    BOOL, BYTES, DATETIME, DECIMAL, FLOAT, INT, SCALED, STR, TIME, View, bytes_at, check_digits, find, tag_of,
    missing as _MISSING,
)

from collections.abc import Sequence

__all__ = ["Entry", "Group", "by_delimiter", "by_dictionary"]

cdef frozenset _TRAILER = frozenset((10, 89, 93))

cdef enum:
    ON_STACK = 512              # places of entries that a call finds without allocating


# --- walking --------------------------------------------------------------------------------------------------


ctypedef const ff_schema_node* node_p

cdef struct Chain:
    const uint8_t* blob
    uint32_t depth                          # of the group that is walked: its place in `levels`
    node_p[FF_SCHEMA_DEPTH + 1] levels      # the message's, then each group's inside it


cdef inline uint32_t _repeated(const int32_t* tags, uint32_t i, uint32_t last, uint32_t length) noexcept nogil:
    """How many tags from i on equal those `length` places before them."""
    cdef uint32_t at = i
    while at + 64 <= last and not memcmp(tags + at, tags + at - length, 64 * sizeof(int32_t)):
        at += 64
    while at + 8 <= last and not memcmp(tags + at, tags + at - length, 8 * sizeof(int32_t)):
        at += 8
    while at < last and tags[at] == tags[at - length]:
        at += 1
    return at - i


cdef uint32_t _walk(
    Chain* chain, const int32_t* tags, uint32_t i, uint32_t last, uint32_t* starts, uint32_t* count
) noexcept nogil:
    """Walk the innermost group of the chain from i on; return where it ends. `starts` has room for last - i entries.

    Groups nested in it are walked, too, at the levels behind its own.
    """
    cdef node_p* levels = chain.levels
    cdef uint32_t base = chain.depth
    cdef uint32_t depth = base          # of the innermost group that is open
    cdef uint32_t k, length, n = 0
    cdef const ff_schema_member* member
    while i < last:
        k = depth
        member = ff_member(levels[k], tags[i])
        while member is NULL and k:
            k -= 1
            member = ff_member(levels[k], tags[i])
        if member is NULL:
            i += 1
            continue
        if k < base:
            break
        if k == base and tags[i] == levels[base].delimiter:
            starts[n] = i
            n += 1
            # PERF: entries with the tags of the one before them are walked as that one was, and end at the depth it
            # ended at. group(268) of a message with 50 entries of five fields takes 180 instead of 355 ns.
            if n > 1:
                length = i - starts[n - 2]
                k = i + _repeated(tags, i, last, length) // length * length
                if k > i:
                    i += length
                    while i < k:
                        starts[n] = i
                        n += 1
                        i += length
                    continue
                k = base
        depth = k
        if member.child:
            depth += 1
            levels[depth] = ff_node_at(chain.blob, member.child)
        i += 1
    count[0] = n
    return i


cdef Group _new_group(Message m, const uint32_t* starts, uint32_t count, uint32_t end):
    cdef Group group = Group.__new__(Group)
    group.message = m
    if count:
        group.bounds = <uint32_t*>PyMem_Malloc((count + 1) * sizeof(uint32_t))
        if group.bounds is NULL:
            raise MemoryError
        memcpy(group.bounds, starts, count * sizeof(uint32_t))
        group.bounds[count] = end
        group.size = count
    return group


cdef inline void _chain_of(Chain* chain, Level* level, Group outer) noexcept:
    """Fill the chain: the message, the groups from the outermost in, the group of `level` itself."""
    cdef uint32_t depth = 1 if outer is None else outer.depth + 1
    chain.depth = depth
    chain.levels[0] = level.top
    chain.levels[depth] = level.node
    while outer is not None:
        chain.levels[outer.depth] = outer.level.node
        outer = outer.outer


cdef Group group_at(
    Message m, Schema schema, Level* level, Group outer, uint32_t first, uint32_t last, uint32_t* end
):
    """The group whose fields begin at `first`; `end` is where it ends, if not NULL."""
    cdef View view
    cdef Chain chain
    cdef Group group
    cdef uint32_t[ON_STACK] few
    cdef uint32_t* starts = few
    cdef uint32_t count = 0
    cdef uint32_t stop
    if last - first > ON_STACK:
        starts = <uint32_t*>PyMem_Malloc((last - first) * sizeof(uint32_t))
        if starts is NULL:
            raise MemoryError
    try:
        view_of(m, 0, m.count, &view)
        chain.blob = schema.base
        _chain_of(&chain, level, outer)
        stop = _walk(&chain, view.tags, first, last, starts, &count)
        if end is not NULL:
            end[0] = stop
        group = _new_group(m, starts, count, stop)
    finally:
        if starts is not few:
            PyMem_Free(starts)
    group.schema, group.outer, group.depth = schema, outer, chain.depth
    group.level = level[0]
    return group


cdef Schema schema_for(Message m, Level* level):
    """The compiled dictionary that describes a message; `level` is the message's own then."""
    cdef Schema schema = schema_of(context_for(m))
    cdef View view
    cdef const uint32_t* start
    view_of(m, 2, m.count, &view)       # MsgType is the third field
    start = <const uint32_t*>view.tags + view.stride
    level.top = level.node = schema.node_of(view.base + start[0], start[view.stride] - start[0])
    return schema


cdef bint enter(Schema schema, Level* level, int32_t count_tag) noexcept:
    """Go from a level into the group that a tag counts there; False if it counts none."""
    cdef const ff_schema_member* member = ff_member(level.node, count_tag)
    if member is NULL or not member.child:
        return False
    level.node = ff_node_at(schema.base, member.child)
    return True


cdef Group _found(Message m, Group outer, uint32_t first, uint32_t last, object count_tag):
    """The group behind the first `count_tag` of these fields, by the dictionary. `outer`: the group they are in."""
    cdef View view
    cdef int32_t tag = tag_of(count_tag)
    cdef Py_ssize_t i
    cdef Level level
    cdef Schema schema
    view_of(m, first, last, &view)
    i = find(&view, 0, tag)
    if i >= 0:
        if outer is None:
            schema = schema_for(m, &level)
        else:
            schema, level = outer.schema, outer.level
        if enter(schema, &level, tag):
            return group_at(m, schema, &level, outer, first + <uint32_t>i + 1, last, NULL)
    return _new_group(m, NULL, 0, 0)


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
        return _new_group(m, NULL, 0, 0)
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
            return _new_group(m, NULL, 0, 0)
        for i in range(starts[0], starts[n - 1]):
            seen.add(view.tags[i])
        i = starts[n - 1] + 1
        while i < last and view.tags[i] not in _TRAILER and (n == 1 or view.tags[i] in seen):
            i += 1
        return _new_group(m, starts, n, i)
    finally:
        PyMem_Free(starts)


# --- groups and entries ---------------------------------------------------------------------------------------


cdef Entry _entry(Group group, uint32_t i):
    cdef Entry entry = Entry.__new__(Entry)
    entry.message = group.message
    entry.home = group
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

    def columns(self, *columns, missing=None):
        """Return numpy arrays of the same fields of every entry, one for each column, as long as the group.

        Args:
            columns: a tag, or (tag, kind). Kinds: float (what a bare tag means) gives float64, int and scaled:N give
                int64, time gives datetime64[ns], bytes gives fixed bytes as wide as the widest.
            missing: the int64 in int and scaled columns where an entry has no such field; None: it must have one.
                Elsewhere absent is NaN, NaT or b"".
        Returns: a tuple of new arrays. As everywhere, the first field of an entry with the tag counts.
        Raises: FieldFormatError: a value is not of its kind, or is beyond 64 bits. FieldMissing: see `missing`.
        """
        return _arrays.get().columns(self, columns, missing)

    def __repr__(self):
        return f"<Group of {self.size} entries>"


Sequence.register(Group)

cdef Later _arrays = Later("arrays")
cdef Later _reading = Later("reading")


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
        return _reading.get().value(self, tag)

    def value_ns(self, tag, default=_MISSING):
        """See Message.value_ns()."""
        if default is not _MISSING and not contains(self.message, self.first, self.last, tag):
            return default
        return _reading.get().value_ns(self, tag)

    def group(self, count_tag):
        """Return the entries of a group nested in this one, by the dictionary; empty if absent or unknown there."""
        if self.home.schema is None:
            return _new_group(self.message, NULL, 0, 0)
        return _found(self.message, self.home, self.first, self.last, count_tag)

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
