"""The credential store: records of keys, and of what was done with them. The same in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fixfast.errors import StoreError
from fixfast.service.credentials.apikey import KeyRecord
from fixfast.service.credentials.database import Database, Statement, open_database

__all__ = ["AuditRecord", "CredentialStore", "open_store"]

_VERSION = 1
#: Anybody can have refusals written down: the oldest records go. And how often that is looked after.
_MAX_AUDIT, _TRIM_EVERY = 100_000, 500

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS fixfast_credentials (version INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS fixfast_api_key (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, roles TEXT NOT NULL, hash TEXT NOT NULL, created_ns BIGINT NOT NULL,
        label TEXT NOT NULL, expires_ns BIGINT, revoked_ns BIGINT, used_ns BIGINT)""",
    """CREATE TABLE IF NOT EXISTS fixfast_audit (
        n {serial}, at_ns BIGINT NOT NULL, what TEXT NOT NULL, key_id TEXT NOT NULL, account TEXT NOT NULL,
        who TEXT NOT NULL, detail TEXT NOT NULL)""",
)
_COLUMNS = "id, account, roles, hash, created_ns, label, expires_ns, revoked_ns, used_ns"
_AUDIT = "at_ns, what, key_id, account, who, detail"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Something that was done with keys.

    Attributes:
        at_ns: wall ns.
        what: "created", "revoked", "rehashed", "accepted", "refused".
        key_id, account: as given; "" where it is none.
        who: a user of this machine, or an address.
        detail: why.
    """

    at_ns: int
    what: str
    key_id: str
    account: str
    who: str
    detail: str


def open_store(url: str) -> CredentialStore:
    """Open a store: the path of a file of SQLite, which is made where there is none, or postgresql://...

    Raises: ConfigError: it is neither. StoreError: it cannot be opened. MissingExtra: psycopg is not installed.
    """
    return CredentialStore(open_database(url, _SCHEMA))


class CredentialStore:
    """Records of keys in a database. Any thread may call it; it blocks. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._audits = 0
        versions = database.read("SELECT version FROM fixfast_credentials")
        if not versions:
            database.write(("INSERT INTO fixfast_credentials VALUES (?)", (_VERSION,)))
        elif versions[0][0] != _VERSION:
            database.close()
            raise StoreError(f"{database.name}: written by another version of fixfast ({versions[0][0]})")

    @property
    def name(self) -> str:
        """Which store it is, for people."""
        return self._database.name

    def add(self, record: KeyRecord, audit: AuditRecord) -> None:
        """Add a key."""
        values = (
            *(record.id, record.account, ",".join(record.roles), record.hash, record.created_ns, record.label),
            *(record.expires_ns, record.revoked_ns, record.used_ns),
        )
        sql = f"INSERT INTO fixfast_api_key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        sql += "ON CONFLICT (id) DO NOTHING"  # a connection that was lost after the commit: then it is done twice
        self._database.write((sql, values), _audit(audit))

    def get(self, key_id: str) -> KeyRecord | None:
        """Return what is kept of a key; None: there is none."""
        rows = self._database.read(f"SELECT {_COLUMNS} FROM fixfast_api_key WHERE id = ?", (key_id,))
        return _record(rows[0]) if rows else None

    def records(self, account: str | None = None) -> list[KeyRecord]:
        """Return all keys, or those of an account, oldest first."""
        where, values = ("", ()) if account is None else (" WHERE account = ?", (account,))
        order = " ORDER BY created_ns, id"
        return [
            _record(row) for row in self._database.read(f"SELECT {_COLUMNS} FROM fixfast_api_key{where}{order}", values)
        ]

    def revoke(self, key_id: str, audit: AuditRecord) -> bool:
        """Let a key be worth nothing from now on; return whether it was worth something."""
        sql = "UPDATE fixfast_api_key SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL"
        if not self._database.write((sql, (audit.at_ns, key_id))):
            return False
        self.audit(audit)
        return True

    def used(self, key_id: str, audit: AuditRecord) -> None:
        """Write down that a key was accepted."""
        sql = "UPDATE fixfast_api_key SET used_ns = ? WHERE id = ?"
        self._database.write((sql, (audit.at_ns, key_id)), _audit(audit))

    def rehash(self, key_id: str, old: str, new: str, audit: AuditRecord) -> None:
        """Replace a hash, if it still is the old one."""
        sql = "UPDATE fixfast_api_key SET hash = ? WHERE id = ? AND hash = ?"
        self._database.write((sql, (new, key_id, old)), _audit(audit))

    def audit(self, record: AuditRecord) -> None:
        """Write something down."""
        statements = [_audit(record)]
        self._audits += 1
        if self._audits % _TRIM_EVERY == 0:
            oldest = "(SELECT max(n) FROM fixfast_audit) - ?"
            statements.append((f"DELETE FROM fixfast_audit WHERE n <= {oldest}", (_MAX_AUDIT,)))
        self._database.write(*statements)

    def audits(self, key_id: str | None = None, limit: int = 100) -> list[AuditRecord]:
        """Return what was done, or what was done with a key: the latest, oldest first."""
        where, values = ("", ()) if key_id is None else (" WHERE key_id = ?", (key_id,))
        sql = f"SELECT {_AUDIT} FROM fixfast_audit{where} ORDER BY n DESC LIMIT ?"
        return [AuditRecord(*row) for row in reversed(self._database.read(sql, (*values, limit)))]

    def close(self) -> None:
        """Close it. Twice is once."""
        self._database.close()

    def __enter__(self) -> CredentialStore:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _audit(record: AuditRecord) -> Statement:
    values = (record.at_ns, record.what, record.key_id, record.account, record.who, record.detail)
    return f"INSERT INTO fixfast_audit ({_AUDIT}) VALUES (?, ?, ?, ?, ?, ?)", values


def _record(row: Iterable[Any]) -> KeyRecord:
    key_id, account, roles, hashed, created, label, expires, revoked, used = row
    return KeyRecord(
        id=key_id,
        account=account,
        roles=tuple(roles.split(",")),
        hash=hashed,
        created_ns=created,
        label=label,
        expires_ns=expires,
        revoked_ns=revoked,
        used_ns=used,
    )
