"""Sessions that share a SQLite database: transactions, disk syncs, checkpoints; and how a store ends."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixfast import ConfigError, SqliteDatabase, SqliteStore, StoreError
from tests.store.sqlite_faults import ID, OTHER, Counting, Failing


def test_sessions_of_one_loop_share_a_transaction_and_a_sync(tmp_path: Path) -> None:
    syncs = 0

    def sync(fd: int) -> None:
        nonlocal syncs
        syncs += 1
        os.fdatasync(fd)

    async def main() -> None:
        database = SqliteDatabase(tmp_path / "x.db", sync="group", connection=Counting, sync_file=sync)
        stores = [SqliteStore(database, session_id=f"session {i}") for i in range(50)]
        for store in stores:
            store.append_out(1, b"x", 1)
        await asyncio.sleep(0)
        before, synced = Counting.commits, syncs
        positions = [store.append_out(2, b"y", 2) for store in stores]
        assert Counting.commits == before, "not before the pass ends"
        await asyncio.sleep(0)
        assert Counting.commits == before + 1
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, store.sync) for store in stores))
        assert syncs == synced + 1
        assert all(store.synced >= position for store, position in zip(stores, positions, strict=True))
        # What the application will see is committed at once.
        stores[0].append_out(3, b"z", 3)
        stores[1].append_in(1, 1, b"in")
        assert Counting.commits == before + 2
        for store in stores:
            store.close()
        database.close()

    asyncio.run(main())


def test_reading_synced_commits(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(tmp_path / "x.db", session_id=ID, connection=Counting)
        store.append_out(1, b"x", 1)
        before = Counting.commits
        position = store.append_out(2, b"x", 1)
        assert Counting.commits == before
        assert store.synced >= position
        assert Counting.commits == before + 1
        store.close()

    asyncio.run(main())


def test_o10_a_commit_that_fails_holds_the_bytes_back(tmp_path: Path) -> None:
    """`synced` does not rise past what could not be committed, and the sync that is then asked for says why."""
    failing: Any = type("F", (Failing,), {})

    async def main() -> None:
        store = SqliteStore(tmp_path / "x.db", session_id=ID, connection=failing)
        store.append_out(1, b"x", 1)
        assert store.synced
        position = store.append_out(2, b"x", 1)
        failing.left = 1
        assert store.synced < position
        with pytest.raises(StoreError, match="disk I/O error"):
            store.sync()
        store.close()

    asyncio.run(main())


def test_checkpoints_keep_the_log_short_while_another_thread_works(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID, sync="group")
    file = store._open
    assert file is not None
    stop = threading.Event()
    failures: list[BaseException] = []
    checkpoints = 0

    def work() -> None:
        nonlocal checkpoints
        try:
            while not stop.is_set():
                store.sync()
                if store.upkeep_due:
                    store.upkeep()
                    checkpoints += 1
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    for n in range(1, 6001):
        position = store.append_out(n, b"x" * 900, n)
        while n % 50 == 0 and store.synced < position and thread.is_alive():
            pass  # as a session does: nothing goes out before
    stop.set()
    thread.join()
    assert not failures
    assert checkpoints
    assert Path(f"{path}-wal").stat().st_size < 3 * 4000 * 4200
    store.close()
    again = SqliteStore(path, session_id=ID)
    assert sum(1 for _ in again.read_out(1, 6000)) == 6000
    again.close()


def test_without_upkeep_the_log_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.store.sqlitefile._OVERDUE", 200)
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID, sync="none")
    for n in range(1, 2001):
        store.append_out(n, b"x" * 900, n)
    assert Path(f"{path}-wal").stat().st_size < 800 * 4200
    store.close()


def test_old_epochs_are_deleted_by_and_by(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=ID, keep_epochs=1)

    def epochs() -> list[int]:
        theirs = sqlite3.connect(path)
        try:
            return [epoch for (epoch,) in theirs.execute("SELECT DISTINCT epoch FROM outbound ORDER BY epoch")]
        finally:
            theirs.close()

    for epoch in range(1, 5):
        for n in range(1, 700):
            store.append_out(n, b"%d" % epoch, n)
        assert epoch in epochs()
        store.reset("next")
        assert store._stale is (epoch > 1)
        if epoch == 2:
            store.upkeep()
            assert epochs() == [2]
            assert not store._stale
    store.close()
    assert epochs() == [4]


def test_an_open_loop_that_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    """What was put in the last pass of a loop that never ended its pass is committed by whoever comes next."""
    store = SqliteStore(tmp_path / "x.db", session_id=ID)

    async def send() -> None:
        store.append_out(1, b"x", 1)

    loop = asyncio.new_event_loop()
    task = loop.create_task(send())
    loop.run_until_complete(task)
    loop.close()
    store.append_out(2, b"y", 2)
    store.close()
    again = SqliteStore(tmp_path / "x.db", session_id=ID)
    assert [n for n, _, _ in again.read_out(1, 9)] == [1, 2]
    again.close()


def test_another_process_that_holds_the_database_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixfast.store.sqlitefile._BUSY", 10)
    store = SqliteStore(tmp_path / "x.db", session_id=ID)
    theirs = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    theirs.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.append_out(1, b"x", 1)
    theirs.close()
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "x.db")
    store, other = SqliteStore(database, session_id=ID), SqliteStore(database, session_id=OTHER)
    store.append_out(1, b"x", 1)
    reader = store.read_out(1, 1)
    store.close()
    calls: list[Callable[[], object]] = [
        store.load,
        lambda: store.append_out(2, b"", 1),
        lambda: store.append_in(1, 1, b""),
        lambda: store.done(1),
        lambda: store.fill(1, 1),
        lambda: store.reset("x"),
        lambda: store.lease(9),
        lambda: store.synced,
        lambda: store.read_out(1, 1),
        store.sync,
        store.upkeep,
        lambda: next(reader),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="closed"):
            call()
    assert not store.upkeep_due
    database.close()
    database.close()
    for call in (lambda: other.append_out(1, b"", 1), lambda: SqliteStore(database, session_id=ID), other.load):
        with pytest.raises(StoreError, match="closed"):
            call()
    other.close()


@pytest.mark.parametrize(
    ("name", "value"), [("sync", "sometimes"), ("lease_size", 0), ("interval_ns", -1), ("keep_epochs", -1)]
)
def test_wrong_options_are_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        SqliteStore(tmp_path / "x.db", session_id=ID, **{name: value})  # type: ignore[arg-type]


def test_a_number_that_does_not_fit_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db", session_id=ID)
    with pytest.raises(ValueError, match="does not fit"):
        store.append_out(1 << 70, b"x", 1)
    with pytest.raises(ValueError, match="does not fit"):
        store.append_out(1, b"x", 1 << 70)
    store.append_out(1, b"x", 1)
    store.close()


def test_the_interval_policy_syncs_by_the_clock_it_is_given(tmp_path: Path) -> None:
    syncs: list[int] = []
    store = SqliteStore(
        tmp_path / "x.db", session_id=ID, sync="interval", interval_ns=100, lease_size=1000, sync_file=syncs.append
    )
    store.lease(1000)
    counts = []
    # (the last two: the clock is set back)
    for n, wall_ns in enumerate((1000, 1050, 1101, 1102, 10, 11), start=1):
        before = len(syncs)
        store.append_out(n, b"x", wall_ns)
        counts.append(len(syncs) - before)
    assert counts == [1, 0, 1, 0, 1, 0]
    store.close()


def test_another_thread_may_sync_and_lease_meanwhile(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db", session_id=ID, sync="lease", lease_size=50)
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                store.sync()
                due = store.lease_due
                if due is not None:
                    store.lease(due)
                store.upkeep()
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    for epoch in (1, 2, 3):
        for n in range(1, 301):
            position = store.append_out(n, b"%d.%d" % (epoch, n), n)
            store.append_in(n, n, b"in")
            store.done(n)
        if epoch < 3:
            store.reset("under load")
    stop.set()
    thread.join()
    assert not failures
    store.sync()
    assert store.synced >= position
    store.close()
    again = SqliteStore(tmp_path / "x.db", session_id=ID)
    state = again.load()
    assert (state.epoch, state.next_out, state.next_in, state.clean) == (3, 301, 301, True)
    assert [raw for _, _, raw in again.read_out(1, 300)] == [b"3.%d" % n for n in range(1, 301)]
    again.close()


def test_loops_of_several_threads_share_a_database(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "x.db", sync="group")
    failures: list[BaseException] = []

    async def talk(store: SqliteStore) -> None:
        loop = asyncio.get_running_loop()
        for n in range(1, 101):
            position = store.append_out(n, b"%d" % n, n)
            store.append_in(n, n, b"in")
            store.done(n)
            if n % 10 == 0:
                await loop.run_in_executor(None, store.sync)
                assert store.synced >= position
            else:
                await asyncio.sleep(0)
        store.close()

    def work(name: str) -> None:
        try:
            asyncio.run(talk(SqliteStore(database, session_id=name)))
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for name in ("a", "b", "c"):
        store = SqliteStore(database, session_id=name)
        assert (store.load().next_out, store.load().next_in) == (101, 101)
        store.close()
    database.close()


def test_opening_a_session_waits_for_no_disk(tmp_path: Path) -> None:
    """Thousands are opened when a server starts; their leases are made durable together."""
    syncs: list[int] = []
    database = SqliteDatabase(tmp_path / "x.db", sync_file=syncs.append)
    before = len(syncs)
    stores = [SqliteStore(database, session_id=f"session {i}") for i in range(20)]
    assert len(syncs) == before
    for store in stores:
        assert store.lease_due == 1001
    stores[0].lease(1001)
    assert len(syncs) == before + 1
    for store in stores:
        store.close()
    database.close()
