"""What the desk's tables show: orders, positions, books, messages as rows of plain text. I/O-free.

A row is for a browser: every value is a text, a number that JSON has, or a list of rows, and is shown as text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fixfast.service.client.mirror import RemoteBook
from fixfast.service.messages import WireMessage
from fixfast.trading.candles import Candle
from fixfast.trading.order import Order
from fixfast.trading.positions import Position

__all__ = [
    "ORD_TYPES",
    "SIDES",
    "TIFS",
    "candle_data",
    "clock",
    "ladder_rows",
    "message_row",
    "order_row",
    "position_row",
]

Row = dict[str, Any]

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


def order_row(order: Order, wall_ns: int) -> Row:
    """Return an order with its executions. `wall_ns`: when it was entered."""
    trades = [
        {"exec_id": one.exec_id, "time": clock(one.transact_time_ns), "qty": number(one.qty), "px": number(one.px)}
        for one in order.trades.values()
    ]
    waiting = [request.msg_type for request in order.pending.values()]
    status = order.status.name.replace("_", " ").capitalize()
    return {
        "id": next(iter(order.requests), order.cl_ord_id),
        "time": clock(wall_ns),
        "cl_ord_id": order.cl_ord_id,
        "symbol": order.symbol,
        "side": SIDES.get(order.side, order.side),
        "qty": number(order.qty),
        "price": number(order.price) or ("market" if order.ord_type == "1" else number(order.stop_px)),
        "type": ORD_TYPES.get(order.ord_type, order.ord_type),
        "tif": TIFS.get(order.time_in_force, order.time_in_force),
        "filled": number(order.cum_qty),
        "leaves": number(order.leaves_qty),
        "avg_px": number(order.avg_px) if order.cum_qty else "",
        "status": status + ("?" if order.uncertain else ""),
        "pending": {"F": "cancel", "G": "replace"}.get(waiting[-1], "") if waiting else "",
        "text": order.text,
        "open": order.is_open,
        "trades": trades,
    }


def position_row(position: Position) -> Row:
    """Return a position with its profit."""
    return {
        "id": f"{position.account}\0{position.symbol}",
        "account": position.account,
        "symbol": position.symbol,
        "qty": number(position.qty),
        "avg_px": number(position.avg_px) if position.qty else "",
        "mark": number(position.mark),
        "realised": number(position.realised, 2),
        "unrealised": number(position.unrealised, 2),
        "profit": number(position.profit, 2),
    }


def ladder_rows(book: RemoteBook | None, depth: int) -> list[Row]:
    """Return a book side by side, the best first; rows that are not there are empty, so that nothing jumps."""
    rows = []
    for n in range(depth):
        bid = book.bids[n] if book is not None and n < len(book.bids) else None
        offer = book.offers[n] if book is not None and n < len(book.offers) else None
        rows.append(
            {
                "id": n,
                "bid_qty": number(bid.qty) if bid else "",
                "bid": number(bid.price) if bid else "",
                "offer": number(offer.price) if offer else "",
                "offer_qty": number(offer.qty) if offer else "",
            }
        )
    return rows


def candle_data(candles: list[Candle]) -> tuple[list[str], list[list[float]]]:
    """Return what a chart draws: times, and open, close, low, high. Floats: pixels are not exact either."""
    times = [clock(candle.start_ns)[:8] for candle in candles]
    return times, [[float(one.open), float(one.close), float(one.low), float(one.high)] for one in candles]


def message_row(n: int, message: WireMessage, names: dict[int, str], kinds: dict[str, str]) -> Row:
    """Return a FIX message with the names of its fields. `names`: tag -> name; `kinds`: MsgType -> name."""
    fields = []
    for part in message.text.split("|"):
        tag, equals, value = part.partition("=")
        if equals:
            name = names.get(int(tag), "") if tag.isdecimal() and len(tag) < 9 else ""
            fields.append({"tag": tag, "name": name, "value": value})
    kind = next((field["value"] for field in fields if field["tag"] == "35"), "")
    return {
        "id": n,
        "time": clock(message.wall_ns),
        "direction": "→" if message.direction == "out" else "←",
        "kind": kinds.get(kind, kind),
        "text": message.text,
        "fields": fields,
        "missed": message.missed,
    }
