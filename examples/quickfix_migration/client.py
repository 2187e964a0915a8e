"""QuickFIX's "tradeclient" on fixfast: its settings file as it is; an order over each session, and its fill.

python client.py client.cfg
"""

from __future__ import annotations

import asyncio
import sys
import time

import fixfast as ff


async def trade(settings: ff.Settings, name: str) -> str:
    async with settings.connect(name) as session:
        order = [(11, "1"), (21, "1"), (55, "EUR/USD"), (54, "1"), (38, 100), (40, "2"), (44, "1.25")]
        fill = await session.request("D", [*order, (60, time.time_ns())], timeout=10)
        return f"{session.id}: {fill[32]} {fill[55]} at {fill[31]}"


async def main(path: str) -> None:
    settings = ff.load_config(path)
    for line in await asyncio.gather(*(trade(settings, name) for name in settings.sessions)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "client.cfg"))
