"""Step 8: what a fault does to the message that has it, at its turn (A12; V00-V30, X01, X09)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.errors import BusinessReject, ConfigError
from fixfast.session.events import Alarm, LogonRefused, MessagesLost, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Role
from tests.session.harness import Desk

STRICT = Validation("reject")

#: a cancel request that every version's dictionary takes
CANCEL: list[tuple[int, Any]] = [(41, "o"), (11, "c"), (55, "X"), (54, "1")]


def cancel(desk: Desk) -> list[tuple[int, Any]]:
    if desk.version in ("FIX.4.0", "FIX.4.1"):
        extra: list[tuple[int, Any]] = [(38, 1)]
        return [*CANCEL, *extra] + ([(125, "F")] if desk.version == "FIX.4.0" else [])
    return [*CANCEL, (60, desk.time()), (38, 1)]


def desk_of(version: str, role: Role = Role.ACCEPTOR, **options: Any) -> Desk:
    desk = Desk(version, role, **options)
    desk.logon()
    return desk


def refused(desk: Desk, *fields: tuple[int, Any], msg_type: str = "F") -> Message:
    """Say a message, and return the one Reject that answers it: nothing is delivered, and NIN has moved by one."""
    before = desk.session.next_in
    desk.say(msg_type, *fields)
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    assert desk.take_messages() == []
    assert desk.session.next_in == before + 1
    return reject


# --- modes ------------------------------------------------------------------------------------------------------


def test_a_fill_with_an_unknown_tag_is_delivered_and_says_what_is_wrong(version: str) -> None:
    desk = desk_of(version)
    desk.say("8", (37, "o"), (17, "e"), (9999, "surprise"))
    [fill] = desk.take_messages()
    assert fill[9999] == "surprise"
    assert fill.fault is not None
    assert fill.fault.reason == 0
    assert fill.fault.tag == 9999
    assert desk.hear() == []


def test_V00_reject_mode_answers_and_does_not_deliver(version: str) -> None:
    desk = desk_of(version, validation=STRICT)
    reject = refused(desk, *cancel(desk), (9999, "x"))
    assert reject.int(45) == 2
    if version == "FIX.4.0":
        assert reject[58] == "Invalid tag number (9999)"
    else:
        assert (reject.int(371), reject[372], reject.int(373)) == (9999, "F", 0)
    [told] = desk.told(Rejected)
    assert (told.reason, told.ref_tag) == (0, 9999)
    desk.say("F", *cancel(desk))
    assert len(desk.take_messages()) == 1


def test_warn_mode_delivers_and_raises_one_alarm_for_each_kind_of_fault() -> None:
    desk = desk_of("FIX.4.4", validation=Validation("warn"))
    for tag in (9999, 9999, 9998):
        desk.say("F", *cancel(desk), (tag, "x"))
    assert len(desk.take_messages()) == 3
    alarms = [event.text for event in desk.told(Alarm)]
    assert len(alarms) == 2
    assert "9999" in alarms[0]
    assert "9998" in alarms[1]


def test_without_validation_nothing_is_judged() -> None:
    desk = desk_of("FIX.4.4", validation=None, session_validation=None)
    desk.say("F", (9999, "x"))
    [got] = desk.take_messages()
    assert got.fault is None


@pytest.mark.parametrize(
    ("row", "fields", "reason", "tag"),
    [
        ("V01", [(11, "c"), (54, "1"), (55, "X")], 1, 41),
        ("V02", [*CANCEL, (269, "0")], 2, 269),
        ("V04", [*CANCEL, (58, "")], 4, 58),
        ("V05", [(41, "o"), (11, "c"), (55, "X"), (54, "Z")], 5, 54),
        ("V06", [*CANCEL, (38, "+1")], 6, 38),
        ("V13", [*CANCEL, (11, "again")], 13, 11),
        ("V14", [*CANCEL, (50, "sub")], 14, 50),
        ("V15", [*CANCEL, (453, 1), (447, "D"), (448, "A"), (452, 1)], 15, 447),
        ("V16", [*CANCEL, (453, 2), (448, "A"), (447, "D"), (452, 1)], 16, 453),
    ],
)
def test_rows_of_the_catalogue_are_rejected_with_their_reason(
    row: str, fields: list[tuple[int, Any]], reason: int, tag: int
) -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    time = [] if row == "V01" else [(60, desk.time())]
    body = "".join(f"{t}={v}\x01" for t, v in [*fields, *time])
    head = f"35=F\x0149=THEM\x0156=US\x0134=2\x0152={desk.time()}\x01"
    content = (head + body).encode()
    data = b"8=FIX.4.4\x019=%d\x01%b" % (len(content), content)
    desk.give(data + b"10=%03d\x01" % (sum(data) % 256))  # by hand: an encoder would refuse to
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(373), reject.int(371)) == ("3", reason, tag), row
    assert desk.session.next_in == 3


def test_V20_a_count_of_zero_is_fine() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    desk.say("F", *cancel(desk), (453, 0))
    assert len(desk.take_messages()) == 1


def test_V21_fields_of_header_and_body_may_stand_in_any_order() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    desk.say("F", *reversed(cancel(desk)))
    assert len(desk.take_messages()) == 1


# --- MsgType ----------------------------------------------------------------------------------------------------


def test_V11_unknown_msg_type(version: str) -> None:
    desk = desk_of(version, validation=STRICT)
    reject = refused(desk, (11, "x"), msg_type="ZZ")
    if version == "FIX.4.0":
        assert reject[58] == "Invalid MsgType"
    else:
        assert (reject[372], reject.int(373)) == ("ZZ", 11)
        assert 371 not in reject


def test_V28_user_types_are_delivered_if_configured_else_rejected() -> None:
    refused(desk_of("FIX.4.4", validation=STRICT), (11, "x"), msg_type="U7")
    desk = desk_of("FIX.4.4", validation=STRICT, supported_msg_types={"U7", "n"})
    desk.say("U7", (11, "x"))
    assert [m.msg_type for m in desk.take_messages()] == ["U7"]


# --- at its turn ------------------------------------------------------------------------------------------------


def test_V22_V24_a_resent_invalid_message_is_rejected_once_at_its_turn_and_the_queue_goes_on() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    desk.say("F", *cancel(desk), seq=4)  # 2 and 3 are missing
    assert desk.hear_types() == ["2"]
    desk.dup("F", *cancel(desk), (9999, "x"), seq=2)
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(45)) == ("3", 2)
    desk.dup("F", *cancel(desk), seq=3)
    assert [m.msg_seq_num for m in desk.take_messages()] == [3, 4]
    assert desk.session.next_in == 5
    assert desk.hear() == []


def test_V22_an_invalid_message_that_is_too_high_is_rejected_only_when_its_turn_comes() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    desk.say("F", *cancel(desk), (9999, "x"), seq=3)
    assert desk.hear_types() == ["2"]
    desk.dup("F", *cancel(desk), seq=2)
    assert [m.msg_type for m in desk.hear()] == ["3"]
    assert desk.session.next_in == 4


def test_V22_what_was_rejected_is_not_rejected_again_after_a_restart() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT)
    refused(desk, *cancel(desk), (9999, "x"))
    desk.drop()
    desk.restart()
    assert desk.session.next_in == 3
    assert desk.take_messages() == []


def test_V25_too_many_rejects_end_the_session() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT, max_rejects=3, reject_window=10)
    for _ in range(3):
        refused(desk, *cancel(desk), (9999, "x"))
    desk.advance(11)
    desk.hear()
    for _ in range(3):
        refused(desk, *cancel(desk), (9999, "x"))
    desk.say("F", *cancel(desk), (9999, "x"))
    assert desk.hear_types() == ["3", "5"]
    assert desk.state is State.LOGOUT_SENT
    desk.say("5")
    assert desk.session.close_requested is CloseReason.TOO_MANY_REJECTS


# --- header fields that come twice ------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [34, 49, 56, 52])
def test_V30_a_header_field_that_comes_twice_is_refused_in_every_mode(tag: int) -> None:
    modes: list[dict[str, Any]] = [{}, {"validation": None, "session_validation": None}]
    for options in modes:
        desk = desk_of("FIX.4.4", **options)
        value = {34: "99", 49: "OTHER", 56: "OTHER", 52: desk.time()}[tag]
        body = f"35=F\x0149=THEM\x0156=US\x0134=2\x0152={desk.time()}\x01{tag}={value}\x0111=x\x01".encode()
        data = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
        desk.give(data + b"10=%03d\x01" % (sum(data) % 256))
        [reject] = desk.hear()
        assert (reject.msg_type, reject.int(373), reject.int(371)) == ("3", 13, tag)
        assert desk.take_messages() == []
        assert desk.session.next_in == 3


def test_V30_a_logon_with_two_senders_is_refused_silently() -> None:
    desk = Desk("FIX.4.4")
    desk.connect()
    body = f"35=A\x0149=THEM\x0149=OTHER\x0156=US\x0134=1\x0152={desk.time()}\x0198=0\x01108=30\x01".encode()
    data = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    desk.give(data + b"10=%03d\x01" % (sum(data) % 256))
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.IDENTITY


# --- session messages -------------------------------------------------------------------------------------------


def test_a_venue_s_own_tags_in_a_logon_are_let_pass(version: str) -> None:
    desk = desk_of(version, Role.INITIATOR)
    assert desk.state is State.ACTIVE
    desk = Desk(version)
    desk.logon((553, "me"), (554, "secret"), (25035, 1))
    assert desk.state is State.ACTIVE


def test_strict_session_validation_refuses_them() -> None:
    desk = Desk("FIX.4.4", session_validation=STRICT)
    desk.connect()
    desk.say("A", *desk.logon_fields(), (25035, 1))
    assert desk.hear_types() == ["3", "5"]
    [refusal] = desk.told(LogonRefused)
    assert refusal.reason is CloseReason.LOGON_INVALID
    assert "25035" in refusal.text


def test_a_logon_with_a_malformed_field_is_refused() -> None:
    desk = Desk("FIX.4.4")
    desk.connect()
    desk.say("A", *desk.logon_fields(), (141, "yes"))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371)) == (6, 141)
    assert logout.msg_type == "5"


def test_a_heartbeat_with_an_unknown_tag_is_a_heartbeat(version: str) -> None:
    desk = desk_of(version)
    desk.say("0", (9999, "x"))
    assert desk.hear() == []
    assert desk.session.next_in == 3


def test_a_logout_is_answered_whatever_is_wrong_with_it() -> None:
    desk = desk_of("FIX.4.4", session_validation=STRICT)
    desk.say("5", (9999, "x"))
    assert desk.hear_types() == ["5"]


def test_O15_a_reject_with_a_fault_is_delivered_and_not_rejected() -> None:
    desk = desk_of("FIX.4.4", session_validation=STRICT, validation=STRICT)
    desk.say("3", (9999, "x"))
    assert [m.msg_type for m in desk.take_messages()] == ["3"]
    assert desk.hear() == []


# --- texts ------------------------------------------------------------------------------------------------------


def test_X01_a_verbose_text_names_field_and_value_but_no_secret() -> None:
    desk = desk_of("FIX.4.4", validation=STRICT, reject_text="verbose")
    reject = refused(desk, *CANCEL[:3], (54, "Z"), (60, desk.time()), (38, 1))
    assert reject[58] == "Value is incorrect (out of range) for this tag: Side (54) = Z"
    reject = refused(desk, (554, "hunter2"), *cancel(desk))
    assert "hunter2" not in reject[58]
    assert "Password (554)" in reject[58]


def test_X09_reject_ref_tag_can_be_left_out_as_quickfix_does() -> None:
    for option, there in (("sent", True), ("quickfix", False)):
        desk = desk_of("FIX.4.4", reject_ref_tag=option)
        desk.say("F", *cancel(desk), sender="OTHER")
        reject = desk.hear()[0]
        assert reject.int(373) == 9
        assert (371 in reject) is there


# --- an application's own rules ---------------------------------------------------------------------------------


def signature_rule(message: Message) -> Fault | None:
    if message.get(58) == "unsigned":
        return Fault(8, 89)
    if message.get(58) == "odd":
        return Fault(99, None, "the desk is closed")
    if message.get(58) == "undecipherable":
        return Fault(7, 91)
    if message.get(58) == "unknown account":
        raise BusinessReject(6, "not your account", "c")
    if message.get(58) == "bug":
        raise ZeroDivisionError
    return None


@pytest.mark.parametrize(("text", "reason"), [("unsigned", 8), ("undecipherable", 7), ("odd", 99)])
def test_V07_V08_V19_an_application_may_reject_by_rules_of_its_own(text: str, reason: int) -> None:
    desk = desk_of("FIX.4.4", check=signature_rule)
    reject = refused(desk, *cancel(desk), (58, text))
    assert reject.int(373) == reason
    if reason == 99:
        assert reject[58] == "the desk is closed"
    desk.say("F", *cancel(desk), (58, "fine"))
    assert len(desk.take_messages()) == 1


def test_B04_a_rule_may_answer_with_a_business_reject() -> None:
    desk = desk_of("FIX.4.4", check=signature_rule)
    desk.say("F", *cancel(desk), (58, "unknown account"))
    [answer] = desk.hear()
    assert (answer.msg_type, answer.int(380), answer[379], answer[58]) == ("j", 6, "c", "not your account")
    assert desk.take_messages() == []
    assert desk.session.next_in == 3


def test_a_rule_with_a_bug_loses_nothing() -> None:
    desk = desk_of("FIX.4.4", check=signature_rule)
    desk.say("F", *cancel(desk), (58, "bug"))
    assert len(desk.take_messages()) == 1
    assert "ZeroDivisionError" in desk.told(Alarm)[-1].text
    assert desk.told(MessagesLost) == []


# --- configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"validation": True},
        {"session_validation": "reject"},
        {"supported_msg_types": "D"},
        {"supported_msg_types": [1]},
        {"check": 3},
        {"max_rejects": 0},
        {"reject_window": 0},
        {"reject_text": "long"},
        {"reject_ref_tag": "none"},
        {"dictionary": 44},
    ],
)
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Desk("FIX.4.4", **options)
    assert caught.value.name in options


def test_a_broker_s_dictionary_describes_its_messages() -> None:
    broker = load_dictionary("FIX.4.4").overlay(
        fields={"Strategy": {"tag": 10001, "type": "CHAR", "codes": {"V": "VWAP"}}},
        messages={"OrderCancelRequest": {"add": ["Strategy!"]}},
    )
    desk = desk_of("FIX.4.4", validation=STRICT, dictionary=broker)
    desk.say("F", *cancel(desk), (10001, "V"))
    [got] = desk.take_messages()
    assert got.value(10001).name == "VWAP"
    assert refused(desk, *cancel(desk)).int(371) == 10001
    assert refused(desk, *cancel(desk), (10001, "X")).int(373) == 5
