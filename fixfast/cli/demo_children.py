"""The demo's child processes as their parent sees them: settings in, events out, and no way to outlive it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Child", "DemoError"]

#: seconds without a word from a child until it counts as stuck
_SILENCE = 60.0
#: seconds a child has to end by itself
_END = 5.0
#: a line may hold all round trips of a long run
_LINE_LIMIT = 1 << 28


class DemoError(Exception):
    """The demo did not do what it should: the text says what."""


class Child:
    """One child process: `async with Child("demo-bot", directory, settings) as bot`. Leaving ends it, however it is.

    Args:
        command: the hidden sub-command of `fixfast`.
        directory: for its log of errors.
        settings: its first line of input.
    """

    def __init__(self, command: str, directory: Path, settings: dict[str, Any]) -> None:
        self._command = command
        self._settings = settings
        self._errors = directory / f"{command}.err"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Child:
        with self._errors.open("ab") as errors:
            # A session of its own: Ctrl-C reaches the parent only, which then ends its children in order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fixfast",
                self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                limit=_LINE_LIMIT,
            )
        await self._write(json.dumps(self._settings))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        # The end of its input is the end of a child (see Lifeline); killing is for one that does not even notice that.
        process.stdin.close()
        try:
            async with asyncio.timeout(_END if error is None else 1.0):
                await process.wait()
        except BaseException:
            if process.returncode is None:
                process.kill()
            await asyncio.shield(process.wait())
            if error is None:
                raise

    async def kill(self) -> None:
        """End it as nothing else does: `kill -9`."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def tell(self, command: str) -> None:
        """Send a command."""
        await self._write(command)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it says.

        Raises: DemoError: it failed, ended, or said nothing for a minute.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            try:
                async with asyncio.timeout(_SILENCE):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                raise DemoError(f"{self._command} said nothing for {_SILENCE:g} s{self._last_words()}") from None
            if not line:
                status = await self._process.wait()
                raise DemoError(f"{self._command} ended with exit status {status}{self._last_words()}")
            event = json.loads(line)
            if event["event"] == "failed":
                raise DemoError(f"{self._command}: {event['reason']}")
            yield event

    async def expect(self, name: str) -> dict[str, Any]:
        """Return the next event of this name; others are passed over. Raises: DemoError, as events()."""
        async for event in self.events():
            if event["event"] == name:
                return event
        raise AssertionError("events() does not end")

    async def outlive(self, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        """Return what `work` returns. Raises: DemoError: this child ended before."""
        assert self._process is not None
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait([task, end], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise DemoError(f"{self._command} ended with exit status {end.result()}{self._last_words()}")
            return task.result()
        finally:
            task.cancel()
            end.cancel()
            await asyncio.wait([task, end])

    async def finish(self) -> None:
        """Wait for a good end. Raises: DemoError: there was none."""
        assert self._process is not None
        try:
            async with asyncio.timeout(_SILENCE):
                status = await self._process.wait()
        except TimeoutError:
            raise DemoError(f"{self._command} does not end") from None
        if status:
            raise DemoError(f"{self._command} ended with exit status {status}{self._last_words()}")

    async def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is gone: events() says why

    def _last_words(self) -> str:
        lines = [line for line in self._errors.read_text(errors="replace").splitlines() if line.strip()]
        return f": {lines[-1]}" if lines else ""
