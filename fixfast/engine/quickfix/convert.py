"""A QuickFIX settings file as the tables that a configuration file of fixfast would have, with lines and remarks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixfast.dictionary.versions import VERSIONS
from fixfast.engine.quickfix import parts
from fixfast.engine.quickfix.cfg import parse_cfg
from fixfast.engine.quickfix.draft import Draft
from fixfast.engine.quickfix.hours import schedule
from fixfast.engine.quickfix.settings import nearest_setting, setting_of
from fixfast.engine.quickfix.tls import keystore, proxied, proxy, source, tls
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.remarks import ConfigRemark
from fixfast.engine.settings.write import dump

__all__ = ["PARTS", "Converted", "convert", "looks_like_cfg", "to_toml_text"]

#: what does the settings of a part, in this order
PARTS: Mapping[str, Callable[[Draft], None]] = {
    "role": parts.role,
    "connect": parts.connect,
    "source": source,
    "proxy": proxy,
    "proxied": proxied,
    "tls": tls,
    "keystore": keystore,
    "reconnect": parts.reconnect,
    "policy": parts.policy,
    "template": parts.template,
    "logon": parts.logon,
    "schedule": schedule,
    "dictionary": parts.dictionary,
    "validation": parts.validation,
    "store": parts.store,
    "database": parts.database,
    "log": parts.log,
}
_IDENTITY = ("BeginString", "SenderCompID", "TargetCompID")
_HEADING = re.compile(rb"^\s*\[\s*(default|session)\s*\]", re.I | re.M)


@dataclass(slots=True)
class Converted:
    """What a settings file becomes.

    Attributes:
        root: {"session": {name: ...}}, each value with its line and setting.
        remarks: what there is to say, by line.
        drafts: {name: Draft} of the sessions.
    """

    root: Node
    remarks: list[ConfigRemark]
    drafts: dict[str, Draft] = field(default_factory=dict)


def looks_like_cfg(name: str, data: bytes) -> bool:
    """Tell whether a file is one of QuickFIX's."""
    return not name.lower().endswith(".toml") and _HEADING.search(data) is not None


def convert(data: bytes, file: str) -> Converted:
    """Read a settings file of QuickFIX."""
    sections, remarks = parse_cfg(data, file)
    tables: dict[str, Node] = {}
    found = Converted(Node({"session": Node(tables, file=file)}, file=file), remarks)
    for section in sections:
        draft = Draft(section, file, remarks)
        _one(draft)
        name = _name(draft, tables)
        tables[name] = draft.tree
        found.drafts[name] = draft
    return found


def _one(draft: Draft) -> None:
    """Fill in a draft, setting by setting and part by part."""
    for name in _IDENTITY:
        if draft.entry(name) is None:
            draft.say("error", None, f"{name} is missing")
    for entry in draft.section.entries.values():
        setting = setting_of(entry.name)
        if setting is None:
            near = nearest_setting(entry.name)
            hint = f"; did you mean {near}?" if near else ": yours, perhaps"
            draft.say("warning", entry, f"no QuickFIX engine knows this setting{hint}")
        elif not entry.value:
            draft.say("warning", entry, "has no value: skipped")
        elif setting.kind == "key":
            draft.simple(setting, entry)
        elif setting.kind == "no" and entry.value.lower() != setting.harmless.lower():
            draft.say("warning", entry, f"is not supported. {setting.text}")
    for do in PARTS.values():
        do(draft)


def _name(draft: Draft, taken: Mapping[str, object]) -> str:
    """Return a name for a session: its CompIDs, and what tells it apart from others."""
    first = "-".join(filter(None, (draft.text(name) for name in ("SenderCompID", "TargetCompID", "SessionQualifier"))))
    name = first or f"line {draft.section.line}"
    if name in taken:
        name = f"{name}-{draft.text('BeginString')}"
    n = 2
    while name in taken:
        name = f"{first}-{draft.text('BeginString')}-{n}"
        n += 1
    return name


# --- as text --------------------------------------------------------------------------------------------------------


def to_toml_text(found: Converted, folder: str) -> str:
    """Return the tables as TOML: with the line each key came from, and the remarks as comments.

    What all sessions take from [DEFAULT] goes to [defaults].

    Args: folder: where the text will be, for its paths.
    """
    sessions = {name: _moved(node, (), folder) for name, node in found.root.value["session"].value.items()}
    defaults = _common(list(sessions.values())) if len(sessions) > 1 else None
    root: dict[str, Any] = {"defaults": defaults} if defaults is not None and defaults.value else {}
    root["session"] = Node(sessions)
    starts = sorted(draft.section.line for draft in found.drafts.values())
    said: dict[int, list[str]] = {}
    for remark in sorted(found.remarks, key=lambda remark: remark.line):
        start = max((line for line in starts if line <= remark.line), default=0)
        said.setdefault(start, []).append(f"# line {remark.line}: {remark.key or '[SESSION]'}: {remark.text}")

    def above(node: Node) -> list[str]:
        return [one for line in [node.line] if node.is_table for one in said.pop(line, [])]

    def behind(node: Node) -> str:
        return f"line {node.line}: {node.name}" if node.name and not node.is_table else ""

    head = [f"# Made of {Path(found.root.file).name}, a settings file of QuickFIX, by fixfast config convert."]
    head += said.pop(0, [])
    return "\n".join(head) + "\n\n" + dump(Node(root), behind, above=above, escape=False)


def _common(tables: list[Node]) -> Node:
    """Take out of tables what all of them have from one line, that of a setting in [DEFAULT]. Return it as a table."""
    shared: dict[str, Node] = {}
    for key, node in list(tables[0].value.items()):
        others = [table.value.get(key) for table in tables]
        if not all(one is not None and one.is_table == node.is_table for one in others):
            continue
        if key == "logon" and any(_lines(one) != _lines(node) for one in others):
            continue  # these fields go out in their order, which two tables would not keep
        if node.is_table:
            inner = _common([one for one in others if one is not None])
            if inner.value:
                shared[key] = inner
                for table in tables:
                    if not table.value[key].value:
                        del table.value[key]
        elif node.name and all(one is not None and (one.line, one.value) == (node.line, node.value) for one in others):
            shared[key] = node
            for table in tables:
                del table.value[key]
    return Node(shared, 0, "", tables[0].file)


def _lines(table: Node | None) -> list[tuple[str, int]]:
    return [(key, one.line) for key, one in table.value.items()] if table is not None else []


_PATHS = re.compile(
    r"dictionary(\..*)?|store\.path|log\.path|(connection|listen)\.tls\.(certificate|key|ca_file|client_ca)"
)


def _moved(node: Node, path: tuple[str, ...], folder: str) -> Node:
    """Return a table whose paths are relative to a folder instead of to the working directory."""
    if node.is_table:
        inner = {key: _moved(one, (*path, key), folder) for key, one in node.value.items()}
        return Node(inner, node.line, node.name, node.file)
    key = ".".join(path)
    if not _PATHS.fullmatch(key) or key == "dictionary.default" or node.value in VERSIONS:
        return node
    value = node.value if os.path.isabs(node.value) else os.path.relpath(os.path.abspath(node.value), folder)
    return Node(value, node.line, node.name, node.file)
