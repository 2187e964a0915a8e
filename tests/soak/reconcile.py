"""The books of everybody compared, to the share and the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.soak.copies import Copies
from tests.soak.setup import account_of

__all__ = ["reconcile"]

Dump = dict[str, Any]


def reconcile(exchange: Dump, clients: dict[str, Dump], copies: Copies) -> list[str]:
    """Return the differences; none: all is well.

    Args:
        exchange: what it dumped.
        clients: name -> what it dumped; two front ends may have one CompID.
        copies: what the drop copy session knows.
    """
    found = [
        f"{symbol}: bought for {bought}, sold for {sold}"
        for symbol, (bought, sold) in exchange["traded"].items()
        if bought != sold
    ]
    theirs = {owner.partition(":")[2]: orders for owner, orders in exchange["orders"].items()}
    for name, dump in clients.items():
        owner = account_of(name)
        orders = theirs.get(owner, [])
        found += _orders(name, orders, dump["orders"])
        found += _positions(name, orders, dump["positions"], exchange["marks"])
        found += _books(name, exchange["books"], dump["books"])
        found += _copies(owner, orders, copies)
    return found + copies.doubtful


def _orders(name: str, theirs: list[Dump], ours: list[Dump]) -> list[str]:
    found = []
    known = {order["id"]: order for order in theirs}
    for order in ours:
        kept = known.pop(order["id"], None)
        if kept is None:
            if order["status"] != "8":
                found.append(f"{name}: the exchange does not know {order}")
            continue
        for key, value in kept.items():
            if order[key] != value:
                found.append(f"{name} {order['id']}: {key} is {order[key]} at the client, {value} at the exchange")
    return found + [f"{name}: the client does not know {order}" for order in known.values()]


def _positions(name: str, orders: list[Dump], ours: dict[str, list[str]], marks: dict[str, str]) -> list[str]:
    found = []
    for symbol, mark in marks.items():
        qty = cash = Decimal(0)
        for order in orders:
            sign = 1 if order["side"] == "1" else -1
            for n, px in order["trades"] if order["symbol"] == symbol else ():
                qty += sign * Decimal(n)
                cash -= sign * Decimal(n) * Decimal(px)
        held, profit = (Decimal(number or 0) for number in ours.get(symbol, ("0", "0")))
        if held != qty:
            found.append(f"{name}: position in {symbol} is {held} at the client, {qty} by the exchange's trades")
        if profit != cash + qty * Decimal(mark):
            found.append(f"{name}: profit in {symbol} is {profit}, {cash + qty * Decimal(mark)} by the exchange")
    return found


def _books(name: str, theirs: Dump, ours: Dump) -> list[str]:
    return [
        f"{name}: the book of {symbol} is {ours.get(symbol)}, at the exchange {book}"
        for symbol, book in theirs.items()
        if ours.get(symbol) != book
    ]


def _copies(name: str, orders: list[Dump], copies: Copies) -> list[str]:
    found = []
    for order in orders:
        key = name, order["order_id"]
        trades = sorted(copies.trades.get(key, {}).values())
        if trades != order["trades"]:
            found.append(f"drop copy of {key}: trades {trades}, at the exchange {order['trades']}")
        if copies.orders.get(key) != (order["status"], order["cum"], order["leaves"]):
            found.append(f"drop copy of {key}: {copies.orders.get(key)}, at the exchange {order}")
    return found
