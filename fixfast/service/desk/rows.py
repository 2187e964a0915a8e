"""What the desk's tables show: orders, positions, books, messages as rows of plain text. I/O-free.

A row is for a browser: every value is a text, a number that JSON has, or a list of rows, and is shown as text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fixfast.service.client.mirror import RemoteBook
from fixfast.service.messages import WireMessage
from fixfast.trading.candles import Candle
from fixfast.trading.lifecycle import OrdStatus
from fixfast.trading.order import Order
from fixfast.trading.positions import Position

__all__ = [
    "ORD_TYPES",
    "SIDES",
    "TIFS",
    "candle_data",
    "clock",
    "ladder_rows",
    "message_details",
    "message_row",
    "order_details",
    "order_row",
    "order_words",
    "position_row",
]

Row = dict[str, Any]

#: executions of an order that are shown, the latest
_TRADES = 100
_WAITING = {"F": ", cancel sent", "G": ", replace sent"}
_KIND = re.compile(r"(?:^|\|)35=([^|]*)")
_LADDER_TONES = {
    "bid_qty": "desk-bid-part",
    "bid": "desk-buy",
    "offer": "desk-sell",
    "offer_qty": "desk-offer-part",
}

SIDES = {"1": "Buy", "2": "Sell", "5": "Sell short", "6": "Sell short exempt"}
ORD_TYPES = {"1": "Market", "2": "Limit", "3": "Stop", "4": "Stop limit"}
TIFS = {
    "0": "Day",
    "1": "Good till cancel",
    "3": "Immediate or cancel",
    "4": "Fill or kill",
    "2": "At the opening",
    "7": "At the close",
}


def clock(wall_ns: int | None) -> str:
    """Return a time of day in UTC, to the millisecond; "" for none."""
    if wall_ns is None:
        return ""
    return datetime.fromtimestamp(wall_ns // 10**9, UTC).strftime("%H:%M:%S.") + f"{wall_ns // 10**6 % 1000:03d}"


def number(value: Decimal | None, digits: int = 10) -> str:
    """Return a number as people write it: not more than so many digits behind the point, no zeros at its end."""
    if value is None:
        return ""
    text = format(round(value, digits), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: Decimal | None) -> str:
    """Return money with two digits, and with its sign: a profit is told by more than a colour."""
    return "" if value is None else format(round(value, 2), "+.2f") if round(value, 2) else "0.00"


def tone(value: Decimal | None) -> str:
    """Return the colour of a number that is good above 0 and bad below."""
    return "desk-buy" if value and value > 0 else "desk-sell" if value and value < 0 else ""


def order_words(symbol: str, side: str, qty: str, kind: str, price: str, stop: str, tif: str) -> str:
    """Return what a ticket will send, in words; "" while something is missing."""
    needed = [symbol, qty, price if kind in "24" else "-", stop if kind in "34" else "-"]
    if not all(needed):
        return ""
    at = {"1": "at the market", "2": f"at {price}", "3": f"at the market, once at {stop}"}
    terms = at.get(kind, f"at {price}, once at {stop}")
    return f"{SIDES.get(side, side)} {qty} {symbol} {terms}, {TIFS.get(tif, tif).lower()}"


def order_row(name: str, order: Order, wall_ns: int, *, unfolded: bool = False) -> Row:
    """Return an order. `name`: its id; `wall_ns`: when it was entered; `unfolded`: with its executions."""
    waiting = [request.msg_type for request in order.pending.values()]
    status = order.status.name.replace("_", " ").capitalize()
    side, trades = SIDES.get(order.side, order.side), len(order.trades)
    row = {
        "id": name,
        "time": clock(wall_ns),
        "cl_ord_id": order.cl_ord_id,
        "symbol": order.symbol,
        "side": side,
        "qty": number(order.qty),
        "price": number(order.price) or ("market" if order.ord_type == "1" else number(order.stop_px)),
        "type": ORD_TYPES.get(order.ord_type, order.ord_type),
        "tif": TIFS.get(order.time_in_force, order.time_in_force),
        "filled": number(order.cum_qty),
        "leaves": number(order.leaves_qty),
        "avg_px": number(order.avg_px) if order.cum_qty else "",
        "status": status + ("?" if order.uncertain else "") + _WAITING.get(waiting[-1] if waiting else "", ""),
        "text": order.text,
        "open": order.is_open,
        "label": f"{side} {number(order.qty)} {order.symbol}",
        "folds": f"{trades} execution{'s' if trades > 1 else ''}"
        if trades
        else "the venue's text"
        if order.text
        else "",
        "tones": {
            "side": "desk-buy" if order.side == "1" else "desk-sell",
            "status": "desk-sell"
            if order.status is OrdStatus.REJECTED
            else "desk-warn"
            if order.uncertain or waiting
            else "",
        },
    }
    if unfolded:
        row["details"] = order_details(order)
    return row


def order_details(order: Order) -> list[list[str]]:
    """Return an order's latest executions, as lines of texts; before them what the venue said."""
    said = [[order.text]] if order.text else []
    return said + [
        [clock(one.transact_time_ns), f"{number(one.qty)} at {number(one.px)}", one.exec_id]
        for one in list(order.trades.values())[-_TRADES:]
    ]


def position_row(position: Position) -> Row:
    """Return a position with its profit."""
    return {
        "id": f"{position.account}\0{position.symbol}",
        "account": position.account,
        "symbol": position.symbol,
        "qty": number(position.qty),
        "avg_px": number(position.avg_px) if position.qty else "",
        "mark": number(position.mark),
        "realised": signed(position.realised),
        "unrealised": signed(position.unrealised),
        "profit": signed(position.profit),
        "tones": {name: tone(getattr(position, name)) for name in ("qty", "realised", "unrealised", "profit")},
    }


def ladder_rows(book: RemoteBook | None, depth: int) -> list[Row]:
    """Return a book side by side, the best first; rows that are not there are empty, so that nothing jumps.

    Prices have the same number of digits, and quantities a bar as long as they are large.
    """
    bids, offers = (book.bids[:depth], book.offers[:depth]) if book is not None else ((), ())
    digits = max((len(number(level.price).partition(".")[2]) for level in (*bids, *offers)), default=0)
    most = max((level.qty for level in (*bids, *offers)), default=Decimal(1)) or Decimal(1)
    rows = []
    for n in range(depth):
        row: Row = {"id": str(n), "bars": {}, "tones": _LADDER_TONES}
        for name, levels in (("bid", bids), ("offer", offers)):
            level = levels[n] if n < len(levels) else None
            row[name] = format(level.price, f".{digits}f") if level else ""
            row[f"{name}_qty"] = number(level.qty) if level else ""
            if level:
                row["bars"][f"{name}_qty"] = round(level.qty * 100 / most)
        rows.append(row)
    return rows


def candle_data(candles: list[Candle]) -> tuple[list[str], list[list[float]]]:
    """Return what a chart draws: times, and open, close, low, high. Floats: pixels are not exact either."""
    times = [clock(candle.start_ns)[:8] for candle in candles]
    return times, [[float(one.open), float(one.close), float(one.low), float(one.high)] for one in candles]


def message_row(n: int, message: WireMessage, kinds: dict[str, str]) -> Row:
    """Return a FIX message. `kinds`: MsgType -> name."""
    kind = _KIND.search(message.text)
    name = kind[1] if kind is not None else ""
    out = message.direction == "out"
    return {
        "id": str(n),
        "time": clock(message.wall_ns),
        "direction": "→ out" if out else "← in",
        "kind": kinds.get(name, name),
        "text": message.text,
        "folds": "fields",
    }


def message_details(message: WireMessage, names: dict[int, str]) -> list[list[str]]:
    """Return the fields of a FIX message, as lines of texts. `names`: tag -> name."""
    lines = []
    for part in message.text.split("|"):
        tag, equals, value = part.partition("=")
        if equals:
            name = names.get(int(tag), "") if tag.isdecimal() and len(tag) < 9 else ""
            lines.append([name, tag, value])
    return lines
