# cython: language_level=3, binding=False
"""What a session asks of the header of every message, in one call: is all of it as in the common case?

"Clean" says that the steps of the inbound pipeline up to the number would all let the message pass. Not clean says no
more than that it is anything else: the steps are then gone through one by one (session/pipeline.py), and they say why.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cimport cython

from fixfast.codec.convert cimport c_parse_int, c_parse_time
from fixfast.codec.frame cimport StreamDecoder
from fixfast.codec.message cimport Message, fault_of, raw_of, view_of
from fixfast.codec.numbers cimport short_int
from fixfast.codec.scan.kernels cimport FF_SOH
from fixfast.codec.validate cimport FF_UNIQUE
from fixfast.codec.values cimport View, text_at, value_at

cdef extern from "Python.h":
    bint PyTuple_Check(object o)
    Py_ssize_t PyTuple_GET_SIZE(object o)
    PyObject* PyTuple_GET_ITEM(object o, Py_ssize_t i)

__all__ = ["HeaderCheck", "joined"]

cdef enum:
    MSG_TYPE = 2                # place of MsgType
    SECOND = 17                 # bytes of a time up to its seconds


cdef inline uint64_t _bit(int tag) noexcept nogil:
    return <uint64_t>1 << tag


cdef inline bint _is(const View* view, uint32_t i, bytes text) noexcept:
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = value_at(view, i, &n)
    return n == PyBytes_GET_SIZE(text) and memcmp(p, PyBytes_AS_STRING(text), n) == 0


cdef inline bint _is_letter(const View* view, uint32_t i, uint8_t letter) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = value_at(view, i, &n)
    return n == 1 and p[0] == letter


cdef inline bint _is_session(const View* view) noexcept nogil:
    """Whether MsgType is one that a session keeps to itself: 0 1 2 4 5 A."""
    cdef Py_ssize_t n = 0
    cdef const uint8_t* p = value_at(view, MSG_TYPE, &n)
    return n == 1 and (p[0] == c'A' or (c'0' <= p[0] <= c'5' and p[0] != c'3'))


@cython.final
cdef class HeaderCheck:
    """Tells whether messages are in sequence, from the right peer, of now, and for the application.

    Args:
        begin_string: BeginString(8).
        sender_comp_id: SenderCompID(49), the peer's. target_comp_id: TargetCompID(56).
        tolerance: ns that SendingTime(52) may be away from now; None: any time will do, but it must be one.
        msg_types: those that are clean; None: all. The session's own (0 1 2 4 5 A) never are.
        with_faults: whether a message with a fault is clean.
        singly: a run is one message at most.
    """

    def __cinit__(self, str begin_string not None, str sender_comp_id not None, str target_comp_id not None, *,
                  tolerance=None, frozenset msg_types=None, with_faults=True,
                  singly=False):
        self.begin_string = begin_string.encode("utf-8", "surrogateescape")
        self.sender = sender_comp_id.encode("utf-8", "surrogateescape")
        self.target = target_comp_id.encode("utf-8", "surrogateescape")
        self.tolerance = -1 if tolerance is None else tolerance
        if tolerance is not None and not 0 <= self.tolerance <= <int64_t>1 << 62:
            raise ValueError(f"tolerance={tolerance}: 0 to 2**62 ns")
        self.msg_types = msg_types
        self.with_faults = with_faults
        self.singly = singly
        memset(self.second, FF_SOH, SECOND)     # what no value begins with

    cdef bint _is_in_time(self, const uint8_t* p, Py_ssize_t n, int64_t wall_ns) noexcept:
        cdef int64_t sent = 0
        cdef int64_t second_ns = 0
        if n == SECOND + 4 and p[SECOND] == c'.' and memcmp(p, self.second, SECOND) == 0 and _millis(p + 18, &sent):
            # PERF: most messages are of the same second as the one before: only its fraction is read (297 -> 290 ns).
            sent += self.second_ns
        elif c_parse_time(p, n, &sent):
            return False
        elif n >= SECOND and p[15] <= c'5' and not c_parse_time(p, SECOND, &second_ns):      # no leap second
            memcpy(self.second, p, SECOND)
            self.second_ns = second_ns
        if self.tolerance < 0:
            return True
        # Their difference may be beyond int64, but not beyond uint64.
        if sent < wall_ns:
            return <uint64_t>wall_ns - <uint64_t>sent <= <uint64_t>self.tolerance
        return <uint64_t>sent - <uint64_t>wall_ns <= <uint64_t>self.tolerance

    cdef bint _is_clean(self, Message m, int64_t expected, int64_t wall_ns) except -1:
        cdef View view
        cdef uint32_t[64] places
        cdef uint64_t seen = _bit(8) | _bit(9) | _bit(35)       # the first three fields
        cdef uint64_t needed = _bit(34) | _bit(49) | _bit(52) | _bit(56)
        cdef uint32_t i, tag
        cdef Py_ssize_t n = 0
        cdef const uint8_t* p
        view_of(m, 0, m.count, &view)
        for i in range(MSG_TYPE + 1, view.n):
            tag = <uint32_t>view.tags[i]
            if tag < 64 and FF_UNIQUE >> tag & 1:
                if seen >> tag & 1:
                    return False
                seen |= _bit(tag)
                places[tag] = i
        if seen & needed != needed or (seen >> 43 & 1 and _is_letter(&view, places[43], c'Y')):
            return False
        if not _is(&view, places[49], self.sender) or not _is(&view, places[56], self.target):
            return False
        if not _is(&view, 0, self.begin_string) or _is_session(&view) or not (self.with_faults or fault_of(m) is None):
            return False
        p = value_at(&view, places[52], &n)
        if not _has_number(&view, places[34], expected) or not self._is_in_time(p, n, wall_ns):
            return False
        return self.msg_types is None or text_at(&view, MSG_TYPE) in self.msg_types

    def clean(self, Message m not None, int64_t expected, int64_t wall_ns):
        """Return whether a message is clean.

        Args: expected: its MsgSeqNum(34). wall_ns: now, ns since the Unix epoch.
        """
        return self._is_clean(m, expected, wall_ns)

    def take(self, StreamDecoder decoder not None, data, int64_t expected, now):
        """Feed a decoder and take from it a run: clean messages with rising numbers, until an item is anything else.

        Args: data: bytes to feed; b"": none. expected: MsgSeqNum(34) of the first message. now: a Now.
        Returns: (the run, its bytes, the other item). The last is None at the end of what the decoder has, and, with
            `singly`, behind a message.
        """
        cdef list run = []
        cdef object item
        cdef int64_t wall_ns = wall_of(now)
        cdef bint clean = False
        decoder.add(data)
        while True:
            item = self.following(decoder, expected, wall_ns, &clean)
            if not clean:
                return run, joined_bytes(run), item
            run.append(item)
            if self.singly:
                return run, joined_bytes(run), None
            expected += 1

    cdef object following(self, StreamDecoder decoder, int64_t expected, int64_t wall_ns, bint* clean):
        cdef object item = decoder.following()
        clean[0] = (
            type(item) is Message and expected != INT64_MAX     # no number follows that
            and self._is_clean(<Message>item, expected, wall_ns)
        )
        return item


cdef int64_t wall_of(object now) except? -1:
    if not PyTuple_Check(now) or PyTuple_GET_SIZE(now) != 2:
        raise TypeError(f"a Now expected, not {type(now).__name__}")
    # PERF: as a tuple's item; now[1] looks __getitem__ up, as a subclass may have its own (100 ns).
    return <object>PyTuple_GET_ITEM(now, 1)


cdef inline bint _millis(const uint8_t* p, int64_t* ns) noexcept nogil:
    """Read three digits as ms."""
    cdef uint32_t a = <uint32_t>p[0] - c'0', b = <uint32_t>p[1] - c'0', c = <uint32_t>p[2] - c'0'
    ns[0] = <int64_t>(a * 100 + b * 10 + c) * 1000000
    return a <= 9 and b <= 9 and c <= 9


cdef inline bint _has_number(const View* view, uint32_t i, int64_t expected) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef int64_t number = 0
    cdef const uint8_t* p = value_at(view, i, &n)
    return (short_int(p, n, &number) or not c_parse_int(p, n, &number)) and number == expected


def joined(list messages not None):
    """Return the bytes of messages, one behind the other: one copy where they stand like that in memory."""
    return joined_bytes(messages)


cdef bytes joined_bytes(list messages):
    cdef Message first, m
    cdef const uint8_t* end
    if not messages:
        return b""
    first = <Message?>messages[0]
    if len(messages) == 1:
        return raw_of(first)
    end = first.base
    for item in messages:
        m = <Message?>item
        if m.base != end:               # garbled bytes between them, or another chunk
            return b"".join([raw_of(each) for each in messages])
        end += m.size
    return PyBytes_FromStringAndSize(<const char*>first.base, end - first.base)
