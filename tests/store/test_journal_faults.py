"""Every I/O operation fails once; the machine loses power at any moment. What was promised must hold."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fixfast import JournalStore, StoreCorrupt, StoreError, StoreLocked
from tests.simulation.disk import Disk
from tests.store.simdisk import Crash, SimDisk
from tests.store.witness import PATH, BusyDisk, Witness, take_up

#: one file, one rotation, one with nearly every sync
SIZES = pytest.mark.parametrize("size", [1 << 24, 1200, 200])


@SIZES
@pytest.mark.parametrize("policy", ["none", "lease", "interval", "group", "every"])
@pytest.mark.parametrize("how", ["EIO", "ENOSPC", "short", "crash"])
def test_B5_1_B5_3_B5_4_B5_7_B5_9_the_nth_operation_fails(policy: Any, how: str, size: int) -> None:
    """SQLite's loop: n = 1, 2, 3 ... until a run meets no fault. After it, the old or the new state, nothing else."""
    for n in range(1, 400):
        disk, witness = BusyDisk(), Witness()
        disk.fail_at, disk.how = n, how
        store = None
        try:
            store = take_up(disk, policy, size)
            witness.work(store, 14, n, disk)
            store.close()
        except StoreError:
            assert how != "crash"
            if store is not None:
                _is_poisoned(store)
                store.close()
        except Crash:
            assert how == "crash"
        finished = disk.operations < n
        disk.store = None
        disk.kill()
        again = take_up(disk, policy, size)
        witness.check(again, content=True)
        before = again.load()
        again.close()
        third = take_up(disk, policy, size)
        assert (third.load().next_out, third.load().next_in, third.load().epoch) == (
            before.next_out,
            before.next_in,
            before.epoch,
        )
        third.close()
        if finished:
            break
    else:
        pytest.fail("the run never came to its end")


def _is_poisoned(store: JournalStore) -> None:
    for call in (store.load, store.sync, lambda: store.append_out(10**6, b"x", 1), lambda: store.done(0)):
        with pytest.raises(StoreError):
            call()


@SIZES
@pytest.mark.parametrize("policy", ["lease", "interval", "group", "every"])
@pytest.mark.parametrize("seed", [*range(25), 1005])
def test_B5_1_B5_3_B5_4_B5_7_power_is_lost_at_any_moment(policy: Any, seed: int, size: int) -> None:
    """Unsynced pages survive or not, in any order. No number is ever used twice; group and every lose nothing sent."""
    rng = random.Random(f"{policy} {seed}")
    disk, witness = BusyDisk(), Witness()
    alarms = 0
    for life in range(6):
        disk.operations, disk.fail_at, disk.how = 0, rng.randrange(1, 120), "crash"
        try:
            store = take_up(disk, policy, size)
            witness.check(store, content=policy in ("group", "every"))
            alarms += store.load().lost_out is not None
            witness.work(store, rng.randrange(1, 30), life, disk)
            if rng.random() < 0.3:
                store.close()
        except Crash:
            pass
        disk.store = None
        if rng.random() < 0.8:
            disk.lose_power(rng)
        else:
            disk.kill()
    witness.check(take_up(disk, policy, size), content=policy in ("group", "every"))


def test_B5_3_after_a_power_loss_the_numbers_in_doubt_are_skipped_and_told() -> None:
    disk = SimDisk()
    store = take_up(disk, "lease")
    for n in range(1, 4):
        store.append_out(n, b"m%d" % n, n)
    assert store.lease_due is not None
    disk.lose_power(random.Random(1))
    again = take_up(disk, "lease")
    state = again.load()
    assert state.lost_out is not None
    assert state.lost_out[1] == state.next_out - 1 == 5
    assert state.clean is False
    disk.kill()  # the alarm was not heard
    third = take_up(disk, "lease")
    assert third.load().lost_out == state.lost_out, "told again until something is sent"
    third.append_out(6, b"next", 1)
    assert third.load().lost_out is None
    assert [n for n, _, _ in third.read_out(1, 9)][-1] == 6


def test_a_killed_process_skips_nothing() -> None:
    disk = SimDisk()
    store = take_up(disk, "lease")
    for n in range(1, 4):
        store.append_out(n, b"m%d" % n, n)
    disk.kill()
    state = take_up(disk, "lease").load()
    assert (state.next_out, state.lost_out, state.clean) == (4, None, False)


def test_an_unknown_boot_counts_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimDisk()
    monkeypatch.setattr(disk, "boot_id", lambda: b"")
    take_up(disk, "lease").append_out(1, b"m", 1)
    disk.kill()
    assert take_up(disk, "lease").load().lost_out == (2, 5)


def test_a_clean_stop_skips_nothing_even_over_a_reboot() -> None:
    disk = SimDisk()
    store = take_up(disk, "lease")
    store.append_out(1, b"m", 1)
    store.close()
    disk.lose_power(random.Random(2))
    state = take_up(disk, "lease").load()
    assert (state.next_out, state.lost_out, state.clean) == (2, None, True)


def test_B5_3_a_lease_ends_with_a_clean_stop() -> None:
    """Found by seed 1005: sent after a clean start under the old lease, lost with the power, the number used again."""
    disk = SimDisk()
    store = take_up(disk, "lease")
    store.append_out(1, b"m1", 1)
    store.close()
    take_up(disk, "lease").append_out(2, b"m2", 2)
    disk.lose_power(random.Random(3))
    assert take_up(disk, "lease").load().next_out > 2


def test_B5_12_a_reset_seen_after_a_kill_is_not_undone_by_a_power_loss() -> None:
    """Found by the simulated disk: the new epoch's name was in the page cache only."""
    disk = SimDisk()
    store = take_up(disk, "lease")
    step = disk.step

    def die_at_the_directory(name: str) -> bool:
        if name == "sync_directory":
            raise Crash(name)
        return step(name)

    disk.step = die_at_the_directory  # type: ignore[method-assign]
    with pytest.raises(Crash):
        store.reset("test")
    disk.kill()
    disk.step = step  # type: ignore[method-assign]
    second = take_up(disk, "lease")
    epoch = second.load().epoch
    second.append_out(1, b"m", 1)
    disk.lose_power(random.Random(4))
    assert take_up(disk, "lease").load().epoch == epoch == 2


def test_a_lease_renewed_in_time_is_not_renewed_by_append() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, sync="lease", lease_size=10, files=disk)
    syncs = []
    for n in range(1, 41):
        before = disk.operations
        store.append_out(n, b"m", n)
        syncs.append(disk.operations - before > 1)
        if (due := store.lease_due) is not None:
            store.lease(due)
    assert syncs.count(True) == 1, "only the first one waits for the disk"


def test_O10_T16_a_full_disk_still_takes_a_logout() -> None:
    """O10: the first sign of a full disk comes while there is room for the last messages."""
    disk = SimDisk()
    disk.space = 600_000
    store = take_up(disk, "none")
    n = 0
    while not store.space_low:
        n += 1
        store.append_out(n, b"x" * 1000, n)
    for _ in range(20):
        n += 1
        store.append_out(n, b"logout" * 100, n)

    def fill_up(n: int) -> None:
        for k in range(n + 1, n + 1000):
            store.append_out(k, b"x" * 1000, k)

    with pytest.raises(StoreError, match="disk full"):
        fill_up(n)
    with pytest.raises(StoreError, match="unusable"):
        store.append_out(n + 1000, b"", n)
    disk.kill()
    disk.space = None
    assert take_up(disk, "none").load().next_out > n


def test_a_failed_sync_is_never_tried_again() -> None:
    disk = SimDisk()
    store = take_up(disk, "group")
    position = store.append_out(1, b"m", 1)
    assert store.synced < position
    disk.fail_at, disk.how = disk.operations + 1, "EIO"
    with pytest.raises(StoreError, match="sync failed"):
        store.sync()
    disk.fail_at = 0
    with pytest.raises(StoreError, match="unusable since a sync failed"):
        store.sync()
    assert store.synced < position


def test_B5_2_group_releases_only_what_was_synced() -> None:
    disk = SimDisk()
    store = take_up(disk, "group")
    first = store.append_out(1, b"m1", 1)
    dirty = [store.dirty]
    store.sync()
    dirty.append(store.dirty)
    second = store.append_out(2, b"m2", 2)
    dirty.append(store.dirty)
    assert first <= store.synced < second
    assert dirty == [True, False, True]


def test_B5_12_a_reset_is_whole_or_absent() -> None:
    """B5.12: crash at every operation of a reset; the old epoch with its messages, or the new one."""
    outcomes = set()
    for n in range(1, 30):
        disk = SimDisk()
        store = take_up(disk, "lease")
        store.append_out(1, b"old", 1)
        store.sync()
        disk.operations, disk.fail_at, disk.how = 0, n, "crash"
        try:
            store.reset("test")
        except Crash:
            finished = False
        else:
            finished = True
        disk.lose_power(random.Random(n))
        again = take_up(disk, "lease")
        state, out = again.load(), [raw for _, _, raw in again.read_out(1, 9)]
        assert (state.epoch, out) in ((1, [b"old"]), (2, []))
        assert PATH + ".new" not in disk.names
        outcomes.add(state.epoch)
        if finished:
            assert state.epoch == 2
            break
    assert outcomes == {1, 2}


@pytest.mark.parametrize("how", ["EIO", "ENOSPC"])
def test_B5_12_after_a_reset_that_failed_nothing_is_stored(how: str) -> None:
    """Found by the simulation: where the new epoch was in its place already, and removing an old one failed once, the
    store went on in the new epoch under a session that was in the old one."""
    for n in range(1, 40):
        disk = SimDisk()
        store = take_up(disk, "lease")
        store.reset("there is an epoch to keep")
        store.append_out(1, b"second epoch", 1)
        store.reset("and one to remove")
        store.append_out(1, b"third epoch", 1)
        disk.operations, disk.fail_at, disk.how = 0, n, how
        try:
            store.reset("test")
        except StoreError:
            disk.fail_at = 0  # and then the disk is well again
            _is_poisoned(store)
            store.close()
            disk.kill()
            assert take_up(disk, "lease").load().epoch in (3, 4)
        else:
            assert n > 5
            break
    else:
        pytest.fail("the reset never came to its end")


def test_old_epochs_are_kept_as_asked() -> None:
    disk = SimDisk()
    store = JournalStore(PATH, keep_epochs=2, files=disk)
    for epoch in range(1, 6):
        store.append_out(1, b"epoch %d" % epoch, 1)
        store.reset("day")
    assert set(disk.names) == {PATH, "/disk/x.4.journal", "/disk/x.5.journal"}
    store.close()
    old = JournalStore("/disk/x.5.journal", files=disk)
    assert [raw for _, _, raw in old.read_out(1, 1)] == [b"epoch 5"]


def test_T17_one_owner() -> None:
    disk = SimDisk()
    take_up(disk, "none")
    with pytest.raises(StoreLocked):
        take_up(disk, "none")


def test_a_failed_start_lets_go_of_the_lock() -> None:
    disk = SimDisk()
    take_up(disk, "none").close()
    disk.names[PATH].cached[5] ^= 1
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            take_up(disk, "none")


def test_T10_without_syncs_a_power_loss_puts_the_numbers_in_doubt_and_says_so() -> None:
    """Found by the simulation: numbers used again after a power loss, and nobody was told."""
    disk = SimDisk()
    take_up(disk, "none").append_out(1, b"m1", 1)
    disk.kill()
    store = take_up(disk, "none")
    assert not store.load().out_in_doubt, "a killed process loses nothing"
    store.append_out(2, b"m2", 1)
    disk.lose_power(random.Random(1))
    assert take_up(disk, "none").load().out_in_doubt
    disk.kill()
    again = take_up(disk, "none")
    assert again.load().out_in_doubt, "told again until something is sent"
    again.append_out(again.load().next_out, b"next", 1)
    assert not again.load().out_in_doubt


def test_O10_a_number_whose_sync_failed_is_refused_as_a_store_failure() -> None:
    """Found by the simulation: the Logout that followed raised ValueError, "numbers below 2 are used"."""
    disk = SimDisk()
    store = take_up(disk, "every")
    disk.fail_at, disk.how = disk.operations + 2, "EIO"
    with pytest.raises(StoreError):
        store.append_out(1, b"m1", 1)
    with pytest.raises(StoreError):
        store.append_out(1, b"other", 2)


def test_B5_2_after_a_failed_sync_the_next_process_does_not_trust_the_cache() -> None:
    """Found by the simulation: the kernel had dropped the pages, the next sync succeeded without them, and then the
    power was lost: the journal vouched for bytes that were not there."""
    disk = Disk(random.Random(1))
    mount = disk.mount()
    store = JournalStore(PATH, sync="group", files=mount)
    store.append_out(1, b"m1", 1)
    disk.arm("EIO", 1)
    with pytest.raises(StoreError):
        store.sync()
    mount.kill()
    mount = disk.mount()
    again = JournalStore(PATH, sync="group", files=mount)
    assert again.load().next_out == 2
    again.sync()
    mount.kill()
    disk.lose_power()
    third = JournalStore(PATH, sync="group", files=disk.mount())
    assert [(n, raw) for n, _, raw in third.read_out(1, 9)] == [(1, b"m1")]
