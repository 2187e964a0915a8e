"""What the generated modules fixfast.fix40 ... fixt11 run on: names that are built on first access, out of tables.

A program that wants tags and enums pays for nothing else: typed_build.py, which makes messages, comes with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fixfast.dictionary.typed import lazy_names, make_enum

if TYPE_CHECKING:
    from fixfast.codec.typed_build import Builder
    from fixfast.dictionary.tables import FieldTable

__all__ = ["TypedModule", "typed_module"]


def typed_module(
    namespace: dict[str, Any], version: str, fields: str, msg_types: str, enums: str, owners: str
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__all__`, `__getattr__` and `__dir__` of a generated module.

    Args:
        namespace: the module's globals(). version: "FIX.4.4".
        fields, enums, owners: the tables, as fixfast/dictionary/tables.py describes them.
        msg_types: "Heartbeat=0 ...", separated by white space.
    """
    module = TypedModule(str(namespace["__name__"]), version, fields, msg_types, enums, owners)
    names, get, directory = lazy_names(namespace, module.names, module.build)
    module.get = get
    return names, get, directory


class TypedModule:
    """The tables of a generated module, and what is made of them.

    Attributes: name: of the module. version: "FIX.4.4". owners: {class: MsgType and members}. get: builds a name, once.
    """

    def __init__(self, name: str, version: str, fields: str, msg_types: str, enums: str, owners: str) -> None:
        self.name, self.version = name, version
        self.fields_text, self.msg_types = fields, msg_types
        self.enums = dict(line.split("|", 1) for line in enums.splitlines())
        self.owners = dict(line.split("|", 1) for line in owners.splitlines())
        self.names = ["Tag", "MsgType", *self.owners, *self.enums]
        self.get: Callable[[str], Any] = self.build  # once each, when lazy_names() has it

    @cached_property
    def fields(self) -> FieldTable:
        """The table of fields."""
        from fixfast.dictionary.tables import FieldTable  # it compiles a pattern

        return FieldTable(self.fields_text)

    @cached_property
    def builder(self) -> Builder:
        """What makes messages. PERF: loaded with the first message, not with the module (fix44: 16 -> 8 ms)."""
        from fixfast.codec.typed_build import Builder

        return Builder(self)

    def build(self, name: str) -> Any:
        """Make a name of the module anew."""
        if name == "Tag":
            return type("Tag", (), self.fields.tags() | {"__module__": self.name})
        if name == "MsgType":
            return self.enum(name, self.msg_types.split())
        if name in self.enums:
            return self.enum(name, self.enums[name].split("|"))
        return self.builder.message_or_component(name)

    def enum(self, name: str, items: Iterable[str]) -> type[StrEnum]:
        """Make an enum. Args: items: "BUY=1" each."""
        return make_enum(self.name, name, {key: value for key, _, value in (item.partition("=") for item in items)})
