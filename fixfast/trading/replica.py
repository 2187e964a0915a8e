"""Replica: the orders of another process, made from the records that its OrderManager writes down.

A Backend keeps the orders and their log; a front end gets the log's records as they are written, and has the same
orders, with the same updates, because the same rules make them. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixfast.errors import LocalProtocolError, StoreCorrupt
from fixfast.trading.log import LogKind
from fixfast.trading.order import Order
from fixfast.trading.orders import OrderManager
from fixfast.trading.positions import Positions
from fixfast.trading.request import OrderOptions, OrderRequest
from fixfast.trading.update import OrderUpdate, UpdateKind
from fixfast.trading.wording import Fields

__all__ = ["Replica"]


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
