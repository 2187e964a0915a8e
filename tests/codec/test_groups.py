"""Repeating groups, by the dictionary and without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.errors import DictionaryError, FieldFormatError, FieldMissing
from tests.codec.samples import EXECUTION_REPORT, MARKET_DATA
from tests.codec.support import Codec, message


def entries(group: Any) -> list[str]:
    """Return each entry as text, fields separated by |."""
    return ["|".join(f"{tag}={value}" for tag, value in entry) for entry in group]


def group(codec: Codec, body: str, count_tag: int, begin_string: str = "FIX.4.4") -> list[str]:
    return entries(codec.parse(message(body, begin_string)).group(count_tag))


# --- by the dictionary ----------------------------------------------------------------------------------------


def test_a_group_is_a_sequence_of_entries(codec: Codec) -> None:
    found = codec.parse(MARKET_DATA).group(268)
    assert isinstance(found, Sequence)
    assert len(found) == 10
    assert [entry[270] for entry in found] == [f"1.08{400 + i}" for i in range(10)]
    assert found[0][269] == "0"
    assert found[-1][271] == "900000"
    assert [entry[271] for entry in found[2:4]] == ["200000", "300000"]
    for index in (10, -11):
        with pytest.raises(IndexError):
            found[index]
    assert next(entry[270] for entry in reversed(found)) == "1.08409"


def test_groups_nest(codec: Codec) -> None:
    parties = codec.parse(EXECUTION_REPORT).group(453)
    assert [(p[448], p[447], p.int(452)) for p in parties] == [("A", "D", 1), ("B", "D", 3)]
    assert [(s[523], s.int(803)) for s in parties[0].group(802)] == [("s1", 1), ("s2", 2)]
    assert list(parties[1].group(802)) == []
    assert entries(parties) == ["448=A|447=D|452=1|802=2|523=s1|803=1|523=s2|803=2", "448=B|447=D|452=3"]


def test_an_absent_group_is_empty(codec: Codec) -> None:
    m = codec.parse(MARKET_DATA)
    for absent in (m.group(453), m.groups(453, delimiter=448), m.group(9999), m.group(268)[0].group(453)):
        assert len(absent) == 0
        assert list(absent) == []
        assert not absent


def test_a_tag_that_counts_no_group_gives_no_entries(codec: Codec) -> None:
    assert len(codec.parse(MARKET_DATA).group(55)) == 0


def test_entries_answer_like_messages(codec: Codec) -> None:
    first, second = codec.parse(EXECUTION_REPORT).group(453)
    assert first[448] == "A"
    assert first.get(9999) is None
    assert first.get(9999, "x") == "x"
    assert first.many(448, 9999, 452) == ("A", None, "1")
    assert first.all(523) == ["s1", "s2"]
    assert 448 in first
    assert 55 not in first
    assert 523 not in second
    assert len(second) == 3
    assert list(second) == [(448, "B"), (447, "D"), (452, "3")]
    assert second.bytes(448) == b"B"
    assert second.int(452) == 3
    assert second.float(452) == 3.0
    assert second.decimal(452) == Decimal(3)
    assert second.scaled(452, 2) == 300
    assert second.int(523, default=7) == 7
    with pytest.raises(FieldMissing) as missing:
        second[523]
    assert missing.value.tag == 523
    with pytest.raises(FieldFormatError) as bad:
        second.int(448)
    assert bad.value.tag == 448
    with pytest.raises(FieldFormatError):
        second.bool(448)


def test_times_in_entries_are_read(codec: Codec) -> None:
    m = codec.parse(message("35=D|627=1|628=H|629=20240102-03:04:05.678|630=9|55=x|"))
    [hop] = m.group(627)
    assert hop.time_ns(629) == 1_704_164_645_678_000_000
    assert hop.datetime(629).year == 2024


@pytest.mark.parametrize(
    ("begin_string", "body", "count_tag", "expected"),
    [
        ("FIX.4.2", "35=W|55=x|268=2|269=0|270=1|271=5|269=1|270=2|", 268, ["269=0|270=1|271=5", "269=1|270=2"]),
        ("FIX.4.2", "35=E|66=l|73=2|11=a|67=1|55=x|11=b|67=2|55=y|", 73, ["11=a|67=1|55=x", "11=b|67=2|55=y"]),
        ("FIX.4.3", "35=D|11=a|453=1|448=A|447=D|452=1|55=x|", 453, ["448=A|447=D|452=1"]),
        ("FIX.4.4", "35=D|11=a|453=1|448=A|447=D|55=x|453=1|448=B|", 453, ["448=A|447=D"]),
        ("FIX.4.4", "35=A|98=0|108=30|384=2|372=D|385=S|372=8|385=R|553=u|", 384, ["372=D|385=S", "372=8|385=R"]),
        ("FIXT.1.1", "35=W|1128=9|55=x|268=1|269=0|270=1|10=x|", 268, ["269=0|270=1"]),
        ("FIXT.1.1", "35=W|1128=6|55=x|268=1|269=0|270=1|", 268, ["269=0|270=1"]),
        ("FIXT.1.1", "35=A|98=0|108=30|1137=9|384=1|372=D|385=S|", 384, ["372=D|385=S"]),
    ],
)
def test_each_version_has_its_groups(
    codec: Codec, begin_string: str, body: str, count_tag: int, expected: list[str]
) -> None:
    assert group(codec, body, count_tag, begin_string) == expected


def test_unknown_tags_stay_with_their_entry(codec: Codec) -> None:
    body = "35=W|55=x|268=3|269=0|9001=a|270=1|269=1|5000=b|270=2|269=2|270=3|20000=c|58=known|9002=d|"
    # Text(58) is a member of the group in FIX 4.4; MDReqID(262) is not
    assert group(codec, body.replace("58=", "262="), 268) == [
        "269=0|9001=a|270=1",
        "269=1|5000=b|270=2",
        "269=2|270=3|20000=c",
    ]


def test_a_tag_of_another_message_is_unknown_and_stays(codec: Codec) -> None:
    assert group(codec, "35=W|55=x|268=2|269=0|11=a|270=1|269=1|", 268) == ["269=0|11=a|270=1", "269=1"]


def test_unknown_tags_stay_with_the_innermost_entry(codec: Codec) -> None:
    [party] = codec.parse(message("35=D|453=1|448=A|802=1|523=s|9001=x|447=D|9002=y|55=x|")).group(453)
    assert entries([party]) == ["448=A|802=1|523=s|9001=x|447=D|9002=y"]
    assert entries(party.group(802)) == ["523=s|9001=x"]


def test_the_trailer_ends_a_group(codec: Codec) -> None:
    assert group(codec, "35=W|55=x|268=1|269=0|270=1|93=3|89=a\x01b|", 268) == ["269=0|270=1"]
    assert group(codec, "35=W|55=x|268=1|269=0|270=1|", 268) == ["269=0|270=1"]


def test_a_header_tag_ends_a_group(codec: Codec) -> None:
    assert group(codec, "35=W|55=x|268=2|269=0|270=1|97=N|269=1|", 268) == ["269=0|270=1"]


@pytest.mark.parametrize("count", ["0", "1", "3", "99", "", "x", "-1", "2.0"])
def test_the_count_is_not_believed(codec: Codec, count: str) -> None:
    assert group(codec, f"35=W|55=x|268={count}|269=0|270=1|269=1|270=2|", 268) == ["269=0|270=1", "269=1|270=2"]


def test_a_count_without_entries_is_an_empty_group(codec: Codec) -> None:
    assert group(codec, "35=W|55=x|268=3|262=r|", 268) == []
    assert group(codec, "35=W|55=x|268=3|", 268) == []


def test_fields_before_the_first_delimiter_belong_to_no_entry(codec: Codec) -> None:
    assert group(codec, "35=W|55=x|268=1|270=9|269=0|270=1|", 268) == ["269=0|270=1"]


def test_a_repeated_member_stays_in_its_entry(codec: Codec) -> None:
    [entry] = codec.parse(message("35=W|55=x|268=1|269=0|270=1|270=2|")).group(268)
    assert entry.all(270) == ["1", "2"]


def test_a_nested_group_with_no_entries_ends_at_the_parents_member(codec: Codec) -> None:
    parties = codec.parse(message("35=D|453=2|448=A|802=0|447=D|448=B|802=1|523=s|55=x|")).group(453)
    assert entries(parties) == ["448=A|802=0|447=D", "448=B|802=1|523=s"]
    assert [len(party.group(802)) for party in parties] == [0, 1]


def test_data_in_an_entry_may_hold_a_delimiter(codec: Codec) -> None:
    [first, second] = codec.parse(message("35=B|148=n|33=2|58=a|354=7|355=\x0158=x\x01b|58=c|")).group(33)
    assert first.bytes(355) == b"\x0158=x\x01b"
    assert entries([second]) == ["58=c"]


def test_a_large_group_is_read(codec: Codec) -> None:
    body = "35=W|55=x|268=5000|" + "".join(f"269={i % 2}|270={i}|" for i in range(5000))
    found = codec.parse(message(body)).group(268)
    assert len(found) == 5000
    assert [entry.int(270) for entry in found] == list(range(5000))


def test_entries_can_be_read_twice_and_out_of_order(codec: Codec) -> None:
    found = codec.parse(MARKET_DATA).group(268)
    assert [found[i].int(271) for i in (9, 0, 5, 5)] == [900000, 0, 500000, 500000]
    assert entries(found) == entries(found)


# --- which dictionary -----------------------------------------------------------------------------------------


def test_a_given_dictionary_decides(codec: Codec) -> None:
    raw = message("35=W|55=x|268=1|269=0|270=1|")
    fix42 = load_dictionary("FIX.4.2")
    assert entries(codec.parse(raw, dictionary=fix42).group(268)) == ["269=0|270=1"]
    without = replace(
        load_dictionary("FIX.4.4"), messages=type(fix42.messages)({}, {}), _flat={}, _defs={}, _members={}
    )
    assert len(codec.parse(raw, dictionary=without).group(268)) == 0


def test_a_decoder_gives_its_dictionary_to_its_messages(codec: Codec) -> None:
    decoder = codec.StreamDecoder(dictionary=load_dictionary("FIX.4.4"))
    decoder.feed(message("35=W|55=x|268=1|269=0|270=1|", "FIX.9"))
    [m] = list(decoder)
    assert entries(m.group(268)) == ["269=0|270=1"]


def test_without_a_dictionary_for_the_version_only_what_needs_one_fails(codec: Codec) -> None:
    m = codec.parse(message("35=W|55=x|268=1|269=0|270=1|", "FIX.9.9"))
    assert m[270] == "1"
    assert entries(m.groups(268, delimiter=269)) == ["269=0|270=1"]
    with pytest.raises(DictionaryError):
        m.group(268)


def test_a_begin_string_is_not_taken_for_a_path(codec: Codec, tmp_path: Any) -> None:
    m = codec.parse(message("35=W|55=x|268=1|269=0|", "FIX/../x.xml"))
    with pytest.raises(DictionaryError):
        m.group(268)


# --- without a dictionary -------------------------------------------------------------------------------------


def plain(codec: Codec, body: str, count_tag: int = 268, delimiter: int = 269) -> list[str]:
    return entries(codec.parse(message(body)).groups(count_tag, delimiter=delimiter))


def test_groups_begin_at_the_delimiter(codec: Codec) -> None:
    body = "35=W|55=x|268=3|269=0|270=1|269=1|270=2|271=7|269=0|270=3|271=8|"
    assert plain(codec, body) == ["269=0|270=1", "269=1|270=2|271=7", "269=0|270=3|271=8"]


def test_the_last_entry_ends_at_a_tag_that_no_other_entry_had(codec: Codec) -> None:
    body = "35=W|55=x|268=2|269=0|270=1|271=7|269=1|270=2|58=text|271=9|"
    assert plain(codec, body) == ["269=0|270=1|271=7", "269=1|270=2"]


def test_a_single_entry_ends_at_the_trailer(codec: Codec) -> None:
    assert plain(codec, "35=W|55=x|268=1|269=0|270=1|58=text|93=1|89=s|") == ["269=0|270=1|58=text"]


def test_no_more_entries_than_the_count_are_taken(codec: Codec) -> None:
    body = "35=W|55=x|268=1|269=0|270=1|269=1|270=2|"
    assert plain(codec, body)[0].startswith("269=0|270=1")
    assert len(plain(codec, body)) == 1
    assert plain(codec, "35=W|268=0|269=0|270=1|") == []


def test_fewer_entries_than_the_count_are_given(codec: Codec) -> None:
    assert plain(codec, "35=W|268=9|269=0|270=1|269=1|270=2|") == ["269=0|270=1", "269=1|270=2"]


def test_nested_groups_without_a_dictionary(codec: Codec) -> None:
    parties = codec.parse(EXECUTION_REPORT).groups(453, delimiter=448)
    assert [party[448] for party in parties] == ["A", "B"]
    assert entries(parties[0].groups(802, delimiter=523)) == ["523=s1|803=1", "523=s2|803=2"]
    assert entries(parties[1].groups(802, delimiter=523)) == []


def test_a_user_defined_group_needs_no_dictionary(codec: Codec) -> None:
    assert plain(codec, "35=U7|9000=2|9001=a|9002=b|9001=c|9002=d|", 9000, 9001) == ["9001=a|9002=b", "9001=c|9002=d"]


# --- body(nested=True) ----------------------------------------------------------------------------------------


def test_a_nested_body_is_what_encode_takes(codec: Codec) -> None:
    m = codec.parse(EXECUTION_REPORT)
    body = m.body(nested=True)
    assert (453, [
        [(448, "A"), (447, "D"), (452, "1"), (802, [[(523, "s1"), (803, "1")], [(523, "s2"), (803, "2")]])],
        [(448, "B"), (447, "D"), (452, "3")],
    ]) in body  # fmt: skip
    assert codec.parse(codec.encode("FIX.4.4", "8", body)).body() == m.body()


def flattened(body: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    flat: list[tuple[int, Any]] = []
    for tag, value in body:
        if isinstance(value, list):
            flat.append((tag, str(len(value))))
            for entry in value:
                flat += flattened(entry)
        else:
            flat.append((tag, value))
    return flat


def test_a_nested_body_loses_nothing(codec: Codec) -> None:
    for body in (
        "35=W|55=x|268=1|270=9|269=0|270=1|",
        "35=W|55=x|268=0|262=r|",
        "35=W|55=x|268=3|",
        "35=W|55=x|268=2|269=0|9001=a|270=1|269=1|262=r|269=7|",
    ):
        m = codec.parse(message(body))
        assert flattened(m.body(nested=True)) == m.body()


def test_a_nested_body_without_groups_is_the_body(codec: Codec) -> None:
    m = codec.parse(message("35=D|11=a|55=x|58=t|"))
    assert m.body(nested=True) == m.body() == [(11, "a"), (55, "x"), (58, "t")]
