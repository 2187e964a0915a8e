"""What is checked in a message by its dictionary (`Validation`), and what is said of one that is wrong (`Fault`).

The rules themselves are in codec/validate.pyx and, for reading, in codec/reference/validate.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from fixfast.errors import ConfigError, MessageError

__all__ = ["REJECT_TEXT", "Fault", "InvalidMessage", "Validation"]

#: SessionRejectReason(373) -> the standard's own description (X01)
REJECT_TEXT: Mapping[int, str] = MappingProxyType(
    {
        0: "Invalid tag number",
        1: "Required tag missing",
        2: "Tag not defined for this message type",
        3: "Undefined tag",
        4: "Tag specified without a value",
        5: "Value is incorrect (out of range) for this tag",
        6: "Incorrect data format for value",
        7: "Decryption problem",
        8: "Signature problem",
        9: "CompID problem",
        10: "SendingTime accuracy problem",
        11: "Invalid MsgType",
        12: "XML validation error",
        13: "Tag appears more than once",
        14: "Tag specified out of required order",
        15: "Repeating group fields out of order",
        16: "Incorrect NumInGroup count for repeating group",
        17: "Non data value includes field delimiter",
        18: "Invalid/Unsupported Application Version",
        99: "Other",
    }
)


class Fault(NamedTuple):
    """What is wrong with a message by its dictionary: a value, not an exception. The text never holds the value.

    `reason` is a SessionRejectReason(373), `tag` the RefTagID(371), None where no one field is meant, and `text` a
    description for people; empty: the reason's own (`str(fault)` gives it).
    """

    reason: int
    tag: int | None
    text: str = ""

    def __str__(self) -> str:
        text = self.text or REJECT_TEXT.get(self.reason, REJECT_TEXT[99])
        return text if self.tag is None else f"{text} (tag {self.tag})"


@dataclass(frozen=True, slots=True)
class Validation:
    """What is checked in a message by its dictionary, and what happens to one that is at fault.

    Args:
        mode: "reject": parse() raises InvalidMessage, a session answers with Reject(3) and does not deliver.
            "observe": the message is delivered with `m.fault` set. "warn": the same, and a session raises an Alarm.
        level: "structure": membership, duplicates, required fields, order, groups, empty values (V00-V04, V13-V16).
            "full": formats and codes of values as well (V05, V06).
        unknown_tags: tags below 5000 that the dictionary, or this type of message, does not have are faults (V00, V02).
        user_defined_tags: the same for tags from 5000 up.
        codes: values that are not in the field's code set are faults (V05).
        order: header, body and trailer mixed, and members of a group out of order, are faults (V14, V15).
        empty: fields without a value are faults (V04); if not, nothing else about their value is checked.
        xml: XMLDATA must be well-formed (V12).
        max_group_entries: more entries in one group are a fault (V29).

    Raises: ConfigError: names the option, its value and what is allowed.
    """

    mode: Literal["observe", "warn", "reject"] = "reject"
    level: Literal["structure", "full"] = "full"
    _: KW_ONLY
    unknown_tags: bool = True
    user_defined_tags: bool = True
    codes: bool = True
    order: bool = True
    empty: bool = True
    xml: bool = False
    max_group_entries: int = 10_000

    def __post_init__(self) -> None:
        if self.mode not in ("observe", "warn", "reject"):
            raise ConfigError("mode", self.mode, "'observe', 'warn' or 'reject'")
        if self.level not in ("structure", "full"):
            raise ConfigError("level", self.level, "'structure' or 'full'")
        for name in ("unknown_tags", "user_defined_tags", "codes", "order", "empty", "xml"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(name, getattr(self, name), "True or False")
        if type(self.max_group_entries) is not int or self.max_group_entries < 1:
            raise ConfigError("max_group_entries", self.max_group_entries, "a whole number from 1")


class InvalidMessage(MessageError, ValueError):
    """A message that its dictionary says is wrong: `fault` says how, `message` is the Message itself."""

    def __init__(self, fault: Fault, message: Any = None) -> None:
        super().__init__(f"invalid message: {fault}")
        self.fault = fault
        self.message = message

    def __reduce__(self) -> tuple[type, tuple[object, object]]:
        return type(self), (self.fault, self.message)
