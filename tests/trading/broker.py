"""Broker: an acceptor's application that answers orders as their symbol says. For asyncio and threads alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import fixfast as ff

__all__ = ["Broker"]


class Broker:
    """What an order's symbol says is done with it; anything else is acknowledged, and canceled or replaced on demand.

    FILL: filled at once, in two parts. REJECT: rejected. SILENT: nothing. STUCK: cancels and replaces are refused.
    LATE: filled when it is to be canceled. J: answered with a BusinessMessageReject. NOISE: news, then acknowledged.
    """

    def __init__(self) -> None:
        self.seen: list[ff.Message] = []
        self.sessions: list[Any] = []
        self._orders: dict[str, dict[str, Any]] = {}
        self._execs = 0

    def on_logon(self, session: Any) -> None:
        self.sessions.append(session)

    def on_message(self, session: Any, message: ff.Message) -> None:
        message.detach()
        self.seen.append(message)
        act = {"D": self._new, "F": self._cancel, "G": self._replace, "H": self._status}.get(message.msg_type)
        if act is not None:
            act(session, message)

    def kinds(self) -> list[str]:
        return [message.msg_type for message in self.seen]

    def trade(self, session: Any, cl_ord_id: str, qty: int, px: str = "10", *, exec_id: str = "") -> None:
        order = self._orders[cl_ord_id]
        order["cum"] += qty
        self._report(session, order, "F", [(32, qty), (31, Decimal(px))], exec_id=exec_id)

    # --- inside ---------------------------------------------------------------------------------------------

    def _report(
        self, session: Any, order: dict[str, Any], exec_type: str, more: Any = (), *, exec_id: str = ""
    ) -> None:
        self._execs += 1
        cum, qty = order["cum"], order["qty"]
        status = order["ended"] or ("2" if cum >= qty else "1" if cum else "0")
        ids = [
            (37, order["id"]),
            (11, order["head"]),
            (17, exec_id or f"E{self._execs}"),
            (150, exec_type),
            (39, status),
        ]
        left = 0 if order["ended"] else qty - cum
        terms = [(55, order["symbol"]), (54, "1"), (38, qty), (44, order["price"]), (151, left), (14, cum)]
        session.send_nowait("8", [*ids, *terms, (6, 10 if cum else 0), *more])

    def _new(self, session: Any, message: ff.Message) -> None:
        cl_ord_id, symbol = message[11], message[55]
        price = message.decimal(44, default=Decimal(10))
        order: dict[str, Any] = {
            "id": f"V{len(self._orders)}",
            "head": cl_ord_id,
            "symbol": symbol,
            "qty": message.int(38),
        }
        order |= {"qty": message.int(38), "price": price, "cum": 0, "ended": ""}
        if symbol == "J":
            raise ff.BusinessReject(3, "no such orders", cl_ord_id)
        if symbol == "SILENT":
            return
        self._orders[cl_ord_id] = order
        if symbol == "REJECT":
            order["ended"] = "8"
            self._report(session, order, "8", [(103, "3"), (58, "limit")])
            return
        if symbol == "NOISE":
            session.send_nowait("B", [(148, "noise"), (33, [[(58, "noise")]])])
        self._report(session, order, "0")
        if symbol == "FILL":
            self.trade(session, cl_ord_id, order["qty"] // 2)
            self.trade(session, cl_ord_id, order["qty"] - order["cum"])

    def _refuse(self, session: Any, message: ff.Message, to: str) -> None:
        order = self._orders[message[41]]
        status = "2" if order["cum"] >= order["qty"] else "0"
        ids = [(37, order["id"]), (11, message[11]), (41, message[41])]
        session.send_nowait("9", [*ids, (39, status), (434, to), (102, "0"), (58, "too late")])

    def _cancel(self, session: Any, message: ff.Message) -> None:
        order = self._orders[message[41]]
        if order["symbol"] == "LATE":
            self.trade(session, message[41], order["qty"] - order["cum"])
        if order["symbol"] in ("LATE", "STUCK"):
            self._refuse(session, message, "1")
            return
        order["ended"] = "4"
        order["head"] = message[11]
        self._report(session, order, "4", [(41, message[41])])

    def _replace(self, session: Any, message: ff.Message) -> None:
        order = self._orders[message[41]]
        if order["symbol"] == "STUCK":
            self._refuse(session, message, "2")
            return
        self._orders[message[11]] = order
        order |= {"head": message[11], "qty": message.int(38), "price": message.decimal(44, default=order["price"])}
        self._report(session, order, "5", [(41, message[41])])

    def _status(self, session: Any, message: ff.Message) -> None:
        order = self._orders.get(message[11])
        if order is None:
            ids = [(37, "NONE"), (11, message[11]), (17, "0"), (150, "I"), (39, "8"), (103, "5")]
            session.send_nowait("8", [*ids, (55, message[55]), (54, "1"), (151, 0), (14, 0), (6, 0)])
        else:
            self._report(session, order, "I", exec_id="0")
