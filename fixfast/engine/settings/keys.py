"""Which keys a configuration file may have: the fields of the options' dataclasses, by their types and docstrings.

Nothing is listed twice: a field that a dataclass gets is a key from then on, documented by the class's docstring. A
type that no file can give (a function, an `ssl.SSLContext`) makes a field one for code only.
"""

from __future__ import annotations

import re
import ssl
import sys
import types
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from inspect import get_annotations
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin

from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.settings.hooks import DictionaryName, LogonFields, ResendRule
from fixfast.session.config import SessionConfig
from fixfast.session.schedule import Schedule

__all__ = [
    "CODE_ONLY",
    "NO_DEFAULT",
    "FilePath",
    "Key",
    "Weekday",
    "alternatives",
    "givable",
    "keys_of",
    "said_of",
]

#: The path of a file or a directory; in a configuration file it is relative to that file.
FilePath: TypeAlias = Annotated[str, "path"]
#: A host, or the path of a Unix socket, which has a slash in it.
HostOrPath: TypeAlias = Annotated[str, "host"]
#: A day of the week by its name.
Weekday: TypeAlias = Annotated[str, "weekday"]

#: Why a file cannot give what fields of these types take.
CODE_ONLY: Mapping[object, str] = {
    Callable: "a function",
    ssl.SSLContext: "an object of Python's ssl module",
    Dictionary: "a dictionary that is loaded already",
    DictionarySet: "dictionaries that are loaded already",
}
NO_DEFAULT: Any = MISSING

#: (class, field) -> what stands in a file for a type that cannot
_INSTEAD: Mapping[tuple[type, str], Any] = {
    (SessionConfig, "logon"): LogonFields | None,
    (SessionConfig, "on_resend"): ResendRule | None,
    (SessionConfig, "dictionary"): DictionaryName | None,
    (ConnectionConfig, "host"): HostOrPath,
    (Schedule, "days"): tuple[Weekday, ...],
    (Schedule, "end_day"): Weekday | None,
}
#: (class, field) -> what is said of that, instead of the docstring
_TEXTS: Mapping[tuple[type, str], str] = {
    (SessionConfig, "logon"): (
        "fields to add to each Logon we send first, in this order: tags with texts, whole numbers, true (Y) or false. "
        "A function that signs is for code: `Settings.replace()`."
    ),
    (SessionConfig, "on_resend"): (
        'stored application messages that the peer asks for are all resent, or all gap-filled. "none": D, F and G '
        "are gap-filled, the rest is resent. A function that decides is for code: `Settings.replace()`."
    ),
    (SessionConfig, "dictionary"): (
        "what describes received messages, see below. Without it: the standard's dictionary of the version."
    ),
    (Schedule, "days"): "weekdays on which windows begin.",
    (Schedule, "start"): "when, local time.",
    (Schedule, "end"): "until when: at the next such time, on the same day or the next.",
}
#: (class, field) -> a default for files, where the class has none
_DEFAULTS: Mapping[tuple[type, str], Any] = {(Schedule, "days"): tuple(range(7))}
_SECRET = re.compile(r"password|passphrase|secret(?!_comp_ids)")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Attributes:
        name: the field's name.
        hint: its type, as far as a file can give it.
        default: NO_DEFAULT where the key is required.
        text: what the class's docstring says of it.
        secret: its value is shown to nobody.
        code_only: why a file cannot give it, "" where it can.
        assumed: the default is one for files; in code there is none.
    """

    name: str
    hint: Any
    default: Any
    text: str = ""
    secret: bool = False
    code_only: str = ""
    assumed: bool = False

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is NO_DEFAULT


def keys_of(cls: type[Any]) -> Mapping[str, Key]:
    """Return the keys of the table that stands for a dataclass, in the order of its fields."""
    return _keys_of(cast(Hashable, cls))


@cache
def _keys_of(cls: Any) -> Mapping[str, Key]:
    said = _arguments(cls)
    found = {}
    for field in fields(cls):
        if not field.init:
            continue
        hint = _INSTEAD.get((cls, field.name), _hint(cls, field))
        given = [one for one in alternatives(hint) if _reason(one) == ""]
        reasons = [_reason(one) for one in alternatives(hint) if _reason(one)]
        found[field.name] = Key(
            field.name,
            hint,
            _DEFAULTS.get((cls, field.name), _default(field)),
            _TEXTS.get((cls, field.name)) or said.get(field.name, ""),
            bool(_SECRET.search(field.name)) and str in given,
            "" if any(one is not type(None) for one in given) else reasons[0],
            (cls, field.name) in _DEFAULTS,
        )
    return found


def _hint(cls: type, field: Field[Any]) -> Any:
    """Return the type of a field; Callable where its annotation is one that only type checkers can read."""
    if not isinstance(field.type, str):
        return field.type
    home = next(base for base in cls.__mro__ if field.name in get_annotations(base))
    try:
        return eval(field.type, vars(sys.modules[home.__module__]))  # what typing.get_type_hints does, for one field
    except (TypeError, NameError):
        return Callable


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def givable(hint: Any) -> list[Any]:
    """Return the members of a union that a file can give."""
    return [one for one in alternatives(hint) if _reason(one) == ""]


def alternatives(hint: Any) -> Iterator[Any]:
    """Yield the members of a union; of anything else, itself."""
    if get_origin(hint) in (Union, types.UnionType):
        for one in get_args(hint):
            yield from alternatives(one)
    else:
        yield hint


def _reason(hint: Any) -> str:
    """Return why a file cannot give a value of a type, "" where it can."""
    origin = get_origin(hint)
    if hint in CODE_ONLY:
        return CODE_ONLY[hint]
    if origin is Callable or hint is Callable or origin is types.GenericAlias:
        return CODE_ONLY[Callable]
    known = hint in (str, bool, int, float, Decimal, date, time, type(None), Path) or is_dataclass(hint)
    if known or origin in (Literal, Annotated, PathLike, tuple, frozenset, dict, Mapping) or hint is PathLike:
        return ""
    if origin is Iterable:
        return "".join(filter(None, map(_reason, alternatives(get_args(hint)[0]))))
    if origin is not None and isinstance(origin, type) and issubclass(origin, AbstractSet | Mapping):
        return ""
    if hint is DictionaryName:
        return ""
    return CODE_ONLY[Callable] if "Callable" in str(origin) else f"a Python object ({getattr(hint, '__name__', hint)})"


def said_of(hint: Any) -> str:
    """Return how people are told what a value of a type looks like in a file."""
    parts = [_said(one) for one in alternatives(hint) if _reason(one) == ""]
    if bool in alternatives(hint) and "a table" in parts:
        parts.sort(key="a table".__eq__)
    if not any(one in (str,) for one in alternatives(hint)):
        parts = ['"none"' if part == "" else part for part in parts]
    return ", ".join(part for part in dict.fromkeys(parts) if part)


def _said(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    plain = {str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): ""}
    if hint in plain:
        return plain[hint]
    if hint is Decimal:
        return 'an exact number as text ("0.01")'
    if hint is date:
        return "a date"
    if hint is time:
        return 'a time of day ("17:00")'
    if origin is Literal:
        return " or ".join(f'"{one}"' for one in inner)
    if origin is Annotated:
        return {"path": "a path", "host": "text"}.get(inner[1], '"MON" to "SUN"')
    if hint is Path or origin is PathLike or hint is PathLike:
        return "a path"
    if hint is DictionaryName:
        return "a name, a path or a table"
    if hint is ResendRule:
        return '"resend" or "gap-fill"'
    if origin is tuple and inner[1:] != (Ellipsis,):
        return f"[{', '.join(_said(one) for one in inner)}]"
    if origin in (tuple, frozenset, Iterable):
        return f"an array of {said_of(inner[0])}"
    return "a table"


_INDENTED = re.compile(r"^ {8}(?=\S)", re.M)


def _arguments(cls: type) -> Mapping[str, str]:
    """Return {field: text} from the Args of a docstring: "name: text" or "one, two: text", further lines indented."""
    found: dict[str, str] = {}
    for base in cls.__mro__[1:]:
        if is_dataclass(base):
            found |= _arguments(base)
    section = re.search(r"^ {4}Args:\n(.*?)(?:^ {4}\S|\Z)", cls.__doc__ or "", re.M | re.S)
    for entry in _INDENTED.split(section[1] if section else "")[1:]:
        names, _, text = " ".join(entry.split()).partition(": ")
        for name in names.split(", "):
            found[name] = text
    return found
