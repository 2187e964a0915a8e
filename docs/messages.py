"""Write the schema in docs/ipc.md from the code: `python -m docs.messages`. A test says when it is due.

What stands between `<!-- messages: NAME -->` and `<!-- end -->` is made of the classes in fixfast/service/messages.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from fixfast.service import messages
from fixfast.service.messages import commands, events, greeting, launching

__all__ = ["PAGE", "classes", "described", "filled", "main"]

PAGE = Path(__file__).resolve().parent / "ipc.md"

_MODULES = {"greeting": greeting, "launching": launching, "commands": commands, "events": events}
_MARKED = re.compile(r"(<!-- messages: (\w+) -->\n).*?(<!-- end -->)", re.S)
_PLAIN = {int: "int", str: "str", bytes: "bin", bool: "bool", type(None): "nil"}


def classes(name: str) -> list[type[msgspec.Struct]]:
    """Return the messages of one module, in its order."""
    module = _MODULES[name]
    return [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
    ]


def described(cls: type[msgspec.Struct]) -> dict[str, str]:
    """Return {field: text} from the Attributes of a docstring."""
    section = re.search(r"^ {4}Attributes:\n(.*)", cls.__doc__ or "", re.M | re.S)
    found = {}
    for entry in re.split(r"^ {8}(?=\S)", section[1] if section else "", flags=re.M)[1:]:
        name, _, text = " ".join(entry.split()).partition(": ")
        found[name] = text
    return found


def kind(hint: Any) -> str:
    """Return a type in MessagePack's words."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(map(kind, inner))
    if typing.get_origin(hint) is list:
        return f"array of {kind(inner[0])}"
    if typing.get_origin(hint) is tuple:
        return f"array of {kind(inner[0])}" if inner[-1] is Ellipsis else f"[{', '.join(map(kind, inner))}]"
    return str(hint.__name__)


def section(cls: type[msgspec.Struct]) -> Iterable[str]:
    """Yield the lines of one message."""
    info = msgspec.structs.fields(cls)
    texts = described(cls)
    tag = cls.__struct_config__.tag
    summary = " ".join((cls.__doc__ or "").partition("\n\n")[0].split())
    yield f"**{cls.__name__}**" + (f" `{tag}`" if tag else "") + f": {summary}\n"
    yield "| key | type | default | |\n|---|---|---|---|"
    hints = typing.get_type_hints(cls)
    for field in info:
        default = "" if field.required else f"`{_shown(field.default)}`"
        text = texts.get(field.name, "").replace("|", "\\|")
        yield f"| `{field.name}` | {kind(hints[field.name])} | {default} | {text[:1].upper()}{text[1:]} |"
    yield ""


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "nil"}[value]
    return "[]" if value == () else f'"{value}"' if isinstance(value, str) else str(value)


def made(name: str) -> str:
    """Return the text between two markers."""
    return "\n".join(line for cls in classes(name) for line in section(cls))


def filled(text: str) -> str:
    """Return a page with the text between its markers made anew."""
    assert messages.VERSION == 1
    return _MARKED.sub(lambda match: f"{match[1]}\n{made(match[2])}\n{match[3]}", text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
