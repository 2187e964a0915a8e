"""What a book answers to a command: events, and the reasons they give. Values only.

Events are tuples with names (cheap to make, several for every trade). They refer to the BookOrder itself, which goes on
changing: what an order had filled and left *at the time of an event* (`cum`, `leaves`) stands in the event.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple, TypeAlias

from fixfast.exchange.matching.book_order import BookOrder

__all__ = [
    "Accepted",
    "Busted",
    "CancelReason",
    "Cancelled",
    "Corrected",
    "Event",
    "Expired",
    "Filled",
    "HaltReason",
    "Phase",
    "PhaseChanged",
    "Refusal",
    "Refused",
    "Replaced",
    "RestateReason",
    "Restated",
    "TradePrinted",
    "Triggered",
]


class Phase(StrEnum):
    """What the market is doing. In the first three but CONTINUOUS orders gather and nothing trades."""

    PRE_OPEN = "pre-open"
    OPENING_AUCTION = "opening auction"
    CONTINUOUS = "continuous"
    CLOSING_AUCTION = "closing auction"
    HALTED = "halted"  # cancels are taken, nothing else
    CLOSED = "closed"  # likewise


class Refusal(Enum):
    """Why a command was refused: nothing has changed. The value is the sentence for Text(58)."""

    DUPLICATE_ID = "the order id is in use"
    UNKNOWN_ORDER = "no such order is open"
    UNKNOWN_TRADE = "no such trade, or it is busted already"
    BAD_SIDE = "side is neither buy nor sell"
    BAD_TYPE = "order type is not supported"
    BAD_TIF = "time in force is not supported for this order type"
    BAD_QTY = "quantity is not above zero"
    OFF_LOT = "quantity is not a multiple of the lot"
    TOO_LARGE = "quantity is above the maximum"
    BAD_PRICE = "price is missing, or not allowed for this order type"
    OFF_TICK = "price is not a multiple of the tick"
    BAD_STOP = "stop price is missing, or not allowed for this order type"
    BAD_DISPLAY = "display quantity does not fit the order"
    BAD_MIN_QTY = "minimum quantity does not fit the order"
    BAD_POST_ONLY = "post only needs a limit order that may rest"
    BAD_EXPIRE = "expire time is missing, or not allowed for this time in force"
    EXPIRED = "expire time has passed"
    PRICE_BAND = "price is outside of the price band"
    WOULD_TAKE = "a post-only order would trade at once"
    BELOW_FILLED = "quantity is not above what is filled"
    NOT_CONTINUOUS = "only taken in continuous trading"
    TOO_LATE = "too late for this auction"
    NOT_RESTING = "an order that cannot rest is not taken back"
    HALTED = "trading is halted"
    CLOSED = "the market is closed"


class CancelReason(Enum):
    """Why an order, or what was left of it, is gone."""

    REQUESTED = "cancelled on request"
    IMMEDIATE = "immediate or cancel"
    FILL_OR_KILL = "fill or kill: not all of it could be filled"
    NO_LIQUIDITY = "market order: nothing left to trade with"
    MIN_QTY = "minimum quantity could not be filled"
    SELF_TRADE = "self-trade prevention"
    POST_ONLY = "post only: it would have traded at once"
    PRICE_BAND = "price is outside of the price band"


class RestateReason(Enum):
    """Why the quantity of an order changed unasked."""

    SELF_TRADE = "self-trade prevention"
    BUST = "trade busted"
    REINSTATED = "reinstated"


class HaltReason(Enum):
    """Why a phase changed."""

    COMMAND = "by command"
    PRICE_BAND = "a trade outside of the price band was about to happen"


class Accepted(NamedTuple):
    """An order is taken. Always the first event of its order, with `qty` as it was given."""

    order: BookOrder
    qty: int


class Refused(NamedTuple):
    """A command is refused, and nothing has changed. `ref`: the order id, or the trade id of a bust."""

    ref: int
    reason: Refusal
    order: BookOrder | None = None


class Filled(NamedTuple):
    """One side of a trade. `contra`: the other order; `aggressor`: this order came in and took (not in auctions)."""

    order: BookOrder
    trade_id: int
    qty: int
    px: int
    contra: BookOrder
    aggressor: bool
    cum: int
    leaves: int


class TradePrinted(NamedTuple):
    """A trade as the public sees it, after its two Filled. `aggressor`: +1 buyer, -1 seller, 0 auction."""

    trade_id: int
    px: int
    qty: int
    aggressor: int


class Cancelled(NamedTuple):
    """An order is gone; `qty` was cancelled of it."""

    order: BookOrder
    reason: CancelReason
    qty: int
    cum: int


class Expired(NamedTuple):
    """An order has come to the end of its time in force; `qty` was left of it."""

    order: BookOrder
    qty: int
    cum: int


class Replaced(NamedTuple):
    """An order has new values. With `leaves` 0 it is filled: the new quantity was not above what is filled (E4.9)."""

    order: BookOrder
    qty: int
    price: int | None
    stop_px: int | None
    display: int | None
    cum: int
    leaves: int
    kept_priority: bool


class Restated(NamedTuple):
    """An open order has another quantity, unasked."""

    order: BookOrder
    reason: RestateReason
    qty: int
    cum: int
    leaves: int


class Triggered(NamedTuple):
    """A stop order has gone off; from now on it is a market or limit order."""

    order: BookOrder


class Busted(NamedTuple):
    """A trade is undone for one of its sides: `cum` is what remains filled. The book gets nothing back."""

    order: BookOrder
    trade_id: int
    qty: int
    px: int
    cum: int
    leaves: int


class Corrected(NamedTuple):
    """A trade has another price: `before` is the one it had. No order changes."""

    trade_id: int
    qty: int
    before: int
    px: int


class PhaseChanged(NamedTuple):
    """The market goes on in another phase; `px` and `qty` are those of the auction that ended here, if one did."""

    before: Phase
    after: Phase
    reason: HaltReason = HaltReason.COMMAND
    px: int | None = None
    qty: int = 0


Event: TypeAlias = (
    Accepted
    | Refused
    | Filled
    | TradePrinted
    | Cancelled
    | Expired
    | Replaced
    | Restated
    | Triggered
    | Busted
    | Corrected
    | PhaseChanged
)
