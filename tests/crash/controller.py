"""Starts the two processes, kills and restarts them at chosen moments, and brings them to an agreement in the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fixfast as ff
from tests.crash.wire import Proxy
from tests.crash.world import SIDES, Options

__all__ = ["Controller", "Stuck"]

#: what in the line's messages may start a kill: name -> predicate
MOMENTS: dict[str, Callable[[ff.Message], bool]] = {
    "logon": lambda m: m.msg_type == "A",
    "resend request": lambda m: m.msg_type == "2",
    "resent": lambda m: m.poss_dup and m.msg_type != "4",
    "gap fill": lambda m: m.msg_type == "4",
    "logout": lambda m: m.msg_type == "5",
    "reset": lambda m: m.msg_type == "A" and m.get(141) == "Y",
    "test request": lambda m: m.msg_type == "1",
    "order": lambda m: m.msg_type == "D",
}


class Stuck(AssertionError):
    """The two did not come to an agreement."""


class Node:
    """One side: the process that is up now, or none."""

    def __init__(self, side: str, folder: Path, options: Options) -> None:
        self.side = side
        self.logged_on = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self.port = 0
        self._folder = folder
        self._options = options
        self._status: asyncio.Future[dict[str, Any]] | None = None
        self._ready = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def start(self, port: int, doom: tuple[int, str] | None) -> None:
        """Start a process; it is not up yet when this returns."""
        words = [self.side, str(self._folder), str(port), self._options.text(), *map(str, doom or ())]
        self.logged_on.clear()
        self._ready.clear()
        with (self._folder / f"{self.side}.err").open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.crash.node", *words,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self.process))

    async def ready(self) -> bool:
        """Wait until it has its store and listens; False: it died before."""
        await self._ready.wait()
        return self.process is not None and self.process.returncode is None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            word, _, rest = line.decode().strip().partition(" ")
            if word == "port":
                self.port = int(rest)
                self._ready.set()
            elif word == "logon":
                self.logged_on.set()
            elif word == "logout":
                self.logged_on.clear()
            elif word == "status" and self._status is not None and not self._status.done():
                self._status.set_result(json.loads(rest))
        await process.wait()
        self.logged_on.clear()
        self._ready.set()
        if self._status is not None and not self._status.done():
            self._status.set_result({})

    def tell(self, word: str) -> None:
        """Say a word to the process."""
        if self.process is not None and self.process.stdin is not None and self.process.returncode is None:
            with contextlib.suppress(ConnectionError):
                self.process.stdin.write(word.encode() + b"\n")

    async def status(self) -> dict[str, Any]:
        """Ask how it is; empty when it is not up."""
        if self.process is None or self.process.returncode is not None:
            return {}
        self._status = asyncio.get_running_loop().create_future()
        self.tell("status")
        try:
            async with asyncio.timeout(2):
                return await self._status
        except TimeoutError:
            return {}

    def signal(self, number: int) -> None:
        """Send a signal, if there is a process."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def dead(self) -> int:
        """Wait for the end of the process and return its exit code."""
        if self.process is None or self._reader is None:
            return 0
        code = await self.process.wait()
        await self._reader
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        return code


class Controller:
    """A pair of processes with a proxy between them. `done` counts what was done to them."""

    def __init__(self, options: Options, folder: Path, seed: str) -> None:
        self.options = options
        self.done: Counter[str] = Counter()
        self.lives = dict.fromkeys(SIDES, 0)
        self.proxy = Proxy(self.lives, self._seen)
        self._random = Random(seed)
        self._nodes = {side: Node(side, folder, options) for side in SIDES}
        self._watch: Callable[[str, ff.Message], bool] | None = None
        self._moment = asyncio.Event()

    # --- life ----------------------------------------------------------------------------------------------

    async def run(self, rounds: int) -> None:
        """Do so many rounds, then heal everything and see the two agree.

        Raises: Stuck.
        """
        await self.proxy.start()
        try:
            await asyncio.gather(*(self._up(side) for side in SIDES))
            for _ in range(rounds):
                if self._random.random() < 0.6:
                    await self._logged_on()
                await self._round()
            await self._heal()
        finally:
            await self._end()

    async def _up(self, side: str, doom: tuple[int, str] | None = None) -> None:
        node = self._nodes[side]
        if node.process is not None:
            return
        self.lives[side] += 1
        await node.start(self.proxy.port if side == "initiator" else 0, doom)
        if side == "acceptor" and await node.ready():
            self.proxy.target = node.port

    async def _down(self, side: str) -> None:
        """Wait until a side that is being killed is gone."""
        if side == "acceptor":
            self.proxy.target = 0
        await self._nodes[side].dead()

    async def _end(self) -> None:
        for node in self._nodes.values():
            node.signal(signal.SIGKILL)
            await node.dead()
        await self.proxy.stop()

    async def _logged_on(self, limit: float = 3.0) -> bool:
        waiting = [asyncio.ensure_future(node.logged_on.wait()) for node in self._nodes.values()]
        _, pending = await asyncio.wait(waiting, timeout=limit)
        for task in pending:
            task.cancel()
        return not pending

    # --- a round -------------------------------------------------------------------------------------------

    def _seen(self, side: str, message: ff.Message) -> None:
        """Run in the proxy, before the message goes on."""
        if self._watch is not None and self._watch(side, message):
            self._watch = None
            self._moment.set()

    async def _round(self) -> None:
        actions = {
            self._kill_later: 3,
            self._kill_at_message: 5,
            self._kill_at_operation: 4 if self.options.kind == "journal" else 0,
            self._freeze: 1,
            self._cut: 2,
            self._reset_numbers: 2 if self.options.reset else 0,
        }
        await self._random.choices(list(actions), list(actions.values()))[0]()

    def _victims(self) -> list[str]:
        return self._random.choice((["initiator"], ["acceptor"], ["initiator"], ["acceptor"], list(SIDES)))

    async def _kill(self, victims: list[str], kind: str) -> None:
        """Kill -9, and start again after a while: sometimes to be killed again while starting."""
        for side in victims:
            self._nodes[side].signal(signal.SIGKILL)
        await self._restart(victims, kind)

    async def _restart(self, victims: list[str], kind: str) -> None:
        self.done[f"kill: {kind}"] += len(victims)
        await asyncio.gather(*(self._down(side) for side in victims))
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.uniform(0, 0.3))
        await asyncio.gather(*(self._up(side) for side in victims))
        if self._random.random() < 0.15:
            await asyncio.sleep(self._random.uniform(0, 0.5))
            await self._kill(victims, "while starting")

    async def _kill_later(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.25))
        await self._kill(self._victims(), "any time")

    async def _kill_at_message(self, name: str = "") -> None:
        """Kill when a certain message passes, a random while after it or at once."""
        if not name:
            names = [name for name in MOMENTS if self.options.reset or name not in ("reset", "test request")]
            name = self._random.choice(names)
        if name != "logon":
            await self._logged_on()
        test, skip = MOMENTS[name], self._random.choice((0, 0, 1, 3))
        if name in ("logon", "logout", "reset", "test request"):
            skip = self._random.choice((0, 0, 1))
        count = 0

        def watch(side: str, message: ff.Message) -> bool:
            nonlocal count
            count += test(message)
            return count > skip

        self._moment.clear()
        self._watch = watch
        somebody = self._nodes[self._random.choice(SIDES)]
        if name == "logout":
            somebody.tell("logout")
        elif name in ("reset", "test request"):
            somebody.tell("reset")  # which begins with a TestRequest
        elif name in ("logon", "resend request", "resent", "gap fill"):
            await self._lose_some(somebody)
        try:
            async with asyncio.timeout(1.0):
                await self._moment.wait()
        except TimeoutError:
            name = "any time"
        self._watch = None
        if self._random.random() < 0.5:
            await asyncio.sleep(self._random.expovariate(300))
        await self._kill(self._victims(), name)

    async def _lose_some(self, node: Node) -> None:
        """Cut the line while one side does not read: what the other sent meanwhile is missing after the next logon."""
        if self._random.random() < 0.7:
            node.signal(signal.SIGSTOP)
            await asyncio.sleep(self._random.uniform(0, 0.4))
        self.proxy.cut(reset=self._random.random() < 0.5)
        node.signal(signal.SIGCONT)

    async def _kill_at_operation(self) -> None:
        """Start a process that will end in the n-th operation of its store's files."""
        side = self._random.choice(SIDES)
        node = self._nodes[side]
        node.signal(signal.SIGKILL)
        await self._down(side)
        operation = int(self._random.choice((self._random.uniform(1, 30), self._random.lognormvariate(5, 1))))
        await self._up(side, (max(operation, 1), self._random.choice(("before", "half", "half", "after"))))
        try:
            async with asyncio.timeout(2.0):
                while node.process is not None and node.process.returncode is None:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            node.signal(signal.SIGKILL)
        self.done["kill: any time"] += 1
        await self._restart([side], "at an operation of its files")

    async def _freeze(self) -> None:
        """Stop a process for a while, now and then for longer than its peer has patience."""
        side = self._random.choice(SIDES)
        self._nodes[side].signal(signal.SIGSTOP)
        await asyncio.sleep(self._random.choice((0.1, 0.3, 0.6, 0.6, 3.0)))
        self.done["freeze"] += 1
        if self._random.random() < 0.5:
            await self._kill([side], "while stopped")
        else:
            self._nodes[side].signal(signal.SIGCONT)

    async def _cut(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.1))
        self.proxy.cut(reset=self._random.random() < 0.5)
        self.done["cut"] += 1

    async def _reset_numbers(self) -> None:
        """Begin new numbers, and mostly kill somebody meanwhile."""
        if await self._logged_on():
            self.done["reset"] += 1
            if self._random.random() < 0.3:
                self._nodes[self._random.choice(SIDES)].tell("reset")
                await asyncio.sleep(self._random.uniform(0, 0.2))
            else:
                await self._kill_at_message("reset")

    # --- the end -------------------------------------------------------------------------------------------

    async def _heal(self, limit: float = 25.0) -> None:
        """No more faults: within a while both are logged on, agree on the numbers, and nothing waits."""
        await asyncio.gather(*(self._up(side) for side in SIDES))
        if await self._logged_on(limit):
            await asyncio.sleep(0.2)  # they trade again
        for node in self._nodes.values():
            node.tell("quiet")
        ends, agreed = time.monotonic() + limit, 0
        found: dict[str, dict[str, Any]] = {}
        while agreed < 2:
            if time.monotonic() > ends:
                raise Stuck(f"no agreement in {limit:g} s: {found}")
            await asyncio.sleep(0.03)
            before = found
            found = dict(zip(SIDES, await asyncio.gather(*(n.status() for n in self._nodes.values())), strict=True))
            agreed = agreed + 1 if _agree(*found.values()) else 0
            if _backlog(found) < _backlog(before):
                ends = time.monotonic() + limit  # it gets on: a sync for each message takes its time
        for node in self._nodes.values():
            node.tell("stop")
        try:
            async with asyncio.timeout(10):
                codes = [await node.dead() for node in self._nodes.values()]
        except TimeoutError:
            raise Stuck("a process does not end when told to") from None
        assert codes == [0, 0], f"exit codes {codes}: see the .err files"


def _backlog(found: dict[str, dict[str, Any]]) -> int:
    """Return how many messages their programs have not dealt with yet."""
    return sum(status.get("waiting", 0) for status in found.values())


def _agree(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """B5.13."""
    return (
        bool(first and second)
        and first["state"] == second["state"] == "ACTIVE"
        and first["next_in"] == second["next_out"]
        and second["next_in"] == first["next_out"]
        and not first["waiting"]
        and not second["waiting"]
    )
