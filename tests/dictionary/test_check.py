"""What looks wrong in a broker's file: one edit breaks one rule, and the standard's own files break few."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixfast.dictionary.check import RULES, Remark, check
from fixfast.dictionary.load import VERSIONS, load_dictionary
from tests.dictionary.broker import broker, field, member

FIX42 = load_dictionary("FIX.4.2")
SP2 = load_dictionary("FIX.5.0SP2")
CODE = '<value enum="{}" description="{}"/>'
PING = '<message name="{}" msgtype="{}" msgcat="app">{}</message></messages>'
TEXT = '<field name="Text" required="N"/>'
ALLOC = '<field name="AllocAccount" required="N"/>'


def own(folder: Path, *edits: tuple[str, str], spec: str = "FIX42", version: str = "FIX.4.2") -> list[Remark]:
    """Return what is remarked of an edited file beyond what the standard's own deserves."""
    found = check(broker(folder, *edits, spec=spec), load_dictionary(version), SP2)
    return [remark for remark in found if not remark.standard]


def message(name: str, msg_type: str, inside: str = TEXT) -> tuple[str, str]:
    return "  </messages>", PING.format(name, msg_type, inside)


def nested(depth: int) -> str:
    inside = '<field name="Mine" required="Y"/>'
    for level in reversed(range(depth)):
        inside = f'<group name="NoMine{level}" required="N">{inside}</group>'
    return inside


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standard_beside_itself_has_nothing_of_its_own(version: str) -> None:
    d = load_dictionary(version)
    assert all(remark.standard for remark in check(d, d, SP2))


@pytest.mark.parametrize("version", [v for v in VERSIONS if v != "FIXT.1.1"])
def test_the_standard_breaks_no_rule_that_loses_data(version: str) -> None:
    broken = {remark.rule for remark in check(load_dictionary(version))}
    assert broken <= {"reader", "required-group", "delimiter", "code-names", "unused-field", "unused-component"}


def test_a_copy_of_the_standard_is_clean(tmp_path: Path) -> None:
    assert own(tmp_path) == []


CASES = [
    ("data-length", "RawData (96)", "in NewOrderSingle (D)", [member("NewOrderSingle", '<field name="RawData"/>')]),
    ("data-length", "RawData (96)", "in Logon (A)", [('<field name="RawDataLength" required="N"/>\n      ', "")]),
    ("data-pair", "RawData (96)", "RawDataLength (95) and MineLen (5001)", [
        field(5001, "MineLen", "INT"),
        member("NewOrderSingle", '<field name="MineLen"/><field name="RawData"/>')]),
    ("data-pair", "Signature (89)", "Mine (5001); the standard's is 93", [
        field(5001, "Mine", "LENGTH"), ('<field name="SignatureLength" required="N"/>', '<field name="Mine"/>')]),
    ("code-type", "Side (54)", "CHAR: 'BS'", [(CODE.format("1", "BUY"), CODE.format("BS", "BUY"))]),
    ("code-type", "Mine (5001)", "INT: 'x', '+1'", [
        field(5001, "Mine", "INT", CODE.format("x", "X") + CODE.format("+1", "Y") + CODE.format("-1", "Z")),
        member("NewOrderSingle", '<field name="Mine"/>')]),
    ("code-type", "Mine (5001)", "BOOLEAN: 'true'", [
        field(5001, "Mine", "BOOLEAN", CODE.format("true", "T") + CODE.format("N", "NO")),
        member("NewOrderSingle", '<field name="Mine"/>')]),
    ("code-type", "Mine (5001)", "MULTIPLEVALUESTRING: 'A B'", [
        field(5001, "Mine", "MULTIPLEVALUESTRING", CODE.format("A B", "T") + CODE.format("AB", "NO")),
        member("NewOrderSingle", '<field name="Mine"/>')]),
    ("code-names", "Mine (5001)", "SAME is '1' and '2'", [
        field(5001, "Mine", "CHAR", CODE.format("1", "SAME") + CODE.format("2", "SAME")),
        member("NewOrderSingle", '<field name="Mine"/>')]),
    ("required-group", "NewOrderSingle (D) > NoAllocs", "AllocAccount (79)", [
        ('<group name="NoAllocs" required="N">', '<group name="NoAllocs" required="Y">')]),
    ("count-type", "NewOrderSingle (D) > NoMine", "NoMine (5001) is STRING", [
        field(5001, "NoMine"), field(5002, "Mine"),
        member("NewOrderSingle", '<group name="NoMine"><field name="Mine" required="Y"/></group>')]),
    ("delimiter", "NewOrderSingle (D) > NoMine", "Mine (5002)", [
        field(5001, "NoMine", "NUMINGROUP"), field(5002, "Mine"),
        member("NewOrderSingle", '<group name="NoMine"><field name="Mine" required="N"/></group>')]),
    ("both-levels", "NewOrderSingle (D) > NoAllocs", "Text (58)", [(ALLOC, ALLOC + TEXT)]),
    ("header-in-body", "NewOrderSingle (D)", "SenderSubID (50)", [
        member("NewOrderSingle", '<field name="SenderSubID"/>')]),
    ("header", "TargetCompID (56)", "not in the header", [('<field name="TargetCompID" required="Y"/>', "")]),
    ("header", "CheckSum (10)", "not in the trailer", [('<field name="CheckSum" required="Y"/>', "")]),
    ("session-messages", "ResendRequest (2)", "", [('name="ResendRequest" msgtype="2"', 'name="Again" msgtype="U2"')]),
    ("session-category", "Logon (A)", "app", [('msgtype="A" msgcat="admin"', 'msgtype="A" msgcat="app"')]),
    ("session-category", "News (B)", "admin", [('msgtype="B" msgcat="app"', 'msgtype="B" msgcat="admin"')]),
    ("message-clash", "Order (D)", "D is NewOrderSingle", [('name="NewOrderSingle"', 'name="Order"')]),
    ("message-clash", "News (UN)", "News is B", [('name="News" msgtype="B"', 'name="News" msgtype="UN"')]),
    ("custom-type", "Ping (ping)", "", [message("Ping", "ping")]),
    ("field-clash", "Mine (24)", "24 is IOIOthSvc in FIX.4.2", [
        ('<field number="24" name="IOIOthSvc"', '<field number="24" name="Mine"')]),
    ("field-clash", "PartyID (5001)", "PartyID is 448 in FIX.5.0SP2", [
        field(5001, "PartyID"), member("NewOrderSingle", '<field name="PartyID"/>')]),
    ("field-clash", "Mine (448)", "448 is PartyID in FIX.5.0SP2", [
        field(448, "Mine"), member("NewOrderSingle", '<field name="Mine"/>')]),
    ("unused-field", "Mine (5001)", "", [field(5001, "Mine")]),
    ("unused-component", "Mine", "", [
        ("<components/>", f'<components><component name="Mine">{TEXT}</component></components>')]),
    ("empty-message", "Ping (UP)", "", [message("Ping", "UP", "")]),
    ("compile", "FIX.4.2", "groups in NewOrderSingle > NoMine0 are nested deeper than 16 levels", [
        *(field(5100 + n, f"NoMine{n}", "NUMINGROUP") for n in range(17)), field(5002, "Mine"),
        member("NewOrderSingle", nested(17))]),
    ("reader", "NewOrderSingle", "Text (58) is a member twice: the first counts", [
        member("NewOrderSingle", TEXT)]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "where", "detail", "edits"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_one_edit_breaks_one_rule(
    tmp_path: Path, rule: str, where: str, detail: str, edits: list[tuple[str, str]]
) -> None:
    found = [(remark.rule, remark.where, remark.detail) for remark in own(tmp_path, *edits)]
    assert (rule, where, detail) in found
    # Removing what others need has consequences; everything else is told once.
    if not rule.startswith(("compile", "header", "session", "message", "field-clash")):
        assert [one for one in found if one[0] not in (rule, "unused-field")] == []


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)


def test_a_field_taken_from_a_later_version_is_no_clash(tmp_path: Path) -> None:
    """Brokers take Username (553) into FIX 4.2: under its own tag and name that is as it should be."""
    edits = field(553, "Username"), member("Logon", '<field name="Username"/>')
    assert own(tmp_path, *edits) == []


def test_a_custom_message_is_as_it_should_be(tmp_path: Path) -> None:
    assert own(tmp_path, message("Ping", "UP")) == []


def test_rules_come_in_their_order_and_warnings_first(tmp_path: Path) -> None:
    found = own(tmp_path, field(5001, "Mine"), (CODE.format("1", "BUY"), CODE.format("BS", "BUY")))
    assert [remark.rule for remark in found] == ["code-type", "unused-field"]
    severities = [rule.severity for rule in RULES.values()]
    assert severities == sorted(severities, reverse=True)


def test_a_remark_is_json() -> None:
    remark = Remark("delimiter", "here", "there")
    assert json.loads(json.dumps(remark.as_dict())) == {
        "rule": "delimiter",
        "severity": "note",
        "where": "here",
        "detail": "there",
        "standard": False,
    }


def test_without_a_standard_everything_is_the_files_own(tmp_path: Path) -> None:
    found = check(broker(tmp_path))
    assert found
    assert not any(remark.standard for remark in found)
