"""A front end of the soak, as a process that is killed: python -m tests.soak.front_child DIRECTORY ADDRESS NAME SEED.

It trades through a Launcher and its account's Backend, which are killed, too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast.service.client import Client, ClientOptions, CommandFailed, connect
from fixfast.service.client.mirror import RemoteBook
from tests.soak.child import obey
from tests.soak.setup import account_of, key_file
from tests.soak.trader import SYMBOLS, Trader

__all__: list[str] = []


class FrontEnd(Trader):
    """Trades through a Backend."""

    def __init__(self, client: Client, seed: str) -> None:
        super().__init__(seed)
        self.client = client
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def positions(self) -> ff.Positions:  # type: ignore[override]
        return self.client.positions

    @property
    def active(self) -> bool:
        return self.client.is_active and set(self.client.books) == set(SYMBOLS)

    @property
    def all_orders(self) -> list[ff.Order]:
        return self.client.orders.all_orders

    @property
    def questions(self) -> Iterable[ff.Question]:
        return self.client.orders.questions

    def book(self, symbol: str) -> RemoteBook | None:
        return self.client.books.get(symbol)

    def levels(self, symbol: str) -> list[list[ff.Level]]:
        book = self.client.books[symbol]
        return [list(book.bids), list(book.offers)]

    async def break_off(self) -> None:
        await self.client.log_off()
        await self.client.log_on()

    async def submit(self, request: ff.OrderRequest) -> None:
        self._later(self.client.orders.submit(request))

    async def ask(self, order: Any, what: str, **terms: Any) -> None:
        if what == "status":
            self._later(self.client.orders.ask_status(order))
        else:
            self._later(order.cancel() if what == "cancel" else order.replace(**terms))

    async def cancel_all(self, symbol: str) -> None:
        self._later(self.client.orders.cancel_all(symbol=symbol))

    def _later(self, work: Coroutine[Any, Any, object]) -> None:
        """Have it done, and go on meanwhile."""
        task = asyncio.create_task(self._awaited(work))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _awaited(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except (CommandFailed, ff.OrderEnded, ff.RequestRejected) as error:
            self.count(error.code if isinstance(error, CommandFailed) else type(error).__name__)


async def trade(client: Client, front_end: FrontEnd) -> None:
    """Log on, whatever happens meanwhile, and trade."""
    await client.log_on()
    for symbol in SYMBOLS:
        await client.subscribe(symbol)
    await front_end.trade()


async def main(directory: str, address: str, name: str, seed: str) -> None:
    """Trade until standard input ends."""
    options = ClientOptions(first_wait=0.02, longest_wait=0.5)
    key = key_file(Path(directory), name).read_text().strip()
    client = connect(address, account=account_of(name), api_key=key, options=options)
    while True:  # a front end that begins while its Launcher is being killed
        try:
            await client.__aenter__()
            break
        except (OSError, ff.FixfastError):
            await asyncio.sleep(0.1)
    try:
        front_end = FrontEnd(client, f"{seed} {name}")
        obeying = asyncio.create_task(obey(front_end.do))
        trading = asyncio.create_task(trade(client, front_end))
        await asyncio.wait([obeying, trading], return_when=asyncio.FIRST_COMPLETED)
        if trading.done():
            trading.result()
        trading.cancel()
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
