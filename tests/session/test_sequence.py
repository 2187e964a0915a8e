"""Sequence numbers, PossDup, PossResend (A5)."""

from __future__ import annotations

import pytest

from fixfast.errors import EncodeError, FixfastError, LocalProtocolError
from fixfast.session.checks import MAX_SEQ_NUM
from fixfast.session.events import Alarm, GapDetected, GapFilled, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Slot
from tests.session.harness import Desk


def test_S01_expected_number_is_delivered_and_counted(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.give(b"".join(desk.raw("8", (58, str(i))) for i in range(5)))
    assert [m[58] for m in desk.take_messages()] == ["0", "1", "2", "3", "4"]
    assert desk.session.next_in == 7
    assert desk.session.stats().messages_in == 5


def test_S02_S22_too_high_waits_for_its_turn(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("four", seq=4)
    [request] = desk.hear()
    assert (request.msg_type, request.int(7)) == ("2", 2)
    assert request.int(16) == (999_999 if version == "FIX.4.0" else 0)
    assert desk.take_messages() == []
    assert desk.session.next_in == 2
    assert desk.state is State.RECOVERING
    assert desk.state.active
    desk.dup("8", (58, "two"), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["two"]
    desk.dup("8", (58, "three"), seq=3)
    assert [m[58] for m in desk.take_messages()] == ["three", "four"]
    assert desk.session.next_in == 5
    assert desk.state is State.ACTIVE
    [detected], [filled] = desk.told(GapDetected), desk.told(GapFilled)
    assert (detected.begin, detected.end) == (2, 3)
    assert (filled.begin, filled.end) == (2, 4)


def test_S03_further_too_high_messages_ask_for_nothing(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    for seq in (4, 5, 6, 9, 7):
        desk.app(str(seq), seq=seq)
    assert desk.hear_types() == ["2"]


def test_S04_low_seq_num_logs_out(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("a")
    desk.app("b", seq=1)
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "MsgSeqNum too low, expecting 3 but received 1")
    assert [m[58] for m in desk.take_messages()] == ["a"]
    assert desk.told(Alarm)
    desk.app("ignored from now on", seq=3)
    assert desk.take_messages() == []
    assert desk.session.next_in == 3
    desk.advance(1.9)
    assert desk.session.close_requested is None
    desk.advance(0.2)
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW


def test_S04_peers_answer_ends_the_wait(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("low", seq=1)
    desk.hear()
    desk.say("5", seq=2)
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW
    assert desk.hear() == []


def test_S05_repetition_is_ignored(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("a")
    desk.dup("8", (58, "a"), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["a"]
    assert desk.hear() == []
    assert desk.session.next_in == 3
    assert desk.session.stats().duplicates == 1


def test_S06_poss_dup_with_the_expected_number_is_processed(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.dup("8", (58, "a"), seq=2)
    [got] = desk.take_messages()
    assert got[58] == "a"
    assert got.poss_dup
    assert not got.redelivered
    assert desk.session.next_in == 3


def test_S07_orig_sending_time_above_sending_time_is_rejected_and_counted(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.dup("8", (58, "a"), seq=2, original=5)
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(45)) == ("3", 2)
    if version == "FIX.4.0":
        assert reject[58].endswith("(122)")
    else:
        assert (reject.int(373), reject.int(371)) == (10, 122)
    assert desk.session.next_in == 3
    assert desk.take_messages() == []
    assert desk.state is State.ACTIVE


def test_S08_orig_sending_time_above_sending_time_of_a_repetition_ends(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("a")
    desk.dup("8", (58, "a"), seq=2, original=5)
    assert desk.hear_types() == ["3", "5"]
    assert desk.session.next_in == 3
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.SENDING_TIME


def test_S09_missing_orig_sending_time_is_rejected_and_counted(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (43, "Y"), (58, "a"))
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (1, 122)
    assert desk.session.next_in == 3


def test_S10_missing_orig_sending_time_of_a_repetition_is_rejected_only(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("a")
    desk.say("8", (43, "Y"), (58, "a"), seq=2)
    assert desk.hear_types() == ["3"]
    assert desk.session.next_in == 3
    assert desk.state is State.ACTIVE


def test_S11_sequence_reset_needs_no_orig_sending_time(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("4", (43, "Y"), (123, "Y"), (36, 9), seq=2)
    desk.say("4", (43, "Y"), (123, "Y"), (36, 9), seq=2)
    assert desk.hear() == []
    assert desk.session.next_in == 9


def test_S12_poss_dup_too_high_is_held(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.dup("8", (58, "b"), seq=3)
    assert desk.hear_types()[0] == "2"
    assert desk.take_messages() == []
    assert desk.session.next_in == 2
    desk.dup("8", (58, "a"), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["a", "b"]


def test_S13_S14_poss_resend_is_delivered_with_its_flag(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (97, "Y"), (58, "a"))
    [got] = desk.take_messages()
    assert got.poss_resend
    assert desk.session.next_in == 3


@pytest.mark.parametrize("tag", [8, 9, 10, 34, 35, 43, 49, 52, 56, 122])
def test_S15_application_cannot_set_the_sessions_tags(version: str, tag: int) -> None:
    desk = Desk(version)
    desk.logon()
    value = 1 if tag in (9, 10, 34) else "x"
    with pytest.raises(EncodeError) as refused:
        desk.session.send("D", [(11, "x"), (tag, value)], desk.now)
    assert refused.value.tag == tag
    with pytest.raises(EncodeError) as refused:
        desk.session.template("D", [(11, "x"), Slot(tag)])
    assert refused.value.tag == tag
    assert desk.session.next_out == 2
    assert desk.hear() == []


def test_S15_header_fields_of_the_application_are_moved_forward(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.send("D", [(11, "x"), (115, "client"), (97, True)], desk.now)
    template = desk.session.template("D", [Slot(11), (115, "client"), Slot(97, "bool")])
    desk.session.send_template(template, "y", True, desk.now)
    for m in desk.hear():
        tags = [tag for tag, _ in m]
        assert tags[:7] == [8, 9, 35, 49, 56, 34, 52]
        assert sorted(tags[7:9]) == [97, 115]
        assert tags[9:] == [11, 10]


@pytest.mark.parametrize("msg_type", ["0", "1", "2", "4", "5", "A"])
def test_session_messages_cannot_be_sent_by_the_application(msg_type: str) -> None:
    desk = Desk()
    desk.logon()
    with pytest.raises(LocalProtocolError):
        desk.session.send(msg_type, [], desk.now)
    with pytest.raises(LocalProtocolError):
        desk.session.template(msg_type, [])


@pytest.mark.parametrize("msg_type", ["0", "1", "2", "5"])
def test_S16_resent_session_message_counts_without_effect(version: str, msg_type: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.dup(msg_type, (112, "t"), (7, 1), (16, 0), seq=2)
    assert desk.hear() == []
    assert desk.session.next_in == 3
    assert desk.state is State.ACTIVE


def test_S17_too_high_test_request_is_answered_at_its_turn(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("1", (112, "high"), seq=3)
    assert desk.hear_types() == ["2"]
    desk.dup("8", (58, "a"), seq=2)
    [heartbeat] = desk.hear()
    assert (heartbeat.msg_type, heartbeat[112]) == ("0", "high")


def test_S18_T4_too_high_reject_moves_nothing(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("3", (45, 1), seq=5)
    assert desk.session.next_in == 2
    desk.say("4", (43, "Y"), (123, "Y"), (36, 5), seq=2)
    assert [m.msg_type for m in desk.take_messages()] == ["3"]
    assert desk.session.next_in == 6


@pytest.mark.parametrize("number", [10**15, 2**63 - 1, 2**63, 2**64 + 2, int("9" * 30)])
def test_S19_a_number_beyond_bounds_is_rejected_and_overflows_nothing(version: str, number: int) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (58, "x"), number=number)
    [reject] = desk.hear()
    assert (reject.msg_type, reject[45]) == ("3", str(number))
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (5, 34)
    assert desk.session.next_in == 2
    desk.say("8", (58, "y"), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["y"]


@pytest.mark.parametrize("number", [2**62, 2**64, int("9" * 30)])
def test_S19_every_number_a_peer_can_give_is_bounded(version: str, number: int) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("4", (123, "Y"), (36, number), seq=2)
    desk.say("4", (36, number), seq=3)
    desk.say("2", (7, number), (16, 0), seq=4)
    assert desk.hear_types() == ["3", "3", "3"]
    assert [(event.reason, event.ref_tag) for event in desk.told(Rejected)] == [(5, 36), (5, 36), (5, 7)]
    assert desk.session.next_in == 5
    desk.say("2", (7, 1), (16, number), seq=5)  # the end is clamped (P05)
    assert [(m.msg_type, m.msg_seq_num, m.get(36)) for m in desk.hear()] == [("4", 1, "5")]


def test_S19_our_own_numbers_end_before_they_overflow() -> None:
    desk = Desk()
    desk.logon()
    desk.session._outbox.next_out = MAX_SEQ_NUM - 1
    desk.session.send("8", [(58, "the last")], desk.now)
    with pytest.raises(LocalProtocolError, match="used up"):
        desk.session.send("8", [(58, "one more")], desk.now)


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("begin_string", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4"])
def test_S20_an_alarm_long_before_numbers_mean_infinity(begin_string: str, direction: str) -> None:
    desk = Desk(begin_string)
    desk.logon(heart_bt_int=10)
    desk.take()
    if direction == "out":
        desk.session._outbox.next_out = 899_999
        desk.session.send("8", [(58, "x")], desk.now)
        assert desk.told(Alarm) == []
        desk.session.send("8", [(58, "x")], desk.now)
    else:
        desk.say("4", (123, "Y"), (36, 899_999))
        desk.advance(10)
        assert desk.told(Alarm) == []
        desk.app("x", seq=899_999)
        desk.advance(10)
    alarms = [alarm.text for alarm in desk.told(Alarm)]
    assert len(alarms) == (1 if begin_string < "FIX.4.3" else 0)
    desk.session.send("8", [(58, "x")], desk.now)
    desk.app("x", seq=desk.session.next_in)
    desk.advance(10)
    assert len(desk.told(Alarm)) == len(alarms), "once an epoch"
    assert all("900000" in text for text in alarms)


def test_S21_T14_full_queue_drops_the_newest_and_recovers(version: str) -> None:
    desk = Desk(version, queue_limit=2)
    desk.logon()
    for seq in (4, 5, 6, 7):
        desk.app(str(seq), seq=seq)
    stats = desk.session.stats()
    assert (stats.held, stats.dropped) == (2, 2)
    assert desk.hear_types() == ["2"]
    for seq in (2, 3, 4, 5, 6, 7):
        desk.dup("8", (58, str(seq)), seq=seq)
    assert [m[58] for m in desk.take_messages()] == ["2", "3", "4", "5", "6", "7"]
    assert desk.state is State.ACTIVE
    assert len(desk.told(Alarm)) == 1


def test_S21_of_two_with_one_number_the_first_stays(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("first", seq=4)
    held = desk.session.stats().held_bytes
    desk.app("second", seq=4)
    desk.dup("8", (58, "third"), seq=4)
    assert (desk.session.stats().held, desk.session.stats().held_bytes) == (1, held)
    desk.say("4", (43, "Y"), (123, "Y"), (36, 4), seq=2)
    assert [m[58] for m in desk.take_messages()] == ["first"]
    assert desk.session.stats().held_bytes == 0


def test_S21_queue_is_bounded_by_bytes(version: str) -> None:
    desk = Desk(version, queue_bytes=3000)
    desk.logon()
    for seq in range(3, 100):
        desk.app("x" * 300, seq=seq)
    stats = desk.session.stats()
    assert 0 < stats.held_bytes <= 3000
    assert stats.held + stats.dropped == 97


def test_V24_resent_invalid_message_is_rejected_and_the_queue_goes_on(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("four", seq=4)
    desk.hear()
    desk.say("8", (43, "Y"), (58, "two"), seq=2)  # no 122
    desk.dup("8", (58, "three"), seq=3)
    assert desk.hear_types() == ["3"]
    assert [m[58] for m in desk.take_messages()] == ["three", "four"]


def test_events_come_in_order_and_messages_are_messages() -> None:
    desk = Desk()
    desk.logon()
    desk.app("a")
    desk.dup("8", (58, "x"), seq=3, original=5)
    desk.say("8", (58, "b"), seq=4)
    kinds = [type(event) for event in desk.take()]
    assert kinds == [Message, Rejected, Message]


def test_every_error_of_the_session_is_a_fixfast_error() -> None:
    desk = Desk()
    for call in (
        lambda: desk.session.receive_data(b"x", desk.now),
        lambda: desk.session.done(1),
        lambda: desk.session.send("D", [], desk.now),
    ):
        with pytest.raises(FixfastError):
            call()
