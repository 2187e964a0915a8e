# cython: language_level=3, binding=False
"""Template: a message whose fixed part is rendered once.

What is fixed and what is filled in is a Plan. A loop in C (put_out.h) writes it, and hands back the odd values.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport PyDateTime_Check, import_datetime
from cpython.long cimport PyLong_Check
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t
from libc.stdlib cimport free

from decimal import Decimal
from sys import intern

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
    ALL,
    COUNT,
    DATA,
    HEADER,
    LENGTH,
    OWNED,
    SESSION,
    TIME,
    UNCHECKED,
    arranged,
    begin_text,
    check_digits,
    finish,
    in_pair,
    kind_of,
    open_out,
    own_pairs,
    paired,
    plain_decimal,
    put_fields,
    put_msg_type,
    tag_of,
)

__all__ = ["Template"]

import_datetime()

cdef enum:
    MAX_SCALE = 18              # decimals that an int64 can have
    FEW = 64                    # names whose values a call lays out on the stack

cdef dict SLOT_KINDS = {
    "str": SLOT_STR, "int": SLOT_INT, "time": SLOT_TIME, "decimal": SLOT_DECIMAL, "bool": SLOT_BOOL
}

cdef tuple SLOT_NAMES = (*SLOT_KINDS, "scaled", "group")

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object values, Py_ssize_t i)
    PyObject** PySequence_Fast_ITEMS(object sequence)

cdef extern from "put_out.h":
    # what it takes of the values, and what it leaves to put_slots() below, stands there
    Py_ssize_t ff_put_slots(
        Out* o, const Hole* holes, const uint8_t* text, Py_ssize_t i, Py_ssize_t count, PyObject** values,
        PyTypeObject* decimal,
    ) noexcept
    void ff_recall(Out* o, const Times* times) noexcept
    void ff_remember(const Out* o, Times* times) noexcept

# Decimal if it can be read in place, else NULL; never written again.
cdef PyTypeObject* DECIMAL = plain_decimal()


cdef class Template:
    """A message whose fixed part is rendered once.

    encode() gives exactly what the function encode() gives for the same fields. A template is never changed, so
    threads may share it.

    Args:
        begin_string, msg_type, fields, timestamp_digits: as encode(); a `fixfast.Slot` at the top level of `fields`
            is a place that each message fills. Inside groups there are none: how many entries there are is fixed.
        header: for a session: its own fields, Slots among them, which then come first. `fields` is treated as
            encode_session() treats them.
        dictionary: for `fields`, as encode(); a Slot's tag may be a name, too.
        names: what encode() calls its values, one for each Slot in the order of `slots`; None: by position only.
        needed: with `names`, how many of the values, from the first, must be given; the others default to None.
    Raises:
        EncodeError, EncodeTypeError: a fixed field cannot be written, as encode().
        ValueError: the kind of a Slot, timestamp_digits, or another number of names.
    """

    def __cinit__(
        self, begin_string, msg_type, fields, *, int timestamp_digits=3, header=None, dictionary=None, names=None,
        int needed=0,
    ):
        cdef uint8_t[STACK] stack
        cdef Out o
        check_digits(timestamp_digits)
        if dictionary is not None:
            fields = arranged(dictionary, msg_type, fields, timestamp_digits, True)
            self.own = own_pairs(dictionary)
        self.begin = begin_text(begin_string)
        self.msg_type = msg_type
        self.digits = timestamp_digits
        self.parts, self.slots, order = _plan(list(fields), header)
        self.names = None if names is None else tuple([intern(name) for name in names])
        self.needed = needed
        if self.names is not None and (len(set(self.names)) != len(self.slots) or len(self.names) != len(self.slots)):
            raise ValueError(f"{len(self.slots)} different names expected, one for each Slot")
        self.plan = _new_plan(len(self.slots))
        self.direct = self.own is None or not any([in_pair(slot.tag, self.own) for slot in self.slots])
        open_out(&o, stack, timestamp_digits)
        try:
            ff_remember(&o, &self.times)
            self.render(&o, order)
            _set_text(self.plan, &o)
        finally:
            free(o.heap)

    cdef int render(self, Out* o, list order) except -1:
        """Write the fixed fields and the tags of the slots, and note where the slots are, and the number of each."""
        cdef Hole* hole = <Hole*>PyBytes_AS_STRING(self.plan.holes)
        cdef Py_ssize_t n = 0
        cdef list run
        put_msg_type(o, self.msg_type)
        for items, owned in self.parts:
            # with slots among the entries, only encode() can count
            o.refuse = owned | (UNCHECKED if self.slots else 0)
            run = []
            for item in items:
                if not isinstance(item, Slot):
                    if kind_of(tag_of(item)) & COUNT and not isinstance(item[1], (list, tuple)) and self.slots:
                        self.direct = False
                    run.append(item)
                    continue
                put_fields(o, run, ALL, 0)
                run = []
                self.dig(o, hole, item)
                hole.number = order[n]
                hole += 1
                n += 1
            put_fields(o, run, ALL, 0)
        return 0

    cdef int dig(self, Out* o, Hole* hole, object slot) except -1:
        """Write the tag of a slot."""
        cdef int kind = _dig(o, hole, self.plan, slot)
        if kind & (LENGTH | DATA) or (kind & COUNT and hole.kind != SLOT_GROUP):    # what stands beside it matters
            self.direct = False
        return 0

    cdef object fill(self, PyObject** values):
        cdef uint8_t[STACK] stack
        cdef Out o
        cdef Py_ssize_t at
        cdef Plan plan = self.plan
        open_out(&o, stack, self.digits)
        try:
            if not self.direct:
                return self.again(&o, values)
            ff_recall(&o, &self.times)
            at = _put_slots(&o, plan, values)
            ff_remember(&o, &self.times)
            _put_fixed(&o, <const uint8_t*>PyBytes_AS_STRING(plan.text) + at, PyBytes_GET_SIZE(plan.text) - SLACK - at)
            return finish(&o, self.begin)
        finally:
            if o.heap is not NULL:
                free(o.heap)

    cdef bint laid_out(self, PyObject** values, PyObject** given, Py_ssize_t n, PyObject* keywords) noexcept:
        """Put the values of a call in order, if it is as calls should be: borrowed. PERF: no list (348 -> 160 ns)."""
        cdef Py_ssize_t count = PyTuple_GET_SIZE(self.names)
        cdef Py_ssize_t i, k
        if n > count:
            return False
        for i in range(n):
            values[i] = given[i]
        for i in range(n, count):
            values[i] = <PyObject*>None
        if keywords is NULL:
            return True
        for k in range(PyTuple_GET_SIZE(<tuple>keywords)):
            for i in range(n, count):       # names in a call are interned, and so are ours
                if PyTuple_GET_ITEM(<tuple>keywords, k) == PyTuple_GET_ITEM(self.names, i):
                    values[i] = given[n + k]
                    break
            else:
                return False
        return True

    cdef list sorted_out(self, PyObject** given, Py_ssize_t n, object keywords):
        """The values in order, of a call that leaves some out or names them."""
        cdef Py_ssize_t count = PyTuple_GET_SIZE(self.slots)
        cdef Py_ssize_t i
        cdef list values = [None] * count
        cdef set missing
        if self.names is None:
            if keywords:
                raise TypeError("the Slots of this Template have no names")
            raise TypeError(f"{count} values expected, one for each Slot, not {n}")
        if n > count:
            raise TypeError(f"{count} values at most, not {n}")
        for i in range(n):
            values[i] = <object>given[i]
        missing = set(range(n, self.needed))
        for i in range(len(keywords)):
            name = keywords[i]
            if name not in self.names:
                raise TypeError(f"no argument is called {name!r}: {', '.join(self.names)}")
            number = self.names.index(name)
            if number < n:
                raise TypeError(f"{name} is given twice")
            values[number] = <object>given[n + i]
            missing.discard(number)
        if missing:
            raise TypeError(f"missing: {', '.join([self.names[number] for number in sorted(missing)])}")
        return values

    cdef object again(self, Out* o, PyObject** values):
        """Write all fields anew: for slots whose neighbours must agree with them (lengths, data, flat groups)."""
        cdef const Hole* hole = <const Hole*>PyBytes_AS_STRING(self.plan.holes)
        cdef list fields
        put_msg_type(o, self.msg_type)
        for items, owned in self.parts:
            fields = []
            for item in items:
                if not isinstance(item, Slot):
                    fields.append(item)
                    continue
                value = <object>values[hole.number]
                if value is not None:
                    fields.append((hole.tag, _slot_value(item, value, self.digits)))
                hole += 1
            if self.own:
                fields = paired(fields, self.own)
            o.refuse = owned
            put_fields(o, fields, ALL, 0)
        return finish(o, self.begin)

    def __repr__(self):
        return f"<Template {self.begin} {self.msg_type}, slots {', '.join([str(slot.tag) for slot in self.slots])}>"


cdef object _encode(PyObject* self, PyObject** args, Py_ssize_t n, PyObject* keywords):
    """Template.encode: a METH_FASTCALL function. PERF: for *values, Cython makes a tuple (145 -> 136 ns)."""
    cdef Template template = <Template>self
    cdef (PyObject*)[FEW] few
    if keywords is NULL and n == PyTuple_GET_SIZE(template.slots):
        return template.fill(args)
    if template.names is not None and PyTuple_GET_SIZE(template.names) <= FEW and n >= template.needed:
        if template.laid_out(few, args, n, keywords):
            return template.fill(few)
    cdef list values = template.sorted_out(args, n, () if keywords is NULL else <object>keywords)
    return template.fill(PySequence_Fast_ITEMS(values))


cdef extern from "template_method.h":
    struct PyMethodDef:
        pass
    PyMethodDef ff_template_encode
    int ff_add_method(PyTypeObject* type, PyMethodDef* definition, void* function) except -1

ff_add_method(<PyTypeObject*>Template, &ff_template_encode, <void*>_encode)


cdef tuple _plan(list fields, object header):
    """What to write: [(fields, kinds of tags refused in them), ...]; Slots as given; their numbers in wire order."""
    cdef list slots = [item for item in fields if isinstance(item, Slot)]
    cdef list head, order
    cdef list moved = []
    cdef list rest = []
    cdef list later = []
    cdef int n
    if header is None:
        return [(fields, OWNED)], tuple(slots), list(range(len(slots)))
    head = list(header)
    n = len(slots)
    slots = [item for item in head if isinstance(item, Slot)] + slots
    n = len(slots) - n
    order = list(range(n))
    for item in fields:
        in_header = kind_of(tag_of(item)) & HEADER != 0
        (moved if in_header else rest).append(item)
        if isinstance(item, Slot):
            (order if in_header else later).append(n)
            n += 1
    return [(head, OWNED), (moved + rest, OWNED | SESSION)], tuple(slots), order + later


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


# --- what is fixed, and what is filled in --------------------------------------------------------------------


cdef class Plan:
    pass


cdef Plan _new_plan(Py_ssize_t count):
    cdef Plan plan = Plan.__new__(Plan)
    plan.holes = bytes(sizeof(Hole) * count)
    plan.count = count
    plan.groups = []
    return plan


cdef int _set_text(Plan plan, Out* o) except -1:
    plan.text = PyBytes_FromStringAndSize(<char*>o.base + HEADROOM, o.p - o.base - HEADROOM) + bytes(SLACK)
    return 0


cdef int _dig(Out* o, Hole* hole, Plan plan, object slot) except -1:
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
    hole.stop = o.p - o.base - HEADROOM
    return kind


cdef Plan _entry_plan(tuple slots, int refused):
    """What an entry of a group is."""
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef Plan plan = _new_plan(len(slots))
    cdef Hole* hole = <Hole*>PyBytes_AS_STRING(plan.holes)
    cdef Py_ssize_t i
    open_out(&o, stack, 0)
    o.refuse = refused | LENGTH | DATA
    try:
        for i in range(plan.count):
            hole[i].number = i
            if kind_of(tag_of(slots[i])) & (LENGTH | DATA):
                refuse(tag_of(slots[i]), "data and its length cannot stand in the entries of a Slot")
            if kind_of(tag_of(slots[i])) & COUNT and not isinstance(slots[i].kind, tuple):
                refuse(tag_of(slots[i]), "a group in a group is a Slot with a tuple of Slots")
            _dig(&o, &hole[i], plan, slots[i])
        _set_text(plan, &o)
    finally:
        free(o.heap)
    return plan


cdef Py_ssize_t _put_slots(Out* o, Plan plan, PyObject** values) except -1:
    """Write a plan up to the value of its last slot. Returns the place in its text where that ends."""
    cdef const Hole* holes = <const Hole*>PyBytes_AS_STRING(plan.holes)
    cdef const uint8_t* text = <const uint8_t*>PyBytes_AS_STRING(plan.text)
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t at
    while True:
        i = ff_put_slots(o, holes, text, i, plan.count, values, DECIMAL)
        at = holes[i - 1].stop if i else 0
        if i >= plan.count:
            return at
        value = <object>values[holes[i].number]
        if value is None or (holes[i].kind == SLOT_GROUP and isinstance(value, (list, tuple)) and not value):
            _put_fixed(o, text + at, holes[i].start - at)
        else:
            _put_fixed(o, text + at, holes[i].stop - at)
            _put_odd_slot(o, &holes[i], plan, value)
            o.p[0] = 1
            o.p += 1
        i += 1


cdef inline int _put_fixed(Out* o, const uint8_t* text, Py_ssize_t n) except -1:
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
    """The count of a group and its entries, without the last SOH."""
    cdef const Hole* holes = <const Hole*>PyBytes_AS_STRING(plan.holes)
    cdef tuple values
    if not isinstance(entries, (list, tuple)):
        raise EncodeTypeError(tag, f"a group is a list of entries, not {type(entries).__name__}")
    entries = tuple(entries)            # of its own: the count must stay true whatever a value's code does
    room(o, MAX_INT + 1)
    o.p += ff_put_int(o.p, PyTuple_GET_SIZE(entries))
    o.p[0] = 1
    o.p += 1
    for entry in entries:
        values = _entry_values(tag, plan.count, entry)
        if values[0] is None:           # the delimiter: nothing else tells the peer where an entry begins
            refuse(tag, f"an entry without tag {holes[0].tag}, which begins it")
        _put_slots(o, plan, PySequence_Fast_ITEMS(values))
    o.p -= 1
    return 0


cdef tuple _entry_values(int tag, Py_ssize_t count, object entry):
    if not PyTuple_CheckExact(entry):
        entry = tuple(entry) if isinstance(entry, (list, tuple)) else (entry,)
    if PyTuple_GET_SIZE(entry) != count:
        raise EncodeTypeError(tag, f"an entry of the group is a tuple of {count} values, one for each Slot")
    return entry


cdef object _slot_value(object slot, object value, int digits):
    """A slot's value as put_fields() takes it: text as given (data may hold SOH), anything else written out."""
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef Hole hole
    cdef Plan plan = _new_plan(0)
    open_out(&o, stack, digits)
    try:
        _dig(&o, &hole, plan, slot)
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
        (item.tag, _slot_value(item, value, digits))
        for item, value in zip(slot.kind, values) if value is not None
    ]
