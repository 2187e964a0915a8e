"""Keys: made, listed, revoked, and shown by those who want in."""

from __future__ import annotations

from dataclasses import dataclass

from fixfast.errors import ConfigError
from fixfast.service.credentials.apikey import (
    ApiKey,
    KeyRecord,
    account_name,
    is_account_name,
    key_label,
    key_roles,
    new_key,
    parse_key,
)
from fixfast.service.credentials.store import AuditRecord, CredentialStore
from fixfast.store.hashing import Hasher

__all__ = ["Accepted", "Keys"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who showed the right key.

    Attributes: key_id, account: of the key. roles: what it is good for. expires_ns: until when; None: for ever.
    """

    key_id: str
    account: str
    roles: tuple[str, ...]
    expires_ns: int | None = None


class Keys:
    """Keys in a store. Any thread may call it; it blocks for as long as a hash takes. Methods may raise StoreError.

    Args: hasher: its cost is that of every question, whoever asks.
    """

    def __init__(self, store: CredentialStore, hasher: Hasher) -> None:
        self._store = store
        self._hasher = hasher

    def create(
        self,
        account: str,
        now_ns: int,
        *,
        roles: tuple[str, ...] = ("trade",),
        label: str = "",
        expires_ns: int | None = None,
        who: str = "",
    ) -> tuple[ApiKey, KeyRecord]:
        """Make a key. It is nowhere but in what is returned: the store has its hash.

        Raises: ConfigError: the account, a role, the label, or a time that is over.
        """
        if expires_ns is not None and expires_ns <= now_ns:
            raise ConfigError("expires", expires_ns, "a time to come")
        key = new_key()
        record = KeyRecord(
            id=key.id,
            account=account_name(account),
            roles=key_roles(roles),
            hash=self._hasher.hash(key.secret),
            created_ns=now_ns,
            label=key_label(label),
            expires_ns=expires_ns,
        )
        self._store.add(record, AuditRecord(now_ns, "created", key.id, account, who, ",".join(record.roles)))
        return key, record

    def authenticate(self, account: str, text: str, now_ns: int, *, who: str = "") -> Accepted | None:
        """Return whose key a text is; None: it is not one that is good for this account.

        Why not is written down, and told to nobody: name, key, age and state take the same work, and give the same.
        """
        key = parse_key(text)
        found = self._store.get(key.id if key is not None else "")
        right = self._hasher.verify(found.hash if found is not None else None, key.secret if key is not None else "")
        why = _refusal(account, key, found, right, now_ns)
        if why:
            shown = account if is_account_name(account) else ""
            self._store.audit(AuditRecord(now_ns, "refused", key.id if key is not None else "", shown, who, why))
            return None
        assert found is not None
        assert key is not None
        self._store.used(key.id, AuditRecord(now_ns, "accepted", key.id, account, who, ""))
        if self._hasher.is_old(found.hash):
            new = self._hasher.hash(key.secret)
            self._store.rehash(key.id, found.hash, new, AuditRecord(now_ns, "rehashed", key.id, account, who, ""))
        return Accepted(key.id, found.account, found.roles, found.expires_ns)

    def is_good(self, key_id: str, now_ns: int) -> bool:
        """Return whether a key that was accepted would be again."""
        found = self._store.get(key_id)
        return found is not None and found.state(now_ns) == "active"

    def records(self, account: str | None = None) -> list[KeyRecord]:
        """Return all keys, or those of an account, oldest first."""
        return self._store.records(account)

    def show(self, key_id: str) -> KeyRecord:
        """Return what is kept of a key. Raises: ConfigError: there is none with this id."""
        found = self._store.get(_id_of(key_id))
        if found is None:
            raise ConfigError("id", _id_of(key_id)[:40], "the id of a key; `fixfast keys list` has them")
        return found

    def revoke(self, key_id: str, now_ns: int, *, who: str = "") -> KeyRecord:
        """Let a key be worth nothing from now on. Raises: ConfigError: there is none with this id."""
        found = self.show(key_id)
        self._store.revoke(found.id, AuditRecord(now_ns, "revoked", found.id, found.account, who, ""))
        return self.show(found.id)

    def audits(self, key_id: str | None = None, limit: int = 100) -> list[AuditRecord]:
        """Return what was done with keys, or with one: the latest, oldest first."""
        return self._store.audits(key_id, limit)


def _id_of(text: str) -> str:
    """Return the id, where somebody gives the whole key for it: it must not get into a message."""
    key = parse_key(text.strip())
    return text if key is None else key.id


def _refusal(account: str, key: ApiKey | None, found: KeyRecord | None, right: bool, now_ns: int) -> str:
    if key is None:
        return "no key"
    if found is None:
        return "unknown key"
    if not right:
        return "wrong secret"
    if found.account != account:
        return "a key of another account"
    state = found.state(now_ns)
    return "" if state == "active" else f"a key that is {state}"
