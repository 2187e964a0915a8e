"""A PostgreSQL server for tests: real, of one's own, on a Unix socket in a scratch folder. Gone with the process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Server", "postgres_server", "server", "why_none"]


def _bin() -> Path | None:
    """Return the folder with initdb and pg_ctl: Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    return places[-1].parent if places else None


def why_none() -> str:
    """Return why there can be no server here, "" if there can."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"psycopg: {error}"
    return "" if _bin() is not None else "PostgreSQL is not installed"


class Server:
    """A server, which may be ended as by a crash, begun again, and held up.

    Attributes: url: whoever reaches the socket may do everything.
    """

    def __init__(self, folder: Path) -> None:
        programs = _bin()
        assert programs is not None
        self._programs, self._folder, self._data = programs, folder, folder / "data"
        # PostgreSQL refuses to run as root: then as its own user.
        self._who: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._who:
            shutil.chown(folder, **self._who)
        self.url = f"postgresql://tester@/postgres?host={folder}"
        self._run("initdb", "-A", "trust", "-U", "tester", "-N", "--locale=C", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
        self._run("pg_ctl", "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Have it answer nothing, and lose nothing: as one that a network has lost."""
        if not Path("/proc/self").exists():
            pytest.skip("who belongs to a server is not known here")
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, "-D", self._data, *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=60, check=False, **self._who
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def server() -> Iterator[Server]:
    """Run a server of one's own, to be ended in the middle."""
    folder = Path(tempfile.mkdtemp(prefix="ffpg-"))  # short: the path of a socket has 107 bytes
    try:
        made = Server(folder)
        try:
            yield made
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server. Yields: its URL; whoever reaches the socket may do everything."""
    with server() as made:
        yield made.url
