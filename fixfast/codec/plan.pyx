# cython: language_level=3, binding=False
"""What a Template's message is: fixed text with holes in it, and how the holes are filled.

A loop in C (fill.h) fills them, and hands back the odd values.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize
from cpython.datetime cimport PyDateTime_Check, import_datetime
from cpython.long cimport PyLong_Check
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from decimal import Decimal

from fixfast.errors import EncodeTypeError
from fixfast.types import Scaled, Slot

from fixfast.codec.render cimport (
    HEADROOM,
    MAX_INT,
    MAX_TIME,
    SLACK,
    STACK,
    Out,
    ff_copy_blocks,
    ff_put_int,
    plain,
    put_mantissa,
    put_other,
    put_tag,
    refuse,
    room,
)
from fixfast.codec.write cimport (
    COUNT,
    DATA,
    LENGTH,
    OWNED,
    TIME,
    UNCHECKED,
    kind_of,
    open_out,
    plain_decimal,
    tag_of,
)

__all__: list = []

import_datetime()

cdef enum:
    MAX_SCALE = 18              # decimals that an int64 can have
    AT_ONCE = 16                # entries of a group for which room is made at once

cdef dict SLOT_KINDS = {
    "str": SLOT_STR, "int": SLOT_INT, "time": SLOT_TIME, "decimal": SLOT_DECIMAL, "bool": SLOT_BOOL
}

cdef tuple SLOT_NAMES = (*SLOT_KINDS, "scaled", "group")

cdef extern from "Python.h":
    PyObject** PySequence_Fast_ITEMS(object sequence)

# Decimal if it can be read in place, else NULL; never written again.
cdef PyTypeObject* DECIMAL = plain_decimal()


cdef class Plan:
    pass


cdef int _slot_kind(object kind) except -1:
    if isinstance(kind, tuple) and kind and not [item for item in kind if not isinstance(item, Slot)]:
        return SLOT_GROUP
    if isinstance(kind, str) and kind in SLOT_KINDS:
        return SLOT_KINDS[kind]
    if isinstance(kind, str) and kind.startswith("scaled:"):
        scale = kind[7:]
        if scale.isascii() and scale.isdigit() and int(scale) <= MAX_SCALE:
            return SLOT_SCALED
    raise ValueError(
        f"a Slot's kind is str, int, time, decimal, bool, scaled:0 to scaled:{MAX_SCALE}, or Slots, not {kind!r}"
    )

cdef Plan new_plan(Py_ssize_t count):
    cdef Plan plan = Plan.__new__(Plan)
    plan.holes = bytes(sizeof(Hole) * count)
    plan.groups = []
    plan.c.holes = <const Hole*>PyBytes_AS_STRING(plan.holes)
    plan.c.count = count
    return plan


cdef int set_text(Plan plan, Out* o, bytes head) except -1:
    """Make the text of a plan of what was rendered, where hole.start and hole.whole say where a "tag=" begins and ends.

    Args: head: what stands in front of the body; empty for an entry of a group.
    """
    cdef Hole* hole = <Hole*>PyBytes_AS_STRING(plan.holes)
    cdef bytes body = PyBytes_FromStringAndSize(<char*>o.base + HEADROOM, o.p - o.base - HEADROOM)
    cdef bytes text = b""
    cdef bytes front = head or b"\x01"          # behind a value its SOH comes with the next text
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t i
    for i in range(plan.c.count):
        piece = front + body[at:hole[i].whole]
        hole[i].bare = len(front) + hole[i].start - at - 1
        at = hole[i].whole
        hole[i].start = len(text)
        hole[i].whole = len(piece)
        memcpy(&hole[i].text[0], PyBytes_AS_STRING(piece + bytes(SLACK)), SLACK)
        text += piece
        front = b"\x01"
    plan.c.tail = len(text)
    if head:
        text += (front if plan.c.count else head) + body[at:]
    plan.text = text + bytes(SLACK)
    plan.c.text = <const uint8_t*>PyBytes_AS_STRING(plan.text)
    plan.c.size = len(text)
    plan.c.head = len(head)
    plan.c.need = len(text) + ROOM * (plan.c.count + 1)
    return 0


cdef int dig(Out* o, Hole* hole, Plan plan, object slot) except -1:
    """Write the tag of a slot, and note what is to be done with it. Returns the kind of its tag."""
    cdef int kind
    hole.tag = tag_of(slot)
    hole.kind = _slot_kind(slot.kind)
    kind = kind_of(hole.tag)
    if kind & o.refuse & ~UNCHECKED:
        refuse(hole.tag, "is written by the encoder itself" if kind & OWNED else "belongs to the session")
    if hole.kind == SLOT_SCALED:
        hole.scale = int(slot.kind[7:])
    elif hole.kind == SLOT_GROUP:
        hole.scale = len(plan.groups)
        plan.groups.append(_entry_plan(slot.kind, o.refuse))
    room(o, 10)
    hole.start = o.p - o.base - HEADROOM
    o.p = put_tag(o.p, hole.tag)
    hole.whole = o.p - o.base - HEADROOM
    return kind


cdef Plan _entry_plan(tuple slots, int refused):
    """What an entry of a group is."""
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef Plan plan = new_plan(len(slots))
    cdef Hole* hole = <Hole*>PyBytes_AS_STRING(plan.holes)
    cdef Py_ssize_t i
    open_out(&o, stack, 0)
    o.refuse = refused | LENGTH | DATA
    try:
        for i in range(plan.c.count):
            hole[i].number = i
            if kind_of(tag_of(slots[i])) & (LENGTH | DATA):
                refuse(tag_of(slots[i]), "data and its length cannot stand in the entries of a Slot")
            if kind_of(tag_of(slots[i])) & COUNT and not isinstance(slots[i].kind, tuple):
                refuse(tag_of(slots[i]), "a group in a group is a Slot with a tuple of Slots")
            dig(&o, &hole[i], plan, slots[i])
        set_text(plan, &o, b"")
    finally:
        free(o.heap)
    return plan


cdef int put_slots(Out* o, Plan plan, PyObject** values, Py_ssize_t given, Py_ssize_t i) except -1:
    """Write a plan from slot `i` to the value of the last."""
    cdef const Hole* hole
    while True:
        room(o, plan.c.need)
        i = ff_put_slots(o, &plan.c, i, values, given, DECIMAL)
        if i == plan.c.count:
            return 0
        hole = &plan.c.holes[i]
        value = <object>values[hole.number]
        if hole.kind == SLOT_GROUP and isinstance(value, (list, tuple)) and not value:
            put_fixed(o, plan.c.text + hole.start, hole.bare)
        else:
            put_fixed(o, plan.c.text + hole.start, hole.whole)
            _put_odd_slot(o, hole, plan, value)
        i += 1


cdef int put_fixed(Out* o, const uint8_t* text, Py_ssize_t n) except -1:
    """Copy text of the template. PERF: blocks, a few bytes too many, not calls of memcpy (NOS 210 -> 200 ns)."""
    room(o, n)
    ff_copy_blocks(o.p, text, n)
    o.p += n
    return 0


cdef int _put_odd_slot(Out* o, const Hole* hole, Plan plan, object value) except -1:
    """Any value of a slot, without SOH but with room for it - and what does not fit."""
    cdef bint fits
    room(o, MAX_TIME + 1)
    if hole.kind == SLOT_GROUP:
        return _put_entries(o, hole.tag, plan.groups[hole.scale], value)
    value = plain(hole.tag, value)
    if PyLong_Check(value) and not isinstance(value, bool):
        if hole.kind == SLOT_SCALED:
            return put_mantissa(o, hole.tag, value, -hole.scale)
        fits = hole.kind in (SLOT_INT, SLOT_DECIMAL, SLOT_TIME)
    elif hole.kind == SLOT_STR:
        fits = PyUnicode_Check(value) or PyBytes_Check(value)
    elif hole.kind == SLOT_BOOL:
        fits = isinstance(value, bool)
    elif hole.kind == SLOT_DECIMAL:
        fits = isinstance(value, (Decimal, Scaled))
    else:
        fits = hole.kind == SLOT_TIME and PyDateTime_Check(value)
    if not fits:
        raise EncodeTypeError(hole.tag, f"{type(value).__name__} does not fit a Slot of kind {SLOT_NAMES[hole.kind]}")
    return put_other(o, hole.tag, value, TIME if hole.kind == SLOT_TIME else 0)


cdef int _put_entries(Out* o, int tag, Plan plan, object entries) except -1:
    """The count of a group and its entries. PERF: a loop in C (W with 50 entries 2,400 -> 1,600 ns)."""
    cdef tuple values
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t first, count
    if not isinstance(entries, (list, tuple)):
        raise EncodeTypeError(tag, f"a group is a list of entries, not {type(entries).__name__}")
    entries = tuple(entries)            # of its own: the count must stay true whatever a value's code does
    count = PyTuple_GET_SIZE(entries)
    room(o, MAX_INT)
    o.p += ff_put_int(o.p, count)
    while i < count:
        room(o, plan.c.need * min(count - i, AT_ONCE))
        first = i
        i = ff_put_entries(o, &plan.c, PySequence_Fast_ITEMS(entries), i, count, DECIMAL)
        if i != first:
            continue
        values = _entry_values(tag, plan.c.count, entries[i])
        if values[0] is None:           # the delimiter: nothing else tells the peer where an entry begins
            refuse(tag, f"an entry without tag {plan.c.holes[0].tag}, which begins it")
        put_slots(o, plan, PySequence_Fast_ITEMS(values), plan.c.count, 0)
        i += 1
    return 0


cdef tuple _entry_values(int tag, Py_ssize_t count, object entry):
    if not PyTuple_CheckExact(entry):
        entry = tuple(entry) if isinstance(entry, (list, tuple)) else (entry,)
    if PyTuple_GET_SIZE(entry) != count:
        raise EncodeTypeError(tag, f"an entry of the group is a tuple of {count} values, one for each Slot")
    return entry


cdef object slot_value(object slot, object value, int digits):
    """A slot's value as put_fields() takes it: text as given (data may hold SOH), anything else written out."""
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef Hole hole
    cdef Plan plan = new_plan(0)
    open_out(&o, stack, digits)
    try:
        dig(&o, &hole, plan, slot)
        if hole.kind == SLOT_GROUP:
            if not isinstance(value, (list, tuple)):
                raise EncodeTypeError(hole.tag, f"a group is a list of entries, not {type(value).__name__}")
            return [_entry_fields(slot, entry, digits) for entry in value]
        value = plain(hole.tag, value)
        if hole.kind == SLOT_STR and isinstance(value, (str, bytes)):
            return value
        o.p = o.base + HEADROOM
        _put_odd_slot(&o, &hole, plan, value)
        return PyBytes_FromStringAndSize(<char*>o.base + HEADROOM, o.p - o.base - HEADROOM)
    finally:
        free(o.heap)


cdef list _entry_fields(object slot, object entry, int digits):
    cdef tuple values = _entry_values(tag_of(slot), len(slot.kind), entry)
    if values[0] is None:
        refuse(tag_of(slot), f"an entry without tag {slot.kind[0].tag}, which begins it")
    return [
        (item.tag, slot_value(item, value, digits))
        for item, value in zip(slot.kind, values) if value is not None
    ]
