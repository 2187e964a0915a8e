"""A desk with all that it needs: exchange, registration API, Launcher, as processes of their own; gone when it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from fixfast import clock
from fixfast.errors import FixfastError
from fixfast.service.credentials.keys import Keys
from fixfast.service.credentials.store import open_store
from fixfast.service.desk.options import DeskOptions
from fixfast.store.hashing import HashCost, Hasher

__all__ = ["Demo"]

_ACCOUNT = "desk"
_SECONDS = 60.0
SYMBOLS = ("AAPL", "MSFT", "EUR/USD")


class _Process:
    """A child that says on its standard output when it is ready."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue(100)
        self._reader: asyncio.Task[None] | None = None

    async def start(self, *patterns: str) -> list[str]:
        """Start it, and wait for lines with these; return their first groups.

        Raises: FixfastError: it ended instead, or said nothing for a minute.
        """
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fixfast", *self._arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        found = []
        try:
            async with asyncio.timeout(_SECONDS):
                for pattern in patterns:
                    while not (match := re.search(pattern, line := (await process.stdout.readline()).decode())):
                        if not line:
                            raise FixfastError(f"fixfast {self._arguments[0]} ended: its reason stands above")
                    found.append(match[1])
        except TimeoutError:
            raise FixfastError(f"fixfast {self._arguments[0]} was not ready in {_SECONDS:g} s") from None
        self._reader = asyncio.create_task(self._read(process.stdout))
        return found

    async def say(self, line: str) -> str:
        """Type a line; return what it says next."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return "it has ended"
        while not self._answers.empty():
            self._answers.get_nowait()
        process.stdin.write(f"{line}\n".encode())
        await process.stdin.drain()
        try:
            return await asyncio.wait_for(self._answers.get(), 2.0)
        except TimeoutError:
            return line

    async def stop(self) -> None:
        """End it: politely, then by force."""
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20.0)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            if self._answers.full():
                self._answers.get_nowait()
            self._answers.put_nowait(line.decode(errors="replace").strip())


class Demo:
    """An exchange with traders of its own, where people register; a Launcher with a key for the desk. `async with`.

    Args:
        folder: for all state; made with mode 0700.
        version: of FIX, between Backend and exchange.
        agents: traders of the exchange's own.
        told: called with lines for people.

    Attributes: options: for the desk.
    """

    def __init__(
        self, folder: Path, *, version: str = "FIX.4.2", agents: bool = True, told: Callable[[str], object] = print
    ) -> None:
        self._folder = folder = folder.absolute()  # what is written in a file there is relative to that file
        self._version = version
        self._agents = agents
        self._told = told
        self.exchange = _Process(
            "exchange", "--port", "0", "--accounts", f"sqlite:{folder / 'accounts.db'}", "--http", "127.0.0.1:0",
            "--journal", str(folder / "exchange"), *(["--agents"] if agents else []),
        )  # fmt: skip
        self._launcher = _Process("launcher", str(folder / "launcher.toml"))
        self.options: DeskOptions

    def buttons(self, symbol: str) -> list[tuple[str, str]]:
        """Return what can be done to the exchange, for the desk."""
        return [
            ("lose every tenth answer", "fault drop=0.1"),
            ("answer slowly", "fault slow=1 slow_by=0.5"),
            ("double reports", "fault duplicate=0.3"),
            ("break connections", "fault disconnect=0.2"),
            ("no faults", "fault off"),
            (f"halt {symbol}", f"halt {symbol}"),
            (f"resume {symbol}", f"resume {symbol}"),
        ]

    async def say(self, line: str) -> str:
        """Type a line into the exchange."""
        return await self.exchange.say(line)

    async def __aenter__(self) -> Demo:
        folder = self._folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            where, api = await self.exchange.start(r"listening on (\S+): ", r"accounts: POST (http\S+)/accounts;")
            host, _, port = where.rpartition(":")
            key = await asyncio.to_thread(_new_key, folder / "keys.db")
            _write_private(folder / "launcher.toml", _config(folder, self._version, host, int(port)))
            (address,) = await self._launcher.start(r"listening on (unix:\S+)")
        except BaseException:
            await self._stop()
            raise
        self._told(f"exchange on {where}, accounts at {api}, Launcher at {address}")
        self.options = DeskOptions(
            launcher=address, account=_ACCOUNT, api_key=key, registration=api, symbols=SYMBOLS, port=0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await self._launcher.stop()
        await self.exchange.stop()


def _new_key(path: Path) -> str:
    """Make an API key in the Launcher's store, and return it."""
    store = open_store(str(path))
    try:
        key, _ = Keys(store, Hasher(HashCost())).create(_ACCOUNT, clock.now().wall_ns, label="demo")
        return key.text()
    finally:
        store.close()


def _config(folder: Path, version: str, host: str, port: int) -> str:
    """Return the Launcher's configuration."""
    fixt = version.startswith("FIX.5")
    begin = 'begin_string = "FIXT.1.1"\ndefault_appl_ver_id = "9"' if fixt else f'begin_string = "{version}"'
    return f"""
[launcher]
state = {json.dumps(str(folder))}

[account.{_ACCOUNT}]
{begin}
dictionary = {json.dumps("FIX.4.2+auth" if version == "FIX.4.2" else version)}
sender_comp_id = "DESK"
target_comp_id = "EXCHANGE"
connection = {{ host = {json.dumps(host)}, port = {port}, reconnect = {{ max_refusals = 1 }} }}
heart_bt_int = 10
"""


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
