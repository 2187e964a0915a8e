"""A Backend as a process: told by a pipe, ended by a signal, its log a file of JSON."""

from __future__ import annotations

import asyncio
import gc
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixfast.engine.observing.records import JsonFormatter
from fixfast.engine.running import run
from fixfast.errors import FixfastError
from fixfast.service.backend.backend import Backend, private_folder
from fixfast.service.start import Start, unpack

__all__ = ["run_backend"]

#: of the log, and how many older ones are kept
_SIZE, _KEPT = 10 << 20, 5


def run_backend(fd: int, say: Callable[[str], object]) -> None:
    """Be a Backend, to its end: SIGTERM, SIGINT, a Launcher's word.

    Args: fd: of the pipe that tells what it is. say: called with one line when front ends may come.

    Raises: ConfigError, StoreError: it cannot begin; one line says why.
    """
    start = unpack(fd)
    _, options = start.options()
    handler = _handler(private_folder(start.folder) / "backend.log", start.session)
    logger = logging.getLogger("fixfast")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        run(_serve(start, say), uvloop=options.uvloop)
    except (FixfastError, OSError) as error:
        logger.error("the Backend cannot go on: %s", error)
        if isinstance(error, FixfastError):
            raise
        raise FixfastError(str(error)) from error
    except Exception:
        logger.exception("the Backend failed")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


async def _serve(start: Start, say: Callable[[str], object]) -> None:
    backend = Backend(start)
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, backend.stop)
    running = loop.create_task(backend.run())
    ready = loop.create_task(backend.ready.wait())
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        gc.collect()
        gc.freeze()  # PERF: what is there now stays: it need not be looked at again and again
        say(f"ready: {backend.address}")
    else:
        ready.cancel()
    await running


class _Private(logging.handlers.RotatingFileHandler):
    """A log that only its owner reads."""

    def _open(self) -> Any:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(fd, self.mode, encoding=self.encoding)


def _handler(path: Path, session: str) -> logging.Handler:
    handler = _Private(path, maxBytes=_SIZE, backupCount=_KEPT, encoding="utf-8")
    handler.setFormatter(JsonFormatter({"backend": session, "pid": os.getpid()}))
    return handler
