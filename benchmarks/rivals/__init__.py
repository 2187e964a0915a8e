"""What fixfast is measured beside: one module a rival. One that is not installed is left out, and the table says so."""

from __future__ import annotations

from benchmarks.rivals.base import LEVELS, READ, Rival
from benchmarks.rivals.fixcore import Fixcore
from benchmarks.rivals.idiom import Split
from benchmarks.rivals.ours import Fixfast
from benchmarks.rivals.quickfix import Quickfix
from benchmarks.rivals.refix import Refix
from benchmarks.rivals.simplefix import Simplefix

__all__ = ["LEVELS", "NAMES", "READ", "Fixfast", "Rival", "available"]

NAMES = ("fixfast", "simplefix", "split-and-sum", "quickfix", "fixcore", "refix")


def available() -> tuple[list[Rival], list[str]]:
    """Return the rivals that can be imported, fixfast first, and the names of the others."""
    found: list[Rival] = []
    missing: list[str] = []
    for name, make in zip(NAMES, (Fixfast, Simplefix, Split, Quickfix, Fixcore, Refix), strict=True):
        try:
            found.append(make())
        except ImportError:
            missing.append(name)
    return found, missing
