"""W, X and Y as they are sent: which fields each version has, and Templates of them. No state but Templates.

What an entry of X or W is, is one tuple for all versions and all subscribers of a view. A version leaves fields out by
None: FIX.4.2 and 4.4 have neither RptSeq(83) nor MDPriceLevel(1023) here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from fixfast.exchange.market_data.entries import TRADE, Entry, Op
from fixfast.session.wire import Template
from fixfast.types import Slot

__all__ = ["Line", "Messages", "reject"]

#: the codes of MDReqRejReason(281) that FIX.4.2 has
_OLD_REASONS = frozenset("012345678")


class Line(Protocol):
    """Where messages go: a LiveSession is one."""

    @property
    def unwritten(self) -> int:
        """How many messages were sent that the transport has not taken yet."""
        ...

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int: ...

    def template(self, msg_type: str, fields: Sequence[Any]) -> Template: ...

    def send_template(self, template: Template, *values: Any) -> int: ...


def reject(version: str, name: str, reason: str | None, text: str) -> list[tuple[int, Any]]:
    """Return the fields of a MarketDataRequestReject (Y). A reason that the version does not have is left out."""
    known = reason if version != "FIX.4.2" or reason in _OLD_REASONS else None
    fields: list[tuple[int, Any]] = [(262, name), (58, text)]
    return fields if known is None else [(262, name), (281, known), (58, text)]


class Messages:
    """Entries as tuples, and the Templates they fill, for one version and one instrument.

    Args:
        version: "FIX.4.2" ... "FIX.5.0SP2". symbol, price_scale, qty_scale: of the instrument.
        by_order: each order by itself, with OrderID(37). It is the only name that a W has in FIX.4.2 and 4.4.
    """

    def __init__(self, version: str, symbol: str, price_scale: int, qty_scale: int, *, by_order: bool = False) -> None:
        self.version = version
        self.symbol = symbol
        self.newest = version.startswith("FIX.5")
        price, qty = f"scaled:{price_scale}", f"scaled:{qty_scale}"
        self._by_order = by_order
        number = Slot(37) if by_order else Slot(346, "int")
        there = (Slot(270, price), Slot(271, qty), Slot(273), number)
        behind = (Slot(1023, "int"), Slot(83, "int")) if self.newest else ()
        self._total = version == "FIX.4.2"  # it has no MDEntryType for the volume, but a field
        total = (Slot(387, qty),) if self._total else ()
        name = (Slot(278),) if self.newest else ()  # W has MDEntryID from 5.0 on
        entry = (Slot(269), *name, *there, *behind)
        step = (Slot(279), Slot(269), Slot(278), Slot(55), *there, *total, *behind)
        self._snapshot = [Slot(262), Slot(55), *total, Slot(268, entry)]
        self._book_type = 3 if by_order else 2  # MDBookType(1021): order depth, price depth
        if self.newest:
            self._snapshot = [
                (1021, self._book_type),
                Slot(264, "int"),
                Slot(262),
                Slot(55),
                Slot(268, entry),
                Slot(779, "time"),
            ]
        self._refresh = [Slot(262), Slot(268, step)]
        #: Lines whose instruments have the same scales share their Templates
        self.key = (version, price_scale, qty_scale, by_order)

    def snapshot_template(self, line: Line) -> Template:
        """Return the Template of a W on this line."""
        return line.template("W", self._snapshot)

    def refresh_template(self, line: Line) -> Template:
        """Return the Template of an X on this line: its slots are MDReqID(262) and the entries."""
        return line.template("X", self._refresh)

    def steps(self, ops: Iterable[Op], rpt_seq: int, volume: int) -> list[tuple[Any, ...]]:
        """Return the entries of an X.

        Args: rpt_seq: RptSeq(83), one for all of an X. volume: TotalVolumeTraded(387), where trades carry it.
        """
        symbol = self.symbol
        if self._by_order:
            ops = [Op(action, _numbered(entry)) for action, entry in ops]
        if self.newest:
            return [
                (action, kind, name, symbol, px, qty, time, orders, level, rpt_seq)
                for action, (kind, px, qty, time, orders, level, name) in ops
            ]
        if self._total:
            return [
                (action, kind, name, symbol, px, qty, time, orders, volume if kind == TRADE else None)
                for action, (kind, px, qty, time, orders, _, name) in ops
            ]
        return [
            (action, kind, name, symbol, px, qty, time, orders)
            for action, (kind, px, qty, time, orders, _, name) in ops
        ]

    def entries(self, entries: Iterable[Entry], rpt_seq: int) -> list[tuple[Any, ...]]:
        """Return the entries of a W."""
        if self._by_order:
            entries = [_numbered(entry) for entry in entries]
        if self.newest:
            return [
                (kind, name, px, qty, time, orders, level, rpt_seq)
                for kind, px, qty, time, orders, level, name in entries
            ]
        return [(kind, px, qty, time, orders) for kind, px, qty, time, orders, _, _ in entries]

    def snapshot_values(
        self, request: str, depth: int, entries: list[tuple[Any, ...]], volume: int, time_ns: int
    ) -> tuple[Any, ...]:
        """Return the values of snapshot_template()."""
        if self.newest:
            return depth, request, self.symbol, entries, time_ns
        if self._total:
            return request, self.symbol, volume or None, entries
        return request, self.symbol, entries

    def empty(self, request: str, depth: int, rpt_seq: int, time_ns: int) -> list[tuple[int, Any]]:
        """Return the fields of a W of which nothing is there (M3): 269=J, or no entries where that is not known."""
        fields: list[tuple[int, Any]] = [(262, request), (55, self.symbol)]
        if not self.newest:
            return [*fields, (268, 0)]
        nothing = [[(269, "J"), (83, rpt_seq)]]
        return [(1021, self._book_type), (264, depth), *fields, (268, nothing), (779, time_ns)]


def _numbered(entry: Entry) -> Any:
    """Return an entry with OrderID(37), where it is an order, in the place of NumberOfOrders(346)."""
    return entry if entry.time is not None else entry._replace(orders=entry.name)  # type: ignore[arg-type]
