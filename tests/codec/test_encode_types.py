"""What the encoder takes beside text, numbers and timestamps: dates, times of day, MonthYear, Tenor, lists of str."""

from __future__ import annotations

from datetime import UTC, date, time, timedelta, timezone
from enum import Enum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import MonthYear, Scaled, Slot, Tenor
from tests.codec.support import Codec, message


class ExecInst(StrEnum):
    WORK = "2"
    AON = "G"


class Plain(Enum):
    WORD = "w"
    NUMBER = 5


# fmt: off
WRITTEN: list[tuple[Any, str]] = [
    (date(2024, 2, 29), "20240229"), (date.min, "00010101"), (date.max, "99991231"),
    (time(16, 30), "16:30:00"), (time(16, 30, 0, 5000), "16:30:00.005"), (time(0, 0, 0, 5), "00:00:00"),
    (time(16, 30, tzinfo=UTC), "16:30:00.000"), (time(23, 59, 59, 999999, UTC), "23:59:59.999"),
    (MonthYear(2024, 1), "202401"), (MonthYear(2024, 2, 29), "20240229"), (MonthYear(2024, 1, 0, 5), "202401w5"),
    (Tenor("M", 3), "M3"), (Tenor("Y", 999_999_999), "Y999999999"),
    (("A",), "A"), (["A", "B"], "A B"), ([ExecInst.WORK, ExecInst.AON], "2 G"), ((Plain.WORD, "x"), "w x"),
]
REFUSED: list[tuple[Any, type[EncodeError], str]] = [
    (time(1, tzinfo=timezone(timedelta(hours=1))), EncodeError, "UTC"), (MonthYear(2024, 13), EncodeError, "MonthYear"),
    (MonthYear(2024, 2, 30), EncodeError, "MonthYear"), (MonthYear(2024, 2, 1, 1), EncodeError, "MonthYear"),
    (Tenor("M", 0), EncodeError, "Tenor"), (Tenor("m", 1), EncodeError, "Tenor"),
    (["a b"], EncodeError, "space"), (["a", ""], EncodeError, "empty"), (["a\x01"], EncodeError, "SOH"),
    (["a", 5], EncodeTypeError, "int"), (["a", Plain.NUMBER], EncodeTypeError, "int"),
    ([Plain.NUMBER], EncodeTypeError, ""),
    (timedelta(1), EncodeTypeError, "timedelta"), (["a\ud800"], EncodeError, "surrogate"),
]
# fmt: on


@pytest.mark.parametrize(("value", "text"), WRITTEN, ids=repr)
def test_a_value_has_its_text(codec: Codec, value: Any, text: str) -> None:
    expected = message(f"35=D|1=a|18={text}|58=b|")
    fields = [(1, "a"), (18, value), (58, "b")]
    assert codec.encode("FIX.4.4", "D", fields) == expected
    assert codec.Template("FIX.4.4", "D", [(1, "a"), (18, value), Slot(58)]).encode("b") == expected
    in_group = codec.encode("FIX.4.4", "D", [(453, [[(448, "A"), (18, value)]])])
    assert in_group == message(f"35=D|453=1|448=A|18={text}|")


@pytest.mark.parametrize(("value", "error", "word"), REFUSED, ids=repr)
def test_a_value_without_a_text_is_refused(codec: Codec, value: Any, error: type[EncodeError], word: str) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode("FIX.4.4", "D", [(1, "a"), (18, value)])
    assert type(caught.value) is error
    assert caught.value.tag == 18
    assert word in caught.value.detail or codec.name == "reference"


@pytest.mark.parametrize(("digits", "text"), [(0, "00:00:01"), (3, "00:00:01.234"), (6, "00:00:01.234567")])
def test_times_of_day_have_the_decimals_of_timestamps(codec: Codec, digits: int, text: str) -> None:
    for zone in (UTC, None):
        moment = time(0, 0, 1, 234567, zone)
        raw = codec.encode("FIX.4.4", "D", [(273, moment)], timestamp_digits=digits)
        assert raw == message(f"35=D|273={text}|")


def test_an_empty_list_is_left_out_whatever_it_would_hold(codec: Codec) -> None:
    assert codec.encode("FIX.4.4", "D", [(18, []), (58, "x"), (277, ())]) == message("35=D|58=x|")


def test_the_count_of_a_group_takes_entries_only(codec: Codec) -> None:
    with pytest.raises(EncodeTypeError) as caught:
        codec.encode("FIX.4.4", "D", [(453, ["448=A"])])
    assert caught.value.tag == 453


def test_a_scaled_price_is_no_list(codec: Codec) -> None:
    assert codec.encode("FIX.4.4", "D", [(44, Scaled(15, -1))]) == message("35=D|44=1.5|")


@given(
    st.lists(st.text(st.characters(blacklist_characters=" \x01", blacklist_categories=["Cs"]), min_size=1), min_size=1)
)
def test_a_list_of_str_comes_back_as_words(twins: tuple[Codec, Codec], words: list[str]) -> None:
    reference, compiled = twins
    raw = compiled.encode("FIX.4.4", "D", [(18, words)])
    assert raw == reference.encode("FIX.4.4", "D", [(18, words)])
    assert compiled.parse(raw)[18] == " ".join(words)


@given(st.one_of(st.dates(), st.times(), st.times(timezones=st.just(UTC))), st.sampled_from([0, 3, 6, 9]))
def test_the_twins_write_dates_and_times_alike(twins: tuple[Codec, Codec], value: Any, digits: int) -> None:
    reference, compiled = twins
    raw = compiled.encode("FIX.4.4", "D", [(75, value)], timestamp_digits=digits)
    assert raw == reference.encode("FIX.4.4", "D", [(75, value)], timestamp_digits=digits)
