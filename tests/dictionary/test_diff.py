"""What a broker changed: every kind of change is seen, and nothing that is only written in another way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixfast.dictionary.diff import Difference, MemberChange, diff
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.errors import DictionaryError
from tests.dictionary.broker import broker, field, member
from tests.dictionary.test_describe import doubling

FIX42 = load_dictionary("FIX.4.2")
NOTE = '<field name="BrokerNote" required="{}"/>'


def members(found: Difference, owner: str) -> list[MemberChange]:
    [change] = [change for change in found.owners_changed if change.owner.name == owner]
    return list(change.members)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dictionary_equals_itself(version: str) -> None:
    found = diff(load_dictionary(version), load_dictionary(version))
    assert not found
    assert found.as_dict()["equal"] is True
    assert found.member_changes() == []


def test_a_file_read_again_is_equal(tmp_path: Path) -> None:
    assert not diff(FIX42, broker(tmp_path))


def test_a_new_field_in_two_messages(tmp_path: Path) -> None:
    new = broker(
        tmp_path,
        field(5001, "BrokerNote"),
        member("NewOrderSingle", NOTE.format("Y")),
        member("OrderCancelRequest", NOTE.format("Y")),
    )
    found = diff(FIX42, new)
    assert [added.name for added in found.fields_added] == ["BrokerNote"]
    assert not found.fields_removed
    assert not found.fields_changed
    change = MemberChange("added", (), 5001, "BrokerNote", "required")
    assert members(found, "NewOrderSingle") == [change]
    [(those, changes)] = found.member_changes()
    assert [owner.name for owner in those] == ["NewOrderSingle", "OrderCancelRequest"]
    assert changes == (change,)


def test_the_same_change_the_other_way_round_is_a_removal(tmp_path: Path) -> None:
    new = broker(tmp_path, field(5001, "BrokerNote"), member("NewOrderSingle", NOTE.format("N")))
    found = diff(new, FIX42)
    assert [removed.name for removed in found.fields_removed] == ["BrokerNote"]
    assert members(found, "NewOrderSingle") == [MemberChange("removed", (), 5001, "BrokerNote", "optional")]


def test_an_optional_field_that_is_required_now(tmp_path: Path) -> None:
    new = broker(tmp_path, ('<field name="ClientID" required="N"/>', '<field name="ClientID" required="Y"/>'))
    found = diff(FIX42, new)
    [change] = found.owners_changed
    assert change.members[0].what == "changed"
    assert change.members[0].detail == "required, was optional"


def test_codes_and_types(tmp_path: Path) -> None:
    new = broker(
        tmp_path,
        ('<value enum="1" description="BUY"/>', '<value enum="Z" description="SWAP"/>'),
        ('<value enum="2" description="SELL"/>', '<value enum="2" description="SELLING"/>'),
        ('<field number="44" name="Price" type="PRICE"/>', '<field number="44" name="Price" type="STRING"/>'),
        ('<field number="38" name="OrderQty" type="QTY"/>', '<field number="38" name="OrderQty" type="FLOAT"/>'),
    )
    changed = {change.field.name: change for change in diff(FIX42, new).fields_changed}
    price = changed["Price"]
    assert (price.type, price.kind) == (("PRICE", "STRING"), ("decimal", "str"))
    assert (changed["OrderQty"].type, changed["OrderQty"].kind) == (("QTY", "FLOAT"), None)
    [side] = [change for change in changed.values() if change.codes_added]
    assert [code.value for code in side.codes_added] == ["Z"]
    assert [code.value for code in side.codes_removed] == ["1"]
    assert side.codes_renamed == (("2", "SELL", "SELLING"),)
    row = next(row for row in diff(FIX42, new).as_dict()["fields"]["changed"] if "codes_added" in row)
    assert row["codes_added"] == {"Z": "SWAP"}
    assert row["codes_renamed"] == {"2": ["SELL", "SELLING"]}


def test_names_may_be_left_out(tmp_path: Path) -> None:
    new = broker(
        tmp_path,
        ('<value enum="2" description="SELL"/>', '<value enum="2" description="SELLING"/>'),
        ('<field number="38" name="OrderQty" type="QTY"/>', '<field number="38" name="OrderQty" type="FLOAT"/>'),
        ('<message name="IOI"', '<message name="Indication"'),
    )
    assert diff(FIX42, new)
    assert not diff(FIX42, new, names=False)


def test_a_message_more_and_one_less(tmp_path: Path) -> None:
    added = '<message name="Ping" msgtype="UP" msgcat="app"><field name="Text" required="N"/></message>'
    new = broker(
        tmp_path, ("  </messages>", f"{added}</messages>"), ('name="Quote" msgtype="S"', 'name="Quote" msgtype="US"')
    )
    found = diff(FIX42, new)
    assert {message.msg_type for message in found.messages_added} == {"UP", "US"}
    assert [message.msg_type for message in found.messages_removed] == ["S"]


def test_a_message_named_like_another_ones_type_is_a_new_message(tmp_path: Path) -> None:
    """An index of messages answers to types and names: here the name D is not the type D."""
    added = '<message name="D" msgtype="UD" msgcat="app"><field name="Text" required="N"/></message>'
    found = diff(FIX42, broker(tmp_path, ("  </messages>", f"{added}</messages>")))
    assert [message.msg_type for message in found.messages_added] == ["UD"]
    assert not found.messages_removed


ALLOCS = '<field name="AllocAccount" required="N"/>\n        <field name="AllocShares" required="N"/>'


def test_a_group_with_another_delimiter(tmp_path: Path) -> None:
    swapped = '<field name="AllocShares" required="N"/><field name="AllocAccount" required="N"/>'
    [change] = members(diff(FIX42, broker(tmp_path, (ALLOCS, swapped))), "NewOrderSingle")
    assert (change.what, change.groups, change.tag) == ("changed", ("NoAllocs",), 80)
    assert change.detail == "opens an entry, was AllocAccount (79)"


def test_members_inside_groups_have_their_place(tmp_path: Path) -> None:
    more = f"{ALLOCS}<group name='NoBrokerNotes' required='N'>{NOTE.format('Y')}</group>"
    new = broker(tmp_path, (ALLOCS, more), field(5000, "NoBrokerNotes", "INT"), field(5001, "BrokerNote"))
    [change] = members(diff(FIX42, new), "NewOrderSingle")
    assert change == MemberChange("added", ("NoAllocs",), 5000, "NoBrokerNotes", "optional group")
    deeper = f"{ALLOCS}<group name='NoBrokerNotes' required='N'>{NOTE.format('Y')}<field name='Text'/></group>"
    path = tmp_path / "more"
    path.mkdir()
    newer = broker(path, (ALLOCS, deeper), field(5000, "NoBrokerNotes", "INT"), field(5001, "BrokerNote"))
    [change] = members(diff(new, newer), "NewOrderSingle")
    assert (change.groups, change.name) == (("NoAllocs", "NoBrokerNotes"), "Text")


def test_the_order_of_members_counts_in_groups_only(tmp_path: Path) -> None:
    three = '<field name="AllocAccount"/><field name="AllocPrice"/><field name="AllocShares"/>'
    other = '<field name="AllocAccount"/><field name="AllocShares"/><field name="AllocPrice"/>'
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = broker(tmp_path / "a", (ALLOCS, three)), broker(tmp_path / "b", (ALLOCS, other))
    [change] = members(diff(one, two), "NewOrderSingle")
    assert (change.name, change.detail) == ("AllocShares", "in another order: behind AllocAccount")
    top = '<field name="ClOrdID" required="Y"/>\n      <field name="ClientID" required="N"/>'
    turned = '<field name="ClientID" required="N"/><field name="ClOrdID" required="Y"/>'
    assert not diff(FIX42, broker(tmp_path, (top, turned)))


def test_a_component_in_place_of_its_members_is_no_difference(tmp_path: Path) -> None:
    new = broker(
        tmp_path,
        (ALLOCS, '<component name="Alloc" required="Y"/>'),
        ("<components/>", f'<components><component name="Alloc">{ALLOCS}</component></components>'),
    )
    assert "Alloc" in new.components
    assert not diff(FIX42, new)


def test_a_field_in_the_header_is_one_change(tmp_path: Path) -> None:
    new = broker(tmp_path, field(5001, "BrokerNote"), ("  </header>", f"{NOTE.format('N')}</header>"))
    [change] = diff(FIX42, new).owners_changed
    assert change.owner.kind == "header"
    assert change.as_dict() == {
        "kind": "header",
        "name": "header",
        "members": [{"what": "added", "tag": 5001, "name": "BrokerNote", "detail": "optional"}],
    }


def test_another_length_field_is_a_difference(tmp_path: Path) -> None:
    pair = '<field name="RawDataLength" required="N"/>\n      <field name="RawData" required="N"/>'
    own = '<field name="OwnLength"/><field name="RawData"/>'
    new = broker(tmp_path, field(5001, "OwnLength", "INT"), member("Logon", own), (pair, ""))
    found = diff(FIX42, new)
    assert (5001, 96) in found.pairs_added


def test_versions_differ_in_what_they_say_of_themselves() -> None:
    found = diff(FIX42, load_dictionary("FIX.4.4"))
    assert found.begin_string == ("FIX.4.2", "FIX.4.4")
    row = found.as_dict()
    assert row["equal"] is False
    assert row["new"]["version"] == "FIX.4.4"
    assert {one["name"] for one in row["messages"]["added"]} >= {"TradeCaptureReport"}
    json.dumps(row)


def test_every_change_of_members_is_told_once_for_all_its_messages() -> None:
    found = diff(load_dictionary("FIX.4.3"), load_dictionary("FIX.4.4"))
    together = [
        (owner.name, change) for those, changes in found.member_changes() for owner in those for change in changes
    ]
    one_by_one = [(change.owner.name, member) for change in found.owners_changed for member in change.members]
    assert sorted(map(repr, together)) == sorted(map(repr, one_by_one))
    assert len(found.member_changes()) < len(one_by_one) / 5


def test_a_small_file_cannot_differ_in_billions(tmp_path: Path) -> None:
    old, new = tmp_path / "old.xml", tmp_path / "new.xml"
    old.write_text(doubling(30), encoding="utf-8")
    new.write_text(doubling(30).replace('<field name="F"/></group>', '<field name="F" required="Y"/></group>'))
    with pytest.raises(DictionaryError, match="more than"):
        diff(load_dictionary(old), load_dictionary(new))
    assert not diff(load_dictionary(old), load_dictionary(old))
