"""Passwords to hashes, with argon2id. Imported when accounts are used: argon2-cffi is in the extra `[accounts]`."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fixfast.exchange.accounts.config import AccountsConfig

__all__ = ["Passwords"]


class Passwords:
    """Hashes and verifies. Every call takes tens of milliseconds, and releases the GIL.

    Args: config: has the parameters, which each hash carries along.
    """

    def __init__(self, config: AccountsConfig) -> None:
        self._hasher = PasswordHasher(config.hash_time, config.hash_memory, config.hash_lanes)
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return a hash, with parameters and a fresh salt."""
        return self._hasher.hash(password)

    def verify(self, known: str | None, password: str) -> bool:
        """Tell whether a password is the one. None: there is none, which takes as long to find out."""
        try:
            right = self._hasher.verify(known if known is not None else self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return right and known is not None

    def is_old(self, known: str) -> bool:
        """Tell whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(known)
