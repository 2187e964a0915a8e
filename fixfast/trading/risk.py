"""Pre-trade risk: what is looked at before an order leaves, and what it says when one may not. No I/O, no clock.

    RiskLimits    what a person configures, for all symbols or for one
    Exposure      what open orders may still become, at worst (E4.13)
    RiskCheck     looks at a new order or a replace, and raises RiskRejected; its kill switch

    risk = RiskCheck(RiskLimits(max_qty=1000, max_position=5000), positions=positions)
    manager = OrderManager(send, checks=[risk.check])
    risk.follow(manager)

Cancels are never refused: they make risk smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol

from fixfast.errors import ConfigError, LocalProtocolError, RiskRejected
from fixfast.trading.exact import EXACT
from fixfast.trading.positions import Positions, sign_of
from fixfast.types import Now

__all__ = ["Exposure", "Ordered", "RiskCheck", "RiskLimits", "Working"]

_ZERO = Decimal(0)
_SECOND = 1_000_000_000
_LONGEST = 7 * 86400
_MOST_ORDERS = 1_000_000


class Ordered(Protocol):
    """What a check wants to know of an order that is about to be sent; an OrderRequest has it."""

    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def stop_px(self) -> Decimal | None: ...


class Working(Protocol):
    """What Exposure wants to know of an order that works; an Order has it."""

    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def cum_qty(self) -> Decimal: ...
    @property
    def worst_qty(self) -> Decimal: ...


# --- limits -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What an order may be; None: no such limit. Numbers are Decimals or ints, and kept as Decimals.

    Args:
        max_qty: quantity of one order.
        max_notional: quantity times price (times contract multiplier) of one order. A market order counts at the
            reference price; without one it is refused.
        collar: how much worse than the reference price an order's price may be, as a fraction: Decimal("0.02") lets
            buys pay up to 2 % more, and sells take up to 2 % less. With a collar, an order for which there is no
            reference price is refused, a market order too.
        collar_abs: the same as an amount.
        max_position: what account and symbol may come to, long or short, if all that is open is filled (E4.13).
        max_open_qty: quantity that may be open on one side of a symbol in an account, the order included.
        max_orders: orders and replaces in `per` seconds, over all symbols.
        per: seconds.
        duplicate_window: seconds in which the same order (account, symbol, side, quantity, prices) is taken for a
            mistake.
        symbols: symbol -> RiskLimits that hold for it instead of these; `max_orders`, `per` and `only_symbols` are
            always those of the whole.
        only_symbols: symbols that may be traded at all; None: all.

    Raises:
        ConfigError: a value is out of range.
    """

    max_qty: Decimal | int | None = None
    max_notional: Decimal | int | None = None
    collar: Decimal | None = None
    collar_abs: Decimal | int | None = None
    max_position: Decimal | int | None = None
    max_open_qty: Decimal | int | None = None
    max_orders: int | None = None
    per: float = 1.0
    duplicate_window: float | None = None
    symbols: Mapping[str, RiskLimits] = field(default_factory=dict)
    only_symbols: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in ("max_qty", "max_notional", "collar", "collar_abs", "max_position", "max_open_qty"):
            value = getattr(self, name)
            if value is None:
                continue
            exact = isinstance(value, (Decimal, int)) and not isinstance(value, bool) and Decimal(value).is_finite()
            if not exact or value < 0:
                raise ConfigError(name, value, "a Decimal or an int from 0, or None")
            object.__setattr__(self, name, Decimal(value))
        if self.max_orders is not None and (
            type(self.max_orders) is not int or not 1 <= self.max_orders <= _MOST_ORDERS
        ):
            raise ConfigError("max_orders", self.max_orders, f"a whole number from 1 to {_MOST_ORDERS}, or None")
        _seconds("per", self.per)
        if self.duplicate_window is not None:
            _seconds("duplicate_window", self.duplicate_window)
        for symbol, limits in self.symbols.items():
            if not isinstance(limits, RiskLimits) or limits.symbols:
                raise ConfigError("symbols", symbol, "symbol -> RiskLimits, which have no `symbols` of their own")
        if self.only_symbols is not None:
            if not isinstance(self.only_symbols, (frozenset, set)):
                raise ConfigError("only_symbols", self.only_symbols, "a set of symbols")
            object.__setattr__(self, "only_symbols", frozenset(self.only_symbols))

    @property
    def needs_time(self) -> bool:
        """Whether a check has to know what time it is."""
        windows = [limits.duplicate_window for limits in (self, *self.symbols.values())]
        return self.max_orders is not None or any(window is not None for window in windows)


def _seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1e-3 <= value <= _LONGEST:
        raise ConfigError(name, value, f"seconds, from 0.001 to {_LONGEST}")


# --- what is open -----------------------------------------------------------------------------------------------------


class Exposure:
    """What the open orders may still become at worst, per account, symbol and side: a running sum, O(1) an update.

    An order counts with its `worst_qty`: what it leaves, and while a replace is pending what the larger of both
    quantities leaves; from the moment it is sent until it ends (E4.13).
    """

    __slots__ = ("_counted", "_open")

    def __init__(self, orders: Iterable[Working] = ()) -> None:
        self._counted: dict[Any, tuple[tuple[str, str, int], Decimal]] = {}
        self._open: dict[tuple[str, str, int], Decimal] = {}
        for order in orders:
            self.track(order)

    def track(self, order: Working) -> None:
        """Count an order as it is now: after it was sent, and after every change."""
        key, before = self._counted.pop(order, (None, _ZERO))
        if key is not None:
            self._open[key] = EXACT.subtract(self._open[key], before)
        worst = order.worst_qty
        if worst:
            now = (order.account, order.symbol, sign_of(order.side))
            self._counted[order] = now, worst
            self._open[now] = EXACT.add(self._open.get(now, _ZERO), worst)

    def on_update(self, update: Any) -> None:
        """Follow an OrderManager: `manager.subscribe(exposure.on_update)`."""
        if update.order is not None:
            self.track(update.order)

    def open_qty(self, account: str, symbol: str, sign: int) -> Decimal:
        """Return what may still be bought (sign 1) or sold (-1) at worst."""
        return self._open.get((account, symbol, sign), _ZERO)

    def counted(self, order: Working | None) -> Decimal:
        """Return what an order is counted with."""
        return _ZERO if order is None else self._counted.get(order, (None, _ZERO))[1]

    def __len__(self) -> int:
        return len(self._counted)


# --- the check --------------------------------------------------------------------------------------------------------


class RiskCheck:
    """Looks at orders before they are sent.

    Args:
        limits: what is allowed.
        positions: what is held; needed for `max_position`.
        exposure: what is open; one of its own if not given, see follow().
        reference: symbol -> the price an order's price is compared with, None where there is none now (a stale book):
            `lambda symbol: books[symbol].mid`.
        multipliers: symbol -> contract multiplier, for `max_notional`.
        clock: gives a Now where check() is not told one: `fixfast.clock.now`.

    Attributes:
        killed: why nothing may be sent any more, "" while all is well.
        exposure: what is open.

    Raises:
        ConfigError: a limit needs something that is not given.
    """

    def __init__(
        self,
        limits: RiskLimits,
        *,
        positions: Positions | None = None,
        exposure: Exposure | None = None,
        reference: Callable[[str], Decimal | None] | None = None,
        multipliers: Mapping[str, Decimal | int] | None = None,
        clock: Callable[[], Now] | None = None,
    ) -> None:
        self._positions = positions
        self.exposure = Exposure() if exposure is None else exposure
        self._reference = reference
        self._multipliers = dict(multipliers or {})
        self._clock = clock
        self.killed = ""
        self._killed_symbols: dict[str, str] = {}
        self._sent: deque[int] = deque()
        self._recent: dict[tuple[object, ...], int] = {}
        self.limits = limits

    @property
    def limits(self) -> RiskLimits:
        """What is allowed. Others may be set at any time, and hold from the next order on."""
        return self._limits

    @limits.setter
    def limits(self, limits: RiskLimits) -> None:
        for one in (limits, *limits.symbols.values()):
            if one.max_position is not None and self._positions is None:
                raise ConfigError("max_position", one.max_position, "only with positions=")
            for name in ("collar", "collar_abs"):
                if getattr(one, name) is not None and self._reference is None:
                    raise ConfigError(name, getattr(one, name), "only with reference=")
        longest = max(one.duplicate_window or 0 for one in (limits, *limits.symbols.values()))
        self._longest_ns = round(longest * _SECOND)
        self._limits = limits

    def follow(self, manager: Any) -> None:
        """Count the orders of an OrderManager: those that are open now, and all that come."""
        for order in manager.open_orders:
            self.exposure.track(order)
        manager.subscribe(self.exposure.on_update)

    # --- the kill switch ------------------------------------------------------------------------------------------

    def kill(self, reason: str, symbol: str = "") -> None:
        """Refuse every order and replace from now on, or those of one symbol. Cancelling what is open is another step:
        `manager.cancel_all()`.

        Args:
            reason: for people; not empty.
            symbol: only this one.
        """
        if not reason:
            raise ConfigError("reason", reason, "a text that says why")
        if symbol:
            self._killed_symbols[symbol] = reason
        else:
            self.killed = reason

    def revive(self, symbol: str = "") -> None:
        """Undo kill(): for all symbols at once, or for one that was killed by its name."""
        if symbol:
            self._killed_symbols.pop(symbol, None)
        else:
            self.killed = ""

    # --- one order ------------------------------------------------------------------------------------------------

    def check(self, order: Ordered, replaces: Working | None = None, now: Now | None = None) -> None:
        """Let an order pass, or say why not. One that passes counts as sent for `max_orders` and `duplicate_window`.

        Args:
            order: what is about to be sent: an OrderRequest, or what a replace makes of an order.
            replaces: the order whose terms are to become these.
            now: what time it is.

        Raises:
            RiskRejected: names the limit, the value and what is allowed. Nothing was counted.
            ConfigError: its side neither buys nor sells.
            LocalProtocolError: a limit needs the time, and nobody says it.
        """
        limits = self._limits.symbols.get(order.symbol, self._limits)
        killed = self.killed or self._killed_symbols.get(order.symbol, "")
        if killed:
            raise RiskRejected("kill switch", "an order", "none", killed)
        only = self._limits.only_symbols
        if only is not None and order.symbol not in only:
            raise RiskRejected("only_symbols", order.symbol, " ".join(sorted(only)) or "none")
        self._check_size(limits, order)
        self._check_price(limits, order)
        self._check_exposure(limits, order, replaces)
        if self._limits.needs_time:
            self._check_pace(limits, order, replaces, now)

    def _check_size(self, limits: RiskLimits, order: Ordered) -> None:
        if limits.max_qty is not None and order.qty > limits.max_qty:
            raise RiskRejected("max_qty", order.qty, f"up to {limits.max_qty}", order.symbol)
        if limits.max_notional is None:
            return
        prices = [px for px in (order.price, order.stop_px) if px is not None]
        if not prices:
            reference = self._reference(order.symbol) if self._reference is not None else None
            if reference is None:
                detail = f"a market order in {order.symbol}, and no reference price"
                raise RiskRejected("max_notional", "an unknown amount", f"up to {limits.max_notional}", detail)
            prices = [reference]
        worst = max(px.copy_abs() for px in prices)
        notional = EXACT.multiply(EXACT.multiply(order.qty, worst), Decimal(self._multipliers.get(order.symbol, 1)))
        if notional > limits.max_notional:
            raise RiskRejected("max_notional", notional, f"up to {limits.max_notional}", order.symbol)

    def _check_price(self, limits: RiskLimits, order: Ordered) -> None:
        if limits.collar is None and limits.collar_abs is None:
            return
        reference = None if self._reference is None else self._reference(order.symbol)
        if reference is None:
            name = "collar" if limits.collar is not None else "collar_abs"
            raise RiskRejected(
                name, order.price or "a market order", "none", f"no reference price of {order.symbol} now"
            )
        if order.price is None:
            return
        sign = sign_of(order.side)
        for name, width in (
            (
                "collar",
                None if limits.collar is None else EXACT.multiply(reference.copy_abs(), Decimal(limits.collar)),
            ),
            ("collar_abs", limits.collar_abs),
        ):
            if width is None:
                continue
            edge = EXACT.add(reference, EXACT.multiply(Decimal(sign), Decimal(width)))
            if order.price > edge if sign > 0 else order.price < edge:
                allowed = f"{'up to' if sign > 0 else 'from'} {edge.normalize(EXACT):f}"
                raise RiskRejected(name, order.price, allowed, f"{order.symbol}, reference {reference}")

    def _check_exposure(self, limits: RiskLimits, order: Ordered, replaces: Working | None) -> None:
        if limits.max_position is None and limits.max_open_qty is None:
            return
        sign = sign_of(order.side)
        # While a replace is pending, the order may still be filled as it was: the larger of both counts (E4.13).
        asked = order.qty if replaces is None else max(EXACT.subtract(order.qty, replaces.cum_qty), _ZERO)
        counted = self.exposure.counted(replaces)
        others = EXACT.subtract(self.exposure.open_qty(order.account, order.symbol, sign), counted)
        open_qty = EXACT.add(others, max(asked, counted))
        where = f"{order.account or 'no account'}, {order.symbol}: {open_qty} open on this side"
        if limits.max_open_qty is not None and open_qty > limits.max_open_qty and asked > counted:
            raise RiskRejected("max_open_qty", open_qty, f"up to {limits.max_open_qty}", where)
        if limits.max_position is not None and self._positions is not None:
            held = self._positions.qty(order.account, order.symbol)
            worst = EXACT.add(EXACT.multiply(held, Decimal(sign)), open_qty)
            if worst > limits.max_position and asked > counted:
                side = "long" if sign > 0 else "short"
                raise RiskRejected(
                    "max_position", f"{worst} {side}", f"up to {limits.max_position}", f"{where}, {held} held"
                )

    def _check_pace(self, limits: RiskLimits, order: Ordered, replaces: Working | None, now: Now | None) -> None:
        if now is None:
            if self._clock is None:
                raise LocalProtocolError("max_orders and duplicate_window need the time: give check(now=) or clock=")
            now = self._clock()
        at = now.mono_ns
        key = (order.account, order.symbol, order.side, order.qty, order.price, order.stop_px)
        window = limits.duplicate_window
        if window is not None and replaces is None:
            before = self._recent.get(key)
            if before is not None and at - before < window * _SECOND:
                said = f"the same {(at - before) / _SECOND:.3f} s ago"
                raise RiskRejected("duplicate_window", "an equal order", f"one in {window:g} s", said)
        most = self._limits.max_orders
        if most is not None:
            sent, since = self._sent, at - round(self._limits.per * _SECOND)
            while sent and sent[0] <= since:
                sent.popleft()
            if len(sent) >= most:
                raise RiskRejected("max_orders", len(sent) + 1, f"{most} in {self._limits.per:g} s")
            sent.append(at)
        if window is not None and replaces is None:
            for old in list(islice(self._recent, 2)):  # two for each that comes: it never outgrows the longest window
                if at - self._recent[old] >= self._longest_ns:
                    del self._recent[old]
            self._recent.pop(key, None)  # to the end, so that the oldest are in front
            self._recent[key] = at
