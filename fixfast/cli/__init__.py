"""The `fixfast` command. Nothing here needs more than the standard library; the sub-commands do."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fixfast.errors import MissingExtra

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `fixfast` command.

    Args: argv: its arguments; None: those of the process.

    Returns: the exit status, where the process is not ended (by SystemExit) with another.
    """
    try:
        from fixfast.cli.group import build
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write(f"{MissingExtra('cli', 'the fixfast command')}\n")
        return 1
    # click ends the process itself, with the status that the command chose.
    build().main(args=None if argv is None else list(argv), prog_name="fixfast")
    return 0
