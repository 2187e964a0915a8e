"""The command group: each sub-command's module is imported when it is called, not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from fixfast._version import __version__
from fixfast.errors import FixfastError, MissingExtra

__all__ = ["LazyGroup", "build"]

#: sub-command -> (its module, whose build() returns the click.Command; one line of help)
_COMMANDS = {
    "backend": ("fixfast.cli.backend", "Keep one FIX session for front ends; started by a Launcher, not by hand."),
    "config": ("fixfast.cli.config", "Judge configuration files, convert those of QuickFIX, show what holds."),
    "ctl": ("fixfast.cli.ctl", "Look at the live sessions of a running program, and give them commands."),
    "decode": ("fixfast.cli.decode", "Show the FIX messages in a log, with names and meanings."),
    "demo": ("fixfast.cli.demo", "Trade over two real FIX sessions, lose the connection, recover, and check it all."),
    "desk": ("fixfast.cli.desk", "Trade in a browser: orders, positions, depth, candles, messages."),
    "dictionary": ("fixfast.cli.dictionary", "Look into a data dictionary, compare two, judge a broker's."),
    "exchange": ("fixfast.cli.exchange", "Be an exchange to try bots against: FIX 4.2, 4.4 and 5.0 SP2 on one port."),
    "journal": ("fixfast.cli.journal", "Look into a session's journal, verify it, get its messages out."),
    "keys": ("fixfast.cli.keys", "Make, list and revoke the API keys that front ends show to a Launcher."),
    "launcher": ("fixfast.cli.launcher", "Let front ends in by API key, and keep a Backend running for each account."),
    "sessions": ("fixfast.cli.sessions", "See and stop the sessions of a Launcher that runs."),
}
#: started by `demo`, not by people
_HIDDEN = {
    "demo-exchange": "fixfast.cli.demo_exchange",
    "demo-bot": "fixfast.cli.demo_bot",
}


class LazyGroup(click.Group):
    """A click group that knows its commands by name only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands that people use."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        module = _COMMANDS[name][0] if name in _COMMANDS else _HIDDEN.get(name)
        if module is None:
            return None
        try:
            command: click.Command = import_module(module).build()
        except ImportError as error:
            if error.name != "msgspec":
                raise
            raise MissingExtra("service", f"fixfast {name}") from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Run; a FixfastError is one clear line, not a traceback."""
        try:
            return super().invoke(ctx)
        except FixfastError as error:
            raise click.ClickException(str(error)) from error


def build() -> click.Group:
    """Return the `fixfast` command."""

    @click.command(
        cls=LazyGroup, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}, epilog=None
    )
    @click.version_option(__version__, prog_name="fixfast")
    def fixfast() -> None:
        """FIX for Python, fast and exact."""

    assert isinstance(fixfast, click.Group)
    return fixfast
