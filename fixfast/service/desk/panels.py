"""The parts of the trading page. Each is made once, and drawn again when a Screen says that its matter has changed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nicegui import ui

from fixfast.dictionary.load import load_dictionary
from fixfast.errors import FixfastError
from fixfast.service.desk.rows import (
    SIDES,
    candle_data,
    clock,
    ladder_rows,
    message_details,
    message_row,
    order_row,
    position_row,
)
from fixfast.service.desk.screen import Changes, Screen
from fixfast.service.desk.sheet import Sheet, columns, draw
from fixfast.service.desk.ticket import Ticket
from fixfast.service.desk.trader import Trader
from fixfast.session.state import State

__all__ = ["Panels"]

#: rows that a table shows, the latest
_MESSAGES, _CANDLES = 100, 120
#: frames for which a chart stands: it is drawn whole, and nobody reads a candle ten times a second
_CHART_FRAMES = 5
#: a candle that rose is hollow, one that fell is full: told by more than a colour
_CANDLE = {"color": "transparent", "borderColor": "#3d9150", "color0": "#cf4a45", "borderColor0": "#cf4a45"}


@lru_cache(maxsize=8)
def _names(version: str) -> tuple[dict[int, str], dict[str, str]]:
    """Return tag -> name and MsgType -> name, of a version."""
    dictionary = load_dictionary("FIX.4.2+auth" if version == "FIX.4.2" else version)  # which lacks UserRequests
    fields = {field.tag: field.name for field in dictionary.fields.values()}
    return fields, {message.msg_type: message.name for message in dictionary.messages.values()}


def _title(text: str) -> ui.label:
    return ui.label(text).classes("desk-title").props("role=heading aria-level=2")


class Panels:
    """The parts of one trading page."""

    def __init__(self, trader: Trader, screen: Screen) -> None:
        self._trader = trader
        self._client = trader.client
        self._screen = screen
        self._rows: dict[str, dict[str, Any]] = {}  # of the blotter, as they are until their order changes
        self._unfolded: set[str] = set()
        self._fields_of: set[str] = set()
        self._chart_waits = 0
        self._chart_changed = True

    # --- made once -------------------------------------------------------------------------------------------

    def status(self) -> None:
        """Say how the session is, in the page's head."""
        self._badge = ui.badge("…").props("data-test=session role=status").classes("q-pa-xs")
        self._who = ui.label().classes("text-caption desk-num desk-wide").props("data-test=numbers")

    def ticket(self) -> None:
        """Have orders entered."""
        self._ticket = Ticket(self._trader, self._choose)

    def ladder(self) -> None:
        """Show the depth of the book of the ticket's symbol. A click on a price puts it into the ticket."""
        widths = "bid_qty 9, bid 8, offer 8, offer_qty 9"
        made = columns(widths, right="bid_qty bid", pick="bid offer", to="put into the ticket:")
        with ui.card().classes("w-full gap-1"):
            self._book_title = _title("").props("data-test=book-title")
            self._ladder = Sheet(made, test="ladder", label="Depth of the book", empty="No book yet.")
            self._ladder.on_pick(lambda price: self._ticket.fill(price))

    def chart(self) -> None:
        """Show candles of the market's trades."""
        with ui.card().classes("w-full gap-1"):
            self._chart_title = _title("")
            options = {
                "animation": False,
                "grid": {"left": 64, "right": 16, "top": 12, "bottom": 24},
                "xAxis": {"type": "category", "data": []},
                "yAxis": {"type": "value", "scale": True, "splitLine": {"lineStyle": {"opacity": 0.25}}},
                "series": [{"type": "candlestick", "data": [], "itemStyle": _CANDLE, "barMaxWidth": 14}],
            }
            self._chart = ui.echart(options, renderer="svg").classes("w-full desk-chart").props("data-test=chart")

    def blotter(self) -> None:
        """Show orders, each with its executions folded under it, and what can be done with it."""
        made = columns(
            "time 11, symbol 8, side 6, qty 7, price 8, type 7, tif 12, filled 6, leaves 6, avg_px 9, status 15, "
            "text 12, cl_ord_id 12",
            right="qty price filled leaves avg_px",
            less="type tif leaves cl_ord_id",
            least="time filled avg_px text",
        )
        with ui.card().classes("w-full gap-1"):
            with ui.row().classes("items-center w-full gap-2"):
                _title("Orders")
                self._which = ui.toggle({False: "All", True: "Open"}, value=False, on_change=self._refilter)
                self._which.props('data-test=which dense flat role=group aria-label="Which orders"')
                ui.space()
                ui.button("Cancel all", on_click=self._cancel_all).props("flat dense data-test=cancel-all")
            self._blotter = Sheet(
                made, test="blotter", label="Orders", empty="No orders yet: the ticket sends one.", detail="execution",
                actions=(("replace", "✎", "replace"), ("cancel", "✕", "cancel")),
            )  # fmt: skip
            self._blotter.on_act(self._act)
            self._blotter.on_fold(self._fold)

    def positions(self) -> None:
        """Show positions with their profit."""
        made = columns(
            "account 8, symbol 8, qty 8, avg_px 10, mark 10, realised 10, unrealised 10, profit 10",
            right="qty avg_px mark realised unrealised profit",
            less="account",
            least="mark realised unrealised",
        )
        with ui.card().classes("w-full gap-1"):
            _title("Positions")
            self._positions = Sheet(made, test="positions", label="Positions", empty="No positions yet.")

    def messages(self) -> None:
        """Show FIX messages, with the names of their fields. Closed, it is not drawn."""
        made = columns("time 11, direction 8, kind 22, text 60", least="direction text")
        with ui.card().classes("w-full gap-1"):
            self._log = ui.expansion("Messages", on_value_change=self._relog).classes("w-full")
            with self._log.props('data-test=messages-fold dense header-class="desk-title q-px-none"'):
                with ui.row().classes("items-center w-full gap-3"):
                    self._filter = ui.input("Type, tag=value or text", on_change=self._relog).classes("grow")
                    self._filter.props("data-test=message-filter dense clearable maxlength=100 debounce=200")
                    self._with_data = ui.checkbox("market data", on_change=self._relog).props("data-test=market-data")
                self._messages = Sheet(
                    made, test="messages", label="FIX messages", empty="No messages.", detail="field"
                )
                self._messages.on_fold(self._fold_message)

    def faults(self) -> None:
        """Show what a person should look at; and, at a simulated exchange, buttons that make it fail."""
        self._faults = ui.column().classes("w-full gap-0").props("data-test=faults role=log")
        exchange = self._trader.exchange
        if exchange is None:
            return
        with ui.card().classes("w-full gap-1"):
            _title("Faults of the simulated exchange")
            with ui.row().classes("gap-2"):
                for label, line in exchange.buttons(self._ticket.symbol):
                    ui.button(label, on_click=lambda line=line: self._fault(line)).props(
                        f"dense outline data-test=fault-{line.split()[0]}"
                    )

    # --- drawn again -----------------------------------------------------------------------------------------

    async def frame(self) -> None:
        """Draw what has changed since the last frame; return when the page has drawn it."""
        changes = self._screen.take()
        if changes.status:
            self._draw_status()
        if changes.orders:
            self._draw_orders(changes)
        if changes.positions:
            self._positions.show([position_row(one) for one in self._client.positions])
        if self._ticket.symbol in changes.books or changes.status:
            self._draw_book()
        self._chart_changed |= self._ticket.symbol in changes.prints or changes.status
        self._chart_waits -= 1
        if self._chart_changed and self._chart_waits <= 0:
            self._draw_chart()
        if changes.messages and self._log.value:
            self._draw_messages()
        if changes.faults:
            self._draw_faults()
        await draw((self._blotter, self._positions, self._ladder, self._messages))

    def _draw_status(self) -> None:
        client, status = self._client, self._client.status
        if not client.connected:
            text, colour = "no Backend", "negative"
        elif status is None:
            text, colour = "…", "grey-8"
        else:
            active = State(status.state).active
            text, colour = status.state, "positive" if active else "warning"
            if not active and status.reason:
                text += f": {status.reason}"
        self._badge.set_text(text)
        self._badge.props(f"color={colour}")
        if status is not None:
            self._who.set_text(
                f"{status.sender_comp_id} → {status.target_comp_id}, since {clock(status.since_ns)[:8]} UTC"
            )
        self._ticket.enable(client.is_active)

    def _draw_orders(self, changes: Changes) -> None:
        recent, before = self._trader.recent, self._rows
        self._rows = {}
        for name, order in recent.shown(only_open=bool(self._which.value)):
            row = None if changes.all_orders or name in changes.changed else before.get(name)
            if row is None:
                row = order_row(name, order, recent.entered_ns(name), unfolded=name in self._unfolded)
            self._rows[name] = row
        self._unfolded &= self._rows.keys()
        self._blotter.show(list(self._rows.values()))

    def _draw_book(self) -> None:
        symbol = self._ticket.symbol
        book = self._client.books.get(symbol)
        state = "" if book is None or book.status.value == "live" else f" ({book.status.value}) {book.text}"
        self._book_title.set_text(f"{symbol}{state}" if symbol else "No symbol")
        self._ladder.show(ladder_rows(book, self._trader.options.depth))

    def _draw_chart(self) -> None:
        self._chart_changed, self._chart_waits = False, _CHART_FRAMES
        symbol = self._ticket.symbol
        candles = self._trader.candles.get(symbol)
        current = candles.current if candles is not None else None
        title = f"{symbol}, candles of {self._trader.options.candle}" if symbol else "No symbol"
        self._chart_title.set_text(title if current else f"{title}: no trades yet")
        if candles is None:
            return
        times, data = candle_data([*candles.history, *([current] if current else [])][-_CANDLES:])
        self._chart.options["xAxis"]["data"] = times
        self._chart.options["series"][0]["data"] = data
        self._chart.update()

    def _draw_messages(self) -> None:
        mirror = self._client.mirror
        names, kinds = _names(mirror.welcome.appl_version if mirror.welcome is not None else "FIX.4.2")
        wanted, data, rows = (self._filter.value or "").strip().lower(), self._with_data.value, []
        number = mirror.messages_seen
        for message in reversed(mirror.messages):
            number -= 1
            row = message_row(number, message, kinds)
            if not data and row["kind"].startswith("MarketData"):
                continue
            if wanted in row["kind"].lower() or wanted in message.text.lower():
                if row["id"] in self._fields_of:
                    row["details"] = message_details(message, names)
                rows.append(row)
                if len(rows) == _MESSAGES:
                    break
        self._fields_of &= {row["id"] for row in rows}
        self._messages.show(rows)

    def _draw_faults(self) -> None:
        self._faults.clear()
        self._faults.set_visibility(bool(self._client.mirror.faults))
        with self._faults:
            for fault in list(self._client.mirror.faults)[-5:]:
                ui.label(f"{fault.what}: {fault.text}").classes("text-warning")

    # --- what people do --------------------------------------------------------------------------------------

    async def _choose(self, symbol: str) -> None:
        if symbol:
            await self._try(self._trader.follow(symbol))
        self._draw_book()
        self._draw_chart()

    def _refilter(self) -> None:
        self._screen.redraw(orders=True)

    def _relog(self) -> None:
        self._screen.redraw(messages=True)

    def _fold(self, name: str) -> None:
        self._unfolded ^= {name}
        self._rows.pop(name, None)
        self._screen.redraw(orders=True)

    def _fold_message(self, name: str) -> None:
        self._fields_of ^= {name}
        self._screen.redraw(messages=True)

    async def _act(self, action: str, name: str) -> None:
        order = self._client.mirror.replica.orders.get(name)
        if order is None:
            return
        if action == "cancel":
            await self._try(order.cancel())  # type: ignore[attr-defined]
        else:
            await self._replace(order)

    async def _cancel_all(self) -> None:
        count = self._trader.recent.open
        if not count:
            ui.notify("No order is open.")
            return
        with ui.dialog() as dialog, ui.card().props("role=alertdialog"):
            ui.label(f"Cancel {count} open order{'s' if count > 1 else ''}?")
            with ui.row():
                ui.button("Cancel them", on_click=lambda: dialog.submit(True)).props("data-test=cancel-all-sure")
                ui.button("Back", on_click=lambda: dialog.submit(False)).props("flat autofocus")
        if await dialog:
            await self._try(self._client.orders.cancel_all())
        dialog.delete()

    async def _replace(self, order: Any) -> None:
        with ui.dialog() as dialog, ui.card():
            ui.label(f"{SIDES.get(order.side, '')} {order.symbol}")
            qty = ui.input("Quantity", value=format(order.qty, "f")).props("data-test=replace-qty autofocus")
            price = ui.input("Price", value=format(order.price, "f") if order.price is not None else "")
            price.props("data-test=replace-price")
            with ui.row():
                ui.button("Replace", on_click=lambda: dialog.submit(True)).props("data-test=replace-send")
                ui.button("Back", on_click=lambda: dialog.submit(False)).props("flat")
            for field in (qty, price):
                field.on("keydown.enter", lambda: dialog.submit(True))
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
