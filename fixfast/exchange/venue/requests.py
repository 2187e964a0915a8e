"""What clients ask of an exchange, read once into values that are the same for FIX 4.2, 4.4 and 5.0 SP2.

Quantities and prices are ints that count 10**-8, times are ns since 1970. A program in the same process makes these
values itself, and the exchange's journal keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from fixfast.codec.getter import getter
from fixfast.errors import BusinessReject, FieldFormatError
from fixfast.session.wire import Message

__all__ = [
    "CancelOrder",
    "MassCancel",
    "MassStatus",
    "NewOrder",
    "OrderStatus",
    "ReplaceOrder",
    "Request",
    "RequestReader",
]

_CONDITIONALLY_REQUIRED = 5  # BusinessRejectReason(380)
_PARTICIPATE_DO_NOT_INITIATE = "6"  # ExecInst(18)


class NewOrder(NamedTuple):
    """NewOrderSingle (D).

    `owner` is who sends it; `seq` the MsgSeqNum it came with, 0 in process. `bad` names a number that cannot be read.
    """

    owner: str
    seq: int
    cl_ord_id: str
    account: str | None
    symbol: str
    side: str
    qty: int | None
    ord_type: str
    price: int | None = None
    stop_px: int | None = None
    time_in_force: str = "0"
    post_only: bool = False
    min_qty: int | None = None
    display: int | None = None
    expire_ns: int | None = None
    transact_time_ns: int | None = None
    poss_resend: bool = False
    bad: str = ""


class CancelOrder(NamedTuple):
    """OrderCancelRequest (F). Either `orig_cl_ord_id` or `order_id` says which order."""

    owner: str
    seq: int
    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str | None = None
    side: str | None = None
    order_id: str | None = None
    poss_resend: bool = False


class ReplaceOrder(NamedTuple):
    """OrderCancelReplaceRequest (G). `qty` is the new OrderQty, what is filled already included."""

    owner: str
    seq: int
    cl_ord_id: str
    orig_cl_ord_id: str
    qty: int | None
    price: int | None = None
    stop_px: int | None = None
    symbol: str | None = None
    side: str | None = None
    ord_type: str | None = None
    time_in_force: str | None = None
    display: int | None = None
    order_id: str | None = None
    poss_resend: bool = False
    bad: str = ""


class MassCancel(NamedTuple):
    """OrderMassCancelRequest (q). `kind` is MassCancelRequestType(530): 1 one symbol, 7 all."""

    owner: str
    seq: int
    cl_ord_id: str
    kind: str
    symbol: str | None = None
    side: str | None = None


class OrderStatus(NamedTuple):
    """OrderStatusRequest (H)."""

    owner: str
    seq: int
    cl_ord_id: str | None
    order_id: str | None
    symbol: str | None
    side: str | None
    req_id: str | None = None


class MassStatus(NamedTuple):
    """OrderMassStatusRequest (AF). `kind` is MassStatusReqType(585): 1 one symbol, 7 all."""

    owner: str
    seq: int
    req_id: str
    kind: str
    symbol: str | None = None
    side: str | None = None


Request: TypeAlias = NewOrder | CancelOrder | ReplaceOrder | MassCancel | OrderStatus | MassStatus

_NUMBER = "scaled:8"
_NEW = (
    (11, "str"), (1, "str"), (55, "str"), (54, "str"), (40, "str"), (59, "str"), (18, "str"), (432, "str"),
    (60, "time"), (126, "time"),
)  # fmt: skip
_NEW_NUMBERS = ((38, _NUMBER), (44, _NUMBER), (99, _NUMBER), (110, _NUMBER), (111, _NUMBER), (1138, _NUMBER))
_REPLACE = ((11, "str"), (41, "str"), (55, "str"), (54, "str"), (40, "str"), (59, "str"), (37, "str"))
_REPLACE_NUMBERS = ((38, _NUMBER), (44, _NUMBER), (99, _NUMBER), (111, _NUMBER), (1138, _NUMBER))
_CANCEL = ((11, "str"), (41, "str"), (55, "str"), (54, "str"), (37, "str"))


class RequestReader:
    """Reads requests from messages. Args: zone: where an ExpireDate(432) ends."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._new = getter(*_NEW, *_NEW_NUMBERS)
        self._new_texts = getter(*_NEW)
        self._replace = getter(*_REPLACE, *_REPLACE_NUMBERS)
        self._replace_texts = getter(*_REPLACE)
        self._cancel = getter(*_CANCEL)
        #: MsgType -> how it is read
        self.readers: Mapping[str, Callable[[Message, str], Request]] = {
            "D": self.new_order,
            "F": self.cancel,
            "G": self.replace,
            "H": self.status,
            "q": self.mass_cancel,
            "AF": self.mass_status,
        }

    def new_order(self, message: Message, owner: str) -> NewOrder:
        """Read a NewOrderSingle (D).

        Raises: BusinessReject: what says which order it is is missing. FieldFormatError: a time is none.
        """
        values, bad = _numbers(message, self._new, self._new_texts, 6)
        (
            cl_ord_id, account, symbol, side, ord_type, tif, exec_inst, expire_date, transact, expire,
            qty, price, stop_px, min_qty, max_floor, display,
        ) = values  # fmt: skip
        if cl_ord_id is None or symbol is None or side is None or ord_type is None:
            raise _missing(message, 11, 55, 54, 40)
        if expire_date is not None and expire is None:
            expire = self._end_of(expire_date)
        return NewOrder(
            owner, message.msg_seq_num, cl_ord_id, account, symbol, side, qty, ord_type, price, stop_px,
            tif if tif is not None else "0",
            exec_inst is not None and _PARTICIPATE_DO_NOT_INITIATE in exec_inst,
            min_qty, display if display is not None else max_floor, expire, transact, message.poss_resend, bad,
        )  # fmt: skip

    def cancel(self, message: Message, owner: str) -> CancelOrder:
        """Read an OrderCancelRequest (F). Raises: BusinessReject."""
        cl_ord_id, orig, symbol, side, order_id = self._cancel(message)
        if cl_ord_id is None or (orig is None and order_id is None):
            raise _missing(message, 11, 41)
        return CancelOrder(
            owner, message.msg_seq_num, cl_ord_id, orig or "", symbol, side, order_id, message.poss_resend
        )

    def replace(self, message: Message, owner: str) -> ReplaceOrder:
        """Read an OrderCancelReplaceRequest (G). Raises: BusinessReject."""
        values, bad = _numbers(message, self._replace, self._replace_texts, 5)
        cl_ord_id, orig, symbol, side, ord_type, tif, order_id, qty, price, stop_px, max_floor, display = values
        if cl_ord_id is None or (orig is None and order_id is None):
            raise _missing(message, 11, 41)
        return ReplaceOrder(
            owner, message.msg_seq_num, cl_ord_id, orig or "", qty, price, stop_px, symbol, side, ord_type, tif,
            display if display is not None else max_floor, order_id, message.poss_resend, bad,
        )  # fmt: skip

    def status(self, message: Message, owner: str) -> OrderStatus:
        """Read an OrderStatusRequest (H). Raises: BusinessReject."""
        cl_ord_id, order_id, symbol, side, req_id = message.many(11, 37, 55, 54, 790)
        if cl_ord_id is None and order_id is None:
            raise _missing(message, 11)
        return OrderStatus(owner, message.msg_seq_num, cl_ord_id, order_id, symbol, side, req_id)

    def mass_cancel(self, message: Message, owner: str) -> MassCancel:
        """Read an OrderMassCancelRequest (q). Raises: BusinessReject."""
        cl_ord_id, kind, symbol, side = message.many(11, 530, 55, 54)
        if cl_ord_id is None or kind is None:
            raise _missing(message, 11, 530)
        return MassCancel(owner, message.msg_seq_num, cl_ord_id, kind, symbol, side)

    def mass_status(self, message: Message, owner: str) -> MassStatus:
        """Read an OrderMassStatusRequest (AF). Raises: BusinessReject."""
        req_id, kind, symbol, side = message.many(584, 585, 55, 54)
        if req_id is None or kind is None:
            raise _missing(message, 584, 585)
        return MassStatus(owner, message.msg_seq_num, req_id, kind, symbol, side)

    def _end_of(self, day: str) -> int:
        """Return the end of a day (ExpireDate), ns."""
        try:
            begins = datetime.combine(datetime.strptime(day, "%Y%m%d").date(), time(), self._zone)
        except ValueError:
            raise FieldFormatError(432, "date", day.encode()) from None
        return int((begins + timedelta(days=1)).timestamp()) * 1_000_000_000


def _numbers(message: Message, whole: Any, texts: Any, count: int) -> tuple[tuple[Any, ...], str]:
    """Read a message; a number that cannot be one of 10**-8 in 64 bits is left out, and named."""
    try:
        return whole(message), ""
    except FieldFormatError as error:
        if error.kind != "scaled":
            raise
        return (*texts(message), *(None,) * count), f"{error.tag}={error.value.decode('ascii', 'replace')[:40]}"


def _missing(message: Message, *tags: int) -> BusinessReject:
    absent = next((tag for tag in tags if tag not in message), tags[0])
    text = f"Conditionally required field missing ({absent})"
    return BusinessReject(_CONDITIONALLY_REQUIRED, text, message.get(11) or "")
