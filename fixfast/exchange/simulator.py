"""What the simulated exchange decides: which orders it takes, fills, fills in part or rejects. No I/O, no clock.

There is no book and no other trader yet (a matching engine comes later): the fate of an order is drawn from the seed
and the order's ClOrdID alone. So a run can be repeated, whatever the timing, and a cut connection does not change who
gets what.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from fixfast.errors import ConfigError
from fixfast.types import Side

__all__ = ["Order", "Report", "SeededExchange"]

_ZERO = Decimal(0)
#: AvgPx is rounded to this; an average of prices has no last digit
_AVG_DIGITS = Decimal("1e-8")
_MAX_QTY = 1_000_000

#: OrdStatus(39) and, where it is the same, ExecType(150)
_NEW, _PARTIAL, _FILLED, _REJECTED = "0", "1", "2", "8"
_TRADE, _STATUS = "F", "I"

#: What may become of an order: (weight, number of fills, does the last one complete it?). None: rejected.
_FATES: tuple[tuple[int, int | None, bool], ...] = (
    (6, None, False),
    (10, 0, False),
    (10, 1, False),
    (8, 2, False),
    (36, 1, True),
    (18, 2, True),
    (12, 3, True),
)


@dataclass(slots=True)
class Order:
    """An order as the exchange sees it. Quantities are whole, prices exact."""

    order_id: str
    cl_ord_id: str
    symbol: str
    side: str
    qty: int
    price: Decimal
    status: str = _NEW
    cum_qty: int = 0
    turnover: Decimal = _ZERO  # sum of LastQty * LastPx
    reason: int | None = None  # OrdRejReason(103)
    text: str = ""
    parts: deque[tuple[int, Decimal]] = field(default_factory=deque)  # (quantity, price) of the fills to come

    @property
    def leaves_qty(self) -> int:
        """LeavesQty(151): 0 once the order is filled or rejected."""
        return 0 if self.status in (_FILLED, _REJECTED) else self.qty - self.cum_qty

    @property
    def avg_px(self) -> Decimal:
        """AvgPx(6): 0 while nothing is filled."""
        if not self.cum_qty:
            return _ZERO
        return (self.turnover / self.cum_qty).quantize(_AVG_DIGITS, ROUND_HALF_EVEN).normalize()


@dataclass(frozen=True, slots=True)
class Report:
    """What an ExecutionReport (8) says, but for its TransactTime."""

    owner: str
    exec_id: str
    exec_type: str
    order_id: str
    cl_ord_id: str
    status: str
    symbol: str
    side: str
    qty: int
    price: Decimal
    leaves_qty: int
    cum_qty: int
    avg_px: Decimal
    last_qty: int | None = None
    last_px: Decimal | None = None
    reason: int | None = None
    text: str = ""

    def fields(self, transact_time_ns: int) -> list[tuple[int, str | int | Decimal]]:
        """Return the body of the ExecutionReport, ready to send.

        Args:
            transact_time_ns: TransactTime(60), ns since the Unix epoch.
        """
        pairs: Iterable[tuple[int, str | int | Decimal | None]] = (
            (37, self.order_id),
            (11, self.cl_ord_id),
            (17, self.exec_id),
            (150, self.exec_type),
            (39, self.status),
            (103, self.reason),
            (55, self.symbol),
            (54, self.side),
            (38, self.qty),
            (44, self.price),
            (32, self.last_qty),
            (31, self.last_px),
            (151, self.leaves_qty),
            (14, self.cum_qty),
            (6, self.avg_px),
            (60, transact_time_ns),
            (58, self.text or None),
        )
        return [(tag, value) for tag, value in pairs if value is not None]


class SeededExchange:
    """Takes orders and decides their fate.

    Args:
        seed: the same seed and the same ClOrdIDs give the same fates.
        ticks: symbols traded -> the smallest step of their price.
        run: prefix of OrderID and ExecID; take another for every run of one trading day.

    Raises:
        ConfigError: no symbol is given, or a tick is not above 0.
    """

    def __init__(self, seed: int, ticks: Mapping[str, Decimal], *, run: str = "") -> None:
        if not ticks:
            raise ConfigError("ticks", ticks, "at least one symbol")
        for symbol, tick in ticks.items():
            if not tick > 0:
                raise ConfigError(f"ticks[{symbol!r}]", tick, "a price step above 0")
        self._seed = seed
        self._ticks = dict(ticks)
        self._run = run
        self._orders: dict[tuple[str, str], Order] = {}
        self._unfinished: deque[tuple[str, Order]] = deque()
        self._executions = 0
        self.positions: Counter[tuple[str, str]] = Counter()  # (owner, symbol) -> signed quantity filled
        self.reports: Counter[str] = Counter()  # ExecType -> number made

    def new_order(
        self, owner: str, cl_ord_id: str, symbol: str, side: str, qty: int, price: Decimal, *, poss_resend: bool = False
    ) -> list[Report]:
        """Take a NewOrderSingle (D).

        Args:
            owner: who sent it; ClOrdIDs are unique within an owner (E4.6).
            cl_ord_id, symbol, side, qty, price: ClOrdID(11), Symbol(55), Side(54), OrderQty(38), Price(44).
            poss_resend: PossResend(97)=Y: the owner does not know whether it sent this order before (S13, S14).

        Returns: the reports to send now, at least one; the rest of the fills comes from later().
        """
        known = self._orders.get((owner, cl_ord_id))
        if known is not None:
            if poss_resend:
                return [self._report(owner, known, _STATUS)]
            copy = Order("NONE", cl_ord_id, symbol, side, qty, price)
            return [self._reject(owner, copy, 6, "Duplicate order")]
        order = Order(f"{self._run}O{len(self._orders) + 1}", cl_ord_id, symbol, side, qty, price)
        self._orders[owner, cl_ord_id] = order
        fault = self._fault(order)
        if fault is not None:
            return [self._reject(owner, order, *fault)]
        reports = [self._report(owner, order, _NEW)]
        if order.parts:
            reports.append(self._fill(owner, order))
        if order.parts:
            self._unfinished.append((owner, order))
        return reports

    def later(self) -> Iterator[Report]:
        """Yield the fills that are still to come, one per order and call, oldest order first."""
        for _ in range(len(self._unfinished)):
            owner, order = self._unfinished.popleft()
            yield self._fill(owner, order)
            if order.parts:
                self._unfinished.append((owner, order))

    @property
    def waiting(self) -> bool:
        """Tell whether later() has something."""
        return bool(self._unfinished)

    def status(self, owner: str, cl_ord_id: str, symbol: str, side: str) -> Report:
        """Answer an OrderStatusRequest (H). An unknown order is answered with 39=8 and 103=5."""
        order = self._orders.get((owner, cl_ord_id))
        if order is None:
            order = Order("NONE", cl_ord_id, symbol, side, 0, _ZERO, _REJECTED, reason=5, text="Unknown order")
        return self._report(owner, order, _STATUS, order.reason, order.text)

    def orders(self, owner: str) -> list[Order]:
        """Return an owner's orders, oldest first."""
        return [order for (who, _), order in self._orders.items() if who == owner]

    # --- inside --------------------------------------------------------------------------------------------

    def _fault(self, order: Order) -> tuple[int, str] | None:
        """Check an order and draw its fate. Return (OrdRejReason, Text) to reject it."""
        tick = self._ticks.get(order.symbol)
        if tick is None:
            return 1, "Unknown symbol"
        if order.side not in (Side.BUY, Side.SELL):
            return 99, "Side is not supported"
        if not 0 < order.qty <= _MAX_QTY:
            return 13, f"OrderQty must be from 1 to {_MAX_QTY}"
        if order.price <= 0 or order.price % tick:
            return 99, f"Price must be a multiple of {tick} above 0"
        rng = random.Random(f"{self._seed}:{order.cl_ord_id}")
        _, fills, complete = rng.choices(_FATES, [fate[0] for fate in _FATES])[0]
        if fills is None:
            return 3, "Order exceeds the limit of the account"
        order.parts.extend(_cut(rng, order, fills, complete=complete, tick=tick))
        return None

    def _fill(self, owner: str, order: Order) -> Report:
        qty, price = order.parts.popleft()
        order.cum_qty += qty
        order.turnover += qty * price
        order.status = _FILLED if order.cum_qty == order.qty else _PARTIAL
        self.positions[owner, order.symbol] += qty if order.side == Side.BUY else -qty
        return self._report(owner, order, _TRADE, last=(qty, price))

    def _reject(self, owner: str, order: Order, reason: int, text: str) -> Report:
        order.status, order.reason, order.text = _REJECTED, reason, text
        return self._report(owner, order, _REJECTED, reason, text)

    def _report(
        self,
        owner: str,
        order: Order,
        exec_type: str,
        reason: int | None = None,
        text: str = "",
        last: tuple[int, Decimal] | None = None,
    ) -> Report:
        self._executions += 1
        self.reports[exec_type] += 1
        return Report(
            owner=owner,
            exec_id=f"{self._run}E{self._executions}",
            exec_type=exec_type,
            order_id=order.order_id,
            cl_ord_id=order.cl_ord_id,
            status=order.status,
            symbol=order.symbol,
            side=order.side,
            qty=order.qty,
            price=order.price,
            leaves_qty=order.leaves_qty,
            cum_qty=order.cum_qty,
            avg_px=order.avg_px,
            last_qty=None if last is None else last[0],
            last_px=None if last is None else last[1],
            reason=reason,
            text=text,
        )


def _cut(
    rng: random.Random, order: Order, fills: int, *, complete: bool, tick: Decimal
) -> Iterator[tuple[int, Decimal]]:
    """Yield (quantity, price) of the fills: sums to the order's quantity if complete, to less otherwise.

    Prices are the limit or up to three ticks better for the owner, never worse.
    """
    total = order.qty if complete else order.qty * rng.randint(20, 80) // 100
    fills = min(fills, total)
    if not fills:
        return
    cuts = sorted(rng.sample(range(1, total), fills - 1))
    for begin, end in zip([0, *cuts], [*cuts, total], strict=True):
        better = tick * rng.randint(0, 3)
        price = order.price - better if order.side == Side.BUY else order.price + better
        yield end - begin, price if price > 0 else order.price
