# cython: language_level=3, binding=False
"""Template: a message whose fixed part is rendered once.

What is fixed and what is filled in is a Plan. A loop in C (fill.h) writes it, and hands back the odd values.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free

from sys import intern

from fixfast.types import Slot

from fixfast.codec.plan cimport (
    SLOT_GROUP,
    Filled,
    Hole,
    dig,
    ff_begin_plan,
    ff_end_plan,
    ff_no_time,
    ff_put_slots,
    ff_use_times,
    new_plan,
    put_fixed,
    put_slots,
    set_text,
    slot_value,
)
from fixfast.codec.render cimport STACK, Out, ff_message
from fixfast.codec.write cimport (
    ALL,
    COUNT,
    DATA,
    HEADER,
    LENGTH,
    OWNED,
    SESSION,
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

cdef enum:
    FEW = 64                    # names whose values a call lays out on the stack

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object values, Py_ssize_t i)
    PyObject** PySequence_Fast_ITEMS(object sequence)

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
        if self.names is not None and (len(set(self.names)) != len(self.slots) or len(self.names) != len(self.slots)):
            raise ValueError(f"{len(self.slots)} different names expected, one for each Slot")
        self.count = len(self.slots)
        self.needed = self.count if names is None else needed
        self.plan = new_plan(self.count)
        self.direct = self.own is None or not any([in_pair(slot.tag, self.own) for slot in self.slots])
        open_out(&o, stack, timestamp_digits)
        try:
            ff_no_time(&self.times)
            self.render(&o, order)
            set_text(self.plan, &o, b"8=%s\x019=000\x01" % self.begin.encode())
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
                self.make_room(o, hole, item)
                hole.number = order[n]
                hole += 1
                n += 1
            put_fields(o, run, ALL, 0)
        return 0

    cdef int make_room(self, Out* o, Hole* hole, object slot) except -1:
        """Write the tag of a slot."""
        cdef int kind = dig(o, hole, self.plan, slot)
        if kind & (LENGTH | DATA) or (kind & COUNT and hole.kind != SLOT_GROUP):    # what stands beside it matters
            self.direct = False
        return 0

    cdef object encoded(self, PyObject** args, Py_ssize_t n, PyObject* keywords):
        cdef (PyObject*)[FEW] few
        if keywords is NULL and self.needed <= n <= self.count:
            return self.fill(args, n)
        if self.names is not None and self.count <= FEW and n >= self.needed:
            if self.laid_out(few, args, n, keywords):
                return self.fill(few, self.count)
        cdef list values = self.sorted_out(args, n, () if keywords is NULL else <object>keywords)
        return self.fill(PySequence_Fast_ITEMS(values), self.count)

    cdef object fill(self, PyObject** values, Py_ssize_t given):
        cdef uint8_t[STACK] stack
        cdef Out o
        cdef Py_ssize_t i = 0
        cdef const Filled* plan = &self.plan.c
        open_out(&o, stack, self.digits)
        if self.direct:
            ff_use_times(&o, &self.times)
            ff_begin_plan(&o, plan)
            i = ff_put_slots(&o, plan, 0, values, given, DECIMAL)
            if i == plan.count:
                return ff_message(&o, ff_end_plan(&o, plan, self.begin))
        return self.fill_on(&o, values, given, i)

    cdef object fill_on(self, Out* o, PyObject** values, Py_ssize_t given, Py_ssize_t i):
        """The rest of a message that has odd values, or is long: slots from `i` on."""
        cdef const Filled* plan = &self.plan.c
        try:
            if not self.direct:
                return self.again(o, values, given)
            put_slots(o, self.plan, values, given, i)
            put_fixed(o, plan.text + plan.tail, plan.size - plan.tail)
            return finish(o, self.begin)
        finally:
            free(o.heap)

    cdef bint laid_out(self, PyObject** values, PyObject** given, Py_ssize_t n, PyObject* keywords) noexcept:
        """Put the values of a call in order, if it is as calls should be: borrowed. PERF: no list (348 -> 160 ns)."""
        cdef Py_ssize_t count = self.count
        cdef Py_ssize_t i, k
        if n > count or keywords is NULL:
            return False
        for i in range(n):
            values[i] = given[i]
        for i in range(n, count):
            values[i] = <PyObject*>None
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
        cdef Py_ssize_t count = self.count
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

    cdef object again(self, Out* o, PyObject** values, Py_ssize_t given):
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
                value = <object>values[hole.number] if hole.number < given else None
                if value is not None:
                    fields.append((hole.tag, slot_value(item, value, self.digits)))
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
    return (<Template>self).encoded(args, n, keywords)


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
