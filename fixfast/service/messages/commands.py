"""What a front end may ask of a Backend. Each command is answered, by Done or Failed, with its id."""

from __future__ import annotations

from fixfast.service.messages.base import Message

__all__ = [
    "AskStatus", "Cancel", "CancelAll", "LogOff", "LogOn", "MassCancel", "Ping", "Pong", "Replace", "Resume", "Submit",
    "Subscribe", "Unsubscribe", "UserRequest", "WatchMessages",
]  # fmt: skip


class Resume(Message, frozen=True, tag="resume"):
    """Send what happened from a record on, and then all that happens.

    Attributes:
        id: of this command.
        from_record: the number of the first, 1 for all; 0, as values only: every order and position as it is now, and
            then all that happens.
        as_values: True: OrderNow, TradeNow and PositionNow; False: Record, for a replica (fixfast.trading.replica) that
            makes the same orders of them.
    """

    id: int
    from_record: int = 1
    as_values: bool = False


class LogOn(Message, frozen=True, tag="log_on"):
    """Have the Backend log on, and stay logged on. Answered when it begins; StatusNow tells the rest.

    Attributes:
        id: of this command.
        user_id: the SenderCompID; empty: as configured.
        first_seq_num: MsgSeqNum(34) to begin with; 0: where it was; 1: both sides begin anew, ResetSeqNumFlag(141).
        heart_bt_int: HeartBtInt(108), seconds; 0: as configured.
        username: Username(553) of the Logon.
        password: Password(554) of the Logon; kept in memory only, for reconnecting.
    """

    id: int
    user_id: str = ""
    first_seq_num: int = 0
    heart_bt_int: int = 0
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return (
            f"LogOn(id={self.id}, user_id={self.user_id!r}, first_seq_num={self.first_seq_num}, "
            f"heart_bt_int={self.heart_bt_int}, username={self.username!r}, password='***')"
        )


class LogOff(Message, frozen=True, tag="log_off"):
    """Log out, and stay so until LogOn.

    Attributes:
        id: of this command.
        text: Text(58) of the Logout.
    """

    id: int
    text: str = ""


class UserRequest(Message, frozen=True, tag="user_request"):
    """Send a UserRequest(35=BE). UserAnswer comes before Done; Failed with "unanswered": it was sent, and nothing came.

    Attributes:
        id: of this command.
        kind: UserRequestType(924): 1 logs on, 2 off, 3 changes the password, 4 asks for the status.
        username: Username(553).
        password: Password(554); empty: none.
        new_password: NewPassword(925); empty: none.
    """

    id: int
    kind: int
    username: str
    password: str = ""
    new_password: str = ""

    def __repr__(self) -> str:
        return f"UserRequest(id={self.id}, kind={self.kind}, username={self.username!r}, password='***')"


class Submit(Message, frozen=True, tag="submit"):
    """A new order. Sent again with the same ClOrdID and terms it is answered, and not sent to the venue again: the way
    to be sure after a break.

    Attributes:
        id: of this command.
        cl_ord_id: ClOrdID(11), beginning with the front end's prefix.
        symbol: Symbol(55).
        side: Side(54).
        qty: OrderQty(38).
        price: Price(44); null: none.
        ord_type: OrdType(40); empty: as price and stop_px say.
        time_in_force: TimeInForce(59).
        account: Account(1).
        stop_px: StopPx(99); null: none.
        extra: more fields: [tag, text] each.
    """

    id: int
    cl_ord_id: str
    symbol: str
    side: str
    qty: str
    price: str | None = None
    ord_type: str = ""
    time_in_force: str = "0"
    account: str = ""
    stop_px: str | None = None
    extra: tuple[tuple[int, str], ...] = ()


class Cancel(Message, frozen=True, tag="cancel"):
    """Ask for a cancellation. Sent again, as Submit.

    Attributes:
        id: of this command.
        cl_ord_id: ClOrdID(11) of this request.
        order: any ClOrdID of the order.
    """

    id: int
    cl_ord_id: str
    order: str


class Replace(Message, frozen=True, tag="replace"):
    """Ask for other terms. Sent again, as Submit.

    Attributes:
        id: of this command.
        cl_ord_id: ClOrdID(11) of this request.
        order: any ClOrdID of the order.
        qty: OrderQty(38); null: as it is.
        price: Price(44); null: as it is.
        stop_px: StopPx(99); null: as it is.
    """

    id: int
    cl_ord_id: str
    order: str
    qty: str | None = None
    price: str | None = None
    stop_px: str | None = None


class CancelAll(Message, frozen=True, tag="cancel_all"):
    """Cancel all open orders, or those in one symbol, one by one.

    Attributes:
        id: of this command.
        symbol: empty: all.
    """

    id: int
    symbol: str = ""


class MassCancel(Message, frozen=True, tag="mass_cancel"):
    """Send one OrderMassCancelRequest(q). Failed with "unsupported" before FIX 4.3.

    Attributes:
        id: of this command.
        symbol: empty: all.
        side: empty: both.
    """

    id: int
    symbol: str = ""
    side: str = ""


class AskStatus(Message, frozen=True, tag="ask_status"):
    """Ask for an order's status, OrderStatusRequest(H).

    Attributes:
        id: of this command.
        order: any ClOrdID of the order.
    """

    id: int
    order: str


class Subscribe(Message, frozen=True, tag="subscribe"):
    """Send a symbol's book whenever it changes (BookNow; the latest only, to who is slower), and its trades.

    Attributes:
        id: of this command.
        symbol: which.
        depth: levels of each side; 0: all.
        trades: with Printed.
    """

    id: int
    symbol: str
    depth: int = 10
    trades: bool = True


class Unsubscribe(Message, frozen=True, tag="unsubscribe"):
    """No more of it.

    Attributes:
        id: of this command.
        symbol: which.
    """

    id: int
    symbol: str


class WatchMessages(Message, frozen=True, tag="watch_messages"):
    """Send FIX messages as they come and go (WireMessage), secrets masked; or no more.

    Attributes:
        id: of this command.
        on: whether.
    """

    id: int
    on: bool = True


class Ping(Message, frozen=True, tag="ping"):
    """Are you there? Both sides may ask; Pong is the answer.

    Attributes:
        id: 0 in those that the connection sends by itself.
    """

    id: int


class Pong(Message, frozen=True, tag="pong"):
    """The answer to Ping.

    Attributes:
        id: of the Ping.
    """

    id: int
