"""One SQLite database, opened: transactions, disk syncs, checkpoints. Knows nothing of what the rows mean.

Writes are collected and committed together: at once where no event loop runs, otherwise at the end of the loop's pass
or when `committed` matters, whichever comes first. A commit goes to the write-ahead log (WAL) in the page cache, so a
killed process loses nothing that is committed. Durable against a power loss is what fdatasync() of the WAL covered;
that takes no lock of SQLite's, so another thread may do it while the owner of a session goes on committing.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock as Mutex
from typing import Any, Protocol

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.store.files import FileSystem, is_too_open, open_private, sync_fd

__all__ = ["Row", "SqliteFile"]

_APPLICATION_ID = 0x46465354  # "FFST"
_VERSION = 1
#: pages of WAL (4 KiB) after which a checkpoint is due; after which the WAL is made to begin anew even if writers must
#: wait for that; after which, when nobody else did, a commit does it
_DUE, _PRESSING, _OVERDUE = 1000, 4000, 16000
#: how long a commit waits for another process's, ms
_BUSY = 5000

#: the last: what a damaged schema says may not even be text
_ERRORS = (sqlite3.Error, UnicodeDecodeError)

_SCHEMA = """
CREATE TABLE session(
    id INTEGER PRIMARY KEY, identity BLOB NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,
    next_in INTEGER NOT NULL, received INTEGER NOT NULL, fills TEXT NOT NULL, skip_first INTEGER NOT NULL,
    skip_last INTEGER NOT NULL, last INTEGER NOT NULL, lease_end INTEGER NOT NULL, clean INTEGER NOT NULL,
    in_use INTEGER NOT NULL, doubt_from INTEGER NOT NULL, boot_id BLOB NOT NULL,
    reason TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE outbound(
    session INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, previous INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL, blanked INTEGER NOT NULL, raw BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY(session, epoch, n)) WITHOUT ROWID;
CREATE TABLE inbound(
    session INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, blanked INTEGER NOT NULL,
    raw BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY(session, a)) WITHOUT ROWID;
"""


class Row(Protocol):
    """Something whose state is one row, written when it was touched."""

    def row_write(self) -> tuple[str, Sequence[Any]]:
        """Return the statement that brings the row up to date."""


class SqliteFile:
    """An open database. After a failed commit or sync everything raises StoreError for ever.

    Args:
        path: the database file; made where there is none.
        full: every commit is durable before it returns (synchronous=FULL).
        files: the file system (directory, boot id).
        connection: the class of connections; another one for fault injection.
        sync: makes an open file durable; another one for fault injection.

    Attributes:
        mutex: held for whatever must not come apart, and by put(), touch(), flush() and query().
        position: counts what was put; `committed`, `durable`: what of it is.
        failure: why the database is of no use any more, or None.
        space_low: the last checkpoint found no room on the disk.
    """

    def __init__(
        self,
        path: str,
        *,
        full: bool,
        files: FileSystem,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
        sync: Callable[[int], None] = sync_fd,
    ) -> None:
        self.path = path
        self.mutex = Mutex()
        self.position = self.committed = self.durable = 0
        self.failure: str | None = None
        self.space_low = False
        self._full = full
        self._class = connection
        self._sync_fd = sync
        self._syncing = Mutex()  # one disk sync at a time; taken before `mutex`
        self._checking = Mutex()  # one checkpoint at a time
        self._writes: list[tuple[str, Sequence[Any]]] = []
        self._touched: dict[Row, None] = {}
        self._pass_of: AbstractEventLoop | None = None  # the loop whose pass ends with a commit
        self._log_pages = 0  # since the last checkpoint; rather too many than too few
        self._wal = -1
        self._second: sqlite3.Connection | None = None
        for suffix in ("", "-wal", "-shm"):
            _check_private(path + suffix)
        if not files.exists(path):
            files.open(path, create=True).close()  # with mode 0600, which SQLite gives its other files as well
            files.sync_directory(os.path.dirname(path))
        self._first = self._open()
        try:
            self._set_up(self._first)
            self._prepare(files)
        except _ERRORS as exc:
            self._release()
            raise self.error(exc) from exc
        except BaseException:
            self._release()
            raise

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=_BUSY / 1000, isolation_level=None, check_same_thread=False, factory=self._class
        )

    def _set_up(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.execute(f"PRAGMA synchronous={'FULL' if self._full else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA secure_delete=OFF")  # secrets are never written
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync=ON")
            connection.execute("PRAGMA checkpoint_fullfsync=ON")
        return connection

    def _prepare(self, files: FileSystem) -> None:
        """Check or make the schema, and sync what an earlier process left in the page cache."""
        execute = self._first.execute
        (application,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        tables = execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION_ID and (application or version or tables):
            raise StoreError(f"{self.path} is a database of something else")
        if version > _VERSION:
            raise StoreError(f"{self.path} was made by a newer fixfast (its version is {version}, ours {_VERSION})")
        (mode,) = execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"{self.path}: no write-ahead log can be had there (journal_mode is {mode})")
        if not version:
            script = f"PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_VERSION};"
            self._first.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {script} COMMIT")
        execute("SELECT count(*) FROM session").fetchone()  # opens the WAL, and reads what is in it
        self._wal = open_private(self.path + "-wal", os.O_RDWR)
        self._fdatasync()
        files.sync_directory(os.path.dirname(self.path))

    # --- writing: the caller holds `mutex` ------------------------------------------------------------------------

    def put(self, sql: str, parameters: Sequence[Any], size: int = 0) -> int:
        """Add a statement to the next transaction; return its position. `size`: its bytes, roughly."""
        self._writes.append((sql, parameters))
        self._log_pages += 1 + (size >> 12)
        self.position = position = self.position + 1
        return position

    def touch(self, row: Row) -> int:
        """Have a row written with the next transaction; return the position of that."""
        self._touched[row] = None
        self.position = position = self.position + 1
        return position

    def settle(self) -> None:
        """Commit what was put: at the end of the event loop's pass; now, where no loop runs in this thread."""
        loop = None if self._full else _get_running_loop()
        if loop is None:
            self.flush()
        elif loop is not self._pass_of:
            self._pass_of = loop
            loop.call_soon(self._end_of_pass)

    def flush(self) -> None:
        """Commit what was put.

        Raises: StoreError: nothing of it is stored, and the database is of no use any more.
        """
        self.check()
        writes = self._writes
        if self._touched:
            writes += [row.row_write() for row in self._touched]
            self._log_pages += len(self._touched)
        if not writes:
            self.committed = self.position
            return
        self._log_pages += 1
        execute = self._first.execute
        try:
            if len(writes) == 1:
                execute(*writes[0])  # PERF: a transaction of its own, 8 us less than with BEGIN and COMMIT
            else:
                execute("BEGIN IMMEDIATE")
                for sql, parameters in writes:
                    execute(sql, parameters)
                execute("COMMIT")
        except sqlite3.Error as exc:
            raise self.poison("commit", exc) from exc
        except BaseException as exc:
            self.poison("commit", exc)
            raise
        self._writes = []
        self._touched.clear()
        self.committed = self.position
        if self._full:
            self.durable = self.committed
        if self._log_pages >= _OVERDUE:
            self._checkpoint(self._first, "PASSIVE")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a SELECT, what was put included.

        Raises: StoreError; StoreCorrupt: the database is damaged.
        """
        self.flush()
        try:
            return self._first.execute(sql, parameters).fetchall()
        except _ERRORS as exc:
            raise self.error(exc) from exc

    def _end_of_pass(self) -> None:
        with self.mutex:
            self._pass_of = None
            if self.failure is None:
                with suppress(StoreError):  # whoever uses the database next hears of it
                    self.flush()

    # --- disk: any thread -----------------------------------------------------------------------------------------

    def settled(self) -> int:
        """Commit what was put and return `committed`. After a failure that does not rise any more: sync() says why."""
        if self.committed != self.position and self.failure is None:
            with self.mutex, suppress(StoreError):
                self.flush()
        return self.committed

    def sync(self) -> None:
        """Make durable what was put so far, by one sync for all that wait for one."""
        with self.mutex:
            self.check()
            target = self.position
        with self._syncing:
            if self.durable >= target:
                self.check()
                return  # the sync we waited for took our part along
            with self.mutex:
                self.flush()
                target = self.committed
            self._fdatasync()
            self.durable = max(self.durable, target)

    @property
    def checkpoint_due(self) -> bool:
        """Whether the WAL has grown so much that checkpoint() should be called, in another thread."""
        return self._log_pages >= _DUE and not self._checking.locked()

    def checkpoint(self) -> None:
        """Move what is in the WAL to where it belongs, so that the WAL begins anew. Commits go on meanwhile.

        Only when the WAL has become long because there was never a moment without a commit, commits wait.
        """
        if not self._checking.acquire(blocking=False):
            return
        try:
            self.check()
            if self._second is None:
                self._second = self._set_up(self._open())
            length = 0
            for _ in range(3):
                length, rest = self._checkpoint(self._second, "PASSIVE")
                if rest == 0:
                    break  # the next commit begins the WAL anew, if there was none meanwhile
            if length > _PRESSING:
                with self.mutex:
                    self.check()
                    self._checkpoint(self._second, "RESTART")
        except sqlite3.Error as exc:
            raise self.poison("checkpoint", exc) from exc
        finally:
            self._checking.release()

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> tuple[int, int]:
        """Return how many pages the WAL has, and how many of them are still needed."""
        before = self._log_pages
        try:
            _, length, done = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as exc:
            # No room for the database, or busy: the WAL keeps everything. Any other failure may have been a sync, after
            # which what is on the disk is not known any more.
            if _code(exc) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise self.poison("checkpoint", exc) from exc
            self.space_low = _code(exc) == sqlite3.SQLITE_FULL
            self._log_pages = 0  # not again with the next commit
            return 0, 0
        self.space_low = False
        self._log_pages = max(self._log_pages - before, length - done)
        return length, length - done

    def _fdatasync(self) -> None:
        try:
            self._sync_fd(self._wal)
        except OSError as exc:
            # Never tried again: the kernel may have dropped the pages it could not write (requirement B3).
            raise self.poison("sync", exc) from exc

    # --- the end --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise StoreError if the database is of no use any more."""
        if self.failure is not None:
            raise StoreError(f"{self.path}: {self.failure}")

    def poison(self, doing: str, exc: BaseException) -> StoreError:
        """Refuse everything from now on: what the disk holds is no longer known. Return what to raise."""
        self.failure = f"unusable since a {doing} failed: {exc}"
        self._writes = []
        self._touched.clear()
        with suppress(sqlite3.Error):
            if self._first.in_transaction:
                self._first.execute("ROLLBACK")
        return self.error(exc, doing)

    def error(self, exc: BaseException, doing: str = "") -> StoreError:
        """Return what to raise for an error of SQLite or of the system."""
        if _code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(exc, UnicodeDecodeError):
            return StoreCorrupt(self.path, -1, str(exc))
        return StoreError(f"{self.path}: {doing} failed: {exc}" if doing else f"{self.path}: {exc}")

    def close(self) -> None:
        """Commit, make durable, close. Twice is once."""
        if self._wal < 0:
            return
        try:
            if self.failure is None:
                self.sync()
        finally:
            with self._checking, self.mutex:
                self.failure = self.failure or "closed"
                self._release()

    def _release(self) -> None:
        for connection in (self._second, self._first):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        wal, self._wal = self._wal, -1
        if wal >= 0:
            os.close(wal)

    def __del__(self) -> None:
        # A store that was dropped without close() ends like a killed process.
        if getattr(self, "_first", None) is not None:
            self._release()


def _check_private(path: str) -> None:
    """Refuse links, other users' files and whatever is not a plain file (C10). Nothing is opened.

    SQLite's locks of this process would end if a descriptor of the same file were closed.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        raise StoreError(f"{path} is a symbolic link: not followed")
    if is_too_open(path, status):
        os.chmod(path, 0o600)


def _code(exc: BaseException) -> int:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF
