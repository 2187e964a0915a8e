"""BusinessMessageReject(j): when the session sends one, what is in it, and what is never answered with one (A13)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import BusinessReject, LocalProtocolError
from fixfast.session.events import Alarm, Rejected
from fixfast.session.wire import Message
from fixfast.types import Role
from tests.session.harness import Desk
from tests.session.judged import STRICT, body_tags, cancel, desk_of

ROLES = pytest.mark.parametrize("role", list(Role))


@ROLES
def test_B01_X06_a_type_the_application_does_not_handle(version: str, role: Role) -> None:
    desk = desk_of(version, role, supported_msg_types={"D"})
    desk.say("F", (41, "o"), (11, "c"))
    [answer] = desk.hear()
    assert answer[58] == "Unsupported Message Type"
    assert desk.take_messages() == []
    assert desk.session.next_in == 3
    if version == "FIX.4.0":
        assert answer.msg_type == "3"
        assert body_tags(answer) == [45, 58]
    else:
        assert (answer.msg_type, answer.int(45), answer[372], answer.int(380)) == ("j", 2, "F", 3)
    [told] = desk.told(Rejected)
    assert (told.business, told.reason, told.message.msg_type) == (True, 3, "F")
    desk.say("D", (11, "c"))
    assert [m.msg_type for m in desk.take_messages()] == ["D"]


def test_B01_fix_4_1_has_no_business_reject() -> None:
    desk = desk_of("FIX.4.1", supported_msg_types={"D"})
    desk.say("F")
    assert [(m.msg_type, body_tags(m)) for m in desk.hear()] == [("3", [45, 58])]


def test_B01_the_default_delivers_everything(version: str) -> None:
    desk = desk_of(version)
    desk.say("F", *cancel(desk))
    assert len(desk.take_messages()) == 1


def test_B01_a_faulty_message_is_rejected_by_the_dictionary_first() -> None:
    desk = desk_of(validation=STRICT, supported_msg_types={"D"})
    desk.say("F", *cancel(desk), (9999, "x"))
    desk.say("F", *cancel(desk))
    assert desk.hear_types() == ["3", "j"]


def test_B01_comes_once_for_a_message_that_had_to_wait() -> None:
    desk = desk_of(supported_msg_types={"D"})
    desk.say("F", (11, "c"), seq=3)
    assert desk.hear_types() == ["2"]
    desk.dup("D", (11, "c"), seq=2)
    [answer] = desk.hear()
    assert (answer.msg_type, answer.int(45)) == ("j", 3)
    assert desk.session.next_in == 4
    desk.dup("F", (11, "c"), seq=3)
    assert desk.hear() == []


def test_C06_it_goes_back_the_way_the_message_came() -> None:
    desk = desk_of(supported_msg_types={"D"})
    desk.say("F", (115, "client"), (128, "broker"), (129, "desk"))
    [answer] = desk.hear()
    assert (answer[128], answer[115], answer[116]) == ("client", "broker", "desk")


# --- the application's own --------------------------------------------------------------------------------------


def rule(message: Message) -> None:
    """Refuses a message for the reason in its Text, with its ClOrdID as reference."""
    if 58 in message:
        raise BusinessReject(message.int(58), f"reason {message[58]}", message.get(11) or "")


@ROLES
@pytest.mark.parametrize(
    ("row", "reason"), [("B02", 4), ("B03", 5), ("B04", 1), ("B04", 2), ("B04", 6), ("B04", 7), ("B05", 8), ("B05", 99)]
)
def test_B02_B03_B04_B05_a_rule_of_the_application_answers(row: str, reason: int, version: str, role: Role) -> None:
    desk = desk_of(version, role, check=rule)
    desk.say("F", *cancel(desk), (58, reason))
    [answer] = desk.hear()
    if version == "FIX.4.0":
        assert (answer.msg_type, answer[58]) == ("3", f"reason {reason}")
    else:
        assert (answer.msg_type, answer.int(380), answer[379], answer[372]) == ("j", reason, "c", "F"), row
    assert desk.take_messages() == []
    assert desk.session.next_in == 3
    desk.say("F", *cancel(desk))
    assert len(desk.take_messages()) == 1


def test_B03_without_a_reference_none_is_sent() -> None:
    desk = desk_of(check=rule)
    desk.say("F", (58, 5))
    [answer] = desk.hear()
    assert 379 not in answer
    assert answer.validate() is None


def test_B04_after_delivery_the_application_answers_itself(version: str) -> None:
    desk = desk_of(version)
    desk.say("F", *cancel(desk))
    [message] = desk.take_messages()
    desk.session.business_reject(message, 1, "unknown order", "o", desk.now)
    [answer] = desk.hear()
    if version == "FIX.4.0":
        assert (answer.msg_type, answer[58]) == ("3", "unknown order")
    else:
        assert (answer.msg_type, answer.int(45), answer.int(380), answer[379]) == ("j", 2, 1, "o")


@pytest.mark.parametrize("error", [BusinessReject(5, "a\x01b"), BusinessReject(5, "", 1.5)])  # type: ignore[arg-type]
def test_an_answer_that_cannot_be_written_loses_nothing(error: BusinessReject) -> None:
    def broken(message: Message) -> None:
        raise error

    desk = desk_of(check=broken)
    desk.say("F", *cancel(desk))
    assert len(desk.take_messages()) == 1
    assert "check() failed on message 2" in desk.told(Alarm)[-1].text
    assert desk.session.next_in == 3
    assert desk.session.next_out == 2


# --- what is never answered with j ------------------------------------------------------------------------------


@ROLES
def test_B07_rejects_of_the_peer_are_delivered_and_never_answered(version: str, role: Role) -> None:
    desk = desk_of(version, role, supported_msg_types={"D"}, check=rule)
    desk.say("3", (45, 1), (58, 4))
    desk.say("j", (45, 1), (372, "D"), (380, 3), (58, 4))
    got = desk.take_messages()
    assert [m.msg_type for m in got] == ["3", "j"]
    assert desk.hear() == []
    for message in got:
        with pytest.raises(LocalProtocolError, match="never answered"):
            desk.session.business_reject(message, 3, "", "", desk.now)


@pytest.mark.parametrize("msg_type", ["8", "9", "Y", "AG", "b"])
def test_B06_a_specific_reject_of_the_application_goes_out_alone(msg_type: str) -> None:
    desk = desk_of()
    desk.say("F", *cancel(desk))
    desk.take()
    desk.session.send(msg_type, [(58, "no")], desk.now)
    assert desk.hear_types() == [msg_type]


# --- FIXT -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_X11_it_carries_the_version_of_the_peer_s_logon(role: Role) -> None:
    options: dict[str, Any] = {"supported_msg_types": {"D"}, "default_appl_ver_id": "8"}
    desk = desk_of("FIXT.1.1", role, **options)  # the peer's Logon says 9
    desk.say("F")
    [message] = desk.hear()
    assert message[1137] == "9"
    desk.say("D", (11, "c"))
    [order] = desk.take_messages()
    desk.session.business_reject(order, 6, "", "", desk.now)
    assert [m[1137] for m in desk.hear()] == ["9"]


def test_X11_there_is_no_such_field_before_fixt() -> None:
    desk = Desk("FIX.4.4", supported_msg_types={"D"})
    desk.logon((1137, "9"))
    desk.say("F")
    [answer] = desk.hear()
    assert 1137 not in answer
