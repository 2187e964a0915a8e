"""What is written down of a session for people: notes in the wire log, records of the logger `fixfast.engine`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from fixfast.dictionary.validation import Fault
from fixfast.engine.cancelling import CancelDue
from fixfast.engine.observing.label import printable
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog, WireTap
from fixfast.engine.throttled import Released, Unsent
from fixfast.session.events import (
    Alarm,
    Disconnected,
    GapDetected,
    GapFilled,
    LoggedOn,
    LoggedOut,
    LogonRefused,
    MessagesLost,
    Rejected,
    Resent,
    SequenceReset,
    StateChanged,
)
from fixfast.session.wire import Message
from fixfast.types import SessionID

__all__ = ["Witness"]

_log = logging.getLogger("fixfast.engine")


class Witness:
    """Notes what happens to one session: never a value of a message, which may be a secret (C8).

    Changes of state, and what is a warning, stand in the wire log; everything is a record of the logger, with fields
    for machines.

    Args: wire_log: None: only the logger is told.
    """

    __slots__ = ("_id", "_wire_log", "watches_faults")

    def __init__(self, session_id: SessionID, wire_log: WireLog | None) -> None:
        self._id = session_id
        self._wire_log = wire_log
        #: whether faults of delivered messages are looked for: it costs as much as the rest of a message
        self.watches_faults = wire_log is not None

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
        told = _TOLD.get(type(event))
        if told is not None:
            level, text, fields = told(event)
            text = printable(text)
            if level >= logging.WARNING or isinstance(event, StateChanged):
                self.note(text)
            if _log.isEnabledFor(level):
                _log.log(level, "%s: %s", self._id, text, extra=about(_NAMES[type(event)], self._id, **fields))


#: level, text, and fields for machines
_Told = tuple[int, str, dict[str, object]]


def _state_changed(event: StateChanged) -> _Told:
    return logging.DEBUG, f"{event.old.value} -> {event.new.value}: {event.reason}", {"state": event.new.value}


def _logged_on(event: LoggedOn) -> _Told:
    text = f"logged on, HeartBtInt {event.heart_bt_int}{', numbers begin again' if event.reset else ''}"
    return logging.INFO, text, {"msg_seq_num": event.message.msg_seq_num, "msg_type": "A"}


def _logged_out(event: LoggedOut) -> _Told:
    who = "us" if event.initiated_by_us else "the peer"
    return logging.INFO, f"logged out by {who}{': ' + event.text if event.text else ''}", {"reason": event.text}


def _disconnected(event: Disconnected) -> _Told:
    text = f"disconnected: {event.detail or event.reason.value}"
    return logging.INFO, text, {"reason": event.reason.value}


def _logon_refused(event: LogonRefused) -> _Told:
    whose = "the peer's Logon" if event.by_us else "our Logon"
    return logging.INFO, f"{whose} was refused: {event.text or event.reason.value}", {"reason": event.reason.value}


def _gap_detected(event: GapDetected) -> _Told:
    return logging.INFO, f"messages {event.begin} to {event.end} are missing", {"msg_seq_num": event.begin}


def _gap_filled(event: GapFilled) -> _Told:
    return logging.INFO, f"messages {event.begin} to {event.end} have come", {"msg_seq_num": event.begin}


def _messages_lost(event: MessagesLost) -> _Told:
    text = f"messages {event.begin} to {event.end or '?'} are lost: {event.why}"
    return logging.WARNING, text, {"msg_seq_num": event.begin, "reason": event.why}


def _resent(event: Resent) -> _Told:
    text = f"messages {event.begin} to {event.end} were resent: {event.messages}, the others gap-filled"
    return logging.INFO, text, {"msg_seq_num": event.begin}


def _sequence_reset(event: SequenceReset) -> _Told:
    text = f"numbers begin again ({event.why}); they were {event.old_next_in} in, {event.old_next_out} out"
    return logging.INFO, text, {"reason": event.why}


def _rejected(event: Rejected) -> _Told:
    message = event.message
    what = str(Fault(event.reason, event.ref_tag, event.text))
    text = f"message {message.get(34)} (35={message.get(35)!r}) rejected: {what}"
    fields = {"msg_seq_num": message.msg_seq_num, "msg_type": message.msg_type, "reason": event.reason}
    return logging.WARNING, text, {**fields, "ref_tag": event.ref_tag}


def _alarm(event: Alarm) -> _Told:
    return logging.WARNING, event.text, {"reason": event.text}


def _released(event: Released) -> _Told:
    text = f"message {event.msg_seq_num} was sent after {event.waited_ns / 1e9:.3f} s in the queue"
    return logging.DEBUG, text, {"msg_seq_num": event.msg_seq_num, "msg_type": event.message.msg_type}


def _unsent(event: Unsent) -> _Told:
    text = f"{len(event.messages)} queued messages were not sent: {event.why}"
    return logging.WARNING, text, {"reason": event.why, "messages": len(event.messages)}


def _cancel_due(event: CancelDue) -> _Told:
    text = f"the peer is gone, its orders are to be cancelled: {event.reason}"
    return logging.WARNING, text, {"reason": event.reason}


_TOLD: dict[type, Callable[[Any], _Told]] = {
    StateChanged: _state_changed,
    LoggedOn: _logged_on,
    LoggedOut: _logged_out,
    Disconnected: _disconnected,
    LogonRefused: _logon_refused,
    GapDetected: _gap_detected,
    GapFilled: _gap_filled,
    MessagesLost: _messages_lost,
    Resent: _resent,
    SequenceReset: _sequence_reset,
    Rejected: _rejected,
    Alarm: _alarm,
    Released: _released,
    Unsent: _unsent,
    CancelDue: _cancel_due,
}


#: what a kind of event is called in a record: LoggedOn is logged_on
_NAMES = {kind: re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower() for kind in _TOLD}
