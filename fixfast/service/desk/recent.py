"""Recent: the orders that pages show: the latest, and the open ones however old they are. I/O-free.

A Backend knows every order of the day. A page that looked through all of them for each frame would get slower by the
hour; here an update costs the same at noon and at midnight.
"""

from __future__ import annotations

from collections.abc import Iterable

from fixfast.trading.order import Order

__all__ = ["Recent", "id_of"]


def id_of(order: Order) -> str:
    """Return what an order is known by for good: its first ClOrdID."""
    return next(iter(order.requests), order.cl_ord_id)


class Recent:
    """Orders by when they were entered. Args: most: how many are shown."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._latest: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self._entered: dict[str, int] = {}

    def begin(self, orders: Iterable[Order]) -> None:
        """Forget all but these, the oldest first."""
        self._latest.clear()
        self._open.clear()
        entered, self._entered = self._entered, {}
        for order in orders:
            self.note(order, entered.get(id_of(order), 0))

    def note(self, order: Order, wall_ns: int) -> str:
        """Take what became of an order. Args: wall_ns: now: when a new one was entered. Returns: its id."""
        name = id_of(order)
        if name not in self._entered:
            self._entered[name] = wall_ns
            self._latest[name] = order
            if len(self._latest) > self._most:
                del self._latest[next(iter(self._latest))]
        if order.is_open:
            self._open[name] = order
        else:
            self._open.pop(name, None)
        return name

    def shown(self, *, only_open: bool = False) -> list[tuple[str, Order]]:
        """Return (id, order), the newest first, not more than `most`."""
        return list((self._open if only_open else self._latest).items())[: -self._most - 1 : -1]

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._open)

    def entered_ns(self, name: str) -> int:
        """Return when an order was entered, wall ns; 0: nobody knows."""
        return self._entered.get(name, 0)
