"""parse(): the one Message that some bytes hold, in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fixfast.codec.reference.message import Message
from fixfast.codec.reference.scan import (
    Fault,
    Field,
    buffer_of,
    check_frame,
    check_limit,
    data_pairs,
    scan_header,
    split_fields,
)
from fixfast.dictionary.validation import InvalidMessage, Validation
from fixfast.errors import GarbledMessage
from fixfast.types import Buffer, GarbledReason

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary
    from fixfast.dictionary.versions import DictionarySet

__all__ = ["parse", "rules_of"]


def parse(
    data: Buffer,
    *,
    dictionary: Dictionary | DictionarySet | None = None,
    copy: bool = False,
    max_message_size: int = 1 << 20,
    validate: bool | Validation = False,
) -> Message:
    """Return the one message that `data` holds.

    Args:
        data: bytes, bytearray, memoryview, mmap or anything contiguous with the buffer protocol.
        dictionary: for groups, and for length/data pairs beyond the standard's. None: found by 8 and 1128 when needed.
        copy: take a private copy of the bytes at once.
        max_message_size: bound of BodyLength, in bytes; at least 1.
        validate: check the message by its dictionary: True, or a Validation that says what is checked.

    Raises:
        GarbledMessage: `data` is not one whole message.
        InvalidMessage: it is at fault, and the mode is "reject".
        TypeError: `data` is not a buffer.
    """
    check_limit(max_message_size)
    rules = rules_of(validate)
    view = buffer_of(data)
    if copy:
        view = memoryview(bytes(view))
    try:
        whole = view.cast("B")
        try:
            fields = _judge(bytes(whole), data_pairs(dictionary), max_message_size)
        except BaseException:
            # the export must not live on in the traceback
            whole.release()
            raise
    finally:
        view.release()
    m = Message(whole, fields, dictionary)
    if rules is not None:
        m.fault = m.validate(rules)
        if m.fault is not None and rules.mode == "reject":
            raise InvalidMessage(m.fault, m)
    return m


def _judge(data: bytes, pairs: Any, max_message_size: int) -> list[Field]:
    frame = scan_header(data, max_message_size)
    if isinstance(frame, Fault):
        raise GarbledMessage(frame.reason, frame.offset)
    if frame is None or frame.end > len(data):
        raise GarbledMessage(GarbledReason.TRUNCATED, len(data))
    fault = check_frame(data, frame)
    fields = fault or split_fields(data, frame, pairs)
    if isinstance(fields, Fault):
        raise GarbledMessage(fields.reason, fields.offset)
    if frame.end < len(data):
        raise GarbledMessage(GarbledReason.TRAILING, frame.end)
    return fields


def rules_of(validate: object) -> Validation | None:
    """Return the Validation that `validate=` means, None for False. Raises: TypeError: it means none."""
    if validate is True:
        return Validation()
    if validate is False:
        return None
    if not isinstance(validate, Validation):
        raise TypeError(f"validate must be True, False or a Validation, not {type(validate).__name__}")
    return validate
