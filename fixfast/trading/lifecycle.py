"""The life of an order, as tables: which OrdStatus may follow which, which one shows, what an ExecType does.

Everything that decides about a status is looked up here. The grid is section E2 of the requirements: appendix D of the
standard, and what is legal though not drawn there. docs/orders.md shows it; `python -m fixfast.trading.lifecycle`
draws that part of the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = [
    "ENDED",
    "EXECUTIONS",
    "EXEC_TRANS_TYPES",
    "EXEC_TYPES",
    "GOOD_TILL",
    "GUARDS",
    "PENDING",
    "PRECEDENCE",
    "STATUSES",
    "TRANSITIONS",
    "Effect",
    "OrdStatus",
    "allowed",
    "effect_of",
    "highest",
    "page",
]


class OrdStatus(StrEnum):
    """OrdStatus(39), and SENT: nothing was heard of the order yet."""

    SENT = "sent"
    PENDING_NEW = "A"
    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    PENDING_REPLACE = "E"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    EXPIRED = "C"
    CALCULATED = "B"
    ACCEPTED_FOR_BIDDING = "D"


class Effect(StrEnum):
    """What a report does to its order (E3). All but the first four change no quantity that was executed."""

    TRADE = "trade"
    CORRECT = "correct"
    BUST = "bust"
    RESTATED = "restated"
    REPLACED = "replaced"
    CANCELED = "canceled"
    STATUS = "status"
    PENDING_NEW = "pending new"
    NEW = "new"
    PENDING_CANCEL = "pending cancel"
    PENDING_REPLACE = "pending replace"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done for day"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"
    TRIGGERED = "triggered"
    #: not a report: an OrderCancelReject(9) says in which status the order is
    CANCEL_REJECTED = "cancel rejected"
    #: an ExecType that is not known here: its OrdStatus counts, and a question is asked
    UNKNOWN = "unknown"


#: What makes trades, or changes them: the only reports that change CumQty (E3).
EXECUTIONS = frozenset({Effect.TRADE, Effect.CORRECT, Effect.BUST})

#: OrdStatus(39) by its value, without an exception for one that is not known
STATUSES: dict[str, OrdStatus] = {status.value: status for status in OrdStatus}

#: E1: of several that hold, the highest is shown. (Replaced up to 4.2; its own precedence is below New's there.)
PRECEDENCE: dict[OrdStatus, int] = {
    OrdStatus.PENDING_CANCEL: 12,
    OrdStatus.PENDING_REPLACE: 11,
    OrdStatus.DONE_FOR_DAY: 10,
    OrdStatus.CALCULATED: 9,
    OrdStatus.FILLED: 8,
    OrdStatus.STOPPED: 7,
    OrdStatus.SUSPENDED: 6,
    OrdStatus.CANCELED: 5,
    OrdStatus.EXPIRED: 5,
    OrdStatus.PARTIALLY_FILLED: 4,
    OrdStatus.REPLACED: 3,
    OrdStatus.NEW: 2,
    OrdStatus.REJECTED: 2,
    OrdStatus.PENDING_NEW: 2,
    OrdStatus.ACCEPTED_FOR_BIDDING: 1,
    OrdStatus.SENT: 0,
}

#: A request of ours is shown as being dealt with.
PENDING = frozenset({OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE})

#: Nothing of the order works in the market (E4.2: LeavesQty 0). Some come back: restated, busted, replaced upwards.
ENDED = frozenset(
    {
        OrdStatus.FILLED,
        OrdStatus.DONE_FOR_DAY,
        OrdStatus.CANCELED,
        OrdStatus.REJECTED,
        OrdStatus.CALCULATED,
        OrdStatus.EXPIRED,
    }
)

#: TimeInForce(59) of orders that live for days: good till cancel, good till date
GOOD_TILL = frozenset("16")

#: ExecType(150) -> what it does (E3). 1 and 2 are fills up to 4.2, and are taken for fills wherever they come.
EXEC_TYPES: dict[str, Effect] = {
    "A": Effect.PENDING_NEW,
    "0": Effect.NEW,
    "1": Effect.TRADE,
    "2": Effect.TRADE,
    "3": Effect.DONE_FOR_DAY,
    "4": Effect.CANCELED,
    "5": Effect.REPLACED,
    "6": Effect.PENDING_CANCEL,
    "7": Effect.STOPPED,
    "8": Effect.REJECTED,
    "9": Effect.SUSPENDED,
    "B": Effect.CALCULATED,
    "C": Effect.EXPIRED,
    "D": Effect.RESTATED,
    "E": Effect.PENDING_REPLACE,
    "F": Effect.TRADE,
    "G": Effect.CORRECT,
    "H": Effect.BUST,
    "I": Effect.STATUS,
    "L": Effect.TRIGGERED,
}

#: ExecTransType(20), up to 4.2 -> what it does whatever ExecType says, which then repeats OrdStatus. 0 is not here.
EXEC_TRANS_TYPES: dict[str, Effect] = {"1": Effect.BUST, "2": Effect.CORRECT, "3": Effect.STATUS}

#: What must be the cause for the change of a cell that is legal only then: letter -> (effects, for people).
GUARDS: dict[str, tuple[frozenset[Effect], str]] = {
    "b": (frozenset({Effect.BUST, Effect.CORRECT}), "a trade is busted or corrected"),
    "u": (frozenset({Effect.BUST, Effect.CORRECT, Effect.REPLACED}), "a bust, a correction, or replaced upwards"),
    "n": (frozenset({Effect.NEW, Effect.RESTATED}), "the next day begins"),
    "r": (frozenset({Effect.RESTATED}), "reinstated"),
    "f": (frozenset({Effect.TRADE}), "a late fill"),
    "c": (frozenset({Effect.CORRECT, Effect.BUST}), "a correction"),
    "R": (frozenset({Effect.REPLACED, Effect.RESTATED, Effect.STATUS, Effect.CANCEL_REJECTED}), "a replace"),
}

#: E2. Row: the status now; column: the one reported. Y: drawn in appendix D; o: legal though not drawn; . : refused; a
#: letter of GUARDS: legal for that cause. Row and column 5 (Replaced, up to 4.2) are New by another name.
_GRID = """
        A  0  1  2  3  4  5  6  E  7  8  9  C  B
sent    o  o  o  o  .  o  R  o  o  o  o  o  o  .
A       o  Y  o  o  .  o  R  o  o  o  Y  o  o  .
0       .  Y  Y  Y  Y  o  R  Y  Y  Y  Y  o  o  o
1       .  b  Y  Y  Y  Y  R  Y  Y  o  .  o  o  o
2       .  b  u  Y  o  o  R  o  Y  .  .  .  .  o
3       .  n  Y  o  o  o  R  o  o  .  .  .  o  o
5       .  Y  Y  Y  Y  o  Y  Y  Y  Y  .  o  o  o
6       .  Y  Y  Y  o  Y  R  Y  o  o  .  o  o  .
E       .  Y  Y  Y  o  Y  R  o  Y  o  .  o  o  .
4       .  .  r  f  .  o  .  .  .  .  .  .  .  .
8       .  .  .  .  .  .  .  .  .  .  o  .  .  .
7       .  o  Y  o  o  o  R  o  o  o  .  .  o  o
9       .  o  o  o  o  o  R  o  o  .  .  o  o  .
C       .  .  f  f  .  .  .  .  .  .  .  .  o  .
B       .  .  c  c  .  .  .  .  .  .  .  .  .  o
"""


def _read_grid(text: str) -> dict[tuple[OrdStatus, OrdStatus], str]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (STATUSES[now], STATUSES[column]): cell
        for now, *cells in rows
        for column, cell in zip(head, cells, strict=True)
        if cell != "."
    }


#: (the status now, the one reported) -> a letter of the grid. What is not here is refused.
TRANSITIONS: dict[tuple[OrdStatus, OrdStatus], str] = _read_grid(_GRID)

_ANY = frozenset(Effect)
# PERF: one look-up for each report
_CAUSES: dict[tuple[OrdStatus, OrdStatus], frozenset[Effect]] = {
    pair: GUARDS[cell][0] if cell in GUARDS else _ANY for pair, cell in TRANSITIONS.items()
}


def allowed(now: OrdStatus, reported: OrdStatus, cause: Effect) -> bool:
    """Return whether a report with this effect may take an order from one status to another (E2)."""
    return cause in _CAUSES.get((now, reported), ())


def highest(statuses: Iterable[OrdStatus]) -> OrdStatus:
    """Return the status that is shown where several hold (E1): the first of the highest."""
    return max(statuses, key=PRECEDENCE.__getitem__)


def effect_of(exec_type: str | None, exec_trans_type: str | None, ord_status: str | None) -> Effect:
    """Return what a report does (E3).

    Args: exec_type: ExecType(150); None in FIX 4.0: then OrdStatus stands for it. exec_trans_type: ExecTransType(20).
    """
    if exec_trans_type is not None and exec_trans_type in EXEC_TRANS_TYPES:
        return EXEC_TRANS_TYPES[exec_trans_type]
    return EXEC_TYPES.get(exec_type or ord_status or "", Effect.UNKNOWN)


def _name(status: OrdStatus) -> str:
    return "".join(part.capitalize() for part in status.name.split("_"))


_SHOWN = tuple(status for status in OrdStatus if status is not OrdStatus.ACCEPTED_FOR_BIDDING)
_FIRST = frozenset({OrdStatus.PENDING_NEW, OrdStatus.NEW, OrdStatus.REJECTED})


def _diagram() -> list[str]:
    arrows = [
        f"    {_name(now)} --> {_name(then)}"
        for (now, then), cell in TRANSITIONS.items()
        if now is not then
        and OrdStatus.REPLACED not in (now, then)
        and (cell == "Y" or (now is OrdStatus.SENT and then in _FIRST))
    ]
    return ["```mermaid", "stateDiagram-v2", "    [*] --> Sent", *arrows, "```"]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def page() -> str:
    """Return the diagram and the tables as Markdown: a part of docs/orders.md."""
    columns = _SHOWN[1:]
    titles = {status: f"{status.value} {_name(status)}" for status in columns} | {OrdStatus.SENT: "Sent"}
    grid = [[titles[now], *(TRANSITIONS.get((now, then), "") for then in columns)] for now in _SHOWN]
    ranks = sorted(columns, key=lambda status: -PRECEDENCE[status])
    lines = [
        "Drawn from `fixfast/trading/lifecycle.py` by `python -m fixfast.trading.lifecycle`; do not edit.",
        "The diagram has what appendix D of the standard draws, and how orders begin; the table has all that is legal.",
        "",
        *_diagram(),
        "",
        "From the row to the column. Y: drawn in appendix D; o: legal; another letter: legal for that cause.",
        "",
        *_table(["", *(titles[status] for status in columns)], grid),
        "",
        *_table(["letter", "legal when"], [[letter, text] for letter, (_, text) in GUARDS.items()]),
        "",
        "Of several statuses that hold, the one with the highest precedence is shown:",
        "",
        *_table(["OrdStatus(39)", "precedence"], [[titles[status], str(PRECEDENCE[status])] for status in ranks]),
        "",
        "What a report does goes by ExecTransType(20), where it is there and not 0, else by ExecType(150):",
        "",
        *_table(["field", "effect"], [[f"20={code}", effect.value] for code, effect in EXEC_TRANS_TYPES.items()]),
        *_table([], [[f"150={code}", effect.value] for code, effect in EXEC_TYPES.items()])[2:],
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
