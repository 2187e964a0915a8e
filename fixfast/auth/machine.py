"""The machine behind AuthCoordinator: one input at a time becomes a new snapshot, and calls of the ports as values.

No I/O, no lock, no clock. What an input may do stands in state.TRANSITIONS, which the one setter keeps to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from fixfast.auth.config import AuthTimeouts, RetryRules
from fixfast.auth.ports import UserRequest
from fixfast.auth.secret import Secret, without
from fixfast.auth.state import (
    LOGGED_OFF,
    RETRY_POSSIBLE,
    TRANSITIONS,
    AuthFailure,
    AuthInput,
    AuthReason,
    AuthState,
    Ignored,
    Moves,
    Refused,
    UserRequestType,
    UserStatus,
    reason_for,
)
from fixfast.errors import ConfigError, WrongAuthState
from fixfast.types import Now

__all__ = ["Action", "AuthSnapshot", "Machine"]

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class AuthSnapshot:
    """Where a login stands, all of it at one moment.

    Attributes:
        state: what is going on.
        client_id: that of the registration, or of the login that is under way or was made; None: there is none.
        failure: what went wrong last, None if nothing did since the last command. Beside FAILED: why it is tried again
            (REGISTERING, CONNECTING), or that a password was not changed (ACTIVE).
        tries: how many were made of what is under way.
        retry_at_ns: when it is tried again, monotonic ns; None: it is being tried.
        changing: a change_password() waits for its answer.
    """

    state: AuthState = AuthState.DISCONNECTED
    client_id: Secret | None = field(default=None, repr=False)
    failure: AuthFailure | None = None
    tries: int = 0
    retry_at_ns: int | None = None
    changing: bool = False


class Action(NamedTuple):
    """A call of a port: `register` and `give_up` of the ApiPort, `open`, `ask` and `close` of the SessionPort."""

    name: str
    attempt: int
    args: tuple[Any, ...] = ()


class Machine:
    """One login at a time. Secrets that it is given are its own: it wipes passwords when it needs them no more.

    Attributes:
        snapshot: where it stands.
        attempt: the number of the attempt that is listened to.
        actions: what is to be done, in order; who takes it empties the list.
        deadline: when time_is_up() is due, monotonic ns; None: nothing is waited for.
        last: what came last. ignored: why it did nothing; "" if it did something.
    """

    def __init__(self, timeouts: AuthTimeouts, retry: RetryRules, *, user_request: bool) -> None:
        self.snapshot = AuthSnapshot()
        self.attempt = 0
        self.actions: list[Action] = []
        self.deadline: int | None = None
        self.last = AuthInput.LOGOUT
        self.ignored = ""
        self._timeouts = timeouts
        self._retry = retry
        self._user_request = user_request
        self._moves = Moves()
        self._username = ""
        self._password: Secret | None = None
        self._change: tuple[Secret, Secret] | None = None  # the old password and the new one, while it is asked for
        self._delays: Iterator[float] = iter(())
        self._proved = False  # this password was accepted before
        self._back = False  # the connection was lost, and the port makes it anew

    # --- commands ------------------------------------------------------------------------------------------

    def register(self, username: str, password: Secret, now: Now) -> None:
        """Ask for an account. Raises: WrongAuthState."""
        self._command(AuthInput.REGISTER)
        self._begin(password)
        self._username = username
        self._set(AuthState.REGISTERING, client_id=None, failure=None)
        self._try(now)

    def login(self, client_id: Secret, password: Secret, now: Now) -> None:
        """Log on, then log in. Raises: WrongAuthState."""
        self._command(AuthInput.LOGIN)
        self._begin(password)
        self._set(AuthState.CONNECTING, client_id=client_id, failure=None)
        self._try(now)

    def logout(self) -> None:
        """End whatever there is."""
        self._command(AuthInput.LOGOUT)
        self._let_go()
        self._set(AuthState.DISCONNECTED, client_id=None, failure=None)

    def change_password(self, old: Secret, new: Secret, now: Now) -> None:
        """Ask for another password. Raises: WrongAuthState."""
        self._command(AuthInput.CHANGE_PASSWORD)
        client_id = self.snapshot.client_id
        if self.snapshot.changing or client_id is None:
            raise WrongAuthState("change_password()", AuthState.ACTIVE.value, "another change waits for its answer")
        self._change = old, new
        self._set(AuthState.ACTIVE, failure=None, changing=True)
        self._wait(self._timeouts.changing, now)
        self._do("ask", UserRequest(UserRequestType.CHANGE_PASSWORD, client_id, old, new))

    # --- what ports tell -----------------------------------------------------------------------------------

    def registered(self, attempt: int, client_id: str, now: Now) -> None:
        """Learn the client_id of the new account."""
        try:
            known = Secret(client_id, "client_id")
        except ConfigError as error:
            self.registration_failed(attempt, AuthFailure(AuthReason.API_ERROR, str(error)), now)
            return
        if self._hears(AuthInput.REGISTERED, attempt):
            self._let_go(done=True)
            self._set(AuthState.DISCONNECTED, client_id=known, failure=None)

    def registration_failed(self, attempt: int, failure: AuthFailure, now: Now) -> None:
        """Learn why there is no account."""
        if self._hears(AuthInput.REGISTRATION_FAILED, attempt):
            self._again_or_fail(failure, now)

    def connected(self, attempt: int, now: Now) -> None:
        """Learn that the session is logged on."""
        if self._hears(AuthInput.CONNECTED, attempt):
            client_id = self.snapshot.client_id
            assert client_id is not None
            if not self._user_request:
                self._logged_in()
                return
            self._set(AuthState.AUTHENTICATING)
            self._wait(self._timeouts.authenticating, now)
            self._do("ask", UserRequest(UserRequestType.LOG_ON, client_id, self._password))

    def logon_refused(self, attempt: int, failure: AuthFailure, now: Now) -> None:
        """Learn that the peer said no."""
        if self._hears(AuthInput.LOGON_REFUSED, attempt):
            self._again_or_fail(failure, now)

    def connection_lost(self, attempt: int, failure: AuthFailure, now: Now) -> None:
        """Learn that the line is down, and that the port is at it."""
        if not self._hears(AuthInput.CONNECTION_LOST, attempt):
            return
        failure = self._lost(failure)
        if self._knows_password() and failure.reason is AuthReason.CONNECTION_LOST:
            self._back = True
            self._set(AuthState.CONNECTING, failure=self._public(failure), changing=False)
            self._wait(self._timeouts.reconnecting, now)
        else:
            self._fail(failure)

    def disconnected(self, attempt: int, failure: AuthFailure, now: Now) -> None:
        """Learn that there is no connection."""
        if self._hears(AuthInput.DISCONNECTED, attempt):
            self._again_or_fail(failure if self.snapshot.state is AuthState.CONNECTING else self._lost(failure), now)

    def user_response(self, attempt: int, request: UserRequestType | None, status: int, text: str, now: Now) -> None:
        """Learn what the venue says of the user. Args: request: what it answers; None: nobody asked."""
        if not self._hears(AuthInput.USER_RESPONSE, attempt):
            return
        if self.snapshot.state is AuthState.AUTHENTICATING and request is UserRequestType.LOG_ON:
            if status == UserStatus.LOGGED_IN:
                self._logged_in()
            else:
                self._fail(AuthFailure(reason_for(status, text), text))
        elif self.snapshot.changing and request is UserRequestType.CHANGE_PASSWORD:
            self._changed(status, text)
        elif self.snapshot.state is AuthState.ACTIVE and request is None and status in LOGGED_OFF:
            self._fail(AuthFailure(AuthReason.LOGGED_OFF, text))
        else:
            self.ignored = "it answers nothing that is waited for"

    # --- time ----------------------------------------------------------------------------------------------

    def time_is_up(self, now: Now) -> None:
        """Do what is due at `deadline`."""
        if not self._hears(AuthInput.TIMEOUT, self.attempt):
            return
        limits, state = self._timeouts, self.snapshot.state
        if self.snapshot.retry_at_ns is not None:
            self._set(state)
            self._try(now)
        elif state is AuthState.REGISTERING:
            self._fail(AuthFailure(AuthReason.API_UNANSWERED, f"within {limits.registering:g} s"))
        elif state is AuthState.AUTHENTICATING:
            self._again_or_fail(AuthFailure(AuthReason.UNANSWERED, f"within {limits.authenticating:g} s"), now)
        elif state is AuthState.ACTIVE:
            self._forget()
            failure = AuthFailure(AuthReason.CHANGE_UNANSWERED, f"within {limits.changing:g} s")
            self._set(AuthState.ACTIVE, failure=failure, changing=False)
        elif self._back:
            self._fail(AuthFailure(AuthReason.CONNECTION_LOST, f"not back within {limits.reconnecting:g} s"))
        else:
            text = f"not logged on within {limits.connecting:g} s"
            self._again_or_fail(AuthFailure(AuthReason.UNREACHABLE, text), now)

    # --- inside: the table ---------------------------------------------------------------------------------

    def _command(self, what: AuthInput) -> None:
        self.last, self.ignored = what, ""
        cell = TRANSITIONS[self.snapshot.state][what]
        if isinstance(cell, Refused):
            raise WrongAuthState(what.value, self.snapshot.state.value, str(cell))
        assert isinstance(cell, Moves)
        self._moves = cell

    def _hears(self, what: AuthInput, attempt: int) -> bool:
        self.last = what
        cell = TRANSITIONS[self.snapshot.state][what]
        self.ignored = "late: it is of an attempt that is over" if attempt != self.attempt else ""
        if isinstance(cell, Ignored):
            self.ignored = self.ignored or str(cell)
        elif not self.ignored:
            assert isinstance(cell, Moves)
            self._moves = cell
            return True
        return False

    def _set(self, state: AuthState, **changes: Any) -> None:
        """Make the new snapshot: the one place where the state changes. A state that is left waits for nothing."""
        assert state in self._moves, f"{self.last.value} does not lead from {self.snapshot.state} to {state}"
        self.deadline = None
        self.snapshot = replace(self.snapshot, state=state, retry_at_ns=None, **changes)

    # --- inside: what happens ------------------------------------------------------------------------------

    def _do(self, name: str, *args: Any) -> None:
        self.actions.append(Action(name, self.attempt, args))

    def _wait(self, seconds: float, now: Now) -> None:
        self.deadline = now.mono_ns + round(seconds * _SECOND)

    def _begin(self, password: Secret) -> None:
        self._forget()
        self._password = password
        self._proved = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._delays = self._retry.delays()
        self.snapshot = replace(self.snapshot, tries=0)

    def _try(self, now: Now) -> None:
        self.attempt += 1
        self._back = False
        self.snapshot = replace(self.snapshot, tries=self.snapshot.tries + 1)
        if self.snapshot.state is AuthState.REGISTERING:
            self._do("register", self._username, self._password)
            self._wait(self._timeouts.registering, now)
        else:
            self._do("open", self.snapshot.client_id, self._password)
            self._wait(self._timeouts.connecting, now)

    def _again_or_fail(self, failure: AuthFailure, now: Now) -> None:
        rules, tries = self._retry, self.snapshot.tries
        more = rules.attempts is None or tries < rules.attempts
        wait = max(next(self._delays, 0.0), failure.retry_after or 0.0)
        if failure.reason not in rules.reasons or not more or wait > rules.maximum or not self._knows_password():
            self._fail(failure)
            return
        registering = self.snapshot.state is AuthState.REGISTERING
        if not registering:
            self._do("close", None)
        self.attempt += 1  # what the old one still says is late
        state = AuthState.REGISTERING if registering else AuthState.CONNECTING
        self._set(state, failure=self._public(failure), changing=False)
        self._wait(wait, now)
        self.snapshot = replace(self.snapshot, retry_at_ns=self.deadline)

    def _fail(self, failure: AuthFailure) -> None:
        failure = self._public(failure)
        self._let_go(done=self.last is AuthInput.REGISTRATION_FAILED)
        self._set(AuthState.FAILED, client_id=None, failure=failure, changing=False)

    def _logged_in(self) -> None:
        self._proved = True
        if not self._retry.after_loss:
            self._forget()
        self._start_anew()
        self._set(AuthState.ACTIVE, failure=None)

    def _changed(self, status: int, text: str) -> None:
        assert self._change is not None
        failure = None
        if status == UserStatus.PASSWORD_CHANGED:
            if self._password is not None:
                self._password.become(self._change[1])  # ports have it, too
        else:
            wrong = status == UserStatus.PASSWORD_INCORRECT
            reason = AuthReason.WRONG_PASSWORD if wrong else AuthReason.PASSWORD_NOT_CHANGED
            failure = self._public(AuthFailure(reason, text))
        _wipe(self._change)
        self._change = None
        self._set(AuthState.ACTIVE, failure=failure, changing=False)

    def _lost(self, failure: AuthFailure) -> AuthFailure:
        """Return what the loss of a connection means: that depends on what was waited for."""
        if self.snapshot.changing:
            return AuthFailure(AuthReason.CHANGE_UNANSWERED, failure.text)
        if failure.reason not in RETRY_POSSIBLE or self._proved:
            return failure
        return AuthFailure(AuthReason.HUNG_UP, failure.text)

    def _knows_password(self) -> bool:
        return self._password is not None and not self._password.gone

    def _let_go(self, *, done: bool = False) -> None:
        """End what is under way. Args: done: it ended by itself."""
        state = self.snapshot.state
        if state is AuthState.REGISTERING:
            if not done:
                self._do("give_up")
        elif state.waiting or state is AuthState.ACTIVE:
            self._do("close", self.snapshot.client_id if state is AuthState.ACTIVE else None)
        self.attempt += 1
        self._forget()
        self._username = ""
        self.snapshot = replace(self.snapshot, tries=0, changing=False)

    def _forget(self) -> None:
        """Wipe all passwords."""
        _wipe(self._passwords())
        self._password = self._change = None

    def _passwords(self) -> list[Secret]:
        return [secret for secret in (self._password, *(self._change or ())) if secret is not None]

    def _public(self, failure: AuthFailure) -> AuthFailure:
        """Return a failure as it may be shown: what the other side said may have a secret in it (C23)."""
        secrets = (*self._passwords(), self.snapshot.client_id)
        fields = tuple((without(name, secrets), without(text, secrets)) for name, text in failure.fields)
        return replace(failure, text=without(failure.text, secrets), fields=fields)


def _wipe(secrets: Iterable[Secret]) -> None:
    for secret in secrets:
        secret.wipe()
