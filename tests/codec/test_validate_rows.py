"""Rows V00-V12 of the session requirements, as far as they are the codec's: one message, one fault. On both codecs.

What a session does with a fault is in tests/session/. V08, V09 and V10 are the session's alone.
"""

from __future__ import annotations

import pytest

from fixfast.dictionary.validation import Fault, Validation
from tests.codec.house import house, raw
from tests.codec.judging import BOOK, HEAD, NO_UNKNOWN, NO_USER, ORDER, STRUCTURE, at_home, judge, said
from tests.codec.support import Codec


@pytest.mark.parametrize("body", [ORDER, BOOK, f"35=0|{HEAD}", f"35=0|{HEAD}112=ping|"])
def test_right_messages_have_no_fault(codec: Codec, body: str) -> None:
    assert judge(codec, body) is None
    assert judge(codec, body, STRUCTURE) is None
    assert at_home(codec) is None


# --- V00, V02, V03: tags --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [0, -1, -999999999, 999, 4999, 5000, 9999, 999999999])
def test_v00_a_tag_that_the_dictionary_does_not_have_is_invalid(codec: Codec, tag: int) -> None:
    assert judge(codec, f"{ORDER}{tag}=x|") == said(0, tag)
    assert judge(codec, f"{ORDER}{tag}=x|", STRUCTURE) == said(0, tag)
    assert judge(codec, f"{BOOK}{tag}=x|") == said(0, tag), "in an entry, too"


def test_v00_unknown_tags_below_5000_can_be_let_through(codec: Codec) -> None:
    for tag in (0, -1, 999, 4999):
        assert judge(codec, f"{ORDER}{tag}=x|", NO_UNKNOWN) is None
        assert judge(codec, f"{ORDER}{tag}=x|", NO_USER) == said(0, tag)
    assert judge(codec, f"{ORDER}5000=x|", NO_UNKNOWN) == said(0, 5000)


def test_v00_user_defined_tags_from_5000_can_be_let_through(codec: Codec) -> None:
    for tag in (5000, 20000, 999999999):
        assert judge(codec, f"{ORDER}{tag}=x|", NO_USER) is None
        assert judge(codec, f"{ORDER}{tag}=x|", NO_UNKNOWN) == said(0, tag)
    assert judge(codec, f"{ORDER}4999=x|", NO_USER) == said(0, 4999)


def test_v00_what_is_let_through_is_not_looked_at(codec: Codec) -> None:
    both = Validation(unknown_tags=False, user_defined_tags=False)
    assert judge(codec, f"{ORDER}999=|999=|5000=|108=x|10000=\u00e4|", both) is None
    assert judge(codec, f"{BOOK}999=|5000=|269=0|", both) == said(16, 268), "and does not end a group"


def test_v02_a_known_tag_that_this_message_does_not_have(codec: Codec) -> None:
    assert judge(codec, f"{ORDER}108=30|") == said(2, 108)
    assert judge(codec, f"{ORDER}108=30|", STRUCTURE) == said(2, 108)
    assert judge(codec, f"{ORDER}108=30|", NO_USER) == said(2, 108)
    assert judge(codec, f"{ORDER}108=30|", NO_UNKNOWN) is None


def test_v02_a_member_of_a_group_has_no_place_outside_of_it(codec: Codec) -> None:
    assert judge(codec, f"{ORDER}448=p|") == said(2, 448)
    assert judge(codec, f"35=D|{HEAD}11=a|448=p|453=1|448=q|54=1|60=20240102-03:04:05|38=1|40=1|") == said(2, 448)


def test_v02_a_tag_of_another_message_in_an_entry(codec: Codec) -> None:
    assert judge(codec, f"35=W|{HEAD}55=x|268=2|269=0|270=1|11=a|269=1|270=2|") == said(2, 11)


def test_v02_a_users_own_tags_are_judged_like_the_standards(codec: Codec) -> None:
    assert at_home(codec, "7001=x|") == said(2, 7001)
    assert at_home(codec, "7001=x|", NO_UNKNOWN) == said(2, 7001)
    assert at_home(codec, "7001=x|", NO_USER) is None


def test_v03_is_never_given(codec: Codec) -> None:
    for body in (f"{ORDER}999=x|", f"{ORDER}108=1|", f"{ORDER}5000=x|", f"{ORDER}0=x|"):
        fault = judge(codec, body)
        assert fault is not None
        assert fault.reason != 3


# --- V01: required members ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [49, 56, 34, 52, 11, 54, 60, 40])
def test_v01_a_required_tag_of_header_or_body_is_missing(codec: Codec, tag: int) -> None:
    start = ORDER.index(f"|{tag}=") + 1
    body = ORDER[:start] + ORDER[ORDER.index("|", start) + 1 :]
    assert judge(codec, body) == said(1, tag)
    assert judge(codec, body, STRUCTURE) == said(1, tag)


def test_v01_a_required_tag_of_the_trailer_is_missing(codec: Codec) -> None:
    signed = house(signed=True)
    assert codec.parse(raw("93=1|89=s|"), dictionary=signed).validate() is None
    assert codec.parse(raw(), dictionary=signed).validate() == said(1, 93)
    assert codec.parse(raw("93=1|"), dictionary=signed).validate() == said(1, 89)


def test_v01_a_required_tag_of_an_entry_is_missing(codec: Codec) -> None:
    assert at_home(codec, "7000=2|7001=a|7003=x|7001=b|7003=y|") is None
    assert at_home(codec, "7000=2|7001=a|7001=b|7003=y|") == said(1, 7003), "in the first entry"
    assert at_home(codec, "7000=2|7001=a|7003=x|7001=b|") == said(1, 7003), "in the last"
    assert at_home(codec, "7000=2|7001=a|7003=x|7001=b|6090=z|") == said(1, 7003), "which a field of the message ends"


def test_v01_a_required_tag_of_a_nested_entry_is_missing(codec: Codec) -> None:
    right = "7000=1|7001=a|7003=x|7100=1|7101=b|7102=c|7200=1|7201=d|7202=e|"
    assert at_home(codec, right) is None
    for tag in (7003, 7102, 7202):
        assert at_home(codec, "|".join(f for f in right.split("|") if not f.startswith(f"{tag}="))) == said(1, tag)


def test_v01_the_first_level_that_ends_comes_first(codec: Codec) -> None:
    assert at_home(codec, "7000=1|7001=a|7100=1|7101=b|") == said(1, 7102), "the inner entry"
    assert at_home(codec, "7000=2|7001=a|7100=1|7101=b|7102=c|7001=a|7003=x|7100=1|7101=b|") == said(1, 7003)


def test_v01_in_a_level_the_first_of_the_dictionary_comes_first(codec: Codec) -> None:
    assert judge(codec, "35=D|49=A|56=B|52=20240102-03:04:05|54=1|38=1|40=1|") == said(1, 34)
    assert judge(codec, f"35=D|{HEAD}38=1|") == said(1, 11)


def test_v01_in_a_group_of_many_members(codec: Codec) -> None:
    assert at_home(codec, "8000=1|8001=a|8070=b|") is None
    assert at_home(codec, "8000=2|8001=a|8070=b|8001=a|8033=c|") == said(1, 8070)
    assert at_home(codec, "8000=2|8001=a|8033=c|8001=a|8070=b|") == said(1, 8070)


def test_v01_absent_groups_and_components_miss_nothing(codec: Codec) -> None:
    assert at_home(codec) is None
    assert judge(codec, ORDER.replace("55=x|", "")) is None, "the members of Instrument are optional one by one"


# --- V04: empty values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [49, 11, 60, 38])
def test_v04_an_empty_value(codec: Codec, tag: int) -> None:
    start = ORDER.index(f"|{tag}=") + 1
    body = f"{ORDER[:start]}{tag}={ORDER[ORDER.index('|', start) :]}"
    assert judge(codec, body) == said(4, tag)
    assert judge(codec, body, STRUCTURE) == said(4, tag)
    assert judge(codec, body, Validation(empty=False)) is None, "and nothing else about it is checked"


def test_v04_a_data_field_of_length_0_is_empty(codec: Codec) -> None:
    assert at_home(codec, "6018=0|6019=|") == said(4, 6019)
    assert at_home(codec, "6018=0|6019=|", Validation(empty=False)) is None


def test_v04_an_empty_count(codec: Codec) -> None:
    assert at_home(codec, "7000=|7001=a|7003=b|") == said(4, 7000)
    assert at_home(codec, "7000=|7001=a|7003=b|", Validation(empty=False)) is None
    assert at_home(codec, "7000=|7001=a|", Validation(empty=False)) == said(1, 7003), (
        "its entries are there all the same"
    )


def test_v04_an_empty_value_of_an_entry(codec: Codec) -> None:
    assert at_home(codec, "7000=1|7001=|7003=b|") == said(4, 7001)
    assert at_home(codec, "8000=1|8001=|8070=b|") == said(4, 8001)


# --- V05: codes -----------------------------------------------------------------------------------------------

CODE_CASES = [
    (6050, ("a", "b", "0"), ("c", "A", "1", "\x7f")),
    (6051, ("1", "1 2", "3 2 1", "1 1"), ("4", "1 4", "4 1", "1 4 1", "a")),
    (6052, ("AA", "B", "AA B", "B CCC AA"), ("A", "AAA", "AA A", "C AA", "AA C B", "AA,B")),
    (6055, ("1", "22", "-3"), ("2", "01", "3", "222", "-1")),
    (6056, ("code0", "code199", "code77"), ("code200", "code", "code1x", "Code1", "c")),
    (6057, ("1", "31"), ("2", "99", "01")),
]


@pytest.mark.parametrize(("tag", "good", "bad"), CODE_CASES)
def test_v05_a_value_that_is_no_code(codec: Codec, tag: int, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    for value in good:
        assert at_home(codec, f"{tag}={value}|") is None
    for value in bad:
        assert at_home(codec, f"{tag}={value}|") == said(5, tag), value
        assert at_home(codec, f"{tag}={value}|", STRUCTURE) is None
        fault = at_home(codec, f"{tag}={value}|", Validation(codes=False))
        assert fault == (said(5, tag) if value == "99" else None), "but a day is 1 to 31 in any case"


def test_v05_an_open_field_takes_any_value(codec: Codec) -> None:
    for value in ("X", "YY", "Z", "anything at all"):
        assert at_home(codec, f"6053={value}|") is None


def test_v05_a_boolean_is_judged_by_its_form_alone(codec: Codec) -> None:
    assert at_home(codec, "6054=N|") is None, "Y is the only code listed"
    assert at_home(codec, "6054=0|") == said(6, 6054)


def test_v05_a_bad_format_is_not_a_bad_code_too(codec: Codec) -> None:
    assert at_home(codec, "6050=cc|") == said(6, 6050)
    assert at_home(codec, "6051=4  4|") == said(6, 6051)
    assert at_home(codec, "6055=x|") == said(6, 6055)


def test_v05_codes_of_the_standard(codec: Codec) -> None:
    assert judge(codec, ORDER.replace("54=1", "54=Z")) == said(5, 54)
    assert judge(codec, f"{ORDER}18=1 2|") is None
    assert judge(codec, f"{ORDER}18=1 !|") == said(5, 18)
    assert judge(codec, BOOK.replace("269=1", "269=!")) == said(5, 269)


def test_v05_a_count_may_have_codes(codec: Codec) -> None:
    """NoSides(552) is 1 or 2 in FIX 4.4."""
    report = f"35=AE|{HEAD}571=r|570=N|32=1|31=1|75=20240102|60=20240102-03:04:05|55=x|"
    sides = "54=1|37=o|" * 3
    assert judge(codec, f"{report}552=2|{sides[:20]}") is None
    assert judge(codec, f"{report}552=3|{sides}") == said(5, 552)
    assert judge(codec, f"{report}552=3|{sides}", Validation(codes=False)) is None
    assert judge(codec, f"{report}552=3|{sides}", STRUCTURE) is None


# --- V06: see test_formats.py ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [("38=1|", "38=+1|", 38), ("38=1|", "38=1e3|", 38), ("60=20240102", "60=20240199", 60), ("34=1", "34=x", 34)],
)
def test_v06_a_value_of_the_wrong_form(codec: Codec, old: str, new: str, tag: int) -> None:
    assert judge(codec, ORDER.replace(old, new)) == said(6, tag)
    assert judge(codec, ORDER.replace(old, new), STRUCTURE) is None


def test_v06_a_boolean_with_a_space(codec: Codec) -> None:
    assert judge(codec, ORDER.replace("34=1|", "34=1|43=Y |")) == said(6, 43)


@pytest.mark.parametrize("count", ["x", "-1", "1x", " 1", "1.0", "+1"])
def test_v06_a_count_that_is_no_number_is_wrong_at_every_level(codec: Codec, count: str) -> None:
    for validation in (None, STRUCTURE):
        assert at_home(codec, f"7000={count}|7001=a|7003=b|", validation) == said(6, 7000)
        assert at_home(codec, f"7000={count}|", validation) == said(6, 7000)


# --- V07, V11, V12 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("validation", [None, STRUCTURE, Validation(order=False)])
def test_v07_secure_data_cannot_be_decrypted(codec: Codec, validation: Validation | None) -> None:
    assert at_home(codec, head="90=3|91=abc|", validation=validation) == said(7, 91)
    assert judge(codec, ORDER.replace("34=1|", "34=1|90=3|91=a|b|"), validation) == said(7, 91)


@pytest.mark.parametrize("msg_type", ["ZZ", "U1", "Heartbeat", "DD", "d1", "\u00e4", "00"])
def test_v11_a_msg_type_that_the_dictionary_does_not_have(codec: Codec, msg_type: str) -> None:
    everything_wrong = f"35={msg_type}|{HEAD}0=x|49=|10000=|"
    assert judge(codec, everything_wrong) == Fault(11, None, "Invalid MsgType")
    assert judge(codec, everything_wrong, STRUCTURE) == said(11, None)


def test_v11_a_type_of_ones_own_is_as_good_as_any(codec: Codec) -> None:
    """V28, too: U* and n are judged by the dictionary like all others."""
    assert at_home(codec) is None
    assert judge(codec, f"35=n|{HEAD}") is None
    assert judge(codec, f"35=n|{HEAD}58=x|") == said(2, 58)


XML_CASES = ["<a>", "a", "<a></b>", "<a/><b/>", "<!DOCTYPE a><a/>", "<a>&lt</a>", "<a b=1/>", "\x00", "<a/>\x01"]


@pytest.mark.parametrize("document", XML_CASES)
def test_v12_xml_that_is_not_well_formed(codec: Codec, document: str) -> None:
    body = f"6020={len(document)}|6021={document}|"
    for level in ("structure", "full"):
        assert at_home(codec, body, Validation(level=level, xml=True)) == said(12, 6021)
        assert at_home(codec, body, Validation(level=level)) is None


@pytest.mark.parametrize(
    "document", ["<a/>", "<a b='c'>d<e/></a>", "<?xml version='1.0' encoding='UTF-8'?><a>\u00e4</a>"]
)
def test_v12_xml_that_is_well_formed(codec: Codec, document: str) -> None:
    assert at_home(codec, f"6020={len(document.encode())}|6021={document}|", Validation(xml=True)) is None


def test_v12_nothing_is_expanded_or_fetched(codec: Codec) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
    assert at_home(codec, f"6020={len(bomb)}|6021={bomb}|", Validation(xml=True)) == said(12, 6021)


def test_v12_an_xml_field_that_is_empty_or_let_through_is_not_read(codec: Codec) -> None:
    assert at_home(codec, "6020=0|6021=|", Validation(xml=True, empty=False)) is None
    fix44 = Validation(xml=True, user_defined_tags=False)
    assert judge(codec, f"{ORDER}6021=<a|", fix44) is None
