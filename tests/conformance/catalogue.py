"""The rows of catalogue.txt, and the tests that carry their ids in their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TESTS", "Row", "Section", "ids_in", "load", "names_by_id"]

TESTS = Path(__file__).resolve().parents[1]
_CATALOGUE = Path(__file__).with_name("catalogue.txt")
#: An id between underscores: S04, T5, B5_7, SC10. C1 to C9 and C13 on are security rows too: A11 has C01 to C12.
_ID = re.compile(r"(?<![A-Za-z0-9])(B5_\d{1,2}|SC\d{1,2}|[A-Z]\d\d|[CT]\d)(?![A-Za-z0-9])")
_LOWER = re.compile(r"test(_(b5_\d{1,2}|sc\d{1,2}|[a-z]\d\d|[ct]\d))+(?=_)")
#: Sections, and ids of rooms that have no rows here: market data (M), whole sections (A12).
_NO_ROW = re.compile(r"A\d\d|M\d\d|E\d\d")


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour. `level`: M must, S should, O option, P policy of this project."""

    id: str
    level: str
    versions: str
    behaviour: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: tuple[Row, ...]


def load(text: str | None = None) -> list[Section]:
    """Read the catalogue.

    Raises: ValueError: a line that is none, a level that there is not, an id twice.
    """
    sections: list[tuple[str, list[Row]]] = []
    seen: set[str] = set()
    for line in (_CATALOGUE.read_text(encoding="utf-8") if text is None else text).splitlines():
        if line.startswith("## "):
            sections.append((line[3:], []))
        elif line and not line.startswith("#"):
            cells = line.split(" | ")
            if len(cells) != 4 or cells[1] not in tuple("MSOP") or cells[0] in seen:
                raise ValueError(f"not a new row of four cells: {line}")
            seen.add(cells[0])
            sections[-1][1].append(Row(*cells))
    return [Section(title, tuple(rows)) for title, rows in sections]


def ids_in(name: str) -> list[str]:
    """Return the ids in the name of a test, in order: ["S02", "S22"] for test_S02_S22_too_high_waits."""
    lead = _LOWER.match(name)  # some suites spell ids at the beginning small
    if lead is not None:
        name = name[: lead.end()].upper() + name[lead.end() :]
    found: list[str] = []
    for match in _ID.finditer(name.replace("_", "\x00").replace("B5\x00", "B5_")):
        text = match[1]
        if _NO_ROW.fullmatch(text):
            continue
        security = text[0] == "C" and (len(text) == 2 or int(text[1:]) > 12)
        found.append("S" + text if security else text)
    return found


def names_by_id(root: Path = TESTS) -> dict[str, list[tuple[str, str]]]:
    """Return id -> (file relative to `root`, function) of each test that carries it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(root.rglob("test_*.py")):
        for name in _test_functions(path):
            for row_id in dict.fromkeys(ids_in(name)):
                found.setdefault(row_id, []).append((path.relative_to(root).as_posix(), name))
    return found


def _test_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name
