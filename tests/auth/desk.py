"""An AuthCoordinator with ports that write down what they are asked, and time that stands until it is moved."""

from __future__ import annotations

from typing import Any

import fixfast as ff
from fixfast.auth import (
    Attempt,
    AuthCoordinator,
    AuthFailure,
    AuthInput,
    AuthReason,
    AuthState,
    AuthTimeouts,
    AuthUpdate,
    RetryRules,
    Secret,
    UserRequest,
    UserRequestType,
)

SECOND = 1_000_000_000
LOG_ON, LOG_OFF, CHANGE = UserRequestType.LOG_ON, UserRequestType.LOG_OFF, UserRequestType.CHANGE_PASSWORD
CLIENT, PASSWORD, NEW = "CLIENT-4711", "correct horse", "battery staple"
#: No jitter: waits are exact.
RULES = RetryRules(attempts=3, initial=1, maximum=30, factor=2, jitter=0)


class Ports:
    """Both ports. `calls`: (name, texts of the secrets at that moment ...)."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.attempts: list[Attempt] = []
        self.given: list[Secret] = []

    def _note(self, name: str, attempt: Attempt, *args: Any) -> None:
        self.calls.append((name, *args))
        self.attempts.append(attempt)

    def _shown(self, secret: Secret | None) -> str | None:
        if secret is None:
            return None
        self.given.append(secret)
        return secret.reveal()

    def register(self, attempt: Attempt, username: str, password: Secret) -> None:
        self._note("register", attempt, username, self._shown(password))

    def give_up(self, attempt: Attempt) -> None:
        self._note("give_up", attempt)

    def open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        self._note("open", attempt, client_id.reveal(), self._shown(password))

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        shown = (self._shown(request.password), self._shown(request.new_password))
        self._note("ask", attempt, request.type, request.client_id.reveal(), *shown)

    def close(self, attempt: Attempt, client_id: Secret | None) -> None:
        self._note("close", attempt, client_id.reveal() if client_id is not None else None)


class Desk:
    """A coordinator under test, and shorthands for driving it."""

    def __init__(self, *, retry: RetryRules = RULES, timeouts: AuthTimeouts | None = None, **options: Any) -> None:
        self.ports = Ports()
        self.auth = AuthCoordinator(self.ports, self.ports, retry=retry, timeouts=timeouts, **options)
        self.updates: list[AuthUpdate] = []
        self.auth.observe(self.updates.append)
        self.mono_ns = 1_000 * SECOND

    @property
    def now(self) -> ff.Now:
        return ff.Now(self.mono_ns, 1_767_614_400_000_000_000 + self.mono_ns)

    @property
    def attempt(self) -> Attempt:
        """What the last call of a port is to be answered to."""
        return self.ports.attempts[-1]

    @property
    def state(self) -> AuthState:
        return self.auth.state

    def after(self, seconds: float) -> None:
        """Move time on, and tick."""
        self.mono_ns += round(seconds * SECOND)
        self.auth.tick(self.now)

    def until_due(self) -> None:
        """Move time on to the next deadline; where there is none, far on."""
        due = self.auth.next_deadline()
        self.after((due - self.mono_ns) / SECOND if due is not None else 1e6)

    def put(self, state: AuthState) -> Attempt:
        """Bring it into a state. Return what the port is listened to by."""
        auth, now = self.auth, self.now
        if state is AuthState.REGISTERING:
            auth.register_account("me", PASSWORD, now)
        elif state is not AuthState.DISCONNECTED:
            auth.login(CLIENT, PASSWORD, now)
            if state is AuthState.FAILED:
                self.attempt.logon_refused(AuthFailure(AuthReason.LOGON_REFUSED), now)
            elif state is not AuthState.CONNECTING:
                self.attempt.connected(now)
                if state is AuthState.ACTIVE:
                    self.attempt.user_response(LOG_ON, 1, "", now)
        assert self.state is state
        return self.attempt if self.ports.attempts else self.auth.current()

    def give(self, what: AuthInput, attempt: Attempt, *, good: bool = True) -> None:
        """Give an input. Args: good: with what lets it go on; else with what does not, and is not tried again."""
        auth, now = self.auth, self.now
        failure = AuthFailure(AuthReason.UNREACHABLE if good else AuthReason.INTERNAL)
        lost = AuthFailure(AuthReason.CONNECTION_LOST if good else AuthReason.INTERNAL)
        if what is AuthInput.REGISTER:
            auth.register_account("me", PASSWORD, now)
        elif what is AuthInput.LOGIN:
            auth.login(CLIENT, PASSWORD, now)
        elif what is AuthInput.LOGOUT:
            auth.logout(now)
        elif what is AuthInput.CHANGE_PASSWORD:
            auth.change_password(PASSWORD, NEW, now)
        elif what is AuthInput.REGISTERED:
            attempt.registered(CLIENT, now)
        elif what is AuthInput.REGISTRATION_FAILED:
            attempt.registration_failed(
                AuthFailure(AuthReason.API_UNREACHABLE if good else AuthReason.USERNAME_TAKEN), now
            )
        elif what is AuthInput.CONNECTED:
            attempt.connected(now)
        elif what is AuthInput.LOGON_REFUSED:
            attempt.logon_refused(failure, now)
        elif what is AuthInput.CONNECTION_LOST:
            attempt.connection_lost(lost, now)
        elif what is AuthInput.DISCONNECTED:
            attempt.disconnected(failure, now)
        elif what is AuthInput.USER_RESPONSE:
            if self.state is AuthState.ACTIVE:
                attempt.user_response(None, 2, "", now)
            else:
                attempt.user_response(LOG_ON, 1 if good else 4, "", now)
        else:
            self.until_due()
