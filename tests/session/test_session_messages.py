"""Session messages that are not as the dictionary says: no venue is locked out, and no session stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast.dictionary.validation import Validation
from fixfast.session.events import Alarm, LoggedOn, LoggedOut, LogonRefused, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk
from tests.session.judged import STRICT, by_hand, cancel, desk_of, refused

ROLES = pytest.mark.parametrize("role", list(Role))
#: what venues and brokers put into Logons: in FIX 4.2 even 553 and 554 are strangers
VENUE_TAGS = [
    (553, "me"),
    (554, "secret"),
    (25035, 1),
    (9001, "Y"),
    (96, "sig"),
    (8674, 0),
    (58, "welcome"),
    (999, "x"),
]

# --- Logon ------------------------------------------------------------------------------------------------------


@ROLES
def test_L31_a_venue_s_own_tags_in_a_logon_are_let_pass(version: str, role: Role) -> None:
    desk = Desk(version, role)
    desk.logon(*VENUE_TAGS)
    assert desk.state is State.ACTIVE
    assert desk.hear() == []
    assert desk.told(Alarm) == []


@ROLES
def test_L31_strict_session_validation_refuses_them(role: Role) -> None:
    desk = Desk("FIX.4.4", role, session_validation=STRICT)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), (25035, 1))
    *reject, logout = desk.hear()
    assert [(m.msg_type, m.int(373), m.int(371)) for m in reject] == [("3", 0, 25035)] * (role is Role.ACCEPTOR)
    assert (logout.msg_type, logout[58], logout.int(34)) == ("5", "Invalid tag number: 25035", 2)
    [refusal] = desk.told(LogonRefused)
    assert (refusal.reason, refusal.by_us) == (CloseReason.LOGON_INVALID, True)
    assert "25035" in refusal.text


@ROLES
@pytest.mark.parametrize(
    ("extra", "reason", "tag"), [((141, "yes"), 6, 141), ((98, 0), 13, 98), ((383, "big"), 6, 383)]
)
def test_L06_I05_a_malformed_logon_is_refused(extra: tuple[int, Any], reason: int, tag: int, role: Role) -> None:
    desk = Desk("FIX.4.4", role)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), extra)
    *reject, logout = desk.hear()
    assert [(m.int(373), m.int(371)) for m in reject] == [(reason, tag)] * (role is Role.ACCEPTOR)
    assert (logout.msg_type, logout.int(34)) == ("5", 2), "no number is missing before it"
    assert str(tag) in logout[58]
    assert desk.session.next_in == 2


def test_L06_a_malformed_logon_is_taken_where_nothing_is_judged() -> None:
    desk = desk_of(session_validation=None)
    desk.drop()
    desk.connect()
    desk.say("A", *desk.logon_fields(), (383, "big"))
    assert desk.hear_types() == ["A"]


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_a_logon_with_a_fault_is_taken_by_other_modes(mode: Any) -> None:
    desk = Desk("FIX.4.4", session_validation=Validation(mode))
    desk.logon((25035, 1))
    [logged_on] = [event for event in desk.events if isinstance(event, LoggedOn)]
    assert logged_on.message.fault is not None
    assert len(desk.told(Alarm)) == (mode == "warn")


def test_C5_a_stranger_s_malformed_logon_learns_nothing() -> None:
    desk = Desk("FIX.4.4")
    desk.connect()
    desk.say("A", (98, 0), (98, 0), (108, "x"), sender="STRANGER")
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.IDENTITY
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)


def test_R03_a_malformed_reset_logon_resets_nothing() -> None:
    desk = desk_of()
    desk.say("F", *cancel(desk))
    desk.take()
    desk.say("A", *desk.logon_fields(), (141, "Y"), (383, "big"), seq=1)
    assert desk.hear_types() == ["5"]
    assert desk.session.next_in == 3


BROKER = """<fix major="4" minor="4">
 <header><field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/></header>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <messages><message name="Order" msgtype="D" msgcat="app"><field name="ClOrdID" required="Y"/></message></messages>
 <fields><field number="8" name="BeginString" type="STRING"/><field number="9" name="BodyLength" type="LENGTH"/>
  <field number="35" name="MsgType" type="STRING"/><field number="10" name="CheckSum" type="STRING"/>
  <field number="11" name="ClOrdID" type="STRING"/></fields>
</fix>"""


@ROLES
def test_a_dictionary_without_session_messages_locks_nobody_out(tmp_path: Path, role: Role) -> None:
    path = tmp_path / "broker.xml"
    path.write_text(BROKER)
    desk = desk_of("FIX.4.4", role, dictionary=str(path), session_validation=STRICT)
    for msg_type, fields in (("0", []), ("1", [(112, "id")]), ("2", [(7, 1), (16, 0)])):
        desk.say(msg_type, *fields)
    assert desk.hear_types() == ["0", "4"]
    desk.say("5")
    assert desk.hear_types() == ["5"]
    assert desk.told(Rejected) == []


def test_L27_a_second_logon_ends_the_session_whatever_is_wrong_with_it() -> None:
    desk = desk_of()
    desk.say("A", *desk.logon_fields(), (383, "big"))
    assert desk.hear_types() == ["5"]


# --- Heartbeat, TestRequest -------------------------------------------------------------------------------------


@ROLES
def test_H03_a_heartbeat_with_an_unknown_tag_is_a_heartbeat(version: str, role: Role) -> None:
    desk = desk_of(version, role)
    desk.say("0", (9999, "x"), (999, "x"))
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_a_heartbeat_with_a_fault_is_rejected_once_and_keeps_the_link_alive() -> None:
    desk = desk_of(heart_bt_int=10)
    for _ in range(3):
        by_hand(desk, "0", "112=|")
        [reject] = desk.hear()
        assert (reject.int(373), reject.int(371)) == (4, 112)
        desk.advance(9)
        assert "1" not in desk.hear_types(), "no TestRequest: the peer was heard"
    assert desk.state is State.ACTIVE


def test_H10_a_test_request_without_id_is_rejected_and_the_next_is_answered() -> None:
    desk = desk_of()
    assert refused(desk, msg_type="1").int(371) == 112
    desk.say("1", (112, "id"))
    assert [m[112] for m in desk.hear()] == ["id"]


# --- ResendRequest ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason", "tag"),
    [([(16, 0)], 1, 7), ([(7, 1)], 1, 16), ([(7, "x"), (16, 0)], 6, 7), ([(7, 99), (16, 0)], 5, 7)],
)
@pytest.mark.parametrize("validation", [STRICT, None], ids=["strict", "off"])
def test_P03_a_resend_request_without_a_good_range_is_rejected_once(
    fields: list[tuple[int, Any]], reason: int, tag: int, validation: Validation | None
) -> None:
    desk = desk_of(session_validation=validation)
    reject = refused(desk, *fields, msg_type="2")
    assert (reject.int(373), reject.int(371)) == (reason, tag)
    desk.say("2", (7, 1), (16, 0))
    assert desk.hear_types() == ["4"]


def test_a_resend_request_with_a_stranger_s_tag_is_answered() -> None:
    desk = desk_of()
    desk.say("2", (7, 1), (16, 0), (9999, "x"))
    assert desk.hear_types() == ["4"]


# --- SequenceReset ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("validation", [STRICT, Validation("warn"), Validation("observe"), None])
def test_a_gap_fill_is_followed_whatever_else_is_wrong_with_it(validation: Validation | None) -> None:
    desk = desk_of(session_validation=validation)
    desk.say("F", *cancel(desk), seq=9)
    assert desk.hear_types() == ["2"]
    desk.say("4", (123, "Y"), (36, 9), (9999, "x"), (43, "Y"), (122, desk.time(-1)), seq=2)
    assert desk.hear() == [], "not asked for number by number"
    assert [m.msg_seq_num for m in desk.take_messages()] == [9]
    assert desk.session.next_in == 10
    warns = validation is not None and validation.mode != "observe"
    assert len(desk.told(Alarm)) == warns


@pytest.mark.parametrize("validation", [STRICT, None], ids=["strict", "off"])
@pytest.mark.parametrize("fields", [[(123, "Y")], [(123, "Y"), (36, "x")], [], [(36, "x")]])
def test_Z11_a_sequence_reset_without_a_good_number_is_rejected_once(
    fields: list[tuple[int, Any]], validation: Validation | None
) -> None:
    desk = desk_of(session_validation=validation)
    reject = refused(desk, *fields, msg_type="4")
    assert (reject.int(371), reject[372]) == (36, "4")
    assert desk.told(Alarm) == []
    assert desk.state is State.ACTIVE


def test_Z06_a_reset_is_followed_whatever_else_is_wrong_with_it() -> None:
    desk = desk_of(session_validation=STRICT)
    desk.say("4", (36, 9), (9999, "x"))
    assert desk.session.next_in == 9
    assert desk.hear() == []


# --- Logout, Reject ---------------------------------------------------------------------------------------------


@ROLES
@pytest.mark.parametrize("field", [(9999, "x"), (58, ""), (354, 1)])
def test_O03_a_logout_is_answered_whatever_is_wrong_with_it(role: Role, field: tuple[int, Any]) -> None:
    desk = desk_of("FIX.4.4", role, session_validation=STRICT)
    by_hand(desk, "5", f"{field[0]}={field[1]}|")
    assert desk.hear_types() == ["5"]
    assert len(desk.told(LoggedOut)) == 1
    assert desk.told(Rejected) == []


@pytest.mark.parametrize("msg_type", ["3", "j"])
@pytest.mark.parametrize("body", ["9999=x|", "45=one|371=|", "58=|58=|"])
def test_O15_a_reject_with_a_fault_is_delivered_and_never_rejected(version: str, msg_type: str, body: str) -> None:
    desk = desk_of(version, session_validation=STRICT, validation=STRICT, supported_msg_types={"D"})
    by_hand(desk, msg_type, body)
    [got] = desk.take_messages()
    assert got.msg_type == msg_type
    assert got.fault is not None
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_S16_a_resent_session_message_only_counts() -> None:
    desk = desk_of(session_validation=STRICT)
    desk.dup("1", (112, "id"), (9999, "x"), seq=2)
    assert desk.hear() == []
    assert desk.session.next_in == 3
