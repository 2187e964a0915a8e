"""AuthCoordinator: one state machine over the registration of an account (HTTP) and the login of a user (FIX).

It only coordinates: it knows neither tags nor JSON, opens no connection, starts no thread and reads no clock. It is
given an ApiPort and a SessionPort, and told what happens. docs/auth.md has the table of all that can happen.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

from fixfast.auth.config import AuthTimeouts, RetryRules
from fixfast.auth.machine import Action, AuthSnapshot, Machine
from fixfast.auth.ports import ApiPort, Attempt, SessionPort
from fixfast.auth.secret import Secret
from fixfast.auth.state import AuthFailure, AuthInput, AuthReason, AuthState, UserRequestType
from fixfast.errors import ConfigError
from fixfast.types import Now

__all__ = ["AuthCoordinator", "AuthUpdate", "Observer"]

_log = logging.getLogger("fixfast.auth")


@dataclass(frozen=True, slots=True)
class AuthUpdate:
    """What observers are told: something happened.

    Attributes:
        input: what came.
        before: the state until then.
        snapshot: where it stands since then.
        ignored: why it did nothing; "" if it did something.
    """

    input: AuthInput
    before: AuthState
    snapshot: AuthSnapshot
    ignored: str = ""


Observer: TypeAlias = Callable[[AuthUpdate], object]


class AuthCoordinator:
    """Registers accounts and logs users in: register_account(), login(), logout(), change_password().

    All four return at once; what comes of it is in `snapshot`, and told to observers. Any thread may call anything.
    Ports and observers are called outside the lock, in order, by one thread at a time: the one whose call brought it
    about, or one that is at it already. What they call in their turn is dealt with after they return.

    Args:
        api: the registration server; None: there is none, and register_account() is refused.
        session: the FIX session.
        timeouts, retry: see AuthTimeouts and RetryRules.
        user_request: False: the Logon itself logs the user in (553 and 554 on it), and there is no UserRequest.

    Raises: ConfigError: an option is of the wrong kind.
    """

    def __init__(
        self,
        api: ApiPort | None,
        session: SessionPort,
        *,
        timeouts: AuthTimeouts | None = None,
        retry: RetryRules | None = None,
        user_request: bool = True,
    ) -> None:
        for name, value, kind in (("timeouts", timeouts, AuthTimeouts), ("retry", retry, RetryRules)):
            if not isinstance(value, kind | None):
                raise ConfigError(name, type(value).__name__, f"None or {kind.__name__}")
        self._api = api
        self._session = session
        self._lock = Lock()
        self._machine = Machine(timeouts or AuthTimeouts(), retry or RetryRules(), user_request=user_request)
        self._observers: dict[object, Observer] = {}
        self._queue: deque[tuple[Action | AuthUpdate, Now]] = deque()
        self._draining = False

    def __repr__(self) -> str:
        return f"<AuthCoordinator {self.state.value}>"

    # --- reading: any thread, at any time ------------------------------------------------------------------

    @property
    def snapshot(self) -> AuthSnapshot:
        """State, client_id and failure as they are at one moment. Read it once where you need two of them."""
        with self._lock:
            return self._machine.snapshot

    @property
    def state(self) -> AuthState:
        """What is going on."""
        return self.snapshot.state

    @property
    def client_id(self) -> Secret | None:
        """The client_id of the registration, or of the login that is under way or was made; `reveal()` shows it."""
        return self.snapshot.client_id

    @property
    def failure(self) -> AuthFailure | None:
        """What went wrong last; None: nothing did since the last command. `str()` of it is for people."""
        return self.snapshot.failure

    # --- commands ------------------------------------------------------------------------------------------

    def register_account(self, username: str, password: str | Secret, now: Now) -> None:
        """Ask the registration server for an account. `client_id` is known when the state is DISCONNECTED again.

        Raises: WrongAuthState: not in this state. ConfigError: no text, or control characters; or there is no `api`.
        """
        password = Secret.of(password)
        password.check("password")
        Secret(username, "username")
        if self._api is None:
            raise ConfigError("api", None, "a client of the registration server: without one there is no registration")
        self._take(now, Machine.register, username, password, now)

    def login(self, client_id: str | Secret, password: str | Secret, now: Now) -> None:
        """Log the session on with client_id as SenderCompID(49), then the user in. ACTIVE or FAILED comes of it.

        Raises: WrongAuthState: not in this state. ConfigError: no text, or control characters.
        """
        client_id, password = Secret.of(client_id), Secret.of(password)
        client_id.check("client_id")
        password.check("password")
        self._take(now, Machine.login, client_id, password, now)

    def logout(self, now: Now) -> None:
        """Log the user off and end the session, or give up what is under way. It is forgotten at once."""
        self._take(now, Machine.logout)

    def change_password(self, old: str | Secret, new: str | Secret, now: Now) -> None:
        """Ask the venue for another password. The state stays ACTIVE; `changing` tells when it is done.

        Raises: WrongAuthState: nobody is logged in, or a change is under way. ConfigError: no texts.
        """
        old, new = Secret.of(old), Secret.of(new)
        old.check("old")
        new.check("new")
        self._take(now, Machine.change_password, old, new, now)

    def observe(self, callback: Observer) -> Callable[[], None]:
        """Have `callback(update)` called for everything that happens from now on.

        One that raises is logged, and hurts nobody else.

        Returns: what ends it; good to call twice.
        """
        key = object()
        with self._lock:
            self._observers = {**self._observers, key: callback}

        def unsubscribe() -> None:
            with self._lock:
                self._observers = {one: call for one, call in self._observers.items() if one is not key}

        return unsubscribe

    def current(self) -> Attempt:
        """Return what the attempt that is under way, or succeeded, is answered to: for what no port has heard."""
        with self._lock:
            return _Attempt(self, self._machine.attempt)

    # --- time ----------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """Return when tick() is due, in monotonic ns; None: nothing is waited for."""
        with self._lock:
            return self._machine.deadline

    def tick(self, now: Now) -> None:
        """Do what is due. To be called at next_deadline(); before, it does nothing."""
        with self._lock:
            due = self._machine.deadline
            if due is not None and due <= now.mono_ns:
                self._handle(now, Machine.time_is_up, now)
        self._drain()

    # --- inside --------------------------------------------------------------------------------------------

    def _take(self, now: Now, what: Callable[..., None], *args: Any) -> None:
        try:
            with self._lock:
                self._handle(now, what, *args)
        except BaseException:
            for secret in args:
                if isinstance(secret, Secret):
                    secret.wipe()
            raise
        self._drain()

    def _handle(self, now: Now, what: Callable[..., None], *args: Any) -> None:
        """Give the machine an input, and queue what comes of it. With the lock held."""
        machine = self._machine
        before = machine.snapshot.state
        what(machine, *args)
        self._queue.extend((action, now) for action in machine.actions)
        machine.actions.clear()
        self._queue.append((AuthUpdate(machine.last, before, machine.snapshot, machine.ignored), now))

    def _drain(self) -> None:
        """Do what is queued, unless another thread, or a caller of ours, is at it."""
        while True:
            with self._lock:
                if self._draining or not self._queue:
                    return
                self._draining = True
                what, now = self._queue.popleft()
                observers = list(self._observers.values())
            try:
                if isinstance(what, AuthUpdate):
                    for observer in observers:
                        _tell(observer, what)
                else:
                    self._perform(what, now)
            finally:
                with self._lock:
                    self._draining = False

    def _perform(self, action: Action, now: Now) -> None:
        port = self._api if action.name in ("register", "give_up") else self._session
        attempt = _Attempt(self, action.attempt)
        try:
            getattr(port, action.name)(attempt, *action.args)
        except Exception as error:
            # Neither text nor traceback: both may have what the port was given.
            _log.error("%s() of %s failed: %s", action.name, type(port).__name__, type(error).__name__)
            failure = AuthFailure(AuthReason.INTERNAL, f"{action.name}(): {type(error).__name__}")
            if action.name == "register":
                attempt.registration_failed(failure, now)
            elif action.name in ("open", "ask"):
                attempt.disconnected(failure, now)

    def _is_over(self, attempt: int) -> bool:
        with self._lock:
            return attempt != self._machine.attempt


class _Attempt:
    """What a port is given to answer to: see ports.Attempt."""

    __slots__ = ("_coordinator", "_number")

    def __init__(self, coordinator: AuthCoordinator, number: int) -> None:
        self._coordinator = coordinator
        self._number = number

    def __repr__(self) -> str:
        return f"<attempt {self._number}>"

    @property
    def over(self) -> bool:
        return self._coordinator._is_over(self._number)  # noqa: SLF001  (a part of it)

    def registered(self, client_id: str, now: Now) -> None:
        self._tell(Machine.registered, client_id, now)

    def registration_failed(self, failure: AuthFailure, now: Now) -> None:
        self._tell(Machine.registration_failed, failure, now)

    def connected(self, now: Now) -> None:
        self._tell(Machine.connected, now)

    def logon_refused(self, failure: AuthFailure, now: Now) -> None:
        self._tell(Machine.logon_refused, failure, now)

    def connection_lost(self, failure: AuthFailure, now: Now) -> None:
        self._tell(Machine.connection_lost, failure, now)

    def disconnected(self, failure: AuthFailure, now: Now) -> None:
        self._tell(Machine.disconnected, failure, now)

    def user_response(self, request: UserRequestType | None, status: int, text: str, now: Now) -> None:
        self._tell(Machine.user_response, request, status, text, now)

    def _tell(self, what: Callable[..., None], *args: Any) -> None:
        self._coordinator._take(args[-1], what, self._number, *args)  # noqa: SLF001  (a part of it)


def _tell(observer: Observer, update: AuthUpdate) -> None:
    try:
        observer(update)
    except Exception:
        _log.exception("an observer of the login failed; the others are told all the same")
