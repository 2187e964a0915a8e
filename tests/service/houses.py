"""What the tests of the Backend share: an exchange, a Backend, front ends: real sockets, real files, one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import fixfast as ff
from fixfast.engine.settings.session import LogConfig, SessionSettings
from fixfast.engine.settings.store_choice import JournalChoice
from fixfast.exchange import Exchange, ExchangeConfig, InstrumentConfig
from fixfast.service.backend import Backend
from fixfast.service.ipc import name_of, new_secret
from fixfast.service.link import Link, LinkOptions
from fixfast.service.messages import (
    CaughtUp,
    Done,
    Failed,
    Grant,
    LogOn,
    Message,
    OrderNow,
    Record,
    Resume,
    StatusNow,
    Submit,
)
from fixfast.service.start import BackendOptions, Start, pack, settings_text
from fixfast.service.wire import OPTIONS, Listener, connect, listen
from fixfast.types import Role

__all__ = [
    "DAYS",
    "TOKENS",
    "VERSIONS",
    "FrontEnd",
    "Process",
    "backend",
    "exchange",
    "front_end",
    "start_of",
    "trading",
]

T = TypeVar("T", bound=Message)

#: in the middle of such a day all tests run, whenever that is
_NOON = (datetime.now(UTC) + timedelta(hours=12)).strftime("%H:%M")
DAYS = ff.Schedule.daily(_NOON, _NOON, tz="UTC")

VERSIONS = {"FIX.4.2": "", "FIX.4.4": "", "FIXT.1.1": "9"}
#: tokens of three front ends, by their prefixes
TOKENS = {prefix: new_secret() for prefix in ("A", "B", "C")}


@contextlib.asynccontextmanager
async def exchange(**options: Any) -> AsyncIterator[Exchange]:
    instruments = (InstrumentConfig("AAPL", tick="0.01", reference="100.00", self_trade="none"),)
    async with Exchange(ExchangeConfig(port=0, instruments=instruments, **options)) as made:
        yield made


def start_of(
    folder: Path,
    port: int,
    version: str = "FIX.4.2",
    *,
    launcher: str = "",
    log: LogConfig | None = None,
    **options: Any,
) -> Start:
    """A Backend of the client BOT at an exchange."""
    again = ff.Reconnect(initial=0.01, maximum=0.05)
    options.setdefault("orders", ff.OrderOptions(days=DAYS))
    session = SessionSettings(
        name="alice",
        role=Role.INITIATOR,
        config=ff.SessionConfig(version, "BOT", "EXCHANGE", default_appl_ver_id=VERSIONS[version]),
        connection=ff.ConnectionConfig("127.0.0.1", port, reconnect=again),
        stored=JournalChoice(path=str(folder / "state" / "journals")),
        log=log,
    )
    return Start(
        session="s1",
        account="alice",
        folder=str(folder / "state"),
        launcher=launcher,
        listen=f"unix:{folder / 'run' / 'b.sock'}",
        api_key="the key",
        token=bytes(32),
        settings=settings_text(session, BackendOptions(**options)),
    )


@contextlib.asynccontextmanager
async def backend(start: Start) -> AsyncIterator[Backend]:
    made = Backend(start)
    for prefix, token in TOKENS.items():
        made.grant(token, prefix)
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
        return await self.until(  # type: ignore[no-any-return]
            lambda one: isinstance(one, (Done, Failed)) and one.id == number
        )

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


@contextlib.asynccontextmanager
async def trading(
    folder: Path, version: str = "FIX.4.2", *, log_on: bool = True, **options: Any
) -> AsyncIterator[tuple[Exchange, Backend, FrontEnd]]:
    """An exchange, a Backend, and a front end that has resumed and had it logged on; or not yet."""
    async with (
        exchange() as venue,
        backend(start_of(folder, venue.port, version, **options)) as house,
        front_end(house.address) as desk,
    ):
        if log_on:
            await desk.resumed()
            await desk.logged_on()
        yield venue, house, desk


class Process:
    """A Backend as a real process, `fixfast backend --pipe FD`, and the least of a Launcher beside it.

    Attributes: heard: what it told its Launcher.
    """

    def __init__(self, folder: Path, port: int, version: str = "FIX.4.2", **options: Any) -> None:
        self._folder = folder
        self._start = start_of(folder, port, version, launcher=f"unix:{folder / 'run' / 'l.sock'}", **options)
        self.address = self._start.listen
        self.heard: list[Message] = []
        self._granted = asyncio.Event()
        self.listener: Listener | None = None

    async def __aenter__(self) -> Process:
        key = self._start.secret()
        self.listener = await listen(
            self._start.launcher, lambda role, name: key if name == name_of(key) else None, self._came,
            roles=("backend",),
        )  # fmt: skip
        read, write = os.pipe()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "fixfast", "backend", "--pipe", str(read)],
            pass_fds=(read,), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(read)
        with open(write, "wb") as pipe:
            pipe.write(pack(self._start))
        assert self.child.stdout is not None
        line = await asyncio.to_thread(self.child.stdout.readline)
        if line != f"ready: {self.address}\n":
            raise AssertionError(self.child.communicate()[1])
        await self._granted.wait()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.launcher_gone()
        if self.child.poll() is None:
            await self.end(signal.SIGKILL)

    def _came(self, link: Link) -> None:
        def take(message: Message) -> None:
            self.heard.append(message)
            if isinstance(message, Done) and message.id == len(TOKENS):
                self._granted.set()

        self.link = link
        link.on_message = take
        for number, (prefix, token) in enumerate(TOKENS.items(), 1):
            link.send(Grant(number, token, prefix))

    async def launcher_gone(self) -> None:
        """End the Launcher."""
        listener, self.listener = self.listener, None
        if listener is not None:
            await listener.close()

    async def end(self, how: int) -> int:
        """Send a signal; return the exit status."""
        self.child.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; return the exit status."""
        await asyncio.to_thread(self.child.communicate)
        return self.child.returncode
