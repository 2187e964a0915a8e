"""Why a connection never was logged on, for whoever decides whether to try again."""

from __future__ import annotations

from typing import NamedTuple

from fixfast.errors import LogonFailed
from fixfast.session.events import Disconnected, LogonRefused
from fixfast.session.state import CloseReason

__all__ = ["Failure"]


class Failure(NamedTuple):
    """Why a connection never was logged on; `refused`: one side said no, rather than the line being down."""

    error: LogonFailed
    refused: bool

    @classmethod
    def of(cls, event: LogonRefused | Disconnected) -> Failure:
        """Return what the session says of it: reason, and what the peer said (I06, I07)."""
        reason = event.reason.name.lower()
        if isinstance(event, Disconnected):
            return cls(LogonFailed(reason, event.detail), refused=False)
        error = LogonFailed(reason, event.text, event.status, event.reject_reason, event.ref_tag)
        return cls(error, refused=event.by_us or event.reason is CloseReason.LOGON_REFUSED)
