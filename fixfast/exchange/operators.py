"""What an operator may do to an exchange: each method is a command, written down and done at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal

from fixfast.exchange.config import scaled
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.venue.commands import (
    BustTrade,
    CancelOrders,
    Command,
    CorrectTrade,
    EndDay,
    NewDay,
    ReinstateOrder,
    RestateOrder,
    SetPhase,
    StopOrder,
)
from fixfast.exchange.venue.reports import Outgoing

__all__ = ["Operators"]


class Operators(ABC):
    """The half of an Exchange that its operators use. LocalProtocolError: they name what there is not."""

    @abstractmethod
    def do(self, command: Command) -> list[Outgoing]:
        """Do a command now."""

    def set_phase(self, phase: Phase | str, symbol: str | None = None) -> list[Outgoing]:
        """Change the trading phase of an instrument, or of all. Raises: LocalProtocolError: there is no such."""
        return self.do(SetPhase(str(phase), symbol))

    def halt(self, symbol: str | None = None) -> list[Outgoing]:
        """Halt trading: only cancels are taken."""
        return self.set_phase(Phase.HALTED, symbol)

    def resume(self, symbol: str | None = None) -> list[Outgoing]:
        """Trade continuously again, beginning with an auction of what is there."""
        return self.set_phase(Phase.CONTINUOUS, symbol)

    def cancel(
        self, *, order_id: str | None = None, owner: str | None = None, symbol: str | None = None, text: str = ""
    ) -> list[Outgoing]:
        """Cancel orders unasked: one, an owner's, an instrument's, or all."""
        return self.do(CancelOrders(owner, symbol, order_id, None, text or "Cancelled by the exchange"))

    def restate(
        self,
        order_id: str,
        *,
        qty: Decimal | str | int | None = None,
        price: Decimal | str | int | None = None,
        reason: int = 99,
        text: str = "",
    ) -> list[Outgoing]:
        """Change an order unasked (150=D). Args: reason: ExecRestatementReason(378)."""
        quantity = None if qty is None else scaled("qty", qty)
        return self.do(
            RestateOrder(order_id, quantity, None if price is None else scaled("price", price), reason, text)
        )

    def stop_order(self, order_id: str, *, price: Decimal | str | int | None = None, text: str = "") -> list[Outgoing]:
        """Guarantee the execution of what is left of an order (150=7). The trade is made by whoever sends the order.

        Args: price: at which; None: the order's own.
        """
        return self.do(StopOrder(order_id, None if price is None else scaled("price", price), text))

    def reinstate(self, order_id: str, text: str = "") -> list[Outgoing]:
        """Take back a cancelled order (150=D): it rests, last of its price, with what is left of it."""
        return self.do(ReinstateOrder(order_id, text))

    def bust(self, symbol: str, trade_id: int, text: str = "") -> list[Outgoing]:
        """Take a trade back, for both sides (150=H; 20=1 in FIX 4.2)."""
        return self.do(BustTrade(symbol, trade_id, text))

    def correct(self, symbol: str, trade_id: int, price: Decimal | str | int, text: str = "") -> list[Outgoing]:
        """Correct the price of a trade, for both sides (150=G; 20=2 in FIX 4.2)."""
        return self.do(CorrectTrade(symbol, trade_id, scaled("price", price), text))

    def new_day(self) -> list[Outgoing]:
        """Forget yesterday's orders that are done: their ClOrdIDs may be used again. Good-till orders are restated."""
        return self.do(NewDay())

    def end_day(self, at_ns: int = 0) -> list[Outgoing]:
        """End the day: what is good for it expires, what outlives it is told so, and a new day begins.

        `day_ends` of the configuration does it at its time. Args: at_ns: when it ended, ns since 1970; 0: now.
        """
        return self.do(EndDay(at_ns))
