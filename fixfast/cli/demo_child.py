"""How the demo's child processes talk to their parent.

A child's first line of standard input is its settings, a JSON object; further lines are commands. It writes JSON
objects, one a line, to its standard output. Its standard input is also its lifeline: when that ends, the parent is
gone, however it went, and the child ends at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

__all__ = ["Lifeline", "child_command", "emit", "private_directory"]

#: exit status of a child whose parent went away
_ORPHANED = 4


def emit(event: str, **data: Any) -> None:
    """Tell the parent something."""
    line = json.dumps({"event": event, **data}) + "\n"
    # Not sys.stdout: the parent may be gone, and a buffer that cannot be flushed makes noise at exit.
    try:
        os.write(1, line.encode())
    except BrokenPipeError:
        os._exit(_ORPHANED)


class Lifeline:
    """Reads the parent's commands in a thread, and ends this process when there is no parent any more.

    A thread, because it must work while the event loop is busy or not there yet; os.read, because a thread that sits in
    a buffered read of sys.stdin would hold up the interpreter's end.

    Args: on_line: called on the event loop with each line.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_line = on_line
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def _watch(self) -> None:
        rest = b""
        while data := os.read(0, 4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._loop.call_soon_threadsafe(self._on_line, line.decode())
        os._exit(_ORPHANED)


def private_directory(path: Path) -> Path:
    """Make a directory that only its owner can look into; return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def child_command(name: str, work: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]) -> click.Command:
    """Return the hidden sub-command that is a child doing this work."""

    @click.command(name, hidden=True)
    @click.pass_context
    def command(ctx: click.Context) -> None:
        ctx.exit(_run_child(work))

    return command


def _run_child(work: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]) -> int:
    """Be a child: read the settings, do the work, and tell the parent if it fails. Return the exit status."""
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.INFO)
    settings = _read_settings()
    if settings is None:
        sys.stderr.write("this command is started by `fixfast demo`, not by hand\n")
        return 2
    try:
        asyncio.run(work(settings))
    except Exception as error:  # whatever it is, the parent must hear of it
        logging.getLogger("fixfast.demo").exception("failed")
        emit("failed", reason=f"{type(error).__name__}: {error}")
        return 1
    return 0


def _read_settings() -> dict[str, Any] | None:
    """Read the first line, and not a byte more: the rest is the Lifeline's."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    try:
        settings = json.loads(line)
    except ValueError:
        return None
    return settings if isinstance(settings, dict) else None
