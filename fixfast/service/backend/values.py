"""Values: what records of the order log mean, as messages: the order, the trade, the position after each of them.

The same records give the same messages, in whatever process, whenever they are gone through. Where a log was made
shorter, its first records give each order and position as it was then.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fixfast.service.messages import Message, OrderNow, PositionNow, Record, TradeNow
from fixfast.trading.log import LogKind, plain, unpack
from fixfast.trading.order import Order
from fixfast.trading.positions import Position
from fixfast.trading.replica import Replica
from fixfast.trading.request import OrderOptions
from fixfast.trading.update import OrderUpdate, UpdateKind

__all__ = ["Values", "order_now", "position_now"]

_TRADES = {UpdateKind.TRADE: "trade", UpdateKind.CORRECT: "correct", UpdateKind.BUST: "bust"}


class Values:
    """Goes through records, one after another from the first.

    Args: options: as those of the OrderManager that wrote them. marks: symbol -> the price it is valued at now.
    """

    def __init__(self, options: OrderOptions, marks: Mapping[str, Decimal]) -> None:
        self._replica = Replica(options)
        self._marks = marks

    def apply(self, record: Record) -> list[Message]:
        """Take the next record; return what it changed. Raises: StoreCorrupt: it cannot be read."""
        said: list[Message] = []
        for update in self._replica.apply(record.kind, record.wall_ns, record.data):
            if update.order is None:
                continue
            said.append(order_now(record.n, update, record.wall_ns))
            what, trade = _TRADES.get(update.kind), update.trade
            if what is None or trade is None:
                continue
            said.append(
                TradeNow(
                    record.n, what, trade.exec_id, trade.cl_ord_id, trade.order_id, trade.account, trade.symbol,
                    trade.side, plain(trade.qty), plain(trade.px), trade.transact_time_ns,
                )
            )  # fmt: skip
            said.append(self._position(record.n, trade.account, trade.symbol))
        if record.kind == LogKind.STATE and (values := unpack(record.data))["what"] == "position":
            said.append(self._position(record.n, values["account"], values["symbol"]))
        return said

    def now(self, wall_ns: int) -> list[Message]:
        """Return every order and position as it is, as of no record: number 0."""
        said: list[Message] = [
            order_now(0, OrderUpdate(UpdateKind.RESTORED, order, order.status, order.status), wall_ns)
            for order in self._replica.all_orders
        ]
        return said + [self._position(0, held.account, held.symbol) for held in self._replica.positions]

    def _position(self, n: int, account: str, symbol: str) -> PositionNow:
        mark = self._marks.get(symbol)
        if mark is not None:
            self._replica.positions.mark(symbol, mark)
        return position_now(n, self._replica.positions[account, symbol])


def order_now(n: int, update: OrderUpdate, wall_ns: int) -> OrderNow:
    """Return an order as it is after record `n`."""
    order = update.order
    assert isinstance(order, Order)
    return OrderNow(
        n=n,
        what=update.kind.value,
        cl_ord_id=order.cl_ord_id,
        orig_cl_ord_id=next(iter(order.requests), order.cl_ord_id),
        order_id=order.order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        qty=plain(order.qty),
        price=None if order.price is None else plain(order.price),
        stop_px=None if order.stop_px is None else plain(order.stop_px),
        status=order.status.value,
        cum_qty=plain(order.cum_qty),
        leaves_qty=plain(order.leaves_qty),
        avg_px=plain(order.avg_px),
        uncertain=order.uncertain,
        pending=list(order.pending),
        text=order.text,
        wall_ns=wall_ns,
    )


def position_now(n: int, held: Position) -> PositionNow:
    """Return a position as it is after record `n`."""
    return PositionNow(
        n, held.account, held.symbol, plain(held.qty), plain(held.avg_px), plain(held.realised),
        None if held.mark is None else plain(held.mark), None if held.unrealised is None else plain(held.unrealised),
    )  # fmt: skip
