"""A market maker: follows the book, quotes both sides of it, leans against what it holds, and takes its quotes back.

Start `fixfast exchange --agents`, then `python examples/market_maker.py [--port 9878] [--fills 20]`. Ctrl-C is fine.
"""

import argparse
import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import fixfast as ff

SYMBOL, TICK, SIZE = "EUR/USD", Decimal("0.00001"), 1000


class MarketMaker:
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


async def run(port: int, fills: int, target: str = "EXCHANGE") -> int:
    config = ff.SessionConfig("FIX.4.4", "MAKER01", target, reset_on_logon=True)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        maker = MarketMaker(session, await session.books().subscribe(SYMBOL, depth=5))
        try:
            while maker.held.trades < fills:
                await maker.quote()
                await asyncio.sleep(0.1)  # its own quotes move the middle: without a pause it would run after itself
        finally:  # also on Ctrl-C
            await maker.orders.cancel_all()
            await asyncio.gather(*(order.done() for order in maker.quotes.values()))
            print(f"{maker.held.trades} fills, position {maker.held.qty:+}, no quote left")
        return int(maker.held.qty)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--fills", type=int, default=20)
    parser.add_argument("--target", default="EXCHANGE")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.fills, options.target))
