"""All that can be done to an exchange, by its clients, its operators and its clock; and how a journal keeps it.

The same commands, with the same times, on the same configuration give the same state and the same reports.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from fixfast.exchange.venue.requests import (
    CancelOrder,
    MassCancel,
    MassStatus,
    NewOrder,
    OrderStatus,
    ReplaceOrder,
    Request,
)

__all__ = [
    "BustTrade",
    "CancelOrders",
    "Command",
    "CorrectTrade",
    "EndDay",
    "NewDay",
    "RefuseRequest",
    "ReinstateOrder",
    "RestateOrder",
    "SessionEpoch",
    "SetPhase",
    "StopOrder",
    "Tick",
    "from_row",
    "to_row",
]


class RefuseRequest(NamedTuple):
    """Refuse a request whatever it is. `reason` is a name in ORDER_REASONS or CANCEL_REASONS."""

    reason: str
    request: Request


class SetPhase(NamedTuple):
    """Change the trading phase of one instrument, or of all. `phase` is the value of a Phase."""

    phase: str
    symbol: str | None = None
    text: str = ""


class CancelOrders(NamedTuple):
    """Cancel open orders unasked: those that fit all that is given. `restated` is ExecRestatementReason(378)."""

    owner: str | None = None
    symbol: str | None = None
    order_id: str | None = None
    restated: int | None = None
    text: str = ""


class RestateOrder(NamedTuple):
    """Change an open order unasked (150=D). Quantities and prices count 10**-8; None: as it is."""

    order_id: str
    qty: int | None = None
    price: int | None = None
    restated: int = 99
    text: str = ""


class StopOrder(NamedTuple):
    """Guarantee an execution that is not made yet (150=7). `price` counts 10**-8; None: the order's own."""

    order_id: str
    price: int | None = None
    text: str = ""


class ReinstateOrder(NamedTuple):
    """Take back an order that was cancelled (150=D)."""

    order_id: str
    text: str = ""


class BustTrade(NamedTuple):
    """Take a trade back, for both sides."""

    symbol: str
    trade_id: int
    text: str = ""


class CorrectTrade(NamedTuple):
    """Correct the price of a trade, for both sides. `price` counts 10**-8."""

    symbol: str
    trade_id: int
    price: int
    text: str = ""


class Tick(NamedTuple):
    """Let time pass: what is due expires, or is decided on."""


class SessionEpoch(NamedTuple):
    """Note that a client's sequence numbers began anew: what was received before comes no more."""

    owner: str
    epoch: int


class NewDay(NamedTuple):
    """Forget the orders of yesterday that are done: their ClOrdIDs may be used again. Restate the good-till ones.

    `owners`: whose; empty: everybody's. (Agents trade day and night, and need no memory of it.)
    """

    owners: tuple[str, ...] = ()


class EndDay(NamedTuple):
    """End the day: what is good for it expires, and a new day begins. `at_ns`: when it ended; 0: now."""

    at_ns: int = 0


Command: TypeAlias = (
    Request
    | RefuseRequest
    | SetPhase
    | CancelOrders
    | RestateOrder
    | StopOrder
    | ReinstateOrder
    | BustTrade
    | CorrectTrade
    | Tick
    | NewDay
    | EndDay
    | SessionEpoch
)

_KINDS: dict[str, Any] = {
    "D": NewOrder, "F": CancelOrder, "G": ReplaceOrder, "H": OrderStatus, "q": MassCancel, "AF": MassStatus,
    "phase": SetPhase, "cancel": CancelOrders, "restate": RestateOrder, "bust": BustTrade, "correct": CorrectTrade,
    "stop": StopOrder, "reinstate": ReinstateOrder, "tick": Tick, "day": NewDay, "end": EndDay, "epoch": SessionEpoch,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_row(command: Command) -> list[Any]:
    """Return a command as plain data: its kind, then its fields."""
    if isinstance(command, RefuseRequest):
        return ["refuse", command.reason, *to_row(command.request)]
    return [_NAMES[type(command)], *command]


def from_row(row: list[Any]) -> Command:
    """Return the command that to_row() made a row of.

    Raises: ValueError: it made no such row.
    """
    try:
        if row[0] == "refuse":
            request: Any = from_row(row[2:])
            return RefuseRequest(row[1], request)
        command: Command = _KINDS[row[0]](*row[1:])
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"no command: {row!r:.100}") from error
    return command
