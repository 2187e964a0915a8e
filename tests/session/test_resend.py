"""Answering ResendRequests (A6), and messages sent while not logged on (Q01)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast.errors import StoreCorrupt
from fixfast.session.events import Alarm, Rejected, Resent
from fixfast.session.resend import BATCH_MESSAGES, poss_dup
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.session.wire import Message, encode
from fixfast.store.journal import JournalStore
from fixfast.store.memory import MemoryStore
from tests.session.harness import Desk, message, messages


def busy(version: str, types: str = "8808", **options: Any) -> Desk:
    """A desk logged on (number 1) that has sent one message of each type from number 2 on; "0" is a Heartbeat."""
    desk = Desk(version, **options)
    desk.logon()
    for i, msg_type in enumerate(types, 2):
        if msg_type == "0":
            desk.advance(desk.session._live.interval / 1e9 if desk.session._live.interval else 0)
        else:
            desk.session.send(msg_type, [(58, f"n{i}"), (354, 3), (355, b"a\x00b")], desk.now)
        assert desk.session.next_out == i + 1
        desk.say("0")
    desk.hear()
    desk.take()
    return desk


def ask(desk: Desk, begin: Any, end: Any) -> list[Message]:
    desk.say("2", (7, begin), (16, end))
    return desk.hear()


def brief(answer: list[Message]) -> list[tuple[str, int, str | None]]:
    return [(m.msg_type, m.msg_seq_num, m.get(36)) for m in answer]


def test_P01_P02_application_messages_again_session_messages_as_gap_fill(version: str) -> None:
    desk = busy(version, "88008")
    answer = ask(desk, 1, 0)
    assert brief(answer) == [("4", 1, "2"), ("8", 2, None), ("8", 3, None), ("4", 4, "6"), ("8", 6, None)]
    for m in answer:
        assert m.poss_dup
        assert m[122] <= m[52]
    gap_fill = answer[3]
    assert gap_fill[123] == "Y"
    assert gap_fill[122] == gap_fill[52]
    assert desk.session.next_out == 7  # GapFills use old numbers
    [resent] = desk.told(Resent)
    assert (resent.begin, resent.end, resent.messages) == (1, 6, 3)


def test_P21_T9_F14_resent_bytes_equal_the_originals_but_for_43_52_122(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    fields = [(115, "client"), (97, True), (58, "é=x"), (95, 4), (96, b"\x00\x01 \xff"), (5001, "u")]
    desk.session.send("8", fields, desk.now)
    [original] = desk.hear()
    desk.advance(3)
    [again] = ask(desk, 2, 2)
    changed = {8, 9, 10, 43, 52, 122}
    assert [f for f in again if f[0] not in changed] == [f for f in original if f[0] not in changed]
    assert (again[43], again[122], again[52]) == ("Y", original[52], desk.time())
    assert [tag for tag, _ in again if tag not in (43, 122)] == [tag for tag, _ in original]


def test_P03_end_0_is_everything_sent_so_far(version: str) -> None:
    assert brief(ask(busy(version, "888"), 3, 0)) == [("8", 3, None), ("8", 4, None)]


def test_P04_end_999999_is_infinity(version: str) -> None:
    assert brief(ask(busy(version, "888"), 3, 999_999)) == [("8", 3, None), ("8", 4, None)]


def test_P04_beyond_it_999999_is_infinity_or_a_number_by_version(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.session._outbox.next_out = 999_998
    for _ in range(4):
        desk.session.send("8", [(58, "x")], desk.now)
    desk.hear()
    last = 1_000_001 if version in ("FIX.4.0", "FIX.4.2") else 999_999
    assert [m.msg_seq_num for m in ask(desk, 999_998, 999_999)] == list(range(999_998, last + 1))


def test_P05_end_above_the_last_is_clamped(version: str) -> None:
    assert brief(ask(busy(version, "880"), 2, 77)) == [("8", 2, None), ("8", 3, None), ("4", 4, "5")]


@pytest.mark.parametrize(
    ("begin", "end", "reason", "tag"),
    [(9, 0, 5, 7), (3, 2, 5, 16), (0, 0, 5, 7), (-1, 0, 5, 7), (1, -1, 5, 16), ("x", 0, 6, 7), (1, "x", 6, 16)],
)
def test_P06_P07_P08_impossible_ranges_are_rejected(version: str, begin: Any, end: Any, reason: int, tag: int) -> None:
    desk = busy(version, "88")
    before = desk.session.next_in
    [reject] = ask(desk, begin, end)
    assert reject.msg_type == "3"
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (reason, tag)
    assert desk.session.next_in == before + 1


@pytest.mark.parametrize("fields", [[(7, 1)], [(16, 0)]])
def test_missing_range_is_rejected(version: str, fields: list[tuple[int, Any]]) -> None:
    desk = busy(version, "8")
    desk.say("2", *fields)
    assert desk.hear_types() == ["3"]
    assert desk.told(Rejected)[0].reason == 1


def test_P09_too_high_request_is_answered_first_then_we_ask(version: str) -> None:
    desk = busy(version, "8")
    missing = desk.session.next_in
    desk.say("2", (7, 2), (16, 0), seq=missing + 1)
    answer = desk.hear()
    assert brief(answer)[0] == ("8", 2, None)
    assert answer[1].msg_type == "2"
    assert answer[1].int(7) == missing
    desk.dup("8", (58, "x"), seq=missing)
    assert desk.hear() == []  # the request was counted, and not answered again
    assert desk.session.next_in == missing + 2
    assert desk.state is State.ACTIVE


def test_P10_low_request_with_poss_dup_is_ignored(version: str) -> None:
    desk = busy(version, "8")
    desk.dup("2", (7, 1), (16, 0), seq=2)
    assert desk.hear() == []


def test_P11_low_request_without_poss_dup_ends(version: str) -> None:
    desk = busy(version, "8")
    desk.say("2", (7, 1), (16, 0), seq=1)
    assert desk.hear_types() == ["5"]


def test_P12_new_messages_go_out_behind_the_replay(version: str) -> None:
    desk = busy(version, "8" * 5)
    desk.say("2", (7, 2), (16, 0))
    new = desk.session.send("8", [(58, "new")], desk.now)
    assert new == 7
    answer = desk.hear()
    assert [m.msg_seq_num for m in answer] == [2, 3, 4, 5, 6, 7]
    assert [m.poss_dup for m in answer] == [True] * 5 + [False]


def test_P12_P16_T14_long_replay_comes_in_batches_and_new_messages_wait(version: str) -> None:
    desk = busy(version, "")
    count = 3 * BATCH_MESSAGES
    for _ in range(count):
        desk.session.send("8", [(58, "x" * 50)], desk.now)
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    new = desk.session.send("8", [(58, "new")], desk.now)
    sizes, numbers = [], []
    while data := desk.session.data_to_send():
        sizes.append(len(data))
        numbers += [m.msg_seq_num for m in messages(data)]
    assert numbers == list(range(1, count + 3))
    assert numbers[-1] == new
    assert max(sizes) <= BATCH_MESSAGES + 1
    assert len(sizes) > 3


def test_P16_poll_carries_a_replay_on_when_a_stretch_has_nothing_to_resend(version: str) -> None:
    store = MemoryStore(max_messages=0)
    desk = Desk(version, store=store)
    desk.logon()
    for _ in range(10_000):
        desk.session.send("D", [(11, "x")], desk.now)
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    sent = []
    for _ in range(10):
        sent += desk.hear()
        if desk.session.next_deadline() != desk.now.mono_ns:
            break
        desk.session.poll(desk.now)
    assert brief(sent) == [("4", 1, "10002")]


def test_second_request_while_one_is_answered_never_sends_the_new_ones_as_old(version: str) -> None:
    desk = busy(version, "")
    for _ in range(2 * BATCH_MESSAGES):
        desk.session.send("8", [(58, "x")], desk.now)
    last = desk.session.next_out - 1
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    new = desk.session.send("8", [(58, "new")], desk.now)
    desk.say("2", (7, last - 1), (16, 0))
    answer = desk.hear()
    assert [m.msg_seq_num for m in answer if m.poss_dup][-2:] == [last - 1, last]
    assert [m.msg_seq_num for m in answer if not m.poss_dup] == [new]
    assert answer[-1].msg_seq_num == new


def test_P13_orders_are_gap_filled_by_default(version: str) -> None:
    desk = busy(version, "8DFG8D")
    assert brief(ask(desk, 1, 0)) == [("4", 1, "2"), ("8", 2, None), ("4", 3, "6"), ("8", 6, None), ("4", 7, "8")]


def test_P13_hook_decides(version: str) -> None:
    seen: list[tuple[Session, str, int]] = []

    def hook(session: Session, message: Message, age_ns: int) -> bool:
        seen.append((session, message[58], age_ns))
        return message.msg_type == "D"

    desk = busy(version, "8D8", on_resend=hook)
    desk.advance(2)
    assert brief(ask(desk, 2, 0))[:3] == [("4", 2, "3"), ("D", 3, None), ("4", 4, "5")]
    assert [(session, text) for session, text, _ in seen] == [(desk.session, f"n{i}") for i in (2, 3, 4)]
    assert all(age == 2_000_000_000 for _, _, age in seen)


def test_P13_failing_hook_falls_back_to_the_default(version: str) -> None:
    def hook(session: Session, message: Message, age_ns: int) -> bool:
        raise RuntimeError("oops")

    desk = busy(version, "8D", on_resend=hook)
    assert brief(ask(desk, 2, 0)) == [("8", 2, None), ("4", 3, "4")]
    assert any("oops" in alarm.text for alarm in desk.told(Alarm))


class Forgetful(MemoryStore):
    """A store that lost one message and damaged another."""

    lost = -1
    damaged = -1

    def read_out(self, a: int, b: int) -> Any:
        for n, wall_ns, raw in super().read_out(a, b):
            if n != self.lost:
                yield n, wall_ns, raw.replace(b"58=", b"59=") if n == self.damaged else raw


def test_P14_T15_missing_and_damaged_messages_are_gap_filled_with_an_alarm(version: str) -> None:
    store = Forgetful()
    desk = busy(version, "8888", store=store)
    store.lost, store.damaged = 3, 4
    assert brief(ask(desk, 1, 0)) == [("4", 1, "2"), ("8", 2, None), ("4", 3, "5"), ("8", 5, None)]
    texts = [alarm.text for alarm in desk.told(Alarm)]
    assert len(texts) == 2
    assert "3..3" in texts[0]
    assert "4..4" in texts[1]


def test_P14_T15_a_record_damaged_on_disk_is_gap_filled_with_an_alarm(tmp_path: Path) -> None:
    """The session goes on with what can be read; behind the damage that is what the journal's index names next."""
    count = 1000
    store = JournalStore(tmp_path / "a.journal", sync="none")
    desk = Desk("FIX.4.4", store=store)
    desk.logon()
    for n in range(2, count + 2):
        desk.session.send("8", [(58, f"text-{n}-")], desk.now)
    desk.hear()
    path = tmp_path / "a.journal"
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"text-100-"))
        file.write(b"T")
    desk.say("2", (7, 2), (16, 0))
    heard = []
    for _ in range(20):
        heard += desk.hear()
        desk.session.poll(desk.now)
    [gap_fill] = [m for m in heard if m.msg_type == "4"]
    assert (gap_fill.msg_seq_num, gap_fill.int(36) > 100) == (100, True)
    resent = [m for m in heard if m.msg_type == "8"]
    assert [m.msg_seq_num for m in resent] == [*range(2, 100), *range(gap_fill.int(36), count + 2)]
    assert len(resent) > count * 0.7
    assert all(m[58] == f"text-{m.msg_seq_num}-" for m in resent)
    [alarm] = desk.told(Alarm)
    assert f"100..{gap_fill.int(36) - 1}" in alarm.text
    assert desk.state is State.ACTIVE
    store.close()


class Mistaken(MemoryStore):
    """A store that gives back one message as if it had the number of another."""

    def read_out(self, a: int, b: int) -> Any:
        for n, wall_ns, raw in super().read_out(a, b):
            yield n, wall_ns, raw.replace(b"34=3", b"34=7").replace(raw[-4:-1], b"%03d" % ((int(raw[-4:-1]) + 4) % 256))


def test_P14_a_message_with_another_number_is_not_taken_for_the_right_one(version: str) -> None:
    desk = busy(version, "888", store=Mistaken())
    asked = ask(desk, 3, 3)
    assert brief(asked) == [("4", 3, "4")]
    assert len(desk.told(Alarm)) == 1


class Torn(MemoryStore):
    """A store some of whose records cannot be read."""

    torn: frozenset[int] = frozenset()

    def read_out(self, a: int, b: int) -> Any:
        for item in super().read_out(a, b):
            if item[0] in self.torn:
                raise StoreCorrupt("here", 0, "torn")
            yield item


@pytest.mark.parametrize("torn", [{2}, {6}, {3, 4}, {3, 5}, {2, 3, 4, 5, 6}])
def test_P14_T15_only_what_cannot_be_read_is_gap_filled(version: str, torn: set[int]) -> None:
    store = Torn()
    desk = busy(version, "88888", store=store)
    store.torn = frozenset(torn)
    answer = ask(desk, 2, 0)
    for _ in torn:
        desk.session.poll(desk.now)
        answer += desk.hear()
    assert [m.msg_seq_num for m in answer if m.msg_type == "8"] == [n for n in range(2, 7) if n not in torn]
    filled = {n for m in answer if m.msg_type == "4" for n in range(m.msg_seq_num, m.int(36))}
    assert filled == torn
    assert len(desk.told(Alarm)) == len(filled) - sum(n + 1 in torn for n in torn)
    assert desk.state is State.ACTIVE


def test_P15_rejects_are_gap_filled(version: str) -> None:
    desk = busy(version, "8")
    desk.say("8", (43, "Y"), (58, "no 122"))
    desk.hear()
    assert brief(ask(desk, 2, 0)) == [("8", 2, None), ("4", 3, "4")]


def test_P18_disconnect_stops_a_replay_for_good(version: str) -> None:
    desk = busy(version, "")
    for _ in range(2 * BATCH_MESSAGES):
        desk.session.send("8", [(58, "x")], desk.now)
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    assert desk.session.data_to_send()
    desk.drop()
    assert desk.session.data_to_send() == []
    desk.seq = desk.session.next_in
    desk.logon()
    assert desk.hear() == []


def test_P19_only_our_logon_is_one_gap_fill(version: str) -> None:
    assert brief(ask(busy(version, ""), 1, 0)) == [("4", 1, "2")]


@pytest.mark.parametrize(("end", "new"), [(3, "4"), (4, "5"), (0, "5")])
def test_P20_closing_gap_fill_ends_exactly(version: str, end: int, new: str) -> None:
    assert brief(ask(busy(version, "800"), 2, end)) == [("8", 2, None), ("4", 3, new)]


def test_C8_messages_with_secrets_are_gap_filled(version: str) -> None:
    desk = busy(version, "8")
    desk.session.send("BE", [(923, "1"), (553, "u"), (554, "canary"), (924, 1)], desk.now)
    [sent] = desk.hear()
    assert sent[554] == "canary"
    answer = ask(desk, 1, 0)
    assert brief(answer) == [("4", 1, "2"), ("8", 2, None), ("4", 3, "4")]
    assert desk.told(Alarm) == []


def test_poss_dup_keeps_52_at_or_above_122() -> None:
    raw = encode("FIX.4.4", "8", [(49, "A"), (56, "B"), (34, 2), (52, "20260302-10:00:00.000"), (58, "x")])
    again = message(poss_dup(raw, b"20260302-09:59:59.000"))
    assert again[52] == again[122] == "20260302-10:00:00.000"


# --- not logged on -------------------------------------------------------------------------------------------


def test_Q01_offline_messages_are_stored_numbered_and_asked_for(version: str) -> None:
    desk = Desk(version, offline="store")
    desk.logon()
    desk.drop()
    assert desk.session.send("8", [(58, "drop copy")], desk.now) == 2
    assert desk.session.send("D", [(11, "stale order")], desk.now) == 3
    answer = desk.logon()
    assert answer.msg_seq_num == 4
    assert desk.hear() == []
    assert brief(ask(desk, 2, 0)) == [("8", 2, None), ("4", 3, "5")]


def test_Q01_offline_messages_after_a_logout_go_to_the_store(version: str) -> None:
    desk = Desk(version, offline="store")
    desk.logon()
    desk.session.logout("", desk.now)
    assert desk.session.send("8", [(58, "later")], desk.now) == 3
    assert desk.hear_types() == ["5"]
