"""What the generated modules fixfast.fix40 ... fixt11 run on: classes out of tables of text, on first access.

All classes of FIX 5.0 SP2 would take a second; a program uses a handful. A class is built with its components, those of
the entries of its groups when they are first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from fixfast.codec.typed import Frame, Layout, Typed, TypedComponent, TypedGroup, TypedMessage
from fixfast.codec.typed_fields import Attribute, FieldAttribute, GroupAttribute
from fixfast.dictionary.tables import FieldRow, FieldTable, MemberRow, read_members
from fixfast.dictionary.typed import BUILD_LOCK, lazy_names, make_enum

if TYPE_CHECKING:
    #: attribute, and whether it is required
    Place = tuple[Attribute, bool]

__all__ = ["typed_module"]

_HEADER, _TRAILER = "StandardHeader", "StandardTrailer"


def typed_module(
    namespace: dict[str, Any], version: str, fields: str, msg_types: str, enums: str, owners: str
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__all__`, `__getattr__` and `__dir__` of a generated module.

    Args:
        namespace: the module's globals(). version: "FIX.4.4".
        fields, enums, owners: the tables, as fixfast/dictionary/tables.py describes them.
        msg_types: "Heartbeat=0 ...", separated by white space.
    """
    module = _Module(str(namespace["__name__"]), version, fields, msg_types, enums, owners)
    names, get, directory = lazy_names(namespace, module.names, module.build)
    module.get = get
    return names, get, directory


class _Module:
    def __init__(self, name: str, version: str, fields: str, msg_types: str, enums: str, owners: str) -> None:
        self.name, self.version = name, version
        self.fields_text, self.msg_types = fields, msg_types
        self.enums = dict(line.split("|", 1) for line in enums.splitlines())
        self.owners = dict(line.split("|", 1) for line in owners.splitlines())
        self.names = ["Tag", "MsgType", *self.owners, *self.enums]
        self.get: Callable[[str], Any] = self.build  # once each, when lazy_names() has it
        self.frame = Frame(
            version, lambda: self.get(_HEADER).layout, lambda: self.get(_TRAILER).layout, self.field_name
        )

    @cached_property
    def fields(self) -> FieldTable:
        return FieldTable(self.fields_text)

    def field_name(self, tag: int) -> str:
        row = self.fields.get(tag)
        return "" if row is None else row.name

    def build(self, name: str) -> Any:
        if name == "Tag":
            return type("Tag", (), self.fields.tags() | {"__module__": self.name})
        if name == "MsgType":
            return self.enum(name, self.msg_types.split())
        if name in self.enums:
            return self.enum(name, self.enums[name].split("|"))
        return self.message_or_component(name)

    def enum(self, name: str, items: Iterable[str]) -> type[StrEnum]:
        return make_enum(self.name, name, {key: value for key, _, value in (item.partition("=") for item in items)})

    # --- messages, components, entries of groups ---

    def message_or_component(self, name: str) -> type[Typed]:
        msg_type, _, members = self.owners[name].partition("|")
        if not msg_type:
            return self.owner(TypedComponent, name, name, read_members(members), {})
        extra = {"msg_type": msg_type, "frame": self.frame}
        return self.owner(TypedMessage, name, name, read_members(members), extra)

    def owner(
        self, root: type[Typed], name: str, path: str, rows: tuple[MemberRow, ...], names: dict[str, Any]
    ) -> type[Typed]:
        """Make a class. `path` is its qualified name, `names` what it has beside its fields."""
        from fixfast.codec._data_pairs import DATA_PAIRS
        from fixfast.dictionary.naming import attribute

        bases: list[type[Typed]] = []
        places: list[Place] = []
        own: dict[str, Any] = {}
        for row in rows:
            if row.name:
                base = self.get(row.name)
                bases.append(base)
                places += [(item, row.required and required) for item, required in base.layout.places]
                continue
            field = cast("FieldRow", self.fields.get(row.tag))
            attr = attribute(field.name)
            if row.members is None:
                item: Attribute = self.field(field, attr)
            else:
                entry = _EntryClass(self, field.name, f"{path}.{field.name}", row.members)
                own[field.name] = entry
                item = GroupAttribute(field, attr, entry.build)
            own[attr] = item
            places.append((item, row.required))
        if (
            root is TypedGroup and rows[0].name
        ):  # the field that opens an entry is required: its data, if it is a length
            opener = DATA_PAIRS.get(places[0][0].tag, places[0][0].tag)
            places = [(item, required or item.tag == opener) for item, required in places]
        layout = Layout(places)
        for length in [item for item in own.values() if isinstance(item, FieldAttribute)]:
            data = layout.by_tag.get(DATA_PAIRS.get(length.tag, 0))
            if isinstance(data, FieldAttribute):
                data.pair = length.attr
        names = {
            **own,
            **names,
            "__module__": self.name,
            "__qualname__": path,
            "__slots__": (),
            "__doc__": f"{name} of {self.version}.",
            "layout": layout,
        }
        # the root first, for its __init__; a component's last, for its bases stand on it, too
        order = [*bases, root] if root is TypedComponent else [root, *bases]
        return cast("type[Typed]", type(name, tuple(order), names))

    def field(self, row: FieldRow, attr: str) -> FieldAttribute:
        coded = row.enum and row.kind not in ("bool", "data", "xml")
        return FieldAttribute(row, attr, (lambda: self.get(row.enum)) if coded else None)


class _EntryClass:
    """The class of the entries of a group, an attribute of the class that has the group: built on first access."""

    def __init__(self, module: _Module, name: str, path: str, members: tuple[MemberRow, ...]) -> None:
        self.module, self.name, self.path, self.members = module, name, path, members
        self.made: type[TypedGroup] | None = None

    def __get__(self, instance: Any, kind: type) -> type[TypedGroup]:
        return self.build()

    def build(self) -> type[TypedGroup]:
        with BUILD_LOCK:
            if self.made is None:
                made = self.module.owner(TypedGroup, self.name, self.path, self.members, {})
                self.made = cast("type[TypedGroup]", made)
            return self.made
