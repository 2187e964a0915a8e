"""The front end for an event loop: registration and login to await, on httpx and on connect()."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.auth.aio_ports import AioAccounts, AioSession, on_loop
from fixfast.auth.config import AuthTimeouts, RetryRules
from fixfast.auth.coordinator import AuthCoordinator, AuthUpdate
from fixfast.auth.front import SETTLED, Front, changed, logged_in, settled, status_answer, status_question
from fixfast.auth.machine import AuthSnapshot
from fixfast.auth.registration import RegistrationClient, RegistrationConfig
from fixfast.auth.secret import Secret
from fixfast.auth.sessions import SessionOptions, StoreMaker
from fixfast.auth.state import AuthState
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.throttle import Throttle
from fixfast.errors import NotActive
from fixfast.session.config import SessionConfig

__all__ = ["AuthClient"]

_SECOND = 1_000_000_000


class AuthClient(Front):
    """Accounts and logins on an event loop: `async with AuthClient(config, connection, api=url) as auth: ...`.

    Leaving logs out. Its calls belong to the loop; `state`, `client_id`, `failure` and `snapshot` may be read by any
    thread.

    Args:
        config, connection, application, store, wire_log, throttle, latency, logon_credentials: see SessionOptions.
        api: the registration server: a RegistrationConfig, or its url; None: there is none.
        timeouts, retry, user_request: see AuthCoordinator.

    Raises: ConfigError: an option cannot be used. MissingExtra: `api` is given, and httpx is not installed.

    Attributes: coordinator: the AuthCoordinator.
    """

    def __init__(
        self,
        config: SessionConfig,
        connection: ConnectionConfig,
        application: object | None = None,
        store: StoreMaker | None = None,
        *,
        api: RegistrationConfig | str | None = None,
        wire_log: WireLog | None = None,
        throttle: Throttle | None = None,
        latency: bool = False,
        logon_credentials: bool = False,
        timeouts: AuthTimeouts | None = None,
        retry: RetryRules | None = None,
        user_request: bool = True,
    ) -> None:
        options = SessionOptions(
            config, connection, application, store, wire_log, throttle, latency, logon_credentials or not user_request
        )
        self._accounts = None if api is None else AioAccounts(RegistrationClient(api))
        self._fix = AioSession(options)
        self.coordinator = AuthCoordinator(
            self._accounts, self._fix, timeouts=timeouts, retry=retry, user_request=user_request
        )
        self.coordinator.observe(self._moved)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> AuthClient:
        if self._loop is not None:
            raise RuntimeError("an AuthClient is good for one `async with`; make another one")
        self._loop = asyncio.get_running_loop()
        for port in (self._accounts, self._fix):
            if port is not None:
                port.tasks.begin(self._loop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.coordinator.logout(clock.now())
        finally:
            try:
                await self._fix.tasks.end(cancel=error is not None)
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                if self._accounts is not None:
                    await self._accounts.tasks.end(cancel=True)
                    await self._accounts.client.aclose()

    @property
    def session(self) -> LiveSession | None:
        """The FIX session of this login; None: there is none. It stays the same when it is lost and comes back."""
        return self._fix.session

    # --- commands ------------------------------------------------------------------------------------------

    async def register_account(self, username: str, password: str | Secret) -> Secret:
        """Register an account. Cancelled, it is given up.

        Returns: its client_id.

        Raises: AuthFailed: why there is none. WrongAuthState, ConfigError: as AuthCoordinator.
        """
        password = Secret.of(password)
        self.coordinator.register_account(username, password, self._now())
        password.wipe()
        return settled("register_account()", await self._outcome())

    async def login(self, client_id: str | Secret, password: str | Secret) -> LiveSession:
        """Log on, and log the user in. Cancelled, it is given up.

        Returns: the session: what may be sent now, is sent through it.

        Raises: AuthFailed: why not. WrongAuthState, ConfigError: as AuthCoordinator.
        """
        client_id, password = Secret.of(client_id), Secret.of(password)
        self.coordinator.login(client_id, password, self._now())
        password.wipe()
        settled("login()", await self._outcome())
        return logged_in(self._fix.session, self.state)

    async def logout(self) -> None:
        """Log the user off and end the session, or give up what is under way. Returns when the session is gone."""
        self.coordinator.logout(self._now())
        await self._fix.tasks.idle()

    async def change_password(self, old: str | Secret, new: str | Secret) -> None:
        """Have the venue take another password. Cancelled, nobody hears what came of it.

        Raises: AuthFailed: it did not, or did not say; who was logged in still is. WrongAuthState, ConfigError.
        """
        old, new = Secret.of(old), Secret.of(new)
        self.coordinator.change_password(old, new, self._now())
        old.wipe()
        new.wipe()
        while (snapshot := self.snapshot).changing:
            await self._change()
        changed(snapshot)

    async def user_status(self, *, timeout: float | None = 10) -> tuple[int, str]:
        """Ask the venue how the user stands (924=4).

        Returns: UserStatus(926), and UserStatusText(927).

        Raises: NotActive: there is no session. AuthFailed: the request was rejected. TimeoutError.
        """
        fields = status_question(self.client_id, self.state)
        session = self.session
        if session is None:
            raise NotActive(self.state.value)
        return status_answer(await session.request("BE", fields, timeout=timeout))

    async def wait(self, *states: AuthState) -> AuthSnapshot:
        """Wait until it is in one of these states; without any, until nothing is under way. Return where it stands."""
        wanted = states or SETTLED
        while (snapshot := self.snapshot).state not in wanted:
            await self._change()
        return snapshot

    # --- inside --------------------------------------------------------------------------------------------

    def _now(self) -> Any:
        if self._loop is None:
            raise RuntimeError("an AuthClient is used inside `async with`")
        return clock.now()

    async def _outcome(self) -> AuthSnapshot:
        """Wait until what was begun has come to its end; cancelled, end it."""
        try:
            return await self.wait()
        except asyncio.CancelledError:
            self.coordinator.logout(clock.now())
            raise

    async def _change(self) -> None:
        """Wait until something happens."""
        assert self._loop is not None
        change: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(change)
        try:
            await change
        finally:
            self._waiting.discard(change)

    def _moved(self, update: AuthUpdate) -> None:
        """Something happened, on whatever thread: wake who waits, and set the timer."""
        assert self._loop is not None
        on_loop(self._loop, self._wake)

    def _wake(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.coordinator.next_deadline()
        if due is not None:
            left = max(0, due - clock.mono_ns()) / _SECOND
            self._timer = self._loop.call_later(left, self._tick)

    def _tick(self) -> None:
        self.coordinator.tick(clock.now())
        self._wake()  # a timer of the loop may be early by its resolution
