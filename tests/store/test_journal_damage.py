"""A journal that was cut or changed on disk: an earlier state, or an error that names the place; never wrong bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast import JournalStore, SessionID, StoreCorrupt
from fixfast.store.base import StoreState
from fixfast.store.records import HEADER_SIZE
from tests.store.simdisk import SimDisk
from tests.store.witness import PATH, take_up

ID = SessionID("FIX.4.4", "A", "B")


def history(store: JournalStore, steps: int) -> list[tuple[StoreState, list[tuple[int, int, bytes]]]]:
    """Do a bit of everything; return the state after each step."""
    states = [snapshot(store)]
    n = 0
    for i in range(steps):
        if i % 5 in (0, 3):
            n += 1
            store.append_out(n, b"out-%d\x01\0" % n * 3, 1000 + i)
        elif i % 5 == 1:
            received = store.load().received
            store.append_in(received, received + 1, b"in-%d" % received)
        elif i % 5 == 2:
            store.done(store.load().received - 2)
        else:
            received = store.load().received
            store.fill(received, received + 1)
        states.append(snapshot(store))
    return states


def snapshot(store: JournalStore) -> tuple[StoreState, list[tuple[int, int, bytes]]]:
    return store.load(), list(store.read_out(1, 1 << 40))


def numbers(state: StoreState) -> tuple[object, ...]:
    return state.epoch, state.next_out, state.next_in, state.received, state.pending_in, state.created_ns


Written: TypeAlias = tuple[bytes, list[tuple[StoreState, list[tuple[int, int, bytes]]]]]


def on_disk(data: bytes | bytearray) -> SimDisk:
    """Return a simulated disk with a journal: thousands of starts, none of which waits for a real one."""
    disk = SimDisk()
    disk.open(PATH, create=True).pwrite(data, 0)
    disk.sync_directory("/disk")
    return disk


def contents(disk: SimDisk) -> bytes:
    return bytes(disk.names[PATH].cached)


@pytest.fixture
def written() -> Written:
    """Return the bytes of a journal without a sync in it but the first, and its states."""
    disk = SimDisk()
    store = take_up(disk, "none")
    states = history(store, 15)
    # What a kill leaves: no mark of a clean stop, zeros behind the last record.
    data = contents(disk)
    return data[: len(data.rstrip(b"\0")) + 40], states


def test_B5_10_T10_every_cut_gives_an_earlier_state(written: Written) -> None:
    """Invariant B5.10, at every byte."""
    data, states = written
    wanted = [(numbers(state), out) for state, out in states]
    seen = set()
    refused, named = 0, ""
    for cut in range(len(data) + 1):
        disk = on_disk(data[:cut])
        try:
            store = take_up(disk, "none")
        except StoreCorrupt as exc:
            refused = cut
            named = exc.path
            assert contents(disk) == data[:cut], "a refused file must stay as it is"
            continue
        state, out = snapshot(store)
        assert (numbers(state), out) in wanted
        seen.add(wanted.index((numbers(state), out)))
    assert named == PATH
    assert refused < HEADER_SIZE + 60, "only what was durable before the file got its name may be refused"
    assert seen == set(range(len(states))), "every state must be reachable by a cut"


def test_B5_9_recovery_is_reported_and_twice_is_once(written: Written) -> None:
    data, states = written
    end = len(data.rstrip(b"\0")) - 3
    disk = on_disk(data[:end])
    store = take_up(disk, "none")
    assert store.recovered is not None
    assert store.recovered.path == PATH
    # zeros at the end are no record's: what is left of this one may end with some
    assert 0 < store.recovered.dropped == len(data[:end].rstrip(b"\0")) - store.recovered.offset
    assert "cut" in store.recovered.detail
    first = numbers(store.load())
    store.close()
    again = take_up(disk, "none")
    assert again.recovered is None
    assert numbers(again.load()) == first == numbers(states[-2][0])


def test_B5_11_every_flipped_byte_gives_an_earlier_state_or_is_refused(written: Written) -> None:
    """Invariant B5.11 where nothing was synced: never delivered, always reported."""
    data, states = written
    wanted = [(numbers(state), out) for state, out in states]
    for at in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            bad = bytearray(data)
            bad[at] ^= flip
            disk = on_disk(bad)
            try:
                store = take_up(disk, "none")
            except StoreCorrupt as exc:
                named = exc.offset
                assert contents(disk) == bad
                assert named <= at
                continue
            state, out = snapshot(store)
            assert (numbers(state), out) in wanted
            assert store.recovered is not None
            assert store.recovered.offset <= at


def test_B5_11_every_flipped_byte_below_a_sync_is_refused() -> None:
    disk = SimDisk()
    store = take_up(disk, "none")
    history(store, 10)
    store.sync()
    history_end = len(contents(disk).rstrip(b"\0"))
    store.append_out(store.load().next_out, b"after the sync", 1)
    store.close()
    data = contents(disk)
    for at in range(history_end - 64):  # the SYNCED record itself vouches for what is below it, not for itself
        bad = bytearray(data)
        bad[at] ^= 0x10
        disk = on_disk(bad)
        with pytest.raises(StoreCorrupt) as caught:
            take_up(disk, "none")
        assert caught.value.offset <= at
        assert PATH in str(caught.value)
        assert contents(disk) == bad, "nothing may be changed on disk"


def test_B5_11_a_message_that_looks_like_a_record_is_only_a_message(tmp_path: Path) -> None:
    """A peer writes what it likes into its messages: a copy of our own records, marks and all."""
    store = JournalStore(tmp_path, session_id=ID, sync="none")
    store.append_out(1, b"x", 1)
    store.sync()
    copy = Path(store.path).read_bytes().rstrip(b"\0")
    store.append_in(1, 1, copy)
    end = store.append_out(2, b"torn", 1)
    path = Path(store.path)
    store.close()
    path.write_bytes(path.read_bytes()[: end - 2])
    again = JournalStore(tmp_path, session_id=ID, sync="none")
    assert again.recovered is not None
    assert again.load().next_out == 2
    assert again.load().pending_in == ((1, 1, copy),)
    again.close()


def test_T15_B5_11_damage_while_the_store_is_open_is_not_resent(tmp_path: Path) -> None:
    """Trap T15, P14: the content of a damaged record is never invented; what is before it is still given."""
    store = JournalStore(tmp_path, session_id=ID, sync="none")
    for n in range(1, 4):
        end = store.append_out(n, b"m%d" % n * 50, n)
    path = Path(store.path)
    with path.open("r+b") as file:
        file.seek(end - 200)
        file.write(b"\xff")
    reader = store.read_out(1, 3)
    assert next(reader)[0] == 1
    with pytest.raises(StoreCorrupt, match=r"damaged at byte \d+"):
        list(reader)
    store.close()


def test_T10_a_lost_file_refuses_to_start(tmp_path: Path) -> None:
    """Never fall back to 1/1 silently (trap T10)."""
    store = JournalStore(tmp_path, session_id=ID)
    store.append_out(1, b"x", 1)
    store.close()
    Path(store.path).unlink()
    with pytest.raises(StoreCorrupt, match="gone"):
        JournalStore(tmp_path, session_id=ID)


@pytest.mark.parametrize("content", [b"", b"x", b"not a journal" * 30, bytes(200), bytes(5000)])
def test_T10_what_is_not_a_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.journal"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        JournalStore(path)
    assert path.read_bytes() == content


def test_another_version_is_refused_by_name(tmp_path: Path) -> None:
    from zlib import crc32

    path = tmp_path / "x.journal"
    JournalStore(path).close()
    data = bytearray(path.read_bytes())
    data[8] = 9
    data[HEADER_SIZE - 4 : HEADER_SIZE] = crc32(data[: HEADER_SIZE - 4]).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt, match="version 9"):
        JournalStore(path)


@given(data=st.binary(max_size=400), at=st.integers(0, 2000))
def test_B5_11_noise_in_the_file_never_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    """A fuzz target: overwrite any stretch with anything; an earlier state or StoreCorrupt, nothing else."""
    path = tmp_path_factory.mktemp("noise") / "x.journal"
    store = JournalStore(path, sync="none")
    wanted = [numbers(state) for state, _ in history(store, 10)]
    store.close()
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)
    try:
        again = JournalStore(path, sync="none")
    except StoreCorrupt:
        return
    assert numbers(again.load()) in wanted
    again.close()
