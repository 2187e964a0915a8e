"""What two dictionaries say differently: fields, codes, messages, members, requiredness.

Members are compared as they are on the wire, with components in their places: that a broker's file has other
components, or none, is no difference. Nor is the order of members, but for those of a group's entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fixfast.dictionary.describe import MAX_ITEMS, Owner, field_dict, owners
from fixfast.dictionary.model import (
    Code,
    Dictionary,
    Field,
    FlatMember,
    GroupRef,
    Member,
    Message,
    first_wins,
    flatten,
)
from fixfast.errors import DictionaryError

__all__ = ["Difference", "FieldChange", "MemberChange", "OwnerChange", "diff"]

What: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that both have. Pairs are (before, now), None where both say the same.

    `codes_renamed` has (value, name before, name now).
    """

    field: Field
    name: tuple[str, str] | None
    type: tuple[str, str] | None
    kind: tuple[str, str] | None
    open: tuple[bool, bool] | None
    codes_added: tuple[Code, ...]
    codes_removed: tuple[Code, ...]
    codes_renamed: tuple[tuple[str, str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what differs, as what json.dumps takes."""
        row: dict[str, Any] = {"tag": self.field.tag, "name": self.field.name}
        pairs = {"name": self.name, "type": self.type, "kind": self.kind, "open": self.open}
        if changed := {what: list(pair) for what, pair in pairs.items() if pair is not None}:
            row["changed"] = changed
        for what, codes in (("codes_added", self.codes_added), ("codes_removed", self.codes_removed)):
            if codes:
                row[what] = {code.value: code.name for code in codes}
        if self.codes_renamed:
            row["codes_renamed"] = {value: [before, now] for value, before, now in self.codes_renamed}
        return row


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A member that one has and the other has not, or has in another way.

    `groups` names the count fields around it, outermost first; `detail` is "required", "optional" and the like.
    """

    what: What
    groups: tuple[str, ...]
    tag: int
    name: str
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as what json.dumps takes."""
        where = {"groups": list(self.groups)} if self.groups else {}
        return {"what": self.what, **where, "tag": self.tag, "name": self.name, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A message, header or trailer that both have. `name` and `category` are (before, now), None for the same."""

    owner: Owner
    name: tuple[str, str] | None
    category: tuple[str, str] | None
    members: tuple[MemberChange, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what differs, as what json.dumps takes."""
        row: dict[str, Any] = {"kind": self.owner.kind, "name": self.owner.name}
        if self.owner.msg_type:
            row["msg_type"] = self.owner.msg_type
        pairs = {"name": self.name, "category": self.category}
        if changed := {what: list(pair) for what, pair in pairs.items() if pair is not None}:
            row["changed"] = changed
        if self.members:
            row["members"] = [member.as_dict() for member in self.members]
        return row


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs from `old` to `new`; false if nothing does. `version` is a label and no difference.

    `pairs_added` and `pairs_removed` are (length, data) pairs of data fields that both have.
    """

    old: Dictionary
    new: Dictionary
    begin_string: tuple[str, str] | None
    fields_added: tuple[Field, ...]
    fields_removed: tuple[Field, ...]
    fields_changed: tuple[FieldChange, ...]
    messages_added: tuple[Message, ...]
    messages_removed: tuple[Message, ...]
    owners_changed: tuple[OwnerChange, ...]
    pairs_added: tuple[tuple[int, int], ...]
    pairs_removed: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__ if name not in ("old", "new"))

    def member_changes(self) -> list[tuple[tuple[Owner, ...], tuple[MemberChange, ...]]]:
        """Return the changes of members, those that the same messages share taken together, in order of the file.

        A member added to a component that thirty messages have is one change here, with thirty owners.
        """
        who: dict[MemberChange, list[Owner]] = {}
        for change in self.owners_changed:
            for member in change.members:
                who.setdefault(member, []).append(change.owner)
        together: dict[tuple[str, ...], tuple[list[Owner], list[MemberChange]]] = {}
        for member, those in who.items():
            key = tuple(owner.msg_type or owner.kind for owner in those)
            together.setdefault(key, (those, []))[1].append(member)
        return [(tuple(those), tuple(members)) for those, members in together.values()]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what json.dumps takes."""
        return {
            "equal": not self,
            "old": {"version": self.old.version, "begin_string": self.old.begin_string},
            "new": {"version": self.new.version, "begin_string": self.new.begin_string},
            "fields": {
                "added": [field_dict(field) for field in self.fields_added],
                "removed": [field_dict(field) for field in self.fields_removed],
                "changed": [change.as_dict() for change in self.fields_changed],
            },
            "messages": {
                "added": [_message_dict(message) for message in self.messages_added],
                "removed": [_message_dict(message) for message in self.messages_removed],
                "changed": [change.as_dict() for change in self.owners_changed],
            },
            "data_pairs": {
                "added": [list(pair) for pair in self.pairs_added],
                "removed": [list(pair) for pair in self.pairs_removed],
            },
        }


def diff(old: Dictionary, new: Dictionary, *, names: bool = True) -> Difference:
    """Compare two dictionaries.

    Args:
        old: what to start from, the standard's for example.
        new: the broker's.
        names: names of fields, messages and codes count. If not, only what changes on the wire does.

    Raises: DictionaryError: more than `MAX_ITEMS` changes of members.
    """
    in_both = [tag for tag in old.fields if tag in new.fields]
    fields_changed = (_field_change(old.fields[tag], new.fields[tag], names) for tag in in_both)
    old_pairs, new_pairs = set(old.data_pairs.items()), set(new.data_pairs.items())
    return Difference(
        old=old,
        new=new,
        begin_string=_pair(old.begin_string, new.begin_string),
        fields_added=tuple(new.fields[tag] for tag in new.fields if tag not in old.fields),
        fields_removed=tuple(old.fields[tag] for tag in old.fields if tag not in new.fields),
        fields_changed=tuple(change for change in fields_changed if change is not None),
        messages_added=_only_in(new, old),
        messages_removed=_only_in(old, new),
        owners_changed=tuple(_owner_changes(old, new, names)),
        pairs_added=tuple(sorted(pair for pair in new_pairs - old_pairs if pair[1] in old.fields)),
        pairs_removed=tuple(sorted(pair for pair in old_pairs - new_pairs if pair[1] in new.fields)),
    )


# --- fields -------------------------------------------------------------------------------------------------


def _field_change(old: Field, new: Field, names: bool) -> FieldChange | None:
    was = {code.value: code.name for code in old.codes}
    now = {code.value: code.name for code in new.codes}
    change = FieldChange(
        field=new,
        name=_pair(old.name, new.name) if names else None,
        # "QTY" or "FLOAT", "INT" or "NUMINGROUP": another name of the type, and only sometimes another meaning.
        type=_pair(old.type, new.type) if names or old.kind != new.kind else None,
        kind=_pair(old.kind, new.kind),
        open=_pair(old.open, new.open),
        codes_added=tuple(code for code in new.codes if code.value not in was),
        codes_removed=tuple(code for code in old.codes if code.value not in now),
        codes_renamed=tuple(
            (value, was[value], name) for value, name in now.items() if names and was.get(value, name) != name
        ),
    )
    empty = FieldChange(new, None, None, None, None, (), (), ())
    return None if change == empty else change


def _pair(old: Any, new: Any) -> tuple[Any, Any] | None:
    return None if old == new else (old, new)


# --- messages and members -------------------------------------------------------------------------------------


def _only_in(one: Dictionary, other: Dictionary) -> tuple[Message, ...]:
    # By MsgType alone: an Index also answers to names, and a message may be named as another one's type.
    there = set(other.messages)
    return tuple(one.messages[msg_type] for msg_type in one.messages if msg_type not in there)


def _message_dict(message: Message) -> dict[str, Any]:
    return {"msg_type": message.msg_type, "name": message.name, "category": message.category}


def _owner_changes(old: Dictionary, new: Dictionary, names: bool) -> Iterable[OwnerChange]:
    before = {(owner.kind, owner.msg_type): owner for owner in owners(old)}
    compare = _Compare()
    for now in owners(new):
        was = before.get((now.kind, now.msg_type))
        if was is None:
            continue
        name = _pair(was.name, now.name) if names else None
        category = _pair(was.category, now.category)
        members = compare.level(was.members, now.members)
        if name or category or members:
            yield OwnerChange(now, name, category, tuple(members))


class _Compare:
    """Compares members level by level; a pair of groups that many messages share is compared once."""

    def __init__(self) -> None:
        self.flat: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}
        self.groups: dict[tuple[int, int], list[MemberChange]] = {}
        self.left = MAX_ITEMS

    def level(self, old: Sequence[Member], new: Sequence[Member]) -> list[MemberChange]:
        """Return what differs, in the order of `new`, what is gone last."""
        was = {member.tag: member for member in first_wins(flatten(old, self.flat))}
        now = {member.tag: member for member in first_wins(flatten(new, self.flat))}
        found: list[MemberChange] = []
        for tag, member in now.items():
            before = was.get(tag)
            if before is None:
                found.append(MemberChange("added", (), tag, member.name, _described(member)))
                continue
            if _described(before) != _described(member):
                detail = f"{_described(member)}, was {_described(before)}"
                found.append(MemberChange("changed", (), tag, member.name, detail))
            if isinstance(before, GroupRef) and isinstance(member, GroupRef):
                found += self.group(before, member)
        found += [
            MemberChange("removed", (), tag, member.name, _described(member))
            for tag, member in was.items()
            if tag not in now
        ]
        self.left -= len(found)
        if self.left < 0:
            raise DictionaryError(f"more than {MAX_ITEMS} differences of members")
        return found

    def group(self, old: GroupRef, new: GroupRef) -> list[MemberChange]:
        """Return what differs in the entries of a group, its name put in front."""
        key = id(old.group), id(new.group)
        found = self.groups.get(key)
        if found is None:
            inner = [*self.order(old, new), *self.level(old.group.members, new.group.members)]
            found = self.groups[key] = [
                MemberChange(one.what, (new.name, *one.groups), one.tag, one.name, one.detail) for one in inner
            ]
        return found

    def order(self, old: GroupRef, new: GroupRef) -> list[MemberChange]:
        """Return how the order of a group's members differs: another delimiter, or those of both in another order."""
        was = [member.tag for member in first_wins(flatten(old.group.members, self.flat))]
        now = [member.tag for member in first_wins(flatten(new.group.members, self.flat))]
        names = {member.tag: member.name for member in flatten([*old.group.members, *new.group.members], self.flat)}
        if was[0] != now[0]:
            detail = f"opens an entry, was {names[was[0]]} ({was[0]})"
            return [MemberChange("changed", (), now[0], names[now[0]], detail)]
        both_was, both_now = [tag for tag in was if tag in now], [tag for tag in now if tag in was]
        for index, (before, tag) in enumerate(zip(both_was, both_now, strict=True)):
            if before != tag:
                detail = f"in another order: behind {names[both_now[index - 1]]}"
                return [MemberChange("changed", (), tag, names[tag], detail)]
        return []


def _described(member: FlatMember) -> str:
    required = "required" if member.required else "optional"
    return f"{required} group" if isinstance(member, GroupRef) else required
