"""What an application writes down about itself, in a file that a kill cannot tear: one write(2) for each line.

The ledger is the program's own truth, beside the journal: the audit holds one against the other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Entry", "Ledger", "read_ledger"]


class Ledger:
    """Appends lines of words to a file. No fsync: a killed process loses nothing of what it wrote."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def put(self, word: str, *values: object) -> None:
        """Append one line."""
        os.write(self._fd, " ".join([word, *map(str, values)]).replace("\n", " ").encode() + b"\n")


@dataclass(frozen=True)
class Entry:
    """One line. `life` counts the processes that wrote to this ledger, from 1."""

    life: int
    word: str
    values: tuple[str, ...]


def read_ledger(path: Path) -> list[Entry]:
    """Return the lines of a ledger; a last one without its end was not written as far as the audit is concerned."""
    if not path.exists():
        return []
    entries, life = [], 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        word, *values = line.decode().split(" ")
        life += word == "start"
        entries.append(Entry(life, word, tuple(values)))
    return entries
