"""Invariant: what a message says survives the way into a dict, JSON or values and back, the same in both codecs.

Each target takes bytes and raises AssertionError when its invariant breaks; any other exception is a finding too.

mapping  to_dict() is what JSON gives back, and from_dict() of it is a message that says the same; every m.value() is
         the same from both codecs.
written  encode() with a dictionary, given the fields of a message as names or tags, text or values by type, and groups
         in any order: refused by both codecs, or the same bytes.
typed    from_message() loses no field of any message, and what encode() writes of it has them all; of a right message
         it says the same again.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from random import Random
from typing import Any

import fixfast as ff
from fixfast.codec._data_pairs import COUNT_TAGS
from fixfast.dictionary.load import VERSIONS
from fixfast.errors import DictionaryError, EncodeError, GarbledMessage, MessageError
from tests.fuzz.codecs import FAST, SLOW

__all__ = ["mapping", "typed", "written"]


def _repeats(level: dict[str, Any]) -> bool:
    """Tell whether a field occurs again in its level: a dict cannot say where, and from_dict puts it to the first."""
    lists = [content for content in level.values() if isinstance(content, list)]
    return any(not isinstance(item, dict) or _repeats(item) for content in lists for item in content)


def _fields(m: Any) -> list[tuple[int, str]]:
    """Return the fields without what is computed anew: the frame, and how many entries groups have."""
    known = m.dictionary.fields if _has_dictionary(m) else {}
    counted = {tag for tag, _ in m if tag in known and known[tag].kind in ("int", "uint")}  # INT in early versions
    return [(tag, "" if tag in counted else text) for tag, text in m if tag not in (9, 10)]


def _has_dictionary(m: Any) -> bool:
    try:
        _ = m.dictionary
    except DictionaryError:
        return False
    return True


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
    if _has_dictionary(m):
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


def _disguised(fields: list[tuple[int, Any]], m: Any, random: Random) -> list[tuple[Any, Any]]:
    """Return fields as a program may give them: names for tags, values by type for text, entries in any order."""
    found: list[tuple[Any, Any]] = []
    for tag, value in fields:
        field = m.dictionary.fields.get(tag)
        key: Any = field.name if field is not None and random.random() < 0.5 else tag
        if isinstance(value, list):
            entries = [_disguised(entry, m, random) for entry in value]
            for entry in entries:
                random.shuffle(entry)
            found.append((key, [dict(entry) if random.random() < 0.2 else entry for entry in entries]))
            continue
        if random.random() < 0.3:
            with suppress(MessageError):
                value = m.value(tag)  # of the first such field: any value of the type will do
        found.append((key, value))
    return found


def _encoded(codec: Any, fields: list[tuple[Any, Any]], m: Any) -> tuple[str, object]:
    try:
        return "bytes", codec.encode(m.begin_string, m.msg_type, fields, dictionary=m.dictionary)
    except EncodeError as error:
        return "refused", type(error).__name__


def written(data: bytes) -> None:
    """Write a message's fields again, by its dictionary."""
    try:
        m = FAST.parse(data)
    except GarbledMessage:
        return
    if not _has_dictionary(m):
        return
    fields = _disguised(m.body(nested=True), m, Random(zlib.crc32(data)))
    found, expected = _encoded(FAST, fields, m), _encoded(SLOW, fields, m)
    assert found[0] == expected[0], f"compiled: {found}, reference: {expected} for {fields}"
    if found[0] == "bytes":
        assert found == expected, f"compiled: {found}, reference: {expected} for {fields}"
        assert FAST.parse(found[1]).msg_type == m.msg_type


HEADER: dict[str, Any] = {"sender_comp_id": "A", "target_comp_id": "B", "msg_seq_num": 7, "sending_time": 1}


def _flat(fields: list[tuple[int, Any]]) -> Iterator[tuple[int, object]]:
    """Yield every field in every entry; nothing of how many entries there are."""
    for tag, value in fields:
        if isinstance(value, list):
            for entry in value:
                yield from _flat(entry)
        elif tag not in COUNT_TAGS:
            yield tag, value


def typed(data: bytes) -> None:
    """Make an object of the message's class, write it, and make one of that."""
    try:
        m = FAST.parse(data)
    except GarbledMessage:
        return
    stem = VERSIONS.get(m.dictionary.version) if _has_dictionary(m) else None
    found = m.dictionary.messages.get(m.msg_type) if stem is not None else None
    if stem is None or found is None or found.msg_type != m.msg_type:
        return
    kind = getattr(import_module(f"fixfast.{stem.lower()}"), found.name)
    item = kind.from_message(m)
    assert repr(item)
    assert item == kind.from_message(m)
    try:
        body = item.body()
    except EncodeError:  # an entry with a stranger in front of its first field, which is a group
        return
    lost = Counter(_flat(m.body(nested=True))) - Counter(_flat(body))
    assert not lost, f"{item!r} of {m} lacks {lost}"
    try:
        raw = item.encode(**HEADER)
    except EncodeError:
        return
    written = FAST.parse(raw)
    again = kind.from_message(written)
    if m.validate(ff.Validation("observe", "structure")) is None:
        # not `again == item`: a data field that came without its length is written with it
        assert again.encode(**HEADER) == raw, f"{again!r} was {item!r}"
    else:  # what stood where it did not belong may find its place: as much is written again
        with suppress(EncodeError):
            rewritten = FAST.parse(again.encode(**HEADER))
            missing = Counter(_fields(written)) - Counter(_fields(rewritten))
            assert not missing, f"{again!r} was {item!r}, and lacks {missing}"
