"""Accounts and logins: a client of the registration server, FIX UserRequests, one state machine. See docs/auth.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixfast.auth.accounts import Account
    from fixfast.auth.aio import AuthClient
    from fixfast.auth.config import AuthTimeouts, RetryRules
    from fixfast.auth.coordinator import AuthCoordinator, AuthUpdate
    from fixfast.auth.machine import AuthSnapshot
    from fixfast.auth.ports import ApiPort, Attempt, SessionPort, UserRequest
    from fixfast.auth.registration import RegistrationClient, RegistrationConfig, SyncRegistrationClient
    from fixfast.auth.secret import Secret
    from fixfast.auth.sessions import SessionOptions
    from fixfast.auth.state import AuthFailure, AuthInput, AuthReason, AuthState, UserRequestType, UserStatus
    from fixfast.auth.threads import SyncAuthClient

__all__ = [
    "Account",
    "ApiPort",
    "Attempt",
    "AuthClient",
    "AuthCoordinator",
    "AuthFailure",
    "AuthInput",
    "AuthReason",
    "AuthSnapshot",
    "AuthState",
    "AuthTimeouts",
    "AuthUpdate",
    "RegistrationClient",
    "RegistrationConfig",
    "RetryRules",
    "Secret",
    "SessionOptions",
    "SessionPort",
    "SyncAuthClient",
    "SyncRegistrationClient",
    "UserRequest",
    "UserRequestType",
    "UserStatus",
]

_HOMES = {
    "Account": "accounts",
    "AuthClient": "aio",
    **dict.fromkeys(("AuthTimeouts", "RetryRules"), "config"),
    **dict.fromkeys(("AuthCoordinator", "AuthUpdate"), "coordinator"),
    "AuthSnapshot": "machine",
    **dict.fromkeys(("ApiPort", "Attempt", "SessionPort", "UserRequest"), "ports"),
    **dict.fromkeys(("RegistrationClient", "RegistrationConfig", "SyncRegistrationClient"), "registration"),
    "Secret": "secret",
    "SessionOptions": "sessions",
    "SyncAuthClient": "threads",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used first: the state machine needs neither httpx nor an engine."""
    if name not in __all__:
        raise AttributeError(f"module 'fixfast.auth' has no attribute {name!r}")
    value = getattr(import_module(f"fixfast.auth.{_HOMES.get(name, 'state')}"), name)
    globals()[name] = value
    return value
