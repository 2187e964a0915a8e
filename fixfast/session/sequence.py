"""What comes in: the next number expected, messages on their way to the application, and its acknowledgements."""

from __future__ import annotations

from collections.abc import Callable

from fixfast.errors import StoreError
from fixfast.session.wire import Inflow, Message, StreamDecoder
from fixfast.store.base import Store, StoreState

__all__ = ["Inbox"]


def _raise(error: StoreError) -> None:
    raise error


class Inbox(Inflow):
    """NIN, the queue of events, and what of it is acknowledged. One owner: a Session.

    A message is stored before it is put into `events`, and done when the application has taken the next event (or, with
    `manual`, has said so). The store derives the durable NIN from that: the lowest number not done (T5).

    PERF: what happens to every message is compiled, in codec/inflow.pyx (the same in plain Python, for reading and as
    its oracle, in codec/reference/inflow.py). With queue, iterator and the common case of receive_data() in Python a
    message alone took 14,900 instructions, not judged; it takes 7,900.
    """

    __slots__ = ("_store",)

    def __init__(
        self,
        store: Store,
        state: StoreState,
        manual: bool,
        failed: Callable[[StoreError], None] | None = None,
        new_decoder: Callable[[int], StreamDecoder] = lambda size: StreamDecoder(max_message_size=size),
    ) -> None:
        """`failed` is told when the store fails in the middle of an iteration."""
        super().__init__(store, state.received, manual, failed or _raise)
        self._store = store
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

    def count(self, upto: int | None = None) -> None:
        """Pass NIN, or everything up to `upto`: nothing there is for the application. Durable with the next sync."""
        first = self.next_in
        last = first if upto is None else upto
        self._store.fill(first, last)
        self.next_in = last + 1

    def begin_epoch(self) -> None:
        """Start again at 1 after store.reset(); a SequenceReset event follows.

        What is queued is still delivered, and not acknowledged: the epoch it belongs to is over.
        """
        self.next_in = 1
        self.forget_taken()
        self.stale = len(self.events) + 1
