"""The `fixfast` command. Nothing here needs more than the standard library; the sub-commands do."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fixfast.errors import MissingExtra

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `fixfast` command.

    Args: argv: its arguments; None: those of the process.

    Returns: the exit status.
    """
    try:
        from fixfast.cli.group import build
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write(f"{MissingExtra('cli', 'the fixfast command')}\n")
        return 1
    try:
        build().main(args=None if argv is None else list(argv), prog_name="fixfast")
    except SystemExit as end:  # click's way of handing over the status
        return end.code if isinstance(end.code, int) else int(end.code is not None)
