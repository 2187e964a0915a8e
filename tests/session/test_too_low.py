"""A peer that keeps saying that our MsgSeqNum is too low (I13)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import LocalProtocolError
from fixfast.session.events import Alarm, LogonRefused
from fixfast.session.logon_answer import number_wanted, says_too_low
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, message

TEXT = "MsgSeqNum too low, expecting 10 but received 1"


def try_once(desk: Desk, *fields: tuple[int, Any]) -> None:
    """One connection: our Logon, the peer's Logout, the end. The peer begins at 1 each time."""
    desk.connect()
    desk.hear()
    desk.say("5", *(fields or [(58, TEXT)]))
    assert desk.session.close_requested is CloseReason.LOGON_REFUSED
    desk.drop()
    desk.seq = 1


def test_I13_no_more_logons_after_three_logouts_until_a_person_decides(version: str) -> None:
    desk = Desk(version, Role.INITIATOR)
    for n in range(3):
        assert not desk.session.held_back, n
        try_once(desk)
    assert desk.session.held_back
    assert any("3 times in a row" in alarm.text for alarm in desk.told(Alarm))
    next_out = desk.session.next_out
    desk.connect()
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW
    assert desk.hear() == []
    assert desk.session.next_out == next_out == 4
    assert desk.told(LogonRefused)[-1].reason is CloseReason.SEQUENCE_TOO_LOW
    desk.drop()
    desk.session.set_next_out(10, desk.now)
    assert not desk.session.held_back
    assert desk.logon().msg_seq_num == 10
    assert desk.state is State.ACTIVE


def test_I13_a_reset_helps_too_and_a_logon_ends_the_count(version: str) -> None:
    desk = Desk(version, Role.INITIATOR)
    for _ in range(3):
        try_once(desk)
    desk.session.reset(desk.now)
    assert not desk.session.held_back
    desk.seq = 1
    for _ in range(2):
        try_once(desk)
    desk.logon()
    desk.drop()
    for _ in range(2):
        try_once(desk)
    assert not desk.session.held_back


@pytest.mark.parametrize(
    "fields", [[(58, "expired")], [(1409, 8)], [(58, "MsgSeqNum too high, expecting 3 but received 9")], [(371, 34)]]
)
def test_I13_other_logouts_are_not_counted(fields: list[Any]) -> None:
    desk = Desk("FIX.4.4", Role.INITIATOR)
    for _ in range(5):
        try_once(desk, *fields)
    assert not desk.session.held_back


@pytest.mark.parametrize("limit", [1, 5])
def test_I13_the_limit_is_an_option(limit: int) -> None:
    desk = Desk("FIXT.1.1", Role.INITIATOR, max_too_low_logouts=limit)
    for n in range(limit):
        assert not desk.session.held_back, n
        try_once(desk, (1409, 9))
    assert desk.session.held_back


@pytest.mark.parametrize("fields", [[(58, TEXT)], [(58, "Sequence too low"), (789, 10)]])
def test_I13_the_number_is_taken_over_only_by_option(version: str, fields: list[Any]) -> None:
    desk = Desk(version, Role.INITIATOR)
    try_once(desk, *fields)
    assert desk.session.next_out == 2
    desk = Desk(version, Role.INITIATOR, adopt_expected_seq_num=True)
    try_once(desk, *fields)
    assert desk.session.next_out == 10
    assert any("2..9 are skipped" in alarm.text for alarm in desk.told(Alarm))
    assert desk.logon().msg_seq_num == 10
    desk.restart()
    assert desk.session.next_out == 11
    desk.logon()
    desk.say("2", (7, 1), (16, 0))
    assert [(m.msg_type, m.msg_seq_num, m.int(36)) for m in desk.hear()] == [("4", 1, 12)]


@pytest.mark.parametrize("number", ["1", "0", "5000000", "9" * 30, "x"])
def test_I13_a_number_that_makes_no_sense_is_not_taken_over(number: str) -> None:
    desk = Desk("FIX.4.4", Role.INITIATOR, adopt_expected_seq_num=True)
    try_once(desk, (58, f"MsgSeqNum too low, expecting {number} but received 1"))
    assert desk.session.next_out == 2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (TEXT, 10),
        ("MsgSeqNum too low, expecting 37 received 4", 37),
        ("msgseqnum(4) TOO LOW. Expected: 12.", 12),
        ("Sequence number too low; expect=[7]", 7),
        ("too low", None),
        ("too low, expecting", None),
        ("x" * 300 + TEXT, None),
    ],
)
def test_I13_numbers_in_texts(text: str, number: int | None) -> None:
    logout = message(Desk().raw("5", (58, text)))
    assert number_wanted(logout) == number
    assert says_too_low(logout) is (len(text) < 200)


def test_I13_set_next_out_goes_up_and_needs_no_connection() -> None:
    desk = Desk("FIX.4.4", Role.INITIATOR)
    desk.logon()
    with pytest.raises(LocalProtocolError, match="while active"):
        desk.session.set_next_out(10, desk.now)
    desk.drop()
    with pytest.raises(LocalProtocolError, match="2 or above"):
        desk.session.set_next_out(1, desk.now)
    desk.session.set_next_out(2, desk.now)
    assert desk.session.next_out == 2
    desk.session.set_next_out(5, desk.now)
    desk.restart()
    assert desk.session.next_out == 5  # durable
    desk.logon()
    assert not desk.told(Alarm)
    desk.say("2", (7, 1), (16, 0))
    assert [(m.msg_type, m.msg_seq_num, m.int(36)) for m in desk.hear()] == [("4", 1, 6)]
    assert not desk.told(Alarm)


def test_I13_SC15_a_jump_of_any_size_is_one_gap_fill() -> None:
    """A small request must not make us walk a hole number by number."""
    desk = Desk("FIX.4.4", Role.INITIATOR)
    desk.session.set_next_out(10**9, desk.now)
    desk.logon()
    desk.say("2", (7, 1), (16, 0))
    assert [(m.msg_type, m.msg_seq_num, m.int(36)) for m in desk.hear()] == [("4", 1, 10**9 + 1)]
    assert desk.session._outbox.replay is None
