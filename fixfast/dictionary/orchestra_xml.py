"""Read a dictionary in FIX Orchestra's XML (repository schemas of 2016 and 2020) into a `Spec`.

The XML may be hostile: see markup.py. Of all that an Orchestra file can say, what validation and typing need is taken:
code sets, fields, components, groups, messages and what they are made of; documentation, rules, work flows, actors
and everything unknown is passed over. Differences to QuickFIX's schema:

- what refers to something does so by id, and may stand before it;
- header and trailer are components that each message refers to: StandardHeader and StandardTrailer;
- a group is defined apart and referred to; here it becomes a component that holds the group, as QuickFIX has it;
- a field's type is a data type, perhaps a kind of another one, or a code set; one with a `unionDataType` takes other
  values than its codes, too;
- definitions may come in several scenarios: the base one counts, without it the first;
- presence "required" is required, "forbidden" is no member, everything else is optional.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from fixfast.dictionary.markup import MarkupReader
from fixfast.dictionary.model import KINDS, is_session
from fixfast.dictionary.raw import RawField, RawMember, RawOwner, Spec
from fixfast.errors import DictionaryError

__all__ = ["ROOTS", "read_orchestra_xml"]

#: The first element, in the schema of 2020 and in that of 2016.
ROOTS = ("repository", "fixRepository")

_NAMESPACE = "http://fixprotocol.io/"
_VERSION = re.compile(r"FIX(T?)\.([0-9])\.([0-9])(SP[0-9])?|FIX\.?Latest", re.IGNORECASE)
_HEADER, _TRAILER = "StandardHeader", "StandardTrailer"
_REFERENCES = ("fieldRef", "groupRef", "componentRef")
#: element -> the elements inside it that are looked at
_CHILDREN: dict[str, tuple[str, ...]] = {
    "repository": ("datatypes", "codeSets", "fields", "components", "groups", "messages"),
    "datatypes": ("datatype",),
    "codeSets": ("codeSet",),
    "codeSet": ("code",),
    "fields": ("field",),
    "components": ("component", "group"),  # groups stand among the components in the schema of 2016
    "groups": ("group",),
    "component": _REFERENCES,
    "group": ("numInGroup", *_REFERENCES),
    "messages": ("message",),
    "message": ("structure",),
    "structure": _REFERENCES,
}


class _Reference(NamedTuple):
    """A member by the id of what it refers to."""

    kind: str
    id: str
    presence: str
    line: int


class _Owner(NamedTuple):
    """A component, group or message; the id of a message is its MsgType."""

    element: str
    id: str
    name: str
    line: int
    references: list[_Reference]


class _CodeSet(NamedTuple):
    type: str
    codes: dict[str, str]
    open: bool


class _Field(NamedTuple):
    tag: int
    name: str
    type: str
    open: bool
    line: int


def read_orchestra_xml(data: bytes, file: str) -> Spec:
    """Read one dictionary.

    Args: data: the XML. file: its name, for error messages.

    Raises:
        DictionaryError: not XML, a DTD or entity, too large or deep, a missing attribute, a definition given twice, a
            reference to nothing. Names file, line and element.
    """
    reader = _Reader(file)
    reader.parse(data)
    return reader.spec()


class _Reader(MarkupReader):
    """What is open, and what was read."""

    def __init__(self, file: str) -> None:
        super().__init__(file, separator=" ")
        self.path: list[str] = []
        self.skipped = 0  # levels of what is not looked at
        self.version = ""
        self.bases: dict[str, str] = {}  # data type -> what it is a kind of
        self.code_sets: dict[str, _CodeSet] = {}
        self.fields: dict[str, _Field] = {}  # by id, as the next three
        self.components: dict[str, _Owner] = {}
        self.groups: dict[str, _Owner] = {}
        self.messages: dict[str, _Owner] = {}
        self.scenarios: dict[tuple[str, str], str] = {}  # element, id -> the scenario that counts so far
        self.codes: dict[str, str] = {}  # of the code set that is open
        self.owner = _Owner("", "", "", 0, [])  # the component, group or message that is open

    # --- elements -------------------------------------------------------------------------------------------

    def start(self, element: str, attributes: dict[str, str]) -> None:
        space, _, name = element.rpartition(" ")
        if not self.path:
            if name not in ROOTS or not space.startswith(_NAMESPACE):
                self.fail(name, "the first element must be <repository> of FIX Orchestra")
            self.path.append("repository")
            self.version = self.version_of(attributes)
            return
        if self.skipped or not space.startswith(_NAMESPACE) or name not in _CHILDREN.get(self.path[-1], ()):
            self.skipped += 1
            return
        self.path.append(name)
        if name in _REFERENCES or name == "numInGroup":
            identity, presence = self.text(name, attributes, "id"), attributes.get("presence", "optional")
            self.owner.references.append(_Reference(name, identity, presence, self.line))
        elif name == "datatype":
            self.bases[self.text(name, attributes, "name")] = attributes.get("baseType", "")
        elif name == "code":
            self.start_code(attributes)
        elif name == "codeSet":
            self.start_code_set(attributes)
        elif name == "field":
            self.start_field(attributes)
        elif name in ("component", "group", "message"):
            self.start_owner(name, attributes)

    def end(self, element: str) -> None:
        if self.skipped:
            self.skipped -= 1
        else:
            self.path.pop()

    def version_of(self, attributes: dict[str, str]) -> str:
        if attributes.get("name", "").upper().startswith("FIXT"):
            return "FIXT.1.1"  # the version of the session layer's file is that of the application it comes with
        for name in ("version", "name"):
            match = _VERSION.search(attributes.get(name, ""))
            if match is not None:
                if match[2] is None:
                    return "FIX.5.0SP2"  # FIX Latest is what became of it
                return f"FIX{match[1]}.{match[2]}.{match[3]}{match[4] or ''}".upper()
        detail = "neither version nor name says which version of FIX it is, as FIX.4.4 or FIX.5.0SP2 do"
        return self.fail("repository", detail)

    def counts(self, element: str, key: str, attributes: dict[str, str]) -> bool:
        """Tell whether a definition counts: the first, but the base scenario before all others."""
        scenario = attributes.get("scenario", "base")
        known = self.scenarios.get((element, key))
        if known == scenario:
            self.fail(element, f"{element} {key} is defined twice")
        if known is not None and scenario != "base":
            return False
        self.scenarios[element, key] = scenario
        return True

    def start_code_set(self, attributes: dict[str, str]) -> None:
        name = self.text("codeSet", attributes, "name")
        self.codes = {}
        if self.counts("codeSet", name, attributes):
            is_open = bool(attributes.get("unionDataType"))
            self.code_sets[name] = _CodeSet(self.text("codeSet", attributes, "type"), self.codes, is_open)

    def start_code(self, attributes: dict[str, str]) -> None:
        value = self.text("code", attributes, "value")
        if value in self.codes:
            self.fail("code", f"value {value!r} is defined twice")
        self.codes[value] = self.text("code", attributes, "name")

    def start_field(self, attributes: dict[str, str]) -> None:
        tag = self.tag("field", attributes, "id")
        name, kind = self.text("field", attributes, "name"), self.text("field", attributes, "type")
        if self.counts("field", str(tag), attributes):
            self.fields[str(tag)] = _Field(tag, name, kind, bool(attributes.get("unionDataType")), self.line)

    def start_owner(self, element: str, attributes: dict[str, str]) -> None:
        name = self.text(element, attributes, "name")
        key = self.text(element, attributes, "msgType" if element == "message" else "id")
        self.owner = _Owner(element, key, name, self.line, [])
        if self.counts(element, key, attributes):
            {"component": self.components, "group": self.groups, "message": self.messages}[element][key] = self.owner

    # --- what it all means ----------------------------------------------------------------------------------

    def spec(self) -> Spec:
        spec = Spec(self.file, self.version)
        names: dict[str, int] = {}
        for field in self.fields.values():
            if names.setdefault(field.name, field.tag) != field.tag:
                detail = f"field {field.name} is tag {field.tag} here and {names[field.name]} before"
                raise DictionaryError(detail, self.file, field.line, "field")
            spec.fields[field.tag] = self.raw_field(field)
        for owner in (*self.components.values(), *self.groups.values()):
            raw = RawOwner("component", owner.name, self.file, owner.line, self.members(owner))
            if owner.name == _HEADER:
                spec.header = raw._replace(element="header", name="header")
            elif owner.name == _TRAILER:
                spec.trailer = raw._replace(element="trailer", name="trailer")
            elif owner.name in spec.components:
                self.fail_at(owner, f"{owner.element} {owner.name} is defined twice")
            else:
                spec.components[owner.name] = raw
        names_of_messages = set()
        for owner in self.messages.values():
            if owner.name in names_of_messages:
                self.fail_at(owner, f"message {owner.name} is defined twice")
            names_of_messages.add(owner.name)
            category = "admin" if is_session(owner.id) else "app"
            members = self.members(owner)
            spec.messages[owner.id] = RawOwner(
                "message", owner.name, self.file, owner.line, members, owner.id, category
            )
        return spec

    def raw_field(self, field: _Field) -> RawField:
        codes = self.code_sets.get(field.type, _CodeSet(field.type, {}, False))
        kind, is_open = self.standard_type(codes.type), field.open or codes.open
        return RawField(field.tag, field.name, kind, self.file, field.line, codes.codes, is_open)

    def standard_type(self, name: str) -> str:
        """Return the type of the standard that a data type is, or is a kind of; one that is unknown as it is."""
        seen: set[str] = set()
        kind = name
        while kind.upper() not in KINDS and kind not in seen and self.bases.get(kind):
            seen.add(kind)
            kind = self.bases[kind]
        return kind.upper() if kind.upper() in KINDS else name.upper()

    def members(self, owner: _Owner) -> list[RawMember]:
        """Return the members of a component or message; of a group, the one group that it is."""
        count: _Reference | None = None
        members = []
        for reference in owner.references:
            if reference.kind == "numInGroup":
                count = count or reference
            elif reference.presence not in ("forbidden", "ignored"):
                member = self.member(owner, reference)
                if member is not None:
                    members.append(member)
        if owner.element != "group":
            return members
        if count is None:
            self.fail_at(owner, f"group {owner.name} has no numInGroup")
        if not members:
            self.fail_at(owner, f"group {owner.name} has no members")
        return [RawMember("group", self.field_name(count), True, count.line, members)]

    def member(self, owner: _Owner, reference: _Reference) -> RawMember | None:
        """Return what a reference means, None for header and trailer, which every message has."""
        required = reference.presence == "required"
        if reference.kind == "fieldRef":
            return RawMember("field", self.field_name(reference), required, reference.line, [])
        known = self.groups if reference.kind == "groupRef" else self.components
        # The schema of 2016 refers to groups as to components.
        target = known.get(reference.id) or self.groups.get(reference.id)
        if target is None:
            self.fail_reference(reference)
        if target.name in (_HEADER, _TRAILER) and owner.element == "message":
            return None
        return RawMember("component", target.name, required, reference.line, [])

    def field_name(self, reference: _Reference) -> str:
        field = self.fields.get(reference.id)
        return self.fail_reference(reference) if field is None else field.name

    def fail_reference(self, reference: _Reference) -> NoReturn:
        what = reference.kind.removesuffix("Ref")
        raise DictionaryError(f"there is no {what} {reference.id!r}", self.file, reference.line, reference.kind)

    def fail_at(self, owner: _Owner, detail: str) -> NoReturn:
        raise DictionaryError(detail, self.file, owner.line, owner.element)
