"""Why a connection never was logged on, for whoever decides whether to try again."""

from __future__ import annotations

from typing import NamedTuple

from fixfast.errors import LogonFailed
from fixfast.session.events import Disconnected, LogonRefused
from fixfast.session.state import CloseReason

__all__ = ["Failure"]

#: How a peer goes that does not even answer a Logon.
_HUNG_UP = (CloseReason.PEER_CLOSED.name.lower(), CloseReason.CONNECTION_LOST.name.lower())


class Failure(NamedTuple):
    """Why a connection never was logged on; `refused`: one side said no, rather than the line being down."""

    error: LogonFailed
    refused: bool

    def explained(self, lost: LogonFailed | None, *, tls: bool) -> Failure:
        """Return it with what the transport knows: why TLS failed, or what a peer that hangs up may mean by it.

        Args: lost: what the loss of the connection means, if anything. tls: it spoke TLS.
        """
        if lost is not None:
            return Failure(lost, refused=False)
        if self.error.reason not in _HUNG_UP:
            return self
        hint = "it may not know us" if tls else "it may not know us, or speak TLS on this port (tls=True)"
        error = LogonFailed(self.error.reason, f"{self.error.text or 'closed'} before our Logon was answered: {hint}")
        return Failure(error, self.refused)

    @classmethod
    def of(cls, event: LogonRefused | Disconnected) -> Failure:
        """Return what the session says of it: reason, and what the peer said (I06, I07)."""
        reason = event.reason.name.lower()
        if isinstance(event, Disconnected):
            return cls(LogonFailed(reason, event.detail), refused=False)
        error = LogonFailed(reason, event.text, event.status, event.reject_reason, event.ref_tag)
        return cls(error, refused=event.by_us or event.reason is CloseReason.LOGON_REFUSED)
