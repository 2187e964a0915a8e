"""What the generated modules fixfast.fix40 ... fixt11 run on: classes out of tables of text, on first access.

FIX 5.0 SP2 has 6,000 fields and 700 enums; building them all takes 100 ms, and a program uses a handful.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    namespace: dict[str, Any], tags: str, msg_types: str, enums: str
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__all__`, `__getattr__` and `__dir__` of a generated module.

    Args:
        namespace: the module's globals(), where built classes are kept.
        tags: "Account=1 AdvId=2 ...", separated by white space.
        msg_types: "Heartbeat=0 ...", separated by white space.
        enums: one line for each enum: "Side|BUY=1|SELL=2"; values may contain spaces.
    """
    module = str(namespace["__name__"])
    lines = dict(line.split("|", 1) for line in enums.splitlines())
    names = ["Tag", "MsgType", *lines]

    def get(name: str) -> Any:
        if name == "Tag":
            pairs = (item.split("=") for item in tags.split())
            built: type = type("Tag", (), {key: int(value) for key, value in pairs} | {"__module__": module})
        elif name == "MsgType":
            built = _enum(module, name, msg_types.split())
        elif name in lines:
            built = _enum(module, name, lines[name].split("|"))
        else:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        # Two threads may get here at a time: both must see the same class.
        return namespace.setdefault(name, built)

    def names_of_module() -> list[str]:
        return sorted({*namespace, *names})

    return names, get, names_of_module


def _enum(module: str, name: str, items: list[str]) -> Any:
    make: Any = StrEnum  # mypy wants literals in the functional form
    members = [(key, value) for key, _, value in (item.partition("=") for item in items)]
    return make(name, members, module=module)
