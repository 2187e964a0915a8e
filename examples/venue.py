"""A small venue for market_maker.py and drop_copy.py: `python examples/venue.py [--port 9877]`. Ctrl-C ends it.

Orders of MAKER01 rest until they are cancelled or somebody takes them, which happens all the time. DROP01 gets a copy
of every fill, also of those that happen while it is away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time

import fixfast as ff
from fixfast.fix44 import ExecType, MsgType, OrdStatus

#: offline="store": what is sent to who is away is numbered and stored, and resent when it is back.
MAKER = ff.SessionConfig("FIX.4.4", "VENUE", "MAKER01", offline="store")
DROP = ff.SessionConfig("FIX.4.4", "VENUE", "DROP01", offline="store")


class Venue:
    def __init__(self, seed: int) -> None:
        self.resting: dict[str, ff.Message] = {}  # ClOrdID -> the order
        self.exec_id = 0
        self.rng = random.Random(seed)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        if message.msg_type == MsgType.NewOrderSingle:
            message.detach()  # it is kept: it takes its own bytes along
            self.resting[message[11]] = message
            self.report([session], message, ExecType.NEW, OrdStatus.NEW)
        elif message.msg_type == MsgType.OrderCancelRequest:
            order = self.resting.pop(message[41], None)
            if order is None:  # it was filled a moment ago
                names = [(37, "NONE"), (11, message[11]), (41, message[41]), (39, OrdStatus.FILLED)]
                session.send_nowait("9", [*names, (434, "1"), (102, 0)])
            else:
                self.report([session], order, ExecType.CANCELED, OrdStatus.CANCELED, cancel=message[11])
        else:
            raise ff.BusinessReject(3, "orders and cancels only")

    def report(self, to: list[ff.LiveSession], order: ff.Message, what: str, status: str, cancel: str = "") -> None:
        self.exec_id += 1
        size, price = order.int(38), order.decimal(44)
        filled = size if what == ExecType.TRADE else 0
        left = size if status == OrdStatus.NEW else 0
        names: list[tuple[int, object]] = [(37, order[11]), (11, cancel or order[11]), (55, order[55]), (54, order[54])]
        names += [(41, order[11])] if cancel else []
        state = [(17, str(self.exec_id)), (150, what), (39, status), (60, time.time_ns())]
        numbers = [(38, size), (44, price), (32, filled), (31, price), (151, left), (14, filled), (6, price)]
        for session in to:
            session.send_nowait("8", names + state + numbers)

    async def trade(self, to: list[ff.LiveSession]) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.001, 0.01))
            if self.resting:
                order = self.resting.pop(self.rng.choice(list(self.resting)))
                self.report(to, order, ExecType.TRADE, OrdStatus.FILLED)


async def run(port: int, seed: int) -> None:
    venue = Venue(seed)
    async with ff.serve(venue, [MAKER, DROP], host="127.0.0.1", port=port) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        await venue.trade(list(server.sessions.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9877, help="0: any free one (default 9877)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.seed))
