"""Where engines differ: the default of each choice, and the option (A17)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import ConfigError
from fixfast.session.events import Alarm, Disconnected, Duplicate, LoggedOut, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair, config


def on(version: str, **options: Any) -> Desk:
    desk = Desk(version, **options)
    desk.logon(heart_bt_int=10)
    return desk


@pytest.mark.parametrize(
    ("name", "bad", "allowed"),
    [
        ("resend_range", "half", "'open' or 'closed'"),
        ("resend_chunk", -1, "from 0"),
        ("max_repeated_requests", 0, "from 1"),
        ("repeat_window", 0, "above 0"),
        ("max_garbled_percent", 0, "from 1"),
        ("garbled_window", 0, "from 1"),
        ("resync", "guess", "'next_message' or 'declared_length'"),
        ("non_ascii", "drop", "'accept' or 'reject'"),
        ("test_req_id", "a\x01b", "control characters"),
        ("dead_peer", "ignore", "'logout' or 'close'"),
        ("close_after_logout", True, "'wait' or 'now'"),
        ("logout_test_request", 1, "True or False"),
        ("low_gap_fill", "reject", "'end' or 'discard'"),
        ("report_duplicates", None, "True or False"),
        ("slow_consumer_timeout", None, "above 0"),
        ("send_queue_bytes", 0, "from 1"),
    ],
)
def test_a_wrong_choice_is_refused_naming_it(name: str, bad: Any, allowed: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config("FIX.4.4", **{name: bad})
    assert name in str(refused.value)
    assert repr(bad) in str(refused.value)
    assert allowed in str(refused.value)


def test_X02_the_peer_closes_first_by_default(version: str) -> None:
    desk = on(version)
    desk.say("5")
    assert desk.hear_types() == ["5"]
    desk.advance(9.9)
    assert desk.session.close_requested is None
    desk.advance(0.2)
    assert desk.session.close_requested is CloseReason.LOGOUT


@pytest.mark.parametrize("seq", [2, 4])
def test_X02_or_we_close_right_behind_our_answer(version: str, seq: int) -> None:
    desk = on(version, close_after_logout="now")
    desk.say("5", (58, "bye"), seq=seq)
    if seq > 2:  # too high: what is missing comes first (O04)
        assert desk.session.close_requested is None
        desk.dup("8", (58, "two"), seq=2)
        desk.dup("8", (58, "three"), seq=3)
    assert desk.session.close_requested is CloseReason.LOGOUT
    assert desk.hear()[-1].msg_type == "5"  # the transport writes it before it closes
    assert [event.text for event in desk.told(LoggedOut)] == ["bye"]
    desk.drop()
    assert [event.reason for event in desk.told(Disconnected)] == [CloseReason.LOGOUT]


def test_X03_the_text_for_a_number_too_low(version: str) -> None:
    desk = on(version)
    desk.app("a")
    desk.app("b", seq=2)
    assert desk.hear()[-1][58] == "MsgSeqNum too low, expecting 3 but received 2"


def test_X04_the_text_for_a_wrong_begin_string(version: str) -> None:
    desk = on(version)
    desk.say("8", (58, "x"), begin_string="FIX.4.1")
    assert desk.hear()[-1][58] == "Incorrect BeginString"


def test_X05_a_fixed_test_req_id(version: str) -> None:
    """It is the answer to the latest request all the same, for heartbeats and for a reset."""
    desk = on(version, test_req_id="TEST")
    for _ in range(3):
        desk.advance(12)
        [test] = [m for m in desk.hear() if m.msg_type == "1"]
        assert test[112] == "TEST"
        desk.say("0", (112, "TEST"))
    assert desk.state is State.ACTIVE
    if version != "FIX.4.0":
        desk.session.reset(desk.now)
        assert desk.hear()[-1][112] == "TEST"
        desk.say("0", (112, "TEST"))
        [logon] = desk.hear()
        assert (logon.msg_type, logon[141]) == ("A", "Y")


def test_X08_a_dead_peer_gets_a_logout_by_default(version: str) -> None:
    desk = on(version)
    desk.advance(24)
    assert desk.hear()[-1][58] == "Heartbeat timeout"
    assert desk.session.close_requested is None
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.HEARTBEAT_TIMEOUT


def test_X08_or_we_close_at_once(version: str) -> None:
    desk = on(version, dead_peer="close")
    desk.advance(24)
    assert desk.session.close_requested is CloseReason.HEARTBEAT_TIMEOUT
    assert "5" not in desk.hear_types()


def cut_short(desk: Desk, by: int) -> bytes:
    """A message that claims to be longer than it is, so that it swallows the beginning of the next one."""
    data = desk.raw("8", (58, "bad"))
    head, length, rest = data.split(b"\x01", 2)
    return b"\x01".join((head, b"9=%d" % (int(length[2:]) + by), rest))


@pytest.mark.parametrize("role", list(Role))
def test_X10_F06_after_a_wrong_length_the_next_message_is_found(version: str, role: Role) -> None:
    desk = Desk(version, role)
    desk.logon()
    desk.give(cut_short(desk, 20) + desk.raw("8", (58, "next")) + desk.raw("8", (58, "third")))
    # one is lost, and both behind it are there: they wait for it
    assert desk.session.stats().held == 2


def test_X10_or_what_the_length_claims_is_skipped(version: str) -> None:
    desk = on(version, resync="declared_length")
    desk.give(cut_short(desk, 20) + desk.raw("8", (58, "swallowed")) + desk.raw("8", (58, "third")))
    assert desk.session.stats().held == 1
    for seq, text in ((2, "bad"), (3, "swallowed")):
        desk.dup("8", (58, text), seq=seq)
    assert [m[58] for m in desk.take_messages()] == ["bad", "swallowed", "third"]
    assert desk.state is State.ACTIVE


# --- options inside of rows -----------------------------------------------------------------------------------


def test_O01_a_round_trip_before_our_logout(version: str) -> None:
    desk = on(version, logout_test_request=True)
    desk.session.logout("good night", desk.now)
    [test] = desk.hear()
    assert test.msg_type == "1"
    desk.session.send("8", [(58, "still allowed")], desk.now)
    desk.say("0", (112, "another"))
    assert desk.hear_types() == ["8"]
    desk.say("0", (112, test[112]))
    assert [m.get(58) for m in desk.hear()] == ["good night"]
    assert desk.state is State.LOGOUT_SENT
    desk.say("5")
    assert desk.session.close_requested is CloseReason.LOGOUT


def test_O01_without_an_answer_the_logout_goes_out_all_the_same(version: str) -> None:
    desk = on(version, logout_test_request=True, logout_timeout=4)
    desk.session.logout("", desk.now)
    desk.advance(3.9)
    assert desk.hear_types() == ["1"]
    desk.advance(0.2)
    assert desk.hear_types() == ["5"]
    desk.advance(4)
    assert desk.session.close_requested is CloseReason.LOGOUT_TIMEOUT


def test_O01_asked_twice_it_does_not_wait(version: str) -> None:
    desk = on(version, logout_test_request=True)
    desk.session.logout("", desk.now)
    desk.session.logout("now", desk.now)
    assert desk.hear_types() == ["1", "5"]


def test_O01_the_peer_s_logout_comes_first(version: str) -> None:
    desk = on(version, logout_test_request=True)
    desk.session.logout("", desk.now)
    test = desk.hear()[0]
    desk.say("5")
    assert desk.hear_types() == ["5"]
    desk.say("0", (112, test[112]))
    assert desk.hear() == []
    assert desk.state is State.LOGOUT_RECEIVED


def test_Z04_a_low_gap_fill_may_be_discarded(version: str) -> None:
    desk = on(version, low_gap_fill="discard")
    desk.app("a")
    desk.say("4", (123, "Y"), (36, 9), seq=2)
    assert desk.hear() == []
    assert desk.session.next_in == 3
    assert desk.told(Alarm)
    desk.app("low", seq=2)
    assert desk.hear()[-1].msg_type == "5"  # only GapFills


def test_S05_repetitions_are_told_where_that_is_asked_for(version: str) -> None:
    desk = on(version, report_duplicates=True)
    desk.app("a")
    desk.dup("8", (58, "a"), seq=2)
    [told] = desk.told(Duplicate)
    assert (told.message[58], told.message.poss_dup) == ("a", True)
    assert len(desk.told(Alarm)) == 0
    assert desk.session.next_in == 3


# --- bytes above ASCII (F16) ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Zürich", b"\xff\xfe", b"\x80"])
def test_F16_bytes_above_ascii_are_accepted(version: str, text: Any) -> None:
    desk = on(version)
    desk.app(text)
    [got] = desk.take_messages()
    assert got.bytes(58) == (text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("path", ["run", "queue"])
def test_F16_or_rejected(version: str, path: str) -> None:
    """The same whether a message comes in sequence or had to wait."""
    seen = []
    desk = on(version, non_ascii="reject", check=lambda message: seen.append(message.msg_seq_num))
    said = [("plain", 2), ("Zürich", 3)]
    for text, seq in said if path == "run" else reversed(said):
        desk.app(text, seq)
    assert [m[58] for m in desk.take_messages()] == ["plain"]
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag, rejected.message.msg_seq_num) == (6, 58, 3)
    assert desk.session.next_in == 4
    assert seen == [2]  # the owner's own rule is asked for the rest only


def test_F16_data_may_hold_any_byte(version: str) -> None:
    desk = on(version, non_ascii="reject")
    desk.say("8", (95, 4), (96, b"\xff\x00\x01x"), (354, 2), (355, b"\xc3\xbc"), (58, "x"))
    assert [m[58] for m in desk.take_messages()] == ["x"]


def test_F16_session_messages_and_rejects_are_never_refused_for_it(version: str) -> None:
    desk = on(version, non_ascii="reject")
    desk.say("3", (45, 1), (58, "für Sie"))
    desk.say("0", (112, b"\xff"))
    assert [m.msg_type for m in desk.take_messages()] == ["3"]
    assert desk.told(Rejected) == []
    assert desk.session.next_in == 4


# --- what a logout does to orders -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["ours", "theirs", "cut"])
def test_O13_orders_are_not_touched_by_the_end_of_a_connection(version: str, end: str) -> None:
    """No session cancels anything by itself, at the end or when it comes back."""
    pair = Pair(version)
    pair.connect()
    pair.settle()
    bot = pair.sessions[0]
    bot.send("D", [(11, "order"), (55, "X"), (54, "1"), (38, 100), (40, "1")], pair.now)
    pair.settle()
    if end == "cut":
        pair.cut()
    else:
        pair.sessions[0 if end == "ours" else 1].logout("", pair.now)
        pair.settle()
        pair.cut()
    pair.connect()
    pair.settle()
    assert bot.state is State.ACTIVE
    delivered = [event.msg_type for event in pair.events[1] if hasattr(event, "msg_type")]
    assert delivered == ["D"]
    assert bot.stats().messages_in == 0


def test_O13_cancel_on_disconnect_is_asked_for_explicitly(version: str) -> None:
    """Each venue has a field of its own for it, in the Logon."""
    asking = Desk(version, Role.INITIATOR, logon=lambda context: [(9406, "Y")])
    asking.connect()
    assert asking.hear()[0][9406] == "Y"
    silent = Desk(version, Role.INITIATOR)
    silent.connect()
    assert 9406 not in silent.hear()[0]


# --- no session, no Logout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [{"sender": "X"}, {"target": "X"}, {"begin_string": "FIX.9.9"}, {"time": "never"}])
def test_O09_where_no_session_was_there_is_no_logout(version: str, header: dict[str, Any]) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", *desk.logon_fields(), **header)
    assert desk.hear() == []
    assert desk.session.close_requested is not None
    assert desk.session.next_out == 1
    desk.drop()
    assert desk.told(LoggedOut) == []


def test_O09_nor_when_the_connection_ends_before_the_logon(version: str) -> None:
    for role in Role:
        desk = Desk(version, role)
        desk.connect()
        desk.hear()
        desk.drop()
        assert desk.told(LoggedOut) == []
        desk.connect()
        desk.hear()
        desk.advance(11)
        assert desk.hear() == []
        assert desk.session.close_requested is CloseReason.LOGON_TIMEOUT
