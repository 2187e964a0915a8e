"""How names of FIX become names of Python: members of enums, classes, attributes."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable

from fixfast.dictionary.model import Code, Dictionary, Field
from fixfast.errors import DictionaryError

__all__ = ["enum_members", "enum_name", "identifier", "msg_type_members"]

#: What an enum's member cannot be called: "mro" is a method that every class needs.
_NO_MEMBER = frozenset({"", "mro"})


def identifier(name: str) -> str:
    """Make a Python identifier of a name: other characters become "_", a keyword gets one at its end."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if name[:1].isdigit():
        name = f"N{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def enum_name(dictionary: Dictionary, item: Field) -> str:
    """Return the name of a coded field's enum: the field's, and Code where a message or a component has that name."""
    message = dictionary.messages.get(item.name)
    shared = item.name in dictionary.components or (message is not None and message.name == item.name)
    return identifier(item.name) + ("Code" if shared else "")


def enum_members(codes: Iterable[Code]) -> dict[str, str]:
    """Return {member: value} of the codes of a field, in their order.

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
    messages = sorted(dictionary.messages.values(), key=lambda message: message.name)
    members = {_member(message.name): message.msg_type for message in messages}
    if len(members) != len(messages):
        raise DictionaryError(f"{dictionary.version}: two messages whose names differ in punctuation only")
    return members


def _member(name: str) -> str:
    name = identifier(name)
    return f"N{name}" if name in _NO_MEMBER or name.startswith("_") else name
