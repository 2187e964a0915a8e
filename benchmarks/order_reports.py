"""What an OrderManager does with an ExecutionReport that is parsed already: one execution of one order, nothing wrong.

Beside it what one would write by hand: the same fields read in one call, exact sums in a dictionary, and no check of
anything; and the reading alone. It shows what the table of transitions, duplicates, comparisons and the values told
cost. It does not show the parsing, the session, or an order log; report_workloads(), for the gate, parse as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.rivals import Fixfast, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["order_report_workloads", "report_workloads"]

_ORDERS, _FILLS = 10, 200
_QTY = 100
_COUNTED = 160
_WALL_NS = 1_767_571_200 * 10**9


def order_report_workloads(rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads. Only fixfast takes part."""
    ff = next((rival.module for rival in rivals if isinstance(rival, Fixfast)), None)
    if ff is None:
        return []
    now = ff.Now(0, _WALL_NS)
    inputs = [(n, message) for n, message in enumerate(_reports(ff, now))]
    calls = {
        "ER to its order: OrderManager": _manager(ff, now),
        "ER to its order: by hand, unchecked": _by_hand(),
        "ER to its order: its 17 fields read": _reader(),
    }
    return [Workload(name, [Entry("fixfast", call, inputs, spread=True)]) for name, call in calls.items()]


def report_workloads(rivals: Sequence[Rival]) -> list[Workload]:
    """Return what is counted: a report from its bytes to the update. Each is of use once: some 2,000 are there."""
    ff = next((rival.module for rival in rivals if isinstance(rival, Fixfast)), None)
    if ff is None:
        return []
    now = ff.Now(0, _WALL_NS)
    fills = [message.raw for message in _reports(ff, now)]
    news = [_report(ff, now, n, n, 0) for n in range(len(fills))]
    made = {"ER to its order, plain fill": _applier(ff, now, fills), "ER to its order, New": _applier(ff, now, news)}
    return [Workload(name, [Entry("fixfast", call, range(_COUNTED))]) for name, call in made.items()]


def _applier(ff: Any, now: Any, reports: list[bytes]) -> Callable[[int], Any]:
    """Return what takes the next report. The orders they are about are there already."""
    request = ff.OrderRequest("EUR/USD", ff.Side.BUY, Decimal(_FILLS * _QTY), Decimal(2))
    manager = ff.OrderManager(lambda msg_type, fields: 1)
    for cl_ord_id in dict.fromkeys(ff.parse(raw)[11] for raw in reports):
        manager.submit(request, now, cl_ord_id=cl_ord_id)
    coming = iter(reports)
    return lambda _: manager.on_message(ff.parse(next(coming)), now)[0].trade


def _reports(ff: Any, now: Any) -> list[Any]:
    fills = [(fill, order) for fill in range(1, _FILLS + 1) for order in range(_ORDERS)]
    return [ff.parse(_report(ff, now, n, order, fill * _QTY)) for n, (fill, order) in enumerate(fills, 1)]


def _report(ff: Any, now: Any, number: int, order: int, cum: int) -> bytes:
    """Return a report of a fill, or, with nothing executed, of an order that was taken."""
    qty = _FILLS * _QTY
    price = Decimal(108_500 + order).scaleb(-5)
    status = "0" if not cum else "2" if cum == qty else "1"
    fill = [(32, _QTY), (31, price)] if cum else []
    fields = [
        *((49, "VENUE"), (56, "BOT01"), (34, number), (52, now.wall_ns), (37, f"V{order}"), (11, f"C{order}")),
        *((17, f"E{number}"), (150, "F" if cum else "0"), (39, status), (1, "ACCOUNT"), (55, "EUR/USD")),
        *((54, "1"), (38, qty), (40, "2"), (44, price), (59, "0"), *fill),
        *((151, qty - cum), (14, cum), (6, price if cum else 0), (60, now.wall_ns)),
    ]
    return bytes(ff.encode("FIX.4.4", "8", fields))


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
