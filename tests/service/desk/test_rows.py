"""What the desk's tables show, and what a page draws anew."""

from __future__ import annotations

from decimal import Decimal

import fixfast as ff
from fixfast.service.client.client import Connected
from fixfast.service.client.mirror import RemoteBook
from fixfast.service.desk.rows import candle_data, clock, ladder_rows, message_row, order_row, position_row
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
    row = order_row(order, WALL)
    wanted = {"time": "22:13:20.123", "side": "Buy", "type": "Limit", "qty": "100", "price": "230.1", "filled": "40"}
    assert wanted.items() <= row.items()
    assert (row["status"], row["leaves"], row["avg_px"], row["open"]) == ("Partially filled", "60", "230", True)
    assert row["trades"] == [{"exec_id": "E1", "time": "22:13:20.500", "qty": "40", "px": "230"}]
    manager.cancel(order, ff.Now(0, WALL))
    order.uncertain = True
    assert order_row(order, WALL)["pending"] == "cancel"
    assert order_row(order, WALL)["status"].endswith("?"), "nobody knows for certain"


def test_a_market_order_has_no_price_and_a_short_position_is_negative() -> None:
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    order = manager.submit(ff.OrderRequest("AAPL", "2", Decimal(7)), ff.Now(0, WALL))
    assert order_row(order, WALL)["price"] == "market"
    positions = ff.Positions()
    positions.apply(ff.Trade("e", "o", "c", "ACC", "AAPL", "2", Decimal(7), Decimal("10.5"), WALL))
    row = position_row(positions["ACC", "AAPL"])
    assert (row["qty"], row["avg_px"], row["profit"]) == ("-7", "10.5", "")
    positions.mark("AAPL", Decimal(10))
    assert position_row(positions["ACC", "AAPL"])["profit"] == "3.5"


def test_the_ladder_keeps_its_height() -> None:
    assert [row["bid"] for row in ladder_rows(None, 3)] == ["", "", ""]
    book = RemoteBook("AAPL")
    book.take(BookNow("AAPL", "live", [Level("9.50", "100")], [Level("9.6", "7"), Level("9.7", "8")], WALL))
    rows = ladder_rows(book, 3)
    assert [(row["bid_qty"], row["bid"], row["offer"], row["offer_qty"]) for row in rows] == [
        ("100", "9.5", "9.6", "7"),
        ("", "", "9.7", "8"),
        ("", "", "", ""),
    ]
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
    row = message_row(5, WireMessage("out", WALL, text, 3), {55: "Symbol"}, {"D": "NewOrderSingle"})
    assert (row["kind"], row["direction"], row["missed"]) == ("NewOrderSingle", "→", 3)
    assert {"tag": "55", "name": "Symbol", "value": "A=B"} in row["fields"]
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
