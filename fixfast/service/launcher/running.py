"""A Backend that is up: its process, and its connection to the Launcher."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from fixfast.service.launcher.child import BackendProcess, StepFailed
from fixfast.service.launcher.tokens import FrontEnd
from fixfast.service.link import Link
from fixfast.service.messages import Done, Failed, Grant, Message, Ready, Revoke, SessionStatus, Stop

__all__ = ["RunningBackend"]

#: seconds that a process has to end whose connection did: how it ended says more
_LAST_WORD = 0.5


class RunningBackend:
    """A Backend that has shown that it is the one.

    Attributes: pid. address: where front ends find it, when it is ready. status: the last it told of itself.
    """

    def __init__(self, process: BackendProcess, link: Link, on_status: Callable[[SessionStatus], object]) -> None:
        self._process = process
        self._link = link
        self._on_status = on_status
        self._ids = count(1)
        loop = asyncio.get_running_loop()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._ready: asyncio.Future[str] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self.pid = process.pid
        self.address = ""
        link.on_message = self._take
        link.on_closed.append(self._closed)
        if link.error is not None:
            self._closed(link)

    # --- the Launcher's side -------------------------------------------------------------------------------

    async def ready(self, seconds: float) -> None:
        """Wait until it listens. Raises: StepFailed."""
        done = await _first((self._ready, self._gone, self._process.ended), seconds)
        if self._ready not in done:
            raise StepFailed(self._why(done, f"the Backend was not ready in {seconds:g} s"))
        self.address = self._ready.result()

    async def grant(self, one: FrontEnd, seconds: float) -> None:
        """Have it let a front end in. Raises: StepFailed."""
        await self._ask(Grant(next(self._ids), one.token, one.prefix, one.role), "take a token", seconds)

    async def revoke(self, one: FrontEnd, seconds: float) -> None:
        """Have it let a front end in no more, and end its connections. Raises: StepFailed."""
        await self._ask(Revoke(next(self._ids), one.name), "let go of a token", seconds)

    async def ended(self) -> str:
        """Wait until it is of no more use; return why, for people."""
        done = await _first((self._gone, self._process.ended), None)
        await _first((self._process.ended,), _LAST_WORD)
        return self._why(done, "")

    async def stop(self, orders: str, patience: float, terminate: float) -> None:
        """Have it finish; SIGTERM after `patience` seconds, SIGKILL `terminate` seconds later. It is gone then."""
        if self._link.error is None:
            self._link.send(Stop(next(self._ids), orders))
            await _first((self._process.ended,), patience)
        await self.end(terminate)

    async def end(self, patience: float) -> None:
        """End the process and the connection."""
        await self._process.end(patience)
        await self._link.close()

    # --- inside --------------------------------------------------------------------------------------------

    async def _ask(self, message: Grant | Revoke, what: str, seconds: float) -> None:
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[message.id] = answer
        try:
            self._link.send(message)
            done = await _first((answer, self._gone), seconds)
        finally:
            del self._answers[message.id]
        if answer not in done:
            raise StepFailed(self._why(done, f"the Backend did not {what} in {seconds:g} s"))
        if isinstance(answer.result(), Failed):
            raise StepFailed(f"the Backend would not {what}")

    def _why(self, done: set[asyncio.Future[Any]], otherwise: str) -> str:
        if self._process.ended.done():
            return f"the Backend is gone: {self._process.said()}"
        return f"the Backend's connection ended: {self._link.error}" if done else otherwise

    def _take(self, message: Message) -> None:
        if isinstance(message, SessionStatus):
            self._on_status(message)
        elif isinstance(message, Ready):
            if not self._ready.done():
                self._ready.set_result(message.address)
        elif isinstance(message, Done | Failed):
            answer = self._answers.get(message.id)
            if answer is not None and not answer.done():
                answer.set_result(message)

    def _closed(self, link: Link) -> None:
        if not self._gone.done():
            self._gone.set_result(None)


async def _first(waiting: tuple[asyncio.Future[Any], ...], seconds: float | None) -> set[asyncio.Future[Any]]:
    """Return those that are done when the first of them is, or when the time is over."""
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return done
