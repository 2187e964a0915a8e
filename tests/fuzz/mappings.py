"""Invariant: what a message says survives the way into a dict, JSON or typed values and back, the same in both codecs.

Each target takes bytes and raises AssertionError when its invariant breaks; any other exception is a finding too.

mapping  to_dict() is what JSON gives back, and from_dict() of it is a message that says the same; every m.value() is
         the same from both codecs.
"""

from __future__ import annotations

import json
from typing import Any

import fixfast as ff
from fixfast.errors import EncodeError, GarbledMessage, MessageError
from tests.fuzz.codecs import FAST, SLOW

__all__ = ["mapping"]


def _repeats(level: dict[str, Any]) -> bool:
    """Tell whether a field occurs again in its level: a dict cannot say where, and from_dict puts it to the first."""
    lists = [content for content in level.values() if isinstance(content, list)]
    return any(not isinstance(item, dict) or _repeats(item) for content in lists for item in content)


def _fields(m: Any) -> list[tuple[int, str]]:
    """Return the fields without what is computed anew: the frame, and how many entries groups have."""
    counted = {field.tag for field in map(m.dictionary.fields.get, (tag for tag, _ in m)) if _is_count(field)}
    return [(tag, "" if tag in counted else text) for tag, text in m if tag not in (9, 10)]


def _is_count(field: Any) -> bool:
    return field is not None and field.kind in ("int", "uint")  # NUMINGROUP, and INT in early versions


def _value(m: Any, tag: int) -> object:
    found: list[object] = []
    for read in (m.value, m.value_ns):
        try:
            value = read(tag)
        except MessageError as error:
            found.append((type(error).__name__, str(error)))
        else:
            found.append((type(value).__name__, str(value)))
    return found


def mapping(data: bytes) -> None:
    """Take a message apart and put it together again."""
    try:
        slow = SLOW.parse(data)
    except GarbledMessage:
        return
    m = FAST.parse(data)
    said = m.to_dict()
    assert said == slow.to_dict(), f"compiled: {said}, reference: {slow.to_dict()}"
    assert json.loads(m.to_json()) == said
    assert m.pretty() == slow.pretty()
    if m.begin_string == "FIX.4.4" or m.begin_string.startswith("FIXT"):
        for tag in {tag for tag, _ in m}:
            assert _value(m, tag) == _value(slow, tag), f"tag {tag}: {_value(m, tag)}, reference: {_value(slow, tag)}"
    try:
        back = ff.from_dict(said)
    except EncodeError:  # a message that encode() would not write: a tag of 0, a wrong length
        return
    # FIX.5.0 is no BeginString: encode() and from_dict() take it as a version, and write FIXT.1.1.
    if not _repeats(said) and not m.begin_string.startswith("FIX.5"):
        assert _fields(back) == _fields(m), f"{m} came back as {back}"
        assert ff.from_dict(back.to_dict()).to_dict() == back.to_dict()
