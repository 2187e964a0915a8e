"""Template: the same bytes as encode, with less work."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Scaled, Slot
from tests.codec.support import Codec, message

NS = 1_704_164_645_678_901_234


def slot(codec: Codec, tag: int, kind: str, value: Any, **options: Any) -> bytes:
    raw = codec.Template("FIX.4.4", "D", [Slot(tag, kind)], **options).encode(value)
    assert raw == message(raw[raw.index(b"35=D") : -7])
    return bytes(raw[raw.index(b"35=D") + 5 : -7])


def test_a_template_is_filled_in_order(codec: Codec) -> None:
    template = codec.Template(
        "FIX.4.4",
        "D",
        [(49, "A"), (56, "B"), Slot(34, "int"), Slot(52, "time"), (55, "EUR/USD"), Slot(11), Slot(44, "scaled:5")],
    )
    expected = "35=D|49=A|56=B|34=7|52=20240102-03:04:05.678|55=EUR/USD|11=x|44=1.23450|"
    assert template.encode(7, NS, "x", 123450) == message(expected)
    assert template.encode(8, NS + 10**9, "y", -1) == message(
        "35=D|49=A|56=B|34=8|52=20240102-03:04:06.678|55=EUR/USD|11=y|44=-0.00001|"
    )


def test_none_leaves_a_slot_out(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), (2, "b"), Slot(3), Slot(4)])
    assert template.encode(None, "c", None) == message("35=D|2=b|3=c|")
    assert template.encode(None, None, None) == message("35=D|2=b|")
    assert template.encode("a", "c", "d") == message("35=D|1=a|2=b|3=c|4=d|")


@pytest.mark.parametrize("values", [(), ("a",), ("a", "b", "c")])
def test_another_number_of_values_is_a_type_error(codec: Codec, values: tuple[str, ...]) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), Slot(2)])
    with pytest.raises(TypeError):
        template.encode(*values)


def test_a_template_without_slots_takes_no_values(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "0", [])
    assert template.encode() == message("35=0|")
    with pytest.raises(TypeError):
        template.encode(None)


def test_slots_are_listed_in_order(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), (2, "b"), Slot(3, "int")])
    assert tuple(template.slots) == (Slot(1, "str"), Slot(3, "int"))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("str", "é", "é".encode()), ("str", b"\xff", b"\xff"), ("str", "\udcff", b"\xff"), ("int", 0, b"0"),
        ("int", -7, b"-7"), ("int", 1 << 64, b"18446744073709551616"), ("int", -(1 << 63), b"-9223372036854775808"),
        ("decimal", Decimal("1.50"), b"1.50"), ("decimal", Decimal("1E+3"), b"1000"), ("decimal", 5, b"5"),
        ("decimal", Scaled(150, -2), b"1.50"), ("bool", True, b"Y"), ("bool", False, b"N"), ("scaled:0", 5, b"5"),
        ("scaled:5", 123450, b"1.23450"), ("scaled:2", -1, b"-0.01"),
        ("scaled:18", (1 << 63) - 1, b"9.223372036854775807"), ("scaled:8", -(1 << 63), b"-92233720368.54775808"),
        ("time", NS, b"20240102-03:04:05.678"), ("time", 0, b"19700101-00:00:00.000"),
    ],
)  # fmt: skip
def test_each_kind_writes_its_values(codec: Codec, kind: str, value: Any, expected: bytes) -> None:
    assert slot(codec, 58, kind, value) == b"58=" + expected + b"\x01"


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_times_have_the_digits_of_the_template(codec: Codec, digits: int) -> None:
    expected = codec.encode("FIX.4.4", "D", [(52, NS)], timestamp_digits=digits)
    assert codec.Template("FIX.4.4", "D", [Slot(52, "time")], timestamp_digits=digits).encode(NS) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("str", 5), ("str", Decimal(1)), ("str", 1.5), ("int", "5"), ("int", 1.5), ("int", Decimal(5)),
        ("decimal", 1.5), ("decimal", "1.5"), ("bool", "Y"), ("bool", 1), ("scaled:2", Decimal("1.5")),
        ("scaled:2", 1.5), ("scaled:2", "1"), ("time", "20240102-03:04:05"), ("time", 1.5), ("str", object()),
        ("int", object()),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_type_error_naming_the_tag(codec: Codec, kind: str, value: Any) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), Slot(58, kind)])
    with pytest.raises(EncodeTypeError) as caught:
        template.encode("a", value)
    assert caught.value.tag == 58
    assert template.encode("a", None) == message("35=D|1=a|")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("str", ""),
        ("str", "a\x01b"),
        ("str", b""),
        ("str", "\ud800"),
        ("decimal", Decimal("NaN")),
        ("time", 1 << 63),
        ("decimal", Decimal("inf")),
    ],
)
def test_a_value_that_fix_cannot_hold_names_the_tag(codec: Codec, kind: str, value: Any) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(58, kind)])
    with pytest.raises(EncodeError) as caught:
        template.encode(value)
    assert caught.value.tag == 58


@pytest.mark.parametrize(
    "kind", ["", "text", "STR", "scaled", "scaled:", "scaled:x", "scaled:-1", "scaled:19", "float", "int:5"]
)
def test_an_unknown_kind_is_a_value_error_at_once(codec: Codec, kind: str) -> None:
    with pytest.raises(ValueError):
        codec.Template("FIX.4.4", "D", [Slot(58, kind)])


@pytest.mark.parametrize("tag", [8, 9, 10, 35, 0, -1, 1_000_000_000])
def test_a_bad_tag_is_refused_at_once(codec: Codec, tag: int) -> None:
    for field in (Slot(tag), (tag, "x")):
        with pytest.raises(EncodeError):
            codec.Template("FIX.4.4", "D", [field])


@pytest.mark.parametrize("value", ["", 1.5, "a\x01b", None])
def test_a_bad_fixed_value_is_refused_at_once(codec: Codec, value: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.Template("FIX.4.4", "D", [(55, value)])
    assert caught.value.tag == 55


def test_a_data_slot_writes_its_length(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "B", [(58, "x"), Slot(96), (59, "0")])
    assert template.encode(b"a\x01b") == message("35=B|58=x|95=3|96=a\x01b|59=0|")
    assert template.encode(None) == message("35=B|58=x|59=0|")


def test_fixed_groups_stand_where_they_are_given(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(11), (453, [[(448, "A")], [(448, "B"), (447, "D")]]), Slot(55)])
    assert template.encode("x", "y") == message("35=D|11=x|453=2|448=A|448=B|447=D|55=y|")


def test_a_slot_inside_a_group_is_refused(codec: Codec) -> None:
    with pytest.raises((EncodeError, TypeError)):
        codec.Template("FIX.4.4", "D", [(453, [[(448, "A"), Slot(447)]])])


def test_changing_the_list_later_changes_nothing(codec: Codec) -> None:
    fields: list[Any] = [(1, "a"), Slot(2)]
    template = codec.Template("FIX.4.4", "D", fields)
    fields.append(Slot(3))
    assert template.encode("b") == message("35=D|1=a|2=b|")


@pytest.mark.parametrize("size", [1, 80, 86, 87, 88, 980, 986, 9986, 100_000])
def test_body_length_grows_with_the_values(codec: Codec, size: int) -> None:
    template = codec.Template("FIX.4.4", "B", [Slot(58)])
    assert template.encode("x" * size) == message("35=B|58=" + "x" * size + "|")
    assert template.encode("x") == message("35=B|58=x|")


def test_fix_5_writes_fixt(codec: Codec) -> None:
    assert codec.Template("FIX.5.0SP2", "0", []).encode() == message("35=0|", "FIXT.1.1")


def test_a_session_template_moves_header_fields_in_front(codec: Codec) -> None:
    template = codec.Template(
        "FIX.4.4",
        "D",
        [(55, "x"), Slot(11), (115, "OBO")],
        header=[(49, "A"), (56, "B"), Slot(34, "int"), Slot(52, "time")],
    )
    expected = "35=D|49=A|56=B|34=7|52=20240102-03:04:05.678|115=OBO|55=x|11=id|"
    assert template.encode(7, NS, "id") == message(expected)


@pytest.mark.parametrize("tag", [34, 43, 49, 52, 56, 122])
def test_a_session_template_refuses_the_tags_of_the_session(codec: Codec, tag: int) -> None:
    for field in (Slot(tag), (tag, "x")):
        with pytest.raises(EncodeError) as caught:
            codec.Template("FIX.4.4", "D", [field], header=[(49, "A")])
        assert caught.value.tag == tag


def test_a_datetime_fills_a_time_slot(codec: Codec) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert slot(codec, 60, "time", moment) == b"60=20240102-03:04:05.678\x01"
