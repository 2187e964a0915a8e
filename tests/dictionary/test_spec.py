"""The spec XML is complete: counted, and compared row by row (as a digest), with tables of the published standard.

The numbers and digests below were computed from those tables, not from the XML: fields (tag, name, type), codes (tag,
value, name), messages (MsgType, name, category) and members (owner kind, owner, groups around it, position, kind,
name, required).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pytest

from fixfast.dictionary.load import SPEC_DIR, VERSIONS
from fixfast.dictionary.model import ComponentRef, Dictionary, FieldRef, GroupRef, Member


class Facts(NamedTuple):
    fields: int
    codes: int
    messages: int
    components: int
    groups: int
    members: int
    field_rows: str
    code_rows: str
    message_rows: str
    member_rows: str


FACTS = {
    "FIX40": Facts(138, 235, 27, 0, 6, 379, "b095a56fe418", "a3ccdb3285ce", "e1454c1cda4d", "1e4a24856c00"),
    "FIX41": Facts(206, 342, 28, 0, 10, 604, "ea0d62de747e", "c128be02fcdd", "cde6b8f4f41a", "11319298d26d"),
    "FIX42": Facts(405, 675, 46, 0, 38, 1464, "187dbb362cd1", "9a39f7529edc", "df4155df4630", "431ca073b9ef"),
    "FIX43": Facts(635, 1198, 68, 10, 76, 1994, "cd748962ec9a", "4d26d690ac3e", "2676e448d5e2", "2a68bae09d66"),
    "FIX44": Facts(912, 2369, 93, 104, 93, 3237, "16b035a63278", "417658258cd3", "8560d4c43769", "260615a05ccb"),
    "FIX50": Facts(1090, 2326, 93, 121, 106, 3892, "39f9dbb368ca", "b0a8be3b77d1", "587c37036d96", "4c02ccd6d97a"),
    "FIX50SP1": Facts(1373, 2640, 105, 163, 137, 4483, "dbdc423eaa5b", "f0338d033e73", "8234eefb7c5b", "167b9b0b6021"),
    "FIX50SP2": Facts(6028, 5565, 156, 725, 561, 11475, "d8764804a1e9", "9bf2b20bccfc", "3f7c27af6b32", "cb7a9ee8176e"),
    "FIXT11": Facts(74, 58, 8, 2, 3, 91, "1a753003a4d8", "ffe8fa285e8a", "deeb681c1ae8", "1da27f11afb8"),
}


def member_rows(kind: str, owner: str, members: Iterable[Member], inside: str = "") -> Iterator[str]:
    for position, member in enumerate(members, 1):
        what = {FieldRef: "field", GroupRef: "group", ComponentRef: "component"}[type(member)]
        yield f"{kind}\t{owner}\t{inside}\t{position}\t{what}\t{member.name}\t{'Y' if member.required else 'N'}"
        if isinstance(member, GroupRef):
            yield from member_rows(kind, owner, member.group.members, f"{inside}>{member.name}".lstrip(">"))


def all_member_rows(dictionary: Dictionary) -> list[str]:
    rows = [*member_rows("header", "header", dictionary.header), *member_rows("trailer", "trailer", dictionary.trailer)]
    for message in dictionary.messages.values():
        rows += member_rows("message", message.name, message.members)
    for component in dictionary.components.values():
        rows += member_rows("component", component.name, component.members)
    return rows


def digest(rows: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()[:12]


def test_there_is_one_file_for_each_version() -> None:
    assert sorted(path.stem for path in SPEC_DIR.iterdir()) == sorted(FACTS) == sorted(VERSIONS.values())


@pytest.mark.parametrize("stem", FACTS)
def test_counts(stem: str, alone: Callable[[str], Dictionary]) -> None:
    dictionary, facts = alone(stem), FACTS[stem]
    rows = all_member_rows(dictionary)
    assert len(dictionary.fields) == facts.fields
    assert sum(len(item.codes) for item in dictionary.fields.values()) == facts.codes
    assert len(dictionary.messages) == facts.messages
    assert len(dictionary.components) == facts.components
    assert sum("\tgroup\t" in row for row in rows) == facts.groups
    assert len(rows) == facts.members


@pytest.mark.parametrize("stem", FACTS)
def test_every_row(stem: str, alone: Callable[[str], Dictionary]) -> None:
    dictionary, facts = alone(stem), FACTS[stem]
    fields = list(dictionary.fields.values())
    assert digest(f"{f.tag}\t{f.name}\t{f.type}" for f in fields) == facts.field_rows
    assert digest(f"{f.tag}\t{code.value}\t{code.name}" for f in fields for code in f.codes) == facts.code_rows
    messages = dictionary.messages.values()
    assert digest(f"{m.msg_type}\t{m.name}\t{m.category}" for m in messages) == facts.message_rows
    assert digest(all_member_rows(dictionary)) == facts.member_rows


@pytest.mark.parametrize("stem", FACTS)
def test_files_are_pretty_and_end_in_a_newline(stem: str) -> None:
    text = (SPEC_DIR / f"{stem}.xml").read_text(encoding="utf-8")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<fix type=')
    assert text.endswith("</fix>\n")
    depth = 0
    for line in text.splitlines()[1:]:
        body = line.lstrip(" ")
        depth -= body.startswith("</")
        assert len(line) - len(body) == 2 * depth
        depth += not body.startswith("</") and not body.endswith("/>")
