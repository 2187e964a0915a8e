"""A PostgreSQL server for tests: real, of one's own, on a Unix socket in a scratch folder. Gone with the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["postgres_server", "why_none"]


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


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server. Yields: its URL; whoever reaches the socket may do everything."""
    programs = _bin()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="ffpg-"))  # short: the path of a socket has 107 bytes
    # PostgreSQL refuses to run as root: then as its own user.
    who: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(folder, **who)
    data = folder / "data"

    def run(*command: str | Path) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, **who)
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
    try:
        run(programs / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-N", "--locale=C", "-E", "UTF8")
        run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            run(programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
