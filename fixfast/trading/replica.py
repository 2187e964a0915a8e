"""Replica: the orders of another process, made from the records that its OrderManager writes down.

A Backend keeps the orders and their log; a front end gets the log's records as they are written, and has the same
orders, with the same updates, because the same rules make them. Nothing is sent from here.

A front end keeps every order of the day, so what is alike in many of them is one object: a symbol, a quantity, a price,
an order's ids in its trades. A Decimal takes 104 bytes, and an order that was filled at once has ten of them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from sys import intern
from typing import Any

from fixfast.codec.message import Message
from fixfast.errors import LocalProtocolError, StoreCorrupt
from fixfast.trading.log import LogKind
from fixfast.trading.order import Order
from fixfast.trading.orders import OrderManager
from fixfast.trading.positions import Positions
from fixfast.trading.report import Report
from fixfast.trading.request import OrderOptions, OrderRequest
from fixfast.trading.trade import Trade, make_trade
from fixfast.trading.update import OrderUpdate, UpdateKind
from fixfast.trading.wording import Fields
from fixfast.types import Now

__all__ = ["Replica"]

#: numbers that are known by how they are written; with one more all are forgotten, and come again
_ALIKE = 4096


def _nothing(msg_type: str, fields: Fields) -> int:
    raise LocalProtocolError(f"a replica sends nothing (35={msg_type}): ask the process that has the session")


class Replica(OrderManager):
    """An OrderManager that is told what another one wrote down.

    Args: options, make: as for OrderManager, the same options as the other one's.

    Attributes: as OrderManager. Its methods that send raise LocalProtocolError.
        positions: of all that was traded, also of orders that are forgotten.
    """

    def __init__(
        self, options: OrderOptions | None = None, *, make: Callable[[str, OrderRequest], Order] = Order
    ) -> None:
        super().__init__(_nothing, options, make=make)
        self._replaying = True  # for good: what goes out went out elsewhere
        self._alike: dict[str, Decimal] = {}
        self.positions = Positions()
        self.subscribe(lambda update: self.positions.on_update(update))

    @property
    def wall_ns(self) -> int:
        """When the record was written that is being applied, or was applied last: wall ns."""
        return self._wall_ns

    def apply(self, kind: str, wall_ns: int, data: bytes) -> list[OrderUpdate]:
        """Take the next record. Returns: what changed; listeners were told.

        Raises: StoreCorrupt: it cannot be read; the orders are of no use any more, begin again.
        """
        self._wall_ns = wall_ns
        try:
            if kind == LogKind.NUMBERED:
                return self._numbered(kind, wall_ns, data)
            return self._again(kind, wall_ns, data)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreCorrupt("order records", 0, f"a record of kind {kind!r}: {error}") from error

    # --- one object for what is alike -----------------------------------------------------------------------

    def _request_again(self, values: dict[str, Any]) -> None:
        """Enter a request. Numbers that are not known yet are made of their texts, and known when they are heard of."""
        for name in ("qty", "price", "stop_px"):
            text = values.get(name)
            if isinstance(text, str):
                values[name] = self._alike.get(text, text)
        if isinstance(values.get("symbol"), str):
            values["symbol"] = intern(values["symbol"])
        super()._request_again(values)

    def _on_report(self, message: Message, now: Now) -> list[OrderUpdate]:
        updates = super()._on_report(message, now)
        if not updates:
            return updates
        order, report = updates[0].order, updates[0].report
        if order is None or report is None:
            return updates
        self._share(order, report)
        for n, update in enumerate(updates):
            trade = update.trade
            if trade is not None and order.trades.get(trade.exec_id) is trade:
                order.trades[trade.exec_id] = shared = self._shared(trade, order)
                updates[n] = update._replace(trade=shared)
        return updates

    def _share(self, order: Order, report: Report) -> None:
        """Have the numbers of an order, and what is kept to know a second copy of a report, be shared ones."""
        one = self._same
        order.qty, order.cum_qty, order.leaves_qty = one(order.qty), one(order.cum_qty), one(order.leaves_qty)
        order.heard_qty, order.notional = one(order.heard_qty), one(order.notional)
        if order.price is not None:
            order.price = one(order.price)
        says = self._execs.get(report.exec_id or "")
        if says is not None and says[0] is order:
            self._execs[report.exec_id or ""] = tuple([one(part) if type(part) is Decimal else part for part in says])

    def _shared(self, trade: Trade, order: Order) -> Trade:
        """Return a trade that has its order's texts, where they are the same."""
        return make_trade(
            trade.exec_id,
            order.order_id if trade.order_id == order.order_id else trade.order_id,
            order.cl_ord_id if trade.cl_ord_id == order.cl_ord_id else trade.cl_ord_id,
            order.account if trade.account == order.account else trade.account,
            order.symbol if trade.symbol == order.symbol else trade.symbol,
            trade.side,
            self._same(trade.qty),
            self._same(trade.px),
            trade.transact_time_ns,
        )

    def _same(self, value: Decimal) -> Decimal:
        """Return the number that is written like this one."""
        text, known = str(value), self._alike
        if len(known) >= _ALIKE and text not in known:
            known.clear()
        return known.setdefault(text, value)

    # --- inside ---------------------------------------------------------------------------------------------

    def _begin_again(self, values: dict[str, Any]) -> None:
        super()._begin_again(values)
        self.positions = Positions()

    def _state_again(self, values: dict[str, Any]) -> list[OrderUpdate]:
        if values["what"] in ("execution", "position"):
            self.positions.restore(values)
        return super()._state_again(values)

    def _numbered(self, kind: str, wall_ns: int, data: bytes) -> list[OrderUpdate]:
        """A request has its number: it was sent. When it had one, it was sent again, which nobody is told."""
        found = self._asked_by(data.decode("utf-8", "surrogateescape").partition(" ")[2])
        first = found is not None and not found[0].seq
        self._again(kind, wall_ns, data)
        if not first or found is None or found[1] is None:
            return []
        request, order = found[0], found[1]
        return self._tell([OrderUpdate(UpdateKind.SENT, order, order.status, order.status, request=request)])

    def _tell(self, updates: list[OrderUpdate]) -> list[OrderUpdate]:
        self._replaying = False  # only of what is gone through a second time nobody is told
        try:
            return super()._tell(updates)
        finally:
            self._replaying = True
