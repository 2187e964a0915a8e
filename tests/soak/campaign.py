"""The soak: an exchange and its clients trade as processes that are cut and killed; in the end their books agree."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fixfast as ff
from tests.soak.copies import Copies
from tests.soak.house import House
from tests.soak.reconcile import Dump, reconcile
from tests.soak.setup import CLIENTS, FRONT_ENDS, account_of, session_config

__all__ = ["Campaign", "main"]

ROOT = Path(__file__).resolve().parents[2]
_SETTLE = 60.0  # seconds until everything must be known


class Child:
    """A process that may be killed, and is started again. Args: log: what it says on standard error goes there."""

    def __init__(self, log: Path, module: str, *arguments: str, seed: str = "") -> None:
        self.log = log
        self.command = [sys.executable, "-m", module, *arguments]
        self.seed = seed
        self.starts = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.starts += 1
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # what it draws goes on differently after each start
        command = [*self.command, f"{self.seed}{self.starts:03}"] if self.seed else self.command
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=log, limit=1 << 28
            )

    async def line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            said = self.log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.command[2:]} ended with {await self._process.wait()}:\n{said}")
        return line.decode()

    async def ask(self, text: str) -> Any:
        """Send a command, and return the answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        return json.loads(await self.line())

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self.end(signal.SIGKILL)

    async def end(self, how: int) -> None:
        """Send a signal, and wait until it is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(how)
            await self._process.wait()


@dataclass
class Campaign:
    """One soak.

    Attributes: differences: what does not agree in the end. done: what was done, and how often.
    """

    directory: Path
    seconds: float
    seed: int
    differences: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Trade, then compare."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        home, seed = self.directory, str(self.seed)
        sockets = Path(tempfile.mkdtemp(prefix="ff"))  # paths of sockets must be short
        self.house = House(home, sockets, port)
        self.exchange = Child(
            home / "exchange.log", "tests.soak.exchange_child", str(home / "exchange"), port, seed=seed
        )
        self.launcher = Child(home / "launcher.log", "fixfast", "launcher", str(self.house.config))
        self.clients = {
            name: Child(home / f"{name}.log", f"tests.soak.{kind}_child", str(home), where, name, seed=seed)
            for kind, names, where in (("client", CLIENTS, port), ("front", FRONT_ENDS, self.house.address))
            for name in names
        }
        self.copies = Copies()
        try:
            await self._open(self.exchange)
            await self._open(self.launcher)
            eager = ff.Reconnect(initial=0.02, maximum=0.2, max_refusals=None, retry_first=True)
            where = ff.ConnectionConfig("127.0.0.1", int(port), reconnect=eager)
            async with ff.connect(session_config("FIX.4.4", "DROP"), where, self.copies) as session:
                for client in self.clients.values():
                    await client.start()
                while not any(self.copies.trades.values()):  # on a busy machine processes take their time to start
                    await asyncio.sleep(0.02)
                await self._trouble()
                dumps = await self._settle(session)
            self.differences += reconcile(*dumps, self.copies)
        finally:
            await self.launcher.end(signal.SIGTERM)  # it ends its Backends
            for child in (self.exchange, *self.clients.values()):
                await child.kill()
            shutil.rmtree(sockets, ignore_errors=True)  # the Launcher does it, where it was not killed

    async def _open(self, child: Child) -> None:
        await child.start()
        await child.line()

    async def _trouble(self) -> None:
        lot, until = random.Random(f"trouble {self.seed}"), time.monotonic() + self.seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, lot.uniform(0.2, 3.0)))
            what = lot.random()
            if what < 0.15:
                await self.exchange.kill()
                await asyncio.sleep(lot.uniform(0, 0.5))
                await self._open(self.exchange)
                self.done["exchange killed"] += 1
            elif what < 0.35:
                client = self.clients[lot.choice(list(self.clients))]
                await client.kill()
                await asyncio.sleep(lot.uniform(0, 0.5))
                await client.start()
                self.done["client killed"] += 1
            elif what < 0.55:
                self.done["backend killed"] += await self.house.kill_backend(lot.choice)
            elif what < 0.6:
                await self.launcher.kill()
                await asyncio.sleep(lot.uniform(0, 1.0))
                await self._open(self.launcher)
                self.done["launcher killed"] += 1
            else:
                self.done[f"operator: {(await self.exchange.ask('meddle')).partition(':')[0]}"] += 1

    async def _settle(self, session: ff.LiveSession) -> tuple[Dump, dict[str, Dump]]:
        """Have everybody stop, wait until nothing is going on, and return what each side knows."""
        for child in (*self.clients.values(), self.exchange):
            await child.ask("quiet")
        until, quiet = time.monotonic() + _SETTLE, 0
        while quiet < 3:  # what is held back at the exchange, or on its way, comes between two looks
            await asyncio.sleep(0.3)
            going = {name: await client.ask("settled") for name, client in self.clients.items()}
            quiet = 0 if any(going.values()) or not session.active else quiet + 1
            if time.monotonic() > until:
                self.differences += [f"{name} does not settle: {why}" for name, why in going.items() if why]
                break
        exchange = await self.exchange.ask("dump")
        marks = " ".join(f"{symbol}={mark}" for symbol, mark in exchange["marks"].items())
        clients = {name: await client.ask(f"dump {marks}") for name, client in self.clients.items()}
        told: set[str] = set()
        for name, dump in clients.items():
            self.done.update(dump["done"])
            if name in FRONT_ENDS and account_of(name) in told:
                continue  # its orders are those of another front end, too
            told.add(account_of(name))
            self.questions.update(question.partition(":")[0] for question in dump["questions"])
            self.done["orders"] += len(dump["orders"])
            self.done["trades"] += sum(len(order["trades"]) for order in dump["orders"])
        return exchange, clients


def main() -> int:
    """Run the command. Returns: 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long they trade (default: 1)")
    parser.add_argument("--seed", type=int, default=None, help="of everything that is drawn (default: any)")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for journals and logs, which stay there")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    sys.stdout.write(f"soak: {given.minutes:g} minutes, --seed {seed}\n")
    with tempfile.TemporaryDirectory() as scratch:
        campaign = Campaign(given.keep or Path(scratch), given.minutes * 60, seed)
        campaign.directory.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=campaign.directory / "campaign.log")
        asyncio.run(campaign.run())
    for what, count in sorted(campaign.done.items()):
        sys.stdout.write(f"  {what:24} {count:8}\n")
    sys.stdout.write(f"  questions: {dict(campaign.questions) or 'none'}\n")
    if not campaign.differences:
        sys.stdout.write("client, exchange and drop copy agree to the share and the cent\n")
        return 0
    sys.stdout.write(f"{len(campaign.differences)} differences (--seed {seed}); the first:\n")
    for one in campaign.differences[:5]:
        sys.stdout.write(f"  {one:.1000}\n")
    return 1
