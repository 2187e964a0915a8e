"""The SQLite store on the real file system, in real processes: killed, locked out, out of space, damaged, looked at."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixfast import ConfigError, SessionID, SqliteDatabase, SqliteStore, StoreCorrupt, StoreError, StoreLocked
from fixfast.store.files import OsFiles
from fixfast.store.sessionlock import SessionLocks

ID = SessionID("FIX.4.4", "A", "B")
OTHER = SessionID("FIX.4.4", "A", "C")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


class OtherBoot(OsFiles):
    """As after a restart of the machine."""

    def boot_id(self) -> bytes:
        return b"another"


# --- processes --------------------------------------------------------------------------------------------------

_WRITER = """
    import os, sys
    import fixfast as ff
    database = ff.SqliteDatabase(sys.argv[1], sync=sys.argv[2], lease_size=50)
    store = ff.SqliteStore(database, session_id=sys.argv[3])
    n, received = store.load().next_out, store.load().received
    while True:
        position = store.append_out(n, b"message %d " % n * 10, n)
        if n % 3 == 0:
            store.append_in(received, received, b"in %d" % received)
            store.done(received)
            received += 1
        if store.synced < position or n % 400 == 0:
            store.sync()
        if store.upkeep_due:
            store.upkeep()
        os.write(1, b"%d\\n" % n)  # what the peer has seen
        n += 1
"""


def _spawn(path: Path, policy: str, name: str = "x") -> subprocess.Popen[bytes]:
    code = textwrap.dedent(_WRITER)
    return subprocess.Popen([sys.executable, "-c", code, str(path), policy, name], stdout=subprocess.PIPE, bufsize=0)


def _read_some(process: subprocess.Popen[bytes], lines: int) -> int:
    """Read what the process says it has sent, kill it, and return the last number."""
    assert process.stdout is not None
    seen = b""
    while seen.count(b"\n") < lines:
        chunk = process.stdout.read(4096)
        assert chunk, "the writer died"
        seen += chunk
    process.send_signal(signal.SIGKILL)
    seen += process.stdout.read()
    process.wait()
    process.stdout.close()
    return int(seen[: seen.rindex(b"\n")].rpartition(b"\n")[2])


@posix
@pytest.mark.parametrize("policy", ["none", "lease", "group"])
def test_kill_9_loses_nothing(tmp_path: Path, policy: Any) -> None:
    """B5.1 to B5.4: every number a killed process reported is there with its content, and none is skipped."""
    path = tmp_path / "x.db"
    chance = random.Random(policy)
    expected = 0
    for _ in range(4):
        last = _read_some(_spawn(path, policy), chance.randrange(1, 300))
        assert last > expected
        store = SqliteStore(path, session_id="x", sync=policy)
        state = store.load()
        assert state.lost_out is None
        assert state.next_out > last
        stored = list(store.read_out(1, last))
        assert [n for n, _, _ in stored] == list(range(1, last + 1))
        assert all(raw == b"message %d " % n * 10 and wall == n for n, wall, raw in stored)
        assert state.next_in >= last // 3
        expected = last
        store.close()


@posix
def test_t17_two_processes_own_different_sessions_of_one_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    processes = [_spawn(path, "lease", name) for name in ("x", "y")]
    for name, process in zip(("x", "y"), processes, strict=True):
        assert process.stdout is not None
        process.stdout.read(1)
        with pytest.raises(StoreLocked, match="in use by another process"):
            SqliteStore(path, session_id=name)
    last = [_read_some(process, 100) for process in processes]
    with SqliteDatabase(path) as database:
        for name, n in zip(("x", "y"), last, strict=True):
            store = SqliteStore(database, session_id=name)
            assert [m for m, _, _ in store.read_out(1, n)] == list(range(1, n + 1))
            store.close()


def test_t17_one_session_has_one_owner_in_one_process_too(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with SqliteDatabase(path) as database, SqliteDatabase(path) as second:
        store = SqliteStore(database, session_id=ID)
        other = SqliteStore(second, session_id=OTHER)
        for again in (database, second):
            with pytest.raises(StoreLocked):
                SqliteStore(again, session_id=ID)
        with pytest.raises(StoreLocked):
            SqliteStore(path, session_id=ID)
        store.close()
        SqliteStore(second, session_id=ID).close()
        other.close()


@posix
def test_t17_locks_where_the_system_has_none_for_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.store.sessionlock._range", None)
    one, two = (SessionLocks(str(tmp_path / "x.lock")) for _ in range(2))
    one.take(1, "first")
    two.take(2, "second")
    with pytest.raises(StoreLocked, match="first"):
        two.take(1, "first")
    one.drop(1)
    two.take(1, "first")
    two.close()
    one.take(2, "second")
    one.close()


def test_a_dropped_store_ends_like_a_killed_process(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "x.db", session_id=ID).append_out(1, b"x", 1)
    store = SqliteStore(tmp_path / "x.db", session_id=ID)
    assert (store.load().next_out, store.load().clean) == (2, False)
    store.close()


# --- files ------------------------------------------------------------------------------------------------------


@posix
def test_c10_files_are_private(tmp_path: Path) -> None:
    """The directory is 0700, the files are 0600 whatever the umask; loose ones are tightened."""
    path = tmp_path / "a" / "b" / "x.db"
    old = os.umask(0)
    try:
        store = SqliteStore(path, session_id=ID)
        store.append_out(1, b"x", 1)
        files = list(path.parent.iterdir())
        assert {file.name for file in files} == {"x.db", "x.db-wal", "x.db-shm", "x.db.lock"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        store.close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    store = SqliteStore(path, session_id=ID)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.close()


@posix
@pytest.mark.parametrize("suffix", ["", ".lock", "-wal", "-shm"])
def test_c10_symbolic_links_and_pipes_are_refused(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    path = tmp_path / f"x.db{suffix}"
    path.symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"):
        SqliteStore(tmp_path / "x.db", session_id=ID)
    assert target.read_bytes() == b"precious"
    path.unlink()
    if suffix != ".lock":
        os.mkfifo(path)
        with pytest.raises(StoreError, match="plain file"):
            SqliteStore(tmp_path / "x.db", session_id=ID)


@posix
def test_c10_another_users_database_and_open_directories_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore(tmp_path / "x.db", session_id=ID).close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4_000_000)
        with pytest.raises(StoreError, match="another user"):
            SqliteStore(tmp_path / "x.db", session_id=ID)
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="private"):
        SqliteStore(tmp_path / "x.db", session_id=ID)


@pytest.mark.parametrize(
    "hostile", ["../../x", "", "a\0b", "'; DROP TABLE session; --", "\ud800", "é中", "x" * 100_000]
)
def test_c10_any_comp_id_is_a_name_like_any_other(tmp_path: Path, hostile: str) -> None:
    for session_id in (SessionID("FIX.4.4", hostile, "B"), SessionID("FIX.4.4", "A", "B", hostile), hostile):
        store = SqliteStore(tmp_path / "x.db", session_id=session_id)
        store.append_out(1, b"x", 1)
        store.close()
        again = SqliteStore(tmp_path / "x.db", session_id=session_id)
        assert again.load().next_out == 2
        again.close()


def test_c8_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    """grep of all artefacts for a canary, while the database is open and after."""
    path = tmp_path / "x.db"
    store = SqliteStore(path, session_id=SessionID("FIX.4.4", "APIKEY123", "SPOT"), secret_comp_ids=True)
    for n, fields in enumerate(
        (b"35=A\x01553=u\x01554=CANARY\x01", b"35=BE\x01925=CANARY\x01", b"35=A\x0195=6\x0196=CANARY\x01"), start=1
    ):
        store.append_out(n, b"8=FIX.4.4\x019=1\x01" + fields + b"10=000\x01", n)
        store.append_in(n, n, b"8=FIX.4.4\x019=1\x01" + fields + b"10=000\x01")
    for _ in range(2):
        for file in tmp_path.iterdir():
            assert b"CANARY" not in file.read_bytes(), file
            assert b"APIKEY123" not in file.read_bytes(), file
        store.close()


def test_c8_a_receipt_whose_secrets_were_not_kept_is_asked_for_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db", session_id=ID)
    store.append_in(1, 1, b"8=FIX.4.4\x019=5\x0135=D\x0110=000\x01")
    store.append_in(2, 2, b"8=FIX.4.4\x019=5\x0135=BE\x01554=x\x0110=000\x01")
    store.append_in(3, 3, b"8=FIX.4.4\x019=5\x0135=D\x0110=000\x01")
    for _ in range(2):
        state = store.load()
        assert (state.next_in, state.received, [a for a, _, _ in state.pending_in]) == (1, 2, [1])
        store.close()
        store = SqliteStore(tmp_path / "x.db", session_id=ID)
    store.append_in(2, 2, b"8=FIX.4.4\x019=5\x0135=4\x0110=000\x01")
    store.done(2)
    assert store.load().next_in == 3
    store.close()


# --- other databases, damage ------------------------------------------------------------------------------------


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE accounts(id)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="something else"):
        SqliteStore(path, session_id=ID)
    assert path.read_bytes() == before
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreCorrupt, match="not a database"):
        SqliteStore(path, session_id=ID)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    SqliteStore(path, session_id=ID).close()
    theirs = sqlite3.connect(path)
    theirs.execute("PRAGMA user_version=2")
    theirs.close()
    with pytest.raises(StoreError, match="newer fixfast"):
        SqliteStore(path, session_id=ID)


def test_a_lost_database_refuses_to_start(tmp_path: Path) -> None:
    """B3: never fall back to 1/1 silently."""
    path = tmp_path / "x.db"
    SqliteStore(path, session_id=ID).close()
    path.unlink()
    with pytest.raises(StoreCorrupt, match="gone") as caught:
        SqliteStore(path, session_id=ID)
    assert caught.value.offset == -1


def _filled(path: Path) -> None:
    store = SqliteStore(path, session_id=ID, sync="none")
    for n in range(1, 41):
        store.append_out(n, b"message %d|" % n * 12, n)
    store.append_in(1, 3, b"receipt of three|" * 8)
    store.done(1)
    store.close()


_DAMAGE = [
    (
        "UPDATE outbound SET raw=CAST(replace(CAST(raw AS TEXT), 'message', 'massage') AS BLOB) WHERE n=20",
        "20 is damaged",
    ),
    ("UPDATE outbound SET wall_ns=wall_ns+1 WHERE n=20", "20 is damaged"),
    ("UPDATE outbound SET blanked=1 WHERE n=20", "20 is damaged"),
    ("UPDATE outbound SET n=99 WHERE n=20", "is damaged"),
    ("UPDATE outbound SET raw=x'' WHERE n=40", "40 is damaged"),
    ("DELETE FROM outbound WHERE n=20", "20 is gone"),
    ("UPDATE inbound SET b=4", "receipt of 1..4 is damaged"),
    ("UPDATE inbound SET raw=x'00'", "receipt of 1..3 is damaged"),
    ("DELETE FROM inbound", "receipt of inbound message 2 is gone"),
    ("DELETE FROM outbound WHERE n>30", "outbound message 40 is gone"),
    ("UPDATE session SET next_in=4", "row of session 1 is damaged"),
    ("UPDATE session SET epoch=2", "row of session 1 is damaged"),
    ("UPDATE session SET lease_end=999", "row of session 1 is damaged"),
]


@pytest.mark.parametrize(("sql", "says"), _DAMAGE, ids=[sql for sql, _ in _DAMAGE])
def test_a_changed_row_is_reported_never_delivered(tmp_path: Path, sql: str, says: str) -> None:
    """B5.11, at the level of rows: SQLite itself has no checksums."""
    path = tmp_path / "x.db"
    _filled(path)
    theirs = sqlite3.connect(path)
    theirs.execute(sql)
    theirs.commit()
    theirs.close()

    def use(a: int, b: int) -> list[tuple[int, int, bytes]]:
        store = SqliteStore(path, session_id=ID)
        try:
            return list(store.read_out(a, b))
        finally:
            store.close()

    with pytest.raises(StoreCorrupt, match=says):
        use(1, 40)
    with pytest.raises(StoreCorrupt, match=says):
        use(20, 20)


def test_any_flipped_byte_is_reported_or_changes_nothing(tmp_path: Path) -> None:
    """B5.11, at the level of the file: what comes back is what was stored, or an error."""
    path = tmp_path / "x.db"
    _filled(path)
    whole = path.read_bytes()
    expected = [(n, n, b"message %d|" % n * 12) for n in range(1, 41)]
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    outcomes = {"reported": 0, "harmless": 0}
    for _ in range(300):  # (pytest shows the seed when this fails)
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        for file in tmp_path.iterdir():
            if file.name != "x.db.lock":
                file.unlink()
        path.write_bytes(damaged)
        path.chmod(0o600)
        try:
            store = SqliteStore(path, session_id=ID)
            try:
                state = store.load()
                got = list(store.read_out(1, 40))
            finally:
                store.close()
        except StoreError:
            outcomes["reported"] += 1
            continue
        assert got == expected
        assert (state.next_in, [p[:2] for p in state.pending_in]) == (2, [(1, 3)])
        outcomes["harmless"] += 1
    assert outcomes["reported"] > 50


# --- failures ---------------------------------------------------------------------------------------------------


class Failing(sqlite3.Connection):
    """Fails at the n-th statement, counted over all connections; `after` the statement was done, or before."""

    left = 1 << 60
    after = False

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        cls = type(self)
        if sql.startswith("PRAGMA") and "checkpoint" not in sql:
            return super().execute(sql, *parameters)
        cls.left -= 1
        if cls.left == 0:
            if cls.after:
                super().execute(sql, *parameters)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *parameters)


def _story(store: SqliteStore, told: Callable[[tuple[Any, ...]], None]) -> None:
    """A life of a store; `told` hears of every step that succeeded."""
    for epoch in (1, 2):
        for n in range(1, 8):
            position = store.append_out(n, b"%d.%d" % (epoch, n), n)
            told(("out", epoch, n))
            store.append_in(n, n, b"in %d" % n)
            told(("in", epoch, n))
            if n % 2:
                store.done(n)
                told(("done", epoch, n))
            if n == 4:
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
def test_the_nth_statement_fails(tmp_path: Path, policy: Any, after: bool) -> None:
    """As SQLite tests itself: fail at the n-th operation, for every n; nothing told is lost, nothing is used again."""
    n, finished = 0, False
    while not finished:
        n += 1
        path = tmp_path / str(n) / "x.db"
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
    assert n > 40


@pytest.mark.parametrize("policy", ["lease", "group", "every"])
def test_the_nth_disk_sync_fails(tmp_path: Path, policy: Any) -> None:
    """After a failed sync the store refuses everything, and never says again that something is durable (B3)."""
    n, finished = 0, False
    while not finished:
        n += 1
        path = tmp_path / str(n) / "x.db"
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


# --- power loss -------------------------------------------------------------------------------------------------


class PowerLoss:
    """Copies of a database as a power loss may leave it: what was synced, and any prefix of the rest of the WAL."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        self.home = home
        self.synced = 0
        self.count = 0

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)
        self.synced = os.fstat(fd).st_size

    def copy(self, size: int) -> Path:
        self.count += 1
        directory = self.home / str(self.count)
        directory.mkdir(mode=0o700)
        shutil.copy(self.path, directory / "x.db")
        shutil.copy(f"{self.path}.lock", directory / "x.db.lock")
        (directory / "x.db-wal").write_bytes(Path(f"{self.path}-wal").read_bytes()[:size])
        return directory / "x.db"


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


# --- transactions, syncs, checkpoints ---------------------------------------------------------------------------


class Counting(sqlite3.Connection):
    """Counts commits: transactions and statements of their own that write."""

    commits = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" or (not self.in_transaction and sql.split()[0] in ("INSERT", "UPDATE", "DELETE")):
            type(self).commits += 1
        return super().execute(sql, *parameters)


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
