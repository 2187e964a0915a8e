"""From what a file says (`Spec`) to a `Dictionary`: names become values, and everything that cannot be is an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NoReturn, cast

from fixfast.dictionary.model import (
    KINDS,
    Code,
    Component,
    ComponentRef,
    Dictionary,
    DictionaryWarning,
    Field,
    FieldRef,
    FlatMember,
    Group,
    GroupRef,
    Index,
    Member,
    Message,
    first_wins,
    flatten,
    is_session,
)
from fixfast.dictionary.raw import RawField, RawMember, RawOwner, Spec
from fixfast.errors import DictionaryError

__all__ = ["MAX_NESTING", "lacks_frame", "merge", "resolve", "resolve_as"]

#: Components and groups inside each other; the standard needs 14.
MAX_NESTING = 64
#: Members of one message with its components expanded; the standard's largest has 1,130.
MAX_EXPANDED = 100_000

_MSG_TYPE = 35
_EXEC_INST = 18


def merge(application: Spec, transport: Spec) -> Spec:
    """Merge an application version with the transport that carries it (FIXT 1.1).

    FIX 4.x brings a session layer of its own, which the transport's header, trailer and session messages replace. FIX
    5.0 and later have none, or in a broker's file that of the transport with changes: what they have counts. Of any
    other definition that both have, the application's counts, and a field keeps the codes of both.

    Of a transport that is a whole version of FIX, only header, trailer and session messages are taken, with the fields
    that stand in them. A file of FIX 4.x that has to borrow is treated as FIX 5.0 is: what it has counts.

    Raises:
        DictionaryError: one name stands for two tags.
    """
    transport = _session_part(transport)
    merged = Spec(application.file, application.version)
    merged.borrowed = application.borrowed
    theirs_first = application.version.startswith("FIX.4") and not application.borrowed
    ours = application
    if theirs_first:
        apart = {key: owner for key, owner in ours.messages.items() if not is_session(key)}
        ours = Spec(ours.file, ours.version, None, None, apart, ours.components, ours.fields)
    merged.header = ours.header if _has_members(ours.header) else transport.header
    merged.trailer = ours.trailer if _has_members(ours.trailer) else transport.trailer
    names = {owner.name for owner in ours.messages.values()}
    added = {key: owner for key, owner in transport.messages.items() if owner.name not in names}
    merged.messages = {**added, **ours.messages}
    first, second = (ours, transport) if theirs_first else (transport, ours)
    merged.components = {**first.components, **second.components}
    merged.fields = _merged_fields(ours, transport)
    return merged


def lacks_frame(spec: Spec) -> bool:
    """Tell whether a version that brings its own session layer has no header or no trailer."""
    return spec.version.startswith("FIX.4") and not (_has_members(spec.header) and _has_members(spec.trailer))


def _session_part(spec: Spec) -> Spec:
    """Return what a version of FIX says about sessions; FIXT says nothing else."""
    if spec.version.startswith("FIXT"):
        return spec
    part = Spec(spec.file, spec.version, spec.header, spec.trailer)
    part.messages = {key: owner for key, owner in spec.messages.items() if is_session(key)}
    owners = [owner for owner in (spec.header, spec.trailer, *part.messages.values()) if owner is not None]
    waiting, names = [owner.members for owner in owners], {"MsgType"}
    while waiting:
        for member in waiting.pop():
            if member.kind != "component":
                names.add(member.name)
                waiting.append(member.members)
            elif member.name in spec.components and member.name not in part.components:
                part.components[member.name] = spec.components[member.name]
                waiting.append(spec.components[member.name].members)
    part.fields = {tag: raw for tag, raw in spec.fields.items() if raw.name in names}
    return part


def _merged_fields(ours: Spec, theirs: Spec) -> dict[int, RawField]:
    fields: dict[int, RawField] = {}
    for tag in sorted({*ours.fields, *theirs.fields}):
        our, their = ours.fields.get(tag), theirs.fields.get(tag)
        if our is not None and their is not None:
            codes = {**our.codes, **{k: v for k, v in their.codes.items() if k not in our.codes}}
            our = our._replace(codes=codes, open=our.open or their.open)
        fields[tag] = cast("RawField", our or their)
    by_name: dict[str, RawField] = {}
    for raw in fields.values():
        other = by_name.setdefault(raw.name, raw)
        if other is not raw:
            detail = f"field {raw.name} is tag {raw.tag} here and {other.tag} in {other.file}"
            raise DictionaryError(detail, raw.file, raw.line, "field")
    return fields


def resolve_as(spec: Spec, begin_string: str) -> Dictionary:
    """Build the dictionary of a spec that is whole, with this in BeginString(8)."""
    return _Resolver(spec).dictionary(begin_string)


def resolve(spec: Spec, transport: Spec | None = None) -> Dictionary:
    """Build the dictionary.

    Args:
        spec: a version of FIX, or FIXT 1.1 itself.
        transport: for FIX 5.0 and later: FIXT 1.1 or what stands in for it.

    Raises:
        DictionaryError: an unknown field, type or component, a component inside itself, a group that is empty
            once expanded, or too much of anything. Names file, line and element.
    """
    merged = spec if transport is None else merge(spec, transport)
    begin_string = (transport or spec).version
    return _Resolver(merged).dictionary("FIXT.1.1" if begin_string.startswith("FIX.5") else begin_string)


class _Resolver:
    """One run over one spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.fields: dict[str, Field] = {}
        self.components: dict[str, Component] = {}
        self.open: list[str] = []  # components being resolved, outermost first
        self.depth = 0
        self.data_pairs: dict[int, int] = {}
        self.warnings: list[DictionaryWarning] = []
        self.groups: list[tuple[Group, RawOwner, int]] = []
        self.flat: dict[tuple[int, bool], tuple[FlatMember, ...]] = {}

    def dictionary(self, begin_string: str) -> Dictionary:
        spec = self.spec
        old = spec.version in ("FIX.4.0", "FIX.4.1")
        by_tag = {raw.tag: self._field(raw, old) for raw in spec.fields.values()}
        self.fields = {item.name: item for item in by_tag.values()}
        if spec.version.startswith("FIX.4") and not _has_members(spec.header):
            hint = f'no <header> with members; one can be borrowed: load_dictionary(..., transport="{spec.version}")'
            raise DictionaryError(hint, spec.file)
        if spec.borrowed:
            detail = f"no header or no trailer: {spec.borrowed} gives what the session layer lacks"
            self.warnings.append(DictionaryWarning(spec.file, 0, detail))
        for owner in spec.components.values():
            self._component(owner)
        messages = {
            owner.msg_type: Message(
                owner.msg_type,
                owner.name,
                cast('Literal["admin", "app"]', owner.category),
                self._members(owner, owner.members),
            )
            for owner in spec.messages.values()
        }
        header = self._members(spec.header, spec.header.members) if spec.header else ()
        trailer = self._members(spec.trailer, spec.trailer.members) if spec.trailer else ()
        self._pairs_by_name(by_tag)
        self._check_expansions(header, messages, trailer)
        return Dictionary(
            version=spec.version,
            begin_string=begin_string,
            fields=Index(by_tag, self.fields),
            messages=Index(messages, {message.name: message for message in messages.values()}),
            components=self.components,
            header=header,
            trailer=trailer,
            data_pairs=dict(sorted(self.data_pairs.items())),
            warnings=tuple(self.warnings),
            _flat=self.flat,
        )

    def _field(self, raw: RawField, old: bool) -> Field:
        kind = KINDS.get(raw.type)
        if kind is None:
            detail = f"field {raw.name} ({raw.tag}) has the unknown type {raw.type!r}"
            raise DictionaryError(detail, raw.file, raw.line, "field")
        if old and kind == "char":
            # FIX 4.0 and 4.1: CHAR is any text, and in ExecInst several codes
            kind = "strings" if raw.tag == _EXEC_INST else "str"
        codes = tuple([Code(value, name) for value, name in raw.codes.items()])
        if raw.tag == _MSG_TYPE and codes:
            # A message that is defined is a value of MsgType; files with messages of their own forget to say so.
            types = self.spec.messages.values()
            codes += tuple([Code(owner.msg_type, owner.name) for owner in types if owner.msg_type not in raw.codes])
        return Field(raw.tag, raw.name, raw.type, codes, kind, raw.open)

    def _component(self, owner: RawOwner) -> Component:
        found = self.components.get(owner.name)
        if found is None:
            if owner.name in self.open:
                chain = " > ".join([*self.open[self.open.index(owner.name) :], owner.name])
                raise DictionaryError(f"component inside itself: {chain}", owner.file, owner.line, "component")
            self.open.append(owner.name)
            found = self.components[owner.name] = Component(owner.name, self._members(owner, owner.members))
            self.open.pop()
        return found

    def _members(self, owner: RawOwner, raw_members: Iterable[RawMember]) -> tuple[Member, ...]:
        if self.depth >= MAX_NESTING:
            self._fail(owner, owner.line, owner.element, f"nested deeper than {MAX_NESTING} levels")
        self.depth += 1
        members: list[Member] = []
        previous: Field | None = None
        for kind, name, required, line, inner in raw_members:
            if kind == "component":
                target = self.spec.components.get(name)
                if target is None:
                    self._fail(owner, line, kind, f"unknown component {name!r}")
                members.append(ComponentRef(self._component(target), required))
                previous = None
                continue
            item = self.fields.get(name)
            if item is None:
                self._fail(owner, line, kind, f"unknown field {name!r}")
            if kind == "field":
                members.append(FieldRef(item, required))
                # The standard knows the length of a data field by position: neither name nor number is a rule.
                if item.kind in ("data", "xml") and previous is not None and previous.is_length:
                    self._pair(owner, previous, item)
                previous = item
            else:
                group = Group(item, self._members(owner, inner))
                self.groups.append((group, owner, line))
                members.append(GroupRef(group, required))
                previous = None
        self.depth -= 1
        return tuple(members)

    def _pair(self, owner: RawOwner, length: Field, data: Field) -> None:
        if self.data_pairs.setdefault(length.tag, data.tag) != data.tag:
            detail = f"{length.name} is already the length of tag {self.data_pairs[length.tag]}, not of {data.name}"
            self.warnings.append(DictionaryWarning(owner.name, data.tag, detail))

    def _pairs_by_name(self, by_tag: dict[int, Field]) -> None:
        """Pair data fields that no length stands before with the length that their definitions name."""
        paired = set(self.data_pairs.values())
        for raw in self.spec.fields.values():
            length = by_tag.get(raw.length)
            if length is None or length.kind not in ("int", "uint") or by_tag[raw.tag].kind not in ("data", "xml"):
                continue
            if raw.tag not in paired and length.tag not in self.data_pairs:
                self.data_pairs[length.tag] = raw.tag

    def _check_expansions(
        self, header: tuple[Member, ...], messages: dict[str, Message], trailer: tuple[Member, ...]
    ) -> None:
        for component in self.components.values():
            self._expand(component.name, component.members)
        for message in messages.values():
            self._expand(message.name, message.members)
        for name, members in (("header", header), ("trailer", trailer)):
            self._expand(name, members)
        for group, owner, line in self.groups:
            if not self._expand(f"{owner.name} > {group.field.name}", group.members):
                self._fail(owner, line, "group", f"group {group.field.name} has no members once expanded")

    def _expand(self, name: str, members: tuple[Member, ...]) -> int:
        flat = flatten(members, self.flat)
        if len(flat) > MAX_EXPANDED:
            raise DictionaryError(f"{name} has more than {MAX_EXPANDED} members once expanded", self.spec.file)
        if len({member.tag for member in flat}) != len(flat):
            kept = {id(member) for member in first_wins(flat)}
            for member in flat:
                if id(member) not in kept:
                    detail = f"{member.name} ({member.tag}) is a member twice: the first counts"
                    self.warnings.append(DictionaryWarning(name, member.tag, detail))
        return len(flat)

    def _fail(self, owner: RawOwner, line: int, element: str, detail: str) -> NoReturn:
        raise DictionaryError(f"{detail} in {owner.name}", owner.file, line, element)


def _has_members(owner: RawOwner | None) -> bool:
    return owner is not None and bool(owner.members)
