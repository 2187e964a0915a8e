"""Commands of fixfast as processes of their own, all in one folder; what they leave, and what they show of secrets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["Program", "family", "files_with", "shown_by"]


class Program:
    """A `fixfast` command that runs in a folder; its standard error goes to a file there.

    Attributes: process; said: what it wrote to its standard output.
    """

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        name = f"{arguments[0]}.err"
        self._errors = folder / name
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fixfast", *arguments], cwd=folder, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(environment or {})},
            )  # fmt: skip
        self.said = ""

    def wait_for(self, *patterns: str) -> list[str]:
        """Wait for lines with these, in this order; return their first groups."""
        assert self.process.stdout is not None
        found = []
        for pattern in patterns:
            for line in self.process.stdout:
                self.said += line
                match = re.search(pattern, line)
                if match:
                    found.append(match[1])
                    break
            else:
                raise AssertionError(f"it ended without {pattern!r}: {self.output()}")
        return found

    def output(self) -> str:
        """Return all that it wrote, to both streams."""
        return self.said + self._errors.read_text()

    def finish(self) -> int:
        """Wait until it ends; return its exit status. Twice is once."""
        try:
            if self.process.stdout is not None and not self.process.stdout.closed:
                self.said += self.process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """Have it end, as Ctrl-C does; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.finish()


def family(folder: Path) -> dict[int, str]:
    """Return the processes of fixfast that work in a folder, or were told of it: pid -> arguments and environment."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = os.readlink(path / "cwd")
            environment = (path / "environ").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if "fixfast" in line and (str(folder) in line or where.startswith(str(folder))):
            found[int(path.name)] = f"{line}\n{environment}"
    return found


def shown_by(folder: Path, canaries: Mapping[str, bytes]) -> list[str]:
    """Return which secrets the arguments or the environment of a process of the folder show."""
    return [
        f"{name}: process {pid}: {text.splitlines()[0]}"
        for pid, text in family(folder).items()
        for name, canary in canaries.items()
        if canary.decode("latin-1") in text
    ]


def files_with(folder: Path, canary: bytes) -> Iterator[Path]:
    """Yield the files of a folder that have some bytes in them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and canary in path.read_bytes():
            yield path
