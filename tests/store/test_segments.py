"""An epoch in several files: nothing changes but their number; what is not kept is known; what is lost is named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from fixfast import ConfigError, JournalStore, SessionID, StoreCorrupt
from fixfast.store.records import HEADER_SIZE
from fixfast.store.startup import scan
from tests.store.simdisk import Crash, SimDisk
from tests.store.witness import PATH, take_up

ID = SessionID("FIX.4.4", "A", "B")


def filled(disk: SimDisk, count: int, **options: Any) -> JournalStore:
    """Return a store with messages 1..count, and a segment for every few of them."""
    store = JournalStore(PATH, sync="lease", lease_size=5, segment_size=300, files=disk, **options)
    for n in range(1, count + 1):
        store.append_out(n, b"message %d" % n, n)
        if (due := store.lease_due) is not None:
            store.lease(due)
    return store


def numbers(store: JournalStore, a: int = 1, b: int = 1 << 40) -> list[int]:
    found = []
    for n, wall_ns, raw in store.read_out(a, b):
        assert (wall_ns, raw) == (n, b"message %d" % n)
        found.append(n)
    return found


def segments(disk: SimDisk) -> list[str]:
    return sorted(name for name in disk.names if name.endswith(".segment"))


def test_a_session_that_never_resets_does_not_grow_one_file() -> None:
    disk = SimDisk()
    store = filled(disk, 200)
    assert len(segments(disk)) > 20
    assert numbers(store) == list(range(1, 201))
    assert store.load().next_out == 201
    store.close()
    again = take_up(disk, "lease", 300)
    assert again.recovered is None
    assert (again.load().next_out, again.load().clean, again.load().created_ns) == (201, True, 1)
    assert numbers(again) == list(range(1, 201))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (7, 60), (199, 300), (201, 300), (60, 7), (150, 150)])
def test_P16_a_range_is_read_across_segments(a: int, b: int) -> None:
    disk = SimDisk()
    filled(disk, 200).close()
    store = take_up(disk, "lease", 300)
    assert numbers(store, a, b) == [n for n in range(1, 201) if a <= n <= b]


def test_start_up_reads_the_last_segment_only() -> None:
    disk = SimDisk()
    filled(disk, 200).close()
    for name in segments(disk):
        disk.names[name].cached[HEADER_SIZE:] = bytes(len(disk.names[name].cached) - HEADER_SIZE)
    store = take_up(disk, "lease", 300)
    assert store.load().next_out == 201
    with pytest.raises(StoreCorrupt, match="zeros"):
        list(store.read_out(1, 10))


def test_T10_a_lost_segment_refuses_to_start_and_is_named() -> None:
    disk = SimDisk()
    filled(disk, 60).close()
    for name in segments(disk):
        inode = disk.names.pop(name)
        with pytest.raises(StoreCorrupt) as caught:
            take_up(disk, "lease", 300)
        assert caught.value.path == name
        disk.names[name] = inode
    take_up(disk, "lease", 300).close()


@pytest.mark.parametrize("damage", ["cut", "header", "another"])
def test_T10_a_segment_that_is_not_what_it_was_refuses_to_start(damage: str) -> None:
    disk = SimDisk()
    filled(disk, 60).close()
    first, second, *_ = segments(disk)
    if damage == "cut":
        del disk.names[first].cached[HEADER_SIZE + 50 :]
    elif damage == "header":
        disk.names[first].cached[20] ^= 1
    else:
        disk.names[first] = disk.names[second]
    with pytest.raises(StoreCorrupt) as caught:
        take_up(disk, "lease", 300)
    assert caught.value.path == first


def test_what_is_older_than_keep_messages_is_removed_and_told_from_damage() -> None:
    disk = SimDisk()
    store = filled(disk, 200, keep_messages=50)
    assert 120 < store.kept_from <= 151
    assert numbers(store) == list(range(store.kept_from, 201))
    assert len(segments(disk)) < 15
    store.close()
    again = take_up(disk, "lease", 300, keep_messages=50)
    assert again.kept_from == store.kept_from
    assert numbers(again, 1, 160) == list(range(store.kept_from, 161))


def test_what_is_removed_while_it_is_read_is_left_out() -> None:
    disk = SimDisk()
    store = filled(disk, 60, keep_messages=20)
    store.append_out(61, b"message 61", 61)
    reader = store.read_out(1, 300)
    for n in range(62, 200):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    assert store.kept_from > 160
    assert [n for n, _, _ in reader][-1] == 61, "what was the present segment is still open"
    store.close()


def test_keep_bytes_bounds_what_the_disk_holds() -> None:
    disk = SimDisk()
    sizes = []
    store = JournalStore(PATH, sync="none", segment_size=500, keep_bytes=2000, files=disk)
    for n in range(1, 400):
        store.append_out(n, b"message %d" % n, n)
        if n % 3 == 0:
            store.sync()
        sizes.append(sum(len(disk.names[name].cached) for name in segments(disk)))
    assert max(sizes) < 2000 + 4 * 500
    assert store.kept_from > 300
    assert numbers(store)[-1] == 399


def test_B5_5_what_the_application_has_not_dealt_with_is_never_removed() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=300, keep_messages=1, keep_bytes=1, files=disk)
    store.append_in(1, 1, b"waits")
    store.append_in(2, 2, b"waits too")
    for n in range(1, 40):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    assert store.load().pending_in == ((1, 1, b"waits"), (2, 2, b"waits too"))
    assert store.kept_from == 1
    disk.kill()
    again = take_up(disk, "none", 300, keep_messages=1, keep_bytes=1)
    assert again.load().pending_in == ((1, 1, b"waits"), (2, 2, b"waits too"))
    again.done(2)
    for n in range(40, 60):
        again.append_out(n, b"message %d" % n, n)
        again.sync()
    assert again.kept_from > 40
    assert len(segments(disk)) <= 1


def test_B5_11_receipts_that_changed_places_are_not_taken_for_each_other() -> None:
    """Both are whole records, and stand where a receipt is expected."""
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=300, files=disk)
    for n in (1, 2):
        store.append_in(n, n, b"message %d" % n)
    for n in range(1, 10):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    disk.kill()
    name = segments(disk)[0]
    data = disk.names[name].cached
    first, second = (data.index(b"message %d" % n) for n in (1, 2))
    size = second - first
    head = size - len(b"message 1") - 4
    one, two = (bytes(data[at - head : at - head + size]) for at in (first, second))
    data[first - head : first - head + 2 * size] = two + one
    with pytest.raises(StoreCorrupt, match="not the receipt of 1 to 1") as caught:
        take_up(disk, "none", 300).load()
    assert caught.value.path == name


def test_B5_7_all_of_the_state_goes_on_in_the_next_segment() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=300, files=disk)
    store.reset("because")
    store.append_out(4, b"message 4", 4)
    store.append_in(1, 2, b"one two")
    store.append_in(3, 3, b"three")
    store.fill(4, 4)
    store.fill(5, 7)
    store.append_in(8, 9, b"eight nine")
    store.done(1)
    before = store.load()
    while len(segments(disk)) < 3:
        store.append_out(store.load().next_out, b"filler", 9)
        store.sync()
    for state in (store.load(), take_again(disk).load()):
        assert (state.next_in, state.received, state.pending_in) == (2, 10, before.pending_in)
        assert (state.created_ns, state.epoch, state.clean, state.why) == (4, 2, False, "because")


def take_again(disk: SimDisk) -> JournalStore:
    disk.kill()
    return take_up(disk, "none", 300)


def test_B5_3_numbers_in_doubt_stay_in_doubt_over_a_rotation() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="lease", lease_size=50, segment_size=300, files=disk)
    store.append_out(1, b"message 1", 1)
    for n in range(1, 15):
        store.append_in(n, n, b"received")
        store.sync()
    assert len(segments(disk)) > 1
    disk.lose_power(random.Random(1))
    again = take_up(disk, "lease", 300)
    assert again.load().lost_out == (2, 50)
    for n in range(15, 30):
        again.append_in(n, n, b"received")
        again.sync()
    disk.lose_power(random.Random(1))
    third = take_up(disk, "lease", 300)
    assert third.load().lost_out == (2, 50), "the alarm was not heard yet"
    assert third.load().next_out == 51


def test_T10_what_is_in_doubt_without_syncs_stays_so_over_a_rotation() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=300, files=disk)
    store.append_out(1, b"message 1", 1)
    disk.lose_power(random.Random(1))
    again = take_up(disk, "none", 300)
    for n in range(1, 15):
        again.append_in(n, n, b"received")
        again.sync()
    assert len(segments(disk)) > 1
    disk.kill()
    assert take_up(disk, "none", 300).load().out_in_doubt
    again = take_again(disk)
    again.append_out(again.load().next_out, b"sent", 1)
    assert not again.load().out_in_doubt


def test_an_append_that_nobody_syncs_for_begins_a_segment_itself() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=4000, files=disk)
    for n in range(1, 500):
        store.append_out(n, b"message %d" % n, n)
        assert store.lease_due is None or store._log.position - store._log.base >= 4000  # type: ignore[union-attr]
    assert 2 < len(segments(disk)) < 8
    assert max(len(inode.cached) for name, inode in disk.names.items() if name.endswith(".segment")) < 9000
    assert numbers(store) == list(range(1, 500))


def test_a_reset_ends_the_segments_of_an_epoch_with_it() -> None:
    disk = SimDisk()
    store = filled(disk, 60, keep_epochs=1)
    first = set(segments(disk))
    assert len(first) > 3
    store.reset("day")
    assert set(segments(disk)) == first
    for n in range(1, 60):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    second = set(segments(disk)) - first
    assert numbers(store) == list(range(1, 60))
    store.reset("day")
    assert set(segments(disk)) == second
    assert "/disk/x.1.journal" not in disk.names
    store.close()
    none = take_up(disk, "lease", 300, keep_epochs=0)
    none.reset("day")
    assert set(segments(disk)) == second, "those of a kept epoch go with it"
    assert none.load().epoch == 4


def test_B5_12_a_crash_while_old_segments_are_removed_leaves_none_behind() -> None:
    for n in range(1, 60):
        disk = SimDisk()
        store = filled(disk, 40, keep_epochs=0)
        assert len(segments(disk)) > 3
        disk.operations, disk.fail_at, disk.how = 0, n, "crash"
        try:
            store.reset("day")
        except Crash:
            finished = False
        else:
            finished = True
        disk.kill()
        again = take_up(disk, "lease", 300, keep_epochs=0)
        assert bool(segments(disk)) == (again.load().epoch == 1)
        if finished:
            break


def test_T16_there_is_no_room_for_a_segment_and_the_journal_goes_on_in_the_old_one() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="none", segment_size=500, files=disk)
    step, refused = disk.step, [0]

    def no_new_file(name: str) -> bool:
        if name == "create":
            refused[0] += 1
            raise OSError(28, "disk full")
        return step(name)

    disk.step = no_new_file  # type: ignore[method-assign]
    for n in range(1, 40):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    assert 1 < refused[0] < 39, "tried again, but not with every sync"
    assert store.space_low
    assert segments(disk) == []
    disk.step = step  # type: ignore[method-assign]
    for n in range(40, 60):
        store.append_out(n, b"message %d" % n, n)
        store.sync()
    assert segments(disk)
    assert numbers(store) == list(range(1, 60))


def between_two_files(disk: SimDisk, policy: str = "lease") -> JournalStore:
    """Return a store that was killed right behind a switch, and has written to both files since the last sync."""
    store = JournalStore(PATH, sync=policy, segment_size=400, files=disk)  # type: ignore[arg-type]
    for n in range(1, 4):
        store.append_out(n, b"message %d" % n, n)
    step = disk.step

    def die_at_the_replace(name: str) -> bool:
        if name == "truncate":  # of the old file, behind the switch and before any sync
            disk.step = step  # type: ignore[method-assign]
            for n in range(4, 9):
                store.append_out(n, b"message %d" % n, n)
            raise Crash(name)
        return step(name)

    store.sync()
    store.append_in(1, 1, b"x" * 400)
    disk.step = die_at_the_replace  # type: ignore[method-assign]
    with pytest.raises(Crash):
        store.sync()
    return store


def test_B5_10_records_behind_a_switch_survive_a_kill() -> None:
    disk = SimDisk()
    between_two_files(disk)
    assert PATH + ".next" in disk.names
    disk.kill()
    again = take_up(disk, "lease", 400)
    assert numbers(again) == list(range(1, 9))
    assert again.load().pending_in == ((1, 1, b"x" * 400),)
    assert again.recovered is None
    assert PATH + ".next" not in disk.names
    assert segments(disk) == ["/disk/x.1.1.segment", "/disk/x.1.2.segment"]


def test_B5_9_B5_10_every_cut_across_two_files_gives_an_earlier_state() -> None:
    """What a power loss leaves of two files that hold unsynced records, byte by byte."""
    for name in (PATH, PATH + ".next"):
        seen = set()
        for cut in range(3000):
            disk = SimDisk()
            between_two_files(disk, "none")
            disk.kill()
            disk.boot += 1
            inode = disk.names[name]
            whole = cut > len(inode.cached.rstrip(b"\0"))
            del inode.cached[cut:]
            try:
                again = take_up(disk, "none", 1 << 20)
            except StoreCorrupt:
                assert name == PATH, "nothing of the new file was durable"
                continue
            state = again.load()
            outcome = (state.next_out, len(state.pending_in))
            assert numbers(again) == list(range(1, state.next_out))
            assert PATH + ".next" not in disk.names
            seen.add(outcome)
            again.close()
            third = take_up(disk, "none", 1 << 20)
            assert third.recovered is None
            assert (third.load().next_out, len(third.load().pending_in)) == outcome
            if whole:
                break
        else:
            pytest.fail("the file never came to its end")
        if name == PATH:
            assert seen == {(4, 0), (4, 1), (9, 1)}, "without the end of the old file nothing of the new one counts"
        else:
            assert seen == {(n, 1) for n in range(4, 10)}


def test_B5_9_a_file_that_was_given_up_never_comes_back() -> None:
    """The old file is torn, so what went to the new one is dropped; then the old one grows to where that began."""
    disk = SimDisk()
    store = between_two_files(disk, "none")
    disk.kill()
    follows = scan(disk, PATH).end
    disk.boot += 1
    del disk.names[PATH].cached[follows - 1 :]
    again = take_up(disk, "none", 1 << 20)
    assert again.recovered is not None
    assert again.load().next_out == 4
    del store
    disk.lose_power(random.Random(0))
    assert PATH + ".next" not in disk.names


def test_T10_a_lost_next_file_refuses_to_start() -> None:
    disk = SimDisk()
    between_two_files(disk)
    disk.kill()
    del disk.names[PATH + ".next"]
    with pytest.raises(StoreCorrupt, match="gone") as caught:
        take_up(disk, "lease", 400)
    assert caught.value.path == PATH + ".next"


def test_B5_11_every_flipped_byte_of_a_sealed_segment_is_reported_when_it_is_read() -> None:
    disk = SimDisk()
    filled(disk, 30).close()
    name = segments(disk)[1]
    good = bytes(disk.names[name].cached)
    refused: list[StoreCorrupt] = []
    reported: list[StoreCorrupt] = []
    for at in range(len(good)):
        disk.names[name].cached[:] = good
        disk.names[name].cached[at] ^= 0x10
        try:
            store = take_up(disk, "lease", 300)
        except StoreCorrupt as exc:
            refused.append(exc)
            continue
        try:
            found = numbers(store)
        except StoreCorrupt as exc:
            reported.append(exc)
            offset = exc.offset
            assert offset <= at
        else:
            assert found == list(range(1, 31)), "the index may be damaged, the messages may not"
        store.close()
    assert len(refused) == HEADER_SIZE
    assert len(reported) > 100
    assert {exc.path for exc in refused + reported} == {name}


def test_an_index_is_a_cache(tmp_path: Path) -> None:
    """Damaged, cut off, or that of something else: the segment is read instead."""
    store = JournalStore(tmp_path, session_id=ID, sync="none", segment_size=200_000)
    text = b"x" * 500
    for n in range(1, 1001):
        store.append_out(n, text + b"%d" % n, n)
        if n == 500:
            store.sync()
    sealed = next(tmp_path.glob("*.segment"))
    store.close()
    good = sealed.read_bytes()
    for spoil in ("not", "flip", "cut"):
        data = bytearray(good)
        if spoil == "flip":
            data[-20] ^= 1
        elif spoil == "cut":
            del data[-30:]
        sealed.write_bytes(data)
        again = JournalStore(tmp_path, session_id=ID, sync="none", segment_size=200_000)
        assert [n for n, _, _ in again.read_out(300, 302)] == [300, 301, 302]
        assert [n for n, _, raw in again.read_out(1, 1000) if raw == text + b"%d" % n] == list(range(1, 1001))
        again.close()


@pytest.mark.parametrize("name", ["segment_size", "keep_bytes", "keep_messages"])
def test_wrong_options_are_named(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=rf"{name}.*1 or more"):
        JournalStore(tmp_path, **options)
