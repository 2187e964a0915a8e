"""A Backend's process: started with nothing but a pipe, ended for sure, and never left as a zombie."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fixfast.errors import FixfastError, StoreError
from fixfast.service.start import Start, pack
from fixfast.store.files import open_private

__all__ = ["COMMAND", "BackendProcess", "StepFailed", "open_output", "private_folder"]

#: how a Backend is started; `--pipe FD` follows
COMMAND = (sys.executable, "-m", "fixfast", "backend")
#: What a Backend gets of our environment: there may be passwords in the rest.
_PASSED_ON = frozenset(
    (
        "PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR TEMP TMP SYSTEMROOT VIRTUAL_ENV PYTHONPATH PYTHONHOME "
        "LD_LIBRARY_PATH DYLD_LIBRARY_PATH SSL_CERT_FILE SSL_CERT_DIR XDG_CACHE_HOME XDG_RUNTIME_DIR FIXFAST_KERNEL "
        "FIXFAST_CACHE"
    ).split()
)
#: bytes of a process's output above which its file begins anew
_MAX_OUTPUT = 8 << 20
#: bytes that are free on the disk where a Backend is started: it needs some for its log and its journal
_ROOM = 1 << 16


class StepFailed(FixfastError):
    """A step on the way to a running Backend failed, or took too long; the text says which, for people."""


class BackendProcess:
    """One process. It has its own session and process group: what a terminal sends to the Launcher does not reach it.

    Attributes: pid.
    """

    def __init__(self, process: asyncio.subprocess.Process, pipe: int) -> None:
        self._process = process
        self._pipe = pipe
        self._group_killed = False
        self.pid = process.pid
        self._waiting = asyncio.get_running_loop().create_task(process.wait())

    @classmethod
    async def begin(cls, command: Sequence[str], folder: Path) -> BackendProcess:
        """Start one: tell() follows. Args: folder: where it works. Raises: StepFailed."""
        reading, writing = os.pipe()
        try:
            os.set_blocking(writing, False)
            output = open_output(folder / "backend.out")
            try:
                _look_for_room(output)
                process = await asyncio.create_subprocess_exec(
                    *command,
                    "--pipe",
                    str(reading),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(reading,),
                    close_fds=True,
                    start_new_session=True,
                    cwd=folder,
                    env=environment(os.environ),
                )
            finally:
                os.close(output)
            return cls(process, writing)
        except (OSError, StoreError) as error:
            os.close(writing)
            raise StepFailed(f"a Backend cannot be started: {error}") from None
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)

    async def tell(self, start: Start, seconds: float) -> None:
        """Have it read its pipe, once. Raises: StepFailed."""
        try:
            pipe, self._pipe = self._pipe, -1
            await _write(pipe, pack(start), seconds)
        except (TimeoutError, OSError):
            raise StepFailed(f"the Backend did not read its pipe in {seconds:g} s; {self.said()}") from None

    @property
    def ended(self) -> asyncio.Task[int]:
        """Done when it has ended, and was waited for: with its status."""
        return self._waiting

    def said(self) -> str:
        """Return how it ended, for people."""
        if not self._waiting.done():
            return "it runs"
        status = self._waiting.result()
        if status >= 0:
            return f"it ended with status {status}"
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}"
        return f"it was ended by signal {-status}"

    async def end(self, patience: float) -> None:
        """End it: SIGTERM, and SIGKILL after `patience` seconds; wait for it, and for nothing else of its group."""
        if not self._waiting.done():
            with suppress(ProcessLookupError):
                self._process.terminate()
            await asyncio.wait([self._waiting], timeout=patience)
        await self.kill()

    async def kill(self) -> None:
        """Kill it, and what it may have left in its process group; wait for it."""
        self.kill_now()
        pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)
        await asyncio.wait([self._waiting])

    def kill_now(self) -> None:
        """Kill it, and do not wait."""
        if sys.platform != "win32" and not self._group_killed:
            self._group_killed = True  # its number may be another one's later
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if not self._waiting.done():
            with suppress(ProcessLookupError):
                self._process.kill()


def environment(whole: Mapping[str, str]) -> dict[str, str]:
    """Return what a Backend gets of an environment."""
    return {key: value for key, value in whole.items() if key.upper() in _PASSED_ON or key.startswith("LC_")}


def private_folder(path: Path) -> Path:
    """Make a folder of mode 0700 where there is none. Raises: StepFailed: others may enter it, or it is somebody's."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat(follow_symlinks=False)
    except OSError as error:
        raise StepFailed(f"{path}: {error.strerror or error}") from None
    if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & 0o077 or path.is_symlink()):
        raise StepFailed(f"{path}: not a folder that only you can enter: chmod 700 it")
    return path


def open_output(path: Path) -> int:
    """Open the file for what a process writes to its standard streams. Raises: OSError, StoreError."""
    fd = open_private(os.fspath(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if os.fstat(fd).st_size > _MAX_OUTPUT:
        os.ftruncate(fd, 0)
    return fd


def _look_for_room(fd: int) -> None:
    """Look whether a file may grow. A Backend on a full disk could not even say why it ends. Raises: OSError."""
    size = os.fstat(fd).st_size
    try:
        if os.write(fd, bytes(_ROOM)) < _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.ftruncate(fd, size)


async def _write(fd: int, data: bytes, seconds: float) -> None:
    """Write all of it, and close. Raises: TimeoutError, OSError: nobody reads."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            while data:
                try:
                    data = data[os.write(fd, data) :]
                except BlockingIOError:
                    room = loop.create_future()
                    loop.add_writer(fd, room.set_result, None)
                    try:
                        await room
                    finally:
                        loop.remove_writer(fd)
    finally:
        os.close(fd)
