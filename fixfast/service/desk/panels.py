"""The parts of the trading page. Each is made once, and drawn again when a Screen says that its matter has changed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nicegui import ui

from fixfast.dictionary.load import load_dictionary
from fixfast.errors import FixfastError
from fixfast.service.desk.rows import (
    ORD_TYPES,
    SIDES,
    TIFS,
    candle_data,
    ladder_rows,
    message_row,
    order_row,
    position_row,
)
from fixfast.service.desk.screen import Screen
from fixfast.service.desk.trader import Trader
from fixfast.session.state import State

__all__ = ["Panels"]

#: rows that a table shows, the latest
_ORDERS, _MESSAGES, _CANDLES = 200, 100, 120

#: a table without pages
_ALL = ':pagination="{rowsPerPage: 0}" hide-bottom'

_BLOTTER = r"""
<q-tr :props="props" :data-test="'order-' + props.row.id">
  <q-td auto-width>
    <q-btn v-if="props.row.trades.length" dense flat size="sm" :icon="props.expand ? 'remove' : 'add'"
      :aria-label="props.row.trades.length + ' executions'" :aria-expanded="props.expand" data-test="fold"
      @click="props.expand = !props.expand" />
  </q-td>
  <q-td v-for="col in props.cols.filter(c => c.name != 'fold' && c.name != 'act')" :key="col.name" :props="props"
    class="desk-num">{{ col.value }}</q-td>
  <q-td auto-width>
    <q-btn v-if="props.row.open" dense flat size="sm" icon="edit" aria-label="replace" data-test="replace"
      @click="() => $parent.$emit('replace', props.row.id)" />
    <q-btn v-if="props.row.open" dense flat size="sm" icon="close" aria-label="cancel" data-test="cancel"
      @click="() => $parent.$emit('cancel', props.row.id)" />
  </q-td>
</q-tr>
<q-tr v-if="props.expand" :props="props" v-for="one in props.row.trades" :key="one.exec_id" data-test="execution">
  <q-td></q-td><q-td class="desk-num">{{ one.time }}</q-td><q-td colspan="3">{{ one.exec_id }}</q-td>
  <q-td class="desk-num text-right">{{ one.qty }}</q-td><q-td class="desk-num text-right">{{ one.px }}</q-td>
  <q-td colspan="8"></q-td>
</q-tr>
"""

_MESSAGE = r"""
<q-tr :props="props" class="cursor-pointer" @click="props.expand = !props.expand">
  <q-td v-for="col in props.cols" :key="col.name" :props="props">{{ col.value }}</q-td>
</q-tr>
<q-tr v-if="props.expand" :props="props"><q-td colspan="100%">
  <div v-for="f in props.row.fields">
    {{ f.name || f.tag }} <span class="text-grey">({{ f.tag }})</span> = {{ f.value }}
  </div>
</q-td></q-tr>
"""


def _columns(*names: str, right: str = "") -> list[dict[str, Any]]:
    numbers = right.split()
    return [
        {
            "name": name,
            "field": name,
            "label": name.replace("_", " ").capitalize(),
            "align": "right" if name in numbers else "left",
        }
        for name in names
    ]


@lru_cache(maxsize=8)
def _names(version: str) -> tuple[dict[int, str], dict[str, str]]:
    """Return tag -> name and MsgType -> name, of a version."""
    dictionary = load_dictionary(version)
    fields = {field.tag: field.name for field in dictionary.fields.values()}
    return fields, {message.msg_type: message.name for message in dictionary.messages.values()}


class Panels:
    """The parts of one trading page."""

    def __init__(self, trader: Trader, screen: Screen) -> None:
        self._trader = trader
        self._client = trader.client
        self._screen = screen
        symbols = trader.options.symbols
        self._symbol = symbols[0] if symbols else ""
        self._side = "1"

    # --- made once -------------------------------------------------------------------------------------------

    def status(self) -> None:
        """Say how the session is, in the page's head."""
        self._badge = ui.badge("…").props("data-test=session role=status")
        self._numbers = ui.label().classes("text-caption desk-num").props("data-test=numbers")

    def ticket(self) -> None:
        """Have orders entered: by mouse, or by keys alone, as every field can be tabbed to and Enter sends."""
        with ui.card().classes("w-full gap-1").props("data-test=ticket"):
            symbols = list(self._trader.options.symbols)
            self._in_symbol = ui.select(
                symbols, value=self._symbol or None, label="Symbol", with_input=True, new_value_mode="add-unique",
                on_change=lambda event: self._choose(event.value),
            ).classes("w-full").props("data-test=symbol")  # fmt: skip
            self._in_side = (
                ui.toggle({"1": SIDES["1"], "2": SIDES["2"]}, value="1")
                .classes("w-full")
                .props("data-test=side spread")
            )
            self._in_qty = ui.input("Quantity", value="100").classes("w-full").props("data-test=qty inputmode=decimal")
            self._in_price = ui.input("Price").classes("w-full").props("data-test=price inputmode=decimal")
            self._in_stop = ui.input("Stop price").classes("w-full").props("data-test=stop inputmode=decimal")
            self._in_type = ui.select(ORD_TYPES, value="2", label="Type").classes("w-full").props("data-test=type")
            self._in_tif = ui.select(TIFS, value="0", label="Time in force").classes("w-full").props("data-test=tif")
            self._in_stop.bind_visibility_from(self._in_type, "value", lambda kind: kind in "34")
            self._in_price.bind_visibility_from(self._in_type, "value", lambda kind: kind in "24")
            self._send = ui.button("Send order", on_click=self._submit).classes("w-full").props("data-test=send")
            self._said = ui.label().classes("text-negative").props("data-test=ticket-error role=alert")
            for field in (self._in_qty, self._in_price, self._in_stop):
                field.on("keydown.enter", self._submit)

    def ladder(self) -> None:
        """Show the depth of the book of the ticket's symbol."""
        columns = _columns("bid_qty", "bid", "offer", "offer_qty", right="bid_qty bid")
        with ui.card().classes("w-full gap-1"):
            self._book_title = ui.label().classes("text-subtitle2").props("data-test=book-title")
            self._ladder = ui.table(columns=columns, rows=[], row_key="id").classes("w-full desk-num")
            self._ladder.props('dense flat hide-bottom data-test=ladder :pagination="{rowsPerPage: 0}"')

    def chart(self) -> None:
        """Show candles of the market's trades."""
        with ui.card().classes("w-full"):
            self._chart = (
                ui.echart(
                    {
                        "animation": False,
                        "grid": {"left": 60, "right": 16, "top": 16, "bottom": 24},
                        "xAxis": {"type": "category", "data": []},
                        "yAxis": {"type": "value", "scale": True},
                        "series": [{"type": "candlestick", "data": []}],
                    }
                )
                .classes("w-full h-56")
                .props("data-test=chart")
            )

    def blotter(self) -> None:
        """Show orders, each with its executions folded under it, and what can be done with it."""
        names = "time symbol side qty price type tif filled leaves avg_px status pending text cl_ord_id".split()
        columns = [
            {"name": "fold", "field": "fold", "label": ""},
            *_columns(*names, right="qty price filled leaves avg_px"),
            {"name": "act", "field": "act", "label": ""},
        ]
        with ui.card().classes("w-full gap-1"):
            with ui.row().classes("items-center w-full"):
                ui.label("Orders").classes("text-subtitle2")
                ui.space()
                ui.button("Cancel all", on_click=self._cancel_all).props("flat dense data-test=cancel-all")
            self._blotter = ui.table(columns=columns, rows=[], row_key="id").classes("w-full max-h-96")
            self._blotter.props('dense flat hide-bottom data-test=blotter :pagination="{rowsPerPage: 0}"')
            self._blotter.add_slot("body", _BLOTTER)
            self._blotter.on("cancel", lambda event: self._cancel(event.args))
            self._blotter.on("replace", lambda event: self._replace(event.args))

    def positions(self) -> None:
        """Show positions with their profit."""
        names = "account symbol qty avg_px mark realised unrealised profit".split()
        with ui.card().classes("w-full gap-1"):
            ui.label("Positions").classes("text-subtitle2")
            columns = _columns(*names, right="qty avg_px mark realised unrealised profit")
            self._positions = ui.table(columns=columns, rows=[], row_key="id").classes("w-full desk-num")
            self._positions.props('dense flat hide-bottom data-test=positions :pagination="{rowsPerPage: 0}"')

    def messages(self) -> None:
        """Show FIX messages, with the names of their fields."""
        with ui.expansion("Messages").classes("w-full").props("data-test=messages-fold"):
            columns = _columns("time", "direction", "kind", "text")
            self._messages = ui.table(columns=columns, rows=[], row_key="id").classes("w-full")
            self._messages.props('dense flat wrap-cells hide-bottom data-test=messages :pagination="{rowsPerPage: 0}"')
            self._messages.add_slot("body", _MESSAGE)

    def faults(self) -> None:
        """Show what a person should look at; and, at a simulated exchange, buttons that make it fail."""
        self._faults = ui.column().classes("w-full gap-0").props("data-test=faults")
        exchange = self._trader.exchange
        if exchange is None:
            return
        with ui.card().classes("w-full gap-1"):
            ui.label("Faults of the simulated exchange").classes("text-subtitle2")
            with ui.row():
                for label, line in exchange.buttons(self._symbol):
                    ui.button(label, on_click=lambda line=line: self._fault(line)).props(
                        f"dense outline data-test=fault-{line.split()[0]}"
                    )

    # --- drawn again -----------------------------------------------------------------------------------------

    def frame(self) -> None:
        """Draw what has changed since the last frame."""
        changes = self._screen.take()
        if changes.status:
            self._draw_status()
        if changes.orders:
            trader = self._trader
            self._blotter.rows = [order_row(order, trader.entered_ns(order)) for order in trader.orders(_ORDERS)]
            self._blotter.update()
        if changes.positions:
            self._positions.rows = [position_row(one) for one in self._client.positions]
            self._positions.update()
        if self._symbol in changes.books or changes.status:
            self._draw_book()
        if self._symbol in changes.prints:
            self._draw_chart()
        if changes.messages:
            self._draw_messages()
        if changes.faults:
            self._draw_faults()

    def _draw_status(self) -> None:
        client, status = self._client, self._client.status
        if not client.connected:
            text, colour = "no Backend", "negative"
        elif status is None:
            text, colour = "…", "grey"
        else:
            active = State(status.state).active
            text, colour = status.state, "positive" if active else "warning"
            if not active and status.reason:
                text += f": {status.reason}"
        self._badge.set_text(text)
        self._badge.props(f"color={colour}")
        if status is not None:
            numbers = f"{status.sender_comp_id} → {status.target_comp_id}  in {status.next_in}  out {status.next_out}"
            self._numbers.set_text(numbers)
        self._send.set_enabled(client.is_active)

    def _draw_book(self) -> None:
        book = self._client.books.get(self._symbol)
        state = "" if book is None or book.status.value == "live" else f" ({book.status.value}) {book.text}"
        self._book_title.set_text(f"{self._symbol}{state}")
        self._ladder.rows = ladder_rows(book, self._trader.options.depth)
        self._ladder.update()

    def _draw_chart(self) -> None:
        candles = self._trader.candles.get(self._symbol)
        if candles is None:
            return
        current = candles.current
        times, data = candle_data([*candles.history, *([current] if current else [])][-_CANDLES:])
        self._chart.options["xAxis"]["data"] = times
        self._chart.options["series"][0]["data"] = data
        self._chart.update()

    def _draw_messages(self) -> None:
        welcome = self._client.mirror.welcome
        names, kinds = _names(welcome.appl_version if welcome is not None else "FIX.4.2")
        latest = list(self._client.mirror.messages)[-_MESSAGES:]
        first = self._client.mirror.messages_seen - len(latest)
        rows = [message_row(first + n, message, names, kinds) for n, message in enumerate(latest)]
        self._messages.rows = rows[::-1]
        self._messages.update()

    def _draw_faults(self) -> None:
        self._faults.clear()
        with self._faults:
            for fault in list(self._client.mirror.faults)[-5:]:
                ui.label(f"{fault.what}: {fault.text}").classes("text-warning")

    # --- what people do --------------------------------------------------------------------------------------

    async def _choose(self, symbol: str | None) -> None:
        self._symbol = (symbol or "").strip()
        if self._symbol:
            await self._try(self._trader.follow(self._symbol))
        self._draw_book()
        self._draw_chart()

    async def _submit(self) -> None:
        kind = self._in_type.value
        fields = {
            "symbol": self._symbol,
            "side": self._in_side.value,
            "qty": (self._in_qty.value or "").strip(),
            "price": (self._in_price.value or "").strip() or None if kind in "24" else None,
            "stop_px": (self._in_stop.value or "").strip() or None if kind in "34" else None,
            "ord_type": kind,
            "time_in_force": self._in_tif.value,
        }
        self._said.set_text("")
        try:
            await self._client.orders.submit(**fields)
        except FixfastError as error:
            self._said.set_text(str(error))

    async def _cancel(self, name: str) -> None:
        order = self._client.mirror.replica.orders.get(name)
        if order is not None:
            await self._try(order.cancel())  # type: ignore[attr-defined]

    async def _cancel_all(self) -> None:
        await self._try(self._client.orders.cancel_all())

    async def _replace(self, name: str) -> None:
        order: Any = self._client.mirror.replica.orders.get(name)
        if order is None:
            return
        with ui.dialog() as dialog, ui.card():
            ui.label(f"{SIDES.get(order.side, '')} {order.symbol}")
            qty = ui.input("Quantity", value=format(order.qty, "f")).props("data-test=replace-qty autofocus")
            price = ui.input("Price", value=format(order.price, "f") if order.price is not None else "")
            price.props("data-test=replace-price")
            with ui.row():
                ui.button("Replace", on_click=lambda: dialog.submit(True)).props("data-test=replace-send")
                ui.button("Back", on_click=lambda: dialog.submit(False)).props("flat")
        if await dialog:
            terms = {"qty": qty.value or None, "price": price.value or None}
            await self._try(order.replace(**terms))
        dialog.delete()

    async def _fault(self, line: str) -> None:
        exchange = self._trader.exchange
        if exchange is not None:
            ui.notify(await exchange.say(line))

    async def _try(self, what: Any) -> None:
        """Do something; what goes wrong with it, a person reads."""
        try:
            await what
        except FixfastError as error:
            ui.notify(str(error), type="warning")
