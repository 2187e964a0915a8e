"""Which version's dictionary describes a message over FIXT 1.1 (V18, V26, V27, L09-L12)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.session.events import Alarm
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair
from tests.session.judged import STRICT, by_hand

#: OrderCancelRequest of FIX 5.0 and of FIX 4.2: 4.2 has no group of parties
PARTIES: list[tuple[int, Any]] = [(453, [[(448, "A"), (447, "D"), (452, 1)]])]


def cancel(desk: Desk) -> list[tuple[int, Any]]:
    return [(41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, desk.time()), (38, 1)]


def fixt(*extra: tuple[int, Any], version: str = "9", role: Role = Role.ACCEPTOR, **options: Any) -> Desk:
    desk = Desk("FIXT.1.1", role, validation=options.pop("validation", STRICT), **options)
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


@pytest.mark.parametrize("role", list(Role))
def test_V26_messages_follow_the_default_of_the_peer_s_logon(role: Role) -> None:
    desk = fixt(role=role, default_appl_ver_id="4")  # ours does not matter
    assert verdict(desk, *cancel(desk), *PARTIES) is None
    desk = fixt(role=role, version="4")
    assert verdict(desk, *cancel(desk)) is None
    assert verdict(desk, *cancel(desk), *PARTIES) == (0, 453)


def test_V26_a_message_may_say_its_own_version() -> None:
    desk = fixt(version="4")
    data = desk.raw("F", *cancel(desk), *PARTIES).replace(b"35=F\x01", b"35=F\x011128=9\x01")
    desk.give(sealed(data))
    assert desk.hear() == []
    assert len(desk.take_messages()) == 1


def test_V26_L12_the_logon_may_say_a_version_for_a_message_type() -> None:
    group = (384, [[(372, "F"), (385, "S"), (1130, "4"), (1410, "Y")], [(372, "G"), (385, "S"), (1130, "4")]])
    desk = fixt(group)
    assert verdict(desk, *cancel(desk), *PARTIES) == (0, 453)
    # 1410 is not Y: no default
    assert (
        verdict(desk, (41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, desk.time()), (40, "1"), *PARTIES, msg_type="G")
        is None
    )


def test_V26_what_the_logon_does_not_say_the_owner_does() -> None:
    mine = DictionarySet(by_msg_type={"F": "4", "G": "2"})
    group = (384, [[(372, "G"), (385, "S"), (1130, "9"), (1410, "Y")]])
    desk = fixt(group, dictionary=mine)
    assert verdict(desk, *cancel(desk), *PARTIES) == (0, 453)
    assert (
        verdict(desk, (41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, desk.time()), (40, "1"), *PARTIES, msg_type="G")
        is None
    )


def test_V26_a_new_logon_says_it_anew() -> None:
    desk = fixt(version="4")
    desk.say("A", (98, 0), (108, 30), (141, "Y"), (1137, "9"), seq=1)
    assert desk.hear_types() == ["A"]
    desk.seq = 2
    assert verdict(desk, *cancel(desk), *PARTIES) is None


def test_V26_messages_that_came_with_the_logon_go_by_it() -> None:
    desk = Desk("FIXT.1.1", validation=STRICT)
    desk.connect()
    logon = desk.raw("A", (98, 0), (108, 30), (1137, "4"))
    desk.give(logon + desk.raw("F", *cancel(desk), *PARTIES) + desk.raw("F", *cancel(desk)))
    logon_answer, reject = desk.hear()
    assert (logon_answer.msg_type, reject.int(373), reject.int(371)) == ("A", 0, 453)
    assert [m.msg_seq_num for m in desk.take_messages()] == [3]


def test_V26_a_message_of_an_earlier_process_goes_by_the_configured_default() -> None:
    for code, fault in (("9", None), ("4", 453)):
        desk = fixt(validation=None, manual_done=True)
        desk.say("F", *cancel(desk), *PARTIES)
        desk.take()
        desk.restart(default_appl_ver_id=code)
        [again] = desk.take_messages()
        assert again.redelivered
        assert (again.fault and again.fault.tag) == fault


def test_V26_appl_ver_id_in_another_place_is_misplaced() -> None:
    desk = fixt()
    desk.say("F", *cancel(desk), seq=3)
    desk.hear()
    by_hand(desk, "F", f"1128=9|41=o|11=c|55=X|54=1|60={desk.time()}|38=1|", seq=2)
    assert [(m.int(373), m.int(371)) for m in desk.hear()] == [(14, 1128)]


@pytest.mark.parametrize(
    "group", ["384=x|", "384=2|372=F|", "384=1|372=F|1130=77|1410=Y|", "384=1|1130=4|1410=Y|", "384=|"]
)
def test_L12_a_group_that_makes_no_sense_is_not_fatal(group: str) -> None:
    desk = Desk("FIXT.1.1", session_validation=None)
    desk.connect()
    by_hand(desk, "A", f"98=0|108=30|{group}1137=9|")
    assert desk.hear_types() == ["A"]
    desk.say("F", *cancel(desk))
    [got] = desk.take_messages()
    assert (got.fault and got.fault.reason) == (18 if "77" in group else None)


def test_L12_a_logon_with_very_many_types_is_read_up_to_a_bound() -> None:
    types = [[(372, f"U{n}"), (385, "S"), (1130, "4"), (1410, "Y")] for n in range(3000)]
    desk = fixt((384, types))
    chosen = desk.session._decoder.dictionary
    assert isinstance(chosen, DictionarySet)
    assert len(chosen.by_msg_type) == 1000


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


@pytest.mark.parametrize("role", list(Role))
def test_V18_L10_a_logon_with_an_unknown_default_is_refused(role: Role) -> None:
    desk = Desk("FIXT.1.1", role)
    desk.connect()
    desk.hear()
    desk.say("A", (98, 0), (108, 30), (1137, "77"))
    *reject, logout = desk.hear()
    assert [(m.int(373), m.int(371)) for m in reject] == [(18, 1137)] * (role is Role.ACCEPTOR)
    assert (logout.msg_type, logout[58]) == ("5", "Invalid/Unsupported Application Version: 1137")


def test_L09_a_logon_without_a_default_is_refused() -> None:
    desk = Desk("FIXT.1.1")
    desk.connect()
    desk.say("A", (98, 0), (108, 30))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371), logout.msg_type) == (1, 1137, "5")


def test_V18_a_known_default_without_a_dictionary_is_refused_where_messages_are_rejected_by_it() -> None:
    desk = Desk("FIXT.1.1", validation=STRICT)
    desk.connect()
    desk.say("A", (98, 0), (108, 30), (1137, "10"))
    reject, logout = desk.hear()
    assert (reject.int(373), reject.int(371), logout.msg_type) == (18, 1137, "5")
    assert desk.session.close_requested is None
    desk.advance(3)
    assert desk.session.close_requested is CloseReason.LOGON_INVALID


def test_V18_a_known_default_without_a_dictionary_is_told_where_messages_are_delivered() -> None:
    desk = Desk("FIXT.1.1")
    desk.connect()
    desk.say("A", (98, 0), (108, 30), (1137, "10"))
    assert desk.hear_types() == ["A"]
    [alarm] = desk.told(Alarm)
    assert alarm.text == "no dictionary for the peer's DefaultApplVerID 10: read as FIX.5.0SP2"
    desk.say("F", *cancel(desk), *PARTIES)
    [got] = desk.take_messages()
    assert got.fault is not None
    assert got.fault.reason == 18
    assert got.group(453)[0][448] == "A"


def test_V18_one_s_own_dictionary_makes_a_version_known() -> None:
    desk = fixt(version="10", dictionary=DictionarySet(dictionaries={"10": load_dictionary("FIX.5.0SP2")}))
    assert verdict(desk, *cancel(desk), *PARTIES) is None


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


def test_two_sessions_may_speak_different_versions() -> None:
    pair = Pair("FIXT.1.1", {"default_appl_ver_id": "4"}, {"default_appl_ver_id": "9", "validation": STRICT})
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        session.send(
            "F", [(41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, pair.now.wall_ns), (38, 1), *PARTIES], pair.now
        )
    pair.settle()
    # L11: each says its own; what the acceptor gets is FIX 4.2, what the initiator gets FIX 5.0 SP2
    assert [m.msg_type for m in pair.events[1] if hasattr(m, "msg_type")] == []
    kinds = [(m.msg_type, m.fault) for m in pair.events[0] if hasattr(m, "msg_type")]
    assert sorted(kinds) == [("3", None), ("F", None)]
