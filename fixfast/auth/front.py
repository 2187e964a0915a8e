"""What every front end of a login has: its coordinator to read, and what the end of a command means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fixfast.auth.accounts import failed
from fixfast.auth.coordinator import AuthCoordinator, Observer
from fixfast.auth.machine import AuthSnapshot
from fixfast.auth.messages import judged_answer, user_request
from fixfast.auth.ports import UserRequest
from fixfast.auth.secret import Secret
from fixfast.auth.state import AuthFailure, AuthState, UserRequestType
from fixfast.errors import NotActive, WrongAuthState
from fixfast.session.wire import Message

__all__ = ["SETTLED", "Front", "changed", "logged_in", "settled", "status_answer", "status_question"]

_L = TypeVar("_L")

#: Nothing is under way.
SETTLED = tuple(state for state in AuthState if not state.waiting)


class Front:
    """A front end. Attributes: coordinator: what decides."""

    coordinator: AuthCoordinator

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}>"

    @property
    def snapshot(self) -> AuthSnapshot:
        """State, client_id and failure of one moment; any thread may read them."""
        return self.coordinator.snapshot

    @property
    def state(self) -> AuthState:
        """What is going on."""
        return self.coordinator.state

    @property
    def client_id(self) -> Secret | None:
        """The client_id that is in use; `reveal()` shows it."""
        return self.coordinator.client_id

    @property
    def failure(self) -> AuthFailure | None:
        """What went wrong last; None: nothing did since the last command."""
        return self.coordinator.failure

    def observe(self, callback: Observer) -> Callable[[], None]:
        """Have `callback(update)` called for everything that happens. Returns: what ends it."""
        return self.coordinator.observe(callback)


def status_question(client_id: Secret | None, state: AuthState) -> list[tuple[int, Any]]:
    """Return the fields of a UserRequest for the status of a user. Raises: NotActive: there is none."""
    if client_id is None:
        raise NotActive(state.value)
    return user_request(UserRequest(UserRequestType.STATUS, client_id), "auth-status")


def status_answer(message: Message) -> tuple[int, str]:
    """Return UserStatus(926) and UserStatusText(927). Raises: AuthFailed: the request was rejected."""
    answer = judged_answer(message)
    if isinstance(answer, AuthFailure):
        raise failed(answer)
    return answer


def settled(call: str, snapshot: AuthSnapshot) -> Secret:
    """Return the client_id that a registration or a login ended with.

    Raises: AuthFailed; WrongAuthState: somebody called logout() meanwhile.
    """
    if snapshot.state is AuthState.FAILED and snapshot.failure is not None:
        raise failed(snapshot.failure)
    if snapshot.client_id is None:
        raise WrongAuthState(call, snapshot.state.value, "logout() was called meanwhile")
    return snapshot.client_id


def logged_in(session: _L | None, state: AuthState) -> _L:
    """Return the session of a login that succeeded. Raises: WrongAuthState: somebody called logout() meanwhile."""
    if session is None:
        raise WrongAuthState("login()", state.value, "logout() was called meanwhile")
    return session


def changed(snapshot: AuthSnapshot) -> None:
    """Return if a password was changed.

    Raises: AuthFailed; WrongAuthState: somebody called logout() meanwhile.
    """
    if snapshot.failure is not None:
        raise failed(snapshot.failure)
    if snapshot.state is not AuthState.ACTIVE:
        raise WrongAuthState("change_password()", snapshot.state.value, "logout() was called meanwhile")
