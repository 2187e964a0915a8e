"""What may be asked of sessions over a control socket: the commands, who may give them, what they answer."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from fixfast.engine.label import label
from fixfast.engine.live import LiveSession
from fixfast.errors import FixfastError

__all__ = ["COMMANDS", "Command", "Refused", "Sessions", "find", "status_of"]

#: where the sessions are looked up each time: a server's come and go
Sessions = Callable[[], Iterable[LiveSession]]

Arguments = Mapping[str, Any]


class Refused(FixfastError):
    """A command that is not done.

    Attributes: kind: "usage", "session", "denied" or "failed".
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


class Command(NamedTuple):
    """One command: the permission it takes, what it may be given, and what does it."""

    role: str  # "read" or "admin"
    arguments: dict[str, type]
    work: Callable[[LiveSession, Arguments], Awaitable[str]]


def find(sessions: Iterable[LiveSession], name: str | None, *, secret: bool = False) -> LiveSession:
    """Return the session that is meant: by its whole name, by its peer's CompID, or because there is no other.

    Raises: Refused: there is none, or more than one; with the nearest name.
    """
    there = list(sessions)
    names = {label(session.id, secret=secret): session for session in there}
    if name is None:
        if len(there) == 1:
            return there[0]
        known = ", ".join(sorted(names)) or "none"
        raise Refused("session", f"say which session is meant: there {'is' if not there else 'are'} {known}")
    if name in names:
        return names[name]
    by_peer = [] if secret else [session for session in there if session.id.target_comp_id == name]
    if len(by_peer) == 1:
        return by_peer[0]
    if by_peer:
        raise Refused("session", f"{name} is the peer of {len(by_peer)} sessions: give the whole name")
    near = difflib.get_close_matches(name, names, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise Refused("session", f"no session {name}{hint}")


def status_of(session: LiveSession, *, secret: bool = False) -> dict[str, Any]:
    """Return what is known of a session, ready for JSON."""
    stats = {key: getattr(value, "value", value) for key, value in asdict(session.stats()).items()}
    return {
        "session": label(session.id, secret=secret),
        "state": session.state.value,
        "active": session.active,
        "peer": session.peer,
        "connections": session.connections,
        "next_in": session.next_in,
        "next_out": session.next_out,
        "held_back": session.held_back,
        "error": str(session.error or session.store_error or ""),
        "stats": stats,
    }


async def _logout(session: LiveSession, given: Arguments) -> str:
    if not session.connected:
        raise Refused("failed", "the session is not connected")
    await session.logout(given.get("text", ""))
    return "logged out; it may come back by its own rules"


async def _drop(session: LiveSession, given: Arguments) -> str:
    if not session.connected:
        raise Refused("failed", "the session is not connected")
    session.drop()
    return "the connection was cut"


async def _reset(session: LiveSession, given: Arguments) -> str:
    at_once = not session.connected
    session.reset()
    return "both numbers begin at 1" if at_once else "both numbers begin at 1 when the peer has answered"


async def _set_seq(session: LiveSession, given: Arguments) -> str:
    number = given["number"]
    if session.connected:
        session.send_sequence_reset(number)
        return f"MsgSeqNum goes on with {number}; the peer was told"
    session.set_next_out(number)
    return f"MsgSeqNum goes on with {number}"


async def _resend(session: LiveSession, given: Arguments) -> str:
    last = session.next_out - 1
    session.resend(given["begin"], given.get("end", 0))
    return f"messages {given['begin']} to {given.get('end') or last} are on their way again"


#: `status` is not here: it may be asked of all sessions at once
COMMANDS = {
    "logout": Command("admin", {"text": str}, _logout),
    "drop": Command("admin", {}, _drop),
    "reset": Command("admin", {}, _reset),
    "set-seq": Command("admin", {"number": int}, _set_seq),
    "resend": Command("admin", {"begin": int, "end": int}, _resend),
}
