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
from contextlib import suppress
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
    try:
        handler = _handler(private_folder(start.folder) / "backend.log", start.session)
    except OSError as error:
        raise FixfastError(str(error)) from error
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
        with suppress(OSError):  # the file that has what it says may be on a full disk
            say(f"ready: {backend.address}")
    else:
        ready.cancel()
    await running


class _Private(logging.handlers.RotatingFileHandler):
    """A log that only its owner reads. Where it cannot be written that is said once, in one line, on stderr."""

    _failed = _told = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        self._told = self._told and self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._let_go()
        self._failed = True
        if not self._told:
            self._told = True
            text = f"{self.baseFilename} cannot be written: {error}\n"
            with suppress(OSError):  # it may be a file on the same disk
                os.write(2, text.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        """Close the file, and forget what was not written: the next record opens it again."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()

    def _open(self) -> Any:
        fd = os.open(self.baseFilename, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with suppress(OSError):
            if os.lseek(fd, 0, os.SEEK_END) and os.lseek(fd, -1, os.SEEK_END) and os.read(fd, 1) != b"\n":
                os.write(fd, b"\n")  # the line before was cut: there was no room for it
        return os.fdopen(fd, self.mode, encoding=self.encoding)


def _handler(path: Path, session: str) -> logging.Handler:
    handler = _Private(path, maxBytes=_SIZE, backupCount=_KEPT, encoding="utf-8")
    handler.setFormatter(JsonFormatter({"backend": session, "pid": os.getpid()}))
    return handler
