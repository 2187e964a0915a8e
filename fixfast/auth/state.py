"""Where a login stands: the states, what each input does in each of them, and why it failed.

Every (state, input) pair is in `TRANSITIONS`. docs/auth.md shows it; `python -m fixfast.auth.state` draws that part of
the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

__all__ = [
    "LOGGED_OFF",
    "RETRIED",
    "RETRY_POSSIBLE",
    "TRANSITIONS",
    "AuthFailure",
    "AuthInput",
    "AuthReason",
    "AuthState",
    "Ignored",
    "Moves",
    "Refused",
    "UserRequestType",
    "UserStatus",
    "page",
    "reason_for",
]


class AuthState(Enum):
    """What an AuthCoordinator is doing."""

    #: nothing; after a registration, the client_id is known
    DISCONNECTED = "Disconnected"
    #: the registration server was asked for an account, or will be again after a wait
    REGISTERING = "Registering"
    #: a FIX session is being logged on (35=A), or will be again after a wait
    CONNECTING = "Connecting"
    #: logged on; the UserRequest (35=BE) is out
    AUTHENTICATING = "Authenticating"
    #: the user is logged in (926=1)
    ACTIVE = "Active"
    #: it came to nothing: `failure` says why
    FAILED = "Failed"

    @property
    def waiting(self) -> bool:
        """Something is under way: show a spinner. Such a state always has a time-out."""
        return self in (AuthState.REGISTERING, AuthState.CONNECTING, AuthState.AUTHENTICATING)


class AuthInput(Enum):
    """What can happen to an AuthCoordinator: four commands, then what its ports tell, then time."""

    REGISTER = "register_account()"
    LOGIN = "login()"
    LOGOUT = "logout()"
    CHANGE_PASSWORD = "change_password()"
    REGISTERED = "registered"
    REGISTRATION_FAILED = "registration failed"
    #: the session is logged on
    CONNECTED = "connected"
    #: the peer answered the Logon with a refusal
    LOGON_REFUSED = "logon refused"
    #: the connection was lost, and the port will make it anew by itself
    CONNECTION_LOST = "connection lost"
    #: there is no connection, and will be none unless the port is asked for one
    DISCONNECTED = "disconnected"
    USER_RESPONSE = "user response"
    TIMEOUT = "time is up"

    @property
    def command(self) -> bool:
        """It is a call of the program."""
        return self.value.endswith("()")


class UserRequestType(IntEnum):
    """UserRequestType(924)."""

    LOG_ON = 1
    LOG_OFF = 2
    CHANGE_PASSWORD = 3
    STATUS = 4


class UserStatus(IntEnum):
    """UserStatus(926)."""

    LOGGED_IN = 1
    NOT_LOGGED_IN = 2
    USER_NOT_RECOGNISED = 3
    PASSWORD_INCORRECT = 4
    PASSWORD_CHANGED = 5
    OTHER = 6


class AuthReason(StrEnum):
    """Why it failed. The value is for programs; `sentence` is for people."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> AuthReason:
        made = str.__new__(cls, value)
        made._value_ = value
        made.sentence = sentence
        return made

    # the registration server
    USERNAME_TAKEN = "username_taken", "This user name is taken; choose another one."
    INVALID = "invalid", "The registration server does not accept what was entered."
    TOO_MANY_REQUESTS = "too_many_requests", "The registration server asks us to come back later."
    API_UNREACHABLE = "api_unreachable", "The registration server cannot be reached."
    API_TLS = "api_tls", "The registration server could not prove who it is, so nothing was sent to it."
    API_BUSY = "api_busy", "The registration server is not available at the moment."
    API_UNANSWERED = (
        "api_unanswered",
        "The registration server did not answer. The account may exist all the same: ask before you register again.",
    )
    API_ERROR = "api_error", "The registration server gave an answer that cannot be used."
    # the FIX session
    UNREACHABLE = "unreachable", "The venue cannot be reached."
    TLS = "tls", "The venue could not prove who it is, so nothing was sent to it."
    LOGON_REFUSED = "logon_refused", "The venue refused the logon."
    NOT_NOW = "not_now", "The venue does not allow logons at this time."
    CONNECTION_LOST = "connection_lost", "The connection to the venue was lost."
    HUNG_UP = (
        "hung_up",
        "The venue ended the connection instead of answering the login: client id or password may be wrong.",
    )
    UNANSWERED = "unanswered", "The venue did not answer the login in time."
    # the login
    WRONG_PASSWORD = "wrong_password", "The password is wrong."
    UNKNOWN_USER = "unknown_user", "The venue does not know this client id."
    ACCOUNT_LOCKED = "account_locked", "The account is locked: only the venue can unlock it."
    PASSWORD_EXPIRED = "password_expired", "The password has expired."
    LOGIN_REFUSED = "login_refused", "The venue refused the login."
    NOT_SUPPORTED = "not_supported", "The venue does not take UserRequests (35=BE): try user_request=False."
    LOGGED_OFF = "logged_off", "The venue has logged the user off."
    # changing the password
    PASSWORD_NOT_CHANGED = "password_not_changed", "The venue did not change the password."
    CHANGE_UNANSWERED = (
        "change_unanswered",
        "The venue did not say whether the password was changed: it is the old one or the new one.",
    )
    # ourselves
    INTERNAL = "internal", "Something went wrong on our side; the log says more."


_R = AuthReason

#: What RetryRules may name: nothing here says that a name or a password was wrong.
RETRY_POSSIBLE = frozenset(
    {
        _R.TOO_MANY_REQUESTS,
        _R.API_UNREACHABLE,
        _R.API_BUSY,
        _R.UNREACHABLE,
        _R.NOT_NOW,
        _R.CONNECTION_LOST,
        _R.UNANSWERED,
    }
)
#: What is tried again by default. UNANSWERED is not: a venue that is silent may have counted a wrong password.
RETRIED = RETRY_POSSIBLE - {_R.NOT_NOW, _R.UNANSWERED}

_REFUSALS = {
    UserStatus.NOT_LOGGED_IN: _R.LOGIN_REFUSED,
    UserStatus.USER_NOT_RECOGNISED: _R.UNKNOWN_USER,
    UserStatus.PASSWORD_INCORRECT: _R.WRONG_PASSWORD,
}


#: What a UserResponse that nobody asked for may say to a user who is logged in: 2, and 7 (forced) of later versions.
LOGGED_OFF = frozenset((UserStatus.NOT_LOGGED_IN, 7))


def reason_for(status: int, text: str) -> AuthReason:
    """Return why a UserResponse is a refusal.

    FIX has no code for a locked account: it is 6 (other) with a text, so the text is looked at.

    Args: status: UserStatus(926), not 1. text: UserStatusText(927).
    """
    if status in _REFUSALS:
        return _REFUSALS[UserStatus(status)]
    return _R.ACCOUNT_LOCKED if "locked" in text.lower() else _R.LOGIN_REFUSED


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """Why something failed. `str()` is a sentence to show to a person.

    Attributes:
        reason: for programs.
        text: what the other side said, fit to be shown: one line, secrets masked. Empty where it said nothing.
        fields: (name, what is wrong with it) of what was entered, where the registration server says so.
        retry_after: seconds after which the other side may be asked again, where it says so.
    """

    reason: AuthReason
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None

    def __str__(self) -> str:
        said = dict.fromkeys([self.text, *(f"{name}: {text}" for name, text in self.fields)])  # each once
        said.pop("", None)
        return f"{self.reason.sentence} ({'; '.join(said)})" if said else self.reason.sentence


# --- the table -----------------------------------------------------------------------------------------------


class Refused(str):
    """A cell: the call raises WrongAuthState, with this text."""

    __slots__ = ()


class Ignored(str):
    """A cell: nothing happens, but that observers are told. This text says why it can come."""

    __slots__ = ()


class Moves(dict[AuthState, str]):
    """A cell: the states that may follow, each with when."""

    __slots__ = ()


Cell = Refused | Ignored | Moves

_S, _I = AuthState, AuthInput

_BUSY_REGISTERING = Refused("a registration is under way; logout() gives it up")
_BUSY = Refused("a login is under way; logout() gives it up")
_IN = Refused("a user is logged in; logout() first")
_NOT_IN = Refused("nobody is logged in; login() first")
_LATE = Ignored("late: it is not waited for any more")
_NO_SESSION = Ignored("no session was asked for")
_NO_REGISTRATION = Ignored("no registration is under way")
_AGAIN = "tried again after a wait, by the RetryRules"
_PROVED = "this password was accepted before: tried again"
_START: dict[AuthInput, Cell] = {
    _I.REGISTER: Moves({_S.REGISTERING: "register_account()"}),
    _I.LOGIN: Moves({_S.CONNECTING: "login()"}),
    _I.CHANGE_PASSWORD: _NOT_IN,
    **dict.fromkeys(
        (
            _I.REGISTERED,
            _I.REGISTRATION_FAILED,
            _I.CONNECTED,
            _I.LOGON_REFUSED,
            _I.CONNECTION_LOST,
            _I.DISCONNECTED,
            _I.USER_RESPONSE,
        ),
        _LATE,
    ),
    _I.TIMEOUT: Ignored("nothing is waited for"),
}

#: state -> input -> what it does. The coordinator's one setter refuses every other change.
TRANSITIONS: dict[AuthState, dict[AuthInput, Cell]] = {
    _S.DISCONNECTED: {
        **_START,
        _I.LOGOUT: Moves({_S.DISCONNECTED: "logout(): the client_id of a registration is forgotten"}),
    },
    _S.REGISTERING: {
        _I.REGISTER: _BUSY_REGISTERING,
        _I.LOGIN: _BUSY_REGISTERING,
        _I.LOGOUT: Moves({_S.DISCONNECTED: "logout(): given up"}),
        _I.CHANGE_PASSWORD: _NOT_IN,
        _I.REGISTERED: Moves({_S.DISCONNECTED: "the account is there, and its client_id known"}),
        _I.REGISTRATION_FAILED: Moves({_S.REGISTERING: _AGAIN, _S.FAILED: "the registration failed"}),
        _I.CONNECTED: _NO_SESSION,
        _I.LOGON_REFUSED: _NO_SESSION,
        _I.CONNECTION_LOST: _NO_SESSION,
        _I.DISCONNECTED: _NO_SESSION,
        _I.USER_RESPONSE: _NO_SESSION,
        _I.TIMEOUT: Moves({_S.REGISTERING: "the wait is over", _S.FAILED: "no answer in time"}),
    },
    _S.CONNECTING: {
        _I.REGISTER: _BUSY,
        _I.LOGIN: _BUSY,
        _I.LOGOUT: Moves({_S.DISCONNECTED: "logout(): given up"}),
        _I.CHANGE_PASSWORD: _NOT_IN,
        _I.REGISTERED: _NO_REGISTRATION,
        _I.REGISTRATION_FAILED: _NO_REGISTRATION,
        _I.CONNECTED: Moves({_S.AUTHENTICATING: "logged on; UserRequest sent", _S.ACTIVE: "user_request=False"}),
        _I.LOGON_REFUSED: Moves({_S.CONNECTING: _AGAIN, _S.FAILED: "the Logon was refused"}),
        _I.CONNECTION_LOST: Ignored("there was no session yet"),
        _I.DISCONNECTED: Moves({_S.CONNECTING: _AGAIN, _S.FAILED: "no connection"}),
        _I.USER_RESPONSE: Ignored("no UserRequest is out"),
        _I.TIMEOUT: Moves({_S.CONNECTING: "the wait is over, or a new try", _S.FAILED: "no Logon in time"}),
    },
    _S.AUTHENTICATING: {
        _I.REGISTER: _BUSY,
        _I.LOGIN: _BUSY,
        _I.LOGOUT: Moves({_S.DISCONNECTED: "logout(): given up"}),
        _I.CHANGE_PASSWORD: _NOT_IN,
        _I.REGISTERED: _NO_REGISTRATION,
        _I.REGISTRATION_FAILED: _NO_REGISTRATION,
        _I.CONNECTED: Ignored("the session is logged on already"),
        _I.LOGON_REFUSED: Ignored("the Logon was answered already"),
        _I.CONNECTION_LOST: Moves({_S.CONNECTING: _PROVED, _S.FAILED: "hung up instead of an answer"}),
        _I.DISCONNECTED: Moves({_S.CONNECTING: _PROVED, _S.FAILED: "hung up instead of an answer"}),
        _I.USER_RESPONSE: Moves({_S.ACTIVE: "logged in (926=1)", _S.FAILED: "not logged in"}),
        _I.TIMEOUT: Moves({_S.CONNECTING: _AGAIN, _S.FAILED: "no UserResponse in time"}),
    },
    _S.ACTIVE: {
        _I.REGISTER: _IN,
        _I.LOGIN: _IN,
        _I.LOGOUT: Moves({_S.DISCONNECTED: "logout()"}),
        _I.CHANGE_PASSWORD: Moves({_S.ACTIVE: "UserRequest sent"}),
        _I.REGISTERED: _NO_REGISTRATION,
        _I.REGISTRATION_FAILED: _NO_REGISTRATION,
        _I.CONNECTED: Ignored("the session is logged on already"),
        _I.LOGON_REFUSED: Ignored("the Logon was answered already"),
        _I.CONNECTION_LOST: Moves({_S.CONNECTING: "the session comes back", _S.FAILED: "after_loss=False"}),
        _I.DISCONNECTED: Moves({_S.CONNECTING: _AGAIN, _S.FAILED: "the session is over"}),
        _I.USER_RESPONSE: Moves({_S.ACTIVE: "the password was changed, or not", _S.FAILED: "logged off (926=2)"}),
        _I.TIMEOUT: Moves({_S.ACTIVE: "no answer to change_password()"}),
    },
    _S.FAILED: {**_START, _I.LOGOUT: Moves({_S.DISCONNECTED: "logout(): the failure was seen"})},
}


def _cell(cell: Cell) -> str:
    if isinstance(cell, Moves):
        return "<br>".join(f"**{state.value}**: {when}" for state, when in cell.items())
    return f"{'raises' if isinstance(cell, Refused) else 'ignored'}: {cell}"


def page() -> str:
    """Return the diagram and the tables as Markdown: a part of docs/auth.md."""
    states = list(AuthState)
    lines = [
        "Drawn from `fixfast/auth/state.py` by `python -m fixfast.auth.state`; do not edit.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {AuthState.DISCONNECTED.value}",
    ]
    for state, row in TRANSITIONS.items():
        for cell in row.values():
            if isinstance(cell, Moves):
                lines += [f"    {state.value} --> {to.value}: {when}" for to, when in cell.items() if to is not state]
    lines += ["```", "", f"| input | {' | '.join(state.value for state in states)} |", "|---" * 7 + "|"]
    for one in AuthInput:
        lines.append(f"| {one.value} | {' | '.join(_cell(TRANSITIONS[state][one]) for state in states)} |")
    lines += ["", "| reason | for people | tried again |", "|---|---|---|"]
    for reason in AuthReason:
        again = "yes" if reason in RETRIED else "if asked for" if reason in RETRY_POSSIBLE else "never"
        lines.append(f"| `{reason.value}` | {reason.sentence} | {again} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
