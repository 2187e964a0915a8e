"""What a dictionary file says, names not resolved yet: readers make a `Spec`, `resolve.py` turns it into a Dictionary.

An overlay edits a `Spec`, too: `spec_of()` gives that of a Dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fixfast.dictionary.model import ComponentRef, Dictionary, GroupRef, Member

__all__ = ["RawField", "RawMember", "RawOwner", "Spec", "spec_of"]


class RawMember(NamedTuple):
    """A member by name: `kind` is "field", "group" or "component"; only a group has members of its own."""

    kind: str
    name: str
    required: bool
    line: int
    members: list[RawMember]


class RawOwner(NamedTuple):
    """A header, trailer, message or component as written; `msg_type` and `category` are a message's."""

    element: str
    name: str
    file: str
    line: int
    members: list[RawMember]
    msg_type: str = ""
    category: str = "app"


class RawField(NamedTuple):
    """A field definition as written; codes are {value: name}. `open`: other values are allowed, too.

    `length`: the tag of the field that holds a data field's length, 0 where the file does not say.
    """

    tag: int
    name: str
    type: str
    file: str
    line: int
    codes: dict[str, str]
    open: bool = False
    length: int = 0


@dataclass(slots=True)
class Spec:
    """What one dictionary file says. `version` is "FIX.4.4", "FIX.5.0SP2", "FIXT.1.1"."""

    file: str
    version: str = ""
    header: RawOwner | None = None
    trailer: RawOwner | None = None
    messages: dict[str, RawOwner] = field(default_factory=dict)
    components: dict[str, RawOwner] = field(default_factory=dict)
    fields: dict[int, RawField] = field(default_factory=dict)
    borrowed: str = ""  # the version that gives the session layer what the file lacks of it


def spec_of(dictionary: Dictionary) -> Spec:
    """Return what a file would say that gave this dictionary: a copy, free to be edited."""
    file = dictionary.version
    spec = Spec(file, dictionary.version)
    lengths = {data: length for length, data in dictionary.data_pairs.items()}
    for tag in dictionary.fields:
        item = dictionary.fields[tag]
        codes = {code.value: code.name for code in item.codes}
        length = lengths.get(item.tag, 0)
        spec.fields[item.tag] = RawField(item.tag, item.name, item.type, file, 0, codes, item.open, length)
    for component in dictionary.components.values():
        spec.components[component.name] = RawOwner("component", component.name, file, 0, _raw(component.members))
    for msg_type in dictionary.messages:
        message = dictionary.messages[msg_type]
        spec.messages[message.msg_type] = RawOwner(
            "message", message.name, file, 0, _raw(message.members), message.msg_type, message.category
        )
    spec.header = RawOwner("header", "header", file, 0, _raw(dictionary.header))
    spec.trailer = RawOwner("trailer", "trailer", file, 0, _raw(dictionary.trailer))
    return spec


def _raw(members: Iterable[Member]) -> list[RawMember]:
    found = []
    for member in members:
        if isinstance(member, GroupRef):
            found.append(RawMember("group", member.name, member.required, 0, _raw(member.group.members)))
        else:
            kind = "component" if isinstance(member, ComponentRef) else "field"
            found.append(RawMember(kind, member.name, member.required, 0, []))
    return found
