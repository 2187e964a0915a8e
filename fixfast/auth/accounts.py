"""What a registration server is asked, and what its answers mean: sans-IO, the same for every HTTP client.

POST /accounts registers, GET /accounts/me tells of an account. docs/auth.md has the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from fixfast.auth.secret import Secret, without
from fixfast.auth.state import AuthFailure, AuthReason
from fixfast.errors import AuthFailed, ConfigError

__all__ = [
    "LONGEST",
    "Account",
    "Answer",
    "failed",
    "judged_account",
    "judged_registration",
]

#: Bytes of an answer; more is not read. Ours have some hundred.
LONGEST = 64 << 10

#: status of a refused registration -> why. What is not here is an answer that cannot be used.
_REFUSED = {
    409: AuthReason.USERNAME_TAKEN,
    400: AuthReason.INVALID,
    422: AuthReason.INVALID,
    429: AuthReason.TOO_MANY_REQUESTS,
    503: AuthReason.API_BUSY,
    # What is in front of the server does not know what became of the request.
    **dict.fromkeys((500, 502, 504), AuthReason.API_UNANSWERED),
}
_NO_PROFILE = {
    401: AuthReason.WRONG_PASSWORD,
    404: AuthReason.UNKNOWN_USER,
    423: AuthReason.ACCOUNT_LOCKED,
    429: AuthReason.TOO_MANY_REQUESTS,
    **dict.fromkeys((500, 502, 503, 504), AuthReason.API_BUSY),
}


@dataclass(frozen=True, slots=True)
class Account:
    """What a registration server tells of an account.

    Attributes: client_id: SenderCompID(49) of its sessions. username: as registered. created: when, as the server says.
    """

    client_id: Secret
    username: str
    created: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Attributes: status. headers: with names in lower case. body: LONGEST bytes at most."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def judged_registration(answer: Answer) -> str | AuthFailure:
    """Return the client_id that was issued, or why there is none."""
    said = _said(answer)
    if answer.status == 201 and isinstance(said.get("client_id"), str):
        return str(said["client_id"])
    if answer.status in (200, 201):
        return AuthFailure(AuthReason.API_ERROR, f"HTTP {answer.status} without a client_id")
    return _failure(answer, said, _REFUSED)


def judged_account(answer: Answer) -> Account | AuthFailure:
    """Return the account, or why it is not shown."""
    said = _said(answer)
    if answer.status == 200:
        known = {name: said.get(name) for name in ("client_id", "username", "created")}
        client_id, username, created = known.values()
        if isinstance(client_id, str) and isinstance(username, str) and isinstance(created, str | int | float | None):
            try:
                return Account(Secret(client_id, "client_id"), username, str(created or ""))
            except ConfigError:
                pass
        return AuthFailure(AuthReason.API_ERROR, "HTTP 200 without client_id and username")
    return _failure(answer, said, _NO_PROFILE)


def failed(failure: AuthFailure) -> AuthFailed:
    """Return the exception that tells of a failure."""
    return AuthFailed(str(failure), failure.reason, failure.text, failure.fields, failure.retry_after)


# --- inside --------------------------------------------------------------------------------------------------


def _said(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer, an empty one where there is none."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _failure(answer: Answer, said: dict[str, Any], reasons: Mapping[int, AuthReason]) -> AuthFailure:
    error = said.get("error")
    error = error if isinstance(error, dict) else {}
    reason = reasons.get(answer.status, AuthReason.API_ERROR)
    text = error.get("message")
    text = text if isinstance(text, str) else ""
    if reason is AuthReason.API_ERROR:
        moved = answer.headers.get("location", "") if 300 <= answer.status < 400 else ""
        text = f"HTTP {answer.status}" + (f", moved to {moved}" if moved else "") + (f": {text}" if text else "")
    return AuthFailure(reason, without(text, ()), _fields(error), _retry_after(answer.headers))


def _fields(error: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what is wrong with which field of what was entered."""
    fields = error.get("fields")
    if not isinstance(fields, dict):
        return ()
    pairs = [(name, text) for name, text in fields.items() if isinstance(text, str)]
    return tuple((without(name, ()), without(text, ())) for name, text in pairs[:20])


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds. A date is read by the server's own clock, its Date header."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, wait.total_seconds())
    except (TypeError, ValueError):
        return None
