"""The SQLite store on the real file system: processes, permissions, names, options, old epochs."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from fixfast import SessionID, SqliteDatabase, SqliteStore, StoreError, StoreLocked
from fixfast.store.sessionlock import SessionLocks
from tests.store.sqlite_faults import ID, OTHER

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


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
