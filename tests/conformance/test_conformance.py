"""The catalogue, the names of the tests and the page in docs agree."""

from __future__ import annotations

import pytest

from tests.conformance.catalogue import ids_in, load, names_by_id
from tests.conformance.page import PAGE, render, without_results

ROWS = [row for section in load() for row in section.rows]
#: rows that are being built; what has a test goes from here
PENDING = frozenset(
    """L15 L16 L25 L26 I09 I12 N02 N03 N04 N05 N06 N07 N08 N09 N10 S20 P17 Z13 Z15 O09 O11 O13 C05 D01 D02 D03 D04 D05
    D06 D07 D08 D09 D11 D12 D13 T2 T4 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16 T17 X02 X03 X04 X07 X08 X10 X12 B5_1 B5_3
    B5_4 B5_5 B5_6 B5_7 B5_8 B5_9 B5_10 B5_11 B5_12 B5_13 SC10 SC12 SC14 SC15 SC16 SC18 SC23""".split()
)


def test_every_must_and_should_has_a_test() -> None:
    tests = names_by_id()
    missing = {row.id for row in ROWS if row.level in "MS" and row.id not in tests}
    assert missing <= PENDING, missing - PENDING


def test_every_id_in_a_name_has_a_row() -> None:
    known = {row.id for row in ROWS}
    assert {row_id: tests for row_id, tests in names_by_id().items() if row_id not in known} == {}


def test_the_page_is_current() -> None:
    """What the tests said is compared where they all run: `make conformance-check`."""
    assert without_results(PAGE.read_text(encoding="utf-8")) == without_results(render({})), "make conformance"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_S02_S22_too_high_waits", ["S02", "S22"]),
        ("test_B5_7_B5_12_numbers", ["B5_7", "B5_12"]),
        ("test_C8_secrets_C10_C14", ["SC8", "C10", "SC14"]),
        ("test_T5_durable", ["T5"]),
        ("test_SC10_names", ["SC10"]),
        ("test_A12_reject_has_what_the_version_knows", []),
        ("test_M12_no_level_twice", []),
        ("test_two_idle_sessions", []),
    ],
)
def test_ids_in_names(name: str, ids: list[str]) -> None:
    assert ids_in(name) == ids


@pytest.mark.parametrize(
    "text", ["## A\nS01 | M | all", "## A\nS01 | Q | all | x", "## A\nS01 | M | all | x\nS01 | M | all | y"]
)
def test_a_wrong_line_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="S01"):
        load(text)
