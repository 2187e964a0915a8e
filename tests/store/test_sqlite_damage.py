"""What a SQLite store refuses: other databases, changed rows, flipped bytes, a lost file."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from fixfast import SqliteStore, StoreCorrupt, StoreError
from tests.store.sqlite_faults import ID


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
    ("DELETE FROM session", "the row of a session is gone"),
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
