"""Step 8 of the inbound pipeline: whether a message is right by its dictionary, acted on when it has its turn.

The decoder has judged each message when it was cut from the stream (`message.fault`); here, at its turn, the fault has
its effect, once and in order (V22, V24). What a session's owner configures decides which: see SessionConfig.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from fixfast.dictionary.model import Dictionary, is_session
from fixfast.dictionary.validation import Fault
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import BusinessReject, DictionaryError, EncodeError, FieldFormatError
from fixfast.session.config import MessageCheck, SessionConfig
from fixfast.session.core import SessionCore
from fixfast.session.events import Rejected
from fixfast.session.reject import REJECTS, business_reject_fields
from fixfast.session.wire import Message
from fixfast.types import Now

__all__ = ["Validity", "dictionaries_of_logon"]

#: Alarms about faults are told apart up to so many: a peer makes up the tags.
_MAX_WARNED = 1000
#: Entries of a Logon's group of MsgTypes that are looked at; the standard has fewer messages.
_MAX_MSG_TYPES = 1000


def dictionaries_of_logon(config: SessionConfig, logon: Message) -> DictionarySet | None:
    """Return what describes the messages behind the peer's Logon, by its 1137 and its group 384 (V26, L12).

    Args: config: a Dictionary configured there (or its name) describes everything, whatever the Logon says; a
        DictionarySet keeps its own dictionaries, and its defaults where the Logon has none.

    Returns: None where the Logon does not matter.
    """
    given = config.dictionary
    if config.begin_string != "FIXT.1.1" or isinstance(given, str | Dictionary):
        return None
    given = given or DictionarySet()
    by_msg_type = {**given.by_msg_type, **_versions_by_msg_type(logon)}
    return DictionarySet(logon.get(1137) or given.default, by_msg_type, given.dictionaries)


def _versions_by_msg_type(logon: Message) -> dict[str, str]:
    """Read RefMsgType(372) and RefApplVerID(1130) where DefaultVerIndicator(1410) is Y."""
    found = {}
    try:
        for entry in logon.group(384)[:_MAX_MSG_TYPES]:
            msg_type, version = entry.get(372), entry.get(1130)
            if msg_type and version and entry.get(1410) == "Y":
                found[msg_type] = version
    except (DictionaryError, FieldFormatError):
        pass  # the owner's dictionary has no such group, or the count is no number and the owner lets that pass
    return found


class Validity(SessionCore):
    """What a fault does to the message that has it."""

    __slots__ = ()

    # --- application messages -------------------------------------------------------------------------------

    def _is_deliverable(self, message: Message, now: Now) -> bool:
        """Judge an application message, or a Reject(3), at its turn; if it is answered here, NIN has moved."""
        msg_type = message.get(35) or ""
        fault = message.fault
        supported = self.config.supported_msg_types
        known = supported is not None and msg_type in supported
        # V28: a type that the owner handles is known, whatever the dictionary says
        if fault is not None and not (known and fault.reason == 11) and not self._tolerates(message, fault, now):
            return False
        if msg_type in REJECTS:
            return True
        if supported is not None and not known:
            self._reject_business(message, 3, "Unsupported Message Type", "", now)  # B01, X06
            return False
        return self._check is None or self._passes_check(message, self._check, now)

    def _passes_check(self, message: Message, check: MessageCheck, now: Now) -> bool:
        """Ask for the owner's own rules, and answer what they refuse. A rule with a bug loses nothing."""
        verdict: object
        try:
            verdict = check(message)
        except Exception as error:
            verdict = error
        if verdict is None:
            return True
        try:
            if isinstance(verdict, BusinessReject):
                self._reject_business(message, verdict.reason, verdict.text, verdict.ref_id, now)
                return False
            if _is_fault(verdict):
                self._reject_and_count(message, verdict.reason, verdict.tag, now, verdict.text)
                return False
        except EncodeError as error:  # a text that cannot be written
            verdict = error
        what = f"{type(verdict).__name__}: {verdict}" if isinstance(verdict, Exception) else "no Fault"
        self._alarm(f"check() failed on message {message.msg_seq_num}, which is delivered: {what}")
        return True

    def _reject_business(self, message: Message, reason: int, text: str, ref_id: str, now: Now) -> None:
        """Answer the message whose turn it is with BusinessMessageReject(j), and advance exactly once (B01-B05).

        Raises: EncodeError: what the application gave cannot be written; nothing happened.
        """
        if self._is_leaving():
            return  # as _reject_and_count()
        self._say(*self._business_reject(message, reason, text, ref_id), now)
        self._note_reject(Rejected(message, reason, None, text, business=True), now)
        self._inbox.count()

    def _business_reject(
        self, message: Message, reason: int, text: str, ref_id: str
    ) -> tuple[str, list[tuple[int, Any]]]:
        msg_type, fields = business_reject_fields(self.config.begin_string, message, reason, text, ref_id)
        if msg_type == "j" and self._peer_version:
            fields.append((1137, self._peer_version))  # X11
        return msg_type, fields

    # --- any message ----------------------------------------------------------------------------------------

    def _tolerates(self, message: Message, fault: Fault, now: Now) -> bool:
        """Tell whether a message goes on although it has a fault; else it was rejected and counted.

        A reject is not rejected (O15): what it says must arrive, and two programs must not argue about rejects.
        """
        msg_type = message.get(35) or ""
        mode = self._mode_of(msg_type)
        if mode == "reject" and msg_type not in REJECTS:
            self._reject_and_count(message, fault.reason, fault.tag, now, fault.text)
            return False
        if mode == "warn":
            self._warn(msg_type, fault)
        return True

    def _mode_of(self, msg_type: str) -> str:
        validation = self.config.session_validation if is_session(msg_type) else self.config.validation
        return "observe" if validation is None else validation.mode

    def _warn(self, msg_type: str, fault: Fault) -> None:
        """Raise an alarm, once for each kind of fault."""
        key = (msg_type, fault.reason, fault.tag)
        if key not in self._warned and len(self._warned) < _MAX_WARNED:
            self._warned.add(key)
            self._alarm(f"the peer's messages of type {msg_type!r} are not as the dictionary says: {fault}")

    # --- versions -------------------------------------------------------------------------------------------

    def _version_fault(self, logon: Message) -> Fault | None:
        """Refuse a Logon whose default version has no dictionary, where messages would be rejected by it (V18, L10)."""
        validation = self.config.validation
        if validation is None or validation.mode != "reject" or self._has_dictionary(logon):
            return None
        return Fault(18, 1137)

    def _has_dictionary(self, logon: Message) -> bool:
        found = dictionaries_of_logon(self.config, logon)
        return found is None or found.choose("FIXT.1.1", "", None).supported

    def _learn_versions(self, logon: Message) -> None:
        """From here on messages follow what the peer's Logon says of their versions."""
        self._peer_version = (logon.get(1137) or "") if self.config.begin_string == "FIXT.1.1" else ""
        found = dictionaries_of_logon(self.config, logon)
        if found is not None:
            self._decoder.dictionary = found
            if not self._has_dictionary(logon):
                self._alarm(f"no dictionary for the peer's DefaultApplVerID {self._peer_version}: read as FIX.5.0SP2")


def _is_fault(verdict: object) -> TypeGuard[Fault]:
    """Whether a rule gave what can be written into a Reject."""
    if not isinstance(verdict, Fault):
        return False
    tag_ok = verdict.tag is None or isinstance(verdict.tag, int)
    return isinstance(verdict.reason, int) and tag_ok and isinstance(verdict.text, str)
