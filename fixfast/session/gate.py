"""LogonGate: what an acceptor shows a stranger: a few kilobytes, a few seconds, and no session (C1)."""

from __future__ import annotations

from dataclasses import dataclass

from fixfast.session.liveness import SECOND
from fixfast.session.state import CloseReason
from fixfast.session.wire import Message, StreamDecoder, shadowed
from fixfast.types import Buffer, Garbled, Now, SessionID

__all__ = ["LogonAttempt", "LogonGate"]


@dataclass(frozen=True, slots=True)
class LogonAttempt:
    """A Logon was received; nothing in it is proven.

    Attributes:
        session_id: the session it is for, as seen from our side (its TargetCompID is our sender).
        message: the Logon.
        data: all bytes received so far, for Session.receive_data(): the Logon, and what came with it.
    """

    session_id: SessionID
    message: Message
    data: bytes


class LogonGate:
    """Reads one connection until its Logon, in bounded memory and time. Sans-IO, like Session.

    Args:
        max_bytes: before the Logon is complete.
        timeout: seconds, from the first call with a `now`.
    """

    __slots__ = ("_data", "_deadline", "_decoder", "_max_bytes", "_timeout", "close_requested")

    def __init__(self, max_bytes: int = 4096, timeout: float = 5) -> None:
        self._decoder = StreamDecoder(max_message_size=max_bytes)
        self._data = bytearray()
        self._max_bytes = max_bytes
        self._timeout = int(timeout * SECOND)
        self._deadline: int | None = None
        #: why the connection should be closed, without a word; None: it should not
        self.close_requested: CloseReason | None = None

    def receive_data(self, data: Buffer, now: Now) -> LogonAttempt | None:
        """Take bytes; return the attempt once the first message is complete and a Logon."""
        if self.close_requested is not None:
            return None
        self.poll(now)
        self._data += data
        self._decoder.feed(data)
        item = next(self._decoder, None)
        if item is None:
            if len(self._data) >= self._max_bytes:
                self._close(CloseReason.TOO_LARGE)
            return None
        if isinstance(item, Garbled):
            self._close(CloseReason.GARBLED)
            return None
        item.detach()
        sender, target = item.get(49), item.get(56)
        if item.get(35) != "A":
            self._close(CloseReason.NOT_LOGON)
            return None
        if not sender or not target or shadowed(item):
            # V30: who it is must not depend on who reads it
            self._close(CloseReason.IDENTITY)
            return None
        self._deadline = None
        # The peer's target is us.
        return LogonAttempt(SessionID(item.begin_string, target, sender), item, bytes(self._data))

    def next_deadline(self) -> int | None:
        """Return the mono_ns at which poll() is due, None for never."""
        return self._deadline

    def poll(self, now: Now) -> None:
        """Start the clock, or find that it has run out."""
        if self._deadline is None:
            if self.close_requested is None:
                self._deadline = now.mono_ns + self._timeout
        elif now.mono_ns >= self._deadline:
            self._close(CloseReason.LOGON_TIMEOUT)

    def _close(self, reason: CloseReason) -> None:
        self.close_requested = reason
        self._deadline = None
