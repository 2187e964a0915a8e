"""Salted argon2id hashes of secrets: checked in the same time whoever asks, and renewed when parameters change."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixfast.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["HashCost", "Hasher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCost:
    """What one hash costs. The defaults are for secrets of 256 random bits, which nobody gets back at any cost.

    Args:
        time: passes over the memory.
        memory: KiB.
        lanes: threads.

    Raises: ConfigError.
    """

    time: int = 2
    memory: int = 19 << 10
    lanes: int = 1

    def __post_init__(self) -> None:
        for name, least, most in (("time", 1, 100), ("memory", 8, 1 << 22), ("lanes", 1, 64)):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ConfigError(name, value, f"a whole number from {least} to {most:,}")
        if self.memory < 8 * self.lanes:
            raise ConfigError("memory", self.memory, f"at least 8 KiB for each of {self.lanes} lanes")


class Hasher:
    """Makes and checks hashes. It blocks for as long as they cost, without the GIL: not for an event loop. Any thread
    may call it.

    Args: cost: of each. extra, what: for the error: what installs it, and what it is for.

    Raises: MissingExtra: argon2-cffi is not installed.
    """

    def __init__(
        self, cost: HashCost | None = None, *, extra: str = "service", what: str = "a store of API keys"
    ) -> None:
        try:
            import argon2
        except ImportError:
            raise MissingExtra(extra, what) from None
        cost = cost if cost is not None else HashCost()
        self._wrong = (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError)
        self._argon2: PasswordHasher = argon2.PasswordHasher(cost.time, cost.memory, cost.lanes)
        #: of nothing that anybody has: what is checked where there is nothing to check
        self._decoy = self._argon2.hash(secrets.token_hex(32))

    def hash(self, secret: str) -> str:
        """Return a new salted hash."""
        return self._argon2.hash(secret)

    def verify(self, hashed: str | None, secret: str) -> bool:
        """Return whether a secret is that of a hash; None: there is none, which takes as long."""
        try:
            self._argon2.verify(self._decoy if hashed is None else hashed, secret)
        except self._wrong:
            return False
        return hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Return whether a hash was made with other parameters."""
        return self._argon2.check_needs_rehash(hashed)
