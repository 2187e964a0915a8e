"""Keys that front ends show: checked beside the event loop, not too many at once, not too often for one account."""

from __future__ import annotations

import asyncio
import logging
import math
from concurrent.futures import ThreadPoolExecutor

from fixfast import clock
from fixfast.engine.observing.label import printable
from fixfast.engine.observing.records import about
from fixfast.errors import StoreError
from fixfast.service.credentials.apikey import is_account_name
from fixfast.service.credentials.keys import Accepted, Keys
from fixfast.service.credentials.store import CredentialStore, open_store
from fixfast.service.launcher.attempts import Attempts
from fixfast.service.launcher.config import LauncherConfig
from fixfast.service.messages import Login, Refused
from fixfast.store.hashing import Hasher

__all__ = ["WRONG", "Logins"]

_log = logging.getLogger("fixfast.launcher")

_SECOND = 1_000_000_000
#: hashes at one time: each takes memory, and a core
_AT_ONCE = 2
#: of the time for a greeting, the share that the credential store has: then there is time to say why
_SHARE = 0.8
#: What is said whatever is wrong: an unknown account, another's key, one that expired
WRONG = Refused("credentials", "this is not known here")


class Logins:
    """What a Launcher asks its credential store. Its event loop never waits for it."""

    def __init__(self, config: LauncherConfig) -> None:
        self._config = config
        self._attempts = Attempts(config.guests)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "fixfast-keys")
        self._waiting = 0
        self._store: CredentialStore | None = None
        self._keys: Keys | None = None

    async def open(self) -> None:
        """Open the store. Raises: StoreError, ConfigError, MissingExtra."""

        def work() -> tuple[CredentialStore, Keys]:
            store = open_store(self._config.key_store)
            return store, Keys(store, Hasher(self._config.hash))

        self._store, self._keys = await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def check(self, login: Login, where: str) -> Accepted | Refused:
        """Return who it is; or what is said to somebody that it is not.

        Args: where: it comes from: "uid 1000", "192.0.2.1:40123".
        """
        peer = where.rpartition(":")[0] if ":" in where else where
        barred = self._attempts.barred_ns(login.account, peer, clock.mono_ns())
        if barred:
            self._say(logging.WARNING, "barred", login.account, where, "its account's keys were wrong too often")
            return Refused("busy", "try again later", math.ceil(barred / _SECOND))
        if self._waiting >= self._config.guests.checks:
            self._say(logging.WARNING, "busy", login.account, where, "too many keys wait to be checked")
            return Refused("busy", "try again later", 1)
        patience = self._config.times.greeting * _SHARE
        try:
            async with asyncio.timeout(patience):
                accepted = await asyncio.shield(self._beside(login, where))
        except (StoreError, TimeoutError) as error:
            why = str(error) or f"the credential store has not answered in {patience:g} s"
            self._say(logging.ERROR, "store", login.account, where, why)
            return Refused("unavailable", "keys cannot be checked now", 5)
        if accepted is None or (accepted.account not in self._config.accounts and "admin" not in accepted.roles):
            self._attempts.failed(login.account, clock.mono_ns())
            self._say(logging.WARNING, "refused", login.account, where, "wrong account or key")
            return WRONG
        self._attempts.accepted(login.account, peer)
        self._say(logging.INFO, "accepted", login.account, where, f"key {accepted.key_id}")
        return accepted

    async def still_good(self, key_id: str) -> bool:
        """Return whether a key that was accepted would be again; True where the store cannot say."""
        assert self._keys is not None
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._keys.is_good, key_id, clock.now().wall_ns)
        except StoreError as error:
            _log.error("%s", error, extra=about("store"))
            return True

    async def close(self) -> None:
        """Close the store, when nothing is asked any more."""
        if self._store is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._store.close)
        self._threads.shutdown(wait=False)

    def _beside(self, login: Login, where: str) -> asyncio.Future[Accepted | None]:
        keys = self._keys
        assert keys is not None
        now_ns = clock.now().wall_ns
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: keys.authenticate(login.account, login.api_key, now_ns, who=where)
        )
        job.add_done_callback(self._checked)
        return job

    def _checked(self, job: asyncio.Future[Accepted | None]) -> None:
        """Make room for the next, when the thread is free: whoever asked may be gone by then."""
        self._waiting -= 1
        if not job.cancelled():
            job.exception()

    def _say(self, level: int, event: str, account: str, where: str, text: str) -> None:
        """Write a line about a login. What is no account's name may be a key in the wrong place: it is not written."""
        shown = account if is_account_name(account) and not account.startswith("ff_") else "no account"
        _log.log(level, "login of %s from %s: %s", shown, where, printable(text), extra=about(event, account=shown))
