"""An API key as text, and what is kept of it: everything but its secret."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from fixfast.errors import ConfigError

__all__ = [
    "ROLES",
    "ApiKey",
    "KeyRecord",
    "account_name",
    "is_account_name",
    "key_label",
    "key_roles",
    "new_key",
    "parse_key",
]

#: what a key lets its holder do: trade; look, but not trade; see and stop everybody's sessions
ROLES = ("trade", "read", "admin")

_ID_BYTES, _SECRET_BYTES = 8, 32
_KEY = re.compile(r"ff_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)
#: Accounts name folders and stand in logs: nothing that a file system, a shell or a page could take for more (C10).
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_LABEL = 200


class ApiKey(NamedTuple):
    """A key: its id, which may be shown, and 256 random bits, which may not."""

    id: str
    secret: str

    def text(self) -> str:
        """Return the key as people and programs keep it."""
        return f"ff_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"ApiKey(id={self.id!r}, secret='***')"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What a store keeps of a key. Times are wall ns (since 1970, UTC).

    Attributes:
        id: the key's; unique in a store.
        account: whose it is.
        roles: what it is good for, in the order of ROLES.
        hash: argon2id of its secret, salted, with its parameters, in the PHC format.
        created_ns: when it was made.
        label: what a person wants to know it by.
        expires_ns: from when on it is worth nothing; None: never.
        revoked_ns: since when it is worth nothing; None: it was not revoked.
        used_ns: when it was accepted last; None: never.
    """

    id: str
    account: str
    roles: tuple[str, ...]
    hash: str
    created_ns: int
    label: str = ""
    expires_ns: int | None = None
    revoked_ns: int | None = None
    used_ns: int | None = None

    def state(self, now_ns: int) -> str:
        """Return "active", "revoked" or "expired"."""
        if self.revoked_ns is not None:
            return "revoked"
        return "expired" if self.expires_ns is not None and self.expires_ns <= now_ns else "active"

    def __repr__(self) -> str:
        return f"KeyRecord(id={self.id!r}, account={self.account!r}, roles={self.roles!r}, hash='***')"


def new_key() -> ApiKey:
    """Return a key that nobody has."""
    return ApiKey(secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES))


def parse_key(text: str) -> ApiKey | None:
    """Return the key that a text is; None: it is none."""
    found = _KEY.fullmatch(text)
    return None if found is None else ApiKey(found[1], found[2])


def is_account_name(name: str) -> bool:
    """Return whether an account may be called so."""
    return _ACCOUNT.fullmatch(name) is not None


def account_name(name: str) -> str:
    """Return an account's name. Raises: ConfigError: no account may be called so."""
    if not is_account_name(name):
        allowed = "a letter or digit, then up to 63 letters, digits, dots, dashes and underscores"
        raise ConfigError("account", name[:80], allowed)
    return name


def key_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return roles, each once, in order. Raises: ConfigError: there is none, or one that is not known."""
    for role in roles:
        if role not in ROLES:
            raise ConfigError("role", role, f"one of {', '.join(ROLES)}")
    if not roles:
        raise ConfigError("role", "", f"at least one of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in roles)


def key_label(text: str) -> str:
    """Return a label. Raises: ConfigError: it is too long, or not printable."""
    if len(text) > _MAX_LABEL or not text.isprintable():
        raise ConfigError("label", text[:80], f"up to {_MAX_LABEL} printable characters")
    return text
