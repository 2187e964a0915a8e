"""Accounts in SQLite: one file, private to its user, or memory."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fixfast.errors import StoreError
from fixfast.exchange.accounts.account import Account
from fixfast.exchange.accounts.rules import username_key
from fixfast.store.files import open_private

__all__ = ["SqliteAccounts"]

_APPLICATION_ID = 0x46464143  # "FFAC"
_VERSION = 1
#: seconds to wait for another process's transaction
_BUSY = 5.0

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE account(
    client_id TEXT PRIMARY KEY, username TEXT NOT NULL, username_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL, created_ns INTEGER NOT NULL,
    failures INTEGER NOT NULL, locked_until_ns INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id={_APPLICATION_ID};
PRAGMA user_version={_VERSION};
COMMIT;
"""
_COLUMNS = "client_id, username, password_hash, created_ns, failures, locked_until_ns"


class SqliteAccounts:
    """An AccountStore. One connection, one thread at a time: SQLite has one writer anyway.

    Args: path: of the file, which is made where there is none; ":memory:" for none.

    Raises: StoreError: it cannot be opened, or is a database of something else.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._closed = False
        try:
            if path != ":memory:":
                folder = os.path.dirname(os.path.abspath(path))
                os.makedirs(folder, mode=0o700, exist_ok=True)
                os.close(open_private(path, os.O_RDWR | os.O_CREAT))  # 0600, which SQLite gives its other files too
            self._connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._errors():
            execute = self._connection.execute
            (application,) = execute("PRAGMA application_id").fetchone()
            (version,) = execute("PRAGMA user_version").fetchone()
            (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application != _APPLICATION_ID and (application or version or tables):
                raise StoreError(f"{self.path} is a database of something else")
            if version > _VERSION:
                raise StoreError(f"{self.path} was made by a newer fixfast (its version is {version}, ours {_VERSION})")
            execute("PRAGMA journal_mode=WAL")
            execute("PRAGMA synchronous=FULL")  # who was told its client_id keeps it, through a power loss, too
            execute("PRAGMA secure_delete=ON")  # nothing is left of a hash that was replaced
            if not version:
                try:
                    self._connection.executescript(_SCHEMA)
                except sqlite3.OperationalError:
                    self._connection.execute("ROLLBACK")
                    execute("SELECT count(*) FROM account")  # another process was quicker

    # --- the Protocol --------------------------------------------------------------------------------------

    def add(self, account: Account) -> str:
        """Keep a new account. Returns: "" or what of it is taken."""
        with self._errors():
            try:
                self._connection.execute(
                    f"INSERT INTO account({_COLUMNS}, username_key) VALUES(?, ?, ?, ?, ?, ?, ?)",
                    (*_row(account), username_key(account.username)),
                )
            except sqlite3.IntegrityError:
                taken = self._connection.execute("SELECT 1 FROM account WHERE client_id=?", (account.client_id,))
                return "username" if taken.fetchone() is None else "client_id"
            return ""

    def find(self, client_id: str) -> Account | None:
        """Return the account with a client_id."""
        return self._found("client_id", client_id)

    def find_username(self, username: str) -> Account | None:
        """Return the account with a username, in upper or lower case."""
        return self._found("username_key", username_key(username))

    def change(self, client_id: str, decide: Callable[[Account], Account]) -> Account | None:
        """Change an account, with nobody else changing it meanwhile."""
        with self._errors():
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                row = execute(f"SELECT {_COLUMNS} FROM account WHERE client_id=?", (client_id,)).fetchone()
                before = None if row is None else Account(*row)
                after = None if before is None else decide(before)
                if after is not None and after != before:
                    execute(
                        "UPDATE account SET password_hash=?, failures=?, locked_until_ns=? WHERE client_id=?",
                        (after.password_hash, after.failures, after.locked_until_ns, client_id),
                    )
                execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
            return after

    def count(self) -> int:
        """Return how many there are."""
        with self._errors():
            (number,) = self._connection.execute("SELECT count(*) FROM account").fetchone()
            return int(number)

    def close(self) -> None:
        """Let go of the database. Twice is once."""
        with self._mutex:
            self._closed = True
            self._connection.close()

    # --- inside --------------------------------------------------------------------------------------------

    def _found(self, column: str, value: str) -> Account | None:
        with self._errors():
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM account WHERE {column}=?", (value,)).fetchone()
            return None if row is None else Account(*row)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Be alone, and have SQLite's errors as StoreErrors. They name no values."""
        with self._mutex:
            if self._closed:
                raise StoreError(f"{self.path} is closed")
            try:
                yield
            except (sqlite3.Error, UnicodeError) as error:
                raise StoreError(f"{self.path}: {error}") from error


def _row(account: Account) -> tuple[str, str, str, int, int, int]:
    return (
        account.client_id, account.username, account.password_hash, account.created_ns, account.failures,
        account.locked_until_ns,
    )  # fmt: skip
