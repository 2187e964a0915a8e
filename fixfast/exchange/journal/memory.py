"""A venue as plain data, and back: what its journal begins with."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.venue.book_keeping import Kept, Pending
from fixfast.exchange.venue.commands import from_row, to_row
from fixfast.exchange.venue.venue import Venue

__all__ = ["restore", "snapshot"]

_FORMAT = 2
#: an order as a row; what is no number or text in it is a tuple, which nobody changes
_PLAIN = (
    "number", "order_id", "owner", "cl_ord_id", "account", "symbol", "side", "qty", "ord_type", "price", "stop_px",
    "time_in_force", "status", "cum", "notional", "display", "min_qty", "post_only", "expire_ns", "names", "mark",
    "trades",
)  # fmt: skip
_row = attrgetter(*_PLAIN)


def snapshot(venue: Venue) -> dict[str, Any]:
    """Return the state of a venue, for json: a copy, which is made fast and may be written at leisure."""
    telling = venue.telling
    return {
        "version": _FORMAT,
        "now_ns": venue.now_ns,
        "numbers": venue.numbers,
        "reports": venue.reports,
        "day_ended_ns": venue.day_ended_ns,
        "executions": telling.executions,
        "spent": {owner: sorted(names) for owner, names in telling.spent.items()},
        "full": telling.full,
        "last_seq": dict(venue.last_seq),
        "epochs": dict(venue.epochs),
        "pending": [[number, one.kind, to_row(one.request), one.due_ns] for number, one in venue.pending.items()],
        "orders": list(map(_row, telling.orders.values())),
        "books": {symbol: market.book.snapshot() for symbol, market in venue.markets.items()},
    }


def restore(venue: Venue, state: dict[str, Any]) -> None:
    """Give a new venue the state of an old one.

    Raises: ValueError: it is of another version of fixfast.
    """
    if state.get("version") != _FORMAT:
        raise ValueError(f"an exchange's snapshot of version {state.get('version')}: this fixfast reads {_FORMAT}")
    telling = venue.telling
    venue.now_ns, venue.numbers, venue.reports = state["now_ns"], state["numbers"], state["reports"]
    venue.day_ended_ns = state["day_ended_ns"]
    telling.executions = state["executions"]
    telling.spent = {owner: set(names) for owner, names in state["spent"].items()}
    telling.full = state["full"]
    venue.last_seq, venue.epochs = dict(state["last_seq"]), dict(state["epochs"])
    for row in state["orders"]:
        kept = _to_order(row)
        telling.orders[kept.number] = kept
        for name in kept.names:
            telling.names[kept.owner, name] = kept
        if kept.active:
            telling.open[kept.account or kept.owner] += 1
    for number, kind, request, due_ns in state["pending"]:
        pending = venue.pending[number] = Pending(kind, from_row(request), due_ns)
        if telling.orders[number].active:
            telling.orders[number].pending = pending
    for symbol, market in venue.markets.items():
        market.book = Matching.restore(state["books"][symbol])
    venue.waits = bool(venue.pending) or any(kept.expire_ns for kept in telling.orders.values())


def _to_order(row: list[Any]) -> Kept:
    kept = Kept(*row[:12])
    for name, value in zip(_PLAIN[12:], row[12:], strict=True):
        setattr(kept, name, value)
    kept.names = tuple(kept.names)
    kept.trades = tuple((exec_id, trade_id, qty, px) for exec_id, trade_id, qty, px in kept.trades)
    return kept
