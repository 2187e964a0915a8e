# cython: language_level=3, binding=False
"""The way of a message from the encoder to the socket: numbered, stored, queued, handed out once it is safe.

This is what a session does for every message it sends; the base of session/outbox.py's Outbox, which has the rest. It
is the counterpart of inflow.pyx: compiled for the same reason, with its plain-Python twin in reference/outflow.py.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from fixfast.codec.check cimport wall_of

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object o, Py_ssize_t i)

__all__ = ["Outflow"]


cdef class Outflow:
    """NOUT, and what waits to be written. Owned by one thread at a time.

    A message is stored before it is queued, and handed out when the store calls it safe.

    Args:
        store: a store.base.Store.
        next_out: MsgSeqNum(34) of the next message.
        limit: numbers from here on are asked about.
        near_limit: called with such a number; what it raises keeps the number from being used.

    Attributes:
        queue: (store position, number, bytes) in the order of the wire; number 0 marks resent bytes.
        waiting: the same for messages that wait for something else than the store.
        held: new messages go to `waiting`.
        offline: numbers that were stored and not queued.
        last_sent: mono_ns when a message was queued last.
        messages_out, bytes_out: handed out so far.
    """

    cdef readonly object store          # as store.base.Store
    cdef public int64_t next_out        # NOUT: the number of the next message
    cdef public list queue              # of tuples, as above
    cdef public list waiting
    cdef public bint held
    cdef public list offline
    cdef public int64_t last_sent
    cdef public int64_t messages_out
    cdef public int64_t bytes_out
    cdef int64_t limit
    cdef object near_limit

    def __init__(self, store, next_out, limit, near_limit):
        self.store = store
        self.next_out = next_out
        self.limit = limit
        self.near_limit = near_limit
        self.queue = []
        self.waiting = []
        self.offline = []

    def commit(self, bytes raw not None, now, bint queue=True):
        """Store a message under the next number, then queue it; return the number.

        Args: now: a Now. queue: False: it stays in the store until the peer asks for it.

        Raises: StoreError: it was not stored, and is not queued; and what `near_limit` raises.
        """
        cdef int64_t wall_ns = wall_of(now)
        cdef object n
        if self.next_out >= self.limit:
            self.near_limit(self.next_out)
        n = self.next_out
        position = self.store.append_out(n, raw, wall_ns)
        self.next_out = <int64_t>n + 1
        if queue:
            (self.waiting if self.held else self.queue).append((position, n, raw))
            self.last_sent = <object>PyTuple_GET_ITEM(now, 0)
        else:
            self.offline.append(n)
        return n

    def take(self):
        """Return what may go on the wire now, in order, and forget it."""
        cdef list queue = self.queue
        cdef list safe
        cdef tuple item
        if not len(queue):
            return []
        synced = self.store.synced
        safe = []
        for item in queue:
            if item[0] > synced:
                break
            raw = item[2]
            self.bytes_out += PyBytes_GET_SIZE(raw)
            safe.append(raw)
        self.messages_out += len(safe)
        if len(safe) == len(queue):
            self.queue = []
        else:
            del queue[:len(safe)]
        return safe
