"""An execution algorithm: buy a quantity in equal slices over a time (TWAP), never dearer than a limit.

Start `fixfast exchange --agents`, then `python examples/twap.py [--port 9878] [--qty 60] [--seconds 10]`.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from decimal import Decimal

import fixfast as ff

SYMBOL = "AAPL"


async def twap(
    session: ff.LiveSession, qty: int, seconds: float, slices: int, limit: Decimal
) -> tuple[Decimal, Decimal]:
    """Return the quantity bought and what was paid for it. What a slice does not get, the next ones try to."""
    orders, book = session.orders(consume=True), await session.books().subscribe(SYMBOL, depth=1, timeout=5)
    bought = paid = Decimal(0)
    for n in range(slices):
        due = Decimal(qty * (n + 1) // slices) - bought
        offer = book.best_offer  # None, too, while the book is not to be believed
        if offer is not None and due > 0:
            order = await orders.submit(symbol=SYMBOL, side=ff.Side.BUY, qty=due, price=min(offer.price, limit))
            await asyncio.sleep(seconds / slices)
            if order.is_open:
                with suppress(ff.OrderEnded, ff.RequestRejected):  # filled, while we asked
                    await order.cancel()
            await order.done()  # refused is done, too
            bought += order.cum_qty
            paid += order.cum_qty * order.avg_px
        else:
            await asyncio.sleep(seconds / slices)
    return bought, paid


async def run(port: int, qty: int = 60, seconds: float = 10, slices: int = 6, limit: str = "240.00") -> Decimal:
    config = ff.SessionConfig("FIX.4.4", "TWAP", "EXCHANGE", reset_on_logon=True)
    async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port)) as session:
        bought, paid = await twap(session, qty, seconds, slices, Decimal(limit))
        print(f"bought {bought} of {qty} {SYMBOL}" + (f" at {paid / bought:.4f} on average" if bought else ""))
        return bought


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--qty", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    asyncio.run(run(options.port, options.qty, options.seconds))
