"""What a Launcher says and hears: to front ends about sessions, to Backends about their lives."""

from __future__ import annotations

import msgspec

from fixfast.service.messages.base import Message

__all__ = [
    "Grant", "ListSessions", "Ready", "Revoke", "SessionInfo", "SessionStatus", "Sessions", "Stop", "StopSession",
]  # fmt: skip


class ListSessions(Message, frozen=True, tag="list_sessions"):
    """Tell of the sessions of the account, or of all where an administrator's key was shown. Answered by Sessions.

    Attributes:
        id: of this command.
    """

    id: int


class StopSession(Message, frozen=True, tag="stop_session"):
    """End a session's Backend.

    Attributes:
        id: of this command.
        session: which.
        orders: "leave" or "cancel".
    """

    id: int
    session: str
    orders: str = "leave"


class SessionInfo(msgspec.Struct, frozen=True):
    """One session of a Launcher.

    Attributes:
        session: its id.
        account: whose it is.
        state: "starting", "running", "restarting", "stopping" or "failed".
        pid: of its Backend; 0: there is none just now.
        started_ns: when that was started, wall ns.
        restarts: how often it was started again.
        front_ends: how many are connected.
        text: why it failed, for people.
    """

    session: str
    account: str
    state: str
    pid: int
    started_ns: int
    restarts: int
    front_ends: int
    text: str = ""


class Sessions(Message, frozen=True, tag="sessions"):
    """The answer to ListSessions.

    Attributes:
        id: of the command.
        sessions: a SessionInfo of each.
    """

    id: int
    sessions: list[SessionInfo]


class Ready(Message, frozen=True, tag="ready"):
    """A Backend listens.

    Attributes:
        pid: its own.
        address: as in Granted.
    """

    pid: int
    address: str


class Grant(Message, frozen=True, tag="grant"):
    """Let the holder of this token in. Answered by Done.

    Attributes:
        id: of this command.
        token: 32 bytes.
        prefix: what the ClOrdIDs of this front end begin with.
        role: "trade"; or "read": it may only look: Resume, Subscribe, Unsubscribe, WatchMessages, Ping.
    """

    id: int
    token: bytes
    prefix: str
    role: str = "trade"

    def __repr__(self) -> str:
        return f"Grant(id={self.id}, token='***', prefix={self.prefix!r}, role={self.role!r})"


class Revoke(Message, frozen=True, tag="revoke"):
    """Let the holder of a token in no more, and end its connections. Answered by Done.

    Attributes:
        id: of this command.
        name: of the token, as in Hello.
    """

    id: int
    name: str


class Stop(Message, frozen=True, tag="stop"):
    """Finish: do with the orders what is said, log out, end. Answered by Done when it begins.

    Attributes:
        id: of this command.
        orders: "leave" or "cancel".
    """

    id: int
    orders: str = "leave"


class SessionStatus(Message, frozen=True, tag="session_status"):
    """What a Backend tells its Launcher now and then: it lives.

    Attributes:
        state: of the FIX session, as fixfast.State.
        front_ends: how many are connected.
        open_orders: how many there are.
    """

    state: str
    front_ends: int
    open_orders: int
