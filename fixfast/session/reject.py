"""Reject(3) and BusinessMessageReject(j): what goes into them by version (A12, A13, X01)."""

from __future__ import annotations

from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT, Fault
from fixfast.errors import DictionaryError
from fixfast.session.config import SessionConfig
from fixfast.session.wire import Message, is_secret

__all__ = ["REJECTS", "business_reject_fields", "reject_fields", "reversed_sub_ids"]

#: MsgTypes that are never answered with a BusinessMessageReject (B07), and delivered whatever is wrong with them.
REJECTS = frozenset({"3", "j"})

#: FIX 4.2 ends with this SessionRejectReason; 4.0 and 4.1 have none.
_LAST_REASON_42 = 11
#: Characters of a value in a verbose text.
_MAX_SHOWN = 40
_PLAIN = ("FIX.4.0", "FIX.4.1")
#: what came from -> where the answer goes (C06): OnBehalfOf and DeliverTo change places
_REVERSED = ((115, 128), (128, 115), (116, 129), (129, 116), (144, 145), (145, 144))
#: the same for sub and location ids of the two parties themselves (C04)
_REVERSED_SUB_IDS = ((50, 57), (57, 50), (142, 143), (143, 142))
#: ApplVerID, ApplExtID, CstmApplVerID of a message -> RefApplVerID, RefApplExtID, RefCstmApplVerID of its Reject
_REF_VERSION = ((1128, 1130), (1156, 1406), (1129, 1131))


def _reverse_route(message: Message) -> list[tuple[int, Any]]:
    route = [(answer, (message.get(tag) or "")) for tag, answer in _REVERSED + _REVERSED_SUB_IDS]
    return [(tag, value) for tag, value in route if value]


def reversed_sub_ids(message: Message) -> list[tuple[int, Any]]:
    """Return sub and location ids of the answer to a message, as that has them."""
    route = [(answer, (message.get(tag) or "")) for tag, answer in _REVERSED_SUB_IDS]
    return [(tag, value) for tag, value in route if value]


def reject_fields(config: SessionConfig, message: Message, fault: Fault) -> list[tuple[int, Any]]:
    """Return the fields of a Reject(3) of `message`.

    SessionRejectReason(373) is written where the version has it; RefTagID(371) from FIX 4.2 on, before that the tag
    stands at the end of the text. FIXT.1.1 says which version the message was of, where the message does.
    `reject_ref_tag="quickfix"` leaves the tag out of rejects 9 and 10 and of NewSeqNo too low (X09),
    `reject_text="verbose"` adds name and value of the field (X01).
    """
    begin_string, tag = config.begin_string, fault.tag
    text = fault.text or REJECT_TEXT.get(fault.reason, REJECT_TEXT[99])
    verbose = config.reject_text == "verbose"
    if verbose and tag is not None:
        text = f"{text}: {_described(message, tag)}"
    if config.reject_ref_tag == "quickfix" and (fault.reason in (9, 10) or (fault.reason, tag) == (5, 36)):
        tag = None
    fields = [*_reverse_route(message), (45, message.msg_seq_num)]
    if begin_string in _PLAIN:
        return [*fields, (58, text if verbose or tag is None else f"{text} ({tag})")]
    if tag is not None:
        fields.append((371, tag))
    msg_type = message.get(35) or ""
    if msg_type:
        fields.append((372, msg_type))
    if begin_string == "FIXT.1.1":
        fields += [(ref_tag, value) for tag, ref_tag in _REF_VERSION if (value := message.get(tag))]
    if begin_string != "FIX.4.2" or fault.reason <= _LAST_REASON_42:
        fields.append((373, fault.reason))
    return [*fields, (58, text)]


def _described(message: Message, tag: int) -> str:
    """Return a field's name and the beginning of its value, which is left out where it may be a secret."""
    try:
        field = message.dictionary.fields.get(tag)
    except DictionaryError:
        field = None
    name = str(tag) if field is None else f"{field.name} ({tag})"
    value = message.get(tag)
    if value is None or is_secret(tag, message.get(35) or ""):
        return name
    shown = "".join(char if char >= " " and char != "\x7f" else "?" for char in value[:_MAX_SHOWN])  # C9; data has SOH
    return f"{name} = {shown}"


def business_reject_fields(
    begin_string: str, message: Message, reason: int, text: str, ref_id: str
) -> tuple[str, list[tuple[int, Any]]]:
    """Return MsgType and fields of a business-level reject: j, or in FIX 4.0 and 4.1 a Reject(3) with text only (B01).

    Args: reason: BusinessRejectReason(380). ref_id: BusinessRejectRefID(379), empty to leave out.
    """
    fields = [*_reverse_route(message), (45, message.msg_seq_num)]
    if begin_string in _PLAIN:
        return "3", [*fields, (58, text or f"Business reject {reason}")]
    fields.append((372, message.msg_type))
    if ref_id:
        fields.append((379, ref_id))
    fields.append((380, reason))
    if text:
        fields.append((58, text))
    return "j", fields
