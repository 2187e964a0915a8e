"""What an AuthCoordinator is given: an API for accounts and a FIX session, as Protocols; and how both answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fixfast.auth.secret import Secret
from fixfast.auth.state import AuthFailure, UserRequestType
from fixfast.types import Now

__all__ = ["ApiPort", "Attempt", "SessionPort", "UserRequest"]


@dataclass(frozen=True, slots=True)
class UserRequest:
    """What a SessionPort is to ask the venue (35=BE). Nothing in it is shown by repr().

    Attributes:
        type: UserRequestType(924).
        client_id: Username(553).
        password: Password(554): the one that holds now; None: none is sent.
        new_password: NewPassword(925) of a change.
    """

    type: UserRequestType
    client_id: Secret
    password: Secret | None = None
    new_password: Secret | None = None


class Attempt(Protocol):
    """What a port answers to. Any thread may call it, once or many times, at any time.

    It belongs to one attempt: when the coordinator has gone on, what is told here is ignored, and observers hear so.
    """

    @property
    def over(self) -> bool:
        """Nobody waits for it any more."""
        ...

    def registered(self, client_id: str, now: Now) -> None: ...
    def registration_failed(self, failure: AuthFailure, now: Now) -> None: ...
    def connected(self, now: Now) -> None: ...
    def logon_refused(self, failure: AuthFailure, now: Now) -> None: ...
    def connection_lost(self, failure: AuthFailure, now: Now) -> None: ...
    def disconnected(self, failure: AuthFailure, now: Now) -> None: ...
    def user_response(self, request: UserRequestType | None, status: int, text: str, now: Now) -> None: ...


class ApiPort(Protocol):
    """A client of the registration server. Its methods return at once, and answer by the Attempt, then or later."""

    def register(self, attempt: Attempt, username: str, password: Secret) -> None:
        """Ask for an account; answer with registered() or registration_failed()."""

    def give_up(self, attempt: Attempt) -> None:
        """Stop: nobody waits for the answer any more."""


class SessionPort(Protocol):
    """A FIX session. Its methods return at once, and answer by the Attempt, then or later."""

    def open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        """Connect, and log on with client_id as SenderCompID(49).

        Answer with connected(), logon_refused() or disconnected(). Later with connection_lost() whenever the line is
        lost and will be made again without being asked, and connected() when it was; with disconnected() at the end.
        """

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        """Send a UserRequest; answer with user_response(), or with disconnected() if it cannot be sent."""

    def close(self, attempt: Attempt, client_id: Secret | None) -> None:
        """End the session, politely if it can be done. What there was of it is not there any more when open() is next
        called, or is made to wait.

        Args: client_id: the user who is logged in, to be logged off (924=2) first; None: nobody is.
        """
