"""Fields whose code list the standard itself leaves open: strict validation must not refuse what it allows.

The list goes by the standard's own tables (the union types Qty, Tenor and Reserved...Plus of its repository) and,
before FIX 5.0, where those tables had no union types yet, by what the text of the field says.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import fixfast as ff
from fixfast.dictionary.load import SPEC_DIR, VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.raw import RawMember, RawOwner, spec_of
from fixfast.dictionary.resolve import resolve_as

#: Values from 100 on: agreed between the two sides.
RESERVED_100 = {
    "FIX.5.0": "102 103 300 373 378 477 507 532 567 658 660 723 728 749 751 774 792 796 865 871 875 906 946",
    "FIX.5.0SP1": "102 103 300 326 336 340 373 378 477 507 532 567 625 658 660 723 728 749 751 774 792 796 865 871 "
    "875 906 946 1174 1178 1368 1376 1385 1386 1409",
    "FIX.5.0SP2": "22 88 102 103 298 300 326 327 336 340 373 378 507 532 567 585 625 658 660 723 728 749 751 774 "
    "792 796 865 871 875 906 946 1174 1178 1194 1368 1374 1376 1385 1386 1409 1429 1431 1439 1470 "
    "1471 1473 1477 1478 1502 1530 1583 1607 1631 1641 1644 1761 1775 1796 1798 1803 1813 1877 1881 "
    "1897 1934 1937 1950 2109 2115 2426 2431 2443 2456 2457 2458 2459 2473 2487 2530 2544 2547 2579 "
    "2675 2677 2773 2774 2791 2844 2846 40213",
    "FIXT.1.1": "373 1409",
}
#: The same from 1000 on, and from 4000 on.
RESERVED_1000 = {
    "FIX.4.3": "492 495",
    "FIX.4.4": "477 492 495 847",
    "FIX.5.0": "492 495 847",
    "FIX.5.0SP1": "492 495 828 829 847",
    "FIX.5.0SP2": "477 492 495 828 829 847 1585 2402 2594",
}
RESERVED_4000 = {
    "FIX.4.4": "723 728 749 751 803 946",
    "FIX.5.0": "577 803",
    "FIX.5.0SP1": "577 803",
    "FIX.5.0SP2": "577 803 1511 1515 1939",
}
#: Sources of identifiers from "100" on are private: said of IDSource in 4.0, and of SecurityIDSource from 4.3 on.
PRIVATE_SOURCES = {
    **dict.fromkeys(("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.5.0", "FIX.5.0SP1"), "22"),
    "FIX.4.4": "22 305 456 459 603 606 761",
}
#: S, M, L or a number of shares.
QUANTITIES = dict.fromkeys(VERSIONS.keys() - {"FIXT.1.1"}, "27")
#: A code or a tenor, as D7 or M3.
TENORS = dict.fromkeys(("FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"), "63")
#: "Additional values may be used by mutual agreement of the counterparties." In 4.1 to 4.3 SecurityType is a list of
#: the ISITC's, of which FIX names a part.
AGREED = {
    **dict.fromkeys(("FIX.4.1", "FIX.4.2"), "167"),
    **dict.fromkeys(("FIX.4.3",), "167 233"),
    "FIX.4.4": "167 233 888",
    "FIX.5.0": "167 233 996 997 1111",
    "FIX.5.0SP1": "167 233 997 1111",
    "FIX.5.0SP2": "167 233 997 1111 1193 1941 40922",
}
#: Defined by the institution (100), a country by its ISO code (166), two directories of the exchanges (65).
DEFINED_ELSEWHERE = {
    "FIX.4.0": "100",
    **dict.fromkeys(("FIX.4.1", "FIX.4.2"), "166"),
    **dict.fromkeys(("FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"), "65"),
}
#: Several codes in one value: IOIOthSvc strings letters together ("BA"), NetworkRequestType is a sum of bits.
COMBINED = {
    **dict.fromkeys(("FIX.4.0", "FIX.4.1"), "24"),
    **dict.fromkeys(("FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"), "935"),
}
#: RefMsgType names any message, and those from U on are private.
ANY_MESSAGE = dict.fromkeys(("FIX.4.2", "FIX.4.4"), "372")

REASONS = (
    RESERVED_100, RESERVED_1000, RESERVED_4000, PRIVATE_SOURCES, QUANTITIES, TENORS, AGREED, DEFINED_ELSEWHERE,
    COMBINED, ANY_MESSAGE,
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_the_open_code_sets_are_those_with_a_reason(version: str, alone: Callable[[str], Dictionary]) -> None:
    expected = {int(tag) for reason in REASONS for tag in reason.get(version, "").split()}
    fields = alone(VERSIONS[version]).fields.values()
    assert {item.tag for item in fields if item.open} == expected
    assert all(item.codes for item in fields if item.open), "without codes there is nothing to open"


def test_each_field_is_open_for_one_reason() -> None:
    for version in VERSIONS:
        tags = [tag for reason in REASONS for tag in reason.get(version, "").split()]
        assert len(tags) == len(set(tags)), version


def test_the_files_say_so_in_one_way() -> None:
    for version, stem in VERSIONS.items():
        text = (SPEC_DIR / f"{stem}.xml").read_text(encoding="utf-8")
        assert text.count("allowOtherValues=") == text.count(' allowOtherValues="Y">'), version


@pytest.mark.parametrize(
    ("version", "tag", "value"),
    [
        ("FIX.4.2", 27, "25000"),
        ("FIX.4.4", 27, "25000"),
        ("FIX.4.1", 24, "BA"),
        ("FIX.4.2", 22, "100"),
        ("FIX.4.4", 603, "101"),
        ("FIX.4.4", 167, "OURS"),
        ("FIX.4.4", 372, "U7"),
        ("FIX.4.4", 935, "9"),
        ("FIX.5.0SP2", 63, "M3"),
        ("FIX.5.0SP2", 103, "100"),
        ("FIX.5.0SP2", 803, "4000"),
        ("FIXT.1.1", 373, "101"),
    ],
)
def test_a_value_of_an_open_set_is_not_wrong(version: str, tag: int, value: str) -> None:
    """V07: reason 5 is for values that the standard does not allow."""
    assert _fault(version, tag, value) is None


@pytest.mark.parametrize(("version", "tag", "value"), [("FIX.4.4", 54, "Z"), ("FIX.4.4", 103, "100")])
def test_a_value_outside_a_closed_set_is_wrong(version: str, tag: int, value: str) -> None:
    assert _fault(version, tag, value) == ff.Fault(5, tag, "Value is incorrect (out of range) for this tag")


def test_an_open_field_still_has_a_format() -> None:
    assert _fault("FIX.5.0SP2", 103, "many") == ff.Fault(6, 103, "Incorrect data format for value")


def test_exec_inst_holds_several_codes_in_every_version() -> None:
    for version in VERSIONS:
        if version != "FIXT.1.1":
            assert load_dictionary(version).fields[18].kind in ("strings", "chars")
    assert _fault("FIX.4.0", 18, "1 2 G") is None
    assert _fault("FIX.4.0", 18, "1 2 ~") == ff.Fault(5, 18, "Value is incorrect (out of range) for this tag")
    assert _fault("FIX.4.1", 18, "1  2") == ff.Fault(6, 18, "Incorrect data format for value")


def test_what_is_open_in_the_transport_stays_open_when_merged() -> None:
    assert not load_dictionary("FIX.4.4").fields[373].open
    assert load_dictionary("FIX.4.4+FIXT.1.1").fields[373].open


@pytest.mark.parametrize("version", VERSIONS)
def test_no_code_is_at_odds_with_the_type_of_its_field(version: str) -> None:
    """A code that the field's own format refuses would be a fault in every message that has it."""
    forms: dict[str, Callable[[str], bool]] = {
        "char": lambda value: len(value.encode()) == 1,
        "chars": lambda value: len(value.encode()) == 1,
        "strings": lambda value: " " not in value,
        "int": lambda value: value.removeprefix("-").isdigit(),
        "uint": str.isdigit,
        "bool": lambda value: value in ("Y", "N"),
        "str": bool,
    }
    for item in load_dictionary(version).fields.values():
        for code in item.codes:
            assert forms[item.kind](code.value), (item, code)


def _fault(version: str, tag: int, value: str) -> ff.Fault | None:
    """Return what is wrong with a message that holds one field as the version defines it."""
    spec = spec_of(load_dictionary(version))
    fields = [*(8, 9, 35, 49, 56, 34, 52, 10), tag]
    spec.fields = {known: raw for known, raw in spec.fields.items() if known in fields}
    names = {known: raw.name for known, raw in spec.fields.items()}
    owners = {"header": fields[:7], "Probe": [tag], "trailer": [10]}
    members = {owner: [RawMember("field", names[t], False, 0, []) for t in tags] for owner, tags in owners.items()}
    spec.components = {}
    spec.header = RawOwner("header", "header", version, 0, members["header"])
    spec.trailer = RawOwner("trailer", "trailer", version, 0, members["trailer"])
    spec.messages = {"UX": RawOwner("message", "Probe", version, 0, members["Probe"], "UX")}
    d = resolve_as(spec, load_dictionary(version).begin_string)
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
    return ff.parse(ff.encode(d.begin_string, "UX", [*head, (tag, value)]), dictionary=d).validate()
