"""Length-prefixed data (rows F14, F15): the length governs, whatever the bytes are."""

from __future__ import annotations

import pytest

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.types import GarbledReason
from tests.codec.support import Codec, decode, message, parsed, wire_fields

NASTY = b"\x0110=000\x01\x018=FIX.4.4\x019=5\x0135=0\x0110=163\x01\x00\xff="


def with_data(length: bytes, data: bytes, length_tag: int = 95, data_tag: int = 96, tail: bytes = b"") -> bytes:
    return message(b"35=B\x01%d=%b\x01%d=%b\x01%b" % (length_tag, length, data_tag, data, tail))


@pytest.mark.parametrize(("length_tag", "data_tag"), sorted(DATA_PAIRS.items()))
def test_f14_every_pair_of_the_standard_is_known(codec: Codec, length_tag: int, data_tag: int) -> None:
    raw = with_data(b"%d" % len(NASTY), NASTY, length_tag, data_tag, b"58=x\x01")
    m = codec.parse(raw)
    assert m.bytes(data_tag) == NASTY
    assert wire_fields(m)[3:] == [
        (length_tag, b"%d" % len(NASTY)),
        (data_tag, NASTY),
        (58, b"x"),
        (10, raw[-4:-1]),
    ]


def test_there_are_83_pairs() -> None:
    assert len(DATA_PAIRS) == 83
    assert (DATA_PAIRS[95], DATA_PAIRS[93], DATA_PAIRS[41873]) == (96, 89, 41874)


def test_f14_a_signature_may_be_the_last_before_the_checksum(codec: Codec) -> None:
    signature = b"\x0110=123\x01"
    m = codec.parse(with_data(b"8", signature, 93, 89))
    assert m.bytes(89) == signature


def test_f14_several_data_fields_follow_each_other(codec: Codec) -> None:
    body = b"35=B\x0195=3\x0196=\x01\x01\x01\x01212=1\x01213=\x01\x01354=2\x01355=9=\x01"
    m = codec.parse(message(body))
    assert [m.bytes(tag) for tag in (96, 213, 355)] == [b"\x01\x01\x01", b"\x01", b"9="]


@pytest.mark.parametrize("length", [b"5", b"05", b"000000005"])
def test_f14_the_length_may_have_leading_zeros_up_to_nine_digits(codec: Codec, length: bytes) -> None:
    assert codec.parse(with_data(length, b"a\x01b\x01c")).bytes(96) == b"a\x01b\x01c"


def test_f14_data_of_no_bytes_is_empty(codec: Codec) -> None:
    m = codec.parse(with_data(b"0", b"", tail=b"58=x\x01"))
    assert (m.bytes(96), m[58]) == (b"", "x")


@pytest.mark.parametrize(
    ("length", "data", "tail"),
    [
        (b"2", b"abc", b""),
        (b"4", b"abc", b""),
        (b"4", b"abc", b"58=x\x01"),
        (b"0", b"abc", b""),
        (b"9", b"abc", b""),
        (b"10", b"abc", b""),
        (b"11", b"abc", b""),
        (b"500", b"abc", b""),
        (b"999999999", b"abc", b""),
        (b"3", b"", b""),
        (b"1", b"\x01x", b""),
    ],
    ids=lambda value: value.decode("latin-1").replace("\x01", "|"),
)
def test_f15_a_length_that_does_not_end_at_a_delimiter_is_garbled(
    codec: Codec, length: bytes, data: bytes, tail: bytes
) -> None:
    raw = with_data(length, data, tail=tail)
    expected = ("garbled", GarbledReason.DATA_LENGTH, raw.index(b"\x0196=") + 1)
    assert parsed(codec, raw) == expected
    [item], _ = decode(codec, [raw])
    assert item == ("garbled", GarbledReason.DATA_LENGTH, 0, raw)


def test_f15_data_may_not_reach_the_checksum_even_when_a_delimiter_stands_there(codec: Codec) -> None:
    # 96 claims its own SOH and `10=ddd`, whose SOH would end it: the body is over by then
    raw = with_data(b"10", b"abc")
    assert raw[raw.index(b"96=") + 13 :] == b"\x01"
    assert parsed(codec, raw)[1] == GarbledReason.DATA_LENGTH


@pytest.mark.parametrize(
    "length", [b"", b"x", b"-3", b"+3", b" 3", b"3 ", b"3.0", b"0x3", b"0000000003", b"9999999999", b"\xb3"]
)
def test_a_length_that_is_no_number_of_nine_digits_is_text(codec: Codec, length: bytes) -> None:
    m = codec.parse(with_data(length, b"abc", tail=b"58=x\x01"))
    assert (m.bytes(95), m.bytes(96), m[58]) == (length, b"abc", "x")


def test_f15_a_length_that_its_data_does_not_follow_at_once_is_text(codec: Codec) -> None:
    m = codec.parse(message("35=B|95=500|58=x|96=abc|95=3|"))
    assert (m.all(95), m[96]) == (["500", "3"], "abc")


@pytest.mark.parametrize("follower", ["97=N", "9=6", "960=x", "213=<a>", "095"[1:] + "=7"])
def test_a_length_is_text_before_any_other_tag(codec: Codec, follower: str) -> None:
    m = codec.parse(message(f"35=B|95=500|{follower}|58=x|"))
    assert (m[95], m[58]) == ("500", "x")


def test_a_bare_data_field_ends_at_soh(codec: Codec) -> None:
    m = codec.parse(message("35=A|96=nonce|58=x|"))
    assert (m[96], m[58]) == ("nonce", "x")


def test_the_second_of_two_data_fields_is_bare(codec: Codec) -> None:
    m = codec.parse(message("35=B|95=3|96=a\x01b|96=cd|58=x|"))
    assert (m.all(96), m[58]) == (["a\x01b", "cd"], "x")


def test_a_malformed_data_tag_is_a_bad_field(codec: Codec) -> None:
    raw = message("35=B|95=3|096=abc|")
    assert parsed(codec, raw) == ("garbled", GarbledReason.FIELD, raw.index(b"096"))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 500, 5000, 70000])
def test_f14_data_of_any_size_is_taken_verbatim(codec: Codec, size: int) -> None:
    data = bytes(i * 7 % 256 for i in range(size))
    raw = with_data(b"%d" % size, data, tail=b"58=x\x01")
    m = codec.parse(raw)
    assert m.bytes(96) == data
    assert m[58] == "x"
    stream = raw + raw
    items, skipped = decode(codec, [stream[i : i + 1000] for i in range(0, len(stream), 1000)])
    assert [item[1] for item in items] == [raw, raw]
    assert skipped == 0


def test_a_dictionary_adds_pairs(codec: Codec) -> None:
    from dataclasses import replace

    from fixfast.dictionary.load import load_dictionary

    base = load_dictionary("FIX.4.4")
    dictionary = replace(base, data_pairs={**base.data_pairs, 5001: 5000})
    raw = message("35=B|5001=3|5000=a\x01b|58=x|")
    m = codec.parse(raw, dictionary=dictionary)
    assert (m[5000], m[58]) == ("a\x01b", "x")
    assert parsed(codec, raw)[1] == GarbledReason.FIELD
    items, _ = decode(codec, [raw], dictionary=dictionary)
    assert items[0][0] == "message"
    # and keeps those of the standard that it lacks
    assert codec.parse(message("35=B|41873=3|41874=a\x01b|"), dictionary=dictionary)[41874] == "a\x01b"
