"""Syncs beside the loop: few threads, in turn, for any number of sessions; leases before they are needed; intervals."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.syncing import Syncing, SyncPool
from tests.engine.harness import Notes, news, run, them, to, until, us


class Waiting:
    """The part of a session that Syncing looks at."""

    def __init__(self) -> None:
        self.sync_needed = True


class Gate(ff.MemoryStore):
    """A store whose syncs wait for a sign, and say who they are."""

    def __init__(self, name: int, order: list[int], go: threading.Event) -> None:
        super().__init__()
        self.name, self.order, self.go = name, order, go

    def sync(self) -> None:
        assert self.go.wait(10)
        self.order.append(self.name)


@pytest.mark.parametrize("threads", [1, 3])
def test_many_stores_are_synced_in_turn_by_few_threads(threads: int) -> None:
    async def main() -> None:
        before = len([t for t in threading.enumerate() if t.name.startswith("fixfast-sync")])
        pool, order, go, done = SyncPool(threads), list[int](), threading.Event(), list[object]()
        for i in range(200):
            Syncing(Gate(i, order, go), done.append, pool=pool).check(Waiting())
        await asyncio.sleep(0)
        assert len([t for t in threading.enumerate() if t.name.startswith("fixfast-sync")]) <= before + threads
        assert not done
        # A disk that hangs holds up nothing else: the loop's own threads are free.
        assert await asyncio.get_running_loop().run_in_executor(None, lambda: 7) == 7
        go.set()
        await until(lambda: len(done) == 200)
        assert done == [None] * 200
        # Threads may overtake each other; one takes them in the order in which they asked.
        assert sorted(order) == list(range(200))
        assert threads > 1 or order == sorted(order)

    run(main())


def test_one_store_is_synced_by_one_thread_at_a_time() -> None:
    async def main() -> None:
        order, go, done = list[int](), threading.Event(), list[object]()
        syncing = Syncing(Gate(1, order, go), done.append)
        for _ in range(5):
            syncing.check(Waiting())
        go.set()
        await until(lambda: done)
        assert order == [1]
        await syncing.close()

    run(main())


def test_trouble_of_one_session_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ff.MemoryStore):
        def sync(self) -> None:
            raise ff.StoreError("disk gone")

    def trouble(error: object) -> None:
        raise RuntimeError("told")

    async def main() -> None:
        pool, go, told, fine = SyncPool(threads=1), threading.Event(), list[Any](), list[Any]()
        Syncing(Gate(0, [], go), trouble, pool=pool).check(Waiting())
        broken = Syncing(Broken(), told.append, pool=pool)
        broken.check(Waiting())
        Syncing(Gate(1, [], go), fine.append, pool=pool).check(Waiting())
        go.set()
        await until(lambda: fine)
        assert fine == [None]
        assert isinstance(told[0], ff.StoreError)
        broken.check(Waiting())
        await asyncio.sleep(0)
        assert len(told) == 1, "not asked again"
        with pytest.raises(ff.StoreError, match="close"):
            await Syncing(Unclosable(), told.append, pool=pool).close()

    run(main())
    assert "after a sync" in caplog.text


class Unclosable(ff.MemoryStore):
    def close(self) -> None:
        raise ff.StoreError("close failed")


def test_a_loop_that_ends_before_its_sync_is_no_trouble() -> None:
    pool, go, order = SyncPool(threads=1), threading.Event(), list[int]()

    async def main() -> None:
        Syncing(Gate(1, order, go), lambda error: None, pool=pool).check(Waiting())

    asyncio.run(main())
    go.set()

    async def after() -> None:
        done: list[object] = []
        Syncing(Gate(2, order, go), done.append, pool=pool).check(Waiting())
        await until(lambda: done)

    asyncio.run(after())
    assert order == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_of_fork_has_threads_of_its_own() -> None:
    code = """
        import asyncio, os
        import fixfast as ff
        from fixfast.engine.syncing import Syncing

        class Waiting:
            sync_needed = True

        class Slow(ff.MemoryStore):  # with a plain one there is nothing to sync, and no thread is asked
            pass

        async def main():
            done = asyncio.Event()
            Syncing(Slow(), lambda error: done.set()).check(Waiting())
            await asyncio.wait_for(done.wait(), 10)

        asyncio.run(main())
        if os.fork() == 0:
            asyncio.run(main())
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "7\n"


def test_b3_a_lease_is_there_before_the_first_message(tmp_path: Path) -> None:
    """The loop waits for no disk: thousands of sessions that log on would make it stand still."""
    threads: list[str] = []

    class Watched(ff.JournalStore):
        def lease(self, n: int) -> int:
            threads.append(threading.current_thread().name)
            return super().lease(n)

    async def main() -> None:
        mine = Watched(tmp_path / "mine", session_id=us().session_id, lease_size=16)
        stores: Callable[[ff.SessionConfig], ff.Store] = lambda config: Watched(  # noqa: E731
            tmp_path / "theirs", session_id=config.session_id, lease_size=16
        )
        async with (
            ff.serve(Notes(), [them()], stores=stores) as server,
            ff.connect(us(), to(server), store=mine) as session,
        ):
            assert len(threads) == 2
            for i in range(40):
                await session.send(*news(i))
                await until(lambda: mine.lease_due is None)
        assert all(name.startswith("fixfast-sync") for name in threads), threads

    run(main())


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_b3_interval_syncs_what_a_session_said_last(tmp_path: Path, kind: str) -> None:
    """Also when it says no more, and not on the loop."""

    async def main() -> None:
        options: Any = {"session_id": us().session_id, "sync": "interval", "interval_ns": 40_000_000}
        store: Any = (
            ff.JournalStore(tmp_path, **options) if kind == "journal" else ff.SqliteStore(tmp_path / "x", **options)
        )
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), store=store) as session:
            session.send_nowait(*news(1))
            await until(lambda: not store.dirty)

    run(main())


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_b1_many_sessions_under_group_stay_live(tmp_path: Path, kind: str) -> None:
    """A smaller `python -m benchmarks.many_sessions`: heartbeats of a second go on, nobody is taken for dead."""
    count = 40

    async def main() -> None:
        notes = Notes()
        database = ff.SqliteDatabase(tmp_path / "x.db", sync="group") if kind == "sqlite" else None

        def stores(config: ff.SessionConfig) -> ff.Store:
            if database is not None:
                return ff.SqliteStore(database, session_id=config.session_id)
            return ff.JournalStore(tmp_path, session_id=config.session_id, sync="group")

        sessions = []
        configs = [them(target=f"BOT{i}", heart_bt_int=1) for i in range(count)]
        async with ff.serve(notes, configs, stores=stores) as server, AsyncExitStack() as stack:
            for i in range(count):
                client = ff.connect(us(sender=f"BOT{i}", heart_bt_int=1), to(server))
                sessions.append(await stack.enter_async_context(client))
            for session in sessions:
                session.send_nowait(*news("hello"))
            await until(lambda: len(notes.messages) == count)
            # Logon, the message, and two heartbeats each way
            await until(lambda: all(session.next_in >= 4 and session.next_out >= 4 for session in sessions))
            assert [session.connections for session in sessions] == [1] * count
            assert not notes.logouts
        if database is not None:
            database.close()

    run(main(), limit=60)
