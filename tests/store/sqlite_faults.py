"""SQLite stores in trouble: statements that fail, a machine that restarts, what a power loss leaves on the disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from fixfast import SessionID
from fixfast.store.files import OsFiles

__all__ = ["ID", "OTHER", "Counting", "Failing", "OtherBoot", "PowerLoss"]

ID = SessionID("FIX.4.4", "A", "B")
OTHER = SessionID("FIX.4.4", "A", "C")


class OtherBoot(OsFiles):
    """As after a restart of the machine."""

    def boot_id(self) -> bytes:
        return b"another"


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


class Counting(sqlite3.Connection):
    """Counts commits: transactions and statements of their own that write."""

    commits = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" or (not self.in_transaction and sql.split()[0] in ("INSERT", "UPDATE", "DELETE")):
            type(self).commits += 1
        return super().execute(sql, *parameters)


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
