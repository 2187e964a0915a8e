"""What a peer may do only so often, so long, so much: P16, P17, F11, H09, and security rows C2, C15, C16."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from fixfast.dictionary.validation import Fault
from fixfast.session.events import Alarm, Disconnected, GapDetected
from fixfast.session.resend import BATCH_BYTES, BATCH_LOOKS, BATCH_MESSAGES
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.store.memory import MemoryStore
from tests.session.harness import Desk, Pair


class CountingStore(MemoryStore):
    """Counts the messages that are read for resending."""

    read = 0

    def read_out(self, a: int, b: int) -> Any:
        for item in super().read_out(a, b):
            self.read += 1
            yield item


def filled(version: str, count: int, text: str = "x", msg_type: str = "8", **options: Any) -> Desk:
    """A desk logged on that has sent `count` messages, from number 2 on."""
    desk = Desk(version, store=CountingStore(), **options)
    desk.logon()
    template = desk.session.template(msg_type, [(58, text)])
    for _ in range(count):
        desk.session.send_template(template, desk.now)
    while desk.session.data_to_send():
        pass
    return desk


# --- ResendRequests -------------------------------------------------------------------------------------------


def test_P17_the_same_range_again_and_again_is_answered_then_warned_of_then_ended(version: str) -> None:
    desk = filled(version, 3, max_repeated_requests=4)
    for _ in range(1 + 4):
        desk.say("2", (7, 2), (16, 0))
        assert [m.msg_seq_num for m in desk.hear()] == [2, 3, 4]
    [alarm] = desk.told(Alarm)
    assert "4 times" in alarm.text
    desk.say("2", (7, 2), (16, 0))
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "Messages 2 to 4 were requested again and again")
    desk.advance(2)
    assert desk.session.close_requested is CloseReason.REQUESTED_AGAIN
    assert len(desk.told(Alarm)) == 2


def test_P17_overlapping_ranges_count(version: str) -> None:
    desk = filled(version, 50, max_repeated_requests=4)
    for begin in (2, 40, 3, 39, 4):
        desk.say("2", (7, begin), (16, 0))
    assert desk.state is State.ACTIVE
    desk.say("2", (7, 38), (16, 38))
    assert desk.state is State.LOGOUT_SENT


def test_P17_ranges_that_follow_each_other_do_not_count(version: str) -> None:
    desk = filled(version, 200, max_repeated_requests=1)
    for begin in range(2, 200, 2):
        desk.say("2", (7, begin), (16, begin + 1))
        assert len(desk.hear()) == 2
    assert desk.state is State.ACTIVE
    assert desk.told(Alarm) == []


def test_P17_what_is_long_ago_does_not_count(version: str) -> None:
    desk = filled(version, 3, max_repeated_requests=2, repeat_window=50)
    for _ in range(20):
        desk.say("2", (7, 2), (16, 0))
        desk.hear()
        desk.advance(29)
        desk.say("0")
    assert desk.state is State.ACTIVE


def test_P17_a_request_that_is_too_high_counts_too(version: str) -> None:
    desk = filled(version, 3, max_repeated_requests=2, max_resend_requests=99)
    for seq in (10, 11, 12):
        desk.say("2", (7, 2), (16, 0), seq=seq)
        assert desk.state.active
    desk.say("2", (7, 2), (16, 0), seq=13)
    assert desk.state is State.LOGOUT_SENT


def test_P17_after_our_logout_it_closes_and_nothing_else_is_told(version: str) -> None:
    desk = filled(version, 3, max_repeated_requests=1)
    desk.session.logout("", desk.now)
    desk.hear()
    for seq in (20, 21, 22):
        desk.say("2", (7, 2), (16, 0), seq=seq)
    assert desk.session.close_requested is CloseReason.REQUESTED_AGAIN
    assert desk.told(GapDetected) == []


@pytest.mark.parametrize(("progress", "ended"), [(0, True), (1, False)])
def test_P17_a_loop_is_seen_across_connections(version: str, progress: int, ended: bool) -> None:
    """A peer that comes back for the same first message each time; and one that got on by one."""
    desk = filled(version, 30, max_repeated_requests=3)
    for attempt in range(6):
        desk.drop()
        desk.seq = desk.session.next_in
        desk.logon()
        desk.say("2", (7, 2 + attempt * progress), (16, 0))
        if desk.state is State.LOGOUT_SENT:
            break
        desk.hear()
    assert (desk.state is State.LOGOUT_SENT) is ended


def test_P17_G09_another_epoch_has_other_messages(version: str) -> None:
    """What was asked for before a reset counts neither against the peer nor against us."""
    desk = filled(version, 3, max_repeated_requests=2, max_resend_requests=1, reset_on_disconnect=True)
    for _ in range(4):
        desk.session.send("8", [(58, "x")], desk.now)
        desk.hear()
        desk.say("2", (7, 2), (16, 0))
        desk.say("8", (58, "high"), seq=desk.session.next_in + 1)  # number 2, say, is missing, each time anew
        assert desk.hear_types()[-1] == "2"
        desk.drop()
        desk.seq = 1
        desk.logon()
    assert desk.state is State.ACTIVE


def test_SC15_P16_a_short_request_reads_no_more_than_a_batch(version: str) -> None:
    """How much is read of the store, and how much is in memory, is bounded by what the peer has taken."""
    text = "x" * 300
    count = 8 * BATCH_MESSAGES
    desk = filled(version, count, text)
    for read_before in range(3):  # asking again makes no difference
        desk.say("2", (7, 2), (16, 0))
        assert 0 < desk.store.read <= BATCH_MESSAGES + 1, read_before
    taken = 0
    while data := desk.session.data_to_send():
        taken += len(data)
        assert sum(map(len, data)) <= BATCH_BYTES + 1000
        assert len(data) <= BATCH_MESSAGES + 1
        assert desk.store.read <= taken + BATCH_MESSAGES + 1
    assert taken == 2 * count  # of equal requests that wait, one is answered


def test_SC15_messages_that_are_not_resent_are_read_in_bounded_stretches(version: str) -> None:
    desk = filled(version, 3 * BATCH_LOOKS, msg_type="D")
    desk.say("2", (7, 2), (16, 0))
    assert desk.store.read <= BATCH_LOOKS
    assert [(m.msg_type, m.msg_seq_num) for m in desk.hear()] == []
    for _ in range(3):
        desk.session.poll(desk.now)
    assert [(m.msg_type, m.msg_seq_num, m[36]) for m in desk.hear()] == [("4", 2, str(3 * BATCH_LOOKS + 2))]


def test_P16_memory_of_a_very_long_resend_is_bounded() -> None:
    desk = filled("FIX.4.4", 40_000, "x" * 100)
    tracemalloc.start()
    try:
        desk.say("2", (7, 2), (16, 0))
        resent = 0
        while data := desk.session.data_to_send():
            resent += sum(1 for part in data if b"\x0143=Y\x01" in part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert resent == 40_000
    assert peak < 2_000_000  # all of them are 8 MB


# --- garbled messages -----------------------------------------------------------------------------------------


def garbage(desk: Desk) -> bytes:
    data = desk.raw("0", seq=99)
    return data[:-4] + (b"000\x01" if data[-4:-1] != b"000" else b"001\x01")


@pytest.mark.parametrize(("good", "ends"), [(1, False), (0, True)])
def test_F11_garbled_in_a_row_end_the_session(version: str, good: int, ends: bool) -> None:
    desk = Desk(version, max_garbled=5, max_garbled_percent=100)
    desk.logon()
    for _ in range(5):
        desk.give(garbage(desk))
        for _ in range(good):
            desk.app("x")
    assert (desk.state is State.LOGOUT_SENT) is ends


@pytest.mark.parametrize("kind", ["run", "resent", "session"])
@pytest.mark.parametrize(("good", "ends"), [(2, False), (1, True)])
def test_F11_too_large_a_share_of_garbled_messages_ends_the_session(
    version: str, kind: str, good: int, ends: bool
) -> None:
    """Whether the good ones between them go the fast way or not."""
    desk = Desk(version, max_garbled_percent=40, garbled_window=20)
    desk.logon()
    for _ in range(50):
        for _ in range(good):
            if kind == "run":
                desk.app("x")
            elif kind == "resent":
                desk.dup("8", (58, "x"), seq=desk.session.next_in)
            else:
                desk.say("0", seq=desk.session.next_in)
        desk.give(garbage(desk))
        if desk.state is not State.ACTIVE:
            break
    assert (desk.state is State.LOGOUT_SENT) is ends
    assert desk.session.stats().garbled == (9 if ends else 50)
    assert any("40 %" in alarm.text for alarm in desk.told(Alarm)) is ends


def test_F11_each_connection_is_judged_by_itself(version: str) -> None:
    desk = Desk(version, max_garbled_percent=40, garbled_window=20)
    for _ in range(4):
        desk.seq = desk.session.next_in
        desk.logon()
        for _ in range(6):
            desk.give(garbage(desk))
            desk.app("x")
        assert desk.state is State.ACTIVE
        desk.drop()


def test_F11_a_few_in_a_long_day_do_not(version: str) -> None:
    desk = Desk(version, max_garbled_percent=10, garbled_window=100)
    desk.logon()
    for _ in range(100):
        desk.give(b"".join(desk.raw("8", (58, "x")) for _ in range(11)) + garbage(desk))
    assert desk.state is State.ACTIVE
    assert desk.session.stats().garbled == 100


# --- a peer that does not read --------------------------------------------------------------------------------


def test_H09_a_peer_that_takes_nothing_for_10_seconds_is_disconnected(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.send("8", [(58, "kept")], desk.now)
    assert desk.session.stats().queued_bytes > 0
    desk.advance(9.9, reading=False)
    assert desk.session.close_requested is None
    desk.advance(0.2, reading=False)
    assert desk.session.close_requested is CloseReason.SLOW_CONSUMER
    assert desk.session.data_to_send() == []
    desk.drop()
    assert [event.reason for event in desk.told(Disconnected)] == [CloseReason.SLOW_CONSUMER]
    assert any("does not read" in alarm.text for alarm in desk.told(Alarm))
    desk.logon()
    desk.say("2", (7, 2), (16, 0))
    assert desk.hear()[0][58] == "kept"


def test_H09_a_peer_that_takes_a_little_now_and_then_is_not(version: str) -> None:
    desk = filled(version, 5 * BATCH_MESSAGES, slow_consumer_timeout=3)
    desk.say("2", (7, 2), (16, 0))
    for _ in range(4):
        desk.advance(2.9, reading=False)
        desk.say("0")
        assert desk.session.data_to_send()  # one batch
    assert desk.state is State.ACTIVE
    desk.advance(3.1, reading=False)
    assert desk.session.close_requested is CloseReason.SLOW_CONSUMER


def test_H09_more_than_a_bound_is_not_kept_for_it(version: str) -> None:
    desk = Desk(version, send_queue_bytes=5000)
    desk.logon()
    queued = 0
    while desk.session.close_requested is None:
        assert queued <= 5000
        desk.session.send("8", [(58, "x" * 100)], desk.now)
        queued = desk.session.stats().queued_bytes
        desk.advance(0, reading=False)
    assert 5000 < queued < 5300
    assert desk.session.close_requested is CloseReason.SLOW_CONSUMER


def test_H09_what_waits_behind_a_resend_counts(version: str) -> None:
    desk = filled(version, 3 * BATCH_MESSAGES, send_queue_bytes=200_000)
    desk.say("2", (7, 2), (16, 0))
    for _ in range(1000):
        desk.session.send("8", [(58, "x" * 200)], desk.now)
        desk.advance(0, reading=False)
        if desk.session.close_requested:
            break
    assert desk.session.close_requested is CloseReason.SLOW_CONSUMER
    assert desk.session.stats().queued_bytes == 0


def test_H09_another_connection_has_its_own_time(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.send("8", [(58, "x")], desk.now)
    desk.advance(9, reading=False)
    desk.drop()
    desk.advance(60)
    desk.connect()
    desk.say("A", *desk.logon_fields(), seq=2)
    desk.advance(9, reading=False)  # our answer waits
    assert desk.state is State.ACTIVE
    desk.advance(2, reading=False)
    assert desk.session.close_requested is CloseReason.SLOW_CONSUMER


class UnsyncedStore(MemoryStore):
    """A disk that takes its time: nothing is safe until sync()."""

    at = 0

    def sync(self) -> None:
        self.at = self._position

    @property
    def synced(self) -> int:
        return self.at


def test_H09_waiting_for_the_disk_is_not_the_peer_s_fault(version: str) -> None:
    store = UnsyncedStore()
    desk = Desk(version, store=store, slow_consumer_timeout=5, heart_bt_int=0)
    desk.connect()
    desk.say("A", *desk.logon_fields(0))
    desk.advance(60)
    assert desk.state is State.ACTIVE
    store.sync()
    desk.advance(4.9, reading=False)
    assert desk.state is State.ACTIVE
    assert desk.hear_types() == ["A"]


# --- memory, and talking in circles ---------------------------------------------------------------------------


def test_SC2_what_a_peer_makes_us_keep_is_bounded(version: str) -> None:
    """Numbers far ahead, requests, garbage, halves of large messages: for as long as it likes."""
    desk = Desk(
        version, queue_limit=100, queue_bytes=50_000, max_message_size=10_000, max_garbled=10**9, garbled_window=10**9
    )
    desk.logon()
    half = desk.raw("8", (58, "x" * 9000), seq=5)[:-100]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in range(20_000):
            desk.give(desk.raw("8", (58, "x" * 50), seq=10 + n))
            if n % 10 == 0:
                desk.give(garbage(desk))
            desk.take()
            desk.events.clear()
            desk.session.data_to_send()
        desk.give(half)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    stats = desk.session.stats()
    assert stats.held <= 100
    assert stats.held_bytes <= 50_000
    assert kept < 1_000_000


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of the session and its store are executed: work that no clock is needed for."""
    count = 0

    def on_line(frame: Any, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return on_line

    def on_call(frame: Any, event: str, arg: object) -> Any:
        return on_line if "fixfast" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def behind_a_gap(desk: Desk, count: int) -> None:
    """Many wait, and each GapFill passes one number."""
    desk.give(b"".join(desk.raw("8", (58, "x"), seq=count + 10 + n) for n in range(count)))
    desk.give(b"".join(desk.raw("4", (43, "Y"), (123, "Y"), (36, 3 + n), seq=2 + n) for n in range(count)))


def behind_a_slow_application(desk: Desk, count: int) -> None:
    """One message is not dealt with, and session messages follow."""
    desk.app("slow")
    desk.give(b"".join(desk.raw("0") for _ in range(count)))
    assert desk.session.next_in == count + 3


def repetitions(desk: Desk, count: int) -> None:
    again = desk.raw("8", (43, "Y"), (122, desk.time(-5)), (58, "x"), seq=1)
    desk.give(again * count)


def small_requests(desk: Desk, count: int) -> None:
    for n in range(count):
        desk.say("2", (7, 1 + n % 2), (16, 1 + n % 2))
        desk.session.data_to_send()


def backwards(desk: Desk, count: int) -> None:
    """What waits arrives in the worst order, and then what is missing."""
    desk.give(b"".join(desk.raw("8", (58, "x"), seq=count + 2 - n) for n in range(count)))
    desk.give(desk.raw("8", (43, "Y"), (122, desk.time(-5)), (58, "x"), seq=2))
    assert desk.session.next_in == count + 3


@pytest.mark.parametrize("peer", [behind_a_gap, behind_a_slow_application, repetitions, small_requests, backwards])
def test_SC3_four_times_the_messages_are_four_times_the_work(peer: Callable[[Desk, int], None]) -> None:
    work = []
    for count in (200, 800):
        desk = Desk(max_repeated_requests=10**9, manual_done=True, queue_limit=1000, resend_timeout=10**6)
        desk.logon()
        desk.session.send("8", [(58, "x")], desk.now)
        desk.hear()
        work.append(lines_run(lambda desk=desk, count=count: peer(desk, count)))  # type: ignore[misc]
        assert desk.state.active
    assert work[0] > 200
    assert work[1] < 4.4 * work[0]


def refuse_everything(message: Message) -> Fault | None:
    return Fault(99, None, "not today")


def test_SC16_two_engines_that_refuse_everything_end_after_a_few_words(version: str) -> None:
    """Rejects are not rejected, and who rejects too much ends: whatever both do, they fall silent."""
    options: dict[str, Any] = {"check": refuse_everything, "max_rejects": 20}
    pair = Pair(version, a=options, b=options)
    pair.connect()
    pair.settle()
    for n in range(50):
        for session in pair.sessions:
            if session.state.active:
                session.send("8", [(58, str(n))], pair.now)
    pair.settle()
    pair.advance(30)
    sent = [session.stats().messages_out for session in pair.sessions]
    assert all(count < 120 for count in sent), sent
    assert [session.stats().rejects_sent for session in pair.sessions] == [21, 21]
    assert all(session.state is State.CLOSING for session in pair.sessions)


@pytest.mark.parametrize("bug", ["low", "twice", "heartbeat", "request"])
def test_SC16_a_peer_with_a_bug_that_repeats_itself_makes_no_storm(version: str, bug: str) -> None:
    """Whatever the bug makes of each of our messages, it gets a bounded number of answers."""
    desk = Desk(version, max_repeated_requests=5)
    desk.logon()
    desk.session.send("8", [(58, "x")], desk.now)
    answers = 0
    for _ in range(1000):
        heard = desk.hear()
        if not heard or not desk.state.connected:
            break
        for m in heard:
            answers += 1
            if bug == "low":
                desk.say("3", (45, m.msg_seq_num), seq=1)
            elif bug == "twice":
                desk.say("A", *desk.logon_fields())
            elif bug == "heartbeat":
                desk.say("3", (45, m.msg_seq_num), (58, "refused"))
            else:
                desk.say("2", (7, 1), (16, 0))
    assert answers < 30


def test_what_is_written_at_once_is_what_was_queued() -> None:
    desk = filled("FIX.4.4", 0)
    desk.session.send("8", [(58, "x")], desk.now)
    queued = desk.session.stats().queued_bytes
    assert sum(map(len, desk.session.data_to_send())) == queued
    assert desk.session.stats().queued_bytes == 0
