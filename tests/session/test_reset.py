"""ResetSeqNumFlag (A4), and the resets that options and operators ask for."""

from __future__ import annotations

import pytest

from fixfast.errors import LocalProtocolError
from fixfast.session.events import Alarm, LoggedOn, MessagesLost, SequenceReset
from fixfast.session.state import CloseReason, State
from fixfast.types import Role
from tests.session.harness import Desk, Pair

INITIATOR = Role.INITIATOR


def used(version: str, role: Role = Role.ACCEPTOR, **options: object) -> Desk:
    """A desk whose session has history, and has lost its connection: next_in 4, next_out 3."""
    desk = Desk(version, role)
    desk.logon()
    desk.app("a")
    desk.app("b")
    desk.session.send("8", [(58, "x")], desk.now)
    desk.hear()
    desk.take()
    desk.drop()
    assert (desk.session.next_in, desk.session.next_out) == (4, 3)
    desk.restart(**options)
    return desk


WITH_FLAG = ("FIX.4.1", "FIX.4.2", "FIX.4.4", "FIXT.1.1")


@pytest.fixture(params=WITH_FLAG)
def flagged(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_R01_reset_at_logon_begins_both_numbers_at_1(flagged: str) -> None:
    desk = used(flagged)
    epoch = desk.store.load().epoch
    answer = desk.logon((141, "Y"), seq=1)
    assert (answer.msg_type, answer.msg_seq_num, answer[141]) == ("A", 1, "Y")
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    assert desk.store.load().epoch == epoch + 1
    [reset] = desk.told(SequenceReset)
    assert (reset.why, reset.old_next_in, reset.old_next_out) == ("peer", 4, 3)
    assert desk.told(LoggedOn)[-1].reset


def test_R02_reset_with_another_number_is_refused_and_resets_nothing(flagged: str) -> None:
    desk = used(flagged)
    before = desk.store.load().epoch
    desk.connect()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=4)
    reject, logout = desk.hear()
    assert (reject.msg_type, logout.msg_type) == ("3", "5")
    if flagged != "FIX.4.1":
        assert (reject.int(373), reject.int(371)) == (5, 34)
    assert desk.store.load().epoch == before
    assert desk.session.next_in == 4


def test_R03_reset_while_logged_on_in_place(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.app("a")
    desk.session.send("8", [(58, "on its way")], desk.now)
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    [answer] = desk.hear()
    assert (answer.msg_type, answer.msg_seq_num, answer[141]) == ("A", 1, "Y")
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    assert desk.state is State.ACTIVE
    [reset] = desk.told(SequenceReset)
    assert reset.unsent == (2,)
    desk.app("new", seq=2)
    assert [m[58] for m in desk.take_messages()] == ["new"]


def test_R03_messages_of_the_old_epoch_are_delivered_but_not_acknowledged_in_the_new(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    for text in "abc":
        desk.app(text)
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert [m[58] for m in desk.take_messages()] == ["a", "b", "c"]
    assert desk.store.load().next_in == 2
    desk.app("new", seq=2)
    assert desk.store.load().next_in == 2
    assert [m[58] for m in desk.take_messages()] == ["new"]
    assert desk.store.load().next_in == 3


def test_R04_our_reset_makes_a_round_trip_first(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.app("a")
    desk.session.reset(desk.now)
    [test] = desk.hear()
    assert test.msg_type == "1"
    desk.app("before your answer")
    desk.say("0")
    desk.say("0", (112, "something else"))
    assert desk.hear() == []
    desk.say("0", (112, test[112]))
    [logon] = desk.hear()
    assert (logon.msg_type, logon.msg_seq_num, logon[141]) == ("A", 1, "Y")
    desk.session.send("8", [(58, "waits for the answer")], desk.now)
    assert desk.hear() == []
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == [("8", 2)]
    assert (desk.session.next_in, desk.session.next_out) == (2, 3)
    assert desk.told(LoggedOn)[-1].reset


def test_R04_waits_until_what_was_sent_has_left(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.session.reset(desk.now)
    [test] = desk.hear()
    desk.session.send("8", [(58, "old epoch")], desk.now)
    desk.say("0", (112, test[112]))
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == [("8", 3), ("A", 1)]
    assert desk.told(SequenceReset)[0].unsent == ()


def test_R04_waits_for_an_open_gap(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.session.reset(desk.now)
    [test] = desk.hear()
    desk.say("0", (112, test[112]), seq=4)  # 2 and 3 are missing
    assert desk.hear_types() == ["2"]
    desk.dup("8", (58, "two"), seq=2)
    assert desk.hear() == []
    desk.dup("8", (58, "three"), seq=3)
    assert desk.hear_types() == ["A"]
    assert [m[58] for m in desk.take_messages()] == ["two", "three"]


def test_R04_reset_without_a_connection_is_immediate(version: str) -> None:
    desk = used(version)
    desk.session.reset(desk.now)
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)
    assert desk.store.load().epoch == 2


def test_R04_unanswered_reset_is_given_up(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon(heart_bt_int=0)
    desk.session.reset(desk.now)
    desk.hear()
    desk.advance(30)
    assert any("reset" in alarm.text for alarm in desk.told(Alarm))
    assert desk.state is State.ACTIVE  # nothing was reset yet
    desk.session.reset(desk.now)
    [test] = desk.hear()
    desk.say("0", (112, test[112]))
    desk.hear()
    desk.advance(10)
    assert desk.session.close_requested is CloseReason.RESET_REFUSED


def test_R04_in_fix40_there_is_no_reset_on_a_session() -> None:
    desk = Desk("FIX.4.0")
    desk.logon()
    with pytest.raises(LocalProtocolError):
        desk.session.reset(desk.now)


@pytest.mark.parametrize("answer", ["no flag", "other number"])
def test_R05_answer_without_reset_disconnects(flagged: str, answer: str) -> None:
    desk = used(flagged, INITIATOR, reset_on_logon=True)
    desk.connect()
    [logon] = desk.hear()
    assert (logon.msg_seq_num, logon[141]) == (1, "Y")
    if answer == "no flag":
        desk.say("A", *desk.logon_fields(), seq=1)
    else:
        desk.say("A", *desk.logon_fields(), (141, "Y"), seq=7)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.RESET_REFUSED
    assert desk.told(Alarm)


@pytest.mark.parametrize("answer", ["no flag", "other number"])
def test_R05_answer_without_reset_on_an_open_session_disconnects(flagged: str, answer: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.session.reset(desk.now)
    [test] = desk.hear()
    desk.say("0", (112, test[112]))
    assert desk.hear_types() == ["A"]
    if answer == "no flag":
        desk.say("A", *desk.logon_fields(), seq=1)
    else:
        desk.say("A", *desk.logon_fields(), (141, "Y"), seq=2)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.RESET_REFUSED
    assert any("only a person" in alarm.text for alarm in desk.told(Alarm))


def test_R06_both_sides_reset_together_ends_in_one_reset(flagged: str) -> None:
    pair = Pair(flagged)
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        session.send("8", [(58, "x")], pair.now)
    pair.settle()
    for session in pair.sessions:
        session.reset(pair.now)
    pair.settle()
    assert [store.load().epoch for store in pair.stores] == [2, 2]
    for session in pair.sessions:
        assert (session.next_in, session.next_out, session.state) == (2, 2, State.ACTIVE)


@pytest.mark.parametrize("flag", ["N", None])
def test_R07_no_flag_no_reset(version: str, flag: str | None) -> None:
    desk = used(version)
    desk.logon(*([(141, flag)] if flag else []))
    assert desk.session.next_in == 5
    assert desk.store.load().epoch == 1


def test_R08_flag_is_unknown_in_fix40() -> None:
    desk = used("FIX.4.0")
    desk.connect()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert desk.hear()[0][58].startswith("MsgSeqNum too low")
    assert desk.store.load().epoch == 1
    assert 141 not in Desk("FIX.4.0", INITIATOR, reset_on_logon=True).logon()


def test_R09_reset_abandons_an_open_gap_and_says_what_is_lost(flagged: str) -> None:
    desk = Desk(flagged)
    desk.logon()
    desk.app("six", seq=6)
    desk.hear()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    [lost] = desk.told(MessagesLost)
    assert (lost.begin, lost.end) == (2, 6)
    assert desk.told(Alarm)
    assert desk.state is State.ACTIVE
    assert desk.session.next_in == 2
    assert desk.session.stats().held == 0


def test_R10_reset_on_logon(flagged: str) -> None:
    desk = used(flagged, INITIATOR, reset_on_logon=True)
    desk.connect()
    [logon] = desk.hear()
    assert (logon.msg_seq_num, logon[141]) == (1, "Y")
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    assert desk.store.load().epoch == 2


def test_R10_what_is_fresh_is_not_reset_once_more(flagged: str) -> None:
    desk = Desk(flagged, INITIATOR, reset_on_logon=True)
    assert desk.logon((141, "Y"))[141] == "Y"
    assert desk.store.load().epoch == 1
    assert not desk.told(SequenceReset)


def test_R03_only_what_never_left_is_unsent(flagged: str) -> None:
    desk = Desk(flagged, offline="store")
    desk.session.send("8", [(58, "asked for after the logon")], desk.now)
    desk.logon()
    desk.say("2", (7, 1), (16, 0))
    desk.hear()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert [event.unsent for event in desk.told(SequenceReset)] == [()]


def test_R10_acceptor_resets_on_logon(flagged: str) -> None:
    desk = used(flagged, reset_on_logon=True)
    answer = desk.logon(seq=1)
    assert (answer.msg_seq_num, answer[141]) == (1, "Y")
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)


def test_R10_reset_on_logout_only_after_a_logout(flagged: str) -> None:
    desk = used(flagged, reset_on_logout=True)
    assert desk.store.load().epoch == 1  # the connection was lost
    desk.logon()
    desk.say("5")
    desk.hear()
    desk.session.receive_eof(desk.now)
    desk.drop()
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)
    assert desk.store.load().epoch == 2


def test_R10_reset_on_disconnect(flagged: str) -> None:
    desk = Desk(flagged, INITIATOR, reset_on_disconnect=True)
    assert desk.logon((141, "Y"))[141] == "Y"  # both at 1 by option: it says so
    desk.app("a")
    desk.drop()
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)
    assert [event.why for event in desk.told(SequenceReset)] == ["disconnect"]


def test_answer_that_resets_unasked_is_followed(flagged: str) -> None:
    desk = used(flagged, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    [logon] = desk.hear()
    assert (logon.msg_type, logon.msg_seq_num, logon[141]) == ("A", 1, "Y")
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)


def test_answer_that_resets_unasked_keeps_our_logon_if_it_was_1(flagged: str) -> None:
    desk = Desk(flagged, INITIATOR)
    desk.connect()
    desk.hear()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert desk.hear() == []
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    assert desk.store.load().epoch == 1


def test_answer_that_resets_unasked_when_only_our_logon_was_1(flagged: str) -> None:
    desk = Desk(flagged, INITIATOR)
    desk.store.fill(1, 3)
    desk.restart()
    desk.connect()
    assert desk.hear()[0].msg_seq_num == 1
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert desk.hear() == []  # it stays number 1 in the new epoch
    assert (desk.session.next_in, desk.session.next_out, desk.store.load().epoch) == (2, 2, 2)
    assert desk.store.load().next_out == 2


def test_T1_logon_that_is_not_accepted_leaves_the_store_as_it_was(flagged: str) -> None:
    desk = used(flagged)
    desk.restart(manual_logon=True)
    before = desk.store.load()
    desk.connect()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert desk.store.load() == before
    desk.session.refuse_logon(None, None, desk.now)
    desk.drop()
    assert desk.store.load() == before
    desk.connect()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1, sender="STRANGER")
    assert desk.store.load() == before


def test_R04_logout_during_a_reset_takes_the_answer_to_the_reset_for_what_it_is(flagged: str) -> None:
    """Found by the simulation: the answer, on its way when we logged out, ended the session as a second Logon."""
    desk = Desk(flagged)
    desk.logon()
    desk.session.reset(desk.now)
    request = desk.hear()[0]
    desk.say("0", (112, request[112]))
    assert [m[141] for m in desk.hear()] == ["Y"]
    desk.session.logout("", desk.now)
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    desk.say("5", seq=2)
    assert desk.session.close_requested is CloseReason.LOGOUT
