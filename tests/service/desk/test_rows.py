"""What the desk's tables show, and what a page draws anew."""

from __future__ import annotations

from decimal import Decimal

import pytest

import fixfast as ff
from fixfast.service.client.client import Connected
from fixfast.service.client.mirror import RemoteBook
from fixfast.service.desk.recent import Recent
from fixfast.service.desk.rows import (
    candle_data,
    clock,
    ladder_rows,
    message_details,
    message_row,
    order_row,
    order_words,
    position_row,
)
from fixfast.service.desk.screen import Screen
from fixfast.service.messages import BookNow, CaughtUp, Level, Printed, WireMessage
from fixfast.trading.candles import Candles

WALL = 1_700_000_000_123_456_789


def test_an_order_has_its_executions_under_it() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    order = manager.submit(
        ff.OrderRequest("AAPL", "1", Decimal(100), Decimal("230.10")), ff.Now(0, WALL), cl_ord_id="A"
    )
    fields = [
        (37, "O1"),
        (11, "A"),
        (17, "E1"),
        (150, "F"),
        (39, "1"),
        (55, "AAPL"),
        (54, "1"),
        (32, "40"),
        (31, "230.0"),
    ]
    fields += [(151, "60"), (14, "40"), (6, "230"), (60, "20231114-22:13:20.500")]
    head = [(49, "V"), (56, "B"), (34, 2), (52, WALL)]
    manager.on_message(ff.parse(ff.encode("FIX.4.4", "8", head + fields)), ff.Now(0, WALL))
    row = order_row("A", order, WALL, unfolded=True)
    wanted = {"time": "22:13:20.123", "side": "Buy", "type": "Limit", "qty": "100", "price": "230.1", "filled": "40"}
    assert wanted.items() <= row.items()
    assert (row["status"], row["leaves"], row["avg_px"], row["open"]) == ("Partially filled", "60", "230", True)
    assert (row["folds"], row["details"]) == ("1 execution", [["22:13:20.500", "40 at 230", "E1"]])
    assert "details" not in order_row("A", order, WALL)
    manager.cancel(order, ff.Now(0, WALL))
    order.uncertain = True
    assert order_row("A", order, WALL)["status"] == "Partially filled?, cancel sent", "nobody knows for certain"


def test_a_market_order_has_no_price_and_a_short_position_is_negative() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    order = manager.submit(ff.OrderRequest("AAPL", "2", Decimal(7)), ff.Now(0, WALL))
    assert order_row("A", order, WALL)["price"] == "market"
    positions = ff.Positions()
    positions.apply(ff.Trade("e", "o", "c", "ACC", "AAPL", "2", Decimal(7), Decimal("10.5"), WALL))
    row = position_row(positions["ACC", "AAPL"])
    assert (row["qty"], row["avg_px"], row["profit"]) == ("-7", "10.5", "")
    positions.mark("AAPL", Decimal(10))
    assert position_row(positions["ACC", "AAPL"])["profit"] == "+3.50", "told by more than a colour"


def test_the_ladder_keeps_its_height() -> None:
    assert [row["bid"] for row in ladder_rows(None, 3)] == ["", "", ""]
    book = RemoteBook("AAPL")
    book.take(BookNow("AAPL", "live", [Level("9.50", "100")], [Level("9.6", "7"), Level("9.75", "8")], WALL))
    rows = ladder_rows(book, 3)
    assert [(row["bid_qty"], row["bid"], row["offer"], row["offer_qty"]) for row in rows] == [
        ("100", "9.50", "9.60", "7"),
        ("", "", "9.75", "8"),
        ("", "", "", ""),
    ], "as many digits everywhere"
    assert rows[0]["bars"] == {"bid_qty": 100, "offer_qty": 7}
    book.lose("gone")
    assert ladder_rows(book, 1)[0]["bid"] == "", "what cannot be believed is not shown"


def test_candles_and_messages() -> None:
    candles = Candles("1s")
    for price, at in (("10", 0), ("12", 1), ("9", 2), ("11", 3)):
        candles.add(Decimal(price), Decimal(1), WALL + at)
    current = candles.current
    assert current is not None
    assert candle_data([current]) == (["22:13:20"], [[10.0, 11.0, 9.0, 12.0]])
    text = "8=FIX.4.4|35=D|55=A=B|58=<script>|x=1|999999999999=2"
    message = WireMessage("out", WALL, text, 3)
    row = message_row(5, message, {"D": "NewOrderSingle"})
    assert (row["id"], row["kind"], row["direction"]) == ("5", "NewOrderSingle", "→ out")
    details = message_details(message, {55: "Symbol"})
    assert ["Symbol", "55", "A=B"] in details
    assert ["", "x", "1"] in details
    assert clock(None) == ""


def test_a_page_draws_once_whatever_happens_between_two_frames() -> None:
    screen = Screen()
    assert screen.take().orders, "all of it at first"
    assert screen.take() == type(screen.take())()
    for n in range(1000):
        screen.note(BookNow(f"S{n % 3}", "live", [], [], WALL))
        screen.note(Printed("S1", "1", "1", WALL))
    changes = screen.take()
    assert (changes.books, changes.prints, changes.orders) == ({"S0", "S1", "S2"}, {"S1"}, False)
    screen.note(Connected(False, "gone"))
    assert screen.take().status
    screen.note(CaughtUp(5))
    assert screen.take().orders


@pytest.mark.parametrize(
    ("ticket", "words"),
    [
        (("AAPL", "1", "100", "2", "230.1", "", "0"), "Buy 100 AAPL at 230.1, day"),
        (("AAPL", "2", "5", "1", "", "", "3"), "Sell 5 AAPL at the market, immediate or cancel"),
        (("AAPL", "2", "5", "3", "", "220", "0"), "Sell 5 AAPL at the market, once at 220, day"),
        (("AAPL", "1", "5", "4", "231", "230", "1"), "Buy 5 AAPL at 231, once at 230, good till cancel"),
        (("AAPL", "1", "5", "4", "231", "", "1"), ""),
        (("AAPL", "1", "", "1", "", "", "0"), ""),
        (("", "1", "5", "1", "", "", "0"), ""),
    ],
)
def test_a_ticket_says_in_words_what_it_will_send(ticket: tuple[str, ...], words: str) -> None:
    assert order_words(*ticket) == words


def test_the_latest_orders_are_shown_and_the_open_ones_however_old() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    recent = Recent(3)
    orders = []
    for n in range(5):
        order = manager.submit(ff.OrderRequest("AAPL", "1", Decimal(1), Decimal(2)), ff.Now(0, WALL), cl_ord_id=f"A{n}")
        orders.append(order)
        assert recent.note(order, WALL + n) == f"A{n}"
    assert [name for name, _ in recent.shown()] == ["A4", "A3", "A2"]
    for n in (1, 3, 4):
        orders[n].status = ff.OrdStatus.CANCELED
        recent.note(orders[n], WALL + 100)
    assert [name for name, _ in recent.shown(only_open=True)] == ["A2", "A0"]
    assert recent.open == 2
    assert [name for name, _ in recent.shown()] == ["A4", "A3", "A2"]
    assert recent.entered_ns("A0") == WALL, "not when it changed"
    recent.begin(orders[2:])
    assert [name for name, _ in recent.shown()] == ["A4", "A3", "A2"]
    assert recent.entered_ns("A3") == WALL + 3
    assert (recent.entered_ns("A0"), recent.open) == (0, 1)
