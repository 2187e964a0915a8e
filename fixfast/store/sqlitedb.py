"""SqliteDatabase: one file that many sessions, and several processes, keep their histories in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import TypedDict, get_args

from fixfast.errors import ConfigError, StoreCorrupt, StoreError
from fixfast.store.files import FileSystem, OsFiles, identity_hash, sync_fd
from fixfast.store.journal import SyncPolicy
from fixfast.store.sessionlock import SessionLocks
from fixfast.store.sqlitefile import SqliteFile
from fixfast.store.sqliterows import ALL_ROWS, NEW_ROW, row_crc
from fixfast.types import SessionID

__all__ = ["SqliteDatabase", "SqliteOptions"]


class SqliteOptions(TypedDict, total=False):
    """The options of SqliteDatabase; see there."""

    sync: SyncPolicy
    lease_size: int
    interval_ns: int
    keep_epochs: int
    secret_comp_ids: bool
    files: FileSystem | None
    connection: type[sqlite3.Connection]
    sync_file: Callable[[int], None]


class SqliteDatabase:
    """One database file for the stores of many sessions, and of several processes if need be.

    Sessions of one process share transactions and disk syncs. A session has one owner (see StoreLocked); two processes
    may own different sessions of one database, but their commits wait for each other.

    Args:
        path: the database file; made where there is none, mode 0600.
        sync: what survives, as for JournalStore: "lease" (default), "interval", "group", "every" or "none". "every"
            runs SQLite with synchronous=FULL, the others with NORMAL.
        lease_size: numbers per lease.
        interval_ns: for "interval".
        keep_epochs: how many former epochs' messages to keep, for looking things up.
        secret_comp_ids: keep the CompIDs out of the database; a session is then known by a hash.
        files: the file system; connection, sync_file: how connections are made and files synced. For fault injection.

    Attributes: path: the database file.

    Raises: StoreCorrupt, StoreError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sync: SyncPolicy = "lease",
        lease_size: int = 1000,
        interval_ns: int = 1_000_000_000,
        keep_epochs: int = 1,
        secret_comp_ids: bool = False,
        files: FileSystem | None = None,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
        sync_file: Callable[[int], None] = sync_fd,
    ) -> None:
        if sync not in get_args(SyncPolicy):
            raise ConfigError("sync", sync, f"one of {', '.join(get_args(SyncPolicy))}")
        if lease_size < 1 or interval_ns < 0 or keep_epochs < 0:
            raise ConfigError(
                "lease_size, interval_ns, keep_epochs", (lease_size, interval_ns, keep_epochs), "positive"
            )
        self.path = os.path.abspath(os.fspath(path))
        self.policy: SyncPolicy = sync
        self.lease_size = lease_size
        self.interval_ns = interval_ns
        self.keep_epochs = keep_epochs
        self._secret = secret_comp_ids
        self._files: FileSystem = files if files is not None else OsFiles()
        self._locks: SessionLocks | None = None
        self._numbers: dict[bytes, int] = {}  # of the sessions there are, as far as they were looked at
        try:
            self._files.make_directory(os.path.dirname(self.path))
            self._locks = SessionLocks(self.path + ".lock")
            with self._locks.opening():
                self.file = self._open(self._locks, connection, sync_file)
        except (OSError, sqlite3.Error) as exc:
            self._unlock()
            raise StoreError(f"{self.path}: cannot be opened: {exc}") from exc
        except BaseException:
            self._unlock()
            raise
        self.boot_id = self._files.boot_id()

    def _open(
        self, locks: SessionLocks, connection: type[sqlite3.Connection], sync_file: Callable[[int], None]
    ) -> SqliteFile:
        if locks.note and not self._files.exists(self.path):
            raise StoreCorrupt(self.path, -1, "the database is gone, though there was one (see its .lock file)")
        full = self.policy == "every"
        file = SqliteFile(self.path, full=full, files=self._files, connection=connection, sync=sync_file)
        if not locks.note:
            locks.write_note(b"this database exists; the lock file must stay beside it\n")
        return file

    def take(self, session_id: SessionID | str) -> int:
        """Lock a session, made where there is none, and return its number. Called by its store.

        Raises: StoreLocked: it has an owner. StoreCorrupt, StoreError.
        """
        identity = identity_hash(session_id)
        name = identity.hex()[:16] if self._secret else str(session_id)
        if self._locks is None:
            raise StoreError(f"{self.path}: closed")
        with self._locks.opening(), self.file.mutex:
            if identity not in self._numbers:
                self._read_numbers()
            number = self._numbers.get(identity)
            if number is None:
                number = self._new_number()
                text = name.encode("utf-8", "backslashreplace").decode()
                row = (number, identity, text, 1, 1, 1, "", 0, 0, 0, 1, 1, 0, 0, b"", "")
                self.file.put(NEW_ROW, (*row, row_crc(row)))
                self.file.flush()
                self._numbers[identity] = number
        self._locks.take(number, f"session {name} of {self.path}")
        return number

    def _new_number(self) -> int:
        """Return the number of a session that is new, and not one whose row was lost: it must not begin at 1 anew."""
        number = len(self._numbers) + 1
        gone = max(self._numbers.values(), default=0) >= number
        for table in ("outbound", "inbound"):
            gone = gone or bool(self.file.query(f"SELECT 1 FROM {table} WHERE session>=? LIMIT 1", (number,)))
        if gone:
            raise StoreCorrupt(self.path, -1, "the row of a session is gone")
        return number

    def _read_numbers(self) -> None:
        """Take in the rows of sessions not known yet. Each is checked: a damaged one may be the one looked for."""
        known = max(self._numbers.values(), default=0)
        for *row, crc in self.file.query(f"{ALL_ROWS} WHERE id>?", (known,)):
            if crc != row_crc(tuple(row)):
                raise StoreCorrupt(self.path, -1, f"the row of session {row[0]} is damaged")
            self._numbers[row[1]] = row[0]

    def release(self, number: int) -> None:
        """Let go of a session: called by its store's close()."""
        if self._locks is not None:
            self._locks.drop(number)

    def close(self) -> None:
        """Make everything durable and close the database. Close its stores first: that marks a clean stop."""
        try:
            self.file.close()
        finally:
            self._unlock()

    def __enter__(self) -> SqliteDatabase:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _unlock(self) -> None:
        locks, self._locks = self._locks, None
        if locks is not None:
            locks.close()
