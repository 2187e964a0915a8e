"""`fixfast backend`: a process that keeps one FIX session for front ends."""

from __future__ import annotations

import click

from fixfast.errors import MissingExtra

__all__ = ["build"]


def build() -> click.Command:
    """Return the command."""

    @click.command("backend")
    @click.option(
        "--pipe",
        type=click.IntRange(min=0),
        metavar="FD",
        help="Inherited descriptor of a pipe: what this Backend is, as MessagePack. Nothing of it is in the arguments.",
    )
    def backend(pipe: int | None) -> None:
        """Keep one FIX session for front ends.

        Started by a Launcher (`fixfast launcher CONFIG`), not by hand: it is told through a pipe which session, which
        account, which tokens. It ends by SIGTERM, SIGINT, or when its Launcher is gone. docs/backend.md has the whole
        of it.
        """
        if pipe is None:
            raise click.ClickException(
                "--pipe is missing: nobody starts a Backend by hand, but `fixfast launcher CONFIG` does"
            )
        try:
            from fixfast.service.backend.process import run_backend
        except ImportError as error:
            if error.name != "msgspec":
                raise
            raise MissingExtra("service", "fixfast backend") from None
        run_backend(pipe, click.echo)

    return backend
