"""A typed order, and the header that it is sent with."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fixfast import fix44

__all__ = ["HEAD", "NOW", "NS", "order"]

NOW = datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)
NS = 1_704_164_645_678_901_234
HEAD: dict[str, Any] = {"sender_comp_id": "A", "target_comp_id": "B", "msg_seq_num": 7, "sending_time": NOW}


def order(**more: Any) -> fix44.NewOrderSingle:
    fields: dict[str, Any] = {
        "cl_ord_id": "x",
        "symbol": "EUR/USD",
        "side": fix44.Side.BUY,
        "transact_time": NOW,
        "ord_type": fix44.OrdType.LIMIT,
        "price": Decimal("1.50"),
    }
    return fix44.NewOrderSingle(**(fields | more))
