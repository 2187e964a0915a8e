"""The front end for threads: registration and login in calls that block, on httpx and on sync.connect()."""

from __future__ import annotations

import threading
from types import TracebackType

from fixfast import clock
from fixfast.auth.config import AuthTimeouts, RetryRules
from fixfast.auth.coordinator import AuthCoordinator, AuthUpdate
from fixfast.auth.front import SETTLED, Front, changed, logged_in, settled, status_answer, status_question
from fixfast.auth.machine import AuthSnapshot
from fixfast.auth.registration import RegistrationConfig, SyncRegistrationClient
from fixfast.auth.secret import Secret
from fixfast.auth.sessions import SessionOptions, StoreMaker
from fixfast.auth.state import AuthState
from fixfast.auth.thread_ports import ThreadAccounts, ThreadSession
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.sync.live import LiveSession
from fixfast.engine.throttle import Throttle
from fixfast.errors import NotActive
from fixfast.session.config import SessionConfig
from fixfast.transport.blocking import wait_on
from fixfast.types import Now

__all__ = ["SyncAuthClient"]

_SECOND = 1_000_000_000
#: Seconds that leaving waits for a registration that nobody wants any more.
_LAST = 1.0


class SyncAuthClient(Front):
    """Accounts and logins for threads: `with SyncAuthClient(config, connection, api=url) as auth: ...`.

    The blocking twin of AuthClient: the same options, any thread may call it. `timeout` is in seconds; when it is over,
    what was begun is given up, and TimeoutError is raised. None: only the AuthTimeouts hold. One thread of its own
    watches the time, others connect.

    Args: as for AuthClient; no callback of `application` may be async.

    Raises: ConfigError, MissingExtra: as AuthClient.

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
        self._accounts = None if api is None else ThreadAccounts(SyncRegistrationClient(api))
        self._fix = ThreadSession(options)
        self.coordinator = AuthCoordinator(
            self._accounts, self._fix, timeouts=timeouts, retry=retry, user_request=user_request
        )
        self._changed = threading.Condition()
        self._over = False
        self._ticker: threading.Thread | None = None
        self.coordinator.observe(self._moved)

    def __enter__(self) -> SyncAuthClient:
        if self._ticker is not None:
            raise RuntimeError("a SyncAuthClient is good for one `with`; make another one")
        self._ticker = threading.Thread(target=self._tick, name="fixfast auth", daemon=True)
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._ticker is not None
        try:
            self.coordinator.logout(clock.now())
            self._fix.threads.idle(None)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            self._ticker.join()
            if self._accounts is not None:
                self._accounts.client.close()
                self._accounts.threads.idle(_LAST)

    @property
    def session(self) -> LiveSession | None:
        """The FIX session of this login; None: there is none. It stays the same when it is lost and comes back."""
        return self._fix.session

    # --- commands ------------------------------------------------------------------------------------------

    def register_account(self, username: str, password: str | Secret, *, timeout: float | None = None) -> Secret:
        """Register an account. Returns: its client_id.

        Raises: TimeoutError; AuthFailed: why there is none. WrongAuthState, ConfigError: as AuthCoordinator.
        """
        password = Secret.of(password)
        self.coordinator.register_account(username, password, self._now())
        password.wipe()
        return settled("register_account()", self._outcome(timeout))

    def login(self, client_id: str | Secret, password: str | Secret, *, timeout: float | None = None) -> LiveSession:
        """Log on, and log the user in. Returns: the session.

        Raises: TimeoutError; AuthFailed: why not. WrongAuthState, ConfigError: as AuthCoordinator.
        """
        client_id, password = Secret.of(client_id), Secret.of(password)
        self.coordinator.login(client_id, password, self._now())
        password.wipe()
        settled("login()", self._outcome(timeout))
        return logged_in(self._fix.session, self.state)

    def logout(self, *, timeout: float | None = None) -> None:
        """Log the user off and end the session, or give up what is under way. Returns when the session is gone.

        Raises: TimeoutError: it is not gone in time; nobody is logged in all the same.
        """
        self.coordinator.logout(self._now())
        if not self._fix.threads.idle(timeout):
            raise TimeoutError(f"the session has not ended in {timeout} s")

    def change_password(self, old: str | Secret, new: str | Secret, *, timeout: float | None = None) -> None:
        """Have the venue take another password.

        Raises: TimeoutError: nobody knows what came of it. AuthFailed: it was not changed, or the venue did not say;
            who was logged in still is. WrongAuthState, ConfigError: as AuthCoordinator.
        """
        old, new = Secret.of(old), Secret.of(new)
        self.coordinator.change_password(old, new, self._now())
        old.wipe()
        new.wipe()
        until = _until(timeout)
        with self._changed:
            while (snapshot := self.snapshot).changing:
                self._wait(until, timeout)
        changed(snapshot)

    def user_status(self, *, timeout: float | None = 10) -> tuple[int, str]:
        """Ask the venue how the user stands (924=4).

        Returns: UserStatus(926), and UserStatusText(927).

        Raises: NotActive: there is no session. AuthFailed: the request was rejected. TimeoutError.
        """
        fields = status_question(self.client_id, self.state)
        session = self.session
        if session is None:
            raise NotActive(self.state.value)
        return status_answer(session.request("BE", fields, timeout=timeout))

    def wait(self, *states: AuthState, timeout: float | None = None) -> AuthSnapshot:
        """Wait until it is in one of these states; without any, until nothing is under way. Return where it stands.

        Raises: TimeoutError.
        """
        wanted, until = states or SETTLED, _until(timeout)
        with self._changed:
            while (snapshot := self.snapshot).state not in wanted:
                self._wait(until, timeout)
        return snapshot

    # --- inside --------------------------------------------------------------------------------------------

    def _now(self) -> Now:
        if self._ticker is None:
            raise RuntimeError("a SyncAuthClient is used inside `with`")
        return clock.now()

    def _outcome(self, timeout: float | None) -> AuthSnapshot:
        """Wait until what was begun has come to its end; interrupted, or too late, end it."""
        try:
            return self.wait(timeout=timeout)
        except BaseException:
            self.coordinator.logout(clock.now())
            raise

    def _wait(self, until: int | None, timeout: float | None) -> None:
        """Wait until something happens. With the condition held."""
        left = None if until is None else (until - clock.mono_ns()) / _SECOND
        if left is not None and left <= 0:
            raise TimeoutError(f"nothing came of it in {timeout} s")
        wait_on(self._changed, left)

    def _moved(self, update: AuthUpdate) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tick(self) -> None:
        """Watch the time, until the end. One thread."""
        while True:
            with self._changed:
                if self._over:
                    return
                # What sets another deadline wakes us when it has done so: it cannot before we wait.
                due = self.coordinator.next_deadline()
                left = None if due is None else (due - clock.mono_ns()) / _SECOND
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
            self.coordinator.tick(clock.now())


def _until(seconds: float | None) -> int | None:
    return None if seconds is None else clock.mono_ns() + round(seconds * _SECOND)
