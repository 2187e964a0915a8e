"""Overlays: a standard version and what a broker changes, in Python and in TOML, with the same effect."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.dictionary import overlay as overlay_module
from fixfast.dictionary.load import OVERLAY_DIR, load_dictionary, overlay_names
from fixfast.dictionary.model import ComponentRef, Dictionary, FieldRef, GroupRef
from fixfast.dictionary.overlay import MAX_BYTES, MAX_MEMBERS, apply, parse_overlay
from fixfast.dictionary.resolve import MAX_NESTING
from fixfast.errors import DictionaryError

HEAD = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]


def changed(text: str, base: str = "FIX.4.4") -> Dictionary:
    """Return a dictionary with a TOML overlay; the same tables in Python must give the same."""
    d = load_dictionary(base)
    found = apply(d, parse_overlay(text.encode(), "broker.toml"))
    in_python = d.overlay(**tomllib.loads(text))
    assert [*found.fields.values()] == [*in_python.fields.values()]
    assert [*found.messages.values()] == [*in_python.messages.values()]
    assert (found.header, found.trailer) == (in_python.header, in_python.trailer)
    return found


def error(text: str, base: str = "FIX.4.4") -> str:
    with pytest.raises(DictionaryError) as caught:
        apply(load_dictionary(base), parse_overlay(text.encode(), "broker.toml"))
    assert caught.value.file == "broker.toml"
    return caught.value.detail


def names(d: Dictionary, msg_type: str) -> list[str]:
    return [member.name for member in d.messages[msg_type].members]


# --- fields and codes --------------------------------------------------------------------------------------


def test_a_field_of_ones_own() -> None:
    d = changed('[fields.Strategy]\ntag = 10001\ntype = "char"\ncodes = { V = "VWAP", T = "TWAP" }')
    field = d.fields["Strategy"]
    assert (field.tag, field.type, field.kind, field.open) == (10001, "CHAR", "char", False)
    assert field.code_name("V") == "VWAP"


def test_codes_are_added_or_renamed() -> None:
    d = changed('[fields.OrdType]\ncodes = { Z = "TO_MARS", 1 = "MKT" }')
    assert d.fields[40].code_name("Z") == "TO_MARS"
    assert d.fields[40].code_name("1") == "MKT"
    assert d.fields[40].code_name("2") == "LIMIT"


def test_codes_take_the_place_of_others() -> None:
    d = changed('[fields.TimeInForce]\nonly = { 0 = "DAY", 3 = "IOC" }')
    assert [(code.value, code.name) for code in d.fields[59].codes] == [("0", "DAY"), ("3", "IOC")]
    assert d.fields[59].type == "CHAR"


def test_a_code_set_is_opened_and_closed() -> None:
    d = changed("[fields.Side]\nopen = true\n[fields.SecurityType]\nopen = false")
    assert d.fields["Side"].open
    assert not d.fields["SecurityType"].open


def test_a_field_changes_its_type() -> None:
    assert changed('[fields.54]\ntype = "STRING"').fields["Side"].kind == "str"


# --- members -----------------------------------------------------------------------------------------------


def test_members_are_added_at_the_end() -> None:
    d = changed('[messages.NewOrderSingle]\nadd = ["Headline!", "@Hop", "148"]'.replace(', "@Hop", "148"', ', "164"'))
    assert names(d, "D")[-2:] == ["Headline", "EmailThreadID"]
    assert d.members("D")[148].required
    assert not d.members("D")[164].required


def test_members_are_added_after_another() -> None:
    d = changed('[messages.D]\nadd = ["Headline", "EmailThreadID"]\nafter = "ClOrdID"')
    at = names(d, "D").index("ClOrdID")
    assert names(d, "D")[at : at + 3] == ["ClOrdID", "Headline", "EmailThreadID"]


def test_a_component_is_added() -> None:
    d = changed('[messages.Heartbeat]\nadd = ["@Parties!"]')
    member = d.messages["0"].members[-1]
    assert isinstance(member, ComponentRef)
    assert (member.name, member.required) == ("Parties", True)
    assert d.group("0", 453) == d.group("D", 453)


def test_members_are_required_relaxed_and_removed() -> None:
    d = changed('[messages.D]\nrequire = ["Account"]\nrelax = ["TransactTime"]\nremove = ["ExecInst", "@Parties"]')
    members = d.members("D")
    assert members[1].required
    assert not members[60].required
    assert 18 not in members
    assert 453 not in members


def test_members_of_a_component_change_wherever_it_stands() -> None:
    d = changed('[components.Instrument]\nadd = ["Headline!"]\nremove = ["MaturityMonthYear"]')
    for msg_type in ("D", "8", "W"):
        assert 148 in d.members(msg_type)
        assert 200 not in d.members(msg_type)
    assert d.members("8")[148].required


def test_a_new_component() -> None:
    d = changed('[components.Block]\nmembers = ["Headline!", "@Other"]\n[components.Other]\nmembers = ["Text"]\n'
                '[messages.Heartbeat]\nadd = ["@Block!"]')  # fmt: skip
    assert list(d.members("0"))[-6:-3] == [112, 148, 58]


def test_header_and_trailer() -> None:
    d = changed('[header]\nadd = ["Headline"]\nafter = "SendingTime"\n[trailer]\nrequire = ["Signature"]')
    assert 148 in d.members("D")
    assert d.members("0")[89].required


def test_a_group_of_ones_own_with_one_inside() -> None:
    d = changed(
        """
        [fields.NoFees]
        tag = 5010
        type = "NUMINGROUP"
        [fields.NoParts]
        tag = 5011
        type = "NUMINGROUP"
        [[messages.ExecutionReport.groups]]
        name = "NoFees"
        required = true
        after = "OrderID"
        members = ["MiscFeeType!", "MiscFeeAmt"]
        [[messages.ExecutionReport.groups.groups]]
        name = "NoParts"
        after = "MiscFeeType"
        members = ["Text"]
        """
    )
    assert names(d, "8")[:2] == ["OrderID", "NoFees"]
    assert d.members("8")[5010].required
    group = d.group("8", 5010)
    assert group is not None
    assert group.order == (139, 5011, 137)
    assert group.required == frozenset([139])
    assert group.groups[5011].order == (58,)


def test_a_group_that_is_there_changes() -> None:
    d = changed(
        """
        [groups."TrdgSesGrp.NoTradingSessions"]
        add = ["Text"]
        remove = ["TradingSessionSubID"]
        [groups."NstdPtysSubGrp.804"]
        add = ["Headline"]
        [groups."header.NoHops"]
        require = ["HopCompID"]
        """
    )
    sessions = d.group("D", 386)
    assert sessions is not None
    assert sessions.order == (336, 58)
    legs = d.group("AB", 555)
    assert legs is not None
    assert legs.groups[539].groups[804].order == (545, 805, 148)
    hops = d.group("0", 627)
    assert hops is not None
    assert hops.required == frozenset([628])


def test_the_way_to_a_group_inside_groups() -> None:
    d = changed('[groups."MassQuote.NoQuoteSets.NoQuoteEntries"]\nadd = ["Headline"]', "FIX.4.2")
    sets = d.group("i", 296)
    assert sets is not None
    assert 148 in sets.groups[295].tags


def test_a_group_that_stands_in_a_component_says_so() -> None:
    detail = error('[groups."NewOrderSingle.NoTradingSessions"]\nadd = ["Text"]')
    assert detail.endswith("there is no group NoTradingSessions there; it is TrdgSesGrp.NoTradingSessions")


def test_a_message_of_ones_own() -> None:
    d = changed('[messages.StrategyStatus]\nmsg_type = "U77"\nmembers = ["ClOrdID!", "Text"]')
    message = d.messages["U77"]
    assert (message.name, message.category, message.session) == ("StrategyStatus", "app", False)
    assert d.fields[35].code_name("U77") == "StrategyStatus"
    data = ff.encode("FIX.4.4", "U77", [*HEAD, (11, "x")])
    assert ff.parse(data, dictionary=d, validate=True).fault is None
    assert ff.parse(data).validate() == ff.Fault(11, None, "Invalid MsgType")


def test_a_data_field_of_ones_own_takes_the_length_before_it() -> None:
    d = changed('[fields.BlobLen]\ntag = 9001\ntype = "LENGTH"\n[fields.Blob]\ntag = 9002\ntype = "DATA"\n'
                '[messages.Heartbeat]\nadd = ["BlobLen", "Blob"]')  # fmt: skip
    assert d.data_pairs[9001] == 9002
    m = ff.parse(ff.encode("FIX.4.4", "0", [*HEAD, (9001, 3), (9002, b"a\x01b")], dictionary=d), dictionary=d)
    assert m.bytes(9002) == b"a\x01b"


def test_the_original_stays_as_it_is() -> None:
    before = load_dictionary("FIX.4.4")
    d = before.overlay(messages={"Parties": {"msg_type": "U1"}, "D": {"remove": ["Side"], "add": ["Headline"]}},
                       components={"Parties": {"remove": ["NoPartyIDs"], "add": ["Text"]}})  # fmt: skip
    assert 54 not in d.members("D")
    assert load_dictionary("FIX.4.4") is before
    assert 54 in before.members("D")
    assert before.group("D", 453)
    assert "U1" not in before.messages


def test_an_overlay_that_says_nothing_changes_nothing() -> None:
    for version in ("FIX.4.0", "FIX.4.4", "FIX.5.0SP1", "FIX.4.4+FIXT.1.1"):
        d = load_dictionary(version)
        same = d.overlay()
        assert same is not d
        assert (same.version, same.begin_string) == (d.version, d.begin_string)
        assert [*same.fields.values()] == [*d.fields.values()]
        assert [*same.messages.values()] == [*d.messages.values()]
        assert (same.components, same.header, same.trailer) == (d.components, d.header, d.trailer)
        assert same.data_pairs == d.data_pairs


# --- where they come from ----------------------------------------------------------------------------------


def write(folder: Path, text: str, name: str = "broker.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


NOTE = '[fields.DeskNote]\ntag = 5001\ntype = "STRING"\n[messages.D]\nadd = ["DeskNote"]\n'


def test_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, NOTE)
    for given in (path, str(path), [path]):
        assert 5001 in load_dictionary("FIX.4.4", overlay=given).members("D")
    assert 5001 not in load_dictionary("FIX.4.4").fields


def test_one_that_names_its_base(tmp_path: Path) -> None:
    assert 5001 in load_dictionary(write(tmp_path, f'base = "FIX.4.4"\n{NOTE}')).members("D")
    both = load_dictionary(write(tmp_path, f'base = "FIX.4.2+auth"\n{NOTE}'))
    assert {5001, 553} <= both.members("D").keys() | both.members("A").keys()
    over = load_dictionary(write(tmp_path, f'base = "FIX.4.4"\n{NOTE}'), transport="FIXT.1.1")
    assert (over.begin_string, 5001 in over.members("D")) == ("FIXT.1.1", True)


def test_a_base_beside_the_overlay(tmp_path: Path) -> None:
    folder = tmp_path / "venue"
    folder.mkdir()
    d = load_dictionary("FIX.4.2")
    (folder / "venue.xml").write_bytes((OVERLAY_DIR.parent / "spec" / "FIX42.xml").read_bytes())
    found = load_dictionary(write(folder, f'base = "venue.xml"\n{NOTE}'))
    assert found.fields.keys() == d.fields.keys() | {5001}


def test_an_overlay_is_no_base(tmp_path: Path) -> None:
    """So no circle."""
    path = write(tmp_path, 'base = "broker.toml"')
    with pytest.raises(DictionaryError, match="an overlay cannot be another one's base") as caught:
        load_dictionary(path)
    assert caught.value.file == str(path)
    with pytest.raises(DictionaryError, match="an overlay by itself names its base"):
        load_dictionary(write(tmp_path, NOTE))


def test_several_in_turn(tmp_path: Path) -> None:
    second = write(tmp_path, '[fields.DeskNote]\ncodes = { A = "B" }', "second.toml")
    d = load_dictionary("FIX.4.2+auth", overlay=[write(tmp_path, NOTE), second])
    assert d.fields[5001].code_name("A") == "B"
    assert 553 in d.members("A")
    with pytest.raises(DictionaryError, match=r"second\.toml: fields\.DeskNote\.tag: there is no field DeskNote"):
        load_dictionary("FIX.4.2", overlay=[second])


# --- the one that comes with fixfast -----------------------------------------------------------------------


def test_the_names_of_those_that_come_with_fixfast() -> None:
    assert overlay_names() == ["auth"]
    with pytest.raises(DictionaryError, match="no overlay 'nope': there are auth"):
        load_dictionary("FIX.4.2+nope")


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3"])
def test_auth(version: str) -> None:
    d = load_dictionary(f"{version}+auth")
    assert d is load_dictionary(f"{version}+auth")
    assert d.begin_string == d.version == version
    assert {553, 554, 925} <= d.members("A").keys()
    assert not d.members("A")[553].required
    assert d.fields[924].code_name("1") == "LOG_ON_USER"
    assert d.fields[926].code_name("1") == "LOGGED_IN"
    request = ff.encode(version, "BE", [*HEAD, (923, "r1"), (924, 1), (553, "me"), (554, "secret")])
    response = ff.encode(version, "BF", [*HEAD, (923, "r1"), (553, "me"), (926, 1), (927, "welcome")])
    for data in (request, response):
        assert ff.parse(data, dictionary=d, validate=True).fault is None
    logon = ff.encode(version, "A", [*HEAD, (98, 0), (108, 30), (553, "me"), (554, "secret"), (925, "new")])
    assert ff.parse(logon, dictionary=d, validate=True).fault is None
    missing = ff.parse(ff.encode(version, "BE", [*HEAD, (923, "r1"), (924, 1)]), dictionary=d).validate()
    assert missing == ff.Fault(1, 553, "Required tag missing")


def test_auth_leaves_what_is_there_as_it_is() -> None:
    """FIX 4.3 has user name and password on the Logon, FIX 4.4 all but the new password there."""
    plain, d = load_dictionary("FIX.4.4"), load_dictionary("FIX.4.4+auth")
    assert [m for key, m in d.messages.items() if key != "A"] == [m for key, m in plain.messages.items() if key != "A"]
    for version in ("FIX.4.3", "FIX.4.4"):
        assert names(load_dictionary(f"{version}+auth"), "A") == [*names(load_dictionary(version), "A"), "NewPassword"]


# --- wrong, and where --------------------------------------------------------------------------------------


TOP = "base, if_missing, fields, messages, components, groups, header, trailer"
OF_A_MESSAGE = "add, after, category, groups, members, msg_type, relax, remove, require"
NO_TAG = "fields.New.tag: there is no field New; a new one has a tag from 1 to 999999999"
NO_MEMBER = "is no member of NewOrderSingle itself (a component's member is changed in the component)"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("colour = 1", f"colour: not known; there are {TOP}"),
        ("base = 1", "base: the name or the path of a dictionary"),
        ('if_missing = "yes"', "if_missing: true or false"),
        ("fields = 1", "fields: a table"),
        ("[fields]\nSide = 1", "fields.Side: a table"),
        ("[fields.Side]\ncolour = 1", "fields.Side.colour: not known; there are codes, only, open, tag, type"),
        ("[fields.Side]\ntag = 55", "fields.Side.tag: Side is tag 54"),
        ("[fields.New]\ntag = 54\ntype = 'INT'", "fields.New.tag: tag 54 is Side"),
        ("[fields.New]\ntag = 0\ntype = 'INT'", NO_TAG),
        ("[fields.New]\ntag = true\ntype = 'INT'", NO_TAG),
        ("[fields.New]\ntag = 5001", "fields.New.type: a new field has a type"),
        ("[fields.Side]\nopen = 1", "fields.Side.open: true or false"),
        ("[fields.Side]\ncodes = 1", "fields.Side.codes: a table of value = name"),
        ("[fields.Side]\ncodes = { 1 = '' }", "fields.Side.codes.1: value = name, neither of them empty"),
        (
            "[fields.Side]\ncodes = { 1 = 'A' }\nonly = { 1 = 'A' }",
            "fields.Side.only: either codes (added to those there are) or only (instead of them)",
        ),
        ("[messages.Nope]\nadd = []", "messages.Nope.msg_type: there is no message Nope; a new one has a msg_type"),
        ("[messages.Nope]\nmsg_type = 'D'", "messages.Nope.msg_type: D is NewOrderSingle"),
        ("[messages.D]\nmsg_type = 'E'", "messages.D.msg_type: NewOrderSingle is D"),
        ("[messages.New]\nmsg_type = 'U1'\ncategory = 'x'", "messages.New.category: 'admin' or 'app'"),
        ("[messages.D]\nadd = ['Nope']", "messages.D.add: there is no field Nope"),
        ("[messages.D]\nadd = ['Parties']", "messages.D.add: there is no field Parties; the component is @Parties"),
        ("[messages.D]\nadd = ['@Nope']", "messages.D.add: there is no component Nope"),
        ("[messages.D]\nadd = ['Side']", "messages.D: Side is a member of NewOrderSingle already"),
        ("[messages.D]\nadd = 'Side'", "messages.D.add: a list of names"),
        ("[messages.D]\nadd = [1.5]", "messages.D.add: a list of names"),
        ("[messages.D]\nadd = ['Headline']\nafter = 'Nope'",
         f"messages.D.after: Nope {NO_MEMBER}"),
        ("[messages.D]\nafter = 'Side'", "messages.D.after: says where the members of `add` go, and there is none"),
        ("[messages.D]\nremove = ['Symbol']",
         f"messages.D.remove: Symbol {NO_MEMBER}"),
        ("[messages.D]\ncolour = 1",
         f"messages.D.colour: not known; there are {OF_A_MESSAGE}"),
        ("[[messages.D.groups]]\nname = 'NoHops'",
         "messages.D.groups[0].members: a group has members, the first of them opens an entry"),
        ("[[messages.D.groups]]\nname = 'Nope'\nmembers = ['Text']",
         "messages.D.groups[0].name: the field that counts the entries"),
        ("[messages.D]\ngroups = 1", "messages.D.groups: a list of tables"),
        ("[groups.D]\nadd = ['Text']",
         'groups."D": the way to a group: Message.NoGroup, Component.NoGroup.NoInnerGroup, header.NoHops'),
        ('[groups."D.Nope"]\nadd = ["Text"]', 'groups."D.Nope": there is no group Nope there'),
    ],
)  # fmt: skip
def test_faults_name_the_key(text: str, detail: str) -> None:
    assert error(text) == detail


def test_an_unknown_type_is_named() -> None:
    detail = error("[fields.New]\ntag = 5001\ntype = 'BANANA'")
    assert detail.startswith("fields.New.type: 'BANANA' is no type: there are AMT, BOOLEAN, CHAR,")


@pytest.mark.parametrize(
    "data",
    [b"[fields", b"\xff", b"a = 1979-13-45", b"a = " + b"9" * 5000, b"a = [" * 5000, b"[a." + b"a." * 5000 + b"b]"],
)
def test_what_is_no_toml_is_an_error_that_names_the_file(data: bytes) -> None:
    with pytest.raises(DictionaryError) as caught:
        apply(load_dictionary("FIX.4.0"), parse_overlay(data, "broker.toml"))
    assert caught.value.file == "broker.toml"


def test_what_is_wrong_once_it_is_put_together() -> None:
    detail = error('[components.A]\nmembers = ["@B"]\n[components.B]\nmembers = ["@A"]')
    assert detail == "component inside itself: A > B > A"


def test_a_name_of_digits_that_are_none() -> None:
    assert error("[messages.D]\nadd = ['²']") == "messages.D.add: there is no field ²"
    assert error("[fields.'²']\nopen = true").startswith("fields.².tag: there is no field ²")


def test_size_is_bounded_at_its_edge() -> None:
    assert parse_overlay(b"#" * MAX_BYTES, "broker.toml")
    with pytest.raises(DictionaryError, match="larger than"):
        parse_overlay(b"#" * (MAX_BYTES + 1), "broker.toml")


def test_depth_is_bounded_at_its_edge() -> None:
    def nested(levels: int) -> dict[str, Any]:
        fields = {f"No{i}": {"tag": 6000 + i, "type": "NUMINGROUP"} for i in range(levels)}
        group: dict[str, Any] = {"name": f"No{levels - 1}", "members": ["Text"]}
        for i in reversed(range(levels - 1)):
            group = {"name": f"No{i}", "members": ["Text"], "groups": [group]}
        return {"fields": fields, "messages": {"Heartbeat": {"groups": [group]}}}

    d = load_dictionary("FIX.4.4")
    assert 6000 in d.overlay(**nested(MAX_NESTING - 1)).members("0")
    for levels in (MAX_NESTING, MAX_NESTING + 1, 3000):
        with pytest.raises(DictionaryError, match=f"nested deeper than {MAX_NESTING} levels"):
            d.overlay(**nested(levels))


def test_members_are_bounded_at_their_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    d = load_dictionary("FIX.4.0")
    assert MAX_MEMBERS > 1000
    monkeypatch.setattr(overlay_module, "MAX_MEMBERS", len(d.messages["0"].members) + 2)
    assert d.overlay(messages={"0": {"add": ["Text", "Symbol"]}})
    with pytest.raises(DictionaryError, match="more than 3 members of Heartbeat"):
        d.overlay(messages={"0": {"add": ["Text", "Symbol", "Side"]}})


def test_the_kinds_of_members_are_those_of_the_model() -> None:
    d = load_dictionary("FIX.4.4").overlay(
        messages={"Heartbeat": {"add": ["Text", "@Parties"], "groups": [{"name": "NoHops", "members": ["HopRefID"]}]}}
    )
    assert [type(member) for member in d.messages["0"].members[1:]] == [FieldRef, ComponentRef, GroupRef]
