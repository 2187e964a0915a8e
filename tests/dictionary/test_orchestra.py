"""Dictionaries in FIX Orchestra's XML: the same values as from QuickFIX's, whatever the edition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import ComponentRef, Dictionary, FieldRef, GroupRef
from fixfast.dictionary.orchestra_xml import read_orchestra_xml
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError
from tests.dictionary.orchestra import NAMESPACES, orchestra_of


def read(data: bytes) -> Dictionary:
    return resolve(read_orchestra_xml(data, "venue.xml"))


def assert_equal(one: Dictionary, other: Dictionary) -> None:
    assert (one.version, one.begin_string) == (other.version, other.begin_string)
    assert [*one.fields.values()] == [*other.fields.values()]
    assert [*one.messages.values()] == [*other.messages.values()]
    assert one.components == other.components
    assert (one.header, one.trailer) == (other.header, other.trailer)
    assert one.data_pairs == other.data_pairs
    assert {str(warning) for warning in one.warnings} == {str(warning) for warning in other.warnings}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_standard_version_written_and_read_back(version: str, alone: Callable[[str], Dictionary]) -> None:
    original = alone(VERSIONS[version])
    assert_equal(read(orchestra_of(original)), original)


@pytest.mark.parametrize("year", NAMESPACES)
def test_every_edition(year: int, alone: Callable[[str], Dictionary]) -> None:
    original = alone("FIX44")
    data = orchestra_of(original, year)
    assert NAMESPACES[year].encode() in data
    assert_equal(read(data), original)


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.5.0SP1"])
def test_load_dictionary_tells_the_formats_apart(tmp_path: Path, version: str) -> None:
    path = tmp_path / "venue.xml"
    path.write_bytes(orchestra_of(load_dictionary(version)))
    assert_equal(load_dictionary(path), load_dictionary(version))


def test_an_application_file_is_merged_with_fixt(tmp_path: Path, alone: Callable[[str], Dictionary]) -> None:
    path = tmp_path / "venue.xml"
    path.write_bytes(orchestra_of(alone("FIX50SP1")))
    d = load_dictionary(path)
    assert d.begin_string == "FIXT.1.1"
    assert_equal(d, load_dictionary("FIX.5.0SP1"))


# --- what a file may say -----------------------------------------------------------------------------------

FIELDS = """
<fixr:field id="8" name="BeginString" type="String"/><fixr:field id="10" name="CheckSum" type="String"/>
<fixr:field id="55" name="Symbol" type="String"/><fixr:field id="54" name="Side" type="SideCodeSet"/>
<fixr:field id="95" name="RawDataLength" type="Length"/><fixr:field id="96" name="RawData" type="data"/>
<fixr:field id="453" name="NoParties" type="NumInGroup"/><fixr:field id="448" name="PartyID" type="String"/>
"""
CODES = """
<fixr:codeSet id="54" name="SideCodeSet" type="char"><fixr:code id="1" name="Buy" value="1"/>
<fixr:code id="2" name="SellShortExempt" value="6"/></fixr:codeSet>
"""
PARTIES = '<fixr:group id="1012" name="Parties"><fixr:numInGroup id="453"/><fixr:fieldRef id="448"/></fixr:group>'
ORDER = '<fixr:message id="14" name="Order" msgType="D"{}><fixr:structure>\n{}\n</fixr:structure></fixr:message>'


def xml(
    members: str = '<fixr:fieldRef id="55"/>',
    *,
    fields: str = FIELDS,
    codes: str = CODES,
    groups: str = PARTIES,
    components: str = "",
    messages: str | None = None,
    datatypes: str = "",
    repository: str = 'name="Venue" version="FIX.4.4"',
    extra: str = "",
    year: int = 2020,
) -> bytes:
    return f"""<?xml version="1.0"?>
<fixr:repository xmlns:fixr="{NAMESPACES[year]}" {repository}>
<fixr:datatypes>{datatypes}</fixr:datatypes>
<fixr:codeSets>{codes}</fixr:codeSets>
<fixr:fields>{fields}</fixr:fields>
<fixr:components>{components}
<fixr:component id="1024" name="StandardHeader"><fixr:fieldRef id="8" presence="required"/></fixr:component>
<fixr:component id="1025" name="StandardTrailer"><fixr:fieldRef id="10" presence="required"/></fixr:component>
</fixr:components>
<fixr:groups>{groups}</fixr:groups>
<fixr:messages>{messages if messages is not None else ORDER.format("", members)}</fixr:messages>
{extra}
</fixr:repository>""".encode()


def error(data: bytes) -> DictionaryError:
    with pytest.raises(DictionaryError) as caught:
        read(data)
    assert caught.value.file == "venue.xml"
    return caught.value


def test_presence() -> None:
    """What is forbidden is no member; constant and ignored fields need not be there."""
    d = read(
        xml(
            '<fixr:fieldRef id="55" presence="required"/><fixr:fieldRef id="54" presence="forbidden"/>'
            '<fixr:fieldRef id="448" presence="constant" value="X"/><fixr:fieldRef id="95" presence="ignored"/>'
            '<fixr:fieldRef id="96" supported="forbidden"/>'
        )
    )
    assert [(m.tag, m.required) for m in d.members("D").values()] == [
        (8, True), (55, True), (448, False), (95, False), (10, True),
    ]  # fmt: skip
    assert error(xml('<fixr:fieldRef id="55" presence="maybe"/>')).detail == (
        "presence='maybe': one of optional, required, forbidden, ignored, constant"
    )


def test_a_group_becomes_a_component_that_holds_it() -> None:
    d = read(xml('<fixr:groupRef id="1012" presence="required"/>'))
    [member] = d.messages["D"].members
    assert isinstance(member, ComponentRef)
    assert (member.name, member.required) == ("Parties", True)
    [group] = member.component.members
    assert isinstance(group, GroupRef)
    assert (group.tag, group.required) == (453, True)
    assert d.members("D")[453].required


@pytest.mark.parametrize(
    ("of_the_group", "of_the_count", "required"),
    [
        ("", "", False),
        (' presence="required"', "", True),
        (' presence="required"', ' presence="required"', True),
        (' presence="required"', ' presence="optional"', False),
        ("", ' presence="required"', False),
    ],
)
def test_whether_a_group_must_be_there_is_said_where_it_is_referred_to(
    of_the_group: str, of_the_count: str, required: bool
) -> None:
    group = PARTIES.replace('<fixr:numInGroup id="453"/>', f'<fixr:numInGroup id="453"{of_the_count}/>')
    d = read(xml(f'<fixr:groupRef id="1012"{of_the_group}/>', groups=group))
    assert d.members("D")[453].required is required


def test_a_group_named_as_its_count_belongs_to_its_owner() -> None:
    group = PARTIES.replace('name="Parties"', 'name="NoParties"')
    d = read(xml('<fixr:groupRef id="1012" presence="required"/>', groups=group))
    assert d.components == {}
    [member] = d.messages["D"].members
    assert isinstance(member, GroupRef)
    assert (member.tag, member.required) == (453, True)


def test_groups_of_the_edition_of_2016() -> None:
    group = '<fixr:group id="1012" name="Parties" numInGroupId="453"><fixr:fieldRef id="448"/></fixr:group>'
    d = read(xml('<fixr:componentRef id="1012"/>', components=group, groups="", year=2016))
    definition = d.group("D", 453)
    assert definition is not None
    assert definition.order == (448,)


def test_code_names_read_as_in_the_standards_dictionaries() -> None:
    codes = "".join(
        f'<fixr:code id="{i}" name="{name}" value="{i}"/>'
        for i, name in enumerate(
            ("Buy", "FillOrKill", "OKToCross", "CUSIP", "Rule80A", "ALREADY_SO", "ISOCurrencyCode")
        )
    )
    d = read(xml(codes=f'<fixr:codeSet id="54" name="SideCodeSet" type="char">{codes}</fixr:codeSet>'))
    assert [code.name for code in d.fields[54].codes] == [
        "BUY", "FILL_OR_KILL", "OK_TO_CROSS", "CUSIP", "RULE80_A", "ALREADY_SO", "ISO_CURRENCY_CODE",
    ]  # fmt: skip
    assert (d.fields[54].type, d.fields[54].kind) == ("CHAR", "char")


def test_a_union_leaves_a_code_set_open() -> None:
    fields = FIELDS.replace('type="SideCodeSet"', 'type="SideCodeSet" unionDataType="Reserved100Plus"')
    assert read(xml(fields=fields)).fields[54].open
    assert not read(xml()).fields[54].open


def test_a_datatype_of_ones_own_is_what_it_is_derived_from() -> None:
    datatypes = (
        '<fixr:datatype name="Nanos" baseType="Micros"/><fixr:datatype name="Micros" baseType="UTCTimestamp"/>'
        '<fixr:datatype name="Round" baseType="Trip"/><fixr:datatype name="Trip" baseType="Round"/>'
    )
    d = read(xml(datatypes=datatypes, fields=FIELDS + '<fixr:field id="9000" name="At" type="Nanos"/>'))
    assert (d.fields[9000].type, d.fields[9000].kind) == ("UTCTIMESTAMP", "time")
    bad = error(xml(datatypes=datatypes, fields=FIELDS + '<fixr:field id="9000" name="At" type="Round"/>'))
    assert bad.detail == "field At (9000) has the unknown type 'Round'"


def test_the_code_set_of_later_editions() -> None:
    fields = FIELDS.replace('type="SideCodeSet"', 'codeSet="SideCodeSet"')
    d = read(xml(fields=fields, year=2023))
    assert d.fields[54].code_name("1") == "BUY"
    assert d.fields[54].kind == "char"
    assert error(xml(fields=fields, codes="")).detail == "unknown code set 'SideCodeSet'"


@pytest.mark.parametrize(
    ("repository", "version", "begin_string"),
    [
        ('name="FIX.4.2" version="FIX.4.2"', "FIX.4.2", "FIX.4.2"),
        ('name="FIX.5.0SP2" version="FIX.5.0SP2_EP216"', "FIX.5.0SP2", "FIXT.1.1"),
        ('name="FIX.Latest" version="FIX.Latest_EP282"', "FIX.5.0SP2", "FIXT.1.1"),
        ('name="FIXT" version="FIX.5.0SP2_EP247"', "FIXT.1.1", "FIXT.1.1"),
        ('name="Venue rules on FIX.4.4" version="7.1"', "FIX.4.4", "FIX.4.4"),
    ],
)
def test_the_version(repository: str, version: str, begin_string: str) -> None:
    d = read(xml(repository=repository))
    assert (d.version, d.begin_string) == (version, begin_string)


def test_a_version_that_is_none() -> None:
    bad = error(xml(repository='name="Venue" version="7.1"'))
    assert bad.detail == "version='7.1' names no version of FIX, as \"FIX.4.4\" does"
    # Only messages over FIXT have an ApplVerID in their header.
    header = '<fixr:fieldRef id="8" presence="required"/>'
    data = xml(
        repository='name="Venue" version="7.1"', fields=FIELDS + '<fixr:field id="1128" name="V" type="String"/>'
    )
    over_fixt = data.replace(header.encode(), (header + '<fixr:fieldRef id="1128"/>').encode())
    assert read(over_fixt).version == "FIX.5.0SP2"


def test_the_length_of_data() -> None:
    """By position; else by lengthId, unless that names what is no length (as in the published session file)."""
    d = read(xml('<fixr:fieldRef id="95"/><fixr:fieldRef id="96"/>'))
    assert d.data_pairs == {95: 96}
    assert read(xml('<fixr:fieldRef id="96"/>')).data_pairs == {}
    named = FIELDS.replace('name="RawData" type="data"', 'name="RawData" type="data" lengthId="95"')
    d = read(xml('<fixr:fieldRef id="96"/>', fields=named))
    assert d.data_pairs == {95: 96}
    assert d.overlay(messages={"Order": {"relax": ["RawData"]}}).data_pairs == {95: 96}
    wrong = named.replace('lengthId="95"', 'lengthId="55"')
    assert read(xml('<fixr:fieldRef id="96"/>', fields=wrong)).data_pairs == {}
    assert read(xml('<fixr:fieldRef id="95"/><fixr:fieldRef id="96"/>', fields=wrong)).data_pairs == {95: 96}


def test_references_by_name_where_there_is_no_id() -> None:
    d = read(xml('<fixr:fieldRef name="Symbol"/><fixr:groupRef name="Parties"/>'))
    assert [*d.members("D")] == [8, 55, 453, 10]


# --- scenarios ---------------------------------------------------------------------------------------------


def test_the_base_of_several_scenarios_counts() -> None:
    messages = ORDER.format(' scenario="Cash"', '<fixr:fieldRef id="54" presence="required"/>') + ORDER.format(
        "", '<fixr:fieldRef id="55"/>'
    )
    codes = CODES + (
        '<fixr:codeSet id="54" name="SideCodeSet" type="char" scenario="Cash"><fixr:code id="1" name="Buy" value="9"/>'
        "</fixr:codeSet>"
    )
    fields = FIELDS + '<fixr:field id="55" name="Symbol" type="int" scenarioId="2"/>'
    d = read(xml(messages=messages, codes=codes, fields=fields))
    assert [*d.members("D")] == [8, 55, 10]
    assert [code.value for code in d.fields[54].codes] == ["1", "6"]
    assert d.fields[55].kind == "str"


def test_without_a_base_all_scenarios_count() -> None:
    """Or a message that is right in one of them would be refused."""
    first = '<fixr:fieldRef id="55" presence="required"/><fixr:fieldRef id="54" presence="required"/>'
    second = '<fixr:fieldRef id="55" presence="required"/><fixr:fieldRef id="448"/>'
    messages = ORDER.format(' scenario="New"', first) + ORDER.format(' scenario="Cash"', second)
    codes = "".join(
        f'<fixr:codeSet id="54" name="SideCodeSet" type="char" scenario="{name}">'
        f'<fixr:code id="1" name="Buy" value="{value}"/></fixr:codeSet>'
        for name, value in (("New", "1"), ("Cash", "2"))
    )
    d = read(xml(messages=messages, codes=codes))
    assert [(m.tag, m.required) for m in d.members("D").values()] == [
        (8, True), (55, True), (54, False), (448, False), (10, True),
    ]  # fmt: skip
    assert [code.value for code in d.fields[54].codes] == ["1", "2"]


def test_a_message_made_by_an_orchestra_file_is_judged_by_it() -> None:
    d = read(xml('<fixr:fieldRef id="54" presence="required"/>', fields=FIELDS + HEADER_FIELDS).replace(
        b'<fixr:fieldRef id="8" presence="required"/>', HEADER.encode()
    ))  # fmt: skip
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
    assert ff.parse(ff.encode("FIX.4.4", "D", [*head, (54, "1")]), dictionary=d, validate=True).fault is None
    fault = ff.parse(ff.encode("FIX.4.4", "D", [*head, (54, "2")]), dictionary=d).validate()
    assert fault == ff.Fault(5, 54, "Value is incorrect (out of range) for this tag")


HEADER_FIELDS = "".join(
    f'<fixr:field id="{tag}" name="H{tag}" type="{kind}"/>'
    for tag, kind in (
        (9, "Length"),
        (35, "String"),
        (49, "String"),
        (56, "String"),
        (34, "SeqNum"),
        (52, "UTCTimestamp"),
    )
)
HEADER = "".join(f'<fixr:fieldRef id="{tag}" presence="required"/>' for tag in (8, 9, 35, 49, 56, 34, 52))


# --- wrong, and where --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "detail", "element"),
    [
        ({"members": '<fixr:fieldRef id="9999"/>'}, "unknown field 9999", "fieldRef"),
        ({"members": '<fixr:groupRef id="9999"/>'}, "unknown group 9999 in Order", "groupRef"),
        ({"members": '<fixr:componentRef id="9999"/>'}, "unknown component 9999 in Order", "componentRef"),
        ({"members": '<fixr:componentRef name="Nope"/>'}, "unknown component Nope in Order", "componentRef"),
        ({"members": "<fixr:fieldRef/>"}, "attribute 'name' is missing or empty", "fieldRef"),
        ({"members": '<fixr:feildRef id="55"/>'}, "not known in <structure>", "feildRef"),
        (
            {"fields": FIELDS + '<fixr:field id="55" name="New" type="int"/>'},
            "field New (55) is defined twice",
            "field",
        ),
        (
            {"fields": FIELDS + '<fixr:field id="56" name="Symbol" type="int"/>'},
            "field Symbol (55) is defined twice",
            "field",
        ),
        (
            {"fields": FIELDS + '<fixr:field id="0" name="New" type="int"/>'},
            "id='0': a tag has 1 to 9 digits and is not 0",
            "field",
        ),
        ({"fields": FIELDS + '<fixr:field id="56" name="New"/>'}, "attribute 'type' is missing or empty", "field"),
        (
            {"fields": FIELDS + '<fixr:field id="56" name="New" type="Banana"/>'},
            "field New (56) has the unknown type 'Banana'",
            "field",
        ),
        ({"codes": CODES + CODES}, "code set SideCodeSet is defined twice", "codeSet"),
        (
            {"codes": CODES.replace('value="6"', 'value="1"')},
            "value '1' is defined twice",
            "code",
        ),
        ({"groups": PARTIES + PARTIES}, "group Parties (1012) is defined twice", "group"),
        (
            {"groups": PARTIES + PARTIES.replace("1012", "1013")},
            "component Parties is defined twice",
            "group",
        ),
        (
            {"groups": PARTIES.replace('<fixr:numInGroup id="453"/>', "")},
            "group Parties has no numInGroup",
            "group",
        ),
        (
            {"groups": PARTIES.replace('<fixr:fieldRef id="448"/>', "")},
            "group Parties has no members",
            "group",
        ),
        (
            {"groups": PARTIES.replace('<fixr:numInGroup id="453"/>', '<fixr:numInGroup id="453"/>' * 2)},
            "given twice",
            "numInGroup",
        ),
        ({"messages": ORDER.format("", "") * 2}, "message Order (D) is defined twice", "message"),
        (
            {"messages": ORDER.format("", "") + ORDER.format("", "").replace('"D"', '"E"')},
            "message Order (E) is defined twice",
            "message",
        ),
        (
            {"messages": ORDER.format(' scenario="A"', "") * 2},
            "message Order (D) is defined twice for A",
            "message",
        ),
        (
            {"extra": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/hostname"/>'},
            "nothing is included from other files",
            "include",
        ),
    ],
)
def test_faults_name_file_line_and_element(parts: dict[str, str], detail: str, element: str) -> None:
    data = xml(**parts)  # type: ignore[arg-type]  # texts only
    bad = error(data)
    assert (bad.detail, bad.element) == (detail, element)
    assert bad.line
    assert element in data.decode().splitlines()[bad.line - 1]


def test_a_group_inside_itself() -> None:
    for name in ("Parties", "NoParties"):
        group = PARTIES.replace('name="Parties"', f'name="{name}"').replace(
            '<fixr:fieldRef id="448"/>', '<fixr:fieldRef id="448"/><fixr:groupRef id="1012"/>'
        )
        assert "inside itself" in error(xml('<fixr:groupRef id="1012"/>', groups=group)).detail


def test_what_is_not_orchestra() -> None:
    assert "namespace of FIX Orchestra" in error(b"<repository/>").detail
    assert "namespace of FIX Orchestra" in error(b"<repository xmlns='http://example.org/'/>").detail
    assert "namespace of FIX Orchestra" in error(b"<fix/>").detail


def test_the_kinds_of_members_are_those_of_the_model() -> None:
    d = read(xml('<fixr:fieldRef id="55"/><fixr:groupRef id="1012"/>'))
    assert [type(member) for member in d.messages["D"].members] == [FieldRef, ComponentRef]
