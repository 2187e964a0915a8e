"""The simulated exchange behind a FIX session: answers, rejects, fills that come later, fills that fall into a cut."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import fixfast as ff
from fixfast.exchange.gateway import ExchangeApplication
from fixfast.exchange.simulator import SeededExchange
from tests.engine.harness import run, them, to, until, us


def exchange(**options: Any) -> ExchangeApplication:
    return ExchangeApplication(SeededExchange(7, {"AAPL": Decimal("0.01")}), **options)


def order(cl_ord_id: str, symbol: str = "AAPL", *more: Any) -> list[tuple[int, object]]:
    header: list[tuple[int, object]] = [(11, cl_ord_id), (55, symbol), (54, ff.Side.BUY), (38, 100), (40, "2")]
    return [*header, (44, Decimal("10.05")), (60, time.time_ns()), *more]


def test_every_order_comes_to_what_the_exchange_says() -> None:
    async def main() -> None:
        app = exchange()
        names = [f"c{i}" for i in range(60)]
        async with ff.serve(app, [them()]) as server, ff.connect(us(), to(server)) as session:
            for name in names:
                session.send_nowait("D", order(name))
            filled = dict.fromkeys(names, 0)
            seen: dict[str, str] = {}
            done = False
            while not done:
                report = await anext(aiter(session))
                assert report.msg_type == "8"
                filled[report[11]] += report.int(32, default=0)
                seen[report[11]] = report[39]
                assert report.int(14) == filled[report[11]]
                done = len(seen) == len(names) and not app.exchange.waiting
                done = done and all(seen[o.cl_ord_id] == o.status for o in app.exchange.orders("BOT"))
            assert sum(filled.values()) == sum(o.cum_qty for o in app.exchange.orders("BOT"))
            assert set(seen.values()) >= {"0", "2"}
        assert app.orders == len(names)
        app.close()

    run(main())


def test_b01_what_it_does_not_do_is_rejected() -> None:
    async def main() -> None:
        app = exchange()
        async with ff.serve(app, [them()]) as server, ff.connect(us(), to(server)) as session:
            unknown = await session.request("F", [(11, "x"), (41, "y")])
            assert unknown.many(35, 380, 58) == ("j", "3", "Unsupported Message Type")
            missing = await session.request("D", [(11, "x"), (55, "AAPL")])
            assert missing.many(35, 380, 379) == ("j", "5", "x")
            assert "54" in missing[58]
            wrong = await session.request("D", [*order("x")[:3], (38, "many"), (44, "1")])
            assert wrong.many(35, 380) == ("j", "5")
            symbol = await session.request("D", order("z", "XYZ"))
            assert symbol.many(35, 39, 103) == ("8", "8", "1")
        app.close()

    run(main())


def test_s13_s14_status_and_orders_sent_again() -> None:
    async def main() -> None:
        app = exchange()
        async with ff.serve(app, [them()]) as server, ff.connect(us(), to(server)) as session:
            await session.request("D", order("c1"))
            status = await session.request(
                "H", [(11, "c1"), (55, "AAPL"), (54, "1")], match=lambda m: m.get(150) == "I"
            )
            assert status[11] == "c1"
            again = await session.request("D", order("c1", "AAPL", (97, True)), match=lambda m: m.get(150) == "I")
            assert again[37] == status[37]
            double = await session.request("D", order("c1"), match=lambda m: m.get(103) == "6")
            assert double[39] == "8"
        assert (app.orders, app.repeated, app.queries) == (3, 1, 1)
        app.close()

    run(main())


def test_fills_that_fall_into_a_cut_reach_their_owner() -> None:
    async def main() -> None:
        def cut(session: ff.LiveSession, n: int) -> None:
            if n == 10:
                session.drop(reset=True)

        app = exchange(after_order=cut)
        async with ff.serve(app, [them(offline="store")]) as server, ff.connect(us(), to(server)) as session:
            for i in range(10):
                session.send_nowait("D", order(f"c{i}"))
            await until(lambda: app.orders == 10 and not app.exchange.waiting)
            wanted = sum(app.exchange.reports.values())
            executions: list[str] = []
            async for report in session:
                executions.append(report[17])
                if len(executions) == wanted:
                    break
            assert executions == [f"E{n}" for n in range(1, wanted + 1)]
            assert session.connections == 2
        app.close()

    run(main())
