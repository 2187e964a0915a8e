"""The FIX of a login, without I/O: UserRequest (35=BE), UserResponse (35=BF), the Logon, and what failures mean."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from fixfast.auth.ports import UserRequest
from fixfast.auth.secret import Secret, without
from fixfast.auth.state import LOGGED_OFF, AuthFailure, AuthReason
from fixfast.engine.observing.label import hashed
from fixfast.errors import ConfigError, FixfastError, GaveUp, LogonFailed, NotActive
from fixfast.session.config import LogonContext, SessionConfig
from fixfast.session.wire import Message
from fixfast.types import SessionID

__all__ = [
    "Veil", "client_config", "credentials", "failure_of", "judged_answer", "logged_off", "overlaid", "user_request",
]  # fmt: skip

#: Versions without UserRequest, or without 553 and 554 on Logon: the overlay `auth` adds what is missing.
_WITHOUT = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3")

#: SessionStatus(1409) of a Logout that refuses a Logon
_STATUS = {
    5: AuthReason.WRONG_PASSWORD,
    6: AuthReason.ACCOUNT_LOCKED,
    7: AuthReason.NOT_NOW,
    8: AuthReason.PASSWORD_EXPIRED,
}
#: LogonFailed.reason -> what it means here, and whether the peer said no
_REASONS = {
    **dict.fromkeys(("connect", "connect_timeout", "proxy"), AuthReason.UNREACHABLE),
    "tls": AuthReason.TLS,
    "logon_timeout": AuthReason.UNANSWERED,
    **dict.fromkeys(("peer_closed", "connection_lost"), AuthReason.HUNG_UP),
}
#: The loggers that tell of sessions.
_LOGGERS = ("fixfast.engine", "fixfast.application", "fixfast.transport", "fixfast.service")


def user_request(request: UserRequest, request_id: str) -> list[tuple[int, Any]]:
    """Return the fields of a UserRequest (35=BE). Hand them on at once: they have the password.

    Raises: LocalProtocolError: its secrets were forgotten meanwhile.
    """
    fields: list[tuple[int, Any]] = [(923, request_id), (924, int(request.type)), (553, request.client_id.reveal())]
    fields += [(554, request.password.reveal())] if request.password is not None else []
    return fields + ([(925, request.new_password.reveal())] if request.new_password is not None else [])


def judged_answer(message: Message) -> tuple[int, str] | AuthFailure:
    """Return UserStatus(926) and UserStatusText(927) of an answer to a UserRequest; a failure if it is a reject (3, j).

    A 926 that is not there, or no number, is 0.
    """
    if message.msg_type == "BF":
        status = message.get(926) or ""
        return int(status) if status.isascii() and status.isdigit() else 0, message.get(927) or ""
    return AuthFailure(AuthReason.NOT_SUPPORTED, message.get(58) or "")


def logged_off(message: Message) -> tuple[int, str] | None:
    """Return UserStatus and UserStatusText of an unasked UserResponse that logs the user off; None: it does not.

    Nor does an old one (43=Y): the user has logged in again since.
    """
    answer = judged_answer(message)
    if isinstance(answer, AuthFailure) or answer[0] not in LOGGED_OFF or message.get(43) == "Y":
        return None
    return answer


def failure_of(error: BaseException) -> tuple[AuthFailure, bool]:
    """Return why there is no session, and whether the peer refused the Logon. The text is not fit to be shown yet."""
    if isinstance(error, GaveUp) and isinstance(error.__cause__, LogonFailed):
        failure, refused = failure_of(error.__cause__)
        return replace(failure, text=f"{error}: {failure.text}" if failure.text else str(error)), refused
    if isinstance(error, GaveUp):
        return AuthFailure(AuthReason.CONNECTION_LOST, str(error)), False
    if isinstance(error, NotActive):
        return AuthFailure(AuthReason.CONNECTION_LOST, "closed"), False
    if isinstance(error, LogonFailed):
        reason = _STATUS.get(error.status or 0) or _REASONS.get(error.reason)
        if reason is None:
            locked = "locked" in error.text.lower()
            reason = AuthReason.ACCOUNT_LOCKED if locked else AuthReason.LOGON_REFUSED
        return AuthFailure(reason, error.text), error.reason not in _REASONS
    text = str(error) if isinstance(error, FixfastError) else ""
    return AuthFailure(AuthReason.INTERNAL, f"{type(error).__name__}: {text}" if text else type(error).__name__), False


def overlaid(config: SessionConfig) -> SessionConfig:
    """Return the options with a dictionary that has UserRequests, where the version's own has none: FIX.4.2+auth."""
    if config.dictionary is not None or config.begin_string not in _WITHOUT:
        return config
    return replace(config, dictionary=f"{config.begin_string}+auth")


def client_config(config: SessionConfig, client_id: Secret, password: Secret | None) -> SessionConfig:
    """Return the options of a client's session: SenderCompID(49) is its client_id, which neither repr nor logs show.

    Args:
        config: those of all clients; its sender_comp_id counts for nothing.
        password: on each Logon, with the client_id as Username(553); None: neither is. Read when the Logon is made.
    """
    options = {name: getattr(config, name) for name in SessionConfig.__dataclass_fields__ if name != "_"}
    options["sender_comp_id"] = client_id.reveal()
    if password is not None:
        options["logon"] = credentials(config.logon, lambda: (client_id.reveal(), password.reveal()))
    try:
        return _ClientConfig(**options)
    except ConfigError as error:
        raise ConfigError(error.name, "***", error.allowed) from None


def credentials(
    given: Callable[[LogonContext], Iterable[tuple[int, Any]]] | None, read: Callable[[], tuple[str, str]]
) -> Callable[[LogonContext], Iterable[tuple[int, Any]]]:
    """Return a SessionConfig.logon that adds Username(553) and Password(554), as they are when a Logon is made.

    Args: given: what adds more; None: nothing. read: returns both; an empty one is left out.
    """

    def logon(context: LogonContext) -> Iterable[tuple[int, Any]]:
        ours = [(tag, value) for tag, value in zip((553, 554), read(), strict=True) if value]
        return ours if given is None else [*ours, *given(context)]

    return logon


class _ClientID(SessionID):
    """A SessionID whose SenderCompID is shown as a hash, that of wire logs with secret_comp_ids."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(SessionID(self.begin_string, hashed(self.sender_comp_id), self.target_comp_id, self.qualifier))

    def __repr__(self) -> str:
        return f"SessionID({str(self)!r})"


class _ClientConfig(SessionConfig):
    """A SessionConfig whose sender_comp_id is a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<SessionConfig {self.session_id}>"

    @property
    def session_id(self) -> SessionID:
        return _ClientID(self.begin_string, self.sender_comp_id, self.target_comp_id, self.qualifier)


class Veil(logging.Filter):
    """Masks the secrets of a session in what fixfast logs of it: a peer may repeat them in its texts.

    Args: secrets: looked for as long as they are not wiped; may change.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        super().__init__()
        self._secrets = secrets

    def drop(self) -> None:
        """Begin."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def lift(self) -> None:
        """End."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record if it has a secret; True: it is to be logged."""
        text = record.getMessage()
        if self._shows(text):
            record.msg, record.args = without(text, self._secrets), ()
        for name, value in list(vars(record).items()):
            if isinstance(value, str) and name != "msg" and self._shows(value):
                setattr(record, name, without(value, self._secrets))
        if record.exc_info and record.exc_info[1] is not None:
            trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
            if self._shows(trace):
                # Formatters take the text where there is no exception: it must not be written out again.
                record.exc_text, record.exc_info = (
                    f"{type(record.exc_info[1]).__name__}, with a secret in its text",
                    None,
                )
        return True

    def _shows(self, text: str) -> bool:
        return any(secret.hidden_in(text) is not text for secret in self._secrets)
