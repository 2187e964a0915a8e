"""What looks wrong in a dictionary though it can be read: what a person wants to know of a broker's file.

A rule has one explanation (`RULES`) and says where it was broken. The standard's own dictionaries break some of them;
`check` marks what the standard says as well, so that a broker's own oddities stand out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple

from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.describe import Owner, owners
from fixfast.dictionary.model import (
    ComponentRef,
    Dictionary,
    Field,
    FieldRef,
    FlatMember,
    Group,
    GroupRef,
    Kind,
    Member,
    first_wins,
    flatten,
)
from fixfast.errors import DictionaryError

__all__ = ["RULES", "Remark", "Rule", "check"]


class Rule(NamedTuple):
    """`severity`: "warning", it will hurt; "note", it may be meant so. `text` explains to a person."""

    severity: Literal["warning", "note"]
    text: str


#: id -> what it means. The order is that of the report.
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "reader": Rule("warning", "odd in the file; it is read as said"),
        "compile": Rule("warning", "no message can be read, checked or written by it"),
        "header": Rule("warning", "a field that every message must have is not in the header or trailer"),
        "session-messages": Rule("warning", "no such session message: a session cannot be checked by this file"),
        "session-category": Rule("warning", "a message of the session layer that is not admin, or the other way round"),
        "message-clash": Rule("warning", "the standard gives this MsgType, or this name, to another message"),
        "field-clash": Rule("warning", "the standard gives this tag, or this name, to another field"),
        "data-length": Rule("warning", "a data field without a length field in front: its value ends at the first SOH"),
        "data-pair": Rule("warning", "two fields are taken for the length of a data field, or not the standard's one"),
        "count-type": Rule("warning", "a group is counted by a field that is no number"),
        "code-type": Rule("warning", "codes that cannot be of the field's type: no message with them is valid"),
        "required-group": Rule("warning", "a required group whose entries begin with an optional field"),
        "header-in-body": Rule("warning", "members of the message that the header or trailer has: the first counts"),
        "both-levels": Rule("warning", "fields of a group that the level around has too: behind an entry they are its"),
        "delimiter": Rule("note", "groups that begin with an optional field: FIX wants it in every entry all the same"),
        "code-names": Rule("note", "codes of one field with the same name: typed names tell them apart by a number"),
        "custom-type": Rule("note", "a message the standard does not know; custom MsgTypes begin with U"),
        "unused-field": Rule("note", "defined, but in no message"),
        "unused-component": Rule("note", "defined, but in no message"),
        "empty-message": Rule("note", "a message without members of its own"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that looks wrong: `rule` is a key of `RULES`, `where` the field or the place, `detail` what is there.

    `standard` says that the standard's dictionary of the same version has it too.
    """

    rule: str
    where: str
    detail: str = ""
    standard: bool = False

    @property
    def severity(self) -> str:
        """Return "warning" or "note"."""
        return RULES[self.rule].severity

    def as_dict(self) -> dict[str, object]:
        """Return it as what json.dumps takes."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "where": self.where,
            "detail": self.detail,
            "standard": self.standard,
        }


#: What the whole of a code must look like to be a value of its field; other kinds take any text.
_CODE_FORMS: Mapping[Kind, re.Pattern[str]] = MappingProxyType(
    {
        "char": re.compile(r"[!-~]"),
        "chars": re.compile(r"[!-~]"),
        "strings": re.compile(r"[^ ]+"),
        "int": re.compile(r"-?[0-9]+"),
        "uint": re.compile(r"[0-9]+"),
        "day": re.compile(r"0?[1-9]|[12][0-9]|3[01]"),
        "decimal": re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"),
        "bool": re.compile(r"[YN]"),
    }
)
_HEADER = {8: "BeginString", 9: "BodyLength", 35: "MsgType", 34: "MsgSeqNum", 49: "SenderCompID", 52: "SendingTime",
           56: "TargetCompID"}  # fmt: skip
_SESSION = {"0": "Heartbeat", "1": "TestRequest", "2": "ResendRequest", "3": "Reject", "4": "SequenceReset",
            "5": "Logout", "A": "Logon"}  # fmt: skip
_CUSTOM_TAGS = 5000
_NUMBERS = ("int", "uint")


def check(dictionary: Dictionary, standard: Dictionary | None = None, latest: Dictionary | None = None) -> list[Remark]:
    """Return what looks wrong, in the order of `RULES`.

    Args:
        dictionary: the one to look at.
        standard: the standard's dictionary of the same version, None if there is none.
        latest: the newest dictionary of the standard: brokers take fields of later versions into older ones.
    """
    remarks = list(_remarks(dictionary))
    if standard is not None and standard is not dictionary:
        known = set(_remarks(standard))
        remarks = [replace(remark, standard=remark in known) for remark in remarks]
        remarks += _clashes(dictionary, standard, latest or standard)
        remarks += _pair_clashes(dictionary, standard, latest or standard)
    elif standard is dictionary:
        remarks = [replace(remark, standard=True) for remark in remarks]
    order = {rule: index for index, rule in enumerate(RULES)}
    return sorted(remarks, key=lambda remark: order[remark.rule])  # stable: within a rule as in the file


def _remarks(dictionary: Dictionary) -> Iterator[Remark]:
    try:
        compile_dictionary(dictionary)
    except DictionaryError as error:
        yield Remark("compile", dictionary.version, error.detail)
    for warning in dictionary.warnings:
        yield Remark("reader", warning.owner, warning.detail)
    yield from _frame(dictionary)
    yield from _pairs(dictionary)
    yield from _messages(dictionary)
    yield from _codes(dictionary)
    yield from _Members(dictionary).remarks()


# --- messages and fields -------------------------------------------------------------------------------------


def _frame(dictionary: Dictionary) -> Iterator[Remark]:
    memo: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}
    header = {member.tag for member in flatten(dictionary.header, memo)}
    for tag, name in _HEADER.items():
        if tag not in header:
            yield Remark("header", f"{name} ({tag})", "not in the header")
    if 10 not in {member.tag for member in flatten(dictionary.trailer, memo)}:
        yield Remark("header", "CheckSum (10)", "not in the trailer")
    types = set(dictionary.messages)
    for msg_type, name in _SESSION.items():
        if msg_type not in types:
            yield Remark("session-messages", f"{name} ({msg_type})")
    # XMLnonFIX (n) is listed as admin by the standard, and is the application's all the same.
    for msg_type in dictionary.messages:
        message = dictionary.messages[msg_type]
        if message.session != (message.category == "admin") and message.msg_type != "n":
            yield Remark("session-category", _message(message.name, message.msg_type), message.category)


def _pairs(dictionary: Dictionary) -> Iterator[Remark]:
    """Yield data fields with two length fields: most often, one of them only happened to stand in front."""
    lengths: dict[int, list[int]] = {}
    for length, data in dictionary.data_pairs.items():
        lengths.setdefault(data, []).append(length)
    for data, those in lengths.items():
        if len(those) > 1:
            names = " and ".join(_field(dictionary.fields[length]) for length in those)
            yield Remark("data-pair", _field(dictionary.fields[data]), names)


def _messages(dictionary: Dictionary) -> Iterator[Remark]:
    for msg_type in dictionary.messages:
        message = dictionary.messages[msg_type]
        if not message.members and not message.session and message.msg_type != "n":
            yield Remark("empty-message", _message(message.name, message.msg_type))


def _codes(dictionary: Dictionary) -> Iterator[Remark]:
    for tag in dictionary.fields:
        field = dictionary.fields[tag]
        form = _CODE_FORMS.get(field.kind)
        if form is not None:
            bad = [code.value for code in field.codes if not form.fullmatch(code.value)]
            if bad:
                yield Remark("code-type", _field(field), f"{field.type}: {_listed(map(repr, bad))}")
        counts = Counter(code.name for code in field.codes)
        for name, count in counts.items():
            if count > 1:
                values = [code.value for code in field.codes if code.name == name]
                yield Remark("code-names", _field(field), f"{name} is {' and '.join(map(repr, values))}")


# --- members --------------------------------------------------------------------------------------------------


class _Members:
    """Looks at members level by level; a group or component that messages share is looked at once."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.flat: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}
        self.seen: set[int] = set()
        self.deep: dict[int, frozenset[int]] = {}
        self.used_fields: set[int] = set()
        self.used_components: set[str] = set()

    def remarks(self) -> Iterator[Remark]:
        ends = (*self.dictionary.header, *self.dictionary.trailer)
        frame = {member.tag for member in flatten(ends, self.flat)}
        for owner in owners(self.dictionary):
            where = _owner(owner)
            yield from self.level(owner.members, where)
            level = first_wins(flatten(owner.members, self.flat))
            yield from self.shadowed(level, where)
            if owner.kind == "message":
                for member in level:
                    if member.tag in frame:
                        yield Remark("header-in-body", where, f"{member.name} ({member.tag})")
        for component in self.dictionary.components.values():
            if component.name not in self.used_components:
                yield Remark("unused-component", component.name)
        for tag in self.dictionary.fields:
            if tag not in self.used_fields:
                yield Remark("unused-field", _field(self.dictionary.fields[tag]))

    def shadowed(self, level: Iterable[FlatMember], where: str) -> Iterator[Remark]:
        """Yield the fields of a level that groups in it have as well."""
        level = tuple(level)
        tags = {member.tag for member in level}
        for member in level:
            if isinstance(member, GroupRef):
                for tag in sorted(tags & self.inside(member.group)):
                    yield Remark("both-levels", f"{where} > {member.name}", _field(self.dictionary.fields[tag]))

    def inside(self, group: Group) -> frozenset[int]:
        """Return every tag that the entries of a group may have, those of nested groups included."""
        found = self.deep.get(id(group))
        if found is None:
            entry = first_wins(flatten(group.members, self.flat))
            inner = (self.inside(member.group) for member in entry if isinstance(member, GroupRef))
            found = self.deep[id(group)] = frozenset(member.tag for member in entry).union(*inner)
        return found

    def level(self, members: Iterable[Member], where: str) -> Iterator[Remark]:
        previous: Field | None = None
        for member in members:
            if isinstance(member, ComponentRef):
                self.used_components.add(member.name)
                if id(member.component) not in self.seen:
                    self.seen.add(id(member.component))
                    yield from self.level(member.component.members, member.name)
                previous = None
                continue
            self.used_fields.add(member.tag)
            if isinstance(member, FieldRef):
                field = member.field
                if field.kind in ("data", "xml") and (previous is None or not previous.is_length):
                    yield Remark("data-length", _field(field), f"in {where}")
                previous = field
            else:
                yield from self.group(member, where)
                previous = None

    def group(self, member: GroupRef, where: str) -> Iterator[Remark]:
        group = member.group
        inside = f"{where} > {group.field.name}"
        entry = first_wins(flatten(group.members, self.flat))
        if member.required and entry and not entry[0].required:
            yield Remark("required-group", inside, f"{entry[0].name} ({entry[0].tag})")
        if id(group) in self.seen:
            return
        self.seen.add(id(group))
        if group.field.kind not in _NUMBERS:
            yield Remark("count-type", inside, f"{_field(group.field)} is {group.field.type}")
        if entry and not entry[0].required and not member.required:
            yield Remark("delimiter", inside, f"{entry[0].name} ({entry[0].tag})")
        yield from self.shadowed(entry, inside)
        yield from self.level(group.members, inside)


# --- beside the standard ---------------------------------------------------------------------------------------


def _clashes(dictionary: Dictionary, standard: Dictionary, latest: Dictionary) -> Iterator[Remark]:
    types = set(standard.messages)
    for msg_type in dictionary.messages:
        message = dictionary.messages[msg_type]
        where = _message(message.name, message.msg_type)
        theirs = standard.messages.get(message.name) if message.name not in types else None
        if msg_type in types:
            if standard.messages[msg_type].name != message.name:
                yield Remark("message-clash", where, f"{msg_type} is {standard.messages[msg_type].name}")
        elif theirs is not None:
            yield Remark("message-clash", where, f"{message.name} is {theirs.msg_type}")
        elif msg_type not in set(latest.messages) and not str(msg_type).startswith("U"):
            yield Remark("custom-type", where)
    for tag in dictionary.fields:
        field = dictionary.fields[tag]
        # What the version itself says counts before what a later one says.
        for reference in (standard, latest):
            other: Field | None = reference.fields.get(tag)
            if other is not None:
                if other.name != field.name:
                    yield Remark("field-clash", _field(field), f"{tag} is {other.name} in {reference.version}")
                break
            named: Field | None = reference.fields.get(field.name)
            if named is not None:
                yield Remark("field-clash", _field(field), f"{field.name} is {named.tag} in {reference.version}")
                break


def _pair_clashes(dictionary: Dictionary, standard: Dictionary, latest: Dictionary) -> Iterator[Remark]:
    """Yield data fields that have one length here and another one in the standard."""
    lengths = {data: length for length, data in [*latest.data_pairs.items(), *standard.data_pairs.items()]}
    ours = [*dictionary.data_pairs.values()]
    for length, data in dictionary.data_pairs.items():
        if lengths.get(data, length) != length and ours.count(data) == 1:
            detail = f"{_field(dictionary.fields[length])}; the standard's is {lengths[data]}"
            yield Remark("data-pair", _field(dictionary.fields[data]), detail)


def _field(field: Field) -> str:
    return f"{field.name} ({field.tag})"


def _message(name: str, msg_type: str) -> str:
    return f"{name} ({msg_type})"


def _owner(owner: Owner) -> str:
    return _message(owner.name, owner.msg_type) if owner.msg_type else owner.name


def _listed(values: Iterable[str], most: int = 6) -> str:
    values = list(values)
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more
