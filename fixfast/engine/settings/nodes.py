"""What a configuration file says, value by value, each with the line it stands on. tomllib knows values, not lines.

`read_toml` gives a tree of Nodes. tomllib judges the text; where it is right, a second pass over it, which only has to
find keys, gives the lines.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from fixfast.engine.settings.remarks import ConfigRemark

__all__ = ["MAX_BYTES", "Node", "decode", "dotted", "merge", "read_toml"]

#: Two thousand sessions, all spelled out, are 2 MiB.
MAX_BYTES = 16 << 20

Path: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class Node:
    """One value of a file.

    Attributes:
        value: {key: Node} of a table, [Node] of an array, or a plain value.
        line: where its key stands; 0: in no line, it was added.
        name: what the file calls it: its dotted key, or a setting of QuickFIX.
        file: the file, as the user named it.
    """

    value: Any
    line: int = 0
    name: str = ""
    file: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it has keys of its own."""
        return isinstance(self.value, dict)


def merge(base: Node, own: Node) -> Node:
    """Return a table with what `own` says and, where it says nothing, what `base` says; tables within alike.

    A table of another `kind`, and one that says where a secret is, replaces that of `base`.
    """
    if not (base.is_table and own.is_table) or _is_reference(own) or _is_reference(base):
        return own
    kinds = [table.value["kind"].value for table in (base, own) if "kind" in table.value]
    if len(kinds) == 2 and kinds[0] != kinds[1]:
        return own
    merged = dict(base.value)
    for key, node in own.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return Node(merged, own.line, own.name, own.file)


def _is_reference(node: Node) -> bool:
    return bool(node.value) and set(node.value) <= {"file", "env"}


def decode(data: bytes, file: str) -> str | ConfigRemark:
    """Return the text of a file: UTF-8, a byte order mark skipped, CRLF as LF; or why it is none."""
    if len(data) > MAX_BYTES:
        return ConfigRemark("error", file, 0, "", f"larger than {MAX_BYTES} bytes: this is no configuration file")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte 0x{data[error.start]:02x} is no UTF-8: save the file as UTF-8"
        return ConfigRemark("error", file, line, "", where)


def read_toml(data: bytes, file: str) -> Node | ConfigRemark:
    """Read TOML. Returns the whole as a table, or why it is none: with the line, where one is to blame."""
    text = decode(data, file)
    if isinstance(text, ConfigRemark):
        return text
    try:
        tables = tomllib.loads(text)
        lines = {} if len(text) > MAX_BYTES else dict(_Keys(text).found())
        return _node(tables, (), lines, file)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line = (int(found[1]) if found[1] else text.count("\n") + 1) if found else 0
        said = str(error)[: found.start()] if found else str(error)
        return ConfigRemark("error", file, line, "", f"not TOML: {said[:1].lower()}{said[1:]}")
    except RecursionError:
        return ConfigRemark("error", file, 0, "", "not TOML: nested too deep")
    except ValueError as error:  # a number of thousands of digits, a date that is none
        return ConfigRemark("error", file, 0, "", f"not TOML: {error}")


def _node(value: Any, path: Path, lines: dict[Path, int], file: str) -> Node:
    line = lines.get(path, 0)
    name = dotted(path)
    if isinstance(value, dict):
        return Node({key: _node(one, (*path, key), lines, file) for key, one in value.items()}, line, name, file)
    if isinstance(value, list):
        return Node([_node(one, (*path, n), lines, file) for n, one in enumerate(value)], line, name, file)
    return Node(value, line, name, file)


def dotted(path: Path) -> str:
    """Return a key as TOML writes it; elements of an array have none."""
    keys = (key for key in path if isinstance(key, str))
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key) for key in keys)


_SPACE = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_TEXT = re.compile(
    r"""\"{3}(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|'{3}(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\]|\\.)*"|'[^']*'""", re.S
)
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d[ ]\d\d:[^\s,\]}#]+|[^\s,\]}#]+")


class _Keys:
    """Finds the keys of a text that is TOML, as tomllib has said."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._elements: dict[Path, int] = {}  # of arrays of tables: their last index

    def found(self) -> Iterator[tuple[Path, int]]:
        """Yield (path, line); the last one counts. A table that only others name has the line of the first of them."""
        table: Path = ()
        seen: set[Path] = set()
        while True:
            self._skip(_GAP)
            if self._at >= len(self._text):
                return
            if self._text[self._at] != "[":
                yield from self._pair(table)
                continue
            line, many = self._line(), self._text.startswith("[[", self._at)
            self._at += 2 if many else 1
            keys = self._keys()
            self._at += 2 if many else 1
            table = ()
            for n, key in enumerate(keys):
                table = (*table, key)
                if many and n == len(keys) - 1:
                    self._elements[table] = self._elements.get(table, -1) + 1
                if table in self._elements:
                    table = (*table, self._elements[table])
                if table not in seen:
                    seen.add(table)
                    yield table, line
            yield table, line
            if many:
                yield table[:-1], line

    def _line(self) -> int:
        return bisect_right(self._ends, self._at - 1) + 1

    def _skip(self, what: re.Pattern[str]) -> str:
        match = what.match(self._text, self._at)
        if match is None:
            raise AssertionError(f"tomllib read what is no TOML, in line {self._line()}")
        self._at = match.end()
        return match[0]

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            key = self._skip(_KEY)
            keys.append(tomllib.loads(f"key = {key}")["key"] if key[0] in "\"'" else key)
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return keys
            self._at += 1

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            yield path, line
        self._at += 1  # the =
        self._skip(_SPACE)
        yield from self._value(path)

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        opened = self._text[self._at]
        if opened in "\"'":
            self._skip(_TEXT)
        elif opened not in "[{":
            self._skip(_SCALAR)
        else:
            self._at += 1
            n = 0
            while self._after_gap() not in "]}":
                if opened == "{":
                    yield from self._pair(path)
                else:
                    yield (*path, n), self._line()
                    yield from self._value((*path, n))
                n += 1
                if self._after_gap() == ",":
                    self._at += 1
            self._at += 1

    def _after_gap(self) -> str:
        self._skip(_GAP)
        return self._text[self._at]
