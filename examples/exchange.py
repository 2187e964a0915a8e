"""A simulated exchange to connect to: `python examples/exchange.py [--port 9878] [--seed 1]`. Ctrl-C ends it.

It speaks FIX.4.4 as VENUE, lets BOT01 log on, answers NewOrderSingle (D) with ExecutionReports (8), and fills, fills in
part or rejects by a seed. Prices are whole ticks of 0.00001 (EUR/USD, GBP/USD) and 0.001 (USD/JPY).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from decimal import Decimal

import fixfast as ff
from fixfast.exchange.gateway import ExchangeApplication
from fixfast.exchange.simulator import SeededExchange

TICKS = {"EUR/USD": Decimal("0.00001"), "GBP/USD": Decimal("0.00001"), "USD/JPY": Decimal("0.001")}


async def run(port: int, seed: int) -> None:
    application = ExchangeApplication(SeededExchange(seed, TICKS))
    # offline="store": a report that falls into a lost connection is kept, and resent after the next logon.
    session = ff.SessionConfig("FIX.4.4", "VENUE", "BOT01", offline="store")
    async with ff.serve(application, [session], host="127.0.0.1", port=port) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9878, help="0: any free one (default 9878)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.seed))


if __name__ == "__main__":
    main()
