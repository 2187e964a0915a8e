# cython: language_level=3, binding=False
"""Fields, groups, data fields, and the frame around them.

The body is written first; then BeginString and BodyLength go backwards in front of it, then the checksum behind.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check, PyLong_CheckExact
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from decimal import Decimal

from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Slot

from fixfast.codec.convert cimport c_parse_int
from fixfast.codec.render cimport (
    HEADROOM,
    MAX_INT,
    MAX_TIME,
    Out,
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_IS_COMPACT_ASCII,
    ff_is_small,
    ff_message,
    ff_put_head,
    ff_put_int,
    ff_small,
    plain,
    put_formatted,
    put_other,
    put_str,
    put_tag,
    refuse,
    room,
    utf8,
)

__all__: list = []

cdef extern from "Python.h":
    PyObject* PySequence_Fast_GET_ITEM(object sequence, Py_ssize_t i)
    Py_ssize_t PySequence_Fast_GET_SIZE(object sequence)
    PyObject** PySequence_Fast_ITEMS(object sequence)

cdef extern from "put_out.h":
    cdef enum:
        FF_TAGS
    ctypedef struct ff_plain:
        const uint64_t* tags
        PyTypeObject* decimal
        int stop
        int time
    ctypedef struct ff_decimal:
        pass
    # what it wants of a field, and what it does, stands there
    Py_ssize_t ff_put_plain(Out* o, const ff_plain* how, PyObject** items, Py_ssize_t i, Py_ssize_t count) noexcept
    int ff_read_decimal(object number, int* negative, uint64_t* mantissa, Py_ssize_t* exponent) noexcept

cdef extern from *:
    """
    #include "_data_pairs.h"
    """
    const int FF_DATA_PAIRS, FF_TIME_TAGS, FF_COUNT_TAGS
    const int32_t* ff_data_len_tag
    const int32_t* ff_data_data_tag
    const int32_t* ff_time_tag
    const int32_t* ff_count_tag

cdef enum:
    MAX_TAG = 999999999         # nine digits: what the parser reads
    MAX_BODY = 99999999         # what eight digits of BodyLength can say
    MAX_DEPTH = 32              # of groups in groups: the standard has 5; bounds the C stack
    KINDS = 65536               # tags above have no kind; the standard's end at 50,002

# Filled once at import and never written again.
cdef uint8_t[KINDS] KIND
cdef uint64_t[FF_TAGS] TAGS         # see ff_plain in put_out.h
cdef PyTypeObject* DECIMAL = NULL   # Decimal, if it is laid out as put.h says


cdef void _mark(const int32_t* tags, int n, uint8_t kind) noexcept:
    cdef int i
    for i in range(n):
        if 0 < tags[i] < KINDS:
            KIND[tags[i]] |= kind


cdef void _fill_kinds() noexcept:
    cdef int32_t[4] owned = [8, 9, 10, 35]
    cdef int32_t[10] session = [8, 9, 10, 35, 34, 43, 49, 52, 56, 122]
    # the header of FIX.4.0 to FIXT.1.1 without the session's; 627 to 630 are the hops, 370 is FIX.4.2's and 4.3's
    cdef int32_t[25] header = [
        50, 57, 90, 91, 97, 115, 116, 128, 129, 142, 143, 144, 145, 212, 213, 347, 369, 370,
        627, 628, 629, 630, 1128, 1129, 1156,
    ]
    _mark(owned, 4, OWNED)
    _mark(session, 10, SESSION)
    _mark(header, 25, HEADER)
    _mark(ff_data_len_tag, FF_DATA_PAIRS, LENGTH)
    _mark(ff_data_data_tag, FF_DATA_PAIRS, DATA)
    _mark(ff_time_tag, FF_TIME_TAGS, TIME)
    _mark(ff_count_tag, FF_COUNT_TAGS, COUNT)


cdef void _fill_tags() noexcept:
    """PERF: text, length and kind of a tag are one load and one store (not measured on its own)."""
    cdef uint8_t[16] text
    cdef uint64_t entry
    cdef int tag, n, i
    for tag in range(1, FF_TAGS):
        n = <int>(put_tag(text, tag) - text)
        entry = <uint64_t>n << 56 | <uint64_t>KIND[tag] << 48
        for i in range(n):
            entry |= <uint64_t>text[i] << 8 * i
        TAGS[tag] = entry


cdef bint _decimals_are_plain() except -1:
    """Whether Decimal is CPython's own in C, laid out as ff_decimal in put.h: numbers that are known are read there."""
    cdef int negative = -1
    cdef uint64_t mantissa = 0
    cdef Py_ssize_t exponent = 99
    if not isinstance(Decimal, type) or Decimal.__basicsize__ != sizeof(ff_decimal) or Decimal.__itemsize__:
        return False
    for sign, digits, power in (
        (0, 0, 0), (1, 0, -2), (0, 150, -2), (1, 7, -18), (0, 10**19 - 1, 0), (1, 1234567890123456789, -9), (0, 3, 5)
    ):
        number = Decimal((sign, tuple([int(digit) for digit in str(digits)]), power))
        if not ff_read_decimal(number, &negative, &mantissa, &exponent):
            return False
        if negative != sign or mantissa != digits or exponent != power:
            return False
    for other in ("NaN", "sNaN", "Infinity", "-Infinity", "1" + "0" * 19, "-1" + "0" * 100):
        if ff_read_decimal(Decimal(other), &negative, &mantissa, &exponent):
            return False
    return True


_fill_kinds()
_fill_tags()
if _decimals_are_plain():
    DECIMAL = <PyTypeObject*>Decimal


cdef PyTypeObject* plain_decimal() noexcept:
    return DECIMAL


cdef int kind_of(int tag) noexcept nogil:
    return KIND[tag] if tag < KINDS else 0


# --- fields --------------------------------------------------------------------------------------------------


cdef inline int _tag(object key) except -1:
    """The tag that `key` is."""
    if PyLong_CheckExact(key) and ff_is_small(key) and 0 < ff_small(key) <= MAX_TAG:
        return <int>ff_small(key)
    return _other_tag(key)


cdef int _other_tag(object key) except -1:
    cdef int overflow = 0
    cdef int64_t tag
    if not PyLong_Check(key) or key is True or key is False:
        raise EncodeTypeError(0, f"a tag is an int, not {type(key).__name__}")
    tag = PyLong_AsLongLongAndOverflow(key, &overflow)
    if overflow or not 0 < tag <= MAX_TAG:
        raise EncodeError(int(key), f"{'' if tag else 'tag 0: '}outside 1 to {MAX_TAG}")
    return <int>tag


cdef tuple _pair(object item):
    """A field that is no tuple of two: a list of two will do."""
    if isinstance(item, Slot):
        raise EncodeTypeError(_tag(item.tag), "a Slot has its place at the top of a Template")
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise EncodeTypeError(0, f"a field is a pair (tag, value), not {type(item).__name__}")
    return tuple(item)


cdef int tag_of(object item) except -1:
    """The tag of a field or of a Slot."""
    return _tag(item.tag if isinstance(item, Slot) else _pair(item)[0])


cdef object sequence(object fields):
    return fields if type(fields) is list or type(fields) is tuple else list(fields)


cdef int put_fields(Out* o, object fields, int part, int depth) except -1:
    """Append `fields`, a list or a tuple, to the body. Returns 1 if REST_ONLY left some out, else 0."""
    cdef int tag, kind
    cdef int data_tag = 0               # not 0 while the last field was the length of this one
    cdef Py_ssize_t last = 0            # offset of that length field
    cdef Py_ssize_t i = -1
    cdef Py_ssize_t start, first
    cdef bint announced
    cdef int skipped = 0
    cdef ff_plain how
    how.tags = TAGS
    how.decimal = DECIMAL
    how.time = TIME
    how.stop = o.refuse | LENGTH | DATA | COUNT | (HEADER if part != ALL else 0)
    while True:
        i += 1
        # PERF: nearly every field is as simple as that loop in C wants it (NOS 322 -> 193 ns with all in put.h)
        if part != HEADER_ONLY:
            first = i
            i = ff_put_plain(o, &how, PySequence_Fast_ITEMS(fields), i, PySequence_Fast_GET_SIZE(fields))
            if i != first:
                data_tag = 0
        # asked anew each time: a value's own code (an Enum, a tzinfo) may change the list
        if i >= PySequence_Fast_GET_SIZE(fields):
            return skipped
        item = <object>PySequence_Fast_GET_ITEM(fields, i)
        if not PyTuple_CheckExact(item) or PyTuple_GET_SIZE(item) != 2:
            item = _pair(item)
        tag = _tag(<object>PyTuple_GET_ITEM(item, 0))
        kind = kind_of(tag)
        value = <object>PyTuple_GET_ITEM(item, 1)
        if part != ALL and (part == HEADER_ONLY) != ((kind & HEADER) != 0):
            skipped = part == REST_ONLY
            continue
        announced = data_tag == tag
        data_tag = 0
        if kind & (o.refuse | DATA):
            if kind & o.refuse:
                _refuse_owned(tag, kind)
            _put_data(o, tag, value, announced, last)
            continue
        start = o.p - o.base
        room(o, 10 + MAX_TIME + 1)
        if type(value) is list or type(value) is tuple:
            _put_group(o, tag, value, depth)
            continue
        o.p = put_tag(o.p, tag)
        put_other(o, tag, value, kind)
        o.p[0] = 1
        o.p += 1
        if kind & (LENGTH | COUNT):
            if kind & COUNT:
                if not o.refuse & UNCHECKED:
                    _check_flat(o, tag, start, fields, i)
            else:
                data_tag = _data_tag(tag)
                last = start


cdef int _refuse_owned(int tag, int kind) except -1:
    return refuse(tag, "is written by the encoder itself" if kind & OWNED else "belongs to the session")


cdef int _data_tag(int length_tag) noexcept nogil:
    cdef int i
    for i in range(FF_DATA_PAIRS):
        if ff_data_len_tag[i] == length_tag:
            return ff_data_data_tag[i]
    return 0


cdef int _length_tag(int data_tag) noexcept nogil:
    cdef int i
    for i in range(FF_DATA_PAIRS):
        if ff_data_data_tag[i] == data_tag:
            return ff_data_len_tag[i]
    return 0


cdef int _put_data(Out* o, int tag, object value, bint announced, Py_ssize_t start) except -1:
    """A data field behind its length, which is computed; one that stands at `start` already must say the same."""
    cdef int length_tag = _length_tag(tag)
    cdef int64_t said = -1
    cdef bytes data
    cdef Py_ssize_t n
    value = plain(tag, value)
    if PyUnicode_Check(value):
        data = utf8(tag, value)
    elif PyBytes_Check(value):
        data = bytes(value)
    else:
        raise EncodeTypeError(tag, f"data is bytes or str, not {type(value).__name__}")
    n = PyBytes_GET_SIZE(data)
    if n == 0:
        refuse(tag, "the value is empty")
    if announced:
        start += _tag_size(length_tag)
        if c_parse_int(o.base + start, o.p - o.base - start - 1, &said) or said != n or o.base[start] == c'-':
            refuse(length_tag, f"not the length of the data in {tag}: leave it out, it is computed")
        o.p = o.base + start            # written once more, without leading zeros
    else:
        room(o, 10)
        o.p = put_tag(o.p, length_tag)
    room(o, MAX_INT + 1 + 10 + n + 1)
    o.p += ff_put_int(o.p, n)
    o.p[0] = 1
    o.p = put_tag(o.p + 1, tag)
    memcpy(o.p, PyBytes_AS_STRING(data), n)
    o.p[n] = 1
    o.p += n + 1
    return 0


cdef int _tag_size(int tag) noexcept nogil:
    cdef uint8_t[10] text
    return <int>(put_tag(text, tag) - text)


cdef bint _put_words(Out* o, int tag, tuple values) except -1:
    """The values of a MULTIPLE... field, given as a list or tuple of str. Returns 0 if it is a group instead."""
    if kind_of(tag) & COUNT or not PyUnicode_Check(plain(tag, values[0])):
        return False
    room(o, 10)
    o.p = put_tag(o.p, tag)
    put_formatted(o, tag, values)
    o.p[0] = 1
    o.p += 1
    return True


cdef int _put_group(Out* o, int tag, object entries, int depth) except -1:
    """A group: its count, then its entries, each a sequence of fields. An empty group is left out."""
    cdef Py_ssize_t start
    cdef int first = 0
    cdef int begins
    if depth >= MAX_DEPTH:
        refuse(tag, f"groups in groups deeper than {MAX_DEPTH}")
    entries = tuple(entries)            # of its own: the count must stay true whatever a value's code does
    if not entries or _put_words(o, tag, entries):
        return 0
    room(o, 10 + MAX_INT + 1)
    o.p = put_tag(o.p, tag)
    o.p += ff_put_int(o.p, PyTuple_GET_SIZE(entries))
    o.p[0] = 1
    o.p += 1
    for entry in entries:
        start = o.p - o.base
        if not isinstance(entry, (list, tuple)):
            if isinstance(entry, (str, bytes)) or not hasattr(entry, "__iter__"):
                raise EncodeTypeError(tag, f"an entry of a group is a list of fields, not {type(entry).__name__}")
            entry = list(entry)
        entry = sequence(entry)
        put_fields(o, entry, ALL, depth + 1)
        if o.p - o.base == start:
            refuse(tag, "an entry of the group is empty")
        begins = _tag_at(o.base + start)
        if first == 0:
            first = begins
        elif begins != first:           # the delimiter: nothing else tells the peer where an entry begins
            refuse(tag, f"one entry begins with tag {first}, another with {begins}")
    return 0


cdef int _tag_at(const uint8_t* p) noexcept nogil:
    cdef int tag = 0
    while p[0] != c'=':
        tag = tag * 10 + (p[0] - c'0')
        p += 1
    return tag


cdef int _check_flat(Out* o, int tag, Py_ssize_t start, object fields, Py_ssize_t i) except -1:
    """A count given as a plain field: the tag that follows must occur that often, up to the next such count."""
    cdef int64_t count = -1
    cdef int64_t found = 0
    cdef int delimiter, other
    cdef Py_ssize_t n = PySequence_Fast_GET_SIZE(fields)
    start += _tag_size(tag)
    if c_parse_int(o.base + start, o.p - o.base - start - 1, &count) or count < 0:
        refuse(tag, "a group is given as a list of entries, or its count as an int with the entries' fields behind it")
    if count == 0:
        return 0
    i += 1
    if i == n:
        refuse(tag, "a count with no entries behind it")
    delimiter = tag_of(<object>PySequence_Fast_GET_ITEM(fields, i))
    while i < n:
        other = tag_of(<object>PySequence_Fast_GET_ITEM(fields, i))
        if other == tag:
            break
        found += other == delimiter
        i += 1
    if found != count:
        refuse(tag, f"counts {count} entries, but tag {delimiter}, which begins them, occurs {found} times")
    return 0


cdef int check_digits(int digits) except -1:
    if digits != 0 and digits != 3 and digits != 6 and digits != 9:
        raise ValueError("timestamp_digits is 0, 3, 6 or 9")
    return 0


cdef list arranged(object dictionary, object msg_type, object fields, int digits, bint slots):
    # here: it compiles patterns, and the encoder alone must be imported quickly
    from fixfast.codec.arrange import arrange

    return arrange(dictionary, msg_type, fields, digits, slots)


cdef object own_pairs(object dictionary):
    from fixfast.codec import arrange as made

    return made.own_pairs(dictionary)


cdef list paired(list fields, object pairs):
    from fixfast.codec import arrange as made

    return made.paired(fields, pairs)


cdef bint in_pair(object tag, dict pairs) except -1:
    return tag in pairs or tag in pairs.values()


# --- the frame -----------------------------------------------------------------------------------------------


cdef object begin_text(object begin_string):
    """BeginString(8) as it goes on the wire, an ASCII str: FIX.5.0 and its service packs travel as FIXT.1.1."""
    cdef const uint8_t* p
    cdef Py_ssize_t n, i
    if not PyUnicode_CheckExact(begin_string):
        begin_string = plain(8, begin_string)
        if not PyUnicode_Check(begin_string):
            raise EncodeTypeError(8, f"BeginString is a str, not {type(begin_string).__name__}")
    if PyUnicode_IS_COMPACT_ASCII(begin_string):
        p = PyUnicode_DATA(begin_string)
        n = PyUnicode_GET_LENGTH(begin_string)
        i = 3 + (n > 3 and p[3] == c'T')        # FIX or FIXT, then .d.d, then nothing or SPd
        if (
            (n == i + 4 or n == i + 7)
            and p[0] == c'F' and p[1] == c'I' and p[2] == c'X'
            and p[i] == c'.' and _digit(p[i + 1]) and p[i + 2] == c'.' and _digit(p[i + 3])
            and (n == i + 4 or (p[i + 4] == c'S' and p[i + 5] == c'P' and _digit(p[i + 6])))
        ):
            return "FIXT.1.1" if i == 3 and p[4] == c'5' else begin_string
    refuse(8, "BeginString is FIX.m.n, FIX.m.nSPn or FIXT.m.n")


cdef inline bint _digit(uint8_t c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef int put_msg_type(Out* o, object msg_type) except -1:
    if not PyUnicode_CheckExact(msg_type):
        msg_type = plain(35, msg_type)
        if not PyUnicode_Check(msg_type):
            raise EncodeTypeError(35, f"MsgType is a str, not {type(msg_type).__name__}")
    room(o, 10)
    o.p = put_tag(o.p, 35)
    put_str(o, 35, msg_type)
    o.p[0] = 1
    o.p += 1
    return 0


cdef object finish(Out* o, object begin):
    cdef Py_ssize_t size = o.p - o.base - HEADROOM
    if size > MAX_BODY:
        refuse(9, f"a body of {size} bytes is too long for BodyLength")
    return ff_message(o, ff_put_head(o, begin))
