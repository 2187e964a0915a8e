# cython: language_level=3, binding=False
"""From fields to the bytes of a message.

A message is built in a buffer on the stack of the call and copied once, into the bytes object that is returned. A field
that cannot be written is refused before anything exists that a caller could send: one EncodeError that names the tag.
No refusal ever holds a value: it may be a password.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free

from fixfast.codec.render cimport STACK, Out
from fixfast.codec.write cimport (
    ALL,
    HEADER_ONLY,
    OWNED,
    REST_ONLY,
    SESSION,
    arranged,
    begin_text,
    check_digits,
    finish,
    open_out,
    put_fields,
    put_msg_type,
    sequence,
)

__all__ = ["encode", "encode_session"]


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
    check_digits(timestamp_digits)
    fields = sequence(fields) if dictionary is None else arranged(dictionary, msg_type, fields, timestamp_digits, False)
    open_out(&o, stack, timestamp_digits)
    try:
        put_msg_type(&o, msg_type)
        put_fields(&o, fields, ALL, 0)
        return finish(&o, begin)
    finally:
        free(o.heap)


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
    check_digits(timestamp_digits)
    header = sequence(header)
    fields = sequence(fields) if dictionary is None else arranged(dictionary, msg_type, fields, timestamp_digits, False)
    open_out(&o, stack, timestamp_digits)
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
