"""A server of PostgreSQL for tests: its own folder, a Unix socket, no TCP; ended and removed after them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["is_there", "server"]


def is_there() -> bool:
    """Return whether there is a server to start."""
    return all(_program(name) for name in ("initdb", "pg_ctl"))


def _program(name: str) -> str | None:
    return shutil.which(name)


def _owner() -> tuple[int, int] | None:
    """Return whom it has to run as where that is not us: it refuses to run as root. None: as we do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    return None


@contextmanager
def server() -> Iterator[str]:
    """Start a server; yield the URL of an empty database."""
    owner = _owner()
    run_as = {} if owner is None else {"user": owner[0], "group": owner[1], "extra_groups": ()}
    with tempfile.TemporaryDirectory(prefix="pg") as name:  # a short path: that of a socket has 107 bytes
        folder = Path(name)
        if owner is not None:
            os.chown(folder, *owner)
        data = folder / "data"

        def run(program: str, *arguments: str) -> None:
            command = [_program(program) or program, *arguments]
            environment = {**os.environ, "LC_ALL": "C"}
            subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, **run_as)  # type: ignore[call-overload]

        run("initdb", "-D", str(data), "-A", "trust", "-U", "fixfast", "--no-sync", "-E", "UTF8")
        options = f"-F -c listen_addresses='' -k {folder}"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://fixfast@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
