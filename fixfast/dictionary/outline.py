"""The classes of a typed module, as values: what render_typed.py writes into tables and render_stub.py into stubs.

A message, a component, and an entry of a group is a class each; a component is a base of whatever contains it. Where
two components of one owner, or a component and the owner itself, have a field in common (FIX 5.0: LegPrice stands in
InstrumentLeg and beside it), the first place counts, as everywhere, and the later component is no base there: what is
left of it is the owner's own. So the bases of a class have nothing in common, and no two orders contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from fixfast.dictionary.model import ComponentRef, Dictionary, Field, FieldRef, Member, first_wins, flatten
from fixfast.dictionary.naming import attribute, component_name, enum_name, identifier
from fixfast.errors import DictionaryError

__all__ = ["HEADER", "TRAILER", "BaseItem", "FieldItem", "GroupItem", "Item", "Owner", "outline"]

HEADER = "StandardHeader"
TRAILER = "StandardTrailer"
#: Fields that encode() writes and nobody can give: BeginString, BodyLength, MsgType, CheckSum.
_FRAME = frozenset({8, 9, 10, 35})


@dataclass(frozen=True, slots=True)
class FieldItem:
    """A field of an owner. `attr` is its attribute and keyword."""

    field: Field
    attr: str
    required: bool


@dataclass(frozen=True, slots=True)
class GroupItem:
    """A group of an owner: the field that counts it, and the class of its entries."""

    field: Field
    attr: str
    required: bool
    entry: Owner


@dataclass(frozen=True, slots=True)
class BaseItem:
    """A component, which is a base of the owner. `opener`: tag of the field in it that opens the entries of a group."""

    name: str
    required: bool
    opener: int = 0


Item: TypeAlias = FieldItem | GroupItem | BaseItem


@dataclass(frozen=True, slots=True)
class Owner:
    """A class. `path` is its qualified name ("Parties.NoPartyIDs"), `msg_type` None for what is no message."""

    path: str
    fix_name: str
    msg_type: str | None
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def groups(self) -> Iterator[GroupItem]:
        return (item for item in self.items if isinstance(item, GroupItem))

    def bases(self) -> Iterator[BaseItem]:
        return (item for item in self.items if isinstance(item, BaseItem))


def outline(dictionary: Dictionary) -> dict[str, Owner]:
    """Return {class: owner} of a dictionary: messages by name, then header, trailer and components by name.

    Raises: DictionaryError: two names of FIX become one name in Python.
    """
    return _Outline(dictionary).owners()


class _Outline:
    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.components = {component_name(dictionary, c.name): c for c in dictionary.components.values()}

    def owners(self) -> dict[str, Owner]:
        d = self.dictionary
        messages = sorted(d.messages.values(), key=lambda message: message.name)
        found = [
            self.owner(identifier(message.name), message.name, message.members, message.msg_type)
            for message in messages
        ]
        found.append(self.owner(HEADER, HEADER, _without_frame(d.header)))
        found.append(self.owner(TRAILER, TRAILER, _without_frame(d.trailer)))
        found += [self.owner(name, c.name, c.members) for name, c in sorted(self.components.items())]
        self.check(found)
        return {owner.name: owner for owner in found}

    def owner(self, path: str, fix_name: str, members: Iterable[Member], msg_type: str | None = None) -> Owner:
        return Owner(path, fix_name, msg_type, tuple(self.items(path, members, True, set())))

    def items(self, path: str, members: Iterable[Member], required: bool, seen: set[int]) -> Iterator[Item]:
        """Yield what an owner has. `required`: whether these members may be; `seen`: tags that stand before them."""
        for member in members:
            if isinstance(member, ComponentRef):
                inner = [item.tag for item in flatten(member.component.members)]
                must = required and member.required
                if seen.isdisjoint(inner) and len(set(inner)) == len(inner):
                    seen.update(inner)
                    yield BaseItem(component_name(self.dictionary, member.name), must)
                else:
                    yield from self.items(path, member.component.members, must, seen)
            elif member.tag not in seen:
                seen.add(member.tag)
                must = required and member.required and member.tag not in self.dictionary.data_pairs
                if isinstance(member, FieldRef):
                    yield FieldItem(member.field, attribute(member.name), must)
                else:
                    field = member.group.field
                    entry = self.entry(f"{path}.{identifier(field.name)}", field.name, member.group.members)
                    yield GroupItem(field, attribute(field.name), must, entry)

    def entry(self, path: str, fix_name: str, members: tuple[Member, ...]) -> Owner:
        """Return the entry of a group: the field that opens it is required.

        A data field stands for its length, which is computed.
        """
        owner = self.owner(path, fix_name, members)
        first = first_wins(flatten(members))[0].tag
        opener = self.dictionary.data_pairs.get(first, first)

        def opening(item: Item) -> Item:
            if not isinstance(item, BaseItem):
                return replace(item, required=item.required or item.field.tag == opener)
            inside = any(inner.tag == opener for inner in flatten(self.components[item.name].members))
            return replace(item, opener=opener if inside else 0)

        return replace(owner, items=tuple(opening(item) for item in owner.items))

    def check(self, owners: list[Owner]) -> None:
        """Refuse what would be two things of one name."""
        d = self.dictionary
        enums = [enum_name(d, item) for item in d.fields.values() if item.codes and item.name != "MsgType"]
        _check_unique(d.version, ["Tag", "MsgType", *(owner.name for owner in owners), *enums])
        _check_unique(d.version, [attribute(item.name) for item in d.fields.values()])


def _check_unique(version: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DictionaryError(f"{version}: two things are called {name} in Python")
        seen.add(name)


def _without_frame(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(member for member in members if isinstance(member, ComponentRef) or member.tag not in _FRAME)
