"""What a reader of the standard's dictionaries must handle, row by row."""

from __future__ import annotations

import keyword
from collections.abc import Callable

import pytest

from fixfast.dictionary.generate import render_all
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import (
    KINDS,
    Component,
    ComponentRef,
    Dictionary,
    Group,
    GroupDef,
    GroupRef,
    Member,
    Message,
)
from fixfast.dictionary.naming import attribute
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.render import count_tags, data_pairs, time_tags
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError


def every_dictionary() -> list[Dictionary]:
    return [load_dictionary(version) for version in VERSIONS]


def groups_in(members: tuple[Member, ...]) -> list[Group]:
    found = []
    for member in members:
        if isinstance(member, GroupRef):
            found += [member.group, *groups_in(member.group.members)]
    return found


def every_group(dictionary: Dictionary) -> list[tuple[str, Group]]:
    owners: list[Message | Component] = [*dictionary.messages.values(), *dictionary.components.values()]
    return [(owner.name, group) for owner in owners for group in groups_in(owner.members)]


def test_a_duplicate_member_after_expansion_is_a_warning_and_the_first_wins() -> None:
    d = load_dictionary("FIX.5.0")
    assert {warning.tag for warning in d.warnings} == {566, 1017}  # LegPrice, LegOptionRatio
    assert "LegOrdGrp > NoLegs: LegPrice (566) is a member twice: the first counts" in map(str, d.warnings)
    legs = d.group("AB", 555)
    assert legs is not None
    assert sorted(legs.order) == sorted(legs.tags)  # each tag once
    assert all(not load_dictionary(version).warnings for version in VERSIONS if version != "FIX.5.0")


def test_the_delimiter_is_the_first_member_after_expanding_components() -> None:
    d = load_dictionary("FIX.4.4")
    parties = d.group("D", 453)
    assert parties is not None
    assert parties.delimiter == 448
    legs = d.group("AB", 555)  # NoLegs > InstrumentLeg > LegSymbol
    assert legs is not None
    assert legs.delimiter == 600
    assert isinstance(next(g for _, g in every_group(d) if g.field.tag == 555).members[0], ComponentRef)


def test_eight_delimiters_in_fix50sp2_are_counts_of_nested_groups() -> None:
    d = load_dictionary("FIX.5.0SP2")
    definitions = [d._group_def(group) for _, group in every_group(d)]
    odd = {x.count_tag: x.delimiter for x in definitions if x.delimiter in x.groups}
    assert odd == {
        40204: 40209,
        41599: 41604,
        42060: 42065,
        1772: 1671,
        1669: 1529,
        1677: 1671,
        1919: 1920,
        1499: 453,
    }


@pytest.mark.parametrize("version", ["FIX.4.3", "FIX.4.4", "FIXT.1.1", "FIX.5.0SP2"])
def test_xml_non_fix_is_the_applications_and_has_no_members(version: str) -> None:
    message = load_dictionary(version).messages["n"]
    assert message.name == "XMLnonFIX"
    assert message.category == "admin"
    assert not message.session
    assert message.members == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_session_messages_are_0_to_5_and_a(version: str) -> None:
    messages = load_dictionary(version).messages.values()
    assert {m.msg_type for m in messages if m.session} == set("012345A")
    assert {m.msg_type for m in messages if m.category == "admin"} - {"n"} == set("012345A")


def test_the_length_of_a_data_field_is_the_sibling_before_it() -> None:
    pairs = data_pairs(every_dictionary())
    assert len(pairs) == 83
    assert pairs[95] == 96
    assert pairs[93] == 89
    assert pairs[41873] == 41874
    assert {length: data for length, data in pairs.items() if data != length + 1} == {
        93: 89,
        2372: 2371,
        2522: 2521,
        2802: 2801,
        2809: 2808,
        1525: 1527,
        1678: 1697,
        2494: 2493,
        2815: 2814,
        43110: 42486,
        43109: 42684,
        43111: 42982,
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_data_field_has_one_length(version: str) -> None:
    d = load_dictionary(version)
    assert sorted(d.data_pairs.values()) == sorted(f.tag for f in d.fields.values() if f.kind in ("data", "xml"))
    assert all(d.fields[length].kind in ("int", "uint") for length in d.data_pairs)


def test_names_shared_by_messages_fields_and_components() -> None:
    d = load_dictionary("FIX.5.0SP2")
    assert d.messages["SecurityStatus"].msg_type == "f"
    assert d.fields["SecurityStatus"].tag == 965
    assert d.components["RateSource"].name == d.fields["RateSource"].name == "RateSource"


def test_code_names_repeat_within_a_field() -> None:
    names = [code.name for code in load_dictionary("FIX.5.0").fields[574].codes]
    assert names.count("CROSS_AUCTION") == 2
    names = [code.name for code in load_dictionary("FIX.5.0SP2").fields[221].codes]
    assert names.count("EURIBOR") == 2


def test_char_is_any_text_in_4_0_and_4_1() -> None:
    for version, kind in (("FIX.4.0", "str"), ("FIX.4.1", "str"), ("FIX.4.2", "char"), ("FIX.4.4", "char")):
        assert load_dictionary(version).fields["Side"].type == "CHAR"
        assert load_dictionary(version).fields["Side"].kind == kind


def test_rare_types_are_known() -> None:
    assert KINDS.keys() >= set("TIME DATE UTCDATE XID XIDREF TAGNUM LANGUAGE TENOR".split())
    used = {item.type for d in every_dictionary() for item in d.fields.values()}
    assert used - KINDS.keys() == set()
    assert load_dictionary("FIX.4.0").fields["SendingTime"].type == "TIME"
    assert load_dictionary("FIX.4.0").fields["SendingTime"].kind == "time"


def test_xml_data_is_data_whatever_its_type_is_called() -> None:
    types = {d.version: d.fields[213].type for d in every_dictionary() if 213 in d.fields}
    assert set(types.values()) == {"DATA", "XMLDATA"}
    assert {d.fields[213].kind for d in every_dictionary() if 213 in d.fields} == {"data", "xml"}


@pytest.mark.parametrize("version", ["FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"])
def test_5_x_is_merged_with_fixt(version: str) -> None:
    d, fixt = load_dictionary(version), load_dictionary("FIXT.1.1")
    assert d.begin_string == "FIXT.1.1"
    assert d.version == version
    assert d.fields.keys() >= fixt.fields.keys()
    assert [member.name for member in d.header] == [member.name for member in fixt.header]
    assert [member.name for member in d.trailer] == [member.name for member in fixt.trailer]
    assert d.messages["A"].name == "Logon"
    assert d.messages["Logon"].members == d.messages["A"].members != ()
    hops = d.group("8", 627)
    assert hops is not None
    assert hops.order == (628, 629, 630)


def test_fix50_lacks_fields_that_fixt_has(alone: Callable[[str], Dictionary]) -> None:
    missing = alone("FIXT11").fields.keys() - alone("FIX50").fields.keys()
    assert len(missing) == 11  # ten, and DefaultVerIndicator (1410), which only Orchestra's session file lists
    assert missing <= load_dictionary("FIX.5.0").fields.keys()


def test_the_three_fixt_fields_that_only_orchestra_lists() -> None:
    d = load_dictionary("FIXT.1.1")
    assert [d.fields[tag].name for tag in (384, 385, 1410)] == ["NoMsgTypes", "MsgDirection", "DefaultVerIndicator"]
    group = d.group("A", 384)
    assert isinstance(group, GroupDef)
    assert {372, 385, 1410} <= group.tags


def test_timestamp_tags() -> None:
    tags = time_tags(every_dictionary())
    assert len(tags) == 42
    assert {42, 52, 60, 62, 122, 126, 168} <= set(tags)
    assert tags == sorted(tags)


def test_count_tags() -> None:
    tags = count_tags(every_dictionary())
    assert len(tags) == 505
    assert {78, 146, 267, 268, 453, 454, 555, 627, 802} <= set(tags)
    assert not {33, 85} & set(tags), "plain numbers in some messages"
    assert tags == sorted(tags)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_count_field_is_an_int(version: str) -> None:
    for owner, group in every_group(load_dictionary(version)):
        assert group.field.type in ("NUMINGROUP", "INT"), (owner, group.field)


def test_codec_tables_hold_the_pairs() -> None:
    files = render_all()
    header = files["fixfast/codec/_data_pairs.h"]
    assert "#define FF_DATA_PAIRS 83" in header
    assert "#define FF_TIME_TAGS 42" in header
    assert "#define FF_COUNT_TAGS 505" in header
    namespace: dict[str, object] = {}
    exec(files["fixfast/codec/_data_pairs.py"], namespace)
    assert namespace["DATA_PAIRS"] == data_pairs(every_dictionary())
    assert namespace["TIME_TAGS"] == frozenset(time_tags(every_dictionary()))
    assert namespace["COUNT_TAGS"] == frozenset(count_tags(every_dictionary()))


def broken(fields: str = "", body: str = "") -> DictionaryError:
    text = f"""<fix major="4" minor="4">
      <header><field name="BeginString"/></header><trailer><field name="CheckSum"/></trailer>
      <messages><message name="Order" msgtype="D">{body}</message></messages>
      <fields><field number="8" name="BeginString" type="STRING"/><field number="10" name="CheckSum" type="STRING"/>
      {fields}</fields></fix>"""
    with pytest.raises(DictionaryError) as caught:
        resolve(read_quickfix_xml(text.encode(), "broker.xml"))
    return caught.value


def test_a_duplicate_definition_is_an_error() -> None:
    """A duplicate member is not: see the first test."""
    once = '<field number="54" name="Side" type="CHAR"><value enum="1"/></field>'
    assert broken(once + once).detail == "field Side (54) is defined twice"
    assert broken(once.replace("<value", '<value enum="1"/><value')).detail == "value '1' is defined twice"
    twice = '</message><message name="Other" msgtype="D">'
    assert broken(body=twice).detail == "message Other (D) is defined twice"


def test_an_unknown_type_is_an_error_that_names_it() -> None:
    bad = broken('<field number="9000" name="Own" type="Reserved100Plus"/>')
    assert bad.detail == "field Own (9000) has the unknown type 'RESERVED100PLUS'"
    assert (bad.file, bad.line, bad.element) == ("broker.xml", 5, "field")


def test_a_name_that_is_a_keyword_in_lower_case() -> None:
    """Yield (236): an attribute cannot be called so."""
    assert load_dictionary("FIX.4.4").fields["Yield"].tag == 236
    assert keyword.iskeyword("yield")
    assert not keyword.iskeyword(attribute("Yield"))
    assert attribute("Yield").isidentifier()


def test_neither_name_nor_tag_is_a_rule_for_lengths() -> None:
    fields = load_dictionary("FIX.5.0SP2").fields
    pairs = load_dictionary("FIX.5.0SP2").data_pairs
    odd = [(length, data) for length, data in pairs.items() if not fields[length].name.startswith(fields[data].name)]
    assert odd, "a rule by name would miss these"
    assert [pair for pair in pairs.items() if pair[1] != pair[0] + 1], "a rule by number would miss these"
