"""QuickFIX's process as the tests hold it, and a fixfast session of either role beside it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, free_port
from tests.interop.quickfix_peer import NAMES

__all__ = ["ROLES", "VERSIONS", "Link", "QuickFix", "Trader", "config", "needs_quickfix", "order"]

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
#: of fixfast; QuickFIX has the other one
ROLES = ("initiator", "acceptor")

needs_quickfix = pytest.mark.skipif(
    find_spec("quickfix") is None, reason="needs QuickFIX: pip install quickfix-tls (it is in the extra 'bench')"
)


def other(role: str) -> str:
    return ROLES[1 - ROLES.index(role)]


async def until(condition: Callable[[], object], what: object = "") -> None:
    """Wait for something, not for ever."""
    ends = time.monotonic() + 12
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"did not happen in time: {what() if callable(what) else what}")
        await asyncio.sleep(0.005)


class QuickFix:
    """QuickFIX in the other role. `lines` is all that its processes have said so far.

    Args: port: of an acceptor: where it listens; of an initiator: where it connects to.
    """

    def __init__(self, role: str, version: str, port: int, folder: Path, *options: str) -> None:
        self.lines: list[str] = []
        self._command = [role, version, str(port), str(folder), *options]
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start, and wait until it is up."""
        mark = len(self.lines)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.interop.quickfix_peer", *self._command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._process))
        await until(lambda: "up" in self.lines[mark:], "QuickFIX starts")

    async def kill(self) -> None:
        """Kill -9, and take what it had said."""
        if self._process is not None and self._reader is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            await self._reader
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def tell(self, *words: object) -> None:
        """Give it one line."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")

    @property
    def got(self) -> list[str]:
        """Names of the orders it received, in order."""
        return [line.split()[1] for line in self.lines if line.startswith("got ")]

    def marked(self, name: str) -> bool:
        """Whether an order came with PossDupFlag."""
        return any(line.split()[1] == name and line.endswith(" 1") for line in self.lines if line.startswith("got "))

    def session_messages(self, way: str, msg_type: str) -> list[str]:
        return [line for line in self.lines if line.startswith(f"{way} {msg_type} ")]

    async def logged_on(self, mark: int) -> None:
        """Wait for a logon since its line `mark`."""
        await until(lambda: "logon" in self.lines[mark:], lambda: "\n".join(["logon", *self.lines[-30:]]))

    async def status(self) -> tuple[int, int]:
        """Return its (next inbound, next outbound) number."""
        mark = len(self.lines)
        self.tell("status")
        await until(lambda: [x for x in self.lines[mark:] if x.startswith("status")], "a status")
        words = next(line for line in self.lines[mark:] if line.startswith("status")).split()
        return int(words[1]), int(words[2])


class Trader(Notes):
    """Our program."""

    #: cut the line in the very moment in which our numbers begin again
    drop_at_reset = False

    def on_event(self, session: ff.LiveSession, event: object) -> None:
        super().on_event(session, event)
        if self.drop_at_reset and type(event).__name__ == "SequenceReset":
            self.drop_at_reset = False
            session.drop(reset=True)

    @property
    def got(self) -> list[str]:
        return [message[11] for message in self.messages if message.msg_type == "D"]

    @property
    def rejects(self) -> list[ff.Message]:
        return [message for message in self.messages if message.msg_type in ("3", "j")]


def config(role: str, version: str, **options: Any) -> ff.SessionConfig:
    """Our side's options: what QuickFIX sends is judged strictly, and everything may be resent."""
    options = {"validation": ff.Validation("reject"), "on_resend": lambda *_: True, "heart_bt_int": 1, **options}
    return ff.SessionConfig(version, NAMES[role], NAMES[other(role)], **options)


def order(name: str) -> tuple[str, Sequence[Any]]:
    return "D", [(11, name), (21, "1"), (55, "EUR/USD"), (54, "1"), (60, time.time_ns()), (38, 100), (40, "1")]


class Link:
    """A fixfast session and QuickFIX, talking. `session` is there once it was logged on."""

    def __init__(self, role: str, version: str, folder: Path, *settings: str, **options: Any) -> None:
        folder.chmod(0o700)
        self.role = role
        self.trader = Trader()
        self.config = config(role, version, **options)
        self.session: ff.LiveSession
        self._folder = folder
        self._settings = settings
        self._version = version
        self._open = contextlib.AsyncExitStack()
        self.quickfix: QuickFix

    def _make(self, port: int) -> None:
        self.quickfix = QuickFix(other(self.role), self._version, port, self._folder, *self._settings)

    async def __aenter__(self) -> Link:
        try:
            if self.role == "initiator":
                port = free_port()
                self._make(port)
                await self.quickfix.start()
                again = ff.Reconnect(initial=0.02, maximum=0.1, max_refusals=None, retry_first=True)
                to = ff.ConnectionConfig(HOST, port, reconnect=again)
                self.session = await self._open.enter_async_context(ff.connect(self.config, to, self.trader))
            else:
                server = await self._open.enter_async_context(ff.serve(self.trader, [self.config]))
                self.session = server.sessions[self.config.session_id]
                self._make(server.port)
                await self.quickfix.start()
            await self.settled()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        if hasattr(self, "quickfix"):
            # First, so that nobody waits for a Logout that a test has no interest in.
            await self.quickfix.kill()
        await self._open.aclose()

    # --- steps ---------------------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until both are logged on, nothing is missing, and the numbers of one are those of the other."""
        for _ in range(200):
            await until(lambda: self.session.state is ff.State.ACTIVE, lambda: f"logon: {self}")
            ours = (self.session.next_in, self.session.next_out)
            theirs = await self.quickfix.status()
            if ours == theirs[::-1] and ours == (self.session.next_in, self.session.next_out):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"no agreement: ours {ours}, theirs {theirs}: {self}")

    async def trade(self, tag: str) -> None:
        """Send an order each way, and see both arrive once."""
        self.session.send_nowait(*order(f"f-{tag}"))
        self.quickfix.tell("order", f"q-{tag}")
        await until(lambda: f"f-{tag}" in self.quickfix.got, lambda: f"our order: {self}")
        await until(lambda: f"q-{tag}" in self.trader.got, lambda: f"its order: {self}")
        assert self.quickfix.got.count(f"f-{tag}") == self.trader.got.count(f"q-{tag}") == 1

    async def logged_on(self, mark: int) -> None:
        """Wait for a logon of QuickFIX since its line `mark`."""
        await self.quickfix.logged_on(mark)

    def no_rejects(self) -> None:
        """Nobody found fault with what the other said."""
        assert not self.quickfix.session_messages("in", "3")
        assert not self.trader.rejects
        assert not self.trader.named("Rejected")

    def __str__(self) -> str:
        last = "\n".join(self.quickfix.lines[-25:])
        return f"{self.session!r}\nQuickFIX:\n{last}\nfixfast:\n" + "\n".join(map(str, self.trader.events[-25:]))
