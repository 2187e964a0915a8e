"""An account as a value, what a password that was tried makes of it, and what every store of accounts does. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, Protocol

__all__ = ["Account", "AccountStore", "Refusal", "Verdict"]

_SECOND = 1_000_000_000
#: locked until somebody unlocks it
FOREVER = (1 << 63) - 1


class Verdict(Enum):
    """What became of a name and a password."""

    OK = "ok"
    UNKNOWN = "unknown user"
    WRONG = "wrong password"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Account:
    """One who registered.

    Attributes:
        client_id: its SenderCompID.
        username: as it was given.
        password_hash: argon2id with its parameters and salt, as text.
        created_ns: when, ns since 1970.
        failures: wrong passwords since the last right one, or since it was unlocked.
        locked_until_ns: no password is looked at before, ns since 1970.
    """

    client_id: str
    username: str
    password_hash: str = field(repr=False)
    created_ns: int
    failures: int = 0
    locked_until_ns: int = 0

    def is_locked(self, now_ns: int) -> bool:
        """Tell whether no password is looked at."""
        return now_ns < self.locked_until_ns

    def with_attempt(self, now_ns: int, lock_after: int, lock_for: float) -> Account:
        """Count a password that is about to be tried, as if it were wrong: many at one time are counted one by one."""
        if self.is_locked(now_ns):
            return self
        if self.failures + 1 < lock_after:
            return replace(self, failures=self.failures + 1)
        return replace(self, failures=0, locked_until_ns=now_ns + int(lock_for * _SECOND))

    def after_success(self) -> Account:
        """Forget the wrong ones: the password was right."""
        return replace(self, failures=0, locked_until_ns=0)

    def with_hash(self, old: str, new: str) -> Account:
        """Change the hash, unless somebody else changed it meanwhile."""
        return replace(self, password_hash=new) if self.password_hash == old else self

    def locked(self) -> Account:
        """Lock it until somebody unlocks it."""
        return replace(self, locked_until_ns=FOREVER)


class Refusal(NamedTuple):
    """Why there is no account. `code` is for programs, `fields` says what is wrong with which."""

    code: str
    message: str
    fields: dict[str, str] = {}  # noqa: RUF012 -- never changed


class AccountStore(Protocol):
    """Where accounts are kept. Its methods block, and may be called by several threads at one time.

    Raises: StoreError, all of them: the database cannot do what it should.
    """

    def add(self, account: Account) -> str:
        """Keep a new account. Returns: "" or what of it is taken: "username" or "client_id"."""

    def find(self, client_id: str) -> Account | None:
        """Return the account with a client_id."""

    def find_username(self, username: str) -> Account | None:
        """Return the account with a username, in upper or lower case."""

    def change(self, client_id: str, decide: Callable[[Account], Account]) -> Account | None:
        """Change an account, with nobody else changing it meanwhile. Returns: what it is now, None: there is none."""

    def count(self) -> int:
        """Return how many there are."""

    def close(self) -> None:
        """Let go of the database. Twice is once."""
