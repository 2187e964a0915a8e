"""From what an Orchestra file says (`Repository`) to a `Spec`: references by id become members by name.

Sections may stand in any order in the file, so nothing is followed before all of it is read.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from fixfast.dictionary.model import KINDS
from fixfast.dictionary.raw import RawField, RawMember, RawOwner, Spec
from fixfast.errors import DictionaryError

__all__ = ["Block", "CodeSet", "FieldSource", "Ref", "Repository", "link"]

#: Members of groups, counted once for each place where a group stands; FIX 5.0 SP2 has 6,000.
MAX_INLINE = 100_000
#: Groups inside groups.
MAX_GROUPS = 32
#: Datatypes derived from each other, one from the next.
MAX_BASES = 8

_VERSION = re.compile(r"FIXT?\.[0-9]\.[0-9](?:SP[0-9])?|FIX\.?Latest", re.IGNORECASE)
_HEADER, _TRAILER = "StandardHeader", "StandardTrailer"
_APPL_VER_ID = 1128


class Ref(NamedTuple):
    """A reference to a field, component or group by id, or by name (str) where it has no id."""

    kind: str
    key: int | str
    required: bool
    line: int


@dataclass(slots=True)
class Block:
    """A message, component or group: its id or MsgType, and what it refers to in the scenarios read so far.

    References are keyed by kind, id and how often this was referred to before; `required` counts the scenarios that
    require one, `merged` all scenarios that count. `count` is a group's count field.
    """

    element: str
    key: int | str
    name: str
    line: int
    base: bool
    refs: dict[tuple[str, int | str, int], Ref] = field(default_factory=dict)
    required: Counter[tuple[str, int | str, int]] = field(default_factory=Counter)
    merged: int = 0
    count: Ref | None = None
    category: str = "app"
    scenarios: set[str] = field(default_factory=set)


class CodeSet(NamedTuple):
    """A code set: {value: name}; `base`: given for the base scenario."""

    type: str
    base: bool
    codes: dict[str, str]
    scenarios: set[str]


class FieldSource(NamedTuple):
    """A field as written: `type` a datatype or code set, `code_set` the attribute of later editions."""

    tag: int
    name: str
    type: str
    code_set: str
    line: int
    open: bool
    length: int
    base: bool
    scenarios: set[str]


@dataclass(slots=True)
class Repository:
    """What one file says."""

    file: str
    name: str = ""
    version: str = ""
    base_types: dict[str, str] = field(default_factory=dict)
    code_sets: dict[str, CodeSet] = field(default_factory=dict)
    fields: dict[int, FieldSource] = field(default_factory=dict)
    components: dict[int | str, Block] = field(default_factory=dict)
    groups: dict[int | str, Block] = field(default_factory=dict)
    messages: dict[int | str, Block] = field(default_factory=dict)


def link(repository: Repository) -> Spec:
    """Follow the references.

    Raises: DictionaryError: a reference to what is not there, a name given twice, a group inside itself, no version.
    """
    return _Linker(repository).spec()


class _Linker:
    """One run over one file."""

    def __init__(self, repository: Repository) -> None:
        self.source = repository
        self.file = repository.file
        self.blocks = {"component": repository.components, "group": repository.groups}
        self.tags = {raw.name: tag for tag, raw in repository.fields.items()}
        self.ids = {kind: {block.name: key for key, block in blocks.items()} for kind, blocks in self.blocks.items()}
        self.inline = 0
        self.open: list[int | str] = []  # groups being put into their owner's members, outermost first

    def spec(self) -> Spec:
        source = self.source
        spec = Spec(self.file)
        for raw in source.fields.values():
            item = self.field(raw)
            if self.tags[raw.name] != raw.tag:
                self.fail("field", raw.line, f"field {raw.name} ({raw.tag}) is defined twice")
            spec.fields[raw.tag] = item
        for block in (*source.components.values(), *source.groups.values()):
            if block.element == "group" and self.is_inline(block):
                continue
            if block.name in spec.components:
                self.fail(block.element, block.line, f"component {block.name} is defined twice")
            members = self.group(block) if block.element == "group" else self.members(block)
            spec.components[block.name] = RawOwner("component", block.name, self.file, block.line, members)
        spec.header = spec.components.pop(_HEADER, None)
        spec.trailer = spec.components.pop(_TRAILER, None)
        self.messages(spec)
        spec.version = self.version(spec)
        return spec

    def fail(self, element: str, line: int, detail: str) -> NoReturn:
        raise DictionaryError(detail, self.file, line, element)

    def version(self, spec: Spec) -> str:
        source = self.source
        if source.name.upper().startswith("FIXT"):
            return "FIXT.1.1"
        for text in (source.version, source.name):
            found = _VERSION.search(text)
            if found is not None:  # FIX Latest is what became of FIX 5.0 SP2
                return "FIX.5.0SP2" if found[0].upper().endswith("LATEST") else found[0].upper()
        names = {member.name for member in spec.header.members} if spec.header is not None else set()
        known = spec.fields.get(_APPL_VER_ID)
        if spec.header is None or (known is not None and known.name in names):
            return "FIX.5.0SP2"  # only messages over FIXT have an ApplVerID
        return self.fail("repository", 1, f'version={source.version!r} names no version of FIX, as "FIX.4.4" does')

    def messages(self, spec: Spec) -> None:
        names: dict[str, str] = {}
        for key, block in self.source.messages.items():
            if names.setdefault(block.name, str(key)) != key:
                self.fail("message", block.line, f"message {block.name} ({key}) is defined twice")
            # Header and trailer are every message's.
            members = [m for m in self.members(block) if m.kind != "component" or m.name not in (_HEADER, _TRAILER)]
            owner = RawOwner("message", block.name, self.file, block.line, members, str(key), block.category)
            spec.messages[str(key)] = owner

    def field(self, raw: FieldSource) -> RawField:
        codes: dict[str, str] = {}
        name = raw.code_set or raw.type
        known = self.source.code_sets.get(name)
        if known is not None:
            name, codes = known.type, known.codes
        elif raw.code_set and not raw.type:
            self.fail("field", raw.line, f"unknown code set {raw.code_set!r}")
        elif raw.code_set:
            name = raw.type
        return RawField(
            raw.tag, raw.name, self.datatype(name), self.file, raw.line, codes, raw.open and bool(codes), raw.length
        )

    def datatype(self, name: str) -> str:
        """Return the type of FIX that a datatype is, or is derived from; itself if none: the resolver names it."""
        found = name
        for _ in range(MAX_BASES):
            if found.upper() in KINDS:
                return found.upper()
            found = self.source.base_types.get(found, "")
        return name

    def is_inline(self, block: Block) -> bool:
        """Whether a group is not a component of its own: it then is named as its count field."""
        assert block.count is not None, "the reader has seen to it"
        return self.field_name(block.count) == block.name

    def field_name(self, ref: Ref) -> str:
        tag = ref.key if isinstance(ref.key, int) else self.tags.get(ref.key)
        found = self.source.fields.get(tag) if tag is not None else None
        if found is None:
            self.fail("fieldRef", ref.line, f"unknown field {ref.key}")
        return found.name

    def members(self, block: Block) -> list[RawMember]:
        members = []
        for place, named in block.refs.items():
            ref = named._replace(required=block.required[place] == block.merged)
            if ref.kind == "field":
                members.append(RawMember("field", self.field_name(ref), ref.required, ref.line, []))
                continue
            target = self.target(ref)
            if target is None:
                self.fail(f"{ref.kind}Ref", ref.line, f"unknown {ref.kind} {ref.key} in {block.name}")
            if target.element == "group" and self.is_inline(target):
                members.append(self.group(target, ref)[0])
            else:
                members.append(RawMember("component", target.name, ref.required, ref.line, []))
        return members

    def target(self, ref: Ref) -> Block | None:
        """Return what a reference means. In the edition of 2016 groups are referred to as components, too."""
        for kind in (ref.kind, "group"):
            key = ref.key if isinstance(ref.key, int) else self.ids[kind].get(ref.key, ref.key)
            if key in self.blocks[kind]:
                return self.blocks[kind][key]
        return None

    def group(self, block: Block, ref: Ref | None = None) -> list[RawMember]:
        """Return a group as the one member of its component, or (`ref`) as a member of its owner."""
        count = block.count
        assert count is not None, "the reader has seen to it"
        if block.key in self.open:
            self.fail("group", block.line, f"group inside itself: {block.name}")
        self.inline += len(block.refs)
        if self.inline > MAX_INLINE or len(self.open) > MAX_GROUPS:
            detail = f"groups in groups: more than {MAX_INLINE} members or {MAX_GROUPS} levels"
            self.fail("group", block.line, detail)
        self.open.append(block.key)
        members = self.members(block)
        self.open.pop()
        required, line = (count.required, block.line) if ref is None else (ref.required, ref.line)
        return [RawMember("group", self.field_name(count), required, line, members)]
