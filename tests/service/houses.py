"""What the tests of the Backend share: an exchange, a Backend, front ends: real sockets, real files, one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fixfast.exchange import Exchange, ExchangeConfig, InstrumentConfig
from fixfast.service.backend import Backend, BackendOptions, BackendSetup
from fixfast.service.ipc import new_secret
from fixfast.service.link import Link, LinkOptions
from fixfast.service.messages import (
    CaughtUp,
    Done,
    Failed,
    LogOn,
    Message,
    OrderNow,
    Record,
    Resume,
    StatusNow,
    Submit,
)
from fixfast.service.wire import OPTIONS, connect

__all__ = ["TOKENS", "VERSIONS", "FrontEnd", "Process", "backend", "exchange", "front_end", "setup_of"]

T = TypeVar("T", bound=Message)

VERSIONS = {"FIX.4.2": "", "FIX.4.4": "", "FIXT.1.1": 'default_appl_ver_id = "9"\n'}
#: tokens of three front ends, by their prefixes
TOKENS = {prefix: new_secret() for prefix in ("A", "B", "C")}


@contextlib.asynccontextmanager
async def exchange(**options: Any) -> AsyncIterator[Exchange]:
    instruments = (InstrumentConfig("AAPL", tick="0.01", reference="100.00", self_trade="none"),)
    async with Exchange(ExchangeConfig(port=0, instruments=instruments, **options)) as made:
        yield made


def setup_of(folder: Path, port: int, version: str = "FIX.4.2", **options: Any) -> BackendSetup:
    """A Backend of the client BOT at an exchange."""
    more = {name: options.pop(name) for name in ("launcher", "api_key") if name in options}
    text = f"""
        [session.orders]
        role = "initiator"
        begin_string = "{version}"
        {VERSIONS[version]}
        sender_comp_id = "BOT"
        target_comp_id = "EXCHANGE"
        connection = {{ host = "127.0.0.1", port = {port}, reconnect = {{ initial = 0.01, maximum = 0.05 }} }}
    """
    return BackendSetup(
        session="s1",
        listen=f"unix:{folder / 'run' / 'b.sock'}",
        state=str(folder / "state"),
        config=text,
        grants={token.hex(): prefix for prefix, token in TOKENS.items()},
        options=BackendOptions(**options),
        **more,
    )


@contextlib.asynccontextmanager
async def backend(setup: BackendSetup) -> AsyncIterator[Backend]:
    made = Backend(setup)
    running = asyncio.create_task(made.run())
    ready = asyncio.create_task(made.ready.wait())
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        running.result()
    try:
        yield made
    finally:
        made.stop()
        await running


class FrontEnd:
    """A front end by hand: commands out, what comes kept in the order it came.

    Attributes: said: all that came, answers too.
    """

    def __init__(self, link: Link, prefix: str) -> None:
        self.link = link
        self.prefix = prefix
        self.said: list[Message] = []
        self._read = 0  # up to where wait() has looked
        self._changed = asyncio.Event()
        self._count = 0
        link.on_message = self._take
        link.on_closed.append(lambda link: self._changed.set())

    def _take(self, message: Message) -> None:
        self.said.append(message)
        self._changed.set()

    async def ask(self, command: Any, **fields: Any) -> Done | Failed:
        """Give a command, and return its answer."""
        self._count += 1
        number = self._count
        self.link.send(command(number, **fields) if isinstance(command, type) else replace_id(command, number))
        return await self.until(lambda one: isinstance(one, (Done, Failed)) and one.id == number)

    async def do(self, command: Any, **fields: Any) -> Done:
        done = await self.ask(command, **fields)
        assert isinstance(done, Done), done
        return done

    async def failed(self, command: Any, **fields: Any) -> Failed:
        failed = await self.ask(command, **fields)
        assert isinstance(failed, Failed), failed
        return failed

    async def until(self, wanted: Callable[[Any], object], seen: int = 0) -> Any:
        """Return the first message that is wanted, of all that came but the first `seen`, waiting for it."""
        while True:
            for message in self.said[seen:]:
                seen += 1
                if wanted(message):
                    return message
            if self.link.error is not None:
                raise self.link.error
            self._changed.clear()
            await self._changed.wait()

    def all(self, kind: type[T]) -> list[T]:
        return [one for one in self.said if isinstance(one, kind)]

    def records(self) -> list[Record]:
        return self.all(Record)

    async def logged_on(self, **fields: Any) -> None:
        seen = len(self.said)
        await self.do(LogOn, **fields)
        await self.until(lambda one: isinstance(one, StatusNow) and one.state == "active", seen)

    async def resumed(self, n: int = 1, *, as_values: bool = True) -> None:
        seen = len(self.said)
        await self.do(Resume, from_record=n, as_values=as_values)
        await self.until(lambda one: isinstance(one, CaughtUp), seen)

    async def order(self, name: str, status: str) -> OrderNow:
        """Wait until an order has a status, and return it."""
        return await self.until(  # type: ignore[no-any-return]
            lambda one: isinstance(one, OrderNow) and one.orig_cl_ord_id == self.prefix + name and one.status == status
        )

    async def submit(self, name: str, side: str = "1", qty: str = "10", price: str = "100", **more: Any) -> Done:
        return await self.do(
            Submit, cl_ord_id=self.prefix + name, symbol="AAPL", side=side, qty=qty, price=price, **more
        )


def replace_id(command: Message, number: int) -> Message:
    return msgspec.structs.replace(command, id=number)


@contextlib.asynccontextmanager
async def front_end(address: str, prefix: str = "A", options: LinkOptions = OPTIONS) -> AsyncIterator[FrontEnd]:
    link = await connect(address, "front_end", TOKENS[prefix], options=options)
    made = FrontEnd(link, prefix)
    await made.until(lambda one: isinstance(one, StatusNow))
    try:
        yield made
    finally:
        await link.close()


class Process:
    """A Backend as a real process: `fixfast backend --pipe FD`."""

    def __init__(self, setup: BackendSetup) -> None:
        read, write = os.pipe()
        document = json.dumps(msgspec.to_builtins(setup), default=str).encode()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "fixfast", "backend", "--pipe", str(read)],
            pass_fds=(read,), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(read)
        with open(write, "wb") as pipe:
            pipe.write(document)
        self.address = setup.listen

    async def ready(self) -> None:
        assert self.child.stdout is not None
        line = await asyncio.to_thread(self.child.stdout.readline)
        if not line:
            raise AssertionError(self.child.communicate()[1])
        assert line == f"ready: {self.address}\n"

    async def end(self, how: int) -> int:
        self.child.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        await asyncio.to_thread(self.child.communicate)
        return self.child.returncode
