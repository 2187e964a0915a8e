"""What a drop copy session knows: every execution of the clients, from the copies alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import fixfast as ff

__all__ = ["Copies"]


class Copies:
    """An application that keeps what the copies say.

    Attributes:
        orders: (CompID of the owner, OrderID) -> OrdStatus, CumQty, LeavesQty of the last copy.
        trades: (CompID, OrderID) -> ExecID -> quantity and price, as they are now.
    """

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], tuple[str, ...]] = {}
        self.trades: dict[tuple[str, str], dict[str, list[str]]] = {}
        self.seen: set[tuple[str, str]] = set()
        self.doubtful: list[str] = []

    def on_message(self, session: Any, message: ff.Message) -> None:
        if message.msg_type != "8":
            return
        owner, exec_id, order_id, kind, ref = (str(value) for value in message.many(115, 17, 37, 150, 19))
        if (owner, exec_id) in self.seen or order_id == "NONE":
            return
        self.seen.add((owner, exec_id))
        key = owner, order_id
        self.orders[key] = tuple(_plain(value) for value in message.many(39, 14, 151))
        trades = self.trades.setdefault(key, {})
        if kind in "GH" and trades.pop(ref, None) is None:
            self.doubtful.append(f"drop copy: {kind} of {ref}, which is not there: {message}")
        if kind in "FG":
            trades[exec_id] = [_plain(message.get(32)), _plain(message.get(31))]


def _plain(value: str | None) -> str:
    text = str(value)
    return f"{Decimal(text).normalize():f}" if text.replace(".", "").isdecimal() else text
