"""Asking for what is missing (A7)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.session.events import Alarm, GapDetected, GapFilled
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from tests.session.harness import Desk, Pair


def gapped(version: str, upto: int = 6, **options: Any) -> Desk:
    """Logged on; 2..upto-1 are missing, `upto` is held, the request was heard."""
    desk = Desk(version, **options)
    desk.logon()
    desk.app(str(upto), seq=upto)
    assert desk.hear_types() == ["2"]
    return desk


def test_G01_request_is_open_ended(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("x", seq=5)
    [request] = desk.hear()
    assert request[7] == "2"
    assert request[16] == ("999999" if version in ("FIX.4.0", "FIX.4.1") else "0")


def ranges(desk: Desk) -> list[tuple[str, str]]:
    """The ranges asked for since the last time."""
    return [(m[7], m[16]) for m in desk.hear() if m.msg_type == "2"]


def test_G02_a_closed_request_ends_at_what_came(version: str) -> None:
    desk = Desk(version, resend_range="closed")
    desk.logon()
    desk.app("6", seq=6)
    desk.app("9", seq=9)
    assert ranges(desk) == [("2", "5")]
    for seq in (2, 3, 4, 5):
        desk.dup("8", (58, str(seq)), seq=seq)
    assert ranges(desk) == [("7", "8")]  # the hole behind it
    for seq in (7, 8):
        desk.dup("8", (58, str(seq)), seq=seq)
    assert [m[58] for m in desk.take_messages()] == [str(seq) for seq in range(2, 10)]
    assert desk.state is State.ACTIVE


def test_G02_what_a_full_queue_dropped_is_asked_for_too(version: str) -> None:
    desk = Desk(version, resend_range="closed", queue_limit=0)
    desk.logon()
    desk.app("4", seq=4)
    assert ranges(desk) == [("2", "3")]
    for seq in (2, 3):
        desk.dup("8", (58, str(seq)), seq=seq)
    assert ranges(desk) == [("4", "4")]
    desk.dup("8", (58, "4"), seq=4)
    assert [m[58] for m in desk.take_messages()] == ["2", "3", "4"]
    assert desk.state is State.ACTIVE


def test_G03_a_long_range_is_asked_for_in_chunks(version: str) -> None:
    desk = Desk(version, resend_chunk=3)
    desk.logon()
    desk.app("9", seq=9)
    asked = ranges(desk)
    while desk.state is State.RECOVERING:
        begin, end = map(int, asked[-1])
        assert end - begin < 3
        for seq in range(begin, end + 1):
            desk.dup("8", (58, str(seq)), seq=seq)
        asked += ranges(desk)
    assert asked == [("2", "4"), ("5", "7"), ("8", "8")]
    assert [m[58] for m in desk.take_messages()] == [str(seq) for seq in range(2, 10)]


def test_G03_two_sessions_recover_in_chunks(version: str) -> None:
    pair = Pair(version, a={"resend_chunk": 7}, b={"resend_chunk": 1})
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        for n in range(40):
            session.send("8", [(58, str(n))], pair.now)
    pair.cut()
    pair.connect()
    pair.settle()
    for i in (0, 1):
        texts = [event[58] for event in pair.events[i] if isinstance(event, Message)]
        assert texts == [str(n) for n in range(40)]
        assert pair.sessions[i].state is State.ACTIVE


@pytest.mark.parametrize("new", [4, 5, 6, 9, 12])
def test_G04_T13_a_gap_fill_that_ends_beyond_the_chunk_stalls_nothing(version: str, new: int) -> None:
    desk = Desk(version, resend_chunk=3)
    desk.logon()
    desk.app("9", seq=9)
    assert ranges(desk) == [("2", "4")]
    desk.say("4", (43, "Y"), (123, "Y"), (36, new), seq=2)
    if new < 9:
        assert ranges(desk) == ([(str(new), str(min(new + 2, 8)))] if new > 4 else [])
        assert desk.session.next_in == new
    else:
        assert desk.state is State.ACTIVE
        assert desk.session.next_in == max(new, 10)
    assert desk.state.active


def test_G04_gap_fill_beyond_what_was_asked_for_is_accepted(version: str) -> None:
    desk = gapped(version)
    desk.say("4", (43, "Y"), (123, "Y"), (36, 20), seq=2)
    assert desk.session.next_in == 20
    assert desk.state is State.ACTIVE
    desk.app("on", seq=20)
    assert desk.take_messages()[-1][58] == "on"


def test_G05_hole_in_the_resent_messages_is_asked_for_once(version: str) -> None:
    desk = gapped(version)
    desk.dup("8", (58, "2"), seq=2)
    desk.dup("8", (58, "4"), seq=4)
    desk.dup("8", (58, "5"), seq=5)
    [request] = desk.hear()
    assert (request.msg_type, request[7]) == ("2", "3")
    desk.dup("8", (58, "3"), seq=3)
    assert [m[58] for m in desk.take_messages()] == ["2", "3", "4", "5", "6"]
    assert desk.state is State.ACTIVE


def test_G06_new_messages_while_waiting_ask_for_nothing(version: str) -> None:
    desk = gapped(version)
    for seq in range(7, 20):
        desk.app(str(seq), seq=seq)
    assert desk.hear() == []
    desk.say("4", (43, "Y"), (123, "Y"), (36, 6), seq=2)
    assert [m[58] for m in desk.take_messages()] == [str(n) for n in range(6, 20)]
    assert desk.state is State.ACTIVE


def test_G07_remaining_hole_is_asked_for_when_the_fill_ends(version: str) -> None:
    desk = gapped(version, 4)
    desk.app("9", seq=9)
    desk.say("4", (43, "Y"), (123, "Y"), (36, 4), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["4"]
    [request] = desk.hear()
    assert (request.msg_type, request[7]) == ("2", "5")
    for seq in (5, 6, 7, 8):
        desk.dup("8", (58, str(seq)), seq=seq)
    assert [m[58] for m in desk.take_messages()] == ["5", "6", "7", "8", "9"]


def test_G08_no_progress_one_repeat_then_the_end(version: str) -> None:
    desk = gapped(version)
    desk.dup("8", (58, "2"), seq=2)
    for _ in range(3):  # traffic, but no progress; 108=30 gives 60 seconds
        desk.advance(25)
        desk.say("0", seq=7)
    requests = [m for m in desk.hear() if m.msg_type == "2"]
    assert [m[7] for m in requests] == ["3"]
    for _ in range(3):
        desk.advance(25)
        desk.say("0", seq=7)
    assert "5" in desk.hear_types()
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.RESEND_TIMEOUT
    assert desk.session.next_in == 3
    assert any("asked for twice" in alarm.text for alarm in desk.told(Alarm))


def test_G08_progress_after_a_repeated_request_gives_it_another_chance(version: str) -> None:
    desk = gapped(version, 9, resend_timeout=20, max_resend_requests=2)
    for seq in (2, 3, 4):
        desk.advance(20)
        assert [m[7] for m in desk.hear() if m.msg_type == "2"] == [str(seq)]
        desk.dup("8", (58, str(seq)), seq=seq)
        assert desk.state is State.RECOVERING
    desk.advance(20)
    desk.dup("8", (58, "3"), seq=3)  # a repetition is no progress
    desk.advance(20)
    assert "5" in desk.hear_types()


def test_G08_progress_keeps_waiting(version: str) -> None:
    desk = gapped(version, 20)
    for seq in range(2, 20):
        desk.advance(25)
        desk.dup("8", (58, str(seq)), seq=seq)
    assert "2" not in desk.hear_types()
    assert desk.state is State.ACTIVE


def test_G09_same_number_asked_for_too_often_needs_a_person(version: str) -> None:
    desk = Desk(version, max_resend_requests=3)
    for attempt in range(4):
        desk.connect()
        desk.say("A", *desk.logon_fields(), seq=5 + attempt)
        types = desk.hear_types()
        assert types == (["A", "2"] if attempt < 3 else ["A", "5"])
        if attempt < 3:
            desk.say("5", (58, "what do you want"), seq=6 + attempt)
            desk.drop()
    assert any("3 times" in alarm.text for alarm in desk.told(Alarm))


def test_G09_a_line_that_is_cut_before_the_answer_is_nobodys_fault(version: str) -> None:
    desk = Desk(version, max_resend_requests=3)
    for attempt in range(50):
        desk.connect()
        desk.say("A", *desk.logon_fields(), seq=5 + attempt)
        assert desk.hear_types() == ["A", "2"]
        desk.drop()
    alarms = [alarm.text for alarm in desk.told(Alarm)]
    assert sum("the line was lost each time" in text for text in alarms) == 1, "said once"


def test_G10_G11_T12_reconnect_asks_again_from_the_first_missing_number(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("4", seq=4)  # the request is made, and the connection is lost before it leaves
    desk.drop()
    assert desk.session.next_in == 2
    assert desk.session.stats().held == 0
    desk.connect()
    desk.say("A", *desk.logon_fields(), seq=5)
    _logon, request = desk.hear()
    assert (request.msg_type, request[7]) == ("2", "2")
    assert desk.state is State.RECOVERING


def test_T5_durable_number_is_the_first_missing_one(version: str) -> None:
    desk = gapped(version)
    assert desk.store.load().received == 2
    desk.restart()
    assert desk.session.next_in == 2


def test_G12_both_sides_have_gaps_at_logon(version: str) -> None:
    pair = Pair(version)
    pair.connect()
    pair.settle()
    for session, name in zip(pair.sessions, "ab", strict=True):
        for i in range(5):
            session.send("8", [(58, f"{name}{i}")], pair.now)
    pair.cut()  # all of it is lost on the way
    pair.connect()
    pair.settle()
    sent = sum(session.stats().messages_out for session in pair.sessions)
    for i, name in ((0, "b"), (1, "a")):
        texts = [event[58] for event in pair.events[i] if hasattr(event, "msg_type") and event.msg_type == "8"]
        assert texts == [f"{name}{n}" for n in range(5)]
        assert pair.sessions[i].state is State.ACTIVE
        assert pair.sessions[i].next_in == pair.sessions[1 - i].next_out
    assert sent < 40  # no storm


def test_G13_T6_messages_out_of_order_keep_the_link_alive(version: str) -> None:
    desk = gapped(version, resend_timeout=1000)
    for seq in range(7, 20):
        desk.advance(30)
        desk.app(str(seq), seq=seq)
    assert "1" not in desk.hear_types()  # T6: no TestRequest
    assert desk.state is State.RECOVERING


@pytest.mark.parametrize("flavour", ["whole", "bytewise"])
def test_F07_recovery_does_not_depend_on_how_bytes_arrive(version: str, flavour: str) -> None:
    desk = Desk(version)
    desk.logon()
    stream = desk.raw("8", (58, "d"), seq=5)
    for seq, text in ((2, "a"), (3, "b"), (4, "c")):
        stream += desk.raw("8", (43, "Y"), (122, desk.time(-1)), (58, text), seq=seq)
    for i in range(len(stream)) if flavour == "bytewise" else [0]:
        desk.give(stream[i : i + 1] if flavour == "bytewise" else stream)
    assert [m[58] for m in desk.take_messages()] == ["a", "b", "c", "d"]
    assert len(desk.told(GapDetected)) == len(desk.told(GapFilled)) == 1


def test_G12_two_gaps_with_closed_requests_and_no_room_to_hold_end() -> None:
    """Found by the simulation: each asked for the other's last ResendRequest, with a new one, without end."""
    options = {"queue_limit": 0, "resend_range": "closed", "resend_chunk": 3, "max_resend_requests": 1000}
    pair = Pair(a=options, b=options)
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        for n in range(5):
            session.send("8", [(58, str(n))], pair.now)
    pair.cut()
    pair.connect()
    for _ in range(40):
        pair.carry(0)
        pair.carry(1)
        pair.take(0)
        pair.take(1)
    assert [session.state for session in pair.sessions] == [State.ACTIVE, State.ACTIVE]
    for i in (0, 1):
        assert [event[58] for event in pair.events[i] if isinstance(event, Message)] == [str(n) for n in range(5)]
        assert pair.sessions[i].next_in == pair.sessions[1 - i].next_out < 30
