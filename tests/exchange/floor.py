"""A trading floor for tests: an exchange and its clients, in memory, on virtual time, every message judged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.exchange import Exchange
from fixfast.testing import World

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
#: BeginString -> its place in a tuple of codes (4.2, 4.4, 5.0 SP2)
AT = {version: place for place, version in enumerate(VERSIONS)}


class Client:
    """One who trades. What it sends is whole by its version's dictionary, unless a test says otherwise."""

    def __init__(self, floor: Floor, session: ff.LiveSession) -> None:
        self.floor = floor
        self.session = session
        self.version = session.id.begin_string
        self.seen: list[ff.Message] = []

    async def sends(self, msg_type: str, *fields: Any) -> list[ff.Message]:
        """Send a message, and return what comes of it at once."""
        self.session.send_nowait(msg_type, fields)
        return await self.hears()

    async def hears(self) -> list[ff.Message]:
        """Let happen what happens at once, and return what this client was told since it asked last."""
        await self.floor.advance()
        heard, self.seen = self.seen, []
        return heard

    def order(self, cl_ord_id: str, side: str = "1", qty: object = 100, price: object = "230.00", **more: Any) -> Any:
        """Return the fields of a NewOrderSingle. Further ones, `f59="3"`, replace those that are there; None: none."""
        return self._fields({11: cl_ord_id, 55: "AAPL", 54: side, 38: qty, 40: "2", 44: price}, more)

    def change(self, cl_ord_id: str, orig: str, qty: object = 100, price: object = "230.00", **more: Any) -> Any:
        """Return the fields of an OrderCancelReplaceRequest."""
        fields = {41: orig, 11: cl_ord_id, 55: "AAPL", 54: "1", 38: qty, 40: "2", 44: price}
        return self._fields(fields, more)

    def withdrawal(self, cl_ord_id: str, orig: str, **more: Any) -> Any:
        """Return the fields of an OrderCancelRequest."""
        return self._fields({41: orig, 11: cl_ord_id, 55: "AAPL", 54: "1", 38: 100}, more, hands=False)

    async def buys(self, cl_ord_id: str, qty: object = 100, price: object = "230.00", **more: Any) -> list[ff.Message]:
        """Send a NewOrderSingle."""
        return await self.sends("D", *self.order(cl_ord_id, "1", qty, price, **more))

    async def sells(self, cl_ord_id: str, qty: object = 100, price: object = "230.00", **more: Any) -> list[ff.Message]:
        """Send a NewOrderSingle of the other side."""
        return await self.sends("D", *self.order(cl_ord_id, "2", qty, price, **more))

    async def replaces(self, *args: Any, **more: Any) -> list[ff.Message]:
        """Send an OrderCancelReplaceRequest."""
        return await self.sends("G", *self.change(*args, **more))

    async def cancels(self, *args: Any, **more: Any) -> list[ff.Message]:
        """Send an OrderCancelRequest."""
        return await self.sends("F", *self.withdrawal(*args, **more))

    def code(self, *codes: Any) -> str:
        """Return the code of this client's version, of those of 4.2, 4.4 and 5.0 SP2."""
        return str(codes[AT[self.version]])

    def _fields(self, fields: dict[int, Any], more: dict[str, Any], *, hands: bool = True) -> list[tuple[int, Any]]:
        fields[60] = self.floor.now.wall_ns
        if hands and self.version == "FIX.4.2":
            fields[21] = "1"
        fields |= {int(tag[1:]): value for tag, value in more.items()}
        return [(tag, value) for tag, value in fields.items() if value is not None]


class Floor(World):
    """The exchange, and whoever comes."""

    def __init__(self, config: ExchangeConfig, **world: Any) -> None:
        super().__init__(**world)
        self._config = config
        self.exchange: Exchange
        self._stack: AsyncExitStack

    async def _furnish(self, stack: AsyncExitStack) -> None:
        self.exchange = await stack.enter_async_context(Exchange(self._config))
        self._stack = stack

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        """No client found fault, by its dictionary, with what it was told."""
        if error is None:
            said = [one for one in self.wire if one.sender == "initiator" and isinstance(one.message, ff.Message)]
            objections = [str(one) for one in said if one.message.msg_type == "3"]  # type: ignore[union-attr]
            assert not objections, "\n".join(objections)
        await super().__aexit__(kind, error, trace)

    async def client(self, version: str = "FIX.4.4", name: str = "BOT", **options: Any) -> Client:
        """Let a client log on."""
        config = ff.SessionConfig(
            version,
            name,
            self._config.comp_id,
            default_appl_ver_id="9" if version == "FIXT.1.1" else "",
            validation=ff.Validation("reject"),
            **options,
        )
        listener = _Ears()
        where = ff.ConnectionConfig(
            "exchange", self.exchange.port, reconnect=ff.Reconnect(initial=1, maximum=1, seed=1)
        )
        session = await self._exit.enter_async_context(ff.connect(config, where, listener))
        client = Client(self, session)
        listener.client = client
        await self.advance()
        return client

    def book(self, symbol: str = "AAPL") -> object:
        """Return all that can be seen of a book, to compare it with what it was."""
        return self.exchange.venue.markets[symbol].book.snapshot()


class _Ears:
    client: Client

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        message.detach()
        self.client.seen.append(message)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test; nothing that the exchange said may be wrong by the dictionaries of those it was said to."""
    asyncio.run(main)


def fill_of(message: ff.Message) -> tuple[str | None, ...]:
    """Return what an ExecutionReport says in short: 150, 39, 151, 14, 6."""
    return message.many(150, 39, 151, 14, 6)
