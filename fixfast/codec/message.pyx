# cython: language_level=3, binding=False
"""Message: a view of one FIX message and a table of its fields.

Who owns the bytes: a Message refers to what its bytes are in - bytes, a chunk of a StreamDecoder, or an Export, which
holds a buffer export of the caller's object, so that a bytearray cannot be resized while it is being read. The table is
one block of exactly the size needed: 18 fields take 216 bytes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject, destructor
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcmp

cimport cython

from fixfast.codec.context cimport Context, Export
from fixfast.codec.later cimport Later
from fixfast.codec.scan.kernels cimport (
    FF_BAD_TRAILER, FF_MAX_LENGTH, FF_NEED_DATA, FF_NOT_FIX, FF_OK, FF_TRAILER, ff_frame, ff_header, ff_trailer,
    make_table,
)
from fixfast.codec.values cimport (
    BOOL, BYTES, DATETIME, DECIMAL, FLOAT, INT, SCALED, STR, TIME, Kind, View, absent, check_digits, convert, find,
    missing as _MISSING, tag_of, text_at, value_at,
)

cdef extern from "Python.h":
    void PyObject_Free(void* p)

from fixfast.types import GarbledReason

__all__ = ["Message"]

cdef tuple _REASONS = tuple(GarbledReason)          # scan.h counts them in this order from FF_NOT_FIX


# --- building -------------------------------------------------------------------------------------------------


cdef object reason_of(int result):
    return _REASONS[result - FF_NOT_FIX]


cdef object build(
    object owner, const uint8_t* p, size_t available, Context context, uint32_t max_length, Verdict* verdict
):
    cdef Message m
    cdef int32_t* table
    cdef uint32_t count = 0
    cdef int checksum
    cdef ff_frame* frame = &verdict.frame
    verdict.total = 0
    verdict.result = ff_header(p, available, max_length, frame)
    if verdict.result != FF_OK:
        return None
    verdict.total = frame.trailer + FF_TRAILER
    frame.seen = verdict.total
    if verdict.total > available:
        verdict.result = FF_NEED_DATA
        return None
    checksum = ff_trailer(p, frame.trailer)
    if checksum < 0:
        verdict.result = FF_BAD_TRAILER
        frame.at = frame.trailer
        return None
    table = make_table(p, frame, &context.pairs.pairs, checksum, &verdict.result, &count)
    if table is NULL:
        return None
    m = Message.__new__(Message)
    m.owner, m.context, m.base, m.table = owner, context, p, table
    m.size, m.count = verdict.total, count
    return m


cdef int32_t* _scanned(Message m) except? NULL:
    """The table, made anew; NULL: the bytes are no message of as many fields any more."""
    cdef ff_frame frame
    cdef int result = FF_NEED_DATA
    cdef uint32_t count = 0
    cdef int32_t* table = NULL
    if ff_header(m.base, m.size, FF_MAX_LENGTH, &frame) == FF_OK and frame.trailer + FF_TRAILER == m.size:
        table = make_table(m.base, &frame, &m.context.pairs.pairs, -1, &result, &count)
    if count != m.count:
        PyObject_Free(table)
        return NULL
    return table


cdef int load_table(Message m) except -1:
    if m.base is NULL:
        raise TypeError("a Message is made by parse() or a StreamDecoder")
    # It was right when it was parsed; but the bytes may have been a caller's to write into until it was detached.
    m.table = _scanned(m)
    if m.table is NULL:
        raise RuntimeError("the bytes of this message were overwritten before it was detached")
    return 0


cdef int _drop_table(Message m, bint was_exported) except -1:
    """Give the table back if the bytes, which are the message's own now, lead to the same again."""
    # What was exported has perhaps been written into since it was scanned.
    cdef int32_t* again = _scanned(m) if was_exported and m.table is not NULL else NULL
    if not was_exported or (again is not NULL and not memcmp(again, m.table, 3 * m.count * sizeof(int32_t))):
        PyObject_Free(m.table)
        m.table = NULL
    PyObject_Free(again)


# --- reading --------------------------------------------------------------------------------------------------


cdef inline object _at(Message m, Py_ssize_t i):
    cdef View view
    view_of(m, 0, m.count, &view)
    return text_at(&view, i)


cdef inline object _header(Message m, int32_t tag, Kind kind):
    """A field of the header: among the first ones, so it is looked for there one by one."""
    cdef View view
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p
    cdef uint32_t i
    view_of(m, 0, m.count, &view)
    for i in range(3, view.n):          # behind 8, 9 and 35
        if view.tags[i] == tag:
            p = value_at(&view, i, &n)
            return convert(p, n, tag, kind, 0)
    return absent(tag)


cdef bytes raw_of(Message m):
    if PyBytes_CheckExact(m.owner) and PyBytes_GET_SIZE(m.owner) == m.size:
        return m.owner                  # immutable: as good as a copy
    return PyBytes_FromStringAndSize(<const char*>m.base, m.size)


cdef object seq_num_of(Message m):
    return _header(m, 34, INT)


cdef inline bint _is_yes(Message m, int32_t tag) except -1:
    cdef View view
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p
    cdef Py_ssize_t i
    view_of(m, 0, m.count, &view)
    i = find(&view, 3, tag)
    if i < 0:
        return False
    p = value_at(&view, i, &n)
    return n == 1 and p[0] == c'Y'


cdef list get_all(Message m, uint32_t first, uint32_t last, object tag):
    cdef View view
    cdef int32_t wanted = tag_of(tag)
    cdef list found = []
    cdef Py_ssize_t i = -1
    while True:
        view_of(m, first, last, &view)
        i = find(&view, <uint32_t>(i + 1), wanted)
        if i < 0:
            return found
        found.append(text_at(&view, i))


cdef tuple get_many(Message m, uint32_t first, uint32_t last, tuple tags):
    cdef Py_ssize_t k
    cdef tuple result = PyTuple_New(len(tags))
    for k in range(len(tags)):
        value = get_value(m, first, last, tags[k], STR, 0, None)
        Py_INCREF(value)
        PyTuple_SET_ITEM(result, k, value)
    return result


@cython.final
cdef class _Pairs:
    """Iterator of (tag, str)."""
    cdef Message message
    cdef uint32_t at
    cdef uint32_t last

    def __iter__(self):
        return self

    def __length_hint__(self):
        return self.last - self.at

    def __next__(self):
        cdef View view
        if self.at >= self.last:
            raise StopIteration
        view_of(self.message, self.at, self.last, &view)
        self.at += 1
        return view.tags[0], text_at(&view, 0)


cdef object pairs_of(Message m, uint32_t first, uint32_t last):
    cdef _Pairs pairs = _Pairs.__new__(_Pairs)
    pairs.message, pairs.at, pairs.last = m, first, last
    return pairs


@cython.no_gc
@cython.freelist(64)
cdef class Run:
    """A stretch of the fields of a message: the base of group entries."""


# Modules that stand on this one.
cdef Later _body = Later("body")
cdef Later _groups = Later("groups")
cdef Later _present = Later("present")
cdef Later _reading = Later("reading")
cdef Later _select = Later("select")
cdef checker _CHECKER = NULL
cdef checker _JUDGE = NULL              # the same by Rules


cdef void set_checker(checker found, checker judge) noexcept:
    global _CHECKER, _JUDGE
    _CHECKER = found
    _JUDGE = judge


cdef object judged(Message m):
    cdef object fault
    with cython.critical_section(m):    # nothing where there is a GIL
        if not m.unjudged:
            return m.found
        fault = _JUDGE(m, m.found)      # whoever made Rules has imported validate.pyx
        m.found, m.unjudged = fault, False
    return fault


# --- Message --------------------------------------------------------------------------------------------------


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Message:
    """One FIX message: a view of its bytes and a table of its fields. Made by parse() and StreamDecoder.

    Look-ups give the first field with a tag. Messages may be read and freed by any thread. A Message keeps the buffer
    it was parsed from: a bytearray cannot be resized meanwhile (BufferError), and writing into it changes what the
    message reads; detach() ends that. Equality is identity.

    Attributes:
        fault: what validation found (a Fault), by what was asked for when the message was parsed; None: nothing, or
            nobody asked.
        redelivered: set by a session when it may have delivered this message before.
    """

    def __init__(self):
        raise TypeError("a Message is made by parse() or a StreamDecoder")

    @property
    def fault(self):
        """What validation found, by what was asked for when the message was parsed; None: nothing, or nobody asked."""
        return fault_of(self)

    # --- the header ---

    @property
    def raw(self):
        """The bytes of the message, a copy."""
        return raw_of(self)

    @property
    def begin_string(self):
        """BeginString(8)."""
        return _at(self, 0)             # always the first field

    @property
    def msg_type(self):
        """MsgType(35)."""
        return _at(self, 2)             # always the third

    @property
    def msg_seq_num(self):
        """MsgSeqNum(34). Raises: FieldMissing, FieldFormatError."""
        return seq_num_of(self)

    @property
    def sender_comp_id(self):
        """SenderCompID(49). Raises: FieldMissing."""
        return _header(self, 49, STR)

    @property
    def target_comp_id(self):
        """TargetCompID(56). Raises: FieldMissing."""
        return _header(self, 56, STR)

    @property
    def sending_time_ns(self):
        """SendingTime(52) in ns since the Unix epoch. Raises: FieldMissing, FieldFormatError."""
        return _header(self, 52, TIME)

    @property
    def appl_ver_id(self):
        """ApplVerID(1128), None if absent."""
        return get_value(self, 0, self.count, 1128, STR, 0, None)

    @property
    def poss_dup(self):
        """Whether PossDupFlag(43) is Y."""
        return _is_yes(self, 43)

    @property
    def poss_resend(self):
        """Whether PossResend(97) is Y."""
        return _is_yes(self, 97)

    @property
    def dictionary(self):
        """The Dictionary that describes the message, loaded on first use: the one given to parse() or the decoder, or
        chosen from the DictionarySet given there, else from the standard's.

        Raises: DictionaryError: there is none for this BeginString.
        """
        return _select.get().dictionary_of(self)

    @property
    def version_assumed(self):
        """Whether nothing said which version of FIX the message follows: FIXT without 1128 and without a default.

        `dictionary` is FIX 5.0 SP2's then. Raises: DictionaryError: there is none for this BeginString.
        """
        return _select.get().version_assumed(self)

    # --- values ---

    def __getitem__(self, tag):
        return get_value(self, 0, self.count, tag, STR, 0, _MISSING)

    def __contains__(self, tag):
        return contains(self, 0, self.count, tag)

    def __len__(self):
        return self.count

    def __iter__(self):
        return pairs_of(self, 0, self.count)

    def get(self, tag, default=None):
        """Return the text of a field (UTF-8, surrogateescape for other bytes), `default` if it is absent."""
        return get_value(self, 0, self.count, tag, STR, 0, default)

    def all(self, tag):
        """Return the texts of every field with this tag, in order."""
        return get_all(self, 0, self.count, tag)

    def many(self, *tags):
        """Return the texts of several fields as a tuple, None where one is absent."""
        return get_many(self, 0, self.count, tags)

    def bytes(self, tag, default=_MISSING):
        """Return a value as it is on the wire. Raises: FieldMissing: absent, and no default."""
        return get_value(self, 0, self.count, tag, BYTES, 0, default)

    def int(self, tag, default=_MISSING):
        """Return a value as int, of up to 40 digits. Raises: FieldMissing: absent, no default; FieldFormatError."""
        return get_value(self, 0, self.count, tag, INT, 0, default)

    def float(self, tag, default=_MISSING):
        """Return a value as the nearest float. Raises: FieldMissing: absent, no default; FieldFormatError."""
        return get_value(self, 0, self.count, tag, FLOAT, 0, default)

    def decimal(self, tag, default=_MISSING):
        """Return a value as a Decimal, exactly. Raises: FieldMissing: absent, no default; FieldFormatError."""
        return get_value(self, 0, self.count, tag, DECIMAL, 0, default)

    def scaled(self, tag, int digits, default=_MISSING):
        """Return value * 10**digits as an int; never rounds.

        Args: digits: 0 to 18.
        Raises: FieldMissing: absent, no default; FieldFormatError: no number, more decimals, or beyond 64 bits.
        """
        check_digits(digits)
        return get_value(self, 0, self.count, tag, SCALED, digits, default)

    def bool(self, tag, default=_MISSING):
        """Return True for Y, False for N. Raises: FieldMissing: absent, no default; FieldFormatError."""
        return get_value(self, 0, self.count, tag, BOOL, 0, default)

    def time_ns(self, tag, default=_MISSING):
        """Return a UTCTimestamp in ns since the Unix epoch.

        Raises: FieldMissing: absent, no default; FieldFormatError.
        """
        return get_value(self, 0, self.count, tag, TIME, 0, default)

    def datetime(self, tag, default=_MISSING):
        """Return a UTCTimestamp as an aware datetime in UTC, cut to microseconds.

        Raises: FieldMissing: absent, no default; FieldFormatError.
        """
        return get_value(self, 0, self.count, tag, DATETIME, 0, default)

    def value(self, tag, default=_MISSING):
        """Return a value by its type in the dictionary; see reading.py and datatypes.py.

        Returns: int, Decimal, bool, datetime, date, time, MonthYear, Tenor, bytes (data), str; for a field with codes
            the member of its enum; for a MULTIPLE... field a tuple.
        Raises: FieldMissing: absent, no default; FieldFormatError; DictionaryError: no dictionary for this version.
        """
        if default is not _MISSING and not contains(self, 0, self.count, tag):
            return default
        return _reading.get().value(self, tag)

    def value_ns(self, tag, default=_MISSING):
        """Return a time by its type in the dictionary: ns since the epoch, without a date since midnight.

        Raises: FieldMissing: absent, no default; FieldFormatError: also if its type is no time; DictionaryError.
        """
        if default is not _MISSING and not contains(self, 0, self.count, tag):
            return default
        return _reading.get().value_ns(self, tag)

    # --- structure ---

    def group(self, count_tag):
        """Return the entries of a repeating group, by the dictionary; empty if it is absent or unknown there.

        Args: count_tag: the tag of the group's count field (NoMDEntries is 268).
        Raises: DictionaryError: the group is there, but no dictionary for this version is.
        """
        return _groups.get().by_dictionary(self, count_tag)

    def groups(self, count_tag, delimiter):
        """Return the entries of a repeating group without a dictionary; see groups.pyx for where they end.

        Args: count_tag: the tag of the group's count field. delimiter: the tag that opens each entry.
        """
        return _groups.get().by_delimiter(self, count_tag, delimiter)

    def body(self, nested=False):
        """Return the fields as encode() and send() take them, without those that a session writes itself.

        Args: nested: groups as (count tag, [entries]), by the dictionary.
        Returns: list of (tag, str), bytes for data fields. Left out: 8 9 10 34 35 43 49 52 56 122.
        """
        return _body.get().body(self, nested)

    def validate(self, validation=None):
        """Check the message by its dictionary, now: the first Fault in the order of reasons, None if it is right.

        Args: validation: what is checked (its `mode` does not matter here); None: everything. Does not set `fault`.
        """
        if _CHECKER is NULL:
            from fixfast.codec import validate      # no-cython-lint: importing it sets the pointer
        return _CHECKER(self, validation)

    # --- ownership ---

    def detach(self):
        """Take an own copy of the bytes, releasing the buffer they came from. Idempotent.

        The table of fields is given back, too, and made again when next needed: 176 bytes then take 304 in all. It
        stays where a caller's buffer was written into meanwhile.
        """
        cdef bytes own
        cdef bint exported = isinstance(self.owner, Export)
        if self.base is NULL:
            return
        if exported or not PyBytes_CheckExact(self.owner) or PyBytes_GET_SIZE(self.owner) != self.size:
            own = PyBytes_FromStringAndSize(<const char*>self.base, self.size)
            self.base = <const uint8_t*>PyBytes_AS_STRING(own)
            self.owner = own
        _drop_table(self, exported)

    def __reduce__(self):
        return _restore, (self.raw,)

    # --- for people ---

    def pretty(self):
        """Return one line for each field: tag, name, value and meaning, secrets masked."""
        return _present.get().pretty(self)

    def to_dict(self, mask=False):
        """Return {name: text}, groups as lists of dicts, unknown tags by number. Args: mask: *** for secrets."""
        from fixfast.codec.mapping import to_dict

        return to_dict(self, mask)

    def to_json(self, mask=False):
        """Return to_dict() as JSON. Args: mask: replace secrets by ***."""
        from fixfast.codec.mapping import to_json

        return to_json(self, mask)

    def __str__(self):
        return _present.get().line(self)

    def __repr__(self):
        return _present.get().short(self)


# PERF: for a __dealloc__() Cython would set the exception at hand aside and back (a message 78 instructions).
cdef destructor _free_rest = (<PyTypeObject*>Message).tp_dealloc


cdef void _free_message(PyObject* m) noexcept:
    PyObject_Free((<Message>m).table)
    _free_rest(m)

(<PyTypeObject*>Message).tp_dealloc = _free_message


def _restore(raw):
    from fixfast.codec.parse import parse

    return parse(raw, max_message_size=FF_MAX_LENGTH)
