"""The data dictionary as frozen values: fields, codes, groups, components, messages.

Nothing here reads a file. `resolve.py` builds a `Dictionary` from names, `load.py` from a version or a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeAlias, TypeVar

__all__ = [
    "KINDS",
    "Code",
    "Component",
    "ComponentRef",
    "Dictionary",
    "DictionaryWarning",
    "Field",
    "FieldRef",
    "FlatMember",
    "Group",
    "GroupDef",
    "GroupRef",
    "Index",
    "Kind",
    "Member",
    "Message",
    "first_wins",
    "flatten",
    "is_session",
]

K = TypeVar("K", int, str)
V = TypeVar("V")

#: What may stand in a field, and so what it becomes in Python. "time" is a UTC timestamp, "date" YYYYMMDD, "uint"
#: digits only, "day" 1 to 31; "chars" and "strings" are lists separated by single spaces.
Kind: TypeAlias = Literal[
    "str", "char", "int", "uint", "day", "decimal", "bool", "time", "date", "timeonly", "localtime", "tztime",
    "tztimestamp", "monthyear", "tenor", "chars", "strings", "data", "xml",
]  # fmt: skip

#: Every type name that the standard's dictionaries, and dictionaries in the wild, use. An unknown one is an error.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys("STRING CURRENCY EXCHANGE COUNTRY LANGUAGE XID XIDREF".split(), "str"),
        "CHAR": "char",
        "INT": "int",
        **dict.fromkeys("LENGTH NUMINGROUP SEQNUM TAGNUM".split(), "uint"),
        "DAYOFMONTH": "day",
        **dict.fromkeys("FLOAT PRICE PRICEOFFSET AMT QTY PERCENTAGE".split(), "decimal"),
        "BOOLEAN": "bool",
        **dict.fromkeys("UTCTIMESTAMP TIME".split(), "time"),
        **dict.fromkeys("UTCDATE UTCDATEONLY LOCALMKTDATE DATE".split(), "date"),
        "UTCTIMEONLY": "timeonly",
        "LOCALMKTTIME": "localtime",
        "TZTIMEONLY": "tztime",
        "TZTIMESTAMP": "tztimestamp",
        "MONTHYEAR": "monthyear",
        "TENOR": "tenor",
        "MULTIPLECHARVALUE": "chars",
        **dict.fromkeys("MULTIPLEVALUESTRING MULTIPLESTRINGVALUE".split(), "strings"),
        "DATA": "data",
        "XMLDATA": "xml",
    }
)


@dataclass(frozen=True, slots=True)
class Code:
    """One allowed value of a field: what is on the wire, and its symbolic name (`Code("1", "BUY")`)."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the dictionary.

    `type` is the name in the file ("UTCTIMESTAMP"); `kind` says what it means in this version: CHAR holds any
    string in FIX 4.0 and 4.1. `open` says that values beyond the codes are allowed (`allowOtherValues`).
    """

    tag: int
    name: str
    type: str
    codes: tuple[Code, ...] = ()
    kind: Kind = "str"
    open: bool = False

    @property
    def is_length(self) -> bool:
        """Tell whether a data field behind it in a message is as long as it says.

        The standard's are all of type LENGTH; older files say INT, and mean it if the name says so, too: a HeartBtInt
        that happens to stand before RawData is no length.
        """
        return self.kind in ("int", "uint") and (self.type.upper() == "LENGTH" or "len" in self.name.lower())

    def code_name(self, value: str) -> str | None:
        """Return the symbolic name of a value, None if the dictionary lists none."""
        for code in self.codes:
            if code.value == value:
                return code.name
        return None


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field as a member of a message, component or group."""

    field: Field
    required: bool

    @property
    def tag(self) -> int:
        return self.field.tag

    @property
    def name(self) -> str:
        return self.field.name


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A repeating group as a member. Its tag is that of the count field."""

    group: Group
    required: bool

    @property
    def tag(self) -> int:
        return self.group.field.tag

    @property
    def name(self) -> str:
        return self.group.field.name


@dataclass(frozen=True, slots=True)
class ComponentRef:
    """A component as a member: its members stand here, required only if the component itself is."""

    component: Component
    required: bool

    @property
    def name(self) -> str:
        return self.component.name


Member: TypeAlias = FieldRef | GroupRef | ComponentRef
FlatMember: TypeAlias = FieldRef | GroupRef


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group: the count field and the members of one entry."""

    field: Field
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """A named block of members that several messages share."""

    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its MsgType(35), name and members (header and trailer not included)."""

    msg_type: str
    name: str
    category: Literal["admin", "app"]
    members: tuple[Member, ...]

    @property
    def session(self) -> bool:
        """Whether the session layer deals with it: 0 to 5 and A. Dictionaries call XMLnonFIX (n) admin, but its
        content is the application's."""
        return is_session(self.msg_type)


@dataclass(frozen=True, slots=True)
class GroupDef:
    """A group with its components expanded, in the form that parsing needs.

    `tags` holds the tags of one entry, count tags of nested groups included, members of nested groups not.
    `delimiter` is the tag that opens an entry; it may itself be the count of a nested group. `order` has the tags
    in dictionary order.
    """

    count_tag: int
    delimiter: int
    tags: frozenset[int]
    order: tuple[int, ...]
    required: frozenset[int]
    groups: Mapping[int, GroupDef]


@dataclass(frozen=True, slots=True)
class DictionaryWarning:
    """Something odd in a dictionary that has one sensible reading: `owner` is the message, component or group."""

    owner: str
    tag: int
    detail: str

    def __str__(self) -> str:
        return f"{self.owner}: {self.detail}"


def is_session(msg_type: str) -> bool:
    """Return whether the session layer deals with messages of this type: Heartbeat to Logout, and Logon."""
    return len(msg_type) == 1 and msg_type in "012345A"


class Index(Mapping[K | str, V], Generic[K, V]):
    """A mapping with two keys for each value: its number (or MsgType) and its name. Iterates over the first kind.

    Where a MsgType and another message's name are the same text, the MsgType wins.
    """

    __slots__ = ("_names", "_primary")

    def __init__(self, primary: dict[K, V], names: dict[str, V]) -> None:
        self._primary: Mapping[Any, V] = primary
        self._names = names

    def __getitem__(self, key: K | str) -> V:
        try:
            return self._primary[key]
        except KeyError:
            return self._names[key]  # type: ignore[index]  # a tag is not there: KeyError all the same

    def get(self, key: K | str, default: Any = None) -> Any:
        value = self._primary.get(key)
        if value is None and isinstance(key, str):
            value = self._names.get(key)
        return default if value is None else value

    def __contains__(self, key: object) -> bool:
        return key in self._primary or key in self._names

    def __iter__(self) -> Iterator[K | str]:
        return iter(self._primary)

    def __len__(self) -> int:
        return len(self._primary)

    def __repr__(self) -> str:
        return f"<Index of {len(self)}>"


def flatten(
    members: Iterable[Member], memo: dict[tuple[int, bool], tuple[FlatMember, ...]] | None = None
) -> list[FlatMember]:
    """Put the members of components in their place. Duplicates stay; see `first_wins`.

    Args:
        members: members as the dictionary has them.
        memo: expansions of components by (id, required), kept by a caller who keeps the components alive.
    """
    if memo is None:
        memo = {}
    flat: list[FlatMember] = []
    for member in members:
        if not isinstance(member, ComponentRef):
            flat.append(member)
            continue
        key = (id(member.component), member.required)
        inner = memo.get(key)
        if inner is None:
            # Deduplicated here, so that components that hold each other many times over cannot grow exponentially.
            inner = first_wins(flatten(member.component.members, memo))
            if not member.required:
                inner = tuple(_optional(item) for item in inner)
            memo[key] = inner
        flat.extend(inner)
    return flat


def first_wins(members: Iterable[FlatMember]) -> tuple[FlatMember, ...]:
    """Keep the first member of each tag."""
    seen: dict[int, FlatMember] = {}
    for member in members:
        seen.setdefault(member.tag, member)
    return tuple(seen.values())


def _optional(member: FlatMember) -> FlatMember:
    if not member.required:
        return member
    return FieldRef(member.field, False) if isinstance(member, FieldRef) else GroupRef(member.group, False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dictionary:
    """One version of FIX: what may be on the wire and what it means.

    Attributes:
        version: "FIX.4.4", "FIX.5.0SP2", "FIXT.1.1".
        begin_string: what stands in BeginString(8): "FIXT.1.1" for FIX 5.0 and later.
        fields: by tag and by name; iteration gives tags.
        messages: by MsgType and by name; iteration gives MsgTypes.
        components: by name.
        header, trailer: members that every message has.
        data_pairs: {tag of a length field: tag of the data field that follows it}.
        warnings: what was odd in the file.

    Safe to read from any thread.
    """

    version: str
    begin_string: str
    fields: Index[int, Field]
    messages: Index[str, Message]
    components: Mapping[str, Component]
    header: tuple[Member, ...]
    trailer: tuple[Member, ...]
    data_pairs: Mapping[int, int]
    warnings: tuple[DictionaryWarning, ...] = ()
    # Caches, most keyed by identity: the dictionary keeps what they are keyed by alive.
    _flat: dict[tuple[int, bool], tuple[FlatMember, ...]] = field(default_factory=dict)
    _defs: dict[int, GroupDef] = field(default_factory=dict)
    _members: dict[str, Mapping[int, FlatMember]] = field(default_factory=dict)
    #: {tag: how codec/reading.py reads its values}: a cache, too, and no part of what the dictionary says
    readers: dict[int, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Dictionary {self.version}: {len(self.fields)} fields, {len(self.messages)} messages>"

    def __reduce__(self) -> tuple[type[Dictionary], tuple[object, ...]]:
        public = (self.version, self.begin_string, self.fields, self.messages, self.components)
        return Dictionary, (*public, self.header, self.trailer, self.data_pairs, self.warnings)

    def overlay(self, **tables: Any) -> Dictionary:
        """Return a new dictionary with changes: fields, messages, components, groups, header, trailer, if_missing.

        The tables are those of an overlay in TOML: see `fixfast.dictionary.overlay`.

            d = ff.load_dictionary("FIX.4.4").overlay(
                fields={"Strategy": {"tag": 10001, "type": "STRING"}},
                messages={"NewOrderSingle": {"add": ["Strategy!"]}},
            )

        Raises: DictionaryError: names the key that is wrong.
        """
        from fixfast.dictionary.overlay import apply, make_overlay  # it stands on this module

        return apply(self, make_overlay(tables, "overlay"))

    def members(self, msg_type: str) -> Mapping[int, FlatMember]:
        """Return the top-level members of a message by tag, in order: header, body, trailer; components expanded.

        Args:
            msg_type: MsgType(35); one that the dictionary does not know has header and trailer only.
        """
        message = self.messages.get(msg_type)
        key = message.msg_type if message is not None else ""  # what a peer makes up must not fill the cache
        found = self._members.get(key)
        if found is None:
            parts = (*self.header, *(message.members if message is not None else ()), *self.trailer)
            found = {member.tag: member for member in first_wins(flatten(parts, self._flat))}
            self._members[key] = found
        return found

    def group(self, msg_type: str, count_tag: int) -> GroupDef | None:
        """Return the definition of a top-level group of a message, or of the header or trailer.

        Args:
            msg_type: MsgType(35).
            count_tag: the tag of the group's count field.

        Returns:
            None if the message has no such group. Nested groups are in `GroupDef.groups`.
        """
        member = self.members(msg_type).get(count_tag)
        return self._group_def(member.group) if isinstance(member, GroupRef) else None

    def _group_def(self, group: Group) -> GroupDef:
        found = self._defs.get(id(group))
        if found is None:
            members = first_wins(flatten(group.members, self._flat))
            order = tuple(member.tag for member in members)
            # Two threads may get here at a time: the first one's counts, as identities are keys.
            found = self._defs.setdefault(
                id(group),
                GroupDef(
                    count_tag=group.field.tag,
                    delimiter=order[0],
                    tags=frozenset(order),
                    order=order,
                    required=frozenset(member.tag for member in members if member.required),
                    groups={m.tag: self._group_def(m.group) for m in members if isinstance(m, GroupRef)},
                ),
            )
        return found
