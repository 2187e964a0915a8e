"""NextExpectedMsgSeqNum(789) at a Logon, both roles (N01-N10)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Alarm, GapFilled, LoggedOn, LogonRefused, MessagesLost, Resent
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair

INITIATOR, ACCEPTOR = Role.INITIATOR, Role.ACCEPTOR
USE: dict[str, Any] = {"next_expected_msg_seq_num": "use"}


@pytest.fixture(params=["FIX.4.4", "FIXT.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def used(version: str, role: Role, sent: int = 2, **options: Any) -> Desk:
    """A desk with history that lost its connection: next_in 4 (a Logon, two messages), next_out 2 + `sent`."""
    desk = Desk(version, role, **options)
    desk.logon()
    desk.app("a")
    desk.app("b")
    for i in range(sent):
        desk.session.send("8", [(58, f"ours {i + 2}")], desk.now)
    desk.hear()
    desk.take()
    desk.drop()
    desk.take()
    desk.events.clear()
    assert (desk.session.next_in, desk.session.next_out) == (4, 2 + sent)
    return desk


def summary(desk: Desk) -> list[tuple[str, int, int | None]]:
    """(MsgType, MsgSeqNum, NewSeqNo) of what was heard."""
    return [(m.msg_type, m.msg_seq_num, m.int(36) if 36 in m else None) for m in desk.hear()]


def reconnect(desk: Desk, *fields: tuple[int, Any], seq: int | None = None) -> None:
    """Connect; the peer's Logon has these fields. An initiator's Logon is heard and forgotten."""
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), *fields, seq=seq)


# --- ours ----------------------------------------------------------------------------------------------------


def test_N01_an_initiators_logon_says_what_it_expects(version: str) -> None:
    desk = used(version, INITIATOR, **USE)
    desk.connect()
    [logon] = desk.hear()
    assert logon.int(789) == 4
    assert 789 not in Desk(version, INITIATOR).logon()  # off by default


def test_N02_the_answer_counts_the_logon_it_answers(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    assert desk.logon((789, 4)).int(789) == 5
    assert desk.session.next_in == 5


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 5])
def test_N03_T2_the_answer_to_a_logon_that_is_too_high_names_the_first_missing(version: str, missing: int) -> None:
    desk = used(version, ACCEPTOR, **USE)
    reconnect(desk, (789, 4), seq=4 + missing)
    [answer] = desk.hear()  # and no ResendRequest (N08)
    assert (answer.msg_type, answer.int(789)) == ("A", 4)
    assert desk.session.next_in == 4
    assert desk.state is State.RECOVERING
    for n in range(4, 4 + missing):
        desk.dup("8", (58, f"missed {n}"), seq=n)
    desk.dup("4", (123, "Y"), (36, 5 + missing), seq=4 + missing)
    assert [m[58] for m in desk.take_messages()] == [f"missed {n}" for n in range(4, 4 + missing)]
    assert desk.session.next_in == 5 + missing
    assert desk.state is State.ACTIVE
    assert desk.hear() == []


# --- the peer's ----------------------------------------------------------------------------------------------


def test_N04_nothing_is_resent_to_a_peer_that_misses_nothing(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    reconnect(desk, (789, 4))
    assert summary(desk) == [("A", 4, None)]
    desk = used(version, INITIATOR, **USE)
    reconnect(desk, (789, 5))  # behind our Logon, number 4
    assert desk.hear() == []
    assert not desk.told(Resent)


@pytest.mark.parametrize("mode", ["use", "honour"])
def test_N05_N10_acceptor_resends_unasked_and_gap_fills_its_logon(version: str, mode: str) -> None:
    desk = used(version, ACCEPTOR, next_expected_msg_seq_num=mode)
    reconnect(desk, (789, 2))
    desk.session.send("8", [(58, "new")], desk.now)
    heard = desk.hear()
    assert [(m.msg_type, m.msg_seq_num, m.poss_dup) for m in heard] == [
        ("A", 4, False), ("8", 2, True), ("8", 3, True), ("4", 4, True), ("8", 5, False)
    ]  # fmt: skip
    assert (heard[3].int(36), heard[3][123]) == (5, "Y")
    [resent] = desk.told(Resent)
    assert (resent.begin, resent.end, resent.messages) == (2, 4, 2)


@pytest.mark.parametrize("mode", ["use", "honour"])
def test_N05_N10_initiator_resends_unasked_before_what_waited_for_the_answer(version: str, mode: str) -> None:
    desk = used(version, INITIATOR, next_expected_msg_seq_num=mode, offline="store")
    desk.connect()
    desk.hear()
    desk.session.send("8", [(58, "waits")], desk.now)
    desk.say("A", *desk.logon_fields(), (789, 3))
    assert summary(desk) == [("8", 3, None), ("4", 4, 5), ("8", 5, None)]


def test_N05_what_waits_for_the_answer_is_not_missed(version: str) -> None:
    desk = used(version, INITIATOR, **USE, offline="store")
    desk.connect()
    desk.hear()
    desk.session.send("8", [(58, "waits")], desk.now)
    desk.say("A", *desk.logon_fields(), (789, 5))
    assert summary(desk) == [("8", 5, None)]
    assert not desk.told(Resent)


@pytest.mark.parametrize(("expected", "first"), [(4, 3), (3, 2), (2, 1), (1, 1)])
def test_N05_a_peer_that_names_one_too_many_gets_one_more_by_option(version: str, expected: int, first: int) -> None:
    desk = used(version, INITIATOR)
    desk.restart(**USE, resend_before_expected=1)
    reconnect(desk, (789, expected))
    assert desk.hear()[0].msg_seq_num == first
    desk = used(version, INITIATOR)
    desk.restart(**USE, resend_before_expected=1)
    reconnect(desk, (789, 5))  # it misses nothing
    assert desk.hear() == []


def test_N05_one_more_and_the_rest_are_two_gap_fills(version: str) -> None:
    """One over both would be too low for a peer that did not need the first."""
    desk = used(version, INITIATOR, sent=0)
    desk.drop()
    desk.restart(**USE, resend_before_expected=1, offline="store")
    desk.connect()
    desk.hear()
    desk.session.send("8", [(58, "waits")], desk.now)
    desk.say("A", *desk.logon_fields(), (789, 2))
    assert summary(desk) == [("4", 1, 2), ("4", 2, 3), ("8", 3, None)]


def test_N05_only_our_logon_is_missed(version: str) -> None:
    desk = used(version, INITIATOR, **USE)
    reconnect(desk, (789, 4))
    assert summary(desk) == [("4", 4, 5)]


@pytest.mark.parametrize("role", [INITIATOR, ACCEPTOR])
def test_N06_a_peer_that_expects_more_than_was_sent_is_logged_out(version: str, role: Role) -> None:
    desk = used(version, role, **USE)
    before = desk.store.load().epoch
    reconnect(desk, (789, 5 if role is ACCEPTOR else 6))
    [logout] = desk.hear()
    assert logout.msg_type == "5"
    assert logout[58].startswith("NextExpectedMsgSeqNum too high, expecting ")
    assert logout.get(1409) == ("10" if version == "FIXT.1.1" else None)
    assert any("lost messages it sent" in alarm.text for alarm in desk.told(Alarm))
    [refused] = desk.told(LogonRefused)
    assert (refused.reason, refused.by_us, refused.status) == (CloseReason.NEXT_EXPECTED, True, 10)
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.NEXT_EXPECTED
    assert desk.store.load().epoch == before
    assert not desk.told(LoggedOn)


@pytest.mark.parametrize("role", [INITIATOR, ACCEPTOR])
@pytest.mark.parametrize("mode", ["use", "honour"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "", "9" * 30])
def test_N07_what_is_no_number_is_refused_before_any_comparison(
    role: Role, version: str, mode: str, value: str
) -> None:
    # without a dictionary: it would refuse most of these itself
    desk = used(version, role, next_expected_msg_seq_num=mode, session_validation=None)
    desk.connect()
    desk.hear()
    raw = desk.raw("A", *desk.logon_fields(), (789, "@@"))
    body = raw[raw.index(b"35=") : -7].replace(b"789=@@", b"789=" + value.encode())  # an empty one cannot be encoded
    head = raw[: raw.index(b"\x01") + 1] + b"9=%d\x01" % len(body) + body
    desk.give(head + b"10=%03d\x01" % (sum(head) % 256))
    [logout] = desk.hear()
    assert (logout.msg_type, "NextExpectedMsgSeqNum" in logout[58]) == ("5", True)
    assert desk.session.next_in == 4
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.LOGON_INVALID


def test_N08_no_request_while_the_fill_comes(version: str) -> None:
    desk = used(version, INITIATOR, **USE)
    reconnect(desk, (789, 5), seq=7)
    assert desk.hear() == []
    assert desk.state is State.RECOVERING
    desk.app("behind the gap", seq=8)
    desk.advance(29)
    assert "2" not in desk.hear_types()
    desk.dup("4", (123, "Y"), (36, 8), seq=4)
    assert [m[58] for m in desk.take_messages()] == ["behind the gap"]
    assert desk.told(GapFilled)
    assert "2" not in desk.hear_types()


def test_N08_a_fill_that_does_not_come_is_asked_for_and_then_given_up(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE, resend_timeout=20)
    reconnect(desk, (789, 4), seq=7)
    desk.hear()
    desk.advance(19.9)
    assert desk.hear() == []
    desk.advance(0.1)
    [request] = desk.hear()
    assert (request.msg_type, request.int(7)) == ("2", 4)
    desk.advance(20)
    assert "5" in desk.hear_types()
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.RESEND_TIMEOUT


def test_N08_a_hole_in_the_fill_is_asked_for(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    reconnect(desk, (789, 4), seq=7)
    desk.hear()
    desk.dup("8", (58, "five"), seq=5)
    [request] = desk.hear()
    assert (request.msg_type, request.int(7)) == ("2", 4)


def test_N08_a_fill_may_end_before_the_logon_that_is_here(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    reconnect(desk, (789, 4), seq=6)
    desk.hear()
    desk.dup("8", (58, "four"), seq=4)
    desk.dup("8", (58, "five"), seq=5)
    assert (desk.session.next_in, desk.state) == (7, State.ACTIVE)


def test_N06_what_waits_for_the_answer_cannot_be_expected(version: str) -> None:
    desk = used(version, INITIATOR, **USE, offline="store")
    desk.connect()
    desk.hear()
    desk.session.send("8", [(58, "waits")], desk.now)
    desk.say("A", *desk.logon_fields(), (789, 6))  # 5 has not left
    assert desk.hear_types() == ["5"]
    assert desk.told(LogonRefused)[0].reason is CloseReason.NEXT_EXPECTED


@pytest.mark.parametrize("role", [INITIATOR, ACCEPTOR])
def test_N08_a_peer_without_789_is_asked_as_ever(version: str, role: Role) -> None:
    desk = used(version, role, **USE)
    reconnect(desk, seq=7)
    assert [(m.msg_type, m.int(7)) for m in desk.hear() if m.msg_type == "2"] == [("2", 4)]


def test_N09_with_a_reset_both_counters_are_1(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    answer = desk.logon((141, "Y"), (789, 1), seq=1)
    assert (answer.msg_seq_num, answer[141], answer.int(789)) == (1, "Y", 2)
    desk = used(version, INITIATOR)
    desk.restart(**USE, reset_on_logon=True)
    desk.connect()
    [logon] = desk.hear()
    assert (logon.msg_seq_num, logon[141], logon.int(789)) == (1, "Y", 1)
    desk.say("A", *desk.logon_fields(), (141, "Y"), (789, 2), seq=1)
    assert desk.hear() == []
    assert (desk.session.next_in, desk.session.next_out, desk.state) == (2, 2, State.ACTIVE)


def test_N09_a_reset_on_an_open_session(version: str) -> None:
    desk = Desk(version, **USE)
    desk.logon((789, 1))
    desk.app("a")
    desk.say("A", *desk.logon_fields(), (141, "Y"), (789, 1), seq=1)
    [answer] = desk.hear()
    assert (answer.msg_seq_num, answer.int(789)) == (1, 2)
    desk.session.reset(desk.now)
    [test] = desk.hear()
    desk.say("0", (112, test[112]), seq=2)
    [logon] = desk.hear()
    assert (logon.msg_seq_num, logon.int(789)) == (1, 1)
    desk.say("A", *desk.logon_fields(), (141, "Y"), (789, 2), seq=1)
    assert desk.hear() == []
    assert desk.state is State.ACTIVE


def test_N06_N09_a_reset_that_expects_more_than_1_resets_nothing(version: str) -> None:
    desk = used(version, ACCEPTOR, **USE)
    before = desk.store.load().epoch
    reconnect(desk, (141, "Y"), (789, 2), seq=1)
    assert desk.hear_types() == ["5"]
    assert desk.store.load().epoch == before
    assert desk.session.next_in == 4


def test_N06_N09_nor_does_one_on_an_open_session(version: str) -> None:
    desk = Desk(version, **USE)
    desk.logon()
    desk.app("a")
    desk.say("A", *desk.logon_fields(), (141, "Y"), (789, 3), seq=1)
    assert desk.hear_types() == ["5"]
    assert desk.store.load().epoch == 1
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.NEXT_EXPECTED


def test_N10_ours_off_a_peers_789_that_is_too_high_raises_an_alarm_only(version: str) -> None:
    desk = used(version, ACCEPTOR)
    reconnect(desk, (789, 50))
    assert desk.hear_types() == ["A"]
    assert desk.state is State.ACTIVE
    assert any("expects MsgSeqNum 50" in alarm.text for alarm in desk.told(Alarm))


@pytest.mark.parametrize("value", ["2", "50"])
def test_N10_ignored_by_option(version: str, value: str) -> None:
    desk = used(version, ACCEPTOR, next_expected_msg_seq_num="ignore")
    reconnect(desk, (789, value))
    assert desk.hear_types() == ["A"]
    assert not desk.told(Alarm)


def test_N10_a_version_without_789_ignores_it() -> None:
    desk = used("FIX.4.2", ACCEPTOR)
    reconnect(desk, (789, 2))
    assert desk.hear_types() == ["A"]
    with pytest.raises(ConfigError, match=r"next_expected_msg_seq_num='use' .*FIX\.4\.4"):
        SessionConfig("FIX.4.2", "A", "B", next_expected_msg_seq_num="use")
    with pytest.raises(ConfigError, match="'honour'"):
        SessionConfig("FIX.4.4", "A", "B", next_expected_msg_seq_num="yes")  # type: ignore[arg-type]


# --- both ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modes", [("use", "use"), ("use", "honour"), ("honour", "use"), ("use", "ignore")])
@pytest.mark.parametrize("seed", range(25))
def test_N05_N08_two_sessions_that_were_cut_miss_nothing(version: str, modes: tuple[str, str], seed: int) -> None:
    rng = random.Random(seed)
    pair = Pair(version, *({"next_expected_msg_seq_num": mode} for mode in modes))
    pair.connect()
    pair.settle()
    sent: list[list[str]] = [[], []]
    for round_ in range(4):
        for i in rng.choices((0, 1), k=rng.randrange(8)):
            text = f"{round_} {len(sent[i])}"
            pair.sessions[i].send("8", [(58, text)], pair.now)
            sent[i].append(text)
            pair.carry(rng.randrange(2), rng.randrange(300))
        pair.cut()
        for i in (0, 1):
            pair.take(i)
        pair.connect()
        pair.settle()
        assert [session.state for session in pair.sessions] == [State.ACTIVE, State.ACTIVE]
    for i in (0, 1):
        got = [event[58] for event in pair.events[1 - i] if type(event).__name__ == "Message"]
        assert got == sent[i]
        assert not [event for event in pair.events[i] if isinstance(event, Alarm | MessagesLost)]
    if modes == ("use", "use"):
        assert all(b"\x0135=2\x01" not in raw for store in pair.stores for _, _, raw in store.read_out(1, 10_000))


@pytest.mark.parametrize("seed", range(60))
def test_N05_N08_I12_any_mix_of_options_and_cuts_at_any_byte_loses_nothing(seed: int) -> None:
    rng = random.Random(seed)
    options = [
        {
            "next_expected_msg_seq_num": rng.choice(["use", "honour", "ignore"]),
            "logon_test_request": rng.random() < 0.3,
            "last_msg_seq_num_processed": rng.random() < 0.3,
            "offline": rng.choice(["store", "refuse"]),
            "resend_before_expected": rng.choice([0, 1]),
            "max_resend_requests": 1000,  # the same number is asked for in each of many connections
        }
        for _ in (0, 1)
    ]
    pair = Pair(rng.choice(["FIX.4.4", "FIXT.1.1"]), *options)
    sent: list[list[str]] = [[], []]
    pair.connect()
    for _ in range(rng.randrange(5, 60)):
        i = rng.randrange(2)
        what = rng.random()
        if what < 0.3 and (pair.sessions[i].state.active or options[i]["offline"] == "store"):
            pair.sessions[i].send("8", [(58, str(len(sent[i])))], pair.now)
            sent[i].append(str(len(sent[i])))
        elif what < 0.75:
            pair.carry(i, rng.choice([None, rng.randrange(400)]))
        elif what < 0.87:
            pair.advance(rng.choice([1, 5, 40]))
        else:
            cut_and_connect(pair)
    cut_and_connect(pair)
    pair.advance(100, step=5)
    one, other = pair.sessions
    assert (one.state, other.state) == (State.ACTIVE, State.ACTIVE)
    assert (one.next_in, other.next_in) == (other.next_out, one.next_out)
    for i in (0, 1):
        assert [event[58] for event in pair.events[1 - i] if type(event).__name__ == "Message"] == sent[i]
        assert not [event for event in pair.events[i] if isinstance(event, Alarm | MessagesLost)]


def cut_and_connect(pair: Pair) -> None:
    pair.cut()
    for i in (0, 1):
        pair.take(i)
    pair.connect()
    pair.settle()
