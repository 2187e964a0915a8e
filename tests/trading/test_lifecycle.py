"""The tables of an order's life are those of the requirements (E1-E3), and the page shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fixfast as ff
from fixfast import fix42, fix44
from fixfast.trading.lifecycle import (
    ENDED,
    EXEC_TYPES,
    PRECEDENCE,
    STATUSES,
    TRANSITIONS,
    Effect,
    allowed,
    effect_of,
    highest,
    page,
)

ROOT = Path(__file__).resolve().parents[2]

#: E2 as the requirements have it, Y and o alike; what stands in brackets there is the cause that it needs.
E2 = """
        A 0      1         2       3 4 6 E 7 8 9 C B
sent    o o      o         o       . o o o o o o o .
A       o o      o         o       . o o o o o o o .
0       . o      o         o       o o o o o o o o o
1       . bust   o         o       o o o o o . o o o
2       . bust   bust      o       o o o o . . . . o
3       . new    o         o       o o o o . . . o o
6       . o      o         o       o o o o o . o o .
E       . o      o         o       o o o o o . o o .
4       . .      restated  trade   . o . . . . . . .
8       . .      .         .       . . . . . o . . .
7       . o      o         o       o o o o o . . o o
9       . o      o         o       o o o o . . o o .
C       . .      trade     trade   . . . . . . . o .
B       . .      correct   correct . . . . . . . . o
"""
ROWS = [line.split() for line in E2.strip().splitlines()]
CELLS = [(row[0], column, cell) for row in ROWS[1:] for column, cell in zip(ROWS[0], row[1:], strict=True)]


@pytest.mark.parametrize(("now", "then", "cell"), CELLS, ids=[f"{a}-{b}" for a, b, _ in CELLS])
def test_transitions_are_those_of_the_requirements(now: str, then: str, cell: str) -> None:
    legal = [effect for effect in Effect if allowed(STATUSES[now], STATUSES[then], effect)]
    if cell == "o":
        assert legal == list(Effect)
    elif cell == ".":
        assert legal == []
    else:
        assert Effect(cell) in legal
        assert Effect.STOPPED not in legal


def test_replaced_of_old_versions_is_new_by_another_name() -> None:
    new, replaced = ff.OrdStatus.NEW, ff.OrdStatus.REPLACED
    for then in set(ff.OrdStatus) - {replaced, ff.OrdStatus.REJECTED}:
        assert allowed(new, then, Effect.TRADE) == allowed(replaced, then, Effect.TRADE)
    assert allowed(new, replaced, Effect.REPLACED)
    assert not allowed(new, replaced, Effect.TRADE)


def test_precedence_of_the_requirements() -> None:
    order = "6 E 3 B 2 7 9 4 1 5 0".split()
    ranks = [PRECEDENCE[STATUSES[code]] for code in order]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[:8] == [12, 11, 10, 9, 8, 7, 6, 5]
    assert PRECEDENCE[STATUSES["C"]] == PRECEDENCE[STATUSES["4"]]
    assert {PRECEDENCE[STATUSES[code]] for code in "08A"} == {2}
    assert highest([STATUSES["2"], STATUSES["6"], STATUSES["1"]]) is ff.OrdStatus.PENDING_CANCEL


def test_statuses_are_those_of_the_standard() -> None:
    ours = {status.value for status in ff.OrdStatus} - {"sent"}
    assert {code.value for code in fix44.OrdStatus} | {code.value for code in fix42.OrdStatus} == ours


def test_every_exec_type_of_the_standard_has_an_effect() -> None:
    assert {code.value for code in fix44.ExecType} <= set(EXEC_TYPES)
    assert {code.value for code in fix42.ExecType} <= set(EXEC_TYPES)


@pytest.mark.parametrize(
    ("exec_type", "trans_type", "effect"),
    [
        ("1", "0", Effect.TRADE),
        ("2", "0", Effect.TRADE),
        ("F", None, Effect.TRADE),
        ("1", "1", Effect.BUST),
        ("0", "1", Effect.BUST),
        ("H", None, Effect.BUST),
        ("2", "2", Effect.CORRECT),
        ("G", None, Effect.CORRECT),
        ("1", "3", Effect.STATUS),
        ("I", None, Effect.STATUS),
        ("?", None, Effect.UNKNOWN),
        (None, "0", Effect.TRADE),
    ],
)
def test_what_a_report_does_goes_by_both_types(exec_type: str | None, trans_type: str | None, effect: Effect) -> None:
    assert effect_of(exec_type, trans_type, "1") is effect


def test_nothing_leaves_the_table() -> None:
    for now, then in TRANSITIONS:
        assert isinstance(now, ff.OrdStatus)
        assert isinstance(then, ff.OrdStatus)
    assert ff.OrdStatus.SENT not in {then for _, then in TRANSITIONS} - {ff.OrdStatus.SENT}
    assert ff.OrdStatus.FILLED in ENDED


def test_the_page_of_the_docs_is_drawn_from_the_tables() -> None:
    text = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
    drawn = re.search(r"<!-- drawn -->\n\n(.*)\n<!-- end -->", text, re.DOTALL)
    assert drawn is not None
    assert drawn[1].strip() == page().strip(), "python -m fixfast.trading.lifecycle says otherwise"
