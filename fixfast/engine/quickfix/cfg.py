"""QuickFIX's settings files, as they are: sections, settings, inheritance. What they mean is in convert.py.

How QuickFIX (C++) reads them was tried out; where the others differ, what any of them takes is taken:

- `[DEFAULT]` and `[SESSION]`, in any case; a [DEFAULT] counts wherever it stands. Of two, C++ takes the first, Java
  both: both are taken, and a warning says so.
- `Name=value`, spaces around both dropped, split at the first `=`. Names in any case, as C++ and .NET take them.
- A line that begins with `#` is a comment; behind a value there are none. Of two equal names the later one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from fixfast.engine.settings.nodes import MAX_BYTES
from fixfast.engine.settings.remarks import ConfigRemark

__all__ = ["Entry", "Section", "parse_cfg"]

_SECTION = re.compile(r"\[\s*(\w+)\s*\]\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a section: `name` as it is written, `value`, and where."""

    name: str
    value: str
    line: int


@dataclass(slots=True)
class Section:
    """A section. `entries`: {name in lower case: Entry}. `line`: that of its heading."""

    kind: Literal["DEFAULT", "SESSION"]
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)


def parse_cfg(data: bytes, file: str) -> tuple[list[Section], list[ConfigRemark]]:
    """Read a settings file.

    Returns: a section for each [SESSION], with what it inherits; and what there is to say.
    """
    remarks: list[ConfigRemark] = []
    if len(data) > MAX_BYTES:
        remarks.append(ConfigRemark("error", file, 0, "", f"larger than {MAX_BYTES} bytes: this is no settings file"))
        return [], remarks
    defaults = Section("DEFAULT", 0)
    sessions: list[Section] = []
    current: Section | None = None
    seen_defaults = False
    # Bytes that are no UTF-8 matter only where they are in a value: a comment may be in any encoding.
    for number, raw in enumerate(data.decode("utf-8-sig", "surrogateescape").split("\n"), 1):
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        heading = _SECTION.fullmatch(line)
        if heading is not None:
            kind = heading[1].upper()
            if kind == "SESSION":
                current = Section("SESSION", number)
                sessions.append(current)
            elif kind == "DEFAULT":
                if seen_defaults:
                    text = "a second [DEFAULT]: QuickFIX ignores it, QuickFIX/J takes it; it is taken"
                    remarks.append(ConfigRemark("warning", file, number, "", text))
                current, seen_defaults = defaults, True
            else:
                text = f"[{heading[1]}] is skipped: there are [DEFAULT] and [SESSION]"
                remarks.append(ConfigRemark("warning", file, number, "", text))
                current = Section("SESSION", number)  # to nobody
            continue
        remark = _take(line, number, current, file)
        if remark is not None:
            remarks.append(remark)
        if len(remarks) > 100:
            remarks.append(ConfigRemark("error", file, 0, "", "this is no settings file of QuickFIX"))
            return [], remarks[-1:]
    for section in sessions:
        section.entries = {**defaults.entries, **section.entries}
    if not sessions:
        remarks.append(ConfigRemark("error", file, 0, "", "there is no [SESSION]"))
    return sessions, remarks


def _take(line: str, number: int, section: Section | None, file: str) -> ConfigRemark | None:
    """Put a line into its section. Return what there is to say of it."""
    name, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not name:
        return ConfigRemark("warning", file, number, "", "neither a section nor Name=value: skipped")
    if section is None:
        return ConfigRemark("warning", file, number, _plain(name), "stands before any section: skipped")
    if any("\udc80" <= char <= "\udcff" for char in name + value):
        return ConfigRemark("error", file, number, _plain(name), "is no UTF-8: save the file as UTF-8")
    if not name.isprintable() or "\0" in value:
        return ConfigRemark("error", file, number, _plain(name), "has control characters")
    before = section.entries.get(name.lower())
    section.entries[name.lower()] = Entry(name, value, number)
    if before is not None and before.value != value:
        return ConfigRemark("warning", file, number, name, f"replaces that of line {before.line}")
    return None


def _plain(name: str) -> str:
    return name[:60]
