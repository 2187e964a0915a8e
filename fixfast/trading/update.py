"""What the manager tells of orders: updates of their state, and questions a person should look at. Frozen values."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from fixfast.codec.message import Message
from fixfast.trading.lifecycle import OrdStatus
from fixfast.trading.report import Report
from fixfast.trading.request import Request
from fixfast.trading.trade import Trade

if TYPE_CHECKING:
    from fixfast.trading.order import Order

__all__ = ["Doubt", "OrderUpdate", "Question", "UpdateKind"]


class UpdateKind(StrEnum):
    """What happened to an order. The first group is a report's own word, by its ExecType."""

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
    CANCEL_REJECTED = "cancel rejected"
    UNKNOWN = "unknown"

    #: a request of ours was given to the session
    SENT = "sent"
    #: a request of ours was refused by a Reject(3) or BusinessMessageReject(j), or never left us
    REQUEST_REJECTED = "request rejected"
    #: a bust or correction waits for the trade it refers to (E4.5)
    PARKED = "parked"
    #: a report that was here already: nothing changed (E4.4)
    DUPLICATE = "duplicate"
    #: a report of an order that nobody here knows (E4.10): `order` is None
    ORPHAN = "orphan"
    #: the session is gone: what happens to the order meanwhile is not known (E4.11)
    UNCERTAIN = "uncertain"
    #: ... and now it is again
    CERTAIN = "certain"
    #: the answer to a mass cancel; `order` is None
    MASS_CANCEL = "mass cancel"
    #: a new day has begun: what has ended is forgotten, ExecIDs may be used again; `order` is None
    NEW_DAY = "new day"
    #: a Replica was told of an order as it stands, not of how it came to that
    RESTORED = "restored"
    #: ... and of this order no more: it has ended, nobody here knows how; or its log was lost (Doubt.FORGOTTEN)
    FORGOTTEN = "forgotten"


class Doubt(StrEnum):
    """Why a question is asked: the broker's report is the truth, our model is the suspect."""

    #: the table of transitions does not have this one (E2)
    TRANSITION = "transition"
    #: a second report with the same ExecID says something else (E4.4); it was not applied
    CONFLICT = "conflict"
    #: CumQty, LeavesQty or OrdStatus of a report are not what the trades say (E4.1, E4.2)
    QUANTITIES = "quantities"
    #: AvgPx of a report is not that of the trades (E4.1)
    AVG_PX = "avg_px"
    #: more was filled than ordered (E4.2)
    OVERFILL = "overfill"
    #: the peer knows of executions that never came here
    MISSING_FILLS = "missing fills"
    #: a report lacks a field that it needs, or has one that cannot be read
    MALFORMED = "malformed"
    #: a value that is not known here
    UNKNOWN = "unknown"
    #: nobody here knows the order
    ORPHAN = "orphan"
    #: too many busts, corrections or orphans wait; the oldest was given up
    BOUND = "bound"
    #: a status request was refused: the order stays uncertain
    UNANSWERED = "unanswered"
    #: inbound messages are lost for good
    LOST = "lost"
    #: the order log could not be made shorter
    LOG = "log"
    #: it ended on a day that is over, while nobody here was told, or its log was lost: what became of it is not known
    FORGOTTEN = "forgotten"
    #: a listener raised an exception
    LISTENER = "listener"


class Question(NamedTuple):
    """Something a person should look at.

    Attributes:
        doubt: of which kind.
        text: in words.
        order: the order it is about, None where there is none.
        report: the report that raised it.
        raw: the message, whole.
        time_ns: when, wall ns.
    """

    doubt: Doubt
    text: str
    order: Order | None
    report: Report | None
    raw: bytes
    time_ns: int


class OrderUpdate(NamedTuple):
    """One thing that happened to an order, when it has happened.

    Attributes:
        kind: what.
        order: the order, as it is now; None for orphans.
        before: its status before.
        report: the ExecutionReport, None where it was something else.
        message: the message, None where there was none. Who keeps it calls detach().
        trade: the trade that was made, or is now (a correction), or is no more (a bust).
        previous: of a correction: the trade as it was.
        request: the request of ours that this answers.
        status: the order's status after it: the order itself may have moved on when a program reads this.
    """

    kind: UpdateKind
    order: Order | None
    before: OrdStatus
    status: OrdStatus
    report: Report | None = None
    message: Message | None = None
    trade: Trade | None = None
    previous: Trade | None = None
    request: Request | None = None
