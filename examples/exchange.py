"""A simulated exchange to connect to: `python examples/exchange.py [--port 9878] [--seed 1]`. Ctrl-C ends it.

It speaks FIX 4.2, 4.4 and 5.0 SP2 as VENUE, lets anybody log on, matches orders by price and time, and has traders of
its own, so that there is a market. DROP01 gets a copy of every fill of MAKER01. `fixfast exchange --agents` is the same
as a command, with many options.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import fixfast as ff

INSTRUMENTS = (
    ff.exchange.InstrumentConfig("EUR/USD", tick="0.00001", lot=100, reference="1.23450"),
    ff.exchange.InstrumentConfig("GBP/USD", tick="0.00001", lot=100, reference="1.34560"),
    ff.exchange.InstrumentConfig("USD/JPY", tick="0.001", lot=100, reference="150.000", currency="JPY"),
)


async def run(port: int, seed: int) -> None:
    agents = ff.exchange.AgentsConfig(maker_rate=20, taker_rate=10)
    copies = ff.exchange.ParticipantConfig("DROP01", versions=("FIX.4.4",), drop_copy_of=("MAKER01",))
    config = ff.exchange.ExchangeConfig(
        "VENUE", port=port, seed=seed, instruments=INSTRUMENTS, agents=agents, participants=(copies,)
    )
    async with ff.exchange.Exchange(config) as exchange:
        print(f"listening on 127.0.0.1:{exchange.port}", flush=True)
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
