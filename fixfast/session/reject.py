"""Reject(3) and BusinessMessageReject(j): what goes into them, by version (requirements A12, A13, X01)."""

from __future__ import annotations

from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT
from fixfast.session.wire import Message

__all__ = ["business_reject_fields", "reject_fields"]

#: FIX 4.2 ends with this SessionRejectReason; 4.0 and 4.1 have none.
_LAST_REASON_42 = 11
_PLAIN = ("FIX.4.0", "FIX.4.1")
#: what came from -> where the answer goes (C06): OnBehalfOf and DeliverTo change places
_REVERSED = ((115, 128), (128, 115), (116, 129), (129, 116), (144, 145), (145, 144))


def _reverse_route(message: Message) -> list[tuple[int, Any]]:
    route = [(answer, (message.get(tag) or "")) for tag, answer in _REVERSED]
    return [(tag, value) for tag, value in route if value]


def reject_fields(
    begin_string: str, message: Message, reason: int, ref_tag: int | None, text: str
) -> list[tuple[int, Any]]:
    """Return the fields of a Reject(3) of `message`.

    Args:
        reason: SessionRejectReason(373), written where the version has it.
        ref_tag: RefTagID(371); in FIX 4.0 and 4.1 it is named at the end of the text instead.
        text: Text(58); empty: the reason's own.
    """
    text = text or REJECT_TEXT.get(reason, REJECT_TEXT[99])
    fields = [*_reverse_route(message), (45, message.msg_seq_num)]
    if begin_string in _PLAIN:
        return [*fields, (58, f"{text} ({ref_tag})" if ref_tag is not None else text)]
    if ref_tag is not None:
        fields.append((371, ref_tag))
    msg_type = message.get(35) or ""
    if msg_type:
        fields.append((372, msg_type))
    if begin_string != "FIX.4.2" or reason <= _LAST_REASON_42:
        fields.append((373, reason))
    return [*fields, (58, text)]


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
