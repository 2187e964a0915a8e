"""The table of timers (0.2), each at its edge; and every change of state with a reason that says what happened."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from fixfast.session.events import StateChanged
from fixfast.session.state import TRANSITIONS, CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk


def accepted(desk: Desk) -> None:
    desk.connect()


def logon_sent(desk: Desk) -> None:
    desk.connect()
    desk.hear()


def logon_undecided(desk: Desk) -> None:
    desk.connect()
    desk.say("A", *desk.logon_fields())


def logged_out(desk: Desk) -> None:
    desk.logon()
    desk.session.logout("", desk.now)


def logged_out_for_an_error(desk: Desk) -> None:
    desk.logon()
    desk.app("low", seq=1)


def logout_answered(desk: Desk) -> None:
    desk.logon()
    desk.say("5")


def logout_too_high(desk: Desk) -> None:
    """First what is missing; then our answer, and the peer's time to close."""
    desk.logon()
    desk.say("5", seq=9)
    desk.advance(10)


def not_reading(desk: Desk) -> None:
    desk.logon()
    desk.session.send("8", [(58, "x")], desk.now)


INITIATOR, ACCEPTOR = Role.INITIATOR, Role.ACCEPTOR
ROWS: list[tuple[Callable[[Desk], None], Role, float, CloseReason]] = [
    (accepted, ACCEPTOR, 5, CloseReason.LOGON_TIMEOUT),
    (logon_sent, INITIATOR, 10, CloseReason.LOGON_TIMEOUT),
    (logon_undecided, ACCEPTOR, 10, CloseReason.LOGON_UNDECIDED),
    (logged_out, INITIATOR, 10, CloseReason.LOGOUT_TIMEOUT),
    (logged_out, ACCEPTOR, 10, CloseReason.LOGOUT_TIMEOUT),
    (logged_out_for_an_error, ACCEPTOR, 2, CloseReason.SEQUENCE_TOO_LOW),
    (logout_answered, ACCEPTOR, 10, CloseReason.LOGOUT),
    (logout_too_high, ACCEPTOR, 10, CloseReason.LOGOUT),
    (not_reading, ACCEPTOR, 10, CloseReason.SLOW_CONSUMER),
]


@pytest.mark.parametrize(("setup", "role", "seconds", "reason"), ROWS)
def test_each_step_has_its_time_and_no_more(
    version: str, setup: Callable[[Desk], None], role: Role, seconds: float, reason: CloseReason
) -> None:
    desk = Desk(version, role, manual_logon=setup is logon_undecided)
    setup(desk)
    reading = setup is not not_reading
    desk.advance(seconds - 0.001, reading=reading)
    assert desk.session.close_requested is None
    desk.advance(0.001, reading=reading)
    assert desk.session.close_requested is reason
    assert desk.session.next_deadline() is None


@pytest.mark.parametrize("heart_bt_int", [0, 2, 30])
def test_a_resend_has_two_heartbeats_and_never_less_than_ten_seconds(version: str, heart_bt_int: int) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=heart_bt_int)
    seconds = max(2 * heart_bt_int, 10)
    desk.app("5", seq=5)
    for repeated in (1, 2):
        for second in range(seconds):  # traffic keeps the link alive, and brings nothing on
            desk.advance(0.999)
            desk.say("0", seq=6)
            asked = desk.hear_types().count("2")
            assert asked == (1 if repeated == 1 and second == 0 else 0)
            assert desk.state.active
            desk.advance(0.001)
        types = desk.hear_types()
        assert ("5" in types) is (repeated == 2), types
        if repeated == 1:
            assert "2" in types


def test_every_change_of_state_has_a_reason_and_follows_the_last() -> None:
    """All changes of a long life of one session, as an observer sees them."""
    desk = Desk(role=Role.ACCEPTOR)
    desk.logon()
    desk.app("gap", seq=4)
    desk.dup("8", (58, "2"), seq=2)
    desk.dup("8", (58, "3"), seq=3)
    desk.session.logout("end of day", desk.now)
    desk.say("5", seq=5)
    desk.drop()
    desk.seq = 6
    desk.logon()
    desk.say("5")
    desk.session.receive_eof(desk.now)
    desk.session.disconnected("closed", desk.now)
    desk.seq = 8
    desk.logon()
    desk.advance(100)
    desk.drop()
    changes = desk.told(StateChanged)
    assert changes[0].old is State.DISCONNECTED
    for change, following in pairwise(changes):
        assert change.new is following.old
    assert all(change.new in TRANSITIONS[change.old] and change.reason for change in changes)
    assert [(change.new.name, change.reason) for change in changes] == [
        ("CONNECTING", "connected"),
        ("LOGON_RECEIVED", "Logon of our peer"),
        ("ACTIVE", "logged on"),
        ("RECOVERING", "messages 2..3 are missing"),
        ("ACTIVE", "nothing is missing"),
        ("LOGOUT_SENT", "end of day"),
        ("CLOSING", "logged out"),
        ("DISCONNECTED", "connection reset"),
        ("CONNECTING", "connected"),
        ("LOGON_RECEIVED", "Logon of our peer"),
        ("ACTIVE", "logged on"),
        ("LOGOUT_RECEIVED", "Logout received"),
        ("CLOSING", "logged out"),
        ("DISCONNECTED", "closed"),
        ("CONNECTING", "connected"),
        ("LOGON_RECEIVED", "Logon of our peer"),
        ("ACTIVE", "logged on"),
        ("LOGOUT_SENT", "Heartbeat timeout"),
        ("CLOSING", "the peer is silent"),
        ("DISCONNECTED", "connection reset"),
    ]
