"""Rows V13-V30 of the session requirements, as far as they are the codec's: where fields stand, groups, and the rest.

V22, V24 and V25 are the session's alone; V23 is in test_validate_order.py.
"""

from __future__ import annotations

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import GarbledMessage
from tests.codec.house import DEEPEST
from tests.codec.judging import BOOK, HEAD, ORDER, STRUCTURE, at_home, judge, said
from tests.codec.support import Codec, message

# --- V13, V14, V21, V26: where fields stand -------------------------------------------------------------------


@pytest.mark.parametrize("tag", [49, 34, 11, 38])
def test_v13_a_tag_twice(codec: Codec, tag: int) -> None:
    start = ORDER.index(f"|{tag}=") + 1
    again = ORDER[start : ORDER.index("|", start) + 1]
    for validation in (None, STRUCTURE, Validation(order=False)):
        assert judge(codec, ORDER[:start] + again + ORDER[start:], validation) == said(13, tag)


def test_v13_a_tag_twice_in_an_entry(codec: Codec) -> None:
    assert at_home(codec, "7000=1|7001=a|7002=1|7002=1|7003=x|") == said(13, 7002)
    assert at_home(codec, "7000=2|7001=a|7003=x|7001=a|7003=x|") is None, "once in each"
    assert at_home(codec, "8000=1|8001=a|8040=1|8040=1|8070=x|") == said(13, 8040)
    assert at_home(codec, "8000=2|8001=a|8040=1|8070=x|8001=a|8040=1|8070=x|") is None


def test_v13_a_count_twice(codec: Codec) -> None:
    again = "7000=1|7001=a|7003=x|" * 2
    assert at_home(codec, again) == said(13, 7000)
    assert at_home(codec, "7000=1|7001=a|7003=x|7100=1|7101=b|7102=c|7100=1|7101=b|7102=c|") == said(13, 7100)


@pytest.mark.parametrize("tag", [8, 9, 35])
def test_v13_the_first_three_fields_again(codec: Codec, tag: int) -> None:
    assert judge(codec, ORDER.replace("34=1|", f"34=1|{tag}=1|")) == said(13, tag)


def test_v14_a_header_field_behind_the_body(codec: Codec) -> None:
    body = f"35=D|49=A|56=B|34=1|11=a|52=20240102-03:04:05|{ORDER[ORDER.index('55=') :]}"
    assert judge(codec, body) == said(14, 52)
    assert judge(codec, body, STRUCTURE) == said(14, 52)
    assert judge(codec, body, Validation(order=False)) is None


def test_v14_a_body_or_header_field_behind_the_trailer(codec: Codec) -> None:
    assert at_home(codec, "93=1|89=s|") is None
    assert at_home(codec, "93=1|89=s|6090=x|") == said(14, 6090)
    assert at_home(codec, "93=1|89=s|6090=x|", Validation(order=False)) is None
    assert at_home(codec, "93=1|89=s|43=N|") == said(14, 43)
    assert at_home(codec, "43=N|") == said(14, 43)


def test_v14_the_first_misplaced_field_is_named(codec: Codec) -> None:
    assert at_home(codec, "93=1|6090=x|43=N|") == said(14, 6090)


def test_v21_header_and_body_fields_come_in_any_order(codec: Codec) -> None:
    assert judge(codec, "35=D|52=20240102-03:04:05|34=1|56=B|49=A|40=1|38=1|60=20240102-03:04:05|54=1|11=a|") is None
    assert at_home(codec, "6090=x|6001=y|7000=1|7001=a|7003=b|6002=z|") is None


USER_REQUEST = f"{HEAD}923=u|924=1|553=n|"


def test_v26_appl_ver_id_stands_right_behind_msg_type(codec: Codec) -> None:
    def fault(body: str, validation: Validation | None = None) -> Fault | None:
        found: Fault | None = codec.parse(message(body, "FIXT.1.1")).validate(validation)
        return found

    late = USER_REQUEST.replace("49=A|", "49=A|1128=9|")
    assert fault(f"35=BE|1128=9|{USER_REQUEST}") is None
    assert fault(f"35=BE|{late}") == said(14, 1128)
    assert fault(f"35=BE|{late}", Validation(order=False)) is None
    assert fault(f"35=BE|{USER_REQUEST}1128=9|") == said(14, 1128)
    assert fault(f"35=BE|1128=9|{late}") == said(13, 1128)


def test_v26_appl_ver_id_chooses_the_dictionary(codec: Codec) -> None:
    """UserRequest(BE) came with FIX 4.4."""
    for version, known in (("4", False), ("5", False), ("6", True), ("7", True), ("9", True)):
        fault = codec.parse(message(f"35=BE|1128={version}|{USER_REQUEST}", "FIXT.1.1")).validate()
        assert fault == (None if known else said(11, None)), version
    assert (
        codec.parse(message(f"35=BE|{USER_REQUEST}", "FIXT.1.1"), dictionary=DictionarySet(default="6")).validate()
        is None
    )
    by_type = DictionarySet(default="6", by_msg_type={"BE": "4"})
    assert codec.parse(message(f"35=BE|{USER_REQUEST}", "FIXT.1.1"), dictionary=by_type).validate() == said(11, None)


def test_v18_an_application_version_that_nobody_has(codec: Codec) -> None:
    for version in ("0", "1", "99", "x"):
        fault = codec.parse(message(f"35=D|1128={version}|{HEAD}0=x|", "FIXT.1.1")).validate()
        assert fault == Fault(18, 1128, "Invalid/Unsupported Application Version")


def test_v27_session_messages_follow_fixt_whatever_1128_says(codec: Codec) -> None:
    for version in ("0", "4", "9", "x"):
        m = codec.parse(message(f"35=0|1128={version}|{HEAD}", "FIXT.1.1"))
        assert m.validate(Validation(codes=False)) is None
    logon = f"35=A|{HEAD}98=0|108=30|1137=9|"
    assert codec.parse(message(logon, "FIXT.1.1")).validate() is None
    assert codec.parse(message(f"{logon}55=x|", "FIXT.1.1")).validate() == said(0, 55), "FIXT has no Symbol"


# --- V15, V16, V20, V29: groups -------------------------------------------------------------------------------


def test_v15_an_entry_begins_with_the_delimiter(codec: Codec) -> None:
    for validation in (None, STRUCTURE, Validation(order=False)):
        assert at_home(codec, "7000=1|7003=x|7001=a|7003=x|", validation) == said(15, 7003)
        assert at_home(codec, "7000=1|7002=1|7003=x|", validation) == said(15, 7002)
        assert at_home(codec, "8000=1|8070=x|8001=a|8070=x|", validation) == said(15, 8070)


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ("7000=1|7001=a|7003=x|7002=1|", 7002),
        ("7000=1|7001=a|7004=z|7003=x|", 7003),
        ("7000=1|7001=a|7003=x|7100=1|7101=b|7102=c|7002=1|", 7002),
        ("7000=1|7001=a|7003=x|7100=1|7101=b|7200=1|7201=d|7202=e|7102=c|", 7102),
        ("8000=1|8001=a|8040=x|8039=x|8070=x|", 8039),
        ("8000=1|8001=a|8070=x|8002=x|", 8002),
    ],
)
def test_v15_members_of_an_entry_stand_in_the_dictionarys_order(codec: Codec, body: str, tag: int) -> None:
    assert at_home(codec, body) == said(15, tag)
    assert at_home(codec, body, STRUCTURE) == said(15, tag)
    assert at_home(codec, body, Validation(order=False)) is None


def test_v15_what_counts_is_the_furthest_member_so_far(codec: Codec) -> None:
    assert at_home(codec, "8000=1|8001=a|8050=x|8010=x|8020=x|8070=x|") == said(15, 8010)


@pytest.mark.parametrize("count", ["0", "1", "3", "100", "99999999999999999999999999", "18446744073709551618"])
def test_v16_the_count_is_that_of_the_entries(codec: Codec, count: str) -> None:
    entries = "7001=a|7003=x|" * 2
    for validation in (None, STRUCTURE):
        assert at_home(codec, f"7000={count}|{entries}", validation) == said(16, 7000)
        assert at_home(codec, f"7000={count}|{entries}6090=z|", validation) == said(16, 7000)
    assert at_home(codec, f"7000=2|{entries}") is None
    assert at_home(codec, f"7000=00002|{entries}") is None


def test_v16_a_count_without_entries(codec: Codec) -> None:
    assert at_home(codec, "7000=1|") == said(16, 7000)
    assert at_home(codec, "7000=1|6090=z|") == said(16, 7000)
    assert at_home(codec, "7000=1|7001=a|7003=x|7100=2|") == said(16, 7100)


def test_v16_of_two_wrong_counts_the_first_in_the_message_is_named(codec: Codec) -> None:
    assert at_home(codec, "7000=2|7001=a|7003=x|7100=2|7101=b|7102=c|") == said(16, 7000)
    assert at_home(codec, "7000=1|7001=a|7003=x|7100=2|7101=b|7102=c|8000=9|8001=a|8070=b|") == said(16, 7100)


def test_v16_the_delimiter_may_count_a_group(codec: Codec) -> None:
    entry = "7600=2|7601=a|7601=b|7602=c|7501=z|"
    assert at_home(codec, f"7500=1|{entry}") is None
    assert at_home(codec, f"7500=2|{entry}{entry}") is None
    assert at_home(codec, f"7500=3|{entry}{entry}") == said(16, 7500)
    assert at_home(codec, f"7500=2|{entry}7600=1|7601=a|") == said(1, 7501)
    assert at_home(codec, "7500=1|7600=0|7501=z|") is None


def test_v20_a_count_of_0_is_an_absent_group(codec: Codec) -> None:
    assert at_home(codec, "7000=0|") is None
    assert at_home(codec, "7000=00|6090=z|8000=0|") is None
    assert at_home(codec, "7000=1|7001=a|7003=x|7100=0|7004=z|") is None
    required = f"35=V|{HEAD}262=r|263=1|264=1|267=0|146=0|"
    assert judge(codec, required) is None, "and satisfies a required group"
    assert judge(codec, required.replace("267=0|", "")) == said(1, 267)


def test_v20_behind_a_count_of_0_a_member_of_both_is_the_messages(codec: Codec) -> None:
    assert at_home(codec, "7000=0|6099=x|") is None
    assert at_home(codec, "7000=1|6099=x|") == said(15, 6099), "where an entry is announced it is the entry's"
    assert at_home(codec, "7000=1|7001=a|7003=x|6099=x|") is None
    assert at_home(codec, "7000=1|7001=a|7003=x|6099=x|6099=y|") == said(13, 6099)
    assert at_home(codec, "7000=0|7001=a|7003=x|6099=x|") == said(16, 7000), "0 is not believed where there are entries"


def test_v29_more_entries_than_allowed_are_a_fault(codec: Codec) -> None:
    entry = "7001=a|7003=x|"
    for level in ("structure", "full"):
        limit = Validation(level=level, max_group_entries=3)
        assert at_home(codec, f"7000=3|{entry * 3}", limit) is None
        fault = at_home(codec, f"7000=4|{entry * 4}", limit)
        assert fault == Fault(16, 7000, "More than 3 entries in a repeating group")
    wrong_too = at_home(codec, f"7000=3|{entry * 4}", Validation(max_group_entries=3))
    assert wrong_too == Fault(16, 7000, "More than 3 entries in a repeating group")


def test_v29_the_limit_is_10000_unless_said_otherwise(codec: Codec) -> None:
    entry = "7001=a|7003=x|"
    assert at_home(codec, f"7000=10000|{entry * 10000}") is None
    fault = at_home(codec, f"7000=10001|{entry * 10001}")
    assert fault == Fault(16, 7000, "More than 10000 entries in a repeating group")


def test_v29_groups_nest_as_deep_as_a_dictionary_may_say(codec: Codec) -> None:
    down = "".join(f"{9000 + level}=1|{9100 + level}=x|" for level in range(DEEPEST))
    assert at_home(codec, down, msg_type="H2") is None
    assert at_home(codec, down + "9100=x|", msg_type="H2") == said(16, 9000), "back at the outermost"
    assert at_home(codec, down + f"{9100 + DEEPEST - 1}=x|", msg_type="H2") == said(16, 9000 + DEEPEST - 1)
    for level in range(1, DEEPEST):
        missing = down.replace(f"{9100 + level}=x|", "")
        assert at_home(codec, missing, msg_type="H2") is not None
    assert at_home(codec, down + "9999=x|", msg_type="H2") == said(0, 9999)


def test_an_enclosing_level_ends_the_groups_inside(codec: Codec) -> None:
    inner = "7000=2|7001=a|7003=x|7100=1|7101=b|7102=c|7200=1|7201=d|7202=e|"
    alone = inner.replace("7000=2", "7000=1")
    assert at_home(codec, f"{inner}7001=a|7003=y|") is None, "the next entry, from three levels down"
    assert at_home(codec, f"{inner}7004=z|7001=a|7003=y|") is None, "a member of the outer entry"
    assert at_home(codec, f"{alone}6090=z|") is None, "a member of the message"
    assert at_home(codec, f"{alone}93=1|89=s|") is None, "the trailer"


# --- V17, V19, V23, V30 ---------------------------------------------------------------------------------------


def test_v17_an_soh_in_a_value_ends_it(codec: Codec) -> None:
    """What is behind it is a field of its own, or the message is garbled; 17 is never given."""
    with pytest.raises(GarbledMessage):
        codec.parse(message(f"{ORDER}58=a|b|"))
    assert judge(codec, f"{ORDER}58=a|9999=b|") == said(0, 9999)


def test_v19_a_begin_string_without_a_dictionary(codec: Codec) -> None:
    for begin_string in ("FIX.9.9", "FIX.4.5", "FIX/../x"):
        m = codec.parse(message(ORDER, begin_string))
        assert m.validate() == Fault(99, 8, "No dictionary describes this BeginString")
        assert m.validate(STRUCTURE) == m.validate()
    given = codec.parse(message(ORDER, "FIX.9.9"), dictionary=load_dictionary("FIX.4.4"))
    assert given.validate() is None


def test_v19_the_text_never_holds_a_value(codec: Codec) -> None:
    for body in (ORDER.replace("38=1", "38=secret"), f"{ORDER}secret=1|".replace("secret", "999")):
        assert "secret" not in str(judge(codec, body))


@pytest.mark.parametrize("tag", [8, 9, 35, 34, 49, 56, 52, 43, 10])
def test_v30_a_header_field_a_second_time_is_seen_without_a_dictionary(codec: Codec, tag: int) -> None:
    assert codec.shadowed(codec.parse(message(ORDER.replace("34=1|", "34=1|43=N|")))) == 0
    m = codec.parse(message(f"{ORDER.replace('34=1|', '34=1|43=N|')}{tag}=000|"))
    assert codec.shadowed(m) == tag
    nested = codec.parse(message(f"{BOOK.replace('34=1|', '34=1|43=N|')}{tag}=000|269=0|", "FIX.9.9"))
    assert codec.shadowed(nested) == tag


def test_v30_the_first_one_in_the_message_is_named(codec: Codec) -> None:
    assert codec.shadowed(codec.parse(message(f"{ORDER}56=x|49=y|"))) == 56
    assert codec.shadowed(codec.parse(message(f"{ORDER}11=x|73=y|99=z|-8=a|0=b|0=c|107=d|107=e|"))) == 0


def test_v30_data_may_hold_what_it_likes(codec: Codec) -> None:
    assert codec.shadowed(codec.parse(message(f"{ORDER}354=11|355=a|49=x|34=2|"))) == 0
