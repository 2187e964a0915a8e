"""What the demo's bot knows of its orders: built from ExecutionReports alone, each applied exactly once. No I/O."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from fixfast.session.wire import Message
from fixfast.types import Side

__all__ = ["STATES", "BotOrder", "Ledger", "make_orders"]

#: OrdStatus(39) -> its name
STATES = {"": "unanswered", "0": "new", "1": "partially filled", "2": "filled", "8": "rejected"}


@dataclass(slots=True)
class BotOrder:
    """An order as the bot sees it. Times are monotonic ns; `connection` is the one it was sent on."""

    cl_ord_id: str
    symbol: str
    side: str
    qty: int
    price: Decimal
    connection: int = 0
    sent_ns: int = 0
    status: str = ""
    cum_qty: int = 0


def make_orders(n: int, seed: int, market: Mapping[str, tuple[Decimal, Decimal]]) -> Iterator[BotOrder]:
    """Yield n orders at prices that walk at random, exactly, by the seed.

    Args: market: symbol -> (first price, price step).
    """
    rng = random.Random(f"orders:{seed}")
    prices = {symbol: price for symbol, (price, _) in market.items()}
    symbols = sorted(market)
    for i in range(n):
        symbol = symbols[i % len(symbols)]
        step = market[symbol][1]
        prices[symbol] = max(step * 20, prices[symbol] + step * rng.randint(-3, 3))
        side = rng.choice((Side.BUY, Side.SELL))
        yield BotOrder(f"C{i + 1}", symbol, side.value, 100 * rng.randint(1, 10), prices[symbol])


class Ledger:
    """Applies ExecutionReports.

    Attributes:
        orders: by ClOrdID, all that were made.
        positions: symbol -> signed quantity filled.
        reports: ExecType(150) -> reports applied.
        round_trips: ns from sending an order to its first report, where both went over the same connection.
        repeated: reports that came a second time, flagged as such, and were not applied again.
        faults: what must not happen, in words.
    """

    def __init__(self) -> None:
        self.orders: dict[str, BotOrder] = {}
        self.positions: Counter[str] = Counter()
        self.reports: Counter[str] = Counter()
        self.round_trips: list[int] = []
        self.repeated = 0
        self.faults: list[str] = []
        self._exec_ids: set[str] = set()

    def unanswered(self) -> list[BotOrder]:
        """Return the orders that were sent and have no report yet, oldest first."""
        return [order for order in self.orders.values() if order.sent_ns and not order.status]

    def states(self) -> dict[str, int]:
        """Return how many orders are in which OrdStatus."""
        return dict(sorted(Counter(order.status for order in self.orders.values()).items()))

    def apply(self, report: Message, connection: int, mono_ns: int) -> BotOrder | None:
        """Apply an ExecutionReport; return its order, None if it changed nothing.

        Args:
            report: the message.
            connection: the connection it arrived on.
            mono_ns: when.
        """
        exec_id = report[17]
        if exec_id in self._exec_ids:
            if report.poss_dup or report.redelivered or report.poss_resend:
                self.repeated += 1
            else:
                self.faults.append(f"ExecID {exec_id} came twice, and the second one does not say so")
            return None
        self._exec_ids.add(exec_id)
        exec_type = report[150]
        self.reports[exec_type] += 1
        order = self.orders.get(report[11])
        if order is None:
            self.faults.append(f"a report for ClOrdID {report[11]}, which was never sent")
            return None
        if exec_type == "I":
            self._compare(order, report)
            return order
        if not order.status and order.connection == connection:
            self.round_trips.append(mono_ns - order.sent_ns)
        order.status = report[39]
        if exec_type == "F":
            qty = report.int(32)
            order.cum_qty += qty
            self.positions[order.symbol] += qty if order.side == Side.BUY else -qty
        if order.cum_qty != report.int(14):
            self.faults.append(f"{order.cl_ord_id}: CumQty is {report[14]}, the fills add up to {order.cum_qty}")
        return order

    def _compare(self, order: BotOrder, report: Message) -> None:
        """A status changes nothing (E3); after a gap was filled it must say what the reports said."""
        if report.get(103) == "5":
            return  # unknown to the exchange: it was lost on the way there
        if (report[39], report.int(14)) != (order.status, order.cum_qty):
            self.faults.append(
                f"{order.cl_ord_id}: the exchange says OrdStatus {report[39]}, CumQty {report[14]}; "
                f"the reports said {order.status or 'nothing'}, {order.cum_qty}"
            )
