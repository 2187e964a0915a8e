"""Trade: one execution of an order, as the broker reported it. What positions, risk and candles are made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Trade"]


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution: a quantity at a price, both exact.

    `exec_id` is ExecID(17) of the report that brought it, and stays that of the trade when it is corrected (E4.5).
    `side` is Side(54), one of "1" to "9" or a letter; `transact_time_ns` is TransactTime(60) in ns since the epoch.
    `account` is Account(1) of the report, or of the order where the report has none.
    """

    exec_id: str
    order_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    qty: Decimal
    px: Decimal
    transact_time_ns: int | None = None
