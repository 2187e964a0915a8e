"""encode and encode_session: what each value becomes, and what is refused, naming the tag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest

from fixfast.codec._data_pairs import DATA_PAIRS, TIME_TAGS
from fixfast.errors import EncodeError, EncodeTypeError, MessageError
from fixfast.types import Scaled, Slot
from tests.codec.support import Codec, message

NS = 1_704_164_645_678_901_234  # 20240102-03:04:05.678901234


class Text(StrEnum):
    BUY = "1"


class Number(IntEnum):
    TWO = 2


class Plain(Enum):
    CODE = "F"
    COUNT = 7
    NOTHING = None
    FLOAT = 1.5


class Str(str):
    """A str of a subclass."""


class Int(int):
    """An int of a subclass."""


def body_of(codec: Codec, *fields: Any, **options: Any) -> bytes:
    """Return what encode() writes between 35 and 10, checking what is around it."""
    raw = codec.encode("FIX.4.4", "D", fields, **options)
    assert type(raw) is bytes
    start = raw.index(b"\x0135=D\x01") + 6
    assert raw == message(b"35=D\x01" + raw[start:-7])
    return bytes(raw[start:-7])


def refused(codec: Codec, *fields: Any, error: type[Exception] = EncodeError) -> Any:
    with pytest.raises(error) as caught:
        codec.encode("FIX.4.4", "D", fields)
    assert isinstance(caught.value, EncodeError)
    assert isinstance(caught.value, MessageError)
    return caught.value


# --- frame ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "begin_string"),
    [
        ("FIX.4.0", "FIX.4.0"), ("FIX.4.1", "FIX.4.1"), ("FIX.4.2", "FIX.4.2"), ("FIX.4.3", "FIX.4.3"),
        ("FIX.4.4", "FIX.4.4"), ("FIXT.1.1", "FIXT.1.1"), ("FIX.5.0", "FIXT.1.1"), ("FIX.5.0SP1", "FIXT.1.1"),
        ("FIX.5.0SP2", "FIXT.1.1"),
    ],
)  # fmt: skip
def test_begin_string_is_that_of_the_version(codec: Codec, version: str, begin_string: str) -> None:
    assert codec.encode(version, "0", [(34, 1)]) == message("35=0|34=1|", begin_string)


def test_no_fields_is_a_message_too(codec: Codec) -> None:
    assert codec.encode("FIX.4.4", "0", []) == message("35=0|")


@pytest.mark.parametrize("size", [0, 1, 50, 85, 86, 87, 88, 982, 985, 986, 990, 9980, 9985, 9990, 99985, 200_000])
def test_body_length_and_checksum_are_right_for_any_size(codec: Codec, size: int) -> None:
    text = "x" * size
    fields = [(58, text)] if size else []
    expected = message("35=B|" + (f"58={text}|" if size else ""))
    assert codec.encode("FIX.4.4", "B", fields) == expected


def test_fields_stay_in_the_order_given(codec: Codec) -> None:
    assert (
        body_of(codec, (55, "a"), (1, "b"), (55, "c"), (999_999_999, "d")) == b"55=a\x011=b\x0155=c\x01999999999=d\x01"
    )


def test_any_iterable_of_fields_is_taken(codec: Codec) -> None:
    expected = message("35=D|55=a|54=1|")
    fields = [(55, "a"), (54, "1")]
    for given in (fields, tuple(fields), iter(fields), (field for field in fields), dict(fields).items()):
        assert codec.encode("FIX.4.4", "D", given) == expected


def test_msg_type_may_be_an_enum(codec: Codec) -> None:
    assert codec.encode("FIX.4.4", Text.BUY, []) == message("35=1|")


@pytest.mark.parametrize("msg_type", ["", "D\x01", "\x01", 5, None, 1.5])
def test_a_bad_msg_type_names_35(codec: Codec, msg_type: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode("FIX.4.4", msg_type, [])
    assert caught.value.tag == 35


@pytest.mark.parametrize("begin_string", ["", "4.4", "fix.4.4", "FIX.4.4\x01", "FIX.4.4.4.4.4.", 44, None])
def test_a_bad_begin_string_names_8(codec: Codec, begin_string: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode(begin_string, "0", [])
    assert caught.value.tag == 8


# --- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", b"x"), ("é€𝄞", "é€𝄞".encode()), ("\udcff\udc80", b"\xff\x80"), ("a=b", b"a=b"), (" ", b" "),
        ("\x00", b"\x00"), (Str("s"), b"s"), (b"x", b"x"), (b"\xff\x00=", b"\xff\x00="), (0, b"0"), (-1, b"-1"),
        (7, b"7"), (10, b"10"), (1 << 63, b"9223372036854775808"), (-(1 << 63), b"-9223372036854775808"),
        (10**30, b"1" + b"0" * 30), (Int(5), b"5"), (True, b"Y"), (False, b"N"), (Decimal("1.50"), b"1.50"),
        (Decimal("-0.001"), b"-0.001"), (Decimal("1E+3"), b"1000"), (Decimal("1E-9"), b"0.000000001"),
        (Decimal(5), b"5"), (Scaled(123450, -5), b"1.23450"), (Scaled(-5, -3), b"-0.005"), (Scaled(5, 0), b"5"),
        (Scaled(5, 3), b"5000"), (Scaled(0, -2), b"0.00"), (Scaled((1 << 63) - 1, -8), b"92233720368.54775807"),
        (Scaled(-(1 << 63), -18), b"-9.223372036854775808"), (Text.BUY, b"1"), (Number.TWO, b"2"),
        (Plain.CODE, b"F"), (Plain.COUNT, b"7"),
        (datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), b"20240102-03:04:05.678"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), b"99991231-23:59:59.000"),
        (datetime(1, 1, 1, tzinfo=UTC), b"00010101-00:00:00.000"),
        (datetime(2024, 1, 2, 1, 4, 5, tzinfo=timezone(timedelta(hours=-2))), b"20240102-03:04:05.000"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_is_written_exactly(codec: Codec, value: Any, expected: bytes) -> None:
    assert body_of(codec, (58, value)) == b"58=" + expected + b"\x01"


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (0, b"20240102-03:04:05"),
        (3, b"20240102-03:04:05.678"),
        (6, b"20240102-03:04:05.678901"),
        (9, b"20240102-03:04:05.678901234"),
    ],
)
def test_ns_for_a_time_tag_become_a_timestamp(codec: Codec, digits: int, expected: bytes) -> None:
    assert body_of(codec, (52, NS), timestamp_digits=digits) == b"52=" + expected + b"\x01"


def test_every_time_tag_of_the_standard_takes_ns(codec: Codec) -> None:
    assert {42, 52, 60, 62, 122, 126, 168} <= TIME_TAGS
    for tag in sorted(TIME_TAGS):
        assert body_of(codec, (tag, NS)) == b"%d=20240102-03:04:05.678\x01" % tag
        assert body_of(codec, (tag, "as it is")) == b"%d=as it is\x01" % tag


def test_a_datetime_of_nanosecond_digits_ends_in_zeros(codec: Codec) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert body_of(codec, (60, moment), timestamp_digits=9) == b"60=20240102-03:04:05.678901000\x01"


@pytest.mark.parametrize("digits", [-1, 1, 2, 4, 12])
def test_other_timestamp_digits_are_a_value_error(codec: Codec, digits: int) -> None:
    with pytest.raises(ValueError):
        codec.encode("FIX.4.4", "0", [(52, NS)], timestamp_digits=digits)


@pytest.mark.parametrize(
    "value",
    [1.5, 0.0, float("nan"), None, object(), {"a": 1}, {1}, 1j, timedelta(1), Plain.NOTHING, Plain.FLOAT, int],
    ids=lambda value: type(value).__name__ if type(value) is object else repr(value),
)
def test_a_type_without_an_exact_form_is_a_type_error_naming_the_tag(codec: Codec, value: Any) -> None:
    error = refused(codec, (55, "x"), (44, value), error=EncodeTypeError)
    assert error.tag == 44
    assert isinstance(error, TypeError)
    assert "44" in str(error)


@pytest.mark.parametrize(
    "value",
    [
        "",
        b"",
        "a\x01b",
        b"\x01",
        "\x01",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("sNaN"),
        "\ud800",
        Str(""),
    ],
    ids=repr,
)
def test_sc11_a_value_that_fix_cannot_hold_names_the_tag(codec: Codec, value: Any) -> None:
    assert refused(codec, (55, "x"), (44, value)).tag == 44


@pytest.mark.parametrize("value", [Scaled(True, -2), Scaled(1.5, 0), Scaled("1", 0), bytearray(b"x")], ids=repr)  # type: ignore[arg-type]
def test_a_look_alike_is_a_type_error(codec: Codec, value: Any) -> None:
    assert refused(codec, (44, value), error=EncodeTypeError).tag == 44


def test_data_is_bytes_or_str(codec: Codec) -> None:
    for value in (5, Decimal(1), True, bytearray(b"x")):
        assert refused(codec, (96, value), error=EncodeTypeError).tag == 96


def test_a_naive_datetime_is_refused(codec: Codec) -> None:
    assert refused(codec, (60, datetime(2024, 1, 2))).tag == 60


@pytest.mark.parametrize("ns", [1 << 63, -(1 << 63) - 1, 10**40])
def test_a_time_beyond_64_bits_is_refused(codec: Codec, ns: int) -> None:
    assert refused(codec, (52, ns)).tag == 52


def test_secrets_are_not_in_the_text_of_an_error(codec: Codec) -> None:
    assert "hunter" not in str(refused(codec, (554, "hunter2\x01")))


# --- tags -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [8, 9, 10, 35])
def test_the_tags_that_encode_owns_are_refused(codec: Codec, tag: int) -> None:
    assert refused(codec, (55, "x"), (tag, "x")).tag == tag
    assert refused(codec, (453, [[(448, "a"), (tag, "x")]])).tag == tag


@pytest.mark.parametrize("tag", [34, 43, 49, 52, 56, 122, 1, 7, 89, 93, 1128])
def test_every_other_tag_is_the_callers(codec: Codec, tag: int) -> None:
    assert b"%d=x\x01" % tag in body_of(codec, (tag, "x"))


@pytest.mark.parametrize("tag", [0, -1, -55, 1_000_000_000, 1 << 31, (1 << 32) + 55, 1 << 64])
def test_a_tag_out_of_range_is_refused(codec: Codec, tag: int) -> None:
    refused(codec, (tag, "x"))


@pytest.mark.parametrize("tag", ["55", b"55", 55.0, None, (55,), True], ids=repr)
def test_a_tag_that_is_no_int_is_refused(codec: Codec, tag: Any) -> None:
    refused(codec, (tag, "x"))


def test_tags_may_be_int_enums(codec: Codec) -> None:
    assert body_of(codec, (Number.TWO, "x"), (Int(55), "y")) == b"2=x\x0155=y\x01"


@pytest.mark.parametrize("field", [55, (55,), (55, "x", "y"), None, "55=x", []], ids=repr)
def test_a_field_that_is_no_pair_is_refused(codec: Codec, field: Any) -> None:
    with pytest.raises((EncodeError, TypeError)):
        codec.encode("FIX.4.4", "D", [field])


def test_a_slot_outside_a_template_is_refused(codec: Codec) -> None:
    with pytest.raises((EncodeError, TypeError)):
        codec.encode("FIX.4.4", "D", [(55, "x"), Slot(44, "decimal")])


def test_a_failed_call_leaves_nothing_behind(codec: Codec) -> None:
    for _ in range(3):
        refused(codec, (55, "x" * 5000), (44, 1.5))
        assert body_of(codec, (55, "y")) == b"55=y\x01"


def test_an_exception_of_the_callers_iterator_comes_through(codec: Codec) -> None:
    def fields() -> Any:
        yield 55, "x"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        codec.encode("FIX.4.4", "D", fields())
    assert body_of(codec, (55, "y")) == b"55=y\x01"


def test_encode_may_be_called_while_its_fields_are_made(codec: Codec) -> None:
    def fields() -> Any:
        for i in range(3):
            yield 58, codec.encode("FIX.4.4", "0", [(112, str(i))]).replace(b"\x01", b"|")

    inner = [message(f"35=0|112={i}|").replace(b"\x01", b"|") for i in range(3)]
    expected = message(b"35=D\x01" + b"".join(b"58=%b\x01" % text for text in inner))
    assert codec.encode("FIX.4.4", "D", fields()) == expected


# --- data fields ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length_tag", "data_tag"), sorted(DATA_PAIRS.items()))
def test_f14_the_length_of_data_is_written_in_front(codec: Codec, length_tag: int, data_tag: int) -> None:
    data = b"a\x0110=000\x01\xff"
    expected = b"%d=%d\x01%d=%b\x01" % (length_tag, len(data), data_tag, data)
    assert body_of(codec, (data_tag, data)) == expected
    assert body_of(codec, (length_tag, len(data)), (data_tag, data)) == expected


def test_data_given_as_text_is_counted_in_bytes(codec: Codec) -> None:
    assert body_of(codec, (96, "é\x01€")) == b"95=6\x0196=" + "é\x01€".encode() + b"\x01"


@pytest.mark.parametrize("length", [3, "3", b"3"])
def test_a_right_length_in_front_is_accepted(codec: Codec, length: Any) -> None:
    assert body_of(codec, (95, length), (96, b"abc"), (58, "x")) == b"95=3\x0196=abc\x0158=x\x01"


@pytest.mark.parametrize("length", [2, 4, 0, -3, "x", "4", b"33", "3.0", True])
def test_a_wrong_length_in_front_is_refused(codec: Codec, length: Any) -> None:
    assert refused(codec, (95, length), (96, b"abc")).tag in (95, 96)


def test_a_length_further_in_front_is_a_field(codec: Codec) -> None:
    assert body_of(codec, (95, 7), (58, "x"), (96, b"abc")) == b"95=7\x0158=x\x0195=3\x0196=abc\x01"


def test_empty_data_is_refused(codec: Codec) -> None:
    assert refused(codec, (96, b"")).tag in (95, 96)
    assert refused(codec, (95, 0), (96, b"")).tag in (95, 96)


def test_data_inside_a_group_gets_its_length(codec: Codec) -> None:
    expected = b"33=2\x0158=a\x01354=3\x01355=\x01b\x01\x0158=c\x01"
    assert body_of(codec, (33, [[(58, "a"), (355, b"\x01b\x01")], [(58, "c")]])) == expected


# --- groups ---------------------------------------------------------------------------------------------------

PARTIES: list[list[Any]] = [[(448, "A"), (447, "D"), (802, [[(523, "x"), (803, 10)], [(523, "y")]])], [(448, "B")]]
PARTIES_WIRE = b"453=2\x01448=A\x01447=D\x01802=2\x01523=x\x01803=10\x01523=y\x01448=B\x01"


def test_groups_are_counted_and_nest(codec: Codec) -> None:
    assert body_of(codec, (1, "a"), (453, PARTIES), (55, "b")) == b"1=a\x01" + PARTIES_WIRE + b"55=b\x01"


def test_groups_and_entries_may_be_tuples(codec: Codec) -> None:
    as_tuples = tuple(tuple(entry) for entry in PARTIES)
    assert body_of(codec, (453, as_tuples)) == PARTIES_WIRE


@pytest.mark.parametrize("empty", [[], ()])
def test_an_empty_group_is_left_out(codec: Codec, empty: Any) -> None:
    assert body_of(codec, (1, "a"), (453, empty), (55, "b")) == b"1=a\x0155=b\x01"
    assert body_of(codec, (453, [[(448, "A"), (802, empty)]])) == b"453=1\x01448=A\x01"


def test_an_entry_without_fields_is_refused(codec: Codec) -> None:
    assert refused(codec, (453, [[(448, "A")], []])).tag == 453


@pytest.mark.parametrize("entry", ["448=A", 5, None, b"x", 1.5], ids=repr)
def test_an_entry_that_is_no_list_of_fields_is_refused(codec: Codec, entry: Any) -> None:
    with pytest.raises((EncodeError, TypeError)):
        codec.encode("FIX.4.4", "D", [(453, [entry])])


def test_an_error_inside_a_group_names_the_inner_tag(codec: Codec) -> None:
    assert refused(codec, (453, [[(448, "A"), (802, [[(523, 1.5)]])]])).tag == 523


def test_a_bottomless_group_is_refused(codec: Codec) -> None:
    group: list[Any] = []
    group.append([(453, group)])
    with pytest.raises((EncodeError, RecursionError)):
        codec.encode("FIX.4.4", "D", [(453, group)])
    deep: list[Any] = [[(448, "A")]]
    for _ in range(100_000):
        deep = [[(453, deep)]]
    with pytest.raises((EncodeError, RecursionError)):
        codec.encode("FIX.4.4", "D", [(453, deep)])
    # taken apart by hand: the interpreter's own destructors recurse less gladly
    while deep:
        deep = deep.pop()[0][1] if isinstance(deep[0][0][1], list) else []


def test_a_large_group_is_written(codec: Codec) -> None:
    entries = [[(269, i % 2), (270, Scaled(i, -2))] for i in range(3000)]
    wire = b"".join(b"269=%d\x01270=%d.%02d\x01" % (i % 2, i // 100, i % 100) for i in range(3000))
    assert body_of(codec, (268, entries)) == b"268=3000\x01" + wire


def test_entries_begin_with_the_same_tag(codec: Codec) -> None:
    error = refused(codec, (453, [[(448, "A"), (447, "D")], [(447, "D"), (448, "B")]]))
    assert error.tag == 453
    # on the wire, where a length stands before its data
    mixed = (33, [[(354, 1), (355, b"a"), (58, "x")], [(355, b"b"), (58, "y")]])
    assert body_of(codec, mixed) == b"33=2\x01354=1\x01355=a\x0158=x\x01354=1\x01355=b\x0158=y\x01"


FLAT_COUNTS: list[tuple[list[tuple[int, Any]], bool]] = [
    ([(453, 2), (448, "A"), (447, "D"), (448, "B"), (55, "x")], True),
    ([(453, 1), (448, "A"), (448, "B")], False),
    ([(453, 3), (448, "A"), (448, "B")], False),
    ([(453, 0), (55, "x")], True),
    ([(453, 1)], False),
    ([(453, "2"), (448, "A"), (448, "B")], True),
    ([(453, "x"), (448, "A")], False),
    ([(453, -1), (448, "A")], False),
    ([(555, 2), (600, "a"), (539, 1), (524, "x"), (600, "b"), (539, 2), (524, "y"), (524, "z"), (44, 1)], True),
    ([(555, 2), (600, "a"), (539, 2), (524, "x"), (600, "b"), (539, 1), (524, "y"), (524, "z"), (44, 1)], False),
]


@pytest.mark.parametrize(("fields", "right"), FLAT_COUNTS)
def test_the_count_of_the_flat_form_is_checked(codec: Codec, fields: list[tuple[int, Any]], right: bool) -> None:
    if right:
        body_of(codec, *fields)
    else:
        assert refused(codec, *fields).tag in (453, 539)


def test_the_flat_form_is_written_as_given(codec: Codec) -> None:
    flat = [(453, 2), (448, "A"), (447, "D"), (802, 2), (523, "x"), (803, 10), (523, "y"), (448, "B")]
    assert body_of(codec, *flat) == PARTIES_WIRE
    assert body_of(codec, (453, 0), (55, "x")) == b"453=0\x0155=x\x01"


# --- encode_session -------------------------------------------------------------------------------------------

HEADER = [(49, "A"), (56, "B"), (34, 7), (52, NS)]
HEADER_WIRE = "49=A|56=B|34=7|52=20240102-03:04:05.678|"


def test_a_session_writes_header_then_fields(codec: Codec) -> None:
    raw = codec.encode_session("FIX.4.4", "D", HEADER, [(55, "x"), (54, "1")], 3)
    assert raw == message("35=D|" + HEADER_WIRE + "55=x|54=1|")


@pytest.mark.parametrize("tag", [8, 9, 10, 34, 35, 43, 49, 52, 56, 122])
def test_sc11_the_tags_that_a_session_owns_are_refused(codec: Codec, tag: int) -> None:
    for fields in ([(55, "x"), (tag, "x")], [(453, [[(448, "a"), (tag, "x")]])]):
        with pytest.raises(EncodeError) as caught:
            codec.encode_session("FIX.4.4", "D", HEADER, fields, 3)
        assert caught.value.tag == tag


@pytest.mark.parametrize("tag", [8, 9, 10, 35])
def test_the_header_may_not_hold_what_encode_owns(codec: Codec, tag: int) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode_session("FIX.4.4", "D", [*HEADER, (tag, "x")], [], 3)
    assert caught.value.tag == tag


def test_poss_dup_fields_may_stand_in_the_header(codec: Codec) -> None:
    raw = codec.encode_session("FIX.4.4", "D", [*HEADER, (43, True), (122, NS)], [(55, "x")], 0)
    expected = "35=D|49=A|56=B|34=7|52=20240102-03:04:05|43=Y|122=20240102-03:04:05|55=x|"
    assert raw == message(expected)


def test_header_fields_of_the_application_move_in_front_of_the_body(codec: Codec) -> None:
    fields = [(55, "x"), (115, "OBO"), (54, "1"), (1128, "9"), (50, "sub"), (38, 5)]
    raw = codec.encode_session("FIX.4.4", "D", HEADER, fields, 3)
    assert raw == message("35=D|" + HEADER_WIRE + "115=OBO|1128=9|50=sub|55=x|54=1|38=5|")


@pytest.mark.parametrize("tag", [50, 57, 97, 115, 116, 128, 129, 142, 143, 144, 145, 347, 369, 1128, 1129, 1156])
def test_each_header_field_of_the_standard_moves(codec: Codec, tag: int) -> None:
    raw = codec.encode_session("FIX.4.4", "D", HEADER, [(55, "x"), (tag, "1")], 3)
    assert raw == message("35=D|" + HEADER_WIRE + f"{tag}=1|55=x|")


def test_hops_move_as_a_group_and_flat(codec: Codec) -> None:
    expected = message("35=D|" + HEADER_WIRE + "627=1|628=H|629=20240102-03:04:05.678|630=9|55=x|")
    nested = [(55, "x"), (627, [[(628, "H"), (629, NS), (630, 9)]])]
    assert codec.encode_session("FIX.4.4", "D", HEADER, nested, 3) == expected
    flat = [(55, "x"), (627, 1), (628, "H"), (629, NS), (630, 9)]
    assert codec.encode_session("FIX.4.4", "D", HEADER, flat, 3) == expected


def test_data_of_the_header_moves_with_its_length(codec: Codec) -> None:
    expected = message("35=n|" + HEADER_WIRE + "212=3|213=<\x01>|58=x|")
    assert codec.encode_session("FIX.4.4", "n", HEADER, [(58, "x"), (213, b"<\x01>")], 3) == expected
    assert codec.encode_session("FIX.4.4", "n", HEADER, [(58, "x"), (212, 3), (213, b"<\x01>")], 3) == expected


def test_a_signature_stays_last(codec: Codec) -> None:
    raw = codec.encode_session("FIX.4.4", "0", HEADER, [(112, "x"), (89, b"s\x01g")], 3)
    assert raw == message("35=0|" + HEADER_WIRE + "112=x|93=3|89=s\x01g|")


def test_header_tags_inside_a_group_stay_there(codec: Codec) -> None:
    raw = codec.encode_session("FIX.4.4", "D", HEADER, [(453, [[(448, "a"), (50, "x")]])], 3)
    assert raw == message("35=D|" + HEADER_WIRE + "453=1|448=a|50=x|")
