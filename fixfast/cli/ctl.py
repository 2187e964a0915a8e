"""`fixfast ctl`: look at the live sessions of a running program, and give them commands, over its control socket."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fixfast.cli.ctl_client import ControlClient, CtlFailed
from fixfast.cli.paint import CONTROL, Styles, write

__all__ = ["build"]

_STYLES: Styles = (
    (r"^SESSION .*$", "bold"),
    (r"(?<= )active(?= )", "green"),
    (r"(?<= )(disconnected|connecting|logon sent|closing)(?= )", "yellow"),
    (r"^! .*$", "bold red"),
)

_HELP = """Look at the live sessions of a running program, and give them commands.

PATH is the control socket that the program opened with fixfast.control(). The key is read from PATH.key (everything) or
PATH.read.key (status only), files that only their owner can read; a key is never an argument.

\b
  fixfast ctl run/bot.sock status
  fixfast ctl run/bot.sock logout --text "back at nine"
  fixfast ctl run/bot.sock reset 'FIX.4.4:BOT01->VENUE'

SESSION is a session's whole name, or the CompID of its peer; with a single session it may be left out.

Exit status: 0 done; 1 the session refused; 2 wrong arguments, or no such session; 3 nobody listens on PATH; 4 not
allowed, or a wrong key.
"""


class _Asked:
    """What all sub-commands share: the socket, and how to say the result."""

    def __init__(self, path: Path, key_file: Path | None, timeout: float, as_json: bool) -> None:
        self._path, self._key_file, self._timeout = path, key_file, timeout
        self.as_json = as_json

    def ask(self, show: Callable[[Any], str], command: str, session: str | None, **arguments: Any) -> None:
        """Ask, and write the answer; what goes wrong is one line and an exit status."""
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            with ControlClient(self._path, self._key_file, timeout=self._timeout) as client:
                result = client.ask(command, session, **given)
        except CtlFailed as failed:
            if self.as_json:
                write(json.dumps({"ok": False, "error": str(failed), "status": failed.status}) + "\n")
            sys.stderr.write(f"fixfast ctl: {str(failed).translate(CONTROL)}\n")
            raise click.exceptions.Exit(failed.status) from None
        write(json.dumps(result) + "\n" if self.as_json else show(result), styles=_STYLES)


def _table(result: list[dict[str, Any]]) -> str:
    """Return the sessions, one a line, in columns; what a person must look at stands below."""
    if not result:
        return "no sessions\n"
    head = ["SESSION", "STATE", "PEER", "NEXT IN", "NEXT OUT", "LOGONS", "QUEUED", "GAPS"]
    rows = [
        [
            str(one["session"]),
            str(one["state"]),
            str(one["peer"] or "-"),
            f"{one['next_in']:,}",
            f"{one['next_out']:,}",
            str(one["connections"]),
            f"{one['stats']['queued']:,}",
            str(one["stats"]["gaps"]),
        ]
        for one in sorted(result, key=lambda one: str(one["session"]))
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    for one in result:
        if one["held_back"]:
            lines.append(f"! {one['session']}: the peer says that our MsgSeqNum is too low: set-seq or reset it")
        if one["error"]:
            lines.append(f"! {one['session']}: {one['error']}")
        elif one.get("connecting") and not one["active"]:
            why = f", the last time it was: {one['logon_error']}" if one["logon_error"] else ""
            lines.append(f"? {one['session']}: it tries to log on{why}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _text(result: dict[str, Any]) -> str:
    return (
        f"{result['session']}: {result['text']}\n{result['state']}, in {result['next_in']}, out {result['next_out']}\n"
    )


def _sure(what: str, yes: bool) -> None:
    """Have a person say that a command that loses something is meant; without one, --yes must."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what} needs --yes where nobody can be asked")
    click.confirm(f"{what}: are you sure?", abort=True)


def _as_json(context: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        context.obj.as_json = True


F = TypeVar("F", bound=Callable[..., Any])


def _common(command: F) -> F:
    """Add what every sub-command takes: --json, which may stand at the end as well."""
    option = click.option("--json", is_flag=True, expose_value=False, callback=_as_json, help="The answer as JSON.")
    return option(click.pass_obj(command))  # type: ignore[return-value]


_session = click.argument("session", required=False)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("status")
@_session
@_common
def _status(asked: _Asked, session: str | None) -> None:
    """Show states, sequence numbers and counters of all sessions, or one."""
    asked.ask(_table, "status", session)


@click.command("logout")
@_session
@click.option("--text", help="Text(58) of the Logout.")
@_common
def _logout(asked: _Asked, session: str | None, text: str | None) -> None:
    """Log out and close the connection; an initiator comes back by its own rules."""
    asked.ask(_text, "logout", session, text=text)


@click.command("drop")
@_session
@_common
def _drop(asked: _Asked, session: str | None) -> None:
    """Cut the connection without a Logout."""
    asked.ask(_text, "drop", session)


@click.command("reset")
@_session
@_yes
@_common
def _reset(asked: _Asked, session: str | None, yes: bool) -> None:
    """Begin both sequence numbers at 1: what was not delivered by then never will be."""
    _sure("reset", yes)
    asked.ask(_text, "reset", session)


@click.command("set-seq")
@click.argument("number", type=click.IntRange(min=1))
@_session
@_yes
@_common
def _set_seq(asked: _Asked, number: int, session: str | None, yes: bool) -> None:
    """Go on with MsgSeqNum NUMBER, above the present one; while connected the peer is told."""
    _sure("set-seq", yes)
    asked.ask(_text, "set-seq", session, number=number)


@click.command("resend")
@click.argument("begin", type=click.IntRange(min=1))
@_session
@click.option("--to", "end", type=click.IntRange(min=1), help="The last number; else all up to now.")
@_common
def _resend(asked: _Asked, begin: int, session: str | None, end: int | None) -> None:
    """Send messages from MsgSeqNum BEGIN on again, as if the peer had asked for them."""
    asked.ask(_text, "resend", session, begin=begin, end=end)


def build() -> click.Command:
    """Return the `ctl` command."""

    @click.group("ctl", help=_HELP, no_args_is_help=True)
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option("--key-file", type=click.Path(path_type=Path), help="Where the key is; else beside the socket.")
    @click.option("--timeout", type=click.FloatRange(min=0.1), default=30.0, help="Seconds to wait for an answer (30).")
    @click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
    @click.pass_context
    def ctl(context: click.Context, path: Path, key_file: Path | None, timeout: float, as_json: bool) -> None:
        context.obj = _Asked(path, key_file, timeout, as_json)

    for command in (_status, _logout, _drop, _reset, _set_seq, _resend):
        ctl.add_command(command)
    return ctl
