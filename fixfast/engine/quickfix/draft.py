"""One session of a QuickFIX settings file on its way to the keys of a configuration file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from fixfast.dictionary.versions import APPL_VERSIONS
from fixfast.engine.quickfix.cfg import Entry, Section
from fixfast.engine.quickfix.settings import Setting
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.remarks import ConfigRemark

__all__ = ["CONVERTERS", "Draft", "Refused"]

_FLAGS = {"y": True, "n": False, "yes": True, "no": False, "true": True, "false": False}


class Refused(Exception):
    """A value is not of the form that QuickFIX takes: str() says what is."""


class Draft:
    """What a session becomes: `tree` has the keys, each with the line and the name of the setting it comes from.

    Args:
        section: the session's settings, inherited ones included.
        file: its name, as the user gave it.
        remarks: what there is to say goes there.
    """

    def __init__(self, section: Section, file: str, remarks: list[ConfigRemark]) -> None:
        self.section = section
        self.file = file
        self.tree = Node({}, section.line, "", file)
        self._remarks = remarks

    @property
    def initiator(self) -> bool:
        """Whether the session is one that connects."""
        return self.text("ConnectionType").lower() != "acceptor"

    # --- reading --------------------------------------------------------------------------------------------------

    def entry(self, name: str) -> Entry | None:
        """Return the line of a setting; None without it, or where it is empty."""
        found = self.section.entries.get(name.lower())
        return found if found is not None and found.value else None

    def text(self, name: str) -> str:
        """Return the value of a setting, "" without it."""
        found = self.entry(name)
        return found.value if found is not None else ""

    def flag(self, name: str, default: bool) -> bool:
        """Return whether a setting says Y; what is neither Y nor N is an error and counts as `default`."""
        found = self.entry(name)
        if found is None:
            return default
        try:
            return _flag(found.value)
        except Refused as refused:
            self.say("error", found, f"{found.value!r} is not allowed: {refused}")
            return default

    # --- writing --------------------------------------------------------------------------------------------------

    def put(self, key: str, value: Any, entry: Entry | None) -> None:
        """Set a dotted key; it comes from the line of a setting, or from none."""
        node = self._node(value, entry)
        *tables, last = key.split(".")
        at = self.tree.value
        for name in tables:
            inner = at.get(name)
            if inner is None or not inner.is_table:
                inner = at[name] = Node({}, node.line, node.name, self.file)
            at = inner.value
        at[last] = node

    def _node(self, value: Any, entry: Entry | None) -> Node:
        line, name = (entry.line, entry.name) if entry is not None else (self.section.line, "")
        if isinstance(value, dict):
            return Node({key: self._node(one, entry) for key, one in value.items()}, line, name, self.file)
        if isinstance(value, list | tuple):
            return Node([self._node(one, entry) for one in value], line, name, self.file)
        return Node(value, line, name, self.file)

    def say(self, severity: Literal["error", "warning", "note"], entry: Entry | None, text: str) -> None:
        """Note something about a setting, or about the session; what is inherited is told once."""
        line, name = (entry.line, entry.name) if entry is not None else (self.section.line, "")
        remark = ConfigRemark(severity, self.file, line, name, text)
        if remark not in self._remarks:
            self._remarks.append(remark)

    def simple(self, setting: Setting, entry: Entry) -> None:
        """Turn a setting into the one key that its row names."""
        try:
            value = CONVERTERS[setting.how](entry.value)
        except Refused as refused:
            self.say("error", entry, f"{'***' if setting.secret else repr(entry.value)} is not allowed: {refused}")
            return
        table = setting.key.split(".")[0]
        if value is not None and table != ("listen" if self.initiator else "connection"):
            self.put(setting.key, value, entry)


# --- values -------------------------------------------------------------------------------------------------------


def _flag(text: str) -> bool:
    found = _FLAGS.get(text.lower())
    if found is None:
        raise Refused("Y or N")
    return found


def _count(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        comment = " (behind a value there are no comments)" if "#" in text or "//" in text else ""
        raise Refused(f"a whole number{comment}")
    return int(text)


def _duration(text: str) -> float:
    """Return the seconds of a duration as Go writes it: 1m30s, 500ms."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Refused("a duration, such as 10s")
    return sum(float(number) * units[unit] for number, unit in parts)


def _version(text: str) -> str:
    """Return the ApplVerID code of a version: FIX.5.0SP2 is 9."""
    code = next((code for code, version in APPL_VERSIONS.items() if version == text.upper()), text)
    if not re.fullmatch(r"[2-9]|10", code):
        raise Refused("FIX.4.0 to FIX.5.0SP2, or an ApplVerID code from 2 to 10")
    return code


def _digits(text: str) -> int:
    words = {"second": 0, "milli": 3, "micro": 6, "nano": 9}
    for word, digits in words.items():
        if text.lower().startswith(word):
            return digits
    digits = _count(text)
    if not 0 <= digits <= 9:
        raise Refused("0 to 9 digits, or SECONDS, MILLIS, MICROS, NANOS")
    return -(-digits // 3) * 3  # 4 digits and 6 are the same to a peer; FIX has 0, 3, 6 and 9


def _pick(yes: Any, no: Any) -> Callable[[str], Any]:
    return lambda text: yes if _flag(text) else no


#: `how` of a row -> the value of its key; None: there is none
CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    "": str,
    "flag": _flag,
    "count": _count,
    "seconds": _count,
    "milliseconds": lambda text: _count(text) / 1000 or None,
    "duration": _duration,
    "version": _version,
    "digits": _digits,
    "millis": _pick(3, 0),
    "next": _pick("use", None),
    "closed": _pick("closed", None),
    "dead": _pick("logout", "close"),
    "persist": _pick(None, "gap-fill"),
    "list": lambda text: [part.strip() for part in text.split(",") if part.strip()],
}
