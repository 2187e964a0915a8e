"""Step 8 of the inbound pipeline: whether a message is right by its dictionary, acted on when it has its turn.

The decoder has judged each message when it was cut from the stream (`message.fault`); here, at its turn, the fault has
its effect, once and in order (V22, V24). What a session's owner configures decides which: see SessionConfig.
"""

from __future__ import annotations

from fixfast.dictionary.model import Dictionary, is_session
from fixfast.dictionary.validation import Fault, Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import BusinessReject, DictionaryError
from fixfast.session.config import MessageCheck, SessionConfig
from fixfast.session.core import SessionCore
from fixfast.session.reject import business_reject_fields
from fixfast.session.wire import Message
from fixfast.types import Now

__all__ = ["Validity", "dictionaries_of_logon"]

_DUPLICATE = Fault(13, None)
#: MsgTypes that a reject never answers with a BusinessMessageReject (B07).
_REJECTS = ("3", "j")
#: Alarms about faults are told apart up to so many: a peer makes up the tags.
_MAX_WARNED = 1000
#: Entries of a Logon's group of MsgTypes that are looked at; the standard has fewer messages.
_MAX_MSG_TYPES = 1000


def dictionaries_of_logon(config: SessionConfig, logon: Message) -> Dictionary | DictionarySet | None:
    """Return what describes the messages behind the peer's Logon: its 1137 and its group 384 (V26, L12).

    A Dictionary that was configured describes everything, whatever the Logon says; a DictionarySet that was configured
    keeps its own dictionaries and gets the Logon's defaults.
    """
    given = config.dictionary
    if config.begin_string != "FIXT.1.1" or isinstance(given, str | Dictionary):
        return None
    by_msg_type = {}
    for entry in logon.group(384)[:_MAX_MSG_TYPES]:
        msg_type, version = entry.get(372), entry.get(1130)
        if msg_type and version and entry.get(1410) == "Y":
            by_msg_type[msg_type] = version
    own = given.dictionaries if isinstance(given, DictionarySet) else {}
    return DictionarySet(logon.get(1137), by_msg_type, own)


class Validity(SessionCore):
    """What a fault does to the message that has it."""

    __slots__ = ()

    def _is_deliverable(self, message: Message, now: Now) -> bool:
        """Judge an application message, or a Reject(3), at its turn; if it is answered here, NIN has moved."""
        config = self.config
        msg_type = message.get(35) or ""
        fault = message.fault
        supported = config.supported_msg_types
        if fault is not None:
            if fault.reason == 11 and supported is not None and msg_type in supported:
                fault = None  # V28: the owner knows it, whatever the dictionary does
            elif not self._tolerates(message, fault, now):
                return False
        if supported is not None and msg_type not in supported and msg_type not in _REJECTS:
            self._reject_business(message, 3, "Unsupported Message Type", "", now)  # B01, X06
            return False
        if config.check is None or msg_type in _REJECTS:
            return True
        return self._passes_check(message, config.check, now)

    def _passes_check(self, message: Message, check: MessageCheck, now: Now) -> bool:
        try:
            fault = check(message)
        except BusinessReject as error:
            self._reject_business(message, error.reason, error.text, error.ref_id, now)
            return False
        except Exception as error:
            # Nothing is lost because a rule has a bug.
            self._alarm(f"check() failed on message {message.msg_seq_num}: {type(error).__name__}: {error}")
            return True
        if fault is None:
            return True
        self._reject_and_count(message, fault.reason, fault.tag, now, fault.text)
        return False

    def _tolerates(self, message: Message, fault: Fault, now: Now) -> bool:
        """Tell whether a message goes on although it has a fault; else it was rejected and counted."""
        msg_type = message.get(35) or ""
        validation = self._validation_of(msg_type)
        mode = "observe" if validation is None else validation.mode
        if mode == "reject" and msg_type != "3":  # O15: a Reject is never rejected
            self._reject_and_count(message, fault.reason, fault.tag, now, fault.text)
            return False
        if mode == "warn":
            self._warn(msg_type, fault)
        return True

    def _validation_of(self, msg_type: str) -> Validation | None:
        return self.config.session_validation if is_session(msg_type) else self.config.validation

    def _warn(self, msg_type: str, fault: Fault) -> None:
        """Raise an alarm, once for each kind of fault."""
        key = (msg_type, fault.reason, fault.tag)
        if key not in self._warned and len(self._warned) < _MAX_WARNED:
            self._warned.add(key)
            self._alarm(f"the peer's messages of type {msg_type!r} are not as the dictionary says: {fault}")

    def _reject_business(self, message: Message, reason: int, text: str, ref_id: str, now: Now) -> None:
        """Answer the message whose turn it is with BusinessMessageReject(j), and advance exactly once (B01-B05)."""
        msg_type, fields = business_reject_fields(self.config.begin_string, message, reason, text, ref_id)
        if msg_type == "j" and self._peer_version:
            fields.append((1137, self._peer_version))  # X11
        self._count_reject(message, reason, None, text, now)
        self._say(msg_type, fields, now)
        self._inbox.count()

    def _reject_shadowed(self, message: Message, tag: int, n: int, now: Now) -> None:
        """A header field that comes twice: others may go by the other one, so nothing in it is believed (V30)."""
        self._send_reject(message, _DUPLICATE.reason, tag, now)
        if n == self._inbox.next_in:
            self._inbox.count()

    def _learn_versions(self, logon: Message) -> None:
        """From here on messages follow what the peer's Logon says of their versions."""
        self._peer_version = (logon.get(1137) or "") if self.config.begin_string == "FIXT.1.1" else ""
        try:
            found = dictionaries_of_logon(self.config, logon)
        except DictionaryError as error:
            self._alarm(f"the peer's Logon does not say which versions it speaks: {error}")
            return
        if found is not None:
            self._decoder.dictionary = found
