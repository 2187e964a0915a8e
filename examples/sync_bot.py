"""A bot without an event loop: one thread sends orders, the main thread follows what becomes of them.

Start `python examples/exchange.py`, then `python examples/sync_bot.py [--port 9878] [--orders 20]`.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter

import fixfast as ff
from fixfast import fix44


def trade(session: ff.sync.LiveSession, day: str, orders: int) -> None:
    """Send orders, on a thread of its own: any thread may send."""
    for number in range(orders):
        fields = [
            (11, f"{day}-{number}"),
            (55, "EUR/USD"),
            (54, fix44.Side.BUY if number % 2 else fix44.Side.SELL),
            (60, time.time_ns()),
            (38, 100),
            (40, fix44.OrdType.LIMIT),
            (44, ff.Scaled(123_450 + number % 7, -5)),
        ]
        session.send("D", fields)  # waits while the peer does not read, never for an answer


def run(port: int, orders: int) -> Counter[str]:
    """Return how many of the first reports on the orders had which OrdStatus."""
    config = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE", heart_bt_int=10)
    status: dict[str, str] = {}
    day = f"{time.time_ns():x}"  # ClOrdIDs must not repeat from run to run
    with ff.sync.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        print(f"logged on as {session.id}")
        trader = threading.Thread(target=trade, args=(session, day, orders))
        trader.start()
        while len(status) < orders:
            message = session.receive(timeout=30)  # read on this thread; taking the next acknowledges this one
            if message is not None and message.msg_type == fix44.MsgType.ExecutionReport:
                status.setdefault(message[11], message[39])
        trader.join()
    return Counter(status.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--orders", type=int, default=20)
    options = parser.parse_args()
    for value, count in run(options.port, options.orders).items():
        print(f"{count:4} {fix44.OrdStatus(value).name}")


if __name__ == "__main__":
    main()
