"""SessionStats: a snapshot of one session's numbers."""

from __future__ import annotations

from dataclasses import dataclass

from fixfast.session.state import State

__all__ = ["SessionStats"]


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What a session did since it was made. All counts but the sequence numbers begin at 0 with the Session object.

    Attributes:
        state: the main state.
        next_in, next_out: sequence numbers.
        messages_in: messages delivered to the application.
        bytes_in: received while connected, whatever they were.
        messages_out, bytes_out: handed to the transport, resent ones and the session's own included.
        resent: messages resent on request.
        duplicates: inbound messages with PossDupFlag that were here already.
        garbled: garbled stretches received.
        rejects_sent: Reject(3) messages of ours, without the application's own.
        gaps: gaps detected.
        held, held_bytes: inbound messages that wait behind a gap.
        dropped: of those, dropped for want of room.
        queued: outbound messages that wait behind a replay or a Logon.
        queued_bytes: of them and of all others that the transport has not taken yet.
        unacknowledged: events that were not taken yet.
        last_in_ns: when the last whole message came, wall clock, ns since 1970; 0: none yet.
        last_out_ns: when the last message was queued for sending, likewise.
        peer_processed: LastMsgSeqNumProcessed(369) of the peer's latest Logon or Heartbeat: how far it is with our
            messages (C12). None where it does not say.
        logons: how often the session was logged on. This and what follows is counted by an engine; a Session of your
            own has 0 there.
        rejects_in: Reject(3) and BusinessMessageReject(j) received. Not looked for by a PolledSession that only hands
            messages out: without callbacks for messages, wire log and `latency`.
        faults: messages delivered although the dictionary finds a fault in them. To look for it is to validate each
            message, so it is only done with a wire log or `latency=True`, in every front end; else this stays 0,
            whatever comes. Validation in the modes warn and reject does not count here: see `Rejected`.
        backlog: messages that wait for the program, and events of a session that is iterated over.
        throttled: messages that were refused or had to wait because of a Throttle.
        waiting: of those, how many wait now.
    """

    state: State
    next_in: int
    next_out: int
    messages_in: int
    bytes_in: int
    messages_out: int
    bytes_out: int
    resent: int
    duplicates: int
    garbled: int
    rejects_sent: int
    gaps: int
    held: int
    held_bytes: int
    dropped: int
    queued: int
    queued_bytes: int
    unacknowledged: int
    last_in_ns: int = 0
    last_out_ns: int = 0
    peer_processed: int | None = None
    logons: int = 0
    rejects_in: int = 0
    faults: int = 0
    backlog: int = 0
    throttled: int = 0
    waiting: int = 0
