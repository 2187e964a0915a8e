"""Heartbeats and test requests (A9)."""

from __future__ import annotations

import pytest

from fixfast.session.events import LoggedOut
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair


def test_H01_heartbeat_after_silence_of_ours(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.advance(9.9)
    desk.say("0")
    assert desk.hear() == []
    desk.advance(0.1)
    [heartbeat] = desk.hear()
    assert heartbeat.msg_type == "0"
    assert 112 not in heartbeat


def test_H01_anything_sent_puts_the_heartbeat_off(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.advance(6)
    desk.session.send("8", [(58, "x")], desk.now)
    desk.say("0")
    desk.advance(6)
    assert desk.hear_types() == ["8"]
    desk.say("0")
    desk.advance(4)
    assert desk.hear_types() == ["0"]


def test_H02_test_request_is_answered_byte_for_byte(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("1", (112, b"odd \xff=id"))
    [heartbeat] = desk.hear()
    assert (heartbeat.msg_type, heartbeat.bytes(112)) == ("0", b"odd \xff=id")


def test_H03_heartbeat_is_counted_only(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("0")
    assert desk.hear() == []
    assert desk.session.next_in == 3
    assert desk.take() == []


def test_H04_H07_silence_test_request_then_logout(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.advance(11.9)
    assert desk.hear_types() == ["0"]
    desk.advance(0.1)
    [test] = desk.hear()
    assert test.msg_type == "1"
    assert test[112]
    desk.advance(11.9)
    assert "5" not in desk.hear_types()
    desk.advance(0.2)
    assert desk.hear()[-1].msg_type == "5"
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.HEARTBEAT_TIMEOUT


def test_X05_each_test_request_has_its_own_id(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    ids = set()
    for _ in range(5):
        desk.advance(12)
        ids |= {m[112] for m in desk.hear() if m.msg_type == "1"}
        desk.say("0")
    assert len(ids) == 5


def test_H05_late_answer_is_the_answer(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.advance(12)
    test = desk.hear()[-1]
    desk.app("something first")
    desk.say("0", (112, test[112]))
    assert desk.session._live.test_id is None
    assert desk.state is State.ACTIVE


def test_H06_other_traffic_proves_that_the_link_lives(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    for _ in range(20):
        desk.advance(11.9)
        desk.app("x")
    assert desk.state is State.ACTIVE
    assert "1" not in desk.hear_types()


def test_H08_after_a_stall_of_ours_the_peer_gets_its_time(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.clock.advance(500)  # the process slept; poll() was not called
    desk.session.poll(desk.now)
    assert "1" in desk.hear_types()
    assert desk.state is State.ACTIVE
    desk.clock.advance(500)  # and again, with the answer unread
    desk.session.poll(desk.now)
    assert desk.state is State.ACTIVE
    desk.app("it was in the socket buffer")
    desk.session.poll(desk.now)
    assert desk.state is State.ACTIVE


def test_H08_wall_clock_step_changes_no_timer(version: str) -> None:
    desk = Desk(version, check_latency=False)
    desk.logon(heart_bt_int=10)
    stepped = desk.now._replace(wall_ns=desk.now.wall_ns + 3600 * 10**9)
    desk.session.poll(stepped)
    assert desk.hear() == []


def test_H10_test_request_without_id_is_rejected_by_the_dictionary(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("1")
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    assert "112" in (reject.get(371) or reject[58])
    assert desk.session.next_in == 3


def test_H10_test_request_without_id_gets_a_bare_heartbeat_where_no_dictionary_judges(version: str) -> None:
    desk = Desk(version, session_validation=None)
    desk.logon()
    desk.say("1")
    [heartbeat] = desk.hear()
    assert heartbeat.msg_type == "0"
    assert 112 not in heartbeat


@pytest.mark.parametrize("garbage", [b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01"])
def test_garbled_messages_do_not_keep_the_link_alive(version: str, garbage: bytes) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=10)
    desk.advance(11)
    desk.give(garbage)
    desk.advance(1)
    assert "1" in desk.hear_types()


def test_two_idle_sessions_stay_alive_for_an_hour(version: str) -> None:
    pair = Pair(version, a={"heart_bt_int": 30}, b={})
    pair.connect()
    pair.settle()
    pair.advance(3600, step=5)
    assert [session.state for session in pair.sessions] == [State.ACTIVE, State.ACTIVE]
    sent = [session.stats().messages_out for session in pair.sessions]
    assert all(100 < count < 140 for count in sent), sent


def test_deadlines_are_values_and_the_least_of_all_timers() -> None:
    desk = Desk(role=Role.INITIATOR)
    assert desk.session.next_deadline() is None
    start = desk.now.mono_ns
    desk.connect()
    assert desk.session.next_deadline() == start + 10 * 10**9  # the Logon's answer
    desk.hear()
    desk.say("A", *desk.logon_fields(20))
    assert desk.session.next_deadline() == start + 20 * 10**9  # our heartbeat
    desk.session.logout("", desk.now)
    assert desk.session.next_deadline() == start + 10 * 10**9  # the Logout's answer
    desk.drop()
    assert desk.session.next_deadline() is None
    assert desk.told(LoggedOut) == []
