"""Durability as a session sees it: acknowledgement, redelivery, what is stored before what, failing stores (B, O10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.events import Alarm, LogonRefused, SequenceReset
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.store.base import StoreState
from fixfast.store.memory import MemoryStore
from tests.session.harness import Desk, messages


class Recorder(MemoryStore):
    """Notes the calls, and can fail or hold back."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.fail_at: str = ""
        self.safe: int | None = None

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if call[0] == self.fail_at or self.fail_at == "all":
            self.fail_at = "all"  # poisoned
            raise StoreError("no space left")

    def append_out(self, n: int, buf: Any, wall_ns: int) -> int:
        self._note("out", n)
        return super().append_out(n, buf, wall_ns)

    def append_in(self, a: int, b: int, buf: Any) -> int:
        self._note("in", a, b, len(messages([bytes(buf)])))
        return super().append_in(a, b, buf)

    def done(self, n: int) -> int:
        self._note("done", n)
        return super().done(n)

    def fill(self, a: int, b: int) -> int:
        self._note("fill", a, b)
        return super().fill(a, b)

    def reset(self, reason: str) -> int:
        self._note("reset", reason)
        return super().reset(reason)

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        self._note("read", a, b)
        return super().read_out(a, b)

    @property
    def synced(self) -> int:
        return super().synced if self.safe is None else self.safe


# --- acknowledgement -----------------------------------------------------------------------------------------


def test_taking_the_next_event_acknowledges_the_last() -> None:
    desk = Desk()
    desk.logon()
    for text in "abc":
        desk.app(text)
    events: Any = desk.session.events()
    assert next(events)[58] == "a"
    assert next(events)[58] == "b"
    events.close()
    assert desk.store.load().next_in == 3  # "a" is done, "b" is being dealt with
    rest: Any = desk.session.events()
    assert [m[58] for m in rest] == ["c"]
    assert desk.store.load().next_in == 5


def test_exception_in_the_consumer_leaves_its_message_unacknowledged() -> None:
    desk = Desk()
    desk.logon()
    for text in "abc":
        desk.app(text)

    def consume() -> None:
        events: Any = desk.session.events()
        for event in events:
            if event[58] == "b":
                raise RuntimeError

    with pytest.raises(RuntimeError):
        consume()
    assert desk.store.load().next_in == 3


def test_one_store_record_for_a_run_of_messages() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.calls.clear()
    desk.give(b"".join(desk.raw("8", (58, str(i))) for i in range(10)))
    desk.take()
    assert desk.store.calls == [("in", 2, 11, 10), ("done", 11)]


def test_session_messages_between_application_messages_need_no_acknowledgement() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.calls.clear()
    desk.give(desk.raw("8", (58, "a")) + desk.raw("0") + desk.raw("8", (58, "b")))
    assert desk.store.calls == [("in", 2, 2, 1), ("fill", 3, 3), ("in", 4, 4, 1)]
    state = desk.store.load()
    assert (state.next_in, state.received) == (2, 5)
    desk.take()
    assert desk.store.load().next_in == 5


def test_manual_done_is_cumulative() -> None:
    desk = Desk(manual_done=True)
    desk.logon()
    for text in "abc":
        desk.app(text)
    assert len(desk.take_messages()) == 3
    assert desk.store.load().next_in == 2
    desk.session.done(3)
    assert desk.store.load().next_in == 4
    desk.session.done(2)
    with pytest.raises(LocalProtocolError):
        desk.session.done(5)
    desk.session.done(4)
    assert desk.store.load().next_in == 5


def test_done_without_the_option_is_refused() -> None:
    desk = Desk()
    desk.logon()
    with pytest.raises(LocalProtocolError):
        desk.session.done(1)


def test_manual_done_for_an_old_epoch_does_not_touch_the_new_one() -> None:
    desk = Desk(manual_done=True)
    desk.logon()
    for text in "abc":
        desk.app(text)
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    desk.app("new", seq=2)
    for event in desk.session.events():
        if isinstance(event, Message) and event[58] != "new":
            desk.session.done(event.msg_seq_num)
        if isinstance(event, SequenceReset):
            break
    assert desk.store.load().next_in == 2


# --- restart -------------------------------------------------------------------------------------------------


def test_B2_messages_not_acknowledged_come_again_after_a_restart(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    for text in "abc":
        desk.app(text)
    desk.say("0")
    events: Any = desk.session.events()
    next(events), next(events)
    events.close()
    desk.restart()
    assert (desk.session.next_in, desk.session.next_out) == (6, 2)
    again = desk.take_messages()
    assert [m[58] for m in again] == ["b", "c"]
    assert all(m.redelivered and not m.poss_dup for m in again)
    assert desk.store.load().next_in == 6
    answer = desk.logon(seq=6)
    assert answer.msg_seq_num == 2
    desk.seq = 7
    desk.app("d")
    [new] = desk.take_messages()
    assert not new.redelivered


def test_B2_restart_twice_is_restart_once() -> None:
    desk = Desk()
    desk.logon()
    desk.app("a")
    desk.restart()
    desk.restart()
    assert [m[58] for m in desk.take_messages()] == ["a"]
    desk.restart()
    assert desk.take_messages() == []


def test_stored_but_unsent_messages_are_resent_after_a_restart(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.send("8", [(58, "never left")], desk.now)
    desk.restart()
    assert desk.logon(seq=2).msg_seq_num == 3
    desk.say("2", (7, 2), (16, 0), seq=3)
    again = desk.hear()[0]
    assert (again[58], again.msg_seq_num, again.poss_dup) == ("never left", 2, True)


def test_lost_outbound_range_of_the_store_raises_an_alarm() -> None:
    class Leased(MemoryStore):
        def load(self) -> StoreState:
            return StoreState(next_out=100, next_in=5, received=5, lost_out=(60, 99))

    desk = Desk(store=Leased())
    [alarm] = desk.told(Alarm)
    assert "60..99" in alarm.text


# --- order of storing and sending ----------------------------------------------------------------------------


def test_B2_stored_before_it_is_queued() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.calls.clear()
    desk.store.fail_at = "out"
    with pytest.raises(StoreError):
        desk.session.send("8", [(58, "x")], desk.now)
    assert desk.session.next_out == 2
    assert desk.hear() == []


def test_B5_2_only_bytes_the_store_calls_safe_go_out() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.safe = desk.store._position
    for text in "abc":
        desk.session.send("8", [(58, text)], desk.now)
    assert desk.hear() == []
    assert desk.session.sync_needed
    desk.store.safe += 2
    assert [m[58] for m in desk.hear()] == ["a", "b"]
    assert desk.session.sync_needed
    desk.store.safe += 1
    assert [m[58] for m in desk.hear()] == ["c"]
    assert not desk.session.sync_needed


def test_B5_2_replay_waits_for_what_is_in_front_of_it() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.safe = desk.store._position
    desk.session.send("8", [(58, "a")], desk.now)
    desk.say("2", (7, 1), (16, 0))
    assert desk.hear() == []
    desk.store.safe = None
    assert [(m.msg_seq_num, m.poss_dup) for m in desk.hear()] == [(2, False), (1, True), (2, True)]


def test_B2_reset_is_stored_before_it_is_answered() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.fail_at = "reset"
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.STORE


def test_B5_12_O10_a_reset_without_a_connection_that_fails_ends_the_session() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.drop()
    desk.store.fail_at = "reset"
    with pytest.raises(StoreError):
        desk.session.reset(desk.now)
    desk.connect()
    assert desk.session.close_requested is CloseReason.STORE
    assert desk.hear() == []


# --- failing stores ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["out", "in", "done", "fill"])
def test_O10_store_failure_ends_the_session(version: str, at: str) -> None:
    desk = Desk(version, store=Recorder())
    desk.logon()
    desk.store.fail_at = at
    desk.app("a")
    desk.say("1", (112, "t"))
    desk.take()
    assert desk.session.close_requested is CloseReason.STORE
    assert len(desk.told(Alarm)) == 1
    assert "no space left" in desk.told(Alarm)[0].text
    desk.drop()
    assert desk.state is State.DISCONNECTED
    desk.connect()
    assert desk.session.close_requested is CloseReason.STORE
    assert desk.hear() == []
    assert desk.told(LogonRefused)[-1].reason is CloseReason.STORE


def test_O10_message_that_could_not_be_stored_is_not_delivered() -> None:
    desk = Desk(store=Recorder())
    desk.logon()
    desk.store.fail_at = "in"
    desk.app("a")
    assert desk.take_messages() == []
    assert desk.session.next_in == 2


def test_O10_one_logout_when_it_can_be_stored() -> None:
    class Unreadable(MemoryStore):
        def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
            raise StoreError("cannot be read")

    desk = Desk(store=Unreadable())
    desk.logon()
    desk.say("2", (7, 1), (16, 0))
    assert desk.hear_types() == ["5"]
    assert desk.session.close_requested is CloseReason.STORE


# --- memory --------------------------------------------------------------------------------------------------


def test_messages_left_in_the_queue_are_detached_before_the_buffer_is_used_again() -> None:
    desk = Desk()
    desk.logon()
    for text in ("first", "other"):
        raw = desk.raw("8", (58, text))
        view = desk.session.get_buffer(len(raw))
        view[: len(raw)] = raw
        del view
        desk.session.buffer_updated(len(raw), desk.now)
    assert [m[58] for m in desk.take_messages()] == ["first", "other"]


def test_get_buffer_and_receive_data_are_the_same() -> None:
    desks = Desk(), Desk()
    for desk in desks:
        desk.logon()
    stream = b"".join(desks[0].raw("8", (58, str(i))) for i in range(50))
    desks[0].give(stream)
    while stream:
        view = desks[1].session.get_buffer(100)
        n = min(len(view), len(stream), 77)
        view[:n] = stream[:n]
        stream = stream[n:]
        del view
        desks[1].session.buffer_updated(n, desks[1].now)
    texts = [[m[58] for m in desk.take_messages()] for desk in desks]
    assert texts[0] == texts[1] == [str(i) for i in range(50)]


def test_T10_outbound_numbers_in_doubt_raise_an_alarm() -> None:
    class Store(MemoryStore):
        def load(self) -> StoreState:
            return StoreState(next_out=7, out_in_doubt=True)

    desk = Desk(store=Store())
    assert [alarm.text for alarm in desk.told(Alarm)] == [
        "outbound numbers from 7 on may have been used before a power loss"
    ]
