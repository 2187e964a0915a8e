"""The fields of the messages that an OrderManager sends, as each version wants them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fixfast.trading.order import Order
from fixfast.trading.report import Report
from fixfast.trading.request import OrderOptions, OrderRequest

__all__ = ["Fields", "Wording"]

Fields = list[tuple[Any, Any]]

#: MassStatusReqType(585): all orders
_ALL_ORDERS = "7"
#: DKReason(127): no matching order
_NO_MATCHING_ORDER = "D"


def given(*pairs: tuple[Any, Any]) -> Fields:
    """Return the pairs that have a value."""
    # PERF: a Decimal is compared with a text in 0.8 us: only one that is 0 is
    return [pair for pair in pairs if pair[1] or (pair[1] is not None and pair[1] != "")]


class Wording:
    """Makes the fields. `options` says for which version."""

    __slots__ = ("_handl_inst", "_names_request")

    def __init__(self, options: OrderOptions) -> None:
        old = options.version in ("FIX.4.0", "FIX.4.1", "FIX.4.2")
        self._handl_inst = options.handl_inst if old else None
        self._names_request = not old and options.version != "FIX.4.3"  # OrdStatusReqID(790) came with 4.4

    def new(self, cl_ord_id: str, order: OrderRequest, wall_ns: int, *, again: bool = False) -> Fields:
        """NewOrderSingle(D); `again`: with PossResend(97)."""
        # PERF: what is always there is not looked at; given() took 17,400 instructions
        fields: Fields = [(97, "Y"), (11, cl_ord_id)] if again else [(11, cl_ord_id)]
        if order.account:
            fields.append((1, order.account))
        if self._handl_inst:
            fields.append((21, self._handl_inst))
        fields += (55, order.symbol), (54, order.side), (60, wall_ns), (38, order.qty), (40, order.ord_type)
        if order.price is not None:
            fields.append((44, order.price))
        if order.stop_px is not None:
            fields.append((99, order.stop_px))
        fields.append((59, order.time_in_force))
        fields += order.extra
        return fields

    def cancel(self, cl_ord_id: str, order: Order, extra: Fields, wall_ns: int) -> Fields:
        """OrderCancelRequest(F)."""
        return [
            *given(
                (41, order.cl_ord_id),
                (37, order.order_id),
                (11, cl_ord_id),
                (1, order.account),
                (55, order.symbol),
                (54, order.side),
                (60, wall_ns),
                (38, order.qty),
            ),
            *extra,
        ]

    def replace(
        self, cl_ord_id: str, order: Order, terms: dict[str, Decimal | None], extra: Fields, wall_ns: int
    ) -> Fields:
        """OrderCancelReplaceRequest(G)."""
        return [
            *given(
                (37, order.order_id),
                (41, order.cl_ord_id),
                (11, cl_ord_id),
                (1, order.account),
                (21, self._handl_inst),
                (55, order.symbol),
                (54, order.side),
                (60, wall_ns),
                (38, terms["qty"]),
                (40, order.ord_type),
                (44, terms["price"]),
                (99, terms["stop_px"]),
                (59, order.time_in_force),
            ),
            *extra,
        ]

    def status(self, order: Order, request_id: str) -> Fields:
        """OrderStatusRequest(H)."""
        return given(
            (37, order.order_id),
            (11, order.cl_ord_id),
            (790, request_id if self._names_request else None),
            (1, order.account),
            (55, order.symbol),
            (54, order.side),
        )

    def orphan_status(self, report: Report) -> Fields:
        """OrderStatusRequest(H) about an order that only a report told of."""
        return given(
            (37, report.order_id),
            (11, report.cl_ord_id or report.orig_cl_ord_id),
            (1, report.account),
            (55, report.symbol),
            (54, report.side),
        )

    def mass_status(self, request_id: str) -> Fields:
        """OrderMassStatusRequest(AF) for all orders."""
        return given((584, request_id), (585, _ALL_ORDERS))

    def mass_cancel(self, cl_ord_id: str, symbol: str, side: str, wall_ns: int) -> Fields:
        """OrderMassCancelRequest(q): all orders, or those in one symbol."""
        kind = "1" if symbol else "7"
        return given((11, cl_ord_id), (530, kind), (55, symbol), (54, side), (60, wall_ns))

    def dont_know(self, report: Report) -> Fields:
        """DontKnowTrade(Q)."""
        return given(
            (37, report.order_id),
            (17, report.exec_id),
            (127, _NO_MATCHING_ORDER),
            (55, report.symbol),
            (54, report.side),
            (32, report.last_qty),
            (31, report.last_px),
        )
