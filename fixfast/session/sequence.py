"""What comes in: the next number expected, messages on their way to the application, and its acknowledgements."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.events import Event
from fixfast.session.wire import Message, StreamDecoder, joined
from fixfast.store.base import Store, StoreState

__all__ = ["Inbox"]


def _raise(error: StoreError) -> None:
    raise error


class Inbox:
    """NIN, the queue of events, and what of it is acknowledged. One owner: a Session.

    A message is stored before it is put into `events`, and done when the application has taken the next event (or, with
    `manual`, has said so). The store derives the durable NIN from that: the lowest number not done (T5).
    """

    __slots__ = (
        "_acked",
        "_acknowledged",
        "_failed",
        "_manual",
        "_stale",
        "_store",
        "_taken",
        "events",
        "fresh",
        "messages_in",
        "next_in",
    )

    def __init__(
        self,
        store: Store,
        state: StoreState,
        manual: bool,
        failed: Callable[[StoreError], None] | None = None,
        new_decoder: Callable[[int], StreamDecoder] = lambda size: StreamDecoder(max_message_size=size),
    ) -> None:
        self._store = store
        self._manual = manual
        #: the class of events that are done when the next is taken
        self._acknowledged: object = None if manual else Message
        self._failed = failed or _raise  #: told when the store fails in the middle of an iteration
        self.next_in = state.received
        self.events: deque[Event] = deque()
        self.messages_in = 0
        self._taken: Message | None = None  #: the message taken last, not done yet
        self._acked: Message | None = None  #: the last one that is done, the store not told yet
        self._stale = 0  #: so many events at the head of the queue are of an earlier epoch
        self.fresh: list[Message] = []  #: delivered in this wake-up, still views of the decoder's chunk; see detach()
        self._redeliver(state, new_decoder)

    def _redeliver(self, state: StoreState, new_decoder: Callable[[int], StreamDecoder]) -> None:
        """Queue again what was received and not done when the last owner stopped."""
        for _, _, data in state.pending_in:
            decoder = new_decoder(len(data) + 1)
            decoder.feed(data)
            for message in decoder:
                assert isinstance(message, Message), "a store gives back what it was given"
                if message.msg_seq_num >= state.next_in:
                    message.detach()
                    message.redelivered = True
                    self.events.append(message)

    # --- in -------------------------------------------------------------------------------------------------

    def deliver(self, run: list[Message]) -> None:
        """Store a run of messages that begins at NIN without holes, then queue it for the application.

        Raises: StoreError: nothing was queued and NIN did not move.
        """
        first = self.next_in
        after = first + len(run)
        self._store.append_in(first, after - 1, joined(run))
        self.next_in = after
        self.messages_in += after - first
        if self.fresh:
            self.fresh += run
        else:
            self.fresh = run
        self.events += run

    def count(self, upto: int | None = None) -> None:
        """Pass NIN, or everything up to `upto`: nothing there is for the application. Durable with the next sync."""
        last = self.next_in if upto is None else upto
        self._store.fill(self.next_in, last)
        self.next_in = last + 1

    def detach(self) -> None:
        """Before the chunk is used again: give what is still queued its own bytes. Forget what was delivered."""
        if self.events:
            for message in self.fresh:
                message.detach()
        self.fresh = []

    # --- acknowledgements -----------------------------------------------------------------------------------

    def iterate(self) -> Iterator[Event]:
        """Yield the events there are. Taking the next one, or the end, acknowledges the last."""
        events = self.events
        try:
            while events:
                if self._taken is not None:
                    self._acked = self._taken
                event = events.popleft()
                if self._stale:
                    self._stale -= 1
                    self._taken = None
                else:
                    # PERF: type() is an opcode, .__class__ a look-up of 25 ns
                    self._taken = event if type(event) is self._acknowledged else None  # type: ignore[assignment]
                yield event
            if self._taken is not None:
                self._acked = self._taken
                self._taken = None
            self.fresh = []  # all of it is taken
        finally:
            # PERF: the store hears of a run of messages at once, not of each (0.5 us saved for all but the first)
            acked = self._acked
            if acked is not None:
                self._acked = None
                try:
                    self._store.done(acked.msg_seq_num)
                except StoreError as error:
                    self._failed(error)

    def flush(self) -> None:
        """Tell the store what was acknowledged since the last time."""
        if self._acked is not None:
            n, self._acked = self._acked.msg_seq_num, None
            self._store.done(n)

    def done(self, n: int) -> None:
        """Acknowledge everything up to message n (only with `manual`).

        Raises: LocalProtocolError: n was not received yet, or acknowledgement is not manual.
        """
        if not self._manual:
            raise LocalProtocolError("done() needs SessionConfig(manual_done=True)")
        if self._stale:
            return  # a message of an earlier epoch: its store is closed, and so is the question
        if n >= self.next_in:
            raise LocalProtocolError(f"done({n}): the next inbound message is {self.next_in}")
        self._store.done(n)

    # --- epochs ---------------------------------------------------------------------------------------------

    def begin_epoch(self) -> None:
        """Start again at 1 after store.reset(); a SequenceReset event follows.

        What is queued is still delivered, and not acknowledged: the epoch it belongs to is over.
        """
        self.next_in = 1
        self._taken = self._acked = None
        self._stale = len(self.events) + 1
