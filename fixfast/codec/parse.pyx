# cython: language_level=3, binding=False
"""parse(): the one Message that some bytes hold, validated if asked for."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t

from fixfast.codec.context cimport Context, Export, checked_limit, context_of, export_of
from fixfast.codec.message cimport Message, Verdict, build, reason_of
from fixfast.codec.scan.kernels cimport FF_NEED_DATA
from fixfast.codec.validate cimport Rules, check, rules_of

from fixfast.dictionary.validation import InvalidMessage
from fixfast.errors import GarbledMessage
from fixfast.types import GarbledReason

__all__ = ["parse"]

cdef enum:
    DEFAULT_LIMIT = 1 << 20

cdef object _DEFAULT_LIMIT = DEFAULT_LIMIT
cdef Context _STANDARD = context_of(None)


def parse(data, *, dictionary=None, copy=False, max_message_size=_DEFAULT_LIMIT, validate=False):
    """Return the one message that `data` holds, checked: framing, CheckSum, every field's form.

    Args:
        data: bytes, bytearray, memoryview, mmap or anything else contiguous with the buffer protocol. Bytes are
            referred to, other buffers exported as long as the Message lives or until it is detached.
        dictionary: a Dictionary that describes every message, or a DictionarySet: for groups, names and validation, and
            for length/data pairs beyond the standard's. None: the standard's that BeginString and ApplVerID name,
            loaded when first needed.
        copy: take a private copy of the bytes at once.
        max_message_size: bound of BodyLength, in bytes.
        validate: check the message by its dictionary: True, or a Validation that says what is checked. What is wrong
            is in `fault` of the message; in mode "reject" (True, too) it is raised.

    Raises:
        GarbledMessage: `data` is not one whole message; says why and at which byte.
        InvalidMessage: the message is at fault by its dictionary; it is in the exception.
        TypeError: `data` is not a contiguous buffer, or `validate` something else.
    """
    cdef Verdict verdict
    cdef object m
    if PyBytes_CheckExact(data) and dictionary is None and max_message_size is _DEFAULT_LIMIT and validate is False:
        # PERF: the common case without objects that it does not need (142 -> 113 instructions).
        m = build(
            data, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), _STANDARD, DEFAULT_LIMIT, &verdict
        )
        if m is None or verdict.total < PyBytes_GET_SIZE(data):
            _refuse(&verdict, m is not None, PyBytes_GET_SIZE(data))
        return m
    return _parse(data, dictionary, copy, max_message_size, validate)


cdef int _refuse(Verdict* verdict, bint built, Py_ssize_t n) except -1:
    """Raise GarbledMessage for what build() found: nothing, or a message that something follows."""
    if built:
        raise GarbledMessage(GarbledReason.TRAILING, verdict.total)
    if verdict.result == FF_NEED_DATA:
        raise GarbledMessage(GarbledReason.TRUNCATED, n)
    raise GarbledMessage(reason_of(verdict.result), verdict.frame.at)


cdef object _parse(object data, object dictionary, object copy, object max_message_size, object validate):
    cdef Context context = _STANDARD if dictionary is None else context_of(dictionary)
    cdef uint32_t limit = DEFAULT_LIMIT if max_message_size is _DEFAULT_LIMIT else checked_limit(max_message_size)
    cdef Rules rules = None if validate is False else rules_of(validate)
    cdef Export export
    cdef const uint8_t* p
    cdef Py_ssize_t n
    cdef object owner = data
    cdef object m
    cdef Verdict verdict
    if not PyBytes_CheckExact(owner):
        export = export_of(owner)
        p = <const uint8_t*>export.view.buf
        n = export.view.len
        owner = PyBytes_FromStringAndSize(<const char*>p, n) if copy else export
    if PyBytes_CheckExact(owner):
        p = <const uint8_t*>PyBytes_AS_STRING(owner)
        n = PyBytes_GET_SIZE(owner)
    m = build(owner, p, n, context, limit, &verdict)
    if m is None or verdict.total < n:
        _refuse(&verdict, m is not None, n)
    if rules is not None:
        _judge(<Message>m, rules)
    return m


cdef int _judge(Message m, Rules rules) except -1:
    m.found = check(m, rules)
    if m.found is not None and rules.reject:
        raise InvalidMessage(m.found, m)
    return 0
