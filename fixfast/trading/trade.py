"""Trade: one execution of an order, as the broker reported it. What positions, risk and candles are made of."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

__all__ = ["Trade", "make_trade"]


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


def make_trade(
    exec_id: str,
    order_id: str,
    cl_ord_id: str,
    account: str,
    symbol: str,
    side: str,
    qty: Decimal,
    px: Decimal,
    transact_time_ns: int | None,
) -> Trade:
    """Return Trade(...) of the same arguments.

    PERF: 0.4 us instead of 1.0: a frozen dataclass sets each attribute by its name.
    """
    trade = _new(Trade)
    _set_exec_id(trade, exec_id)
    _set_order_id(trade, order_id)
    _set_cl_ord_id(trade, cl_ord_id)
    _set_account(trade, account)
    _set_symbol(trade, symbol)
    _set_side(trade, side)
    _set_qty(trade, qty)
    _set_px(trade, px)
    _set_time(trade, transact_time_ns)
    return trade


_new = object.__new__
(
    _set_exec_id,
    _set_order_id,
    _set_cl_ord_id,
    _set_account,
    _set_symbol,
    _set_side,
    _set_qty,
    _set_px,
    _set_time,
) = (getattr(Trade, field.name).__set__ for field in fields(Trade))
