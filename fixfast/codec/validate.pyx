# cython: language_level=3, binding=False
"""Checking messages by their dictionary: what `validate=` means, and the walk over the compiled dictionary (walk.c).

The rules stand in reference/validate.py, in the words of the model. Both say the same of every message.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cimport cython

from fixfast.codec.context cimport Context, schema_of
from fixfast.codec.message cimport Message, set_checker, view_of
from fixfast.codec.scan.kernels cimport FF_SOH
from fixfast.codec.schema cimport Schema, ff_message_node, ff_schema_node
from fixfast.codec.select cimport context_for
from fixfast.codec.values cimport View

cdef extern from "walk.h" nogil:
    enum:
        FF_CHECK_VALUES
        FF_CHECK_UNKNOWN
        FF_CHECK_USER_DEFINED
        FF_CHECK_CODES
        FF_CHECK_ORDER
        FF_CHECK_EMPTY
        FF_BAD_XML
        FF_TOO_MANY_ENTRIES
        FF_NO_FAULT

    ctypedef struct ff_fields:
        const uint8_t* base
        const int32_t* tags
        uint32_t count

    ctypedef struct ff_fault:
        int reason
        int32_t tag
        uint32_t rank

    uint32_t ff_rank(int reason) noexcept
    void ff_validate(
        const uint8_t* blob, const ff_schema_node* node, const ff_fields* fields, const ff_rules* rules,
        ff_fault* fault, uint32_t* xml, uint32_t* xml_count
    ) noexcept


from fixfast.dictionary.validation import REJECT_TEXT, Fault, Validation
from fixfast.errors import DictionaryError

__all__ = ["shadowed", "validate"]


# --- rules ----------------------------------------------------------------------------------------------------


@cython.final
cdef class Rules:
    def __cinit__(self, validation):
        self.validation = validation
        self.reject = validation.mode == "reject"
        self.xml = validation.xml
        self.rules.max_entries = min(validation.max_group_entries, 0xFFFFFFFF)
        for on, flag in (
            (validation.level == "full", FF_CHECK_VALUES),
            (validation.unknown_tags, FF_CHECK_UNKNOWN),
            (validation.user_defined_tags, FF_CHECK_USER_DEFINED),
            (validation.codes, FF_CHECK_CODES),
            (validation.order, FF_CHECK_ORDER),
            (validation.empty, FF_CHECK_EMPTY),
        ):
            if on:
                self.rules.flags |= flag


cdef Rules _EVERYTHING = Rules(Validation())
# PERF: parse() is mostly called with one Validation: reading it costs 800 ns, comparing it 1.
cdef Rules _LAST = _EVERYTHING


cdef Rules rules_of(object validate):
    global _LAST
    cdef Rules last = _LAST
    if validate is True:
        return _EVERYTHING
    if validate is False:
        return None
    if validate is not last.validation:
        if not isinstance(validate, Validation):
            raise TypeError(f"validate must be True, False or a Validation, not {type(validate).__name__}")
        last = _LAST = Rules(validate)
    return last


# --- checking -------------------------------------------------------------------------------------------------


cdef object _fault(int reason, object tag):
    return Fault(reason, tag, REJECT_TEXT[reason])


@cython.final
@cython.no_gc
cdef class Known:
    """What described the last message, in one object, so that a reader sees all of it or nothing."""
    cdef Context given                  # with that message
    cdef uint64_t begin_string          # BeginString and the SOH behind it, eight bytes together
    cdef Schema schema


cdef inline uint64_t _begin_string(Message m) noexcept:
    """Eight bytes from BeginString on: all of it, and its SOH, in the versions before FIXT."""
    cdef uint64_t word
    memcpy(&word, m.base + 2, 8)        # no message is that short
    return word


cdef Schema _schema_for(Message m, Rules rules):
    """Choose the dictionary. Raises: DictionaryError: there is none; _Unsupported: ApplVerID asks for another."""
    cdef Context context = context_for(m)
    cdef Schema schema
    cdef Known known
    if not context.supported:
        raise _Unsupported
    schema = schema_of(context)
    if m.base[9] == FF_SOH:             # BeginString alone decides
        known = Known.__new__(Known)
        known.given, known.begin_string, known.schema = m.context, _begin_string(m), schema
        rules.known = known
    return schema


class _Unsupported(Exception):
    """ApplVerID(1128) says what nobody has a dictionary for."""


cdef object check(Message m, Rules rules):
    cdef Known known = <Known>rules.known
    cdef Schema schema
    cdef View view
    # PERF: most messages follow the same dictionary as the one before: one comparison, where to ask takes 20 ns.
    if known is not None and m.base is not NULL and m.context is known.given and _begin_string(m) == known.begin_string:
        return _check_by(m, known.schema, rules)
    view_of(m, 0, m.count, &view)       # refuses a Message that parse() did not make
    try:
        schema = _schema_for(m, rules)
    except DictionaryError:
        return Fault(99, 8, "No dictionary describes this BeginString")
    except _Unsupported:
        return _fault(18, 1128)
    return _check_by(m, schema, rules)


cdef object _check_by(Message m, Schema schema, Rules rules):
    cdef View view
    cdef ff_fault fault
    cdef ff_fields fields
    cdef const uint32_t* start
    cdef const ff_schema_node* node
    if m.table is NULL:                 # given back by detach()
        view_of(m, 0, m.count, &view)
    fields.base, fields.tags, fields.count = m.base, m.table, m.count
    start = <const uint32_t*>m.table + m.count + 2              # of MsgType, always the third field
    node = ff_message_node(schema.base, m.base + start[0], start[m.count] - start[0])
    if node is NULL:
        return _fault(11, None)
    if rules.xml:
        return _check_with_xml(m, schema, node, &fields, rules)
    ff_validate(schema.base, node, &fields, &rules.rules, &fault, NULL, NULL)
    return None if fault.rank == FF_NO_FAULT else _said(&fault, rules)


cdef object _said(const ff_fault* fault, Rules rules):
    if fault.reason == FF_TOO_MANY_ENTRIES:
        limit = rules.validation.max_group_entries
        return Fault(16, fault.tag, f"More than {limit} entries in a repeating group")
    return _fault(fault.reason, fault.tag)


# --- XML ------------------------------------------------------------------------------------------------------


cdef object _check_with_xml(
    Message m, Schema schema, const ff_schema_node* node, const ff_fields* fields, Rules rules
):
    cdef ff_fault fault
    cdef uint32_t count = 0
    cdef uint32_t k, i, n
    cdef const uint32_t* start = <const uint32_t*>fields.tags + fields.count
    cdef uint32_t* places = <uint32_t*>PyMem_Malloc(fields.count * sizeof(uint32_t))
    cdef list documents = []
    if places is NULL:
        raise MemoryError
    try:
        ff_validate(schema.base, node, fields, &rules.rules, &fault, places, &count)
        if fault.rank > ff_rank(FF_BAD_XML):
            # All of them first: the parser runs Python code, which may detach the message under us.
            for k in range(count):
                i = places[k]
                n = start[fields.count + i] - start[i]
                documents.append((fields.tags[i], PyBytes_FromStringAndSize(<const char*>fields.base + start[i], n)))
    finally:
        PyMem_Free(places)
    for tag, value in documents:
        if not _is_xml(value):
            return _fault(FF_BAD_XML, tag)
    return None if fault.rank == FF_NO_FAULT else _said(&fault, rules)


def _refuse(*_):
    raise ValueError("a DTD")


cdef bint _is_xml(bytes value) except -1:
    """Whether a value is a well-formed document without a DTD (V12, C13)."""
    from xml.parsers import expat       # here: reading a message needs no XML

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(value, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


# --- the Python interface -------------------------------------------------------------------------------------


def validate(Message m not None, validation=None):
    """Return what is wrong with a message by its dictionary: the Fault that counts most, None if it is right.

    Of several faults the first in the order of reasons 18 11 0 3 2 4 7 13 14 15 16 17 12 6 5 1 99 counts (V23), and of
    equal ones the first in the message.

    Args: validation: what is checked (its `mode` does not matter); None: everything.
    Raises: TypeError: something else.
    """
    return _validate(m, validation)


cdef object _validate(Message m, object validation):
    return check(m, _EVERYTHING if validation is None else <Rules?>rules_of(validation))


cdef object _judge(Message m, object rules):
    return check(m, <Rules>rules)


set_checker(_validate, _judge)


def shadowed(Message m not None):
    """Return the first tag of 8 9 35 34 49 56 52 43 10 that comes a second time in a message, 0 if none does (V30)."""
    cdef uint64_t seen = 0
    cdef uint32_t i
    cdef int32_t tag
    cdef View view
    view_of(m, 0, m.count, &view)
    for i in range(view.n):
        tag = view.tags[i]
        if 0 <= tag < 64 and FF_UNIQUE >> tag & 1:
            if seen >> tag & 1:
                return tag
            seen |= <uint64_t>1 << tag
    return 0
