# cython: language_level=3, binding=False
"""StreamDecoder: bytes in any pieces -> Message | Garbled.

Framing jumps by BodyLength. After trouble, the decoder goes on at the next `8=FIX` right behind an SOH, searched for
from the byte after the bad start on, so that a BodyLength that is too long swallows no message (F06).

Hostile input costs linear time. A header is at most 31 bytes, a trailer is looked at in one place, and a search begins
where the last one stopped. Only a frame whose trailer is right costs more: its bytes are summed up and scanned,
perhaps in vain. Such frames may lie inside each other; MAX_NESTED of them are tried, then the search goes on behind.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memmove

cimport cython

from fixfast.codec.context cimport Export, checked_limit, context_of, export_of
from fixfast.codec.message cimport Message, Verdict, build, reason_of
from fixfast.codec.scan.kernels cimport FF_BAD_TRAILER, FF_CHECKSUM, FF_NEED_DATA
from fixfast.codec.validate cimport Rules, rules_of

cdef extern from "Python.h":
    Py_ssize_t references "Py_REFCNT"(PyObject* o)
    PyObject* PyList_GET_ITEM(list items, Py_ssize_t i)

cdef extern from "start.h" nogil:
    # Where the first <SOH>8=FIX is, -1 if there is none.
    Py_ssize_t ff_find_start(const uint8_t* p, Py_ssize_t n) noexcept

from fixfast.types import Garbled

__all__ = ["StreamDecoder"]

cdef enum:
    CHUNK = 65536               # bytes
    POOL = 4                    # chunks
    LEAST_ROOM = 4096           # bytes that get_buffer() lends at least
    LEAST_REST = 2048           # bytes that are worth not being copied
    MAX_NESTED = 16
    START_SIZE = 6              # <SOH>8=FIX
    TRAILER_SIZE = 7            # 10=nnn<SOH>

cdef const char* START = b"\x018=FIX"


@cython.final
@cython.no_gc
cdef class Chunk:
    def __cinit__(self, Py_ssize_t capacity):
        self.data = <uint8_t*>PyMem_Malloc(capacity)
        if self.data is NULL:
            raise MemoryError
        self.capacity = capacity

    def __dealloc__(self):
        PyMem_Free(self.data)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.capacity, 0, flags)


cdef Py_ssize_t _started(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """Return how many bytes at the end may be the first ones of <SOH>8=FIX."""
    cdef Py_ssize_t k = START_SIZE - 1
    if k > n:
        k = n
    while k and memcmp(p + n - k, START, k) != 0:
        k -= 1
    return k


cdef bint _is_session(Message m) noexcept:
    """Whether MsgType, always the third field, is 0 to 5 or A."""
    cdef const uint32_t* start = <const uint32_t*>m.table + m.count + 2
    cdef uint8_t kind = m.base[start[0]]
    return start[m.count] - start[0] == 1 and (c'0' <= kind <= c'5' or kind == c'A')


cdef tuple _both_rules(object validate):
    """The Rules, or None, for application messages and for session messages."""
    cdef Rules rules
    if isinstance(validate, tuple) and len(validate) == 2:
        application, session = validate
        return None if application is None else rules_of(application), None if session is None else rules_of(session)
    rules = rules_of(validate)
    return rules, rules


@cython.final
cdef class StreamDecoder:
    """Splits a byte stream into items. Iterate over it after each feed(); any split gives the same items.

    Items are Message, or Garbled where bytes are none: one for each trouble, as soon as it can be told. Owned by one
    thread at a time; its messages may go to any.

    Args:
        dictionary: for the messages; as for parse().
        max_message_size: bound of BodyLength in bytes, and so of what a peer can make us keep: a quarter more, and two
            chunks of 64 KiB.
        validate: True or a Validation: what is wrong with a message by its dictionary is in its `fault`, whatever the
            mode; it is looked for when it is read first. Or two of them, or None each: (for application messages, for
            session messages: MsgTypes 0 to 5 and A).
        resync: where to go on after trouble behind a whole header: "next_message", at the next start wherever it is, or
            "declared_length", at the next start behind the body that BodyLength claims (X10).
    """

    def __cinit__(self, dictionary=None, max_message_size=1 << 20, validate=False, resync="next_message"):
        if resync not in ("next_message", "declared_length"):
            raise ValueError(f"resync={resync!r}: 'next_message' or 'declared_length'")
        self.by_length = resync == "declared_length"
        self.context = context_of(dictionary)
        self.limit = checked_limit(max_message_size)
        self.pool = []
        self.rules, self.session_rules = _both_rules(validate)
        self.judging = self.rules is not None or self.session_rules is not None

    @property
    def dictionary(self):
        """What was given for the messages. May be set: it counts for those taken from then on."""
        return self.context.dictionary

    @dictionary.setter
    def dictionary(self, dictionary):
        self.context = context_of(dictionary)

    @property
    def skipped(self):
        """Bytes so far that are in no message, those of Garbled items included."""
        return self.passed + self.held

    @property
    def received(self):
        """Bytes so far, all of them."""
        return self.base + self.filled + (len(self.rest) - self.rest_at if self.rest is not None else 0)

    # --- in ---

    def feed(self, data):
        """Add bytes of the stream. Bytes are referred to where nothing is pending, else copied; others are copied.

        Args: data: anything contiguous with the buffer protocol. It is not kept exported.
        Raises: TypeError: no such thing.
        """
        self.add(data)

    cdef int add(self, object data) except -1:
        cdef Export export
        cdef const uint8_t* p
        cdef Py_ssize_t n, missing
        if self.rest is not None:
            self._rejoin()
        if PyBytes_CheckExact(data):
            p = <const uint8_t*>PyBytes_AS_STRING(data)
            n = PyBytes_GET_SIZE(data)
            if n and self.at == self.filled:
                self._take(data, None, p, 0)
                self.filled = n
                return 0
            missing = self.wanted - (self.filled - self.at)
            if missing > 0 and n - missing >= LEAST_REST:
                return self._complete(data, missing)
        else:
            export = export_of(data)
            p = <const uint8_t*>export.view.buf
            n = export.view.len
        if n:
            self._make_room(n)
            # Perhaps what get_buffer() lent: then the two overlap.
            memmove(self.chunk.data + self.filled, p, n)
            self.filled += n
        return 0

    def get_buffer(self, hint=-1):
        """Return a writable memoryview to receive into (asyncio.BufferedProtocol); then call buffer_updated().

        Args: hint: bytes that are expected, -1 if not known. It is a hint: there may be more or fewer in the buffer.
        """
        cdef int overflow = 0
        cdef int64_t size = PyLong_AsLongLongAndOverflow(hint, &overflow)
        if self.rest is not None:
            self._rejoin()
        if overflow or size > CHUNK // 4:
            size = CHUNK // 4
        if size < LEAST_ROOM:
            size = LEAST_ROOM
        self._make_room(size)
        self.lent = self.chunk.capacity - self.filled
        return memoryview(self.chunk)[self.filled:self.chunk.capacity]

    def buffer_updated(self, n):
        """Take the first `n` bytes of the last buffer that get_buffer() gave.

        Raises: ValueError: it had fewer, or something was fed since, or n is negative.
        """
        cdef int overflow = 0
        cdef int64_t size = PyLong_AsLongLongAndOverflow(n, &overflow)
        if overflow or not 0 <= size <= self.lent:
            raise ValueError(f"{n} bytes cannot have been received: get_buffer() lent {self.lent}")
        self.lent = 0
        self.filled += size

    cdef int _take(self, object owner, Chunk chunk, const uint8_t* data, Py_ssize_t pending) except -1:
        """Go over to other memory, the first `pending` bytes of which are those that are pending here."""
        cdef Chunk old = self.chunk
        self.base += self.at
        self.owner = owner
        self.chunk = chunk
        self.data = data
        self.at = 0
        self.filled = pending
        self.lent = 0
        if old is not None and old.capacity == CHUNK:
            if len(self.pool) == POOL:
                del self.pool[0]
            self.pool.append(old)
        return 0

    cdef int _complete(self, bytes data, Py_ssize_t n) except -1:
        """Copy from `data` only the n bytes that complete the message that is pending; the rest is read where it is.

        PERF: of slices of 16 KiB one message in 57 is copied, not all (132 -> 124 ns per message).
        """
        self._make_room(n)
        memcpy(self.chunk.data + self.filled, PyBytes_AS_STRING(data), n)
        self.filled += n
        self.rest, self.rest_at = data, n
        return 0

    cdef int _go_over(self) except -1:
        """All that was copied is dealt with: go on in the rest."""
        cdef bytes rest = self.rest
        cdef Py_ssize_t at = self.rest_at
        self.rest = None
        self._take(rest, None, <const uint8_t*>PyBytes_AS_STRING(rest) + at, 0)
        self.filled = PyBytes_GET_SIZE(rest) - at
        return 0

    cdef int _rejoin(self) except -1:
        """Copy the rest, too: what is pending is no message after all, or more comes."""
        cdef bytes rest = self.rest
        cdef Py_ssize_t n = PyBytes_GET_SIZE(rest) - self.rest_at
        self.rest = None
        self._make_room(n)
        memcpy(self.chunk.data + self.filled, PyBytes_AS_STRING(rest) + self.rest_at, n)
        self.filled += n
        return 0

    cdef Chunk _free_chunk(self):
        """Take a chunk that nothing but the pool refers to, no message and no memoryview; else a new one."""
        cdef Py_ssize_t i
        for i in range(len(self.pool)):
            if references(PyList_GET_ITEM(self.pool, i)) == 1:
                return self.pool.pop(i)
        return Chunk(CHUNK)

    cdef int _make_room(self, Py_ssize_t n) except -1:
        """Make room for n more bytes, and for the rest of the message that is pending."""
        cdef Py_ssize_t pending = self.filled - self.at
        cdef Py_ssize_t need = max(pending + n, self.wanted)
        cdef Chunk chunk
        self.lent = 0
        if self.chunk is not None:
            # PERF: nobody refers to it: begin again at its start, which is in the cache (2 ns per message).
            if not pending and self.chunk.capacity == CHUNK and references(<PyObject*>self.owner) == 2:
                self.base += self.at
                self.at = self.filled = 0
            if self.chunk.capacity - self.at >= need:
                return 0
        # Room to spare for the next switch to be as far away as what is copied now, so that copying stays linear.
        if need <= CHUNK // 2:
            chunk = self._free_chunk()
        else:
            chunk = Chunk(need + max(CHUNK, need >> 2))
        if pending:
            memcpy(chunk.data, self.data + self.at, pending)
        self._take(chunk, chunk, chunk.data, pending)
        return 0

    # --- out ---

    def __iter__(self):
        return self

    def __next__(self):
        item = self.following()
        if item is None:
            raise StopIteration
        return item

    cdef object following(self):
        cdef Verdict verdict
        cdef object m
        if self.at == self.filled:
            if self.rest is None:
                if self.chunk is None:
                    self.owner = None           # the bytes that were fed
                return None
            self._go_over()
        if self.searching and not self._search():
            return None
        m = build(self.owner, self.data + self.at, self.filled - self.at, self.context, self.limit, &verdict)
        if m is not None:
            self.at += verdict.total
            self.wanted = 0
            if self.judging:
                self._judge(<Message>m)
            return m
        if verdict.result == FF_NEED_DATA:
            self.wanted = verdict.total
            return None
        if self.rest is not None:
            self._rejoin()
        return self._garbled(&verdict)

    cdef int _judge(self, Message m) except -1:
        cdef Rules rules = self.session_rules if _is_session(m) else self.rules
        if rules is not None:
            # PERF: only whoever asks for the fault has it looked for (a message of 18 fields: 170 ns).
            m.found, m.unjudged = rules, True
        return 0

    cdef bint _search(self) noexcept:
        """Skip to the next start of a message, or to what may become one."""
        cdef const uint8_t* p = self.data + self.at
        cdef Py_ssize_t n = self.filled - self.at
        cdef Py_ssize_t found = ff_find_start(p, n)
        if found >= 0:
            self._skip(found + 1)
            self.searching = self.held = False
            return True
        found = _started(p, n)
        self._skip(n - found)
        self.held = found > 0
        return False

    cdef void _skip(self, Py_ssize_t n) noexcept:
        self.at += n
        self.passed += n

    cdef object _garbled(self, Verdict* verdict):
        """Report what is at `at`, and go on behind its first byte."""
        cdef const uint8_t* p = self.data + self.at
        cdef int64_t start = self.base + self.at
        cdef Py_ssize_t size = verdict.frame.seen
        cdef Py_ssize_t found = -1
        self.wanted = 0
        self.searching = True
        if self.by_length and verdict.result >= FF_BAD_TRAILER:
            item = Garbled(reason_of(verdict.result), start, PyBytes_FromStringAndSize(<const char*>p, size))
            self._skip(verdict.total - TRAILER_SIZE - 1)    # the last byte of the body may be the SOH before a start
            return item
        if verdict.result >= FF_BAD_TRAILER:
            found = ff_find_start(p, size)
            if found >= 0:
                size = found + 1
        item = Garbled(reason_of(verdict.result), start, PyBytes_FromStringAndSize(<const char*>p, size))
        if verdict.result >= FF_CHECKSUM and self._exhausted(start, start + verdict.total):
            self._skip(self.bad_end - 1 - start)        # the last byte is an SOH
        elif found >= 0:
            self._skip(size)
            self.searching = False
        return item

    cdef bint _exhausted(self, int64_t start, int64_t end) noexcept:
        """Note a bad frame with a right trailer; tell whether no more is to be tried inside it."""
        if start >= self.bad_end:
            self.bad_frames = 0
            self.bad_end = end
        self.bad_end = max(self.bad_end, end)
        self.bad_frames += 1
        return self.bad_frames > MAX_NESTED
