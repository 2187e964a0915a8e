# cython: language_level=3, binding=False
"""The way of a message from the decoder to the application: checked, stored, queued, taken, acknowledged.

This is what a session does for every message; the base of session/sequence.py's Inbox, which has the rest. It stands
here because HeaderCheck and the decoder do, and because it is compiled: the plain-Python twin, in reference/inflow.py,
says the same in fewer words.
"""

from cpython.bytes cimport PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

cimport cython

from fixfast.codec.check cimport HeaderCheck, joined_bytes, wall_of
from fixfast.codec.frame cimport StreamDecoder
from fixfast.codec.message cimport Message, raw_of, seq_num_of

from collections import deque

from fixfast.errors import LocalProtocolError, StoreError

__all__ = ["Events", "Inflow"]


cdef class Inflow:
    """NIN, the queue of events, and what of it is acknowledged. Owned by one thread at a time.

    A message is stored before it is put into `events`, and done when the application has taken the next event (never so
    with `manual`). The store derives the durable NIN from that: the lowest number not done.

    Args:
        store: a store.base.Store.
        next_in: MsgSeqNum(34) of the next message.
        manual: taking the next event acknowledges nothing.
        failed: called with a StoreError of done(), which comes up in the middle of an iteration.

    Attributes:
        events: a deque; messages and what else there is to tell, in order. Append to it as you like.
        messages_in: how many messages were delivered.
        stale: so many events at the head of the queue are not acknowledged.
    """

    cdef readonly object store          # as store.base.Store
    cdef readonly object events         # a deque: what the application has not taken yet
    cdef public int64_t next_in         # NIN: the number of the next message
    cdef readonly int64_t messages_in   # delivered so far
    cdef public Py_ssize_t stale        # so many events at the head of the queue are of an earlier epoch
    cdef int64_t passed                 # events taken so far
    cdef int64_t detached               # so many events, of all that were ever queued, are no views of a chunk any more
    cdef Message taken                  # the message taken last, not done yet
    cdef Message acked                  # the last one that is done, the store not told yet
    cdef bint manual                    # taking the next event says nothing
    cdef object failed                  # told of a StoreError in the middle of an iteration
    cdef object append                  # methods of `events`
    cdef object extend
    cdef object popleft

    def __init__(self, store, next_in, bint manual, failed):
        self.store = store
        self.next_in = next_in
        self.manual = manual
        self.failed = failed
        self.events = deque()
        # PERF: kept, because to look a method up costs as much again as its call
        self.append, self.extend, self.popleft = self.events.append, self.events.extend, self.events.popleft

    # --- in ---

    def receive(self, HeaderCheck check not None, StreamDecoder decoder not None, data, now):
        """Feed the decoder and deliver what is clean, up to the first item that is anything else.

        Args: data: bytes to feed; b"": none. now: a Now.
        Returns: (how many were delivered, the other item). The latter is None at the end of what the decoder has, and,
            if the check takes messages singly, behind a message.
        Raises: StoreError: nothing was queued, and NIN did not move.
        """
        cdef int64_t wall_ns = wall_of(now)
        cdef int64_t expected = self.next_in
        cdef bint clean = False
        cdef object first, item, number
        cdef list run
        if len(self.events) and not (PyBytes_CheckExact(data) and PyBytes_GET_SIZE(data) == 0):
            self._detach()              # the next wake-up
        decoder.add(data)
        first = check.following(decoder, expected, wall_ns, &clean)
        if not clean:
            return 0, first
        item = None
        if check.singly:
            clean = False
        else:
            item = check.following(decoder, expected + 1, wall_ns, &clean)
        if not clean:
            # PERF: a message alone goes without a list (170 instructions of 8,100)
            number = expected
            self.store.append_in(number, number, raw_of(<Message>first))
            self.next_in = expected + 1
            self.messages_in += 1
            self.append(first)
            return 1, item
        run = [first]
        while clean:
            run.append(item)
            item = check.following(decoder, expected + len(run), wall_ns, &clean)
        self._deliver(run)
        return len(run), item

    def deliver(self, list run not None):
        """Store a run of messages that begins at NIN without holes, then queue it for the application.

        Raises: StoreError: nothing was queued and NIN did not move.
        """
        if run:
            self._deliver(run)

    cdef int _deliver(self, list run) except -1:
        cdef Py_ssize_t n = len(run)
        self.store.append_in(self.next_in, self.next_in + n - 1, joined_bytes(run))
        self.next_in += n
        self.messages_in += n
        self.extend(run)
        return 0

    def detach(self):
        """Before the chunk is used again: give the messages that are still queued bytes of their own."""
        self._detach()

    cdef int _detach(self) except -1:
        cdef Py_ssize_t queued = len(self.events)
        cdef int64_t known = self.detached - self.passed        # of the queued ones; they are the first
        cdef Py_ssize_t i
        for i in range(max(known, 0), queued):
            event = self.events[i]
            if type(event) is Message:
                event.detach()
        if self.taken is not None:
            self.taken.detach()
        self.detached = self.passed + queued
        return 0

    # --- out ---

    def iterate(self):
        """Return an iterator over the events there are. Taking the next one, or the end, acknowledges the last."""
        cdef Events events = Events.__new__(Events)
        events.inflow = self
        return events

    def only_message(self):
        """Take the one event there is, if it is a message; else, and without `manual`, nothing: None.

        PERF: for a message that comes alone, without an iterator (600 instructions).
        """
        if not self.manual or self.stale or len(self.events) != 1 or type(self.events[0]) is not Message:
            return None
        self.passed += 1
        return self.popleft()

    def done(self, int64_t n):
        """Acknowledge everything up to message n (only with `manual`).

        Raises: LocalProtocolError: n was not received yet, or acknowledgement is not manual. StoreError: as the store.
        """
        if not self.manual:
            raise LocalProtocolError("done() needs SessionConfig(manual_done=True)")
        if self.stale:
            return                      # of an earlier epoch: its store is closed, and so is the question
        if n >= self.next_in:
            raise LocalProtocolError(f"done({n}): the next inbound message is {self.next_in}")
        self.store.done(n)

    def flush(self):
        """Tell the store what was acknowledged since the last time."""
        self._flush()

    cdef int _flush(self) except -1:
        cdef Message acked = self.acked
        if acked is not None:
            self.acked = None
            self.store.done(seq_num_of(acked))
        return 0

    def forget_taken(self):
        """Acknowledge nothing of what was taken so far."""
        self.taken = self.acked = None


@cython.final
cdef class Events:
    """An iterator over events until there are none; then it is over, and so it is after close(). By Inflow.iterate().

    PERF: the store hears of a run of messages when it is over, not of each (0.5 us saved for all but the first).
    """

    cdef Inflow inflow                  # None: it is over
    cdef bint started

    def __init__(self):
        raise TypeError("made by Inflow.iterate()")

    def __iter__(self):
        return self

    def __next__(self):
        cdef Inflow inflow = self.inflow
        cdef object event
        if inflow is None:
            raise StopIteration
        self.started = True
        if inflow.taken is not None:
            inflow.acked, inflow.taken = inflow.taken, None
        if not len(inflow.events):
            self._end()
            raise StopIteration
        event = inflow.popleft()
        inflow.passed += 1
        if inflow.stale:
            inflow.stale -= 1
        elif type(event) is Message and not inflow.manual:
            inflow.taken = <Message>event
        return event

    def close(self):
        """End it, and tell the store what was acknowledged."""
        self._end()

    cdef int _end(self) except -1:
        cdef Inflow inflow = self.inflow
        self.inflow = None
        if inflow is not None and self.started:
            try:
                inflow._flush()
            except StoreError as error:
                inflow.failed(error)
        return 0

    def __del__(self):
        self._end()
