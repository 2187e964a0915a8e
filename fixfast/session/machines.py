"""The machines beside the main state: what else a session is in the middle of, as tables.

Each is an object of the session that comes and goes whatever the main state is: the gap, the replay, the test request,
the reset, the window of the schedule. The tables say what may follow what, seen between two messages or calls; `read`
tells where a session stands. docs/state-machine.md is drawn from them by `python -m fixfast.session.machines`; a test
watches sessions at work: what they do is in the tables, and all that is in the tables they do.
"""

# ruff: noqa: SLF001  (these functions look at a session's parts, and change nothing)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixfast.session.state import mermaid

if TYPE_CHECKING:
    from fixfast.session.core import SessionCore

__all__ = ["MACHINES", "Machine", "page"]


@dataclass(frozen=True, slots=True)
class Machine:
    """One of the machines.

    Attributes:
        name: a heading.
        what: where it lives, and what for.
        states: each with its meaning; the first is the one at the start.
        transitions: state -> {next state: what makes it so}.
        read: a session -> the state it is in.
    """

    name: str
    what: str
    states: dict[str, str]
    transitions: dict[str, dict[str, str]]
    read: Callable[[SessionCore], str]


def _gap(session: SessionCore) -> str:
    gap = session._gap
    if gap is None:
        return "COMPLETE"
    return "ASKED_AGAIN" if gap.repeated else "MISSING"


def _replay(session: SessionCore) -> str:
    replay = session._outbox.replay
    if replay is None:
        return "IDLE"
    return "MORE_TO_COME" if replay.queue else "RESENDING"


def _liveness(session: SessionCore) -> str:
    live = session._live
    if not live.interval:
        return "OFF"
    if live.test_id is None:
        return "HEARING"
    return "SILENCE" if live.waiting else "HEARD"


def _reset(session: SessionCore) -> str:
    reset = session._reset
    if reset is None:
        return "NONE"
    if reset.logon_sent:
        return "LOGON_SENT"
    return "ROUND_TRIP" if reset.test_id else "READY"


def _schedule(session: SessionCore) -> str:
    hours = session._hours
    if hours is None or hours.current is None:
        return "UNKNOWN"
    wall_ns = session._now.wall_ns
    window = hours.due(wall_ns)
    if window.id > hours.current:
        return "OVER"
    if window.id < hours.current:
        return "AHEAD"
    return "OPEN" if window.start_ns <= wall_ns else "BEFORE"


_GONE = "the connection is gone"

MACHINES = (
    Machine(
        "What we miss",
        "`Gap`, at most one, with at most one ResendRequest unanswered (S02, S03, G04-G09). In the main state, ACTIVE "
        "becomes RECOVERING while there is one.",
        {
            "COMPLETE": "nothing is missing",
            "MISSING": "inbound messages are missing; they were asked for, or the peer knows by our 789 (N08)",
            "ASKED_AGAIN": "no progress in time: they were asked for once more",
        },
        {
            "COMPLETE": {"MISSING": "MsgSeqNum too high"},
            "MISSING": {
                "COMPLETE": f"the last of them came, a reset, or {_GONE}",
                "ASKED_AGAIN": "no progress in time (G08)",
            },
            "ASKED_AGAIN": {
                "MISSING": "the next one came, others are still missing",
                "COMPLETE": f"the last of them came, a reset, or {_GONE}",
            },
        },
        _gap,
    ),
    Machine(
        "What the peer misses",
        "`Replay`, the answer to ResendRequests, in batches as the transport takes them (P12, P16). New messages wait "
        "behind it.",
        {
            "IDLE": "nothing is being resent",
            "RESENDING": "a range is being resent",
            "MORE_TO_COME": "and more ranges were asked for meanwhile",
        },
        {
            "IDLE": {"RESENDING": "ResendRequest, or a 789 below our numbers (N05)"},
            "RESENDING": {
                "IDLE": f"done, and what waited goes out; or we end the session, or {_GONE}",
                "MORE_TO_COME": "another ResendRequest",
            },
            "MORE_TO_COME": {
                "RESENDING": "one range is done, the last one begins",
                "IDLE": f"we end the session, or {_GONE}",
            },
        },
        _replay,
    ),
    Machine(
        "Is the peer alive",
        "`Liveness`, by the monotonic clock only (H01-H08). Silence for 1.2 HeartBtInt asks, as much again ends the "
        "session.",
        {
            "OFF": "no session, or HeartBtInt is 0 (L17)",
            "HEARING": "the peer is heard, or may still be silent",
            "SILENCE": "a TestRequest went out and nothing came since",
            "HEARD": "something came since, but not the Heartbeat that was asked for",
        },
        {
            "OFF": {"HEARING": "logged on, HeartBtInt above 0"},
            "HEARING": {"SILENCE": "1.2 HeartBtInt without a message (H04)", "OFF": _GONE},
            "SILENCE": {
                "HEARING": "the Heartbeat with our TestReqID (H05), or a reset",
                "HEARD": "any other message",
                "OFF": f"{_GONE}; after as much silence again, we end it (H07)",
            },
            "HEARD": {
                "HEARING": "the Heartbeat with our TestReqID, or a reset",
                "SILENCE": "1.2 HeartBtInt without a message again",
                "OFF": _GONE,
            },
        },
        _liveness,
    ),
    Machine(
        "Our own sequence reset",
        "`ResetInProgress`: both numbers begin at 1 while logged on (R04-R06), or with an initiator's first Logon "
        "(R10). A reset of the peer's is answered at once and needs no memory.",
        {
            "NONE": "no reset of ours is under way",
            "ROUND_TRIP": "a TestRequest is out: is all of the old numbers dealt with?",
            "READY": "it is answered; something is still missing on a side, or not written yet",
            "LOGON_SENT": "our Logon with ResetSeqNumFlag(141) is out; nothing else is sent",
        },
        {
            "NONE": {"ROUND_TRIP": "reset()", "LOGON_SENT": "initiator: a first Logon with 141=Y"},
            "ROUND_TRIP": {
                "READY": "the Heartbeat, but something is missing",
                "LOGON_SENT": "the Heartbeat, and nothing is missing: next epoch",
                "NONE": f"too late, the peer was first, Logout, or {_GONE}",
            },
            "READY": {
                "LOGON_SENT": "nothing is missing: next epoch",
                "NONE": f"too late, the peer was first, Logout, or {_GONE}",
            },
            "LOGON_SENT": {"NONE": f"the answer, none in time, or {_GONE}"},
        },
        _reset,
    ),
    Machine(
        "The window of our numbers",
        "`Hours`, with `SessionConfig.schedule` (D01-D14). Windows are compared by their dates, never by instants.",
        {
            "UNKNOWN": "nothing was numbered yet, or there is no schedule (or one that never ends, D06)",
            "BEFORE": "the window opens later: no Logon yet (L26)",
            "OPEN": "the window is open",
            "OVER": "the window is over: Logout, disconnect, then the next epoch (D09)",
            "AHEAD": "our clock was set back to an earlier window: nothing happens (D12)",
        },
        {
            "UNKNOWN": {
                "OPEN": "connected inside a window",
                "BEFORE": "connected, or a message stored, between windows",
            },
            "BEFORE": {
                "OPEN": "it opens",
                "OVER": "it passed while nobody looked",
                "AHEAD": "the clock was set back",
            },
            "OPEN": {
                "OVER": "it ends",
                "BEFORE": "it ended and the next epoch began at once; or the clock was set back",
                "AHEAD": "the clock was set back",
            },
            "OVER": {
                "OPEN": "the next epoch, inside a window; or the clock was set back",
                "BEFORE": "the next epoch, between windows",
            },
            "AHEAD": {
                "OPEN": "the clock comes back to it",
                "BEFORE": "the clock comes back to just before it",
            },
        },
        _schedule,
    ),
)


def page() -> str:
    """Return docs/state-machine.md: the main table, then the machines beside it, as Mermaid diagrams and tables."""
    lines = [
        mermaid(),
        "# The machines beside it",
        "",
        "Drawn from `MACHINES` in `fixfast/session/machines.py`. They come and go whatever the main state is; a test",
        "watches sessions at work, finds every transition here, and each of these at work.",
    ]
    for machine in MACHINES:
        first = next(iter(machine.states))
        lines += [
            "",
            f"## {machine.name}",
            "",
            machine.what,
            "",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {first}",
        ]
        lines += [
            f"    {old} --> {new}: {_plain(why)}"
            for old, row in machine.transitions.items()
            for new, why in row.items()
        ]
        lines += ["```", "", "| state | meaning | next | when |", "|---|---|---|---|"]
        for old, meaning in machine.states.items():
            for new, why in machine.transitions[old].items():
                lines.append(f"| {old} | {meaning} | {new} | {why} |")
                old = meaning = ""
    return "\n".join(lines) + "\n"


def _plain(why: str) -> str:
    """Return a label as Mermaid can take it."""
    return why.replace(";", ",").replace(":", " -")


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
