"""What is written down of a session for people: notes in the wire log, records of the logger `fixfast.engine`."""

from __future__ import annotations

import logging

from fixfast.dictionary.validation import Fault
from fixfast.engine.wirelog import WireLog, WireTap
from fixfast.session.events import Alarm, Rejected, StateChanged
from fixfast.session.wire import Message
from fixfast.types import SessionID

__all__ = ["Witness"]

_log = logging.getLogger("fixfast.engine")


class Witness:
    """Notes what happens to one session: never a value of a message, which may be a secret (C8).

    Args: wire_log: None: only alarms and rejects are written down, as warnings of the logger.
    """

    __slots__ = ("_id", "_wire_log")

    def __init__(self, session_id: SessionID, wire_log: WireLog | None) -> None:
        self._id = session_id
        self._wire_log = wire_log

    def tap(self, max_message_size: int) -> WireTap | None:
        """Return what sees the bytes of a new connection, None without a wire log."""
        return self._wire_log.tap(self._id, max_message_size) if self._wire_log is not None else None

    def note(self, text: str) -> None:
        """Write a line into the wire log."""
        if self._wire_log is not None:
            self._wire_log.note(self._id, text)

    def fault(self, message: Message, fault: Fault) -> None:
        """Note that a message is delivered although the dictionary finds a fault in it."""
        self.note(f"message {message.msg_seq_num} (35={message.msg_type!r}): {fault}")

    def event(self, event: object) -> None:
        """Note what changed, what was rejected, and what a person should look at."""
        if isinstance(event, StateChanged):
            self.note(f"{event.old.value} -> {event.new.value}: {event.reason}")
        elif isinstance(event, Alarm):
            self._warn(event.text)
        elif isinstance(event, Rejected):
            what = str(Fault(event.reason, event.ref_tag, event.text))
            self._warn(f"message {event.message.get(34)} (35={event.message.get(35)!r}) rejected: {what}")

    def _warn(self, text: str) -> None:
        self.note(text)
        _log.warning("%s: %s", self._id, text)
