"""A bot: logs on, sends orders at changing prices, follows what becomes of them, logs out.

Start `python examples/exchange.py`, then `python examples/bot.py [--port 9878] [--orders 20] [--journal DIR]`.
With a journal the session survives a restart of the bot: sequence numbers go on, and reports that were missed are
resent.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from decimal import Decimal

import fixfast as ff
from fixfast import fix44

SYMBOL, TICK = "EUR/USD", Decimal("0.00001")
#: OrdStatus(39) that an order does not leave any more
FINAL = {fix44.OrdStatus.FILLED, fix44.OrdStatus.REJECTED, fix44.OrdStatus.CANCELED}


class Bot:
    """Keeps what it knows of its orders. A report is applied once, by its ExecID(17), however often it arrives."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.position = 0
        self.seen: set[str] = set()

    def apply(self, report: ff.Message) -> None:
        if report[17] in self.seen:
            return
        self.seen.add(report[17])
        self.status[report[11]] = report[39]
        if report[150] == fix44.ExecType.TRADE:
            quantity = report.int(32)
            self.position += quantity if report[54] == fix44.Side.BUY else -quantity


def order(cl_ord_id: str, price: Decimal, rng: random.Random) -> list[tuple[int, object]]:
    return [
        (11, cl_ord_id),
        (55, SYMBOL),
        (54, rng.choice((fix44.Side.BUY, fix44.Side.SELL))),
        (60, time.time_ns()),
        (38, rng.randrange(1, 10) * 100),
        (40, fix44.OrdType.LIMIT),
        (44, price),
    ]


async def run(port: int, orders: int, journal: str | None) -> Bot:
    config = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE", heart_bt_int=10)
    store = ff.JournalStore(journal, session_id=config.session_id) if journal else None
    bot, rng, price = Bot(), random.Random(1), Decimal("1.23450")
    day = f"{time.time_ns():x}"  # ClOrdIDs must not repeat from run to run
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port), store=store) as session:
        print(f"logged on as {session.id}")
        for number in range(orders):
            price += TICK * rng.randint(-5, 5)
            bot.status[f"{day}-{number}"] = fix44.OrdStatus.PENDING_NEW
            await session.send("D", order(f"{day}-{number}", price, rng))
        async for message in session:
            if message.msg_type == fix44.MsgType.ExecutionReport:
                bot.apply(message)
            if fix44.OrdStatus.PENDING_NEW not in bot.status.values():
                break
    return bot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--journal", metavar="DIR", help="keep the session's history there")
    options = parser.parse_args()
    bot = asyncio.run(run(options.port, options.orders, options.journal))
    for status, count in sorted(Counter(bot.status.values()).items()):
        print(f"{count:5} {fix44.OrdStatus(status).name.lower()}")
    print(f"position {bot.position:+} {SYMBOL}")


if __name__ == "__main__":
    main()
