"""SequenceReset, both modes (A8)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.session.events import Alarm, MessagesLost, Rejected
from fixfast.session.state import CloseReason, State
from tests.session.harness import Desk


@pytest.fixture
def desk(version: str) -> Desk:
    desk = Desk(version)
    desk.logon()
    return desk


def fill(desk: Desk, seq: int, new: Any, dup: bool = True) -> None:
    desk.say("4", *([(43, "Y"), (122, desk.time(-1))] if dup else []), (123, "Y"), (36, new), seq=seq)


def test_Z01_gap_fill_moves_the_number(desk: Desk) -> None:
    fill(desk, 2, 10)
    assert desk.session.next_in == 10
    assert desk.hear() == []
    assert desk.store.load().next_in == 10


def test_Z01_messages_held_inside_the_range_have_their_turn(desk: Desk) -> None:
    """An order sent right after the Logon is held here while a GapFill covers its number: it is not lost."""
    desk.app("four", seq=4)
    desk.say("1", (112, "five"), seq=5)
    desk.app("eight", seq=8)
    desk.hear()
    fill(desk, 2, 7)
    assert [m[58] for m in desk.take_messages()] == ["four"]
    assert [m[112] for m in desk.hear() if m.msg_type == "0"] == ["five"]
    assert desk.session.next_in == 7
    desk.dup("8", (58, "seven"), seq=7)
    assert [m[58] for m in desk.take_messages()] == ["seven", "eight"]
    assert desk.state is State.ACTIVE


def test_Z01_held_sequence_resets_inside_the_range_are_void(desk: Desk) -> None:
    fill(desk, 4, 50)
    desk.hear()
    fill(desk, 2, 7)
    assert desk.session.next_in == 7


def test_Z02_gap_fill_too_high_is_not_applied_yet(desk: Desk) -> None:
    fill(desk, 5, 9)
    assert desk.hear_types()[0] == "2"
    assert desk.session.next_in == 2
    fill(desk, 2, 5)
    assert desk.session.next_in == 9
    assert desk.state is State.ACTIVE


def test_Z03_gap_fill_low_with_poss_dup_is_ignored(desk: Desk) -> None:
    desk.app("a")
    fill(desk, 2, 9)
    assert desk.session.next_in == 3
    assert desk.hear() == []


def test_Z04_gap_fill_low_without_poss_dup_ends(desk: Desk) -> None:
    desk.app("a")
    fill(desk, 2, 9, dup=False)
    [logout] = desk.hear()
    assert "too low" in logout[58]
    assert desk.session.next_in == 3


@pytest.mark.parametrize("new", [2, 1, 0, -5])
def test_Z05_gap_fill_that_does_not_go_up_is_rejected_and_not_counted(desk: Desk, new: int) -> None:
    fill(desk, 2, new)
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    assert str(new) in reject[58]
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (5, 36)
    assert desk.session.next_in == 2
    assert desk.told(Alarm)


@pytest.mark.parametrize("number", [0, 1, 2, 77])
def test_Z06_Z09_Z10_T11_reset_moves_the_number_whatever_its_own(desk: Desk, number: int) -> None:
    desk.app("eight", seq=8)
    desk.app("eleven", seq=11)
    desk.hear()
    desk.say("4", (36, 10), seq=number)
    assert desk.session.next_in == 10
    [lost] = desk.told(MessagesLost)
    assert (lost.begin, lost.end) == (2, 9)
    assert desk.session.stats().held == 1  # T11: below 10 nothing is kept
    desk.app("ten", seq=10)
    assert [event[58] for event in desk.take() + desk.events if hasattr(event, "msg_type")][-2:] == ["ten", "eleven"]
    assert desk.state is State.ACTIVE


def test_Z07_reset_to_the_expected_number_is_accepted_with_a_warning(desk: Desk) -> None:
    desk.say("4", (123, "N"), (36, 2), seq=2)
    assert desk.session.next_in == 2
    assert desk.hear() == []
    assert desk.told(Alarm)


def test_Z08_reset_down_is_rejected(desk: Desk) -> None:
    desk.app("a")
    desk.say("4", (36, 2), seq=3)
    assert desk.hear_types() == ["3"]
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (5, 36)
    assert desk.session.next_in == 3
    assert desk.told(Alarm)


@pytest.mark.parametrize(("fields", "reason"), [([], 1), ([(36, "x")], 6)])
def test_sequence_reset_without_a_good_new_seq_no_is_rejected(
    desk: Desk, fields: list[tuple[int, Any]], reason: int
) -> None:
    desk.say("4", (123, "Y"), *fields)
    desk.say("4", *fields)
    assert desk.hear_types() == ["3", "3"]
    assert [event.reason for event in desk.told(Rejected)] == [reason, reason]
    assert desk.session.next_in == 4


@pytest.mark.parametrize("mode", [[(123, "Y")], []])
def test_Z12_jump_above_the_bound_ends(version: str, mode: list[tuple[int, Any]]) -> None:
    desk = Desk(version, max_sequence_jump=100)
    desk.logon()
    desk.say("4", *mode, (36, 102))
    assert desk.session.next_in == 102
    assert desk.hear() == []
    desk.say("4", *mode, (36, 203), seq=102)
    assert desk.hear_types() == ["5"]
    assert desk.session.next_in == 102
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.SEQUENCE_JUMP
