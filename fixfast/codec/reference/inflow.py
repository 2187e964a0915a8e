"""Inflow in plain Python; see the compiled one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fixfast.codec.reference.check import HeaderCheck, joined
from fixfast.codec.reference.message import Message
from fixfast.errors import LocalProtocolError, StoreError

if TYPE_CHECKING:
    from fixfast.codec.reference.frame import StreamDecoder
    from fixfast.types import Buffer, Garbled, Now

__all__ = ["Inflow"]


class Inflow:
    """NIN, the queue of events, and what of it is acknowledged."""

    def __init__(self, store: Any, next_in: int, manual: bool, failed: Callable[[StoreError], object]) -> None:
        self.store = store
        self.next_in = next_in
        self.events: deque[Any] = deque()
        self.messages_in = 0
        self.stale = 0
        self._manual = manual
        self._failed = failed
        self._fresh: list[Message] = []
        self._taken: Message | None = None
        self._acked: Message | None = None

    def receive(
        self, check: HeaderCheck, decoder: StreamDecoder, data: Buffer, now: Now
    ) -> tuple[int, Message | Garbled | None]:
        """Feed the decoder and deliver what is clean, up to the first item that is anything else."""
        if data != b"":
            self.detach()
        run, _, item = check.take(decoder, data, self.next_in, now)
        self.deliver(run)
        return len(run), item

    def deliver(self, run: list[Message]) -> None:
        """Store a run of messages that begins at NIN without holes, then queue it for the application."""
        if run:
            after = self.next_in + len(run)
            self.store.append_in(self.next_in, after - 1, joined(run))
            self.next_in = after
            self.messages_in += len(run)
            self._fresh += run
            self.events += run

    def detach(self) -> None:
        """Give what is still queued its own bytes. Forget what was delivered."""
        fresh, self._fresh = self._fresh, []
        if self.events:
            for message in fresh:
                message.detach()

    def iterate(self) -> Iterator[Any]:
        """Yield the events there are. Taking the next one, or the end, acknowledges the last."""
        try:
            while True:
                self._acked, self._taken = self._taken or self._acked, None
                if not self.events:
                    self._fresh = []
                    break
                event = self.events.popleft()
                if self.stale:
                    self.stale -= 1
                elif isinstance(event, Message) and not self._manual:
                    self._taken = event
                yield event
        finally:
            try:
                self.flush()
            except StoreError as error:
                self._failed(error)

    def only_message(self) -> Message | None:
        """Take the one event there is, if it is a message; else, and without `manual`, nothing: None."""
        if not self._manual or self.stale or len(self.events) != 1 or not isinstance(self.events[0], Message):
            return None
        self._fresh = []
        message: Message = self.events.popleft()
        return message

    def done(self, n: int) -> None:
        """Acknowledge everything up to message n (only with `manual`)."""
        if not self._manual:
            raise LocalProtocolError("done() needs SessionConfig(manual_done=True)")
        if self.stale:
            return  # of an earlier epoch
        if n >= self.next_in:
            raise LocalProtocolError(f"done({n}): the next inbound message is {self.next_in}")
        self.store.done(n)

    def flush(self) -> None:
        """Tell the store what was acknowledged since the last time."""
        acked, self._acked = self._acked, None
        if acked is not None:
            self.store.done(acked.msg_seq_num)

    def forget_taken(self) -> None:
        """Acknowledge nothing of what was taken so far."""
        self._taken = self._acked = None
