"""The stub of a typed module, fixfast/fix44/__init__.pyi: what mypy and an IDE know of it.

A constructor takes `**fields: Unpack[_NewOrderSingleFields]` (PEP 692), a TypedDict that inherits those of the
message's components, so each field is written once. The fields of a component that some owner requires and another does
not are in a TypedDict of their own, twice: required (`_InstrumentRequired`) and not (`_InstrumentOptional`). Attributes
are written once, too, in the class that has the field; who requires what a component leaves open says so again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fixfast.dictionary.model import Dictionary, Field, Kind
from fixfast.dictionary.naming import identifier, msg_type_members
from fixfast.dictionary.outline import HEADER, TRAILER, BaseItem, FieldItem, GroupItem, Item, Owner, outline
from fixfast.dictionary.render import note
from fixfast.dictionary.render_typed import by_name, enums

__all__ = ["render_stub"]

_IMPORTS = """\
import datetime as _dt
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal, Required, TypeAlias, TypedDict, Unpack

from fixfast.codec.typed import TypedComponent, TypedGroup, TypedMessage
from fixfast.types import MonthYear, Scaled, Tenor

_Number: TypeAlias = Decimal | int | Scaled | str
_Moment: TypeAlias = _dt.datetime | int

class _Extra(TypedDict, total=False):
    extra: Iterable[tuple[int, Any]]
"""

_MESSAGE = """\
class _Message(TypedMessage):
    def encode(  # type: ignore[override]
        self,
        *,
        sender_comp_id: str,
        target_comp_id: str,
        msg_seq_num: int,
        sending_time: _Moment,
        timestamp_digits: int = 3,
        **header: Unpack[_HeaderFields],
    ) -> bytes: ...
"""

#: kind -> (type of the attribute, type of the keyword)
_TYPES: dict[Kind, tuple[str, str]] = {
    "str": ("str", "str"),
    "char": ("str", "str"),
    "int": ("int", "int"),
    "uint": ("int", "int"),
    "day": ("int", "int"),
    "decimal": ("Decimal", "_Number"),
    "bool": ("bool", "bool"),
    "time": ("_dt.datetime", "_Moment"),
    "date": ("_dt.date", "_dt.date"),
    "timeonly": ("_dt.time", "_dt.time"),
    "localtime": ("_dt.time", "_dt.time"),
    "tztime": ("_dt.time", "_dt.time"),
    "tztimestamp": ("_dt.datetime", "_Moment"),
    "monthyear": ("MonthYear", "MonthYear | str"),
    "tenor": ("Tenor", "Tenor | str"),
    "chars": ("tuple[str, ...]", "str | Iterable[str]"),
    "strings": ("tuple[str, ...]", "str | Iterable[str]"),
    "data": ("bytes", "bytes | str"),
    "xml": ("bytes", "bytes | str"),
}
_INT_KINDS = ("int", "uint", "day")
_FRAME = frozenset({34, 49, 52, 56})  # keywords of encode() by themselves


def render_stub(dictionary: Dictionary, spec: str) -> str:
    """Return __init__.pyi of a typed module."""
    return "\n".join([f"# {note(spec)}", _IMPORTS, *_Stub(dictionary).lines()]).rstrip("\n") + "\n"


class _Stub:
    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.owners = outline(dictionary)
        self.enums = {item.tag: name for name, (item, _) in enums(dictionary).items()}
        self.inputs_used: set[str] = set()
        self.dicts: list[str] = []
        #: TypedDicts of components that are written: (component, required, opener) -> name
        self.variants: dict[tuple[str, bool, int], str] = {}
        self.tags = {name: frozenset(self.tags_in(owner.items)) for name, owner in self.owners.items()}
        self.written: set[str] = set()
        self.openers: dict[str, set[int]] = {name: set() for name in self.owners}
        for owner in self.owners.values():
            self.note_openers(owner)

    def tags_in(self, items: Iterable[Item]) -> Iterator[int]:
        for item in items:
            if isinstance(item, BaseItem):
                yield from self.tags_in(self.owners[item.name].items)
            else:
                yield item.field.tag

    def note_openers(self, owner: Owner) -> None:
        for group in owner.groups():
            self.note_openers(group.entry)
        for base in owner.bases():
            if base.opener:
                self.note_opener(base.name, base.opener)

    def note_opener(self, component: str, tag: int) -> None:
        if tag in self.tags[component]:
            self.openers[component].add(tag)
            for base in self.owners[component].bases():
                self.note_opener(base.name, tag)

    def lines(self) -> list[str]:
        coded = enums(self.dictionary)
        classes = [line for owner in self.bases_first() for line in self.owner(owner)]
        self.header()
        text = ["__all__ = [", *(f'    "{name}",' for name in ("Tag", "MsgType", *self.owners, *coded)), "]", ""]
        text += ["class Tag:", f'    """Tags of {self.dictionary.version} by field name."""', ""]
        text += [f"    {identifier(item.name)}: Final = {item.tag}" for item in by_name(self.dictionary)]
        text += ["", "class MsgType(StrEnum):", f'    """MsgType (35) of {self.dictionary.version}."""', ""]
        text += [f'    {name} = "{value}"' for name, value in msg_type_members(self.dictionary).items()]
        for name, (item, members) in coded.items():
            text += ["", f"class {name}(StrEnum):", f'    """{item.name} ({item.tag})."""', ""]
            text += [f'    {member} = "{value}"' for member, value in members.items()]
        text += ["", *self.inputs(), "", *self.dicts, _MESSAGE]
        return text + classes

    def inputs(self) -> Iterator[str]:
        """Yield what each enum may be given as: a member, or a value that is one."""
        for name, (item, members) in enums(self.dictionary).items():
            if name in self.inputs_used:
                if item.open:
                    values = "str"
                else:
                    values = "Literal[" + ", ".join(f'"{value}"' for value in members.values()) + "]"
                yield f"_{name}In: TypeAlias = {name} | {values}" + (" | int" if item.kind in _INT_KINDS else "")

    # --- classes ---

    def bases_first(self) -> list[Owner]:
        """Return the classes, each behind its bases: mypy finds no nested class of one whose base comes later."""
        found: dict[str, Owner] = {}

        def add(owner: Owner) -> None:
            for item in (*owner.bases(), *(base for group in owner.groups() for base in bases_in(group.entry))):
                add(self.owners[item.name])
            found.setdefault(owner.name, owner)

        def bases_in(entry: Owner) -> Iterator[BaseItem]:
            yield from entry.bases()
            for group in entry.groups():
                yield from bases_in(group.entry)

        for owner in self.owners.values():
            add(owner)
        return list(found.values())

    def owner(self, owner: Owner, indent: str = "") -> Iterator[str]:
        root = "TypedGroup" if indent else "TypedComponent" if owner.msg_type is None else "_Message"
        bases = [item.name for item in owner.bases()]
        bases = [*bases, root] if root == "TypedComponent" else [root, *bases]
        yield f"{indent}class {owner.name}({', '.join(bases)}):"
        inner = f"{indent}    "
        what = f"{owner.fix_name} ({owner.msg_type})" if owner.msg_type else owner.fix_name
        yield f'{inner}"""{what}."""'
        yield ""
        if root != "TypedComponent":
            name = self.fields_of(owner)
            yield f"{inner}def __init__(self, **fields: Unpack[{name}]) -> None: ..."
        certain = root != "TypedComponent"
        for item in owner.items:
            yield from self.attributes(item, inner, certain)
        for group in owner.groups():
            yield ""
            yield from self.owner(group.entry, inner)
        yield ""

    def attributes(self, item: Item, indent: str, certain: bool) -> Iterator[str]:
        if isinstance(item, BaseItem):
            if certain:
                for must in self.required_in(item):
                    yield f"{indent}{must.attr}: {self.read_type(must, True)}"
        else:
            yield f"{indent}{item.attr}: {self.read_type(item, certain and item.required)}"

    def required_in(self, base: BaseItem) -> Iterator[FieldItem]:
        """Yield the fields of a component that are there wherever the component's owner is made."""
        for item in self.owners[base.name].items:
            if isinstance(item, BaseItem):
                yield from self.required_in(BaseItem(item.name, base.required and item.required, base.opener))
            elif isinstance(item, FieldItem) and ((base.required and item.required) or item.field.tag == base.opener):
                yield item

    def read_type(self, item: FieldItem | GroupItem, certain: bool) -> str:
        if isinstance(item, GroupItem):
            return f"tuple[{item.entry.path}, ...]"
        field = item.field
        kind = self.kind_of(field)
        if kind is None:
            text = _TYPES[field.kind][0]
        elif field.kind in ("chars", "strings"):
            text = f"tuple[{kind}{' | str' if field.open else ''}, ...]"
        else:
            text = f"{kind} | {_TYPES[field.kind][0]}" if field.open else kind
        return text if certain else f"{text} | None"

    def kind_of(self, field: Field) -> str | None:
        """Return the name of the enum that a field is read as, None if it is none."""
        if field.kind in ("bool", "data", "xml"):
            return None
        return self.enums.get(field.tag)

    # --- keywords ---

    def header(self) -> None:
        """Write the TypedDict of what encode() takes beside the four fields that every header has."""
        items = [*self.owners[HEADER].items, *self.owners[TRAILER].items]
        bases = [self.variant(item.name, False, 0) for item in items if isinstance(item, BaseItem)]
        own = [item for item in items if not isinstance(item, BaseItem) and item.field.tag not in _FRAME]
        self.typed_dict("_HeaderFields", bases, [self.keyword(item, False) for item in own])

    def fields_of(self, owner: Owner) -> str:
        """Write the TypedDict of a message or an entry; return its name."""
        name = f"_{owner.path.replace('.', '_')}Fields"
        bases = [self.variant(item.name, item.required, item.opener) for item in owner.bases()]
        own = [self.keyword(item, item.required) for item in owner.items if not isinstance(item, BaseItem)]
        self.typed_dict(name, ["_Extra", *bases], own)
        return name

    def typed_dict(self, name: str, bases: list[str], keys: list[str]) -> None:
        self.dicts += [f"class {name}({', '.join(bases or ['TypedDict'])}, total=False):"]
        self.dicts += [f"    {key}" for key in keys or ["..."]] + [""]

    def variant(self, component: str, required: bool, opener: int) -> str:
        """Write the TypedDict of a component, once for each way in which its fields are required; return its name."""
        requires = self.requires(component)
        key = (component, requires and required, opener if opener in self.tags[component] else 0)
        if key not in self.variants:
            suffix = ("Required" if key[1] else "Optional") if requires else "Opening" if key[2] else "Fields"
            self.variants[key] = f"_{component}{suffix}{key[2] or ''}"
            self.write_variant(component, key[1], key[2], self.variants[key])
        return self.variants[key]

    def write_variant(self, component: str, required: bool, opener: int, name: str) -> None:
        items = self.owners[component].items
        bases = [item for item in items if isinstance(item, BaseItem)]
        own = [item for item in items if not isinstance(item, BaseItem)]
        firm = [item for item in own if not self.may_be_required(component, item)]
        firm_bases = [self.variant(base.name, False, 0) for base in bases if not self.varies(base.name)]
        firm_keys = [self.keyword(item, False) for item in firm]
        if not self.varies(component):
            self.typed_dict(name, firm_bases, firm_keys)
            return
        rest = f"_{component}Rest"
        if (firm_bases or firm_keys) and self.variants.setdefault((component, False, -1), rest) not in self.written:
            self.written.add(rest)
            self.typed_dict(rest, firm_bases, firm_keys)
        above = [rest] if firm_bases or firm_keys else []
        above += [
            self.variant(base.name, required and base.required, opener) for base in bases if self.varies(base.name)
        ]
        keys = [
            self.keyword(item, (required and item.required) or item.field.tag == opener)
            for item in own
            if item not in firm
        ]
        self.typed_dict(name, above, keys)

    def requires(self, component: str) -> bool:
        """Tell whether a component that is required requires a field."""
        return any(
            item.required and (not isinstance(item, BaseItem) or self.requires(item.name))
            for item in self.owners[component].items
        )

    def varies(self, component: str) -> bool:
        """Tell whether some owner of a component requires a field of it."""
        return any(
            self.varies(item.name) if isinstance(item, BaseItem) else self.may_be_required(component, item)
            for item in self.owners[component].items
        )

    def may_be_required(self, component: str, item: FieldItem | GroupItem) -> bool:
        return item.required or item.field.tag in self.openers[component]

    def keyword(self, item: FieldItem | GroupItem, required: bool) -> str:
        text = f"Iterable[{item.entry.path}]" if isinstance(item, GroupItem) else self.given_type(item.field)
        return f"{item.attr}: " + (f"Required[{text}]" if required else f"{text} | None")

    def given_type(self, field: Field) -> str:
        enum = self.kind_of(field)
        if enum is None:
            return _TYPES[field.kind][1]
        self.inputs_used.add(enum)
        return f"_{enum}In | Iterable[_{enum}In]" if field.kind in ("chars", "strings") else f"_{enum}In"
