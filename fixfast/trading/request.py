"""What a program asks for: an order, and what becomes of each request that was sent for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from fixfast.errors import ConfigError
from fixfast.session.schedule import Schedule

__all__ = ["PRICED", "STOPPED", "OrderOptions", "OrderRequest", "Rejection", "Request", "exact"]

#: OrdType(40) that needs Price(44): limit, stop limit, limit or better, limit with or without, limit on close.
PRICED = frozenset("2478B")
#: ... and StopPx(99): stop, stop limit.
STOPPED = frozenset("34")

_ZERO = Decimal(0)
#: (there is a price, there is a stop price) -> OrdType(40)
_ORD_TYPES = {(False, False): "1", (True, False): "2", (False, True): "3", (True, True): "4"}

_RECONCILE = ("status", "mass", "resend", "none")
_COMPACT = ("day", "start", "none")
_NO_TERMS: Mapping[str, Decimal | None] = {}  # of every request but a replace; nobody writes into it


def exact(name: str, value: Any, *, positive: bool = False) -> Decimal:
    """Return a number as Decimal. Floats are refused: they are not what was written.

    Raises: ConfigError: it is no exact, finite number, or not above 0 where it must be.
    """
    kind = type(value)  # PERF: nearly always one of these two: 0.2 us
    odd = kind is not str and kind is not Decimal
    if odd and (isinstance(value, (float, bool)) or not isinstance(value, (int, str, Decimal))):
        raise ConfigError(name, value, f"an exact number: Decimal, int or str, not {type(value).__name__}")
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ConfigError(name, value, "a number") from None
    if not number.is_finite() or (positive and number <= _ZERO):
        raise ConfigError(name, value, "a number above 0" if positive else "a finite number")
    return number


@dataclass(frozen=True, slots=True, init=False)
class OrderRequest:
    """A new order, before it has an id. Numbers may be given as Decimal, int or str; they are kept as Decimal.

    Attributes:
        symbol: Symbol(55).
        side: Side(54).
        qty: OrderQty(38).
        price: Price(44); needed by limit orders, None where there is none.
        ord_type: OrdType(40); None: a limit order where there is a price, else a market order.
        time_in_force: TimeInForce(59), "0" (day) when not given.
        account: Account(1), empty to leave it out.
        stop_px: StopPx(99).
        extra: more (tag, value) pairs, as `fixfast.encode` takes them, groups too.

    Raises: ConfigError: names the field and what is allowed.
    """

    symbol: str
    side: str
    qty: Decimal
    price: Decimal | None = None
    ord_type: str = ""
    time_in_force: str = "0"
    account: str = ""
    stop_px: Decimal | None = None
    extra: tuple[tuple[Any, Any], ...] = field(default=(), repr=False)

    def __init__(
        self,
        symbol: str,
        side: str,
        qty: Decimal,
        price: Decimal | None = None,
        ord_type: str = "",
        time_in_force: str = "0",
        account: str = "",
        stop_px: Decimal | None = None,
        extra: Iterable[tuple[Any, Any]] = (),
    ) -> None:
        if not symbol:
            raise ConfigError("symbol", symbol, "Symbol(55) of an instrument")
        if len(side) != 1:
            raise ConfigError("side", side, 'Side(54), one character: "1" buys, "2" sells')
        qty = exact("qty", qty, positive=True)
        if price is not None:
            price = exact("price", price)
        if stop_px is not None:
            stop_px = exact("stop_px", stop_px)
        if not ord_type:
            ord_type = _ORD_TYPES[price is not None, stop_px is not None]
        if price is None:
            if ord_type in PRICED:
                raise ConfigError("price", None, f"Price(44): an order with OrdType {ord_type} has one")
        elif ord_type == "1":
            raise ConfigError("price", price, "None: a market order has no price")
        if stop_px is None and ord_type in STOPPED:
            raise ConfigError("stop_px", None, f"StopPx(99): an order with OrdType {ord_type} has one")
        if len(time_in_force) != 1:
            raise ConfigError("time_in_force", time_in_force, "TimeInForce(59), one character")
        # PERF: each is set once, by its slot. What dataclass makes sets them by name, and again when they were checked:
        # 38,000 instructions an order, not 20,000
        _set_symbol(self, symbol)
        _set_side(self, side)
        _set_qty(self, qty)
        _set_price(self, price)
        _set_ord_type(self, ord_type)
        _set_time_in_force(self, time_in_force)
        _set_account(self, account)
        _set_stop_px(self, stop_px)
        _set_extra(self, tuple([(tag, value) for tag, value in extra]) if extra else ())


(
    _set_symbol, _set_side, _set_qty, _set_price, _set_ord_type, _set_time_in_force, _set_account, _set_stop_px,
    _set_extra,
) = (getattr(OrderRequest, name).__set__ for name in OrderRequest.__slots__)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What an OrderManager is told of its venue, and what it does by itself.

    Attributes:
        version: of the application messages: "FIX.4.2", "FIX.4.4", "FIX.5.0SP2" ...
        id_prefix: put in front of every ClOrdID, see ClOrdIDs.
        reconcile: what happens with orders that are uncertain after a reconnect, when no message is missing any more
            (E4.11): "status": an OrderStatusRequest(H) each; "mass": one OrderMassStatusRequest(AF), then H for those
            it did not tell of; "resend": as "status", but orders that nothing was ever heard of are sent again, with
            the same ClOrdID and PossResend(97); "none": the program does it. A new ClOrdID is never used for them.
        ask_orphans: ask by H about an order that a report tells of and nobody here knows (E4.10).
        dont_know: answer an execution of such an order with DontKnowTrade(Q).
        adopt: make an Order of it instead: for desks whose orders are also placed elsewhere, and for drop copies.
        avg_px_tolerance: how far AvgPx(6) may be from ours before a question is asked, beyond one unit of its last
            digit (E4.1).
        handl_inst: HandlInst(21), which FIX up to 4.2 requires.
        days: when a new day begins: with each window of a Schedule, whatever its `reset`. The first message, event or
            order after that calls new_day(). None: the program does; but session.orders() takes the session's schedule.
        compact: when the log is made shorter, to what is still needed (OrderManager.compact): "day": with each new day;
            "start": when a manager was built from it; "none": when the program does it.
        keep: how many questions, orphaned reports and parked busts are kept.
    """

    version: str = "FIX.4.4"
    id_prefix: str = ""
    reconcile: str = "status"
    ask_orphans: bool = True
    dont_know: bool = False
    adopt: bool = False
    avg_px_tolerance: Decimal = Decimal(0)
    handl_inst: str = "1"
    days: Schedule | None = None
    compact: str = "day"
    keep: int = 10_000

    def __post_init__(self) -> None:
        if self.version not in _VERSIONS:
            raise ConfigError("version", self.version, " ".join(_VERSIONS))
        if self.reconcile not in _RECONCILE:
            raise ConfigError("reconcile", self.reconcile, " ".join(_RECONCILE))
        if self.reconcile == "mass" and not self.has_mass:
            raise ConfigError("reconcile", "mass", f"status: {self.version} has no OrderMassStatusRequest")
        if self.compact not in _COMPACT:
            raise ConfigError("compact", self.compact, " ".join(_COMPACT))
        if not isinstance(self.days, Schedule | None):
            raise ConfigError("days", self.days, 'a Schedule, such as Schedule.daily("17:00", "17:00", tz="UTC")')
        if type(self.keep) is not int or self.keep < 1:
            raise ConfigError("keep", self.keep, "a number from 1")
        object.__setattr__(self, "avg_px_tolerance", exact("avg_px_tolerance", self.avg_px_tolerance))

    @property
    def has_mass(self) -> bool:
        """There are mass cancels (q) and mass status requests (AF): from FIX 4.3 on."""
        return _VERSIONS.index(self.version) >= _VERSIONS.index("FIX.4.3")


_VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2")


class Rejection(NamedTuple):
    """Why something was refused.

    Attributes:
        by: "8", "9", "3" or "j": the MsgType that said so; "" where it never left us.
        reason: OrdRejReason(103), CxlRejReason(102), 373 or 380, None where none was given.
        text: Text(58).
    """

    by: str
    reason: str | None
    text: str


class Request:
    """A message of ours about an order that wants an answer: D, F, G, H, q or AF. The manager changes it, nobody else.

    Attributes:
        msg_type: MsgType(35).
        cl_ord_id: its own id: ClOrdID(11), of AF MassStatusReqID(584).
        number: counts the manager's requests.
        seq: MsgSeqNum; 0 while it waits for a Throttle.
        state: "sent"; "pending": the peer deals with it; "accepted", "rejected", "unsent": it is over.
        terms: what a replace asks for: qty, price, stop_px.
        rejection: why it was refused.
        before: of a replace that is taken for accepted, though nobody has said so: ClOrdID, OrigClOrdID, qty, price and
            stop_px of the order before it.
    """

    __slots__ = ("before", "cl_ord_id", "msg_type", "number", "rejection", "seq", "state", "terms")

    def __init__(
        self, msg_type: str, cl_ord_id: str, number: int, terms: Mapping[str, Decimal | None] | None = None
    ) -> None:
        self.msg_type = msg_type
        self.cl_ord_id = cl_ord_id
        self.number = number
        self.seq = 0
        self.state = "sent"
        self.terms: Mapping[str, Decimal | None] = terms or _NO_TERMS
        self.rejection: Rejection | None = None
        self.before: tuple[str, str, Decimal, Decimal | None, Decimal | None] | None = None

    def __repr__(self) -> str:
        return f"<Request {self.msg_type} {self.cl_ord_id} {self.state}>"

    @property
    def over(self) -> bool:
        """It was answered, or will never be."""
        return self.state not in ("sent", "pending")


def pairs(fields: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return (tag, value) pairs without those that have no value."""
    return [(tag, value) for tag, value in fields if value is not None and value != ""]
