"""Which version's dictionary describes a message over FIXT 1.1 (V18, V26, V27, L12); BusinessMessageReject (A13)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.session.state import State
from tests.session.harness import Desk

STRICT = Validation("reject")

#: OrderCancelRequest of FIX 5.0 and of FIX 4.2: 4.2 has no group of parties
PARTIES: list[tuple[int, Any]] = [(453, [[(448, "A"), (447, "D"), (452, 1)]])]


def cancel(desk: Desk) -> list[tuple[int, Any]]:
    return [(41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, desk.time()), (38, 1)]


def fixt(*extra: tuple[int, Any], version: str = "9", **options: Any) -> Desk:
    desk = Desk("FIXT.1.1", validation=options.pop("validation", STRICT), **options)
    desk.connect()
    desk.say("A", (98, 0), (108, 30), *extra, (1137, version))
    assert desk.hear_types() == ["A"]
    assert desk.state is State.ACTIVE
    desk.take()
    return desk


def verdict(desk: Desk, *fields: tuple[int, Any], msg_type: str = "F") -> tuple[int, int | None] | None:
    """Say a message; return reason and tag of the Reject, None if it was delivered."""
    desk.say(msg_type, *fields)
    answer = desk.hear()
    if not answer:
        assert len(desk.take_messages()) == 1
        return None
    [reject] = answer
    assert desk.take_messages() == []
    return reject.int(373), reject.int(371) if 371 in reject else None


def test_V26_messages_follow_the_default_of_the_logon() -> None:
    desk = fixt()
    assert verdict(desk, *cancel(desk), *PARTIES) is None
    desk = fixt(version="4")
    assert verdict(desk, *cancel(desk)) is None
    assert verdict(desk, *cancel(desk), *PARTIES) == (0, 453)


def test_V26_a_message_may_say_its_own_version() -> None:
    desk = fixt(version="4")
    data = desk.raw("F", *cancel(desk), *PARTIES).replace(b"35=F\x01", b"35=F\x011128=9\x01")
    desk.give(sealed(data))
    assert desk.hear() == []
    assert len(desk.take_messages()) == 1


def test_V26_the_logon_may_say_a_version_for_a_message_type() -> None:
    group = (384, [[(372, "F"), (385, "S"), (1130, "4"), (1410, "Y")], [(372, "G"), (385, "S"), (1130, "4")]])
    desk = fixt(group)
    assert verdict(desk, *cancel(desk), *PARTIES) == (0, 453)
    # 1410 is not Y: no default
    assert (
        verdict(desk, (41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, desk.time()), (40, "1"), *PARTIES, msg_type="G")
        is None
    )


def test_V27_session_messages_are_fixt_s_whatever_the_default() -> None:
    desk = fixt(version="2", session_validation=STRICT)
    desk.say("1", (112, "id"), (1128, "2"))  # 1128 is in FIXT's header, and in no other place
    reject = desk.hear()[0]
    assert (reject.int(373), reject.int(371)) == (14, 1128)
    desk.say("1", (112, "id"))
    assert desk.hear_types() == ["0"]


@pytest.mark.parametrize("code", ["0", "77", "x"])
def test_V18_a_version_that_nobody_has_a_dictionary_for(code: str) -> None:
    desk = fixt()
    data = desk.raw("F", *cancel(desk)).replace(b"35=F\x01", b"35=F\x011128=%b\x01" % code.encode())
    desk.give(sealed(data))
    [reject] = desk.hear()
    assert (reject.int(373), reject.int(371), reject[1130]) == (18, 1128, code)


def test_V18_a_logon_with_an_unknown_default_is_refused() -> None:
    desk = Desk("FIXT.1.1")
    desk.connect()
    desk.say("A", (98, 0), (108, 30), (1137, "77"))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371)) == (18, 1137)
    assert logout.msg_type == "5"


def test_one_s_own_dictionaries_come_first() -> None:
    broker = load_dictionary("FIX.5.0SP2").overlay(
        fields={"Strategy": {"tag": 10001, "type": "CHAR"}}, messages={"OrderCancelRequest": {"add": ["Strategy!"]}}
    )
    desk = fixt(dictionary=DictionarySet(dictionaries={"9": broker}))
    assert verdict(desk, *cancel(desk)) == (1, 10001)
    assert verdict(desk, *cancel(desk), (10001, "V")) is None
    desk = fixt(dictionary=broker, version="4")  # one Dictionary describes everything
    assert verdict(desk, *cancel(desk)) == (1, 10001)


def sealed(data: bytes) -> bytes:
    """Make BodyLength and CheckSum right again."""
    body = data.split(b"\x01", 2)[2].rpartition(b"10=")[0]
    whole = b"8=FIXT.1.1\x019=%d\x01%b" % (len(body), body)
    return whole + b"10=%03d\x01" % (sum(whole) % 256)


# --- BusinessMessageReject --------------------------------------------------------------------------------------


def test_B01_a_type_the_application_does_not_handle(version: str) -> None:
    desk = Desk(version, supported_msg_types={"D"})
    desk.logon()
    desk.say("F", (41, "o"), (11, "c"))
    [answer] = desk.hear()
    assert answer[58] == "Unsupported Message Type"
    assert desk.take_messages() == []
    assert desk.session.next_in == 3
    if version == "FIX.4.0":
        assert answer.msg_type == "3"
        assert 380 not in answer
    else:
        assert (answer.msg_type, answer.int(45), answer[372], answer.int(380)) == ("j", 2, "F", 3)
    assert (1137 in answer) is (version == "FIXT.1.1")  # X11
    desk.say("D", (11, "c"))
    assert [m.msg_type for m in desk.take_messages()] == ["D"]


def test_B07_rejects_of_the_peer_are_delivered_and_never_answered(version: str) -> None:
    desk = Desk(version, supported_msg_types={"D"})
    desk.logon()
    desk.say("3", (45, 1))
    desk.say("j", (45, 1), (372, "D"), (380, 3))
    assert [m.msg_type for m in desk.take_messages()] == ["3", "j"]
    assert desk.hear() == []


def test_B01_comes_once_for_a_message_that_had_to_wait() -> None:
    desk = Desk("FIX.4.4", supported_msg_types={"D"})
    desk.logon()
    desk.say("F", (11, "c"), seq=3)
    assert desk.hear_types() == ["2"]
    desk.dup("D", (11, "c"), seq=2)
    assert desk.hear_types() == ["j"]
    assert desk.session.next_in == 4
