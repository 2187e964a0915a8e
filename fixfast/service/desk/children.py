"""Commands of fixfast that a demo runs as processes of its own: waited for, spoken to, ended."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from fixfast.errors import FixfastError
from fixfast.service.launcher.child import open_output

__all__ = ["Child"]

_SECONDS = 60.0


class Child:
    """A command that says on its standard output when it is ready, and ends when its standard input does (--tied).

    Args:
        log: a file for what it writes to standard error.
        arguments: of fixfast.
    """

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        self._arguments = (*arguments, "--tied")
        self._process: asyncio.subprocess.Process | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue(100)
        self._reader: asyncio.Task[None] | None = None

    async def start(self, patterns: Sequence[str], keep: Sequence[int] = ()) -> list[str]:
        """Start it, and wait for lines with these; return their first groups.

        Args: keep: descriptors that it has, too.

        Raises: FixfastError: it ended instead, or said nothing for a minute. OSError: its log.
        """
        errors = open_output(self._log)
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "fixfast", *self._arguments, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True, pass_fds=keep,
            )  # fmt: skip
        finally:
            os.close(errors)
        assert process.stdout is not None
        found = []
        name = f"fixfast {self._arguments[0]}"
        try:
            async with asyncio.timeout(_SECONDS):
                for pattern in patterns:
                    while not (match := re.search(pattern, line := (await process.stdout.readline()).decode())):
                        if not line:
                            raise FixfastError(f"{name} ended: {self._last_words()}; more in {self._log}")
                    found.append(match[1])
        except TimeoutError:
            raise FixfastError(f"{name} was not ready in {_SECONDS:g} s; see {self._log}") from None
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

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines() or ["it said nothing"]
        return lines[-1].removeprefix("Error: ")

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            if self._answers.full():
                self._answers.get_nowait()
            self._answers.put_nowait(line.decode(errors="replace").strip())
