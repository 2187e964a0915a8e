# cython: language_level=3, binding=False
"""What a MemoryStore does for every message, and keeps for it. The rest of the store, and the reasons, in memory.py."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport INT64_MAX, int64_t

from fixfast.codec.secret cimport holds_secrets

from collections import deque

from fixfast.store.base import InboundLedger, check_out
from fixfast.store.secrets import without_secrets

__all__ = ["MemoryRecords"]


cdef inline int64_t _number(object n) except? -1:
    """A number, with room for the next one."""
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(n, &overflow)
    if overflow or number == INT64_MAX:
        raise ValueError(f"a number does not fit: {n}")
    return number


cdef class MemoryRecords:
    """The records of a MemoryStore, which is derived from this.

    PERF: in Python append_in() and done() took 4,100 instructions of a received message, here 700, append_out()
    800 more than here of one that is sent.
    """

    cdef public int64_t _next_out       # NOUT
    cdef public int64_t _next_in        # NIN: the lowest inbound number that is not dealt with
    cdef public int64_t _received       # the inbound number to expect
    cdef public list _fills             # of inbound numbers above NIN: (first, last)
    # Outbound messages: their numbers (rising), wall times, bytes. PERF: three lists, as a tuple for each message is
    # one object more for the garbage collector to walk over, and 48 bytes.
    cdef public list _out_n
    cdef public list _out_ns
    cdef public list _out_raw
    cdef public object _created_ns      # wall time of the first outbound message, None: there is none
    cdef public Py_ssize_t _max_messages    # of those, 0 and more; negative: all
    cdef public int64_t _position       # changes so far
    cdef public bint _clean             # none since the last clean stop
    # Receipts that are not all dealt with: the first one, which mostly is the only one, and the others.
    cdef int64_t first_a
    cdef int64_t first_b
    cdef bytes first                    # None: there is none
    cdef object others                  # a deque of (a, b, bytes)

    def __cinit__(self):
        self._clean = True
        self._max_messages = -1
        self._begin()

    def _begin(self):
        """Begin an epoch: no records, all numbers 1."""
        self._next_out = self._next_in = self._received = 1
        self._fills = []
        self._out_n, self._out_ns, self._out_raw = [], [], []
        self._created_ns = self.first = None
        self.others = deque()

    cdef object _changed(self):
        self._clean = False
        self._position += 1
        return self._position

    @property
    def synced(self):
        """Everything may go on the wire at once."""
        return self._position

    def _step(self):
        """Note a change and return its position."""
        return self._changed()

    def append_out(self, n, buf, wall_ns):
        """Keep a message to be sent (see Store.append_out)."""
        cdef int64_t number = _number(n)
        if number < self._next_out:
            check_out(n, self._next_out)
        if self._created_ns is None:
            self._created_ns = wall_ns
        self._next_out = number + 1
        # A message with secrets is never resent, so its bytes need not be kept at all.
        if not holds_secrets(buf) or without_secrets(buf) is None:
            self._out_n.append(n)
            self._out_ns.append(wall_ns)
            self._out_raw.append(buf if PyBytes_CheckExact(buf) else bytes(buf))
            if 0 <= self._max_messages < len(self._out_n) // 2:
                for column in (self._out_n, self._out_ns, self._out_raw):
                    del column[:len(column) - self._max_messages]       # amortised: half of them at a time
        return self._changed()

    def append_in(self, a, b, buf):
        """Keep received messages until they are dealt with (see Store.append_in)."""
        cdef int64_t first = _number(a)
        cdef int64_t last = _number(b)
        cdef bytes data
        if first != self._received or last < first:
            self._ledger().check_receipt(a, b)
        data = buf if PyBytes_CheckExact(buf) else bytes(buf)
        if self.first is None:
            self.first_a, self.first_b, self.first = first, last, data
        else:
            self.others.append((a, b, data))
        self._received = last + 1
        return self._changed()

    def done(self, n):
        """Note that everything up to n is dealt with (see Store.done)."""
        cdef int64_t number = _number(n)
        if number >= self._next_in:
            if self._fills or number >= self._received:
                ledger = self._ledger()
                ledger.done(n)
                self._settle(ledger)
            else:
                self._next_in = number + 1
                if self.first is not None and self.first_b <= number:
                    self._forget()
        return self._changed()

    def fill(self, a, b):
        """Note that a..b need no delivery (see Store.fill)."""
        ledger = self._ledger()
        ledger.check_fill(a, b)
        ledger.fill(a, _number(b))
        self._settle(ledger)
        return self._changed()

    def _pending(self):
        """Return the receipts that are not all dealt with."""
        return () if self.first is None else ((self.first_a, self.first_b, self.first), *self.others)

    # --- what is seldom, by the rules of base.py ---

    def _ledger(self):
        ledger = InboundLedger(self._next_in)
        ledger.received = self._received
        ledger.fills = self._fills
        return ledger

    def _settle(self, ledger):
        """Go on from what a ledger says."""
        self._next_in, self._received, self._fills = ledger.next_in, ledger.received, ledger.fills
        self._forget()

    cdef int _forget(self) except -1:
        """Let go of receipts that are dealt with."""
        while self.first is not None and self.first_b < self._next_in:
            if self.others:
                self.first_a, self.first_b, self.first = self.others.popleft()
            else:
                self.first = None
        return 0
