"""The exchange's record of an order: who sent it, which ids it has, what it came to. The book itself is matching's."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

__all__ = ["ACTIVE", "Kept", "KeptTrade", "Pending"]

#: OrdStatus(39) in which an order may still trade
ACTIVE = frozenset("01A")


class Pending(NamedTuple):
    """A cancel or replace that was taken and is not decided on yet."""

    kind: str  # OrdStatus(39) meanwhile: "6" or "E"
    request: Any
    due_ns: int


#: One side of a trade: ExecID, trade id, quantity, price.
KeptTrade: TypeAlias = tuple[str, int, int, int]


class Kept:
    """An order. Quantities and prices are in the units of its instrument.

    Attributes:
        cl_ord_id: the last accepted one (E4.6); names: all it ever had.
        status: OrdStatus without what is pending.
        mark: OrdStatus that shows over that while it is active: "3" done for the day, "7" stopped (its execution is
            guaranteed), "9" suspended; "" none.
        notional: the sum of quantity times price of its live trades.
    """

    __slots__ = (
        "account", "cl_ord_id", "cum", "display", "expire_ns", "mark", "min_qty", "names", "notional",
        "number", "ord_type", "order_id", "owner", "pending", "post_only", "price", "qty", "side", "status",
        "stop_px", "symbol", "time_in_force", "trades",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        order_id: str,
        owner: str,
        cl_ord_id: str,
        account: str | None,
        symbol: str,
        side: str,
        qty: int,
        ord_type: str,
        price: int | None,
        stop_px: int | None,
        time_in_force: str,
    ) -> None:
        self.number = number
        self.order_id = order_id
        self.owner = owner
        self.cl_ord_id = cl_ord_id
        self.account = account
        self.symbol = symbol
        self.side = side
        self.qty = qty
        self.ord_type = ord_type
        self.price = price
        self.stop_px = stop_px
        self.time_in_force = time_in_force
        self.status = "A"
        self.cum = 0
        self.notional = 0
        self.display: int | None = None
        self.min_qty: int | None = None
        self.post_only = False
        self.mark = ""
        self.expire_ns: int | None = None
        # PERF: tuples of texts and numbers, which the garbage collector forgets; lists it would visit again and again
        self.trades: tuple[KeptTrade, ...] = ()
        self.names: tuple[str, ...] = (cl_ord_id,)
        self.pending: Pending | None = None

    @property
    def active(self) -> bool:
        """Whether it may still trade."""
        return self.status in ACTIVE

    @property
    def leaves(self) -> int:
        """LeavesQty(151): 0 once it cannot trade any more (E4.2)."""
        return self.qty - self.cum if self.status in ACTIVE and self.mark != "3" else 0

    @property
    def shown_status(self) -> str:
        """OrdStatus(39): the highest of those that hold (E1)."""
        if self.status not in ACTIVE:
            return self.status
        if self.pending is not None:
            return self.pending.kind
        return self.mark or self.status

    def settle(self) -> None:
        """Derive the status of an active order from what is filled."""
        self.status = "2" if self.cum >= self.qty else "1" if self.cum else "0"
