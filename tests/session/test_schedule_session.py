"""A schedule at work in a session: resets once a window, the end of a window, Logons outside of it, odd clocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast.errors import ConfigError, NotActive
from fixfast.session.config import SessionConfig
from fixfast.session.events import Alarm, LoggedOn, LoggedOut, LogonRefused, LogonRequested, MessagesLost, SequenceReset
from fixfast.session.schedule import Schedule
from fixfast.session.session import Session
from fixfast.session.state import CloseReason, State
from fixfast.store.journal import JournalStore
from fixfast.store.memory import MemoryStore
from fixfast.store.sqlite import SqliteStore
from fixfast.types import Now, Role, SessionID
from tests.session.harness import SECOND, Desk, Pair, message

HOUR = 3600
DAY = 24 * HOUR
#: The tests begin at 10:00 UTC on a Monday: two hours in, six to go.
OFFICE = Schedule.daily("08:00", "16:00", tz="UTC")
#: never closed, a boundary in two hours
ROUND_THE_CLOCK = Schedule.daily("12:00", "12:00", tz="UTC")
ID = SessionID("FIX.4.4", "US", "THEM")
ROLES = pytest.mark.parametrize("role", list(Role))


def desk(role: Role = Role.ACCEPTOR, schedule: Schedule = OFFICE, version: str = "FIX.4.4", **options: Any) -> Desk:
    return Desk(version, role, schedule=schedule, **options)


def worked(role: Role = Role.ACCEPTOR, schedule: Schedule = OFFICE, **options: Any) -> Desk:
    """A session that has been logged on, with numbers above 1 both ways."""
    it = desk(role, schedule, **options)
    it.logon()
    it.app("hello")
    it.session.send("B", [(148, "news"), (33, [[(58, "x")]])], it.now)
    it.hear()
    it.take()
    return it


def leave(it: Desk) -> None:
    """The peer answers our Logout, the connection closes."""
    it.say("5")
    assert it.session.close_requested is not None
    it.drop()
    it.take()


def numbers(it: Desk) -> tuple[int, int]:
    return it.session.next_in, it.session.next_out


def resets(it: Desk) -> list[SequenceReset]:
    return it.told(SequenceReset)


def sleep(it: Desk, hours: float) -> None:
    """Time passes and nobody polls: the process is not there, or there is no connection."""
    it.clock.advance(hours * HOUR)


# --- the end of a window -----------------------------------------------------------------------------------------


@ROLES
def test_D09_O11_the_end_of_a_window_logs_out_disconnects_and_begins_again_at_1(role: Role) -> None:
    it = worked(role, heart_bt_int=0) if role is Role.INITIATOR else worked(role)
    while it.clock.ns < 6 * HOUR * SECOND - 10 * SECOND:  # until shortly before 16:00
        it.advance(10)
        it.say("0")
        it.hear()
    assert it.state is State.ACTIVE
    before = it.session.next_out
    it.advance(10)
    assert it.state is State.ACTIVE, "16:00:00 belongs to the window"
    it.hear()
    it.advance(1)
    assert it.state is State.LOGOUT_SENT
    (logout,) = (m for m in it.hear() if m.msg_type == "5")
    assert logout[58] == "The session's hours are over"
    assert not resets(it), "not before both are done with each other"
    leave(it)
    (reset,) = resets(it)
    assert (reset.why, reset.old_next_out >= before) == ("schedule", True)
    assert numbers(it) == (1, 1)
    assert it.store.load().epoch == 2
    assert it.told(LoggedOut)[-1].initiated_by_us


def test_D09_messages_before_the_peers_logout_are_still_taken() -> None:
    it = worked()
    sleep(it, 6)
    it.clock.advance(1)
    it.session.poll(it.now)
    it.app("last words")
    it.say("2", (7, 1), (16, 0))
    assert [m[58] for m in it.take_messages()] == ["last words"]
    assert "4" in it.hear_types(), "and resend requests are answered"
    leave(it)
    assert numbers(it) == (1, 1)


def test_D09_without_an_answer_it_closes_after_a_while_and_resets() -> None:
    it = worked(logout_timeout=4)
    sleep(it, 6)
    it.clock.advance(1)
    it.session.poll(it.now)
    it.advance(5)
    assert it.session.close_requested is CloseReason.LOGOUT_TIMEOUT
    it.drop()
    assert numbers(it) == (1, 1)


@ROLES
def test_D09_a_connection_that_is_not_a_session_yet_is_closed_at_the_end(role: Role) -> None:
    it = desk(role, ROUND_THE_CLOCK, logon_timeout=7200)
    sleep(it, 1.999)
    it.connect()
    it.advance(10)
    assert it.session.close_requested is CloseReason.SCHEDULE
    it.drop()
    assert [event.by_us for event in it.told(LogonRefused)] == [False], "nobody said no"
    assert numbers(it) == (1, 1)


def test_D09_a_logon_that_is_being_decided_on_is_given_up_at_the_end() -> None:
    it = desk(schedule=ROUND_THE_CLOCK, manual_logon=True, decision_timeout=7200)
    sleep(it, 1.999)
    it.connect()
    it.say("A", *it.logon_fields())
    assert it.told(LogonRequested)
    it.advance(10)
    assert it.session.close_requested is CloseReason.SCHEDULE
    assert not it.hear()


def test_D09_what_was_missing_at_the_reset_is_named_as_lost() -> None:
    it = worked()
    it.app("too high", seq=9)
    assert it.state is State.RECOVERING
    sleep(it, 6)
    it.clock.advance(1)
    it.session.poll(it.now)
    it.seq = 10
    leave(it)
    (lost,) = it.told(MessagesLost)
    assert (lost.begin, lost.end) == (3, 9)
    assert any("3..9 are lost" in alarm.text for alarm in it.told(Alarm))


def test_O11_a_schedule_without_resets_only_ends_the_connection() -> None:
    it = worked(schedule=Schedule.daily("08:00", "16:00", tz="UTC", reset=False))
    sleep(it, 6)
    it.clock.advance(1)
    it.session.poll(it.now)
    leave(it)
    before = numbers(it)
    assert min(before) > 2
    assert not resets(it)
    sleep(it, 18)
    it.logon()
    assert numbers(it) == (before[0] + 1, before[1] + 1)
    it.restart()
    sleep(it, 48)
    it.logon()
    assert numbers(it) == (before[0] + 2, before[1] + 2)


def test_D03_a_24_hour_session_resets_once_and_may_come_back_at_once() -> None:
    it = worked(Role.INITIATOR, ROUND_THE_CLOCK)
    sleep(it, 2)
    it.session.poll(it.now)
    assert it.state is State.LOGOUT_SENT
    leave(it)
    it.seq = 1
    assert it.logon().msg_seq_num == 1
    for _ in range(3):
        it.drop()
        it.logon()
    assert len(resets(it)) == 1


def test_D09_the_deadline_is_the_boundary_when_it_is_near() -> None:
    it = worked(Role.INITIATOR)
    it.say("A", *it.logon_fields(0), (141, "Y"), seq=1)  # no heartbeats from here on: only the schedule is left
    it.hear()
    assert it.session.next_deadline() == it.now.mono_ns + 60 * SECOND, "a far one is looked at every minute"
    sleep(it, 5.999)
    it.session.poll(it.now)
    due = it.session.next_deadline()
    assert due is not None
    assert it.now.mono_ns + 3 * SECOND < due < it.now.mono_ns + 4 * SECOND
    assert due == at(it, 6 * HOUR, 0).mono_ns + 1, "one ns after 16:00"


def test_D09_a_boundary_that_a_message_shows_to_be_over_is_due_at_once() -> None:
    it = worked(check_latency=False)
    late = Now(it.now.mono_ns, it.now.wall_ns + 7 * HOUR * SECOND)
    it.session.receive_data(it.raw("0"), late)
    assert it.session.next_deadline() == it.now.mono_ns
    it.session.poll(late)
    assert it.state is State.LOGOUT_SENT
    due = it.session.next_deadline()
    assert due is not None
    assert due > it.now.mono_ns, "and not again and again"


# --- a window later ----------------------------------------------------------------------------------------------


@ROLES
def test_D07_a_later_window_resets_once_before_anything_is_sent(role: Role) -> None:
    it = worked(role)
    it.drop()
    old = numbers(it)
    sleep(it, 24)
    it.restart()
    assert numbers(it) == old, "a session that is only made has not looked at the time"
    it.seq = 1
    assert it.logon().msg_seq_num == 1
    assert numbers(it) == (2, 2)
    (reset,) = resets(it)
    assert (reset.why, reset.old_next_in, reset.old_next_out) == ("schedule", *old)
    it.drop()
    it.restart()
    it.logon()
    assert len(resets(it)) == 1
    assert it.store.load().epoch == 2


def test_D07_the_reset_is_durable_before_the_logon_is_there(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "s.journal")
    it = worked(Role.INITIATOR, store=store)
    it.drop()
    sleep(it, 24)
    it.connect()
    store.close()  # the process dies before anything left it
    it.store = JournalStore(tmp_path / "s.journal")
    assert it.store.load().epoch == 2
    it.restart()
    it.connect()
    assert it.store.load().epoch == 2, "no second one"
    it.store.close()


def test_D07_a_process_that_starts_between_windows_resets_for_the_next_one() -> None:
    it = worked(offline="store")
    it.drop()
    sleep(it, 10)  # 20:00
    it.restart()
    it.session.poll(it.now)
    assert numbers(it) == (1, 1)
    assert it.session.send("B", [(148, "tonight"), (33, [[(58, "x")]])], it.now) == 1
    sleep(it, 14)  # 10:00 the next day
    it.restart()
    it.seq = 1
    it.logon()
    assert it.session.next_out == 3, "what was stored between two windows is for the later one"
    it.say("2", (7, 1), (16, 0))
    assert [m[148] for m in it.hear() if m.msg_type == "B"] == ["tonight"]


def test_D07_what_is_stored_offline_never_goes_into_a_window_that_is_over() -> None:
    it = worked(offline="store")
    it.drop()
    sleep(it, 24)
    assert it.session.send("B", [(148, "today"), (33, [[(58, "x")]])], it.now) == 1
    assert [reset.why for reset in resets(it)] == ["schedule"]
    template = it.session.template("B", [(148, "again"), (33, [[(58, "x")]])])
    sleep(it, 24)
    assert it.session.send_template(template, it.now) == 1


def test_D07_after_the_end_nothing_is_stored_that_the_reset_would_lose() -> None:
    it = worked(offline="store")
    sleep(it, 6)
    it.clock.advance(1)
    it.session.poll(it.now)
    with pytest.raises(NotActive):
        it.session.send("B", [(148, "late"), (33, [[(58, "x")]])], it.now)
    leave(it)
    assert it.session.send("B", [(148, "late"), (33, [[(58, "x")]])], it.now) == 1


@ROLES
def test_D08_inside_one_window_numbers_are_kept(role: Role) -> None:
    it = worked(role)
    for _ in range(3):
        before = numbers(it)
        it.drop()
        sleep(it, 1)
        it.restart()
        it.logon()
        assert numbers(it) == (before[0] + 1, before[1] + 1)
    assert not resets(it)
    assert it.store.load().epoch == 1


@pytest.mark.parametrize("schedule", [Schedule.non_stop(), None])
def test_D06_non_stop_never_resets_by_itself(schedule: Schedule | None) -> None:
    it = Desk(role=Role.INITIATOR, schedule=schedule)
    it.logon(heart_bt_int=0)
    it.advance(40 * DAY)
    assert it.state is State.ACTIVE
    it.drop()
    sleep(it, 24 * 400)
    it.restart()
    it.logon(heart_bt_int=0)
    assert numbers(it) == (3, 3)
    assert not resets(it)
    it.drop()
    it.session.reset(it.now)
    assert numbers(it) == (1, 1), "the operator can"


def test_D07_numbers_that_are_1_anyway_need_no_reset() -> None:
    it = desk()
    for _ in range(10):
        it.connect()
        it.drop()
        it.session.poll(it.now)
        sleep(it, 24)
    assert not resets(it)
    assert it.store.load().epoch == 1


def test_D07_a_new_window_makes_a_held_back_initiator_try_again() -> None:
    it = worked(Role.INITIATOR, max_too_low_logouts=1)
    it.drop()
    it.connect()
    it.hear()
    it.say("5", (58, "MsgSeqNum too low, expecting 9 but received 4"))
    it.drop()
    it.connect()
    assert it.session.close_requested is CloseReason.SEQUENCE_TOO_LOW
    assert not it.hear()
    it.drop()
    sleep(it, 24)
    it.connect()
    assert [m.msg_seq_num for m in it.hear()] == [1]


# --- clocks and peers that disagree --------------------------------------------------------------------------------


def at(it: Desk, mono: float, wall: float) -> Now:
    """So many seconds after the start, by either reading."""
    return Now(Desk().now.mono_ns + int(mono * SECOND), Desk().now.wall_ns + int(wall * SECOND))


def test_D12_a_clock_that_steps_back_over_the_boundary_resets_nothing() -> None:
    it = worked(Role.INITIATOR, ROUND_THE_CLOCK)
    it.drop()
    noon = 2 * HOUR
    it.session.poll(at(it, noon + 5, noon + 5))
    assert len(resets(it)) == 1
    for wall in (noon - 60, noon - 30, noon + 1, noon - 1, noon + 60):
        it.session.poll(at(it, noon + 10, wall))
        it.session.connected(at(it, noon + 10, wall))
        it.session.disconnected("cut", at(it, noon + 10, wall))
    assert len(resets(it)) == 1
    assert it.session.next_out == 6, "five Logons in the new window"


def test_D12_a_session_that_is_logged_on_stays_when_the_clock_steps_back() -> None:
    it = worked(Role.INITIATOR, ROUND_THE_CLOCK)
    it.drop()
    noon = 2 * HOUR
    it.clock.advance(noon)
    it.seq = 1
    it.logon()
    it.session.poll(at(it, noon + 1, noon - 600))
    assert it.state is State.ACTIVE
    it.session.poll(at(it, noon + 2, noon))
    assert it.state is State.ACTIVE
    assert len(resets(it)) == 1


@pytest.mark.parametrize("kind", ["memory", "journal", "sqlite"])
def test_D12_not_even_when_the_process_restarts_before_the_boundary_comes_again(kind: str, tmp_path: Path) -> None:
    memory = MemoryStore()

    def take_up() -> Any:
        if kind == "memory":
            return memory
        return (
            JournalStore(tmp_path / "s.journal") if kind == "journal" else SqliteStore(tmp_path / "s.db", session_id=ID)
        )

    it = worked(Role.INITIATOR, ROUND_THE_CLOCK, store=take_up())
    it.drop()
    noon = 2 * HOUR
    it.session.poll(at(it, noon + 5, noon + 5))
    it.session.connected(at(it, noon + 6, noon - 60))  # the first message of the epoch has a time of the old window
    it.session.disconnected("cut", at(it, noon + 6, noon - 60))
    it.take()
    it.store.close()
    it.store = take_up()
    it.restart()
    it.session.poll(at(it, noon + 70, noon + 5))
    assert numbers(it) == (1, 2)
    assert len(resets(it)) == 1
    it.session.poll(at(it, noon + DAY, noon + DAY))
    assert len(resets(it)) == 2
    it.store.close()


def test_D12_a_clock_that_steps_forward_is_noticed_within_a_minute() -> None:
    it = desk(Role.ACCEPTOR)
    it.logon(heart_bt_int=0)
    due = it.session.next_deadline()
    assert due is not None
    assert due <= it.now.mono_ns + 60 * SECOND
    it.session.poll(Now(due, it.now.wall_ns + 7 * HOUR * SECOND))
    assert it.state is State.LOGOUT_SENT


def test_D11_at_most_one_reset_a_window_over_a_year_of_changing_clocks() -> None:
    it = desk(Role.INITIATOR, Schedule.daily("02:30", "02:30", tz="America/New_York"))
    for _ in range(366 * 4):
        it.connect()
        it.drop()
        it.clock.advance(6 * HOUR)
    it.take()
    assert len(resets(it)) in (365, 366)


@ROLES
def test_D13_a_peer_that_reset_earlier_is_an_alarm_not_a_reset_of_ours(role: Role) -> None:
    it = worked(role)
    it.drop()
    before = numbers(it)
    it.connect()
    it.say("A", *it.logon_fields(), seq=1)
    assert it.state is State.LOGOUT_SENT
    assert any(m.msg_type == "5" and "too low" in m[58] for m in it.hear())
    if role is Role.INITIATOR:
        assert any("lost its numbers" in alarm.text for alarm in it.told(Alarm))
    assert it.session.next_in == before[0]
    assert not resets(it)


def test_D13_a_peer_that_says_so_resets_and_the_boundary_does_not_again() -> None:
    it = worked(schedule=ROUND_THE_CLOCK)
    sleep(it, 2)  # noon: the peer is quicker than our timer
    it.say("A", *it.logon_fields(), (141, "Y"), seq=1)
    assert [reset.why for reset in resets(it)] == ["peer"]
    it.seq = 2
    it.advance(30)
    assert it.state is State.ACTIVE
    assert it.told(LoggedOn)[-1].reset
    assert len(resets(it)) == 1


def test_D13_a_peers_reset_after_the_end_does_not_prolong_the_session() -> None:
    it = worked()
    sleep(it, 6)
    it.clock.advance(1)
    it.say("A", *it.logon_fields(), (141, "Y"), seq=1)
    it.session.poll(it.now)
    assert it.state is State.LOGOUT_SENT


@pytest.mark.parametrize("later", [0, 1])
def test_D09_D13_two_sides_whose_clocks_differ_meet_at_1_in_the_next_window(later: int, version: str) -> None:
    """Half a minute between them, shown as schedules that differ by it."""
    hours = [OFFICE, OFFICE]
    hours[later] = Schedule.daily("08:00:30", "16:00:30", tz="UTC")
    pair = Pair(version, {"schedule": hours[0]}, {"schedule": hours[1]})
    pair.connect()
    pair.settle()
    pair.sessions[0].send("B", [(148, "x"), (33, [[(58, "x")]])], pair.now)
    pair.advance(6 * HOUR - 30, step=20)
    assert pair.sessions[0].state is pair.sessions[1].state is State.ACTIVE
    pair.advance(31)
    assert not any(session.state.active for session in pair.sessions), "the first one's end is the end"
    pair.advance(15)
    pair.cut()
    pair.advance(60)
    assert [(session.next_in, session.next_out) for session in pair.sessions] == [(1, 1), (1, 1)]
    pair.advance(17 * HOUR, step=600)
    pair.connect()
    pair.settle()
    assert [(session.next_in, session.next_out) for session in pair.sessions] == [(2, 2), (2, 2)]
    assert [store.load().epoch for store in pair.stores] == [2, 2]
    assert not [event for events in pair.events for event in events if isinstance(event, Alarm)]


# --- Logons outside ------------------------------------------------------------------------------------------------


def test_L26_a_logon_outside_is_answered_with_a_logout(version: str) -> None:
    it = desk(version=version)
    sleep(it, 8)
    it.connect()
    it.say("A", *it.logon_fields())
    (logout,) = it.hear()
    assert (logout.msg_type, logout[58]) == ("5", "Logons are not allowed at this time")
    assert logout.get(1409) == ("7" if version == "FIXT.1.1" else None)
    (refused,) = it.told(LogonRefused)
    assert (refused.reason, refused.status, refused.by_us) == (CloseReason.SCHEDULE, 7, True)
    it.advance(3)
    assert it.session.close_requested is CloseReason.SCHEDULE
    assert it.session.next_in == 1


def test_L26_or_dropped_silently_and_no_number_is_used() -> None:
    it = desk(outside_schedule="silent")
    sleep(it, 8)
    it.connect()
    it.say("A", *it.logon_fields())
    assert it.session.close_requested is CloseReason.SCHEDULE
    assert not it.hear()
    assert numbers(it) == (1, 1)
    assert it.store.load().next_out == 1


def test_L26_strangers_learn_nothing_of_our_hours() -> None:
    it = desk()
    sleep(it, 8)
    it.connect()
    it.say("A", *it.logon_fields(), sender="WHO")
    assert it.session.close_requested is CloseReason.IDENTITY
    assert not it.hear()


def test_L26_inside_it_is_accepted() -> None:
    it = desk()
    it.logon()
    assert it.state is State.ACTIVE


@pytest.mark.parametrize("hours", [8, 24 * 5 + 8])
def test_I01_outside_its_window_an_initiator_sends_no_logon(hours: float) -> None:
    it = worked(Role.INITIATOR)
    it.drop()
    sleep(it, hours)
    it.connect()
    assert it.session.close_requested is CloseReason.SCHEDULE
    assert not it.hear()
    it.drop()
    assert numbers(it) == (1, 1), "but the old window's numbers are reset"
    assert [event.by_us for event in it.told(LogonRefused)] == [False]


@ROLES
def test_D10_outside_the_logon_window_no_logon_but_a_session_stays(role: Role) -> None:
    doors = Schedule.daily("09:30", "10:30", tz="UTC")
    it = worked(role, Schedule.daily("08:00", "16:00", tz="UTC", logon=doors))
    for _ in range(60):
        it.advance(60)
        it.say("0")
        it.hear()
    assert it.state is State.ACTIVE, "11:00"
    it.drop()
    before = numbers(it)
    it.connect()
    if role is Role.ACCEPTOR:
        it.say("A", *it.logon_fields())
        assert [m.msg_type for m in it.hear()] == ["5"]
        it.advance(3)
    assert it.session.close_requested is CloseReason.SCHEDULE
    it.drop()
    assert it.session.next_in == before[0]
    assert not resets(it), "the session is kept"


# --- configuration -------------------------------------------------------------------------------------------------


def test_D01_schedule_is_an_option_that_is_checked() -> None:
    with pytest.raises(ConfigError, match="a Schedule or None"):
        SessionConfig("FIX.4.4", "A", "B", schedule="08:00")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'logout' or 'silent'"):
        SessionConfig("FIX.4.4", "A", "B", outside_schedule="never")  # type: ignore[arg-type]
    assert "schedule=Schedule.daily('08:00'" in repr(SessionConfig("FIX.4.4", "A", "B", schedule=OFFICE))


def test_D09_a_store_that_fails_at_the_boundary_ends_the_session(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "s.journal")
    it = worked(Role.INITIATOR, store=store)
    it.drop()
    sleep(it, 24)
    store.close()
    it.connect()
    assert it.session.close_requested is CloseReason.STORE
    assert not it.hear()
    it.drop()
    it.connect()
    assert it.session.close_requested is CloseReason.STORE


def test_D07_two_sessions_may_share_one_schedule() -> None:
    first, second = worked(schedule=OFFICE), desk(schedule=OFFICE)
    first.drop()
    sleep(first, 24)
    first.session.poll(first.now)
    assert numbers(first) == (1, 1)
    second.logon()
    assert numbers(second) == (2, 2)
    assert message(first.raw("0")).msg_type == "0"
    assert isinstance(first.session, Session)
