"""Screen: what a page has to draw anew at its next frame. However much happens between two frames, it is drawn once."""

from __future__ import annotations

from dataclasses import dataclass, field

from fixfast.service.client.client import Connected
from fixfast.service.desk.recent import id_of
from fixfast.service.messages import BookNow, CaughtUp, Fault, Printed, Reset, StatusNow, WireMessage
from fixfast.trading.order import Order
from fixfast.trading.update import OrderUpdate

__all__ = ["Changes", "Screen"]


@dataclass(slots=True)
class Changes:
    """What changed since the last frame.

    Attributes:
        orders: some order did; all_orders: any may have.
        changed: ids of those that did.
        positions: some position did, or its mark.
        status: the session, the Backend, or who is logged in.
        books, prints: symbols.
        messages, faults: there are new ones.
    """

    orders: bool = False
    all_orders: bool = False
    changed: set[str] = field(default_factory=set)
    positions: bool = False
    status: bool = False
    books: set[str] = field(default_factory=set)
    prints: set[str] = field(default_factory=set)
    messages: bool = False
    faults: bool = False


class Screen:
    """One page's memory of what it has not drawn."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes = self.everything()

    @staticmethod
    def everything() -> Changes:
        """Return what a page that begins has to draw."""
        return Changes(orders=True, all_orders=True, positions=True, status=True, messages=True, faults=True)

    def note(self, event: object) -> None:
        """Take an event of the client, or AuthUpdates: cheap, whatever comes."""
        changes = self._changes
        match event:
            case OrderUpdate(order=None):
                self._changes = self.everything()
            case OrderUpdate(order=Order() as order):
                changes.orders = True
                changes.changed.add(id_of(order))
                changes.positions |= event.trade is not None
            case BookNow():
                changes.books.add(event.symbol)
                changes.positions = True
            case Printed():
                changes.prints.add(event.symbol)
            case WireMessage():
                changes.messages = True
            case Fault():
                changes.faults = True
            case StatusNow() | Connected():
                changes.status = True
            case CaughtUp() | Reset():
                self._changes = self.everything()
            case _:
                changes.status = True

    def redraw(self, *, orders: bool = False, messages: bool = False) -> None:
        """Have something drawn again though it did not change: a person wants to see it otherwise."""
        self._changes.orders |= orders
        self._changes.messages |= messages

    def take(self) -> Changes:
        """Return what is to be drawn now, and begin anew."""
        changes, self._changes = self._changes, Changes()
        return changes
