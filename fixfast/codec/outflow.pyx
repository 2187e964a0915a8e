# cython: language_level=3, binding=False
"""The way of a message from the encoder to the socket: numbered, stored, queued, handed out once it is safe.

This is what a session does for every message it sends; the base of session/outbox.py's Outbox, which has the rest. It
is the counterpart of inflow.pyx: compiled for the same reason, with its plain-Python twin in reference/outflow.py.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.stdint cimport int64_t

from fixfast.codec.check cimport wall_of
from fixfast.codec.template cimport Template

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object o, Py_ssize_t i)

cdef enum:
    FEW = 64                    # values that a call lays out on the stack

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
        wall_of(now)                    # a Now
        return self.committed(raw, now, queue)

    def post(self, template, tuple values not None, now):
        """Encode a message as the next one, by a Template, and commit() it; return its number.

        Args: template: its first two slots are MsgSeqNum and SendingTime; or anything else with such an encode().
            values: those of the other slots. now: a Now.

        Raises: as commit() and Template.encode(); then no number was used.
        """
        cdef (PyObject*)[FEW] few
        cdef Py_ssize_t i
        cdef Py_ssize_t n = PyTuple_GET_SIZE(values)
        cdef object number
        wall_of(now)
        # PERF: in one call, and the values stay where they are
        if type(template) is Template and n + 2 <= FEW:
            number = self.next_out
            few[0] = <PyObject*>number
            few[1] = PyTuple_GET_ITEM(now, 1)
            for i in range(n):
                few[i + 2] = PyTuple_GET_ITEM(values, i)
            raw = (<Template>template).encoded(few, n + 2, NULL)
        else:
            raw = template.encode(self.next_out, <object>PyTuple_GET_ITEM(now, 1), *values)
        return self.committed(raw, now, True)

    cdef object committed(self, bytes raw, object now, bint queue):
        cdef object n
        if self.next_out >= self.limit:
            self.near_limit(self.next_out)
        n = self.next_out
        position = self.store.append_out(n, raw, <object>PyTuple_GET_ITEM(now, 1))
        self.next_out += 1
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
