"""What a Logon agrees on beside the numbers: heartbeats, sizes, versions, status, and a round trip (A2, A3, X12)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Alarm, LoggedOn, LoggedOut, LogonRefused, LogonRequested
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk

INITIATOR, ACCEPTOR = Role.INITIATOR, Role.ACCEPTOR


# --- HeartBtInt ----------------------------------------------------------------------------------------------


def test_L15_an_acceptor_takes_and_uses_the_peers_interval(version: str) -> None:
    desk = Desk(version, heart_bt_int=30)
    assert desk.logon(heart_bt_int=7)[108] == "7"
    desk.advance(7)
    assert desk.hear_types() == ["0"]


@pytest.mark.parametrize(
    ("policy", "good", "bad", "wanted"),
    [("fixed", [30], [29, 31, 0], "30"), ((10, 20), [10, 15, 20], [9, 21, 0], "from 10 to 20")],
)
@pytest.mark.parametrize("role", [ACCEPTOR, INITIATOR])
def test_L16_I08_another_interval_is_refused_naming_the_wanted(
    version: str, role: Role, policy: Any, good: list[int], bad: list[int], wanted: str
) -> None:
    for interval in good:
        Desk(version, role, heart_bt_int=30, heart_bt_int_policy=policy).logon(heart_bt_int=interval)
    for interval in bad:
        desk = Desk(version, role, heart_bt_int=30, heart_bt_int_policy=policy)
        desk.connect()
        desk.hear()
        desk.say("A", *desk.logon_fields(interval))
        [logout] = desk.hear()
        assert (logout.msg_type, logout[58]) == ("5", f"HeartBtInt must be {wanted}, received {interval}")
        [refused] = desk.told(LogonRefused)
        assert (refused.text, refused.by_us) == (logout[58], True)
        desk.advance(2)
        assert desk.session.close_requested is CloseReason.LOGON_INVALID


@pytest.mark.parametrize("policy", ["any", (5,), (5, 4), (-1, 4), (1.0, 2), (True, 2), [5, 9], None])
def test_L16_policies_that_make_no_sense(policy: Any) -> None:
    with pytest.raises(ConfigError, match="'accept', 'fixed', or a pair"):
        SessionConfig("FIX.4.4", "A", "B", heart_bt_int_policy=policy)


# --- 98 ------------------------------------------------------------------------------------------------------


def test_I09_answer_with_another_encrypt_method_logs_out(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("A", (98, 1), (108, 30), (1137, "9"))
    [logout] = desk.hear()
    assert (logout.msg_type, "EncryptMethod" in logout[58]) == ("5", True)
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.LOGON_INVALID
    assert not desk.told(LoggedOn)


# --- SessionStatus -------------------------------------------------------------------------------------------


def test_L20_L21_a_decision_sets_session_status_on_our_logon(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields(), (553, "u"), (554, "old"), (925, "new"))
    [asked] = desk.told(LogonRequested)
    assert (asked.message[554], asked.message[925]) == ("old", "new")
    desk.session.accept_logon([(58, "password changed")], desk.now, status=1)
    [answer] = desk.hear()
    assert (answer[58], answer.get(1409)) == ("password changed", "1" if version == "FIXT.1.1" else None)


def test_L21_an_answer_prepared_before_the_logon_is_for_one_logon_only(version: str) -> None:
    desk = Desk(version)
    desk.session.answer_with([(58, "expires on Friday")], status=2)
    answer = desk.logon()
    assert (answer[58], answer.get(1409)) == ("expires on Friday", "2" if version == "FIXT.1.1" else None)
    desk.drop()
    answer = desk.logon()
    assert (answer.get(58), answer.get(1409)) == (None, None)


@pytest.mark.parametrize("status", [3, 5, 6, 7, 8])
def test_L20_L21_a_refusal_has_its_status(version: str, status: int) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.session.refuse_logon("no", status, desk.now)
    [logout] = desk.hear()
    assert logout.get(1409) == (str(status) if version == "FIXT.1.1" else None)
    assert desk.told(LogonRefused)[0].status == status


def test_L21_a_logout_of_ours_has_its_status(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.logout("locked", desk.now, status=6)
    [logout] = desk.hear()
    assert (logout[58], logout.get(1409)) == ("locked", "6" if version == "FIXT.1.1" else None)


def test_L21_the_status_of_the_peers_logout_is_told() -> None:
    desk = Desk("FIXT.1.1", INITIATOR)
    desk.logon((1409, 2))
    assert desk.told(LoggedOn)[0].message[1409] == "2"
    desk.say("5", (1409, 8), (58, "expired"))
    assert (desk.told(LoggedOut)[0].status, desk.told(LoggedOut)[0].text) == (8, "expired")


def test_L22_encrypted_passwords_are_passed_through_and_not_shown() -> None:
    secret = b"\x01\x00canary"
    fields: list[tuple[int, Any]] = [(1400, 101), (1402, secret), (1404, secret[::-1])]
    ours = Desk("FIXT.1.1", INITIATOR, logon=lambda context: fields)
    ours.connect()
    [logon] = ours.hear()
    assert (logon[1400], logon[1401], logon.bytes(1402), logon.bytes(1404)) == ("101", "8", secret, secret[::-1])
    desk = Desk("FIXT.1.1", manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields(), *fields)
    [asked] = desk.told(LogonRequested)
    assert (asked.message.bytes(1402), asked.message.bytes(1404)) == (secret, secret[::-1])
    assert "canary" not in repr(asked)
    desk.session.accept_logon([], desk.now)
    assert desk.state is State.ACTIVE


@pytest.mark.parametrize("tag", [554, 925, 1402, 1404])
def test_C23_the_text_of_a_refusal_never_repeats_a_password(tag: int) -> None:
    desk = Desk("FIXT.1.1", manual_logon=True)
    desk.connect()
    desk.say("A", *desk.logon_fields(), (tag, "canary"))
    desk.session.refuse_logon("user u has another password than canary!", 5, desk.now)
    [logout] = desk.hear()
    assert logout[58] == "Logon refused"
    assert "canary" not in repr(desk.told(LogonRefused))


# --- MaxMessageSize ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [ACCEPTOR, INITIATOR])
@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_L25_a_peer_that_exceeds_what_we_announced_is_logged_out(version: str, role: Role) -> None:
    desk = Desk(version, role, max_message_size=500, announce_max_message_size=True)
    assert desk.logon()[383] == "500"
    desk.say("8", (58, "x" * 300))
    assert len(desk.take_messages()) == 1
    desk.say("8", (58, "x" * 500))
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "Message above our MaxMessageSize 500")
    assert desk.session.close_requested is CloseReason.TOO_LARGE
    assert desk.take_messages() == []


def test_L25_not_announced_by_default_nor_where_the_version_has_no_383(version: str) -> None:
    assert 383 not in Desk(version).logon()
    with pytest.raises(ConfigError, match="no such field"):
        SessionConfig("FIX.4.1", "A", "B", announce_max_message_size=True)


# --- versions ------------------------------------------------------------------------------------------------


def test_X12_L11_the_acceptors_own_version_or_the_peers_by_option() -> None:
    assert Desk("FIXT.1.1", default_appl_ver_id="7").logon()[1137] == "7"
    desk = Desk("FIXT.1.1", default_appl_ver_id="7", adopt_peer_appl_ver_id=True)
    assert desk.logon()[1137] == "9"
    desk.drop()
    desk.connect()
    desk.say("A", (98, 0), (108, 30), (1137, "4"))
    assert desk.hear()[0][1137] == "4"
    assert "exec_trans_type" in (desk.session.encoder("8").names or ())  # FIX 4.2: ours are written by it
    desk.drop()
    assert "exec_trans_type" not in (desk.session.encoder("8").names or ())
    assert Desk("FIXT.1.1", INITIATOR, adopt_peer_appl_ver_id=True, default_appl_ver_id="7").logon()[1137] == "7"


# --- what comes first ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("msg_type", "tag"), [("3", 373), ("j", 380)])
def test_I06_I07_a_reject_of_our_logon_says_why(version: str, msg_type: str, tag: int) -> None:
    desk = Desk(version, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say(msg_type, (45, 1), (371, 554), (tag, 5), (372, "A"), (58, "invalid api key"))
    assert desk.hear_types() == ["5"]
    [refused] = desk.told(LogonRefused)
    assert (refused.reason, refused.by_us) == (CloseReason.LOGON_REFUSED, False)
    assert (refused.text, refused.reject_reason, refused.ref_tag) == ("invalid api key", 5, 554)
    assert desk.session.next_in == 1  # if its number is one of the session's, it is gap-filled next time
    assert desk.take_messages() == []
    desk.say("5", (58, "bye"))
    assert desk.session.close_requested is CloseReason.LOGON_REFUSED
    assert len(desk.told(LogonRefused)) == 1


@pytest.mark.parametrize("fields", [[], [(373, "x"), (371, "y")], [(373, "9" * 40)]])
def test_I06_a_reject_that_says_little(fields: list[Any]) -> None:
    desk = Desk("FIX.4.4", INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("3", (45, 1), *fields, seq=7)
    [refused] = desk.told(LogonRefused)
    assert (refused.text, refused.reject_reason) == ("", None)
    assert desk.session.next_in == 1


# --- the round trip ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [ACCEPTOR, INITIATOR])
def test_I12_logged_on_is_told_behind_a_round_trip(version: str, role: Role) -> None:
    desk = Desk(version, role, logon_test_request=True)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields())
    test = desk.hear()[-1]
    assert test.msg_type == "1"
    desk.say("0", (112, "another"))
    assert not desk.told(LoggedOn)
    desk.say("0", (112, test[112]))
    [logged_on] = desk.told(LoggedOn)
    assert logged_on.heart_bt_int == 30
    desk.advance(29)
    assert desk.hear() == []
    assert desk.state is State.ACTIVE


def test_I12_what_is_stored_before_the_answer_goes_out_when_it_is_asked_for(version: str) -> None:
    desk = Desk(version, INITIATOR, logon_test_request=True, offline="store")
    desk.connect()
    desk.hear()
    desk.session.send("8", [(58, "early")], desk.now)
    desk.say("A", *desk.logon_fields())
    [test] = desk.hear()
    assert (test.msg_type, test.msg_seq_num) == ("1", 3)
    desk.say("2", (7, 2), (16, 0))
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == [("8", 2), ("4", 3)]
    desk.say("0", (112, test[112]))
    assert desk.told(LoggedOn)


def test_I12_the_round_trip_waits_for_what_is_resent_and_not_for_ever(version: str) -> None:
    desk = Desk(version, INITIATOR, logon_test_request=True, resend_timeout=100)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), seq=3)
    assert desk.hear_types() == ["1", "2"]
    desk.advance(25)
    assert desk.state is State.RECOVERING
    desk.dup("4", (123, "Y"), (36, 4), seq=1)
    assert desk.state is State.ACTIVE
    desk.advance(10)
    assert "5" in desk.hear_types()
    assert any("TestRequest behind our Logon" in alarm.text for alarm in desk.told(Alarm))
    assert not desk.told(LoggedOn)
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.LOGON_TIMEOUT


@pytest.mark.parametrize("what", ["logout", "reset"])
def test_I12_what_begins_during_the_round_trip_keeps_its_own_time_limit(what: str) -> None:
    desk = Desk("FIX.4.4", INITIATOR, logon_test_request=True)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(0))
    [test] = desk.hear()
    if what == "logout":
        desk.session.logout("", desk.now)
    else:
        desk.session.reset(desk.now)
    desk.hear()
    desk.say("0", (112, test[112]))
    assert desk.session.next_deadline() is not None
    desk.advance(60)
    if what == "logout":
        assert desk.session.close_requested is CloseReason.LOGOUT_TIMEOUT
    else:
        assert any("reset was not answered in time" in alarm.text for alarm in desk.told(Alarm))


def test_I12_off_by_default(version: str) -> None:
    desk = Desk(version, INITIATOR)
    desk.logon()
    assert desk.told(LoggedOn)
    assert desk.hear() == []


# --- T7 ------------------------------------------------------------------------------------------------------


def test_L17_T7_without_heartbeats_a_half_closed_session_still_ends(version: str) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=0)
    desk.say("5")
    assert desk.hear_types() == ["5"]
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.LOGOUT
    desk.drop()
    desk.connect()
    desk.advance(5)
    assert desk.session.close_requested is CloseReason.LOGON_TIMEOUT
