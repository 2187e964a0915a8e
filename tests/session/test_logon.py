"""Logon: acceptor (A2) and initiator (A3)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import EncodeError, LocalProtocolError, NotActive
from fixfast.session.config import LogonContext
from fixfast.session.events import Alarm, Disconnected, LoggedOn, LogonRefused, LogonRequested, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk

INITIATOR, ACCEPTOR = Role.INITIATOR, Role.ACCEPTOR


# --- acceptor ------------------------------------------------------------------------------------------------


def test_L01_valid_logon_is_answered_with_same_98_and_108(version: str) -> None:
    desk = Desk(version)
    answer = desk.logon(heart_bt_int=17)
    assert (answer.msg_type, answer.msg_seq_num, answer[98], answer[108]) == ("A", 1, "0", "17")
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    [logged_on] = desk.told(LoggedOn)
    assert logged_on.heart_bt_int == 17
    assert not logged_on.reset


def test_L02_logon_too_high_is_answered_then_a_resend_is_requested(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", *desk.logon_fields(), seq=5)
    logon, request = desk.hear()
    assert (logon.msg_type, request.msg_type, request.int(7)) == ("A", "2", 1)
    assert desk.session.next_in == 1
    assert desk.state is State.RECOVERING


def test_L03_logon_too_low_logs_out_with_both_numbers(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("one")
    desk.drop()
    desk.connect()
    desk.say("A", *desk.logon_fields(), seq=2)
    [logout] = desk.hear()
    assert logout.msg_type == "5"
    assert logout[58] == "MsgSeqNum too low, expecting 3 but received 2"
    assert logout.get(1409) == ("9" if version == "FIXT.1.1" else None)
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW
    assert desk.session.next_in == 3


@pytest.mark.parametrize(
    "header",
    [{"sender": "STRANGER"}, {"target": "OTHER"}, {"begin_string": "FIX.4.3"}, {"sender": None}, {"target": None}],
)
def test_L05_unknown_identity_is_dropped_silently_and_no_number_is_used(version: str, header: dict[str, Any]) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", *desk.logon_fields(), **header)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.IDENTITY
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)
    [refused] = desk.told(LogonRefused)
    assert refused.reason is CloseReason.IDENTITY
    assert refused.by_us


def test_L06_missing_heart_bt_int_is_refused_with_a_reason(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", (98, 0), (1137, "9"))
    reject, logout = desk.hear()
    assert (reject.msg_type, logout.msg_type) == ("3", "5")
    assert "108" in logout[58]
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.LOGON_INVALID


@pytest.mark.parametrize("offset", [-121, 121])
def test_L07_logon_sending_time_outside_window_is_refused_without_a_word(version: str, offset: int) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", *desk.logon_fields(), time=desk.time(offset))
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.SENDING_TIME
    assert desk.session.next_out == 1


@pytest.mark.parametrize("msg_type", ["0", "D", "5", "2", "4"])
def test_L08_first_message_not_a_logon_closes_without_logout(version: str, msg_type: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say(msg_type, (58, "x"))
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.NOT_LOGON
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)


def test_L09_fixt_logon_without_default_appl_ver_id_is_refused() -> None:
    desk = Desk("FIXT.1.1")
    desk.connect()
    desk.say("A", (98, 0), (108, 30))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371), logout.msg_type) == (1, 1137, "5")


@pytest.mark.parametrize("value", ["1", "11", "FIX50"])
def test_L10_unknown_default_appl_ver_id_is_refused_with_18(value: str) -> None:
    desk = Desk("FIXT.1.1")
    desk.connect()
    desk.say("A", (98, 0), (108, 30), (1137, value))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371), logout.msg_type) == (18, 1137, "5")


def test_L11_fixt_acceptor_answers_with_its_own_default() -> None:
    assert Desk("FIXT.1.1", default_appl_ver_id="7").logon()[1137] == "7"


def test_L13_encrypt_method_none_is_accepted(version: str) -> None:
    assert Desk(version).logon()[98] == "0"


def test_L14_other_encrypt_method_is_rejected_counted_and_logged_out(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", (98, 1), (108, 30), (1137, "9"))
    reject, logout = desk.hear()
    assert reject.get(373) == (None if version == "FIX.4.0" else "7")
    assert reject.int(45) == 1
    assert logout.msg_type == "5"
    assert desk.session.next_in == 2
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (7, 98)


def test_L17_heart_bt_int_0_has_no_heartbeats_but_other_timers(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=0)
    assert desk.session.next_deadline() is None
    desk.advance(100_000)
    assert desk.hear() == []
    assert desk.state is State.ACTIVE
    desk.session.logout("", desk.now)
    desk.hear()
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.LOGOUT_TIMEOUT  # T7


@pytest.mark.parametrize("value", ["-1", "x", "1.5", ""])
def test_L18_heart_bt_int_not_a_number_logs_out(version: str, value: str) -> None:
    desk = Desk(version)
    desk.connect()
    raw = desk.raw("A", (98, 0), (108, "@@"), (1137, "9"))
    # an empty value cannot be encoded, so the message is made by hand
    body = raw[raw.index(b"35=") : -7].replace(b"108=@@", b"108=" + value.encode())
    head = raw[: raw.index(b"\x01") + 1] + b"9=%d\x01" % len(body) + body
    desk.give(head + b"10=%03d\x01" % (sum(head) % 256))
    assert desk.hear_types()[-1] == "5"
    assert desk.session.next_in == 1


@pytest.mark.parametrize("theirs", ["Y", None])
def test_L23_other_environment_is_refused(version: str, theirs: str | None) -> None:
    desk = Desk(version, test_message_indicator=theirs is None)
    desk.connect()
    desk.say("A", *desk.logon_fields(), *([(464, theirs)] if theirs else []))
    [logout] = desk.hear()
    assert logout.msg_type == "5"
    assert "TestMessageIndicator" in logout[58]


def test_L23_same_environment_is_answered_with_the_indicator(version: str) -> None:
    desk = Desk(version, test_message_indicator=True)
    assert desk.logon((464, "Y"))[464] == "Y"


def test_L24_peers_max_message_size_is_kept_and_no_number_used(version: str) -> None:
    desk = Desk(version)
    desk.logon((383, 200))
    assert desk.session.send("D", [(58, "x" * 10)], desk.now) == 2
    with pytest.raises(EncodeError, match="MaxMessageSize 200"):
        desk.session.send("D", [(58, "x" * 200)], desk.now)
    assert desk.session.next_out == 3


def test_L27_second_logon_without_reset_ends_the_session(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("A", *desk.logon_fields())
    [logout] = desk.hear()
    assert logout.msg_type == "5"
    assert desk.session.next_in == 3
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.UNEXPECTED_LOGON


def test_L28_poss_dup_logon_is_no_logon(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.dup("A", *desk.logon_fields(), seq=1)
    assert desk.session.close_requested is CloseReason.NOT_LOGON
    desk = Desk(version)
    desk.logon()
    desk.dup("A", *desk.logon_fields(), seq=1)  # low: ignored
    desk.dup("A", *desk.logon_fields(), seq=2)  # in sequence: counted
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_L29_manual_logon_waits_for_the_decision(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields(), (553, "user"), (554, "canary"))
    assert desk.hear() == []
    assert desk.state is State.LOGON_RECEIVED
    [asked] = desk.told(LogonRequested)
    assert asked.message[554] == "canary"
    assert "canary" not in repr(asked)
    desk.session.accept_logon([(58, "welcome")], desk.now)
    [answer] = desk.hear()
    assert (answer.msg_type, answer[58]) == ("A", "welcome")
    assert desk.state is State.ACTIVE


def test_L30_messages_wait_while_the_logon_is_decided_on(version: str) -> None:
    desk = Desk(version, manual_logon=True, max_message_size=1000)
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.app("early")
    assert desk.take_messages() == []
    desk.session.accept_logon([], desk.now)
    assert [m[58] for m in desk.take_messages()] == ["early"]
    desk.drop()
    desk.connect()
    desk.say("A", *desk.logon_fields())
    while desk.session.close_requested is None:
        desk.app("flood")
    assert desk.session.close_requested is CloseReason.TOO_LARGE
    assert desk.seq < 40


def test_L30_decision_has_a_time_limit(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.LOGON_UNDECIDED
    assert desk.hear() == []


def test_L19_refused_logon_says_why_and_leaves_the_inbound_number(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.session.refuse_logon("not welcome", 5, desk.now)
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "not welcome")
    assert logout.get(1409) == ("5" if version == "FIXT.1.1" else None)
    assert desk.session.next_in == 1
    [refused] = desk.told(LogonRefused)
    assert refused.text == "not welcome"
    assert refused.by_us


def test_L19_silent_refusal_uses_no_number(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.session.refuse_logon(None, None, desk.now)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.LOGON_REFUSED
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)


def test_decisions_need_a_logon() -> None:
    desk = Desk()
    desk.logon()
    with pytest.raises(LocalProtocolError):
        desk.session.accept_logon([], desk.now)
    with pytest.raises(LocalProtocolError):
        desk.session.refuse_logon("x", None, desk.now)


def test_acceptor_gives_a_connection_5_seconds_for_its_logon(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.advance(4.9)
    assert desk.session.close_requested is None
    desk.advance(0.2)
    assert desk.session.close_requested is CloseReason.LOGON_TIMEOUT
    assert desk.hear() == []


# --- initiator -----------------------------------------------------------------------------------------------


def test_I01_logon_is_sent_once_with_the_next_number(version: str) -> None:
    desk = Desk(version, INITIATOR, heart_bt_int=12, username="u", password="p")
    desk.connect()
    [logon] = desk.hear()
    assert (logon.msg_type, logon.msg_seq_num, logon[98], logon[108]) == ("A", 1, "0", "12")
    assert (logon[49], logon[56], logon[553], logon[554]) == ("US", "THEM", "u", "p")
    assert logon.get(1137) == ("9" if version == "FIXT.1.1" else None)
    desk.advance(5)
    assert desk.hear() == []
    with pytest.raises(LocalProtocolError):
        desk.connect()


def test_I02_answer_in_sequence_establishes(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.logon()
    assert desk.state is State.ACTIVE
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)


def test_I03_answer_too_high_asks_for_the_gap(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), seq=4)
    [request] = desk.hear()
    assert (request.msg_type, request.int(7)) == ("2", 1)
    assert desk.state is State.RECOVERING
    assert desk.session.next_in == 1


def test_I04_answer_too_low_ends_with_an_alarm(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.logon()
    desk.app("one")
    desk.drop()
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), seq=1)
    [logout] = desk.hear()
    assert logout[58] == "MsgSeqNum too low, expecting 3 but received 1"
    assert any("lost its numbers" in alarm.text for alarm in desk.told(Alarm))
    assert desk.session.next_in == 3
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.SEQUENCE_TOO_LOW


@pytest.mark.parametrize(
    ("fields", "header", "reason"),
    [
        ([(98, 0)], {}, CloseReason.LOGON_INVALID),
        ([(98, 2), (108, 30)], {}, CloseReason.LOGON_INVALID),
        ([(98, 0), (108, 30)], {"sender": "WRONG"}, CloseReason.IDENTITY),
        ([(98, 0), (108, 30)], {"begin_string": "FIX.4.3"}, CloseReason.BEGIN_STRING),
        ([(98, 0), (108, 30)], {"time": "20200101-00:00:00"}, CloseReason.SENDING_TIME),
        ([(98, 0), (108, 30)], {"number": None}, CloseReason.MSG_SEQ_NUM),
    ],
)
def test_I05_invalid_answer_logs_out_with_a_reason(
    version: str, fields: list[Any], header: dict[str, Any], reason: CloseReason
) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("A", *fields, (1137, "9"), **header)
    assert desk.hear_types() == ["5"]
    assert desk.session.next_out == 3  # Logon, Logout, and no Reject that waits in the store
    [refused] = desk.told(LogonRefused)
    assert refused.reason is reason
    assert refused.by_us
    desk.advance(2)
    assert desk.session.close_requested is reason
    assert desk.told(LoggedOn) == []


@pytest.mark.parametrize("msg_type", ["0", "8", "2"])
def test_I06_first_answer_not_a_logon_logs_out(version: str, msg_type: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say(msg_type, (58, "x"))
    assert desk.hear_types() == ["5"]
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.NOT_LOGON
    assert desk.take_messages() == []


def test_I07_logout_as_answer_surfaces_text_and_status(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("5", (58, "no trading today"), (1409, 7))
    [refused] = desk.told(LogonRefused)
    assert (refused.text, refused.status, refused.by_us) == ("no trading today", 7, False)
    assert desk.session.close_requested is CloseReason.LOGON_REFUSED
    assert desk.hear() == []
    desk.drop()
    assert [event.reason for event in desk.told(Disconnected)] == [CloseReason.LOGON_REFUSED]
    assert len(desk.told(LogonRefused)) == 1


def test_I08_answers_heart_bt_int_is_taken(version: str) -> None:
    desk = Desk(version, INITIATOR, heart_bt_int=30)
    desk.logon(heart_bt_int=5)
    desk.advance(5)
    assert desk.hear_types() == ["0"]


def test_I10_no_answer_in_time_disconnects(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.LOGON_TIMEOUT
    assert desk.hear() == []
    assert not desk.told(LogonRefused)[0].by_us


def test_I10_lost_connection_before_the_answer_is_reported(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.drop()
    [refused] = desk.told(LogonRefused)
    assert refused.reason is CloseReason.CONNECTION_LOST
    assert not refused.by_us
    assert desk.state is State.DISCONNECTED


def test_I11_nothing_goes_out_before_the_answer(version: str) -> None:
    desk = Desk(version, INITIATOR, offline="store")
    desk.connect()
    desk.hear()
    assert desk.session.send("D", [(11, "early")], desk.now) == 2
    assert desk.hear() == []
    desk.say("A", *desk.logon_fields())
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == [("D", 2)]


def test_I11_nothing_goes_out_when_the_answer_is_refused(version: str) -> None:
    desk = Desk(version, INITIATOR, offline="store")
    desk.connect()
    desk.session.send("8", [(58, "early")], desk.now)
    desk.say("A", (98, 5), (108, 30), (1137, "9"))
    assert "8" not in desk.hear_types()


def test_I11_send_before_logon_is_refused(version: str) -> None:
    desk = Desk(version, INITIATOR)
    with pytest.raises(NotActive):
        desk.session.send("D", [(11, "x")], desk.now)
    desk.connect()
    with pytest.raises(NotActive):
        desk.session.send("D", [(11, "x")], desk.now)
    assert desk.session.next_out == 2


def test_logon_hook_sees_what_it_signs_and_replaces_fields(version: str) -> None:
    seen: list[LogonContext] = []

    def hook(context: LogonContext) -> list[tuple[int, Any]]:
        seen.append(context)
        return [(96, b"sig\x01nature"), (108, 7), (553, "key")]

    desk = Desk(version, INITIATOR, username="u", logon=hook)
    desk.connect()
    [logon] = desk.hear()
    assert seen[0].sending_time == logon[52]
    assert seen[0].msg_seq_num == logon.msg_seq_num
    assert not seen[0].reset
    assert (seen[0].sender_comp_id, seen[0].target_comp_id) == ("US", "THEM")
    assert (logon.bytes(96), logon[95], logon.all(108), logon.all(553)) == (b"sig\x01nature", "10", ["7"], ["key"])


def test_failing_logon_hook_closes_with_an_alarm(version: str) -> None:
    def hook(context: LogonContext) -> list[tuple[int, Any]]:
        raise RuntimeError("no key")

    desk = Desk(version, INITIATOR, logon=hook)
    desk.connect()
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.LOCAL
    assert any("no key" in alarm.text for alarm in desk.told(Alarm))
    assert desk.session.next_out == 1


def test_sub_ids_are_written_unless_the_application_sets_them(version: str) -> None:
    desk = Desk(version, INITIATOR, sender_sub_id="desk", target_sub_id="room")
    logon = desk.logon()
    assert (logon[50], logon[57]) == ("desk", "room")
    desk.session.send("D", [(11, "x"), (50, "trader")], desk.now)
    template = desk.session.template("D", [(11, "y"), (57, "else")])
    desk.session.send_template(template, desk.now)
    first, second = desk.hear()
    assert (first.all(50), first.all(57)) == (["trader"], ["room"])
    assert (second.all(50), second.all(57)) == (["desk"], ["else"])
