"""The sessions of one acceptor, by identity. An instance, not a global: two servers share nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fixfast.engine.live import LiveSession
from fixfast.errors import ConfigError
from fixfast.types import SessionID

__all__ = ["Registry"]


class Registry(Mapping[SessionID, LiveSession]):
    """SessionID -> LiveSession, in the order they were added, and which identities are being decided on."""

    def __init__(self) -> None:
        self._sessions: dict[SessionID, LiveSession] = {}
        self._logging_on: set[SessionID] = set()

    def __getitem__(self, identity: SessionID) -> LiveSession:
        return self._sessions[identity]

    def __iter__(self) -> Iterator[SessionID]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: LiveSession) -> None:
        """Take in a session.

        Raises: ConfigError: there is one with this identity.
        """
        if session.id in self._sessions:
            raise ConfigError("config", str(session.id), "a session that is not there yet")
        self._sessions[session.id] = session

    def remove(self, identity: SessionID) -> LiveSession:
        """Take out a session and return it.

        Raises: KeyError: there is none.
        """
        return self._sessions.pop(identity)

    def busy(self, identity: SessionID) -> bool:
        """Tell whether a connection has, or is about to get, this identity (L04)."""
        session = self._sessions.get(identity)
        return identity in self._logging_on or (session is not None and session.connected)

    def begin_logon(self, identity: SessionID) -> None:
        """Mark an identity as being decided on."""
        self._logging_on.add(identity)

    def end_logon(self, identity: SessionID) -> None:
        """Take the mark away."""
        self._logging_on.discard(identity)
