"""What may be asked of sessions over a control socket: the commands, who may give them, what they answer."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from fixfast.engine.observing.label import label
from fixfast.errors import FixfastError

__all__ = ["COMMANDS", "Command", "Refused", "Sessions", "find", "status_of"]

#: a LiveSession, of asyncio or of `ff.sync`
Session = Any
#: where they are looked up each time: a server's come and go
Sessions = Callable[[], Iterable[Session]]

Arguments = Mapping[str, Any]
#: what does a command (and may have to be awaited), and what is said when it is done
Done = tuple[Callable[[], Any], str]


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
    work: Callable[[Session, Arguments], Done]


def find(sessions: Iterable[Session], name: str | None, *, secret: bool = False) -> Session:
    """Return the session that is meant: by its whole name, by its peer's CompID, or because there is no other.

    Raises: Refused: there is none, or more than one; with the nearest name.
    """
    there = list(sessions)
    names: dict[str, Session] = {label(session.id, secret=secret): session for session in there}
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


def status_of(session: Session, *, secret: bool = False) -> dict[str, Any]:
    """Return what is known of a session, ready for JSON."""
    stats = {key: getattr(value, "value", value) for key, value in asdict(session.stats()).items()}
    return {
        "session": label(session.id, secret=secret),
        "state": session.state.value,
        "active": session.active,
        "connecting": session.connecting,
        "logon_error": str(session.logon_error or ""),
        "peer": session.peer,
        "connections": session.connections,
        "next_in": session.next_in,
        "next_out": session.next_out,
        "held_back": session.held_back,
        "error": str(session.error or session.store_error or ""),
        "stats": stats,
    }


def _logout(session: Session, given: Arguments) -> Done:
    _need_connection(session)
    return lambda: session.logout(given.get("text", "")), "logged out; it may come back by its own rules"


def _drop(session: Session, given: Arguments) -> Done:
    _need_connection(session)
    return session.drop, "the connection was cut"


def _reset(session: Session, given: Arguments) -> Done:
    when = " when the peer has answered" if session.connected else ""
    return session.reset, f"both numbers begin at 1{when}"


def _set_seq(session: Session, given: Arguments) -> Done:
    number = given["number"]
    if session.connected:
        told = f"MsgSeqNum goes on with {number}; the peer was told"
        return lambda: session.send_sequence_reset(number), told
    return lambda: session.set_next_out(number), f"MsgSeqNum goes on with {number}"


def _resend(session: Session, given: Arguments) -> Done:
    begin, end = given["begin"], given.get("end", 0)
    text = f"messages {begin} to {end or session.next_out - 1} are on their way again"
    return lambda: session.resend(begin, end), text


def _need_connection(session: Session) -> None:
    if not session.connected:
        raise Refused("failed", "the session is not connected")


#: `status` is not here: it may be asked of all sessions at once
COMMANDS = {
    "logout": Command("admin", {"text": str}, _logout),
    "drop": Command("admin", {}, _drop),
    "reset": Command("admin", {}, _reset),
    "set-seq": Command("admin", {"number": int}, _set_seq),
    "resend": Command("admin", {"begin": int, "end": int}, _resend),
}
