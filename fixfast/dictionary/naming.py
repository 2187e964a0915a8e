"""How names of FIX become names of Python: members of enums, classes, attributes."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixfast.dictionary.model import Code, Dictionary, Field

__all__ = [
    "RESERVED_ATTRIBUTES",
    "attribute",
    "component_name",
    "enum_members",
    "enum_name",
    "identifier",
    "msg_type_members",
]

#: What an enum's member cannot be called: "mro" is a method that every class needs.
_NO_MEMBER = frozenset({"", "mro"})
_PLURAL = re.compile(r"[A-Z]{2,}s(?![a-z])")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

#: What typed messages have beside their fields (fixfast/codec/typed.py).
RESERVED_ATTRIBUTES = frozenset(
    {"body", "encode", "extra", "frame", "from_message", "kept", "layout", "msg_type", "value_ns"}
)


def identifier(name: str) -> str:
    """Make a Python identifier of a name: other characters become "_", a keyword gets one at its end."""
    if not (name.isidentifier() and name.isascii()):
        name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if name[:1].isdigit():
        name = f"N{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def attribute(name: str) -> str:
    """Return the attribute of a field: its name in snake case.

    A word begins at a capital that follows a small letter or a digit, and at the last of several capitals that a small
    letter follows: MDEntryPx is md_entry_px. A plural s belongs to the capitals before it (NoPartyIDs: no_party_ids),
    and IOI is a word of its own before ID (IOIID, and IOIid of FIX 4.2: ioi_id). A keyword, and what every typed
    message has, gets "_" at its end (Yield: yield_).
    """
    if "IOI" in name:
        name = re.sub(r"IOI[Ii][Dd]", "IoiId", name)
    name = _PLURAL.sub(lambda match: match[0].title(), name)
    name = _WORD.sub("_", name).lower()
    name = identifier(f"n{name}" if name.startswith("_") or name[:1].isdigit() else name)
    return f"{name}_" if name in RESERVED_ATTRIBUTES else name


def component_name(dictionary: Dictionary, name: str) -> str:
    """Return the name of a component's class: its own, with Block behind it where a message has it."""
    message = dictionary.messages.get(name)
    return identifier(name) + ("Block" if message is not None and message.name == name else "")


def enum_name(dictionary: Dictionary, item: Field) -> str:
    """Return the name of a coded field's enum: the field's, and Code where a message or a component has that name."""
    message = dictionary.messages.get(item.name)
    shared = item.name in dictionary.components or (message is not None and message.name == item.name)
    return identifier(item.name) + ("Code" if shared else "")


def enum_members(codes: Iterable[Code]) -> dict[str, str]:
    """Return {member: value} of codes, in their order.

    A name that several values share gets each value as a suffix; what then is still not unique gets a number.
    """
    codes = tuple(codes)
    shared = Counter(_member(code.name) for code in codes)
    members: dict[str, str] = {}
    for code in codes:
        name = _member(code.name)
        if shared[name] > 1:
            name = _member(f"{name}_{code.value}")
        base, n = name, 1
        while name in members or (n > 1 and name in shared):
            n += 1
            name = f"{base}_{n}"
        members[name] = code.value
    return members


def msg_type_members(dictionary: Dictionary) -> dict[str, str]:
    """Return {message: MsgType} in the order of the names: the members of the enum MsgType."""
    from fixfast.dictionary.model import Code  # here: typed modules must not cost the import of the model

    messages = sorted(dictionary.messages.values(), key=lambda message: message.name)
    return enum_members([Code(message.msg_type, message.name) for message in messages])


def _member(name: str) -> str:
    name = identifier(name)
    return f"N{name}" if name in _NO_MEMBER or name.startswith("_") else name
