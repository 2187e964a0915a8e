"""Accounts in PostgreSQL, for several exchanges and the tools beside them. Needs psycopg: the extra `[postgres]`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from fixfast.errors import StoreError
from fixfast.exchange.accounts.account import Account
from fixfast.exchange.accounts.rules import username_key
from fixfast.store.postgres_time import InTime
from fixfast.store.postgres_url import said_of

__all__ = ["PostgresAccounts"]

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fixfast_account(
    client_id TEXT PRIMARY KEY, username TEXT NOT NULL, username_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL, created_ns BIGINT NOT NULL,
    failures INTEGER NOT NULL, locked_until_ns BIGINT NOT NULL)
"""
#: two processes that make the table at one time would fail otherwise: any number that nobody else takes
_MAKING = 0x46464143
#: seconds until a connection is there, and ms that a statement may take
_PATIENCE, _STATEMENT_MS = 5, 5000
#: seconds for a whole transaction, after which the connection is cut: the server hangs, or is out of reach
_ANSWER = 6.0
_COLUMNS = "client_id, username, password_hash, created_ns, failures, locked_until_ns"


class PostgresAccounts:
    """An AccountStore. Each thread has its own connection; one that was lost is made again, once for each call.

    Args: url: as libpq takes it: "postgresql://user@host/name?sslmode=verify-full".

    Raises: StoreError: there is no such database, or it cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._mine = threading.local()
        self._all: list[psycopg.Connection[Any]] = []
        self._mutex = threading.Lock()
        self._closed = False

        def make(connection: psycopg.Connection[Any]) -> None:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
            connection.execute(_SCHEMA)

        try:
            self._do(make)
        except BaseException:
            self.close()
            raise

    # --- the Protocol --------------------------------------------------------------------------------------

    def add(self, account: Account) -> str:
        """Keep a new account. Returns: "" or what of it is taken."""

        def put(connection: psycopg.Connection[Any]) -> bool:
            row = (
                account.client_id, account.username, account.password_hash, account.created_ns, account.failures,
                account.locked_until_ns, username_key(account.username),
            )  # fmt: skip
            done = connection.execute(
                f"INSERT INTO fixfast_account({_COLUMNS}, username_key) VALUES(%s, %s, %s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                row,
            )
            return done.rowcount == 1

        if self._do(put):
            return ""
        there = self.find(account.client_id)
        if there is None:
            return "username"
        # The connection may have been lost between the commit and its answer: then it is this one.
        return "" if there.password_hash == account.password_hash else "client_id"

    def find(self, client_id: str) -> Account | None:
        """Return the account with a client_id."""
        return self._found("client_id", client_id)

    def find_username(self, username: str) -> Account | None:
        """Return the account with a username, in upper or lower case."""
        return self._found("username_key", username_key(username))

    def change(self, client_id: str, decide: Callable[[Account], Account]) -> Account | None:
        """Change an account, with nobody else changing it meanwhile."""

        def do(connection: psycopg.Connection[Any]) -> Account | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM fixfast_account WHERE client_id=%s FOR UPDATE", (client_id,)
            ).fetchone()
            if row is None:
                return None
            before = Account(*row)
            after = decide(before)
            if after != before:
                connection.execute(
                    "UPDATE fixfast_account SET password_hash=%s, failures=%s, locked_until_ns=%s WHERE client_id=%s",
                    (after.password_hash, after.failures, after.locked_until_ns, client_id),
                )
            return after

        return self._do(do)

    def count(self) -> int:
        """Return how many there are."""

        def ask(connection: psycopg.Connection[Any]) -> int:
            (number,) = connection.execute("SELECT count(*) FROM fixfast_account").fetchone() or (0,)
            return int(number)

        return self._do(ask)

    def close(self) -> None:
        """Let go of the database. Twice is once."""
        with self._mutex:
            self._closed = True
            connections, self._all = self._all, []
        for connection in connections:
            connection.close()

    # --- inside --------------------------------------------------------------------------------------------

    def _found(self, column: str, value: str) -> Account | None:
        def ask(connection: psycopg.Connection[Any]) -> Account | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM fixfast_account WHERE {column}=%s", (value,)
            ).fetchone()  # fmt: skip
            return None if row is None else Account(*row)

        return self._do(ask)

    def _do(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Do something in a transaction, a second time where the connection turns out to be lost."""
        for again in (True, False):
            connection = self._connection()
            try:
                with InTime(connection, _ANSWER, "the accounts in PostgreSQL"), connection.transaction():
                    return work(connection)
            except psycopg.Error as error:
                if again and connection.closed:
                    continue
                raise StoreError(f"the accounts in PostgreSQL: {said_of(error, self._url)}") from None
            except UnicodeError:
                raise StoreError("the accounts in PostgreSQL: no text of Unicode") from None
        raise AssertionError("the second try returns or raises")

    def _connection(self) -> psycopg.Connection[Any]:
        found: psycopg.Connection[Any] | None = getattr(self._mine, "connection", None)
        if found is not None and not found.closed:
            return found
        if self._closed:
            raise StoreError("the accounts in PostgreSQL are closed")
        try:
            # Transactions are begun by name. The URL may have `options` of its own: the time is set behind them.
            made = psycopg.connect(self._url, autocommit=True, connect_timeout=_PATIENCE)
            try:
                with InTime(made, _PATIENCE, "the accounts in PostgreSQL"):
                    made.execute(f"SET statement_timeout = {_STATEMENT_MS}".encode())
            except BaseException:
                made.close()
                raise
        except psycopg.Error as error:
            raise StoreError(f"the accounts in PostgreSQL: {said_of(error, self._url)}") from None
        with self._mutex:
            self._all = [one for one in self._all if not one.closed] + [made]
        self._mine.connection = made
        return made
