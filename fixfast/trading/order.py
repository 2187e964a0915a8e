"""Order: what is known of one order. An OrderManager changes it, everybody reads it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from fixfast.trading.exact import EXACT, quotients
from fixfast.trading.lifecycle import ENDED, OrdStatus
from fixfast.trading.report import Report
from fixfast.trading.request import OrderRequest, Rejection, Request
from fixfast.trading.trade import Trade
from fixfast.trading.update import Doubt

__all__ = ["Order", "average"]

_add, _subtract, _multiply = EXACT.add, EXACT.subtract, EXACT.multiply
_ZERO = Decimal(0)
_AVERAGE = quotients(28)


def average(notional: Decimal, qty: Decimal) -> Decimal:
    """Return an average price: 28 digits, 0 when nothing was traded (E4.1)."""
    return _AVERAGE.divide(notional, qty) if qty else _ZERO


class Order:
    """One order, through all its replaces.

    Attributes:
        cl_ord_id: the last accepted ClOrdID: what the next cancel or replace refers to (E4.6).
        orig_cl_ord_id: the one before it, empty where there is none.
        order_id: the broker's OrderID(37), empty until it is known.
        account, symbol, side, ord_type, time_in_force: as ordered.
        qty, price, stop_px: as they are in force; a replace changes them when it is accepted, not earlier (E3).
        status: OrdStatus(39), as the broker said last and the table allowed.
        cum_qty: the sum of the live trades. leaves_qty: what still works in the market.
        trades: the live trades by ExecID, busted ones gone, corrected ones as they are now. One of an earlier
            day, whose ExecID was used again since, has another key.
        pending: our requests that are not answered, by their ClOrdID: the order itself, cancels and replaces.
        requests: all of them.
        rejected: why the order was refused, else None.
        uncertain: the session was interrupted, and the broker has not been heard since (E4.11).
        missing_qty: what the broker says was executed beyond the trades we know; 0 when nothing is missing.
        flags: which doubts there are, a set of Doubt; `manager.questions` has them in words.
        request: what was asked for; None where the order was not placed here.
        text: the last Text(58) of a report that refused or ended it.
    """

    __slots__ = (
        "_flags",
        "account",
        "carried",
        "cl_ord_id",
        "corrections",
        "cum_qty",
        "heard_qty",
        "inquiry",
        "leaves_qty",
        "missing_qty",
        "notional",
        "ord_type",
        "order_id",
        "orig_cl_ord_id",
        "parked",
        "pending",
        "price",
        "qty",
        "rejected",
        "request",
        "requests",
        "side",
        "status",
        "stop_px",
        "symbol",
        "text",
        "time_in_force",
        "trades",
        "uncertain",
        "voided",
    )

    def __init__(self, cl_ord_id: str, request: OrderRequest) -> None:
        self.cl_ord_id = cl_ord_id
        self.orig_cl_ord_id = ""
        self.order_id = ""
        self.account = request.account
        self.symbol = request.symbol
        self.side = request.side
        self.ord_type = request.ord_type
        self.time_in_force = request.time_in_force
        self.qty = request.qty
        self.price = request.price
        self.stop_px = request.stop_px
        self.status = OrdStatus.SENT
        self.cum_qty = _ZERO
        self.leaves_qty = request.qty
        self.notional = _ZERO
        self.trades: dict[str, Trade] = {}
        self.pending: dict[str, Request] = {}
        self.requests: dict[str, Request] = {}
        self.rejected: Rejection | None = None
        self.uncertain = False
        self.missing_qty = _ZERO
        self._flags: set[Doubt] | None = None
        self.request: OrderRequest | None = request
        self.text = ""
        #: the highest CumQty heard of: who says less is telling an old story
        self.heard_qty = _ZERO
        #: the status request that was sent last
        self.inquiry: Request | None = None
        # What few orders have is None until they have it: an empty set takes 216 bytes.
        #: busts and corrections that wait for their trade, by the ExecID they refer to (E4.5)
        self.parked: dict[str, list[Report]] | None = None
        #: ExecID of a correction -> that of its trade
        self.corrections: dict[str, str] | None = None
        #: ExecIDs of trades that were busted
        self.voided: set[str] | None = None
        #: keys of the trades of earlier days; None while nobody has told of a new day
        self.carried: set[str] | None = None

    def __repr__(self) -> str:
        done = f"{self.cum_qty}/{self.qty}"
        return f"<{type(self).__name__} {self.cl_ord_id} {self.symbol} {done} {self.status.name}>"

    @property
    def flags(self) -> set[Doubt]:
        """Which doubts there are."""
        if self._flags is None:
            self._flags = set()
        return self._flags

    @flags.setter
    def flags(self, doubts: set[Doubt]) -> None:
        self._flags = doubts

    def doubts(self) -> frozenset[Doubt]:
        """Return the flags as they are now."""
        return frozenset(self._flags or ())

    @property
    def is_open(self) -> bool:
        """It works in the market, or may: nothing has ended it."""
        return self.status not in ENDED

    @property
    def is_acknowledged(self) -> bool:
        """The broker has taken it."""
        return self.status not in (OrdStatus.SENT, OrdStatus.PENDING_NEW, OrdStatus.REJECTED)

    @property
    def is_filled(self) -> bool:
        """All of it was executed, whatever the status shows (a pending cancel shows above Filled, E1)."""
        return self.cum_qty >= self.qty

    @property
    def avg_px(self) -> Decimal:
        """The average price of the live trades, 28 digits; 0 when there are none."""
        return average(self.notional, self.cum_qty)

    @property
    def worst_qty(self) -> Decimal:
        """The quantity that may still be executed at worst: also what a pending replace asks for (E4.13)."""
        worst = self.qty if self.is_open else self.cum_qty
        for request in self.pending.values():
            asked = request.terms.get("qty")
            if asked is not None and asked > worst:
                worst = asked  # of a filled order, too: it may be reopened
        return max(_subtract(worst, self.cum_qty), _ZERO)

    # --- for the manager ----------------------------------------------------------------------------------------

    def count(self, qty: Decimal, px: Decimal, *, times: int = 1) -> None:
        """Add an execution to the sums; `times` -1 takes it away."""
        if times > 0:
            self.cum_qty = _add(self.cum_qty, qty)
            self.notional = _add(self.notional, _multiply(qty, px))
        else:
            self.cum_qty = _subtract(self.cum_qty, qty)
            self.notional = _subtract(self.notional, _multiply(qty, px))

    def new_day(self) -> None:
        """Begin a new day: what was executed so far was executed before it."""
        self.carried = set(self.trades)

    def today(self) -> tuple[Decimal, Decimal]:
        """Return quantity and notional of the live trades of this day; of all while nobody has told of one."""
        qty = notional = _ZERO
        for key, trade in self.trades.items():
            if not self.carried or key not in self.carried:
                qty = _add(qty, trade.qty)
                notional = _add(notional, _multiply(trade.qty, trade.px))
        return qty, notional

    def means(self, exec_id: str) -> bool:
        """Return whether an ExecID is that of a trade, of one that was busted, or of a correction."""
        if exec_id in self.trades or (self.voided is not None and exec_id in self.voided):
            return True
        return self.corrections is not None and exec_id in self.corrections

    def free(self, exec_id: str) -> None:
        """Have an ExecID mean nothing any more: that of an earlier day is used again. Its trade stays (E4.4)."""
        if self.voided is not None:
            self.voided.discard(exec_id)
        if self.corrections is not None:
            self.corrections.pop(exec_id, None)
        trade = self.trades.pop(exec_id, None)
        if trade is None:
            return
        n = 0
        while (key := f"{exec_id}\0{n}") in self.trades:
            n += 1
        self.trades[key] = trade
        if self.carried is not None and exec_id in self.carried:
            self.carried.remove(exec_id)
            self.carried.add(key)
        if self.corrections is not None:
            self.corrections = {name: key if of == exec_id else of for name, of in self.corrections.items()}

    def settle(self) -> None:
        """Work out LeavesQty: OrderQty - CumQty while it works, 0 when it ended (E4.2)."""
        if self.status in ENDED or self.cum_qty >= self.qty:
            self.leaves_qty = _ZERO
        else:
            self.leaves_qty = _subtract(self.qty, self.cum_qty)

    def state(self) -> tuple[object, ...]:
        """Return all that makes two orders the same, for comparing a rebuilt one with the one that lived."""
        chain = tuple((r.msg_type, r.cl_ord_id, r.state) for r in self.requests.values())
        plain = (self.cl_ord_id, self.orig_cl_ord_id, self.order_id, self.account, self.symbol, self.side)
        terms = (self.ord_type, self.time_in_force, self.qty, self.price, self.stop_px, self.rejected, self.text)
        sums = (self.status, self.cum_qty, self.leaves_qty, self.notional, self.missing_qty, self.uncertain)
        days = None if self.carried is None else frozenset(self.carried)
        return (
            *plain,
            *terms,
            *sums,
            _by_id(self.trades.values()),
            tuple(self.pending),
            chain,
            self.doubts(),
            days,
        )


def _by_id(trades: Iterable[Trade]) -> tuple[Trade, ...]:
    return tuple(sorted(trades, key=lambda trade: trade.exec_id))
