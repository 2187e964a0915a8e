"""The compiler of dictionaries: what it writes is what the model says, as blobs.py, a second reader, reads it."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import get_args

import pytest

from fixfast.dictionary.compile import COMPILER, MAX_DEPTH, MAX_MEMBERS, compile_dictionary
from fixfast.dictionary.load import SPEC_DIR, VERSIONS, load_dictionary
from fixfast.dictionary.model import (
    Code,
    Component,
    ComponentRef,
    Dictionary,
    Field,
    FlatMember,
    GroupDef,
    GroupRef,
    Index,
    Kind,
    Message,
    flatten,
)
from fixfast.errors import DictionaryError
from tests.dictionary.blobs import Blob, Node, field, group, member, model

KINDS = get_args(Kind)
SCHEMA_H = SPEC_DIR.parents[1] / "codec" / "schema.h"


@cache
def standard(version: str) -> tuple[Dictionary, Blob]:
    dictionary = load_dictionary(version)
    return dictionary, Blob(compile_dictionary(dictionary))


@pytest.fixture(params=VERSIONS)
def both(request: pytest.FixtureRequest) -> tuple[Dictionary, Blob]:
    return standard(request.param)


def order(*members: FlatMember | ComponentRef) -> Message:
    return Message("D", "Order", "app", members)


def compiled(*messages: Message, **more: object) -> Blob:
    return Blob(compile_dictionary(model(*messages, **more)))  # type: ignore[arg-type]


# --- the standard's, member by member -----------------------------------------------------------------------------


def compare(blob: Blob, node: Node, members: list[FlatMember], definition: dict[int, GroupDef], seen: set[int]) -> None:
    """Compare a node with the members the model has for it, and the nodes of its groups."""
    if node.at in seen:
        return
    seen.add(node.at)
    assert [row.tag for row in node.rows] == [item.tag for item in members]
    assert [row.index for row in node.rows] == list(range(len(members)))
    assert [row.required for row in node.rows] == [item.required for item in members]
    assert node.required == {i for i, item in enumerate(members) if item.required}
    for row, item in zip(node.rows, members, strict=True):
        assert node.find(row.tag) is row
        found = blob.field(row.tag)
        assert found == (row.kind, row.codes)
        assert bool(row.child) == isinstance(item, GroupRef)
        if isinstance(item, GroupRef):
            inner = definition[item.tag]
            child = blob.node(row.child)
            assert child.delimiter == inner.delimiter
            assert {r.section for r in child.rows} == {"body"}
            assert tuple(r.tag for r in child.rows) == inner.order
            assert {child.rows[i].tag for i in child.required} == inner.required
            compare(blob, child, by_tag(flatten(item.group.members)), dict(inner.groups), seen)


def by_tag(members: list[FlatMember]) -> list[FlatMember]:
    """Keep the first of each tag."""
    found: dict[int, FlatMember] = {}
    for item in members:
        found.setdefault(item.tag, item)
    return list(found.values())


def test_every_member_of_every_message_is_compiled(both: tuple[Dictionary, Blob]) -> None:
    dictionary, blob = both
    header = {item.tag for item in flatten(dictionary.header)}
    trailer = {item.tag for item in flatten(dictionary.trailer)} - header
    seen: set[int] = set()
    assert set(blob.message_nodes()) == {str(msg_type).encode() for msg_type in dictionary.messages}
    for msg_type in map(str, dictionary.messages):
        at = blob.message(msg_type.encode())
        assert at is not None
        assert at == blob.message_nodes()[msg_type.encode()]
        node = blob.node(at)
        members = list(dictionary.members(msg_type).values())
        counts = [item.tag for item in members if isinstance(item, GroupRef)]
        definitions = {tag: found for tag in counts if (found := dictionary.group(msg_type, tag))}
        compare(blob, node, members, definitions, seen)
        assert node.delimiter == 0
        body = {item.tag for item in flatten(dictionary.messages[msg_type].members)} - header
        for row in node.rows:
            section = "header" if row.tag in header else "body" if row.tag in body else "trailer"
            assert row.section == section, row
            assert section != "trailer" or row.tag in trailer


def test_a_message_of_an_unknown_type_has_header_and_trailer(both: tuple[Dictionary, Blob]) -> None:
    dictionary, blob = both
    node = blob.node(blob.common)
    assert [row.tag for row in node.rows] == list(dictionary.members("no such type"))
    for unknown in (b"no such type", b"ZZ", b"", b"\xff", b"NewOrderSingle"):
        assert blob.message(unknown) is None


def test_every_field_has_its_kind_and_its_codes(both: tuple[Dictionary, Blob]) -> None:
    dictionary, blob = both
    assert blob.field_tags() == set(dictionary.fields)
    for tag in dictionary.fields:
        item: Field = dictionary.fields[tag]
        found = blob.field(item.tag)
        assert found is not None
        kind, codes = found
        assert KINDS[kind] == item.kind
        expected = {code.value.encode() for code in item.codes}
        if item.kind == "bool" or item.open or not expected:
            assert codes == 0
        else:
            assert blob.codes(codes) == expected
    for unknown in (0, -1, 4999, 999_999, 2**31 - 1, -(2**31)):
        assert blob.field(unknown) is None


def test_pairs_are_the_dictionarys_in_order(both: tuple[Dictionary, Blob]) -> None:
    dictionary, blob = both
    assert blob.pair_list() == sorted(dictionary.data_pairs.items())


def test_the_whole_is_whole(both: tuple[Dictionary, Blob]) -> None:
    _, blob = both
    assert (blob.magic, blob.format, blob.size) == (0x42444646, 1, len(blob.data))
    assert blob.digest == sha256(blob.data[72:]).digest()
    assert len(blob.data) % 4 == 0


def test_tables_are_powers_of_two_and_at_most_half_full(both: tuple[Dictionary, Blob]) -> None:
    _, blob = both
    assert 2 * len(blob.field_tags()) <= blob.field_mask + 1
    assert 2 * len(blob.message_nodes()) <= blob.message_mask + 1
    sizes = [blob.field_mask + 1, blob.message_mask + 1]
    for node in blob.all_nodes():
        assert 2 * len(node.rows) <= len(node.slots)
        assert sorted(filter(None, node.slots)) == list(range(1, len(node.rows) + 1))
        sizes.append(len(node.slots))
    assert all(size & size - 1 == 0 for size in sizes)


# --- size -----------------------------------------------------------------------------------------------------


def test_all_nine_together_take_less_than_four_megabytes() -> None:
    sizes = {version: len(standard(version)[1].data) for version in VERSIONS}
    assert len(sizes) == 9
    assert sum(sizes.values()) < 3_000_000, sizes  # 2.7 MB when this was written; the promise is 4 MB
    assert sizes["FIX.4.4"] < 300_000
    assert sizes["FIX.5.0SP2"] < 1_500_000


def test_equal_groups_are_one_node(both: tuple[Dictionary, Blob]) -> None:
    _, blob = both
    contents = [blob.data[node.at : node.end] for node in blob.all_nodes()]
    assert len(set(contents)) == len(contents)


def test_equal_groups_and_code_sets_of_different_owners_are_one() -> None:
    coded = [field(tag, "char", codes=(Code("1", "A"), Code("22", "B"))) for tag in (54, 55)]
    blob = compiled(
        Message("D", "Order", "app", (group(453, member(448)), member(54))),
        Message("8", "Report", "app", (member(11), group(453, member(448)), member(55))),
        fields=coded,
    )
    first, second = (blob.node(blob.message_nodes()[name]) for name in (b"D", b"8"))
    parties, same = first.find(453), second.find(453)
    assert parties
    assert same
    assert parties.child == same.child != 0
    sides = first.find(54), second.find(55)
    assert sides[0]
    assert sides[1]
    assert sides[0].codes == sides[1].codes != 0


# --- what the model leaves to the compiler --------------------------------------------------------------------------


def test_the_same_model_gives_the_same_bytes() -> None:
    dictionary = load_dictionary("FIX.4.2")
    assert compile_dictionary(dictionary) == compile_dictionary(replace(dictionary, _flat={}, _defs={}, _members={}))


@pytest.mark.skipif(sys.byteorder != "little", reason="the numbers in it have another order")
def test_output_changes_only_with_the_compilers_number() -> None:
    """The cache on disk trusts the number: whoever changes the output raises COMPILER, then this digest."""
    dictionary = model(
        order(member(11, True), group(453, member(448, True), group(802, member(523)))),
        fields=[field(54, "char", codes=(Code("1", "BUY"), Code("AB", "X")))],
        header=[member(8, True), member(35, True)],
        trailer=[member(10, True)],
        pairs={95: 96},
    )
    digest = sha256(compile_dictionary(dictionary)[72:]).hexdigest()
    assert (COMPILER, digest[:16]) == (1, "0114387a9c0d440d")


def test_of_a_member_that_is_there_twice_the_first_counts() -> None:
    blob = compiled(
        order(member(11, True), member(55), member(11), member(8)),
        header=[member(8, True)],
        trailer=[member(55, True), member(10)],
    )
    node = blob.node(blob.message_nodes()[b"D"])
    assert [(row.tag, row.section, row.required) for row in node.rows] == [
        (8, "header", True),
        (11, "body", True),
        (55, "body", False),
        (10, "trailer", False),
    ]


def test_members_of_an_optional_component_are_optional() -> None:
    inner = Component("Inner", (member(1, True), group(2, member(3, True), required=True)))
    outer = Component("Outer", (ComponentRef(inner, True), member(4, True)))
    dictionary = model(order(member(1), group(2, member(3)), member(4)))
    for required in (True, False):
        order_of = Message("D", "Order", "app", (ComponentRef(outer, required),))
        changed = replace(dictionary, messages=Index({"D": order_of}, {"Order": order_of}))
        blob = Blob(compile_dictionary(changed))
        node = blob.node(blob.message_nodes()[b"D"])
        assert [(row.tag, row.required) for row in node.rows] == [(1, required), (2, required), (4, required)]
        entries = node.find(2)
        assert entries
        assert blob.node(entries.child).required == {0}, "an entry needs what it needs, once it is there"


def test_open_fields_and_booleans_have_no_codes() -> None:
    yes = (Code("Y", "YES"),)
    blob = compiled(
        order(member(1), member(2), member(3)),
        fields=[field(1, "char", codes=yes, open=True), field(2, "bool", codes=yes), field(3, "char", codes=yes)],
    )
    found = [blob.field(tag) for tag in (1, 2, 3)]
    assert [item is not None and bool(item[1]) for item in found] == [False, False, True]


def test_codes_are_bytes_as_on_the_wire() -> None:
    codes = tuple(
        Code(value, f"N{i}") for i, value in enumerate(["\xe9", "A", "\udcff", "\udcffZ", "", "long code", "A"])
    )
    blob = compiled(order(member(1)), fields=[field(1, "str", codes=codes)])
    found = blob.field(1)
    assert found
    assert blob.codes(found[1]) == {"\xe9".encode(), b"A", b"\xff", b"\xffZ", b"long code"}


def test_a_delimiter_may_be_the_count_of_a_nested_group() -> None:
    blob = compiled(order(group(10, group(20, member(30)), member(40))))
    top = blob.node(blob.message_nodes()[b"D"])
    outer = top.find(10)
    assert outer
    entry = blob.node(outer.child)
    assert (entry.delimiter, blob.node(entry.rows[0].child).delimiter) == (20, 30)


# --- limits and what cannot be ----------------------------------------------------------------------------------------


def nested(levels: int) -> GroupRef:
    found = group(1000 + levels, member(1))
    for level in range(levels - 1, 0, -1):
        found = group(1000 + level, member(2000 + level), found)
    return found


def test_a_message_has_4096_members_at_most() -> None:
    tags = range(1, 4097)
    blob = compiled(order(*map(member, tags)))
    node = blob.node(blob.message_nodes()[b"D"])
    assert [row.tag for row in node.rows] == list(tags)
    assert all(node.find(tag) for tag in tags)
    with pytest.raises(DictionaryError, match="Order has 4097 members, more than 4096"):
        compiled(order(*map(member, range(1, 4098))))


def test_groups_nest_16_deep_at_most() -> None:
    assert len(list(compiled(order(nested(16))).all_nodes())) == 18  # the groups, the message, header and trailer
    with pytest.raises(DictionaryError, match="nested deeper than 16 levels"):
        compiled(order(nested(17)))


def test_the_largest_tag_is_compiled() -> None:
    blob = compiled(order(member(2**31 - 1), member(1)))
    assert blob.node(blob.message_nodes()[b"D"]).find(2**31 - 1)


@pytest.mark.parametrize("tag", [0, -1, 2**31, 2**40])
def test_a_tag_that_cannot_be_on_the_wire_is_refused(tag: int) -> None:
    with pytest.raises(DictionaryError, match=f"tag {tag}"):
        compiled(order(member(tag)))


def test_what_cannot_be_compiled_is_named() -> None:
    with pytest.raises(DictionaryError, match="group Order > F5 has no members"):
        compiled(order(group(5)))
    stranger = order(member(7))
    without = replace(model(order(member(1))), messages=Index({"D": stranger}, {"Order": stranger}))
    with pytest.raises(DictionaryError, match="F7 \\(7\\) in Order is not a field"):
        compile_dictionary(without)
    with pytest.raises(DictionaryError, match="empty MsgType"):
        compiled(Message("", "Nothing", "app", (member(1),)))
    with pytest.raises(DictionaryError, match="cannot be on the wire"):
        compiled(order(member(1)), fields=[field(1, codes=(Code("\ud800", "HALF"),))])


def test_a_dictionary_of_nothing_is_compiled() -> None:
    blob = compiled()
    assert (blob.message_nodes(), blob.field_tags(), blob.pair_list()) == ({}, set(), [])
    assert blob.node(blob.common).rows == ()


# --- the specification -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not SCHEMA_H.exists(), reason="headers are not installed")
def test_schema_h_has_the_same_numbers() -> None:
    text = SCHEMA_H.read_text(encoding="utf-8")
    defined = dict(re.findall(r"#define (FF_SCHEMA_\w+) (\w+)", text))
    assert int(defined["FF_SCHEMA_DEPTH"]) == MAX_DEPTH == 16
    assert int(defined["FF_SCHEMA_MEMBERS"]) == MAX_MEMBERS == 4096
    assert defined["FF_SCHEMA_FORMAT"] == "1u"
    kinds = re.findall(r"FF_KIND_(\w+)", text)
    assert [name.lower() for name in kinds] == list(KINDS)
