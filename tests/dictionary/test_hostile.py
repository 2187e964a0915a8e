"""XML from strangers, in either format: one error with file, line and element; nothing is fetched; time is linear."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fixfast.dictionary import markup
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.markup import MAX_ATTRIBUTE, MAX_BYTES, MAX_DEPTH, root_element
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.orchestra_xml import read_orchestra_xml
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError
from tests.dictionary import test_orchestra as orchestra
from tests.dictionary import test_quickfix_xml as quickfix


class Format(NamedTuple):
    """A format: its reader, a small dictionary with things added, and a field, group or component many times over."""

    name: str
    read: Callable[[bytes, str], Any]
    #: head: behind the XML declaration; extra: before the last tag; field, member: more of those
    text: Callable[..., bytes]
    field: str
    member: str

    def load(self, data: bytes) -> Dictionary:
        return resolve(self.read(data, "broker.xml"))


def _quickfix(head: str = "", extra: str = "", field: str = "", member: str = '<field name="Symbol"/>') -> bytes:
    return quickfix.xml(head=head, extra=extra, body=member, fields=quickfix.FIELDS + field)


def _orchestra(head: str = "", extra: str = "", field: str = "", member: str = '<fixr:fieldRef id="55"/>') -> bytes:
    data = orchestra.xml(member, extra=extra, fields=orchestra.FIELDS + field).decode()
    return data.replace('<?xml version="1.0"?>\n', f'<?xml version="1.0"?>\n{head}').encode()


QUICKFIX = Format(
    "quickfix", read_quickfix_xml, _quickfix, '<field number="{}" name="F{}" type="INT"/>', '<field name="F{}"/>'
)
ORCHESTRA = Format(
    "orchestra",
    read_orchestra_xml,
    _orchestra,
    '<fixr:field id="{}" name="F{}" type="int"/>',
    '<fixr:fieldRef id="{}"/>',
)


@pytest.fixture(params=[QUICKFIX, ORCHESTRA], ids=lambda format_: format_.name)
def dialect(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


def error(dialect: Format, data: bytes) -> DictionaryError:
    with pytest.raises(DictionaryError) as caught:
        dialect.load(data)
    assert caught.value.file == "broker.xml"
    return caught.value


def test_the_small_dictionary_itself_is_right(dialect: Format) -> None:
    assert list(dialect.load(dialect.text()).members("D")) == [8, 55, 10]


# --- doctypes, entities, things outside ----------------------------------------------------------------------

LAUGHS = "<!DOCTYPE lolz [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12)
) + "]>\n"  # fmt: skip
QUADRATIC = f"<!DOCTYPE q [<!ENTITY a '{'x' * 50_000}'>]>\n"


@pytest.mark.parametrize(
    ("head", "inside"),
    [
        ('<!DOCTYPE fix SYSTEM "file:///etc/hostname">\n', ""),
        ('<!DOCTYPE fix PUBLIC "-//X//Y" "http://example.org/fix.dtd">\n', ""),
        ("<!DOCTYPE fix [<!ENTITY a 'b'>]>\n", "&a;"),
        ("<!DOCTYPE fix [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>\n", "&a;"),
        ("<!DOCTYPE fix [<!ENTITY % a SYSTEM 'http://example.org/x'> %a;]>\n", ""),
        (LAUGHS, "&a11;"),
        (QUADRATIC, "&a;" * 1000),
    ],
    ids=["system", "public", "entity", "external", "parameter", "laughs", "quadratic"],
)
def test_sc13_doctypes_and_entities_are_refused_at_once(dialect: Format, head: str, inside: str) -> None:
    started = time.process_time()
    bad = error(dialect, dialect.text(head=head, extra=f"<!-- -->{inside}"))
    assert bad.element in ("!DOCTYPE", "!ENTITY")
    assert bad.line == 2
    assert time.process_time() - started < 0.5


def test_an_entity_that_nobody_declared(dialect: Format) -> None:
    bad = error(dialect, dialect.text(extra="&nobody;"))
    assert "undefined entity" in bad.detail
    assert bad.line


def test_characters_by_number_are_characters(dialect: Format) -> None:
    data = dialect.text(field=dialect.field.format(9000, "&#65;&amp;"))
    assert dialect.load(data).fields[9000].name == "FA&"


@pytest.mark.parametrize("target", ["file:///etc/hostname", "http://127.0.0.1:9/x", "\\\\host\\share"])
def test_sc13_nothing_is_fetched(dialect: Format, target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not by a schema's location, a stylesheet, a base or an inclusion either."""
    opened: list[str] = []

    def no_socket(*_: object) -> None:
        raise AssertionError("a socket")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
            opened.append(str(arguments[0]))

    path = tmp_path / "broker.xml"
    path.write_bytes(
        dialect.text(head=f'<?xml-stylesheet href="{target}"?>\n')
        .replace(b"<fix ", f'<fix xml:base="{target}" xsi="{target}" '.encode())
        .replace(b"<fixr:repository ", f'<fixr:repository xml:base="{target}" schemaLocation="x {target}" '.encode())
    )
    monkeypatch.setattr(socket, "socket", no_socket)
    load_dictionary("FIX.4.4")
    watching = False
    sys.addaudithook(watch)
    watching = True
    load_dictionary(path)
    watching = False
    assert set(opened) <= {str(path)}


def test_sc13_an_expat_that_is_too_old_is_refused(dialect: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older than 2.4.1 it has no bound of its own on entities (C13)."""

    class Old:
        version_info = (2, 4, 0)

    monkeypatch.setattr(markup, "expat", Old)
    bad = error(dialect, dialect.text())
    assert bad.detail == "XML cannot be read safely: Python was built with expat 2.4.0, older than 2.4.1"


# --- broken --------------------------------------------------------------------------------------------------


def test_cut_at_every_byte(dialect: Format) -> None:
    data = dialect.text()
    started = time.process_time()
    for end in range(len(data.rstrip())):
        bad = error(dialect, data[:end])
        assert bad.line
    assert time.process_time() - started < 5


@pytest.mark.parametrize("byte", [0x00, 0x3C, 0x26, 0x22, 0x80, 0xFF])
def test_a_byte_that_is_wrong_anywhere(dialect: Format, byte: int) -> None:
    """Either read or refused by name; any other exception is a bug."""
    data = dialect.text()
    refused = []
    for at in range(0, len(data), 3):
        try:
            dialect.load(data[:at] + bytes([byte]) + data[at + 1 :])
        except DictionaryError as bad:
            refused.append(bad.file)
    assert len(refused) > len(data) // 12
    assert set(refused) == {"broker.xml"}


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"\x00", b"\xff\xfe", b"<", b"<?xml version='1.0' encoding='klingon'?><fix/>", b"8=FIX.4.4\x019=5\x01"],
)
def test_what_is_no_xml(dialect: Format, data: bytes, tmp_path: Path) -> None:
    assert error(dialect, data).detail
    path = tmp_path / "broker.xml"
    path.write_bytes(data)
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(path)
    assert caught.value.file == str(path)


def test_the_first_element_tells_the_formats_apart() -> None:
    assert root_element(quickfix.xml(), "broker.xml") == "fix"
    assert root_element(orchestra.xml(), "broker.xml") == "repository"
    assert root_element(b"<a:fix xmlns:a='b'/>", "broker.xml") == "fix"
    assert root_element(b"", "broker.xml") == root_element(b"<!DOCTYPE fix><fix/>", "broker.xml") == ""
    assert root_element(b"<fix", "broker.xml") == ""


# --- much of it ----------------------------------------------------------------------------------------------


def test_sc13_size_is_bounded_at_its_edge(dialect: Format) -> None:
    data = dialect.text()
    assert dialect.load(data + b" " * (MAX_BYTES - len(data)))
    assert "larger than" in error(dialect, data + b" " * (MAX_BYTES - len(data) + 1)).detail


def test_sc13_depth_is_bounded_at_its_edge(dialect: Format) -> None:
    def nested(levels: int) -> bytes:
        # Below what is passed over in Orchestra, below a group in QuickFIX's schema.
        if dialect is ORCHESTRA:
            return dialect.text(extra="<a>" * levels + "</a>" * levels)
        body, fields = quickfix.nested_groups(levels)
        return quickfix.xml(body=body, fields=fields)

    most = MAX_DEPTH - (1 if dialect is ORCHESTRA else 4)
    assert dialect.load(nested(most))
    for levels in (most + 1, 100_000):
        bad = error(dialect, nested(levels) if levels < 1000 else dialect.text(extra="<a>" * levels))
        if levels < 1000 or dialect is ORCHESTRA:
            assert bad.detail == f"deeper than {MAX_DEPTH} levels"


def test_attributes_are_bounded_at_their_edge(dialect: Format) -> None:
    longest = "x" * (MAX_ATTRIBUTE - 1)
    assert dialect.load(dialect.text(field=dialect.field.format(9000, longest))).fields[9000]
    bad = error(dialect, dialect.text(field=dialect.field.format(9000, longest + "x")))
    assert bad.detail == f"attribute 'name' is longer than {MAX_ATTRIBUTE} characters"


def test_sc13_time_is_linear_in_the_size(dialect: Format) -> None:
    """Twice as many fields and members: about twice the time."""

    def seconds(count: int) -> float:
        fields = "".join(dialect.field.format(10_000 + i, i) for i in range(count))
        key = range(10_000, 10_000 + count) if dialect is ORCHESTRA else range(count)
        data = dialect.text(field=fields, member="".join(dialect.member.format(i) for i in key))
        best = 1e9
        for _ in range(3):
            started = time.process_time()
            d = dialect.load(data)
            best = min(best, time.process_time() - started)
        assert len(d.members("D")) == count + 2
        return best

    assert seconds(16_000) < 8 * seconds(4_000) + 0.05, "four times as many"


def test_many_of_the_same_reference(dialect: Format) -> None:
    """A member twenty thousand times over: one counts, and each other is a warning."""
    member = '<field name="Symbol"/>' if dialect is QUICKFIX else '<fixr:fieldRef id="55"/>'
    started = time.process_time()
    d = dialect.load(dialect.text(member=member * 20_000))
    assert list(d.members("D")) == [8, 55, 10]
    assert len(d.warnings) == 19_999
    assert time.process_time() - started < 5


# --- Orchestra's own -----------------------------------------------------------------------------------------


def test_scenarios_by_the_thousand_cost_little() -> None:
    messages = "".join(
        orchestra.ORDER.format(f' scenario="S{i}"', f'<fixr:fieldRef id="{10_000 + i}" presence="required"/>')
        for i in range(5000)
    )
    fields = "".join(f'<fixr:field id="{10_000 + i}" name="F{i}" type="int"/>' for i in range(5000))
    started = time.process_time()
    d = ORCHESTRA.load(orchestra.xml(messages=messages, fields=orchestra.FIELDS + fields))
    assert len(d.members("D")) == 5002
    assert not any(member.required for tag, member in d.members("D").items() if tag >= 10_000)
    assert time.process_time() - started < 5


def test_sc13_groups_that_double_at_each_level_are_refused_soon() -> None:
    """As members of their owners they would grow to a million million."""
    levels = 20
    fields = "".join(f'<fixr:field id="{6000 + i}" name="No{i}" type="NumInGroup"/>' for i in range(levels))
    groups = "".join(
        f'<fixr:group id="{i + 1}" name="No{i}"><fixr:numInGroup id="{6000 + i}"/>'
        + f'<fixr:groupRef id="{i + 2}"/>' * 2
        + "</fixr:group>"
        for i in range(levels - 1)
    )
    groups += (
        f'<fixr:group id="{levels}" name="No{levels - 1}"><fixr:numInGroup id="{6000 + levels - 1}"/>'
        '<fixr:fieldRef id="55"/></fixr:group>'
    )
    started = time.process_time()
    bad = error(
        ORCHESTRA,
        orchestra.xml('<fixr:groupRef id="1"/>', groups=groups, fields=orchestra.FIELDS + fields),
    )
    assert bad.detail == "groups in groups: more than 100000 members or 32 levels"
    assert bad.element == "group"
    assert time.process_time() - started < 5


def test_datatypes_that_stand_on_each_other_without_end() -> None:
    datatypes = "".join(f'<fixr:datatype name="T{i}" baseType="T{i + 1}"/>' for i in range(5000))
    fields = "".join(f'<fixr:field id="{10_000 + i}" name="F{i}" type="T0"/>' for i in range(1000))
    started = time.process_time()
    bad = error(ORCHESTRA, orchestra.xml(datatypes=datatypes, fields=orchestra.FIELDS + fields))
    assert bad.detail == "field F0 (10000) has the unknown type 'T0'"
    assert time.process_time() - started < 5
