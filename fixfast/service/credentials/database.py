"""The two databases that keys are kept in: SQLite, in a private file, and PostgreSQL, with the same statements.

They have `?` for values, which are never part of the text.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Protocol, TypeAlias

from fixfast.errors import ConfigError, MissingExtra, StoreError
from fixfast.store.files import OsFiles, open_private
from fixfast.store.postgres_time import InTime
from fixfast.store.postgres_url import is_postgres_url, said_of, shown_url

__all__ = ["Database", "Postgres", "Sqlite", "Statement", "open_database"]

Statement: TypeAlias = tuple[str, Sequence[Any]]

#: seconds that one process waits for another one's writing; that a server may take to answer
_BUSY, _PATIENCE = 10, 10
#: ... and for a whole transaction, after which the connection is cut: it hangs, or is out of reach
_ANSWER = 12


class Database(Protocol):
    """A database. Any thread may call it; it blocks.

    Attributes: name: for people, without a password.
    """

    name: str

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT. Raises: StoreError."""

    def write(self, *statements: Statement) -> int:
        """Do all of it, durably, or nothing; return how many rows the first one changed. Raises: StoreError."""

    def close(self) -> None:
        """Close it. Twice is once."""


def open_database(url: str, schema: Sequence[str]) -> Database:
    """Open a database: "postgresql://...", or the path of a file of SQLite, with or without "sqlite:" in front.

    Args: schema: statements that make the tables where there are none; `{serial}`: a number that counts by itself.

    Raises: ConfigError: it is neither. StoreError: it cannot be opened. MissingExtra: psycopg is not installed.
    """
    if is_postgres_url(url):
        return Postgres(url, schema)
    path = url.removeprefix("sqlite:")
    if not path or "\0" in path or re.match(r"[A-Za-z][A-Za-z0-9+]+:", path):
        kind, colon, _ = path.partition(":")
        shown = f"{kind}:***" if colon else path  # nobody knows which part is a password
        raise ConfigError("store", shown, "the path of a file, or postgresql://user@host/name; signs as %40 for @")
    return Sqlite(os.path.expanduser(path), schema)


class Sqlite:
    """A file of SQLite, which only its owner can read (C10); several processes may have it open.

    Raises: StoreError.
    """

    def __init__(self, path: str, schema: Sequence[str]) -> None:
        self.name = os.path.abspath(path)
        self._lock = Lock()
        try:
            OsFiles().make_directory(os.path.dirname(self.name))
            os.close(open_private(self.name, os.O_RDWR | os.O_CREAT))  # so SQLite makes its journal 0600, too
            self._connection: sqlite3.Connection | None = sqlite3.connect(
                self.name, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA synchronous=FULL")
            self.write(*((one.replace("{serial}", "INTEGER PRIMARY KEY"), ()) for one in schema))
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"{self.name}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with self._use() as connection:
            return connection.execute(sql, values).fetchall()

    def write(self, *statements: Statement) -> int:
        """Do all of it, or nothing."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                counts = [connection.execute(sql, values).rowcount for sql, values in statements]
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return counts[0] if counts else 0

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise StoreError(f"{self.name}: closed")
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreError(f"{self.name}: {error}") from error

    def close(self) -> None:
        """Close it."""
        connection, self._connection = getattr(self, "_connection", None), None
        if connection is not None:
            with self._lock:
                connection.close()


class Postgres:
    """A database of PostgreSQL. A connection that is lost is made again, once, by the call that finds out.

    Raises: StoreError. MissingExtra.
    """

    def __init__(self, url: str, schema: Sequence[str]) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtra("postgres", "a store in PostgreSQL") from None
        self.name = shown_url(url)
        self._psycopg = psycopg
        self._url = url
        self._changed = 0  # rows, by the first statement of the last transaction
        self._lock = Lock()
        self._closed = False
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        # Two processes that begin at once must not both make the tables.
        first: Statement = ("SELECT pg_advisory_xact_lock(?)", (0x6669786661737401,))
        self.write(first, *((one.replace("{serial}", "BIGSERIAL PRIMARY KEY"), ()) for one in schema))

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with self._lock:
            return self._do([(sql, values)])[0]

    def write(self, *statements: Statement) -> int:
        """Do all of it, or nothing."""
        with self._lock:
            self._do(statements)
            return self._changed

    def _do(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        for again in (True, False):
            was_there = self._connection is not None
            try:
                return self._transaction(statements)
            except self._psycopg.OperationalError as error:
                # The server went away since the last call: every statement of ours may be done twice.
                self._drop()
                if not (again and was_there):
                    raise StoreError(f"{self.name}: {said_of(error, self._url)}") from None
            except self._psycopg.Error as error:
                raise StoreError(f"{self.name}: {said_of(error, self._url)}") from None
            except StoreError:  # it took too long
                self._drop()
                raise
        raise AssertionError("the second try returns or raises")

    def _transaction(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        if self._closed:
            raise StoreError(f"{self.name}: closed")
        fresh = self._connection is None
        if self._connection is None:
            self._connection = self._psycopg.connect(self._url, connect_timeout=_PATIENCE, autocommit=True)
        found = []
        with InTime(self._connection, _ANSWER, self.name):
            if fresh:
                self._connection.execute(f"SET statement_timeout = '{_PATIENCE}s'")
            with self._connection.transaction():
                for n, (sql, values) in enumerate(statements):
                    done = self._connection.execute(sql.replace("?", "%s").encode(), values)
                    self._changed = done.rowcount if n == 0 else self._changed
                    found.append(done.fetchall() if done.description else [])
        return found

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._psycopg.Error):
                connection.close()

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._closed = True
            self._drop()
