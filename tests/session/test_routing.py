"""Whom a message is from and for, when it was sent, and how far the other side is: C04 to C12 of A11, and replay."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.validation import Fault
from fixfast.errors import BusinessReject, ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Alarm, LogonRefused, Rejected
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Now, Role, Slot
from tests.session.harness import SECOND, Desk

INITIATOR, ACCEPTOR = Role.INITIATOR, Role.ACCEPTOR
SUB_IDS: dict[str, Any] = {
    "sender_sub_id": "desk", "target_sub_id": "trader", "sender_location_id": "NY", "target_location_id": "LN"
}  # fmt: skip
#: as the peer writes them
THEIRS: list[tuple[int, Any]] = [(50, "trader"), (57, "desk"), (142, "LN"), (143, "NY")]


# --- C04: sub and location ids -------------------------------------------------------------------------------


def log_on(desk: Desk, *header: tuple[int, Any]) -> Message:
    """Log on with a Logon of the peer that has more in its header; return the session's."""
    desk.connect()
    desk.say("A", *header, *desk.logon_fields())
    assert desk.state is State.ACTIVE
    desk.take()
    [answer] = desk.hear()
    return answer


def test_C04_other_sub_ids_are_ignored_by_default(version: str) -> None:
    desk = Desk(version, **SUB_IDS)
    log_on(desk, (50, "x"))
    desk.say("8", (50, "y"), (143, "z"), (58, "a"))
    assert [m[58] for m in desk.take_messages()] == ["a"]
    assert desk.hear() == []


@pytest.mark.parametrize("tag", [50, 57, 142, 143])
@pytest.mark.parametrize("value", ["other", None])
def test_C04_other_sub_ids_are_refused_like_comp_ids_by_option(version: str, tag: int, value: str | None) -> None:
    wrong = [(t, v if t != tag else value) for t, v in THEIRS if t != tag or value is not None]
    desk = Desk(version, check_sub_ids=True, **SUB_IDS)
    log_on(desk, *THEIRS)
    desk.say("8", *THEIRS, (58, "good"))
    assert [m[58] for m in desk.take_messages()] == ["good"]
    desk.say("8", *wrong, (58, "bad"))
    reject, logout = desk.hear()
    assert (reject.msg_type, logout.msg_type) == ("3", "5")
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (9, tag)
    assert desk.take_messages() == []
    assert desk.session.next_in == 4
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.COMP_ID


@pytest.mark.parametrize("role", [ACCEPTOR, INITIATOR])
def test_C04_a_logon_with_other_sub_ids_is_not_our_peers(version: str, role: Role) -> None:
    desk = Desk(version, role, check_sub_ids=True, target_sub_id="trader")
    desk.connect()
    desk.hear()
    desk.say("A", (50, "other"), *desk.logon_fields())
    assert desk.hear_types() == ([] if role is ACCEPTOR else ["5"])
    assert desk.told(LogonRefused)[0].reason is CloseReason.IDENTITY


def test_C04_what_is_not_configured_is_not_checked(version: str) -> None:
    desk = Desk(version, check_sub_ids=True, target_sub_id="trader")
    log_on(desk, (50, "trader"), (57, "anything"))
    desk.say("8", (50, "trader"), (142, "anywhere"), (58, "a"))
    assert [m[58] for m in desk.take_messages()] == ["a"]


def test_C04_sub_ids_are_swapped_in_answers(version: str) -> None:
    desk = Desk(version, sender_sub_id="desk")
    answer = log_on(desk, (50, "trader"), (57, "QUOTE"), (142, "LN"))
    assert (answer[57], answer[50], answer[143]) == ("trader", "desk", "LN")  # configured ones stay
    assert log_on(Desk(version), (57, "QUOTE"))[50] == "QUOTE"
    desk.say("8", (43, "Y"), (50, "second trader"), (58, "x"))
    [reject] = desk.hear()
    assert (reject.msg_type, reject[57], reject.all(50)) == ("3", "second trader", ["desk"])


# --- C05, C06, C07: third parties ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ([(115, "stranger")], 115),
        ([(128, "elsewhere")], 128),
        ([(115, "client"), (128, "elsewhere")], 128),
        ([(116, "trader")], 115),
        ([(144, "LN")], 115),
        ([(129, "trader")], 128),
        ([(145, "LN")], 128),
    ],
)
def test_C05_a_third_party_that_is_not_configured_is_rejected_and_counted(
    version: str, fields: list[tuple[int, Any]], tag: int
) -> None:
    desk = Desk(version, on_behalf_of_comp_ids={"client"}, deliver_to_comp_ids=["firm"])
    desk.logon()
    desk.say("8", *fields, (58, "x"))
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    assert (reject.get(371), reject.get(373)) == ((None, None) if version == "FIX.4.0" else (str(tag), "9"))
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (9, tag)
    assert desk.session.next_in == 3
    assert desk.take_messages() == []
    assert desk.state is State.ACTIVE  # not a logout


def test_C05_configured_third_parties_and_none_pass(version: str) -> None:
    desk = Desk(version, on_behalf_of_comp_ids={"client"}, deliver_to_comp_ids=["firm"])
    desk.logon()
    desk.say("8", (115, "client"), (116, "trader"), (128, "firm"), (145, "LN"), (58, "a"))
    desk.say("8", (58, "b"))
    assert [m[58] for m in desk.take_messages()] == ["a", "b"]
    desk = Desk(version)
    desk.logon()
    desk.say("8", (115, "anybody"), (129, "x"), (58, "c"))
    assert [m[58] for m in desk.take_messages()] == ["c"]  # not checked by default: no fill is lost


def test_C05_at_their_turn_and_before_the_owners_own_rules(version: str) -> None:
    asked: list[str] = []

    def rules(message: Any) -> Fault | None:
        asked.append(message[58])
        if message[58] == "no":
            raise BusinessReject(5, "no")
        return None

    desk = Desk(version, on_behalf_of_comp_ids=set(), check=rules)
    desk.logon()
    desk.say("8", (115, "client"), (58, "held"), seq=3)
    desk.hear()
    assert not desk.told(Rejected)
    desk.dup("8", (58, "two"), seq=2)
    desk.say("8", (58, "no"), seq=4)
    assert [(event.reason, event.business) for event in desk.told(Rejected)] == [(9, False), (5, True)]
    assert asked == ["two", "no"]
    assert desk.session.next_in == 5


@pytest.mark.parametrize("option", ["on_behalf_of_comp_ids", "deliver_to_comp_ids"])
@pytest.mark.parametrize("value", ["client", 5, [5]])
def test_C05_options_are_checked(option: str, value: Any) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(ConfigError, match=f"{option}=.*CompIDs, or None"):
        SessionConfig("FIX.4.4", "A", "B", **options)


def test_C06_all_six_change_places_and_empty_ones_are_left_out(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    route = {115: "a", 116: "b", 144: "c", 128: "d", 129: "e", 145: "f"}
    desk.say("8", (43, "Y"), *route.items(), (58, "x"))
    desk.say("8", (43, "Y"), (145, "only"), (58, "x"))
    first, second = desk.hear()
    assert {tag: first[tag] for tag in route} == {128: "a", 129: "b", 145: "c", 115: "d", 116: "e", 144: "f"}
    assert [(tag, second.get(tag)) for tag in route if second.get(tag) is not None] == [(144, "only")]


@pytest.mark.parametrize("version", ["FIX.4.3", "FIX.4.4", "FIXT.1.1"])
def test_C07_hops_are_kept_as_they_are_and_not_answered(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    hops = [[(628, "one"), (630, 7)], [(628, "two"), (629, desk.time()), (630, 8)]]
    desk.say("8", (627, hops), (58, "x"))
    desk.say("8", (43, "Y"), (627, hops), (58, "faulty"))
    [got] = desk.take_messages()
    assert [(hop[628], hop[630]) for hop in got.group(627)] == [("one", "7"), ("two", "8")]
    [reject] = desk.hear()
    assert (reject.msg_type, reject.get(627)) == ("3", None)


# --- time ----------------------------------------------------------------------------------------------------


def test_C10_second_60_is_a_time(version: str) -> None:
    desk = Desk(version, check_latency=False)
    desk.logon()
    desk.say("8", (58, "x"), time="20161231-23:59:60")
    assert len(desk.take_messages()) == 1


@pytest.mark.parametrize("digits", [".1", ".12", ".1234567890", ".123456789012"])
def test_C10_other_precisions_are_read_too(version: str, digits: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (58, "x"), time=desk.time().partition(".")[0] + digits)
    assert len(desk.take_messages()) == 1


@pytest.mark.parametrize("seconds", [-121, 121, -86_400])
def test_C11_a_step_of_our_clock_raises_an_alarm(version: str, seconds: int) -> None:
    desk = Desk(version)
    desk.logon(heart_bt_int=0)
    desk.advance(1000)
    assert not desk.told(Alarm)
    now = desk.now
    desk.session.poll(Now(now.mono_ns + SECOND, now.wall_ns + (1 + seconds) * SECOND))
    [alarm] = desk.told(Alarm)
    assert f"{seconds:+}.000 s" in alarm.text
    desk.session.poll(Now(now.mono_ns + 2 * SECOND, now.wall_ns + (2 + seconds) * SECOND))
    assert len(desk.told(Alarm)) == 1  # once


def test_C11_a_small_step_raises_none_and_a_step_between_connections_does(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    now = desk.now
    desk.session.poll(Now(now.mono_ns, now.wall_ns + 119 * SECOND))
    assert not desk.told(Alarm)
    desk.drop()
    desk.session.connected(Now(now.mono_ns, now.wall_ns - 10 * SECOND))
    assert any("clock was set by -129.000 s" in alarm.text for alarm in desk.told(Alarm))


# --- C12: LastMsgSeqNumProcessed -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_C12_all_messages_say_what_was_processed(version: str) -> None:
    desk = Desk(version, last_msg_seq_num_processed=True, sender_sub_id="desk")
    assert desk.logon().int(369) == 0
    desk.app("a")
    desk.session.send("D", [(11, "x")], desk.now)
    template = desk.session.template("D", [(11, "y"), Slot(58)])
    desk.session.send_template(template, "text", desk.now)
    desk.say("1", (112, "t"))
    desk.session.send_template(template, "text", desk.now)
    encoder = desk.session.encoder("W")
    desk.session.send_template(encoder, "x", [], desk.now)
    assert [(m.msg_type, m.int(369)) for m in desk.hear()] == [("D", 2), ("D", 2), ("0", 3), ("D", 3), ("W", 3)]
    desk.say("2", (7, 1), (16, 0))
    heard = desk.hear()
    # resent messages are as they were; what is made now says what is true now
    assert [(m.msg_type, m.int(369)) for m in heard] == [("4", 3), ("W", 3)] or heard[-1].int(369) == 3
    assert heard[0].int(369) == 4


def test_C12_what_the_peer_processed_is_only_looked_at(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.say("A", (369, 0), *desk.logon_fields())
    assert desk.session.stats().peer_processed == 0
    desk.say("0", (369, 1))
    desk.say("0")
    desk.say("8", (369, 10**6), (58, "x"))  # no sign of trouble
    assert desk.session.stats().peer_processed == 1
    assert desk.state is State.ACTIVE
    desk.drop()
    assert desk.session.stats().peer_processed is None


def test_C12_off_by_default_and_where_the_version_has_no_369(version: str) -> None:
    desk = Desk(version)
    assert 369 not in desk.logon()
    desk.session.send_template(desk.session.template("D", [(11, "y")]), desk.now)
    assert 369 not in desk.hear()[0]
    with pytest.raises(ConfigError, match="no such field"):
        SessionConfig("FIX.4.0", "A", "B", last_msg_seq_num_processed=True)


# --- C14: captured traffic -----------------------------------------------------------------------------------


def test_SC14_captured_traffic_played_again_changes_nothing(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    captured = desk.raw("A", *desk.logon_fields()), desk.raw("8", (58, "fill")), desk.raw("5")
    for data in captured:
        desk.give(data)
    assert len(desk.take_messages()) == 1
    desk.drop()
    before = desk.store.load()
    # at once: the numbers are used
    desk.connect()
    desk.hear()
    for data in captured:
        desk.give(data)
    assert desk.hear_types() == ["5"]
    assert desk.take_messages() == []
    desk.drop()
    assert desk.store.load().next_in == before.next_in
    assert desk.store.load().epoch == before.epoch
    # later: its time is over, whatever the numbers are, and nothing is said
    desk.advance(121)
    desk.session.reset(desk.now)
    before = desk.store.load()
    desk.connect()
    for data in captured:
        desk.give(data)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.SENDING_TIME
    assert desk.store.load() == before


def test_SC14_T1_an_old_logon_with_a_reset_is_refused_by_its_credentials(version: str) -> None:
    desk = Desk(version, manual_logon=True)
    desk.connect()
    captured = desk.raw("A", *desk.logon_fields(), (141, "Y"), (554, "one-time"))
    desk.give(captured)
    desk.session.accept_logon([], desk.now)
    desk.app("fill")
    desk.take()
    desk.drop()
    before = desk.store.load()
    desk.connect()
    desk.give(captured)
    desk.session.refuse_logon(None, 5, desk.now)  # the password was good for once
    assert desk.store.load() == before


# --- T8 ------------------------------------------------------------------------------------------------------


def test_S07_T8_orig_sending_time_is_checked_in_sequence_too(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.dup("8", (58, "x"), seq=2, original=5)
    assert desk.hear_types() == ["3"]
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (10, 122)
    assert desk.session.next_in == 3
    assert desk.take_messages() == []
