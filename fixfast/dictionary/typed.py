"""Enums of coded fields, and modules whose names are built on first access, as fixfast.fix40 ... fixt11 are.

FIX 5.0 SP2 has 6,000 fields and 700 enums; building them all takes 100 ms, and a program uses a handful.

The enum of a field is one class, whoever asks first: fix44.Side, or m.value(54) of a message of FIX 4.4. So classes are
found by what they are made of, here, and no dictionary has to be loaded to know that it is the standard's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary

__all__ = ["BUILD_LOCK", "CodeEnum", "code_enum", "lazy_names", "make_enum", "module_name"]

_MSG_TYPE = 35

#: Of two threads that ask for a class for the first time, both get the same.
BUILD_LOCK = RLock()


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
        self.known: WeakValueDictionary[tuple[str, str, tuple[str, ...]], type[StrEnum]] = WeakValueDictionary()

    def get(self, module: str, name: str, members: Mapping[str, str]) -> type[StrEnum]:
        key = (module, name, (*members, *members.values()))
        with BUILD_LOCK:
            found = self.known.get(key)
            if found is None:
                make: Any = CodeEnum  # mypy wants literals in the functional form
                found = self.known[key] = make(name, list(members.items()), module=module)
            return found


_CLASSES = _Classes()


def module_name(version: str) -> str:
    """Return the name of the generated module of a version; of this module for one that is not the standard's."""
    from fixfast.dictionary.load import VERSIONS  # here: the generated modules need none of it, and it costs 35 ms

    stem = VERSIONS.get(version)
    return __name__ if stem is None else f"fixfast.{stem.lower()}"


def code_enum(dictionary: Dictionary, tag: int) -> type[StrEnum] | None:
    """Return the enum of a field's codes; of MsgType(35), one with the messages.

    It is the class in the generated module of the dictionary's version (`fix44.Side`) for every field that has there
    the same codes, in a broker's dictionary, too, and otherwise one of the dictionary's own. While a class is in use
    there is no second one. Any thread may ask.

    Returns: None for a field without codes, or that the dictionary does not have.
    """
    from fixfast.dictionary.naming import enum_members, enum_name, msg_type_members

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
    namespace: dict[str, Any], names: Sequence[str], build: Callable[[str], Any]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__all__`, `__getattr__` and `__dir__` of a module whose names are built on first access.

    Args:
        namespace: the module's globals(), where what is built is kept.
        names: what the module has.
        build: makes one of them. It may ask for others, by the `__getattr__` that is returned.
    """
    known = frozenset(names)

    def get(name: str) -> Any:
        if name not in known:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        with BUILD_LOCK:
            if name not in namespace:
                namespace[name] = build(name)
            return namespace[name]

    def names_of_module() -> list[str]:
        return sorted({*namespace, *names})

    return list(names), get, names_of_module


def make_enum(module: str, name: str, members: Mapping[str, str]) -> type[StrEnum]:
    """Return the enum of a module that has these {member: value}: the one that is there already, or a new one."""
    return _CLASSES.get(module, name, members)
