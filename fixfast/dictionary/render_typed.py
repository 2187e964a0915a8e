"""The text of a typed module, fixfast/fix44/__init__.py: tables, and one call that makes names of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fixfast.dictionary.model import Dictionary, Field
from fixfast.dictionary.naming import enum_members, enum_name, identifier, msg_type_members
from fixfast.dictionary.outline import BaseItem, GroupItem, Item, Owner, outline
from fixfast.dictionary.render import note, wrapped
from fixfast.dictionary.tables import KIND_LETTERS

__all__ = ["by_name", "enums", "render_typed"]


def enums(dictionary: Dictionary) -> dict[str, tuple[Field, dict[str, str]]]:
    """Return {name of the enum: (its field, {member: value})}, sorted by name, as a typed module has them.

    MsgType(35) is not among them: its members are the messages.
    """
    coded = [item for item in dictionary.fields.values() if item.codes and item.name != "MsgType"]
    found = {enum_name(dictionary, item): (item, enum_members(item.codes)) for item in coded}
    return dict(sorted(found.items()))


def by_name(dictionary: Dictionary) -> list[Field]:
    """Return the fields sorted by name."""
    return sorted(dictionary.fields.values(), key=lambda item: item.name)


def render_typed(dictionary: Dictionary, spec: str) -> str:
    """Return __init__.py of a typed module."""
    lines = []
    for name, (item, members) in enums(dictionary).items():
        if any(mark in value for value in members.values() for mark in '|\\\n"'):
            raise ValueError(f"{item.name} ({item.tag}) has a value that the table cannot hold")
        lines.append("|".join([name, *(f"{member}={value}" for member, value in members.items())]))
    return "\n".join(
        [
            f"# {note(spec)}",
            f'"""{dictionary.version}: messages, `Tag`, `MsgType`, enums of coded fields, built on first access."""',
            "",
            "from fixfast.codec.typed_module import typed_module",
            "",
            '_FIELDS = """',
            *wrapped((_field(dictionary, item) for item in by_name(dictionary)), indent=""),
            '"""',
            "",
            '_MSG_TYPES = """',
            *wrapped((f"{name}={value}" for name, value in msg_type_members(dictionary).items()), indent=""),
            '"""',
            "",
            '_ENUMS = """\\',
            *lines,
            '"""',
            "",
            '_OWNERS = """\\',
            *(_owner(owner) for owner in outline(dictionary).values()),
            '"""',
            "",
            "__all__, __getattr__, __dir__ = typed_module(",
            f'    globals(), "{dictionary.version}", _FIELDS, _MSG_TYPES, _ENUMS, _OWNERS',
            ")",
            "",
        ]
    )


def _field(dictionary: Dictionary, item: Field) -> str:
    marks = KIND_LETTERS[item.kind]
    if item.codes and item.name != "MsgType":
        marks += "*" if enum_name(dictionary, item) == identifier(item.name) else "+"
    if item.open:
        marks += "~"
    return f"{identifier(item.name)}={item.tag}" + (f":{marks}" if marks else "")


def _owner(owner: Owner) -> str:
    return f"{owner.name}|{owner.msg_type or ''}|{' '.join(_members(owner.items))}"


def _members(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        mark = "!" if item.required else ""
        if isinstance(item, BaseItem):
            yield f"{item.name}{mark}"
        elif isinstance(item, GroupItem):
            yield f"{item.field.tag}("
            yield from _members(item.entry.items)
            yield f"){mark}"
        else:
            yield f"{item.field.tag}{mark}"
