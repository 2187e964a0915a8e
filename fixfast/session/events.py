"""What a session tells its owner: frozen values without behaviour. Application messages are their own events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Garbled

__all__ = [
    "Alarm",
    "Disconnected",
    "Duplicate",
    "Event",
    "GapDetected",
    "GapFilled",
    "GarbledReceived",
    "LoggedOn",
    "LoggedOut",
    "LogonRefused",
    "LogonRequested",
    "MessagesLost",
    "Rejected",
    "Resent",
    "SequenceReset",
    "StateChanged",
]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The main state changed. `reason` is for people."""

    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True)
class LogonRequested:
    """Acceptor with `manual_logon`: answer with accept_logon() or refuse_logon(). `message` is the peer's Logon."""

    message: Message


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """The session is established.

    Attributes:
        message: the peer's Logon.
        heart_bt_int: the heartbeat interval agreed on, seconds.
        reset: both sequence numbers began again at 1 with this Logon.
    """

    message: Message
    heart_bt_int: int
    reset: bool


@dataclass(frozen=True, slots=True)
class LogonRefused:
    """A connection ended before it was a session.

    Attributes:
        reason: what happened.
        text: the peer's Text(58), or ours when we refused.
        status: SessionStatus(1409), None when there is none.
        by_us: we refused the peer's Logon (or its answer).
        reject_reason: the peer answered our Logon with a Reject(3) or BusinessMessageReject(j): its
            SessionRejectReason(373) or BusinessRejectReason(380), None where it gave none (I06).
        ref_tag: RefTagID(371) of that Reject: the tag of our Logon that it objects to.
    """

    reason: CloseReason
    text: str
    status: int | None
    by_us: bool
    reject_reason: int | None = None
    ref_tag: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session ended with a Logout: the first one had this Text(58) and SessionStatus(1409)."""

    text: str
    initiated_by_us: bool
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone. `detail` is what the transport said about it."""

    reason: CloseReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """With `report_duplicates`: a message with PossDupFlag was here already. It is not delivered, nor counted (S05)."""

    message: Message


@dataclass(frozen=True, slots=True)
class GarbledReceived:
    """Bytes that are not a message were dropped; no number was counted."""

    garbled: Garbled


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message of the peer was not delivered but rejected by us. Its number is used up, nothing else came of it.

    Attributes:
        message: the message, with its own bytes; `message.fault` is what the dictionary says of it.
        reason: SessionRejectReason(373) of our Reject(3); with `business`, BusinessRejectReason(380).
        ref_tag: RefTagID(371), None when no single tag is to blame.
        text: what is wrong, without any value.
        business: it was answered with BusinessMessageReject(j), in FIX 4.0 and 4.1 with a Reject(3).
    """

    message: Message
    reason: int
    ref_tag: int | None
    text: str
    business: bool = False


@dataclass(frozen=True, slots=True)
class GapDetected:
    """Inbound messages begin..end are missing and were asked for."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class GapFilled:
    """Nothing of begin..end is missing any more."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class MessagesLost:
    """Inbound messages begin..end (the last not always known: then None) will not come. Says why."""

    begin: int
    end: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Resent:
    """A ResendRequest for begin..end was answered with `messages` messages; the rest was gap-filled."""

    begin: int
    end: int
    messages: int


@dataclass(frozen=True, slots=True)
class SequenceReset:
    """Both sequence numbers were set back to 1.

    Attributes:
        why: "logon", "logout", "disconnect", "peer", "operator" or "schedule".
        old_next_in: the next inbound number before.
        old_next_out: the next outbound number before.
        unsent: old outbound numbers of messages that had not left this session yet. What the peer did with the
            last ones that had is unknown.
    """

    why: str
    old_next_in: int
    old_next_out: int
    unsent: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at."""

    text: str


Event: TypeAlias = (
    Message
    | StateChanged
    | LogonRequested
    | LoggedOn
    | LogonRefused
    | LoggedOut
    | Disconnected
    | Duplicate
    | GarbledReceived
    | Rejected
    | GapDetected
    | GapFilled
    | MessagesLost
    | Resent
    | SequenceReset
    | Alarm
)
