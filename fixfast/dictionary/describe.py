"""What a dictionary says, as values fit to be shown: its messages, the tree of a message, a field and who uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from fixfast.dictionary.model import (
    Component,
    ComponentRef,
    Dictionary,
    Field,
    FieldRef,
    FlatMember,
    GroupRef,
    Kind,
    Member,
    Message,
    first_wins,
    flatten,
)
from fixfast.errors import DictionaryError

__all__ = [
    "KIND_TEXT",
    "MAX_ITEMS",
    "Item",
    "Owner",
    "Use",
    "components_with",
    "field_dict",
    "find_field",
    "find_owner",
    "overview",
    "owners",
    "tree",
    "used_in",
]

#: Members in one tree, uses of one field. The standard's largest message is a tree of 5,200 members; groups that
#: hold groups many times over could make a small file say billions.
MAX_ITEMS = 200_000

#: What a kind of field holds, in a few words.
KIND_TEXT: Mapping[Kind, str] = MappingProxyType(
    {
        "str": "text",
        "char": "one character",
        "int": "whole number",
        "uint": "whole number from 0",
        "day": "day of a month, 1 to 31",
        "decimal": "exact decimal",
        "bool": "Y or N",
        "time": "UTC timestamp",
        "date": "date",
        "timeonly": "UTC time of day",
        "localtime": "local time of day",
        "tztime": "time of day with time zone",
        "tztimestamp": "timestamp with time zone",
        "monthyear": "month, with day or week",
        "tenor": "tenor, such as D5 or M3",
        "chars": "characters separated by spaces",
        "strings": "words separated by spaces",
        "data": "bytes, behind their length",
        "xml": "XML, behind its length",
    }
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Something with members: a message, a component, the header or the trailer. `msg_type` is a message's."""

    kind: Literal["message", "component", "header", "trailer"]
    name: str
    members: tuple[Member, ...]
    msg_type: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a tree. A component has no tag and no type; `again` says that its members stand here already."""

    kind: Literal["field", "group", "component"]
    tag: int | None
    name: str
    type: str
    required: bool
    codes: int = 0
    members: tuple[Item, ...] = ()
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as what json.dumps takes."""
        row: dict[str, Any] = {"kind": self.kind, "name": self.name, "required": self.required}
        if self.tag is not None:
            row |= {"tag": self.tag, "type": self.type}
        if self.codes:
            row["codes"] = self.codes
        if self.again:
            row["again"] = True
        if self.members:
            row["members"] = [member.as_dict() for member in self.members]
        return row


@dataclass(frozen=True, slots=True)
class Use:
    """Where a field is used: `groups` names the count fields around it, outermost first.

    `required` speaks of the field where it stands: in an entry of the innermost group.
    """

    owner: Owner
    groups: tuple[str, ...]
    required: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as what json.dumps takes."""
        row: dict[str, Any] = {"kind": self.owner.kind, "name": self.owner.name}
        if self.owner.msg_type:
            row["msg_type"] = self.owner.msg_type
        return {**row, "groups": list(self.groups), "required": self.required}


# --- finding ------------------------------------------------------------------------------------------------


def owners(dictionary: Dictionary) -> list[Owner]:
    """Return the header, every message, and the trailer."""
    return [
        Owner("header", "header", dictionary.header),
        *(_of_message(dictionary.messages[msg_type]) for msg_type in dictionary.messages),
        Owner("trailer", "trailer", dictionary.trailer),
    ]


def find_owner(dictionary: Dictionary, name: str) -> Owner:
    """Find a message by MsgType or name, a component by name, "header" or "trailer".

    Capital letters matter only where they tell two apart (MsgType "a" and "A").

    Raises: LookupError: there is none; the text names those that are spelled alike.
    """
    message = dictionary.messages.get(name)
    if message is not None:
        return _of_message(message)
    component = dictionary.components.get(name)
    if component is not None:
        return _of_component(component)
    lower = name.lower()
    for part, members in (("header", dictionary.header), ("trailer", dictionary.trailer)):
        if lower in (part, f"standard{part}"):
            return Owner("header" if part == "header" else "trailer", part, members)
    names = [dictionary.messages[msg_type].name for msg_type in dictionary.messages]
    for known in (*names, *dictionary.components):
        if known.lower() == lower:
            return find_owner(dictionary, known)
    near = _near(name, [*names, *dictionary.components, "header", "trailer"])
    raise LookupError(f"no message or component {name!r} in {dictionary.version}{near}")


def find_field(dictionary: Dictionary, name: str) -> Field:
    """Find a field by tag ("54") or name ("Side", "side").

    Raises: LookupError: there is none; the text names fields that are spelled alike.
    """
    if name.isascii() and name.isdigit():
        found: Field | None = dictionary.fields.get(int(name)) if len(name) < 10 else None
        if found is None:
            raise LookupError(f"no field with tag {name} in {dictionary.version}")
        return found
    found = dictionary.fields.get(name)
    if found is not None:
        return found
    names = [dictionary.fields[tag].name for tag in dictionary.fields]
    for known in names:
        if known.lower() == name.lower():
            field: Field = dictionary.fields[known]
            return field
    raise LookupError(f"no field {name!r} in {dictionary.version}{_near(name, names)}")


def _near(name: str, names: list[str]) -> str:
    """Return "; did you mean ...?", or nothing when no name is spelled alike."""
    by_lower = {known.lower(): known for known in names}
    found = get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(by_lower[lower] for lower in found)}?" if found else ""


def _of_message(message: Message) -> Owner:
    return Owner("message", message.name, message.members, message.msg_type, message.category)


def _of_component(component: Component) -> Owner:
    return Owner("component", component.name, component.members)


# --- saying -------------------------------------------------------------------------------------------------


def overview(dictionary: Dictionary) -> dict[str, Any]:
    """Return counts, and the messages by category: {"admin": [{"msg_type", "name", "members"}], "app": [...]}.

    `members` counts what stands at the top of the message, its components expanded, header and trailer left out.
    """
    memo: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}
    messages: dict[str, list[dict[str, Any]]] = {"admin": [], "app": []}
    for msg_type in dictionary.messages:
        message = dictionary.messages[msg_type]
        count = len(first_wins(flatten(message.members, memo)))
        messages[message.category].append({"msg_type": message.msg_type, "name": message.name, "members": count})
    fields = [dictionary.fields[tag] for tag in dictionary.fields]
    return {
        "version": dictionary.version,
        "begin_string": dictionary.begin_string,
        "fields": len(fields),
        "fields_with_codes": sum(bool(field.codes) for field in fields),
        "codes": sum(len(field.codes) for field in fields),
        "components": len(dictionary.components),
        "data_pairs": len(dictionary.data_pairs),
        "warnings": len(dictionary.warnings),
        "messages": messages,
    }


def tree(members: Iterable[Member], *, depth: int | None = None) -> tuple[Item, ...]:
    """Return members as a tree, groups and components opened.

    Args:
        members: those of a message, component, header or trailer.
        depth: open groups and components only so many levels down; None: all.

    Raises: DictionaryError: more than `MAX_ITEMS` members.
    """
    return _Tree(depth).level(members, 0, set())


class _Tree:
    """One run of tree()."""

    def __init__(self, depth: int | None) -> None:
        self.depth = depth
        self.left = MAX_ITEMS

    def level(self, members: Iterable[Member], depth: int, seen: set[int]) -> tuple[Item, ...]:
        """Return one level. `seen`: components that stand at this level of the message already; the first counts."""
        items: list[Item] = []
        deeper = self.depth is None or depth < self.depth
        for member in members:
            self.left -= 1
            if self.left < 0:
                raise DictionaryError(f"more than {MAX_ITEMS} members in one tree")
            if isinstance(member, ComponentRef):
                component = member.component
                again = id(component) in seen
                seen.add(id(component))
                inner = self.level(component.members, depth + 1, seen) if deeper and not again else ()
                items.append(Item("component", None, component.name, "", member.required, 0, inner, again))
            elif isinstance(member, GroupRef):
                inner = self.level(member.group.members, depth + 1, set()) if deeper else ()
                items.append(Item("group", member.tag, member.name, member.group.field.type, member.required, 0, inner))
            else:
                field = member.field
                items.append(Item("field", field.tag, field.name, field.type, member.required, len(field.codes)))
        return tuple(items)


def field_dict(field: Field) -> dict[str, Any]:
    """Return a field as what json.dumps takes."""
    row: dict[str, Any] = {"tag": field.tag, "name": field.name, "type": field.type, "kind": field.kind}
    if field.codes:
        row["codes"] = {code.value: code.name for code in field.codes}
        row["open"] = field.open
    return row


def used_in(dictionary: Dictionary, tag: int) -> list[Use]:
    """Return where a field is used: header, messages, trailer, in dictionary order; groups that it counts as well.

    Raises: DictionaryError: more than `MAX_ITEMS` uses.
    """
    search = _Search(tag)
    return [Use(owner, *place) for owner in owners(dictionary) for place in search.places(owner.members)]


def components_with(dictionary: Dictionary, tag: int) -> list[str]:
    """Return the components that have the field as a member of their own, directly or in a group."""
    return [
        component.name
        for component in dictionary.components.values()
        if _Search(tag, through_components=False).places(component.members)
    ]


class _Search:
    """The places of one tag; groups that messages share are searched once."""

    def __init__(self, tag: int, *, through_components: bool = True) -> None:
        self.tag = tag
        self.through_components = through_components
        self.left = MAX_ITEMS
        self.flat: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}
        self.groups: dict[int, list[tuple[tuple[str, ...], bool]]] = {}

    def places(self, members: Iterable[Member]) -> list[tuple[tuple[str, ...], bool]]:
        """Return (names of the groups around it, required) for each place."""
        level: Iterable[FlatMember]
        if self.through_components:
            level = first_wins(flatten(members, self.flat))
        else:
            level = [member for member in members if not isinstance(member, ComponentRef)]
        found: list[tuple[tuple[str, ...], bool]] = []
        for member in level:
            if member.tag == self.tag:
                found.append(((), member.required))
            if not isinstance(member, FieldRef):
                inner = self.groups.get(id(member.group))
                if inner is None:
                    inner = self.groups[id(member.group)] = self.places(member.group.members)
                found += [((member.name, *path), required) for path, required in inner]
        self.left -= len(found)
        if self.left < 0:
            raise DictionaryError(f"more than {MAX_ITEMS} uses of tag {self.tag}")
        return found
