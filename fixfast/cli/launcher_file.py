"""What commands share that have to do with a Launcher: its file, its refusals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from fixfast.cli.paint import CONTROL_BUT_LINES
from fixfast.engine.settings.remarks import ConfigFileError

__all__ = ["read_launcher_file", "why_refused"]

T = TypeVar("T")


def read_launcher_file(load: Callable[[Path], T], path: Path) -> T:
    """Return what a function makes of the file. Raises: Exit, with status 2, when all that is wrong was written."""
    try:
        return load(path)
    except ConfigFileError as error:
        lines = "".join(f"error: {remark}\n" for remark in error.remarks)
        sys.stderr.write(lines.translate(CONTROL_BUT_LINES))
        raise click.exceptions.Exit(2) from None


def why_refused(error: Exception) -> str:
    """Return where to look for why a key was refused, "" where that is not what happened: a Launcher says no more."""
    if getattr(error, "code", "") != "credentials":
        return ""
    return ": account or key; what became of a key is shown by `fixfast keys --config launcher.toml show ID`"
