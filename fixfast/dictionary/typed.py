"""What the generated modules fixfast.fix40 ... fixt11 run on: classes out of tables of text, on first access.

FIX 5.0 SP2 has 6,000 fields and 700 enums; building them all takes 100 ms, and a program uses a handful.

The enum of a field is one class, whoever asks first: fix44.Side, or m.value(54) of a message of FIX 4.4. So classes are
found by what they are made of, here, and no dictionary has to be loaded to know that it is the standard's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from fixfast.dictionary.load import VERSIONS
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.naming import enum_members, enum_name, msg_type_members

__all__ = ["CodeEnum", "code_enum", "lazy_names", "module_name"]

_MSG_TYPE = 35


class CodeEnum(StrEnum):
    """The codes of a field: a member is a str, equal to what is on the wire.

    A member is pickled by its value: what the process that reads it does not have comes as a str.
    """

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        kind = type(self)
        return _restore, (kind.__module__, kind.__qualname__, str(self))


def _restore(module: str, name: str, value: str) -> str:
    """Return the member of a generated module's enum, the plain value where a broker's dictionary had its own."""
    enum: type[StrEnum] | None = getattr(import_module(module), name, None)
    try:
        return value if enum is None else enum(value)
    except ValueError:
        return value


class _Classes:
    """Every enum class in use, by what it is made of. Held weakly: a broker's dictionary takes its own along."""

    def __init__(self) -> None:
        self.lock = RLock()  # of two threads that ask for a class for the first time, both get the same
        self.known: WeakValueDictionary[tuple[str, str, tuple[str, ...]], type[StrEnum]] = WeakValueDictionary()

    def get(self, module: str, name: str, members: Mapping[str, str]) -> type[StrEnum]:
        key = (module, name, (*members, *members.values()))
        with self.lock:
            found = self.known.get(key)
            if found is None:
                make: Any = CodeEnum  # mypy wants literals in the functional form
                found = self.known[key] = make(name, list(members.items()), module=module)
            return found


_CLASSES = _Classes()


def module_name(version: str) -> str:
    """Return the name of the generated module of a version; of this module for one that is not the standard's."""
    stem = VERSIONS.get(version)
    return __name__ if stem is None else f"fixfast.{stem.lower()}"


def code_enum(dictionary: Dictionary, tag: int) -> type[StrEnum] | None:
    """Return the enum of a field's codes; of MsgType(35), one with the messages.

    It is the class in the generated module of the dictionary's version (`fix44.Side`) for every field that has there
    the same codes, in a broker's dictionary, too, and otherwise one of the dictionary's own. While a class is in use
    there is no second one. Any thread may ask.

    Returns: None for a field without codes, or that the dictionary does not have.
    """
    field = dictionary.fields.get(tag)
    if field is None:
        return None
    module = module_name(dictionary.version)
    if tag == _MSG_TYPE:
        return _CLASSES.get(module, "MsgType", msg_type_members(dictionary))
    if not field.codes:
        return None
    return _CLASSES.get(module, enum_name(dictionary, field), enum_members(field.codes))


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


def _enum(module: str, name: str, items: list[str]) -> type[StrEnum]:
    return _CLASSES.get(module, name, {key: value for key, _, value in (item.partition("=") for item in items)})
