"""Sessions on journals: numbers continue in the next process, syncs stay off the loop, a store that fails ends it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.engine.settings.run import opened
from fixfast.engine.settings.session import SessionSettings
from fixfast.types import Role
from tests.engine.harness import Notes, news, run, them, to, until, us


@pytest.mark.parametrize("sync", ["lease", "group", "every", "none"])
def test_numbers_continue_after_a_restart_of_both_sides(tmp_path: Path, sync: str) -> None:
    def journal(side: str, config: ff.SessionConfig) -> ff.JournalStore:
        return ff.JournalStore(tmp_path / side, session_id=config.session_id, sync=sync)  # type: ignore[arg-type]

    async def one_life(life: int) -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], stores=lambda config: journal("server", config)) as server:
            store = journal("client", us())
            async with ff.connect(us(), to(server), store=store) as session:
                logon = 6 * life + 1
                assert (session.next_out, session.next_in) == (logon + 1, 6 * life + 2)
                (other,) = server.sessions.values()
                for i in range(4):
                    session.send_nowait(*news(i))
                    other.send_nowait(*news(-i))
                back = []
                async for message in session:
                    back.append(message[148])
                    if len(back) == 4:
                        break
                assert back == ["0", "-1", "-2", "-3"]
                await until(lambda: len(notes.messages) == 4)
            assert not session.stats().gaps

    for life in range(3):
        run(one_life(life))


def test_a_store_of_a_dynamic_session_is_opened_off_the_loop_and_closed(tmp_path: Path) -> None:
    threads = []

    def stores(config: ff.SessionConfig) -> ff.Store:
        threads.append(threading.current_thread())
        return ff.JournalStore(tmp_path, session_id=config.session_id)

    class Open(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            return them()

    async def main() -> None:
        async with ff.serve(Open(), stores=stores) as server:
            async with ff.connect(us(), to(server)):
                with pytest.raises(ff.StoreLocked):
                    ff.JournalStore(tmp_path, session_id=them().session_id)
            await server.remove(them().session_id)
            ff.JournalStore(tmp_path, session_id=them().session_id).close()

    run(main())
    assert threads
    assert threads[0] is not threading.main_thread()


class Failing(ff.MemoryStore):
    """Fails when told to: appending, or syncing (and then wants a sync for ever)."""

    def __init__(self) -> None:
        super().__init__()
        self.fail_append = self.fail_sync = self.fail_done = self.fail_close = False
        self.syncs = 0
        self.closed = 0

    def append_out(self, n: int, buf: ff.Buffer, wall_ns: int) -> int:
        if self.fail_append:
            raise ff.StoreError("disk full")
        return super().append_out(n, buf, wall_ns)

    @property
    def synced(self) -> int:
        return 0 if self.fail_sync else super().synced

    def sync(self) -> None:
        self.syncs += 1
        if self.fail_sync:
            raise ff.StoreError("disk gone")

    def done(self, n: int) -> int:
        if self.fail_done:
            raise ff.StoreError("disk full")
        return super().done(n)

    def close(self) -> None:
        self.closed += 1
        if self.fail_close:
            raise ff.StoreError("disk gone")


def test_o10_a_store_that_fails_to_acknowledge_ends_the_session() -> None:
    async def main() -> None:
        store = Failing()
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ff.GaveUp, match="store"):
                async with ff.connect(us(), to(server), store=store) as session:
                    (other,) = server.sessions.values()
                    other.send_nowait(*news(1))
                    store.fail_done = True
                    async for _ in session:
                        pass
            assert session.connections == 1

    run(main(), limit=5)


def test_a_store_that_fails_to_close_says_so_and_keeps_no_other_open() -> None:
    async def main() -> None:
        stores = {name: Failing() for name in ("A", "B", "C")}
        stores["A"].fail_close = True
        server = await ff.serve(
            Notes(), [them(target=name) for name in stores], stores=lambda config: stores[config.target_comp_id]
        )
        mine = Failing()
        mine.fail_close = True
        with pytest.raises(ff.StoreError, match="gone"):
            async with ff.connect(us(sender="B"), to(server), store=mine):
                pass
        with pytest.raises(ff.StoreError, match="gone"):
            await server.close()
        assert [store.closed for store in stores.values()] == [1, 1, 1]
        assert not server.sessions

    run(main(), limit=5)


def test_a_journal_renews_its_lease_while_messages_flow(tmp_path: Path) -> None:
    async def main() -> None:
        notes = Notes()
        store = ff.JournalStore(tmp_path, session_id=us().session_id, lease_size=16)
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server), store=store) as session:
            for i in range(200):
                await session.send(*news(i))
                if i % 10 == 0:
                    await until(lambda i=i: len(notes.messages) > i)  # type: ignore[misc]
            await until(lambda: len(notes.messages) == 200)
        assert notes.headlines == [str(i) for i in range(200)]

    run(main())


def test_o10_a_store_that_fails_to_append_ends_the_session() -> None:
    async def main() -> None:
        store = Failing()
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ff.GaveUp, match="store"):
                async with ff.connect(us(), to(server), store=store) as session:
                    store.fail_append = True
                    with pytest.raises(ff.StoreError):
                        session.send_nowait(*news(1))
                    async for _ in session:
                        pass
            assert session.connections == 1
            assert isinstance(session.store_error, ff.StoreError)
        assert store.closed == 1

    run(main(), limit=5)


def test_o10_a_store_that_fails_to_sync_ends_the_session_and_is_not_asked_again() -> None:
    async def main() -> None:
        store, notes = Failing(), Notes()
        async with ff.serve(notes, [them()]) as server:
            with pytest.raises(ff.GaveUp, match="store") as caught:
                async with ff.connect(us(), to(server), store=store) as session:
                    store.fail_sync = True
                    session.send_nowait(*news(1))
                    async for _ in session:
                        pass
            assert store.syncs == 1
            assert isinstance(caught.value.__cause__, ff.StoreError)
            assert not notes.messages, "what is not safe is not sent"

    run(main(), limit=5)


def test_a_store_that_fails_before_the_first_logon() -> None:
    async def main() -> None:
        store = Failing()
        store.fail_append = True
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(), to(server), store=store):
                    pass
        assert caught.value.reason == "store"
        assert store.closed == 1

    run(main(), limit=5)


def test_b1_a_slow_sync_does_not_stop_the_loop() -> None:
    class Slow(ff.MemoryStore):
        """Every message waits for a sync, and a sync for the test."""

        def __init__(self) -> None:
            super().__init__()
            self.go = threading.Event()
            self.begun = threading.Event()
            self._safe = 0

        @property
        def synced(self) -> int:
            return self._safe

        def sync(self) -> None:
            position = super().synced
            self.begun.set()
            assert self.go.wait(30)
            self._safe = position

    async def main() -> None:
        store, notes = Slow(), Notes()
        store.go.set()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server), store=store) as session:
            store.go.clear()
            store.begun.clear()
            session.send_nowait(*news("waits"))
            await until(store.begun.is_set)
            passes = 0
            while passes < 50:
                await asyncio.sleep(0)
                passes += 1
            assert not notes.messages
            store.go.set()
            await until(lambda: notes.headlines == ["waits"])

    run(main(), limit=8)


def test_a_store_that_is_not_wanted_any_more_while_it_is_opened_can_be_opened_at_once(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class SlowDisk:
        def open(self, session_id: ff.SessionID) -> ff.JournalStore:
            store = ff.JournalStore(tmp_path, session_id=session_id)
            begun.set()
            assert go_on.wait(30)
            return store

    async def main() -> None:
        chosen = SessionSettings(
            name="slow", role=Role.INITIATOR, config=us(), connection=ff.ConnectionConfig("127.0.0.1", 1),
            stored=SlowDisk(),  # type: ignore[arg-type]
        )  # fmt: skip
        opening = asyncio.ensure_future(opened(chosen))
        await asyncio.to_thread(begun.wait, 30)
        opening.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await opening
        (await opened(chosen)).close()  # StoreLocked, were the first one still open

    run(main())
