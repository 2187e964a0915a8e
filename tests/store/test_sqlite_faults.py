"""Statements, syncs and disks that fail, and power losses: nothing told is lost, no number is used twice."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixfast import SqliteStore, StoreError
from tests.store.sqlite_faults import ID, Failing, OtherBoot, PowerLoss


@pytest.fixture
def ram_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: these tests sync some thousand times, and lose no power."""
    ram = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=ram if os.access(ram, os.W_OK) else tmp_path) as path:
        yield Path(path)


def _story(store: SqliteStore, told: Callable[[tuple[Any, ...]], None]) -> None:
    """A life of a store; `told` hears of every step that succeeded."""
    for epoch in (1, 2):
        for n in range(1, 6):
            position = store.append_out(n, b"%d.%d" % (epoch, n), n)
            told(("out", epoch, n))
            store.append_in(n, n, b"in %d" % n)
            told(("in", epoch, n))
            if n % 2:
                store.done(n)
                told(("done", epoch, n))
            if n == 3:
                store.sync()
                assert store.synced >= position
                told(("sync",))
        if epoch == 1:
            store.reset("next")
            told(("reset", 2, 0))
    store.upkeep()
    store.close()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("policy", ["lease", "group", "every"])
def test_the_nth_statement_fails(ram_path: Path, policy: Any, after: bool) -> None:
    """As SQLite tests itself: fail at the n-th operation, for every n; nothing told is lost, nothing is used again."""
    n, finished = 0, False
    while not finished:
        n += 1
        path = ram_path / str(n) / "x.db"
        failing: Any = type("F", (Failing,), {"left": n, "after": after})
        told: list[tuple[Any, ...]] = []
        try:
            _story(SqliteStore(path, session_id=ID, sync=policy, lease_size=3, connection=failing), told.append)
            finished = failing.left > 0
        except StoreError:
            pass
        failing.left = 1 << 60
        _assert_kept(path, told)
        shutil.rmtree(path.parent)
    assert n > 30


@pytest.mark.parametrize("policy", ["lease", "group", "every"])
def test_the_nth_disk_sync_fails(ram_path: Path, policy: Any) -> None:
    """After a failed sync the store refuses everything, and never says again that something is durable (B3)."""
    n, finished = 0, False
    while not finished:
        n += 1
        path = ram_path / str(n) / "x.db"
        left = n
        told: list[tuple[Any, ...]] = []

        def sync(fd: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(5, "Input/output error")
            os.fdatasync(fd)

        store = None
        try:
            store = SqliteStore(path, session_id=ID, sync=policy, lease_size=3, sync_file=sync)
            _story(store, told.append)
            finished = left > 0
        except StoreError:
            if store is not None:
                _assert_refuses(store)
                store.close()
        _assert_kept(path, told)
        shutil.rmtree(path.parent)
    assert n > 3


def _assert_refuses(store: SqliteStore) -> None:
    calls = (store.load, store.sync, lambda: store.append_out(99, b"", 1), lambda: store.done(1))
    for call in calls:
        with pytest.raises(StoreError, match=r"unusable since a sync failed|closed"):
            call()


def _assert_kept(path: Path, told: list[tuple[Any, ...]]) -> None:
    store = SqliteStore(path, session_id=ID)
    state = store.load()
    epochs = [1, *(step[1] for step in told if step[0] == "reset")]
    # What failed may have been done, or not: one step more than was told, at most.
    assert state.epoch in (epochs[-1], epochs[-1] + 1)
    if state.epoch == epochs[-1]:
        sent = [step[2] for step in told if step[:2] == ("out", state.epoch)]
        stored = [n for n, _, _ in store.read_out(1, 99)]
        assert stored[: len(sent)] == sent
        assert len(stored) <= len(sent) + 1
        assert all(raw == b"%d.%d" % (state.epoch, n) for n, _, raw in store.read_out(1, 99))
        received = [step[2] for step in told if step[:2] == ("in", state.epoch)]
        done = max([step[2] for step in told if step[:2] == ("done", state.epoch)], default=0)
        assert state.received - 1 in (len(received), len(received) + 1)
        assert done < state.next_in <= len(received) + 1
        assert [a for a, _, _ in state.pending_in] == list(range(state.next_in, state.received))
    store.close()


def test_a_full_disk_fails_the_commit_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID)
    file = store._open
    assert file is not None
    file._first.execute("PRAGMA max_page_count=40")
    n = 0

    def fill() -> None:
        nonlocal n
        while True:
            store.append_out(n + 1, b"x" * 500, n + 1)
            n += 1

    with pytest.raises(StoreError, match="full"):
        fill()
    assert n > 20
    with pytest.raises(StoreError, match="unusable"):
        store.append_out(n + 1, b"x", 1)
    store.close()
    again = SqliteStore(path, session_id=ID)
    assert again.load().next_out == n + 1
    assert [m for m, _, _ in again.read_out(1, n)] == list(range(1, n + 1))
    again.close()


@pytest.mark.parametrize("policy", ["lease", "group"])
def test_a_power_loss_at_any_byte_uses_no_number_twice(tmp_path: Path, policy: Any) -> None:
    """B5.1, B5.3, B5.10: the WAL is cut anywhere behind what was synced."""
    (tmp_path / "live").mkdir(mode=0o700)
    path = tmp_path / "live" / "x.db"
    power = PowerLoss(path, tmp_path)
    store = SqliteStore(path, session_id=ID, sync=policy, lease_size=5, sync_file=power.sync)
    wal = Path(f"{path}-wal")
    chance = random.Random(policy)
    on_the_wire = 0
    for n in range(1, 31):
        position = store.append_out(n, b"message %d" % n, n)
        if policy == "group" and n % 4 == 0:
            store.sync()
        if position <= store.synced:
            on_the_wire = n
        elif policy == "group":
            on_the_wire = max(on_the_wire, n - n % 4)
        end = wal.stat().st_size
        for size in {power.synced, end, chance.randint(power.synced, end)}:
            again = SqliteStore(power.copy(size), session_id=ID, sync=policy, files=OtherBoot())
            state = again.load()
            stored = [m for m, _, _ in again.read_out(1, 99)]
            assert state.next_out > on_the_wire, "a number on the wire would be used again"
            if policy == "group":
                assert stored[:on_the_wire] == list(range(1, on_the_wire + 1))
            elif stored != list(range(1, state.next_out)):
                assert state.lost_out == (len(stored) + 1, state.next_out - 1)
            again.close()
    store.close()


def test_a_clean_stop_needs_no_skip_after_a_reboot(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID, lease_size=10)
    store.append_out(1, b"x", 1)
    store.close()
    store = SqliteStore(path, session_id=ID, files=OtherBoot())
    assert (store.load().next_out, store.load().lost_out, store.load().clean) == (2, None, True)
    store.close()


def test_an_unclean_stop_and_a_reboot_skip_the_lease_once(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID, lease_size=10)
    store.append_out(1, b"x", 1)
    del store
    store = SqliteStore(path, session_id=ID)
    assert store.load().lost_out is None, "the same boot: a killed process loses nothing"
    del store
    for _ in range(2):
        store = SqliteStore(path, session_id=ID, files=OtherBoot())
        assert (store.load().next_out, store.load().lost_out) == (11, (2, 10))
        del store
    store = SqliteStore(path, session_id=ID, files=OtherBoot())
    store.append_out(11, b"y", 1)
    assert store.load().lost_out is None
    store.close()


def test_T10_without_syncs_a_power_loss_puts_the_numbers_in_doubt_and_says_so(tmp_path: Path) -> None:
    """Also when the last clean stop is all that reached the disk."""
    (tmp_path / "live").mkdir(mode=0o700)
    path = tmp_path / "live" / "x.db"
    SqliteStore(path, session_id=ID, sync="none").close()
    power = PowerLoss(path, tmp_path)
    store = SqliteStore(path, session_id=ID, sync="none", sync_file=power.sync)
    assert not store.load().out_in_doubt
    store.append_out(1, b"x", 1)
    copy = power.copy(power.synced)
    store.close()
    again = SqliteStore(copy, session_id=ID, sync="none")
    assert not again.load().out_in_doubt, "a killed process loses nothing"
    del again
    for _ in range(2):
        again = SqliteStore(copy, session_id=ID, sync="none", files=OtherBoot())
        assert again.load().out_in_doubt, "told again until something is sent"
        again.close()
    again = SqliteStore(copy, session_id=ID, sync="none", files=OtherBoot())
    again.append_out(again.load().next_out, b"y", 1)
    assert not again.load().out_in_doubt
    again.close()


def test_why_an_epoch_began_is_kept(tmp_path: Path) -> None:
    """A session with a schedule notes the window there."""
    store = SqliteStore(tmp_path / "x.db", session_id=ID)
    assert store.load().why == ""
    store.reset("window of 2026-01-05")
    store.close()
    again = SqliteStore(tmp_path / "x.db", session_id=ID)
    assert again.load().why == "window of 2026-01-05"
    again.close()
