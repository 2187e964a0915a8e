"""What is a message and what is not: every reason, with the offset where it was seen (F01-F05, F08, F09, X13, X14)."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from fixfast.errors import FixfastError, GarbledMessage
from fixfast.types import Garbled, GarbledReason
from tests.codec.support import Codec, decode, fix, message, parsed, sealed

R = GarbledReason

GOOD = message("35=0|49=A|56=B|34=2|52=20240102-03:04:05|")


class Case(NamedTuple):
    """Bytes that are no message. `raw` is what the decoder reports of them: `data` up to there."""

    name: str
    data: bytes
    reason: GarbledReason
    offset: int
    seen: int


def header_case(name: str, text: str, reason: GarbledReason, field: str, culprit: str) -> Case:
    """Return a Case decided at the byte behind `culprit`; `field` is where the bad field starts."""
    data = fix(text)
    return Case(name, data, reason, data.index(fix(field)), data.index(fix(culprit)) + len(fix(culprit)))


def frame_case(name: str, data: bytes, reason: GarbledReason, field: str) -> Case:
    """Return a Case decided when all of the frame is there; the bad field is the last that starts like `field`."""
    return Case(name, data, reason, data.rindex(fix(field)), len(data))


TAIL = "35=0|34=2|10=000|"

HEADER_CASES = [
    Case("empty line", fix("\n8=FIX.4.4|9=5|35=0|10=163|"), R.NOT_FIX, 0, 1),
    Case("log prefix", fix("2024: 8=FIX.4.4|9=5|35=0|10=163|"), R.NOT_FIX, 0, 1),
    Case("SOH", fix("|" + TAIL), R.NOT_FIX, 0, 1),
    Case("other protocol", fix("8=DTC.1|9=5|35=0|10=163|"), R.NOT_FIX, 0, 3),
    Case("lower case", fix("8=fix.4.4|9=5|35=0|10=163|"), R.NOT_FIX, 0, 3),
    Case("8=FI|", fix("8=FI|9=5|35=0|10=163|"), R.NOT_FIX, 0, 5),
    Case("F01 9 first", fix("9=5|8=FOX.4.4|35=0|10=163|"), R.NOT_FIX, 0, 1),
    Case("08=", fix("08=FIX.4.4|9=5|35=0|10=163|"), R.NOT_FIX, 0, 1),
    Case("BeginString of 17 bytes with SOH", fix("8=FIX.4.4.4.4.4.|9=5|35=0|10=163|"), R.BEGIN_STRING, 0, 16),
    Case("BeginString without end", fix("8=FIX" + "." * 100), R.BEGIN_STRING, 0, 16),
    header_case("F01 9 is missing", "8=FIX.4.4|" + TAIL, R.BODY_LENGTH, "35=0", "FIX.4.4|3"),
    header_case("F01 49 second", "8=FIX.4.4|49=A|9=5|" + TAIL, R.BODY_LENGTH, "49=A", "|4"),
    header_case("tag 93", "8=FIX.4.4|93=5|" + TAIL, R.BODY_LENGTH, "93=5", "|93"),
    header_case("tag 09", "8=FIX.4.4|09=5|" + TAIL, R.BODY_LENGTH, "09=5", "|0"),
    header_case("BeginString twice", "8=FIX.4.4|8=FOX.4.4x", R.BODY_LENGTH, "8=FOX", "|8"),
    header_case("F08 no digits", "8=FIX.4.4|9=|" + TAIL, R.BODY_LENGTH, "9=", "9=|"),
    header_case("F08 a sign", "8=FIX.4.4|9=-5|" + TAIL, R.BODY_LENGTH, "9=", "9=-"),
    header_case("F08 a plus", "8=FIX.4.4|9=+5|" + TAIL, R.BODY_LENGTH, "9=", "9=+"),
    header_case("F08 a blank", "8=FIX.4.4|9= 5|" + TAIL, R.BODY_LENGTH, "9=", "9= "),
    header_case("F08 trailing blank", "8=FIX.4.4|9=5 |" + TAIL, R.BODY_LENGTH, "9=", "9=5 "),
    header_case("F08 hex", "8=FIX.4.4|9=5a|" + TAIL, R.BODY_LENGTH, "9=", "9=5a"),
    header_case("F08 a superscript digit", "8=FIX.4.4|9=5\xb2|" + TAIL, R.BODY_LENGTH, "9=", "9=5\xb2"),
    header_case("F08 nine digits", "8=FIX.4.4|9=000000005|" + TAIL, R.BODY_LENGTH, "9=", "9=000000005"),
    header_case("F08 a thousand digits", "8=FIX.4.4|9=" + "1" * 1000, R.BODY_LENGTH, "9=", "9=" + "1" * 9),
    header_case("F08 eight digits, too large", "8=FIX.4.4|9=99999999|" + TAIL, R.TOO_LARGE, "9=", "9=99999999|"),
    header_case("F08 one above 1 MiB", "8=FIX.4.4|9=1048577|" + TAIL, R.TOO_LARGE, "9=", "9=1048577|"),
    header_case("F01 35 is fourth", "8=FIX.4.4|9=11|49=A|35=0|10=000|", R.MSG_TYPE, "49=A", "|4"),
    header_case("F01 34 before 35", "8=FIX.4.4|9=10|34=2|35=0|10=000|", R.MSG_TYPE, "34=2", "|34"),
    header_case("tag 355", "8=FIX.4.4|9=6|355=0|10=000|", R.MSG_TYPE, "355=0", "|355"),
    header_case("empty MsgType", "8=FIX.4.4|9=4|35=|10=000|", R.MSG_TYPE, "35=", "35=|"),
    header_case("BodyLength 0 and no MsgType", "8=FIX.4.4|9=0|10=000|", R.MSG_TYPE, "10=", "|1"),
]

BODY = "35=0|34=2|"

FRAME_CASES = [
    frame_case("F02 too long by one", fix("8=FIX.4.4|9=11|" + BODY + "10=0000|"), R.TRAILER, "0=0000|"),
    frame_case("F02 too short by one", fix("8=FIX.4.4|9=9|35=0|34=2|10=000"), R.TRAILER, "|10=000"),
    frame_case("F02 inside MsgType", fix("8=FIX.4.4|9=2|35=0|34=2"), R.TRAILER, "=0|"),
    frame_case("F04 no CheckSum", fix("8=FIX.4.4|9=10|" + BODY + "55=AAAA"), R.TRAILER, "55="),
    frame_case("F04 two digits", fix("8=FIX.4.4|9=10|" + BODY + "10=12|x"), R.TRAILER, "10=12"),
    frame_case("F04 four digits", fix("8=FIX.4.4|9=10|" + BODY + "10=1234"), R.TRAILER, "10=1234"),
    frame_case("F04 letters", fix("8=FIX.4.4|9=10|" + BODY + "10=1a2|"), R.TRAILER, "10=1a2"),
    frame_case("F04 a sign", fix("8=FIX.4.4|9=10|" + BODY + "10=-12|"), R.TRAILER, "10=-12"),
    frame_case("F04 no SOH", fix("8=FIX.4.4|9=10|" + BODY + "10=123\n"), R.TRAILER, "10=123"),
    frame_case("F04 the SOH before is missing", fix("8=FIX.4.4|9=9|35=0|34=210=123|"), R.TRAILER, "10=123"),
    frame_case("body ends behind 35=", fix("8=FIX.4.4|9=3|35=10=123|"), R.TRAILER, "10=123"),
    frame_case("tag 100", fix("8=FIX.4.4|9=10|" + BODY + "100=12|"), R.TRAILER, "100=12"),
    frame_case("F03 off by one", fix("8=FIX.4.4|9=5|35=0|10=162|"), R.CHECKSUM, "10="),
    frame_case("F03 off by one up", fix("8=FIX.4.4|9=5|35=0|10=164|"), R.CHECKSUM, "10="),
    frame_case("F03 256 more", fix("8=FIX.4.4|9=5|35=0|10=419|"), R.CHECKSUM, "10="),
    frame_case("F03 999", fix("8=FIX.4.4|9=5|35=0|10=999|"), R.CHECKSUM, "10="),
    frame_case("F03 comes before F05", fix("8=FIX.4.4|9=10|35=0|4x=2|10=000|"), R.CHECKSUM, "10="),
]


def field_case(name: str, body: str, field: str) -> Case:
    data = message("35=0|" + body)
    return Case(f"F05 {name}", data, R.FIELD, data.index(fix("|" + field)) + 1, len(data))


FIELD_CASES = [
    field_case("no tag", "=x|", "=x"),
    field_case("no equals sign", "55|", "55|"),
    field_case("only text", "hello|", "hello"),
    field_case("empty field", "55=a||54=1|", "|54=1"),
    field_case("letter in the tag", "4x9=A|", "4x9"),
    field_case("letter behind the tag", "49x=A|", "49x"),
    field_case("blank before the tag", " 49=A|", " 49"),
    field_case("blank behind the tag", "49 =A|", "49 "),
    field_case("leading zero", "049=A|", "049"),
    field_case("double zero", "00=A|", "00="),
    field_case("minus zero", "-0=A|", "-0="),
    field_case("minus zero one", "-01=A|", "-01="),
    field_case("only a minus", "-=A|", "-=A"),
    field_case("two minus", "--1=A|", "--1"),
    field_case("plus", "+1=A|", "+1="),
    field_case("ten digits", "1234567890=A|", "1234567890"),
    field_case("minus and ten digits", "-1234567890=A|", "-1234567890"),
    field_case("2**32 + 55", "4294967351=A|", "4294967351"),
    field_case("superscript digit", "5\xb2=A|", "5\xb2"),
    field_case("NUL in the tag", "5\x005=A|", "5\x00"),
    field_case("last field of the body", "55=A|x=1|", "x=1"),
    field_case("first of two bad ones", "x=1|y=2|", "x=1"),
]

CASES = [*HEADER_CASES, *FRAME_CASES, *FIELD_CASES]


def by_name(case: Any) -> str:
    return str(case.name).replace(" ", "_")


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_f01_f02_f03_f04_f05_parse_says_why_and_where(codec: Codec, case: Case) -> None:
    with pytest.raises(GarbledMessage) as caught:
        codec.parse(case.data)
    assert (caught.value.reason, caught.value.offset) == (case.reason, case.offset)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, FixfastError)
    assert isinstance(caught.value.reason, GarbledReason)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_parse_decides_the_same_when_more_bytes_follow(codec: Codec, case: Case) -> None:
    assert parsed(codec, case.data + GOOD) == ("garbled", case.reason, case.offset)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_decoder_reports_the_bytes_it_judged(codec: Codec, case: Case) -> None:
    [item], _ = decode(codec, [case.data])
    assert item == ("garbled", case.reason, 0, case.data[: case.seen])


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_decoder_reports_as_soon_as_the_deciding_byte_is_there(codec: Codec, case: Case) -> None:
    decoder = codec.StreamDecoder()
    for i in range(case.seen - 1):
        decoder.feed(case.data[i : i + 1])
        assert list(decoder) == []
    decoder.feed(case.data[case.seen - 1 : case.seen])
    assert list(decoder) == [Garbled(case.reason, 0, case.data[: case.seen])]


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_decoder_counts_offsets_from_the_first_byte_of_the_stream(codec: Codec, case: Case) -> None:
    first, second = decode(codec, [GOOD + case.data])[0]
    assert first[:2] == ("message", GOOD)
    assert second == ("garbled", case.reason, len(GOOD), case.data[: case.seen])


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_decoder_finds_the_message_behind_the_trouble(codec: Codec, case: Case) -> None:
    stream = case.data + b"\x01" + GOOD + GOOD
    items, skipped = decode(codec, [stream])
    assert items[0][0] == "garbled"
    assert [item[1] for item in items[1:]] == [GOOD, GOOD]
    assert skipped == len(case.data) + 1


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_cases_are_judged_the_same_in_a_buffer_of_exact_size(codec: Codec, case: Case) -> None:
    # bytes behind the view must not matter: a reader that looks too far sees the digits and SOH placed there
    padded = bytearray(case.data + b"1\x0110=163\x01" * 20)
    view = memoryview(padded)[: len(case.data)]
    assert parsed(codec, view) == ("garbled", case.reason, case.offset)


# --- bounds at their edge -------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", range(1, 9))
def test_f09_leading_zeros_in_body_length_are_accepted(codec: Codec, digits: int) -> None:
    data = sealed(f"8=FIX.4.4|9={5:0{digits}d}|35=0|")
    assert codec.parse(data)[9] == f"{5:0{digits}d}"


def test_f08_nine_digits_of_body_length_are_one_too_many(codec: Codec) -> None:
    assert parsed(codec, sealed("8=FIX.4.4|9=000000005|35=0|")) == ("garbled", R.BODY_LENGTH, 10)


@pytest.mark.parametrize(
    ("begin_string", "whole"),
    [("FIX", True), ("FIX.4.4", True), ("FIXT.1.1", True), ("FIX" + "x" * 10, True), ("FIX" + "x" * 11, False)],
)
def test_begin_string_ends_within_16_bytes(codec: Codec, begin_string: str, whole: bool) -> None:
    outcome = parsed(codec, message("35=0|", begin_string))
    assert outcome[:2] == ("message", message("35=0|", begin_string)) if whole else ("garbled", R.BEGIN_STRING)


@pytest.mark.parametrize("limit", [5, 100, 4096, 65536])
def test_f08_max_message_size_bounds_body_length_exactly(codec: Codec, limit: int) -> None:
    for excess in (-1, 0, 1):
        length = limit + excess
        body = "35=0|" if length <= 8 else "35=0|58=" + "x" * (length - 9) + "|"
        if len(body) != length:
            continue
        data = message(body)
        expected = "garbled" if excess > 0 else "message"
        assert parsed(codec, data, max_message_size=limit)[0] == expected
        assert decode(codec, [data], max_message_size=limit)[0][0][0] == expected


def test_f08_the_default_bound_is_one_mebibyte(codec: Codec) -> None:
    largest = message("35=0|58=" + "x" * ((1 << 20) - 9) + "|")
    assert len(codec.parse(largest)[58]) == (1 << 20) - 9
    assert decode(codec, [largest])[0][0][0] == "message"
    too_large = message("35=0|58=" + "x" * ((1 << 20) - 8) + "|")
    assert parsed(codec, too_large) == ("garbled", R.TOO_LARGE, 10)


def test_a_message_may_have_65536_fields_and_no_more(codec: Codec) -> None:
    # 8, 9, 35 and 10 count too
    most = message("35=0|" + "1=|" * (65536 - 4))
    assert len(codec.parse(most)) == 65536
    assert decode(codec, [most])[0][0][0] == "message"
    more = message("35=0|" + "1=|" * (65536 - 3))
    assert parsed(codec, more) == ("garbled", R.TOO_MANY_FIELDS, len(more) - 7)
    assert decode(codec, [more])[0] == [("garbled", R.TOO_MANY_FIELDS, 0, more)]
    many_more = message("35=0|" + "1=|" * 65536)
    start = many_more.index(b"35=") + 5
    assert parsed(codec, many_more) == ("garbled", R.TOO_MANY_FIELDS, start + 3 * (65536 - 3))


# --- what is fine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [0, 1, -1, 7, 999_999_999, -999_999_999, 123_456_789, 8, 9, 35, 10])
def test_x13_any_whole_number_of_nine_digits_is_a_tag(codec: Codec, tag: int) -> None:
    m = codec.parse(message(f"35=0|55=x|{tag}=y|"))
    assert list(m)[4] == (tag, "y")


def test_x14_an_empty_value_is_no_trouble_of_framing(codec: Codec) -> None:
    m = codec.parse(message("35=0|55=|58=|54=1|"))
    assert list(m)[3:6] == [(55, ""), (58, ""), (54, "1")]


def test_equals_signs_in_values_are_text(codec: Codec) -> None:
    m = codec.parse(message("35=0|58==a==b=|59==|"))
    assert (m[58], m[59]) == ("=a==b=", "=")


def test_a_further_8_9_or_10_is_a_field_like_any_other(codec: Codec) -> None:
    m = codec.parse(message("35=0|8=FIX.4.2|9=1|10=000|"))
    assert [tag for tag, _ in m] == [8, 9, 35, 8, 9, 10, 10]


def test_the_smallest_message_is_whole(codec: Codec) -> None:
    assert parsed(codec, message("35=0|", "FIX"))[0] == "message"


@pytest.mark.parametrize("value", [0, 1, 9, 10, 99, 100, 127, 128, 254, 255])
def test_every_checksum_is_written_with_three_digits(codec: Codec, value: int) -> None:
    # one byte of text moves the sum to where it is wanted
    for filler in range(0x21, 0x7F):
        for second in (0x21, 0x7E, 0xA0):
            data = message(b"35=0\x0158=" + bytes([filler, second]) + b"\x01")
            if data.endswith(b"10=%03d\x01" % value):
                assert parsed(codec, data)[0] == "message"
                assert parsed(codec, data[:-4] + b"%03d\x01" % ((value + 1) % 256))[1] == R.CHECKSUM
                return
    pytest.fail("no filler gives this sum")


# --- truncated, trailing --------------------------------------------------------------------------------------


def test_empty_input_is_truncated_at_0(codec: Codec) -> None:
    assert parsed(codec, b"") == ("garbled", R.TRUNCATED, 0)


@pytest.mark.parametrize("extra", [b"\n", b"\x01", b"x", GOOD])
def test_bytes_behind_a_message_are_trailing(codec: Codec, extra: bytes) -> None:
    assert parsed(codec, GOOD + extra) == ("garbled", R.TRAILING, len(GOOD))


def test_a_huge_promise_is_refused_before_the_body_comes(codec: Codec) -> None:
    assert parsed(codec, fix("8=FIX.4.4|9=99999999|")) == ("garbled", R.TOO_LARGE, 10)


def test_garbled_message_can_be_pickled(codec: Codec) -> None:
    import pickle

    with pytest.raises(GarbledMessage) as caught:
        codec.parse(b"nonsense")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.reason, copy.offset) == (R.NOT_FIX, 0)


def test_what_was_received_is_counted_whatever_it_was(codec: Codec) -> None:
    stream = b"noise" + GOOD * 3 + GOOD[:-3] + b"more noise" + GOOD * 2
    for size in range(1, len(stream) + 1, 7):
        decoder, given = codec.StreamDecoder(), 0
        for at in range(0, len(stream), size):
            part = stream[at : at + size]
            if at // size % 2:
                decoder.get_buffer(len(part))[: len(part)] = part
                decoder.buffer_updated(len(part))
            else:
                decoder.feed(part)
            given += len(part)
            assert decoder.received == given
            if at // size % 3:
                for _ in decoder:
                    assert decoder.received == given
        assert list(decoder) is not None
        assert decoder.received == len(stream)
