"""The catalogue, the names of the tests and the page in docs agree."""

from __future__ import annotations

import pytest

from tests.conformance.catalogue import ids_in, load, names_by_id
from tests.conformance.page import PAGE, render, without_results

ROWS = [row for section in load() for row in section.rows]


def test_every_must_and_should_has_a_test() -> None:
    tests = names_by_id()
    assert [row.id for row in ROWS if row.level in "MS" and row.id not in tests] == []


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
