"""A process of the soak: takes commands on standard input, one a line, and answers each with a line of JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Commands", "obey"]

#: the command's words -> its answer
Commands = Callable[[list[str]], Awaitable[Any]]


async def obey(commands: Commands) -> None:
    """Do what comes in on standard input until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        answer = await commands(line.decode().split())
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
