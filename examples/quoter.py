"""A market maker: follows the book, quotes both sides of it, leans against what it holds, and takes its quotes back.

Start `fixfast exchange --agents`, then `python examples/quoter.py [--port 9878] [--fills 20]`. Ctrl-C is fine.
"""

import argparse
import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import fixfast as ff

SYMBOL, TICK, SIZE = "EUR/USD", Decimal("0.00001"), 1000


class Quoter:
    def __init__(self, session: ff.LiveSession, book: ff.Book) -> None:
        self.orders, self.book = session.orders(consume=True), book
        self.quotes: dict[ff.Side, Any] = {}
        self.positions = ff.Positions()
        self.orders.subscribe(self.positions.on_update)

    @property
    def held(self) -> ff.Position:
        return self.positions["", SYMBOL]

    async def quote(self) -> None:
        """Have one quote on each side, a tick behind the middle, moved by a tick for each quote that it holds."""
        if (mid := self.book.mid) is None:
            return
        for side, away in ((ff.Side.BUY, -1), (ff.Side.SELL, 1)):
            price, order = (mid // TICK + away - self.held.qty // SIZE) * TICK, self.quotes.get(side)
            if order is None or not order.is_open:
                self.quotes[side] = await self.orders.submit(symbol=SYMBOL, side=side, qty=SIZE, price=price)
            elif order.price != price:
                with suppress(ff.OrderEnded, ff.RequestRejected):  # it was filled first
                    await order.replace(price=price)


async def run(port: int, fills: int) -> int:
    config = ff.SessionConfig("FIX.4.4", "QUOTER", "EXCHANGE", reset_on_logon=True)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        quoter = Quoter(session, await session.books().subscribe(SYMBOL, depth=5))
        try:
            while quoter.held.trades < fills:
                await quoter.quote()
                await asyncio.sleep(0.1)  # its own quotes move the middle: without a pause it would run after itself
        finally:  # also on Ctrl-C
            await quoter.orders.cancel_all()
            await asyncio.gather(*(order.done() for order in quoter.quotes.values()))
            print(f"{quoter.held.trades} fills, position {quoter.held.qty:+}, no quote left")
        return int(quoter.held.qty)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--fills", type=int, default=20)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.fills))
