"""Accounts: registering, logging in, changing passwords; off the event loop, bounded, audited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fixfast import clock
from fixfast.errors import MissingExtra
from fixfast.exchange.accounts.account import Account, AccountStore, Refusal, Verdict
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.accounts.rules import (
    LONGEST_PASSWORD,
    is_a_name,
    new_client_id,
    password_fault,
    username_fault,
)
from fixfast.exchange.accounts.sqlite import SqliteAccounts
from fixfast.store.hashing import HashCost, Hasher

__all__ = ["Accounts", "Answer", "TooBusy", "audit", "needed", "open_store"]

T = TypeVar("T")

#: What happens to accounts. Client_ids and addresses only: who mistakes the fields types a password as the name.
audit = logging.getLogger("fixfast.exchange.accounts")

#: Each hash takes 64 MiB and a core for tens of ms: more at one time would not be faster.
_THREADS = 2
#: calls that may wait for a thread: some seconds' worth; who comes on top is told to come again
_WAITING = 64
#: client_ids that are drawn before somebody has a look: two that are equal are not seen in a lifetime
_DRAWS = 10


class TooBusy(Exception):
    """So many passwords wait to be hashed that this one does not get its turn: come again."""


class Answer(NamedTuple):
    """What became of a name and a password. `account` None: nobody has that name."""

    verdict: Verdict
    account: Account | None = None


def needed(module: str, extra: str, what: str) -> Any:
    """Import a module of ours that needs an extra.

    Raises: MissingExtra: that is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        if (error.name or "").startswith("fixfast"):
            raise
        raise MissingExtra(extra, what) from None


def open_store(url: str | None, journal: Path | None) -> AccountStore:
    """Open the store of accounts that AccountsConfig.url names. Raises: StoreError, MissingExtra."""
    if url is None:
        return SqliteAccounts(":memory:" if journal is None else str(Path(journal) / "accounts.db"))
    kind, _, rest = url.partition(":")
    if kind == "sqlite":
        return SqliteAccounts(rest)
    module = needed("fixfast.exchange.accounts.postgres", "postgres", "accounts in PostgreSQL")
    store: AccountStore = module.PostgresAccounts(url)
    return store


class Accounts:
    """All accounts of an exchange. One event loop owns it; what blocks happens on two threads of its own.

    Args:
        config: rules, and where they are kept.
        store: where they are kept.
        is_reserved: tells whether a client_id is somebody's who did not register.

    Raises: MissingExtra: argon2-cffi is not installed.
    """

    def __init__(
        self,
        config: AccountsConfig,
        store: AccountStore,
        is_reserved: Callable[[str], bool] = lambda client_id: False,
    ) -> None:
        cost = HashCost(time=config.hash_time, memory=config.hash_memory, lanes=config.hash_lanes)
        self.config = config
        self.store = store
        self._is_reserved = is_reserved
        self._passwords = Hasher(cost, extra="accounts", what="accounts")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="fixfast-accounts")
        self._waiting = 0

    def close(self) -> None:
        """Finish what runs, and let go of the store. Twice is once."""
        self._threads.shutdown(cancel_futures=True)
        self.store.close()

    @property
    def busy(self) -> bool:
        """Whether so many wait that nobody else may."""
        return self._waiting >= _WAITING

    # --- what can be asked ---------------------------------------------------------------------------------

    async def register(self, username: str, password: str, *, address: str = "") -> Account | Refusal:
        """Make an account. Args: address: of who asks, for the log. Raises: StoreError, TooBusy: too many wait."""
        faults = {
            "username": username_fault(username),
            "password": password_fault(password, username, self.config.shortest_password),
        }
        wrong = {name: text for name, text in faults.items() if text}
        if wrong:
            return Refusal("invalid", "; ".join(f"{name}: {text}" for name, text in wrong.items()), wrong)
        made = await self._do(self._register, username, password, clock.now().wall_ns)
        if isinstance(made, Account):
            audit.info("account %s registered from %s", made.client_id, address or "this process")
        return made

    async def find(self, client_id: str) -> Account | None:
        """Return the account with a client_id. Raises: StoreError, TooBusy."""
        return await self._do(self.store.find, client_id) if is_a_name(client_id) else None

    async def check(self, name: str, password: str) -> Answer:
        """Tell whether a password is the one of a client_id or username. It counts as an attempt.

        Raises: StoreError, TooBusy.
        """
        return await self._do(self._check, name, password, clock.now().wall_ns)

    async def change_password(self, name: str, old: str, new: str) -> Answer | Refusal:
        """Change a password; the old one counts as an attempt. Raises: StoreError, TooBusy."""
        answer = await self.check(name, old)
        if answer.account is None or answer.verdict is not Verdict.OK:
            return answer
        account = answer.account
        fault = password_fault(new, account.username, self.config.shortest_password)
        if fault or new == old:
            return Refusal("invalid", fault or "another one than the old", {"password": fault or "another one"})
        done = await self._do(self._replace, account, new)
        if done:
            audit.info("account %s: password changed", account.client_id)
        return Answer(Verdict.OK if done else Verdict.WRONG, account)

    async def unlock(self, client_id: str) -> bool:
        """Unlock an account. Returns: there is one. Raises: StoreError, TooBusy."""
        found = await self._do(self.store.change, client_id, Account.after_success)
        if found is not None:
            audit.info("account %s unlocked", client_id)
        return found is not None

    async def lock(self, client_id: str) -> bool:
        """Lock an account until it is unlocked. Returns: there is one. Raises: StoreError, TooBusy."""
        found = await self._do(self.store.change, client_id, Account.locked)
        if found is not None:
            audit.info("account %s locked", client_id)
        return found is not None

    # --- on a thread ---------------------------------------------------------------------------------------

    def _register(self, username: str, password: str, now_ns: int) -> Account | Refusal:
        taken = Refusal("username_taken", "this username is taken")
        if self.store.find_username(username) is not None:  # before the work of hashing
            return taken
        if self.store.count() >= self.config.max_accounts:
            return Refusal("full", "no more accounts can be registered")
        password_hash = self._passwords.hash(password)
        for _ in range(_DRAWS):
            client_id = new_client_id()
            if self._is_reserved(client_id):
                continue
            account = Account(client_id, username, password_hash, now_ns)
            what = self.store.add(account)
            if not what:
                return account
            if what == "username":
                return taken
        raise RuntimeError("no client_id is free: the random numbers of this machine are broken")

    def _check(self, name: str, password: str, now_ns: int) -> Answer:
        store, config = self.store, self.config
        found = (store.find(name) or store.find_username(name)) if is_a_name(name) else None
        was_locked = found is not None and found.is_locked(now_ns)

        def counted(account: Account) -> Account:
            nonlocal was_locked
            was_locked = account.is_locked(now_ns)
            return account.with_attempt(now_ns, config.lock_after, config.lock_for)

        if found is not None:  # counted before it is tried: a hundred at one time are a hundred
            found = store.change(found.client_id, counted)
        known = found.password_hash if found is not None else None
        # A stranger, a locked account and one in order take the same time.
        right = self._passwords.verify(known, password if len(password) <= LONGEST_PASSWORD else "")
        if found is None:
            return Answer(Verdict.UNKNOWN)
        if was_locked:
            return Answer(Verdict.LOCKED, found)
        if not right:
            if found.is_locked(now_ns):
                audit.warning("account %s locked: %d wrong passwords", found.client_id, config.lock_after)
            return Answer(Verdict.WRONG, found)
        old = found.password_hash
        new = self._passwords.hash(password) if self._passwords.is_old(old) else old
        found = store.change(found.client_id, lambda account: account.after_success().with_hash(old, new)) or found
        return Answer(Verdict.OK, found)

    def _replace(self, account: Account, password: str) -> bool:
        old, new = account.password_hash, self._passwords.hash(password)
        after = self.store.change(account.client_id, lambda one: one.with_hash(old, new))
        return after is not None and after.password_hash == new

    # --- inside --------------------------------------------------------------------------------------------

    async def _do(self, work: Callable[..., T], *args: object) -> T:
        if self.busy:
            raise TooBusy
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        job.add_done_callback(self._done)
        return await asyncio.shield(job)  # who goes away does not make room for the next before the thread is free

    def _done(self, job: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not job.cancelled():
            job.exception()  # nobody may be there any more to see it
