"""Where a session stands: the states, the table of legal changes, and why a connection is given up.

The diagram in docs/state-machine.md is drawn from `TRANSITIONS` by `python -m fixfast.session.machines`.

Some things are *not* states but objects beside the state, because they come and go in several of them: the gap being
filled, a replay, the test request that waits for its Heartbeat, a reset in progress, the window of the schedule; see
machines.py. (RECOVERING only makes an open gap visible, and the first test of the receive path one comparison.)
"""

from __future__ import annotations

from enum import Enum, StrEnum

__all__ = ["TRANSITIONS", "CloseReason", "State", "mermaid"]


class State(Enum):
    """The main state of a session."""

    #: no connection
    DISCONNECTED = "disconnected"
    #: connected, no Logon sent or seen yet
    CONNECTING = "connecting"
    #: initiator: our Logon is out, the answer is not in
    LOGON_SENT = "logon sent"
    #: acceptor: a Logon is in, it is being decided on
    LOGON_RECEIVED = "logon received"
    #: logged on, nothing is missing
    ACTIVE = "active"
    #: logged on, messages are missing and were asked for
    RECOVERING = "recovering"
    #: our Logout is out, the answer is not in
    LOGOUT_SENT = "logout sent"
    #: the peer's Logout is in; ours is out, or waits for a gap to be filled
    LOGOUT_RECEIVED = "logout received"
    #: nothing more is read or numbered: the transport flushes what is queued and closes
    CLOSING = "closing"

    # PERF: plain attributes set below, not properties: `active` is read for every message sent.
    active: bool
    connected: bool


for _state in State:
    _state.active = _state.name in ("ACTIVE", "RECOVERING")
    _state.connected = _state.name not in ("DISCONNECTED", "CLOSING")
del _state

_S = State

#: state -> {next state: what makes it so}. Session's one setter refuses everything else.
TRANSITIONS: dict[State, dict[State, str]] = {
    _S.DISCONNECTED: {_S.CONNECTING: "connected"},
    _S.CONNECTING: {
        _S.LOGON_SENT: "initiator: Logon sent",
        _S.LOGON_RECEIVED: "acceptor: Logon of our peer",
        _S.CLOSING: "no Logon, not ours, too late",
        _S.DISCONNECTED: "connection lost",
    },
    _S.LOGON_SENT: {
        _S.ACTIVE: "Logon answer",
        _S.LOGOUT_SENT: "answer not acceptable",
        _S.CLOSING: "refused, or no answer",
        _S.DISCONNECTED: "connection lost",
    },
    _S.LOGON_RECEIVED: {
        _S.ACTIVE: "accepted, Logon sent",
        _S.LOGOUT_SENT: "refused with a reason",
        _S.CLOSING: "refused silently",
        _S.DISCONNECTED: "connection lost",
    },
    _S.ACTIVE: {
        _S.RECOVERING: "MsgSeqNum too high",
        _S.LOGOUT_SENT: "Logout sent",
        _S.LOGOUT_RECEIVED: "Logout received",
        _S.CLOSING: "peer closed, broken stream",
        _S.DISCONNECTED: "connection lost",
    },
    _S.RECOVERING: {
        _S.ACTIVE: "gap filled",
        _S.LOGOUT_SENT: "Logout sent",
        _S.LOGOUT_RECEIVED: "Logout received",
        _S.CLOSING: "peer closed, broken stream",
        _S.DISCONNECTED: "connection lost",
    },
    _S.LOGOUT_SENT: {
        _S.CLOSING: "Logout received, or no answer",
        _S.DISCONNECTED: "connection lost",
    },
    _S.LOGOUT_RECEIVED: {
        _S.CLOSING: "peer closed, or did not",
        _S.DISCONNECTED: "connection lost",
    },
    _S.CLOSING: {_S.DISCONNECTED: "connection closed"},
}


class CloseReason(StrEnum):
    """Why a session gives up its connection. `LOGOUT` is the only clean one."""

    LOGOUT = "logged out"
    LOGOUT_TIMEOUT = "no answer to our Logout"
    PEER_CLOSED = "the peer closed the connection"
    CONNECTION_LOST = "the connection was lost"
    LOCAL = "closed by the application"
    NOT_LOGON = "the first message was not a Logon"
    LOGON_TIMEOUT = "no Logon in time"
    LOGON_UNDECIDED = "the Logon was not decided on in time"
    LOGON_REFUSED = "the Logon was refused"
    LOGON_INVALID = "the Logon was not acceptable"
    IDENTITY = "not the peer of this session"
    GARBLED = "garbled messages"
    TOO_LARGE = "a message above the maximum size"
    MSG_SEQ_NUM = "a message without a valid MsgSeqNum"
    SEQUENCE_TOO_LOW = "MsgSeqNum too low"
    NEXT_EXPECTED = "the peer expects messages that were never sent"
    SEQUENCE_JUMP = "MsgSeqNum out of bounds"
    BEGIN_STRING = "wrong BeginString"
    COMP_ID = "wrong SenderCompID or TargetCompID"
    SENDING_TIME = "SendingTime out of bounds"
    HEARTBEAT_TIMEOUT = "the peer is silent"
    RESEND_TIMEOUT = "missing messages were not resent"
    REQUESTED_AGAIN = "the peer requested the same messages again and again"
    RESET_REFUSED = "the sequence reset was not answered with one"
    TOO_MANY_REJECTS = "too many messages of the peer had to be rejected"
    UNEXPECTED_LOGON = "a second Logon"
    SLOW_CONSUMER = "the peer does not read what we send"
    SCHEDULE = "outside the hours of the session's schedule"
    STORE = "the message store failed"


def mermaid() -> str:
    """Return the transition table as a Mermaid state diagram, and again as a table, in Markdown."""
    lines = [
        "# The states of a session",
        "",
        "Drawn from `TRANSITIONS` in `fixfast/session/state.py` by `python -m fixfast.session.machines`; do not edit.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {State.DISCONNECTED.name}",
    ]
    for old, targets in TRANSITIONS.items():
        lines += [f"    {old.name} --> {new.name}: {why}" for new, why in targets.items()]
    lines += ["```", "", "| state | next | when |", "|---|---|---|"]
    for old, targets in TRANSITIONS.items():
        lines += [f"| {old.name} | {new.name} | {why} |" for new, why in targets.items()]
    return "\n".join(lines) + "\n"
