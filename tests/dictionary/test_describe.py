"""What a dictionary says of itself: the tree of a message, fields and their uses, names that are nearly right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from fixfast.dictionary.describe import (
    KIND_TEXT,
    Item,
    components_with,
    field_dict,
    find_field,
    find_owner,
    overview,
    owners,
    tree,
    used_in,
)
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import KINDS, Dictionary, GroupDef
from fixfast.errors import DictionaryError

FIX44 = load_dictionary("FIX.4.4")


def flat(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from flat(item.members)


def names(items: Iterable[Item]) -> list[str]:
    return [item.name for item in items]


# --- finding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["D", "NewOrderSingle", "newordersingle"])
def test_a_message_is_found_by_type_and_name(name: str) -> None:
    owner = find_owner(FIX44, name)
    assert (owner.kind, owner.name, owner.msg_type, owner.category) == ("message", "NewOrderSingle", "D", "app")


def test_capitals_tell_message_types_apart() -> None:
    assert find_owner(FIX44, "a").name == "QuoteStatusRequest"
    assert find_owner(FIX44, "A").name == "Logon"


@pytest.mark.parametrize("name", ["header", "Header", "StandardHeader", "trailer"])
def test_header_and_trailer_are_found(name: str) -> None:
    owner = find_owner(FIX44, name)
    assert owner.kind in name.lower()
    assert owner.members is getattr(FIX44, owner.kind)


def test_a_component_is_found_and_a_message_of_its_name_comes_first() -> None:
    assert find_owner(FIX44, "Parties").kind == "component"
    assert find_owner(FIX44, "parties").name == "Parties"
    assert find_owner(FIX44, "SecurityStatus").kind == "message"


@pytest.mark.parametrize(
    ("name", "near"),
    [("NewOrderSignle", "NewOrderSingle"), ("executionreprot", "ExecutionReport"), ("Instrumet", "Instrument")],
)
def test_a_mistyped_message_suggests_the_near_ones(name: str, near: str) -> None:
    with pytest.raises(LookupError, match=rf"^no message or component '{name}' in FIX\.4\.4; did you mean .*{near}"):
        find_owner(FIX44, name)


def test_nonsense_suggests_nothing() -> None:
    with pytest.raises(LookupError, match=r"in FIX\.4\.4$"):
        find_owner(FIX44, "zzzzzz")


@pytest.mark.parametrize("name", ["54", "Side", "side"])
def test_a_field_is_found_by_tag_and_name(name: str) -> None:
    assert find_field(FIX44, name) is FIX44.fields[54]


@pytest.mark.parametrize("name", ["5400", "0", "99999999999999999999", "-1", "٥٤"])
def test_a_tag_that_is_not_there_says_so(name: str) -> None:
    with pytest.raises(LookupError, match=f"no field .*{name}"):
        find_field(FIX44, name)


def test_a_mistyped_field_suggests_the_near_ones() -> None:
    with pytest.raises(LookupError, match=r"did you mean .*ClOrdID"):
        find_field(FIX44, "ClOrderID")


# --- saying -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_overview_counts_what_is_there(version: str) -> None:
    d = load_dictionary(version)
    found = overview(d)
    assert found["fields"] == len(d.fields)
    listed = [row for rows in found["messages"].values() for row in rows]
    assert sorted(row["msg_type"] for row in listed) == sorted(d.messages)
    common = {member.tag for member in d.members("no such type").values()}
    for row in listed:
        assert row["members"] == len(set(d.members(row["msg_type"])) - common), row
    json.dumps(found)


def test_a_tree_opens_components_and_groups_in_order() -> None:
    items = tree(find_owner(FIX44, "D").members)
    assert names(items)[:4] == ["ClOrdID", "SecondaryClOrdID", "ClOrdLinkID", "Parties"]
    parties = items[3]
    assert (parties.kind, parties.tag, parties.type) == ("component", None, "")
    [group] = parties.members
    assert (group.kind, group.tag, group.name) == ("group", 453, "NoPartyIDs")
    assert names(group.members) == ["PartyID", "PartyIDSource", "PartyRole", "PtysSubGrp"]
    side = next(item for item in items if item.tag == 54)
    assert (side.type, side.required, side.codes) == ("CHAR", True, len(FIX44.fields[54].codes))


def every_tag(group: GroupDef) -> set[int]:
    """Return the tags of a group and of those nested in it."""
    return {*group.tags}.union(*map(every_tag, group.groups.values()))


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def test_a_tree_has_every_tag_of_every_message(version: str) -> None:
    d = load_dictionary(version)
    common = {item.tag for part in (d.header, d.trailer) for item in flat(tree(part))}
    for msg_type in [*d.messages][:: 1 if len(d.messages) < 100 else 12]:
        tags = {item.tag for item in flat(tree(d.messages[msg_type].members)) if item.tag}
        counts = {tag: d.group(str(msg_type), tag) for tag in d.members(str(msg_type))}
        inner = {tag for group in counts.values() if group for tag in every_tag(group)}
        assert tags | common - {None} == {*counts, *inner}, msg_type


def test_depth_closes_what_is_below() -> None:
    members = find_owner(FIX44, "D").members
    assert all(not item.members for item in tree(members, depth=0))
    assert names(tree(members, depth=0)) == names(tree(members))
    one = {item.name: item for item in tree(members, depth=1)}
    assert names(one["Parties"].members) == ["NoPartyIDs"]
    assert one["Parties"].members[0].members == ()


def test_items_are_json() -> None:
    rows = [item.as_dict() for item in tree(find_owner(FIX44, "D").members)]
    assert rows[0] == {"kind": "field", "name": "ClOrdID", "required": True, "tag": 11, "type": "STRING"}
    assert rows[3]["members"][0]["members"][0]["name"] == "PartyID"
    json.dumps(rows)


def places(d: Dictionary, tag: int) -> set[tuple[str, tuple[str, ...], bool]]:
    """Return the uses of a tag in messages, found another way: by the definitions that parsing uses."""
    found = set()

    def walk(msg_type: str, group: GroupDef, path: tuple[str, ...]) -> None:
        if tag in group.tags:
            found.add((msg_type, path, tag in group.required))
        for count, inner in group.groups.items():
            walk(msg_type, inner, (*path, d.fields[count].name))

    common = d.members("no such type")
    for key in d.messages:
        msg_type = str(key)
        for member in d.members(msg_type).values():
            if member.tag in common:
                continue
            if member.tag == tag:
                found.add((msg_type, (), member.required))
            definition = d.group(msg_type, member.tag)
            if definition is not None:
                walk(msg_type, definition, (member.name,))
    return found


@pytest.mark.parametrize("tag", [54, 448, 453, 58, 11, 336])
def test_uses_are_those_that_parsing_knows(tag: int) -> None:
    uses = [use for use in used_in(FIX44, tag) if use.owner.kind == "message"]
    assert {(use.owner.msg_type, use.groups, use.required) for use in uses} == places(FIX44, tag)
    assert len(uses) == len(places(FIX44, tag))


def test_uses_in_header_and_trailer_are_told() -> None:
    assert [use.owner.kind for use in used_in(FIX44, 34)] == ["header"]
    assert [use.owner.kind for use in used_in(FIX44, 10)] == ["trailer"]
    [hop] = used_in(FIX44, 628)
    assert hop.as_dict() == {"kind": "header", "name": "header", "groups": ["NoHops"], "required": False}


def test_components_with_a_field_of_their_own() -> None:
    assert components_with(FIX44, 448) == ["Parties"]
    assert "AllocationInstruction" not in components_with(FIX44, 11)
    having = {c.name for c in FIX44.components.values() if 11 in {item.tag for item in flat(tree(c.members, depth=1))}}
    assert set(components_with(FIX44, 11)) == having
    assert having


def test_a_field_is_json_with_its_codes() -> None:
    row = field_dict(FIX44.fields[54])
    assert (row["tag"], row["name"], row["type"], row["codes"]["1"], row["open"]) == (54, "Side", "CHAR", "BUY", False)
    assert "codes" not in field_dict(FIX44.fields[11])


def test_every_kind_has_words() -> None:
    assert set(KIND_TEXT) == set(KINDS.values())


def test_owners_are_header_messages_trailer() -> None:
    found = owners(FIX44)
    assert (found[0].kind, found[-1].kind, len(found)) == ("header", "trailer", len(FIX44.messages) + 2)


# --- what a hostile file could say ---------------------------------------------------------------------------


def doubling(levels: int) -> str:
    """Return a dictionary whose tree has 2**levels leaves: each component holds two groups of the next one."""
    components, fields = [], []
    for level in range(levels):
        inner = f'<component name="C{level + 1}"/>' if level + 1 < levels else '<field name="F"/>'
        groups = "".join(f'<group name="G{level}{side}">{inner}</group>' for side in "ab")
        components.append(f'<component name="C{level}">{groups}</component>')
        fields += [f'<field number="{1000 + 2 * level + i}" name="G{level}{side}" type="INT"/>'
                   for i, side in enumerate("ab")]  # fmt: skip
    return (
        '<fix type="FIX" major="4" minor="4"><header><field name="F"/></header><trailer/><messages>'
        '<message name="M" msgtype="UX" msgcat="app"><component name="C0"/></message></messages>'
        f"<components>{''.join(components)}</components>"
        f'<fields><field number="900" name="F" type="STRING"/>{"".join(fields)}</fields></fix>'
    )


def test_a_small_file_cannot_say_billions(tmp_path: Path) -> None:
    path = tmp_path / "hostile.xml"
    path.write_text(doubling(30), encoding="utf-8")
    d = load_dictionary(path)
    with pytest.raises(DictionaryError, match="more than"):
        tree(d.messages["UX"].members)
    with pytest.raises(DictionaryError, match="more than"):
        used_in(d, 900)
    assert len(used_in(d, 1000)) == 1


def test_a_component_twice_on_one_level_is_opened_once(tmp_path: Path) -> None:
    text = doubling(1).replace(
        '<component name="C0"/></message>', '<component name="C0"/><component name="C0"/></message>'
    )
    path = tmp_path / "twice.xml"
    path.write_text(text, encoding="utf-8")
    first, second = tree(load_dictionary(path).messages["UX"].members)
    assert (first.again, len(first.members)) == (False, 2)
    assert (second.again, second.members) == (True, ())
