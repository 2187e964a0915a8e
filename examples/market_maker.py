"""A market maker: two quotes around a price, moved away from what it holds, and none left behind when it ends.

Start `python examples/venue.py`, then `python examples/market_maker.py [--port 9877] [--fills 20]`. Ctrl-C is fine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from decimal import Decimal

import fixfast as ff
from fixfast.fix44 import ExecType, MsgType, OrdStatus, Side

SYMBOL, MID, TICK, SIZE = "EUR/USD", Decimal("1.23450"), Decimal("0.00001"), 100
FINAL = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED}


class MarketMaker:
    def __init__(self, session: ff.LiveSession) -> None:
        self.session = session
        self.quotes: dict[str, Side] = {}  # ClOrdID -> its side, as long as it may be filled
        self.seen: set[str] = set()  # ExecIDs: a report that is sent again counts once
        self.position = self.fills = 0
        self.names = (f"{time.time_ns():x}-{n}" for n in range(1 << 30))

    def quote(self) -> None:
        """Quote each side that is not quoted. What is sent before the next report is read goes out in one write."""
        for side, away in ((Side.BUY, -10), (Side.SELL, +10)):
            if side not in self.quotes.values():
                price = MID + TICK * (away - self.position // SIZE)
                name = next(self.names)
                self.quotes[name] = side
                order = [(11, name), (55, SYMBOL), (54, side), (60, time.time_ns()), (38, SIZE), (40, "2"), (44, price)]
                self.session.send_nowait("D", order)

    def cancel_all(self) -> None:
        for name, side in self.quotes.items():
            fields = [(11, next(self.names)), (41, name), (55, SYMBOL), (54, side), (60, time.time_ns()), (38, SIZE)]
            self.session.send_nowait("F", fields)

    async def next_report(self) -> None:
        """Apply the next report. An OrderCancelReject says that it was too late: the fill is on its way, or here."""
        report = await anext(aiter(self.session))
        if report.msg_type == MsgType.ExecutionReport and report[17] not in self.seen:
            self.seen.add(report[17])
            if report[150] == ExecType.TRADE:
                self.fills += 1
                self.position += report.int(32) if report[54] == Side.BUY else -report.int(32)
            if report[39] in FINAL:
                self.quotes.pop(report.get(41) or report[11], None)


async def run(port: int, fills: int) -> None:
    config = ff.SessionConfig("FIX.4.4", "MAKER01", "VENUE", heart_bt_int=10, reset_on_logon=True)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        maker = MarketMaker(session)
        try:
            while maker.fills < fills:
                maker.quote()
                await maker.next_report()
        finally:  # also on Ctrl-C, and when something went wrong
            maker.cancel_all()
            while maker.quotes:
                await maker.next_report()
            print(f"{maker.fills} fills, position {maker.position:+}, no quote left")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9877)
    parser.add_argument("--fills", type=int, default=20)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.fills))
