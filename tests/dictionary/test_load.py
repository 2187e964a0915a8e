"""load_dictionary and the Dictionary it returns."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.dictionary.load import SPEC_DIR, VERSIONS, load_dictionary
from fixfast.dictionary.model import FieldRef, GroupDef, GroupRef
from fixfast.errors import DictionaryError


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_by_either_spelling(version: str) -> None:
    d = load_dictionary(version)
    assert d.version == version
    assert load_dictionary(VERSIONS[version]) is d
    assert load_dictionary(VERSIONS[version].lower()) is d
    assert d.begin_string == ("FIXT.1.1" if version >= "FIX.5" else version)


def test_public_name() -> None:
    assert ff.load_dictionary("FIX.4.4") is load_dictionary("FIX.4.4")
    assert isinstance(ff.load_dictionary("FIX.4.4"), ff.Dictionary)


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(DictionaryError, match=r"FIX\.6\.0.*FIX\.4\.4") as caught:
        load_dictionary("FIX.6.0")
    assert caught.value.file == "FIX.6.0"


@pytest.mark.parametrize("path", ["no/such/file.xml", "", "nul\0byte"])
def test_a_file_that_cannot_be_read(path: str) -> None:
    with pytest.raises(DictionaryError):
        load_dictionary(path)


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError):
        load_dictionary(tmp_path)


def test_a_path_as_str_and_as_path(tmp_path: Path) -> None:
    path = tmp_path / "broker.xml"
    path.write_bytes((SPEC_DIR / "FIX42.xml").read_bytes())
    for source in (path, str(path)):
        d = load_dictionary(source)
        assert (d.version, len(d.fields)) == ("FIX.4.2", 405)


def test_errors_in_a_file_name_its_path(tmp_path: Path) -> None:
    path = tmp_path / "broker.xml"
    path.write_text("<fix")
    with pytest.raises(DictionaryError, match=r"broker\.xml:1") as caught:
        load_dictionary(path)
    assert caught.value.file == str(path)


def test_a_file_of_fix_5_is_merged_with_fixt(tmp_path: Path) -> None:
    path = tmp_path / "broker.xml"
    path.write_bytes((SPEC_DIR / "FIX50SP2.xml").read_bytes())
    d = load_dictionary(path)
    assert d.begin_string == "FIXT.1.1"
    assert d.messages["Logon"].msg_type == "A"


def test_a_transport_of_ones_own(tmp_path: Path) -> None:
    text = (SPEC_DIR / "FIXT11.xml").read_text(encoding="utf-8")
    member = '    <field name="ExecutionID" required="N"/>\n  </header>'
    field = '    <field number="9999" name="ExecutionID" type="STRING"/>\n  </fields>'
    path = tmp_path / "transport.xml"
    path.write_text(text.replace("  </header>", member).replace("  </fields>", field), encoding="utf-8")
    d = load_dictionary("FIX.5.0SP2", transport=path)
    assert (d.version, d.begin_string) == ("FIX.5.0SP2", "FIXT.1.1")
    assert 9999 in d.members("D")
    assert d is not load_dictionary("FIX.5.0SP2")
    assert 9999 not in load_dictionary("FIX.5.0SP2").fields


def test_a_merge_in_which_one_name_has_two_tags(tmp_path: Path) -> None:
    text = (SPEC_DIR / "FIXT11.xml").read_text(encoding="utf-8")
    path = tmp_path / "transport.xml"
    path.write_text(text.replace("  </fields>", '<field number="9999" name="Price" type="PRICE"/></fields>'))
    with pytest.raises(DictionaryError, match=r"field Price is tag 9999 here and 44 in FIX50SP2\.xml") as caught:
        load_dictionary("FIX.5.0SP2", transport=path)
    assert caught.value.file == str(path)


def test_a_merge_keeps_the_codes_of_both() -> None:
    d = load_dictionary("FIX.5.0SP2")
    for tag in (35, 98, 141, 373):
        fixt = {code.value for code in load_dictionary("FIXT.1.1").fields[tag].codes}
        assert {code.value for code in d.fields[tag].codes} >= fixt
        assert len({code.value for code in d.fields[tag].codes}) == len(d.fields[tag].codes)


# --- Dictionary --------------------------------------------------------------------------------------------


def test_fields_by_tag_and_name() -> None:
    fields = load_dictionary("FIX.4.4").fields
    assert fields[55] is fields["Symbol"]
    assert fields[54].codes[0].name == "BUY"
    assert 55 in fields
    assert "Symbol" in fields
    assert "symbol" not in fields
    assert 5555 not in fields
    assert fields.get(5555) is None
    assert fields.get("Nope", fields[1]) is fields[1]
    assert list(fields)[:3] == [1, 2, 3]
    assert len(fields) == len(list(fields.values())) == 912
    assert repr(fields) == "<Index of 912>"
    for missing in (5555, "Nope"):
        with pytest.raises(KeyError):
            fields[missing]


def test_messages_by_type_and_name() -> None:
    messages = load_dictionary("FIX.4.4").messages
    assert messages["D"] is messages["NewOrderSingle"]
    assert messages["D"].category == "app"
    assert messages["IOI"].msg_type == "6"
    with pytest.raises(KeyError):
        messages["ZZ"]


def test_trees_hold_components_and_groups() -> None:
    d = load_dictionary("FIX.4.4")
    order = d.messages["D"]
    assert {"Parties", "Instrument"} <= {member.name for member in order.members}
    parties = d.components["Parties"].members[0]
    assert isinstance(parties, GroupRef)
    assert parties.tag == 453
    first = parties.group.members[0]
    assert isinstance(first, FieldRef)
    assert (first.tag, first.name, first.required) == (448, "PartyID", False)


def test_members_are_flat_and_in_order() -> None:
    members = load_dictionary("FIX.4.4").members("D")
    tags = list(members)
    assert tags[:3] == [8, 9, 35]
    assert tags[-1] == 10
    assert members[11].required
    assert members[55].tag == 55  # out of the component Instrument
    assert isinstance(members[453], GroupRef)
    assert 448 not in members


def test_groups_nest() -> None:
    d = load_dictionary("FIX.4.4")
    group = d.group("D", 453)
    assert isinstance(group, GroupDef)
    assert group.tags == {448, 447, 452, 802}
    assert group.groups[802].order == (523, 803)
    assert d.group("D", 453) is group
    assert d.group("NewOrderSingle", 453) is group
    assert d.group("D", 802) is None  # nested, not top level
    assert d.group("D", 55) is None
    assert d.group("D", 268) is None


def test_header_groups_belong_to_every_message() -> None:
    d = load_dictionary("FIX.4.4")
    for msg_type in ("0", "D", "W", "U99"):
        group = d.group(msg_type, 627)
        assert group is not None
        assert group.delimiter == 628


def test_a_message_of_an_unknown_type_has_header_and_trailer_only() -> None:
    d = load_dictionary("FIX.4.4")
    assert d.members("U99") == d.members("n")
    assert {8, 9, 35, 627, 10} <= set(d.members("U99"))
    assert not {11, 55, 628} & set(d.members("U99"))


def test_what_a_peer_makes_up_fills_no_cache() -> None:
    d = load_dictionary("FIX.4.1")
    for number in range(1000):
        d.members(f"U{number}")
        d.group(f"U{number}", 627)
    assert len(d._members) <= len(d.messages) + 1


def test_dictionaries_are_frozen() -> None:
    d = load_dictionary("FIX.4.4")
    with pytest.raises(AttributeError):
        d.version = "FIX.4.5"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        d.fields[55].name = "X"  # type: ignore[misc]
    assert repr(d) == "<Dictionary FIX.4.4: 912 fields, 93 messages>"


def test_a_pickled_dictionary_answers_alike() -> None:
    d = load_dictionary("FIX.4.4")
    assert d.group("D", 453)
    copy = pickle.loads(pickle.dumps(d))
    assert (copy.version, len(copy.fields)) == (d.version, len(d.fields))
    for msg_type in d.messages:
        assert copy.members(msg_type) == d.members(msg_type)
        for tag in d.members(msg_type):
            assert copy.group(msg_type, tag) == d.group(msg_type, tag)


def test_threads_see_one_group_definition(tmp_path: Path) -> None:
    path = tmp_path / "fix44.xml"
    path.write_bytes((SPEC_DIR / "FIX44.xml").read_bytes())
    d = load_dictionary(path)
    barrier = threading.Barrier(4)
    found: list[GroupDef | None] = []

    def look() -> None:
        barrier.wait()
        found.append(d.group("8", 453))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(group) for group in found}) == 1


def test_a_message_that_is_defined_is_a_code_of_msg_type() -> None:
    """Else a message of its own would be refused for its MsgType (V05)."""
    d = load_dictionary("FIX.4.2+auth")
    assert d.fields[35].code_name("BE") == "UserRequest"
    m = ff.parse(ff.encode("FIX.4.2", "BE", [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00"), (923, "1"),
                                             (924, 1), (553, "me")]), dictionary=d, validate=True)  # fmt: skip
    assert m.fault is None
