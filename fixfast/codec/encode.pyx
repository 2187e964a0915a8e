# cython: language_level=3, binding=False
"""From fields to the bytes of a message.

A message is built in a buffer on the stack of the call and copied once, into the bytes object that is returned. A field
that cannot be written is refused before anything exists that a caller could send: one EncodeError that names the tag.
No refusal ever holds a value: it may be a password.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport PyDateTime_Check, import_datetime
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free

from decimal import Decimal

from fixfast.errors import EncodeTypeError
from fixfast.types import Scaled, Slot

from fixfast.codec.render cimport (
    HEADROOM,
    MAX_TIME,
    SLACK,
    STACK,
    Out,
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_IS_COMPACT_ASCII,
    ff_copy,
    ff_copy_blocks,
    ff_is_small,
    ff_open,
    ff_put_decimals,
    ff_put_int,
    ff_put_time,
    ff_small,
    ns_of,
    plain,
    put_mantissa,
    put_other,
    put_tag,
    refuse,
    refuse_text,
    room,
)
from fixfast.codec.write cimport (
    ALL,
    COUNT,
    DATA,
    HEADER,
    HEADER_ONLY,
    LENGTH,
    OWNED,
    REST_ONLY,
    SESSION,
    TIME,
    UNCHECKED,
    begin_text,
    finish,
    kind_of,
    put_fields,
    put_msg_type,
    sequence,
    tag_of,
)

__all__ = ["Template", "encode", "encode_session"]

import_datetime()

cdef enum:
    MAX_SCALE = 18              # decimals that an int64 can have

cdef enum:
    SLOT_STR, SLOT_INT, SLOT_TIME, SLOT_DECIMAL, SLOT_BOOL, SLOT_SCALED

cdef dict SLOT_KINDS = {
    "str": SLOT_STR, "int": SLOT_INT, "time": SLOT_TIME, "decimal": SLOT_DECIMAL, "bool": SLOT_BOOL
}

cdef tuple SLOT_NAMES = (*SLOT_KINDS, "scaled")


cdef inline void _open(Out* o, uint8_t* stack, int digits) noexcept:
    ff_open(o, stack, STACK, digits)
    o.refuse = OWNED


cdef int _check_digits(int digits) except -1:
    if digits != 0 and digits != 3 and digits != 6 and digits != 9:
        raise ValueError("timestamp_digits is 0, 3, 6 or 9")
    return 0


def encode(begin_string, msg_type, fields, *, int timestamp_digits=3, dictionary=None):
    """Return a whole message: BeginString, BodyLength, MsgType, `fields` in the order given, CheckSum.

    Args:
        begin_string: "FIX.4.0" to "FIX.4.4", "FIXT.1.1"; "FIX.5.0", "FIX.5.0SP1" and "FIX.5.0SP2" write FIXT.1.1.
        msg_type: MsgType(35), a str.
        fields: (tag, value) pairs. A value is a str (UTF-8 with surrogateescape), bytes, an int, a bool (Y or N), a
            Decimal or Scaled (plain notation, exact), an aware datetime, a date, a time (naive: local), a MonthYear, a
            Tenor, a list or tuple of str (MULTIPLE... values), or an Enum member whose value is one of these.
            An int for a tag of type UTCTimestamp is ns since the epoch. Data fields (96, 213 ...) may hold any byte;
            their length is computed. A group is (count tag, [entry, ...]), each entry a list of fields; an empty one is
            left out. In the flat form (count tag, n) with the entries' fields behind it, n is checked.
        timestamp_digits: decimals of timestamps, 0, 3, 6 or 9; what is finer is cut off.
        dictionary: a Dictionary. Then names are taken for tags, values are written by their types, entries of groups
            (lists or dicts, at any depth) are put into its order, and its own data fields get their length. Fields at
            the top stay in the order given; text is taken as it is.
    Raises:
        EncodeError: names the tag: one that is written here (8, 9, 10, 35) or is outside 1 to 999999999, an empty
            value, SOH outside data, a wrong length or count.
        EncodeTypeError: names the tag: None, a float, or any other type.
        ValueError: timestamp_digits.
    With a dictionary, errors name the field and the entry it stands in: "NoPartyIDs (453) entry 2: ...".
    """
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef object begin = begin_text(begin_string)
    _check_digits(timestamp_digits)
    fields = sequence(fields) if dictionary is None else _arranged(dictionary, msg_type, fields, timestamp_digits)
    _open(&o, stack, timestamp_digits)
    try:
        put_msg_type(&o, msg_type)
        put_fields(&o, fields, ALL, 0)
        return finish(&o, begin)
    finally:
        free(o.heap)


cdef list _arranged(object dictionary, object msg_type, object fields, int digits, bint slots=False):
    # here: it compiles patterns, and the encoder alone must be imported quickly
    from fixfast.codec.arrange import arrange

    return arrange(dictionary, msg_type, fields, digits, slots)


def encode_session(begin_string, msg_type, header, fields, int timestamp_digits=3, dictionary=None):
    """Return a whole message of a session: as encode(), with the session's part of the header first.

    Fields of the standard header among `fields` (sub ids, 97, 1128, hops ...) are moved behind `header`, in their
    order: a header field in the body is a reason to reject (requirement row S15).

    Args:
        header: the session's own fields, at least 49, 56, 34 and 52. fields: the application's.
        dictionary: for `fields`, as encode().
    Raises: as encode(); also EncodeError for 34, 43, 49, 52, 56 or 122 among `fields`: those belong to the session.
    """
    cdef uint8_t[STACK] stack
    cdef Out o
    cdef Py_ssize_t body
    cdef object begin = begin_text(begin_string)
    _check_digits(timestamp_digits)
    header = sequence(header)
    fields = sequence(fields) if dictionary is None else _arranged(dictionary, msg_type, fields, timestamp_digits)
    _open(&o, stack, timestamp_digits)
    try:
        put_msg_type(&o, msg_type)
        put_fields(&o, header, ALL, 0)
        o.refuse = OWNED | SESSION
        body = o.p - o.base
        # PERF: applications seldom set header fields: a second pass only when the first met one (NOS 318 -> 245 ns)
        if put_fields(&o, fields, REST_ONLY, 0):
            o.p = o.base + body
            put_fields(&o, fields, HEADER_ONLY, 0)
            put_fields(&o, fields, REST_ONLY, 0)
        return finish(&o, begin)
    finally:
        free(o.heap)


# --- templates -----------------------------------------------------------------------------------------------


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
    Raises:
        EncodeError, EncodeTypeError: a fixed field cannot be written, as encode().
        ValueError: the kind of a Slot, or timestamp_digits.
    """

    def __cinit__(self, begin_string, msg_type, fields, *, int timestamp_digits=3, header=None, dictionary=None):
        cdef uint8_t[STACK] stack
        cdef Out o
        _check_digits(timestamp_digits)
        if dictionary is not None:
            fields = _arranged(dictionary, msg_type, fields, timestamp_digits, True)
            self.own = _own_pairs(dictionary)
        self.begin = begin_text(begin_string)
        self.msg_type = msg_type
        self.digits = timestamp_digits
        self.parts, self.slots, order = _plan(list(fields), header)
        self.holes = bytes(sizeof(Hole) * len(self.slots))
        self.direct = self.own is None or not any([_in_pair(slot.tag, self.own) for slot in self.slots])
        _open(&o, stack, timestamp_digits)
        try:
            self.render(&o, order)
            self.text = PyBytes_FromStringAndSize(<char*>o.base + HEADROOM, o.p - o.base - HEADROOM) + bytes(SLACK)
        finally:
            free(o.heap)

    cdef int render(self, Out* o, list order) except -1:
        """Write the fixed fields and the tags of the slots, and note where the slots are, and the number of each."""
        cdef Hole* hole = <Hole*>PyBytes_AS_STRING(self.holes)
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
        cdef int kind
        hole.tag = tag_of(slot)
        hole.kind = _slot_kind(slot.kind)
        hole.scale = int(slot.kind[7:]) if hole.kind == SLOT_SCALED else 0
        kind = kind_of(hole.tag)
        if kind & o.refuse & ~UNCHECKED:
            refuse(hole.tag, "is written by the encoder itself" if kind & OWNED else "belongs to the session")
        if kind & (LENGTH | DATA | COUNT):      # what stands beside it matters
            self.direct = False
        room(o, 10)
        hole.start = o.p - o.base - HEADROOM
        o.p = put_tag(o.p, hole.tag)
        hole.stop = o.p - o.base - HEADROOM
        return 0

    def encode(self, *values):
        """Return a whole message.

        Args: values: one for each Slot, of the type that its kind says, in the order of `slots`; None leaves it out.
        Raises: TypeError: another number of values. EncodeError, EncodeTypeError: name the tag of the slot.
        """
        cdef uint8_t[STACK] stack
        cdef Out o
        cdef const Hole* hole = <const Hole*>PyBytes_AS_STRING(self.holes)
        cdef const uint8_t* text = <const uint8_t*>PyBytes_AS_STRING(self.text)
        cdef Py_ssize_t at = 0
        if PyTuple_GET_SIZE(values) != PyTuple_GET_SIZE(self.slots):
            raise TypeError(f"{len(self.slots)} values expected, one for each Slot, not {len(values)}")
        _open(&o, stack, self.digits)
        try:
            if not self.direct:
                return self.again(&o, values)
            for _ in range(PyTuple_GET_SIZE(values)):
                value = <object>PyTuple_GET_ITEM(values, hole.number)
                _put_fixed(&o, text + at, (hole.start if value is None else hole.stop) - at)
                at = hole.stop
                if value is not None:
                    _put_slot(&o, hole, value)
                hole += 1
            _put_fixed(&o, text + at, PyBytes_GET_SIZE(self.text) - SLACK - at)
            return finish(&o, self.begin)
        finally:
            free(o.heap)

    cdef object again(self, Out* o, tuple values):
        """Write all fields anew: for slots whose neighbours must agree with them (lengths, data, flat groups)."""
        cdef const Hole* hole = <const Hole*>PyBytes_AS_STRING(self.holes)
        cdef list fields
        put_msg_type(o, self.msg_type)
        for items, owned in self.parts:
            fields = []
            for item in items:
                if not isinstance(item, Slot):
                    fields.append(item)
                    continue
                value = values[hole.number]
                if value is not None:
                    fields.append((hole.tag, _slot_text(hole, value, self.digits)))
                hole += 1
            if self.own:
                fields = _paired(fields, self.own)
            o.refuse = owned
            put_fields(o, fields, ALL, 0)
        return finish(o, self.begin)

    def __repr__(self):
        return f"<Template {self.begin} {self.msg_type}, slots {', '.join([str(slot.tag) for slot in self.slots])}>"


cdef object _own_pairs(object dictionary):
    from fixfast.codec.arrange import own_pairs

    return own_pairs(dictionary)


cdef list _paired(list fields, object pairs):
    from fixfast.codec.arrange import paired

    return paired(fields, pairs)


cdef bint _in_pair(object tag, dict pairs) except -1:
    return tag in pairs or tag in pairs.values()


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
    if kind in SLOT_KINDS:
        return SLOT_KINDS[kind]
    if isinstance(kind, str) and kind.startswith("scaled:"):
        scale = kind[7:]
        if scale.isascii() and scale.isdigit() and int(scale) <= MAX_SCALE:
            return SLOT_SCALED
    raise ValueError(f"a Slot's kind is str, int, time, decimal, bool or scaled:0 to scaled:{MAX_SCALE}, not {kind!r}")


cdef inline int _put_fixed(Out* o, const uint8_t* text, Py_ssize_t n) except -1:
    """Copy text of the template. PERF: blocks, a few bytes too many, not calls of memcpy (NOS 210 -> 200 ns)."""
    room(o, n)
    ff_copy_blocks(o.p, text, n)
    o.p += n
    return 0


cdef inline int _put_slot(Out* o, const Hole* hole, object value) except -1:
    """Write the value of a slot and its SOH."""
    cdef uint8_t* p
    cdef Py_ssize_t n
    cdef int64_t number
    room(o, MAX_TIME + 1)
    p = o.p
    if hole.kind == SLOT_STR and PyUnicode_CheckExact(value) and PyUnicode_IS_COMPACT_ASCII(value):
        n = PyUnicode_GET_LENGTH(value)
        if o.end - p <= n:
            room(o, n + 1)
            p = o.p
        if n == 0 or ff_copy(p, PyUnicode_DATA(value), n):
            refuse_text(hole.tag, n)
        p += n
    elif hole.kind == SLOT_INT and PyLong_CheckExact(value) and ff_is_small(value):
        p += ff_put_int(p, ff_small(value))
    elif hole.kind == SLOT_TIME and PyLong_CheckExact(value):
        p = ff_put_time(o, p, ns_of(hole.tag, value))
    elif hole.kind == SLOT_SCALED and PyLong_CheckExact(value) and ff_is_small(value):
        number = ff_small(value)
        if number < 0:
            p[0] = c'-'
            p += 1
            number = -number
        p += ff_put_decimals(p, number, hole.scale) if hole.scale else ff_put_int(p, number)
    else:
        _put_odd_slot(o, hole, value)
        p = o.p
    p[0] = 1
    o.p = p + 1
    return 0


cdef int _put_odd_slot(Out* o, const Hole* hole, object value) except -1:
    """Large numbers, members of an Enum, subclasses, bytes, bool, Decimal, Scaled, datetime - and what does not fit."""
    cdef bint fits
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


cdef object _slot_text(const Hole* hole, object value, int digits):
    """A slot's value as put_fields() takes it: text as given (data may hold SOH), anything else written out."""
    cdef uint8_t[STACK] stack
    cdef Out o
    value = plain(hole.tag, value)
    if hole.kind == SLOT_STR and isinstance(value, (str, bytes)):
        return value
    _open(&o, stack, digits)
    try:
        _put_slot(&o, hole, value)
        return PyBytes_FromStringAndSize(<char*>o.base + HEADROOM, o.p - o.base - HEADROOM - 1)
    finally:
        free(o.heap)
