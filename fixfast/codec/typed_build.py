"""Messages, components and entries of groups, out of the tables of a generated module, on first access.

All classes of FIX 5.0 SP2 would take a second; a program uses a handful. A class is built with its components, those of
the entries of its groups when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.codec.typed import Frame, Layout, Typed, TypedComponent, TypedGroup, TypedMessage
from fixfast.codec.typed_fields import Attribute, FieldAttribute, GroupAttribute
from fixfast.dictionary.naming import attribute
from fixfast.dictionary.tables import FieldRow, MemberRow, read_members
from fixfast.dictionary.typed import BUILD_LOCK

if TYPE_CHECKING:
    from fixfast.codec.typed_module import TypedModule

    #: attribute, and whether it is required
    Place = tuple[Attribute, bool]

__all__ = ["Builder"]

_HEADER, _TRAILER = "StandardHeader", "StandardTrailer"


class Builder:
    """Makes the classes of one module."""

    def __init__(self, module: TypedModule) -> None:
        self.module = module
        self.frame = Frame(
            module.version,
            lambda: module.get(_HEADER).layout,
            lambda: module.get(_TRAILER).layout,
            self.field_name,
        )

    def field_name(self, tag: int) -> str:
        row = self.module.fields.get(tag)
        return "" if row is None else row.name

    def message_or_component(self, name: str) -> type[Typed]:
        """Make a class of the module."""
        msg_type, _, members = self.module.owners[name].partition("|")
        if not msg_type:
            return self.owner(TypedComponent, name, name, read_members(members), {})
        extra = {"msg_type": msg_type, "frame": self.frame}
        return self.owner(TypedMessage, name, name, read_members(members), extra)

    def owner(
        self, root: type[Typed], name: str, path: str, rows: tuple[MemberRow, ...], names: dict[str, Any]
    ) -> type[Typed]:
        """Make a class. `path` is its qualified name, `names` what it has beside its fields."""
        bases: list[type[Typed]] = []
        places: list[Place] = []
        own: dict[str, Any] = {}
        for row in rows:
            if row.name:
                base = self.module.get(row.name)
                bases.append(base)
                places += [(item, row.required and required) for item, required in base.layout.places]
                continue
            field = cast("FieldRow", self.module.fields.get(row.tag))
            attr = attribute(field.name)
            if row.members is None:
                item: Attribute = self.field(field, attr)
            else:
                entry = _EntryClass(self, field.name, f"{path}.{field.name}", row.members)
                own[field.name] = entry
                item = GroupAttribute(field, attr, entry.build)
            own[attr] = item
            places.append((item, row.required))
        if root is TypedGroup and rows[0].name:
            # what opens an entry is required, where it stands in a component, too: the data, if it is a length
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
            "__module__": self.module.name,
            "__qualname__": path,
            "__slots__": (),
            "__doc__": f"{name} of {self.module.version}.",
            "layout": layout,
        }
        # the root first, for its __init__; a component's last, for its bases stand on it, too
        order = [*bases, root] if root is TypedComponent else [root, *bases]
        return cast("type[Typed]", type(name, tuple(order), names))

    def field(self, row: FieldRow, attr: str) -> FieldAttribute:
        coded = row.enum and row.kind not in ("bool", "data", "xml")
        return FieldAttribute(row, attr, (lambda: self.module.get(row.enum)) if coded else None)


class _EntryClass:
    """The class of the entries of a group, an attribute of the class that has the group: built on first access."""

    def __init__(self, builder: Builder, name: str, path: str, members: tuple[MemberRow, ...]) -> None:
        self.builder, self.name, self.path, self.members = builder, name, path, members
        self.made: type[TypedGroup] | None = None

    def __get__(self, instance: Any, kind: type) -> type[TypedGroup]:
        return self.build()

    def build(self) -> type[TypedGroup]:
        with BUILD_LOCK:
            if self.made is None:
                made = self.builder.owner(TypedGroup, self.name, self.path, self.members, {})
                self.made = cast("type[TypedGroup]", made)
            return self.made
