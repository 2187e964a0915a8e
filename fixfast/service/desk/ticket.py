"""The ticket: what an order is to be, in fields and in words, and the button that sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from fixfast.errors import FixfastError
from fixfast.service.desk.rows import ORD_TYPES, SIDES, TIFS, order_words
from fixfast.service.desk.trader import Trader

__all__ = ["Ticket"]


class Ticket:
    """A ticket: filled in by mouse, or by keys alone, as every field can be tabbed to and Enter sends.

    Args:
        trader: who sends it.
        chosen: called with the symbol that was chosen.

    Attributes: symbol: the one that was chosen.
    """

    def __init__(self, trader: Trader, chosen: Callable[[str], Awaitable[None]]) -> None:
        self._trader = trader
        self._chosen = chosen
        symbols = list(trader.options.symbols)
        self.symbol = symbols[0] if symbols else ""
        with ui.card().classes("w-full gap-1").props('data-test=ticket role=form aria-label="Order ticket"'):
            ui.label("Order ticket").classes("desk-title").props("role=heading aria-level=2")
            self._symbol = ui.select(
                symbols, value=self.symbol or None, label="Symbol", with_input=True, new_value_mode="add-unique",
                on_change=lambda event: self._choose(event.value),
            ).classes("w-full").props("data-test=symbol dense")  # fmt: skip
            self._side = ui.toggle({"1": SIDES["1"], "2": SIDES["2"]}, value="1").classes("w-full")
            self._side.props('data-test=side spread role=group aria-label="Side"')
            self._type = ui.select(ORD_TYPES, value="2", label="Type").classes("w-full").props("data-test=type dense")
            self._qty = _number("Quantity", "qty", "100")
            self._price = _number("Price", "price")
            self._stop = _number("Stop price", "stop")
            self._tif = ui.select(TIFS, value="0", label="Time in force").classes("w-full")
            self._tif.props("data-test=tif dense")
            self._stop.bind_visibility_from(self._type, "value", lambda kind: kind in "34")
            self._price.bind_visibility_from(self._type, "value", lambda kind: kind in "24")
            self._words = ui.label().classes("text-caption desk-soft").props("data-test=words aria-live=polite")
            self._send = ui.button("Send order", on_click=self._submit).classes("w-full").props("data-test=send")
            self._said = ui.label().classes("text-negative").props("data-test=ticket-error role=alert")
        for field in (self._qty, self._price, self._stop):
            field.on("keydown.enter", self._submit)
        for part in (self._side, self._qty, self._type, self._price, self._stop, self._tif):
            part.on_value_change(self._say)
        self._say()

    def enable(self, on: bool) -> None:
        """Let orders be sent, or not."""
        self._send.set_enabled(on)

    def fill(self, price: str) -> None:
        """Have a price in the ticket, as one of the ladder was clicked."""
        if self._type.value not in "24":
            self._type.set_value("2")
        self._price.set_value(price)

    async def _choose(self, symbol: str | None) -> None:
        self.symbol = (symbol or "").strip()
        self._say()
        await self._chosen(self.symbol)

    def _terms(self) -> tuple[str, str, str, str, str, str, str]:
        """Return symbol, side, quantity, type, price, stop price, time in force; "" for what is missing."""
        kind = self._type.value
        qty, price, stop = ((field.value or "").strip() for field in (self._qty, self._price, self._stop))
        price, stop = price if kind in "24" else "", stop if kind in "34" else ""
        return self.symbol, self._side.value, qty, kind, price, stop, self._tif.value

    def _say(self) -> None:
        self._words.set_text(order_words(*self._terms()) or "Something is missing.")

    async def _submit(self) -> None:
        symbol, side, qty, kind, price, stop, tif = self._terms()
        self._said.set_text("")
        try:
            await self._trader.client.orders.submit(
                symbol=symbol, side=side, qty=qty, price=price or None, stop_px=stop or None, ord_type=kind,
                time_in_force=tif,
            )  # fmt: skip
        except FixfastError as error:
            self._said.set_text(str(error))


def _number(label: str, test: str, value: str = "") -> ui.input:
    field = ui.input(label, value=value).classes("w-full")
    return field.props(f"data-test={test} inputmode=decimal autocomplete=off maxlength=40 dense")
