"""What a desk keeps of each order of the day: the order and its trades, once; no message, no update, nothing empty."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from types import FunctionType, MethodType, ModuleType
from typing import Any

import fixfast as ff
from fixfast.service.desk.options import DeskOptions
from fixfast.service.desk.rows import order_details
from fixfast.service.desk.trader import Trader
from fixfast.service.messages import Record, WireMessage
from fixfast.trading.log import Record as LogRecord

WALL = 1_700_000_000_000_000_000


def day(orders: int) -> Iterator[list[LogRecord]]:
    """Yield the records of an order log, of one order after another: sent, taken, filled at once."""
    log, seq = ff.MemoryOrderLog(), iter(range(1, 1 << 30))
    manager = ff.OrderManager(lambda msg_type, fields: next(seq), ff.OrderOptions("FIX.4.2"), log=log)
    for n in range(orders):
        now = ff.Now(0, WALL + n * 10**6)
        request = ff.OrderRequest("AAPL", "12"[n % 2], Decimal(5), Decimal("230.5"), time_in_force="3")
        order = manager.submit(request, now, cl_ord_id=f"C{n:07}")
        for exec_id, status, last, leaves, cum in ((2 * n, "0", 0, 5, 0), (2 * n + 1, "2", 5, 0, 5)):
            said: list[tuple[int, Any]] = [(49, "V"), (56, "B"), (34, exec_id + 1), (52, now.wall_ns), (37, f"O{n:07}")]
            said += [(11, order.cl_ord_id), (17, f"E{exec_id:07}"), (20, "0"), (150, status), (39, status)]
            said += [(55, "AAPL"), (54, request.side), (32, last), (31, "230.5" if last else 0), (151, leaves)]
            said += [(14, cum), (6, "230.5" if cum else 0), (60, now.wall_ns)]
            manager.on_message(ff.parse(ff.encode("FIX.4.2", "8", said)), now)
        assert order.is_filled
        yield log.records.copy()
        log.records.clear()


def reached(root: object) -> dict[int, object]:
    """Return all objects that one holds, by their id; not what belongs to the program."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in found or isinstance(one, (type, ModuleType, FunctionType, MethodType)):
            continue
        found[id(one)] = one
        waiting += gc.get_referents(one)
    return found


def test_what_is_kept_of_an_order_is_the_order_and_its_trades_once() -> None:
    trader = Trader(DeskOptions(launcher="unix:/nowhere", account="a", api_key="k"))
    trader.client.mirror._begin("FIX.4.2")
    number, sizes, counts = 0, [], []
    for n, records in enumerate(day(1100), 1):
        for record in records:
            number += 1
            trader.client.mirror.take(Record(number, *record))
            trader.client.mirror.take(WireMessage("in", record.wall_ns, f"35=8|11=C{n}"))
        if n in (100, 1100):
            found = reached(trader.client.mirror)
            counts.append(Counter(type(one).__name__ for one in found.values()))
            sizes.append(sum(map(sys.getsizeof, found.values())))
    more = {name: many - counts[0][name] for name, many in counts[1].items()}
    more["WireMessage"] -= 1000 - 400  # the latest 1000 are kept
    assert {name: more[name] for name in ("RemoteOrder", "Request", "OrderRequest", "Trade")} == {
        "RemoteOrder": 1000, "Request": 1000, "OrderRequest": 1000, "Trade": 1000,
    }  # fmt: skip
    kept = {name: many // 1000 for name, many in more.items() if many >= 100}
    assert not kept.keys() & {"set", "OrderUpdate", "Message", "Report", "bytes", "WireMessage", "Record"}, kept
    assert more.get("_State", 0) <= 1000 // 16 + 1
    assert more["Decimal"] <= 4 * more["_State"], "those of orders are the same ones"
    assert (sizes[1] - sizes[0]) / 1000 < 2500, "bytes an order; 4,700 with the empty sets and the numbers of each"


def test_what_is_shown_of_an_old_order_is_all_there() -> None:
    trader = Trader(DeskOptions(launcher="unix:/nowhere", account="a", api_key="k"))
    mirror, number = trader.client.mirror, 0
    mirror._begin("FIX.4.2")
    for records in day(300):
        for record in records:
            number += 1
            mirror.take(Record(number, *record))
    assert len(trader.recent.shown()) == 200
    assert trader.recent.open == 0
    first = mirror.replica.orders["C0000000"]
    assert order_details(first) == [["22:13:20.000", "5 at 230.5", "E0000001"]]
    assert mirror.positions["", "AAPL"].trades == 300
