"""The tables of a generated module: compact text, read when something in them is first asked for.

    fields   "ClOrdID=11 Side=54:c* ...": name, tag, then a letter for the kind (none: str) and marks: * has codes, in
             the enum of its name; + has codes, in the enum of its name and Code; ~ takes other values, too
    enums    "Side|BUY=1|SELL=2": a line for each; values may contain spaces
    owners   "NewOrderSingle|D|11! Instrument! 453( 448! 447 ) 54!": a line for each message, component, header and
             trailer: class, MsgType, members in order. A member is a tag, a class, or a group: count tag, "(",
             members of an entry, ")". "!" says required; the field that opens the entries of a group is so anyway.

Importing this must cost next to nothing: the model and the reader of XML stay out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fixfast.dictionary.model import Kind

__all__ = ["KIND_LETTERS", "FieldRow", "FieldTable", "MemberRow", "read_members"]

KIND_LETTERS: Mapping[Kind, str] = MappingProxyType(
    {
        "str": "",
        "char": "c",
        "int": "i",
        "uint": "u",
        "day": "d",
        "decimal": "n",
        "bool": "b",
        "time": "t",
        "date": "D",
        "timeonly": "T",
        "localtime": "L",
        "tztime": "z",
        "tztimestamp": "Z",
        "monthyear": "m",
        "tenor": "e",
        "chars": "C",
        "strings": "S",
        "data": "x",
        "xml": "X",
    }
)


_KINDS: Mapping[str, Kind] = MappingProxyType({letter: kind for kind, letter in KIND_LETTERS.items()})
_FIELD = re.compile(r"(\w+)=(\d+):?(\S*)")


class FieldRow(NamedTuple):
    """A field: `enum` is the name of the enum of its codes, "" if it has none."""

    tag: int
    name: str
    kind: Kind
    enum: str
    open: bool


class MemberRow(NamedTuple):
    """A member of an owner: `name` of a component's class, else `tag`. `members`: of the entries of a group."""

    tag: int
    name: str
    required: bool
    members: tuple[MemberRow, ...] | None


class FieldTable:
    """A table of fields, by tag. PERF: rows are made when asked for (for FIX 5.0 SP2 5.5 -> 2.8 ms)."""

    def __init__(self, text: str) -> None:
        self._rows = {int(tag): (name, marks) for name, tag, marks in _FIELD.findall(text)}

    def get(self, tag: int) -> FieldRow | None:
        """Return the row of a field, None if there is none."""
        found = self._rows.get(tag)
        if found is None:
            return None
        name, marks = found
        enum = name if "*" in marks else f"{name}Code" if "+" in marks else ""
        return FieldRow(tag, name, _KINDS[marks.rstrip("*+~")], enum, "~" in marks)

    def tags(self) -> dict[str, int]:
        """Return {name: tag}, sorted by name."""
        return {name: tag for tag, (name, _) in self._rows.items()}


def read_members(text: str) -> tuple[MemberRow, ...]:
    """Return the members of one owner."""
    return _level(iter(text.split()))[0]


def _level(tokens: Iterator[str]) -> tuple[tuple[MemberRow, ...], bool]:
    """Return the members up to the end or to a ")", and whether that says required."""
    rows: list[MemberRow] = []
    for token in tokens:
        if token.startswith(")"):
            return tuple(rows), token.endswith("!")
        if token.endswith("("):
            members, required = _level(tokens)
            rows.append(MemberRow(int(token[:-1]), "", required, members))
        elif token[0].isdigit():
            rows.append(MemberRow(int(token.rstrip("!")), "", token.endswith("!"), None))
        else:
            rows.append(MemberRow(0, token.rstrip("!"), token.endswith("!"), None))
    return tuple(rows), False
