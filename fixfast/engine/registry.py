"""The sessions of one acceptor, by identity. An instance, not a global: two servers share nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from fixfast.engine.authentication import on_the_wire
from fixfast.errors import ConfigError
from fixfast.types import SessionID

__all__ = ["Registry"]


class Registered(Protocol):
    """A session of any front end."""

    id: SessionID

    @property
    def connected(self) -> bool: ...


S = TypeVar("S", bound=Registered)


class Registry(Mapping[SessionID, S]):
    """SessionID -> session, in the order they were added; which identities somebody is busy with.

    Sessions differ by what is on the wire: a qualifier is ours alone, and tells no two sessions of one server apart.

    Attributes:
        made: how many of the sessions are there because somebody logged on.
    """

    def __init__(self) -> None:
        self._sessions: dict[SessionID, S] = {}
        self._by_wire: dict[tuple[str, str, str], S] = {}
        self._changing: set[tuple[str, str, str]] = set()
        self._logging_on: set[tuple[str, str, str]] = set()
        self._made: set[SessionID] = set()

    def __getitem__(self, identity: SessionID) -> S:
        return self._sessions[identity]

    def __iter__(self) -> Iterator[SessionID]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def made(self) -> int:
        return len(self._made)

    def put(self, session: S, *, made: bool = False) -> None:
        """Take in a session, inside changing()."""
        self._sessions[session.id] = self._by_wire[on_the_wire(session.id)] = session
        if made:
            self._made.add(session.id)

    def take(self, identity: SessionID) -> S:
        """Take out a session and return it.

        Raises: KeyError: there is none.
        """
        session = self._sessions.pop(identity)
        del self._by_wire[on_the_wire(identity)]
        self._made.discard(identity)
        return session

    def find(self, identity: SessionID) -> S | None:
        """Return the session that a message with this identity is for, whatever its qualifier."""
        return self._by_wire.get(on_the_wire(identity))

    def busy(self, identity: SessionID) -> bool:
        """Tell whether a connection has, or is about to get, this identity (L04), or the session comes or goes."""
        wire = on_the_wire(identity)
        session = self._by_wire.get(wire)
        return wire in self._logging_on or wire in self._changing or (session is not None and session.connected)

    @contextmanager
    def logging_on(self, identity: SessionID) -> Iterator[None]:
        """Have no second connection decided on for an identity while the block runs."""
        wire = on_the_wire(identity)
        self._logging_on.add(wire)
        try:
            yield
        finally:
            self._logging_on.discard(wire)

    @contextmanager
    def changing(self, identity: SessionID) -> Iterator[None]:
        """Have nobody else add, remove or log on to a session while the block runs: its store opens or closes.

        Raises: ConfigError: somebody does already.
        """
        wire = on_the_wire(identity)
        if wire in self._changing:
            raise ConfigError("config", str(identity), "a session that is not being added or removed at this moment")
        self._changing.add(wire)
        try:
            yield
        finally:
            self._changing.discard(wire)
