"""What an OrderManager does with an ExecutionReport that is parsed already: one execution of one order, nothing wrong.

Beside it what one would write by hand: the same fields read in one call, exact sums in a dictionary, and no check of
anything; and the reading alone. It shows what the table of transitions, duplicates, comparisons and the values told
cost. It does not show the parsing, the session, or an order log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.rivals import Fixfast, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["order_report_workloads"]

_ORDERS, _FILLS = 10, 200
_QTY = 100


def order_report_workloads(rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads. Only fixfast takes part."""
    ours = next((rival for rival in rivals if isinstance(rival, Fixfast)), None)
    if ours is None:
        return []
    ff = ours.module
    now = ff.Now(0, 1_767_571_200 * 10**9)
    inputs = [(n, message) for n, message in enumerate(_reports(ff, now))]
    calls = {
        "ER to its order: OrderManager": _manager(ff, now),
        "ER to its order: by hand, unchecked": _by_hand(),
        "ER to its order: its 17 fields read": _reader(),
    }
    return [Workload(name, [Entry("fixfast", call, inputs, spread=True)]) for name, call in calls.items()]


def _reports(ff: Any, now: Any) -> list[Any]:
    made, number = [], 0
    for fill in range(1, _FILLS + 1):
        for order in range(_ORDERS):
            number += 1
            cum, qty = fill * _QTY, _FILLS * _QTY
            price = Decimal(108_500 + order).scaleb(-5)
            fields = [
                *((49, "VENUE"), (56, "BOT01"), (34, number), (52, now.wall_ns), (37, f"V{order}"), (11, f"C{order}")),
                *((17, f"E{number}"), (150, "F"), (39, "2" if cum == qty else "1"), (1, "ACCOUNT"), (55, "EUR/USD")),
                *((54, "1"), (38, qty), (40, "2"), (44, price), (59, "0"), (32, _QTY), (31, price)),
                *((151, qty - cum), (14, cum), (6, price), (60, now.wall_ns)),
            ]
            made.append(ff.parse(ff.encode("FIX.4.4", "8", fields)))
    return made


def _manager(ff: Any, now: Any) -> Callable[..., Any]:
    request = ff.OrderRequest("EUR/USD", ff.Side.BUY, Decimal(_FILLS * _QTY), Decimal(2))
    manager: Any = None
    last = 1 << 62

    def apply(n: int, message: Any) -> Any:
        nonlocal manager, last
        if n <= last:  # the inputs begin again
            manager = ff.OrderManager(lambda msg_type, fields: 1)
            for order in range(_ORDERS):
                manager.submit(request, now, cl_ord_id=f"C{order}")
        last = n
        (update,) = manager.on_message(message, now)
        return update.trade.qty

    return apply


def _by_hand() -> Callable[..., Any]:
    from fixfast.trading.report import read_report

    sums: dict[str, tuple[Decimal, Decimal]] = {}

    def apply(n: int, message: Any) -> Any:
        if n == 0:
            sums.clear()
        report: Any = read_report(message)
        cum, notional = sums.get(report.order_id, (Decimal(0), Decimal(0)))
        cum += report.last_qty
        sums[report.order_id] = cum, notional + report.last_qty * report.last_px
        return report.last_qty

    return apply


def _reader() -> Callable[..., Any]:
    from fixfast.trading.report import read_report

    return lambda n, message: read_report(message).last_qty
