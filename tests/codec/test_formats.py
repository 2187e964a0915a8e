"""V06 and the ranges of V05: every kind of value at its edges, on both codecs."""

from __future__ import annotations

import calendar
import re
from random import Random

import pytest

from fixfast.dictionary.model import Kind
from fixfast.dictionary.validation import Fault, Validation
from tests.codec.house import FIELDS, house, raw
from tests.codec.support import Codec
from tests.codec.values import BAD_VALUES, GOOD_VALUES

STRUCTURE = Validation(level="structure")


def fault_of(codec: Codec, tag: int, value: bytes, validation: Validation | None = None) -> Fault | None:
    """Return what is said of a message with this field."""
    pair = {6019: 6018, 6021: 6020}.get(tag)
    length = b"" if pair is None else b"%d=%d\x01" % (pair, len(value))
    m = codec.parse(raw(b"%b%d=%b\x01" % (length, tag, value)), dictionary=house())
    fault: Fault | None = m.validate(validation)
    return fault


def is_right(codec: Codec, kind: Kind, value: bytes) -> bool:
    fault = fault_of(codec, FIELDS[kind][0], value)
    assert fault is None or fault.reason == 6
    return fault is None


CASES = [(kind, value) for kind, values in GOOD_VALUES.items() for value in values]


@pytest.mark.parametrize(("kind", "value"), CASES)
def test_v06_a_right_value_is_no_fault(codec: Codec, kind: Kind, value: str) -> None:
    assert fault_of(codec, FIELDS[kind][0], value.encode()) is None


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in BAD_VALUES.items() for value in values])
def test_v06_a_wrong_value_is_a_bad_format_at_level_full(codec: Codec, kind: Kind, value: str) -> None:
    tag = FIELDS[kind][0]
    assert fault_of(codec, tag, value.encode()) == Fault(6, tag, "Incorrect data format for value")
    assert fault_of(codec, tag, value.encode(), STRUCTURE) is None


def test_every_kind_has_values_here() -> None:
    assert set(FIELDS) == set(GOOD_VALUES)
    assert set(FIELDS) == {*BAD_VALUES, "str", "data", "xml"}
    dictionary = house()
    assert {kind: dictionary.fields[tag].kind for kind, (tag, _) in FIELDS.items()} == {kind: kind for kind in FIELDS}


@pytest.mark.parametrize("value", [b"\x00", b"\x01", b"\xff\xfe", b"10=000\x01", b" ", b"a\x01=b"])
def test_v06_data_may_be_anything(codec: Codec, value: bytes) -> None:
    assert fault_of(codec, 6019, value) is None


@pytest.mark.parametrize("value", [b"0", b"00", b"32", b"99", b"40"])
def test_v05_a_day_of_the_month_is_1_to_31(codec: Codec, value: bytes) -> None:
    assert fault_of(codec, 6005, value) == Fault(5, 6005, "Value is incorrect (out of range) for this tag")
    assert fault_of(codec, 6005, value, Validation(codes=False)) is not None, "this is no code"
    assert fault_of(codec, 6005, value, STRUCTURE) is None


def test_v05_every_day_of_the_month(codec: Codec) -> None:
    for day in range(100):
        assert (fault_of(codec, 6005, b"%d" % day) is None) == (1 <= day <= 31)
        assert (fault_of(codec, 6005, b"%02d" % day) is None) == (1 <= day <= 31)


@pytest.mark.parametrize("kind", ["int", "uint", "decimal"])
def test_v06_one_wrong_byte_in_a_number_of_any_length_is_seen(codec: Codec, kind: Kind) -> None:
    for size in (*range(1, 20), 25, 41):
        digits = bytearray(b"0123456789" * 5)[:size]
        assert is_right(codec, kind, bytes(digits))
        for at in range(size):
            for wrong in b"/:a \x00\xb0\xff":
                digits[at] = wrong
                assert not is_right(codec, kind, bytes(digits)), bytes(digits)
            digits[at] = ord("0")


def test_v06_decimals_are_what_the_pattern_says(codec: Codec) -> None:
    pattern = re.compile(rb"-?([0-9]+\.?[0-9]*|\.[0-9]+)\Z")
    random = Random(6)
    seen = set()
    for _ in range(4000):
        size = random.choice((1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 18))
        value = bytes(random.choices(b"0123456789.-", (5,) * 10 + (3, 1), k=size))
        expected = pattern.match(value) is not None
        seen.add((size, expected))
        assert is_right(codec, "decimal", value) == expected, value
    assert len(seen) == 24, "each length came right and wrong"


def test_v06_every_hour_minute_and_second(codec: Codec) -> None:
    for number in range(100):
        assert is_right(codec, "timeonly", b"%02d:00:00" % number) == (number < 24)
        assert is_right(codec, "timeonly", b"00:%02d:00" % number) == (number < 60)
        assert is_right(codec, "timeonly", b"00:00:%02d" % number) == (number <= 60)
        assert is_right(codec, "tztime", b"%02d:00" % number) == (number < 24)
        assert is_right(codec, "tztime", b"00:%02d" % number) == (number < 60)
        assert is_right(codec, "tztime", b"00:00+%02d" % number) == (number <= 14)
        assert is_right(codec, "tztime", b"00:00-00:%02d" % number) == (number < 60)


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1900, 2000, 2023, 2024, 2100, 9999])
def test_v06_dates_are_those_of_the_calendar(codec: Codec, year: int) -> None:
    for month in range(14):
        days = calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 0
        for day in (0, 1, 28, 29, 30, 31, 32, 99):
            value = b"%04d%02d%02d" % (year, month, day)
            assert is_right(codec, "date", value) == (1 <= day <= days), value


def test_v06_the_year_0000_is_none(codec: Codec) -> None:
    assert not is_right(codec, "date", b"00000101")
    assert not is_right(codec, "monthyear", b"000001")


@pytest.mark.parametrize("digits", range(15))
def test_v06_a_fraction_has_1_to_12_digits(codec: Codec, digits: int) -> None:
    value = b"20240102-03:04:05." + b"7" * digits
    assert is_right(codec, "time", value) == (1 <= digits <= 12)
    assert is_right(codec, "timeonly", value[9:]) == (1 <= digits <= 12)
    assert is_right(codec, "tztimestamp", value + b"Z") == (1 <= digits <= 12)


def test_v06_one_wrong_byte_in_a_time_is_seen(codec: Codec) -> None:
    for text in (b"20240102-03:04:05", b"20240102-03:04:05.678", b"20240102-13:14:15.678901234567"):
        for at in range(len(text)):
            for wrong in b"/:a-. \x00\xb0\xff":
                value = text[:at] + bytes([wrong]) + text[at + 1 :]
                assert is_right(codec, "time", value) == (value == text), value


def test_v06_a_wrong_date_is_not_taken_for_a_right_one_before_it(codec: Codec) -> None:
    def fault(first: str, second: str) -> object:
        return codec.parse(raw(f"6008={first}-00:00:00|6009={second}|"), dictionary=house()).validate()

    assert fault("20240102", "20240102") is None
    assert fault("20240102", "20240103") is None
    assert fault("20240131", "20240132") == Fault(6, 6009, "Incorrect data format for value")
    assert fault("00010101", "00010100") == Fault(6, 6009, "Incorrect data format for value")


@pytest.mark.parametrize("kind", ["INT", "SEQNUM", "PRICE", "UTCTIMESTAMP", "TZTIMESTAMP", "TENOR"])
@pytest.mark.parametrize("begin_string", ["FIX", "FIX1", "FIX.4.4"])
def test_v06_values_at_the_very_beginning_of_a_message_are_read_within_it(
    codec: Codec, kind: str, begin_string: str
) -> None:
    """BeginString(8) is a number here: the few bytes in front of its end are all there are."""
    m = codec.parse(raw(begin_string=begin_string), dictionary=house(kind))
    assert m.validate() == Fault(6, 8, "Incorrect data format for value")
