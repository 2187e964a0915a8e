"""Logout and the end of connections (A10)."""

from __future__ import annotations

import pytest

from fixfast.errors import NotActive
from fixfast.session.events import Disconnected, LoggedOut
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair


@pytest.fixture(params=[Role.INITIATOR, Role.ACCEPTOR], ids=["initiator", "acceptor"])
def desk(version: str, request: pytest.FixtureRequest) -> Desk:
    desk = Desk(version, request.param)
    desk.logon()
    return desk


def test_O01_our_logout_waits_for_the_answer_and_answers_resend_requests(desk: Desk) -> None:
    desk.session.send("8", [(58, "a")], desk.now)
    desk.session.logout("good bye", desk.now)
    assert [m.get(58) for m in desk.hear()] == ["a", "good bye"]
    assert desk.state is State.LOGOUT_SENT
    desk.say("1", (112, "not answered"))
    desk.app("still delivered")
    desk.say("2", (7, 2), (16, 0))
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == [("8", 2), ("4", 3)]
    assert [m[58] for m in desk.take_messages()] == ["still delivered"]
    assert desk.session.close_requested is None


def test_O02_answer_to_our_logout_closes_at_once(desk: Desk) -> None:
    desk.session.logout("", desk.now)
    desk.hear()
    desk.say("5", (58, "bye"))
    assert desk.session.close_requested is CloseReason.LOGOUT
    assert desk.hear() == []
    assert desk.session.next_in == 3
    [event] = desk.told(LoggedOut)
    assert (event.text, event.initiated_by_us) == ("bye", True)
    desk.drop()
    assert [event.reason for event in desk.told(Disconnected)] == [CloseReason.LOGOUT]


@pytest.mark.parametrize("seq", [1, 9, 0, -1, 10**17, 10**30])
def test_O02_answer_closes_whatever_its_number(desk: Desk, seq: int) -> None:
    desk.session.logout("", desk.now)
    desk.hear()
    desk.say("5", seq=seq)
    assert desk.session.close_requested is CloseReason.LOGOUT
    assert desk.hear() == []
    assert desk.session.next_in == 2


def test_nothing_is_asked_for_after_our_logout(desk: Desk) -> None:
    desk.app("high", seq=4)
    assert desk.hear_types() == ["2"]
    desk.session.logout("", desk.now)
    assert desk.hear_types() == ["5"]
    desk.app("higher", seq=9)
    desk.dup("8", (58, "two"), seq=2)
    desk.advance(9)
    assert desk.hear() == []
    assert [m[58] for m in desk.take_messages()] == ["two"]
    deadline = desk.session.next_deadline()
    assert deadline is not None
    assert deadline > desk.now.mono_ns


def test_O02_no_answer_in_time_disconnects(desk: Desk) -> None:
    desk.session.logout("", desk.now)
    desk.hear()
    desk.advance(9.9)
    assert desk.session.close_requested is None
    desk.advance(0.2)
    assert desk.session.close_requested is CloseReason.LOGOUT_TIMEOUT
    assert desk.hear() == []


def test_O03_peers_logout_is_answered_and_the_peer_closes_first(desk: Desk) -> None:
    desk.say("5", (58, "end of day"))
    assert desk.hear_types() == ["5"]
    assert desk.session.next_in == 3
    assert desk.session.close_requested is None
    [event] = desk.told(LoggedOut)
    assert (event.text, event.initiated_by_us) == ("end of day", False)
    desk.session.receive_eof(desk.now)
    assert desk.session.close_requested is CloseReason.LOGOUT


def test_O03_peer_that_does_not_close_is_closed(desk: Desk) -> None:
    desk.say("5")
    desk.hear()
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.LOGOUT


def test_O04_too_high_logout_waits_for_the_fill(desk: Desk) -> None:
    desk.say("5", (58, "bye"), seq=4)
    assert desk.hear_types() == ["2"]
    assert desk.state is State.LOGOUT_RECEIVED
    with pytest.raises(NotActive):
        desk.session.send("8", [(58, "x")], desk.now)
    desk.dup("8", (58, "two"), seq=2)
    desk.dup("8", (58, "three"), seq=3)
    assert desk.hear_types() == ["5"]
    assert [m[58] for m in desk.take_messages()] == ["two", "three"]
    assert desk.session.next_in == 5


def test_O04_T3_without_a_fill_the_number_stays_and_nothing_is_lost(desk: Desk) -> None:
    desk.say("5", (58, "bye"), seq=4)
    desk.hear()
    desk.advance(10)
    assert desk.hear_types()[-1] == "5"
    assert [event.text for event in desk.told(LoggedOut)] == ["bye"]
    assert desk.session.next_in == 2
    assert desk.store.load().next_in == 2
    desk.session.receive_eof(desk.now)
    desk.drop()
    desk.connect()
    desk.say("A", *desk.logon_fields(), seq=5)
    request = desk.hear()[-1]
    assert (request.msg_type, request[7]) == ("2", "2")


def test_O05_low_logout_closes_without_counting(desk: Desk) -> None:
    desk.app("a")
    desk.say("5", seq=2)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW
    assert desk.session.next_in == 3


def test_O06_both_log_out_together(version: str) -> None:
    pair = Pair(version)
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        session.logout("", pair.now)
    pair.settle()
    assert [session.close_requested for session in pair.sessions] == [CloseReason.LOGOUT] * 2
    assert [session.next_in for session in pair.sessions] == [3, 3]


def test_O07_no_application_message_after_our_logout(desk: Desk) -> None:
    desk.session.logout("", desk.now)
    with pytest.raises(NotActive) as refused:
        desk.session.send("8", [(58, "x")], desk.now)
    assert "logout sent" in str(refused.value)
    assert desk.hear_types() == ["5"]


@pytest.mark.parametrize("how", ["eof", "lost"])
def test_O08_connection_closed_without_logout_is_told(desk: Desk, how: str) -> None:
    desk.app("a")
    if how == "eof":
        desk.session.receive_eof(desk.now)
        assert desk.session.close_requested is CloseReason.PEER_CLOSED
    desk.drop()
    [event] = desk.told(Disconnected)
    assert event.reason is (CloseReason.PEER_CLOSED if how == "eof" else CloseReason.CONNECTION_LOST)
    assert (desk.session.next_in, desk.session.next_out) == (3, 2)
    assert desk.told(LoggedOut) == []


def test_O12_bytes_before_the_end_of_the_connection_are_dealt_with(desk: Desk) -> None:
    desk.app("last words")
    desk.session.receive_eof(desk.now)
    assert [m[58] for m in desk.take_messages()] == ["last words"]


def test_O14_reject_is_surfaced_and_not_answered(desk: Desk) -> None:
    desk.say("3", (45, 1), (58, "no"))
    [reject] = desk.take_messages()
    assert reject.msg_type == "3"
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_O15_faulty_reject_is_counted_and_never_rejected(desk: Desk) -> None:
    desk.say("3", (43, "Y"), (45, 1))  # PossDup without OrigSendingTime
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_F13_bytes_after_the_end_are_ignored(desk: Desk) -> None:
    desk.session.logout("", desk.now)
    desk.hear()
    desk.give(desk.raw("5") + desk.raw("8", (58, "too late")))
    view = desk.session.get_buffer(100)
    late = desk.raw("8", (58, "later"))
    view[: len(late)] = late
    desk.session.buffer_updated(len(late), desk.now)
    desk.app("latest")
    assert desk.take_messages() == []
    assert desk.session.next_in == 3


def test_logout_before_the_session_closes_at_once(version: str) -> None:
    desk = Desk(version)
    desk.session.logout("", desk.now)
    assert desk.state is State.DISCONNECTED
    desk.connect()
    desk.session.logout("", desk.now)
    assert desk.session.close_requested is CloseReason.LOCAL
    assert desk.hear() == []


def test_no_heartbeats_after_a_logout(desk: Desk) -> None:
    desk.say("5")
    desk.hear()
    desk.advance(9)
    assert desk.hear() == []


def test_C08_O01_message_refused_behind_our_logout_is_not_counted() -> None:
    """Found by the simulation: it was counted without a Reject, so that neither side knew that it was lost."""
    desk = Desk()
    desk.logon()
    desk.session.logout("", desk.now)
    assert desk.hear_types() == ["5"]
    desk.say("8", (58, "late"), time=desk.time(-3600))
    assert desk.session.next_in == 2
    assert desk.hear_types() == []
