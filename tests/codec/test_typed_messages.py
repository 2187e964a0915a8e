"""Every message of every version, built from the model: encoded, parsed, in the dictionary's order, read back equal.

What is expected comes from the model alone (`flatten`), not from what the classes are made of.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import pytest

import fixfast as ff
from fixfast.codec.typed import Typed, TypedMessage
from fixfast.dictionary.load import APPL_VERSIONS, VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary, Field, FlatMember, GroupRef, Kind, Member, first_wins, flatten
from fixfast.dictionary.naming import attribute, identifier

MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)
CODES = {version: code for code, version in APPL_VERSIONS.items()}

#: kind -> (what is given, what is on the wire, what is read)
VALUES: dict[Kind, tuple[Any, str, Any]] = {
    "str": ("Größe 1", "Größe 1", "Größe 1"),
    "char": ("x", "x", "x"),
    "int": (-7, "-7", -7),
    "uint": (7, "7", 7),
    "day": (31, "31", 31),
    "decimal": (Decimal("-1.50"), "-1.50", Decimal("-1.50")),
    "bool": (True, "Y", True),
    "time": (MOMENT, "20240102-03:04:05.678", MOMENT),
    "date": (date(2024, 1, 2), "20240102", date(2024, 1, 2)),
    "timeonly": (time(3, 4, 5, 678000, UTC), "03:04:05.678", time(3, 4, 5, 678000, UTC)),
    "localtime": (time(3, 4, 5), "03:04:05", time(3, 4, 5)),
    "tztime": (time(3, 4, tzinfo=UTC), "03:04:00Z", time(3, 4, tzinfo=UTC)),
    "tztimestamp": (MOMENT, "20240102-03:04:05.678Z", MOMENT),
    "monthyear": (ff.MonthYear(2024, 1, week=1), "202401w1", ff.MonthYear(2024, 1, week=1)),
    "tenor": (ff.Tenor("M", 3), "M3", ff.Tenor("M", 3)),
    "chars": (["a", "b"], "a b", ("a", "b")),
    "strings": (["ab", "c"], "ab c", ("ab", "c")),
    "data": (b"a\x01\xffb", "a\x01\udcffb", b"a\x01\xffb"),
    "xml": (b"<a>\x0a</a>", "<a>\n</a>", b"<a>\x0a</a>"),
}


class Sample(NamedTuple):
    """Keywords for one class, and what must be on the wire and in the attributes."""

    given: dict[str, Any]
    wire: list[tuple[int, str]]
    read: dict[str, Any]


class Maker:
    """Makes samples of the messages of one version: of what they require, or of everything."""

    def __init__(self, dictionary: Dictionary, module: Any, full: bool) -> None:
        self.dictionary, self.module, self.full = dictionary, module, full
        self.lengths = {data: length for length, data in dictionary.data_pairs.items()}

    def sample(self, kind: type[Typed], members: Iterable[Member], opens: bool) -> Sample:
        """Return a sample of a class. `opens`: the first of its members opens an entry of a group."""
        flat = first_wins(flatten(members))
        first = flat[0].tag if opens and flat else 0
        wanted = {first, self.dictionary.data_pairs.get(first, 0)}
        sample = Sample({}, [], {})
        tags = {item.tag for item in flat}
        for member in flat:
            if self.full or member.required or member.tag in wanted:
                self.add(sample, kind, member, tags)
        return sample

    def add(self, sample: Sample, kind: type[Typed], member: FlatMember, tags: set[int]) -> None:
        name = attribute(member.name)
        if isinstance(member, GroupRef):
            entry_kind = kind.layout.by_tag[member.tag].entry  # type: ignore[union-attr]
            number = 2 if self.full and not any(isinstance(m, GroupRef) for m in flatten(member.group.members)) else 1
            inner = self.sample(entry_kind, member.group.members, opens=True)
            entries = [entry_kind(**inner.given) for _ in range(number)]
            sample.given[name] = entries
            sample.wire.extend([(member.tag, str(number)), *(inner.wire * number)])
            sample.read[name] = tuple(entries)
            return
        if self.dictionary.data_pairs.get(member.tag) in tags:
            return  # a length: computed, and written with its data
        given, wire, read = self.value(member.field)
        sample.given[name] = given
        length = self.lengths.get(member.tag)
        if length in tags:
            sample.wire.append((length, str(len(wire.encode("utf-8", "surrogateescape")))))
        sample.wire.append((member.tag, wire))
        sample.read[name] = read

    def value(self, field: Field) -> tuple[Any, str, Any]:
        if not field.codes or field.kind in ("bool", "data", "xml"):
            return VALUES[field.kind]
        text = field.codes[field.tag % len(field.codes)].value
        enum = self.enum(field)
        if field.kind in ("chars", "strings"):
            return [enum(text)], text, (enum(text),)
        return enum(text) if field.tag % 2 else text, text, enum(text)

    def enum(self, field: Field) -> Any:
        name = identifier(field.name)
        return getattr(self.module, f"{name}Code", None) or getattr(self.module, name)


@cache
def module_of(version: str) -> Any:
    return importlib.import_module(f"fixfast.{VERSIONS[version].lower()}")


def nested(pairs: Any) -> Any:
    """Return a body without the order of its members: what it says."""
    return sorted((tag, [nested(e) for e in value] if isinstance(value, list) else value) for tag, value in pairs)


@pytest.mark.parametrize("full", [False, True], ids=["required", "all"])
@pytest.mark.parametrize("version", list(VERSIONS))
def test_every_message_is_written_in_order_and_read_back(version: str, full: bool) -> None:
    d = load_dictionary(version)
    module = module_of(version)
    maker = Maker(d, module, full)
    more: dict[str, Any] = {"appl_ver_id": CODES[version]} if version.startswith("FIX.5") else {}
    for message in d.messages.values():
        kind: type[TypedMessage] = getattr(module, identifier(message.name))
        sample = maker.sample(kind, message.members, opens=False)
        made = kind(**sample.given)
        raw = made.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=1, sending_time=MOMENT, **more)
        m = ff.parse(raw)
        flat = list(m)
        begins = 8 if more else 7
        assert [tag for tag, _ in flat[:begins]] == [8, 9, 35, *([1128] if more else []), 49, 56, 34, 52]
        assert flat[begins:-1] == sample.wire, message.name
        assert flat[0] == (8, d.begin_string)
        assert m.validate() is None, (message.name, m.validate())
        read = kind.from_message(m)
        read.extra = [pair for pair in read.extra if pair[0] != 1128]
        assert read == made, message.name
        assert read.extra == []
        for name, value in sample.read.items():
            found = getattr(read, name)
            assert found == value, (message.name, name)
            assert type(found) is type(value), (message.name, name)
            assert getattr(made, name) == value, (message.name, name)
        body = [pair for pair in m.body(nested=True) if pair[0] != 1128]
        assert nested(read.body()) == nested(body)
        assert read.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=1, sending_time=MOMENT, **more) == raw
