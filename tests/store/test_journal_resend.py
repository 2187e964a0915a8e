"""A session that answers from a journal: across segments, over what is not kept any more, over what is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast import JournalStore, MemoryStore, StoreCorrupt
from fixfast.session.events import Alarm
from fixfast.session.state import State
from fixfast.session.wire import Message
from tests.session.harness import Desk


def talkative(store: Any, count: int) -> Desk:
    """Return a session that has sent messages 2..count+1."""
    desk = Desk("FIX.4.4", store=store)
    desk.logon()
    for n in range(2, count + 2):
        desk.session.send("8", [(58, f"text-{n}-")], desk.now)
        if (due := getattr(store, "lease_due", None)) is not None:
            store.lease(due)
    desk.hear()
    desk.take()
    return desk


def ask(desk: Desk, begin: int) -> list[Message]:
    desk.say("2", (7, begin), (16, 0))
    heard = desk.hear()
    for _ in range(20):
        desk.session.poll(desk.now)
        heard += desk.hear()
    return heard


def test_P16_B5_6_B5_8_a_resend_reads_across_segments(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "x.journal", segment_size=20_000)
    desk = talkative(store, 900)
    assert len(list(tmp_path.glob("*.segment"))) > 4
    heard = ask(desk, 2)
    assert [(m.msg_type, m.msg_seq_num, m[58]) for m in heard] == [("8", n, f"text-{n}-") for n in range(2, 902)]
    assert desk.told(Alarm) == []
    store.close()


@pytest.mark.parametrize("kind", ["journal", "memory"])
def test_P14_what_the_store_was_told_not_to_keep_is_gap_filled_and_said_so(tmp_path: Path, kind: str) -> None:
    store: Any = MemoryStore(max_messages=100)
    if kind == "journal":
        store = JournalStore(tmp_path / "x.journal", segment_size=5_000, keep_messages=100)
    desk = talkative(store, 500)
    first = store.kept_from
    assert 200 < first <= 402
    gap_fill, *resent = ask(desk, 2)
    assert (gap_fill.msg_type, gap_fill.msg_seq_num, gap_fill.int(36)) == ("4", 2, first)
    assert [m[58] for m in resent] == [f"text-{n}-" for n in range(first, 502)]
    [alarm] = desk.told(Alarm)
    assert alarm.text == f"outbound messages 2..{first - 1} are older than the store keeps: gap-filled"
    store.close()


def test_P14_T15_what_is_damaged_in_a_sealed_segment_is_gap_filled_and_the_rest_resent(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "x.journal", segment_size=100_000)
    desk = talkative(store, 2000)
    segment = next(iter(sorted(tmp_path.glob("*.segment"))))
    with segment.open("r+b") as file:
        file.seek(segment.read_bytes().index(b"text-300-"))
        file.write(b"T")
    heard = ask(desk, 2)
    [gap_fill] = [m for m in heard if m.msg_type == "4"]
    assert gap_fill.msg_seq_num == 300
    assert [m.msg_seq_num for m in heard if m.msg_type == "8"] == [*range(2, 300), *range(gap_fill.int(36), 2002)]
    assert all(m[58] == f"text-{m.msg_seq_num}-" for m in heard if m.msg_type == "8")
    assert gap_fill.int(36) < 700
    [alarm] = desk.told(Alarm)
    assert f"300..{gap_fill.int(36) - 1}" in alarm.text
    assert desk.state is State.ACTIVE
    store.close()


@pytest.mark.parametrize("begin", [200, 300, 301, 500, 700, 1999])
def test_T15_reading_begins_behind_damage_it_is_not_about(tmp_path: Path, begin: int) -> None:
    store = JournalStore(tmp_path / "x.journal", sync="none")
    for n in range(1, 2001):
        store.append_out(n, b"message %d " % n * 10, n)
    path = Path(store.path)
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"message 300 "))
        file.write(b"\xff")
    found: list[int] = []
    try:
        for n, _, raw in store.read_out(begin, 2000):
            assert raw == b"message %d " % n * 10
            found.append(n)
    except StoreCorrupt:
        assert found == list(range(begin, 300))
        assert begin <= 301
    else:
        assert found == list(range(begin, 2001))
        assert begin > 301
    store.close()
