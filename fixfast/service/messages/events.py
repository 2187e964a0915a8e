"""What a Backend tells: answers to commands, and what happens. Exact numbers are text; times are wall ns."""

from __future__ import annotations

import msgspec

from fixfast.service.messages.base import Message

__all__ = [
    "BookNow", "CaughtUp", "Done", "Failed", "Fault", "Level", "OrderNow", "PositionNow", "Printed", "Record", "Reset",
    "StatusNow", "TradeNow", "UserAnswer", "WireMessage",
]  # fmt: skip


class Done(Message, frozen=True, tag="done"):
    """A command was carried out: what is to be sent is sent.

    Attributes:
        id: of the command.
        record: the number of the last record that says what was asked of the venue; 0: none.
    """

    id: int
    record: int = 0


class Failed(Message, frozen=True, tag="failed"):
    """A command was not carried out, and nothing has changed.

    Attributes:
        id: of the command.
        code: "invalid" (a field), "unknown" (no such order, symbol ...), "refused" (a risk check), "not_active" (no FIX
            session), "throttled", "unsupported", "duplicate" (a ClOrdID with other terms), "unanswered" (by the venue)
            or "internal".
        text: for people.
        field: which, where there is one.
    """

    id: int
    code: str
    text: str
    field: str = ""


class UserAnswer(Message, frozen=True, tag="user_answer"):
    """What the venue answered to a UserRequest; or that it has logged the user off, and nobody asked.

    Attributes:
        id: of the command; 0: there was none.
        status: UserStatus(926): 1 is logged in; 2 and 7 that nobody asked for: logged off; 0: it was not told.
        text: UserStatusText(927).
    """

    id: int
    status: int
    text: str = ""


class Record(Message, frozen=True, tag="record"):
    """One record of the order log (fixfast.trading.log).

    Attributes:
        n: its number.
        kind: one letter.
        wall_ns: when it was written.
        data: its content.
        more: this is a part of it, and what follows the next: it is longer than a frame.
    """

    n: int
    kind: str
    wall_ns: int
    data: bytes
    more: bool = False


class Reset(Message, frozen=True, tag="reset"):
    """What was asked for is not there any more: forget all. Records from `first` on follow, and give the whole state.

    As values: every order ("restored") and position as it was when the log was made shorter, and what happened since.

    Attributes:
        first: the number of the oldest record.
    """

    first: int


class CaughtUp(Message, frozen=True, tag="caught_up"):
    """All that there was has been sent; from here on it is sent as it happens.

    Attributes:
        n: the number the next record will have.
    """

    n: int


class OrderNow(Message, frozen=True, tag="order"):
    """An order after record `n`.

    Attributes:
        n: the record; 0: what there is now, as Resume(from_record=0) asks for it.
        what: what happened to it, as fixfast.UpdateKind; "restored": nothing, so it stands.
        cl_ord_id: ClOrdID(11) that it has now.
        orig_cl_ord_id: the first one.
        order_id: OrderID(37); empty: not known yet.
        account: Account(1).
        symbol: Symbol(55).
        side: Side(54).
        ord_type: OrdType(40).
        time_in_force: TimeInForce(59).
        qty: OrderQty(38).
        price: Price(44).
        stop_px: StopPx(99).
        status: OrdStatus(39); empty: nothing was heard of it yet.
        cum_qty: the sum of its trades.
        leaves_qty: what still works.
        avg_px: of its trades.
        uncertain: the session was down since; its status is being asked for.
        pending: ClOrdIDs of cancels and replaces that are not answered.
        text: Text(58) of the last report.
        wall_ns: when.
    """

    n: int
    what: str
    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: str
    account: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    qty: str
    price: str | None
    stop_px: str | None
    status: str
    cum_qty: str
    leaves_qty: str
    avg_px: str
    uncertain: bool
    pending: list[str]
    text: str
    wall_ns: int


class TradeNow(Message, frozen=True, tag="trade"):
    """A trade was made, corrected or busted by record `n`.

    Attributes:
        n: the record.
        what: "trade", "correct" or "bust".
        exec_id: ExecID(17) of the trade: of a correction or bust, the trade's that it is about.
        cl_ord_id: ClOrdID(11).
        order_id: OrderID(37).
        account: Account(1).
        symbol: Symbol(55).
        side: Side(54).
        qty: LastQty(32).
        px: LastPx(31).
        transact_time_ns: TransactTime(60); null: not told.
    """

    n: int
    what: str
    exec_id: str
    cl_ord_id: str
    order_id: str
    account: str
    symbol: str
    side: str
    qty: str
    px: str
    transact_time_ns: int | None


class PositionNow(Message, frozen=True, tag="position"):
    """A position after record `n`.

    Attributes:
        n: the record; 0: what there is now.
        account: Account(1).
        symbol: Symbol(55).
        qty: below 0: short.
        avg_px: of what is held; 0: nothing is.
        realised: profit of what was closed.
        mark: the price it is valued at; null: none is known.
        unrealised: profit of what is held, at the mark.
    """

    n: int
    account: str
    symbol: str
    qty: str
    avg_px: str
    realised: str
    mark: str | None = None
    unrealised: str | None = None


class StatusNow(Message, frozen=True, tag="status"):
    """The FIX session, after Welcome and whenever it changes.

    Attributes:
        state: as fixfast.State.
        reason: of its last end, or why there is no logon, in words.
        sender_comp_id: ours.
        target_comp_id: the venue's.
        next_in: the MsgSeqNum that is expected.
        next_out: the MsgSeqNum that is sent next.
        since_ns: since when it is so.
        wanted: whether it is to be logged on.
    """

    state: str
    reason: str
    sender_comp_id: str
    target_comp_id: str
    next_in: int
    next_out: int
    since_ns: int
    wanted: bool


class Level(msgspec.Struct, frozen=True, array_like=True):
    """One price of a book, as a list.

    Attributes:
        px: the price.
        qty: the quantity.
        orders: how many; 0: not told.
    """

    px: str
    qty: str
    orders: int = 0


class BookNow(Message, frozen=True, tag="book"):
    """A symbol's book as it is.

    Attributes:
        symbol: which.
        status: as fixfast.BookStatus.
        bids: the best first: [price, quantity, number of orders] each.
        offers: the best first.
        wall_ns: when.
        text: why there is none, where there is none.
    """

    symbol: str
    status: str
    bids: list[Level]
    offers: list[Level]
    wall_ns: int
    text: str = ""


class Printed(Message, frozen=True, tag="print"):
    """A trade of the market.

    Attributes:
        symbol: which.
        px: the price.
        qty: the quantity; empty: not told.
        wall_ns: when.
        side: who began it, as Side(54), where the venue tells.
        missed: how many were left out before it, because the front end was slower.
    """

    symbol: str
    px: str
    qty: str
    wall_ns: int
    side: str = ""
    missed: int = 0


class WireMessage(Message, frozen=True, tag="message"):
    """A FIX message.

    Attributes:
        direction: "in" or "out".
        wall_ns: when.
        text: tag=value with | between, secrets masked.
        missed: how many were left out before it, because the front end was slower.
    """

    direction: str
    wall_ns: int
    text: str
    missed: int = 0


class Fault(Message, frozen=True, tag="fault"):
    """Something a person should look at.

    Attributes:
        what: "question" (of the order manager) or the part of the Backend that failed.
        text: for people.
        cl_ord_id: of the order, where it is about one.
    """

    what: str
    text: str
    cl_ord_id: str = ""
