"""Disk syncs beside a thread that looks again soon anyway."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.engine.sync.beside import Beside
from tests.engine.harness import news, us


def session_on(store: ff.Store) -> ff.Session:
    """A session with a Logon queued."""
    session = ff.Session(us(), store)
    session.connected(clock.now())
    return session


def is_dirty(store: ff.JournalStore) -> bool:
    return store.dirty


def until(beside: Beside, session: ff.Session) -> None:
    limit = time.monotonic() + 10
    while not beside.check(session, clock.now().mono_ns):
        assert time.monotonic() < limit
        time.sleep(0.0005)


def test_bytes_are_free_to_go_after_a_sync(tmp_path: Path) -> None:
    store = ff.JournalStore(tmp_path, session_id=us().session_id, sync="group")
    session, beside = session_on(store), Beside(store)
    assert session.data_to_send() == []
    until(beside, session)
    assert beside.error is None
    assert b"35=A" in session.data_to_send()[0]
    beside.close()


def test_a_sync_that_lasts_keeps_nobody_waiting() -> None:
    free = threading.Event()

    class Slow(ff.MemoryStore):
        synced = 0
        lease_due = None

        def sync(self) -> None:
            free.wait(10)
            self.synced = 1 << 60

    store: Any = Slow()
    session, beside = session_on(store), Beside(store)
    for _ in range(100):
        assert not beside.check(session, 0)
        assert session.data_to_send() == []
    free.set()
    until(beside, session)
    assert len(session.data_to_send()) == 1
    beside.close()


def test_o10_a_failed_sync_is_kept_and_nothing_is_done_after_it() -> None:
    calls = []

    class Broken(ff.MemoryStore):
        synced = 0

        def sync(self) -> None:
            calls.append(1)
            raise ff.StoreError("no disk")

    store: Any = Broken()
    session, beside = session_on(store), Beside(store)
    until(beside, session)
    assert isinstance(beside.error, ff.StoreError)
    for _ in range(10):
        assert not beside.check(session, 0)
    assert calls == [1]
    beside.close()


def test_a_lease_is_there_before_the_first_message(tmp_path: Path) -> None:
    store = ff.JournalStore(tmp_path, session_id=us().session_id, lease_size=8)
    beside = Beside(store)
    beside.prepare()
    assert store.lease_due is None
    beside.close()


def test_b3_interval_syncs_what_is_old_enough(tmp_path: Path) -> None:
    store = ff.JournalStore(tmp_path, session_id=us().session_id, sync="interval", interval_ns=1_000_000_000)
    beside = Beside(store)
    beside.prepare()
    session = ff.Session(us(offline="store"), store)
    assert not beside.check(session, 0)
    for _ in range(2):  # the first append of all syncs by itself
        session.send(*news("x"), clock.now())
    assert is_dirty(store)
    assert not beside.check(session, 100_000_000)
    assert not beside.check(session, 700_000_000)  # starts it
    limit = time.monotonic() + 10
    while not beside.check(session, 700_000_000):
        assert time.monotonic() < limit
    assert not is_dirty(store)
    beside.close()


@pytest.mark.parametrize("twice", [False, True])
def test_closing_closes_the_store(tmp_path: Path, twice: bool) -> None:
    store = ff.JournalStore(tmp_path, session_id=us().session_id)
    beside = Beside(store)
    for _ in range(1 + twice):
        beside.close()
    with pytest.raises(ff.StoreError):
        store.sync()
