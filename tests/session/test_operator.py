"""SequenceResets that a person asks for (Z13, Z14), and what must not be one (Z11, Z15)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.checks import MAX_SEQ_NUM
from fixfast.session.events import Alarm, MessagesLost
from fixfast.session.session import Session
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.store.journal import JournalStore
from fixfast.store.memory import MemoryStore
from fixfast.types import Role
from tests.session.harness import Desk, Pair


class Diary(MemoryStore):
    """Notes when things are made durable; nothing is safe before."""

    at = 0
    fails = False

    def sync(self) -> None:
        if self.fails:
            raise StoreError("the disk is gone")
        self.at = self._position

    @property
    def synced(self) -> int:
        return self.at


def test_Z13_our_reset_is_durable_before_it_is_sent(version: str) -> None:
    desk = Desk(version, store=Diary())
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.store.sync()
    desk.hear()
    desk.session.send_sequence_reset(500, desk.now)
    assert desk.store.load().next_out == 500
    assert desk.store.at == desk.store._position, "it was synced"
    [reset] = desk.hear()
    assert (reset.msg_type, reset[123], reset[36]) == ("4", "N", "500")
    assert not reset.poss_dup
    assert desk.session.next_out == 500
    desk.restart()
    assert desk.session.next_out == 500


def test_Z13_the_peer_follows_and_nothing_else_is_disturbed(version: str) -> None:
    pair = Pair(version)
    pair.connect()
    pair.settle()
    a, b = pair.sessions
    a.send("8", [(58, "before")], pair.now)
    a.send_sequence_reset(1000, pair.now)
    number = a.send("8", [(58, "after")], pair.now)
    pair.settle()
    assert number == 1000
    assert [event[58] for event in pair.events[1] if isinstance(event, Message)] == ["before", "after"]
    assert (b.next_in, b.state) == (1001, State.ACTIVE)
    assert [(event.begin, event.end) for event in pair.events[1] if isinstance(event, MessagesLost)] == [(3, 999)]
    assert b.next_out == a.next_in == 2


@pytest.mark.parametrize("number", [-1, 0, 1, 2, 1_000_003, MAX_SEQ_NUM + 1])
def test_Z13_only_upwards_and_within_bounds(version: str, number: int) -> None:
    desk = Desk(version)
    desk.logon()
    with pytest.raises(LocalProtocolError, match=f"NewSeqNo {number}: a number from 3 to 1000002"):
        desk.session.send_sequence_reset(number, desk.now)
    assert desk.session.next_out == desk.store.load().next_out == 2
    assert desk.hear() == []


def test_Z13_not_while_logging_on_or_out_or_resetting() -> None:
    desk = Desk(role=Role.INITIATOR)
    desk.connect()
    with pytest.raises(LocalProtocolError, match="logon sent"):
        desk.session.send_sequence_reset(50, desk.now)
    desk.say("A", *desk.logon_fields())
    desk.session.reset(desk.now)
    with pytest.raises(LocalProtocolError):
        desk.session.send_sequence_reset(50, desk.now)
    desk.session.logout("", desk.now)
    with pytest.raises(LocalProtocolError, match="logout sent"):
        desk.session.send_sequence_reset(50, desk.now)


def test_Z13_a_store_that_fails_changes_nothing_on_the_wire(version: str) -> None:
    desk = Desk(version, store=Diary())
    desk.connect()
    desk.say("A", *desk.logon_fields())
    desk.store.sync()
    desk.hear()
    desk.store.fails = True
    with pytest.raises(StoreError):
        desk.session.send_sequence_reset(500, desk.now)
    assert desk.session.close_requested is CloseReason.STORE
    assert desk.hear() == []


def test_Z13_only_a_person_sends_one(version: str) -> None:
    """The session itself only ever sends GapFills."""
    desk = Desk(version)
    desk.logon()
    with pytest.raises(LocalProtocolError):
        desk.session.send("4", [(36, 9)], desk.now)
    desk.session.send("D", [(11, "x")], desk.now)
    desk.say("2", (7, 1), (16, 0))
    assert [m[123] for m in desk.hear() if m.msg_type == "4"] == ["Y"]


@pytest.mark.parametrize("role", list(Role))
def test_Z14_a_lost_store_starts_above_every_used_number_and_the_peer_refills_it(version: str, role: Role) -> None:
    """Path one of the standard's: NOUT jumps, NIN is 1, the peer resends from 1 on and takes the jump."""
    ours = 0 if role is Role.INITIATOR else 1
    pair = Pair(version, a={"queue_limit": 100}, b={"queue_limit": 100})
    pair.connect()
    pair.settle()
    for session, name in zip(pair.sessions, "ab", strict=True):
        for n in range(20):
            session.send("8", [(58, f"{name}{n}")], pair.now)
    pair.settle()
    pair.cut()
    pair.stores[ours] = MemoryStore()  # all of it is gone
    pair.restart(ours)
    session, peer = pair.sessions[ours], pair.sessions[1 - ours]
    pair.events = [[], []]
    session.send_sequence_reset(10_000, pair.now)
    assert pair.stores[ours].load().next_out == 10_000
    pair.connect()
    pair.settle()
    assert [s.state for s in pair.sessions] == [State.ACTIVE, State.ACTIVE]
    refilled = [event for event in pair.events[ours] if isinstance(event, Message)]
    assert [m[58] for m in refilled] == [f"{'ba'[ours]}{n}" for n in range(20)]
    assert all(m.poss_dup for m in refilled)
    assert peer.next_in == session.next_out > 10_000
    assert session.next_in == peer.next_out
    session.send("8", [(58, "new")], pair.now)
    pair.settle()
    assert pair.events[1 - ours][-1][58] == "new"


def test_Z14_what_was_sent_since_is_not_skipped(version: str) -> None:
    """Then the gap fill after the peer's request does it, not a Reset."""
    pair = Pair(version, a={"offline": "store"})
    pair.connect()
    pair.settle()
    pair.cut()
    pair.sessions[0].send_sequence_reset(100, pair.now)
    pair.sessions[0].send("8", [(58, "offline")], pair.now)
    pair.connect()
    pair.settle()
    assert [event[58] for event in pair.events[1] if isinstance(event, Message)] == ["offline"]
    assert not [event for event in pair.events[1] if isinstance(event, MessagesLost)]
    assert pair.sessions[1].next_in == pair.sessions[0].next_out


def test_Z14_the_jump_survives_the_end_of_the_process(tmp_path: Path) -> None:
    with_jump = JournalStore(tmp_path / "a.journal")
    session = Session(Desk().config, with_jump)
    session.send_sequence_reset(5000, Desk().now)
    with_jump.close()
    again = JournalStore(tmp_path / "a.journal")
    assert again.load().next_out == 5000
    assert (Session(Desk().config, again).next_in, Session(Desk().config, again).next_out) == (1, 5000)
    again.close()


def test_Z14_what_was_skipped_is_no_loss_that_an_alarm_is_due_for(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session.send_sequence_reset(500, desk.now)
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    assert [(m.msg_type, m.msg_seq_num, m[36]) for m in desk.hear()] == [("4", 1, "500")]
    assert desk.told(Alarm) == []


# --- the peer's ---------------------------------------------------------------------------------------------


def test_Z11_a_reset_for_an_answer_is_followed_and_what_is_lost_is_told(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.app("six", seq=6)
    assert desk.hear_types() == ["2"]
    desk.say("4", (123, "N"), (36, 6), seq=2)
    assert [(event.begin, event.end) for event in desk.told(MessagesLost)] == [(2, 5)]
    assert any("2..5" in alarm.text for alarm in desk.told(Alarm))
    assert [event[58] for event in desk.events if isinstance(event, Message)] == ["six"]
    assert desk.state is State.ACTIVE
    assert desk.session.next_in == 7


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("fields", [[(123, "Y"), (36, 9)], [(123, "N"), (36, 9)], [(36, 9)]])
def test_Z15_before_the_logon_a_sequence_reset_is_no_logon(version: str, role: Role, fields: list[Any]) -> None:
    desk = Desk(version, role)
    desk.connect()
    desk.hear()
    desk.say("4", *fields, seq=1)
    assert desk.session.next_in == 1
    if role is Role.ACCEPTOR:
        assert desk.hear() == []
        assert desk.session.close_requested is CloseReason.NOT_LOGON
    else:
        assert desk.hear_types() == ["5"]
        desk.advance(2)
        assert desk.session.close_requested is CloseReason.NOT_LOGON
